/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/net/loop.h: turns, calls without an event, graves and mail. */
#include "test/unit/unit.h"

#include "proxy/base/clock.h"
#include "proxy/net/loop.h"

#include <pthread.h>
#include <stdlib.h>

static struct loop loop;

/* -- calls without an event -------------------------------------------------------------------------------------------------- */

static struct again a, b, c;
static unsigned a_calls, b_calls, c_calls;

static void call_a(struct again *again)
{
    if (++a_calls < 100)
        loop_call_again(&loop, again);
    loop_forget_again(&loop, &c);
}

static void call_b(struct again *again)
{
    (void)again;
    b_calls++;
}

static void call_c(struct again *again)
{
    (void)again;
    c_calls++;
}

/* Who asks again waits for the next turn, also when the last one of this turn is forgotten meanwhile. */
static void test_once_in_a_turn(void **state)
{
    (void)state;
    a = (struct again){.call = call_a};
    b = (struct again){.call = call_b};
    c = (struct again){.call = call_c};
    loop_call_again(&loop, &a);
    loop_call_again(&loop, &b);
    loop_call_again(&loop, &b); /* at most once in the list */
    loop_call_again(&loop, &c);
    loop_turn(&loop);
    assert_int_equal(a_calls, 1);
    assert_int_equal(b_calls, 1);
    assert_int_equal(c_calls, 0);
    loop_turn(&loop);
    assert_int_equal(a_calls, 2);
    assert_int_equal(b_calls, 1);
    loop_forget_again(&loop, &a);
    loop_forget_again(&loop, &a);
}

/* -- the clock --------------------------------------------------------------------------------------------------------------- */

static uint64_t seen_first, seen_later;

/* Until the clock shows another time, which this turn must not see. */
static void call_and_look(struct again *again)
{
    (void)again;
    seen_first = loop_now_ms(&loop);
    while (clock_ms() == seen_first)
        ;
    seen_later = loop_now_ms(&loop);
}

static void look_in_a_turn(void)
{
    a = (struct again){.call = call_and_look};
    loop_call_again(&loop, &a);
    loop_turn(&loop);
}

static void test_one_time_in_a_turn(void **state)
{
    uint64_t before;

    (void)state;
    look_in_a_turn();
    assert_int_equal(seen_later, seen_first);
    before = seen_first;
    assert_true(loop_now_ms(&loop) > before); /* the turn is over */
    look_in_a_turn();
    assert_true(seen_first > before); /* each turn has its own */
}

static void test_the_main_loop_reads_the_clock_each_time(void **state)
{
    (void)state;
    loop.number = 0;
    look_in_a_turn();
    loop.number = 1;
    assert_true(seen_later > seen_first);
}

/* -- graves ------------------------------------------------------------------------------------------------------------------ */

static struct grave first, second;
static unsigned buried;

static void bury_second(struct grave *g)
{
    assert_ptr_equal(g, &second);
    buried++;
}

static void bury_first(struct grave *g)
{
    assert_ptr_equal(g, &first);
    buried++;
    loop_bury(&loop, &second); /* the same turn takes it */
}

static void call_and_die(struct again *again)
{
    (void)again;
    loop_bury(&loop, &first);
    assert_int_equal(buried, 0); /* not under our feet */
}

static void test_buried_at_the_end_of_the_turn(void **state)
{
    (void)state;
    a = (struct again){.call = call_and_die};
    first.bury = bury_first;
    second.bury = bury_second;
    loop_call_again(&loop, &a);
    loop_turn(&loop);
    assert_int_equal(buried, 2);
}

/* -- mail -------------------------------------------------------------------------------------------------------------------- */

#define SENDERS 4
#define MAILS   5000

struct letter {
    struct mail mail;
    unsigned sender;
    unsigned number;
};

static unsigned delivered[SENDERS], dropped;

static void deliver(struct mail *m, struct loop *on)
{
    struct letter *letter = (struct letter *)m;

    assert_ptr_equal(on, &loop);
    assert_int_equal(letter->number, delivered[letter->sender]++); /* in order of each sender */
    free(letter);
}

static void drop(struct mail *m)
{
    dropped++;
    free(m);
}

static void *send_letters(void *arg)
{
    for (unsigned i = 0; i < MAILS; i++) {
        struct letter *letter = calloc(1, sizeof(*letter));

        *letter = (struct letter){.mail = {.deliver = deliver, .drop = drop}, .sender = *(unsigned *)arg, .number = i};
        loop_post(&loop, &letter->mail);
    }
    return NULL;
}

static bool is_all_delivered(void)
{
    for (int i = 0; i < SENDERS; i++)
        if (delivered[i] < MAILS)
            return false;
    return true;
}

static void test_mail_from_many_threads(void **state)
{
    pthread_t threads[SENDERS];
    unsigned numbers[SENDERS];
    (void)state;
    for (unsigned i = 0; i < SENDERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, send_letters, &numbers[i]), 0);
    }
    while (!is_all_delivered())
        loop_turn(&loop); /* a mail always ends the wait */
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(dropped, 0);
}

static void *run(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void test_stopped_from_outside(void **state)
{
    pthread_t thread;
    unsigned number = 0;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, run, &loop), 0);
    loop_stop(&loop);
    pthread_join(thread, NULL);
    loop_fini(&loop);
    send_letters(&number); /* nobody reads them: each is dropped by its sender */
    assert_int_equal(dropped, MAILS);
    loop_fini(&loop);
}

static int set_up(void **state)
{
    (void)state;
    return loop_init(&loop, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_in_a_turn),
        cmocka_unit_test(test_one_time_in_a_turn),
        cmocka_unit_test(test_the_main_loop_reads_the_clock_each_time),
        cmocka_unit_test(test_buried_at_the_end_of_the_turn),
        cmocka_unit_test(test_mail_from_many_threads),
        cmocka_unit_test(test_stopped_from_outside),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
