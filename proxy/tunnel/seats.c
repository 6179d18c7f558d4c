/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the seats: control channel, spare channels (by handle; they live on workers), who waits for one. Main loop.
 */
#include "proxy/tunnel/seats_parts.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/net/socket.h"
#include "proxy/tunnel/control.h"
#include "proxy/tunnel/deliver.h"
#include "proxy/tunnel/relay_accept.h"
#include "proxy/tunnel/requests.h"
#include "proxy/tunnel/seat_tell.h"
#include "proxy/tunnel/spare_list.h"
#include "tls/revoked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one NEED may ask for (docs/tunnel-protocol.md, section 2). */
#define NEED_MAX 1024

/* A surplus of spare channels is closed after this. */
#define SURPLUS_MS 5000

struct seat {
    LIST_ENTRY(seat) entry;
    struct seats *seats;
    const struct cfg_agent *agent;    /* of the newest configuration; NULL: it has no such agent, or not yet */
    struct control *control;          /* NULL: the agent is down */
    unsigned version;                 /* of the protocol, that both speak */
    unsigned level;                   /* how many spare channels it was told to keep, when it came */
    char program[FRAME_TEXT_MAX + 1]; /* its version, as it says */
    uint64_t up_ms;
    uint8_t instance[FRAME_INSTANCE];
    struct spare_list spares;
    TAILQ_HEAD(, carrier_want) waiting;
    unsigned waiting_count;
    unsigned asked; /* by NEED, and not yet here */
    struct deadline late;
    struct deadline surplus;
    char name[SESSION_NAME_MAX + 1];
};

struct seats {
    struct hub *hub;
    struct requests *requests;
    bool is_draining;
    bool is_island;
    LIST_HEAD(, seat) list;
};

/* Mails that are under way name seats by their agent's name. */
static struct seats *the_seats(struct hub *hub)
{
    return hub->tunnel.arg;
}

/* NULL: the newest configuration has no such agent. */
static struct seat *seat_by_name(const struct seats *seats, const char *name)
{
    struct seat *seat;

    LIST_FOREACH(seat, &seats->list, entry)
    if (strcmp(seat->name, name) == 0)
        return seat->agent != NULL ? seat : NULL;
    return NULL;
}

/* -- spare channels and waiting advises ----------------------------------------------------------------------------------------
 */

/* A number that a reload changed is told with the next WELCOME: till then the agent would open again what were closed as surplus.
 */
static size_t spares_level(const struct seat *seat)
{
    return seat->level;
}

/* docs/tunnel-protocol.md, section 9. */
static size_t spares_max(const struct seat *seat)
{
    return spares_level(seat) * 2 + seat->asked;
}

static void ask_for_spares(struct seat *seat)
{
    unsigned need = seat->waiting_count > seat->asked ? seat->waiting_count - seat->asked : 0;
    struct frame f = {.type = FRAME_NEED};

    if (need == 0 || seat->control == NULL)
        return;
    f.spares = (uint16_t)(need < NEED_MAX ? need : NEED_MAX);
    if (control_send(seat->control, &f))
        seat->asked += f.spares;
}

static struct carrier_want *pop_waiting(struct seat *seat)
{
    struct carrier_want *want = TAILQ_FIRST(&seat->waiting);

    if (want == NULL)
        return NULL;
    TAILQ_REMOVE(&seat->waiting, want, entry);
    seat->waiting_count--;
    return want;
}

static void refuse(struct carrier_want *want, enum reason why)
{
    want->ops->refuse(want, why);
}

static enum reason check(struct carrier_want *want)
{
    return want->ops->check != NULL ? want->ops->check(want) : REASON_NONE;
}

static void refuse_waiting(struct seat *seat, enum reason why)
{
    struct carrier_want *want;

    while ((want = pop_waiting(seat)) != NULL)
        refuse(want, why);
    deadline_clear(&seat->late);
}

static void waiting_is_late(void *arg)
{
    struct seat *seat = arg;
    uint64_t now = clock_ms();
    struct carrier_want *want;

    while ((want = TAILQ_FIRST(&seat->waiting)) != NULL && now - want->since_ms >= ADVISE_WAIT_MS)
        refuse(pop_waiting(seat), REASON_NO_SPARE);
    seat->asked = 0; /* what was asked for does not come */
    if (want != NULL) {
        deadline_set(&seat->late, ADVISE_WAIT_MS - (now - want->since_ms));
        ask_for_spares(seat);
    }
}

static void serve_waiting(struct seat *seat)
{
    struct session_handle spare;

    while (seat->waiting_count > 0 && spare_list_pop(&seat->spares, &spare)) {
        struct carrier_want *want = pop_waiting(seat);
        enum reason why = check(want);

        if (why != REASON_NONE) {
            refuse(want, why);
            (void)spare_list_push(&seat->spares, spare, spares_max(seat));
            continue;
        }
        want->ops->take(want, spare);
    }
    if (seat->waiting_count == 0 && seat->asked == 0) /* else it is still to be seen that they do not come */
        deadline_clear(&seat->late);
}

/* After a burst there are more than the level: nobody needs them any longer. */
static void surplus_is_old(void *arg)
{
    struct seat *seat = arg;
    struct session_handle spare;

    while (seat->spares.count > spares_level(seat) && spare_list_pop(&seat->spares, &spare))
        relay_close_spare(seat->seats->hub->site, spare, REASON_SURPLUS);
}

static void watch_surplus(struct seat *seat)
{
    if (seat->spares.count <= spares_level(seat))
        deadline_clear(&seat->surplus);
    else if (!deadline_is_set(&seat->surplus))
        deadline_set(&seat->surplus, SURPLUS_MS);
}

static void drop_spares(struct seat *seat)
{
    struct session_handle spare;

    while (spare_list_pop(&seat->spares, &spare))
        relay_close_spare(seat->seats->hub->site, spare, REASON_STALE_CHANNEL);
}

/* -- the carrier ---------------------------------------------------------------------------------------------------------------
 */

/* The agent that delivers to an identity: its own, or for a direct client one whose network it is in, a connected one before
 * others. */
static struct seat *deliverer(struct seats *seats, const struct identity *identity)
{
    struct seat *found = NULL, *seat;

    if (!identity_is_direct(identity))
        return seat_by_name(seats, identity->behind);
    LIST_FOREACH(seat, &seats->list, entry)
    {
        if (seat->agent == NULL || !relay_agent_has_client(seat->agent, &identity->client))
            continue;
        if (seat->control != NULL)
            return seat;
        if (found == NULL)
            found = seat;
    }
    return found;
}

static enum reason check_deliverer(const struct seat *seat, const struct identity *identity)
{
    if (seat == NULL && identity_is_direct(identity))
        return REASON_NO_DELIVERER;
    return seat == NULL || seat->control == NULL ? REASON_AGENT_DOWN : REASON_NONE;
}

static enum reason can_deliver(void *arg, const struct identity *identity, const uint8_t instance[FRAME_INSTANCE])
{
    const struct seat *seat = deliverer(arg, identity);
    enum reason why = check_deliverer(seat, identity);

    if (why != REASON_NONE)
        return why;
    if (!identity_is_direct(identity) && memcmp(seat->instance, instance, FRAME_INSTANCE) != 0)
        return REASON_STALE_CHANNEL;
    return REASON_NONE;
}

static void enqueue(struct seat *seat, struct carrier_want *want)
{
    enum reason why = check(want);

    if (why == REASON_NONE && (seat == NULL || seat->control == NULL))
        why = REASON_AGENT_DOWN;
    if (why != REASON_NONE) {
        refuse(want, why);
        return;
    }
    /* Those that wait already go first. */
    TAILQ_INSERT_TAIL(&seat->waiting, want, entry);
    seat->waiting_count++;
    serve_waiting(seat);
    if (seat->waiting_count == 0)
        return;
    if (!deadline_is_set(&seat->late))
        deadline_set(&seat->late, ADVISE_WAIT_MS);
    ask_for_spares(seat);
}

static struct advise_call *call_of(struct carrier_want *want)
{
    return (struct advise_call *)((char *)want - offsetof(struct advise_call, want));
}

static enum reason call_check(struct carrier_want *want)
{
    const struct advise_call *call = call_of(want);

    return hub_has_lease(call->site->hub, &call->ask) ? REASON_NONE : REASON_LEASE_ENDED;
}

static void call_take(struct carrier_want *want, struct session_handle channel)
{
    struct advise_call *call = call_of(want);

    call->channel = channel;
    deliver_call(call);
}

static void call_refuse(struct carrier_want *want, enum reason why)
{
    advise_call_refuse(call_of(want), why);
}

static const struct carrier_want_ops call_ops = {.check = call_check, .take = call_take, .refuse = call_refuse};

static void deliver(void *arg, struct advise_call *call)
{
    call->want = (struct carrier_want){.ops = &call_ops, .since_ms = call->started_ms};
    enqueue(deliverer(arg, &call->identity), &call->want);
}

/* -- other askers --------------------------------------------------------------------------------------------------------------
 */

void seats_want(struct hub *hub, const char *agent, unsigned version, struct carrier_want *want)
{
    struct seats *seats = the_seats(hub);
    struct seat *seat = seats != NULL ? seat_by_name(seats, agent) : NULL;

    if (seats == NULL)
        refuse(want, REASON_SHUTDOWN);
    else if (seat != NULL && seat->control != NULL && seat->version < version)
        refuse(want, REASON_VERSION_MISMATCH);
    else
        enqueue(seat, want);
}

enum reason seats_check_hand(struct hub *hub, const struct cfg_agent *from, const uint8_t instance[FRAME_INSTANCE],
                             const struct session_ask *ask, char ret_deliverer[SESSION_NAME_MAX + 1])
{
    struct seats *seats = the_seats(hub);
    const struct seat *asking = seats != NULL ? seat_by_name(seats, from->name) : NULL;
    struct identity identity = identity_of(ask);
    const struct seat *seat;
    enum reason why;

    ret_deliverer[0] = '\0';
    if (seats == NULL)
        return REASON_SHUTDOWN;
    if (asking == NULL || asking->control == NULL || memcmp(asking->instance, instance, FRAME_INSTANCE) != 0)
        return REASON_STALE_CHANNEL;
    if (asking->version < 2)
        return REASON_VERSION_MISMATCH;
    if (hub_is_behind_nat(hub, &identity))
        return REASON_NAT_CLIENT;
    if (identity_is_direct(&identity) && ask->link->advise.delivery == CFG_DELIVERY_DIRECT)
        return REASON_NONE;
    seat = deliverer(seats, &identity);
    why = check_deliverer(seat, &identity);
    if (why == REASON_NONE)
        strcpy(ret_deliverer, seat->name);
    return why;
}

/* -- control channels ----------------------------------------------------------------------------------------------------------
 */

/* The control channel is gone, and with it everything that hangs on it. */
static void vacate(struct seat *seat, enum reason why)
{
    seat->control = NULL;
    seat->asked = 0;
    requests_forget(seat->seats->requests, seat->name);
    memset(seat->instance, 0, sizeof(seat->instance));
    deadline_clear(&seat->surplus);
    drop_spares(seat);
    refuse_waiting(seat, REASON_AGENT_DOWN);
    seat_tell(SEAT_DOWN, seat->name, NULL, NULL, why);
}

static void control_frame(void *arg, const struct frame *f)
{
    struct seat *seat = arg;

    /* Heartbeats and BYE are taken by proxy/tunnel/control.c. After HELLO there is but one more that an agent may send. */
    if (f->type == FRAME_RENEW && seat->version >= 3 && requests_take(seat->seats->requests, seat->name, seat->control, f))
        return;
    control_close(seat->control, REASON_PROTOCOL_ERROR);
    vacate(seat, REASON_PROTOCOL_ERROR);
}

static void control_ended(void *arg, enum reason why)
{
    vacate(arg, why);
}

static const struct control_ops control_ops = {.frame = control_frame, .ended = control_ended};

static void welcome(struct seat *seat, const struct frame *hello)
{
    const struct cfg_tunnel *tunnel = &seat->seats->hub->cfg->tunnel;
    struct frame f = {.type = FRAME_WELCOME,
                      .version = hello->version < FRAME_VERSION ? hello->version : FRAME_VERSION,
                      .heartbeat_ms = (uint32_t)tunnel->heartbeat_ms,
                      .spares = (uint16_t)tunnel->spares};

    strcpy(f.text, GEORELAY_VERSION);
    seat->version = f.version;
    seat->level = f.spares;
    strcpy(seat->program, hello->text);
    seat->up_ms = clock_ms();
    memcpy(seat->instance, hello->instance, sizeof(seat->instance));
    seat_tell(SEAT_UP, seat->name, seat->control, hello->text, REASON_NONE);
    (void)control_send(seat->control, &f);
    control_start(seat->control, (uint64_t)tunnel->heartbeat_ms);
    if (seat->seats->is_draining)
        (void)control_send(seat->control, &(struct frame){.type = FRAME_DRAIN});
}

/* A process that speaks no version of ours, or whose certificate was revoked on its way here, is told so, and takes nobody's
 * place. */
static void refuse_control(struct seat *seat, struct control *control, const struct frame *hello, enum reason why)
{
    seat_tell(SEAT_REFUSED, seat->name, control, hello->text, why);
    control_close(control, why);
}

static bool is_revoked(const struct seat *seat, const struct control *control)
{
    return tls_revoked_holds(seat->seats->hub->site->revoked, control_stream(control));
}

void seat_take_control(struct seat *seat, struct stream *stream, const struct frame *hello)
{
    struct control *control;

    if (seat->seats->is_island) {
        stream_close(stream, STREAM_CLOSE_RESET);
        return;
    }
    control = control_new(seat->seats->hub->loop, stream, &control_ops, seat);
    if (control == NULL)
        return;
    if (hello->version_low > FRAME_VERSION || hello->version < FRAME_VERSION_LOW) {
        refuse_control(seat, control, hello, REASON_VERSION_MISMATCH);
        return;
    }
    if (is_revoked(seat, control)) {
        refuse_control(seat, control, hello, REASON_REVOKED);
        return;
    }
    if (seat->control != NULL) {
        control_close(seat->control, REASON_REPLACED);
        vacate(seat, REASON_REPLACED);
    }
    seat->control = control;
    welcome(seat, hello);
}

/* -- the seats -----------------------------------------------------------------------------------------------------------------
 */

static struct seat *seat_new(struct seats *seats, const char *name)
{
    struct seat *seat = calloc(1, sizeof(*seat));

    if (seat == NULL)
        return NULL;
    seat->seats = seats;
    snprintf(seat->name, sizeof(seat->name), "%s", name);
    TAILQ_INIT(&seat->waiting);
    deadline_init(&seat->late, seats->hub->loop, waiting_is_late, seat);
    deadline_init(&seat->surplus, seats->hub->loop, surplus_is_old, seat);
    LIST_INSERT_HEAD(&seats->list, seat, entry);
    return seat;
}

/* The agent has no right to be here any more, or the program ends. */
static void seat_free(struct seat *seat, enum reason why)
{
    if (seat->control != NULL) {
        control_close(seat->control, why);
        vacate(seat, why);
    }
    deadline_clear(&seat->surplus);
    deadline_clear(&seat->late);
    LIST_REMOVE(seat, entry);
    spare_list_fini(&seat->spares);
    free(seat);
}

static struct seat *seat_of_any(struct seats *seats, const char *name)
{
    struct seat *seat;

    LIST_FOREACH(seat, &seats->list, entry)
    if (strcmp(seat->name, name) == 0)
        break;
    return seat;
}

int seats_reserve(struct seats *seats, const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        if (seat_of_any(seats, cfg->tunnel.agents[i].name) == NULL && seat_new(seats, cfg->tunnel.agents[i].name) == NULL)
            return -1;
    return 0;
}

static void bind_agents(struct seats *seats)
{
    struct seat *seat;

    LIST_FOREACH(seat, &seats->list, entry)
    seat->agent = relay_agent_by_name(seats->hub->cfg, seat->name);
}

struct seats *seats_new(struct hub *hub)
{
    struct seats *seats = calloc(1, sizeof(*seats));

    if (seats == NULL || (seats->requests = requests_new(hub)) == NULL) {
        free(seats);
        return NULL;
    }
    seats->hub = hub;
    LIST_INIT(&seats->list);
    hub->tunnel = (struct advise_carrier){.name = "tunnel", .can_deliver = can_deliver, .deliver = deliver, .arg = seats};
    if (seats_reserve(seats, hub->cfg) != 0) {
        seats_free(seats);
        return NULL;
    }
    bind_agents(seats);
    return seats;
}

void seats_free(struct seats *seats)
{
    struct seat *seat;

    if (seats == NULL)
        return;
    while ((seat = LIST_FIRST(&seats->list)) != NULL)
        seat_free(seat, REASON_SHUTDOWN);
    seats->hub->tunnel = (struct advise_carrier){0};
    requests_free(seats->requests);
    free(seats);
}

/* The spare channels that there are live on workers that retire; these live on the new ones. */
static void renew_spares(struct seat *seat)
{
    struct frame f = {.type = FRAME_NEED, .spares = (uint16_t)spares_level(seat)};

    if (seat->control == NULL || f.spares == 0 || !control_send(seat->control, &f))
        return;
    seat->asked += f.spares;
    if (!deadline_is_set(&seat->late))
        deadline_set(&seat->late, ADVISE_WAIT_MS);
}

void seats_move(struct seats *seats)
{
    struct seat *seat, *next;

    bind_agents(seats);
    for (seat = LIST_FIRST(&seats->list); seat != NULL; seat = next) {
        next = LIST_NEXT(seat, entry);
        if (seat->agent != NULL) {
            renew_spares(seat);
            continue;
        }
        relay_cut_agent(seats->hub->site, seat->name, REASON_AGENT_UNKNOWN);
        seat_free(seat, REASON_AGENT_UNKNOWN);
    }
    requests_move(seats->requests);
}

void seats_drain(struct seats *seats)
{
    struct seat *seat;

    seats->is_draining = true;
    LIST_FOREACH(seat, &seats->list, entry)
    if (seat->control != NULL)
        (void)control_send(seat->control, &(struct frame){.type = FRAME_DRAIN});
}

void seats_cut_revoked(struct seats *seats)
{
    struct seat *seat;

    LIST_FOREACH(seat, &seats->list, entry)
    {
        if (seat->control == NULL || !is_revoked(seat, seat->control))
            continue;
        control_close(seat->control, REASON_REVOKED);
        vacate(seat, REASON_REVOKED);
    }
}

unsigned seats_cut(struct seats *seats, const char *name, enum reason why)
{
    struct seat *seat;
    unsigned count = 0;

    if (seats == NULL)
        return 0;
    LIST_FOREACH(seat, &seats->list, entry)
    {
        if (seat->control == NULL || (name != NULL && strcmp(seat->name, name) != 0))
            continue;
        control_close(seat->control, why);
        vacate(seat, why);
        count++;
    }
    return count;
}

unsigned seats_set_island(struct seats *seats, bool is_island)
{
    if (seats == NULL)
        return 0;
    seats->is_island = is_island;
    return is_island ? seats_cut(seats, NULL, REASON_ISLAND) : 0;
}

void seats_look(const struct seats *seats, seat_look_fn *found, void *arg)
{
    for (size_t i = 0; seats != NULL && i < seats->hub->cfg->tunnel.agents_count; i++) {
        const struct seat *seat = seat_by_name(seats, seats->hub->cfg->tunnel.agents[i].name);
        struct seat_look look = {.agent = seat->agent, .spares = (unsigned)seat->spares.count, .waiting = seat->waiting_count};

        if (seat->control != NULL) {
            look.is_up = true;
            look.peer = control_peer(seat->control);
            look.version = seat->program;
            look.protocol = seat->version;
            look.since_ms = seat->up_ms;
            look.round_us = control_round_us(seat->control);
        }
        found(arg, &look);
    }
}

unsigned seats_taken(const struct seats *seats)
{
    const struct seat *seat;
    unsigned count = 0;

    LIST_FOREACH(seat, &seats->list, entry)
    count += seat->control != NULL;
    return count;
}

unsigned seats_spares(const struct seats *seats)
{
    const struct seat *seat;
    unsigned count = 0;

    LIST_FOREACH(seat, &seats->list, entry)
    count += (unsigned)seat->spares.count;
    return count;
}

/* -- on mail from workers (proxy/tunnel/seats_mail.c) --------------------------------------------------------------------------
 */

struct seat *seats_find(struct hub *hub, const char *name)
{
    struct seats *seats = the_seats(hub);

    return seats != NULL ? seat_by_name(seats, name) : NULL;
}

void seat_add_spare(struct seat *seat, struct session_handle spare, const uint8_t instance[FRAME_INSTANCE])
{
    bool is_current = seat->control != NULL && memcmp(seat->instance, instance, FRAME_INSTANCE) == 0;
    bool is_taken = is_current && spare_list_push(&seat->spares, spare, spares_max(seat));

    if (is_current && seat->asked > 0)
        seat->asked--;
    if (is_taken)
        serve_waiting(seat);
    else
        relay_close_spare(seat->seats->hub->site, spare, is_current ? REASON_SURPLUS : REASON_STALE_CHANNEL);
    watch_surplus(seat);
}

void seat_remove_spare(struct seat *seat, struct session_handle spare)
{
    spare_list_remove(&seat->spares, spare);
}

void seats_deliver(struct hub *hub, struct advise_call *call)
{
    struct seats *seats = the_seats(hub);

    if (seats == NULL)
        advise_call_refuse(call, REASON_SHUTDOWN);
    else if (call->tries >= ADVISE_TRIES)
        advise_call_refuse(call, REASON_CHANNEL_LOST);
    else
        deliver(seats, call);
}
