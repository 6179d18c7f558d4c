/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/link/rewrite.h: a session that ends while its announcement is under way leaves nothing behind. The rest of it is told
 * with the real hub, in test/scenario/test_rewrite.py. */
#include "test/unit/unit.h"

#include "proxy/link/rewrite.h"
#include "test/component/stage.h"

#include <string.h>

static char name[] = "node-a";

static struct cfg_link link_to_rewrite = {
    .name = name,
    .advise = {.addressing = CFG_ADDRESSING_REWRITE, .ports = {5500, 5509}, .rule = {.within = 4096, .form = CFG_PORT_DECIMAL}}};

static void greeted(struct session *s)
{
    assert_true(rewrite_watch(s));
    session_relay(s);
}

static void greeted_and_closed(struct session *s)
{
    greeted(s);
    session_close(s, REASON_SHUTDOWN);
}

/* The play, with a front that says these bytes and then nothing. */
static struct scripted_stream *play(const char *said)
{
    struct scripted_stream *front = stage_scripted(said, strlen(said)), *back = stage_scripted(NULL, 0);

    front->is_open = back->is_open = true;
    stage.backs[0] = &back->stream;
    stage_session(&front->stream)->ask.link = &link_to_rewrite;
    session_start(stage.session, 1000);
    return back;
}

static void test_ends_before_the_hub_is_asked(void **state)
{
    (void)state;
    stage.orders.back_greeted = greeted_and_closed;
    assert_int_equal(play("5500;tail")->written_size, 0);
    assert_null(stage.session);
    stage_turns(3);
}

/* The silence that would end the digits comes after the end. */
static void test_ends_while_digits_wait(void **state)
{
    uint64_t until_ms = clock_ms() + 2 * REWRITE_DIGITS_MS;

    (void)state;
    stage.orders.back_greeted = greeted_and_closed;
    assert_int_equal(play("5500")->written_size, 0);
    while (clock_ms() < until_ms)
        stage_turn();
}

/* What is no announcement goes on at once, and nothing watches the link any more. */
static void test_mismatch_is_forgotten(void **state)
{
    struct scripted_stream *back;

    (void)state;
    stage.orders.back_greeted = greeted;
    back = play("no digits");
    assert_true(scripted_has(back, "no digits", 9));
    assert_null(stage.session->up.gate);
    session_close(stage.session, REASON_SHUTDOWN);
}

/* Other addressings have no gate. */
static void test_only_where_it_is_wanted(void **state)
{
    struct scripted_stream *back;

    (void)state;
    link_to_rewrite.advise.addressing = CFG_ADDRESSING_ALIAS;
    stage.orders.back_greeted = greeted;
    back = play("5500");
    link_to_rewrite.advise.addressing = CFG_ADDRESSING_REWRITE;
    assert_true(scripted_has(back, "5500", 4));
    assert_null(stage.session->up.gate);
    session_close(stage.session, REASON_SHUTDOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ends_before_the_hub_is_asked, stage_open, stage_close),
        cmocka_unit_test_setup_teardown(test_ends_while_digits_wait, stage_open, stage_close),
        cmocka_unit_test_setup_teardown(test_mismatch_is_forgotten, stage_open, stage_close),
        cmocka_unit_test_setup_teardown(test_only_where_it_is_wanted, stage_open, stage_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
