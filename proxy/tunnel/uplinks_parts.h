/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the uplinks' own files need of each other; see proxy/tunnel/uplinks.h. Main loop.
 */
#pragma once

#include "proxy/audit/audit.h"
#include "proxy/tunnel/control.h"
#include "proxy/tunnel/uplinks.h"

/* A host name and a port. */
#define UPLINK_TEXT 272

struct uplink {
    struct uplinks *uplinks;
    unsigned index; /* its place, here and in the tables of the workers */
    unsigned rank;  /* in the configuration */
    bool is_used;   /* the newest configuration has it */
    struct known_host *host;
    char text[UPLINK_TEXT]; /* of its relay, as configured */
    unsigned next_address;
    /* dialling */
    struct stream *stream;
    struct watch watch;
    struct deadline deadline; /* of the greeting, or the pause before the next try */
    /* up */
    struct control *control;
    uint8_t instance[FRAME_INSTANCE];
    unsigned version;                 /* of the protocol, that both speak */
    char program[FRAME_TEXT_MAX + 1]; /* the relay's version, as it says */
    enum reason why;                  /* of the last end */
    bool is_up;
    bool is_draining;
    bool is_logged; /* that this one is up, or draining: */
    bool was_open;
    uint64_t up_ms;
    uint64_t replaced_ms; /* when it was replaced last; 0: never */
    uint64_t backoff_ms;
    unsigned level;
    unsigned spares; /* open or being opened */
    struct deadline refill;
};

struct uplinks {
    struct loop *loop;
    struct site *site;
    const struct cfg *cfg;
    struct renewing *renewing; /* NULL: nobody renews */
    unsigned next_worker;
    bool is_island;
    struct uplink list[WORKER_RELAYS_MAX];
};

/** A line of the log; `why` may be NONE, `pause_ms` 0. */
void uplink_log(const struct uplink *u, enum log_level level, const char *event, enum reason why, uint64_t pause_ms);
void uplink_audit(const struct uplink *u, enum audit_event event, enum reason why);

/** What workers are to know of it. */
struct worker_relay uplink_picture(const struct uplink *u);

/** Tells all workers. When all know, tunnel_up or tunnel_draining is logged: only then a link that comes is sure to be taken, or
 * refused. */
void uplink_tell_workers(struct uplink *u);

/** NULL: the uplinks have been freed. */
struct uplinks *uplinks_receiver(void);
