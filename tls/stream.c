/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns one TLS connection: the SSL object, its ciphertext (records.c) and what is known of its end. Runs on the thread that the
 * stream belongs to. TLS 1.2 (RFC 5246) and 1.3 (RFC 8446); the ends of the two directions are independent, as in RFC 8446
 * section 6.1.
 */
#include "tls/stream.h"

#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "tls/errors.h"
#include "tls/site.h"

#include <assert.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAGIC 0x746c7331U

/** Plaintext of one record (RFC 8446 section 5.1). */
#define RECORD_BYTES ((size_t)SSL3_RT_MAX_PLAIN_LENGTH)

/**
 * Records without data (key updates, RFC 8446 section 4.6.3) cost us far more than their sender. So many are looked at in one
 * call, that the worker stays with its other peers; so many in a row nobody sends in good faith.
 */
#define SILENT_RECORDS_CALL 8
#define SILENT_RECORDS_MAX  512

struct tls_stream {
    struct stream stream;
    unsigned magic;
    SSL *ssl;
    struct stream *under; /**< while its connect is under way; its fd is also ours then */
    struct records records;
    struct tls_greeting greeting;
    bool is_greeted;
    bool is_failed;
    bool has_read;           /**< a byte of the peer's was read */
    bool has_ended;          /**< the peer's close_notify was read */
    bool has_news;           /**< an end or failure that came after bytes in the same read, to be told by the next one */
    bool is_notified;        /**< our close_notify is written */
    bool is_shut;            /**< and sent, and the socket's write side shut */
    bool is_read_blocked;    /**< reading waits for room to answer a key update */
    unsigned silent_records; /**< in a row, that brought no byte for us */
};

static const struct stream_ops tls_ops;

static struct tls_stream *tls_of(struct stream *s)
{
    struct tls_stream *tls = (struct tls_stream *)s;
    assert(s->ops == &tls_ops && tls->magic == MAGIC);
    return tls;
}

static const struct tls_stream *tls_of_const(const struct stream *s)
{
    const struct tls_stream *tls = (const struct tls_stream *)s;
    assert(s->ops == &tls_ops && tls->magic == MAGIC);
    return tls;
}

/** The only way into failure. What OpenSSL wrote meanwhile is an alert: the peer shall know why. */
static void fail(struct tls_stream *s, enum reason why)
{
    assert(why != REASON_NONE);
    if (!s->is_failed) {
        s->stream.why = why;
        s->is_failed = true;
        (void)records_flush(&s->records);
    }
    records_drop(&s->records);
}

/**
 * Every call of OpenSSL starts here: errors left by another connection of this thread would be taken for ours. To clear an empty
 * queue costs as much as to decrypt a small record, to look at it next to nothing.
 */
static SSL *begin(struct tls_stream *s)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    return s->ssl;
}

/** True if the call only waits for the socket. */
static bool is_waiting(const struct tls_stream *s, int result)
{
    int error = SSL_get_error(s->ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/* ---- greeting ---- */

/** Finishes the connect, then takes the socket over. */
static enum stream_step greet_under(struct tls_stream *s)
{
    enum stream_step step = stream_greet(s->under);
    if (step == STREAM_STEP_FAILED)
        fail(s, s->under->why);
    if (step != STREAM_STEP_DONE)
        return step;
    s->stream.peer = s->under->peer;
    s->stream.local = s->under->local;
    s->stream.fd = tcp_stream_release(s->under);
    s->under = NULL;
    return STREAM_STEP_DONE;
}

/** Whether the server that we dialled chose the right ALPN name. */
static enum reason check_alpn(const struct tls_stream *s)
{
    const unsigned char *name = NULL;
    unsigned length = 0;
    SSL_get0_alpn_selected(s->ssl, &name, &length);
    const char *ours = s->greeting.is_tunnel ? TLS_ALPN_TUNNEL : TLS_ALPN_HTTP;
    if (length == strlen(ours) && memcmp(name, ours, length) == 0)
        return REASON_NONE;
    /* A web server in a relay's place does not choose the tunnel's name. A server of an upstream need not know ALPN; but one
     * that chooses what was not offered (RFC 7301 section 3.2) would go on in a protocol that we don't speak. */
    if (s->greeting.is_tunnel)
        return REASON_TLS_NO_ALPN;
    return length == 0 ? REASON_NONE : REASON_TLS_ERROR;
}

/** Empties a key that OpenSSL holds on to: a type set anew lets go of what was in it. */
static void empty_key(EVP_PKEY *key)
{
    if (EVP_PKEY_set_type(key, EVP_PKEY_X25519) != 1)
        ERR_clear_error();
    EVP_PKEY_free(key);
}

/**
 * OpenSSL keeps both key shares of TLS 1.3 (RFC 8446 section 4.2.8) until the connection ends, though nothing asks for them after
 * the handshake: half a KiB, and a secret that is better gone.
 */
static void drop_key_shares(SSL *ssl)
{
    EVP_PKEY *key = NULL;
    if (SSL_get_tmp_key(ssl, &key) == 1)
        empty_key(key);
    if (SSL_get_peer_tmp_key(ssl, &key) == 1)
        empty_key(key);
}

static enum stream_step finish_greeting(struct tls_stream *s)
{
    enum reason why = SSL_is_server(s->ssl) ? REASON_NONE : check_alpn(s);
    if (why != REASON_NONE) {
        fail(s, why);
        return STREAM_STEP_FAILED;
    }
    drop_key_shares(s->ssl);
    s->is_greeted = true;
    return STREAM_STEP_DONE;
}

/**
 * For what a server of TLS 1.3 says last, a ticket, nobody waits, and if the request has come too the answer follows. If it has
 * not, the client's kernel may hold it back until this packet acknowledges the Finished (Nagle's algorithm).
 */
static enum stream_step flush_flight(struct tls_stream *s, bool is_last)
{
    if (is_last && SSL_is_server(s->ssl) && SSL_version(s->ssl) >= TLS1_3_VERSION && chunk_fill(s->records.in) > 0)
        return records_flush_soon(&s->records);
    return records_flush(&s->records);
}

static enum stream_step tls_greet(struct stream *stream)
{
    struct tls_stream *s = tls_of(stream);
    if (s->is_failed)
        return STREAM_STEP_FAILED;
    if (s->is_greeted)
        return STREAM_STEP_DONE;
    if (s->under != NULL) {
        enum stream_step step = greet_under(s);
        if (step != STREAM_STEP_DONE)
            return step;
    }
    records_begin(&s->records);
    int result = SSL_do_handshake(begin(s));
    if (result != 1 && !is_waiting(s, result)) {
        fail(s, errors_handshake(s->ssl, &s->greeting, &s->records));
        return STREAM_STEP_FAILED;
    }
    if (flush_flight(s, result == 1) == STREAM_STEP_FAILED) {
        fail(s, s->records.why);
        return STREAM_STEP_FAILED;
    }
    return result == 1 ? finish_greeting(s) : STREAM_STEP_AGAIN;
}

/* ---- reading ---- */

/** At most one record: its bytes, or STREAM_END, STREAM_AGAIN, STREAM_FAILED. */
static ssize_t read_record(struct tls_stream *s, uint8_t *bytes, size_t size)
{
    size_t count = 0;
    int result = SSL_read_ex(begin(s), bytes, size, &count);
    if (result == 1) {
        s->has_read = true;
        s->is_read_blocked = false;
        return (ssize_t)count;
    }
    if (is_waiting(s, result)) {
        s->is_read_blocked = SSL_get_error(s->ssl, result) == SSL_ERROR_WANT_WRITE;
        return STREAM_AGAIN;
    }
    if (SSL_get_error(s->ssl, result) == SSL_ERROR_ZERO_RETURN) {
        s->has_ended = true;
        chunk_put(s->stream.pool, &s->records.in); /* nothing after close_notify counts */
        return STREAM_END;
    }
    fail(s, errors_later(&s->records, !s->has_read));
    return STREAM_FAILED;
}

/** Without SSL_MODE_AUTO_RETRY a record that brings no data ends the call although more records may wait. True: go on with them.
 */
static bool skip_silent_record(struct tls_stream *s)
{
    if (s->is_read_blocked || chunk_fill(s->records.in) == 0)
        return false;
    if (++s->silent_records < SILENT_RECORDS_MAX)
        return s->silent_records % SILENT_RECORDS_CALL != 0;
    fail(s, REASON_TLS_ERROR);
    return false;
}

/** Up to `size` bytes, or what the last record gave if there were none. */
static ssize_t read_records(struct tls_stream *s, uint8_t *bytes, size_t size, size_t *ret_total)
{
    ssize_t n = STREAM_AGAIN;
    while (*ret_total < size) {
        n = read_record(s, bytes + *ret_total, size - *ret_total);
        if (n > 0) {
            *ret_total += (size_t)n;
            s->silent_records = 0;
            if (s->records.in == NULL && s->records.is_dry && SSL_pending(s->ssl) == 0)
                break; /* OpenSSL would only ask the socket, which this call may not do again */
        } else if (n != STREAM_AGAIN || !skip_silent_record(s)) {
            break;
        }
    }
    return s->is_failed ? STREAM_FAILED : n;
}

static ssize_t tls_read(struct stream *stream, void *bytes, size_t size)
{
    struct tls_stream *s = tls_of(stream);
    size_t total = 0;
    ssize_t n;
    assert(s->is_greeted && size > 0);
    s->has_news = false;
    if (s->is_failed)
        return STREAM_FAILED;
    if (s->has_ended)
        return STREAM_END;
    records_begin(&s->records);
    n = read_records(s, bytes, size, &total);
    /* OpenSSL may have answered a key update of the peer's. */
    if (!s->is_failed && records_flush(&s->records) == STREAM_STEP_FAILED) {
        fail(s, s->records.why);
        n = STREAM_FAILED;
    }
    if (total == 0)
        return n;
    s->has_news = n == STREAM_END || n == STREAM_FAILED;
    return (ssize_t)total;
}

/* ---- writing ---- */

/**
 * The socket broke while we sent. If the peer refused our certificate after our handshake was done (TLS 1.3), its alert arrived
 * before the reset and says more: look for it.
 */
static void fail_sending(struct tls_stream *s)
{
    uint8_t byte;
    size_t count = 0;
    enum reason why = s->records.why;
    if (!s->has_read && !s->has_ended) {
        s->records.why = REASON_NONE;
        records_begin(&s->records);
        chunk_put(s->stream.pool, &s->records.out); /* it can't be sent any more */
        int result = SSL_peek_ex(begin(s), &byte, 1, &count);
        if (result != 1 && SSL_get_error(s->ssl, result) == SSL_ERROR_SSL) {
            enum reason later = errors_later(&s->records, true);
            if (later == REASON_TLS_REJECTED || later == REASON_TLS_NO_COMMON)
                why = later;
        }
    }
    fail(s, why);
}

/** Encrypts at most one record into the chunk. The count, STREAM_AGAIN or STREAM_FAILED. */
static ssize_t write_record(struct tls_stream *s, const uint8_t *bytes, size_t size)
{
    size_t count = 0;
    int result = SSL_write_ex(begin(s), bytes, size < RECORD_BYTES ? size : RECORD_BYTES, &count);
    if (result == 1)
        return (ssize_t)count;
    if (is_waiting(s, result))
        return STREAM_AGAIN;
    fail(s, errors_later(&s->records, !s->has_read));
    return STREAM_FAILED;
}

static enum stream_step flush_with(struct tls_stream *s, enum stream_step (*flush)(struct records *))
{
    if (s->is_failed)
        return STREAM_STEP_FAILED;
    if (s->under != NULL)
        return STREAM_STEP_DONE;
    enum stream_step step = flush(&s->records);
    if (step == STREAM_STEP_FAILED)
        fail_sending(s);
    return step;
}

static enum stream_step tls_flush(struct stream *stream)
{
    return flush_with(tls_of(stream), records_flush);
}

static ssize_t tls_write(struct stream *stream, const void *bytes, size_t size)
{
    struct tls_stream *s = tls_of(stream);
    size_t total = 0;
    ssize_t n = 0;
    assert(s->is_greeted && size > 0 && !s->is_notified);
    /* Nothing new is taken while the socket did not accept what is held: so one chunk is the most that a slow peer costs. */
    enum stream_step step = tls_flush(stream);
    if (step != STREAM_STEP_DONE)
        return step == STREAM_STEP_FAILED ? STREAM_FAILED : STREAM_AGAIN;
    while (total < size && records_room(&s->records) >= RECORDS_ROOM) {
        n = write_record(s, (const uint8_t *)bytes + total, size - total);
        if (n <= 0)
            break;
        total += (size_t)n;
    }
    if (n == STREAM_FAILED || tls_flush(stream) == STREAM_STEP_FAILED)
        return STREAM_FAILED;
    return total > 0 ? (ssize_t)total : STREAM_AGAIN;
}

/** Writes close_notify once. SSL_shutdown() a second time would read, so it is called once only. */
static void notify(struct tls_stream *s)
{
    if (s->is_notified)
        return;
    s->is_notified = true;
    (void)SSL_shutdown(begin(s));
    ERR_clear_error();
}

static enum stream_step tls_shut_write(struct stream *stream)
{
    struct tls_stream *s = tls_of(stream);
    assert(s->is_greeted);
    if (s->is_failed)
        return STREAM_STEP_FAILED;
    if (s->is_shut)
        return STREAM_STEP_DONE;
    /* Room for the alert beside what is held; a chunk that is full to the brim is sent first. */
    if (records_room(&s->records) < RECORDS_ROOM) {
        enum stream_step step = tls_flush(stream);
        if (step != STREAM_STEP_DONE)
            return step;
    }
    notify(s);
    enum stream_step step = flush_with(s, records_flush_soon); /* the FIN follows */
    if (step != STREAM_STEP_DONE)
        return step;
    if (shutdown(s->stream.fd, SHUT_WR) != 0) {
        fail(s, REASON_FRONT_RESET); /* ENOTCONN: the connection is gone */
        return STREAM_STEP_FAILED;
    }
    s->is_shut = true;
    return STREAM_STEP_DONE;
}

/* ---- the rest of the interface ---- */

static void tls_close(struct stream *stream, enum stream_close how)
{
    struct tls_stream *s = tls_of(stream);
    if (s->under != NULL) {
        stream_close(s->under, how);
        s->stream.fd = -1;
    } else if (s->stream.fd >= 0 && how == STREAM_CLOSE_ORDERLY && s->is_greeted && !s->is_failed && !s->is_shut) {
        if (records_room(&s->records) >= RECORDS_ROOM)
            notify(s);
        (void)records_flush(&s->records); /* once; whoever needs certainty calls shut_write before */
    }
    if (s->stream.fd >= 0 && how == STREAM_CLOSE_RESET)
        socket_reset(s->stream.fd);
    else if (s->stream.fd >= 0)
        close(s->stream.fd);
    s->stream.fd = -1;
    SSL_free(s->ssl);
    records_drop(&s->records);
    X509_free(s->greeting.refused);
    tls_context_put(s->greeting.context);
    s->magic = 0;
    free(s);
}

static unsigned tls_wants(const struct stream *stream, unsigned interest)
{
    const struct tls_stream *s = tls_of_const(stream);
    unsigned held = s->records.out != NULL ? STREAM_WRITE : 0;
    if (s->is_failed)
        return 0;
    if (s->under != NULL)
        return stream_wants(s->under, STREAM_READ);
    return (s->is_greeted ? interest : STREAM_READ) | held;
}

static bool tls_has_pending(const struct stream *stream)
{
    const struct tls_stream *s = tls_of_const(stream);
    if (s->has_news)
        return true;
    if (s->is_failed || s->has_ended || (s->is_read_blocked && s->records.out != NULL))
        return false;
    return SSL_pending(s->ssl) > 0 || s->records.in != NULL;
}

static const struct stream_ops tls_ops = {
    .name = "tls",
    .greet = tls_greet,
    .read = tls_read,
    .write = tls_write,
    .flush = tls_flush,
    .shut_write = tls_shut_write,
    .close = tls_close,
    .wants = tls_wants,
    .has_pending = tls_has_pending,
};

/* ---- making one ---- */

static struct tls_stream *new_stream(struct tls_context *context, struct chunk_pool *pool)
{
    struct tls_stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->stream = (struct stream){.ops = &tls_ops, .fd = -1, .pool = pool};
    s->magic = MAGIC;
    s->records.owner = &s->stream;
    s->greeting.context = tls_context_get(context);
    BIO *bio = records_bio(&s->records);
    s->ssl = bio == NULL ? NULL : SSL_new(context->start);
    if (s->ssl == NULL) {
        BIO_free(bio);
        tls_close(&s->stream, STREAM_CLOSE_ORDERLY);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_bio(s->ssl, bio, bio);
    return s;
}

struct stream *tls_stream_accept(struct tls_context *context, int fd, const struct address *peer, const struct address *local,
                                 struct chunk_pool *pool)
{
    struct tls_stream *s = new_stream(context, pool);
    if (s == NULL) {
        close(fd);
        return NULL;
    }
    s->stream.fd = fd;
    s->stream.peer = *peer;
    s->stream.local = *local;
    SSL_set_accept_state(s->ssl);
    return &s->stream;
}

/** A stream that dials over `under`, which is closed on failure. */
static struct tls_stream *new_dialler(struct tls_context *context, struct stream *under, unsigned slot)
{
    struct tls_stream *s = new_stream(context, under->pool);
    if (s == NULL) {
        stream_close(under, STREAM_CLOSE_ORDERLY);
        return NULL;
    }
    s->under = under;
    s->stream.fd = under->fd;
    s->stream.peer = under->peer;
    s->stream.local = under->local;
    s->greeting.slot = slot;
    SSL_set_connect_state(s->ssl);
    SSL_SESSION *session = tls_context_session(context, slot);
    if (session != NULL && SSL_set_session(s->ssl, session) != 1)
        ERR_clear_error(); /* then it is a full handshake */
    SSL_SESSION_free(session);
    return s;
}

struct stream *tls_stream_connect(struct tls_context *context, struct stream *under, unsigned relay)
{
    assert(!context->is_upstream);
    struct tls_stream *s = new_dialler(context, under, relay);
    if (s == NULL)
        return NULL;
    s->greeting.is_tunnel = true;
    return &s->stream;
}

struct stream *tls_stream_connect_upstream(struct tls_context *context, struct stream *under, const char *host, unsigned slot)
{
    assert(context->is_upstream);
    struct tls_stream *s = new_dialler(context, under, slot);
    if (s == NULL)
        return NULL;
    if (tls_upstream_name(s->ssl, context, host) != 0) {
        tls_close(&s->stream, STREAM_CLOSE_ORDERLY);
        ERR_clear_error();
        return NULL;
    }
    return &s->stream;
}

void tls_stream_facts(const struct stream *stream, struct tls_facts *ret)
{
    const struct tls_stream *s = tls_of_const(stream);
    *ret = (struct tls_facts){
        .version = SSL_get_version(s->ssl),
        .cipher = SSL_get_cipher_name(s->ssl),
        .is_tunnel = s->greeting.is_tunnel,
        .is_resumed = SSL_session_reused(s->ssl) == 1,
        .has_client_certificate = s->greeting.site != NULL && SSL_get0_peer_certificate(s->ssl) != NULL,
        .web = s->greeting.site != NULL ? s->greeting.site->web : 0,
    };
}

const char *tls_stream_arr_ssl(const struct stream *stream)
{
    const struct tls_stream *s = tls_of_const(stream);
    const struct tls_site *site = s->greeting.site;
    const struct tls_shown *shown = site == NULL ? NULL : site_shown(site, s->ssl);
    return shown == NULL ? NULL : shown->arr_ssl[SSL_get_cipher_bits(s->ssl, NULL) > 128];
}

/* By way of the BIO: app data would be a table of OpenSSL's own for each connection. */
struct tls_greeting *tls_greeting_of(const SSL *ssl)
{
    return &tls_of(records_of(SSL_get_rbio(ssl))->owner)->greeting;
}

bool tls_stream_is(const struct stream *s)
{
    return s->ops == &tls_ops;
}

bool tls_stream_is_tunnel(const struct stream *s)
{
    return tls_stream_is(s) && tls_of_const(s)->greeting.is_tunnel;
}

SSL *tls_stream_ssl(const struct stream *s)
{
    return tls_of_const(s)->ssl;
}

const X509 *tls_stream_tunnel_peer(const struct stream *stream)
{
    if (stream->ops != &tls_ops)
        return NULL;
    const struct tls_stream *s = tls_of_const(stream);
    return s->is_greeted && s->greeting.is_tunnel ? SSL_get0_peer_certificate(s->ssl) : NULL;
}
