/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the watching: gates on workers, mails to the main loop, the look whether enough was seen. `learning` is set before workers
 * run and used by the main loop alone; workers only ask whether it is on. */
#include "proxy/link/learn.h"

#include "proxy/base/log.h"

#include <stdlib.h>
#include <string.h>

/* How often is looked whether a rule fits. */
#define LOOK_MS 1000

static struct {
    bool is_on;
    struct learn_goal goal;
    struct learn_store store;
    struct hub *hub; /* NULL: detached */
    struct hub_observer observer;
    struct deadline look;
    struct deadline last;
    uint64_t looked_at; /* the store's changes */
    unsigned still;     /* looks since it changed */
} learning;

bool learn_is_about(const struct cfg_link *link)
{
    return learning.is_on && link->advise.addressing == CFG_ADDRESSING_ALIAS;
}

/* -- from the worker to the main loop ------------------------------------------------------------------------------------------
 */

struct piece {
    struct mail mail;
    struct session_handle session;
    const struct cfg_link *link;
    struct identity identity;
    size_t count;
    uint8_t bytes[];
};

static void piece_drop(struct mail *m)
{
    struct piece *piece = (struct piece *)m;

    explicit_bzero(piece->bytes, piece->count);
    free(piece);
}

static void piece_on_main(struct mail *m, struct loop *loop)
{
    const struct piece *piece = (struct piece *)m;

    (void)loop;
    learn_store_add(&learning.store, piece->session, piece->link, &piece->identity, piece->bytes, piece->count);
    piece_drop(m);
}

static bool send_piece(const struct session *s, const uint8_t *bytes, size_t count)
{
    struct piece *piece = malloc(sizeof(*piece) + count);

    if (piece == NULL)
        return false;
    *piece = (struct piece){.mail = {.deliver = piece_on_main, .drop = piece_drop},
                            .session = s->handle,
                            .link = s->ask.link,
                            .identity = identity_of(&s->ask),
                            .count = count};
    memcpy(piece->bytes, bytes, count);
    loop_post(s->worker->site->main, &piece->mail);
    return true;
}

/* -- the gate ------------------------------------------------------------------------------------------------------------------
 */

struct tap {
    struct pump_gate gate; /* first; nothing is ever held */
    const struct session *session;
    size_t left; /* bytes that are still wanted */
};

static enum pump_gate_step tap_look(struct pump_gate *gate, const uint8_t *bytes, size_t count)
{
    struct tap *tap = (struct tap *)gate;
    size_t wanted = count < tap->left ? count : tap->left;

    if (wanted > 0 && !send_piece(tap->session, bytes, wanted))
        return PUMP_GATE_LIFT;
    tap->left -= wanted;
    return tap->left > 0 ? PUMP_GATE_LOOK : PUMP_GATE_LIFT;
}

static void tap_drop(struct pump_gate *gate)
{
    free(gate);
}

bool learn_watch(struct session *s)
{
    struct tap *tap;

    if (!learn_is_about(s->ask.link))
        return true;
    tap = calloc(1, sizeof(*tap));
    if (tap == NULL)
        return false;
    tap->gate = (struct pump_gate){.look = tap_look, .drop = tap_drop};
    tap->session = s;
    tap->left = PORT_FIND_BYTES;
    session_gate_up(s, &tap->gate);
    return true;
}

/* -- the main loop -------------------------------------------------------------------------------------------------------------
 */

static void advise_came(void *arg, const struct identity *identity, const struct cfg_link *link, uint16_t port)
{
    (void)arg;
    if (learn_is_about(link))
        learn_store_dialled(&learning.store, link, identity, port);
}

static void log_look(const struct cfg_link *link, const struct learn_seen *seen, const struct port_found *found)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "learn"))
        return;
    log_text(&l, "link", link->name);
    log_number(&l, "links", seen->links);
    log_number(&l, "clients", seen->clients);
    log_number(&l, "dials", seen->dials);
    log_number(&l, "rules", found->count);
    log_end(&l);
}

/* True if one rule fits, for each link of the configuration of which dials were seen; counts the links that it stands for. */
static bool is_settled(bool is_news, size_t *ret_links)
{
    const struct cfg *cfg = learning.hub->cfg;
    bool is_single = true;

    *ret_links = 0;
    for (size_t i = 0; i < cfg->served_count; i++) {
        struct port_found found;
        struct learn_seen seen;

        if (!learn_is_about(&cfg->served[i]) || learn_store_find(&learning.store, &cfg->served[i], &found, &seen) != 0)
            continue;
        if (is_news)
            log_look(&cfg->served[i], &seen, &found);
        if (seen.dials == 0)
            continue;
        is_single = is_single && found.verdict == PORT_FOUND && found.count == 1;
        *ret_links += found.count > 0 ? found.rules[0].links : 0;
    }
    return is_single;
}

static void stop(const char *why)
{
    struct log_line l;

    if (log_begin(&l, LOG_LEVEL_INFO, "learn_done")) {
        log_text(&l, "why", why);
        log_end(&l);
    }
    loop_stop(learning.hub->loop);
}

/* What was seen is judged anew when it changes, and once more when its last link has settled. */
static bool is_worth_a_look(void)
{
    if (learning.looked_at != learning.store.changes)
        learning.still = 0;
    else
        learning.still++;
    learning.looked_at = learning.store.changes;
    return learning.still <= LEARN_SETTLE_MS / LOOK_MS + 1;
}

static void look(void *arg)
{
    size_t links;

    (void)arg;
    deadline_set(&learning.look, LOOK_MS);
    if (is_worth_a_look() && is_settled(learning.still == 0, &links) && learning.goal.links > 0 && links >= learning.goal.links)
        stop("links");
}

static void time_is_over(void *arg)
{
    (void)arg;
    stop("seconds");
}

int learn_begin(const struct learn_goal *goal)
{
    learning.goal = *goal;
    if (learn_store_init(&learning.store) != 0)
        return -1;
    learning.is_on = true;
    return 0;
}

void learn_attach(struct hub *hub)
{
    if (!learning.is_on)
        return;
    learning.hub = hub;
    learning.observer = (struct hub_observer){.advise = advise_came};
    hub->observer = &learning.observer;
    deadline_init(&learning.look, hub->loop, look, NULL);
    deadline_init(&learning.last, hub->loop, time_is_over, NULL);
    deadline_set(&learning.look, LOOK_MS);
    if (learning.goal.ms > 0)
        deadline_set(&learning.last, learning.goal.ms);
}

void learn_detach(void)
{
    if (learning.hub == NULL)
        return;
    deadline_clear(&learning.look);
    deadline_clear(&learning.last);
    learning.hub->observer = NULL;
    learning.hub = NULL;
}

const struct learn_store *learn_seen(void)
{
    return &learning.store;
}

void learn_end(void)
{
    learning.is_on = false;
    learn_store_fini(&learning.store);
}
