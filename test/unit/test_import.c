/* SPDX-License-Identifier: Apache-2.0 */
/* config/iis_*.h, the pure parts: what is made of patterns and of the URLs that rules lead to, and which XML is refused. */
#include "test/unit/unit.h"

#include "config/iis_notes.h"
#include "config/iis_pattern.h"
#include "config/iis_target.h"
#include "config/iis_xml.h"

#include <stdlib.h>
#include <string.h>

/* Routes as "path" or "path>replace", parted by blanks; NULL: the rule can't be carried over. */
static const struct {
    const char *pattern;
    const char *rest;
    const char *routes;
    enum iis_syntax syntax;
} paths[] = {
    {"(.*)", "/{R:1}", "/"},
    {".*", "/{R:0}", "/"},
    {"^(.*)$", "/{R:1}", "/"},
    {"", "{REQUEST_URI}", "/"},
    {"^", "{UNENCODED_URL}", "/"},
    {"(.*)", "{R:1}", NULL},
    {"(.*)", "/app/{R:1}", "/>/app/"},
    {"(.*)", "/app{REQUEST_URI}", "/>/app/"},
    {"(.*)", "/app", NULL},
    {"(.*)", "/{R:2}", NULL},
    {"(.*)", "/{R:1}/x", NULL},
    {"(.*)", "/x?y={R:1}", NULL},
    {"^webx/(.*)", "/webx/{R:1}", "/webx/"},
    {"^webx/(.*)", "/{R:0}", "/webx/"},
    {"^webx/(.*)", "/{R:1}", "/webx/>/"},
    {"^webx/(.*)", "/new/{R:1}", "/webx/>/new/"},
    {"^webx/(.*)", "/new{R:1}", NULL},
    {"^webx/(.*)$", "{REQUEST_URI}", "/webx/"},
    {"^webx/", "{REQUEST_URI}", "/webx/"},
    {"^webx/", "/{R:0}", NULL},
    {"^webx", "{REQUEST_URI}", "/webx"},
    {"^webx.*", "/{R:0}", "/webx"},
    {"^webx(.*)", "/webx{R:1}", "/webx"},
    {"^webx(.*)", "/new{R:1}", "/webx>/new"},
    {"^webx(.*)", "/new/{R:1}", NULL},
    {"^webx(/.*)?$", "/webx{R:1}", "/webx"},
    {"^webx(/.*)?$", "{R:1}", "/webx>/"},
    {"^webx(?:/(.*))?$", "/{R:1}", "/webx>/"},
    {"^webx/?(.*)", "/{R:1}", "/webx>/"},
    {"^webx/?(.*)", "/webx/{R:1}", "/webx"},
    {"^webx(/?.*)", "/{R:1}", NULL},
    {"^(webx|db)/(.*)", "/{R:1}/{R:2}", "/webx/ /db/"},
    {"^(webx|db)/(.*)", "/{R:2}", "/webx/>/ /db/>/"},
    {"^(?:webx|db)/(.*)", "/{R:1}", "/webx/>/ /db/>/"},
    {"^((webx|db)/.*)", "/{R:1}", "/webx/ /db/"},
    {"^(?:old/(webx))/(.*)", "/{R:1}/{R:2}", "/old/webx/>/webx/"},
    {"^webx(?:/sub)(/.*)?", "/webx{R:1}", "/webx/sub>/webx"},
    {"^a/.*|^b/.*", "/{R:0}", "/a/ /b/"},
    {"^(a/(x)|b)/(.*)", "/{R:0}", NULL},
    {"^webx($|/)(.*)", "{REQUEST_URI}", "/webx"},
    {"^webx(/|$)", "{REQUEST_URI}", "/webx"},
    {"^a\\.b/(.*)", "/{R:0}", "/a.b/"},
    {"^a[.]b/(.*)", "/{R:0}", "/a.b/"},
    {"webx/(.*)", "/{R:0}", NULL},
    {"^/webx/(.*)", "/{R:0}", NULL},
    {"^web[xX]/(.*)", "/{R:0}", NULL},
    {"^\\d+/(.*)", "/{R:0}", NULL},
    {"^webx+/(.*)", "/{R:0}", NULL},
    {"^webx?/(.*)", "/{R:0}", NULL},
    {"^(webx/)+(.*)", "/{R:0}", NULL},
    {"^(?!admin)(.*)", "/{R:0}", NULL},
    {"(.*)\\.aspx$", "/{R:0}", NULL},
    {"^(webx/(.*)", "/{R:0}", NULL},
    {"^webx)/(.*)", "/{R:0}", NULL},
    {"^..(.*)", "/{R:0}", NULL},
    {"^a%2fb/(.*)", "/{R:0}", NULL},
    {"^a b/(.*)", "/{R:0}", NULL},
    {"^([^/]+)/(.*)", "/{R:0}", NULL},
    {"^webx$", "/{R:0}", NULL},
    {"*", "/{R:0}", "/", IIS_WILDCARD},
    {"*", "/{R:1}", "/", IIS_WILDCARD},
    {"webx/*", "/{R:1}", "/webx/>/", IIS_WILDCARD},
    {"webx/*", "/{R:0}", "/webx/", IIS_WILDCARD},
    {"*/webx", "/{R:0}", NULL, IIS_WILDCARD},
    {"webx(1)/*", "/{R:0}", "/webx(1)/", IIS_WILDCARD},
    {"webx", "/{R:0}", NULL, IIS_EXACT_MATCH},
};

/* The routes that a row gives, as in the table; "-" if a part of it can't be done. */
static void routes_of(const char *pattern, const char *rest, enum iis_syntax syntax, bool has_slash, char *text)
{
    struct iis_pattern parsed;

    *text = '\0';
    if (iis_pattern_parse(syntax, pattern, has_slash, &parsed) != NULL) {
        strcpy(text, "-");
        return;
    }
    for (size_t i = 0; i < parsed.count; i++) {
        struct iis_references references = {&parsed.heads[i], has_slash ? 'C' : 'R'};
        char *path, *replace;

        if (iis_target_route(rest, &references, &path, &replace) != NULL) {
            strcpy(text, "-");
            break;
        }
        sprintf(text + strlen(text), "%s%s%s%s", i > 0 ? " " : "", path, replace != NULL ? ">" : "",
                replace != NULL ? replace : "");
        free(path);
        free(replace);
    }
    iis_pattern_fini(&parsed);
}

static void test_paths(void **state)
{
    char text[1024];

    (void)state;
    for (size_t i = 0; i < ROWS(paths); i++) {
        const char *wanted = paths[i].routes != NULL ? paths[i].routes : "-";

        routes_of(paths[i].pattern, paths[i].rest, paths[i].syntax, false, text);
        if (strcmp(text, wanted) != 0)
            fail_msg("%s to %s gives %s, not %s", paths[i].pattern, paths[i].rest, text, wanted);
    }
}

/* The same for values that begin with a slash. */
static const struct {
    const char *pattern;
    const char *rest;
    const char *routes;
} uris[] = {
    {"^/webx/(.*)", "/{C:1}", "/webx/>/"},
    {"^(/webx/.*)", "{C:1}", "/webx/"},
    {"^/webx/(.*)", "/{R:1}", "/webx/"},
    {"^/(.*)", "/{C:1}", "/"},
    {"(.*)", "{C:1}", "/"},
    {"(.*)", "/{C:1}", "-"},
    {"^/?(.*)", "/{C:1}", "/"},
    {"^webx/(.*)", "/{C:1}", "-"},
    {"^/webx", "/{R:1}", "/webx"},
    {"^/(webx|db)/", "{REQUEST_URI}", "/webx/ /db/"},
};

static void test_uris(void **state)
{
    char text[1024];

    (void)state;
    for (size_t i = 0; i < ROWS(uris); i++) {
        routes_of(uris[i].pattern, uris[i].rest, IIS_ECMASCRIPT, true, text);
        if (strcmp(text, uris[i].routes) != 0)
            fail_msg("%s to %s gives %s, not %s", uris[i].pattern, uris[i].rest, text, uris[i].routes);
    }
}

static const struct {
    const char *pattern;
    const char *hosts; /**< parted by blanks; "": every host; NULL: not understood */
    bool is_loose;
    enum iis_syntax syntax;
} hosts[] = {
    {".*", ""},
    {"(.+)", ""},
    {"*", "", false, IIS_WILDCARD},
    {"^scada\\.example\\.com$", "scada.example.com"},
    {"^Scada.Example.com$", "scada.example.com"},
    {"^(scada\\.example\\.com)$", "scada.example.com"},
    {"scada.example.com", "scada.example.com", true},
    {"^scada\\.example", "scada.example", true},
    {"^(a|b)\\.example\\.com$", "a.example.com b.example.com"},
    {"^(?:a|b)\\.example\\.com$", "a.example.com b.example.com"},
    {"^(www\\.)?example\\.com$", "www.example.com example.com"},
    {"^(.*)\\.example\\.com$", "*.example.com"},
    {"^[^.]+\\.example\\.com$", NULL},
    {".*\\.example\\.com$", "*.example.com"},
    {"*.example.com", "*.example.com", false, IIS_WILDCARD},
    {"scada.example.com", "scada.example.com", false, IIS_EXACT_MATCH},
    {"^scada\\.example\\.com(:\\d+)?$", "scada.example.com"},
    {"^scada\\.example\\.com:8443$", NULL},
    {"^10\\.0\\.0\\.5$", "10.0.0.5"},
    {"^scada\\.(.*)$", NULL},
    {"^scada\\d\\.example\\.com$", NULL},
    {"^$", NULL},
    {"^(?!scada)", NULL},
    {"^scada$x", NULL},
};

static void test_hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(hosts); i++) {
        struct iis_strings found = {0};
        char text[1024] = "";
        bool is_loose;
        bool is_good = iis_pattern_hosts(hosts[i].syntax, hosts[i].pattern, &found, &is_loose) == NULL;

        for (size_t j = 0; j < found.count; j++)
            sprintf(text + strlen(text), "%s%s", j > 0 ? " " : "", found.list[j]);
        EXPECT(is_good == (hosts[i].hosts != NULL), hosts[i].pattern);
        if (is_good && (strcmp(text, hosts[i].hosts) != 0 || is_loose != hosts[i].is_loose))
            fail_msg("%s gives \"%s\"%s", hosts[i].pattern, text, is_loose ? ", loosely" : "");
        iis_strings_fini(&found);
    }
}

static const struct {
    const char *url;
    const char *parts; /**< scheme, authority, rest and endpoint; NULL: no absolute URL */
} urls[] = {
    {"http://localhost:8080/{R:1}", "http localhost:8080 /{R:1} localhost:8080"},
    {"HTTP://localhost/{R:1}", "http localhost /{R:1} localhost:80"},
    {"https://10.0.0.5/", "https 10.0.0.5 / 10.0.0.5:443"},
    {"{C:1}://localhost:8080/{R:1}", "client localhost:8080 /{R:1} localhost:8080"},
    {"http://localhost:8080{REQUEST_URI}", "http localhost:8080 {REQUEST_URI} localhost:8080"},
    {"https://{HTTP_HOST}/{R:1}", "https {HTTP_HOST} /{R:1} -"},
    {"https://{HTTP_HOST}{REQUEST_URI}", "https {HTTP_HOST} {REQUEST_URI} -"},
    {"https://{HTTP_HOST}:8443/", "https {HTTP_HOST}:8443 / -"},
    {"http://[::1]:80/", "http [::1]:80 / [::1]:80"},
    {"http://[::1]/", "http [::1] / [::1]:80"},
    {"http://host:0/", "http host:0 / -"},
    {"http://host:99999/", "http host:99999 / -"},
    {"http://us er/", "http us er / -"},
    {"http://user@host/", "http user@host / -"},
    {"/index.html", NULL},
    {"ftp://host/", NULL},
    {"http:///x", NULL},
    {"http://", NULL},
};

static void test_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(urls); i++) {
        struct iis_url url = {0};
        char text[1024], *endpoint;

        EXPECT((iis_url_split(urls[i].url, &url) == NULL) == (urls[i].parts != NULL), urls[i].url);
        if (urls[i].parts == NULL)
            continue;
        endpoint = iis_url_endpoint(url.authority, url.is_tls);
        snprintf(text, sizeof(text), "%s %s %s %s",
                 url.is_as_client ? "client"
                 : url.is_tls     ? "https"
                                  : "http",
                 url.authority, url.rest, endpoint != NULL ? endpoint : "-");
        EXPECT(strcmp(text, urls[i].parts) == 0, urls[i].url);
        free(endpoint);
        iis_url_fini(&url);
    }
}

static const struct {
    const char *text;
    const char *error; /**< how the line begins; NULL: it is read */
} documents[] = {
    {"<a/>", NULL},
    {"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<a b='1'>\r\n <c/></a>", NULL},
    {"\xef\xbb\xbf<a/>", NULL},
    {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a b=\"\xfc\"/>", NULL},
    {"", "it:1:1: The XML is wrong: no element found"},
    {"<a>", "it:1:4: The XML is wrong: no element found"},
    {"<a>\n<b></a>", "it:2:6: The XML is wrong: mismatched tag"},
    {"<a>\n <b c=1/></a>", "it:2:7: The XML is wrong: not well-formed"},
    {"<a/><a/>", "it:1:5: The XML is wrong: junk after document element"},
    {"<a b=\"1\" b=\"2\"/>", "it:1:10: The XML is wrong: duplicate attribute"},
    {"<a>\xff</a>", "it:1:4: The XML is wrong: not well-formed"},
    {"<a>&other;</a>", "it:1:4: The XML is wrong: undefined entity"},
    {"<?xml version=\"1.0\" encoding=\"windows-1252\"?><a/>", "it:1:31: The XML is wrong: unknown encoding. Save it as UTF-8"},
    {"<!DOCTYPE a>\n<a/>", "it:1:12: This file is not read: it has a document type"},
    {"<!DOCTYPE a [<!ENTITY e SYSTEM \"/etc/passwd\">]>\n<a>&e;</a>", "it:1:13: This file is not read: it has a document type"},
    {"<!DOCTYPE a [<!ENTITY e \"xx\"><!ENTITY f \"&e;&e;\">]>\n<a>&f;</a>",
     "it:1:13: This file is not read: it has a document type"},
};

static struct iis_node *parse(const char *bytes, size_t length, char error[1024])
{
    FILE *err = fmemopen(error, 1024, "w");
    struct iis_node *root;

    assert_non_null(err);
    *error = '\0';
    root = iis_xml_parse("it", bytes, length, err);
    fclose(err);
    return root;
}

static void test_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(documents); i++) {
        char error[1024];
        struct iis_node *root = parse(documents[i].text, strlen(documents[i].text), error);

        EXPECT((root != NULL) == (documents[i].error == NULL), documents[i].text);
        if (root == NULL && strncmp(error, documents[i].error, strlen(documents[i].error)) != 0)
            fail_msg("%s: %s", documents[i].text, error);
        iis_tree_free(root);
    }
}

/* A document of ASCII in UTF-16 with its mark. */
static size_t as_utf16(const char *text, bool is_big, char *bytes)
{
    size_t length = 0;

    bytes[length++] = is_big ? '\xfe' : '\xff';
    bytes[length++] = is_big ? '\xff' : '\xfe';
    for (; *text != '\0'; text++) {
        bytes[length++] = is_big ? '\0' : *text;
        bytes[length++] = is_big ? *text : '\0';
    }
    return length;
}

static void test_utf16(void **state)
{
    (void)state;
    for (int is_big = 0; is_big < 2; is_big++) {
        char bytes[256], error[1024];
        size_t length = as_utf16("<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n<a>\n<b c=\"d\"/></a>", is_big, bytes);
        struct iis_node *root = parse(bytes, length, error);

        assert_non_null(root);
        assert_string_equal(iis_attr(iis_child(root, "b"), "c"), "d");
        assert_int_equal(root->first->line, 3);
        iis_tree_free(root);
    }
}

static void test_limits(void **state)
{
    static char text[1024 + 8 * IIS_XML_NODES];
    char error[1024];
    struct iis_node *root;

    (void)state;
    *text = '\0';
    for (int i = 0; i <= IIS_XML_DEPTH; i++)
        strcat(text, "<a>");
    assert_null(parse(text, strlen(text), error));
    assert_non_null(strstr(error, "too deep"));

    strcpy(text, "<a>");
    for (size_t i = 0; i < IIS_XML_NODES; i++)
        memcpy(text + 3 + 4 * i, "<a/>", 5);
    assert_null(parse(text, strlen(text), error));
    assert_non_null(strstr(error, "too many"));

    strcpy(text + 3 + 4 * (size_t)(IIS_XML_NODES - 1), "</a>");
    root = parse(text, strlen(text), error);
    assert_non_null(root);
    iis_tree_free(root);
}

static void test_marks(void **state)
{
    char error[1024], path[IIS_PATH_BYTES];
    static const char text[] =
        "<configuration><location path='x'><a b='1' c='TRUE'><d/><d e='2'/></a></location></configuration>";
    struct iis_node *root = parse(text, strlen(text), error);
    struct iis_node *a, *d;

    (void)state;
    a = iis_find(root, "location/a");
    assert_non_null(a);
    assert_true(root->first->is_told && a->is_told && !a->first->is_told);
    assert_string_equal(iis_path(a, path), "a");
    assert_string_equal(iis_attr(a, "b"), "1");
    assert_true(a->attributes[0].is_told && !a->attributes[1].is_told);
    assert_true(iis_attr_bool(a, "c", false));
    assert_true(iis_attr_bool(a, "b", true));
    assert_null(iis_attr(a, "z"));
    d = iis_next(iis_child(a, "d"), "d");
    assert_string_equal(iis_attr(d, "e"), "2");
    assert_string_equal(iis_path(d, path), "a/d");
    assert_null(iis_next(d, "d"));
    assert_null(iis_find(root, "location/z/y"));
    iis_tree_free(root);
}

static void test_timespans(void **state)
{
    static const struct {
        const char *text;
        long seconds;
    } rows[] = {{"00:02:00", 120}, {"1.00:00:01", 86401}, {"23:59:59", 86399}, {"120", -1},      {"00:60:00", -1},
                {"24:00:00", -1},  {"00:00", -1},         {"00:00:00:00", -1}, {"-1:00:00", -1}, {"00:00:01x", -1},
                {"", -1},          {"99999.00:00:00", -1}};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        long seconds = -1;

        EXPECT(iis_timespan(rows[i].text, &seconds) == (rows[i].seconds >= 0), rows[i].text);
        EXPECT(seconds == rows[i].seconds, rows[i].text);
    }
}

/* A table's key in place of a group. */
static void test_keys(void **state)
{
    static const struct {
        const char *pattern;
        unsigned group;
        const char *wanted;
    } rows[] = {{"^([^/]+)/(.*)", 1, "^(a\\.b)/(.*)"},
                {"^([^/]+)/(.*)", 2, "^([^/]+)/(a\\.b)"},
                {"^(?:x)/([^/)]+)/", 1, "^(?:x)/(a\\.b)/"},
                {"^\\(([^/]+)", 1, "^\\((a\\.b)"},
                {"^([^/]+)", 2, NULL}};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *got = iis_pattern_with(rows[i].pattern, rows[i].group, "a.b");

        EXPECT((got != NULL) == (rows[i].wanted != NULL), rows[i].pattern);
        if (got != NULL && strcmp(got, rows[i].wanted) != 0)
            fail_msg("%s gives %s", rows[i].pattern, got);
        free(got);
    }
}

static void test_notes(void **state)
{
    char error[1024], *text = NULL;
    struct iis_node *root = parse("<configuration>\n<a name='x&#10;y'/>\n<b/>\n</configuration>", 57, error);
    struct iis_notes notes = {0};
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(root);
    iis_note(&notes, IIS_LOST, root->last, "Do that", "It is %s", "so");
    iis_note(&notes, IIS_BY_HAND, NULL, NULL, "All in all");
    iis_note(&notes, IIS_WEAKER, root->first, "Write: a = 1;", "Not \x1b here");
    iis_notes_print(&notes, "it", "# ", out);
    iis_notes_sum(&notes, out);
    fclose(out);
    assert_string_equal(text, "# it:2: weaker than IIS: a \"x\\x0ay\": Not \\x1b here. Write: a = 1;\n"
                              "# it:3: not carried over: b: It is so. Do that.\n"
                              "# by hand: All in all.\n"
                              "1 not carried over, 1 weaker than IIS, 1 by hand");
    free(text);
    iis_notes_fini(&notes);
    iis_tree_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),     cmocka_unit_test(test_uris),  cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_urls),      cmocka_unit_test(test_keys),  cmocka_unit_test(test_timespans),
        cmocka_unit_test(test_documents), cmocka_unit_test(test_utf16), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_marks),     cmocka_unit_test(test_notes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
