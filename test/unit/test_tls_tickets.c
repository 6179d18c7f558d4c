/* SPDX-License-Identifier: Apache-2.0 */
/* Session tickets: resumption, rotation of their keys while workers use them, and that none is taken at another door. */
#include "test/unit/unit.h"

#include "test/unit/tls_forge.h"
#include "test/unit/tls_pair.h"
#include "tls/identity.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static struct forge forge;
static struct forge other;
static struct tls_tickets *tickets;
static struct cfg_certificate relay;
static struct cfg_certificate site;
static struct cfg_certificate page;
static struct cfg_web web = {.name = (char *)(uintptr_t) "main", .certificates = &page, .certificates_count = 1};

static int set_up(void **state)
{
    (void)state;
    forge_init(&forge);
    forge_init(&other);
    tickets = tls_tickets_new();
    relay = forge_write(&forge, &(struct forge_leaf){"relay", "URI:urn:georelay:relay"});
    site = forge_write(&forge, &(struct forge_leaf){"site", "URI:urn:georelay:agent:site", "clientAuth"});
    page = forge_write(&forge, &(struct forge_leaf){"page", "DNS:scada.example"});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_tickets_free(tickets);
    forge_fini(&forge);
    forge_fini(&other);
    return 0;
}

static struct tls_context *new_agent(struct forge *f, const struct cfg_certificate *identity)
{
    struct forge_problems problems = {0};
    struct tls_context *agent = tls_context_new_agent(identity, f->ca_path, forge_problem, &problems);
    if (agent == NULL)
        fail_msg("no agent: %s", problems.text);
    return agent;
}

/** One connection of an agent: greeted, one byte each way (so that the ticket has come), closed. True if it was resumed. The
 * relay must take it for `expected`. */
static bool visit_as(const char *expected, struct tls_context *door, struct tls_context *agent, unsigned to,
                     struct chunk_pool *pool)
{
    struct tls_facts facts;
    struct tls_facts back_facts;
    char name[IDENTITY_NAME_MAX + 1];
    char byte;
    enum stream_step step;
    int fd[2];
    pair_sockets(fd, 0);
    struct stream *front = pair_accept(door, fd[0], pool);
    struct stream *back = pair_connect(agent, fd[1], to, pool);
    assert_int_equal(pair_greet(front, back, NULL, &step), STREAM_STEP_DONE);
    assert_int_equal(stream_write(front, "x", 1), 1);
    assert_int_equal(pair_read(back, &byte, 1), 1);
    assert_int_equal(identity_agent_name(front, name), REASON_NONE);
    assert_string_equal(name, expected);
    assert_int_equal(identity_check_relay(back), REASON_NONE);
    tls_stream_facts(front, &facts);
    tls_stream_facts(back, &back_facts);
    assert_int_equal(facts.is_resumed, back_facts.is_resumed);
    assert_true(facts.is_tunnel);
    stream_close(front, STREAM_CLOSE_RESET); /* the rudest end: later sessions must not suffer */
    stream_close(back, STREAM_CLOSE_RESET);
    return facts.is_resumed;
}

static bool visit(struct tls_context *door, struct tls_context *agent, unsigned to, struct chunk_pool *pool)
{
    return visit_as("site", door, agent, to, pool);
}

static void test_an_agent_resumes(void **state)
{
    struct chunk_pool pool = {0};
    struct tls_context *door = forge_door(&forge, &web, 1, &relay, tickets);
    struct tls_context *agent = new_agent(&forge, &site);
    (void)state;
    assert_false(visit(door, agent, 0, &pool));
    assert_true(visit(door, agent, 0, &pool));
    assert_true(visit(door, agent, 0, &pool));
    assert_false(visit(door, agent, 1, &pool)); /* another relay */
    assert_false(visit(door, agent, 15, &pool));
    /* A reload that changes nothing: tickets of before are good. */
    struct tls_context *again = forge_door(&forge, &web, 1, &relay, tickets);
    assert_true(visit(again, agent, 0, &pool));
    tls_context_put(again);
    tls_context_put(agent);
    tls_context_put(door);
    chunk_pool_fini(&pool);
}

static void test_rotation(void **state)
{
    struct chunk_pool pool = {0};
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    (void)state;
    for (int turns = 0; turns <= 4; turns++) {
        struct tls_context *agent = new_agent(&forge, &site);
        assert_false(visit(door, agent, 0, &pool));
        for (int i = 0; i < turns; i++)
            tls_tickets_rotate(tickets);
        assert_int_equal(visit(door, agent, 0, &pool), turns <= 2);
        tls_context_put(agent);
    }
    tls_context_put(door);
    chunk_pool_fini(&pool);
}

/** Who comes between two rotations always has a session that is good, although he gets a new one only after each. */
static void test_a_session_is_renewed_after_each_rotation(void **state)
{
    struct chunk_pool pool = {0};
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    struct tls_context *agent = new_agent(&forge, &site);
    (void)state;
    assert_false(visit(door, agent, 0, &pool));
    for (int i = 0; i < 6; i++) {
        tls_tickets_rotate(tickets);
        assert_true(visit(door, agent, 0, &pool));
        assert_true(visit(door, agent, 0, &pool));
    }
    tls_context_put(agent);
    tls_context_put(door);
    chunk_pool_fini(&pool);
}

/** The relay knows each by his own certificate, also where many sessions are kept and come in turn. */
static void test_sessions_of_several_agents(void **state)
{
    struct chunk_pool pool = {0};
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    struct tls_context *agents[12];
    char names[ROWS(agents)][16];
    (void)state;
    for (size_t i = 0; i < ROWS(agents); i++) {
        char uri[64];
        snprintf(names[i], sizeof(names[i]), "site-%zu", i);
        snprintf(uri, sizeof(uri), "URI:urn:georelay:agent:%s", names[i]);
        struct cfg_certificate own = forge_write(&forge, &(struct forge_leaf){names[i], uri, "clientAuth"});
        agents[i] = new_agent(&forge, &own);
        assert_false(visit_as(names[i], door, agents[i], 0, &pool));
    }
    for (size_t i = 0; i < ROWS(agents); i++)
        assert_true(visit_as(names[i], door, agents[i], 0, &pool));
    for (size_t i = 0; i < ROWS(agents); i++)
        tls_context_put(agents[i]);
    tls_context_put(door);
    chunk_pool_fini(&pool);
}

static void test_no_ticket_of_another_ca(void **state)
{
    struct chunk_pool pool = {0};
    struct tls_context *door = forge_door(&forge, NULL, 0, &relay, tickets);
    struct tls_context *agent = new_agent(&forge, &site);
    struct forge_problems problems = {0};
    char both[160];
    (void)state;
    assert_false(visit(door, agent, 0, &pool));
    /* A relay with the same certificate that trusts one CA more: it verifies anew. */
    snprintf(both, sizeof(both), "%s/both.crt", forge.scratch.folder);
    FILE *file = fopen(both, "w");
    char *a = scratch_read(&forge.scratch, "ca.crt");
    char *b = scratch_read(&other.scratch, "ca.crt");
    fprintf(file, "%s%s", a, b);
    fclose(file);
    free(a);
    free(b);
    struct cfg_tunnel tunnel = {.identity = relay, .ca = both};
    struct tls_context *wider = tls_context_new_door(NULL, 0, &tunnel, tickets, forge_problem, &problems);
    assert_non_null(wider);
    assert_false(visit(wider, agent, 0, &pool));
    tls_context_put(wider);
    tls_context_put(agent);
    tls_context_put(door);
    chunk_pool_fini(&pool);
}

/* ---- a browser that carries its ticket elsewhere ---- */

static SSL_SESSION *caught;

static int catch_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(caught);
    caught = session;
    return 1;
}

struct browse {
    int max;
    bool is_tunnel; /**< offer the tunnel's ALPN name */
    bool has_certificate;
};

/** Visits a door with the session caught last, if `session`; gives the result of the greeting and whether it was resumed. */
static enum reason browse(struct tls_context *door, const struct browse *how, SSL_SESSION *session, bool *ret_is_resumed)
{
    struct chunk_pool pool = {0};
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct tls_facts facts;
    char byte;
    int fd[2];
    SSL_CTX_set_max_proto_version(ctx, how->max);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, catch_session);
    if (how->has_certificate) {
        SSL_CTX_use_certificate_file(ctx, site.chain, SSL_FILETYPE_PEM);
        SSL_CTX_use_PrivateKey_file(ctx, site.key, SSL_FILETYPE_PEM);
    }
    if (how->is_tunnel)
        SSL_CTX_set_alpn_protos(ctx, (const uint8_t *)"\x0ageorelay/1", 11);
    pair_sockets(fd, 0);
    struct stream *front = pair_accept(door, fd[0], &pool);
    SSL *ssl = stranger_new(ctx, fd[1], true);
    if (session != NULL)
        assert_int_equal(SSL_set_session(ssl, session), 1);
    enum reason why = REASON_NONE;
    if (pair_greet(front, NULL, ssl, NULL) == STREAM_STEP_DONE) {
        assert_int_equal(stream_write(front, "x", 1), 1);
        assert_int_equal(stranger_read(ssl, &byte, 1), 1);
    } else {
        why = front->why;
    }
    tls_stream_facts(front, &facts);
    *ret_is_resumed = facts.is_resumed;
    SSL_shutdown(ssl);
    stream_close(front, STREAM_CLOSE_ORDERLY);
    stranger_free(ssl);
    SSL_CTX_free(ctx);
    chunk_pool_fini(&pool);
    return why;
}

static SSL_SESSION *take_caught(void)
{
    SSL_SESSION *session = caught;
    caught = NULL;
    assert_non_null(session);
    return session;
}

static void test_a_browser_resumes(void **state)
{
    struct tls_context *door = forge_door(&forge, &web, 1, &relay, tickets);
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    (void)state;
    for (size_t i = 0; i < ROWS(versions); i++) {
        const struct browse how = {.max = versions[i]};
        bool is_resumed;
        assert_int_equal(browse(door, &how, NULL, &is_resumed), REASON_NONE);
        assert_false(is_resumed);
        SSL_SESSION *session = take_caught();
        assert_int_equal(browse(door, &how, session, &is_resumed), REASON_NONE);
        assert_true(is_resumed);
        /* A browser takes a ticket of TLS 1.3 once; so it gets another. One of TLS 1.2 stays good. */
        assert_int_equal(caught != NULL, versions[i] == TLS1_3_VERSION);
        assert_int_equal(browse(door, &how, caught != NULL ? caught : session, &is_resumed), REASON_NONE);
        assert_true(is_resumed);
        SSL_SESSION_free(session);
    }
    SSL_SESSION_free(caught);
    caught = NULL;
    tls_context_put(door);
}

static struct tls_shared_keys *make_shared_keys(void)
{
    char path[] = "/tmp/georelay-keys-XXXXXX";
    struct forge_problems problems = {0};
    int fd = mkstemp(path);
    uint8_t bytes[80];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
    close(fd);
    struct tls_shared_keys *keys = tls_shared_keys_read(path, 0, forge_problem, &problems);
    unlink(path);
    if (keys == NULL)
        fail_msg("no keys: %s", problems.text);
    return keys;
}

static bool resumes(struct tls_context *door, SSL_SESSION *session)
{
    const struct browse how = {.max = TLS1_2_VERSION};
    bool is_resumed;
    assert_int_equal(browse(door, &how, session, &is_resumed), REASON_NONE);
    return is_resumed;
}

/** Rotations leave keys of a file; without the file they grow old. */
static void test_shared_keys(void **state)
{
    struct tls_context *door = forge_door(&forge, &web, 1, &relay, tickets);
    struct tls_shared_keys *keys = make_shared_keys();
    (void)state;
    assert_false(resumes(door, NULL));
    SSL_SESSION *own = take_caught();
    tls_tickets_share(tickets, keys);
    assert_false(resumes(door, own));
    SSL_SESSION *shared = take_caught();
    for (int i = 0; i < 4; i++) {
        tls_tickets_rotate(tickets);
        assert_true(resumes(door, shared));
    }
    tls_tickets_share(tickets, NULL);
    tls_tickets_share(tickets, NULL);
    tls_tickets_rotate(tickets);
    assert_true(resumes(door, shared));
    tls_tickets_rotate(tickets);
    assert_false(resumes(door, shared));
    SSL_SESSION_free(own);
    SSL_SESSION_free(shared);
    SSL_SESSION_free(caught);
    caught = NULL;
    tls_shared_keys_free(keys);
    tls_context_put(door);
}

static void test_no_web_ticket_opens_the_tunnel(void **state)
{
    struct tls_context *door = forge_door(&forge, &web, 1, &relay, tickets);
    bool is_resumed;
    (void)state;
    /* Also with the tunnel's ALPN name in the ticket's session. */
    assert_int_equal(browse(door, &(struct browse){0}, NULL, &is_resumed), REASON_NONE);
    SSL_SESSION *session = take_caught();
    assert_int_equal(browse(door, &(struct browse){.is_tunnel = true}, session, &is_resumed), REASON_CERT_MISSING);
    assert_int_equal(browse(door, &(struct browse){.is_tunnel = true, .has_certificate = true}, session, &is_resumed),
                     REASON_NONE);
    assert_false(is_resumed);
    SSL_SESSION_free(session);
    /* And the other way: an agent's ticket at the web front door. */
    session = take_caught();
    assert_int_equal(browse(door, &(struct browse){.is_tunnel = true, .has_certificate = true}, session, &is_resumed),
                     REASON_NONE);
    assert_true(is_resumed);
    assert_null(caught); /* an agent's session stays good, so it gets no other until the next rotation */
    assert_int_equal(browse(door, &(struct browse){0}, session, &is_resumed), REASON_NONE);
    assert_false(is_resumed);
    SSL_SESSION_free(session);
    SSL_SESSION_free(caught);
    caught = NULL;
    tls_context_put(door);
}

static void test_no_ticket_of_another_front_door(void **state)
{
    struct cfg_web second = web;
    struct tls_context *a = forge_door(&forge, &web, 1, NULL, tickets);
    second.name = (char *)(uintptr_t) "second";
    struct tls_context *b = forge_door(&forge, &second, 1, NULL, tickets);
    bool is_resumed;
    (void)state;
    for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
        assert_int_equal(browse(a, &(struct browse){.max = max}, NULL, &is_resumed), REASON_NONE);
        SSL_SESSION *session = take_caught();
        assert_int_equal(browse(b, &(struct browse){.max = max}, session, &is_resumed), REASON_NONE);
        assert_false(is_resumed);
        SSL_SESSION_free(session);
    }
    SSL_SESSION_free(caught);
    caught = NULL;
    tls_context_put(a);
    tls_context_put(b);
}

/* ---- threads ---- */

static struct {
    struct tls_context *door;
    struct tls_context *agent;
    atomic_bool is_over;
    atomic_uint resumed;
} shared;

static void *work(void *arg)
{
    struct chunk_pool pool = {0};
    (void)arg;
    for (int i = 0; i < 60; i++)
        if (visit(shared.door, shared.agent, 0, &pool))
            atomic_fetch_add(&shared.resumed, 1);
    chunk_pool_fini(&pool);
    return NULL;
}

static void *rotate(void *arg)
{
    (void)arg;
    while (!atomic_load(&shared.is_over)) {
        tls_tickets_rotate(tickets);
        usleep(20000);
    }
    return NULL;
}

/** Workers share door, agent and keys while the main thread rotates; read under TSan. */
static void test_rotation_beside_workers(void **state)
{
    pthread_t workers[3];
    pthread_t rotator;
    (void)state;
    shared.door = forge_door(&forge, NULL, 0, &relay, tickets);
    shared.agent = new_agent(&forge, &site);
    for (size_t i = 0; i < ROWS(workers); i++)
        assert_int_equal(pthread_create(&workers[i], NULL, work, NULL), 0);
    assert_int_equal(pthread_create(&rotator, NULL, rotate, NULL), 0);
    for (size_t i = 0; i < ROWS(workers); i++)
        pthread_join(workers[i], NULL);
    atomic_store(&shared.is_over, true);
    pthread_join(rotator, NULL);
    assert_true(shared.resumed > 100);
    tls_context_put(shared.agent);
    tls_context_put(shared.door);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_agent_resumes),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_a_session_is_renewed_after_each_rotation),
        cmocka_unit_test(test_sessions_of_several_agents),
        cmocka_unit_test(test_no_ticket_of_another_ca),
        cmocka_unit_test(test_a_browser_resumes),
        cmocka_unit_test(test_shared_keys),
        cmocka_unit_test(test_no_web_ticket_opens_the_tunnel),
        cmocka_unit_test(test_no_ticket_of_another_front_door),
        cmocka_unit_test(test_rotation_beside_workers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
