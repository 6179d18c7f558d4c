/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection's talk: ask, read the answer, again or end. Every step tries first and waits only after AGAIN;
 * it returns true when the next step may follow at once. One thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "test/bench/load/load.h"
#include "test/bench/load/moment.h"
#include "test/bench/load/pattern.h"
#include "test/bench/load/tcp.h"

#define INBOX         ((size_t)64 << 10)
#define DISCARD_PIECE ((size_t)1 << 20)
#define DISCARDS      4 /* a turn, so that one connection does not hold the others up */
#define ERRORS_ENOUGH 100
#define FIRST_SOURCE  0x7f010001u /* 127.1.0.1 */

static char inbox[INBOX]; /* what one step reads; nothing stays in it */

static void want(struct load *l, struct client *c, uint32_t events)
{
    if (poller_want(&l->poller, &c->wire.watch, events) == 0)
        return;
    result_fail(&l->result, "bench_load cannot watch a socket: %s", strerror(errno));
    l->is_broken = true;
}

void client_drop(struct load *l, struct client *c)
{
    if (c->state == CLIENT_NONE)
        return;
    wire_close(&c->wire, &l->poller);
    if (!c->is_proven)
        l->opening--;
    c->state = CLIENT_NONE;
    l->live--;
}

static void break_load(struct load *l, struct client *c, const char *what)
{
    result_fail(&l->result, "bench_load cannot %s: %s", what, strerror(errno));
    l->is_broken = true;
    client_drop(l, c);
}

static bool dial(struct load *l, struct client *c)
{
    const struct load_options *o = &l->options;
    struct sockaddr_in from = {.sin_family = AF_INET};

    if (o->sources > 0)
        from.sin_addr.s_addr = htonl(FIRST_SOURCE + (uint32_t)(l->dialled % o->sources));
    l->dialled++;
    c->start_ns = moment_ns();
    c->state = CLIENT_ASK;
    c->asked = 0;
    c->has_finished = false;
    c->tls_is_over = false;
    int fd = tcp_dial(&o->to, o->sources > 0 ? &from : NULL, o->what.life != LOAD_ONE_SHOT);
    if (fd < 0) {
        break_load(l, c, "open a connection");
        return false;
    }
    if (wire_open(&c->wire, fd, l->tls, o->name, o->checks) != 0) {
        break_load(l, c, "make a TLS connection");
        return false;
    }
    return true;
}

static const char *doing(const struct client *c)
{
    static const char *const names[] = {
        [CLIENT_NONE] = "doing nothing",          [CLIENT_ASK] = "connecting or asking",   [CLIENT_UPLOAD] = "sending the body",
        [CLIENT_HEAD] = "waiting for the answer", [CLIENT_BODY] = "reading the answer",    [CLIENT_SINK] = "reading the answer",
        [CLIENT_HOLD] = "holding it open",        [CLIENT_ENDING] = "waiting for the end",
    };
    return names[c->state];
}

/** Tells the fault and drops the connection; the client goes on with a new one where that makes sense. */
__attribute__((format(printf, 3, 4))) static bool fail(struct load *l, struct client *c, const char *format, ...)
{
    char what[192];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    result_fail(&l->result, "connection %u, while %s: %s", (unsigned)(c - l->clients), doing(c), what);
    if (l->result.errors >= ERRORS_ENOUGH)
        l->is_broken = true;
    if (l->is_broken || l->is_ending || l->options.what.life == LOAD_BULK || l->options.what.life == LOAD_HELD) {
        client_drop(l, c);
        return false;
    }
    wire_close(&c->wire, &l->poller);
    return dial(l, c);
}

static bool fail_wire(struct load *l, struct client *c)
{
    return fail(l, c, "%s", wire_fault(&c->wire));
}

static bool fail_end(struct load *l, struct client *c)
{
    if (c->state == CLIENT_BODY || c->state == CLIENT_SINK || c->state == CLIENT_UPLOAD)
        return fail(l, c, "the peer closed after %llu of %llu bytes", (unsigned long long)c->at, (unsigned long long)c->size);
    return fail(l, c, "the peer closed");
}

static void finish(struct client *c)
{
    if (!c->has_finished)
        wire_finish(&c->wire);
    c->has_finished = true;
    c->state = CLIENT_ENDING;
}

static void note_tls(struct load *l, const struct client *c)
{
    struct result *r = &l->result;

    if (l->options.what.resumes && load_counts(l) && SSL_session_reused(c->wire.ssl))
        r->resumed++;
    if (r->protocol[0] != '\0')
        return;
    snprintf(r->protocol, sizeof r->protocol, "%s", SSL_get_version(c->wire.ssl));
    snprintf(r->cipher, sizeof r->cipher, "%s", SSL_get_cipher_name(c->wire.ssl));
}

static void prove(struct load *l, struct client *c)
{
    if (!c->is_proven)
        l->opening--;
    c->is_proven = true;
}

static void count_unit(struct load *l, struct client *c, uint64_t now)
{
    l->progress++;
    prove(l, c);
    if (c->wire.ssl != NULL)
        note_tls(l, c);
    if (l->options.what.life == LOAD_BULK || !load_counts(l))
        return;
    l->result.units++;
    histogram_add(&l->latency, now - c->start_ns);
}

/** The answer, or the echo, is whole. */
static bool unit_done(struct load *l, struct client *c)
{
    uint64_t now = moment_ns();

    count_unit(l, c, now);
    switch (l->options.what.life) {
    case LOAD_ONE_SHOT:
        c->state = CLIENT_ENDING;
        if (l->options.what.talk == LOAD_PING)
            finish(c); /* the echo server does not end it */
        return true;
    case LOAD_KEPT:
        c->start_ns = now;
        c->asked = 0;
        c->state = CLIENT_ASK;
        if (l->is_ending)
            finish(c);
        return true;
    case LOAD_HELD:
        c->state = CLIENT_HOLD;
        l->standing++;
        return true;
    case LOAD_BULK:
        break;
    }
    finish(c);
    return true;
}

/** Bulk: bytes are the units. */
static void count_bytes(struct load *l, size_t size)
{
    l->progress++;
    if (l->options.what.life == LOAD_BULK && load_counts(l))
        l->result.units += size;
}

static ssize_t write_ask(struct load *l, struct client *c)
{
    if (l->options.what.talk != LOAD_PING)
        return wire_write(&c->wire, l->request + c->asked, l->request_size - c->asked);
    uint64_t left = l->options.bytes - c->asked;
    return wire_write(&c->wire, pattern_at(c->asked), left < PATTERN_PERIOD ? (size_t)left : PATTERN_PERIOD);
}

/** All is sent, or of a ping at least the first: now the answer. It cannot have come yet, so nothing is tried. */
static bool asked(struct load *l, struct client *c)
{
    bool is_ping = l->options.what.talk == LOAD_PING;

    c->at = 0;
    c->have = 0;
    c->size = l->options.bytes;
    c->state = is_ping ? CLIENT_BODY : l->options.what.talk == LOAD_PUT ? CLIENT_UPLOAD : CLIENT_HEAD;
    if (c->state == CLIENT_UPLOAD) {
        if (c->wire.ssl != NULL)
            note_tls(l, c);
        c->size = l->options.checks ? l->options.bytes : LOAD_ENDLESS;
        c->events = 0;
        prove(l, c);
        return true;
    }
    want(l, c, is_ping && c->asked < c->size ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return false;
}

static bool step_ask(struct load *l, struct client *c)
{
    ssize_t n = write_ask(l, c);

    if (n == WIRE_AGAIN) {
        want(l, c, wire_wants(&c->wire));
        return false;
    }
    if (n == WIRE_FAILED)
        return fail_wire(l, c);
    if (n == WIRE_END)
        return fail_end(l, c);
    l->progress++;
    c->asked += (uint64_t)n;
    return l->options.what.talk != LOAD_PING && c->asked < l->request_size ? true : asked(l, c);
}

/** How many characters of a message are fit for a sentence: its first line, shortened. */
static int first_line(const char *bytes, size_t size)
{
    size_t i = 0;

    while (i < size && i < 80 && bytes[i] >= ' ' && bytes[i] <= '~')
        i++;
    return (int)i;
}

/** Something came while the body goes out: a TLS ticket, or an answer that is too early. */
static bool hear_upload(struct load *l, struct client *c)
{
    ssize_t n = wire_read(&c->wire, inbox, sizeof inbox);

    if (n == WIRE_FAILED)
        return fail_wire(l, c);
    if (n == WIRE_END)
        return fail_end(l, c);
    if (n > 0)
        return fail(l, c, "the peer answered before the body was whole: %.*s", first_line(inbox, (size_t)n), inbox);
    return true;
}

static bool step_upload(struct load *l, struct client *c)
{
    uint64_t left = c->size - c->at;

    if ((c->events & ~(uint32_t)EPOLLOUT) != 0) {
        c->events = 0;
        if (!hear_upload(l, c) || c->state != CLIENT_UPLOAD)
            return c->state == CLIENT_ASK;
    }
    ssize_t n = wire_write(&c->wire, pattern_at(c->at), left < PATTERN_PERIOD ? (size_t)left : PATTERN_PERIOD);
    if (n == WIRE_FAILED)
        return fail_wire(l, c);
    if (n > 0) {
        c->at += (uint64_t)n;
        count_bytes(l, (size_t)n);
    }
    if (c->at == c->size) {
        c->state = CLIENT_HEAD;
        want(l, c, EPOLLIN);
    } else {
        want(l, c, EPOLLIN | EPOLLOUT);
    }
    return false;
}

/** Compares a piece of the answer's body with what it must be. Returns whether it is right. */
static bool compare(struct load *l, struct client *c, const char *bytes, size_t size)
{
    const uint8_t *got = (const uint8_t *)bytes;
    size_t right = pattern_compare(got, size, c->at);

    if (right == size)
        return true;
    fail(l, c, "byte %llu is %u instead of %u", (unsigned long long)(c->at + right), got[right], *pattern_at(c->at + right));
    return false;
}

static bool compare_count(struct load *l, struct client *c, const char *bytes, size_t size)
{
    uint64_t count;

    if (size == c->size && head_number(bytes, size, &count) == 0 && count == l->options.bytes)
        return true;
    fail(l, c, "the peer says that \"%.*s\" bytes came, not %llu", first_line(bytes, size), bytes,
         (unsigned long long)l->options.bytes);
    return false;
}

/** A piece of the body, or of the echo. Returns true when the next step may follow at once. */
static bool take_body(struct load *l, struct client *c, const char *bytes, size_t size)
{
    if (size > c->size - c->at)
        return fail(l, c, "the peer sent more than the %llu bytes of its answer", (unsigned long long)c->size);
    if (l->options.checks && size > 0) {
        bool is_count = l->options.what.talk == LOAD_PUT;

        if (!(is_count ? compare_count(l, c, bytes, size) : compare(l, c, bytes, size)))
            return c->state == CLIENT_ASK;
    }
    c->at += size;
    if (l->options.what.talk != LOAD_PUT)
        count_bytes(l, size);
    return c->at == c->size ? unit_done(l, c) : true;
}

static const char *fault_of_head(const struct load *l, struct client *c, const char *head, size_t length)
{
    if (memcmp(head, "HTTP/1.1 200", 12) != 0)
        return "the answer is not 200";
    if (head_content_length(head, length, &c->size) != 0)
        return "the answer has no Content-Length";
    if (l->options.what.talk == LOAD_PUT)
        return NULL;
    uint64_t right = l->options.what.life == LOAD_BULK && !l->options.checks ? LOAD_ENDLESS : l->options.bytes;
    return c->size == right ? NULL : "the answer has the wrong length";
}

static bool take_head(struct load *l, struct client *c, const char *bytes, size_t size, size_t length)
{
    const char *fault = fault_of_head(l, c, bytes, length);

    if (fault != NULL)
        return fail(l, c, "%s: %.*s", fault, first_line(bytes, length), bytes);
    c->at = 0;
    c->state = CLIENT_BODY;
    if (l->options.what.life == LOAD_BULK && !l->options.checks) {
        c->state = CLIENT_SINK;
        count_unit(l, c, 0);
    }
    return take_body(l, c, bytes + length, size - length);
}

static bool step_head(struct load *l, struct client *c)
{
    memcpy(inbox, c->head, c->have); /* of a head that came in pieces */
    ssize_t n = wire_read(&c->wire, inbox + c->have, sizeof inbox - c->have);

    if (n == WIRE_AGAIN) {
        want(l, c, wire_wants(&c->wire));
        return false;
    }
    if (n == WIRE_FAILED)
        return fail_wire(l, c);
    if (n == WIRE_END)
        return fail_end(l, c);
    l->progress++;
    size_t size = c->have + (size_t)n;
    size_t length = head_length(inbox, size);
    if (length > 0)
        return take_head(l, c, inbox, size, length);
    if (size > HEAD_LIMIT)
        return fail(l, c, "the head of the answer is longer than %d bytes", HEAD_LIMIT);
    memcpy(c->head, inbox, size);
    c->have = size;
    return true;
}

/** Sends what is left of a long ping while its echo is read. Returns whether the connection is well. */
static bool ask_more(struct load *l, struct client *c)
{
    ssize_t n = write_ask(l, c);

    if (n == WIRE_FAILED) {
        fail_wire(l, c);
        return false;
    }
    if (n > 0)
        c->asked += (uint64_t)n;
    want(l, c, c->asked < l->options.bytes ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return true;
}

static bool step_body(struct load *l, struct client *c)
{
    uint64_t left = c->size - c->at;
    ssize_t n;

    if (l->options.what.talk == LOAD_PING && c->asked < c->size && !ask_more(l, c))
        return c->state == CLIENT_ASK;
    if (c->wire.ssl == NULL && !l->options.checks && left > INBOX) {
        n = wire_discard(&c->wire, left < DISCARD_PIECE ? (size_t)left : DISCARD_PIECE);
        if (n > 0) {
            c->at += (uint64_t)n;
            count_bytes(l, (size_t)n);
            return c->at == c->size ? unit_done(l, c) : true;
        }
    } else {
        n = wire_read(&c->wire, inbox, sizeof inbox);
    }
    if (n > 0)
        return take_body(l, c, inbox, (size_t)n);
    if (n == WIRE_FAILED)
        return fail_wire(l, c);
    if (n == WIRE_END)
        return fail_end(l, c);
    if (l->options.what.talk != LOAD_PING || c->asked == c->size)
        want(l, c, wire_wants(&c->wire));
    return false;
}

static bool step_sink(struct load *l, struct client *c)
{
    for (int i = 0; i < DISCARDS; i++) {
        ssize_t n = wire_discard(&c->wire, DISCARD_PIECE);

        if (n == WIRE_AGAIN)
            break;
        if (n == WIRE_FAILED)
            return fail_wire(l, c);
        if (n == WIRE_END)
            return fail_end(l, c);
        c->at += (uint64_t)n;
        count_bytes(l, (size_t)n);
    }
    want(l, c, EPOLLIN);
    return false;
}

static bool step_hold(struct load *l, struct client *c)
{
    ssize_t n = wire_read(&c->wire, inbox, sizeof inbox);

    if (n == WIRE_AGAIN) {
        want(l, c, wire_wants(&c->wire));
        return false;
    }
    l->standing--;
    if (n == WIRE_FAILED)
        return fail_wire(l, c);
    if (n == WIRE_END)
        return fail_end(l, c);
    return fail(l, c, "the peer sent bytes that nobody asked for");
}

/** Reads behind the answer: nothing may be there. Returns whether the end, or close_notify, has come. */
static ssize_t read_end(struct load *l, struct client *c)
{
    ssize_t n = wire_read(&c->wire, inbox, sizeof inbox);

    c->tls_is_over = n == WIRE_END && c->wire.ssl != NULL;
    if (n > 0)
        result_fail(&l->result, "connection %u: bytes came behind the whole answer", (unsigned)(c - l->clients));
    return c->tls_is_over ? 1 : n;
}

/** Whether close_notify lies in OpenSSL: then the FIN is mostly there as well, and worth a try. */
static bool heard_close_notify(const struct client *c)
{
    return c->wire.ssl != NULL && !c->has_finished && (c->tls_is_over || SSL_has_pending(c->wire.ssl));
}

/** A peer that has said close_notify may wait for our end before its FIN. */
static void answer_close_notify(struct client *c, bool more_came)
{
    if (!heard_close_notify(c) && (c->wire.ssl == NULL || c->has_finished || !more_came))
        return;
    shutdown(c->wire.watch.fd, SHUT_WR);
    c->has_finished = true;
}

static bool ended(struct load *l, struct client *c)
{
    if (l->is_ending || l->is_broken || l->options.what.life != LOAD_ONE_SHOT) {
        client_drop(l, c);
        return false;
    }
    wire_close(&c->wire, &l->poller);
    return dial(l, c);
}

static bool step_ending(struct load *l, struct client *c)
{
    bool more_came = false;
    ssize_t n;

    if (heard_close_notify(c))
        wire_wake(&c->wire, EPOLLIN);
    do {
        bool reads = l->options.checks && !c->tls_is_over && l->options.what.life != LOAD_HELD;

        n = reads ? read_end(l, c) : wire_discard(&c->wire, INBOX);
        more_came = more_came || n > 0;
    } while (n > 0);
    if (n == WIRE_AGAIN) {
        answer_close_notify(c, more_came);
        want(l, c, EPOLLIN);
        return false;
    }
    l->progress++;
    if (n == WIRE_FAILED)
        l->result.late_resets++;
    return ended(l, c);
}

static bool step_none(struct load *l, struct client *c)
{
    (void)l;
    (void)c;
    return false;
}

void client_run(struct load *l, struct client *c, uint32_t events)
{
    static bool (*const steps[])(struct load *, struct client *) = {
        [CLIENT_NONE] = step_none, [CLIENT_ASK] = step_ask,   [CLIENT_UPLOAD] = step_upload, [CLIENT_HEAD] = step_head,
        [CLIENT_BODY] = step_body, [CLIENT_SINK] = step_sink, [CLIENT_HOLD] = step_hold,     [CLIENT_ENDING] = step_ending,
    };

    c->events = events;
    wire_wake(&c->wire, events);
    while (!l->is_broken && steps[c->state](l, c))
        continue;
}

void client_begin(struct load *l, struct client *c)
{
    l->opening++;
    l->live++;
    if (dial(l, c))
        client_run(l, c, 0);
}

void client_stop(struct load *l, struct client *c)
{
    if (l->options.what.life == LOAD_BULK) {
        client_drop(l, c);
    } else if (c->state == CLIENT_HOLD) {
        finish(c);
        client_run(l, c, EPOLLIN);
    }
}

bool client_is_waiting(const struct client *c)
{
    return c->state != CLIENT_NONE && c->state != CLIENT_ENDING;
}
