/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the listeners to which servers dial back. Main loop. */
#include "proxy/link/catcher.h"

#include "proxy/base/log.h"
#include "proxy/link/arrival.h"
#include "proxy/net/listener.h"
#include "proxy/net/socket.h"
#include "proxy/session/session_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct catcher {
    struct catcher *next; /* in its bucket of the hub */
    struct hub *hub;
    struct address at;
    unsigned holders;
    struct listener *listener;
};

static unsigned bucket_of(const struct address *at)
{
    return (address_hash(at) + address_port(at)) % HUB_PLACES;
}

static struct catcher *find(const struct hub *h, const struct address *at)
{
    struct catcher *c = h->catchers[bucket_of(at)];

    while (c != NULL && !(address_port(&c->at) == address_port(at) && address_same_ip(&c->at, at)))
        c = c->next;
    return c;
}

bool catcher_is_at(const struct hub *h, const struct address *at)
{
    return find(h, at) != NULL;
}

/* A client whose lease can't be opened comes back again and again, and so does this. */
static void log_listen_failure(struct hub *h, const struct cfg_link *link, const struct address *at, int error)
{
    struct log_line l;
    uint64_t skipped;

    if (!session_log_may(&h->failures, &skipped) || !log_begin(&l, LOG_LEVEL_WARN, "lease_listen_failed"))
        return;
    log_text(&l, "link", link->name);
    log_address(&l, "address", at);
    log_text(&l, "error", strerror(error));
    if (error == EADDRNOTAVAIL)
        log_text(&l, "remedy",
                 link->advise.addressing == CFG_ADDRESSING_ALIAS
                     ? "give this machine the addresses of the pool: ip address add ADDRESS/32 dev lo"
                     : "give this machine the address of advise: ip address add ADDRESS/32 dev lo");
    else if (error == EADDRINUSE)
        log_text(&l, "remedy", "another program listens on this port: see ss -ltnp");
    if (skipped > 0)
        log_number(&l, "skipped", skipped);
    log_end(&l);
}

static enum reason listen_reason(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
        return REASON_NO_FILES;
    case EADDRNOTAVAIL:
        return REASON_DIAL_NO_SOURCE;
    default:
        return REASON_LEASE_LISTEN;
    }
}

static void accepted(void *arg, int fd, const struct address *peer, const struct address *local)
{
    const struct catcher *c = arg;

    arrival_take(c->hub, fd, peer, local, false);
}

static enum reason open_listener(struct catcher *c, const struct cfg_link *link)
{
    int fd = socket_listen(&c->at, false);

    if (fd < 0) {
        int error = errno;

        log_listen_failure(c->hub, link, &c->at, error);
        return listen_reason(error);
    }
    c->listener = listener_new(c->hub->loop, fd, ACCOUNT_ADVISE, accepted, c);
    return c->listener != NULL ? REASON_NONE : REASON_NO_MEMORY;
}

static struct catcher *catcher_new(struct hub *h, const struct cfg_link *link, const struct address *at, enum reason *ret_why)
{
    struct catcher *c = calloc(1, sizeof(*c));
    struct catcher **bucket = &h->catchers[bucket_of(at)];

    *ret_why = REASON_NO_MEMORY;
    if (c == NULL)
        return NULL;
    c->hub = h;
    c->at = *at;
    *ret_why = open_listener(c, link);
    if (*ret_why != REASON_NONE) {
        free(c);
        return NULL;
    }
    c->next = *bucket;
    *bucket = c;
    h->listeners_count++;
    return c;
}

struct catcher *catcher_get(struct hub *h, const struct cfg_link *link, const struct address *at, enum reason *ret_why)
{
    struct catcher *c = find(h, at);

    if (c == NULL)
        c = catcher_new(h, link, at, ret_why);
    if (c != NULL)
        c->holders++;
    return c;
}

void catcher_put(struct hub *h, struct catcher *c)
{
    struct catcher **link = &h->catchers[bucket_of(&c->at)];

    if (--c->holders > 0)
        return;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    listener_close(c->listener);
    h->listeners_count--;
    free(c);
}
