/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/net/pump_splice.h, through proxy/net/pump.h: bulk between real sockets goes through a pipe, and nobody can tell. */
#include "test/unit/unit.h"

#include "proxy/net/pump.h"
#include "test/component/loopback.h"
#include "test/component/pattern.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOTAL        ((size_t)8 << 20)
#define TURN         ((size_t)256 * 1024)
#define SMALL_BUFFER 16384

static struct loop loop; /* a pump needs only its pools */
static uint8_t *sent, *got;
static size_t sent_size, got_size;
static int sender, receiver;
static struct stream *from, *to;
static struct pump pump;
static bool has_spliced;

static void begin(int buffer)
{
    int front[2], back[2];

    loopback_pair(front, buffer);
    loopback_pair(back, buffer);
    sender = front[0];
    receiver = back[0];
    from = loopback_stream(front[1], &loop.chunks);
    to = loopback_stream(back[1], &loop.chunks);
    pump_init(&pump, &loop, from, to);
    sent_size = got_size = 0;
    has_spliced = false;
}

static void end(void)
{
    pump_fini(&pump);
    stream_close(from, STREAM_CLOSE_ORDERLY);
    stream_close(to, STREAM_CLOSE_ORDERLY);
    if (sender >= 0)
        close(sender);
    if (receiver >= 0)
        close(receiver);
    assert_int_equal(loop.chunks.borrowed_count, 0);
    assert_int_equal(loop.pipes.lent_count, 0);
}

static void send_some(void)
{
    while (sent_size < TOTAL) {
        size_t size = TOTAL - sent_size < TURN ? TOTAL - sent_size : TURN;
        ssize_t n = send(sender, sent + sent_size, size, MSG_NOSIGNAL);

        if (n < 0)
            return;
        sent_size += (size_t)n;
    }
}

static ssize_t receive_some(void)
{
    ssize_t n;

    while ((n = loopback_read(receiver, got + got_size, TOTAL - got_size + 1)) > 0)
        got_size += (size_t)n;
    return n;
}

static enum pump_result pump_once(void)
{
    enum pump_result result = pump_run(&pump, TURN);

    has_spliced = has_spliced || pump.pipe != NULL;
    assert_true(pump.pipe == NULL || pump.chunk == NULL);
    return result;
}

/* Waits until one of the sockets that the pump waits for is ready. */
static void wait_for_pump(void)
{
    struct pollfd p[2] = {{.fd = from->fd, .events = pump_from_interest(&pump) ? POLLIN : 0},
                          {.fd = to->fd, .events = pump_to_interest(&pump) ? POLLOUT : 0}};

    assert_int_equal((p[0].events != 0) + (p[1].events != 0), 1);
    assert_true(poll(p, 2, 10) >= 0);
}

/* Sends everything, then the end, and receives both. */
static void move_all(void)
{
    enum pump_result result = PUMP_MORE;
    bool is_shut = false;

    while (result != PUMP_DONE) {
        send_some();
        if (sent_size == TOTAL && !is_shut)
            is_shut = shutdown(sender, SHUT_WR) == 0;
        result = pump_once();
        assert_int_not_equal(result, PUMP_BROKEN);
        (void)receive_some();
        if (result == PUMP_BLOCKED)
            wait_for_pump();
    }
    for (;;) {
        loopback_wait(receiver);
        ssize_t n = receive_some();
        if (n == LOOPBACK_END)
            break;
        assert_int_equal(n, LOOPBACK_NOTHING);
    }
    assert_int_equal(got_size, TOTAL);
    assert_memory_equal(got, sent, TOTAL);
    assert_int_equal(pump.bytes, TOTAL);
}

/* Sends and moves until the pump has a pipe. */
static void move_until_spliced(void)
{
    for (int i = 0; pump.pipe == NULL; i++) {
        assert_true(i < 1000);
        send_some();
        (void)pump_once();
        if (pump.pipe == NULL)
            (void)receive_some();
    }
}

static void test_bulk_is_spliced(void **state)
{
    (void)state;
    for (int buffer = 0; buffer <= 1; buffer++) {
        begin(buffer * 262144);
        move_all();
        assert_true(has_spliced);
        assert_int_equal(pump.state, PUMP_SHUT);
        assert_int_equal(loop.pipes.unused_count, 1); /* given back, empty, for the next one */
        end();
    }
}

static void test_little_is_copied(void **state)
{
    (void)state;
    begin(0);
    for (int i = 0; i < 100; i++) {
        loopback_send(sender, sent + i * 1000, 1000);
        loopback_wait(from->fd);
        assert_int_equal(pump_once(), PUMP_BLOCKED);
        assert_int_equal(loop.chunks.borrowed_count, 0);
    }
    assert_false(has_spliced);
    loopback_wait(receiver);
    while (got_size < 100000) {
        loopback_wait(receiver);
        (void)receive_some();
    }
    assert_memory_equal(got, sent, 100000);
    end();
}

/* After the bulk the pipe goes back, and small things are copied again. */
static void test_the_bulk_is_over(void **state)
{
    (void)state;
    begin(0);
    move_until_spliced();
    for (enum pump_result result = PUMP_MORE; result != PUMP_BLOCKED || pump_to_interest(&pump) != 0;) {
        (void)receive_some();
        result = pump_once();
        assert_true(result == PUMP_BLOCKED || result == PUMP_MORE);
    }
    while (pump.bytes < sent_size) {
        (void)receive_some();
        (void)pump_once();
    }
    assert_null(pump.pipe);
    assert_int_equal(loop.pipes.lent_count, 0);
    assert_int_equal(pump_from_interest(&pump), STREAM_READ);
    end();
}

static void test_receiver_stops_reading(void **state)
{
    uint64_t moved;
    (void)state;
    begin(SMALL_BUFFER * 16);
    move_until_spliced();
    for (int quiet = 0; quiet < 20;) {
        moved = pump.bytes + sent_size;
        send_some();
        (void)pump_once();
        quiet = pump.bytes + sent_size == moved ? quiet + 1 : 0;
    }
    assert_int_equal(pump_from_interest(&pump), 0);
    assert_int_equal(pump_to_interest(&pump), STREAM_WRITE);
    assert_true(sent_size < TOTAL); /* what stands between the two is bounded */
    move_all();
    end();
}

static void test_ended_with_a_full_pipe(void **state)
{
    (void)state;
    begin(SMALL_BUFFER * 16);
    move_until_spliced();
    for (int i = 0; i < 100 && pump_to_interest(&pump) == 0; i++) {
        send_some();
        (void)pump_once();
    }
    assert_true(pump.pipe != NULL && pump.pipe->fill > 0);
    size_t unused = loop.pipes.unused_count;
    pump_fini(&pump);
    assert_int_equal(loop.pipes.unused_count, unused); /* closed: nobody else gets these bytes */
    end();
}

static void test_no_pipe_to_be_had(void **state)
{
    static struct pipe *lent[PIPE_POOL_LEND];
    (void)state;
    for (size_t i = 0; i < PIPE_POOL_LEND; i++)
        assert_non_null(lent[i] = pipe_get(&loop.pipes));
    assert_null(pipe_get(&loop.pipes));
    begin(0);
    move_all();
    assert_false(has_spliced);
    for (size_t i = 0; i < PIPE_POOL_LEND; i++)
        pipe_put(&loop.pipes, &lent[i]);
    assert_int_equal(loop.pipes.unused_count, PIPE_POOL_KEEP);
    end();
}

static void test_sender_resets(void **state)
{
    enum pump_result result = PUMP_MORE;
    (void)state;
    begin(0);
    move_until_spliced();
    loopback_reset(sender);
    sender = -1;
    while (result != PUMP_BROKEN) {
        (void)receive_some();
        result = pump_once();
        assert_int_not_equal(result, PUMP_DONE);
        if (result == PUMP_BLOCKED)
            wait_for_pump();
    }
    assert_true(pump.is_from_broken);
    assert_int_equal(pump.why, REASON_FRONT_RESET);
    end();
}

static void test_receiver_resets(void **state)
{
    enum pump_result result = PUMP_MORE;
    (void)state;
    begin(0);
    move_until_spliced();
    loopback_reset(receiver);
    receiver = -1;
    while (result != PUMP_BROKEN) {
        send_some();
        result = pump_once();
        assert_int_not_equal(result, PUMP_DONE);
        if (result == PUMP_BLOCKED)
            wait_for_pump();
    }
    assert_false(pump.is_from_broken);
    assert_int_equal(pump.why, REASON_FRONT_RESET);
    end();
}

/* What is kept for another try must stay in our hands: no pipe before the commit, one after it. */
static void test_retaining_never_splices(void **state)
{
    (void)state;
    begin(0);
    pump_retain(&pump);
    send_some();
    for (int i = 0; i < 20; i++) {
        (void)pump_once();
        (void)receive_some();
        send_some();
    }
    assert_false(has_spliced);
    assert_int_equal(pump.bytes, CHUNK_READ);
    pump_commit(&pump);
    move_all();
    assert_true(has_spliced);
    end();
}

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    sent = malloc(TOTAL);
    got = malloc(TOTAL + 1);
    assert_true(sent != NULL && got != NULL);
    pattern_fill(sent, TOTAL, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chunk_pool_fini(&loop.chunks);
    pipe_pool_fini(&loop.pipes);
    free(sent);
    free(got);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bulk_is_spliced),         cmocka_unit_test(test_little_is_copied),
        cmocka_unit_test(test_the_bulk_is_over),        cmocka_unit_test(test_receiver_stops_reading),
        cmocka_unit_test(test_ended_with_a_full_pipe),  cmocka_unit_test(test_no_pipe_to_be_had),
        cmocka_unit_test(test_sender_resets),           cmocka_unit_test(test_receiver_resets),
        cmocka_unit_test(test_retaining_never_splices),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
