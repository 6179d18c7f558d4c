/* SPDX-License-Identifier: Apache-2.0 */
/**
 * bench_load: the clients, one thread. The `load` is the run and its crowd; a `client` is one of its connections.
 *
 *   load_options -> load (crowd, window, end) -> client (one connection's talk) -> wire (TCP, TLS) -> kernel
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "test/bench/load/head.h"
#include "test/bench/load/histogram.h"
#include "test/bench/load/load_options.h"
#include "test/bench/load/meter.h"
#include "test/bench/load/poller.h"
#include "test/bench/load/result.h"
#include "test/bench/load/window.h"
#include "test/bench/load/wire.h"

#define LOAD_REQUEST_ROOM 512

/** What a client does. Only client.c changes it. */
enum client_state {
    CLIENT_NONE = 0, /* no connection, and none to come */
    CLIENT_ASK,      /* connects, shakes hands, sends the request or the first of the ping */
    CLIENT_UPLOAD,   /* sends the body */
    CLIENT_HEAD,     /* reads the head of the answer */
    CLIENT_BODY,     /* reads the body of the answer, or the echo of the ping */
    CLIENT_SINK,     /* drops an endless body */
    CLIENT_HOLD,     /* stands idle */
    CLIENT_ENDING,   /* waits for the peer's FIN */
};

struct client {
    struct wire wire; /* first: the poller gives it back */
    enum client_state state;
    uint32_t events;   /* that woke it */
    bool is_proven;    /* has had its first unit */
    bool has_finished; /* its FIN is out */
    bool tls_is_over;  /* close_notify has come, when it is checked what comes behind an answer */
    uint64_t start_ns; /* of the unit */
    uint64_t asked;    /* bytes of request or ping sent */
    uint64_t at;       /* of the body, in or out */
    uint64_t size;
    size_t have; /* bytes in `head` */
    char head[HEAD_LIMIT];
};

struct load {
    struct load_options options;
    struct poller poller;
    struct window window;
    struct meter meter;
    struct histogram latency;
    struct result result;
    SSL_CTX *tls; /* NULL: plain */
    char request[LOAD_REQUEST_ROOM];
    size_t request_size;
    struct client *clients;
    unsigned opened;   /* clients that were dialled */
    unsigned opening;  /* of these, not proven yet */
    unsigned live;     /* of these, not NONE */
    unsigned standing; /* of these, HOLD */
    uint64_t dialled;  /* connections, to take the addresses in turn */
    uint64_t progress; /* changes whenever anything moves */
    bool is_ending;    /* no new units */
    bool is_broken;    /* too many errors */
};

/** Makes the first connection of a client. Its turn follows. */
void client_begin(struct load *l, struct client *c);

/** The client's turn, after events. Never frees it. */
void client_run(struct load *l, struct client *c, uint32_t events);

/** No more units: a bulk or held connection ends now, another after its unit. */
void client_stop(struct load *l, struct client *c);

/** Closes without waiting for anything. May be called again. */
void client_drop(struct load *l, struct client *c);

/** Whether a unit is asked for and not answered whole. */
bool client_is_waiting(const struct client *c);

/** Whether units are counted now. A run that ends by itself counts from its first byte. */
bool load_counts(const struct load *l);
