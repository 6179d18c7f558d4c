/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which columns there are. What is missing in the document (of another version) is shown as "-". One thread. */
#include "proxy/app/status_table.h"

#include "proxy/app/text_table.h"

#include <string.h>

#define WORD_BYTES 32

struct view {
    FILE *out;
    const json_t *status;
    json_t *before; /* sid: the session as it was; NULL: unknown */
    json_int_t span_ms;
    bool wants_all;
};

/* -- values --------------------------------------------------------------------------------------------------------------------
 */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL && *text != '\0' ? text : "-";
}

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* "12 s", "5 min", "3 h 20 min", "4 d 3 h". */
static const char *time_of(json_int_t ms, char text[WORD_BYTES])
{
    long long s = ms / 1000;

    if (s < 120)
        snprintf(text, WORD_BYTES, "%lld s", s);
    else if (s < 7200)
        snprintf(text, WORD_BYTES, "%lld min", s / 60);
    else if (s < 172800)
        snprintf(text, WORD_BYTES, "%lld h %lld min", s / 3600, s / 60 % 60);
    else
        snprintf(text, WORD_BYTES, "%lld d %lld h", s / 86400, s / 3600 % 24);
    return text;
}

/* "812 B", "1.4 MiB". */
static const char *bytes_of(double bytes, char text[WORD_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;

    while (bytes >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, WORD_BYTES, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

/* -- rates ---------------------------------------------------------------------------------------------------------------------
 */

/* Bytes a second, both ways. */
static double rate_of(const struct view *v, const json_t *session)
{
    const json_t *before = v->before != NULL ? json_object_get(v->before, text_of(session, "sid")) : NULL;
    json_int_t bytes = number_of(session, "up") + number_of(session, "down"), ms = number_of(session, "age_ms");

    if (before != NULL) {
        bytes -= number_of(before, "up") + number_of(before, "down");
        ms = v->span_ms;
    } else if (v->before != NULL && ms > v->span_ms) {
        return 0; /* it was somewhere else before */
    }
    return ms > 0 && bytes > 0 ? (double)bytes * 1000 / (double)ms : 0;
}

static json_t *sessions_by_sid(const json_t *status)
{
    json_t *found = json_object(), *session;
    size_t i;

    json_array_foreach(json_object_get(status, "sessions"), i, session) json_object_set(found, text_of(session, "sid"), session);
    return found;
}

/* -- tables --------------------------------------------------------------------------------------------------------------------
 */

static void print_title(const struct view *v, const char *title, size_t count)
{
    fprintf(v->out, "\n%s (%zu)\n", title, count);
}

static void print_top(const struct view *v)
{
    const json_t *s = v->status, *process = json_object_get(s, "process");
    char up[WORD_BYTES], memory[WORD_BYTES];

    fprintf(v->out, "georelay %s, %s%s%s, up %s%s%s\n", text_of(s, "version"), text_of(s, "role"),
            json_is_string(json_object_get(s, "name")) ? " " : "",
            json_is_string(json_object_get(s, "name")) ? text_of(s, "name") : "", time_of(number_of(s, "uptime_ms"), up),
            is_true(s, "is_draining") ? ", DRAINING" : "", is_true(s, "is_island") ? ", AN ISLAND" : "");
    fprintf(v->out, "%lld workers, %s of memory, %lld of %lld files open\n", (long long)number_of(process, "workers"),
            bytes_of((double)number_of(process, "rss_bytes"), memory), (long long)number_of(process, "open_files"),
            (long long)number_of(process, "max_files"));
}

static void print_listeners(const struct view *v)
{
    struct text_table t = {.titles = {"purpose", "name", "address"}};
    const json_t *list = json_object_get(v->status, "listeners");
    const json_t *row;
    size_t i;

    print_title(v, "LISTENERS", json_array_size(list));
    json_array_foreach(list, i, row)
    {
        text_table_add(&t, "%s", text_of(row, "purpose"));
        text_table_add(&t, "%s", text_of(row, "name"));
        text_table_add(&t, "%s", text_of(row, "address"));
    }
    text_table_print(&t, v->out);
}

/* Agents of a relay, or relays of an agent. */
static void print_ends(const struct view *v, const char *key, const char *title, const char *word)
{
    struct text_table t = {.titles = {word, "state", "address", "version", ">for", ">round trip", ">spares"}};
    const json_t *list = json_object_get(v->status, key);
    const json_t *row;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    print_title(v, title, json_array_size(list));
    json_array_foreach(list, i, row)
    {
        char age[WORD_BYTES];
        bool is_up = is_true(row, "is_up");

        text_table_add(&t, "%s", text_of(row, "name"));
        text_table_add(&t, "%s", !is_up ? "DOWN" : is_true(row, "is_draining") ? "draining" : "up");
        text_table_add(&t, "%s", text_of(row, "address"));
        text_table_add(&t, "%s", text_of(row, "version"));
        text_table_add(&t, "%s", is_up ? time_of(number_of(row, "age_ms"), age) : "-");
        if (number_of(row, "round_us") > 0)
            text_table_add(&t, "%.1f ms", (double)number_of(row, "round_us") / 1000);
        else
            text_table_add(&t, "-");
        text_table_add(&t, "%lld", (long long)number_of(row, "spares"));
    }
    text_table_print(&t, v->out);
}

static bool is_kind(const json_t *session, const char *kind)
{
    return strcmp(text_of(session, "kind"), kind) == 0;
}

static size_t count_kind(const struct view *v, const char *kind)
{
    const json_t *session;
    size_t i, count = 0;

    json_array_foreach(json_object_get(v->status, "sessions"), i, session) count += is_kind(session, kind);
    return count;
}

/* "site-a/192.168.1.20". */
static void add_identity(struct text_table *t, const json_t *session)
{
    const char *behind = text_of(session, "behind");

    if (strcmp(behind, "-") == 0)
        text_table_add(t, "%s", text_of(session, "client"));
    else
        text_table_add(t, "%s/%s", behind, text_of(session, "client"));
}

static void add_bytes(struct text_table *t, const struct view *v, const json_t *session)
{
    char text[WORD_BYTES];

    text_table_add(t, "%s", bytes_of((double)number_of(session, "up"), text));
    text_table_add(t, "%s", bytes_of((double)number_of(session, "down"), text));
    text_table_add(t, "%s/s", bytes_of(rate_of(v, session), text));
}

static void add_link(struct text_table *t, const struct view *v, const json_t *session)
{
    char text[WORD_BYTES];

    text_table_add(t, "%s", text_of(session, "sid"));
    text_table_add(t, "%s", text_of(session, "name"));
    add_identity(t, session);
    text_table_add(t, "%s", text_of(session, "back_local"));
    text_table_add(t, "%s", text_of(session, "back"));
    text_table_add(t, "%s", text_of(session, "state"));
    text_table_add(t, "%s", time_of(number_of(session, "age_ms"), text));
    add_bytes(t, v, session);
}

static void add_advise(struct text_table *t, const struct view *v, const json_t *session)
{
    char text[WORD_BYTES];
    bool has_alarm = json_is_integer(json_object_get(session, "alarm_ms"));

    text_table_add(t, "%s", text_of(session, "sid"));
    add_identity(t, session);
    text_table_add(t, "%lld", (long long)number_of(session, "port"));
    text_table_add(t, "%s", text_of(session, "name"));
    text_table_add(t, "%s", text_of(session, "state"));
    text_table_add(t, "%s", time_of(number_of(session, "age_ms"), text));
    if (has_alarm)
        text_table_add(t, "%s ago", time_of(number_of(session, "alarm_ms"), text));
    else
        text_table_add(t, "never");
    add_bytes(t, v, session);
}

static void add_web(struct text_table *t, const struct view *v, const json_t *session)
{
    char text[WORD_BYTES];

    text_table_add(t, "%s", text_of(session, "sid"));
    text_table_add(t, "%s", text_of(session, "name"));
    text_table_add(t, "%s", text_of(session, "front"));
    text_table_add(t, "%s", text_of(session, "back"));
    text_table_add(t, "%s", time_of(number_of(session, "age_ms"), text));
    add_bytes(t, v, session);
}

static void print_sessions(const struct view *v, const char *kind, const char *title, struct text_table *t,
                           void (*add)(struct text_table *t, const struct view *v, const json_t *session))
{
    size_t total = count_kind(v, kind), shown = 0, i;
    const json_t *session;

    print_title(v, title, total);
    if (total == 0)
        return;
    json_array_foreach(json_object_get(v->status, "sessions"), i, session)
    {
        if (!is_kind(session, kind))
            continue;
        if (!v->wants_all && shown == STATUS_ROWS)
            break;
        add(t, v, session);
        shown++;
    }
    text_table_print(t, v->out);
    if (shown < total)
        fprintf(v->out, "  and %zu more: see --all or --json\n", total - shown);
}

static void print_all_sessions(const struct view *v)
{
    struct text_table links = {.titles = {"sid", "link", "client", "leased", "node", "state", ">age", ">up", ">down", ">rate"}};
    struct text_table advises = {
        .titles = {"sid", "client", ">port", "link", "state", ">since", ">last alarm", ">up", ">down", ">rate"}};
    struct text_table web = {.titles = {"sid", "door", "client", "server", ">age", ">up", ">down", ">rate"}};

    print_sessions(v, "link", "LINKS", &links, add_link);
    print_sessions(v, "advise", "ADVISES", &advises, add_advise);
    print_sessions(v, "web", "WEB CLIENTS", &web, add_web);
}

static void print_servers(const struct view *v)
{
    struct text_table t = {.titles = {"server", "health", ">addresses"}};
    const json_t *list = json_object_get(v->status, "servers");
    const json_t *row;
    size_t i;

    print_title(v, "SERVERS", json_array_size(list));
    json_array_foreach(list, i, row)
    {
        text_table_add(&t, "%s", text_of(row, "server"));
        text_table_add(&t, "%s", is_true(row, "is_healthy") ? "good" : "ILL");
        text_table_add(&t, "%lld", (long long)number_of(row, "addresses"));
    }
    text_table_print(&t, v->out);
}

static void print_certificates(const struct view *v)
{
    struct text_table t = {.titles = {"use", "file", "until", ">days left"}};
    const json_t *list = json_object_get(v->status, "certificates");
    const json_t *row;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    print_title(v, "CERTIFICATES", json_array_size(list));
    json_array_foreach(list, i, row)
    {
        text_table_add(&t, "%s", text_of(row, "use"));
        text_table_add(&t, "%s", text_of(row, "file"));
        text_table_add(&t, "%.10s", text_of(row, "not_after"));
        if (is_true(row, "is_expired"))
            text_table_add(&t, "EXPIRED");
        else
            text_table_add(&t, "%lld", (long long)number_of(row, "days_left"));
    }
    text_table_print(&t, v->out);
}

void status_table_print(FILE *out, const json_t *status, const json_t *before, bool wants_all)
{
    struct view v = {.out = out, .status = status, .wants_all = wants_all};

    if (before != NULL) {
        v.before = sessions_by_sid(before);
        v.span_ms = number_of(status, "uptime_ms") - number_of(before, "uptime_ms");
    }
    print_top(&v);
    print_listeners(&v);
    print_ends(&v, "agents", "AGENTS", "agent");
    print_ends(&v, "relays", "RELAYS", "relay");
    print_all_sessions(&v);
    print_servers(&v);
    print_certificates(&v);
    json_decref(v.before);
}
