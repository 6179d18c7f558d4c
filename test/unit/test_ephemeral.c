/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/net/ephemeral.h: which source ports can be kept free; and that proxy/net/socket.h does not dial from them. */
#include "test/unit/unit.h"

#include "proxy/net/ephemeral.h"
#include "proxy/net/socket.h"

#include <string.h>
#include <unistd.h>

static const struct port_range all = {32768, 60999}; /* 28232 ports */

static void test_avoid(void **state)
{
    static const struct {
        struct port_range wanted;
        bool is_avoided, is_too_wide;
    } cases[] = {{{0, 0}, false, false},         {{5500, 5509}, false, false}, /* the kernel never takes one of these */
                 {{32767, 32767}, false, false}, {{61000, 65535}, false, false}, {{32768, 32768}, true, false},
                 {{60999, 65535}, true, false},  {{40000, 40099}, true, false},  {{1024, 46883}, true, false}, /* half of them */
                 {{1024, 46884}, false, true},                                                                 /* one more */
                 {{1024, 65535}, false, true},   {{1, 65535}, false, true}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct port_range avoid = ephemeral_avoid(&all, &cases[i].wanted);

        assert_int_equal(ephemeral_is_too_wide(&all, &cases[i].wanted), cases[i].is_too_wide);
        assert_int_equal(avoid.first, cases[i].is_avoided ? cases[i].wanted.first : 0);
        assert_int_equal(avoid.last, cases[i].is_avoided ? cases[i].wanted.last : 0);
    }
}

/* Every port that is left is drawn, each by one number, and no other. */
static void test_draw(void **state)
{
    static const struct port_range few = {100, 109};
    static const struct {
        struct port_range avoid;
        const char *drawn; /* their last digits */
    } cases[] = {{{0, 0}, "0123456789"},
                 {{100, 104}, "56789"},
                 {{50, 100}, "123456789"},
                 {{109, 200}, "012345678"},
                 {{103, 105}, "0126789"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *drawn = cases[i].drawn;
        size_t count = strlen(drawn);

        for (size_t k = 0; k < 3 * count; k++)
            assert_int_equal(ephemeral_draw(&few, &cases[i].avoid, (uint32_t)k), 100 + drawn[k % count] - '0');
    }
}

static uint16_t source_port(int fd)
{
    struct address local = {0};
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&storage, &len), 0);
    address_from_sockaddr(&local, (struct sockaddr *)&storage, len);
    return address_port(&local);
}

/* A server that nobody needs to be at: its kernel answers. */
static struct address open_server(int *ret_fd)
{
    struct address at = {0};
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);

    assert_int_equal(address_parse_port("127.0.0.1:0", &at), 0);
    *ret_fd = socket_listen(&at, false);
    assert_true(*ret_fd >= 0);
    assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&storage, &len), 0);
    address_from_sockaddr(&at, (struct sockaddr *)&storage, len);
    return at;
}

enum { DIALS = 200 };

/* Dials often, from `from` or anywhere; true if a source port was within `range`. All are open at once. */
static bool dials_from(const struct address *from, struct port_range range)
{
    enum reason why = REASON_NONE;
    int fds[DIALS], server;
    struct address to = open_server(&server);
    bool is_within = false;

    for (size_t i = 0; i < DIALS; i++) {
        fds[i] = socket_dial(&to, from, range, &why);
        assert_true(fds[i] >= 0);
        is_within |= port_range_contains(&range, source_port(fds[i]));
    }
    for (size_t i = 0; i < DIALS; i++)
        socket_reset(fds[i]);
    close(server);
    return is_within;
}

static void test_dial(void **state)
{
    struct port_range here = ephemeral_ports(), half = here, most = {1024, 65535};
    struct address from = {0};

    (void)state;
    half.last = (uint16_t)(here.first + (here.last - here.first) / 2);
    assert_int_equal(address_parse("127.0.0.3", &from), 0);
    assert_false(dials_from(NULL, half));
    assert_false(dials_from(&from, half));
    assert_true(dials_from(NULL, most)); /* else nobody could be dialled */
    assert_true(dials_from(&from, most));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_avoid), cmocka_unit_test(test_draw), cmocka_unit_test(test_dial)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
