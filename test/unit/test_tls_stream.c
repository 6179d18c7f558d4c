/* SPDX-License-Identifier: Apache-2.0 */
/* tls/stream.h: bytes and ends over loopback, in TLS 1.2 and 1.3, against ourselves and against OpenSSL alone. */
#include "test/unit/unit.h"

#include "test/unit/tls_forge.h"
#include "test/unit/tls_pair.h"

#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct forge forge;
static struct tls_tickets *tickets;
static struct tls_context *door;
static struct tls_context *agent;
static struct chunk_pool pool;

static int set_up(void **state)
{
    struct forge_problems problems = {0};
    (void)state;
    forge_init(&forge);
    tickets = tls_tickets_new();
    struct cfg_certificate relay = forge_write(&forge, &(struct forge_leaf){"relay", "URI:urn:georelay:relay"});
    struct cfg_certificate site = forge_write(&forge, &(struct forge_leaf){"site", "URI:urn:georelay:agent:site", "clientAuth"});
    struct cfg_certificate page = forge_write(&forge, &(struct forge_leaf){"page", "DNS:scada.example"});
    struct cfg_web web = {.name = (char *)(uintptr_t) "main", .certificates = &page, .certificates_count = 1};
    door = forge_door(&forge, &web, 1, &relay, tickets);
    agent = tls_context_new_agent(&site, forge.ca_path, forge_problem, &problems);
    assert_non_null(agent);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_context_put(door);
    tls_context_put(agent);
    tls_tickets_free(tickets);
    chunk_pool_fini(&pool);
    forge_fini(&forge);
    return 0;
}

/** Two of our streams, greeted. */
struct two {
    struct stream *front;
    struct stream *back;
};

static struct two greet_two(int buffer)
{
    struct two t;
    enum stream_step step;
    int fd[2];
    pair_sockets(fd, buffer);
    t.front = pair_accept(door, fd[0], &pool);
    t.back = pair_connect(agent, fd[1], 0, &pool);
    assert_int_equal(pair_greet(t.front, t.back, NULL, &step), STREAM_STEP_DONE);
    assert_int_equal(step, STREAM_STEP_DONE);
    return t;
}

static void close_two(struct two *t)
{
    stream_close(t->front, STREAM_CLOSE_ORDERLY);
    stream_close(t->back, STREAM_CLOSE_ORDERLY);
    assert_int_equal(pool.borrowed_count, 0);
}

/** Our web door, and a stranger of one version. */
struct web {
    struct stream *front;
    SSL_CTX *ctx;
    SSL *ssl;
};

static struct web greet_web(int version, int buffer)
{
    struct web w;
    int fd[2];
    pair_sockets(fd, buffer);
    w.front = pair_accept(door, fd[0], &pool);
    w.ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(w.ctx, version);
    SSL_CTX_set_max_proto_version(w.ctx, version);
    w.ssl = stranger_new(w.ctx, fd[1], true);
    assert_int_equal(pair_greet(w.front, NULL, w.ssl, NULL), STREAM_STEP_DONE);
    return w;
}

static void close_web(struct web *w)
{
    stream_close(w->front, STREAM_CLOSE_ORDERLY);
    stranger_free(w->ssl);
    SSL_CTX_free(w->ctx);
    assert_int_equal(pool.borrowed_count, 0);
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void test_words_both_ways(void **state)
{
    char text[16];
    (void)state;
    for (size_t i = 0; i < ROWS(versions); i++) {
        struct web w = greet_web(versions[i], 0);
        assert_int_equal(SSL_write(w.ssl, "question", 8), 8);
        assert_int_equal(pair_read(w.front, text, 8), 8);
        assert_memory_equal(text, "question", 8);
        assert_int_equal(stream_read(w.front, text, 1), STREAM_AGAIN);
        assert_int_equal(pool.borrowed_count, 0); /* silent: no chunk */
        assert_int_equal(stream_wants(w.front, STREAM_READ), STREAM_READ);
        assert_int_equal(stream_wants(w.front, 0), 0);
        assert_int_equal(stream_write(w.front, "answer", 6), 6);
        assert_int_equal(pool.borrowed_count, 0);
        assert_int_equal(stranger_read(w.ssl, text, 16), 6);
        assert_memory_equal(text, "answer", 6);
        close_web(&w);
    }
}

/** Many records come out of one read, and reads of one byte find the rest in memory. */
static void test_records_are_gathered_and_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(versions); i++) {
        struct web w = greet_web(versions[i], 0);
        char text[16];
        for (int k = 0; k < 5; k++)
            assert_int_equal(SSL_write(w.ssl, "0123456789", 10), 10);
        pair_wait(w.front, STREAM_READ);
        for (int k = 0; k < 45; k++) {
            assert_int_equal(stream_read(w.front, text, 1), 1);
            assert_int_equal(text[0], '0' + k % 10);
            assert_true(stream_has_pending(w.front));
        }
        assert_int_equal(stream_read(w.front, text, 16), 5);
        assert_memory_equal(text, "56789", 5);
        assert_false(stream_has_pending(w.front));
        assert_int_equal(pool.borrowed_count, 0);
        close_web(&w);
    }
}

static void test_our_end_first(void **state)
{
    char text[16];
    (void)state;
    for (size_t i = 0; i < ROWS(versions); i++) {
        struct web w = greet_web(versions[i], 0);
        assert_int_equal(stream_write(w.front, "bye", 3), 3);
        assert_int_equal(stream_shut_write(w.front), STREAM_STEP_DONE);
        assert_int_equal(stream_shut_write(w.front), STREAM_STEP_DONE);
        assert_int_equal(stranger_read(w.ssl, text, 16), 3);
        assert_int_equal(stranger_read(w.ssl, text, 16), -SSL_ERROR_ZERO_RETURN);
        assert_int_equal(read(SSL_get_fd(w.ssl), text, 1), 0); /* the FIN behind it */
        /* The other direction goes on. */
        assert_int_equal(SSL_write(w.ssl, "late words", 10), 10);
        assert_int_equal(pair_read(w.front, text, 10), 10);
        assert_memory_equal(text, "late words", 10);
        SSL_shutdown(w.ssl);
        assert_int_equal(pair_read(w.front, text, 1), STREAM_END);
        assert_int_equal(stream_read(w.front, text, 1), STREAM_END);
        close_web(&w);
    }
}

static void test_their_end_first(void **state)
{
    char text[16];
    (void)state;
    for (size_t i = 0; i < ROWS(versions); i++) {
        struct web w = greet_web(versions[i], 0);
        assert_int_equal(SSL_write(w.ssl, "words", 5), 5);
        SSL_shutdown(w.ssl);
        shutdown(SSL_get_fd(w.ssl), SHUT_WR);
        pair_wait(w.front, STREAM_READ);
        /* Words and end come with one read of the socket: the end must not wait for an event. */
        assert_int_equal(stream_read(w.front, text, 16), 5);
        assert_true(stream_has_pending(w.front));
        assert_int_equal(stream_read(w.front, text, 16), STREAM_END);
        assert_false(stream_has_pending(w.front));
        assert_int_equal(pool.borrowed_count, 0);
        assert_int_equal(stream_write(w.front, "answer", 6), 6);
        assert_int_equal(stranger_read(w.ssl, text, 16), 6);
        assert_int_equal(stream_shut_write(w.front), STREAM_STEP_DONE);
        assert_int_equal(stranger_read(w.ssl, text, 16), -SSL_ERROR_ZERO_RETURN);
        close_web(&w);
    }
}

static void test_bytes_behind_their_end_do_not_count(void **state)
{
    char text[16];
    (void)state;
    for (size_t i = 0; i < ROWS(versions); i++) {
        struct web w = greet_web(versions[i], 0);
        SSL_shutdown(w.ssl);
        assert_int_equal(write(SSL_get_fd(w.ssl), "anything", 8), 8);
        pair_wait(w.front, STREAM_READ);
        assert_int_equal(stream_read(w.front, text, 16), STREAM_END);
        assert_int_equal(pool.borrowed_count, 0);
        assert_false(stream_has_pending(w.front));
        assert_int_equal(stream_read(w.front, text, 16), STREAM_END);
        close_web(&w);
    }
}

/** The error queue belongs to the thread: what another connection left there is not ours. */
static void test_errors_of_others(void **state)
{
    struct web w = greet_web(TLS1_3_VERSION, 0);
    char text[16];
    (void)state;
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
    assert_int_equal(stream_read(w.front, text, 1), STREAM_AGAIN);
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
    assert_int_equal(stream_write(w.front, "answer", 6), 6);
    assert_int_equal(stranger_read(w.ssl, text, 16), 6);
    close_web(&w);
}

static void test_a_fin_without_notice_is_truncation(void **state)
{
    char text[16];
    (void)state;
    for (size_t i = 0; i < ROWS(versions); i++) {
        struct web w = greet_web(versions[i], 0);
        assert_int_equal(SSL_write(w.ssl, "half", 4), 4);
        shutdown(SSL_get_fd(w.ssl), SHUT_WR);
        pair_wait(w.front, STREAM_READ);
        assert_int_equal(pair_read(w.front, text, 16), 4);
        assert_int_equal(stream_read(w.front, text, 16), STREAM_FAILED);
        assert_int_equal(w.front->why, REASON_TLS_TRUNCATED);
        assert_int_equal(stream_write(w.front, "x", 1), STREAM_FAILED);
        assert_int_equal(stream_shut_write(w.front), STREAM_STEP_FAILED);
        assert_int_equal(stream_wants(w.front, STREAM_READ | STREAM_WRITE), 0);
        close_web(&w);
    }
}

static void test_reset(void **state)
{
    char text[16];
    (void)state;
    for (int is_writing = 0; is_writing < 2; is_writing++) {
        struct two t = greet_two(0);
        ssize_t n = 1;
        assert_int_equal(stream_write(t.front, "words", 5), 5);
        assert_int_equal(pair_read(t.back, text, 5), 5);
        stream_close(t.front, STREAM_CLOSE_RESET);
        while (is_writing && n > 0)
            n = stream_write(t.back, "x", 1);
        if (!is_writing)
            n = pair_read(t.back, text, 1);
        assert_int_equal(n, STREAM_FAILED);
        assert_int_equal(t.back->why, REASON_FRONT_RESET);
        stream_close(t.back, STREAM_CLOSE_RESET);
        assert_int_equal(pool.borrowed_count, 0);
    }
}

static void test_orderly_close_sends_both_ends(void **state)
{
    struct two t = greet_two(0);
    char byte;
    (void)state;
    stream_close(t.front, STREAM_CLOSE_ORDERLY);
    assert_int_equal(pair_read(t.back, &byte, 1), STREAM_END);
    stream_close(t.back, STREAM_CLOSE_ORDERLY);
}

static void test_bytes_that_are_no_record(void **state)
{
    char text[8];
    (void)state;
    for (size_t i = 0; i < ROWS(versions); i++) {
        struct web w = greet_web(versions[i], 0);
        assert_int_equal(write(SSL_get_fd(w.ssl), "\x17\x03\x03\0\x20 thirty-two bytes of anything...", 37), 37);
        assert_int_equal(pair_read(w.front, text, 1), STREAM_FAILED);
        assert_int_equal(w.front->why, REASON_TLS_ERROR);
        close_web(&w);
    }
}

/* ---- bulk ---- */

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

/** One direction of a bulk transfer: writes at most `step` bytes a call, checks what comes out. */
struct bulk {
    struct stream *from;
    struct stream *to;
    size_t total, step;
    size_t sent, got;
    bool is_ended;
};

static void bulk_write(struct bulk *b)
{
    static uint8_t bytes[300000];
    size_t size = b->total - b->sent < b->step ? b->total - b->sent : b->step;
    if (size == 0) {
        enum stream_step step = stream_shut_write(b->from);
        assert_int_not_equal(step, STREAM_STEP_FAILED);
        return;
    }
    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(b->sent + i);
    ssize_t n = stream_write(b->from, bytes, size);
    assert_int_not_equal(n, STREAM_FAILED);
    if (n > 0)
        b->sent += (size_t)n;
    else
        assert_true((stream_wants(b->from, 0) & STREAM_WRITE) != 0);
    memset(bytes, 0xee, size); /* nobody keeps a pointer */
}

static void bulk_read(struct bulk *b)
{
    static uint8_t bytes[200000];
    ssize_t n = stream_read(b->to, bytes, b->step < sizeof(bytes) ? b->step : sizeof(bytes));
    assert_int_not_equal(n, STREAM_FAILED);
    b->is_ended = n == STREAM_END;
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != pattern(b->got + (size_t)i))
            fail_msg("byte %zu is wrong", b->got + (size_t)i);
    if (n > 0)
        b->got += (size_t)n;
}

static void test_bulk_both_ways(void **state)
{
    static const struct {
        size_t total, step;
        int buffer;
    } rows[] = {{3000000, 131072, 0}, {3000000, 131072, 4096}, {700000, 300000, 2048},
                {400000, 1000, 2048}, {20000, 1, 0},           {600000, 16385, 8192}};
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct two t = greet_two(rows[i].buffer);
        struct bulk up = {.from = t.back, .to = t.front, .total = rows[i].total, .step = rows[i].step};
        struct bulk down = {.from = t.front, .to = t.back, .total = rows[i].total, .step = rows[i].step};
        while (!up.is_ended || !down.is_ended) {
            bulk_write(&up);
            bulk_write(&down);
            if (!up.is_ended)
                bulk_read(&up);
            if (!down.is_ended)
                bulk_read(&down);
            assert_true(pool.borrowed_count <= 4);
        }
        assert_int_equal(up.got, up.total);
        assert_int_equal(down.got, down.total);
        close_two(&t);
    }
}

/** A peer that does not read costs one chunk and no more. */
static void test_back_pressure(void **state)
{
    static uint8_t bytes[CHUNK_READ];
    struct two t = greet_two(4096);
    size_t sent = 0;
    size_t got = 0;
    ssize_t n;
    (void)state;
    while ((n = stream_write(t.front, bytes, sizeof(bytes))) > 0)
        sent += (size_t)n;
    assert_int_equal(n, STREAM_AGAIN);
    assert_int_equal(pool.borrowed_count, 1);
    assert_int_equal(stream_wants(t.front, 0), STREAM_WRITE);
    assert_int_equal(stream_wants(t.front, STREAM_READ), STREAM_READ | STREAM_WRITE);
    assert_int_equal(stream_flush(t.front), STREAM_STEP_AGAIN);
    assert_int_equal(stream_shut_write(t.front), STREAM_STEP_AGAIN);
    while (stream_shut_write(t.front) != STREAM_STEP_DONE || got < sent) {
        n = stream_read(t.back, bytes, sizeof(bytes));
        assert_true(n > 0 || n == STREAM_AGAIN);
        if (n > 0)
            got += (size_t)n;
    }
    assert_int_equal(pair_read(t.back, bytes, 1), STREAM_END);
    assert_int_equal(got, sent);
    close_two(&t);
}

/** What one write of a whole chunk's worth takes, and that it leaves in one piece. */
static void test_a_full_write_is_taken_whole(void **state)
{
    static uint8_t bytes[CHUNK_READ];
    (void)state;
    for (size_t i = 0; i < ROWS(versions); i++) {
        struct web w = greet_web(versions[i], 4 * 1024 * 1024);
        assert_int_equal(stream_write(w.front, bytes, sizeof(bytes)), sizeof(bytes));
        close_web(&w);
    }
}

/* ---- what a peer may do on the way ---- */

static void test_key_update(void **state)
{
    struct web w = greet_web(TLS1_3_VERSION, 0);
    char text[16];
    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(SSL_key_update(w.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(w.ssl, "words", 5), 5);
        assert_int_equal(pair_read(w.front, text, 5), 5);
        assert_int_equal(stream_write(w.front, "answer", 6), 6);
        assert_int_equal(stranger_read(w.ssl, text, 16), 6);
    }
    close_web(&w);
}

/* A peer that sends nothing but key updates gets its turn like any other, and not for ever. */
static void test_key_updates_without_end(void **state)
{
    struct web w = greet_web(TLS1_3_VERSION, 0);
    char text[16];
    ssize_t n = STREAM_AGAIN;
    int calls = 0;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        if (SSL_key_update(w.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 || SSL_do_handshake(w.ssl) != 1)
            break;
        if (i % 100 == 99)
            while ((n = stream_read(w.front, text, sizeof(text))) == STREAM_AGAIN && stream_has_pending(w.front))
                calls++;
        if (n == STREAM_FAILED)
            break;
    }
    assert_int_equal(n, STREAM_FAILED);
    assert_int_equal(w.front->why, REASON_TLS_ERROR);
    assert_in_range(calls, 20, 2000); /* it came back to its owner on the way */
    close_web(&w);
}

static void test_key_update_after_our_end(void **state)
{
    struct web w = greet_web(TLS1_3_VERSION, 0);
    char text[16];
    (void)state;
    assert_int_equal(stream_shut_write(w.front), STREAM_STEP_DONE);
    assert_int_equal(SSL_key_update(w.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_write(w.ssl, "words", 5), 5);
    assert_int_equal(pair_read(w.front, text, 5), 5);
    close_web(&w);
}

static void test_renegotiation_is_refused(void **state)
{
    struct web w = greet_web(TLS1_2_VERSION, 0);
    char text[16];
    (void)state;
    assert_int_equal(SSL_renegotiate(w.ssl), 1);
    SSL_do_handshake(w.ssl);
    assert_int_equal(stream_read(w.front, text, 1), STREAM_AGAIN);
    assert_int_equal(stranger_read(w.ssl, text, 1), -SSL_ERROR_SSL);
    close_web(&w);
}

static void test_request_right_behind_the_handshake(void **state)
{
    char text[16];
    (void)state;
    struct web w;
    int fd[2];
    pair_sockets(fd, 0);
    w.front = pair_accept(door, fd[0], &pool);
    w.ctx = SSL_CTX_new(TLS_client_method());
    w.ssl = stranger_new(w.ctx, fd[1], true);
    assert_int_equal(SSL_do_handshake(w.ssl), -1);
    pair_wait(w.front, 0);
    assert_int_equal(stream_greet(w.front), STREAM_STEP_AGAIN);
    struct pollfd p = {.fd = fd[1], .events = POLLIN};
    assert_int_equal(poll(&p, 1, 1000), 1);
    assert_int_equal(SSL_do_handshake(w.ssl), 1);
    assert_int_equal(SSL_write(w.ssl, "at once", 7), 7);
    SSL_shutdown(w.ssl);
    /* Finished, request and end arrive in one read of the socket. */
    while (stream_greet(w.front) == STREAM_STEP_AGAIN)
        pair_wait(w.front, 0);
    assert_true(stream_has_pending(w.front));
    assert_int_equal(stream_read(w.front, text, 16), 7);
    assert_true(stream_has_pending(w.front));
    assert_int_equal(stream_read(w.front, text, 16), STREAM_END);
    close_web(&w);
}

/** The owner changes the thread, and so the pool, while bytes are held. */
static void test_the_pool_may_change(void **state)
{
    struct chunk_pool there = {0};
    struct two t = greet_two(0);
    char text[8];
    (void)state;
    assert_int_equal(stream_write(t.back, "12345678", 8), 8);
    pair_wait(t.front, STREAM_READ);
    assert_int_equal(stream_write(t.back, "abcdefgh", 8), 8);
    assert_int_equal(stream_read(t.front, text, 4), 4);
    t.front->pool = &there;
    assert_int_equal(pair_read(t.front, text, 8), 8);
    assert_memory_equal(text, "5678abcd", 8);
    assert_int_equal(pair_read(t.front, text, 4), 4);
    assert_int_equal(pool.borrowed_count + there.borrowed_count, 0);
    t.front->pool = &pool;
    stream_close(t.front, STREAM_CLOSE_ORDERLY);
    stream_close(t.back, STREAM_CLOSE_ORDERLY);
    chunk_pool_fini(&there);
    pool.borrowed_count = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_both_ways),
        cmocka_unit_test(test_records_are_gathered_and_cut),
        cmocka_unit_test(test_our_end_first),
        cmocka_unit_test(test_their_end_first),
        cmocka_unit_test(test_bytes_behind_their_end_do_not_count),
        cmocka_unit_test(test_errors_of_others),
        cmocka_unit_test(test_a_fin_without_notice_is_truncation),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_orderly_close_sends_both_ends),
        cmocka_unit_test(test_bytes_that_are_no_record),
        cmocka_unit_test(test_bulk_both_ways),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_a_full_write_is_taken_whole),
        cmocka_unit_test(test_key_update),
        cmocka_unit_test(test_key_updates_without_end),
        cmocka_unit_test(test_key_update_after_our_end),
        cmocka_unit_test(test_renegotiation_is_refused),
        cmocka_unit_test(test_request_right_behind_the_handshake),
        cmocka_unit_test(test_the_pool_may_change),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
