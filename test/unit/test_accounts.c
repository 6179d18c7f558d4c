/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/app/accounts.h: what is written is read again, and an answer that is cut or strange is told from a whole one. */
#include "test/unit/unit.h"

#include "proxy/app/accounts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD    "georelay answer=accounts form=1\n"
#define PROCESS "process version=1.2 role=agent name=site-a pid=77 started_ms=1000 started=x\n"
#define CONFIG  "config /etc/a file.conf\n"
#define HASH    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROW     "account purpose=link dir=accepted peer=192.168.1.20 count=12\n"

static struct address peer(const char *text)
{
    struct address a = {0};

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

static char *written(void)
{
    struct cfg cfg = {.role = CFG_ROLE_AGENT, .name = (char[]){"site-a"}};
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    assert_true(accounts_write(out, &(struct accounts_process){.cfg = &cfg,
                                                               .config_path = "/etc/georelay/my agent.conf",
                                                               .started_ms = 1714564800123,
                                                               .generation = 3,
                                                               .hash = HASH}));
    fclose(out);
    return text;
}

static void test_round(void **state)
{
    struct address one = peer("192.168.1.20"), six = peer("2001:db8::1"), none = {0};
    struct accounts a;
    char *text;
    (void)state;
    account_accepted(ACCOUNT_LINK, &one);
    account_opened(ACCOUNT_RELAY, &six);
    account_opened(ACCOUNT_RELAY, &six);
    account_made(ACCOUNT_RELAY, &six);
    account_opened(ACCOUNT_CLIENT, &none);
    text = written();
    assert_non_null(strstr(text, "\naccount purpose=link dir=accepted peer=192.168.1.20 count=1\n"));
    assert_non_null(strstr(text, "\naccount purpose=relay dir=opened peer=2001:db8::1 count=2 made=1\n"));
    assert_non_null(strstr(text, "\naccount purpose=client dir=opened peer=others count=1 made=0\n"));
    assert_non_null(strstr(text, " started=2024-05-01T12:00:00.123Z\n"));
    assert_null(accounts_parse(text, &a));
    assert_string_equal(a.version, GEORELAY_VERSION);
    assert_string_equal(a.role, "agent");
    assert_string_equal(a.name, "site-a");
    assert_int_equal(a.pid, getpid());
    assert_int_equal(a.started_ms, 1714564800123);
    assert_string_equal(a.config, "/etc/georelay/my agent.conf");
    assert_int_equal(a.generation, 3);
    assert_string_equal(a.hash, HASH);
    assert_int_equal(a.count, 3);
    assert_true(address_same_ip(&a.rows[0].peer, &one));
    assert_false(address_is_set(&a.rows[1].peer));
    assert_int_equal(a.rows[1].purpose, ACCOUNT_CLIENT);
    assert_true(address_same_ip(&a.rows[2].peer, &six));
    assert_int_equal(a.rows[2].count, 2);
    assert_int_equal(a.rows[2].made, 1);
    accounts_fini(&a);
    free(text);
}

/* Wherever it is cut, it is not taken for the whole. */
static void test_cut(void **state)
{
    char *text = written();
    size_t length = strlen(text);
    struct accounts a;
    (void)state;
    for (size_t cut = 0; cut + 1 < length; cut++) {
        char *part = strndup(text, cut);

        if (accounts_parse(part, &a) == NULL)
            fail_msg("cut after %zu of %zu bytes, and taken for the whole", cut, length);
        free(part);
    }
    free(text);
}

static void test_strange(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
        const char *comment;
    } rows[] = {
        {HEAD PROCESS CONFIG ROW "end rows=1\n", true, "whole"},
        {HEAD PROCESS CONFIG "end rows=0\n", true, "without a connection"},
        {HEAD PROCESS CONFIG "weather fine\n" ROW "end rows=1\n", true, "a line of a newer version"},
        {HEAD PROCESS CONFIG "account purpose=new dir=opened peer=::1 count=1 made=1 x=y\nend rows=1\n", true, "a newer purpose"},
        {HEAD PROCESS CONFIG "generation number=1 hash=-\n" ROW "end rows=1\n", true, "the hash is not known"},
        {HEAD PROCESS CONFIG "generation number=1\n" ROW "end rows=1\n", false, "no hash"},
        {"", false, "nothing"},
        {"georelay error=unknown_request known=accounts\n", false, "refused"},
        {"georelay answer=accounts form=2\n" PROCESS CONFIG "end rows=0\n", false, "a newer form"},
        {"HTTP/1.1 400 Bad Request\n" PROCESS CONFIG "end rows=0\n", false, "another program"},
        {HEAD PROCESS CONFIG ROW "end rows=2\n", false, "a line is missing"},
        {HEAD CONFIG ROW "end rows=1\n", false, "no process"},
        {HEAD PROCESS ROW "end rows=1\n", false, "no configuration"},
        {HEAD PROCESS CONFIG "account purpose=link dir=both peer=::1 count=1\nend rows=1\n", false, "no direction"},
        {HEAD PROCESS CONFIG "account purpose=link dir=accepted peer=here count=1\nend rows=1\n", false, "no peer"},
        {HEAD PROCESS CONFIG "account purpose=link dir=accepted peer=::1 count=-1\nend rows=1\n", false, "no number"},
        {HEAD PROCESS CONFIG "account purpose=link dir=opened peer=::1 count=1\nend rows=1\n", false, "made is missing"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *text = strdup(rows[i].text);
        struct accounts a = {0};

        EXPECT((accounts_parse(text, &a) == NULL) == rows[i].is_good, rows[i].comment);
        accounts_fini(&a);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round), cmocka_unit_test(test_cut), cmocka_unit_test(test_strange)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
