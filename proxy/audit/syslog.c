/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the connection to the receiver. All but the queue belongs to its thread, which may wait for the network as it likes. */
#include "proxy/audit/syslog.h"

#include "proxy/audit/parts.h"
#include "proxy/base/clock.h"
#include "proxy/net/account.h"
#include "tls/line.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define KEPT_BYTES   ((size_t)32 * 1024) /* what was sent last over a stream: a receiver may have ended before it read that */
#define WAIT_MS      5000                /* for a connection, a handshake, a write */
#define IDLE_MS      60000
#define RETRY_MS     1000 /* the first pause; it doubles */
#define RETRY_MAX_MS 30000

static struct syslog {
    const struct audit_settings *settings; /* NULL: there is no syslog */
    struct line_queue queue;
    pthread_t thread;
    char host[256]; /* ours, in the header */
    int fd;         /* -1: not connected */
    struct tls_line *tls;
    bool is_up;    /* the chain says so */
    bool was_told; /* the chain says that it is down */
    uint64_t lost; /* since the chain said how many */
    unsigned pause_ms;
    struct audit_trouble trouble;
    char kept[KEPT_BYTES]; /* the last lines, each with its newline */
    size_t kept_used;
    char frame[SYSLOG_HEAD_BYTES + CHAIN_LINE_BYTES + 16];
} syslog_to = {.fd = -1};

/* -- the connection ------------------------------------------------------------------------------------------------------------
 */

static void disconnect(struct syslog *s)
{
    if (s->tls != NULL)
        tls_line_close(s->tls);
    else if (s->fd >= 0)
        close(s->fd);
    s->tls = NULL;
    s->fd = -1;
}

/* A socket that gives up by itself, connected to `to`; -1 with errno. */
static int connect_to(int family, int type, const struct sockaddr *to, socklen_t length)
{
    const struct timeval wait = {.tv_sec = WAIT_MS / 1000};
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)); /* connect(2) keeps to it too */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    if (connect(fd, to, length) == 0)
        return fd;
    error = errno == EINPROGRESS ? ETIMEDOUT : errno;
    close(fd);
    errno = error;
    return -1;
}

/* A connection of TCP is in the accounts, like any other that we open. */
static int connect_address(const struct syslog *s, const struct addrinfo *at)
{
    bool is_counted = s->settings->transport != AUDIT_UDP;
    struct address peer = {0};
    int fd;

    address_from_sockaddr(&peer, at->ai_addr, at->ai_addrlen);
    if (is_counted)
        account_opened(ACCOUNT_SYSLOG, &peer);
    fd = connect_to(at->ai_family, at->ai_socktype, at->ai_addr, at->ai_addrlen);
    if (is_counted && fd >= 0)
        account_made(ACCOUNT_SYSLOG, &peer);
    return fd;
}

static const char *connect_host(struct syslog *s)
{
    const struct addrinfo hints = {.ai_socktype = s->settings->transport == AUDIT_UDP ? SOCK_DGRAM : SOCK_STREAM};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(s->settings->host, s->settings->port, &hints, &list);

    if (error != 0)
        return gai_strerror(error);
    for (const struct addrinfo *at = list; at != NULL && s->fd < 0; at = at->ai_next)
        s->fd = connect_address(s, at);
    error = errno;
    freeaddrinfo(list);
    return s->fd >= 0 ? NULL : strerror(error);
}

/* A socket of datagrams, as /dev/log is, or else of a stream. */
static const char *connect_unix(struct syslog *s)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    snprintf(to.sun_path, sizeof(to.sun_path), "%s", s->settings->host);
    s->fd = connect_to(AF_UNIX, SOCK_DGRAM, (const struct sockaddr *)&to, sizeof(to));
    if (s->fd < 0 && errno == EPROTOTYPE)
        s->fd = connect_to(AF_UNIX, SOCK_STREAM, (const struct sockaddr *)&to, sizeof(to));
    return s->fd >= 0 ? NULL : strerror(errno);
}

/* NULL, or why there is no connection. */
static const char *connect_receiver(struct syslog *s)
{
    const char *why = s->settings->transport == AUDIT_UNIX ? connect_unix(s) : connect_host(s);

    if (why != NULL || s->settings->transport != AUDIT_TLS)
        return why;
    s->tls = tls_line_connect(s->fd, s->settings->host, s->settings->ca, WAIT_MS, &why);
    if (s->tls != NULL)
        return NULL;
    s->fd = -1; /* taken */
    return why;
}

static bool is_stream(const struct syslog *s)
{
    int type = SOCK_DGRAM;

    (void)getsockopt(s->fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof(type)});
    return type == SOCK_STREAM;
}

/* A receiver that has gone would still take one write without a word. */
static bool is_open(struct syslog *s)
{
    char dropped[256];
    ssize_t n;

    if (s->fd < 0 || !is_stream(s))
        return s->fd >= 0;
    if (s->tls != NULL)
        return tls_line_is_open(s->tls);
    do
        n = recv(s->fd, dropped, sizeof(dropped), MSG_DONTWAIT);
    while (n > 0);
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* -- one line ------------------------------------------------------------------------------------------------------------------
 */

static const char *write_stream(struct syslog *s, const char *bytes, size_t length)
{
    if (s->tls != NULL)
        return tls_line_write(s->tls, bytes, length, WAIT_MS) == 0 ? NULL
                                                                   : "the TLS connection broke, or took nothing for too long";
    while (length > 0) {
        ssize_t n = send(s->fd, bytes, length, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno != EAGAIN ? strerror(errno) : "the receiver took nothing for too long";
        bytes += n;
        length -= (size_t)n;
    }
    return NULL;
}

/* "LENGTH MESSAGE" on a stream, the message alone in a datagram. NULL, or what went wrong. */
static const char *send_line(struct syslog *s, const char *line, size_t length)
{
    char *message = s->frame + 16, count[16];
    size_t used = syslog_head(message, line, length, s->host, (long)getpid());
    int digits;

    if (used == 0)
        return NULL; /* can't be: the writer makes lines of the chain only */
    memcpy(message + used, line, length);
    used += length;
    if (!is_stream(s))
        return send(s->fd, message, used, MSG_NOSIGNAL) >= 0 ? NULL : strerror(errno);
    digits = snprintf(count, sizeof(count), "%zu ", used);
    memcpy(message - digits, count, (size_t)digits);
    return write_stream(s, message - digits, used + (size_t)digits);
}

/* -- once more -----------------------------------------------------------------------------------------------------------------
 */

/* What TCP has taken and even acknowledged is not read yet. */
static void keep_line(struct syslog *s, const char *line, size_t length)
{
    if (!is_stream(s) || length + 1 > KEPT_BYTES)
        return;
    while (KEPT_BYTES - s->kept_used < length + 1) {
        const char *last = memchr(s->kept, '\n', s->kept_used);
        size_t first = (size_t)(last + 1 - s->kept);

        memmove(s->kept, s->kept + first, s->kept_used - first);
        s->kept_used -= first;
    }
    memcpy(s->kept + s->kept_used, line, length);
    s->kept[s->kept_used + length] = '\n';
    s->kept_used += length + 1;
}

/* On a new connection. NULL, or what went wrong. */
static const char *send_again(struct syslog *s)
{
    const char *why = NULL;

    for (const char *at = s->kept, *end = at + s->kept_used; at < end && why == NULL;) {
        const char *last = memchr(at, '\n', (size_t)(end - at));

        why = send_line(s, at, (size_t)(last - at));
        at = last + 1;
    }
    return why;
}

/* -- up and down ---------------------------------------------------------------------------------------------------------------
 */

static void tell_down(struct syslog *s, const char *why)
{
    struct log_line l;

    audit_trouble(&s->trouble, why, s->lost + line_queue_lost(&s->queue));
    s->is_up = false;
    if (s->was_told || !audit_begin(&l, AUDIT_SYSLOG_DOWN, AUDIT_FAILED))
        return;
    log_text(&l, "to", s->settings->host);
    log_text(&l, "error", why);
    audit_end(&l);
    s->was_told = true;
}

static void tell_up(struct syslog *s)
{
    uint64_t seconds;
    struct log_line l;

    if (s->is_up && s->lost == 0)
        return;
    seconds = audit_trouble_over(&s->trouble);
    if (!audit_begin(&l, AUDIT_SYSLOG_UP, AUDIT_OK))
        return;
    s->is_up = true;
    log_text(&l, "to", s->settings->host);
    log_number(&l, "seconds", seconds);
    log_number(&l, "lost", s->lost);
    audit_end(&l);
    s->lost = 0;
    s->was_told = false;
}

/* False, and all is told, if the line could not be sent now. */
static bool try_line(struct syslog *s, const char *line, size_t length)
{
    const char *why = NULL;

    if (!is_open(s)) {
        disconnect(s);
        why = connect_receiver(s);
        if (why == NULL)
            why = send_again(s);
    }
    if (why == NULL)
        why = send_line(s, line, length);
    if (why == NULL) {
        keep_line(s, line, length);
        tell_up(s);
        s->pause_ms = RETRY_MS;
        return true;
    }
    disconnect(s);
    tell_down(s, why);
    return false;
}

/* Until it is sent. False if the end has come. */
static bool insist(struct syslog *s, const char *line, size_t length)
{
    while (!try_line(s, line, length)) {
        if (line_queue_is_stopping(&s->queue))
            return false;
        line_queue_rest(&s->queue, s->pause_ms);
        s->pause_ms = s->pause_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : s->pause_ms * 2;
    }
    return true;
}

static bool send_batch(struct syslog *s, const struct line_batch *batch)
{
    for (const char *at = batch->lines, *end = at + batch->length; at < end;) {
        const char *last = memchr(at, '\n', (size_t)(end - at));

        if (!insist(s, at, (size_t)(last - at)))
            return false;
        at = last + 1;
    }
    return true;
}

static void *syslog_main(void *arg)
{
    struct syslog *s = arg;
    struct line_batch batch;
    bool is_last;

    do {
        is_last = line_queue_is_stopping(&s->queue);
        batch = line_queue_take(&s->queue, IDLE_MS);
        s->lost += batch.lost;
    } while (send_batch(s, &batch) && !is_last);
    disconnect(s);
    return NULL;
}

/* -- start and stop ------------------------------------------------------------------------------------------------------------
 */

int syslog_start(const struct audit_settings *settings)
{
    struct syslog *s = &syslog_to;
    int error;

    s->settings = settings;
    s->pause_ms = RETRY_MS;
    s->trouble = (struct audit_trouble){.what = "syslog", .remedy = "start the syslog receiver, or mend the way to it"};
    if (gethostname(s->host, sizeof(s->host) - 1) != 0 || s->host[0] == '\0')
        strcpy(s->host, "-");
    error = line_queue_init(&s->queue, AUDIT_QUEUE_BYTES) == 0 ? audit_thread_start(&s->thread, syslog_main, s) : errno;
    if (error == 0)
        return 0;
    line_queue_fini(&s->queue);
    s->settings = NULL;
    errno = error;
    return -1;
}

void syslog_stop(void)
{
    struct syslog *s = &syslog_to;

    if (s->settings == NULL)
        return;
    line_queue_stop(&s->queue);
    if (audit_thread_join(s->thread))
        line_queue_fini(&s->queue);
    s->settings = NULL;
}

void syslog_put(const char *line, size_t length)
{
    if (syslog_to.settings != NULL && !line_queue_put(&syslog_to.queue, line, length))
        audit_lose(AUDIT_RECEIVER);
}
