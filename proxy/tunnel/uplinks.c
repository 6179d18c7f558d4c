/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the control channels of an agent: dialling, backing off, the level of spare channels. Main loop, but for
 * uplinks_spare_done(). */
#include "proxy/tunnel/uplinks_parts.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_stream.h"
#include "proxy/session/resolve_hint.h"
#include "proxy/tunnel/control.h"
#include "proxy/tunnel/renewing.h"
#include "proxy/tunnel/spare.h"
#include "tls/identity.h"
#include "tls/stream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BACKOFF_FIRST_MS 250
#define BACKOFF_LAST_MS  5000

/* When another agent of our name keeps taking our place. */
#define BACKOFF_REPLACED_MS 60000

/* A control channel that lived as long is a success: pauses start anew. */
#define LIVED_MS 60000

/* After a spare channel could not be opened. */
#define SPARE_RETRY_MS 500

/* Spare channels open or being opened for one relay, whatever it asks for (docs/tunnel-protocol.md, section 9). */
#define SPARES_EXTRA 1024

static struct uplinks *receiver; /* main loop only; NULL: none, or freed */

/* -- spare channels ------------------------------------------------------------------------------------------------------------
 */

static void open_spares(struct uplink *u, unsigned count)
{
    struct site *site = u->uplinks->site;

    while (count-- > 0 && u->spares < u->level * 2 + SPARES_EXTRA) {
        struct worker *w = site_pick(site, u->uplinks->next_worker++);

        if (!spare_open(w, u->index, control_peer(u->control), u->instance))
            return;
        u->spares++;
    }
}

static void refill(void *arg)
{
    struct uplink *u = arg;

    if (u->is_up && !u->is_draining && u->spares < u->level)
        open_spares(u, u->level - u->spares);
}

/* -- the control channel -------------------------------------------------------------------------------------------------------
 */

static void try_relay(void *arg);

/* Nothing but a new certificate helps; said once for each time that it begins. */
static void tell_if_revoked(struct uplink *u, enum reason why)
{
    struct log_line l;
    bool is_news = why == REASON_REVOKED && u->why != REASON_REVOKED;

    u->why = why;
    if (!is_news || !log_begin(&l, LOG_LEVEL_ERROR, "certificate_revoked"))
        return;
    log_text(&l, "relay", u->host->endpoint->text);
    log_text(&l, "certificate", u->uplinks->cfg->identity.chain);
    log_text(&l, "remedy", "enrol this agent anew: georelay pki agent on the CA's machine, georelay enroll here");
    log_end(&l);
}

/* Half of the pause to the whole of it, so that many agents do not come back in step. */
static uint64_t jittered(uint64_t ms)
{
    uint32_t random = 0;

    (void)!getrandom(&random, sizeof(random), 0);
    return ms / 2 + random % (ms / 2 + 1);
}

static void schedule(struct uplink *u, enum reason why)
{
    bool is_fight = why == REASON_REPLACED && u->replaced_ms != 0 && clock_ms() - u->replaced_ms < LIVED_MS;
    uint64_t last_ms = is_fight ? BACKOFF_REPLACED_MS : BACKOFF_LAST_MS;
    uint64_t pause_ms = jittered(u->backoff_ms);

    tell_if_revoked(u, why);
    if (why == REASON_REPLACED)
        u->replaced_ms = clock_ms();
    u->backoff_ms = u->backoff_ms * 2 < last_ms ? u->backoff_ms * 2 : last_ms;
    deadline_clear(&u->deadline);
    if (u->uplinks->is_island)
        return;
    deadline_init(&u->deadline, u->uplinks->loop, try_relay, u);
    deadline_set(&u->deadline, pause_ms);
    uplink_log(u, LOG_LEVEL_INFO, "tunnel_retry", why, pause_ms);
}

static void uplink_down(struct uplink *u, enum reason why)
{
    bool was_up = u->is_up;

    if (was_up && clock_ms() - u->up_ms >= LIVED_MS)
        u->backoff_ms = BACKOFF_FIRST_MS;
    u->is_up = u->is_draining = u->is_logged = false;
    u->control = NULL;
    u->spares = 0;
    deadline_clear(&u->refill);
    if (u->uplinks->renewing != NULL)
        renewing_down(u->uplinks->renewing, u->index);
    memset(u->instance, 0, sizeof(u->instance));
    if (was_up) {
        uplink_tell_workers(u); /* first: whoever reads the line may open a link at once */
        uplink_log(u, LOG_LEVEL_WARN, "tunnel_down", why, 0);
        uplink_audit(u, AUDIT_RELAY_DOWN, why);
    }
    schedule(u, why);
}

static void take_welcome(struct uplink *u, const struct frame *f)
{
    if (u->is_up || f->version < FRAME_VERSION_LOW || f->version > FRAME_VERSION) {
        control_close(u->control, REASON_PROTOCOL_ERROR);
        uplink_down(u, REASON_PROTOCOL_ERROR);
        return;
    }
    deadline_clear(&u->deadline);
    u->is_up = true;
    u->up_ms = clock_ms();
    u->level = f->spares;
    u->version = f->version;
    strcpy(u->program, f->text);
    control_start(u->control, f->heartbeat_ms);
    uplink_tell_workers(u);
    refill(u);
    if (u->uplinks->renewing != NULL && u->version >= 3)
        renewing_up(u->uplinks->renewing, u->index, u->control, u->instance);
}

/* False if it is not one of a renewal, or breaks its rules. */
static bool take_renewal(struct uplink *u, const struct frame *f)
{
    return (f->type == FRAME_RENEWED || f->type == FRAME_NOT_RENEWED) && u->is_up && u->version >= 3 &&
           u->uplinks->renewing != NULL && renewing_take(u->uplinks->renewing, u->index, f);
}

static void uplink_frame(void *arg, const struct frame *f)
{
    struct uplink *u = arg;

    if (f->type == FRAME_WELCOME) {
        take_welcome(u, f);
    } else if (f->type == FRAME_NEED && u->is_up) {
        open_spares(u, f->spares);
    } else if (f->type == FRAME_DRAIN && u->is_up) {
        u->is_draining = true;
        uplink_tell_workers(u);
    } else if (!take_renewal(u, f)) {
        control_close(u->control, REASON_PROTOCOL_ERROR);
        uplink_down(u, REASON_PROTOCOL_ERROR);
    }
}

static void uplink_ended(void *arg, enum reason why)
{
    struct uplink *u = arg;

    deadline_clear(&u->deadline);
    uplink_down(u, why);
}

static const struct control_ops uplink_ops = {.frame = uplink_frame, .ended = uplink_ended};

static void welcome_is_late(void *arg)
{
    struct uplink *u = arg;

    control_close(u->control, REASON_NONE);
    uplink_down(u, REASON_ANSWER_TIMEOUT);
}

static void say_hello(struct uplink *u)
{
    struct frame f = {.type = FRAME_HELLO, .version_low = FRAME_VERSION_LOW, .version = FRAME_VERSION};
    uint64_t wait_ms = (uint64_t)u->uplinks->cfg->timeouts.handshake_s * 1000;

    u->control = control_new(u->uplinks->loop, u->stream, &uplink_ops, u);
    u->stream = NULL;
    if (u->control == NULL) {
        schedule(u, REASON_NO_MEMORY);
        return;
    }
    if (getrandom(u->instance, sizeof(u->instance), 0) != sizeof(u->instance))
        abort(); /* no randomness: nothing of TLS works either */
    memcpy(f.instance, u->instance, sizeof(f.instance));
    strcpy(f.text, GEORELAY_VERSION);
    deadline_clear(&u->deadline);
    deadline_init(&u->deadline, u->uplinks->loop, welcome_is_late, u);
    deadline_set(&u->deadline, wait_ms);
    control_start(u->control, wait_ms); /* until WELCOME tells the true pause */
    (void)control_send(u->control, &f);
}

static void dial_failed(struct uplink *u, enum reason why)
{
    if (u->stream != NULL) {
        watch_set(&u->watch, u->stream->fd, 0);
        stream_close(u->stream, STREAM_CLOSE_ORDERLY);
        u->stream = NULL;
    }
    deadline_clear(&u->deadline);
    resolve_hint(site_pick(u->uplinks->site, 0), u->host->endpoint);
    schedule(u, why);
}

static void greet_relay(struct uplink *u)
{
    enum reason why;

    switch (stream_greet(u->stream)) {
    case STREAM_STEP_AGAIN:
        watch_set(&u->watch, u->stream->fd, stream_wants(u->stream, STREAM_READ));
        return;
    case STREAM_STEP_FAILED:
        dial_failed(u, u->stream->why);
        return;
    default:
        break;
    }
    why = identity_check_relay(u->stream);
    if (why != REASON_NONE) {
        dial_failed(u, why);
        return;
    }
    watch_set(&u->watch, u->stream->fd, 0);
    deadline_clear(&u->deadline);
    say_hello(u);
}

static void relay_ready(void *arg, unsigned ready)
{
    (void)ready;
    greet_relay(arg);
}

static void greeting_is_late(void *arg)
{
    dial_failed(arg, REASON_DIAL_TIMEOUT);
}

static void try_relay(void *arg)
{
    struct uplink *u = arg;
    const struct cfg *cfg = u->uplinks->cfg;
    struct loop *loop = u->uplinks->loop;
    enum reason why = REASON_NAME_UNRESOLVED;
    const struct address *to;
    struct stream *tcp;
    int fd;

    if (u->host->addresses.count == 0) {
        dial_failed(u, why);
        return;
    }
    to = &u->host->addresses.list[u->next_address++ % u->host->addresses.count];
    fd = socket_dial(to, NULL, cfg->advise_ports, &why);
    if (fd < 0) {
        dial_failed(u, why);
        return;
    }
    socket_guard(fd, cfg->timeouts.dead_peer_s, cfg->timeouts.firewall_idle_s);
    tcp = tcp_stream_connect(fd, to, ACCOUNT_RELAY, &loop->chunks);
    u->stream = tcp != NULL ? tls_stream_connect(u->uplinks->site->agent_tls, tcp, u->index) : NULL;
    if (u->stream == NULL) {
        dial_failed(u, REASON_NO_MEMORY);
        return;
    }
    watch_init(&u->watch, loop, relay_ready, u);
    deadline_init(&u->deadline, loop, greeting_is_late, u);
    deadline_set(&u->deadline, (uint64_t)cfg->timeouts.dial_ms + (uint64_t)cfg->timeouts.handshake_s * 1000);
    greet_relay(u);
}

/* -- the uplinks ---------------------------------------------------------------------------------------------------------------
 */

static void start_uplink(struct uplinks *all, unsigned index)
{
    struct uplink *u = &all->list[index];

    *u = (struct uplink){.uplinks = all, .index = index, .is_used = true, .backoff_ms = BACKOFF_FIRST_MS};
    deadline_init(&u->refill, all->loop, refill, u);
    deadline_init(&u->deadline, all->loop, try_relay, u);
    if (!all->is_island)
        deadline_set(&u->deadline, 0);
}

static void stop_uplink(struct uplink *u)
{
    deadline_clear(&u->deadline);
    deadline_clear(&u->refill);
    if (u->uplinks->renewing != NULL)
        renewing_down(u->uplinks->renewing, u->index);
    control_close(u->control, REASON_SHUTDOWN);
    u->control = NULL;
    if (u->stream != NULL) {
        watch_set(&u->watch, u->stream->fd, 0);
        stream_close(u->stream, STREAM_CLOSE_ORDERLY);
        u->stream = NULL;
    }
    u->is_used = false;
}

static void bind_host(struct uplink *u, unsigned rank, struct hosts *hosts)
{
    u->rank = rank;
    snprintf(u->text, sizeof(u->text), "%s", u->uplinks->cfg->relays[rank].text);
    u->host = hosts_find(hosts, &u->uplinks->cfg->relays[rank]);
}

/* The uplink to a relay of the configuration; NULL: there is none yet. */
static struct uplink *find_uplink(const struct uplinks *all, const char *text)
{
    for (unsigned i = 0; i < WORKER_RELAYS_MAX; i++)
        if (all->list[i].is_used && strcmp(all->list[i].text, text) == 0)
            return (struct uplink *)(uintptr_t)&all->list[i];
    return NULL;
}

static unsigned free_place(const struct uplinks *all)
{
    unsigned i = 0;

    while (all->list[i].is_used)
        i++;
    return i;
}

static bool is_configured(const struct cfg *cfg, const struct uplink *u)
{
    for (size_t i = 0; i < cfg->relays_count; i++)
        if (strcmp(cfg->relays[i].text, u->text) == 0)
            return true;
    return false;
}

/* Everything that hangs on it goes; links through its relay are connections of their own and go on. */
static void drop_uplink(struct uplink *u)
{
    bool was_up = u->is_up;

    stop_uplink(u);
    u->is_up = u->is_draining = false;
    u->spares = 0;
    memset(u->instance, 0, sizeof(u->instance));
    if (was_up) {
        uplink_tell_workers(u);
        uplink_log(u, LOG_LEVEL_INFO, "tunnel_removed", REASON_NONE, 0);
        uplink_audit(u, AUDIT_RELAY_DOWN, REASON_NONE);
    }
}

static void add_uplinks(struct uplinks *all, struct hosts *hosts)
{
    for (unsigned rank = 0; rank < all->cfg->relays_count; rank++) {
        struct uplink *u = find_uplink(all, all->cfg->relays[rank].text);

        if (u == NULL) {
            unsigned place = free_place(all);

            start_uplink(all, place);
            u = &all->list[place];
        }
        bind_host(u, rank, hosts);
    }
}

struct uplinks *uplinks_new(struct loop *loop, struct site *site, struct hosts *hosts)
{
    struct uplinks *all = calloc(1, sizeof(*all));

    if (all == NULL)
        return NULL;
    assert(site->cfg->relays_count <= WORKER_RELAYS_MAX);
    all->loop = loop;
    all->site = site;
    all->cfg = site->cfg;
    add_uplinks(all, hosts);
    return all;
}

void uplinks_move(struct uplinks *all, struct hosts *hosts)
{
    all->cfg = all->site->cfg;
    for (unsigned i = 0; i < WORKER_RELAYS_MAX; i++)
        if (all->list[i].is_used && !is_configured(all->cfg, &all->list[i]))
            drop_uplink(&all->list[i]);
    add_uplinks(all, hosts);
    for (unsigned i = 0; i < WORKER_RELAYS_MAX; i++) {
        struct uplink *u = &all->list[i];

        if (!u->is_used || !u->is_up)
            continue;
        uplink_tell_workers(u);
        if (!u->is_draining)
            open_spares(u, u->level); /* those that there are live on workers that retire */
    }
}

void uplinks_show(const struct uplinks *all, struct worker *w)
{
    for (unsigned i = 0; i < WORKER_RELAYS_MAX; i++)
        if (all->list[i].is_used)
            w->relays[i] = uplink_picture(&all->list[i]);
}

void uplinks_set_renewing(struct uplinks *u, struct renewing *renewing)
{
    u->renewing = renewing;
}

struct uplinks *uplinks_receiver(void)
{
    return receiver;
}

void uplinks_set_receiver(struct uplinks *u)
{
    receiver = u;
}

void uplinks_free(struct uplinks *all)
{
    if (all == NULL)
        return;
    receiver = NULL;
    for (unsigned i = 0; i < WORKER_RELAYS_MAX; i++)
        if (all->list[i].is_used)
            stop_uplink(&all->list[i]);
    free(all);
}

static void cut(struct uplink *u)
{
    if (u->stream != NULL) {
        watch_set(&u->watch, u->stream->fd, 0);
        stream_close(u->stream, STREAM_CLOSE_ORDERLY);
        u->stream = NULL;
    }
    if (u->control != NULL) {
        control_close(u->control, REASON_ISLAND);
        uplink_down(u, REASON_ISLAND);
    }
    deadline_clear(&u->deadline);
}

static void dial_again(struct uplink *u)
{
    deadline_clear(&u->deadline);
    deadline_init(&u->deadline, u->uplinks->loop, try_relay, u);
    deadline_set(&u->deadline, 0);
    u->backoff_ms = BACKOFF_FIRST_MS;
}

unsigned uplinks_set_island(struct uplinks *all, bool is_island)
{
    unsigned count = 0;

    if (all == NULL || all->is_island == is_island)
        return 0;
    all->is_island = is_island;
    if (is_island && all->renewing != NULL)
        renewing_interrupt(all->renewing);
    for (unsigned i = 0; i < WORKER_RELAYS_MAX; i++) {
        struct uplink *u = &all->list[i];

        if (!u->is_used)
            continue;
        count += is_island && u->is_up;
        if (is_island)
            cut(u);
        else
            dial_again(u);
    }
    return count;
}

bool uplinks_has(const struct uplinks *all, const uint8_t instance[FRAME_INSTANCE])
{
    for (unsigned i = 0; i < WORKER_RELAYS_MAX; i++)
        if (all->list[i].is_up && memcmp(all->list[i].instance, instance, FRAME_INSTANCE) == 0)
            return true;
    return false;
}

void uplinks_look(const struct uplinks *all, uplink_look_fn *found, void *arg)
{
    for (size_t i = 0; all != NULL && i < all->cfg->relays_count; i++) {
        const struct uplink *u = find_uplink(all, all->cfg->relays[i].text);
        struct uplink_look look = {
            .relay = u->host->endpoint, .is_up = u->is_up, .is_draining = u->is_draining, .spares = u->spares};

        look.why = u->is_up ? REASON_NONE : u->why;
        if (u->is_up) {
            look.peer = control_peer(u->control);
            look.version = u->program;
            look.protocol = u->version;
            look.since_ms = u->up_ms;
            look.round_us = control_round_us(u->control);
        }
        found(arg, &look);
    }
}

unsigned uplinks_up(const struct uplinks *all)
{
    unsigned count = 0;

    for (unsigned i = 0; i < WORKER_RELAYS_MAX; i++)
        count += all->list[i].is_up;
    return count;
}

unsigned uplinks_spares(const struct uplinks *all)
{
    unsigned count = 0;

    for (unsigned i = 0; i < WORKER_RELAYS_MAX; i++)
        count += all->list[i].spares;
    return count;
}

/* -- mail from workers ---------------------------------------------------------------------------------------------------------
 */

struct done_mail {
    struct mail mail;
    unsigned relay;
    uint8_t instance[FRAME_INSTANCE];
    bool is_taken;
};

static void done_mail_drop(struct mail *m)
{
    free(m);
}

static void spare_done(struct mail *m, struct loop *loop)
{
    const struct done_mail *mail = (struct done_mail *)m;
    struct uplink *u = receiver != NULL ? &receiver->list[mail->relay] : NULL;

    (void)loop;
    if (u != NULL && u->is_up && memcmp(u->instance, mail->instance, FRAME_INSTANCE) == 0) {
        assert(u->spares > 0);
        u->spares--;
        if (mail->is_taken)
            refill(u);
        else if (!deadline_is_set(&u->refill))
            deadline_set(&u->refill, SPARE_RETRY_MS);
    }
    free(m);
}

void uplinks_spare_done(struct worker *w, unsigned relay, const uint8_t instance[FRAME_INSTANCE], bool is_taken)
{
    struct done_mail *mail = calloc(1, sizeof(*mail));

    if (mail == NULL)
        abort(); /* a lost count would leave the relay without spare channels for ever */
    mail->mail.deliver = spare_done;
    mail->mail.drop = done_mail_drop;
    mail->relay = relay;
    memcpy(mail->instance, instance, FRAME_INSTANCE);
    mail->is_taken = is_taken;
    loop_post(w->site->main, &mail->mail);
}
