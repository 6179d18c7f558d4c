/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP and TLS client connections. The BIO below is OpenSSL's way to the socket. One thread.
 */
#include "test/bench/load/wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "test/bench/load/load_tls.h"

#define OUT_ROOM   ((size_t)2 << 10)  /* at first */
#define OUT_ENOUGH ((size_t)64 << 10) /* ciphertext gathered before it is sent */

/** recv() which knows when trying is of no use. */
static ssize_t receive(struct wire *w, void *bytes, size_t size, int flags)
{
    if (w->is_drained)
        return WIRE_AGAIN;
    ssize_t got = recv(w->watch.fd, bytes, size, flags);
    if (got > 0) {
        w->is_drained = (size_t)got < size;
        return got;
    }
    if (got == 0)
        return WIRE_END;
    if (errno == EAGAIN || errno == EINTR) {
        w->is_drained = true;
        return WIRE_AGAIN;
    }
    w->fault = errno;
    return WIRE_FAILED;
}

/** send() of a plain wire, or of ciphertext. */
static ssize_t transmit(struct wire *w, const void *bytes, size_t size)
{
    ssize_t sent = send(w->watch.fd, bytes, size, MSG_NOSIGNAL);

    if (sent >= 0)
        return sent;
    if (errno == EAGAIN || errno == EINTR) {
        w->wants_write = true;
        return WIRE_AGAIN;
    }
    w->fault = errno;
    return WIRE_FAILED;
}

static int bio_read(BIO *bio, char *bytes, int size)
{
    ssize_t got = receive(BIO_get_data(bio), bytes, (size_t)size, 0);

    BIO_clear_retry_flags(bio);
    if (got == WIRE_AGAIN)
        BIO_set_retry_read(bio);
    return got == WIRE_FAILED ? -1 : (int)got;
}

static int grow_out(struct wire *w, size_t size)
{
    size_t room = w->out_room == 0 ? OUT_ROOM : w->out_room;

    while (room < w->out_size + size)
        room *= 2;
    uint8_t *bytes = realloc(w->out, room);
    if (bytes == NULL)
        return -1;
    w->out = bytes;
    w->out_room = room;
    return 0;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct wire *w = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (w->out_size + (size_t)size > w->out_room && grow_out(w, (size_t)size) != 0) {
        w->fault = ENOMEM;
        return -1;
    }
    memcpy(w->out + w->out_size, bytes, (size_t)size);
    w->out_size += (size_t)size;
    return size;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO *new_bio(struct wire *w)
{
    static BIO_METHOD *method; /* for all wires, until the process ends */

    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
        if (method == NULL)
            return NULL;
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_control);
    }
    BIO *bio = BIO_new(method);
    if (bio != NULL) {
        BIO_set_data(bio, w);
        BIO_set_init(bio, 1);
    }
    return bio;
}

static int open_tls(struct wire *w, SSL_CTX *ctx, const char *name, bool checks_name)
{
    if (w->bio == NULL && (w->bio = new_bio(w)) == NULL)
        return -1;
    w->ssl = SSL_new(ctx);
    if (w->ssl == NULL)
        return -1;
    BIO_up_ref(w->bio);
    SSL_set_bio(w->ssl, w->bio, w->bio);
    SSL_set_app_data(w->ssl, w);
    SSL_set_connect_state(w->ssl);
    if (SSL_set_tlsext_host_name(w->ssl, name) != 1 || (checks_name && SSL_set1_host(w->ssl, name) != 1))
        return -1;
    return w->ticket == NULL || SSL_set_session(w->ssl, w->ticket) == 1 ? 0 : -1;
}

int wire_open(struct wire *w, int fd, SSL_CTX *ctx, const char *name, bool checks_name)
{
    watch_init(&w->watch, fd);
    w->is_drained = false;
    w->wants_write = false;
    w->fault = 0;
    w->out_at = 0;
    w->out_size = 0;
    return ctx == NULL ? 0 : open_tls(w, ctx, name, checks_name);
}

void wire_wake(struct wire *w, uint32_t events)
{
    if (events & ~(uint32_t)EPOLLOUT)
        w->is_drained = false;
}

/** Sends the ciphertext gathered. Returns WIRE_END when nothing is left, else WIRE_AGAIN or WIRE_FAILED. */
static ssize_t flush(struct wire *w)
{
    while (w->out_at < w->out_size) {
        ssize_t sent = transmit(w, w->out + w->out_at, w->out_size - w->out_at);

        if (sent < 0)
            return sent;
        w->out_at += (size_t)sent;
    }
    w->out_at = 0;
    w->out_size = 0;
    return WIRE_END;
}

/** What a call to OpenSSL that moved nothing means; sends what it has gathered first. */
static ssize_t tls_result(struct wire *w, int got)
{
    int why = SSL_get_error(w->ssl, got);
    int fault = w->fault;
    ssize_t flushed = flush(w);

    if (why == SSL_ERROR_ZERO_RETURN || (why == SSL_ERROR_SYSCALL && fault == 0))
        return WIRE_END; /* close_notify, or a FIN without it: an answer has its length, so its reader knows if it is whole */
    if (why != SSL_ERROR_WANT_READ) {
        w->fault = fault;
        return WIRE_FAILED;
    }
    if (flushed == WIRE_END)
        w->wants_write = false;
    return flushed == WIRE_FAILED ? WIRE_FAILED : WIRE_AGAIN;
}

static ssize_t write_tls(struct wire *w, const uint8_t *bytes, size_t size)
{
    size_t written = 0;

    if (w->out_size > 0) {
        ssize_t flushed = flush(w);

        if (flushed != WIRE_END)
            return flushed;
    }
    ERR_clear_error();
    while (written < size && w->out_size < OUT_ENOUGH) {
        size_t piece = size - written < OUT_ENOUGH ? size - written : OUT_ENOUGH;
        int n = SSL_write(w->ssl, bytes + written, (int)piece);

        if (n <= 0)
            return written > 0 ? (ssize_t)written : tls_result(w, n);
        written += (size_t)n;
    }
    return flush(w) == WIRE_FAILED ? WIRE_FAILED : (ssize_t)written;
}

ssize_t wire_write(struct wire *w, const void *bytes, size_t size)
{
    return w->ssl == NULL ? transmit(w, bytes, size) : write_tls(w, bytes, size);
}

static ssize_t read_tls(struct wire *w, void *bytes, size_t size)
{
    ssize_t flushed = w->out_size > 0 ? flush(w) : WIRE_END;

    if (flushed == WIRE_FAILED)
        return WIRE_FAILED;
    ERR_clear_error();
    int n = SSL_read(w->ssl, bytes, (int)size);
    return n > 0 ? n : tls_result(w, n);
}

ssize_t wire_read(struct wire *w, void *bytes, size_t size)
{
    if (w->ssl != NULL)
        return read_tls(w, bytes, size);
    w->wants_write = false;
    return receive(w, bytes, size, 0);
}

ssize_t wire_discard(struct wire *w, size_t size)
{
    w->wants_write = false;
    return receive(w, NULL, size, MSG_TRUNC);
}

void wire_finish(struct wire *w)
{
    if (w->ssl != NULL) {
        ERR_clear_error();
        SSL_shutdown(w->ssl);
        flush(w);
    }
    shutdown(w->watch.fd, SHUT_WR);
}

void wire_close(struct wire *w, struct poller *p)
{
    watch_close(p, &w->watch);
    if (w->ssl != NULL) {
        SSL_set_quiet_shutdown(w->ssl, 1); /* else the session would count as bad */
        SSL_set_shutdown(w->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(w->ssl);
        w->ssl = NULL;
    }
}

void wire_fini(struct wire *w)
{
    BIO_free(w->bio);
    SSL_SESSION_free(w->ticket);
    free(w->out);
    w->bio = NULL;
    w->ticket = NULL;
    w->out = NULL;
}

const char *wire_fault(const struct wire *w)
{
    static char text[256];

    if (w->fault != 0)
        return strerror(w->fault);
    long verdict = w->ssl == NULL ? X509_V_OK : SSL_get_verify_result(w->ssl);
    if (verdict == X509_V_OK)
        snprintf(text, sizeof text, "TLS: %s", load_tls_fault());
    else
        snprintf(text, sizeof text, "TLS: %s (%s)", load_tls_fault(), X509_verify_cert_error_string(verdict));
    return text;
}
