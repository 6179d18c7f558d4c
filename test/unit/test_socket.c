/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/net/socket.h: keep-alive that serves two masters, the time until a peer is given up and the firewalls on the way. */
#include "test/unit/unit.h"

#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "proxy/net/vigil.h"

#include <netinet/tcp.h>
#include <unistd.h>

static const struct {
    long dead_peer_s, firewall_idle_s;
    int idle, interval, probes;
} cases[] = {{30, 60, 15, 5, 3},    /* the defaults: half of it, then sixths */
             {30, 86400, 15, 5, 3}, /* a firewall that never forgets asks for nothing */
             {30, 30, 10, 5, 4},    /* a third of firewall_idle is less than half of dead_peer */
             {30, 9, 3, 3, 9},      /* and less than a sixth */
             {30, 12, 2, 4, 7},     /* the last probe comes when the time is over, not 2 s later */
             {100, 600, 36, 16, 4}, /* the same */
             {30, 3, 1, 1, 29},     /* the least that can be set */
             {5, 3, 1, 1, 4},       /* both */
             {5, 60, 2, 1, 3},      /* sixths of a second are none: a second */
             {3600, 3, 1, 1, 127},  /* as many as the kernel counts */
             {3600, 86400, 1800, 600, 3}};

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void test_keep_alive(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        assert_true(fd >= 0);
        socket_guard(fd, cases[i].dead_peer_s, cases[i].firewall_idle_s);
        assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), cases[i].idle);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), cases[i].interval);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), cases[i].probes);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), cases[i].dead_peer_s * 1000);
        close(fd);
    }
}

/* A dial to a port where nobody listens, from that same port: the kernel connects it with itself. */
static void test_a_connection_to_itself_is_none(void **state)
{
    struct chunk_pool pool = {0};
    struct address at = {0};
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct stream *stream;

    (void)state;
    assert_int_equal(address_parse_port("127.0.0.1:0", &at), 0);
    assert_int_equal(bind(fd, &at.sa.any, address_len(&at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&storage, &len), 0);
    address_from_sockaddr(&at, (struct sockaddr *)&storage, len);
    assert_int_equal(connect(fd, &at.sa.any, address_len(&at)), 0);
    stream = tcp_stream_connect(fd, &at, ACCOUNT_OTHER, &pool);
    assert_non_null(stream);
    assert_int_equal(stream_greet(stream), STREAM_STEP_FAILED);
    assert_int_equal(stream->why, REASON_DIAL_REFUSED);
    stream_close(stream, STREAM_CLOSE_RESET);
}

/* Two ends of a connection on loopback. */
static void connect_pair(int ret[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    ret[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(ret[0], (struct sockaddr *)&at, sizeof(at)), 0);
    ret[1] = accept(listener, NULL, NULL);
    assert_true(ret[1] >= 0);
    close(listener);
}

/* Both ends have come: the kernel has closed the connection, but its last bytes are still to be read. */
static void test_ended_is_not_broken(void **state)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    char byte;
    int pair[2];

    (void)state;
    connect_pair(pair);
    assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
    assert_int_equal(recv(pair[1], &byte, 1, 0), 0);
    assert_int_equal(send(pair[1], "x", 1, 0), 1);
    assert_int_equal(close(pair[1]), 0);
    assert_int_equal(getsockopt(pair[0], IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_state, TCP_CLOSE);
    assert_false(vigil_is_broken(pair[0]));
    assert_int_equal(recv(pair[0], &byte, 1, 0), 1);
    assert_int_equal(recv(pair[0], &byte, 1, 0), 0);
    close(pair[0]);
}

static void test_reset_is_broken(void **state)
{
    int pair[2];

    (void)state;
    connect_pair(pair);
    assert_false(vigil_is_broken(pair[0]));
    socket_reset(pair[1]);
    assert_true(vigil_is_broken(pair[0]));
    close(pair[0]);
}

/* What the manual promises, for every pair of settings. */
static void test_promises(void **state)
{
    (void)state;
    for (long dead = 5; dead <= 3600; dead += dead < 120 ? 1 : 97)
        for (long firewall = 3; firewall <= 900; firewall += firewall < 120 ? 1 : 31) {
            int fd = socket(AF_INET, SOCK_STREAM, 0), idle, interval, rest;

            assert_true(fd >= 0);
            socket_guard(fd, dead, firewall);
            idle = option(fd, IPPROTO_TCP, TCP_KEEPIDLE);
            interval = option(fd, IPPROTO_TCP, TCP_KEEPINTVL);
            rest = (int)dead - idle;
            assert_in_range(idle, 1, firewall / 3);
            assert_in_range(interval, 1, firewall / 3);
            assert_true(idle <= dead / 2 && interval <= (dead < 6 ? 1 : dead / 6));
            assert_int_equal(rest % interval, 0); /* a probe is due at the very end */
            close(fd);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_alive),      cmocka_unit_test(test_ended_is_not_broken),
        cmocka_unit_test(test_reset_is_broken), cmocka_unit_test(test_a_connection_to_itself_is_none),
        cmocka_unit_test(test_promises),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
