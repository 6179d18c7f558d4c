/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated Geo SCADA server from start to end: listeners, summaries, stopping. One thread, one loop. */
#include "test/sim/server.h"

#include "test/sim/server_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DRAIN_LOOK_US 20000

static void make_report(const struct server *s, struct report *r)
{
    const struct server_counts *c = &s->counts;
    *r = (struct report){0};
    report_add(r, "ms", (clock_ns() / 1000 - s->started_us) / 1000);
    report_add(r, "links", c->links);
    report_add(r, "applications", c->applications);
    report_add(r, "advises", c->advises);
    report_add(r, "known", s->known);
    report_add(r, "alarms", c->alarms);
    report_add(r, "acked", c->acked);
    report_add(r, "unacked", application_unacked(s, false));
    report_add(r, "resent", c->resent);
    report_add(r, "requests", c->requests);
    report_add(r, "answers", c->answers);
    report_add(r, "request_bytes", c->request_bytes);
    report_add(r, "answer_bytes", c->answer_bytes);
    report_add(r, "corrupt", c->corrupt);
    report_add(r, "reordered", c->reordered);
    report_add(r, "foreign", c->foreign);
    report_add(r, "link_accepts", c->link_accepts);
    report_add(r, "link_ends", c->link_ends);
    report_add(r, "link_resets", c->link_resets);
    report_add(r, "link_breaks", c->link_breaks);
    report_add(r, "after_fin", c->after_fin);
    report_add(r, "dials", c->dials);
    report_add(r, "dial_refused", c->dial_refused);
    report_add(r, "dial_timeouts", c->dial_timeouts);
    report_add(r, "dial_failed", c->dial_failed);
    report_add(r, "advise_ends", c->advise_ends);
    report_add(r, "advise_resets", c->advise_resets);
    report_add(r, "web_connections", s->web.connections);
    report_add(r, "web_requests", s->web.requests);
    report_add(r, "web_bad_requests", s->web.bad_requests);
    report_add(r, "errors", c->errors);
}

static void every_timer(void *arg)
{
    struct server *s = arg;
    struct report r;
    make_report(s, &r);
    report_print(&r, "server");
    timer_start(&s->loop, &s->every_timer, s->options->every * 1000000, every_timer, s);
}

/* Leave when every alarm that has a way to its client is acknowledged, or the time for it is up. */
static void look_drained(void *arg)
{
    struct server *s = arg;
    if (application_unacked(s, true) == 0 || s->loop.now_us >= s->drain_until_us)
        loop_stop(&s->loop);
    else
        timer_start(&s->loop, &s->end_timer, DRAIN_LOOK_US, look_drained, s);
}

static void begin_stop(void *arg)
{
    struct server *s = arg;
    if (s->is_stopping) { /* the second signal */
        loop_stop(&s->loop);
        return;
    }
    s->is_stopping = true;
    s->drain_until_us = s->loop.now_us + s->options->drain_ms * 1000;
    look_drained(s);
}

static void refuse_timer(void *arg)
{
    struct server *s = arg;
    listener_close(&s->listener);
}

static int write_report(const struct server *s, const struct report *r)
{
    FILE *to = s->options->report != NULL ? fopen(s->options->report, "we") : NULL;
    if (to == NULL)
        return s->options->report == NULL ? 0 : -1;
    fprintf(to, "{");
    report_json(r, to);
    fprintf(to, "\n}\n");
    return fclose(to);
}

static int server_open(struct server *s)
{
    const struct options *o = s->options;
    char text[ADDRESS_TEXT];
    s->listen_at = o->listen;
    s->web_at = o->web;
    if (loop_init(&s->loop) != 0 || loop_on_signal(&s->loop, begin_stop, s) != 0) {
        fprintf(stderr, "geosim: event loop: %s\n", strerror(errno));
        return -1;
    }
    if (listener_open(&s->listener, &s->loop, &s->listen_at, link_accept, s) != 0) {
        fprintf(stderr, "geosim: listen %s: %s\n", address_format(&o->listen, text), strerror(errno));
        return -1;
    }
    if (o->web.len != 0 && web_open(&s->web, &s->loop, &s->web_at) != 0) {
        fprintf(stderr, "geosim: web %s: %s\n", address_format(&o->web, text), strerror(errno));
        return -1;
    }
    return 0;
}

static void server_run(struct server *s)
{
    const struct options *o = s->options;
    char link_text[ADDRESS_TEXT], web_text[ADDRESS_TEXT];
    s->started_us = s->loop.now_us;
    if (o->seconds != 0)
        timer_start(&s->loop, &s->end_timer, o->seconds * 1000000, begin_stop, s);
    if (o->every != 0)
        timer_start(&s->loop, &s->every_timer, o->every * 1000000, every_timer, s);
    if (o->misbehave == MISBEHAVE_REFUSE)
        timer_start(&s->loop, &s->refuse_timer, o->misbehave_arg * 1000000, refuse_timer, s);
    printf("ready listen=%s web=%s\n", address_format(&s->listen_at, link_text), address_format(&s->web_at, web_text));
    fflush(stdout);
    loop_run(&s->loop);
}

static void server_fini(struct server *s)
{
    conn_close_all(&s->loop);
    listener_close(&s->listener);
    web_fini(&s->web);
    while (s->links != NULL) {
        struct link *link = s->links;
        s->links = link->next;
        free(link);
    }
    application_free_all(s);
    loop_fini(&s->loop);
}

static int server_result(const struct server *s)
{
    struct report r;
    make_report(s, &r);
    report_print(&r, "final server");
    if (write_report(s, &r) != 0) {
        fprintf(stderr, "geosim: %s: %s\n", s->options->report, strerror(errno));
        return 1;
    }
    const struct server_counts *c = &s->counts;
    return c->corrupt + c->reordered + c->foreign + c->errors == 0 ? 0 : 1;
}

int server_main(const struct options *o)
{
    struct server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->options = o;
    s->listener.watch.fd = s->web.listener.watch.fd = -1;
    s->loop.epoll_fd = s->loop.signals.fd = -1;
    if (getrandom(&s->instance, sizeof(s->instance), 0) != (ssize_t)sizeof(s->instance))
        abort();
    srand((unsigned)s->instance);
    int result = 1;
    if (server_open(s) == 0) {
        server_run(s);
        result = server_result(s);
    }
    server_fini(s);
    free(s);
    return result;
}
