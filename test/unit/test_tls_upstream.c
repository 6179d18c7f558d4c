/* SPDX-License-Identifier: Apache-2.0 */
/* tls_context_new_upstream(): which servers are believed, by which name, and what is resumed. The servers are OpenSSL alone. */
#include "test/unit/unit.h"

#include "test/unit/tls_forge.h"
#include "test/unit/tls_pair.h"

#include "proxy/net/tcp_stream.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct forge forge;
static struct forge other; /* another CA */
static struct chunk_pool pool;

static int set_up(void **state)
{
    (void)state;
    forge_init(&forge);
    forge_init(&other);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(pool.borrowed_count, 0);
    chunk_pool_fini(&pool);
    forge_fini(&forge);
    forge_fini(&other);
    return 0;
}

static char *text_of(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

static struct tls_context *new_upstream(const struct cfg_upstream *upstream)
{
    struct forge_problems problems = {0};
    struct tls_context *context = tls_context_new_upstream(upstream, forge_problem, &problems);
    if (context == NULL)
        fail_msg("no context: %s", problems.text);
    return context;
}

static struct cfg_upstream verifying(void)
{
    return (struct cfg_upstream){.tls = CFG_UPSTREAM_TLS_VERIFY, .ca = forge.ca_path, .ca_line = 5, .line = 4};
}

/* ---- one connection ---- */

/** A server; what it was asked for is noted when it is greeted. */
struct server {
    const struct cfg_certificate *own;
    int min, max;        /**< versions, 0 for any */
    const char *suites;  /**< TLS 1.2; NULL: OpenSSL's */
    const char *chooses; /**< the ALPN name that it chooses, with length byte; NULL: it knows no ALPN */
    bool has_no_tickets;
    SSL_CTX *ctx; /**< made at the first connection */
    char server_name[64];
    char offers[64]; /**< ALPN, with length bytes */
};

static int on_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_length, const unsigned char *list, unsigned length,
                   void *arg)
{
    struct server *server = arg;
    (void)ssl;
    assert_true(length < sizeof(server->offers));
    memcpy(server->offers, list, length);
    server->offers[length] = '\0';
    if (server->chooses == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    *ret = (const unsigned char *)server->chooses + 1;
    *ret_length = (unsigned char)server->chooses[0];
    return SSL_TLSEXT_ERR_OK;
}

/** Without this OpenSSL would not tell the name of a resumed session. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

static void start_server(struct server *server)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(ctx);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, server->min);
    SSL_CTX_set_max_proto_version(ctx, server->max);
    if (server->suites != NULL)
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, server->suites), 1);
    if (server->has_no_tickets)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, server->own->chain), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, server->own->key, SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"s", 1);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, server);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    server->ctx = ctx;
}

/** What came of a connection: the reason's name, or the version, with "again" if it was resumed. */
static const char *dial(struct tls_context *context, struct server *server, const char *host, unsigned slot)
{
    static char text[64];
    struct address none = {0};
    struct tls_facts facts;
    char byte;
    int fd[2];
    if (server->ctx == NULL)
        start_server(server);
    server->server_name[0] = '\0';
    pair_sockets(fd, 0);
    struct stream *back =
        tls_stream_connect_upstream(context, tcp_stream_connect(fd[0], &none, ACCOUNT_OTHER, &pool), host, slot);
    assert_non_null(back);
    SSL *ssl = stranger_new(server->ctx, fd[1], false);
    if (pair_greet(back, NULL, ssl, NULL) == STREAM_STEP_DONE) {
        assert_int_equal(SSL_write(ssl, "x", 1), 1);
        assert_int_equal(pair_read(back, &byte, 1), 1);
        tls_stream_facts(back, &facts);
        assert_false(facts.is_tunnel);
        assert_null(tls_stream_arr_ssl(back));
        assert_null(tls_stream_client_certificate(back));
        snprintf(text, sizeof(text), "%s%s", facts.version, facts.is_resumed ? " again" : "");
        if (SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL)
            snprintf(server->server_name, sizeof(server->server_name), "%s", SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    } else {
        snprintf(text, sizeof(text), "%s", reason_name(back->why));
    }
    SSL_shutdown(ssl);
    stream_close(back, STREAM_CLOSE_ORDERLY);
    stranger_free(ssl);
    return text;
}

static void stop_server(struct server *server)
{
    SSL_CTX_free(server->ctx);
    server->ctx = NULL;
}

/* ---- whom we believe ---- */

/** The same rows with "unverified": everybody is believed. */
static void test_names(void **state)
{
    static const struct {
        const char *alt_name;
        const char *host;
        const char *server_name; /**< the setting */
        const char *outcome;
        const char *asked_for; /**< the server name that the server sees */
    } rows[] = {
        {"DNS:scada.example", "scada.example", NULL, "TLSv1.3", "scada.example"},
        {"DNS:scada.example", "SCADA.example", NULL, "TLSv1.3", "SCADA.example"},
        {"DNS:scada.example", "scada.example.", NULL, "TLSv1.3", "scada.example"},
        {"DNS:*.plant.example", "scada.plant.example", NULL, "TLSv1.3", "scada.plant.example"},
        {"DNS:s*.plant.example", "scada.plant.example", NULL, "cert_wrong_name", "scada.plant.example"},
        {"DNS:*.plant.example", "a.b.plant.example", NULL, "cert_wrong_name", "a.b.plant.example"},
        {"DNS:other.example", "scada.example", NULL, "cert_wrong_name", "scada.example"},
        {"DNS:scada.example", "10.10.0.5", "scada.example", "TLSv1.3", "scada.example"},
        {"DNS:scada.example", "scada.example", "other.example", "cert_wrong_name", "other.example"},
        {"IP:10.10.0.5", "10.10.0.5", NULL, "TLSv1.3", ""},
        {"IP:2001:db8::5", "2001:db8:0::5", NULL, "TLSv1.3", ""},
        {"IP:10.10.0.5", "scada.example", "10.10.0.5", "TLSv1.3", ""},
        {"IP:10.10.0.6", "10.10.0.5", NULL, "cert_wrong_name", ""},
        {"DNS:10.10.0.5", "10.10.0.5", NULL, "cert_wrong_name", ""},
        {"DNS:scada.example", "10.10.0.5", NULL, "cert_wrong_name", ""},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct cfg_certificate own = forge_write(&forge, &(struct forge_leaf){"n", rows[i].alt_name});
        struct server server = {.own = &own};
        struct cfg_upstream upstream = verifying();
        upstream.server_name = text_of(rows[i].server_name);
        struct tls_context *context = new_upstream(&upstream);
        const char *outcome = dial(context, &server, rows[i].host, 0);
        if (strcmp(outcome, rows[i].outcome) != 0)
            fail_msg("row %zu: %s, not %s", i, outcome, rows[i].outcome);
        if (outcome[0] == 'T')
            assert_string_equal(server.server_name, rows[i].asked_for);
        tls_context_put(context);
        upstream.tls = CFG_UPSTREAM_TLS_UNVERIFIED;
        context = new_upstream(&upstream);
        assert_string_equal(dial(context, &server, rows[i].host, 0), "TLSv1.3");
        assert_string_equal(server.server_name, rows[i].asked_for);
        tls_context_put(context);
        stop_server(&server);
    }
}

static void test_certificates(void **state)
{
    static const struct {
        struct forge_leaf leaf;
        bool is_other;
        const char *outcome;
    } rows[] = {
        {{"c1", "DNS:a"}, false, "TLSv1.3"},
        {{"c2", "DNS:a", .key = FORGE_RSA}, false, "TLSv1.3"},
        {{"c3", "DNS:a", .until_s = -60}, false, "cert_expired"},
        {{"c4", "DNS:a", .from_s = 600}, false, "cert_expired"},
        {{"c5", "DNS:a"}, true, "cert_untrusted"},
        {{"c6", "DNS:a", .key = FORGE_RSA_WEAK}, false, "cert_untrusted"},
        {{"c7", "DNS:a", "clientAuth"}, false, "cert_wrong_role"},
    };
    struct cfg_upstream upstream = verifying();
    struct tls_context *strict = new_upstream(&upstream);
    upstream.tls = CFG_UPSTREAM_TLS_UNVERIFIED;
    upstream.ca = text_of("/nonexistent/ca.crt"); /* not looked at */
    struct tls_context *easy = new_upstream(&upstream);
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct forge_leaf leaf = rows[i].leaf;
        leaf.by = rows[i].is_other ? &other : NULL;
        struct cfg_certificate own = forge_write(&forge, &leaf);
        struct server server = {.own = &own};
        assert_string_equal(dial(strict, &server, "a", (unsigned)i), rows[i].outcome);
        assert_string_equal(dial(easy, &server, "a", (unsigned)i), "TLSv1.3");
        server.max = TLS1_2_VERSION;
        stop_server(&server);
        assert_string_equal(dial(strict, &server, "a", (unsigned)(8 + i)), i < 2 ? "TLSv1.2" : rows[i].outcome);
        stop_server(&server);
    }
    tls_context_put(strict);
    tls_context_put(easy);
}

/** The file named by `ca` may also hold the server's own certificate, whoever signed it. */
static void test_own_certificate_as_ca(void **state)
{
    struct cfg_certificate own = forge_write(&forge, &(struct forge_leaf){"pinned", "DNS:a"});
    struct cfg_certificate twin = forge_write(&forge, &(struct forge_leaf){"twin", "DNS:a"});
    struct server server = {.own = &own};
    struct server false_server = {.own = &twin};
    struct cfg_upstream upstream = verifying();
    upstream.ca = own.chain;
    struct tls_context *context = new_upstream(&upstream);
    (void)state;
    assert_string_equal(dial(context, &server, "a", 0), "TLSv1.3");
    assert_string_equal(dial(context, &server, "b", 1), "cert_wrong_name");
    assert_string_equal(dial(context, &false_server, "a", 2), "cert_untrusted");
    stop_server(&server);
    stop_server(&false_server);
    tls_context_put(context);
}

/** A certificate with a common name and no alternative ones, as old servers make for themselves. */
static struct cfg_certificate write_nameless(void)
{
    struct cfg_certificate c = forge_write(&forge, &(struct forge_leaf){"old.example", "DNS:x"});
    FILE *file = fopen(c.chain, "r");
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, NID_subject_alt_name, -1)));
    assert_true(X509_sign(x, forge.ca.key, EVP_sha256()) > 0);
    file = fopen(c.chain, "w");
    assert_int_equal(PEM_write_X509(file, x), 1);
    fclose(file);
    X509_free(x);
    return c;
}

static void test_common_names_count_under_our_own_ca_only(void **state)
{
    struct cfg_certificate own = write_nameless();
    struct server server = {.own = &own};
    struct cfg_upstream upstream = verifying();
    struct tls_context *ours = new_upstream(&upstream);
    (void)state;
    assert_string_equal(dial(ours, &server, "old.example", 0), "TLSv1.3");
    assert_string_equal(dial(ours, &server, "new.example", 1), "cert_wrong_name");
    tls_context_put(ours);
    upstream.ca = NULL;
    setenv("SSL_CERT_FILE", forge.ca_path, 1);
    struct tls_context *systems = new_upstream(&upstream);
    assert_string_equal(dial(systems, &server, "old.example", 0), "cert_wrong_name");
    unsetenv("SSL_CERT_FILE");
    tls_context_put(systems);
    stop_server(&server);
}

static void test_the_systems_store(void **state)
{
    struct cfg_certificate own = forge_write(&forge, &(struct forge_leaf){"sys", "DNS:a"});
    struct cfg_certificate foreign = forge_write(&forge, &(struct forge_leaf){"foreign", "DNS:a", .by = &other});
    struct server server = {.own = &own};
    struct server false_server = {.own = &foreign};
    struct cfg_upstream upstream = {.tls = CFG_UPSTREAM_TLS_VERIFY, .line = 4};
    char folder[128];
    char link[192];
    (void)state;
    setenv("SSL_CERT_FILE", forge.ca_path, 1);
    struct tls_context *bundle = new_upstream(&upstream);
    assert_string_equal(dial(bundle, &server, "a", 0), "TLSv1.3");
    assert_string_equal(dial(bundle, &false_server, "a", 1), "cert_untrusted");
    tls_context_put(bundle);
    /* A folder of files that are named by a hash of the subject. */
    snprintf(folder, sizeof(folder), "%s/certs", forge.scratch.folder);
    snprintf(link, sizeof(link), "%s/%08lx.0", folder,
             X509_NAME_hash_ex(X509_get_subject_name(forge.ca.certificate), NULL, NULL, NULL));
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(symlink(forge.ca_path, link), 0);
    setenv("SSL_CERT_FILE", "/nonexistent/bundle.crt", 1);
    setenv("SSL_CERT_DIR", folder, 1);
    struct tls_context *hashed = new_upstream(&upstream);
    assert_string_equal(dial(hashed, &server, "a", 0), "TLSv1.3");
    assert_string_equal(dial(hashed, &false_server, "a", 1), "cert_untrusted");
    tls_context_put(hashed);
    unlink(link);
    rmdir(folder);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    stop_server(&server);
    stop_server(&false_server);
}

/* ---- what is agreed ---- */

static void test_versions_and_ciphers(void **state)
{
    struct cfg_certificate own = forge_write(&forge, &(struct forge_leaf){"v", "DNS:a", .key = FORGE_RSA});
    struct cfg_upstream upstream = verifying();
    struct tls_context *from_1_2 = new_upstream(&upstream);
    upstream.tls_min = CFG_TLS_MIN_1_3;
    struct tls_context *from_1_3 = new_upstream(&upstream);
    struct server modern = {.own = &own, .min = TLS1_3_VERSION};
    struct server usual = {.own = &own, .max = TLS1_2_VERSION};
    struct server old = {.own = &own, .max = TLS1_2_VERSION, .suites = "ECDHE-RSA-AES256-SHA384"};
    struct server no_secrecy = {.own = &own, .max = TLS1_2_VERSION, .suites = "AES128-GCM-SHA256"};
    struct server ancient = {.own = &own, .max = TLS1_1_VERSION};
    (void)state;
    assert_string_equal(dial(from_1_2, &modern, "a", 0), "TLSv1.3");
    assert_string_equal(dial(from_1_3, &modern, "a", 0), "TLSv1.3");
    assert_string_equal(dial(from_1_2, &usual, "a", 1), "TLSv1.2");
    assert_string_equal(dial(from_1_3, &usual, "a", 1), "tls_no_common");
    assert_string_equal(dial(from_1_2, &old, "a", 2), "TLSv1.2");
    assert_string_equal(dial(from_1_2, &no_secrecy, "a", 3), "tls_no_common");
    assert_string_equal(dial(from_1_2, &ancient, "a", 4), "tls_no_common");
    stop_server(&modern);
    stop_server(&usual);
    stop_server(&old);
    stop_server(&no_secrecy);
    stop_server(&ancient);
    tls_context_put(from_1_2);
    tls_context_put(from_1_3);
}

static void test_alpn(void **state)
{
    struct cfg_certificate own = forge_write(&forge, &(struct forge_leaf){"alpn", "DNS:a"});
    struct cfg_upstream upstream = verifying();
    struct tls_context *context = new_upstream(&upstream);
    struct server server = {.own = &own, .chooses = "\x08http/1.1"};
    (void)state;
    assert_string_equal(dial(context, &server, "a", 0), "TLSv1.3");
    assert_string_equal(server.offers, "\x08http/1.1");
    server.chooses = NULL;
    assert_string_equal(dial(context, &server, "a", 1), "TLSv1.3");
    server.chooses = "\x02h2"; /* not offered, chosen all the same */
    assert_string_equal(dial(context, &server, "a", 2), "tls_error");
    stop_server(&server);
    tls_context_put(context);
}

static void test_server_that_does_not_speak_tls(void **state)
{
    struct cfg_upstream upstream = verifying();
    struct tls_context *context = new_upstream(&upstream);
    struct address none = {0};
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    int fd[2];
    (void)state;
    pair_sockets(fd, 0);
    struct stream *back = tls_stream_connect_upstream(context, tcp_stream_connect(fd[0], &none, ACCOUNT_OTHER, &pool), "a", 0);
    assert_int_equal(write(fd[1], answer, sizeof(answer) - 1), sizeof(answer) - 1);
    assert_int_equal(pair_greet(back, NULL, NULL, NULL), STREAM_STEP_FAILED);
    assert_int_equal(back->why, REASON_TLS_NOT_TLS);
    stream_close(back, STREAM_CLOSE_RESET);
    close(fd[1]);
    tls_context_put(context);
}

/** Names that OpenSSL would take for "any name" or "any name below". */
static void test_hosts_that_are_no_names(void **state)
{
    struct cfg_upstream upstream = verifying();
    struct tls_context *context = new_upstream(&upstream);
    struct address none = {0};
    char longest[300];
    (void)state;
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    const char *hosts[] = {"", ".", ".example", longest};
    for (size_t i = 0; i < ROWS(hosts); i++) {
        int fd[2];
        pair_sockets(fd, 0);
        assert_null(tls_stream_connect_upstream(context, tcp_stream_connect(fd[0], &none, ACCOUNT_OTHER, &pool), hosts[i], 0));
        char byte;
        assert_int_equal(read(fd[1], &byte, 1), 0); /* it is closed */
        close(fd[1]);
    }
    tls_context_put(context);
}

/* ---- resumption ---- */

static void test_sessions_are_kept_for_each_server(void **state)
{
    struct cfg_certificate own = forge_write(&forge, &(struct forge_leaf){"r", "DNS:a,DNS:b"});
    static const struct {
        int version;
        bool has_no_tickets; /**< TLS 1.2: session ids, as old servers have */
        const char *name;
    } rows[] = {{TLS1_3_VERSION, false, "TLSv1.3"}, {TLS1_2_VERSION, false, "TLSv1.2"}, {TLS1_2_VERSION, true, "TLSv1.2"}};
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct cfg_upstream upstream = verifying();
        struct tls_context *context = new_upstream(&upstream);
        struct server server = {
            .own = &own, .min = rows[i].version, .max = rows[i].version, .has_no_tickets = rows[i].has_no_tickets};
        char again[32];
        snprintf(again, sizeof(again), "%s again", rows[i].name);
        assert_string_equal(dial(context, &server, "a", 0), rows[i].name);
        assert_string_equal(dial(context, &server, "a", 0), again);
        assert_string_equal(server.server_name, "a");
        assert_string_equal(dial(context, &server, "b", 15), rows[i].name);
        assert_string_equal(dial(context, &server, "b", 15), again);
        assert_string_equal(dial(context, &server, "a", 0), again);
        struct tls_context *fresh = new_upstream(&upstream); /* a reload: everybody is verified anew */
        assert_string_equal(dial(fresh, &server, "a", 0), rows[i].name);
        tls_context_put(fresh);
        stop_server(&server);
        tls_context_put(context);
    }
}

/** A server whose certificate expires while its sessions go on. */
static void test_no_session_outlives_the_certificate(void **state)
{
    struct cfg_certificate brief = forge_write(&forge, &(struct forge_leaf){"brief", "DNS:a", .until_s = 3});
    struct server server = {.own = &brief};
    struct cfg_upstream upstream = verifying();
    struct tls_context *strict = new_upstream(&upstream);
    upstream.tls = CFG_UPSTREAM_TLS_UNVERIFIED;
    struct tls_context *easy = new_upstream(&upstream);
    (void)state;
    assert_string_equal(dial(strict, &server, "a", 0), "TLSv1.3");
    assert_string_equal(dial(strict, &server, "a", 0), "TLSv1.3 again");
    assert_string_equal(dial(easy, &server, "a", 0), "TLSv1.3");
    sleep(4); /* no event tells that a certificate has expired */
    assert_string_equal(dial(strict, &server, "a", 0), "cert_expired");
    assert_string_equal(dial(easy, &server, "a", 0), "TLSv1.3 again");
    stop_server(&server);
    tls_context_put(strict);
    tls_context_put(easy);
}

/* ---- problems ---- */

struct told {
    unsigned count, line;
    char sentence[1024];
};

static void take(void *arg, unsigned line, const char *sentence)
{
    struct told *told = arg;
    told->count++;
    told->line = line;
    snprintf(told->sentence, sizeof(told->sentence), "%s", sentence);
}

static void test_problems_are_told_with_their_line(void **state)
{
    struct cfg_certificate expired = forge_write(&forge, &(struct forge_leaf){"gone", "DNS:a", .until_s = -60});
    static const struct {
        const char *ca;
        const char *part;
    } rows[] = {
        {"/nonexistent/ca.crt", "/nonexistent/ca.crt can't be read: No such file or directory; correct the path, or copy"},
        {"/dev/null", "can't be read"},
        {NULL, "expired on "},
    };
    struct cfg_upstream upstream = verifying();
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct told told = {0};
        upstream.ca = rows[i].ca == NULL ? expired.chain : text_of(rows[i].ca);
        assert_null(tls_context_new_upstream(&upstream, take, &told));
        assert_int_equal(told.count, 1);
        assert_int_equal(told.line, 5);
        if (strstr(told.sentence, rows[i].part) == NULL)
            fail_msg("\"%s\" is not in: %s", rows[i].part, told.sentence);
    }
    /* A system without any CA. */
    struct told told = {0};
    upstream.ca = NULL;
    setenv("SSL_CERT_FILE", "/nonexistent/bundle.crt", 1);
    setenv("SSL_CERT_DIR", "/nonexistent/a:/nonexistent/b", 1);
    assert_null(tls_context_new_upstream(&upstream, take, &told));
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    assert_int_equal(told.count, 1);
    assert_int_equal(told.line, 4);
    assert_non_null(strstr(told.sentence, "ca-certificates"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_own_certificate_as_ca),
        cmocka_unit_test(test_common_names_count_under_our_own_ca_only),
        cmocka_unit_test(test_the_systems_store),
        cmocka_unit_test(test_versions_and_ciphers),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_server_that_does_not_speak_tls),
        cmocka_unit_test(test_hosts_that_are_no_names),
        cmocka_unit_test(test_sessions_are_kept_for_each_server),
        cmocka_unit_test(test_no_session_outlives_the_certificate),
        cmocka_unit_test(test_problems_are_told_with_their_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
