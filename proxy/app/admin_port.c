/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the thread of the admin port, its listeners and its clients. A client has a place in a table and is served in this order:
 * GREET (TLS), READ a request, WAIT for the main loop, WRITE the answer, LINGER until it has read it.
 */
#include "proxy/app/admin_port.h"

#include "config/place.h"
#include "proxy/app/admin_keys.h"
#include "proxy/app/handed.h"
#include "proxy/base/log.h"
#include "proxy/net/listener.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "proxy/net/watch.h"
#include "proxy/session/session_log.h"
#include "tls/stream.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTENS_MAX  8
#define LINGER_BYTES ((size_t)64 * 1024)

enum step { STEP_FREE = 0, STEP_GREET, STEP_READ, STEP_WAIT, STEP_WRITE, STEP_LINGER };

struct admin_client {
    enum step step;
    uint64_t serial; /* an answer for the one before in this place is not ours */
    const struct admin_listen *listen;
    struct stream *stream;
    struct watch watch;
    struct deadline deadline;
    struct http_scan scan;
    char head[ADMIN_HEAD_BYTES]; /* of the request, then of the answer */
    size_t head_length;
    size_t head_sent;
    bool is_head; /* HEAD was asked */
    bool has_chunks;
    bool is_streaming;               /* the answer's head has been written, and pieces follow */
    struct admin_question *question; /* that brings the next piece; ours while we write */
    char *body;
    size_t length;
    size_t sent;
    size_t lingered;
};

struct admin_listen {
    const struct cfg_listen *cfg;
    int fd;
    struct address address;
    struct listener *listener;
};

static struct admin_port {
    const struct cfg *cfg;
    struct admin_keys keys;      /* the admin thread's, while it runs */
    struct tls_tickets *tickets; /* NULL: no TLS */
    struct admin_listen listens[LISTENS_MAX];
    size_t listens_count;
    struct loop *main;
    admin_asked_fn *asked;
    void *arg;
    bool is_running;
    pthread_t thread;
    /* the thread's own */
    struct loop loop;
    struct log_window refusals;
    uint64_t serial;
    struct admin_client clients[ADMIN_CLIENTS];
} port;

struct admin_question {
    struct mail mail;
    enum admin_page page;
    size_t client; /* its place */
    uint64_t serial;
    char *text;
    size_t length;
    bool is_last;
    void *state; /* of an answer in pieces: the main loop's; NULL: it is whole */
    void (*more)(void *state);
    void (*end)(void *state);
};

static void serve(struct admin_client *c);

/* -- one client ----------------------------------------------------------------------------------------------------------------
 */

static void question_end(struct admin_question *q);

static void end_client(struct admin_client *c, enum stream_close how)
{
    watch_set(&c->watch, c->stream->fd, 0);
    deadline_clear(&c->deadline);
    stream_close(c->stream, how);
    c->stream = NULL;
    free(c->body);
    c->body = NULL;
    if (c->question != NULL)
        question_end(c->question);
    c->question = NULL;
    c->step = STEP_FREE;
}

static void client_is_late(void *arg)
{
    end_client(arg, STREAM_CLOSE_RESET);
}

static void log_refused(const struct admin_client *c, unsigned status, const char *why)
{
    struct log_line l;
    uint64_t skipped;

    if (!session_log_may(&port.refusals, &skipped) || !log_begin(&l, LOG_LEVEL_INFO, "admin_refused"))
        return;
    log_address(&l, "peer", &c->stream->peer);
    log_number(&l, "status", status);
    log_text(&l, "why", why);
    if (skipped > 0)
        log_number(&l, "skipped", skipped);
    log_end(&l);
}

/* **Takes** `body`. */
static void answer(struct admin_client *c, unsigned status, const char *type, char *body, size_t length)
{
    c->body = body;
    c->length = c->is_head ? 0 : length;
    c->sent = c->head_sent = 0;
    c->head_length = admin_http_head(status, type, length, c->head);
    c->step = STEP_WRITE;
}

static void refuse(struct admin_client *c, unsigned status, const char *why)
{
    char *body = NULL;
    int length;

    log_refused(c, status, why);
    length = asprintf(&body, "%s\n", admin_http_refusal(status));
    answer(c, status, "text/plain; charset=utf-8", length > 0 ? body : NULL, length > 0 ? (size_t)length : 0);
}

/* -- questions -----------------------------------------------------------------------------------------------------------------
 */

/* Mails are dropped on the main thread. */
static void question_drop(struct mail *m)
{
    struct admin_question *q = (struct admin_question *)m;

    if (q->state != NULL)
        q->end(q->state);
    free(q->text);
    free(q);
}

static void end_on_main(struct mail *m, struct loop *loop)
{
    (void)loop;
    question_drop(m);
}

/* Nobody waits for it any more. What the main loop keeps for it is let go of there. */
static void question_end(struct admin_question *q)
{
    q->mail.deliver = end_on_main;
    if (q->state != NULL)
        loop_post(port.main, &q->mail);
    else
        question_drop(&q->mail);
}

static void more_on_main(struct mail *m, struct loop *loop)
{
    struct admin_question *q = (struct admin_question *)m;

    (void)loop;
    q->more(q->state);
}

/* A chunk (RFC 9112 7.1), and after the last one the end of all. One of no bytes would be the end, so it is left out. False
 * without memory. */
static bool frame_chunk(struct admin_client *c, bool is_last)
{
    const char *end = is_last ? "\r\n0\r\n\r\n" : "\r\n";
    char *whole;

    if (c->length == 0)
        return true;
    whole = realloc(c->body, c->length + strlen(end) + 1);
    if (whole == NULL)
        return false;
    c->head_length += (size_t)snprintf(c->head + c->head_length, sizeof(c->head) - c->head_length, "%zx\r\n", c->length);
    strcpy(whole + c->length, end);
    c->body = whole;
    c->length += strlen(end);
    return true;
}

/* **Takes** `text`. */
static void answer_piece(struct admin_client *c, char *text, size_t length, bool is_last)
{
    c->head_length = 0;
    if (!c->is_streaming)
        c->head_length =
            admin_http_head(200, admin_page_type(ADMIN_PAGE_STATUS), c->has_chunks ? ADMIN_CHUNKS : ADMIN_STREAM, c->head);
    c->is_streaming = true;
    c->head_sent = c->sent = 0;
    c->body = text;
    c->length = length;
    c->step = STEP_WRITE;
    if (c->has_chunks && !frame_chunk(c, is_last))
        end_client(c, STREAM_CLOSE_RESET); /* a part must not be taken for the whole */
}

static void take_answer(struct admin_client *c, struct admin_question *q)
{
    char *text = q->text;

    q->text = NULL;
    if (text == NULL && c->is_streaming) {
        end_client(c, STREAM_CLOSE_RESET);
    } else if (text == NULL) {
        refuse(c, 503, "memory");
    } else if (q->state != NULL) {
        answer_piece(c, text, q->length, q->is_last);
        c->question = q->is_last || c->step == STEP_FREE ? NULL : q;
    } else {
        answer(c, 200, admin_page_type(q->page), text, q->length);
    }
}

static void answered(struct mail *m, struct loop *loop)
{
    struct admin_question *q = (struct admin_question *)m;
    struct admin_client *c = &port.clients[q->client];

    (void)loop;
    if (c->step == STEP_WAIT && c->serial == q->serial) {
        take_answer(c, q);
        if (c->question != q)
            question_end(q);
        if (c->step != STEP_FREE)
            serve(c);
    } else {
        question_end(q);
    }
}

static void asked_on_main(struct mail *m, struct loop *loop)
{
    struct admin_question *q = (struct admin_question *)m;

    (void)loop;
    port.asked(port.arg, q->page, q);
}

void *admin_question_arg(const struct admin_question *question)
{
    (void)question;
    return port.arg;
}

void admin_answer_streams(struct admin_question *q, void *state, void (*more)(void *state), void (*end)(void *state))
{
    q->state = state;
    q->more = more;
    q->end = end;
}

void admin_answer_piece(struct admin_question *q, char *text, size_t length, bool is_last)
{
    q->text = text;
    q->length = length;
    q->is_last = is_last;
    q->mail.deliver = answered;
    loop_post(&port.loop, &q->mail);
}

void admin_answer(struct admin_question *q, char *text, size_t length)
{
    admin_answer_piece(q, text, length, true);
}

static void ask(struct admin_client *c, enum admin_page page)
{
    struct admin_question *q = calloc(1, sizeof(*q));

    if (q == NULL) {
        refuse(c, 503, "memory");
        return;
    }
    q->mail.deliver = asked_on_main;
    q->mail.drop = question_drop;
    q->page = page;
    q->client = (size_t)(c - port.clients);
    q->serial = c->serial;
    c->step = STEP_WAIT;
    loop_post(port.main, &q->mail);
}

/* -- steps ---------------------------------------------------------------------------------------------------------------------
 */

/* Each step is false if it waits for the socket or the main loop, or if the client has ended. */
static bool greet(struct admin_client *c)
{
    switch (stream_greet(c->stream)) {
    case STREAM_STEP_AGAIN:
        return false;
    case STREAM_STEP_FAILED:
        log_refused(c, 0, reason_name(c->stream->why));
        end_client(c, STREAM_CLOSE_ORDERLY);
        return false;
    default:
        c->step = STEP_READ;
        return true;
    }
}

static struct admin_rules rules_for(const struct admin_client *c)
{
    struct admin_rules rules = {.is_loopback = address_is_loopback(&c->listen->address), .token = port.keys.token};
    struct tls_facts facts;

    if (port.keys.tls != NULL) {
        tls_stream_facts(c->stream, &facts);
        rules.is_known = facts.has_client_certificate;
    }
    return rules;
}

static void take_request(struct admin_client *c)
{
    struct admin_rules rules = rules_for(c);
    struct admin_request request = {0};
    const char *why;
    unsigned status = admin_http_read((struct slice){c->head, c->scan.done}, &rules, &request, &why);

    c->is_head = request.is_head;
    c->has_chunks = request.has_chunks;
    if (status != 200)
        refuse(c, status, why);
    else if (request.page == ADMIN_PAGE_STATUS && request.is_head)
        answer(c, 200, admin_page_type(request.page), NULL, c->has_chunks ? ADMIN_CHUNKS : ADMIN_STREAM);
    else if (request.page == ADMIN_PAGE_HEALTH)
        answer(c, 200, admin_page_type(request.page), strdup("ok\n"), 3);
    else
        ask(c, request.page);
}

static bool read_request(struct admin_client *c)
{
    enum http_fault fault;
    ssize_t n = stream_read(c->stream, c->head + c->head_length, sizeof(c->head) - c->head_length);

    if (n == STREAM_AGAIN)
        return false;
    if (n <= 0) {
        end_client(c, STREAM_CLOSE_ORDERLY);
        return false;
    }
    c->head_length += (size_t)n;
    switch (http_scan_request(&c->scan, c->head, c->head_length, &admin_http_limits, &fault)) {
    case HTTP_SCAN_MORE:
        break;
    case HTTP_SCAN_WHOLE:
        take_request(c);
        break;
    default:
        refuse(c, 400, http_fault_name(fault));
    }
    return c->step != STEP_WAIT;
}

static ssize_t write_some(struct admin_client *c)
{
    ssize_t n;

    if (c->head_sent < c->head_length) {
        n = stream_write(c->stream, c->head + c->head_sent, c->head_length - c->head_sent);
        c->head_sent += n > 0 ? (size_t)n : 0;
        return n;
    }
    n = stream_write(c->stream, c->body + c->sent, c->length - c->sent);
    c->sent += n > 0 ? (size_t)n : 0;
    return n;
}

/* The next piece is asked for when this one is written. */
static bool end_writing(struct admin_client *c)
{
    struct admin_question *q = c->question;

    free(c->body);
    c->body = NULL;
    c->step = q != NULL && !c->is_head ? STEP_WAIT : STEP_LINGER;
    if (c->step == STEP_LINGER)
        return true;
    c->question = NULL;
    q->mail.deliver = more_on_main;
    loop_post(port.main, &q->mail);
    return false;
}

static bool write_answer(struct admin_client *c)
{
    while (c->head_sent < c->head_length || (c->body != NULL && c->sent < c->length)) {
        ssize_t n = write_some(c);

        if (n == STREAM_AGAIN)
            return false;
        if (n < 0) {
            end_client(c, STREAM_CLOSE_RESET);
            return false;
        }
    }
    return end_writing(c);
}

/* Reads and drops what still comes, so that closing does not send RST before the answer was read. */
static bool linger(struct admin_client *c)
{
    char dropped[4096];
    ssize_t n = 0;

    if (stream_shut_write(c->stream) == STREAM_STEP_FAILED) {
        end_client(c, STREAM_CLOSE_ORDERLY);
        return false;
    }
    while (c->lingered < LINGER_BYTES && (n = stream_read(c->stream, dropped, sizeof(dropped))) > 0)
        c->lingered += (size_t)n;
    if (n != STREAM_AGAIN)
        end_client(c, STREAM_CLOSE_ORDERLY);
    return false;
}

static unsigned interest(const struct admin_client *c)
{
    switch (c->step) {
    case STEP_WAIT:
        return 0;
    case STEP_WRITE:
        return STREAM_WRITE;
    default:
        return STREAM_READ;
    }
}

static void serve(struct admin_client *c)
{
    static bool (*const steps[])(struct admin_client * c) = {
        [STEP_GREET] = greet, [STEP_READ] = read_request, [STEP_WRITE] = write_answer, [STEP_LINGER] = linger};

    while (steps[c->step](c))
        ;
    if (c->step != STEP_FREE)
        watch_set(&c->watch, c->stream->fd, stream_wants(c->stream, interest(c)));
}

static void client_ready(void *arg, unsigned ready)
{
    struct admin_client *c = arg;

    if ((ready & STREAM_WRITE) && c->step > STEP_GREET && stream_flush(c->stream) == STREAM_STEP_FAILED)
        end_client(c, STREAM_CLOSE_RESET);
    else if (c->step != STEP_WAIT)
        serve(c);
}

static struct admin_client *free_place(void)
{
    for (size_t i = 0; i < ADMIN_CLIENTS; i++)
        if (port.clients[i].step == STEP_FREE)
            return &port.clients[i];
    return NULL;
}

static void accepted(void *arg, int fd, const struct address *peer, const struct address *local)
{
    struct admin_client *c = free_place();
    struct chunk_pool *pool = &port.loop.chunks;

    if (c == NULL) {
        socket_reset(fd);
        return;
    }
    *c = (struct admin_client){.listen = arg, .serial = ++port.serial};
    c->stream = port.keys.tls != NULL ? tls_stream_accept(port.keys.tls, fd, peer, local, pool)
                                      : tcp_stream_accept(fd, peer, local, pool);
    if (c->stream == NULL)
        return;
    c->step = STEP_GREET;
    watch_init(&c->watch, &port.loop, client_ready, c);
    deadline_init(&c->deadline, &port.loop, client_is_late, c);
    deadline_set(&c->deadline, ADMIN_MS);
    serve(c);
}

/* -- sockets -------------------------------------------------------------------------------------------------------------------
 */

static void learn_port(struct admin_listen *l)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);

    if (getsockname(l->fd, (struct sockaddr *)&storage, &len) == 0)
        address_from_sockaddr(&l->address, (struct sockaddr *)&storage, len);
}

int admin_port_load(const struct cfg *cfg, struct cfg_problems *problems)
{
    if (cfg->admin.listen_count > 0 && cfg->admin.identity.chain != NULL && (port.tickets = tls_tickets_new()) == NULL) {
        cfg_problems_add(problems, cfg->file, 0, "free some memory", "there is no memory left");
        return -1;
    }
    return admin_keys_load(&port.keys, cfg, port.tickets, problems);
}

struct admin_renewal *admin_port_read(struct cfg_problems *problems)
{
    return port.is_running ? admin_keys_read(&port.keys, port.cfg, port.tickets, problems) : NULL;
}

void admin_port_use(struct admin_renewal *renewal)
{
    if (renewal != NULL)
        admin_keys_use(renewal, &port.loop);
}

void admin_port_forget(struct admin_renewal *renewal)
{
    admin_keys_forget(renewal);
}

/* One that was handed to us, or one of our own. */
static int listen_at(const struct address *at)
{
    int fd = handed_take(at, 0);

    return fd >= 0 ? fd : socket_listen(at, false);
}

int admin_port_open(const struct cfg *cfg)
{
    int result = 0;

    port.cfg = cfg;
    for (size_t i = 0; i < cfg->admin.listen_count; i++) {
        struct admin_listen *l = &port.listens[port.listens_count++];
        const struct cfg_listen *listen = &cfg->admin.listen[i];
        char text[ADDRESS_TEXT];

        *l = (struct admin_listen){.cfg = listen, .address = listen->address, .fd = listen_at(&listen->address)};
        if (l->fd >= 0) {
            learn_port(l);
            continue;
        }
        fprintf(stderr, "%s:%u: cannot listen on %s: %s. %s.\n", cfg_place_file(cfg, listen->line), cfg_place_line(listen->line),
                address_format(&listen->address, text), strerror(errno),
                errno == EADDRINUSE ? "Another program listens there: see ss -ltnp"
                                    : "See ip address, or choose another address");
        result = -1;
    }
    return result;
}

void admin_port_look(void (*found)(void *arg, const char *purpose, const char *name, const struct address *address), void *arg)
{
    for (size_t i = 0; i < port.listens_count; i++)
        found(arg, "admin", "admin", &port.listens[i].address);
}

static void log_listen(const struct admin_listen *l)
{
    struct log_line line;

    if (!log_begin(&line, LOG_LEVEL_INFO, "listen"))
        return;
    log_text(&line, "purpose", "admin");
    log_text(&line, "name", "admin");
    log_address(&line, "address", &l->address);
    log_end(&line);
}

/* -- the thread ----------------------------------------------------------------------------------------------------------------
 */

static void *admin_thread(void *arg)
{
    (void)arg;
    pthread_setname_np(pthread_self(), "admin");
    loop_run(&port.loop);
    return NULL;
}

static int start_thread(void)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&port.thread, NULL, admin_thread, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return errno == 0 ? 0 : -1;
}

int admin_port_start(struct loop *main, admin_asked_fn *asked, void *arg)
{
    if (port.listens_count == 0)
        return 0;
    port.main = main;
    port.asked = asked;
    port.arg = arg;
    if (loop_init(&port.loop, 0) != 0)
        return -1;
    for (size_t i = 0; i < port.listens_count; i++) {
        struct admin_listen *l = &port.listens[i];
        int fd = l->fd;

        l->fd = -1;
        l->listener = listener_new(&port.loop, fd, ACCOUNT_ADMIN, accepted, l);
        if (l->listener == NULL) {
            errno = ENOMEM;
            return -1;
        }
        log_listen(l);
    }
    port.is_running = start_thread() == 0;
    return port.is_running ? 0 : -1;
}

void admin_port_stop(void)
{
    if (port.loop.base == NULL)
        return;
    if (port.is_running) {
        loop_stop(&port.loop);
        pthread_join(port.thread, NULL);
        port.is_running = false;
    }
    for (size_t i = 0; i < ADMIN_CLIENTS; i++)
        if (port.clients[i].step != STEP_FREE)
            end_client(&port.clients[i], STREAM_CLOSE_RESET);
    for (size_t i = 0; i < port.listens_count; i++) {
        listener_close(port.listens[i].listener);
        port.listens[i].listener = NULL;
    }
    loop_fini(&port.loop);
}

void admin_port_close(void)
{
    admin_port_stop();
    for (size_t i = 0; i < port.listens_count; i++)
        if (port.listens[i].fd >= 0)
            close(port.listens[i].fd);
    port.listens_count = 0;
    admin_keys_fini(&port.keys);
    tls_tickets_free(port.tickets);
    port.tickets = NULL;
}
