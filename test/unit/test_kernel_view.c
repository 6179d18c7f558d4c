/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel and nft say, line by line: proxy/app/kernel_tcp.h, conntrack.h, nft_counters.h. */
#include "test/unit/unit.h"

#include "proxy/app/conntrack.h"
#include "proxy/app/kernel_tcp.h"
#include "proxy/app/nft_counters.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_bool is_over;

static const char *text_of(const struct address *a)
{
    static char texts[4][ADDRESS_TEXT];
    static unsigned next;

    return address_format(a, texts[next++ % 4]);
}

/* -- /proc/net/tcp -------------------------------------------------------------------------------------------------------------
 */

#define REST " 00000000:00000000 00:00000000 00000000"

/* The words of the files are in the machine's byte order; these are of a machine that has the low byte first. */
static void test_tcp_lines(void **state)
{
    static const struct {
        const char *line, *local, *remote;
        enum kernel_tcp_state state;
        unsigned uid;
        unsigned long inode;
    } rows[] = {
        {"   0: 0100007F:1F90 00000000:0000 0A" REST "     0        0 1046 1 0000000003868df8 100 0 0 10 0", "127.0.0.1:8080",
         "0.0.0.0:0", KERNEL_TCP_LISTEN, 0, 1046},
        {" 123: 0A14000A:1569 1401A8C0:C350 01" REST " 65534        0 4294967295 2 0000000003868df8 20 4 30 10 -1\n",
         "10.0.20.10:5481", "192.168.1.20:50000", KERNEL_TCP_ESTABLISHED, 65534, 4294967295},
        {"   1: 0100007F:1F90 0200007F:FFFF 02" REST "     7        0 0 1", "127.0.0.1:8080", "127.0.0.2:65535",
         KERNEL_TCP_SYN_SENT, 7, 0},
        {"   1: 0100007F:1F90 0200007F:FFFF 06" REST "     7        0 0 1", "127.0.0.1:8080", "127.0.0.2:65535", KERNEL_TCP_OTHER,
         7, 0},
        {"   2: B80D0120000000000000000001000000:01BB B80D0120000000000000000002000000:C000 01" REST "  1000        0 99 1",
         "[2001:db8::1]:443", "[2001:db8::2]:49152", KERNEL_TCP_ESTABLISHED, 1000, 99},
        {"   3: 0000000000000000FFFF00000100007F:01BB 0000000000000000FFFF00000200007F:C000 01" REST "  1000        0 99 1",
         "127.0.0.1:443", "127.0.0.2:49152", KERNEL_TCP_ESTABLISHED, 1000, 99},
        {"   4: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A" REST "  1000        0 99 1",
         "[::]:443", "[::]:0", KERNEL_TCP_LISTEN, 1000, 99},
    };
    (void)state;
    if (htonl(1) == 1)
        skip();
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct kernel_tcp row;

        EXPECT(kernel_tcp_parse(rows[i].line, &row), rows[i].line);
        EXPECT(strcmp(text_of(&row.local), rows[i].local) == 0, rows[i].line);
        EXPECT(strcmp(text_of(&row.remote), rows[i].remote) == 0, rows[i].line);
        EXPECT(row.state == rows[i].state, rows[i].line);
        EXPECT(row.uid == rows[i].uid, rows[i].line);
        EXPECT(row.inode == rows[i].inode, rows[i].line);
    }
}

static void test_tcp_no_lines(void **state)
{
    static const char *const lines[] = {
        "",
        "\n",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "   0: 0100007F:1F90",
        "   0: 0100007F:1F90 00000000:0000 0A" REST "     0",
        "   0: 0100007:1F90 00000000:0000 0A" REST "     0        0 1046 1",
        "   0: 0100007G:1F90 00000000:0000 0A" REST "     0        0 1046 1",
        "   0: 0100007F:1F9G0 00000000:0000 0A" REST "     0        0 1046 1",
        "   0: 0100007F:11F90 00000000:0000 0A" REST "     0        0 1046 1",
        "   0: 0100007F00000000:1F90 00000000:0000 0A" REST "     0        0 1046 1",
    };
    struct kernel_tcp row;
    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++)
        EXPECT(!kernel_tcp_parse(lines[i], &row), lines[i]);
}

/* Our own: one that listens and both ends of a connection to it. */
static void test_tcp_of_a_process(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), dialled = socket(AF_INET, SOCK_STREAM, 0), accepted;
    size_t listening = 0, standing = 0;
    struct kernel_sockets sockets;
    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(connect(dialled, (struct sockaddr *)&at, len), 0);
    accepted = accept(listener, NULL, NULL);
    assert_int_equal(kernel_sockets_read(&sockets, getpid()), 0);
    assert_false(sockets.is_by_user);
    for (size_t i = 0; i < sockets.count; i++) {
        listening += sockets.list[i].state == KERNEL_TCP_LISTEN;
        standing += sockets.list[i].state == KERNEL_TCP_ESTABLISHED;
    }
    assert_int_equal(listening, 1);
    assert_int_equal(standing, 2);
    kernel_sockets_fini(&sockets);
    assert_int_not_equal(kernel_sockets_read(&sockets, 0x7ffffff0), 0); /* no such process */
    assert_true(strlen(sockets.problem) > 0);
    kernel_sockets_fini(&sockets);
    close(accepted);
    close(dialled);
    close(listener);
}

/* Connections that come and go elsewhere on the machine let the kernel lose its place in the table. */
static void *come_and_go(void *arg)
{
    const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};
    int listener = *(const int *)arg;
    struct sockaddr_in at;
    socklen_t len = sizeof(at);

    if (getsockname(listener, (struct sockaddr *)&at, &len) != 0)
        return NULL;
    while (!atomic_load(&is_over)) {
        int fds[128];

        for (size_t i = 0; i < ROWS(fds); i += 2) {
            fds[i] = socket(AF_INET, SOCK_STREAM, 0);
            (void)connect(fds[i], (const struct sockaddr *)&at, sizeof(at));
            fds[i + 1] = accept(listener, NULL, NULL);
        }
        for (size_t i = 0; i < ROWS(fds); i++) {
            (void)setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &abort_now, sizeof(abort_now));
            close(fds[i]);
        }
    }
    return NULL;
}

static int listen_somewhere(struct sockaddr_in *ret)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof(*ret);

    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)ret, len), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
    return fd;
}

/* Both ends of the connections with a port. */
static size_t count_of(const struct kernel_sockets *sockets, uint16_t port)
{
    size_t count = 0;

    for (size_t i = 0; i < sockets->count; i++)
        count += sockets->list[i].state == KERNEL_TCP_ESTABLISHED &&
                 (address_port(&sockets->list[i].remote) == port || address_port(&sockets->list[i].local) == port);
    return count;
}

static void test_tcp_while_others_come_and_go(void **state)
{
    struct sockaddr_in quiet, busy;
    int quiet_fd = listen_somewhere(&quiet), busy_fd = listen_somewhere(&busy), fds[800];
    struct kernel_sockets sockets;
    pthread_t thread;
    (void)state;
    for (size_t i = 0; i < ROWS(fds); i += 2) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&quiet, sizeof(quiet)), 0);
        fds[i + 1] = accept(quiet_fd, NULL, NULL);
    }
    assert_int_equal(pthread_create(&thread, NULL, come_and_go, &busy_fd), 0);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(kernel_sockets_read(&sockets, getpid()), 0);
        assert_int_equal(count_of(&sockets, ntohs(quiet.sin_port)), ROWS(fds));
        kernel_sockets_fini(&sockets);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < ROWS(fds); i++)
        close(fds[i]);
    close(quiet_fd);
    close(busy_fd);
}

/* -- nf_conntrack --------------------------------------------------------------------------------------------------------------
 */

static void test_conntrack_lines(void **state)
{
    static const struct {
        const char *line, *from, *to, *answer_from, *answer_to; /* from NULL: no line of TCP */
    } rows[] = {
        {"ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=5481 src=10.0.0.2 dst=10.0.0.1 "
         "sport=5481 "
         "dport=40000 [ASSURED] mark=0 zone=0 use=2\n",
         "10.0.0.1:40000", "10.0.0.2:5481", "10.0.0.2:5481", "10.0.0.1:40000"},
        {"ipv4     2 tcp      6 10 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=5481 [UNREPLIED] src=10.0.0.3 "
         "dst=203.0.113.7 "
         "sport=80 dport=1024 mark=0 use=2",
         "10.0.0.1:40000", "10.0.0.2:5481", "10.0.0.3:80", "203.0.113.7:1024"},
        {"ipv6     10 tcp      6 300 ESTABLISHED src=2001:0db8:0000:0000:0000:0000:0000:0001 dst=2001:db8::2 sport=1 dport=2 "
         "src=2001:db8::2 dst=2001:db8::1 sport=2 dport=1 [ASSURED] use=1",
         "[2001:db8::1]:1", "[2001:db8::2]:2", "[2001:db8::2]:2", "[2001:db8::1]:1"},
        {"ipv4     2 udp      17 29 src=10.0.0.1 dst=10.0.0.2 sport=4 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=53 dport=4 use=2",
         NULL, NULL, NULL, NULL},
        {"ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=5481 src=10.0.0.2", NULL, NULL,
         NULL, NULL},
        {"ipv4     2 tcp      6 431999 ESTABLISHED src=here dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 "
         "dport=1",
         NULL, NULL, NULL, NULL},
        {"", NULL, NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conntrack_row row;
        bool is_row = conntrack_parse(rows[i].line, &row);

        EXPECT(is_row == (rows[i].from != NULL), rows[i].line);
        if (!is_row)
            continue;
        EXPECT(strcmp(text_of(&row.from), rows[i].from) == 0, rows[i].line);
        EXPECT(strcmp(text_of(&row.to), rows[i].to) == 0, rows[i].line);
        EXPECT(strcmp(text_of(&row.answer_from), rows[i].answer_from) == 0, rows[i].line);
        EXPECT(strcmp(text_of(&row.answer_to), rows[i].answer_to) == 0, rows[i].line);
    }
}

/* -- nft -----------------------------------------------------------------------------------------------------------------------
 */

static int parse(struct nft_counters *c, const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    int result;

    assert_non_null(file);
    *c = (struct nft_counters){0};
    result = nft_counters_parse(c, file);
    fclose(file);
    return result;
}

static void test_nft(void **state)
{
    static struct nft_counters c;
    (void)state;
    assert_int_equal(parse(&c,
                           "table inet georelay {\n"
                           "\tcounter opened_towards_clients {\n\t\tpackets 0 bytes 0\n\t}\n"
                           "\tcounter opened_towards_server {\n\t\tcomment \"packets 5 bytes 6\"\n\t\tpackets 12 bytes 720\n\t}\n"
                           "}\n"
                           "table ip other {\n\tcounter opened_towards_clients {\n\t\tpackets 9 bytes 9\n\t}\n}\n"
                           "table ip georelay_relay {\n\tcounter x {\n\t\tpackets 18446744073709551615 bytes 9\n\t}\n}\n"),
                     0);
    assert_int_equal(c.count, 3);
    assert_string_equal(c.list[0].family, "inet");
    assert_string_equal(c.list[0].name, "opened_towards_clients");
    assert_int_equal(c.list[0].packets, 0);
    assert_string_equal(c.list[1].name, "opened_towards_server");
    assert_int_equal(c.list[1].packets, 12);
    assert_string_equal(c.list[2].table, "georelay_relay");
    assert_true(c.list[2].packets == UINT64_MAX);
    assert_int_equal(parse(&c, "\n"), 0);
    assert_int_equal(c.count, 0);
    assert_int_equal(parse(&c, "packets 1 bytes 2\n"), -1); /* of whom? */
}

static void test_nft_too_many(void **state)
{
    static struct nft_counters c;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    (void)state;
    fprintf(out, "table inet georelay {\n");
    for (int i = 0; i <= NFT_COUNTERS_MAX; i++)
        fprintf(out, "counter c%d {\npackets 1 bytes 1\n}\n", i);
    fclose(out);
    assert_int_equal(parse(&c, text), -1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_lines),        cmocka_unit_test(test_tcp_no_lines),
        cmocka_unit_test(test_tcp_of_a_process), cmocka_unit_test(test_tcp_while_others_come_and_go),
        cmocka_unit_test(test_conntrack_lines),  cmocka_unit_test(test_nft),
        cmocka_unit_test(test_nft_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
