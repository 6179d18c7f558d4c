/* SPDX-License-Identifier: Apache-2.0 */
/**
 * bench_server: the upstream behind the programs under test. One thread, one poller; what it watches are peers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "test/bench/load/poller.h"

#define SERVER_PIECE ((size_t)1 << 20) /* bytes at most per call to the kernel, for fairness */

struct server {
    struct poller poller;
    bool is_over;
};

struct peer;

/** Called with what happened at the peer's socket; it may free the peer. */
typedef void (*peer_fn)(struct server *s, struct peer *p, uint32_t events);

/** The first member of everything that the server watches. */
struct peer {
    struct watch watch; /* first: the poller gives it back */
    peer_fn run;
};

/** Memory that a peer may use until it returns, SERVER_PIECE bytes. */
extern uint8_t server_scratch[SERVER_PIECE];

/** Makes a peer of an accepted connection. Takes `fd`. Returns NULL without memory. */
typedef struct peer *(*peer_new_fn)(int fd);

/** GET /b/N and PUT /u, see server_http.c. */
struct peer *http_peer_new(int fd);

/** What comes goes back. */
struct peer *echo_peer_new(int fd);

/** Sets the interest; when that fails, ends the program with a sentence, as it would stand still. */
void server_want(struct server *s, struct peer *p, uint32_t events);
