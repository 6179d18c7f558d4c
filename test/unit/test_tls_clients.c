/* SPDX-License-Identifier: Apache-2.0 */
/* Client certificates at web front doors: who is asked, who is let in, what is told of him, and which ticket opens which door. */
#include "test/unit/unit.h"

#include "test/unit/tls_forge.h"
#include "test/unit/tls_pair.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct forge forge;
static struct forge other; /* another CA */
static struct tls_tickets *tickets;
static struct chunk_pool pool;

static struct cfg_certificate page;
static struct cfg_certificate relay;
static struct cfg_certificate site_a; /* an agent */
static struct cfg_certificate user;
static struct cfg_certificate stranger; /* of the other CA */

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static int set_up(void **state)
{
    (void)state;
    forge_init(&forge);
    forge_init(&other);
    tickets = tls_tickets_new();
    page = forge_write(&forge, &(struct forge_leaf){"page", "DNS:scada.example"});
    relay = forge_write(&forge, &(struct forge_leaf){"relay", "URI:urn:georelay:relay"});
    site_a = forge_write(&forge, &(struct forge_leaf){"site-a", "URI:urn:georelay:agent:site-a", "clientAuth"});
    user = forge_write(&forge, &(struct forge_leaf){"operator", "email:o@example", "clientAuth"});
    stranger = forge_write(&forge, &(struct forge_leaf){"stranger", "email:s@example", "clientAuth", .by = &other});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(pool.borrowed_count, 0);
    chunk_pool_fini(&pool);
    tls_tickets_free(tickets);
    forge_fini(&forge);
    forge_fini(&other);
    return 0;
}

static struct cfg_web web_of(struct cfg_certificate *certificate, enum cfg_client_cert mode, const struct forge *ca)
{
    return (struct cfg_web){.name = (char *)(uintptr_t) "main",
                            .certificates = certificate,
                            .certificates_count = 1,
                            .client_certificate = (int)mode,
                            .client_ca = mode == CFG_CLIENT_CERT_OFF ? NULL : (char *)(uintptr_t)ca->ca_path};
}

static struct tls_context *new_door(enum cfg_client_cert mode, const struct forge *ca)
{
    struct cfg_web web = web_of(&page, mode, ca);
    return forge_door(&forge, &web, 1, NULL, tickets);
}

/* ---- one visit ---- */

struct visit {
    int version; /**< 0: any */
    const char *server_name;
    const char *alpn;   /**< with length bytes */
    const char *groups; /**< NULL: OpenSSL's */
    const struct cfg_certificate *own;
    SSL_SESSION *session;
};

struct seen {
    enum reason why;
    struct tls_facts facts;
    struct tls_client_certificate *client; /**< the test frees it */
    int authorities;                       /**< names of CAs that the door sent; -1: it did not ask for a certificate */
};

static SSL_SESSION *caught; /* the last ticket that a client got */

static int catch_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(caught);
    caught = session;
    return 1;
}

static SSL_SESSION *take_caught(void)
{
    SSL_SESSION *session = caught;
    caught = NULL;
    assert_non_null(session);
    return session;
}

static void drop_caught(void)
{
    SSL_SESSION_free(caught);
    caught = NULL;
}

/** The door asks the client for a certificate: notes that, and goes on with what the client has. */
static int on_asked(SSL *ssl, void *arg)
{
    struct seen *seen = arg;
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);
    seen->authorities = names == NULL ? 0 : sk_X509_NAME_num(names);
    return 1;
}

static SSL_CTX *new_client(const struct visit *how, struct seen *seen)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, how->version);
    SSL_CTX_set_max_proto_version(ctx, how->version);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, catch_session);
    SSL_CTX_set_cert_cb(ctx, on_asked, seen);
    if (how->groups != NULL)
        assert_int_equal(SSL_CTX_set1_groups_list(ctx, how->groups), 1);
    if (how->alpn != NULL)
        SSL_CTX_set_alpn_protos(ctx, (const uint8_t *)how->alpn, (unsigned)strlen(how->alpn));
    if (how->own != NULL) {
        assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, how->own->chain), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, how->own->key, SSL_FILETYPE_PEM), 1);
    }
    return ctx;
}

/** One connection: greeted, one byte read by the client so that its ticket has come, closed in order. */
static struct seen visit(struct tls_context *door, const struct visit *how)
{
    struct seen seen = {.authorities = -1};
    SSL_CTX *ctx = new_client(how, &seen);
    char byte;
    int fd[2];
    pair_sockets(fd, 0);
    struct stream *front = pair_accept(door, fd[0], &pool);
    SSL *ssl = stranger_new(ctx, fd[1], true);
    if (how->server_name != NULL)
        SSL_set_tlsext_host_name(ssl, how->server_name);
    if (how->session != NULL)
        assert_int_equal(SSL_set_session(ssl, how->session), 1);
    if (pair_greet(front, NULL, ssl, NULL) == STREAM_STEP_DONE) {
        assert_int_equal(stream_write(front, "x", 1), 1);
        assert_int_equal(stranger_read(ssl, &byte, 1), 1);
        tls_stream_facts(front, &seen.facts);
        seen.client = tls_stream_client_certificate(front);
        assert_int_equal(seen.client != NULL, seen.facts.has_client_certificate);
    } else {
        seen.why = front->why;
    }
    SSL_shutdown(ssl);
    stream_close(front, STREAM_CLOSE_ORDERLY);
    stranger_free(ssl);
    SSL_CTX_free(ctx);
    return seen;
}

/** What came of it: the reason's name, or the client's subject, or "nobody" if it is let in without a certificate. */
static const char *outcome(struct tls_context *door, const struct visit *how)
{
    static char text[128];
    struct seen seen = visit(door, how);
    if (seen.why != REASON_NONE)
        snprintf(text, sizeof(text), "%s", reason_name(seen.why));
    else
        snprintf(text, sizeof(text), "%s%s", seen.client == NULL ? "nobody" : seen.client->subject,
                 seen.facts.is_resumed ? " again" : "");
    free(seen.client);
    return text;
}

/* ---- who is let in ---- */

static void test_who_is_let_in(void **state)
{
    struct cfg_certificate expired = forge_write(&forge, &(struct forge_leaf){"c1", "DNS:x", "clientAuth", .until_s = -60});
    struct cfg_certificate early = forge_write(&forge, &(struct forge_leaf){"c2", "DNS:x", "clientAuth", .from_s = 600});
    struct cfg_certificate server = forge_write(&forge, &(struct forge_leaf){"c3", "DNS:x", "serverAuth"});
    struct cfg_certificate weak = forge_write(&forge, &(struct forge_leaf){"c4", "DNS:x", "clientAuth", FORGE_RSA_WEAK});
    struct cfg_certificate rsa = forge_write(&forge, &(struct forge_leaf){"c5", "DNS:x", "clientAuth", FORGE_RSA});
    const struct {
        const struct cfg_certificate *own;
        const char *off, *optional, *required;
    } rows[] = {
        {NULL, "nobody", "nobody", "cert_missing"},
        {&user, "nobody", "CN=operator", "CN=operator"},
        {&rsa, "nobody", "CN=c5", "CN=c5"},
        {&expired, "nobody", "cert_expired", "cert_expired"},
        {&early, "nobody", "cert_expired", "cert_expired"},
        {&stranger, "nobody", "cert_untrusted", "cert_untrusted"},
        {&server, "nobody", "cert_wrong_role", "cert_wrong_role"},
        {&weak, "nobody", "cert_untrusted", "cert_untrusted"},
    };
    struct tls_context *off = new_door(CFG_CLIENT_CERT_OFF, NULL);
    struct tls_context *optional = new_door(CFG_CLIENT_CERT_OPTIONAL, &forge);
    struct tls_context *required = new_door(CFG_CLIENT_CERT_REQUIRED, &forge);
    (void)state;
    for (size_t v = 0; v < ROWS(versions); v++) {
        for (size_t i = 0; i < ROWS(rows); i++) {
            const struct visit how = {.version = versions[v], .own = rows[i].own};
            assert_string_equal(outcome(off, &how), rows[i].off);
            assert_string_equal(outcome(optional, &how), rows[i].optional);
            assert_string_equal(outcome(required, &how), rows[i].required);
        }
    }
    drop_caught();
    tls_context_put(off);
    tls_context_put(optional);
    tls_context_put(required);
}

static void test_browsers_are_told_which_cas_count(void **state)
{
    struct tls_context *off = new_door(CFG_CLIENT_CERT_OFF, NULL);
    struct tls_context *required = new_door(CFG_CLIENT_CERT_REQUIRED, &forge);
    (void)state;
    for (size_t v = 0; v < ROWS(versions); v++) {
        struct seen seen = visit(off, &(struct visit){.version = versions[v]});
        assert_int_equal(seen.authorities, -1);
        seen = visit(required, &(struct visit){.version = versions[v], .own = &user});
        assert_int_equal(seen.authorities, 1);
        free(seen.client);
    }
    drop_caught();
    tls_context_put(off);
    tls_context_put(required);
}

/** The bundle holds the CA next to the clients and not the root above it. */
static void test_intermediate_alone(void **state)
{
    struct pki_ca root = {.key = pki_issue_key()};
    char path[160];
    (void)state;
    root.certificate = pki_issue_certificate(&(struct pki_subject){"root", NULL, NULL}, root.key, NULL, 100);
    X509 *middle = X509_dup(other.ca.certificate);
    X509_EXTENSION_free(X509_delete_ext(middle, X509_get_ext_by_NID(middle, NID_authority_key_identifier, -1)));
    assert_int_equal(X509_set_issuer_name(middle, X509_get_subject_name(root.certificate)), 1);
    assert_true(X509_sign(middle, root.key, EVP_sha256()) > 0);
    snprintf(path, sizeof(path), "%s/middle.crt", forge.scratch.folder);
    FILE *file = fopen(path, "w");
    assert_int_equal(PEM_write_X509(file, middle), 1);
    fclose(file);
    struct cfg_web web = web_of(&page, CFG_CLIENT_CERT_REQUIRED, &other);
    web.client_ca = path;
    struct tls_context *door = forge_door(&forge, &web, 1, NULL, tickets);
    assert_string_equal(outcome(door, &(struct visit){.own = &stranger}), "CN=stranger");
    assert_string_equal(outcome(door, &(struct visit){.own = &user}), "cert_untrusted");
    drop_caught();
    tls_context_put(door);
    X509_free(middle);
    X509_free(root.certificate);
    EVP_PKEY_free(root.key);
}

/* ---- several doors at one address ---- */

static void test_doors_by_name_beside_a_tunnel(void **state)
{
    struct cfg_certificate certificates[] = {
        forge_write(&forge, &(struct forge_leaf){"open", "DNS:open.example"}),
        forge_write(&forge, &(struct forge_leaf){"closed", "DNS:closed.example"}),
        forge_write(&forge, &(struct forge_leaf){"foreign", "DNS:foreign.example"}),
    };
    struct cfg_web web[] = {
        web_of(&certificates[0], CFG_CLIENT_CERT_OFF, NULL),
        web_of(&certificates[1], CFG_CLIENT_CERT_REQUIRED, &forge),
        web_of(&certificates[2], CFG_CLIENT_CERT_OPTIONAL, &other),
    };
    static const char tunnel[] = "\x0ageorelay/1";
    const struct {
        struct visit how;
        const char *outcome;
    } rows[] = {
        {{.server_name = "open.example"}, "nobody"},
        {{.server_name = "open.example", .own = &stranger}, "nobody"},
        {{.server_name = "closed.example"}, "cert_missing"},
        {{.server_name = "closed.example", .own = &user}, "CN=operator"},
        {{.server_name = "closed.example", .own = &stranger}, "cert_untrusted"},
        {{.server_name = "foreign.example"}, "nobody"},
        {{.server_name = "foreign.example", .own = &stranger}, "CN=stranger"},
        {{.server_name = "foreign.example", .own = &user}, "cert_untrusted"},
        /* The first key share does not fit, so there are two hellos (RFC 8446 section 4.1.4). */
        {{.server_name = "closed.example", .groups = "P-521:X25519", .version = TLS1_3_VERSION}, "cert_missing"},
        {{.server_name = "closed.example", .groups = "P-521:X25519", .own = &user}, "CN=operator"},
        /* A tunnel has its own CA and its own question; an agent is no client of a web front door. */
        {{.alpn = tunnel, .own = &site_a}, "nobody"},
        {{.alpn = tunnel, .own = &site_a, .server_name = "closed.example"}, "nobody"},
        {{.alpn = tunnel, .own = &stranger, .server_name = "foreign.example"}, "cert_untrusted"},
        {{.alpn = tunnel, .server_name = "open.example"}, "cert_missing"},
    };
    struct tls_context *door = forge_door(&forge, web, ROWS(web), &relay, tickets);
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *text = outcome(door, &rows[i].how);
        if (strcmp(text, rows[i].outcome) != 0)
            fail_msg("row %zu: %s, not %s", i, text, rows[i].outcome);
    }
    drop_caught();
    tls_context_put(door);
}

/* ---- tickets ---- */

/** Every pair of doors that differ in what they ask of clients only: a ticket opens the door that gave it, and no other. */
static void test_tickets_stay_at_their_door(void **state)
{
    struct tls_context *doors[] = {
        new_door(CFG_CLIENT_CERT_OFF, NULL),        new_door(CFG_CLIENT_CERT_OPTIONAL, &forge),
        new_door(CFG_CLIENT_CERT_OPTIONAL, &other), new_door(CFG_CLIENT_CERT_REQUIRED, &forge),
        new_door(CFG_CLIENT_CERT_REQUIRED, &other),
    };
    const struct cfg_certificate *own[] = {NULL, &user, &stranger, &user, &stranger};
    static const char *const names[] = {"nobody", "CN=operator", "CN=stranger", "CN=operator", "CN=stranger"};
    (void)state;
    for (size_t v = 0; v < ROWS(versions); v++) {
        for (size_t from = 0; from < ROWS(doors); from++) {
            assert_string_equal(outcome(doors[from], &(struct visit){.version = versions[v], .own = own[from]}), names[from]);
            SSL_SESSION *session = take_caught();
            for (size_t to = 0; to < ROWS(doors); to++) {
                struct seen seen = visit(doors[to], &(struct visit){.version = versions[v], .own = own[to], .session = session});
                assert_int_equal(seen.why, REASON_NONE);
                assert_int_equal(seen.facts.is_resumed, from == to);
                assert_string_equal(seen.client == NULL ? "nobody" : seen.client->subject, names[to]);
                free(seen.client);
            }
            SSL_SESSION_free(session);
        }
    }
    drop_caught();
    for (size_t i = 0; i < ROWS(doors); i++)
        tls_context_put(doors[i]);
}

static void test_no_ticket_without_certificate_opens_a_closed_door(void **state)
{
    struct tls_context *off = new_door(CFG_CLIENT_CERT_OFF, NULL);
    struct tls_context *optional = new_door(CFG_CLIENT_CERT_OPTIONAL, &forge);
    struct tls_context *required = new_door(CFG_CLIENT_CERT_REQUIRED, &forge);
    (void)state;
    for (size_t v = 0; v < ROWS(versions); v++) {
        struct tls_context *givers[] = {off, optional};
        for (size_t i = 0; i < ROWS(givers); i++) {
            struct visit how = {.version = versions[v]};
            assert_string_equal(outcome(givers[i], &how), "nobody");
            how.session = take_caught();
            assert_string_equal(outcome(required, &how), "cert_missing");
            assert_string_equal(outcome(givers[i], &how), "nobody again");
            SSL_SESSION_free(how.session);
        }
    }
    drop_caught();
    tls_context_put(off);
    tls_context_put(optional);
    tls_context_put(required);
}

/** The certificate expires between two visits; a resumed session would not be verified. */
static void test_a_ticket_does_not_outlive_its_certificate(void **state)
{
    struct tls_context *doors[] = {new_door(CFG_CLIENT_CERT_OPTIONAL, &forge), new_door(CFG_CLIENT_CERT_REQUIRED, &forge)};
    struct cfg_certificate brief = forge_write(&forge, &(struct forge_leaf){"brief", "DNS:x", "clientAuth", .until_s = 3});
    SSL_SESSION *sessions[ROWS(doors)][ROWS(versions)];
    (void)state;
    for (size_t i = 0; i < ROWS(doors); i++) {
        for (size_t v = 0; v < ROWS(versions); v++) {
            struct visit how = {.version = versions[v], .own = &brief};
            assert_string_equal(outcome(doors[i], &how), "CN=brief");
            how.session = take_caught();
            assert_string_equal(outcome(doors[i], &how), "CN=brief again");
            sessions[i][v] = how.session;
        }
    }
    sleep(4); /* no event tells that a certificate has expired */
    for (size_t i = 0; i < ROWS(doors); i++) {
        for (size_t v = 0; v < ROWS(versions); v++) {
            struct visit how = {.version = versions[v], .own = &brief, .session = sessions[i][v]};
            assert_string_equal(outcome(doors[i], &how), "cert_expired");
            SSL_SESSION_free(sessions[i][v]);
        }
        tls_context_put(doors[i]);
    }
    drop_caught();
}

/* ---- what is told ---- */

/** A certificate of our CA with names and a serial that a header line could stumble over. */
static struct cfg_certificate write_odd(char chain[160])
{
    FILE *file = fopen(user.chain, "r");
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    X509_NAME *name = X509_NAME_new();
    static const struct {
        const char *key, *value;
    } parts[] = {{"C", "NO"}, {"O", "\xc3\x98st, Verk + \"S\xc3\xb8n\""}, {"CN", "a\r\nX-Admin: yes"}};
    for (size_t i = 0; i < ROWS(parts); i++)
        assert_int_equal(
            X509_NAME_add_entry_by_txt(name, parts[i].key, MBSTRING_UTF8, (const uint8_t *)parts[i].value, -1, -1, 0), 1);
    assert_int_equal(X509_set_subject_name(x, name), 1);
    assert_int_equal(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), 0xabc), 1);
    assert_true(X509_sign(x, forge.ca.key, EVP_sha256()) > 0);
    snprintf(chain, 160, "%s/odd.crt", forge.scratch.folder);
    file = fopen(chain, "w");
    assert_int_equal(PEM_write_X509(file, x), 1);
    fclose(file);
    X509_NAME_free(name);
    X509_free(x);
    return (struct cfg_certificate){.chain = chain, .key = user.key};
}

static void test_what_is_told_of_a_client(void **state)
{
    struct tls_context *door = new_door(CFG_CLIENT_CERT_OPTIONAL, &forge);
    char chain[160];
    struct cfg_certificate odd = write_odd(chain);
    FILE *file = fopen(odd.chain, "r");
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[65];
    (void)state;
    fclose(file);
    assert_int_equal(X509_digest(x, EVP_sha256(), digest, NULL), 1);
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    for (size_t v = 0; v < ROWS(versions); v++) {
        struct visit how = {.version = versions[v], .own = &odd};
        for (int round = 0; round < 2; round++) { /* the second time from a ticket */
            struct seen seen = visit(door, &how);
            const struct tls_client_certificate *c = seen.client;
            assert_non_null(c);
            assert_int_equal(seen.facts.is_resumed, round == 1);
            assert_string_equal(c->subject, "CN=a\\0D\\0AX-Admin: yes,O=\\C3\\98st\\, Verk \\+ \\\"S\\C3\\B8n\\\",C=NO");
            assert_string_equal(c->issuer, "CN=test CA");
            assert_string_equal(c->serial, "0ABC");
            assert_string_equal(c->sha256, hex);
            uint8_t der[2048];
            const uint8_t *at = der;
            int length = EVP_DecodeBlock(der, (const uint8_t *)c->base64, (int)strlen(c->base64));
            X509 *again = d2i_X509(NULL, &at, length);
            assert_int_equal(X509_cmp(x, again), 0);
            assert_null(strchr(c->base64, '\n'));
            X509_free(again);
            free(seen.client);
            if (how.session == NULL)
                how.session = take_caught();
        }
        SSL_SESSION_free(how.session);
    }
    drop_caught();
    X509_free(x);
    tls_context_put(door);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_let_in),
        cmocka_unit_test(test_browsers_are_told_which_cas_count),
        cmocka_unit_test(test_intermediate_alone),
        cmocka_unit_test(test_doors_by_name_beside_a_tunnel),
        cmocka_unit_test(test_tickets_stay_at_their_door),
        cmocka_unit_test(test_no_ticket_without_certificate_opens_a_closed_door),
        cmocka_unit_test(test_a_ticket_does_not_outlive_its_certificate),
        cmocka_unit_test(test_what_is_told_of_a_client),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
