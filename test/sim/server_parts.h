/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the simulated server share: the server, its client applications, its links. One thread.
 *
 * An application stays known when its last link closes, so that its alarm numbers go on when it returns. It keeps no alarm:
 * an alarm follows from its number, so "not acknowledged yet" is a range of numbers.
 */
#ifndef GEOSIM_SERVER_PARTS_H
#define GEOSIM_SERVER_PARTS_H

#include "test/sim/conn.h"
#include "test/sim/listener.h"
#include "test/sim/message.h"
#include "test/sim/options.h"
#include "test/sim/report.h"
#include "test/sim/web.h"

#define APPLICATION_BUCKETS 4096
#define APPLICATIONS_MAX    200000
#define OUTPUT_LIMIT        262144 /* no more is made while that much waits in a connection */

struct server_counts {
    uint64_t links, applications, advises, alarms, acked, resent, requests, answers;
    uint64_t request_bytes, answer_bytes, corrupt, reordered, foreign, errors;
    uint64_t link_accepts, link_ends, link_resets, link_breaks, after_fin;
    uint64_t dials, dial_refused, dial_timeouts, dial_failed, advise_ends, advise_resets;
};

enum advise_state {
    ADVISE_NONE = 0, /* not wanted */
    ADVISE_WAITING,  /* for the next dial */
    ADVISE_DIALING,
    ADVISE_OPEN,
};

struct application {
    struct application *next_in_bucket;
    struct server *server;
    uint64_t id;
    char name[MESSAGE_NAME_MAX + 1];
    unsigned links;
    struct link *first_link; /* the one that announced; NULL when down */
    bool is_modern, is_finishing;
    /* advise */
    struct address dial_to;
    enum advise_state state;
    struct conn *advise;
    bool is_greeted; /* ADVISE_HELLO was sent */
    struct timer advise_timer;
    uint64_t retry_ms;
    /* alarms */
    uint64_t sent, acked, resend_next;
    double credit;
    uint64_t credit_at_us;
    struct timer alarm_timer;
};

struct link {
    struct link *next, *prev;
    struct server *server;
    struct application *app; /* NULL before HELLO */
    struct conn *conn;       /* NULL when closed */
    uint32_t number;
    uint64_t requests, answers;
    bool is_stalled, is_half_closed;
};

struct server {
    const struct options *options;
    struct loop loop;
    struct listener listener;
    struct web web;
    struct address listen_at, web_at;
    uint64_t instance, started_us;
    struct application *buckets[APPLICATION_BUCKETS];
    unsigned known;
    struct link *links;
    struct server_counts counts;
    struct timer end_timer, every_timer, refuse_timer;
    uint64_t drain_until_us;
    bool is_stopping;
};

/* application.c */

/** The application of that number, made when new. NULL when there are too many. */
struct application *application_get(struct server *s, uint64_t id);

/** Count a link of the application up or down; with the last one the advise ends. */
void application_link_up(struct application *app, struct link *link, bool is_first);
void application_link_down(struct application *app, struct link *link);

/** The connection that alarms go out on, or NULL. */
struct conn *application_carrier(const struct application *app);

/** A carrier is there: send again what was not acknowledged, then go on. */
void application_start_alarms(struct application *app);

/** The carrier is gone. */
void application_stop_alarms(struct application *app);

/** Send what may be sent now. */
void application_pump(struct application *app);

/** Every alarm up to `sequence` came. */
void application_ack(struct application *app, uint64_t instance, uint64_t sequence);

/** Alarms sent and not acknowledged, of all applications (`connected_only`: of those with a carrier). */
uint64_t application_unacked(const struct server *s, bool connected_only);

/** Free all applications at the program's end. */
void application_free_all(struct server *s);

/* server_link.c */

/** Take an accepted link. */
void link_accept(void *server, int fd);

/** Write one message on a connection and flush. */
void server_send(struct conn *c, const struct message *m);

/* server_advise.c */

/** Dial the advise to app->dial_to; an open advise stays. */
void advise_start(struct application *app);

/** Close the advise or stop dialling it. */
void advise_stop(struct application *app);

#endif
