/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the names, labels and order of the metrics. Main thread. */
#include "proxy/app/metrics.h"

#include "proxy/app/expiries.h"
#include "proxy/audit/audit.h"
#include "proxy/base/log_writer.h"
#include "proxy/net/account.h"
#include "proxy/session/session.h"

#include <inttypes.h>
#include <sys/resource.h>
#include <time.h>

static const char *const kinds[TALLY_KINDS] = {
    [SESSION_UNKNOWN] = "unknown", [SESSION_WEB] = "web",       [SESSION_LINK] = "link",
    [SESSION_ADVISE] = "advise",   [SESSION_TUNNEL] = "tunnel",
};

/* -- the form ------------------------------------------------------------------------------------------------------------------
 */

static void head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP georelay_%s %s\n# TYPE georelay_%s %s\n", name, help, name, type);
}

/* A value of a label: an administrator's text may hold anything. */
static void put_label(FILE *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            fputc('\\', out);
        if (*value == '\n')
            fputs("\\n", out);
        else
            fputc(*value, out);
    }
}

static void put_one(FILE *out, const char *name, const char *label, const char *value, uint64_t number)
{
    fprintf(out, "georelay_%s{%s=\"", name, label);
    put_label(out, value);
    fprintf(out, "\"} %" PRIu64 "\n", number);
}

static void put_plain(FILE *out, const char *name, const char *type, const char *help, uint64_t number)
{
    head(out, name, type, help);
    fprintf(out, "georelay_%s %" PRIu64 "\n", name, number);
}

static void put_seconds(FILE *out, const char *name, const char *type, const char *help, uint64_t ms)
{
    head(out, name, type, help);
    fprintf(out, "georelay_%s %" PRIu64 ".%03u\n", name, ms / 1000, (unsigned)(ms % 1000));
}

static void put_times(FILE *out, const char *name, const char *help, const struct tally_times *times)
{
    static const char *const bounds[TALLY_BUCKETS] = {
#define X(ms, seconds) seconds,
        TALLY_BOUNDS(X)
#undef X
    };
    uint64_t count = 0;

    head(out, name, "histogram", help);
    for (unsigned i = 0; i < TALLY_BUCKETS; i++) {
        count += times->buckets[i];
        fprintf(out, "georelay_%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, bounds[i], count);
    }
    count += times->buckets[TALLY_BUCKETS];
    fprintf(out, "georelay_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
    fprintf(out, "georelay_%s_sum %" PRIu64 ".%03u\n", name, times->sum_ms / 1000, (unsigned)(times->sum_ms % 1000));
    fprintf(out, "georelay_%s_count %" PRIu64 "\n", name, count);
}

/* -- sessions ------------------------------------------------------------------------------------------------------------------
 */

static void write_sessions(FILE *out, const struct counts *c)
{
    const struct tally *t = &c->tally;

    head(out, "sessions", "gauge",
         "Sessions now, by kind; tunnel: spare channels, and connections that have not said yet what they are.");
    put_one(out, "sessions", "kind", kinds[SESSION_WEB], c->web);
    put_one(out, "sessions", "kind", kinds[SESSION_LINK], c->links);
    put_one(out, "sessions", "kind", kinds[SESSION_ADVISE], c->advises);
    put_one(out, "sessions", "kind", kinds[SESSION_TUNNEL], c->tunnel);
    head(out, "sessions_ended_total", "counter",
         "Sessions that had relayed or served and have ended, by kind and reason; reasons that never occurred are left out.");
    for (unsigned k = 0; k < TALLY_KINDS; k++)
        for (unsigned r = 0; r < REASON_COUNT; r++)
            if (t->ended[k][r] > 0)
                fprintf(out, "georelay_sessions_ended_total{kind=\"%s\",reason=\"%s\"} %" PRIu64 "\n", kinds[k],
                        reason_name((enum reason)r), t->ended[k][r]);
    head(out, "bytes_total", "counter", "Bytes that were passed on; up: from who connected to us, down: to it.");
    for (unsigned k = SESSION_WEB; k <= SESSION_ADVISE; k++) {
        fprintf(out, "georelay_bytes_total{kind=\"%s\",direction=\"up\"} %" PRIu64 "\n", kinds[k], t->bytes[k][TALLY_UP]);
        fprintf(out, "georelay_bytes_total{kind=\"%s\",direction=\"down\"} %" PRIu64 "\n", kinds[k], t->bytes[k][TALLY_DOWN]);
    }
}

static uint64_t refused_for(const struct tally *t, enum reason why)
{
    uint64_t sum = 0;

    for (unsigned k = 0; k < TALLY_KINDS; k++)
        sum += t->refused[k][why];
    return sum;
}

/* A client of a web front door in mode "http" is answered before its session ends for that. */
static uint64_t stopped_by(const struct tally *t, enum reason limit)
{
    return refused_for(t, limit) + t->ended[SESSION_WEB][limit];
}

static uint64_t refused_of(const struct tally *t, enum session_kind kind)
{
    uint64_t sum = 0;

    for (unsigned r = 0; r < REASON_COUNT; r++)
        sum += t->refused[kind][r];
    return sum;
}

static void write_refusals(FILE *out, const struct tally *t)
{
    static const struct {
        const char *name;
        enum reason why;
    } limits[] = {
        {"connections", REASON_LIMIT_CONNECTIONS},
        {"per_client", REASON_LIMIT_CLIENT},
        {"greeting", REASON_LIMIT_GREETING},
        {"rate", REASON_LIMIT_RATE},
        {"rate_per_client", REASON_LIMIT_CLIENT_RATE},
        {"handshakes", REASON_LIMIT_HANDSHAKES},
        {"handshakes_per_client", REASON_LIMIT_CLIENT_HANDSHAKES},
        {"files", REASON_NO_FILES},
        {"memory", REASON_NO_MEMORY},
    };

    head(out, "refusals_total", "counter", "Connections and requests for streams that came to nothing, by reason.");
    for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++)
        put_one(out, "refusals_total", "reason", reason_name((enum reason)r), refused_for(t, (enum reason)r));
    head(out, "limits_reached_total", "counter", "Connections that met a limit of the configuration or of the machine.");
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        put_one(out, "limits_reached_total", "limit", limits[i].name, stopped_by(t, limits[i].why));
}

static void write_connections(FILE *out)
{
    struct account_sum sums[ACCOUNT_WAYS][ACCOUNT_PURPOSES_COUNT];

    account_read_sums(sums);
    head(out, "connections_accepted_total", "counter", "TCP connections that were accepted, by what the listener is for.");
    for (int p = ACCOUNT_WEB; p <= ACCOUNT_ADMIN; p++)
        put_one(out, "connections_accepted_total", "purpose", account_purpose_name((enum account_purpose)p),
                sums[ACCOUNT_ACCEPTED][p].count);
    head(out, "connections_begun_total", "counter", "TCP connections that were begun to be opened, by what they are for.");
    for (int p = ACCOUNT_SERVER; p < ACCOUNT_PURPOSES_COUNT; p++)
        put_one(out, "connections_begun_total", "purpose", account_purpose_name((enum account_purpose)p),
                sums[ACCOUNT_OPENED][p].count);
    head(out, "connections_made_total", "counter", "Of these, the ones that were connected.");
    for (int p = ACCOUNT_SERVER; p < ACCOUNT_PURPOSES_COUNT; p++)
        put_one(out, "connections_made_total", "purpose", account_purpose_name((enum account_purpose)p),
                sums[ACCOUNT_OPENED][p].made);
}

static void write_results(FILE *out, const struct tally *t)
{
    static const char *const handshakes[] = {
#define X(constant, name) name,
        TALLY_HANDSHAKES(X)
#undef X
    };
    static const char *const classes[TALLY_CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

    head(out, "handshakes_total", "counter", "TLS handshakes of connections that were accepted.");
    for (unsigned i = 0; i < TALLY_HANDSHAKES_COUNT; i++)
        put_one(out, "handshakes_total", "result", handshakes[i], t->handshakes[i]);
    head(out, "requests_total", "counter",
         "Requests at web front doors in mode http, by class of the status that was sent; none: no answer.");
    for (unsigned i = 0; i < TALLY_CLASSES; i++)
        put_one(out, "requests_total", "class", classes[i], t->requests[i]);
    head(out, "advises_total", "counter", "Advises that were delivered, or refused.");
    put_one(out, "advises_total", "result", "delivered", t->advises_delivered);
    put_one(out, "advises_total", "result", "refused", refused_of(t, SESSION_ADVISE));
    head(out, "dials_total", "counter", "Attempts of sessions to connect to a server or client.");
    put_one(out, "dials_total", "result", "made", t->dials_made);
    put_one(out, "dials_total", "result", "failed", t->dials_failed);
    put_times(out, "handshake_seconds", "From accepting a connection to the end of its TLS handshake.", &t->handshake_time);
    put_times(out, "first_byte_seconds", "From a request's first byte to the first byte of its response.", &t->first_byte_time);
    put_times(out, "advise_seconds", "From the server's connection to the client's answer.", &t->advise_time);
    put_times(out, "dial_seconds", "Until a connection to a server or client was made.", &t->dial_time);
}

/* -- the tunnel and what is beyond ---------------------------------------------------------------------------------------------
 */

struct row {
    FILE *out;
    const char *name;
    uint64_t (*seat)(const struct seat_look *look);
    uint64_t (*uplink)(const struct uplink_look *look);
};

static uint64_t seat_up(const struct seat_look *look)
{
    return look->is_up;
}

static uint64_t seat_spares(const struct seat_look *look)
{
    return look->spares;
}

static uint64_t seat_waiting(const struct seat_look *look)
{
    return look->waiting;
}

static uint64_t uplink_up(const struct uplink_look *look)
{
    return look->is_up;
}

static uint64_t uplink_spares(const struct uplink_look *look)
{
    return look->spares;
}

static void put_seat(void *arg, const struct seat_look *look)
{
    const struct row *row = arg;

    put_one(row->out, row->name, "agent", look->agent->name, row->seat(look));
}

static void put_uplink(void *arg, const struct uplink_look *look)
{
    const struct row *row = arg;

    put_one(row->out, row->name, "relay", look->relay->text, row->uplink(look));
}

static void write_tunnel(FILE *out, const struct metrics_view *v)
{
    struct row up = {out, "agent_up", seat_up, NULL}, spares = {out, "agent_spares", seat_spares, NULL};
    struct row waiting = {out, "agent_waiting", seat_waiting, NULL};
    struct row relay_up = {out, "relay_up", NULL, uplink_up}, relay_spares = {out, "relay_spares", NULL, uplink_spares};

    if (v->seats != NULL) {
        head(out, up.name, "gauge", "Whether the agent is connected.");
        seats_look(v->seats, put_seat, &up);
        head(out, spares.name, "gauge", "Spare channels of the agent, ready to be taken.");
        seats_look(v->seats, put_seat, &spares);
        head(out, waiting.name, "gauge", "Advises and others that wait for a spare channel of the agent.");
        seats_look(v->seats, put_seat, &waiting);
    }
    if (v->uplinks != NULL) {
        head(out, relay_up.name, "gauge", "Whether the relay is connected.");
        uplinks_look(v->uplinks, put_uplink, &relay_up);
        head(out, relay_spares.name, "gauge", "Spare channels that are open towards the relay, or being opened.");
        uplinks_look(v->uplinks, put_uplink, &relay_spares);
    }
}

/* A server may be named in several places of the configuration. Healthy is what is so in all of them. */
static void put_health(FILE *out, const struct hosts *hosts, unsigned at)
{
    const char *text = hosts->list[at].endpoint->text;
    bool is_healthy = true;

    for (unsigned i = 0; i < hosts->count; i++) {
        if (strcmp(hosts->list[i].endpoint->text, text) != 0)
            continue;
        if (i < at)
            return;
        is_healthy &= !hosts->list[i].is_unhealthy;
    }
    put_one(out, "upstream_healthy", "server", text, is_healthy);
}

static void write_hub(FILE *out, const struct hub *hub)
{
    put_plain(out, "leases", "gauge", "Leases that are active.", hub_active_leases(hub));
    put_plain(out, "lease_listeners", "gauge", "Listeners for advises.", hub->listeners_count);
    head(out, "upstream_healthy", "gauge",
         "0: health checks have found the server ill; 1 also for servers that are not checked.");
    for (unsigned i = 0; i < hub->links->hosts.count; i++)
        put_health(out, &hub->links->hosts, i);
}

static void write_certificates(FILE *out)
{
    size_t count;
    const struct expiry *list = expiries_list(&count);

    head(out, "certificate_not_after_seconds", "gauge",
         "When the first certificate of the file ends, in seconds since 1970; as it was when it was loaded.");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "georelay_certificate_not_after_seconds{use=\"%s\",name=\"", expiry_use_name(list[i].use));
        put_label(out, list[i].name);
        fputs("\",file=\"", out);
        put_label(out, list[i].path);
        fprintf(out, "\"} %lld\n", (long long)list[i].until);
    }
}

/* -- the process ---------------------------------------------------------------------------------------------------------------
 */

static uint64_t cpu_ms(void)
{
    struct timespec used = {0};

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static uint64_t files_max(void)
{
    struct rlimit limit = {0};

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

static void write_process(FILE *out, const struct metrics_view *v)
{
    head(out, "build_info", "gauge", "Always 1; which program this is.");
    fprintf(out, "georelay_build_info{version=\"%s\",role=\"%s\"} 1\n", GEORELAY_VERSION,
            v->hub->cfg->role == CFG_ROLE_RELAY ? "relay" : "agent");
    put_seconds(out, "start_time_seconds", "gauge", "When it was started, in seconds since 1970.", v->started_ms);
    put_plain(out, "island", "gauge", "1: the administrator has cut it off from agents and clients.", v->hub->is_island);
    put_plain(out, "workers", "gauge", "Worker threads.", v->workers);
    put_seconds(out, "cpu_seconds_total", "counter", "CPU time of the process.", cpu_ms());
    put_plain(out, "resident_memory_bytes", "gauge", "Memory of the process.", (uint64_t)counts_rss_kib() * 1024);
    put_plain(out, "open_files", "gauge", "Open file descriptors.", counts_files());
    put_plain(out, "max_files", "gauge", "The limit of open file descriptors.", files_max());
    put_plain(out, "chunks", "gauge", "Buffers in use, of 132 KiB each.", v->counts->chunks);
    head(out, "log_lines_dropped_total", "counter", "Lines of the log, the access log or the audit log that were lost.");
    put_one(out, "log_lines_dropped_total", "log", "main", log_writer_dropped(LOG_WRITER_MAIN));
    put_one(out, "log_lines_dropped_total", "log", "access", log_writer_dropped(LOG_WRITER_ACCESS));
    put_one(out, "log_lines_dropped_total", "log", "audit", audit_lost(AUDIT_CHAIN));
    put_one(out, "log_lines_dropped_total", "log", "syslog", audit_lost(AUDIT_RECEIVER));
    put_plain(out, "log_lines_skipped_total", "counter",
              "Lines about refusals that were left out because there were too many of a kind.", v->counts->tally.lines_skipped);
}

void metrics_write(FILE *out, const struct metrics_view *v)
{
    write_process(out, v);
    write_connections(out);
    write_sessions(out, v->counts);
    write_refusals(out, &v->counts->tally);
    write_results(out, &v->counts->tally);
    write_tunnel(out, v);
    write_hub(out, v->hub);
    write_certificates(out);
}
