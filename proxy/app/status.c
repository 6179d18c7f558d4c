/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the order of the document and who is asked for what: HEAD (all workers, for the sums), LEASES (the hub, some places a
 * turn), SESSIONS (worker after worker, a slice at a time). Main loop.
 */
#include "proxy/app/status.h"

#include "proxy/app/accounts.h"
#include "proxy/app/admin_port.h"
#include "proxy/app/counts.h"
#include "proxy/app/expiries.h"
#include "proxy/app/json_out.h"
#include "proxy/app/session_rows.h"
#include "proxy/base/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define FORM 1

/* Places of the hub's index in one piece. */
#define PLACES 128

enum stage { STAGE_HEAD = 0, STAGE_LEASES, STAGE_SESSIONS, STAGE_OVER };

struct status_walk {
    struct status_view *view;
    status_piece_fn *piece;
    void *arg;
    enum stage stage;
    bool is_waiting;   /* for a mail, */
    bool is_forgotten; /* and nobody waits for what it brings */
    struct again again;
    unsigned place; /* of the hub's index, then of the site's workers */
    uint64_t made;  /* of the worker at that place */
    unsigned slot;
    struct json json;
    char *text;
    size_t length;
};

/* -- pieces --------------------------------------------------------------------------------------------------------------------
 */

static bool open_piece(struct status_walk *w)
{
    w->text = NULL;
    w->json.out = open_memstream(&w->text, &w->length);
    return w->json.out != NULL;
}

static void fail(struct status_walk *w)
{
    w->stage = STAGE_OVER;
    w->piece(w->arg, NULL, 0, true);
}

/* The last thing that is done with the walk: who gets the piece may free it. */
static void close_piece(struct status_walk *w)
{
    char *text;

    if (fclose(w->json.out) != 0) {
        free(w->text);
        fail(w);
        return;
    }
    text = w->text;
    w->text = NULL;
    w->piece(w->arg, text, w->length, w->stage == STAGE_OVER);
}

/* True if nobody waits any more. */
static bool is_over(struct status_walk *w)
{
    w->is_waiting = false;
    if (!w->is_forgotten)
        return false;
    free(w);
    return true;
}

/* -- HEAD ----------------------------------------------------------------------------------------------------------------------
 */

static uint64_t sum_refused(const struct tally *t)
{
    uint64_t sum = 0;

    for (unsigned k = 0; k < TALLY_KINDS; k++)
        for (unsigned r = 0; r < REASON_COUNT; r++)
            sum += t->refused[k][r];
    return sum;
}

static void write_process(struct json *j, const struct counts *c, const struct site *site)
{
    struct rlimit files = {0};
    struct timespec cpu = {0};

    (void)getrlimit(RLIMIT_NOFILE, &files);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    json_open(j, "process", '{');
    json_number(j, "pid", (uint64_t)getpid());
    json_number(j, "workers", site->workers_count);
    json_number(j, "cpu_ms", (uint64_t)cpu.tv_sec * 1000 + (uint64_t)cpu.tv_nsec / 1000000);
    json_number(j, "rss_bytes", (uint64_t)counts_rss_kib() * 1024);
    json_number(j, "open_files", counts_files());
    json_number(j, "max_files", files.rlim_cur);
    json_number(j, "chunks", c->chunks);
    json_close(j, '}');
}

static void write_bytes(struct json *j, const char *key, const uint64_t bytes[TALLY_WAYS])
{
    json_open(j, key, '{');
    json_number(j, "up", bytes[TALLY_UP]);
    json_number(j, "down", bytes[TALLY_DOWN]);
    json_close(j, '}');
}

static void write_totals(struct json *j, const struct counts *c)
{
    json_open(j, "now", '{');
    json_number(j, "web", c->web);
    json_number(j, "links", c->links);
    json_number(j, "advises", c->advises);
    json_number(j, "tunnel", c->tunnel);
    json_close(j, '}');
    json_open(j, "since_start", '{');
    write_bytes(j, "web", c->tally.bytes[SESSION_WEB]);
    write_bytes(j, "links", c->tally.bytes[SESSION_LINK]);
    write_bytes(j, "advises", c->tally.bytes[SESSION_ADVISE]);
    json_number(j, "advises_delivered", c->tally.advises_delivered);
    json_number(j, "refused", sum_refused(&c->tally));
    json_close(j, '}');
}

static void write_listener(void *arg, const char *purpose, const char *name, const struct address *address)
{
    struct json *j = arg;

    json_open(j, NULL, '{');
    json_text(j, "purpose", purpose);
    json_text(j, "name", name);
    json_address(j, "address", address);
    json_close(j, '}');
}

/* How long something has been up, and how long its last heartbeat took. */
static void write_up(struct json *j, bool is_up, const struct address *peer, uint64_t since_ms, uint64_t round_us)
{
    const struct address unset = {0};

    json_bool(j, "is_up", is_up);
    json_address(j, "address", peer != NULL ? peer : &unset);
    json_number(j, "age_ms", is_up ? clock_ms() - since_ms : 0);
    json_number(j, "round_us", round_us);
}

static void write_agent(void *arg, const struct seat_look *look)
{
    struct json *j = arg;

    json_open(j, NULL, '{');
    json_text(j, "name", look->agent->name);
    write_up(j, look->is_up, look->peer, look->since_ms, look->round_us);
    json_text(j, "version", look->version);
    json_number(j, "protocol", look->protocol);
    json_number(j, "spares", look->spares);
    json_number(j, "waiting", look->waiting);
    json_close(j, '}');
}

static void write_relay(void *arg, const struct uplink_look *look)
{
    struct json *j = arg;

    json_open(j, NULL, '{');
    json_text(j, "name", look->relay->text);
    write_up(j, look->is_up, look->peer, look->since_ms, look->round_us);
    json_text(j, "version", look->version);
    json_number(j, "protocol", look->protocol);
    json_text(j, "why", look->why != REASON_NONE ? reason_name(look->why) : NULL);
    json_bool(j, "is_draining", look->is_draining);
    json_number(j, "spares", look->spares);
    json_close(j, '}');
}

static void write_servers(struct json *j, const struct hosts *hosts)
{
    json_open(j, "servers", '[');
    for (unsigned i = 0; i < hosts->count; i++) {
        const struct known_host *host = &hosts->list[i];

        json_open(j, NULL, '{');
        json_text(j, "server", host->endpoint->text);
        json_bool(j, "is_healthy", !host->is_unhealthy);
        json_number(j, "addresses", host->addresses.count);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void write_certificates(struct json *j)
{
    uint64_t now_s = accounts_now() / 1000;
    size_t count;
    const struct expiry *list = expiries_list(&count);

    json_open(j, "certificates", '[');
    for (size_t i = 0; i < count; i++) {
        uint64_t until_s = list[i].until > 0 ? (uint64_t)list[i].until : 0;

        json_open(j, NULL, '{');
        json_text(j, "use", expiry_use_name(list[i].use));
        json_text(j, "name", list[i].name);
        json_text(j, "file", list[i].path);
        json_time(j, "not_after", until_s * 1000);
        json_number(j, "days_left", until_s > now_s ? (until_s - now_s) / 86400 : 0);
        json_bool(j, "is_expired", until_s <= now_s);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void write_head(struct json *j, const struct status_view *v, const struct counts *c)
{
    uint64_t now_ms = accounts_now();

    json_open(j, NULL, '{');
    json_number(j, "form", FORM);
    json_text(j, "version", GEORELAY_VERSION);
    json_text(j, "role", v->site->cfg->role == CFG_ROLE_RELAY ? "relay" : "agent");
    json_text(j, "name", v->site->cfg->name);
    json_text(j, "config", v->site->cfg->file);
    json_time(j, "time", now_ms);
    json_time(j, "started", v->started_ms);
    json_number(j, "uptime_ms", now_ms > v->started_ms ? now_ms - v->started_ms : 0);
    json_bool(j, "is_draining", v->is_draining);
    json_bool(j, "is_island", v->hub->is_island);
    write_process(j, c, v->site);
    write_totals(j, c);
    json_open(j, "listeners", '[');
    gates_look(v->reload->now->gates, write_listener, j);
    admin_port_look(write_listener, j);
    json_close(j, ']');
    json_open(j, "agents", '[');
    seats_look(v->seats, write_agent, j);
    json_close(j, ']');
    json_open(j, "relays", '[');
    uplinks_look(v->uplinks, write_relay, j);
    json_close(j, ']');
    write_servers(j, &v->hub->links->hosts);
    write_certificates(j);
    json_open(j, "leases", '[');
}

static void counted(void *arg, const struct counts *c)
{
    struct status_walk *w = arg;

    if (is_over(w))
        return;
    if (c == NULL || !open_piece(w)) {
        fail(w);
        return;
    }
    write_head(&w->json, w->view, c);
    w->stage = STAGE_LEASES;
    close_piece(w);
}

/* -- LEASES --------------------------------------------------------------------------------------------------------------------
 */

static void write_lease(struct json *j, const struct lease *lease)
{
    char client[ADDRESS_TEXT], address[ADDRESS_TEXT];

    json_open(j, NULL, '{');
    json_text(j, "link", lease->table->link->name);
    json_text(j, "behind", identity_group(&lease->identity));
    json_text(j, "client", address_format_ip(&lease->identity.client, client));
    json_text(j, "address", address_format_ip(&lease->address, address));
    json_number(j, "first_port", lease->ports.first);
    json_number(j, "last_port", lease->ports.last);
    json_number(j, "links", lease->holders);
    json_close(j, '}');
}

static void lease_turn(struct again *again)
{
    struct status_walk *w = (struct status_walk *)((char *)again - offsetof(struct status_walk, again));

    if (!open_piece(w)) {
        fail(w);
        return;
    }
    for (unsigned i = 0; i < PLACES && w->place < HUB_PLACES; i++)
        for (const struct lease *lease = w->view->hub->active[w->place++]; lease != NULL; lease = lease->next_there)
            write_lease(&w->json, lease);
    if (w->place == HUB_PLACES) {
        json_close(&w->json, ']');
        json_open(&w->json, "sessions", '[');
        w->stage = STAGE_SESSIONS;
        w->place = 0;
    }
    close_piece(w);
}

/* -- SESSIONS ------------------------------------------------------------------------------------------------------------------
 */

static const char *const kinds[] = {
    [SESSION_UNKNOWN] = "unknown", [SESSION_WEB] = "web",       [SESSION_LINK] = "link",
    [SESSION_ADVISE] = "advise",   [SESSION_TUNNEL] = "tunnel",
};

static void write_name(struct json *j, const char *key, const char *name)
{
    if (name[0] != '\0')
        json_text(j, key, name);
}

static void write_known(struct json *j, const char *key, const struct address *address)
{
    if (address_is_set(address))
        json_address(j, key, address);
}

static void write_session(struct json *j, const struct session_row *row)
{
    char sid[40], client[ADDRESS_TEXT];

    snprintf(sid, sizeof(sid), "%u.%" PRIx64, row->handle.worker + 1, row->handle.serial);
    json_open(j, NULL, '{');
    json_text(j, "sid", sid);
    json_text(j, "kind", kinds[row->kind]);
    json_text(j, "state", session_state_name(row->state));
    write_name(j, "name", row->name);
    write_name(j, "agent", row->agent);
    write_name(j, "behind", row->behind);
    write_name(j, "via", row->via);
    if (address_is_set(&row->client))
        json_text(j, "client", address_format_ip(&row->client, client));
    if (row->kind == SESSION_ADVISE)
        json_number(j, "port", address_port(&row->client));
    write_known(j, "front", &row->front);
    write_known(j, "front_local", &row->front_local);
    write_known(j, "back", &row->back);
    write_known(j, "back_local", &row->back_local);
    json_number(j, "age_ms", row->age_ms);
    json_number(j, "idle_ms", row->idle_ms);
    if (row->kind == SESSION_ADVISE && row->up > 0)
        json_number(j, "alarm_ms", row->up_idle_ms);
    json_number(j, "up", row->up);
    json_number(j, "down", row->down);
    json_close(j, '}');
}

static void slice_came(void *arg, struct session_slice *slice)
{
    struct status_walk *w = arg;

    if (is_over(w))
        return;
    if (!slice->is_given || !open_piece(w)) {
        fail(w);
        return;
    }
    for (unsigned i = 0; i < slice->count; i++)
        write_session(&w->json, &slice->rows[i]);
    w->slot = slice->is_last ? 0 : slice->next;
    w->place += slice->is_last;
    if (site_next_running(w->view->site, w->place) == NULL) {
        json_close(&w->json, ']');
        json_close(&w->json, '}');
        fputc('\n', w->json.out);
        w->stage = STAGE_OVER;
    }
    close_piece(w);
}

/* -- the walk ------------------------------------------------------------------------------------------------------------------
 */

struct status_walk *status_walk_new(struct status_view *view, status_piece_fn *piece, void *arg)
{
    struct status_walk *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    w->view = view;
    w->piece = piece;
    w->arg = arg;
    w->again.call = lease_turn;
    return w;
}

/* Generations come and go meanwhile; their workers stand in the site's places. */
static bool ask_rows(struct status_walk *w)
{
    struct site *site = w->view->site;
    struct worker *next = site_next_running(site, w->place);

    if (next == NULL) /* it has gone since: the end of another one's rows ends the document */
        return session_rows_ask(site->workers[0], UINT_MAX, slice_came, w);
    if (next->index != w->place || next->made != w->made)
        w->slot = 0;
    w->place = next->index;
    w->made = next->made;
    return session_rows_ask(next, w->slot, slice_came, w);
}

void status_walk_next(struct status_walk *w)
{
    switch (w->stage) {
    case STAGE_HEAD:
        w->is_waiting = counts_ask(w->view->site, counted, w);
        break;
    case STAGE_LEASES:
        loop_call_again(w->view->hub->loop, &w->again);
        return;
    default:
        w->is_waiting = ask_rows(w);
    }
    if (!w->is_waiting)
        fail(w);
}

void status_walk_free(struct status_walk *w)
{
    if (w == NULL)
        return;
    loop_forget_again(w->view->hub->loop, &w->again);
    if (w->is_waiting)
        w->is_forgotten = true;
    else
        free(w);
}
