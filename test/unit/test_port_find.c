/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/wire/port_find.h: the rule of many made-up protocols is found, and none where there is none or too little was seen. */
#include "test/unit/unit.h"

#include "proxy/wire/port_find.h"
#include "test/component/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_MAX 256
#define DIALS_MAX   256

/* One site: links of clients, each with the bytes that a protocol writes. */
static struct site {
    struct port_sample samples[SAMPLES_MAX];
    struct port_dial dials[DIALS_MAX];
    struct port_evidence evidence;
    struct port_found found;
} site;

static struct chance chance = {1};

static void begin(void)
{
    for (size_t i = 0; i < site.evidence.samples_count; i++)
        free((void *)(uintptr_t)site.samples[i].bytes);
    site = (struct site){.evidence = {.samples = site.samples, .dials = site.dials, .ports = {5500, 5509}}};
}

static struct port_sample *add_bytes(unsigned client, const void *bytes, size_t count)
{
    struct port_sample *sample = &site.samples[site.evidence.samples_count++];
    uint8_t *copy = malloc(count > 0 ? count : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, count);
    *sample = (struct port_sample){.bytes = copy, .count = count, .client = client, .is_settled = true};
    return sample;
}

static struct port_sample *add_text(unsigned client, const char *text)
{
    return add_bytes(client, text, strlen(text));
}

static struct port_dial *add_dial(unsigned client, uint16_t port)
{
    struct port_dial *dial = &site.dials[site.evidence.dials_count++];

    *dial = (struct port_dial){.client = client, .port = port};
    return dial;
}

static void find(void)
{
    assert_int_equal(port_find(&site.evidence, &site.found), 0);
}

static void expect_rule(size_t index, const char *after, size_t offset, enum port_form form)
{
    const struct port_rule *rule = &site.found.rules[index].rule;

    assert_int_equal(site.found.verdict, PORT_FOUND);
    assert_true(index < site.found.count);
    assert_int_equal(rule->after_count, strlen(after));
    assert_memory_equal(rule->after, after, strlen(after));
    assert_int_equal(rule->offset, offset);
    assert_int_equal(rule->form, form);
}

static void expect_only_rule(const char *after, size_t offset, enum port_form form)
{
    expect_rule(0, after, offset, form);
    assert_int_equal(site.found.count, 1);
}

static void expect_evidence(size_t links, size_t clients, size_t ports)
{
    assert_int_equal(site.found.rules[0].links, links);
    assert_int_equal(site.found.rules[0].clients, clients);
    assert_int_equal(site.found.rules[0].ports, ports);
}

/* -- fixed offsets ------------------------------------------------------------------------------------------------------------
 */

/* Random bytes with the port at `at`, followed by others. */
static void add_binary(unsigned client, size_t at, enum port_form form, uint16_t port)
{
    uint8_t bytes[300];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)chance_next(&chance);
    if (form == PORT_DECIMAL)
        bytes[at + 4] = '\r';
    (void)port_field_write(form, bytes + at, form == PORT_DECIMAL ? 4 : 2, port);
    (void)add_bytes(client, bytes, sizeof(bytes));
}

static void test_every_offset_and_form(void **state)
{
    (void)state;
    for (int form = 0; form < PORT_FORMS_COUNT; form++)
        for (size_t at = 0; at < 290; at += 7) {
            begin();
            for (unsigned client = 0; client < 5; client++) {
                uint16_t port = (uint16_t)(5500 + client % 3);

                add_binary(client, at, (enum port_form)form, port);
                (void)add_dial(client, port);
            }
            find();
            expect_only_rule("", at, (enum port_form)form);
            expect_evidence(5, 5, 3);
        }
}

/* Further links of a client announce nothing. */
static void test_links_without_announcement(void **state)
{
    (void)state;
    begin();
    for (unsigned client = 0; client < 4; client++) {
        (void)add_bytes(client, (const uint8_t[]){'H', 1, 0x15, (uint8_t)(0x7c + client), 0}, 5);
        for (int more = 0; more < 5; more++)
            (void)add_bytes(client, "H\2\0\0\0more", 9);
        (void)add_bytes(client, "", 0);
        (void)add_dial(client, (uint16_t)(5500 + client));
    }
    find();
    expect_only_rule("", 2, PORT_U16BE);
    expect_evidence(4, 4, 4);
}

/* Two programs on one machine: each announces its own port on its own first link. */
static void test_two_applications(void **state)
{
    (void)state;
    begin();
    for (unsigned client = 0; client < 3; client++)
        for (unsigned program = 0; program < 2; program++) {
            (void)add_bytes(client, (const uint8_t[]){'H', 'I', (uint8_t)(0x7c + program), 0x15, (uint8_t)client}, 5);
            (void)add_bytes(client, "HI\0\0\0", 5);
            (void)add_dial(client, (uint16_t)(5500 + program));
        }
    find();
    expect_only_rule("", 2, PORT_U16LE);
    expect_evidence(6, 3, 2);
}

/* A link shows another client's port at a wrong place: that place is no rule. */
static void test_port_elsewhere(void **state)
{
    (void)state;
    begin();
    /* The port stands at 0 and at 4, but at 4 also where nothing was dialled. */
    for (unsigned client = 0; client < 4; client++) {
        uint8_t low = (uint8_t)(0x7c + client);

        (void)add_bytes(client, (const uint8_t[]){0x15, low, 0, 0, 0x15, low}, 6);
        (void)add_dial(client, (uint16_t)(5500 + client));
    }
    find();
    assert_int_equal(site.found.count, 2);
    (void)add_bytes(0, (const uint8_t[]){0, 0, 0, 0, 0x15, 0x84}, 6);
    find();
    expect_only_rule("", 0, PORT_U16BE);
    /* A link so young that the server may still dial is held against no rule. */
    site.samples[site.evidence.samples_count - 1].is_settled = false;
    find();
    assert_int_equal(site.found.count, 2);
}

/* A dialled port that no link shows is against the rule, unless its link may have been forgotten. */
static void test_dial_without_link(void **state)
{
    struct port_dial *odd;

    (void)state;
    begin();
    for (unsigned client = 0; client < 4; client++) {
        (void)add_bytes(client, (const uint8_t[]){0x15, (uint8_t)(0x7c + client)}, 2);
        (void)add_dial(client, (uint16_t)(5500 + client));
    }
    odd = add_dial(2, 5509);
    find();
    assert_int_equal(site.found.verdict, PORT_NONE);
    odd->is_excused = true;
    find();
    expect_only_rule("", 0, PORT_U16BE);
    odd->is_excused = false;
    odd->port = 6000; /* not of the range */
    find();
    expect_only_rule("", 0, PORT_U16BE);
}

static void test_zeros_in_front(void **state)
{
    (void)state;
    begin();
    for (unsigned client = 0; client < 4; client++) {
        char text[32];

        snprintf(text, sizeof(text), "V1 %05u %u", 5500 + client, client * 77);
        (void)add_text(client, text);
        (void)add_dial(client, (uint16_t)(5500 + client));
    }
    find();
    expect_only_rule("", 3, PORT_DECIMAL);
}

/* -- patterns -----------------------------------------------------------------------------------------------------------------
 */

static const char *const users[] = {"a", "operator", "anna", "Q", "night-shift", "x y", "boss", "5"};

/* Text whose `%u` is the port, behind a name of varying length. */
static void add_varying(const char *before, const char *format)
{
    for (unsigned client = 0; client < ROWS(users); client++) {
        uint16_t port = (uint16_t)(5500 + client * 3 % 7);
        char text[256];
        size_t used = (size_t)snprintf(text, sizeof(text), "%s%s", before, users[client]);

        snprintf(text + used, sizeof(text) - used, format, port);
        (void)add_text(client, text);
        (void)add_text(client, "HELLO again");
        (void)add_dial(client, port);
    }
}

static void test_decimal_behind_a_key(void **state)
{
    static const struct {
        const char *before, *format, *after;
    } protocols[] = {
        {"USER=", ";PORT=%u;END", ";PORT="},
        {"{\"user\": \"", "\", \"port\": %u}", "\", \"port\": "},
        {"<hello><user>", "</user><port>%u</port></hello>", "</user><port>"},
        {"GET /hello?user=", "&port=%u HTTP/1.1\r\nHost: s\r\n\r\n", "&port="},
        {"5509 ", " 1 %u\n", " 1 "},
        {"", ":%u", ":"},
        {"", " is the name and this is my port: %u", &" this is my port: "[2]},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(protocols); i++) {
        begin();
        add_varying(protocols[i].before, protocols[i].format);
        find();
        expect_only_rule(protocols[i].after, 0, PORT_DECIMAL);
        expect_evidence(8, 8, 7);
    }
}

/* A record of type, length and port, behind others of varying length. */
static void add_records(const uint8_t *head, size_t head_count, size_t gap, bool is_big)
{
    for (unsigned client = 0; client < 8; client++) {
        uint16_t port = (uint16_t)(5500 + client);
        uint8_t bytes[64];
        size_t used = 5 + client * 3 % 11;

        for (size_t i = 0; i < used; i++)
            bytes[i] = (uint8_t)(0x80 + chance_below(&chance, 64));
        memcpy(bytes + used, head, head_count);
        used += head_count;
        for (size_t i = 0; i < gap; i++)
            bytes[used++] = (uint8_t)(0xc0 + chance_below(&chance, 64));
        (void)port_field_write(is_big ? PORT_U16BE : PORT_U16LE, bytes + used, 2, port);
        used += 2;
        bytes[used++] = (uint8_t)client;
        (void)add_bytes(client, bytes, used);
        (void)add_dial(client, port);
    }
}

static void test_binary_behind_a_key(void **state)
{
    (void)state;
    for (size_t gap = 0; gap <= 8; gap += 4)
        for (int is_big = 0; is_big < 2; is_big++) {
            begin();
            add_records((const uint8_t *)"\x20\x02\x01", 3, gap, is_big != 0);
            find();
            expect_only_rule("\x20\x02\x01", gap, is_big ? PORT_U16BE : PORT_U16LE);
            expect_evidence(8, 8, 8);
        }
}

/* A client announces the same on two links, and says its port a second time where nothing constant stands before it. */
static void test_patterns_among_others(void **state)
{
    (void)state;
    begin();
    for (unsigned client = 0; client < ROWS(users); client++)
        for (int again = 0; again < 2; again++) {
            char text[128];

            snprintf(text, sizeof(text), "%s;PORT=%u;%s%c%u.", users[client], 5500 + client, users[client], 'A' + (char)client,
                     5500 + client);
            (void)add_text(client, text);
            if (!again)
                (void)add_dial(client, (uint16_t)(5500 + client));
        }
    find();
    expect_only_rule(";PORT=", 0, PORT_DECIMAL);
    expect_evidence(16, 8, 8);
}

/* No pattern is made of what only one client sent. */
static void test_no_pattern_of_one_port(void **state)
{
    (void)state;
    begin();
    (void)add_text(0, "secret=abc port 5500");
    (void)add_text(0, "my secret=abc port 5500");
    (void)add_text(0, "this is my secret=abc port 5500");
    (void)add_dial(0, 5500);
    find();
    assert_int_equal(site.found.verdict, PORT_MORE);
    assert_int_equal(site.found.count, 0);
    assert_int_equal(site.found.needs_ports, 1);
}

/* -- too little, or nothing ---------------------------------------------------------------------------------------------------
 */

static void test_needs_more(void **state)
{
    (void)state;
    begin();
    find();
    assert_int_equal(site.found.verdict, PORT_MORE);
    assert_true(site.found.needs_links == 3 && site.found.needs_ports == 2);
    (void)add_text(0, "AB5500;");
    find();
    assert_true(site.found.needs_links == 3 && site.found.needs_ports == 2);
    (void)add_dial(0, 5500);
    find();
    assert_true(site.found.verdict == PORT_MORE && site.found.count == 0);
    assert_true(site.found.needs_links == 2 && site.found.needs_ports == 1);
    (void)add_text(1, "AB5500;");
    (void)add_dial(1, 5500);
    (void)add_text(2, "AB5500;");
    (void)add_dial(2, 5500);
    find();
    assert_true(site.found.verdict == PORT_MORE && site.found.needs_links == 0 && site.found.needs_ports == 1);
    (void)add_text(0, "AB5501;");
    (void)add_dial(0, 5501);
    find();
    expect_only_rule("", 2, PORT_DECIMAL);
    expect_evidence(4, 3, 2);
}

static void test_encrypted(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        begin();
        for (unsigned client = 0; client < 12; client++) {
            uint8_t bytes[PORT_FIND_BYTES];

            for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)chance_next(&chance);
            memcpy(bytes, "\x16\x03\x01\x02", 4);
            (void)add_bytes(client, bytes, sizeof(bytes));
            (void)add_dial(client, (uint16_t)(5500 + client % 4));
        }
        find();
        assert_int_equal(site.found.verdict, PORT_NONE);
        assert_int_equal(site.found.count, 0);
    }
}

/* Ports that clients never announced: the server dials by other knowledge. */
static void test_not_announced(void **state)
{
    (void)state;
    begin();
    for (unsigned client = 0; client < 6; client++) {
        (void)add_text(client, "HELLO, here I am");
        (void)add_dial(client, (uint16_t)(5500 + client % 2));
    }
    find();
    assert_int_equal(site.found.verdict, PORT_NONE);
}

/* What a client sends to make the search long: it ends, and soon. */
static void test_hostile(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < SAMPLES_MAX; i++) {
        uint8_t bytes[PORT_FIND_BYTES];

        for (size_t k = 0; k < sizeof(bytes); k += 2)
            memcpy(bytes + k, (const uint8_t[]){0x15, (uint8_t)(0x7c + i % 10)}, 2);
        bytes[i] = 0;
        (void)add_bytes(i / 10, bytes, sizeof(bytes));
        (void)add_dial(i / 10, (uint16_t)(5500 + i % 10));
    }
    find();
    assert_int_equal(site.found.verdict, PORT_FOUND); /* many places fit */
    assert_int_equal(site.found.count, PORT_FIND_RULES);
    for (unsigned i = 0; i < DIALS_MAX; i += 10)
        site.dials[i].client = 1000; /* a client without links: none fits */
    find();
    assert_int_equal(site.found.verdict, PORT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_offset_and_form),
        cmocka_unit_test(test_links_without_announcement),
        cmocka_unit_test(test_two_applications),
        cmocka_unit_test(test_port_elsewhere),
        cmocka_unit_test(test_dial_without_link),
        cmocka_unit_test(test_zeros_in_front),
        cmocka_unit_test(test_decimal_behind_a_key),
        cmocka_unit_test(test_binary_behind_a_key),
        cmocka_unit_test(test_patterns_among_others),
        cmocka_unit_test(test_no_pattern_of_one_port),
        cmocka_unit_test(test_needs_more),
        cmocka_unit_test(test_encrypted),
        cmocka_unit_test(test_not_announced),
        cmocka_unit_test(test_hostile),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    begin();
    return failed;
}
