/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the ciphertext of a stream and the system calls that move it, on the stream's thread. Why not OpenSSL's socket BIO: it
 * reads a record with two calls and sends each record with one; here one call moves a chunk, which costs a third less
 * (docs/design.md).
 */
#include "tls/records.h"

#include "proxy/net/socket.h"

#include <assert.h>
#include <errno.h>
#include <openssl/ssl3.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

/* What a record is longer than its data: header, content type or explicit nonce, tag. */
#define RECORD_EXTRA 29

/* The kernel's largest packet over Ethernet: 45 segments of 1,448 bytes. */
#define PACKET_BYTES ((size_t)45 * 1448)

_Static_assert(CHUNK_READ + 8 * RECORD_EXTRA <= 2 * PACKET_BYTES, "a chunk in records goes into two packets");

/** Remembers the first failure of the socket; later ones only follow from it. */
static void fail(struct records *r, enum reason why)
{
    if (r->why == REASON_NONE)
        r->why = why;
}

/** A client hello or server hello is a handshake record, a refusal is an alert; OpenSSL takes the SSLv2 form of a hello too. */
static bool looks_like_tls(const uint8_t *bytes, size_t count)
{
    if (bytes[0] == SSL3_RT_HANDSHAKE || bytes[0] == SSL3_RT_ALERT)
        return count < 2 || bytes[1] == SSL3_VERSION_MAJOR;
    return (bytes[0] & 0x80) != 0 && (count < 3 || bytes[2] == 1);
}

/** One recv() into the empty chunk. True if there are bytes now. */
static bool receive(struct records *r)
{
    ssize_t n;
    if (r->is_dry || r->has_fin || r->why != REASON_NONE)
        return false;
    if (r->in == NULL && (r->in = chunk_get(r->owner->pool)) == NULL) {
        fail(r, REASON_NO_MEMORY);
        return false;
    }
    do
        n = recv(r->owner->fd, r->in->bytes, CHUNK_READ, 0);
    while (n < 0 && errno == EINTR);
    r->is_dry = true;
    if (n > 0) {
        r->in->start = 0;
        r->in->end = (size_t)n;
        if (!r->has_begun)
            r->is_not_tls = !looks_like_tls(r->in->bytes, (size_t)n);
        r->has_begun = true;
        return true;
    }
    if (n == 0)
        r->has_fin = true;
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
        fail(r, socket_io_reason(errno));
    chunk_put(r->owner->pool, &r->in);
    return false;
}

static int bio_read(BIO *bio, char *bytes, int size)
{
    struct records *r = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return 0;
    if (chunk_fill(r->in) == 0 && !receive(r)) {
        if (r->has_fin)
            return 0;
        if (r->why == REASON_NONE)
            BIO_set_retry_read(bio);
        return -1;
    }
    size_t count = chunk_fill(r->in) < (size_t)size ? chunk_fill(r->in) : (size_t)size;
    memcpy(bytes, r->in->bytes + r->in->start, count);
    r->in->start += count;
    if (chunk_fill(r->in) == 0)
        chunk_put(r->owner->pool, &r->in);
    return (int)count;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct records *r = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return 0;
    /* Only a handshake message longer than a chunk comes here with the chunk full: the stream leaves room for records. */
    if (r->out != NULL && chunk_room(r->out) == 0)
        (void)records_flush(r);
    if (r->why == REASON_NONE && r->out == NULL && (r->out = chunk_get(r->owner->pool)) == NULL)
        fail(r, REASON_NO_MEMORY);
    if (r->why != REASON_NONE)
        return -1;
    size_t count = chunk_room(r->out) < (size_t)size ? chunk_room(r->out) : (size_t)size;
    if (count == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(r->out->bytes + r->out->end, bytes, count);
    r->out->end += count;
    return (int)count;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const struct records *r = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: /* OpenSSL asks at the end of each flight; the stream flushes once per call */
    case BIO_CTRL_DUP:
        return 1;
    case BIO_CTRL_EOF:
        return r->has_fin && chunk_fill(r->in) == 0;
    case BIO_CTRL_PENDING:
        return (long)chunk_fill(r->in);
    case BIO_CTRL_WPENDING:
        return (long)chunk_fill(r->out);
    default:
        return 0;
    }
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

/** Made once and kept for the life of the process. */
static void make_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "records");
    if (m == NULL)
        return;
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    method = m;
}

BIO *records_bio(struct records *r)
{
    pthread_once(&method_once, make_method);
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, r);
    BIO_set_init(bio, 1);
    return bio;
}

struct records *records_of(BIO *bio)
{
    return BIO_get_data(bio);
}

void records_begin(struct records *r)
{
    r->is_dry = false;
}

static enum stream_step flush(struct records *r, int flags)
{
    while (chunk_fill(r->out) > 0) {
        ssize_t n = send(r->owner->fd, r->out->bytes + r->out->start, chunk_fill(r->out), MSG_NOSIGNAL | flags);
        if (n >= 0) {
            r->out->start += (size_t)n;
            if (chunk_fill(r->out) > 0)
                return STREAM_STEP_AGAIN; /* a short count: the socket is full, a second call would only say so */
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return STREAM_STEP_AGAIN;
        } else if (errno != EINTR) {
            fail(r, socket_io_reason(errno));
            return STREAM_STEP_FAILED;
        }
    }
    chunk_put(r->owner->pool, &r->out);
    return STREAM_STEP_DONE;
}

enum stream_step records_flush(struct records *r)
{
    return flush(r, 0);
}

enum stream_step records_flush_soon(struct records *r)
{
    return flush(r, MSG_MORE);
}

size_t records_room(const struct records *r)
{
    return r->out == NULL ? CHUNK_BYTES : chunk_room(r->out);
}

void records_drop(struct records *r)
{
    chunk_put(r->owner->pool, &r->in);
    chunk_put(r->owner->pool, &r->out);
}
