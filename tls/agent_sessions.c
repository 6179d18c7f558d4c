/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the sessions of agents at a relay: a table of small rows, the row told by the session's id. Workers put them in and copy
 * them out during handshakes, the main thread lets them grow old.
 *
 * Only copies go in and out, for the reason told in tls/sessions.c: OpenSSL marks the session of a connection that was reset. A
 * copy costs a reference to the certificate. The lock is held for that, which is nothing beside a handshake's arithmetic.
 */
#include "tls/agent_sessions.h"

#include "tls/parts.h"

#include <string.h>

enum { ID_BYTES = SSL_MAX_SSL_SESSION_ID_LENGTH, ROW_WIDTH = 8, ROW_COUNT = AGENT_SESSIONS_MAX / ROW_WIDTH };

/** Rotations that a session survives, as many as there are older ticket keys. */
#define ROTATIONS_MAX 2

struct agent_session {
    SSL_SESSION *session; /**< NULL: free */
    unsigned rotation;    /**< when it was made */
};

struct agent_sessions {
    pthread_mutex_t lock;
    unsigned rotation;
    struct agent_session rows[ROW_COUNT][ROW_WIDTH];
};

struct agent_sessions *agent_sessions_new(void)
{
    struct agent_sessions *all = calloc(1, sizeof(*all));
    if (all != NULL && pthread_mutex_init(&all->lock, NULL) != 0) {
        free(all);
        return NULL;
    }
    return all;
}

/** Lets those go that are older than `age` rotations. */
static void drop_older(struct agent_sessions *all, unsigned age)
{
    for (size_t i = 0; i < AGENT_SESSIONS_MAX; i++) {
        struct agent_session *one = &all->rows[i / ROW_WIDTH][i % ROW_WIDTH];
        if (one->session == NULL || all->rotation - one->rotation <= age)
            continue;
        SSL_SESSION_free(one->session);
        one->session = NULL;
    }
}

void agent_sessions_free(struct agent_sessions *all)
{
    if (all == NULL)
        return;
    all->rotation += ROTATIONS_MAX + 1;
    drop_older(all, 0);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

void agent_sessions_rotate(struct agent_sessions *all)
{
    pthread_mutex_lock(&all->lock);
    all->rotation++;
    drop_older(all, ROTATIONS_MAX);
    pthread_mutex_unlock(&all->lock);
}

void agent_sessions_drop(struct agent_sessions *all, bool (*is_gone)(void *arg, const X509 *holder), void *arg)
{
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < AGENT_SESSIONS_MAX; i++) {
        struct agent_session *one = &all->rows[i / ROW_WIDTH][i % ROW_WIDTH];
        const X509 *holder = one->session == NULL ? NULL : SSL_SESSION_get0_peer(one->session);
        if (holder == NULL || !is_gone(arg, holder))
            continue;
        SSL_SESSION_free(one->session);
        one->session = NULL;
    }
    pthread_mutex_unlock(&all->lock);
}

/** The row of an id. Ids are random, and drawn by us: nobody can fill a row of his choice. */
static struct agent_session *row_of(struct agent_sessions *all, const unsigned char *id)
{
    return all->rows[(id[0] | id[1] << 8) % ROW_COUNT];
}

/** A free place of the row, else the oldest session's; of one rotation any will do. */
static struct agent_session *make_place(const struct agent_sessions *all, struct agent_session *row, unsigned pick)
{
    struct agent_session *oldest = &row[pick % ROW_WIDTH];
    for (size_t i = 0; i < ROW_WIDTH; i++) {
        if (row[i].session == NULL)
            return &row[i];
        if (all->rotation - row[i].rotation > all->rotation - oldest->rotation)
            oldest = &row[i];
    }
    return oldest;
}

static struct agent_session *find(struct agent_session *row, const unsigned char *id)
{
    for (size_t i = 0; i < ROW_WIDTH; i++) {
        unsigned length = 0;
        const unsigned char *own = row[i].session == NULL ? NULL : SSL_SESSION_get_id(row[i].session, &length);
        if (own != NULL && length == ID_BYTES && memcmp(own, id, ID_BYTES) == 0)
            return &row[i];
    }
    return NULL;
}

/** A tunnel's session was made. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_greeting *g = tls_greeting_of(ssl);
    unsigned length = 0;
    const unsigned char *id = SSL_SESSION_get_id(session, &length);
    SSL_SESSION *copy = g->is_tunnel && length == ID_BYTES ? SSL_SESSION_dup(session) : NULL;
    if (copy == NULL)
        return 0; /* a web front door's, which has tickets; or without memory: then a full handshake follows */
    struct agent_sessions *all = tls_tickets_agents(g->context->tickets);
    pthread_mutex_lock(&all->lock);
    struct agent_session *place = make_place(all, row_of(all, id), id[2]);
    SSL_SESSION *old = place->session;
    *place = (struct agent_session){copy, all->rotation};
    pthread_mutex_unlock(&all->lock);
    SSL_SESSION_free(old);
    return 0; /* OpenSSL keeps its own */
}

/** Whoever knows an id still has to prove that he has the session's secret; OpenSSL sees to that. */
static SSL_SESSION *on_get_session(SSL *ssl, const unsigned char *id, int length, int *ret_is_shared)
{
    struct tls_greeting *g = tls_greeting_of(ssl);
    SSL_SESSION *copy = NULL;
    *ret_is_shared = 0;
    if (!g->is_tunnel || length != ID_BYTES)
        return NULL;
    struct agent_sessions *all = tls_tickets_agents(g->context->tickets);
    pthread_mutex_lock(&all->lock);
    struct agent_session *found = find(row_of(all, id), id);
    if (found != NULL) {
        copy = SSL_SESSION_dup(found->session);
        g->is_session_new = found->rotation == all->rotation;
    }
    pthread_mutex_unlock(&all->lock);
    return copy;
}

void agent_sessions_use(SSL_CTX *start)
{
    SSL_CTX_set_session_cache_mode(start, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(start, on_new_session);
    SSL_CTX_sess_set_get_cb(start, on_get_session);
}

void agent_sessions_choose(SSL *ssl)
{
    SSL_set_options(ssl, SSL_OP_NO_TICKET); /* for TLS 1.3: tickets that are nothing but the session's id */
}

void agent_sessions_spare_ticket(SSL *ssl)
{
    if (SSL_session_reused(ssl) == 1 && tls_greeting_of(ssl)->is_session_new)
        (void)SSL_set_num_tickets(ssl, 0);
}
