/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/session/dial.h and reach.h: servers that an agent dials, with an agent that says what the test tells it. */
#include "test/unit/unit.h"

#include "test/component/stage.h"

#include "proxy/session/dial.h"
#include "proxy/session/reach.h"

#include <string.h>

enum { SERVERS = 2 };

/* What was asked for last, and how often. */
static struct {
    struct reach_for what;
    char behind[SESSION_NAME_MAX + 1];
    reached_fn *reached;
    void *arg;
    unsigned started, forgotten;
    bool is_broke; /* no memory */
} agent;

static struct cfg_endpoint servers[SERVERS];
static struct cfg_link links[SERVERS];

static struct reaching *start(struct loop *loop, const struct reach_for *what, reached_fn *reached, void *arg)
{
    assert_ptr_equal(loop, &stage.worker.loop);
    if (agent.is_broke)
        return NULL;
    agent.what = *what;
    snprintf(agent.behind, sizeof(agent.behind), "%s", what->behind);
    agent.reached = reached;
    agent.arg = arg;
    agent.started++;
    return (struct reaching *)&agent;
}

static void forget(struct reaching *r)
{
    assert_ptr_equal(r, &agent);
    agent.forgotten++;
}

static const struct reach_ops ops = {.start = start, .forget = forget};

static void dial_links(struct session *s)
{
    session_dial_hosts(s, &links[0].server, 1, NULL, (struct port_range){0, 0}, NULL);
}

static void dial_both(struct session *s)
{
    session_dial_hosts(s, stage.cfg.web[0].upstream.servers, SERVERS, NULL, (struct port_range){0, 0}, NULL);
}

static bool linger(struct session *s)
{
    (void)s;
    return true;
}

static void dial_next(struct session *s)
{
    session_dial_next(s, stage.told_why);
}

static int open_stage(void **state)
{
    static struct cfg_web web;

    if (stage_open(state) != 0)
        return -1;
    memset(&agent, 0, sizeof(agent));
    for (int i = 0; i < SERVERS; i++) {
        servers[i] =
            (struct cfg_endpoint){.host = (char *)(uintptr_t)(i == 0 ? "one" : "two"), .agent = (char *)(uintptr_t) "plant"};
        links[i] = (struct cfg_link){.name = (char *)(uintptr_t) "node-a", .server = servers[i]};
    }
    web = (struct cfg_web){.upstream = {.servers = servers, .servers_count = SERVERS}};
    stage.cfg.role = CFG_ROLE_RELAY;
    stage.cfg.links = links;
    stage.cfg.links_count = SERVERS;
    stage.cfg.web = &web;
    stage.cfg.web_count = 1;
    hosts_fini(&stage.worker.hosts);
    assert_int_equal(hosts_init(&stage.worker.hosts, &stage.cfg), 0);
    reach_init(&ops);
    stage.orders.dial = dial_links;
    stage.orders.failed = dial_next;
    return 0;
}

static void answer(struct scripted_stream *back, enum reason why)
{
    agent.reached(agent.arg, back != NULL ? &back->stream : NULL, why);
}

/* A session whose front is open and says nothing, and which waits for the agent. */
static struct scripted_stream *begin(void)
{
    struct scripted_stream *front = stage_scripted("", 0);
    struct session *s = stage_session(&front->stream);

    front->is_open = true;
    s->ask.behind = "site-a";
    s->ask.port = 1433;
    s->ask.stream_id = 7;
    session_start(s, 1000);
    assert_int_equal(agent.started, 1);
    assert_int_equal(stage.session->state, SESSION_DIAL);
    return front;
}

static void test_what_is_asked_for(void **state)
{
    struct scripted_stream *back = stage_scripted("hello", 5), *front = begin();

    (void)state;
    assert_ptr_equal(agent.what.endpoint, &links[0].server);
    assert_string_equal(agent.behind, "site-a");
    assert_int_equal(agent.what.port, 1433);
    assert_true(agent.what.stream_id != 0);
    answer(back, REASON_NONE);
    assert_int_equal(stage.session->state, SESSION_RELAY);
    scripted_set_readable(back, true);
    STAGE_UNTIL(front->is_shut);
    assert_true(scripted_has(front, "hello", 5));
    session_close(stage.session, REASON_SHUTDOWN);
    assert_int_equal(agent.forgotten, 0); /* the answer was the end of it */
}

static void test_the_reason_of_the_agent(void **state)
{
    (void)state;
    begin();
    answer(NULL, REASON_POOL_EXHAUSTED);
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_POOL_EXHAUSTED);
    assert_int_equal(stage.at, SESSION_AT_BACK);
}

static void test_the_next_server(void **state)
{
    struct scripted_stream *back = stage_scripted("", 0);

    (void)state;
    back->is_open = true;
    stage.orders.dial = dial_both;
    begin();
    assert_string_equal(agent.what.endpoint->host, "one");
    answer(NULL, REASON_AGENT_DOWN);
    assert_int_equal(agent.started, 2);
    assert_string_equal(agent.what.endpoint->host, "two");
    answer(back, REASON_NONE);
    assert_int_equal(stage.session->state, SESSION_RELAY);
    session_close(stage.session, REASON_SHUTDOWN);
}

/* It has its own memory of what did not answer, by the address that it dialled from. */
static void test_a_silent_server_is_not_marked_here(void **state)
{
    (void)state;
    begin();
    answer(NULL, REASON_DIAL_TIMEOUT);
    assert_int_equal(stage.why, REASON_DIAL_TIMEOUT);
    agent.started = 0;
    begin();
    answer(NULL, REASON_DIAL_REFUSED);
}

static void test_an_ill_server_is_passed_over(void **state)
{
    (void)state;
    stage.orders.dial = dial_both;
    hosts_find(&stage.worker.hosts, &servers[0])->is_unhealthy = true;
    begin();
    assert_string_equal(agent.what.endpoint->host, "two");
    answer(NULL, REASON_DIAL_REFUSED);
    assert_int_equal(agent.started, 1);
}

static void test_no_memory(void **state)
{
    (void)state;
    agent.is_broke = true;
    stage_start(&stage_scripted("", 0)->stream);
    assert_null(stage.session);
    assert_int_equal(stage.why, REASON_NO_MEMORY);
    assert_int_equal(stage.at, SESSION_AT_RELAY);
}

static void test_a_session_that_ends_is_not_answered(void **state)
{
    (void)state;
    begin();
    session_close(stage.session, REASON_SHUTDOWN);
    assert_int_equal(agent.forgotten, 1);
}

static void test_an_answer_that_comes_too_late(void **state)
{
    struct scripted_stream *back = stage_scripted("", 0);

    (void)state;
    stage_all_ops();
    stage.front_ops.notice = NULL;
    stage.orders.refuse = linger;
    begin();
    session_refuse(stage.session, SESSION_AT_RELAY, REASON_DIAL_TIMEOUT);
    assert_int_equal(stage.session->state, SESSION_LINGER);
    answer(back, REASON_NONE);
    assert_true(back->is_closed);
    assert_int_equal(stage.session->state, SESSION_LINGER);
    session_close(stage.session, REASON_SHUTDOWN);
    assert_int_equal(agent.forgotten, 0);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, open_stage, stage_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_what_is_asked_for),
        STORY(test_the_reason_of_the_agent),
        STORY(test_the_next_server),
        STORY(test_a_silent_server_is_not_marked_here),
        STORY(test_an_ill_server_is_passed_over),
        STORY(test_no_memory),
        STORY(test_a_session_that_ends_is_not_answered),
        STORY(test_an_answer_that_comes_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
