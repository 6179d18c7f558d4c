/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the simulated client machines share: the run, its clients, their links. One thread.
 *
 * A client opens its first link, which announces the advise port, then the others; whatever breaks is opened
 * again. At the end it asks the server for the number of its last alarm, waits for it, closes its links and expects
 * the server to close the advise.
 */
#ifndef GEOSIM_CLIENT_PARTS_H
#define GEOSIM_CLIENT_PARTS_H

#include "test/sim/conn.h"
#include "test/sim/listener.h"
#include "test/sim/message.h"
#include "test/sim/options.h"
#include "test/sim/report.h"
#include "test/sim/tally.h"

#define OUTPUT_LIMIT 262144 /* no request or acknowledgement is made while that much waits in a connection */

enum client_phase {
    CLIENT_IDLE = 0, /* not started yet */
    CLIENT_RUNNING,
    CLIENT_FINISHING, /* no new requests; waiting for answers, then for the last alarm */
    CLIENT_CLOSING,   /* links are closed; the server is to close the advise */
    CLIENT_DONE,
};

enum client_link_state { LINK_DOWN = 0, LINK_DIALING, LINK_GREETING, LINK_UP };

struct client_link {
    struct client *client;
    struct conn *conn;
    enum client_link_state state;
    uint32_t number;
    uint64_t sent, answered; /* requests of this connection */
    uint64_t progress_us, backoff_ms;
    struct timer timer;       /* DOWN: next dial; DIALING, GREETING: connect timeout; UP: request timeout */
    struct timer stall_timer; /* misbehaviour */
    bool was_dialled, has_misbehaved, is_half_closed;
};

struct client {
    struct run *run;
    char name[MESSAGE_NAME_MAX + 1];
    uint64_t application;
    struct address bind, announce; /* not given: the kernel's choice, the link's own */
    uint16_t port;                 /* of the advise; 0 when modern */
    enum client_phase phase;
    bool is_connected, is_satisfied, has_finish_sent, has_finished;
    uint64_t last_alarm; /* valid when has_finished */
    struct client_link *links;
    uint64_t requests, answers; /* answers came; requests minus lost ones */
    unsigned next_link;
    double credit;
    uint64_t credit_at_us;
    struct timer request_timer;
    /* advise */
    struct listener listener;
    struct conn *advise;
    bool is_greeted, has_stalled;
    struct timer stall_timer, ack_timer;
    struct tally tally;
    uint64_t acked;
};

struct run_counts {
    uint64_t links, advises, requests, answers, unanswered, request_bytes, answer_bytes, corrupt, foreign, stale, errors;
    uint64_t link_ends, link_resets, link_refused, link_timeouts, link_breaks, half_closed;
    uint64_t advise_accepts, advise_ends, advise_resets, advise_replaced;
};

struct run {
    const struct options *options;
    struct loop loop;
    struct client *clients;
    unsigned count, started, connected, satisfied, done;
    unsigned connected_at_end;
    bool is_finishing, was_connected, has_vanished;
    uint64_t started_us, end_us;
    struct timer start_timer, end_timer, every_timer, vanish_timer;
    struct run_counts counts;
    struct histogram alarm_us, answer_us;
};

/* client.c */

/** No more requests: every client finishes what is under way; a deadline ends it. The second call ends the run. */
void run_finish(void *run);

/* client_machine.c */

/** Name, addresses, listener of client number `i`. Returns 0, or -1 after a sentence on stderr. */
int client_init(struct client *c, struct run *run, unsigned i);

/** Free what a client holds, after conn_close_all(). */
void client_fini(struct client *c);

/** Open the first link. */
void client_start(struct client *c);

/** Begin to finish. */
void client_finish(struct client *c);

/** Something changed: derive whether the client is connected, satisfied, finished, and do the next step. */
void client_update(struct client *c);

/* client_link.c */

/** Dial a link that is down. */
void client_link_dial(void *link);

/** Send as many requests as the pace "max" allows on this link. */
void client_link_fill(struct client_link *link);

/** Send one request when this link may. Returns true when it did. */
bool client_link_request(struct client_link *link);

/** Close the link for good: FIN behind the output. */
void client_link_leave(struct client_link *link);

/** Write one message and flush. */
void client_send(struct conn *c, const struct message *m);

/* client_advise.c */

/** Take an accepted advise; it replaces an earlier one. */
void client_advise_accept(void *client, int fd);

/** Check one alarm, from the advise or the first link. */
void client_alarm(struct client *c, const struct message *m);

/** Acknowledge what came, now. */
void client_ack(void *client);

#endif
