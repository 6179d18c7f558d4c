/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The way by which a server reaches the client: the address to dial, and what must stay open for that.
 *
 * Through georelay the client opens a link; the server sees from which leased address it comes, and dials that. With
 * `ssh -R` there is no link: the address is known.
 */
#pragma once

#include "test/bench/load/alarm_options.h"

struct alarm_route {
    int listener;              /* the client's, for advises */
    int link_client;           /* the link's two ends; -1: no link */
    int link_server;           /* */
    struct sockaddr_in to;     /* what the server dials */
    struct sockaddr_in source; /* from where, port 0; sin_family 0: any */
};

/** Listens as the client and opens the link if one is wanted. Blocks for a few seconds at most. 0, or -1 with a sentence on
 * stderr. */
int alarm_route_open(struct alarm_route *r, const struct alarm_options *o);
void alarm_route_close(struct alarm_route *r);

/** A new socket from which the server may dial, with TCP_NODELAY. -1 with errno. */
int alarm_route_socket(const struct alarm_route *r);
