/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what becomes of a request: refused with an own answer, or rewritten and given to a server. On the session's thread. What
 * is wrong with a message is decided in proxy/http/ alone.
 */
#include "proxy/web/request.h"

#include "proxy/session/admission.h"
#include "proxy/session/session_log.h"
#include "proxy/web/answer.h"
#include "proxy/web/back.h"
#include "proxy/web/client.h"

#include <string.h>

/* -- what the server gets ------------------------------------------------------------------------------------------------------
 */

/* What a changed prefix may make of the longest target (limits.url). */
#define ORIGIN_BYTES (65536 + 4096)

/* A route that changes the prefix: its path is replaced, the rest of path and query stays. None if it grows too long. */
static struct slice changed_origin(const struct conversation *c, const struct http_target *target, char room[ORIGIN_BYTES])
{
    const struct cfg_route *route = c->x.choice.route;
    struct slice rest = target->origin;
    size_t length = 0;

    if (route == NULL || route->replace == NULL)
        return target->origin;
    rest.at += strlen(route->path);
    rest.length -= strlen(route->path);
    length = strlen(route->replace);
    if (length + rest.length > ORIGIN_BYTES)
        return (struct slice){NULL, 0};
    memcpy(room, route->replace, length);
    if (length > 0 && room[length - 1] == '/' && rest.length > 0 && rest.at[0] == '/')
        length--; /* "/a" -> "/" makes "/b" of "/a/b" */
    memcpy(room + length, rest.at, rest.length);
    return (struct slice){room, length + rest.length};
}

/* Where another proxy ends TLS, its word counts: links and cookies of the response must suit the browser. */
static bool is_https(const struct conversation *c, const struct http_head *head)
{
    const struct http_field *said = http_find(head, HTTP_NAME_X_FORWARDED_PROTO, 0);

    if (said == NULL || !web_rules_trusts(c->rules, &c->s->front->peer))
        return c->is_tls;
    return slice_is_nocase(said->value, "https");
}

/* Read once: it is the connection's. */
static const struct tls_client_certificate *certificate_of(struct conversation *c)
{
    if (!c->has_certificate_been_read)
        c->certificate = tls_stream_client_certificate(c->s->front);
    c->has_certificate_been_read = true;
    return c->certificate;
}

static void tell_certificate(struct conversation *c, struct http_client_certificate *ret)
{
    const struct tls_client_certificate *known;

    if (!c->is_tls || c->rules->web->client_certificate == CFG_CLIENT_CERT_OFF)
        return;
    known = certificate_of(c);
    ret->is_asked_for = true;
    ret->verify = slice_of(known != NULL ? "SUCCESS" : "NONE");
    if (known == NULL)
        return;
    ret->subject = slice_of(known->subject);
    ret->issuer = slice_of(known->issuer);
    ret->serial = slice_of(known->serial);
    ret->fingerprint = slice_of(known->sha256);
    ret->base64 = slice_of(known->base64);
}

/* What a server that an agent dials is called there is no host, but nobody can tell a better one. */
static const char *host_of_server(const struct cfg_endpoint *server)
{
    return server->agent != NULL ? server->host : server->text;
}

/*
 * Writes the head as the server gets it into the up flow. A head within limits.head may still be too large with what is added to
 * it, or list more names in Connection than go on (proxy/http/forward.h).
 */
static enum reason write_head(struct conversation *c, const struct http_head *head, const struct http_target *target)
{
    const struct web_rules *r = c->rules;
    const struct session *s = c->s;
    char client[ADDRESS_TEXT], front[ADDRESS_TEXT], origin[ORIGIN_BYTES];
    struct http_request_plan plan = {
        .telling = r->telling,
        .is_trusted = web_rules_trusts(r, &s->front->peer),
        .is_tls = c->is_tls,
        .client_ip = slice_of(address_format_ip(&s->front->peer, client)),
        .client_port = address_port(&s->front->peer),
        .front_ip = slice_of(address_format_ip(&s->front->local, front)),
        .front_port = address_port(&s->front->local),
        .id = slice_of(c->x.id),
        .origin = changed_origin(c, target, origin),
        .host = slice_of(c->x.choice.upstream->cfg->host),
        .may_reuse = r->cfg->timeouts.upstream_idle_s > 0,
        .set = r->request_set,
        .set_count = r->web->request_set_count,
        .remove = r->request_remove,
        .remove_count = r->web->request_remove_count,
    };
    struct http_writer w;
    size_t room;
    char *bytes = flow_room(&c->up, &room);

    if (bytes == NULL)
        return REASON_NO_MEMORY;
    c->x.fault = HTTP_FAULT_HEAD_TOO_LARGE; /* unless it fits */
    if (plan.origin.at == NULL)
        return REASON_BAD_REQUEST;
    if (plan.host.length == 0 && c->x.host.length == 0) /* HTTP/1.0 may come without, HTTP/1.1 may not go without */
        plan.host = slice_of(host_of_server(&c->x.choice.upstream->cfg->servers[0]));
    if (plan.telling == HTTP_TELL_ARR && c->is_tls)
        plan.arr_ssl = slice_of(tls_stream_arr_ssl(s->front));
    tell_certificate(c, &plan.certificate);
    http_writer_init(&w, bytes, room);
    http_write_request(&w, head, target, &c->x.request, &plan);
    if (w.is_full)
        return REASON_BAD_REQUEST;
    flow_wrote(&c->up, w.length);
    c->x.fault = HTTP_FAULT_NONE;
    return REASON_NONE;
}

/* -- what it gets --------------------------------------------------------------------------------------------------------------
 */

static bool has_more_room(const struct conversation *c)
{
    unsigned long most = (unsigned long)c->rules->cfg->limits.requests;

    return most == 0 || c->requests < most;
}

static bool wants_careful_path(const struct web_rules *r)
{
    return r->web->allow_count > 0 || r->web->routes_count > 0;
}

/* The route may be for some clients only. */
static enum reason admit_client(struct conversation *c, const struct http_head *head)
{
    const struct cfg_route *route = c->x.choice.route;
    struct address client;
    enum reason why;

    if (route == NULL || !admission_is_limited(&route->admission))
        return REASON_NONE;
    client = web_client(c->rules, &c->s->front->peer, head);
    why = web_rules_admit(&c->x.choice, &client);
    if (why != REASON_NONE)
        session_log_request_denied(c->s, c->rules->web->name, &client, &route->admission, why);
    return why;
}

/* REASON_NONE: the request may go on, and the choice is made. */
static enum reason admit(struct conversation *c, const struct http_head *head, const struct http_target *target)
{
    uint64_t most = (uint64_t)c->rules->cfg->limits.body_bytes;
    enum reason why;

    if (c->turned_away != REASON_NONE)
        return c->turned_away;
    if (wants_careful_path(c->rules) && http_path_is_devious(c->x.path)) {
        c->x.fault = HTTP_FAULT_BAD_TARGET;
        return REASON_PATH_NOT_ALLOWED;
    }
    why = web_rules_allow(c->rules, c->x.method, c->x.path);
    if (why != REASON_NONE)
        return why;
    if (most > 0 && c->x.request.kind == HTTP_BODY_LENGTH && c->x.request.length > most) {
        c->x.fault = HTTP_FAULT_BODY_TOO_LARGE;
        return REASON_BAD_REQUEST;
    }
    if (!web_rules_choose(c->rules, target->name, c->x.path, &c->x.choice))
        return REASON_NO_UPSTREAM;
    return admit_client(c, head);
}

static void redirect(struct conversation *c, const struct http_target *target)
{
    struct slice host = target->name.length > 0 ? target->name : slice_of(NULL);

    if (host.length == 0)
        answer_fault(c, HTTP_FAULT_HOST_MISSING);
    else
        answer_redirect(c, host, target->origin);
}

/* The head is in order. `length` is what of the front's bytes it takes. */
static void take(struct conversation *c, const struct http_head *head, const struct http_target *target, size_t length)
{
    enum reason why;

    c->requests++;
    c->closes = !c->x.request.keeps_alive || !has_more_room(c) || conversation_takes_leave(c) ||
                c->rules->cfg->timeouts.keep_alive_s == 0;
    why = c->is_redirect ? REASON_REDIRECTED : admit(c, head, target);
    if (why != REASON_NONE) {
        if (why == REASON_REDIRECTED)
            redirect(c, target);
        else
            answer_reason(c, why);
        if (c->state == CONVERSATION_ANSWER)
            flow_drop(&c->up, length); /* not before: the slices lie in its chunk, which may be freed now */
        return;
    }
    c->up.is_retaining = true;
    why = write_head(c, head, target);
    flow_drop(&c->up, length);
    flow_start_body(&c->up, &c->x.request, false);
    if (why == REASON_NONE)
        back_get(c, true);
    else
        answer_reason(c, why);
}

static void take_head(struct conversation *c)
{
    size_t length = c->scan.done;
    struct http_head head;
    struct http_target target;
    struct http_framing framing;
    enum http_fault fault = http_parse_request(flow_bytes(&c->up), length, &c->rules->limits, &head);

    if (fault == HTTP_FAULT_NONE)
        fault = http_target(&head, &target);
    if (fault == HTTP_FAULT_NONE)
        fault = http_request_framing(&head, &framing);
    if (fault != HTTP_FAULT_NONE) {
        exchange_open_blind(&c->x);
        answer_fault(c, fault);
        return;
    }
    if (!exchange_open(&c->x, &head, &target)) {
        answer_reason(c, REASON_NO_MEMORY);
        return;
    }
    c->x.request = framing;
    c->x.is_https = is_https(c, &head);
    c->x.logs_on = back_must_pin(&head);
    take(c, &head, &target, length);
}

/* -- reading -------------------------------------------------------------------------------------------------------------------
 */

static void begin(struct conversation *c)
{
    if (c->has_begun)
        return;
    c->has_begun = true;
    c->scan = (struct http_scan){0};
    conversation_set_time(c, (uint64_t)c->rules->cfg->timeouts.head_s * 1000);
}

/* True if a head was taken or refused. */
static bool scan(struct conversation *c)
{
    enum http_fault fault;

    if (flow_length(&c->up) == 0)
        return false;
    begin(c);
    switch (http_scan_request(&c->scan, flow_bytes(&c->up), flow_length(&c->up), &c->rules->limits, &fault)) {
    case HTTP_SCAN_MORE:
        return false;
    case HTTP_SCAN_WHOLE:
        take_head(c);
        return true;
    default:
        exchange_open_blind(&c->x);
        answer_fault(c, fault);
        return true;
    }
}

bool request_is_blank(const struct conversation *c)
{
    return !c->has_begun || (c->scan.has_leading_crlf && c->scan.done == 2 && flow_length(&c->up) == 2);
}

/* The client's end. Within a head there is nobody any more who could use an answer. */
static void take_end(struct conversation *c)
{
    if (!request_is_blank(c)) {
        exchange_open_blind(&c->x);
        c->x.fault = HTTP_FAULT_BODY_CUT;
        conversation_break(c, SESSION_AT_FRONT, REASON_REQUEST_CUT);
        return;
    }
    c->s->at = SESSION_AT_FRONT;
    session_close(c->s, REASON_FRONT_EOF);
}

bool request_read(struct conversation *c)
{
    for (;;) {
        ssize_t n;

        if (scan(c))
            return true;
        n = flow_fill(&c->up);
        if (n == STREAM_AGAIN)
            return false;
        if (n == STREAM_END) {
            take_end(c);
            return false;
        }
        if (n == STREAM_FAILED) {
            conversation_break(c, SESSION_AT_FRONT, c->up.why);
            return false;
        }
    }
}
