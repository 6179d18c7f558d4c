/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the words in which the server is told of the client: X-Forwarded-*, Forwarded (RFC 7239), and those of IIS ARR. What a
 * trusted proxy said stays; only lists with an entry for each proxy grow by ours. Pure; any thread.
 */
#include "proxy/http/telling.h"

#define GUID_DIGITS 32

bool http_telling_keeps(const struct http_request_plan *plan, enum http_field_kind kind)
{
    if (!plan->is_trusted || (kind == HTTP_FIELD_CERTIFICATE && plan->certificate.is_asked_for))
        return false;
    /* Chains are written again, with our entry at their end. */
    return kind == HTTP_FIELD_CHAIN ? plan->telling == HTTP_TELL_OFF : plan->telling != HTTP_TELL_REPLACE;
}

/** True if the trusted proxy's field of this name goes on. */
static bool is_told(const struct http_telling_of *t, enum http_name name)
{
    return t->plan->is_trusted && t->plan->telling != HTTP_TELL_REPLACE && http_has(t->head, name) &&
           !http_edits_drop(t->edits, http_name_text(name));
}

/** A field of which there may be one only: the proxy nearest to the client knows best. */
static void put_once(const struct http_telling_of *t, struct http_writer *w, enum http_name name, struct slice value)
{
    if (value.length > 0 && !is_told(t, name))
        http_edits_put(t->edits, w, http_name_text(name), value);
}

/** "Name: " and what the trusted proxy's fields of that name list, with a comma if they list something. */
static void begin_chain(const struct http_telling_of *t, struct http_writer *w, enum http_name name)
{
    http_put(w, http_name_text(name));
    http_put_text(w, ": ");
    if (!is_told(t, name))
        return;
    /* RFC 9110 5.3: fields of one name are one list, in their order; RFC 7239 4 and common use say the same of these two. */
    for (size_t i = 0; i < t->head->fields_count; i++) {
        const struct http_field *f = &t->head->fields[i];

        if (f->value.length == 0 || f->known != name)
            continue;
        http_put(w, f->value);
        http_put_text(w, ", ");
    }
}

void http_put_node(struct http_writer *w, struct slice ip, unsigned port)
{
    bool is_ip6 = ip.length > 0 && memchr(ip.at, ':', ip.length) != NULL;

    http_put_text(w, is_ip6 ? "[" : "");
    http_put(w, ip);
    http_put_text(w, is_ip6 ? "]" : "");
    if (port == 0)
        return;
    http_put_text(w, ":");
    http_put_number(w, port);
}

static void put_forwarded_for(const struct http_telling_of *t, struct http_writer *w)
{
    const struct http_request_plan *plan = t->plan;

    if (http_edits_overrule(t->edits, slice_of("X-Forwarded-For")))
        return;
    begin_chain(t, w, HTTP_NAME_X_FORWARDED_FOR);
    if (plan->telling == HTTP_TELL_ARR)
        http_put_node(w, plan->client_ip, plan->client_port);
    else
        http_put(w, plan->client_ip);
    http_put_text(w, "\r\n");
}

/** RFC 9110 5.6.4. A Host field may hold what may not stand in a token. */
static void put_quoted(struct http_writer *w, struct slice text)
{
    http_put_text(w, "\"");
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\')
            http_put_text(w, "\\");
        http_put(w, (struct slice){text.at + i, 1});
    }
    http_put_text(w, "\"");
}

/** RFC 7239 4. A node with a port or in brackets is not a token, and so is quoted (section 6). */
static void put_forwarded(const struct http_telling_of *t, struct http_writer *w)
{
    const struct http_request_plan *plan = t->plan;

    if (http_edits_overrule(t->edits, slice_of("Forwarded")))
        return;
    begin_chain(t, w, HTTP_NAME_FORWARDED);
    http_put_text(w, "for=\"");
    http_put_node(w, plan->client_ip, plan->client_port);
    http_put_text(w, "\";by=\"");
    http_put_node(w, plan->front_ip, plan->front_port);
    http_put_text(w, "\"");
    if (t->target->host.length > 0) {
        http_put_text(w, ";host=");
        if (http_is_token(t->target->host))
            http_put(w, t->target->host);
        else
            put_quoted(w, t->target->host);
    }
    http_put_text(w, plan->is_tls ? ";proto=https\r\n" : ";proto=http\r\n");
}

/**
 * A trusted proxy that tells the chain in one form only is continued in that form: a list begun here in the other one would say
 * that the proxy is the client (RFC 7239 7.4 warns of turning one into the other).
 */
static void put_chains(const struct http_telling_of *t, struct http_writer *w)
{
    bool has_old = is_told(t, HTTP_NAME_X_FORWARDED_FOR);
    bool has_new = is_told(t, HTTP_NAME_FORWARDED);

    if (has_old || !has_new)
        put_forwarded_for(t, w);
    if (has_new || !has_old)
        put_forwarded(t, w);
}

static void put_port(const struct http_telling_of *t, struct http_writer *w)
{
    char digits[20];
    struct http_writer port;

    http_writer_init(&port, digits, sizeof(digits));
    http_put_number(&port, t->plan->front_port);
    put_once(t, w, HTTP_NAME_X_FORWARDED_PORT, (struct slice){digits, port.length});
}

/** "Also empty": a server that looks for them must find ours, whatever it makes of a field that is not there. */
static void put_certificate(const struct http_telling_of *t, struct http_writer *w)
{
    const struct http_client_certificate *c = &t->plan->certificate;

    if (!c->is_asked_for)
        return;
    http_edits_put(t->edits, w, slice_of("X-Client-Cert-Verify"), c->verify);
    http_edits_put(t->edits, w, slice_of("X-Client-Cert-Subject"), c->subject);
    http_edits_put(t->edits, w, slice_of("X-Client-Cert-Issuer"), c->issuer);
    http_edits_put(t->edits, w, slice_of("X-Client-Cert-Serial"), c->serial);
    http_edits_put(t->edits, w, slice_of("X-Client-Cert-Fingerprint"), c->fingerprint);
}

static void put_common(const struct http_telling_of *t, struct http_writer *w)
{
    put_chains(t, w);
    put_once(t, w, HTTP_NAME_X_FORWARDED_PROTO, slice_of(t->plan->is_tls ? "https" : "http"));
    put_once(t, w, HTTP_NAME_X_FORWARDED_HOST, t->target->host);
    put_port(t, w);
    put_once(t, w, HTTP_NAME_X_REQUEST_ID, t->plan->id);
    put_certificate(t, w);
}

/**
 * Path and query as they came. Bytes above 127, which old browsers send in a query, are escaped: http.sys takes them in a request
 * line, but answers 400 to some of them in a field.
 */
static void put_original_url(const struct http_telling_of *t, struct http_writer *w)
{
    struct slice url = t->target->origin;

    if (is_told(t, HTTP_NAME_X_ORIGINAL_URL) || http_edits_overrule(t->edits, slice_of("X-Original-URL")))
        return;
    http_put_text(w, "X-Original-URL: ");
    for (size_t i = 0; i < url.length; i++) {
        if ((uint8_t)url.at[i] < 0x80)
            http_put(w, (struct slice){url.at + i, 1});
        else
            http_put_escaped(w, url.at[i]);
    }
    http_put_text(w, "\r\n");
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/** The last 32 hexadecimal digits of the id, with zeros before them if there are fewer, as 8-4-4-4-12. */
static void make_guid(struct slice id, char guid[GUID_DIGITS + 4])
{
    size_t left = id.length;

    for (size_t i = GUID_DIGITS + 4; i > 0; i--) {
        size_t at = i - 1;

        if (at == 8 || at == 13 || at == 18 || at == 23) {
            guid[at] = '-';
            continue;
        }
        while (left > 0 && !is_hex(id.at[left - 1]))
            left--;
        guid[at] = left > 0 ? id.at[--left] : '0';
    }
}

/**
 * What IIS with Application Request Routing sends, under its names and in its forms, and nothing else. X-ARR-ClientCert is there
 * only if the client showed a certificate, as there.
 */
static void put_arr(const struct http_telling_of *t, struct http_writer *w)
{
    char guid[GUID_DIGITS + 4];

    make_guid(t->plan->id, guid);
    put_original_url(t, w);
    put_forwarded_for(t, w);
    put_once(t, w, HTTP_NAME_X_ARR_SSL, t->plan->arr_ssl);
    if (t->plan->certificate.is_asked_for)
        put_once(t, w, HTTP_NAME_X_ARR_CLIENT_CERT, t->plan->certificate.base64);
    put_once(t, w, HTTP_NAME_X_ARR_LOG_ID, (struct slice){guid, sizeof(guid)});
}

void http_telling_put(const struct http_telling_of *t, struct http_writer *w)
{
    switch (t->plan->telling) {
    case HTTP_TELL_APPEND:
    case HTTP_TELL_REPLACE:
        put_common(t, w);
        return;
    case HTTP_TELL_ARR:
        put_arr(t, w);
        return;
    case HTTP_TELL_OFF:
        return;
    }
}
