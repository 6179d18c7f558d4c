/* SPDX-License-Identifier: Apache-2.0 */
/* config/: web doors of mode "http": defaults, every setting, routes that know their upstream, the plan, and the words of HTTP
 * one by one, with input that ends at a guard page. */
#include "test/unit/unit.h"

#include "config/check.h"
#include "config/load.h"
#include "config/print.h"
#include "config/values.h"
#include "test/unit/guard.h"
#include "test/unit/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in test_config.c. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append\n";
}

static struct scratch scratch;
static struct cfg_problems problems;

static int set_up(void **state)
{
    (void)state;
    scratch_init(&scratch);
    problems = (struct cfg_problems){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cfg_problems_fini(&problems);
    scratch_fini(&scratch);
    return 0;
}

static struct cfg *load_bytes(const char *bytes, size_t count)
{
    const char *path = scratch_path(&scratch, "georelay.conf");
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
    return cfg_load(path, &problems);
}

static struct cfg *load_text(const char *text)
{
    struct cfg *cfg = load_bytes(text, strlen(text));

    assert_non_null(cfg);
    return cfg;
}

static char *source_path(void)
{
    const char *root = getenv("GEORELAY_SOURCE");
    char *path = NULL;

    assert_true(asprintf(&path, "%s/test/config/valid/every-setting-of-mode-http.conf", root ? root : ".") > 0);
    return path;
}

static struct cfg *load_every_setting(void)
{
    char *path = source_path();
    struct cfg *cfg = cfg_load(path, &problems);

    free(path);
    assert_non_null(cfg);
    assert_int_equal(problems.count, 0);
    return cfg;
}

static void expect_address(const struct address *address, const char *text)
{
    char formatted[ADDRESS_TEXT];

    assert_string_equal(address_format(address, formatted), text);
}

static void expect_upstream_defaults(const struct cfg_upstream *upstream)
{
    assert_int_equal(upstream->tls, CFG_UPSTREAM_TLS_OFF);
    assert_int_equal(upstream->tls_min, CFG_TLS_MIN_1_2);
    assert_null(upstream->ca);
    assert_null(upstream->server_name);
    assert_null(upstream->host);
    assert_int_equal(upstream->health.line, 0);
    assert_string_equal(upstream->health.path, "/");
    assert_int_equal(upstream->health.interval_s, 10);
    assert_int_equal(upstream->health.timeout_s, 5);
    assert_string_equal(upstream->health.status.text, "200-399");
    assert_int_equal(upstream->health.status.count, 1);
    assert_int_equal(upstream->health.status.list[0].first, 200);
    assert_int_equal(upstream->health.status.list[0].last, 399);
    assert_null(upstream->health.text);
    assert_null(upstream->health.host);
    assert_int_equal(upstream->health.rise, 2);
    assert_int_equal(upstream->health.fall, 3);
}

static void a_door_gets_its_defaults(void **state)
{
    struct cfg *cfg = load_text("role = \"relay\"; web = { upstreams = { }; routes = { }; allow = { }; };");
    const struct cfg_web *web = &cfg->web[0];

    (void)state;
    assert_int_equal(web->mode, CFG_WEB_HTTP);
    assert_int_equal(web->plain_count + web->redirect_from_count + web->trusted_count, 0);
    assert_int_equal(web->client_certificate, CFG_CLIENT_CERT_OFF);
    assert_null(web->client_ca);
    assert_int_equal(web->upstream.line, 0);
    expect_upstream_defaults(&web->upstream);
    expect_upstream_defaults(&web->upstreams[0]);
    assert_null(web->routes[0].host);
    assert_string_equal(web->routes[0].path, "/");
    assert_null(web->routes[0].upstream);
    assert_null(web->routes[0].replace);
    assert_string_equal(web->allow[0].path, "/");
    assert_int_equal(web->allow[0].methods_count, 0);
    assert_int_equal(web->headers, CFG_HEADERS_APPEND);
    assert_int_equal(web->links, CFG_WEB_LINKS_REWRITE);
    assert_int_equal(web->cookie_secure, CFG_COOKIE_SECURE_AUTO);
    assert_int_equal(web->cookie_http_only, CFG_COOKIE_HTTP_ONLY_KEEP);
    assert_int_equal(web->cookie_same_site, CFG_COOKIE_SAME_SITE_KEEP);
    assert_int_equal(web->hsts_s, 0);
    cfg_free(cfg);
}

static void the_rest_gets_its_defaults(void **state)
{
    struct cfg *cfg = load_text("role = \"relay\";");

    (void)state;
    assert_int_equal(cfg->limits.head_bytes, 65536);
    assert_int_equal(cfg->limits.fields, 100);
    assert_int_equal(cfg->limits.url_bytes, 32768);
    assert_int_equal(cfg->limits.body_bytes, 0);
    assert_int_equal(cfg->limits.requests, 0);
    assert_int_equal(cfg->limits.body_rate, 0);
    assert_int_equal(cfg->timeouts.head_s, 10);
    assert_int_equal(cfg->timeouts.keep_alive_s, 75);
    assert_int_equal(cfg->timeouts.body_s, 60);
    assert_int_equal(cfg->timeouts.response_s, 0);
    assert_int_equal(cfg->timeouts.upstream_idle_s, 30);
    assert_int_equal(cfg->timeouts.upgraded_s, 0);
    assert_int_equal(cfg->access.lines, CFG_ON);
    assert_int_equal(cfg->access.format, CFG_ACCESS_LOGFMT);
    assert_int_equal(cfg->access.query, CFG_OFF);
    assert_null(cfg->access.file);
    cfg_free(cfg);
}

static void a_door_is_read(void **state)
{
    struct cfg *cfg = load_every_setting();
    const struct cfg_web *web = &cfg->web[0];

    (void)state;
    assert_int_equal(web->plain_count, 1);
    expect_address(&web->plain[0].address, "192.0.2.1:8081");
    assert_int_equal(web->redirect_from_count, 2);
    expect_address(&web->redirect_from[1].address, "[2001:db8::1]:80");
    assert_int_equal(web->redirect_from[1].line, 5);
    assert_non_null(strstr(web->client_ca, "/ca.crt"));
    assert_int_equal(web->client_certificate, CFG_CLIENT_CERT_OPTIONAL);
    assert_int_equal(web->client_ca_line, 7);
    assert_int_equal(web->upstream.servers_count, 2);
    assert_string_equal(web->upstream.servers[1].text, "10.10.0.6:8080");
    assert_null(web->upstream.name);
    assert_int_equal(web->headers, CFG_HEADERS_REPLACE);
    assert_int_equal(web->trusted_count, 2);
    assert_int_equal(web->trusted[1].network.prefix, 128);
    assert_int_equal(web->links, CFG_WEB_LINKS_KEEP);
    assert_int_equal(web->cookie_secure, CFG_COOKIE_SECURE_ALWAYS);
    assert_int_equal(web->cookie_http_only, CFG_COOKIE_HTTP_ONLY_ADD);
    assert_int_equal(web->cookie_same_site, CFG_COOKIE_SAME_SITE_NONE);
    assert_int_equal(web->hsts_s, 300);
    cfg_free(cfg);
}

static void upstreams_are_read(void **state)
{
    struct cfg *cfg = load_every_setting();
    const struct cfg_web *web = &cfg->web[0];
    const struct cfg_health *health = &web->upstream.health;

    (void)state;
    assert_int_equal(web->upstream.tls, CFG_UPSTREAM_TLS_VERIFY);
    assert_non_null(strstr(web->upstream.ca, "/ca.crt"));
    assert_int_equal(web->upstream.ca_line, 10);
    assert_string_equal(web->upstream.server_name, "scada.example");
    assert_int_equal(web->upstream.tls_min, CFG_TLS_MIN_1_3);
    assert_string_equal(web->upstream.host, "scada.example:8080");
    assert_int_equal(web->upstream.line, 9);
    assert_string_equal(health->path, "/status?x=1");
    assert_int_equal(health->interval_s, 20);
    assert_int_equal(health->timeout_s, 7);
    assert_string_equal(health->status.text, "200-299, 401");
    assert_int_equal(health->status.count, 2);
    assert_int_equal(health->status.list[0].last, 299);
    assert_int_equal(health->status.list[1].first, 401);
    assert_int_equal(health->status.list[1].last, 401);
    assert_string_equal(health->text, "Geo SCADA");
    assert_string_equal(health->host, "[2001:db8::5]:80");
    assert_int_equal(health->rise, 4);
    assert_int_equal(health->fall, 5);
    assert_int_equal(health->line, 11);
    assert_int_equal(web->upstreams_count, 2);
    assert_string_equal(web->upstreams[0].name, "webx");
    assert_int_equal(web->upstreams[0].health.line, 0);
    assert_int_equal(web->upstreams[1].tls, CFG_UPSTREAM_TLS_UNVERIFIED);
    assert_true(web->upstreams[1].servers[0].is_name);
    cfg_free(cfg);
}

static void rules_for_requests_are_read(void **state)
{
    struct cfg *cfg = load_every_setting();
    const struct cfg_web *web = &cfg->web[0];

    (void)state;
    assert_int_equal(web->routes_count, 3);
    assert_string_equal(web->routes[0].host, "*.example.com");
    assert_string_equal(web->routes[0].path, "/WebX");
    assert_string_equal(web->routes[0].upstream, "webx");
    assert_string_equal(web->routes[0].replace, "/new");
    assert_null(web->routes[0].to);
    assert_int_equal(web->allow_count, 2);
    assert_int_equal(web->allow[0].methods_count, 3);
    assert_string_equal(web->allow[0].methods[2].text, "VERSION-CONTROL");
    assert_int_equal(web->allow[1].methods_count, 0);
    assert_int_equal(web->request_set_count, 2);
    assert_string_equal(web->request_set[0].name, "X-Site");
    assert_string_equal(web->request_set[0].value, "north; \"x\"\ty");
    assert_string_equal(web->request_set[1].value, "");
    assert_int_equal(web->request_remove_count, 1);
    assert_string_equal(web->request_remove[0].text, "X-Debug");
    assert_int_equal(web->response_set_count, 1);
    assert_string_equal(web->response_set[0].value, "SAMEORIGIN");
    assert_int_equal(web->response_remove_count, 2);
    assert_string_equal(web->response_remove[1].text, "X-Powered-By");
    cfg_free(cfg);
}

static void limits_are_read(void **state)
{
    struct cfg *cfg = load_every_setting();

    (void)state;
    assert_int_equal(cfg->limits.head_bytes, 2048);
    assert_int_equal(cfg->limits.fields, 50);
    assert_int_equal(cfg->limits.url_bytes, 1024);
    assert_true(cfg->limits.body_bytes == 5000000000);
    assert_int_equal(cfg->limits.requests, 1000);
    assert_int_equal(cfg->limits.body_rate, 100);
    assert_int_equal(cfg->timeouts.head_s, 21);
    assert_int_equal(cfg->timeouts.keep_alive_s, 22);
    assert_int_equal(cfg->timeouts.body_s, 23);
    assert_int_equal(cfg->timeouts.response_s, 24);
    assert_int_equal(cfg->timeouts.upstream_idle_s, 25);
    assert_int_equal(cfg->timeouts.upgraded_s, 26);
    assert_int_equal(cfg->access.lines, CFG_OFF);
    assert_int_equal(cfg->access.format, CFG_ACCESS_W3C);
    assert_int_equal(cfg->access.query, CFG_ON);
    assert_non_null(strstr(cfg->access.file, "/access.log"));
    cfg_free(cfg);
}

static void routes_know_their_upstream(void **state)
{
    struct cfg *cfg = load_every_setting();
    const struct cfg_web *web = &cfg->web[0];

    (void)state;
    cfg_check(cfg, &problems);
    assert_ptr_equal(web->routes[0].to, &web->upstreams[0]);
    assert_ptr_equal(web->routes[1].to, &web->upstreams[1]);
    assert_ptr_equal(web->routes[2].to, &web->upstream);
    cfg_free(cfg);
    cfg = load_text("role = \"relay\"; web = ( { upstreams = { name = \"a\"; }; }, { routes = { upstream = \"a\"; }; } );");
    cfg_check(cfg, &problems);
    assert_null(cfg->web[1].routes[0].to); /* another door's upstream is none of ours */
    cfg_free(cfg);
}

static void the_plan_names_ways_and_routes(void **state)
{
    static const char *const parts[] = {
        "listen 192.0.2.1:443 for the web door \"main\"\n",
        "listen 192.0.2.1:8081 for the plain web door \"main\"\n",
        "listen [2001:db8::1]:80 for the redirect to the web door \"main\"\n",
        "  TLS 1.2 and 1.3, then HTTP over TLS to 10.10.0.5:8080, then 10.10.0.6:8080\n",
        "    each 20 s asked for /status?x=1: well with status 200-299, 401 and the text \"Geo SCADA\"\n",
        "  requests for *.example.com/WebX, as /new, to 10.10.0.5:85\n",
        "  requests for /x/, as /, over TLS without verification to webx.example:443\n",
        "  requests for [2001:db8::1]/ over TLS to 10.10.0.5:8080",
        "  let through GET, POST, VERSION-CONTROL for /\n",
        "  let through every method for /list\n",
        "  browsers may show a certificate of ",
        "no line about each request\n",
    };
    struct cfg *cfg = load_every_setting();
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    cfg_check(cfg, &problems);
    cfg_print_plan(cfg, out);
    fclose(out);
    for (size_t i = 0; i < ROWS(parts); i++)
        EXPECT(strstr(text, parts[i]), parts[i]);
    free(text);
    cfg_free(cfg);
}

struct word {
    enum cfg_type type;
    bool is_good;
    const char *text;
};

static const struct word words[] = {
    {CFG_HOST, true, "scada.example"},
    {CFG_HOST, true, "scada_1"},
    {CFG_HOST, true, "10.0.0.5"},
    {CFG_HOST, true, "2001:db8::5"},
    {CFG_HOST, false, "[2001:db8::5]"},
    {CFG_HOST, false, "10.0.0.500"},
    {CFG_HOST, false, "scada.example:443"},
    {CFG_HOST, false, "-a"},
    {CFG_HOST, false, "a..b"},
    {CFG_HOST, false, ""},
    {CFG_HOST_FIELD, true, "scada.example"},
    {CFG_HOST_FIELD, true, "scada.example:8080"},
    {CFG_HOST_FIELD, true, "10.0.0.5"},
    {CFG_HOST_FIELD, true, "10.0.0.5:80"},
    {CFG_HOST_FIELD, true, "[::1]"},
    {CFG_HOST_FIELD, true, "[::1]:65535"},
    {CFG_HOST_FIELD, false, "::1"},
    {CFG_HOST_FIELD, false, "[::1"},
    {CFG_HOST_FIELD, false, "[a]:80"},
    {CFG_HOST_FIELD, false, "[10.0.0.5]:80"},
    {CFG_HOST_FIELD, false, "[10.0.0.5]"},
    {CFG_HOST_FIELD, false, "a:"},
    {CFG_HOST_FIELD, false, "a:0"},
    {CFG_HOST_FIELD, false, "a:65536"},
    {CFG_HOST_FIELD, false, "a:80 "},
    {CFG_HOST_FIELD, false, "a/b"},
    {CFG_HOST_FIELD, false, "user@a"},
    {CFG_HOST_FIELD, false, "a\r\nX: y"},
    {CFG_HOST_PATTERN, true, "scada.example"},
    {CFG_HOST_PATTERN, true, "*.example"},
    {CFG_HOST_PATTERN, true, "*.10.example"},
    {CFG_HOST_PATTERN, true, "10.0.0.5"},
    {CFG_HOST_PATTERN, true, "[2001:db8::5]"},
    {CFG_HOST_PATTERN, false, "2001:db8::5"},
    {CFG_HOST_PATTERN, false, "*"},
    {CFG_HOST_PATTERN, false, "*."},
    {CFG_HOST_PATTERN, false, "*.*.example"},
    {CFG_HOST_PATTERN, false, "*example"},
    {CFG_HOST_PATTERN, false, "*.[::1]"},
    {CFG_HOST_PATTERN, false, "*.10.0.0.5"},
    {CFG_HOST_PATTERN, false, "scada.example."},
    {CFG_HOST_PATTERN, false, "scada.example:80"},
    {CFG_HOST_PATTERN, false, "10.0.0.5:80"},
    {CFG_URL_PATH, true, "/"},
    {CFG_URL_PATH, true, "/WebX"},
    {CFG_URL_PATH, true, "/a//b/"},
    {CFG_URL_PATH, true, "/{a}|b%41\"'"},
    {CFG_URL_PATH, true, "/a.b/..c/.d/e../f.%2e.g"},
    {CFG_URL_PATH, true, "/\xc3\xa4"},
    {CFG_URL_PATH, false, ""},
    {CFG_URL_PATH, false, "a"},
    {CFG_URL_PATH, false, "*"},
    {CFG_URL_PATH, false, "/a b"},
    {CFG_URL_PATH, false, "/a?"},
    {CFG_URL_PATH, false, "/a#"},
    {CFG_URL_PATH, false, "/a\\b"},
    {CFG_URL_PATH, false, "/a\tb"},
    {CFG_URL_PATH, false, "/a\x7f"},
    {CFG_URL_PATH, false, "/a%2Fb"},
    {CFG_URL_PATH, false, "/a%5cb"},
    {CFG_URL_PATH, false, "/."},
    {CFG_URL_PATH, false, "/.."},
    {CFG_URL_PATH, false, "/a/./b"},
    {CFG_URL_PATH, false, "/a/../b"},
    {CFG_URL_PATH, false, "/%2e"},
    {CFG_URL_PATH, false, "/%2E%2e/"},
    {CFG_URL_PATH, false, "/.%2e"},
    {CFG_URL_PATH, false, "/a/%2E."},
    {CFG_URL_TARGET, true, "/"},
    {CFG_URL_TARGET, true, "/a?b=../c&d?"},
    {CFG_URL_TARGET, false, "/a b"},
    {CFG_URL_TARGET, false, "/a#b"},
    {CFG_URL_TARGET, false, "?a"},
    {CFG_URL_TARGET, false, "http://a/"},
    {CFG_URL_TARGET, false, "/a\r\n\r\n"},
    {CFG_METHOD, true, "GET"},
    {CFG_METHOD, true, "M-SEARCH"},
    {CFG_METHOD, false, "Get"},
    {CFG_METHOD, false, "GET "},
    {CFG_METHOD, false, ""},
    {CFG_METHOD, false, "GET,POST"},
    {CFG_FIELD_NAME, true, "X-Site_1"},
    {CFG_FIELD_NAME, true, "!#$%&'*+-.^_`|~"},
    {CFG_FIELD_NAME, false, ""},
    {CFG_FIELD_NAME, false, "X:"},
    {CFG_FIELD_NAME, false, " X"},
    {CFG_FIELD_NAME, false, "X\n"},
    {CFG_FIELD_NAME, false, "X(1)"},
    {CFG_FIELD_NAME, false, "\xc3\xa4"},
    {CFG_FIELD_VALUE, true, ""},
    {CFG_FIELD_VALUE, true, "a \tb"},
    {CFG_FIELD_VALUE, true, "\xc3\xa4"},
    {CFG_FIELD_VALUE, false, " a"},
    {CFG_FIELD_VALUE, false, "a "},
    {CFG_FIELD_VALUE, false, "\ta"},
    {CFG_FIELD_VALUE, false, " "},
    {CFG_FIELD_VALUE, false, "a\rb"},
    {CFG_FIELD_VALUE, false, "a\nb"},
    {CFG_FIELD_VALUE, false, "a\x7f"},
    {CFG_FIELD_VALUE, false, "a\x01"},
    {CFG_STATUSES, true, "200"},
    {CFG_STATUSES, true, "100-599"},
    {CFG_STATUSES, true, " 200 , 301-302,404 "},
    {CFG_STATUSES, false, ""},
    {CFG_STATUSES, false, " "},
    {CFG_STATUSES, false, ","},
    {CFG_STATUSES, false, "200,"},
    {CFG_STATUSES, false, "200,,300"},
    {CFG_STATUSES, false, "200 300"},
    {CFG_STATUSES, false, "200-"},
    {CFG_STATUSES, false, "-200"},
    {CFG_STATUSES, false, "200 - 300"},
    {CFG_STATUSES, false, "300-200"},
    {CFG_STATUSES, false, "099"},
    {CFG_STATUSES, false, "600"},
    {CFG_STATUSES, false, "2000"},
    {CFG_STATUSES, false, "20"},
    {CFG_STATUSES, false, "0x200"},
};

union member {
    char *text;
    struct cfg_statuses statuses;
};

static void words_are_told_apart(void **state)
{
    struct cfg_value_place place = {.folder = "/", .line = 1};
    struct guard guard;

    (void)state;
    guard_init(&guard, 64);
    for (size_t i = 0; i < ROWS(words); i++) {
        const struct cfg_setting row = {.name = "word", .type = words[i].type};
        const char *text = (const char *)guard_copy(&guard, words[i].text, strlen(words[i].text) + 1);
        union member member = {0};
        bool is_good = cfg_value_parse(&row, text, &place, &member);

        EXPECT(is_good == words[i].is_good, words[i].text);
        EXPECT(is_good ? strcmp(member.text, text) == 0 : member.text == NULL, words[i].text);
        cfg_value_fini(&row, &member);
        EXPECT(member.text == NULL, words[i].text);
    }
    guard_fini(&guard);
}

static void long_words_are_bounded(void **state)
{
    static const struct {
        enum cfg_type type;
        size_t most;
    } table[] = {{CFG_FIELD_NAME, 4096}, {CFG_FIELD_VALUE, 4096}, {CFG_METHOD, 4096}};
    struct cfg_value_place place = {.folder = "/"};
    char text[4098];

    (void)state;
    for (size_t i = 0; i < ROWS(table); i++) {
        const struct cfg_setting row = {.name = "word", .type = table[i].type};
        union member member = {0};

        memset(text, 'A', sizeof(text));
        text[table[i].most + 1] = '\0';
        assert_false(cfg_value_parse(&row, text, &place, &member));
        text[table[i].most] = '\0';
        assert_true(cfg_value_parse(&row, text, &place, &member));
        cfg_value_fini(&row, &member);
    }
}

/* RFC 1035 2.3.4: a label has at most 63 bytes, and a name 253 as text. */
static void long_hosts_are_bounded(void **state)
{
    const struct cfg_setting row = {.name = "host", .type = CFG_HOST};
    struct cfg_value_place place = {.folder = "/"};
    union member none = {0};
    char text[256];

    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 63; i < sizeof(text); i += 64)
        text[i] = '.';
    for (size_t length = 250; length < sizeof(text); length++) {
        union member member = {0};
        char kept = text[length];

        text[length] = '\0';
        assert_int_equal(cfg_value_parse(&row, text, &place, &member), length <= 253);
        cfg_value_fini(&row, &member);
        text[length] = kept;
    }
    text[63] = 'a';
    text[64] = '\0';
    assert_false(cfg_value_parse(&row, text, &place, &none));
}

/* As in test_config.c: each beginning of a long file, and the file with one byte changed, is loaded, checked and freed. */
static void damaged_text_does_no_harm(void **state)
{
    static const char bytes[] = {'"', '}', '9', '@', '\\', '\xff'};
    char *path = source_path();
    FILE *file = fopen(path, "re");
    char text[4096];
    size_t count;

    (void)state;
    assert_non_null(file);
    count = fread(text, 1, sizeof(text), file);
    fclose(file);
    free(path);
    assert_true(count > 500 && count < sizeof(text));
    for (size_t i = 0; i < count; i++) {
        char kept = text[i];
        struct cfg *whole, *cut = load_bytes(text, i);

        text[i] = bytes[i % sizeof(bytes)];
        whole = load_bytes(text, count);
        text[i] = kept;
        if (whole)
            cfg_check(whole, &problems);
        if (cut)
            cfg_check(cut, &problems);
        cfg_free(whole);
        cfg_free(cut);
        cfg_problems_fini(&problems);
    }
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_door_gets_its_defaults),   STORY(the_rest_gets_its_defaults),     STORY(a_door_is_read),
        STORY(upstreams_are_read),         STORY(rules_for_requests_are_read),    STORY(limits_are_read),
        STORY(routes_know_their_upstream), STORY(the_plan_names_ways_and_routes), STORY(words_are_told_apart),
        STORY(long_words_are_bounded),     STORY(long_hosts_are_bounded),         STORY(damaged_text_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
