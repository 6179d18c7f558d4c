/* SPDX-License-Identifier: Apache-2.0 */
/* tls/stream.h, tls/context.h: who is let in by which door, with which certificate; and the reason when not. */
#include "test/unit/unit.h"

#include "test/unit/tls_forge.h"
#include "test/unit/tls_pair.h"
#include "tls/identity.h"

#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct forge forge;
static struct forge other; /* another CA */
static struct tls_tickets *tickets;
static struct chunk_pool pool;

static struct cfg_certificate relay;
static struct cfg_certificate site_a;

static int set_up(void **state)
{
    (void)state;
    forge_init(&forge);
    forge_init(&other);
    tickets = tls_tickets_new();
    relay = forge_write(&forge, &(struct forge_leaf){"relay", "URI:urn:georelay:relay"});
    site_a = forge_write(&forge, &(struct forge_leaf){"site-a", "URI:urn:georelay:agent:site-a", "clientAuth"});
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

static struct tls_context *new_agent(const struct cfg_certificate *identity, const char *ca)
{
    struct forge_problems problems = {0};
    struct tls_context *agent = tls_context_new_agent(identity, ca, forge_problem, &problems);
    if (agent == NULL)
        fail_msg("no agent: %s", problems.text);
    return agent;
}

/** A stranger's client; versions as numbers of OpenSSL, 0 for any. */
static SSL_CTX *new_client(int min, int max)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, min);
    SSL_CTX_set_max_proto_version(ctx, max);
    return ctx;
}

static struct cfg_web web_of(struct cfg_certificate *list, size_t count)
{
    return (struct cfg_web){.name = (char *)(uintptr_t) "main", .certificates = list, .certificates_count = count};
}

static void test_tunnel(void **state)
{
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    struct tls_context *agent = new_agent(&site_a, forge.ca_path);
    char name[IDENTITY_NAME_MAX + 1];
    struct tls_facts facts;
    enum stream_step step;
    int fd[2];
    (void)state;
    pair_sockets(fd, 0);
    struct stream *front = pair_accept(door, fd[0], &pool);
    struct stream *back = pair_connect(agent, fd[1], 0, &pool);
    assert_int_equal(pair_greet(front, back, NULL, &step), STREAM_STEP_DONE);
    assert_int_equal(step, STREAM_STEP_DONE);
    assert_int_equal(identity_agent_name(front, name), REASON_NONE);
    assert_string_equal(name, "site-a");
    assert_int_equal(identity_check_relay(front), REASON_CERT_WRONG_ROLE);
    assert_int_equal(identity_check_relay(back), REASON_NONE);
    assert_int_equal(identity_agent_name(back, name), REASON_CERT_WRONG_ROLE);
    tls_stream_facts(front, &facts);
    assert_true(facts.is_tunnel);
    assert_string_equal(facts.version, "TLSv1.3");
    assert_string_equal(facts.cipher, "TLS_AES_128_GCM_SHA256");
    assert_false(facts.is_resumed);
    assert_true(back->local.sa.any.sa_family == AF_INET);
    assert_int_equal(pool.borrowed_count, 0);
    stream_close(back, STREAM_CLOSE_ORDERLY);
    stream_close(front, STREAM_CLOSE_ORDERLY);
    tls_context_put(agent);
    tls_context_put(door);
}

/** The certificate that a door shows to a stranger, as "STEM/type", and what else was agreed. */
struct seen {
    enum stream_step step;
    enum reason why;
    char certificate[64];
    int key;
    char alpn[32];
    struct tls_facts facts;
};

struct ask {
    int min, max;
    const char *server_name;
    const char *alpn; /**< with length bytes */
    const char *sigalgs;
    const struct cfg_certificate *own;
};

static SSL *new_asker(SSL_CTX *ctx, const struct ask *ask, int fd)
{
    SSL *ssl = stranger_new(ctx, fd, true);
    if (ask->server_name != NULL)
        SSL_set_tlsext_host_name(ssl, ask->server_name);
    if (ask->alpn != NULL)
        SSL_set_alpn_protos(ssl, (const uint8_t *)ask->alpn, (unsigned)strlen(ask->alpn));
    if (ask->sigalgs != NULL)
        assert_int_equal(SSL_set1_sigalgs_list(ssl, ask->sigalgs), 1);
    if (ask->own != NULL) {
        assert_int_equal(SSL_use_certificate_file(ssl, ask->own->chain, SSL_FILETYPE_PEM), 1);
        assert_int_equal(SSL_use_PrivateKey_file(ssl, ask->own->key, SSL_FILETYPE_PEM), 1);
    }
    return ssl;
}

static void look(const SSL *ssl, struct seen *seen)
{
    const unsigned char *alpn = NULL;
    unsigned length = 0;
    X509 *x = SSL_get0_peer_certificate(ssl);
    SSL_get0_alpn_selected(ssl, &alpn, &length);
    if (length > 0)
        memcpy(seen->alpn, alpn, length);
    if (x == NULL)
        return;
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, seen->certificate, sizeof(seen->certificate));
    seen->key = EVP_PKEY_get_base_id(X509_get0_pubkey(x));
}

/** One connection of a stranger to a door. */
static struct seen ask_door(struct tls_context *door, const struct ask *ask)
{
    struct seen seen = {0};
    SSL_CTX *ctx = new_client(ask->min, ask->max);
    int fd[2];
    pair_sockets(fd, 0);
    struct stream *front = pair_accept(door, fd[0], &pool);
    SSL *ssl = new_asker(ctx, ask, fd[1]);
    seen.step = pair_greet(front, NULL, ssl, NULL);
    seen.why = front->why;
    look(ssl, &seen);
    tls_stream_facts(front, &seen.facts);
    stream_close(front, STREAM_CLOSE_RESET);
    stranger_free(ssl);
    SSL_CTX_free(ctx);
    return seen;
}

static void test_web(void **state)
{
    struct cfg_certificate list[] = {forge_write(&forge, &(struct forge_leaf){"web", "DNS:scada.example"})};
    struct cfg_web web = web_of(list, 1);
    struct tls_context *door = forge_door(&forge, &web, 1, NULL, tickets);
    struct seen seen;
    (void)state;
    seen = ask_door(door, &(struct ask){.max = TLS1_2_VERSION, .alpn = "\x02h2\x08http/1.1"});
    assert_int_equal(seen.step, STREAM_STEP_DONE);
    assert_string_equal(seen.facts.version, "TLSv1.2");
    assert_string_equal(seen.facts.cipher, "ECDHE-ECDSA-AES128-GCM-SHA256");
    assert_string_equal(seen.alpn, "http/1.1");
    assert_false(seen.facts.is_tunnel);
    seen = ask_door(door, &(struct ask){.alpn = "\x02h2"});
    assert_int_equal(seen.step, STREAM_STEP_DONE);
    assert_string_equal(seen.facts.version, "TLSv1.3");
    assert_string_equal(seen.alpn, "");
    /* No name in common is no reason to end, in either version; nor is no ALPN at all. */
    assert_int_equal(ask_door(door, &(struct ask){.alpn = "\x02h2\x08http/1.0", .max = TLS1_2_VERSION}).step, STREAM_STEP_DONE);
    assert_int_equal(ask_door(door, &(struct ask){.max = TLS1_2_VERSION}).step, STREAM_STEP_DONE);
    assert_string_equal(ask_door(door, &(struct ask){.alpn = "\x08http/1.1"}).alpn, "http/1.1");
    /* An address without a tunnel takes the tunnel's name for one that it does not know. */
    seen = ask_door(door, &(struct ask){.alpn = "\x0ageorelay/1"});
    assert_int_equal(seen.step, STREAM_STEP_DONE);
    assert_false(seen.facts.is_tunnel);
    assert_string_equal(seen.alpn, "");
    seen = ask_door(door, &(struct ask){.max = TLS1_1_VERSION});
    assert_int_equal(seen.step, STREAM_STEP_FAILED);
    assert_int_equal(seen.why, REASON_TLS_NO_COMMON);
    tls_context_put(door);
    web.tls = CFG_TLS_MODERN;
    door = forge_door(&forge, &web, 1, NULL, tickets);
    assert_int_equal(ask_door(door, &(struct ask){.max = TLS1_2_VERSION}).why, REASON_TLS_NO_COMMON);
    assert_int_equal(ask_door(door, &(struct ask){0}).step, STREAM_STEP_DONE);
    tls_context_put(door);
}

static void test_certificate_by_name_and_key(void **state)
{
    struct cfg_certificate list[] = {
        forge_write(&forge, &(struct forge_leaf){"first", "DNS:first.example"}),
        forge_write(&forge, &(struct forge_leaf){"wild", "DNS:*.example,DNS:example"}),
        forge_write(&forge, &(struct forge_leaf){"both-ec", "DNS:both.example,DNS:two.example"}),
        forge_write(&forge, &(struct forge_leaf){"both-rsa", "DNS:two.example,DNS:BOTH.example", .key = FORGE_RSA}),
    };
    static const struct {
        const char *name;
        const char *sigalgs;
        int max;
        const char *certificate;
    } rows[] = {
        {"first.example", NULL, 0, "first"},
        {"FIRST.example", NULL, 0, "first"},
        {"other.example", NULL, 0, "wild"},
        {"example", NULL, 0, "wild"},
        {"a.b.example", NULL, 0, "first"},
        {NULL, NULL, 0, "first"},
        {"both.example", NULL, 0, "both-ec"},
        {"both.example", "rsa_pss_rsae_sha256", 0, "both-rsa"},
        {"two.example", "ecdsa_secp256r1_sha256", 0, "both-ec"},
        {"two.example", "RSA+SHA256", TLS1_2_VERSION, "both-rsa"},
        {"two.example", "ECDSA+SHA256", TLS1_2_VERSION, "both-ec"},
    };
    struct cfg_web web = web_of(list, ROWS(list));
    struct tls_context *door = forge_door(&forge, &web, 1, &relay, tickets);
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct seen seen =
            ask_door(door, &(struct ask){.server_name = rows[i].name, .sigalgs = rows[i].sigalgs, .max = rows[i].max});
        EXPECT(seen.step == STREAM_STEP_DONE, rows[i].certificate);
        assert_string_equal(seen.certificate, rows[i].certificate);
    }
    /* The same address, another ALPN name: the relay's own certificate. */
    struct seen seen = ask_door(door, &(struct ask){.server_name = "first.example", .alpn = "\x0ageorelay/1", .own = &site_a});
    assert_int_equal(seen.step, STREAM_STEP_DONE);
    assert_string_equal(seen.certificate, "relay");
    assert_string_equal(seen.alpn, "georelay/1");
    assert_true(seen.facts.is_tunnel);
    tls_context_put(door);
}

static void test_second_front_door_of_an_address(void **state)
{
    struct cfg_certificate a[] = {forge_write(&forge, &(struct forge_leaf){"a", "DNS:a.example"})};
    struct cfg_certificate b[] = {forge_write(&forge, &(struct forge_leaf){"b", "DNS:b.example,DNS:a.example"})};
    struct cfg_web web[] = {web_of(a, 1), web_of(b, 1)};
    web[1].tls = CFG_TLS_MODERN;
    struct tls_context *door = forge_door(&forge, web, 2, NULL, tickets);
    (void)state;
    assert_int_equal(ask_door(door, &(struct ask){.server_name = "a.example"}).facts.web, 0);
    assert_int_equal(ask_door(door, &(struct ask){.server_name = "b.example"}).facts.web, 1);
    assert_int_equal(ask_door(door, &(struct ask){.server_name = "a.example", .max = TLS1_2_VERSION}).step, STREAM_STEP_DONE);
    assert_int_equal(ask_door(door, &(struct ask){.server_name = "b.example", .max = TLS1_2_VERSION}).why, REASON_TLS_NO_COMMON);
    tls_context_put(door);
}

static void test_agents_that_are_not_let_in(void **state)
{
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    static const struct {
        struct forge_leaf leaf;
        enum reason why;
        bool is_other;
        const char *comment;
    } rows[] = {
        {{"x1", "URI:urn:georelay:agent:x", "clientAuth", .until_s = -60}, REASON_CERT_EXPIRED, false, "expired"},
        {{"x2", "URI:urn:georelay:agent:x", "clientAuth", .from_s = 600}, REASON_CERT_EXPIRED, false, "not valid yet"},
        {{"x3", "URI:urn:georelay:agent:x", "clientAuth"}, REASON_CERT_UNTRUSTED, true, "of another CA"},
        {{"x4", "URI:urn:georelay:agent:x", "serverAuth"}, REASON_CERT_WRONG_ROLE, false, "for servers"},
        {{"x5", "URI:urn:georelay:agent:x", "clientAuth", FORGE_RSA_WEAK}, REASON_CERT_UNTRUSTED, false, "weak key"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct forge_leaf leaf = rows[i].leaf;
        leaf.by = rows[i].is_other ? &other : NULL;
        struct cfg_certificate own = forge_write(&forge, &leaf);
        struct seen seen = ask_door(door, &(struct ask){.alpn = "\x0ageorelay/1", .own = &own});
        EXPECT(seen.step == STREAM_STEP_FAILED, rows[i].comment);
        if (seen.why != rows[i].why)
            fail_msg("%s: %s", rows[i].comment, reason_name(seen.why));
    }
    assert_int_equal(ask_door(door, &(struct ask){.alpn = "\x0ageorelay/1"}).why, REASON_CERT_MISSING);
    assert_int_equal(ask_door(door, &(struct ask){.alpn = "\x02h2"}).why, REASON_TLS_NO_ALPN);
    assert_int_equal(ask_door(door, &(struct ask){0}).why, REASON_TLS_NO_ALPN);
    assert_int_equal(ask_door(door, &(struct ask){.alpn = "\x0ageorelay/1", .own = &site_a, .max = TLS1_2_VERSION}).why,
                     REASON_TLS_NO_COMMON);
    tls_context_put(door);
}

/** Certificates of our CA for clients which OpenSSL lets in, and which are no agent's. */
static void test_roles_behind_a_good_chain(void **state)
{
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    static const char *const alt_names[] = {
        "DNS:site-a",
        "URI:urn:georelay:relay",
        "URI:urn:georelay:agent:",
        "URI:urn:georelay:agent:-a",
        "URI:urn:georelay:agent:a b",
        "URI:urn:georelay:agent:a,URI:urn:georelay:agent:b",
        "URI:urn:georelay:agent:a,URI:urn:georelay:relay",
        "URI:urn:georelay:agent:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "URI:URN:GEORELAY:agent:a",
    };
    (void)state;
    for (size_t i = 0; i < ROWS(alt_names); i++) {
        struct cfg_certificate own = forge_write(&forge, &(struct forge_leaf){"y", alt_names[i], "clientAuth"});
        SSL_CTX *ctx = new_client(0, 0);
        char name[IDENTITY_NAME_MAX + 1];
        int fd[2];
        pair_sockets(fd, 0);
        struct stream *front = pair_accept(door, fd[0], &pool);
        SSL *ssl = new_asker(ctx, &(struct ask){.alpn = "\x0ageorelay/1", .own = &own}, fd[1]);
        EXPECT(pair_greet(front, NULL, ssl, NULL) == STREAM_STEP_DONE, alt_names[i]);
        EXPECT(identity_agent_name(front, name) == REASON_CERT_WRONG_ROLE, alt_names[i]);
        stream_close(front, STREAM_CLOSE_RESET);
        stranger_free(ssl);
        SSL_CTX_free(ctx);
    }
    tls_context_put(door);
}

static void test_both_usages_are_no_role(void **state)
{
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    struct cfg_certificate own =
        forge_write(&forge, &(struct forge_leaf){"z", "URI:urn:georelay:agent:z", "clientAuth,serverAuth"});
    SSL_CTX *ctx = new_client(0, 0);
    char name[IDENTITY_NAME_MAX + 1];
    int fd[2];
    (void)state;
    pair_sockets(fd, 0);
    struct stream *front = pair_accept(door, fd[0], &pool);
    SSL *ssl = new_asker(ctx, &(struct ask){.alpn = "\x0ageorelay/1", .own = &own}, fd[1]);
    assert_int_equal(pair_greet(front, NULL, ssl, NULL), STREAM_STEP_DONE);
    assert_int_equal(identity_agent_name(front, name), REASON_CERT_WRONG_ROLE);
    stream_close(front, STREAM_CLOSE_RESET);
    stranger_free(ssl);
    SSL_CTX_free(ctx);
    tls_context_put(door);
}

/** Sends bytes to a door as its first, then a FIN if asked for, and gives the reason. */
static enum reason shout(struct tls_context *door, const char *bytes, size_t size, bool wants_fin)
{
    enum reason why;
    enum stream_step step;
    int fd[2];
    pair_sockets(fd, 0);
    struct stream *front = pair_accept(door, fd[0], &pool);
    if (size > 0)
        assert_int_equal(write(fd[1], bytes, size), size);
    if (wants_fin)
        shutdown(fd[1], SHUT_WR);
    while ((step = stream_greet(front)) == STREAM_STEP_AGAIN)
        pair_wait(front, 0);
    assert_int_equal(step, STREAM_STEP_FAILED);
    why = front->why;
    assert_int_equal(stream_wants(front, STREAM_READ), 0);
    stream_close(front, STREAM_CLOSE_ORDERLY);
    close(fd[1]);
    return why;
}

#define SHOUT(door, literal, wants_fin) shout(door, literal, sizeof(literal) - 1, wants_fin)

static void test_strangers_that_do_not_speak_tls(void **state)
{
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    (void)state;
    assert_int_equal(SHOUT(door, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false), REASON_TLS_NOT_TLS);
    assert_int_equal(SHOUT(door, "SSH-2.0-OpenSSH_9.2\r\n", false), REASON_TLS_NOT_TLS);
    assert_int_equal(SHOUT(door, "\0\0\0\0\0\0\0\0\0\0\0\0", false), REASON_TLS_NOT_TLS);
    assert_int_equal(SHOUT(door, "\n", true), REASON_TLS_NOT_TLS);
    assert_int_equal(SHOUT(door, "", true), REASON_TLS_GONE);
    assert_int_equal(SHOUT(door, "\x16\x03\x01\x02", true), REASON_TLS_GONE);
    assert_int_equal(SHOUT(door, "\x16\x03\x01\0\x04\x01\0\0\0", false), REASON_TLS_ERROR); /* an empty hello */
    assert_int_equal(SHOUT(door, "\x15\x03\x01\0\x02\x02\x28", false), REASON_TLS_ERROR);   /* an alert, unasked */
    tls_context_put(door);
}

static void test_reset_during_the_handshake(void **state)
{
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    struct linger abort_now = {1, 0};
    int fd[2];
    (void)state;
    pair_sockets(fd, 0);
    struct stream *front = pair_accept(door, fd[0], &pool);
    assert_int_equal(stream_greet(front), STREAM_STEP_AGAIN);
    assert_int_equal(stream_wants(front, 0), STREAM_READ);
    setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &abort_now, sizeof(abort_now));
    close(fd[1]);
    assert_int_equal(stream_greet(front), STREAM_STEP_FAILED);
    assert_int_equal(front->why, REASON_FRONT_RESET);
    assert_int_equal(stream_greet(front), STREAM_STEP_FAILED);
    stream_close(front, STREAM_CLOSE_RESET);
    tls_context_put(door);
}

/** Greets an agent with a stranger's server that shows `own`; gives the agent's reason, REASON_NONE if it was let in as a relay.
 */
static enum reason meet_server(struct tls_context *agent, const struct cfg_certificate *own, int max)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    enum reason why;
    int fd[2];
    SSL_CTX_set_max_proto_version(ctx, max);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, own->chain), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, own->key, SSL_FILETYPE_PEM), 1);
    pair_sockets(fd, 0);
    struct stream *back = pair_connect(agent, fd[0], 0, &pool);
    SSL *ssl = stranger_new(ctx, fd[1], false);
    why = pair_greet(back, NULL, ssl, NULL) == STREAM_STEP_DONE ? identity_check_relay(back) : back->why;
    stream_close(back, STREAM_CLOSE_RESET);
    stranger_free(ssl);
    SSL_CTX_free(ctx);
    return why;
}

static void test_servers_that_are_no_relay(void **state)
{
    struct tls_context *agent = new_agent(&site_a, forge.ca_path);
    const char *uri = "URI:urn:georelay:relay";
    struct cfg_certificate expired = forge_write(&forge, &(struct forge_leaf){"s1", uri, .until_s = -60});
    struct cfg_certificate foreign = forge_write(&forge, &(struct forge_leaf){"s2", uri, .by = &other});
    struct cfg_certificate client = forge_write(&forge, &(struct forge_leaf){"s3", uri, "clientAuth"});
    struct cfg_certificate web = forge_write(&forge, &(struct forge_leaf){"s4", "DNS:relay.example"});
    (void)state;
    assert_int_equal(meet_server(agent, &expired, 0), REASON_CERT_EXPIRED);
    assert_int_equal(meet_server(agent, &foreign, 0), REASON_CERT_UNTRUSTED);
    assert_int_equal(meet_server(agent, &client, 0), REASON_CERT_WRONG_ROLE);
    assert_int_equal(meet_server(agent, &web, 0), REASON_TLS_NO_ALPN); /* this server chooses no ALPN name */
    assert_int_equal(meet_server(agent, &relay, TLS1_2_VERSION), REASON_TLS_NO_COMMON);
    tls_context_put(agent);
}

/** A relay that rejects the agent's certificate: its alert comes after the agent's handshake is done. */
static void test_rejection_is_told_to_the_agent(void **state)
{
    struct forge_leaf leaf = {"late", "URI:urn:georelay:agent:late", "clientAuth", .until_s = 1};
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    struct cfg_certificate own = forge_write(&forge, &leaf);
    struct tls_context *agent = new_agent(&own, forge.ca_path);
    (void)state;
    sleep(2); /* the certificate expires between loading and use: no event tells that */
    for (int round = 0; round < 3; round++) {
        enum stream_step step;
        char byte;
        int fd[2];
        pair_sockets(fd, 0);
        struct stream *front = pair_accept(door, fd[0], &pool);
        struct stream *back = pair_connect(agent, fd[1], 0, &pool);
        assert_int_equal(pair_greet(front, back, NULL, &step), STREAM_STEP_FAILED);
        assert_int_equal(front->why, REASON_CERT_EXPIRED);
        assert_int_equal(step, STREAM_STEP_DONE);
        if (round == 0) {
            assert_int_equal(pair_read(back, &byte, 1), STREAM_FAILED);
            stream_close(front, STREAM_CLOSE_RESET);
        } else {
            /* The agent writes before it reads, as it does with its first frame; the relay's socket is gone by then. */
            stream_close(front, round == 1 ? STREAM_CLOSE_RESET : STREAM_CLOSE_ORDERLY);
            ssize_t n;
            while ((n = stream_write(back, "hello", 5)) == 5)
                continue;
            assert_int_equal(n, STREAM_FAILED);
        }
        assert_int_equal(back->why, REASON_TLS_REJECTED);
        stream_close(back, STREAM_CLOSE_RESET);
    }
    tls_context_put(agent);
    tls_context_put(door);
}

static void test_connect_that_is_refused(void **state)
{
    struct tls_context *agent = new_agent(&site_a, forge.ca_path);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(at);
    enum stream_step step;
    (void)state;
    assert_int_equal(bind(closed, (struct sockaddr *)&at, length), 0); /* bound, not listening: refused */
    assert_int_equal(getsockname(closed, (struct sockaddr *)&at, &length), 0);
    (void)connect(fd, (struct sockaddr *)&at, length);
    struct stream *back = pair_connect(agent, fd, 0, &pool);
    assert_int_equal(back->fd, fd);
    while ((step = stream_greet(back)) == STREAM_STEP_AGAIN)
        pair_wait(back, 0);
    assert_int_equal(step, STREAM_STEP_FAILED);
    assert_int_equal(back->why, REASON_DIAL_REFUSED);
    stream_close(back, STREAM_CLOSE_ORDERLY);
    close(closed);
    tls_context_put(agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_web),
        cmocka_unit_test(test_certificate_by_name_and_key),
        cmocka_unit_test(test_second_front_door_of_an_address),
        cmocka_unit_test(test_agents_that_are_not_let_in),
        cmocka_unit_test(test_roles_behind_a_good_chain),
        cmocka_unit_test(test_both_usages_are_no_role),
        cmocka_unit_test(test_strangers_that_do_not_speak_tls),
        cmocka_unit_test(test_reset_during_the_handshake),
        cmocka_unit_test(test_servers_that_are_no_relay),
        cmocka_unit_test(test_rejection_is_told_to_the_agent),
        cmocka_unit_test(test_connect_that_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
