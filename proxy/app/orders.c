/* SPDX-License-Identifier: Apache-2.0 */
/* Owns an order from the moment that it is given until it is answered. Main loop. */
#include "proxy/app/orders.h"

#include "proxy/app/cut.h"
#include "proxy/app/island.h"
#include "proxy/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES 256

struct order {
    char word[WORD_BYTES];
    unsigned uid;
    unsigned agents; /* whose control channels were closed */
    order_fn *done;
    void *arg;
};

/* -- kill ----------------------------------------------------------------------------------------------------------------------
 */

static void log_kill(const struct order *o, size_t sessions)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "kill"))
        return;
    log_text(&l, "target", o->word);
    log_number(&l, "uid", o->uid);
    log_number(&l, "sessions", sessions);
    log_number(&l, "agents", o->agents);
    log_end(&l);
}

static void killed(void *arg, size_t sessions)
{
    struct order *o = arg;
    char *answer = NULL;

    if (sessions != SIZE_MAX) {
        log_kill(o, sessions);
        if (asprintf(&answer, "georelay answer=kill sessions=%zu agents=%u\n", sessions, o->agents) < 0)
            answer = NULL;
    }
    o->done(o->arg, answer);
    free(o);
}

static struct order *order_new(const char *word, unsigned uid, order_fn *done, void *arg)
{
    struct order *o = calloc(1, sizeof(*o));

    if (o == NULL)
        return NULL;
    snprintf(o->word, sizeof(o->word), "%s", word);
    o->uid = uid;
    o->done = done;
    o->arg = arg;
    return o;
}

void order_kill(const struct status_view *view, const char *word, unsigned uid, order_fn *done, void *arg)
{
    struct cut_order cut;
    struct order *o;

    if (!cut_order_read(word, view->site->cfg, &cut)) {
        done(arg, strdup("georelay error=bad_target\n"));
        return;
    }
    o = order_new(word, uid, done, arg);
    if (o == NULL) {
        done(arg, NULL);
        return;
    }
    /* First the control channel: what comes over an old one is refused, so that nothing begins behind the round's back. */
    if (cut.agent[0] != '\0' && !address_is_set(&cut.client))
        o->agents = seats_cut(view->seats, cut.agent, REASON_KILLED);
    cut_sessions(view->site, &cut, killed, o);
}

/* -- island --------------------------------------------------------------------------------------------------------------------
 */

static bool is_on(const struct order *o)
{
    return strcmp(o->word, "on") == 0;
}

static void log_island(const struct order *o, const struct island_done *result)
{
    struct log_line l;

    if (!log_begin(&l, is_on(o) ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, is_on(o) ? "island_on" : "island_off"))
        return;
    log_number(&l, "uid", o->uid);
    log_number(&l, "sessions", result->sessions);
    log_number(&l, "tunnels", result->tunnels);
    log_end(&l);
}

static void log_not_saved(int error)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_ERROR, "island_not_saved"))
        return;
    log_text(&l, "file", island_path());
    log_text(&l, "error", strerror(error));
    log_text(&l, "remedy",
             "make the state folder, give it to the user of georelay, and ask again; else a restart will not know of it");
    log_end(&l);
}

static void island_is_set(void *arg, const struct island_done *result)
{
    struct order *o = arg;
    char *answer = NULL;

    if (result != NULL) {
        log_island(o, result);
        if (result->error != 0)
            log_not_saved(result->error);
        if (asprintf(&answer, "georelay answer=island state=%s sessions=%zu tunnels=%u saved=%s\n", o->word, result->sessions,
                     result->tunnels, result->error == 0 ? "yes" : "no") < 0)
            answer = NULL;
    }
    o->done(o->arg, answer);
    free(o);
}

void order_island(const struct status_view *view, const char *word, unsigned uid, order_fn *done, void *arg)
{
    struct order *o;

    (void)view;
    if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0) {
        done(arg, strdup("georelay error=bad_word\n"));
        return;
    }
    if (island_is_busy()) {
        done(arg, strdup("georelay error=busy\n"));
        return;
    }
    o = order_new(word, uid, done, arg);
    if (o == NULL)
        done(arg, NULL);
    else
        island_set(is_on(o), island_is_set, o);
}
