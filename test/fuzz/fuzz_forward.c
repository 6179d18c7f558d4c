/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passes a head on with a plan, both out of the input. What goes on must be a head again, frame the same body, have none of the
 * fields that were for one connection, and no line that is neither of the head it came from nor of the plan.
 *
 * The input's first line says what follows: Q a request, R a response, H a response to HEAD; then a letter for each switch of the
 * plan. Five lines hold the plan's texts, with the byte 1 for LF; the rest is the head.
 */
#include "proxy/http/field_kind.h"
#include "proxy/http/forward.h"
#include "proxy/http/grammar.h"
#include "test/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#define ROOM     65536
#define TEXTS    5
#define TEXT_MAX 200

static const struct http_limits in_limits = {.head_bytes = 4096, .fields = 40, .target_bytes = 1024};
static const struct http_limits out_limits = {.head_bytes = ROOM, .fields = HTTP_FIELDS_MAX, .target_bytes = ROOM};

/** What we may add to a head, besides the field of the plan's `set`. */
static const char *const own_names[] = {
    "Host",
    "Connection",
    "Content-Length",
    "Transfer-Encoding",
    "Date",
    "Strict-Transport-Security",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "Forwarded",
    "X-Request-Id",
    "X-Original-URL",
    "X-ARR-SSL",
    "X-ARR-LOG-ID",
    "X-ARR-ClientCert",
    "X-Client-Cert-Verify",
    "X-Client-Cert-Subject",
    "X-Client-Cert-Issuer",
    "X-Client-Cert-Serial",
    "X-Client-Cert-Fingerprint",
};

struct input {
    struct slice switches;
    char texts[TEXTS][TEXT_MAX];
    struct slice slices[TEXTS];
    struct slice head;
};

static struct http_head came;
static struct http_head went;
static char written[ROOM];

static void require(int condition)
{
    if (!condition)
        abort();
}

static struct slice take_line(struct slice *rest)
{
    const char *end = rest->length == 0 ? NULL : memchr(rest->at, '\n', rest->length);
    struct slice line = {rest->at, end == NULL ? rest->length : (size_t)(end - rest->at)};
    size_t passed = end == NULL ? line.length : line.length + 1;

    *rest = (struct slice){rest->at + passed, rest->length - passed};
    return line;
}

static void read_input(const uint8_t *data, size_t size, struct input *ret)
{
    struct slice rest = {(const char *)data, size};

    ret->switches = take_line(&rest);
    for (size_t i = 0; i < TEXTS; i++) {
        struct slice line = take_line(&rest);
        size_t length = line.length < TEXT_MAX ? line.length : TEXT_MAX;

        for (size_t at = 0; at < length; at++)
            ret->texts[i][at] = line.at[at] == 1 ? '\n' : line.at[at];
        ret->slices[i] = (struct slice){ret->texts[i], length};
    }
    ret->head = rest;
}

static bool has(const struct input *in, char letter)
{
    return in->switches.length > 1 && memchr(in->switches.at + 1, letter, in->switches.length - 1) != NULL;
}

/** A text if it is what its member of the plan must be, else none. */
static struct slice host_of(struct slice s)
{
    struct slice name;
    unsigned port;

    return http_split_host(s, &name, &port) ? s : (struct slice){NULL, 0};
}

static struct slice path_of(struct slice s)
{
    return slice_starts(s, "/") && http_span(s, HTTP_TARGET) == s.length ? s : (struct slice){NULL, 0};
}

static size_t count_of(const struct http_head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->fields_count; i++)
        count += slice_is_nocase(head->fields[i].name, name);
    return count;
}

static bool is_own(struct slice name, const struct http_pair *set)
{
    for (size_t i = 0; i < sizeof(own_names) / sizeof(own_names[0]); i++)
        if (slice_is(name, own_names[i]))
            return true;
    return set->name.length > 0 && slice_equals(name, set->name);
}

/** The field of the head that came which one of the head that went comes from, at or behind `from`; or NULL. */
static const struct http_field *find_origin(const struct http_field *f, size_t from, size_t *ret_next)
{
    for (size_t i = from; i < came.fields_count; i++) {
        enum http_field_kind kind = http_field_kind(f->name);
        bool may_change = came.status != 0 && kind >= HTTP_FIELD_LINK && kind <= HTTP_FIELD_COOKIE;

        if (slice_equals(came.fields[i].name, f->name) && (may_change || slice_equals(came.fields[i].value, f->value))) {
            *ret_next = i + 1;
            return &came.fields[i];
        }
    }
    return NULL;
}

/** Each line from `first` on is of the head that came, in the same order, or one that the plan has us write. */
static void check_lines(const struct http_pair *set, size_t first)
{
    size_t next = 0;

    for (size_t i = first; i < went.fields_count; i++) {
        const struct http_field *f = &went.fields[i];

        if (find_origin(f, next, &next) == NULL)
            require(is_own(f->name, set));
    }
}

/** None of what was for one connection is left, but what we wrote ourselves. The names stand here a second time, on purpose. */
static void check_hops(const struct http_pair *set, bool has_upgrade, bool is_chunked)
{
    static const char *const never[] = {"Keep-Alive", "Proxy-Connection", "TE", "Proxy-Authorization", "Proxy-Authenticate"};

    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        require(count_of(&went, never[i]) == 0);
    for (size_t i = 0; i < went.fields_count; i++) {
        struct slice name = went.fields[i].name;
        bool is_set = set->name.length > 0 && slice_equals(name, set->name);

        if (!http_is_hop_by_hop(&came, name) || slice_is(name, "Connection") || is_set)
            continue;
        require(http_field_kind(name) == HTTP_FIELD_UPGRADE ? has_upgrade : is_chunked && slice_is(name, "Transfer-Encoding"));
    }
    require(count_of(&went, "Connection") <= 1 && count_of(&went, "Content-Length") + count_of(&went, "Transfer-Encoding") <= 1);
    for (const struct http_field *f = http_find(&went, HTTP_NAME_CONNECTION, 0); f != NULL; f = NULL)
        require(slice_is(f->value, "close") || slice_is(f->value, "keep-alive") || slice_is(f->value, "upgrade") ||
                slice_is(f->value, "upgrade, close"));
}

/** What a peer that is not trusted says of the client is gone; what we say is said once. */
static void check_telling(const struct http_request_plan *plan)
{
    for (size_t i = 0; i < went.fields_count; i++) {
        struct slice name = went.fields[i].name;
        enum http_field_kind kind = http_field_kind(name);

        require(!http_field_is_disguised(name) || slice_equals(name, plan->set->name));
        if (plan->is_trusted || kind < HTTP_FIELD_CHAIN || kind > HTTP_FIELD_CERTIFICATE ||
            slice_equals_nocase(name, plan->set->name))
            continue;
        require(plan->telling != HTTP_TELL_OFF && is_own(name, plan->set));
        for (size_t n = 0; n < i; n++)
            require(!slice_equals_nocase(went.fields[n].name, name));
    }
}

/** A name and a value that a configuration may have, or no pair. */
static size_t read_set(const struct input *in, struct http_pair *ret)
{
    *ret = (struct http_pair){in->slices[3], in->slices[4]};
    if (http_is_token(ret->name) && http_is_value(ret->value) && !http_field_is_reserved(http_field_kind(ret->name)))
        return 1;
    ret->name.length = 0;
    return 0;
}

static void write_twice(struct http_writer *w, void (*write)(struct http_writer *w, const void *of), const void *of)
{
    struct http_writer small;
    char *exact;

    http_writer_init(w, written, sizeof(written));
    write(w, of);
    if (w->is_full || w->length == 0)
        return;
    exact = malloc(w->length);
    require(exact != NULL);
    http_writer_init(&small, exact, w->length);
    write(&small, of);
    require(!small.is_full && small.length == w->length && memcmp(exact, written, w->length) == 0);
    http_writer_init(&small, exact, w->length - 1 - w->length / 3);
    write(&small, of);
    require(small.is_full);
    free(exact);
}

struct request {
    struct http_target target;
    struct http_framing framing;
    struct http_request_plan plan;
};

static void write_request(struct http_writer *w, const void *of)
{
    const struct request *r = of;

    http_write_request(w, &came, &r->target, &r->framing, &r->plan);
}

static bool parse(bool is_request, struct slice text, const struct http_limits *limits, struct http_head *ret)
{
    struct http_scan scan = {.done = 0};
    enum http_fault fault;

    if (is_request)
        return http_scan_request(&scan, text.at, text.length, limits, &fault) == HTTP_SCAN_WHOLE && scan.done == text.length &&
               http_parse_request(text.at, text.length, limits, ret) == HTTP_FAULT_NONE;
    return http_scan_response(&scan, text.at, text.length, limits, &fault) == HTTP_SCAN_WHOLE && scan.done == text.length &&
           http_parse_response(text.at, text.length, limits, ret) == HTTP_FAULT_NONE;
}

static void plan_request(const struct input *in, struct http_pair *set, struct http_request_plan *ret)
{
    *ret = (struct http_request_plan){
        .telling = has(in, 'a')   ? HTTP_TELL_ARR
                   : has(in, 'r') ? HTTP_TELL_REPLACE
                   : has(in, 'o') ? HTTP_TELL_OFF
                                  : HTTP_TELL_APPEND,
        .is_trusted = has(in, 't'),
        .is_tls = has(in, 's'),
        .client_ip = slice_of(has(in, '6') ? "2001:db8::1" : "192.0.2.7"),
        .client_port = 51514,
        .front_ip = slice_of("203.0.113.1"),
        .front_port = 443,
        .id = in->slices[1],
        .arr_ssl = in->slices[1],
        .origin = path_of(in->slices[2]),
        .host = host_of(in->slices[0]),
        .may_reuse = has(in, 'k'),
        .certificate = {.is_asked_for = has(in, 'c'), .subject = in->slices[1], .base64 = in->slices[1]},
        .set = set,
        .remove = &set->value,
    };
    ret->set_count = read_set(in, set);
    ret->remove_count = has(in, 'x') ? 1 : 0;
}

static void pass_request(const struct input *in)
{
    struct request r;
    struct http_target target;
    struct http_framing framing;
    struct http_pair set;
    struct http_writer w;

    if (!parse(true, in->head, &in_limits, &came) || http_target(&came, &r.target) != HTTP_FAULT_NONE ||
        http_request_framing(&came, &r.framing) != HTTP_FAULT_NONE)
        return;
    plan_request(in, &set, &r.plan);
    write_twice(&w, write_request, &r);
    if (w.is_full)
        return;
    require(parse(true, (struct slice){w.bytes, w.length}, &out_limits, &went));
    require(http_target(&went, &target) == HTTP_FAULT_NONE && slice_equals(went.method, came.method));
    require(slice_equals(target.origin, r.plan.origin.length > 0 ? r.plan.origin : r.target.origin));
    require(slice_is(went.fields[0].name, "Host"));
    require(http_request_framing(&went, &framing) == HTTP_FAULT_NONE);
    require(framing.kind == r.framing.kind && framing.length == r.framing.length && framing.has_upgrade == r.framing.has_upgrade);
    /* Expect is lost only if the client lists it, or the configuration removes it. */
    require(!framing.expects_continue || r.framing.expects_continue);
    require(framing.keeps_alive == (r.plan.may_reuse || framing.has_upgrade));
    check_lines(&set, 1); /* Host has moved to the front */
    check_hops(&set, framing.has_upgrade, framing.kind == HTTP_BODY_CHUNKED);
    check_telling(&r.plan);
}

struct response {
    struct http_framing framing;
    struct http_response_plan plan;
};

static void write_response(struct http_writer *w, const void *of)
{
    const struct response *r = of;

    http_write_response(w, &came, &r->framing, &r->plan);
}

static void plan_response(const struct input *in, struct http_pair *set, const struct slice *back, struct http_response_plan *ret)
{
    *ret = (struct http_response_plan){
        .closes = has(in, 'k'),
        .minor = has(in, '0') ? 0 : 1,
        .rewrites = has(in, 'l'),
        .is_tls = has(in, 's'),
        .host = host_of(in->slices[0]),
        .back_hosts = back,
        .back_hosts_count = 2,
        .public_prefix = path_of(in->slices[2]),
        .back_prefix = path_of(in->slices[1]),
        .adds_secure = has(in, 'S'),
        .adds_http_only = has(in, 'h'),
        .same_site = has(in, 'L')   ? HTTP_SAME_SITE_LAX
                     : has(in, 'N') ? HTTP_SAME_SITE_NONE
                                    : HTTP_SAME_SITE_KEEP,
        .date = has(in, 'd') ? "Sun, 06 Nov 1994 08:49:37 GMT" : NULL,
        .hsts_s = has(in, 'H') ? 60 : 0,
        .set = set,
        .remove = &set->value,
    };
    ret->set_count = read_set(in, set);
    ret->remove_count = has(in, 'x') ? 1 : 0;
}

static void pass_response(const struct input *in, bool is_head)
{
    static const struct slice back[] = {{"geo.plant.local", 15}, {"10.10.0.5:8080", 14}};
    struct response r;
    struct http_framing framing;
    struct http_pair set;
    struct http_writer w;
    bool loses_chunks;

    if (!parse(false, in->head, &in_limits, &came) || http_response_framing(&came, is_head, true, &r.framing) != HTTP_FAULT_NONE)
        return;
    plan_response(in, &set, back, &r.plan);
    write_twice(&w, write_response, &r);
    if (w.is_full)
        return;
    require(parse(false, (struct slice){w.bytes, w.length}, &out_limits, &went));
    require(went.status == came.status && slice_equals(went.phrase, came.phrase));
    require(http_response_framing(&went, is_head, true, &framing) == HTTP_FAULT_NONE);
    loses_chunks = r.framing.kind == HTTP_BODY_CHUNKED && r.plan.minor == 0;
    require(framing.kind == (loses_chunks ? HTTP_BODY_TO_CLOSE : r.framing.kind) && framing.length == r.framing.length);
    require(framing.has_upgrade == r.framing.has_upgrade);
    require((went.status >= 200 && went.status != 204) || count_of(&went, "Content-Length") == 0);
    check_lines(&set, 0);
    check_hops(&set, went.status == 101 || went.status == 426, framing.kind == HTTP_BODY_CHUNKED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct input in;

    read_input(data, size, &in);
    if (slice_starts(in.switches, "Q"))
        pass_request(&in);
    else if (slice_starts(in.switches, "R") || slice_starts(in.switches, "H"))
        pass_response(&in, slice_starts(in.switches, "H"));
    return 0;
}
