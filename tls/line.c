/* SPDX-License-Identifier: Apache-2.0 */
/* Owns one connection, its context and the waiting. */
#include "tls/line.h"

#include "proxy/base/clock.h"
#include "tls/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

struct tls_line {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    bool is_broken;
};

static void drop_problem(void *arg, unsigned line, const char *sentence)
{
    (void)arg; /* the caller's sentence says as much: the file was checked at the start */
    (void)line;
    (void)sentence;
}

static int trust(SSL_CTX *ctx, const char *ca)
{
    struct tls_problems problems = {.tell = drop_problem};
    X509_STORE *store;

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (ca == NULL)
        return SSL_CTX_set_default_verify_paths(ctx) == 1 ? 0 : -1;
    store = certificate_load_ca(ca, 0, TRUST_SERVERS, &problems);
    if (store == NULL)
        return -1;
    SSL_CTX_set1_cert_store(ctx, store);
    X509_STORE_free(store);
    return 0;
}

/* Which name or address the certificate must have; a name is also asked for. */
static int expect_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return 0;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1 ? 0 : -1;
}

/* Waits for what the last call wanted. False: no more time, or no hope. */
static bool await(struct tls_line *t, int result, uint64_t until_ms)
{
    int wanted = SSL_get_error(t->ssl, result);
    uint64_t now = clock_ms();
    struct pollfd p = {.fd = t->fd, .events = wanted == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN};

    if ((wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) || now >= until_ms)
        return false;
    return poll(&p, 1, (int)(until_ms - now)) >= 0 || errno == EINTR;
}

static int greet(struct tls_line *t, unsigned ms, const char **ret_why)
{
    uint64_t until_ms = clock_ms() + ms;
    int result;

    do {
        ERR_clear_error();
        result = SSL_connect(t->ssl);
    } while (result != 1 && await(t, result, until_ms));
    if (result == 1)
        return 0;
    if (SSL_get_verify_result(t->ssl) != X509_V_OK)
        *ret_why = X509_verify_cert_error_string(SSL_get_verify_result(t->ssl));
    else
        *ret_why = clock_ms() >= until_ms ? "the receiver did not finish its TLS handshake in time" : "the TLS handshake failed";
    return -1;
}

struct tls_line *tls_line_connect(int fd, const char *host, const char *ca, unsigned ms, const char **ret_why)
{
    struct tls_line *t = calloc(1, sizeof(*t));

    *ret_why = "no memory";
    if (t == NULL) {
        close(fd);
        return NULL;
    }
    t->fd = fd;
    t->is_broken = true;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    t->ctx = tls_ctx_new(TLS_client_method());
    if (t->ctx != NULL && trust(t->ctx, ca) != 0)
        *ret_why = "the CA file can't be read";
    else if (t->ctx != NULL && (t->ssl = SSL_new(t->ctx)) != NULL && expect_host(t->ssl, host) == 0 &&
             SSL_set_fd(t->ssl, fd) == 1 && greet(t, ms, ret_why) == 0)
        t->is_broken = false;
    if (!t->is_broken)
        return t;
    tls_line_close(t);
    return NULL;
}

int tls_line_write(struct tls_line *t, const void *bytes, size_t length, unsigned ms)
{
    uint64_t until_ms = clock_ms() + ms;
    int result;

    do {
        ERR_clear_error();
        result = SSL_write(t->ssl, bytes, (int)length); /* whole, or to be called again: partial writes move on */
        if (result > 0) {
            bytes = (const char *)bytes + result;
            length -= (size_t)result;
        }
    } while (length > 0 && (result > 0 || await(t, result, until_ms)));
    t->is_broken |= length > 0;
    return length == 0 ? 0 : -1;
}

bool tls_line_is_open(struct tls_line *t)
{
    char dropped[256];
    int result;

    do {
        ERR_clear_error();
        result = SSL_read(t->ssl, dropped, sizeof(dropped));
    } while (result > 0);
    t->is_broken |= SSL_get_error(t->ssl, result) != SSL_ERROR_WANT_READ;
    ERR_clear_error();
    return !t->is_broken;
}

void tls_line_close(struct tls_line *t)
{
    if (t == NULL)
        return;
    ERR_clear_error();
    if (!t->is_broken)
        (void)SSL_shutdown(t->ssl);
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    close(t->fd);
    ERR_clear_error();
    free(t);
}
