/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the fields of a request's line and their order. On the session's thread. The W3C form is in proxy/http/access.c, the other
 * two are the log's own.
 */
#include "proxy/web/access.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/http/access.h"

#include <assert.h>
#include <string.h>
#include <time.h>

/*
 * The most that a text of the client's takes in a line, as in the W3C form: path and query, and any other one. All fields
 * together then fit into LOG_LINE_BYTES, and none is left off.
 */
#define LONG_BYTES  3072
#define SHORT_BYTES 256

static_assert((int)CFG_ACCESS_LOGFMT == LOG_FORMAT_LOGFMT && (int)CFG_ACCESS_JSON == LOG_FORMAT_JSON &&
                  (int)CFG_ACCESS_W3C == LOG_FORMAT_LINES,
              "the configuration's formats are the log's");

static size_t write_head(char text[LOG_HEAD_BYTES])
{
    struct http_writer w;

    http_writer_init(&w, text, LOG_HEAD_BYTES);
    http_put_access_head(&w, time(NULL));
    assert(!w.is_full);
    return w.length;
}

int access_start(const struct cfg *cfg)
{
    const struct cfg_access *a = &cfg->access;

    if (a->lines == CFG_OFF || a->file == NULL)
        return 0;
    return log_start_access((enum log_format)a->format, a->file, a->format == CFG_ACCESS_W3C ? write_head : NULL);
}

static struct slice query_of(const struct conversation *c)
{
    return c->rules->cfg->access.query == CFG_ON ? c->x.query : slice_of(NULL);
}

/* A page that led here may have had a query too. */
static struct slice referer_of(const struct conversation *c)
{
    struct slice referer = c->x.referer;
    const char *query = referer.length == 0 ? NULL : memchr(referer.at, '?', referer.length);

    if (query != NULL && c->rules->cfg->access.query == CFG_OFF)
        referer.length = (size_t)(query - referer.at);
    return referer;
}

static const char *upstream_of(const struct conversation *c)
{
    return c->x.tries > 0 && c->endpoint != NULL ? c->endpoint->text : NULL;
}

/* A field of the client's choice; nothing if the request had none, or could not be read. */
static void log_known(struct log_line *l, const char *key, struct slice value, size_t max)
{
    if (value.length > 0)
        log_slice(l, key, value, max);
}

static void log_fields(struct log_line *l, const struct conversation *c)
{
    const struct exchange *x = &c->x;

    log_text(l, "id", x->id);
    log_text(l, "name", c->rules->web->name);
    log_address(l, "client", &c->s->front->peer);
    log_known(l, "method", x->method, SHORT_BYTES);
    log_known(l, "host", x->host, SHORT_BYTES);
    log_known(l, "path", x->path, LONG_BYTES);
    log_known(l, "query", query_of(c), LONG_BYTES);
    log_number(l, "status", x->status);
    log_number(l, "up", c->up.body.bytes);
    log_number(l, "down", x->is_own ? 0 : c->down.body.bytes);
    if (x->status != 0)
        log_number(l, "first_ms", x->first_ms);
    log_number(l, "ms", clock_ms() - x->started_ms);
    if (upstream_of(c) != NULL)
        log_text(l, "upstream", upstream_of(c));
    log_text(l, "why", reason_name(x->why));
    if (x->fault != HTTP_FAULT_NONE)
        log_text(l, "fault", http_fault_name(x->fault));
}

static void put_w3c(const struct conversation *c)
{
    const struct exchange *x = &c->x;
    char client[ADDRESS_TEXT], front[ADDRESS_TEXT], line[HTTP_ACCESS_BYTES];
    const struct http_access a = {
        .unix_s = time(NULL),
        .front_ip = slice_of(address_format_ip(&c->s->front->local, front)),
        .front_port = address_port(&c->s->front->local),
        .client_ip = slice_of(address_format_ip(&c->s->front->peer, client)),
        .method = x->method,
        .path = x->path,
        .query = query_of(c),
        .user_agent = x->user_agent,
        .referer = referer_of(c),
        .status = x->status,
        .sent_bytes = c->down.bytes - c->down_before,
        .taken_bytes = c->up.body.bytes,
        .ms = clock_ms() - x->started_ms,
        .id = slice_of(x->id),
        .upstream = slice_of(upstream_of(c)),
        .has_first = x->status != 0,
        .first_ms = x->first_ms,
        .reason = slice_of(reason_name(x->why)),
    };
    struct http_writer w;

    http_writer_init(&w, line, sizeof(line));
    http_put_access(&w, &a);
    assert(!w.is_full);
    log_put_access(line, w.length);
}

void access_log(const struct conversation *c)
{
    const struct cfg_access *a = &c->rules->cfg->access;
    struct log_line l;

    if (a->lines == CFG_OFF)
        return;
    if (a->file != NULL && a->format == CFG_ACCESS_W3C) {
        put_w3c(c);
    } else if (log_begin_access(&l)) {
        log_fields(&l, c);
        log_end(&l);
    }
}
