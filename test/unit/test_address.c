/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/base/address.h: texts of users to values and back, ranges counted by hand. */
#include "test/unit/unit.h"

#include "proxy/base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/** A text that is refused has no expectation. */
struct row {
    const char *input;
    const char *expected;
    const char *comment;
};

static struct address parsed(const char *text)
{
    struct address a;

    if (address_parse(text, &a) != 0 && address_parse_port(text, &a) != 0)
        fail_msg("not an address: %s", text);
    return a;
}

static void parses_addresses(void **state)
{
    static const struct row rows[] = {
        {"10.0.0.5", "10.0.0.5", "IPv4"},
        {"::1", "::1", "IPv6"},
        {"[::1]", "::1", "IPv6 in brackets"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", "short form, lower case"},
        {"::ffff:10.0.0.5", "10.0.0.5", "mapped is IPv4"},
        {"[::ffff:10.0.0.5]", "10.0.0.5", "mapped in brackets too"},
        {"::ffff:0:0", "0.0.0.0", "mapped, in hexadecimal"},
        {"", NULL, "nothing"},
        {"[", NULL, "half a bracket"},
        {"[]", NULL, "empty brackets"},
        {"[::1", NULL, "open bracket"},
        {"::1]", NULL, "closing bracket only"},
        {"[10.0.0.5]", NULL, "brackets are for IPv6"},
        {"10.0.0", NULL, "three numbers"},
        {"010.0.0.5", NULL, "a leading zero might be octal"},
        {"10.0.0.256", NULL, "number too large"},
        {"10.0.0.5:80", NULL, "a port"},
        {" 10.0.0.5", NULL, "a space"},
        {"host", NULL, "a name"},
        {"fe80::1%lo", NULL, "a zone"},
        {"[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]", NULL, "longer than any"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address a = {0};
        char text[ADDRESS_TEXT];
        int result = address_parse(rows[i].input, &a);

        EXPECT(result == (rows[i].expected == NULL ? -1 : 0), rows[i].comment);
        EXPECT(address_is_set(&a) == (result == 0), rows[i].comment);
        if (result == 0)
            EXPECT(strcmp(address_format_ip(&a, text), rows[i].expected) == 0, rows[i].comment);
    }
}

static void parses_addresses_with_port(void **state)
{
    static const struct row rows[] = {
        {"10.0.0.5:80", "10.0.0.5:80", "IPv4"},
        {"[::1]:443", "[::1]:443", "IPv6"},
        {"[::ffff:10.0.0.5]:80", "10.0.0.5:80", "mapped"},
        {"0.0.0.0:0", "0.0.0.0:0", "port 0: the kernel chooses"},
        {"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
         "the longest"},
        {"10.0.0.5", NULL, "no port"},
        {"10.0.0.5:", NULL, "empty port"},
        {"10.0.0.5:65536", NULL, "port too large"},
        {"10.0.0.5:99999999999999999999", NULL, "port that overflows"},
        {"10.0.0.5:-1", NULL, "sign"},
        {"10.0.0.5:+1", NULL, "sign"},
        {"10.0.0.5:080", NULL, "leading zero"},
        {"10.0.0.5:80 ", NULL, "space"},
        {"::1:443", NULL, "IPv6 without brackets"},
        {"[::1]443", NULL, "no colon"},
        {"[10.0.0.5]:80", NULL, "IPv4 in brackets"},
        {"host:80", NULL, "a name"},
        {":80", NULL, "no host"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address a = {0};
        char text[ADDRESS_TEXT];
        int result = address_parse_port(rows[i].input, &a);

        EXPECT(result == (rows[i].expected == NULL ? -1 : 0), rows[i].comment);
        EXPECT(address_is_set(&a) == (result == 0), rows[i].comment);
        if (result == 0)
            EXPECT(strcmp(address_format(&a, text), rows[i].expected) == 0, rows[i].comment);
    }
}

static void splits_host_and_port(void **state)
{
    static const struct row rows[] = {
        {"relay.example:443", "relay.example", "a name"},
        {"10.0.0.5:443", "10.0.0.5", "IPv4"},
        {"[2001:db8::1]:443", "2001:db8::1", "IPv6 loses its brackets"},
        {"15-characters-x:443", "15-characters-x", "fills the room"},
        {"16-characters-xy:443", NULL, "one too long"},
        {"relay.example", NULL, "no port"},
        {"relay.example:https", NULL, "port by name"},
        {":443", NULL, "no host"},
        {"[]:443", NULL, "empty brackets"},
        {"[relay]:443", NULL, "a name in brackets"},
        {"a:b:443", NULL, "two colons"},
        {"re[lay:443", NULL, "a bracket inside"},
        {"", NULL, "nothing"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char host[16] = "untouched";
        uint16_t port = 0;
        int result = address_split(rows[i].input, host, sizeof(host), &port);

        EXPECT(result == (rows[i].expected == NULL ? -1 : 0), rows[i].comment);
        EXPECT(strcmp(host, result == 0 ? rows[i].expected : "untouched") == 0, rows[i].comment);
        EXPECT(port == (result == 0 ? 443 : 0), rows[i].comment);
    }
}

static void takes_addresses_of_the_kernel(void **state)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(5481), .sin6_scope_id = 7};
    struct address a;
    char text[ADDRESS_TEXT];

    (void)state;
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr);
    address_from_sockaddr(&a, (struct sockaddr *)&v6, sizeof(v6));
    assert_string_equal(address_format(&a, text), "192.0.2.7:5481");
    assert_int_equal(address_len(&a), sizeof(struct sockaddr_in));

    inet_pton(AF_INET6, "fe80::1", &v6.sin6_addr);
    memcpy(&storage, &v6, sizeof(v6));
    address_from_sockaddr(&a, (struct sockaddr *)&storage, sizeof(storage));
    assert_string_equal(address_format(&a, text), "[fe80::1]:5481");
    assert_int_equal(address_len(&a), sizeof(struct sockaddr_in6));
    assert_int_equal(a.sa.v6.sin6_scope_id, 7);

    address_from_sockaddr(&a, (struct sockaddr *)&v6, sizeof(v6) - 1);
    assert_false(address_is_set(&a));
    storage.ss_family = AF_UNIX;
    address_from_sockaddr(&a, (struct sockaddr *)&storage, sizeof(storage));
    assert_false(address_is_set(&a));
    address_from_sockaddr(&a, NULL, 0);
    assert_string_equal(address_format(&a, text), "-");
    assert_string_equal(address_format_ip(&a, text), "-");
    assert_int_equal(address_len(&a), 0);
    assert_int_equal(address_port(&a), 0);
}

static void knows_special_addresses(void **state)
{
    static const struct {
        const char *text;
        int is_any;
        int is_loopback;
    } rows[] = {
        {"0.0.0.0", 1, 0}, {"::", 1, 0},       {"127.0.0.1", 0, 1}, {"127.255.255.255", 0, 1},  {"128.0.0.1", 0, 0},
        {"::1", 0, 1},     {"10.0.0.5", 0, 0}, {"fe80::1", 0, 0},   {"::ffff:127.0.0.1", 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address a = parsed(rows[i].text);

        EXPECT(address_is_any(&a) == rows[i].is_any, rows[i].text);
        EXPECT(address_is_loopback(&a) == rows[i].is_loopback, rows[i].text);
    }
}

static void compares_without_port(void **state)
{
    static const char *const ascending[] = {"1.2.3.4:9", "9.0.0.1:1", "10.0.0.0:1", "200.0.0.1:1", "[::1]:1", "[ff00::]:0"};

    (void)state;
    for (size_t i = 0; i < ROWS(ascending); i++) {
        for (size_t j = 0; j < ROWS(ascending); j++) {
            struct address a = parsed(ascending[i]);
            struct address b = parsed(ascending[j]);
            int order = address_compare_ip(&a, &b);

            address_set_port(&a, 77);
            EXPECT((order > 0) - (order < 0) == (i > j) - (i < j), ascending[i]);
            EXPECT(address_same_ip(&a, &b) == (i == j), ascending[i]);
            EXPECT(address_port(&a) == 77, ascending[i]);
        }
    }
}

static void turns_into_bytes_and_back(void **state)
{
    static const char *const texts[] = {"10.0.0.5:80", "[2001:db8::1]:443"};
    uint8_t bytes[16];
    char text[ADDRESS_TEXT];
    struct address a;
    struct address back;

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        a = parsed(texts[i]);
        assert_int_equal(address_from_bytes(&back, bytes, address_bytes(&a, bytes), address_port(&a)), 0);
        assert_string_equal(address_format(&back, text), texts[i]);
    }
    assert_int_equal(address_from_bytes(&back, bytes, 5, 0), -1);
    memset(&a, 0, sizeof(a));
    assert_int_equal(address_bytes(&a, bytes), 0);
}

static void knows_networks(void **state)
{
    static const struct {
        const char *network;
        const char *address;
        int expected; /* -1: refused, else whether it contains the address */
    } rows[] = {
        {"192.168.1.0/24", "192.168.1.255", 1},
        {"192.168.1.0/24", "192.168.2.0", 0},
        {"192.168.1.0/24", "::1", 0},
        {"192.168.1.128/25", "192.168.1.127", 0},
        {"192.168.1.128/25", "192.168.1.128", 1},
        {"0.0.0.0/0", "255.255.255.255", 1},
        {"0.0.0.0/0", "::", 0},
        {"10.0.0.5", "10.0.0.5", 1},
        {"10.0.0.5", "10.0.0.4", 0},
        {"10.0.0.5/32", "10.0.0.5", 1},
        {"::/0", "2001:db8::1", 1},
        {"2001:db8::/33", "2001:db8:7fff::", 1},
        {"2001:db8::/33", "2001:db8:8000::", 0},
        {"::1", "::1", 1},
        {"::1/128", "::2", 0},
        {"::ffff:10.0.0.0/120", "10.0.0.9", 1},
        {"::ffff:10.0.0.0/120", "10.0.1.9", 0},
        {"::ffff:10.0.0.0/95", NULL, -1},
        {"192.168.1.1/24", NULL, -1},
        {"10.0.0.128/24", NULL, -1},
        {"10.0.0.64/25", NULL, -1},
        {"192.168.1.0/33", NULL, -1},
        {"192.168.1.0/", NULL, -1},
        {"192.168.1.0/08", NULL, -1},
        {"192.168.1.0/24/24", NULL, -1},
        {"/24", NULL, -1},
        {"2001:db8::1/64", NULL, -1},
        {"2001:db8::/129", NULL, -1},
        {"", NULL, -1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct network n;
        struct address a;

        EXPECT(network_parse(rows[i].network, &n) == (rows[i].expected < 0 ? -1 : 0), rows[i].network);
        if (rows[i].expected < 0)
            continue;
        a = parsed(rows[i].address);
        EXPECT(network_contains(&n, &a) == rows[i].expected, rows[i].network);
    }
}

static void walks_ranges(void **state)
{
    static const struct {
        const char *range;
        size_t count; /* 0: refused */
        size_t index;
        const char *at;
        const char *comment;
    } rows[] = {
        {"10.20.0.32-10.20.0.63", 32, 31, "10.20.0.63", "a pool"},
        {"10.20.0.32", 1, 0, "10.20.0.32", "one address"},
        {"10.0.255.254-10.1.0.1", 4, 2, "10.1.0.0", "over a byte's end"},
        {"0.0.0.0-255.255.255.255", 1000, 999, "0.0.3.231", "more than the cap"},
        {"2001:db8::ffff-2001:db8::1:1", 3, 1, "2001:db8::1:0", "IPv6"},
        {"2001:db8:0:0:ffff:ffff:ffff:ffff-2001:db8:0:1::1", 3, 1, "2001:db8:0:1::", "over the low half's end"},
        {"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1000, 5, "::5", "all of IPv6"},
        {"10.0.0.2-10.0.0.1", 0, 0, NULL, "turned round"},
        {"10.0.0.1-::2", 0, 0, NULL, "two families"},
        {"10.0.0.1-", 0, 0, NULL, "no end"},
        {"-10.0.0.1", 0, 0, NULL, "no start"},
        {"10.0.0.1-10.0.0.2-10.0.0.3", 0, 0, NULL, "three ends"},
        {"10.0.0.1 - 10.0.0.2", 0, 0, NULL, "spaces"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address_range r;
        struct address a;
        char text[ADDRESS_TEXT];

        EXPECT(address_range_parse(rows[i].range, &r) == (rows[i].count == 0 ? -1 : 0), rows[i].comment);
        if (rows[i].count == 0)
            continue;
        EXPECT(address_range_count(&r, 1000) == rows[i].count, rows[i].comment);
        a = address_range_at(&r, rows[i].index);
        EXPECT(strcmp(address_format_ip(&a, text), rows[i].at) == 0, rows[i].comment);
        EXPECT(address_range_contains(&r, &a), rows[i].comment);
    }
}

static void finds_overlaps(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        int expected;
    } rows[] = {
        {"10.0.0.1-10.0.0.5", "10.0.0.5-10.0.0.9", 1}, {"10.0.0.1-10.0.0.5", "10.0.0.6-10.0.0.9", 0},
        {"10.0.0.1-10.0.0.9", "10.0.0.4", 1},          {"0.0.0.0-255.255.255.255", "::", 0},
        {"10.0.0.1-10.0.0.9", "9.0.0.0-11.0.0.0", 1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct address_range a;
        struct address_range b;

        EXPECT(address_range_parse(rows[i].a, &a) == 0 && address_range_parse(rows[i].b, &b) == 0, rows[i].a);
        EXPECT(address_range_overlaps(&a, &b) == rows[i].expected, rows[i].a);
        EXPECT(address_range_overlaps(&b, &a) == rows[i].expected, rows[i].a);
    }
}

static void parses_port_ranges(void **state)
{
    static const struct row rows[] = {
        {"5500-5509", "5500-5509", "ten ports"},
        {"5500", "5500-5500", "one"},
        {"1-65535", "1-65535", "all"},
        {"0", NULL, "no port 0"},
        {"0-5", NULL, "nor here"},
        {"5509-5500", NULL, "turned round"},
        {"5500-65536", NULL, "too large"},
        {"5500-", NULL, "no end"},
        {"-5500", NULL, "no start"},
        {"", NULL, "nothing"},
        {"x", NULL, "no number"},
        {"5500-5501-5502", NULL, "three"},
        {"000000005500", NULL, "too long"},
    };
    struct port_range none = {0, 0};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct port_range r = {7, 7};
        char text[32];
        int result = port_range_parse(rows[i].input, &r);

        snprintf(text, sizeof(text), "%u-%u", (unsigned)r.first, (unsigned)r.last);
        EXPECT(result == (rows[i].expected == NULL ? -1 : 0), rows[i].comment);
        EXPECT(strcmp(text, result == 0 ? rows[i].expected : "7-7") == 0, rows[i].comment);
        EXPECT(port_range_contains(&r, r.first) && port_range_contains(&r, r.last), rows[i].comment);
        EXPECT(!port_range_contains(&r, (uint16_t)(r.first - 1)) && !port_range_contains(&r, (uint16_t)(r.last + 1)),
               rows[i].comment);
    }
    assert_false(port_range_contains(&none, 0));
}

static void expect_as_system(const uint8_t *bytes, size_t count)
{
    struct address a;
    char text[ADDRESS_TEXT];
    char expected[ADDRESS_TEXT];

    assert_int_equal(address_from_bytes(&a, bytes, count, 0), 0);
    assert_non_null(inet_ntop(count == 4 ? AF_INET : AF_INET6, bytes, expected, sizeof(expected)));
    assert_string_equal(address_format_ip(&a, text), expected);
}

/** Every choice of groups that are zero, with groups of each length between. */
static void writes_addresses_as_the_system_does(void **state)
{
    static const uint16_t values[] = {0x1, 0x20, 0x300, 0xabcd, 0xffff};

    (void)state;
    for (unsigned zeros = 0; zeros < 256; zeros++) {
        for (size_t v = 0; v < ROWS(values); v++) {
            uint8_t bytes[16] = {0};

            for (size_t i = 0; i < 8; i++) {
                uint16_t value = (zeros >> i & 1) != 0 ? 0 : values[(i + v) % ROWS(values)];

                bytes[2 * i] = (uint8_t)(value >> 8);
                bytes[2 * i + 1] = (uint8_t)value;
            }
            if ((zeros & 0x1f) != 0x1f || bytes[10] != 0xff || bytes[11] != 0xff) /* IPv4-mapped: an IPv4 address here */
                expect_as_system(bytes, 16);
        }
    }
    for (unsigned n = 0; n < 256; n++)
        expect_as_system((uint8_t[]){(uint8_t)n, (uint8_t)(n / 10), (uint8_t)(255 - n), 9}, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_addresses_as_the_system_does),
        cmocka_unit_test(parses_addresses),
        cmocka_unit_test(parses_addresses_with_port),
        cmocka_unit_test(splits_host_and_port),
        cmocka_unit_test(takes_addresses_of_the_kernel),
        cmocka_unit_test(knows_special_addresses),
        cmocka_unit_test(compares_without_port),
        cmocka_unit_test(turns_into_bytes_and_back),
        cmocka_unit_test(knows_networks),
        cmocka_unit_test(walks_ranges),
        cmocka_unit_test(finds_overlaps),
        cmocka_unit_test(parses_port_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
