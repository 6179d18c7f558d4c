/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the listening sockets that TPROXY rules lead to. Main loop. */
#include "proxy/link/intercept.h"

#include "proxy/base/log.h"
#include "proxy/link/arrival.h"
#include "proxy/link/syn_watch.h"
#include "proxy/net/listener.h"

#include <stdlib.h>

struct intercept {
    struct listener *listeners[HUB_FAMILIES];
};

static void accepted(void *arg, int fd, const struct address *peer, const struct address *local)
{
    struct hub *h = arg;

    syn_watch_accepted(h, peer, local);
    arrival_take(h, fd, peer, local, true);
}

static void log_listen(const struct listener *listener)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "listen"))
        return;
    log_text(&l, "purpose", "intercept");
    log_address(&l, "address", listener_address(listener));
    log_end(&l);
}

int intercept_start(struct hub *h, struct hub_sockets *sockets)
{
    if (cfg_first_intercepted(h->cfg) == NULL)
        return 0;
    h->intercept = calloc(1, sizeof(*h->intercept));
    if (h->intercept == NULL)
        return -1;
    for (int i = 0; i < HUB_FAMILIES; i++) {
        int fd = sockets->intercept[i];

        if (fd < 0)
            continue;
        sockets->intercept[i] = -1;
        h->intercept->listeners[i] = listener_new(h->loop, fd, ACCOUNT_ADVISE, accepted, h);
        if (h->intercept->listeners[i] == NULL)
            return -1;
        log_listen(h->intercept->listeners[i]);
    }
    return 0;
}

void intercept_stop(struct hub *h)
{
    if (h->intercept == NULL)
        return;
    for (int i = 0; i < HUB_FAMILIES; i++)
        listener_close(h->intercept->listeners[i]);
    free(h->intercept);
    h->intercept = NULL;
}
