/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the seats: control channel, spare channels (by handle; they live on workers), who waits for one. Main loop. The calls at
 * the end of the file are made by workers and only send mail.
 */
#include "proxy/tunnel/seats.h"

#include "proxy/audit/audit.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/net/socket.h"
#include "proxy/session/session_audit.h"
#include "proxy/tunnel/control.h"
#include "proxy/tunnel/deliver.h"
#include "proxy/tunnel/relay_accept.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What one NEED may ask for (docs/tunnel-protocol.md, section 2). */
#define NEED_MAX 1024

/* A surplus of spare channels is closed after this. */
#define SURPLUS_MS 5000

struct seat {
    struct seats *seats;
    const struct cfg_agent *agent;
    struct control *control; /* NULL: the agent is down */
    unsigned version;        /* of the protocol, that both speak */
    uint8_t instance[FRAME_INSTANCE];
    struct session_handle *spares;
    size_t spares_count, spares_room;
    TAILQ_HEAD(, carrier_want) waiting;
    unsigned waiting_count;
    unsigned asked; /* by NEED, and not yet here */
    struct deadline late;
    struct deadline surplus;
};

struct seats {
    struct hub *hub;
    size_t count;
    bool is_draining;
    struct seat list[];
};

static struct seats *the_seats(struct hub *hub)
{
    return hub->tunnel.arg;
}

static struct seat *seat_of(struct seats *seats, const struct cfg_agent *agent)
{
    struct seat *seat = &seats->list[agent - seats->hub->cfg->tunnel.agents];

    assert(seat->agent == agent);
    return seat;
}

/* -- spare channels and waiting advises ----------------------------------------------------------------------------------------
 */

static size_t spares_level(const struct seat *seat)
{
    return (size_t)seat->seats->hub->cfg->tunnel.spares;
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

/* The oldest spare channel first: all are used in turn, so none grows stale unnoticed. */
static bool pop_spare(struct seat *seat, struct session_handle *ret)
{
    if (seat->spares_count == 0)
        return false;
    *ret = seat->spares[0];
    seat->spares_count--;
    memmove(seat->spares, seat->spares + 1, seat->spares_count * sizeof(seat->spares[0]));
    return true;
}

static bool push_spare(struct seat *seat, struct session_handle spare)
{
    if (seat->spares_count >= spares_max(seat))
        return false;
    if (seat->spares_count == seat->spares_room) {
        size_t room = seat->spares_room > 0 ? seat->spares_room * 2 : 16;
        struct session_handle *spares = realloc(seat->spares, room * sizeof(*spares));

        if (spares == NULL)
            return false;
        seat->spares = spares;
        seat->spares_room = room;
    }
    seat->spares[seat->spares_count++] = spare;
    return true;
}

static void serve_waiting(struct seat *seat)
{
    struct session_handle spare;

    while (seat->waiting_count > 0 && pop_spare(seat, &spare)) {
        struct carrier_want *want = pop_waiting(seat);
        enum reason why = check(want);

        if (why != REASON_NONE) {
            refuse(want, why);
            (void)push_spare(seat, spare);
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

    while (seat->spares_count > spares_level(seat) && pop_spare(seat, &spare))
        relay_close_spare(seat->seats->hub->site, spare, REASON_SURPLUS);
}

static void watch_surplus(struct seat *seat)
{
    if (seat->spares_count <= spares_level(seat))
        deadline_clear(&seat->surplus);
    else if (!deadline_is_set(&seat->surplus))
        deadline_set(&seat->surplus, SURPLUS_MS);
}

static void drop_spares(struct seat *seat)
{
    struct session_handle spare;

    while (pop_spare(seat, &spare))
        relay_close_spare(seat->seats->hub->site, spare, REASON_STALE_CHANNEL);
}

/* -- the carrier ---------------------------------------------------------------------------------------------------------------
 */

static struct seat *seat_by_name(struct seats *seats, const char *name)
{
    for (size_t i = 0; i < seats->count; i++)
        if (strcmp(seats->list[i].agent->name, name) == 0)
            return &seats->list[i];
    return NULL;
}

/* The agent that delivers to an identity: its own, or for a direct client one whose network it is in, a connected one before
 * others. */
static struct seat *deliverer(struct seats *seats, const struct identity *identity)
{
    struct seat *found = NULL;

    if (!identity_is_direct(identity))
        return seat_by_name(seats, identity->behind);
    for (size_t i = 0; i < seats->count; i++) {
        struct seat *seat = &seats->list[i];

        if (!relay_agent_has_client(seat->agent, &identity->client))
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

void seats_want(struct hub *hub, const struct cfg_agent *agent, unsigned version, struct carrier_want *want)
{
    struct seats *seats = the_seats(hub);
    struct seat *seat = seats != NULL && agent != NULL ? seat_of(seats, agent) : NULL;

    if (seats == NULL)
        refuse(want, REASON_SHUTDOWN);
    else if (seat != NULL && seat->control != NULL && seat->version < version)
        refuse(want, REASON_VERSION_MISMATCH);
    else
        enqueue(seat, want);
}

enum reason seats_check_hand(struct hub *hub, const struct cfg_agent *from, const uint8_t instance[FRAME_INSTANCE],
                             const struct session_ask *ask, const struct cfg_agent **ret_deliverer)
{
    struct seats *seats = the_seats(hub);
    const struct seat *asking = seats != NULL ? seat_of(seats, from) : NULL;
    struct identity identity = identity_of(ask);
    const struct seat *seat;
    enum reason why;

    *ret_deliverer = NULL;
    if (seats == NULL)
        return REASON_SHUTDOWN;
    if (asking->control == NULL || memcmp(asking->instance, instance, FRAME_INSTANCE) != 0)
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
        *ret_deliverer = seat->agent;
    return why;
}

/* -- control channels ----------------------------------------------------------------------------------------------------------
 */

static void log_seat(const struct seat *seat, const char *event, const struct address *peer, const char *version, enum reason why)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, event))
        return;
    log_text(&l, "agent", seat->agent->name);
    if (peer != NULL)
        log_address(&l, "peer", peer);
    if (version != NULL)
        log_text(&l, "version", version);
    if (why != REASON_NONE)
        log_text(&l, "why", reason_name(why));
    log_end(&l);
}

/* `control` NULL: it is gone. */
static void audit_seat(const struct seat *seat, enum audit_event event, const struct control *control, const char *version,
                       enum reason why)
{
    struct log_line l;

    if (!audit_begin(&l, event, event == AUDIT_AGENT_REFUSED ? AUDIT_REFUSED : AUDIT_OK))
        return;
    log_text(&l, "agent", seat->agent->name);
    if (control != NULL) {
        log_address(&l, "peer", control_peer(control));
        session_audit_certificate(&l, control_stream(control));
    }
    if (version != NULL)
        log_text(&l, "version", version);
    if (why != REASON_NONE)
        log_text(&l, "why", reason_name(why));
    audit_end(&l);
}

/* The control channel is gone, and with it everything that hangs on it. */
static void vacate(struct seat *seat, enum reason why)
{
    seat->control = NULL;
    seat->asked = 0;
    memset(seat->instance, 0, sizeof(seat->instance));
    deadline_clear(&seat->surplus);
    drop_spares(seat);
    refuse_waiting(seat, REASON_AGENT_DOWN);
    log_seat(seat, "agent_down", NULL, NULL, why);
    audit_seat(seat, AUDIT_AGENT_DOWN, NULL, NULL, why);
}

static void control_frame(void *arg, const struct frame *f)
{
    struct seat *seat = arg;

    /* After HELLO an agent sends nothing but heartbeats and BYE, which proxy/tunnel/control.c takes. */
    (void)f;
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
    memcpy(seat->instance, hello->instance, sizeof(seat->instance));
    log_seat(seat, "agent_up", control_peer(seat->control), hello->text, REASON_NONE);
    audit_seat(seat, AUDIT_AGENT_UP, seat->control, hello->text, REASON_NONE);
    (void)control_send(seat->control, &f);
    control_start(seat->control, (uint64_t)tunnel->heartbeat_ms);
    if (seat->seats->is_draining)
        (void)control_send(seat->control, &(struct frame){.type = FRAME_DRAIN});
}

/* A process that speaks no version of ours is told so, and takes nobody's place. */
static void refuse_version(struct seat *seat, struct control *control, const struct frame *hello)
{
    log_seat(seat, "agent_refused", control_peer(control), hello->text, REASON_VERSION_MISMATCH);
    audit_seat(seat, AUDIT_AGENT_REFUSED, control, hello->text, REASON_VERSION_MISMATCH);
    control_close(control, REASON_VERSION_MISMATCH);
}

static void take_seat(struct seat *seat, struct stream *stream, const struct frame *hello)
{
    struct control *control = control_new(seat->seats->hub->loop, stream, &control_ops, seat);

    if (control == NULL)
        return;
    if (hello->version_low > FRAME_VERSION || hello->version < FRAME_VERSION_LOW) {
        refuse_version(seat, control, hello);
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

void seats_dismiss(struct seats *seats, const struct cfg_agent *agent, enum reason why)
{
    struct seat *seat = seat_of(seats, agent);

    if (seat->control == NULL)
        return;
    control_close(seat->control, why);
    vacate(seat, why);
}

struct seats *seats_new(struct hub *hub)
{
    const struct cfg_tunnel *tunnel = &hub->cfg->tunnel;
    struct seats *seats = calloc(1, sizeof(*seats) + tunnel->agents_count * sizeof(seats->list[0]));

    if (seats == NULL)
        return NULL;
    seats->hub = hub;
    seats->count = tunnel->agents_count;
    for (size_t i = 0; i < seats->count; i++) {
        struct seat *seat = &seats->list[i];

        seat->seats = seats;
        seat->agent = &tunnel->agents[i];
        TAILQ_INIT(&seat->waiting);
        deadline_init(&seat->late, hub->loop, waiting_is_late, seat);
        deadline_init(&seat->surplus, hub->loop, surplus_is_old, seat);
    }
    hub->tunnel = (struct advise_carrier){.name = "tunnel", .can_deliver = can_deliver, .deliver = deliver, .arg = seats};
    return seats;
}

void seats_free(struct seats *seats)
{
    if (seats == NULL)
        return;
    for (size_t i = 0; i < seats->count; i++) {
        struct seat *seat = &seats->list[i];

        seats_dismiss(seats, seat->agent, REASON_SHUTDOWN);
        deadline_clear(&seat->surplus);
        free(seat->spares);
    }
    seats->hub->tunnel = (struct advise_carrier){0};
    free(seats);
}

void seats_drain(struct seats *seats)
{
    seats->is_draining = true;
    for (size_t i = 0; i < seats->count; i++)
        if (seats->list[i].control != NULL)
            (void)control_send(seats->list[i].control, &(struct frame){.type = FRAME_DRAIN});
}

unsigned seats_taken(const struct seats *seats)
{
    unsigned count = 0;

    for (size_t i = 0; i < seats->count; i++)
        count += seats->list[i].control != NULL;
    return count;
}

unsigned seats_spares(const struct seats *seats)
{
    unsigned count = 0;

    for (size_t i = 0; i < seats->count; i++)
        count += (unsigned)seats->list[i].spares_count;
    return count;
}

/* -- mail from workers ---------------------------------------------------------------------------------------------------------
 */

struct seat_mail {
    struct mail mail;
    struct site *site;
    const struct cfg_agent *agent;
    struct stream *stream;
    struct frame hello;
    uint8_t instance[FRAME_INSTANCE];
    struct session_handle spare;
};

static void seat_mail_drop(struct mail *m)
{
    struct seat_mail *mail = (struct seat_mail *)m;

    if (mail->stream != NULL)
        stream_close(mail->stream, STREAM_CLOSE_RESET);
    free(mail);
}

/* Seats may be gone while the program ends: then the mail is dropped. */
static struct seat *seat_of_mail(struct seat_mail *mail)
{
    struct seats *seats = the_seats(mail->site->hub);

    return seats != NULL ? seat_of(seats, mail->agent) : NULL;
}

static void control_arrived(struct mail *m, struct loop *loop)
{
    struct seat_mail *mail = (struct seat_mail *)m;
    struct seat *seat = seat_of_mail(mail);
    const struct cfg_timeouts *timeouts = &mail->site->cfg->timeouts;

    (void)loop;
    if (seat != NULL) {
        socket_guard(mail->stream->fd, timeouts->dead_peer_s, timeouts->firewall_idle_s); /* no sweep comes to the main loop */
        take_seat(seat, mail->stream, &mail->hello);
        mail->stream = NULL;
    }
    seat_mail_drop(m);
}

static void spare_ready(struct mail *m, struct loop *loop)
{
    struct seat_mail *mail = (struct seat_mail *)m;
    struct seat *seat = seat_of_mail(mail);

    (void)loop;
    if (seat != NULL) {
        bool is_current = seat->control != NULL && memcmp(seat->instance, mail->instance, FRAME_INSTANCE) == 0;

        bool is_taken = is_current && push_spare(seat, mail->spare);

        if (is_current && seat->asked > 0)
            seat->asked--;
        if (is_taken)
            serve_waiting(seat);
        else
            relay_close_spare(mail->site, mail->spare, is_current ? REASON_SURPLUS : REASON_STALE_CHANNEL);
        watch_surplus(seat);
    }
    seat_mail_drop(m);
}

static void spare_gone(struct mail *m, struct loop *loop)
{
    struct seat_mail *mail = (struct seat_mail *)m;
    struct seat *seat = seat_of_mail(mail);

    (void)loop;
    for (size_t i = 0; seat != NULL && i < seat->spares_count; i++)
        if (seat->spares[i].serial == mail->spare.serial && seat->spares[i].worker == mail->spare.worker) {
            seat->spares_count--;
            memmove(&seat->spares[i], &seat->spares[i + 1], (seat->spares_count - i) * sizeof(seat->spares[0]));
            break;
        }
    seat_mail_drop(m);
}

static struct seat_mail *seat_mail_new(struct worker *w, const struct cfg_agent *agent)
{
    struct seat_mail *mail = calloc(1, sizeof(*mail));

    if (mail == NULL)
        return NULL;
    mail->mail.drop = seat_mail_drop;
    mail->site = w->site;
    mail->agent = agent;
    return mail;
}

void seats_control_arrived(struct worker *w, const struct cfg_agent *agent, struct stream *stream, const struct frame *hello)
{
    struct seat_mail *mail = seat_mail_new(w, agent);

    if (mail == NULL) {
        stream_close(stream, STREAM_CLOSE_RESET);
        return;
    }
    mail->mail.deliver = control_arrived;
    mail->stream = stream;
    mail->hello = *hello;
    loop_post(w->site->main, &mail->mail);
}

void seats_spare_ready(struct worker *w, const struct cfg_agent *agent, const uint8_t instance[FRAME_INSTANCE],
                       struct session_handle spare)
{
    struct seat_mail *mail = seat_mail_new(w, agent);

    if (mail == NULL)
        return; /* it is never taken, and its heartbeats go on */
    mail->mail.deliver = spare_ready;
    memcpy(mail->instance, instance, FRAME_INSTANCE);
    mail->spare = spare;
    loop_post(w->site->main, &mail->mail);
}

void seats_spare_gone(struct worker *w, const struct cfg_agent *agent, struct session_handle spare)
{
    struct seat_mail *mail = seat_mail_new(w, agent);

    if (mail == NULL)
        return; /* whoever takes it will be told that it is gone */
    mail->mail.deliver = spare_gone;
    mail->spare = spare;
    loop_post(w->site->main, &mail->mail);
}

static void try_again(struct mail *m, struct loop *loop)
{
    struct advise_call *call = (struct advise_call *)m;
    struct seats *seats = the_seats(call->site->hub);

    (void)loop;
    if (seats == NULL)
        advise_call_refuse(call, REASON_SHUTDOWN);
    else if (call->tries >= ADVISE_TRIES)
        advise_call_refuse(call, REASON_CHANNEL_LOST);
    else
        deliver(seats, call);
}

static void drop_call(struct mail *m)
{
    advise_call_refuse((struct advise_call *)m, REASON_SHUTDOWN);
}

void seats_try_again(struct worker *w, struct advise_call *call)
{
    call->mail.deliver = try_again;
    call->mail.drop = drop_call;
    loop_post(w->site->main, &call->mail);
}
