/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading requests of the simulated web site: request line, the few header fields that matter, body by length or in chunks
 * (RFC 9112 sections 3, 6 and 7). One request at a time per connection; while its answer is under way nothing is read.
 */
#include "test/sim/message.h"
#include "test/sim/web_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_BYTES 256

static void drop_head(struct web_visit *v)
{
    free(v->head);
    free(v->cut);
    v->head = v->cut = NULL;
}

static void visit_forget(struct web_visit *v)
{
    drop_head(v);
    timer_stop(v->web->loop, &v->poll);
    *(v->prev != NULL ? &v->prev->next : &v->web->visits) = v->next;
    if (v->next != NULL)
        v->next->prev = v->prev;
    v->conn = NULL;
    loop_free_later(v->web->loop, v);
}

/* Take the header field at `line` when it has that name. Returns its value, or NULL. */
static char *field_value(char *line, const char *name)
{
    size_t len = strlen(name);
    if (strncasecmp(line, name, len) != 0 || line[len] != ':')
        return NULL;
    return line + len + 1 + strspn(line + len + 1, " \t");
}

static int read_field(struct web_visit *v, char *line, bool *expects)
{
    char *value, *rest = NULL;
    if ((value = field_value(line, "Content-Length")) != NULL) {
        v->left = strtoull(value, &rest, 10);
        if (*value < '0' || *value > '9' || *rest != '\0' || v->step == WEB_CHUNK_SIZE)
            return -1;
        v->step = WEB_BODY;
    } else if ((value = field_value(line, "Transfer-Encoding")) != NULL) {
        if (strcasecmp(value, "chunked") != 0 || v->step == WEB_BODY)
            return -1;
        v->step = WEB_CHUNK_SIZE;
    } else if ((value = field_value(line, "Connection")) != NULL) {
        v->wants_close = strcasecmp(value, "close") == 0 || (v->is_old && strcasecmp(value, "keep-alive") != 0);
    } else if ((value = field_value(line, "Expect")) != NULL) {
        *expects = strcasecmp(value, "100-continue") == 0;
    }
    return 0;
}

/* Cut the copied head into lines. Returns 0, or -1 for what we do not take. */
static int read_head(struct web_visit *v, bool *expects)
{
    char *rest = NULL;
    char *line = strtok_r(v->cut, "\r\n", &rest);
    char *version = NULL;
    v->method = line != NULL ? strtok_r(line, " ", &version) : NULL;
    v->target = v->method != NULL ? strtok_r(NULL, " ", &version) : NULL;
    if (v->target == NULL || (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0))
        return -1;
    v->is_old = version[7] == '0';
    v->wants_close = v->is_old;
    v->query = strchr(v->target, '?');
    if (v->query != NULL)
        *v->query++ = '\0';
    v->step = WEB_HEAD;
    while ((line = strtok_r(NULL, "\r\n", &rest)) != NULL)
        if (read_field(v, line, expects) != 0)
            return -1;
    return 0;
}

static void start_request(struct web_visit *v)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    bool expects = false;
    v->web->requests++;
    v->left = v->body_bytes = 0;
    v->body_crc = 0;
    v->kept_len = 0;
    if (read_head(v, &expects) != 0) {
        v->web->bad_requests++;
        web_refuse(v, "400 Bad Request");
        return;
    }
    if (expects && v->step != WEB_HEAD) {
        memcpy(conn_reserve(v->conn, sizeof(go_on) - 1), go_on, sizeof(go_on) - 1);
        conn_flush(v->conn);
    }
    if (v->step == WEB_HEAD || (v->step == WEB_BODY && v->left == 0))
        web_answer(v);
}

static void take_body(struct web_visit *v, const uint8_t *bytes, size_t len)
{
    size_t keep = WEB_KEPT_MAX - v->kept_len < len ? WEB_KEPT_MAX - v->kept_len : len;
    memcpy(v->kept + v->kept_len, bytes, keep);
    v->kept_len += keep;
    v->kept[v->kept_len] = '\0';
    v->body_crc = crc32_add(v->body_crc, bytes, len);
    v->body_bytes += len;
    v->left -= len;
}

static size_t step_head(struct web_visit *v, const uint8_t *bytes, size_t len)
{
    const uint8_t *end = bytes == NULL ? NULL : memmem(bytes, len < WEB_HEAD_MAX ? len : WEB_HEAD_MAX, "\r\n\r\n", 4);
    if (end == NULL) {
        if (len >= WEB_HEAD_MAX)
            web_refuse(v, "431 Request Header Fields Too Large");
        return 0;
    }
    size_t head_len = (size_t)(end - bytes) + 4;
    v->head = strndup((const char *)bytes, head_len);
    v->cut = strndup((const char *)bytes, head_len);
    if (v->head == NULL || v->cut == NULL)
        abort();
    start_request(v);
    return head_len;
}

static size_t step_body(struct web_visit *v, const uint8_t *bytes, size_t len)
{
    size_t take = v->left < len ? (size_t)v->left : len;
    take_body(v, bytes, take);
    if (v->left > 0)
        return take;
    if (v->step == WEB_CHUNK)
        v->step = WEB_CHUNK_END;
    else
        web_answer(v);
    return take;
}

/* The lines around chunks: size, end of a chunk, trailer. */
static size_t step_line(struct web_visit *v, const uint8_t *bytes, size_t len)
{
    const uint8_t *end = bytes == NULL ? NULL : memmem(bytes, len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES, "\r\n", 2);
    if (end == NULL) {
        if (len >= LINE_MAX_BYTES)
            web_refuse(v, "400 Bad Request");
        return 0;
    }
    size_t line_len = (size_t)(end - bytes);
    char line[LINE_MAX_BYTES + 1], *rest = line;
    memcpy(line, bytes, line_len);
    line[line_len] = '\0';
    if (v->step == WEB_CHUNK_SIZE) {
        v->left = strtoull(line, &rest, 16);
        v->step = v->left > 0 ? WEB_CHUNK : WEB_TRAILER;
        if (rest == line || (*rest != '\0' && *rest != ';'))
            web_refuse(v, "400 Bad Request");
    } else if (v->step == WEB_CHUNK_END) {
        v->step = WEB_CHUNK_SIZE;
        if (line_len != 0)
            web_refuse(v, "400 Bad Request");
    } else if (line_len == 0) {
        web_answer(v);
    }
    return line_len + 2;
}

static size_t visit_data(void *owner, const uint8_t *bytes, size_t len)
{
    struct web_visit *v = owner;
    size_t used = 0;
    while (v->conn != NULL && v->step != WEB_ANSWER && used < len) {
        size_t took;
        if (v->step == WEB_HEAD)
            took = step_head(v, bytes + used, len - used);
        else if (v->step == WEB_BODY || v->step == WEB_CHUNK)
            took = step_body(v, bytes + used, len - used);
        else
            took = step_line(v, bytes + used, len - used);
        if (took == 0)
            break;
        used += took;
    }
    return used;
}

static void visit_drained(void *owner)
{
    struct web_visit *v = owner;
    if (v->step == WEB_ANSWER && v->large_at < v->large_end)
        web_continue(v);
}

static void visit_ended(void *owner)
{
    struct web_visit *v = owner;
    conn_finish(v->conn);
    visit_forget(v);
}

static void visit_gone(void *owner, int error)
{
    (void)error;
    visit_forget(owner);
}

static const struct conn_events visit_events = {
    .data = visit_data,
    .drained = visit_drained,
    .end = visit_ended,
    .gone = visit_gone,
};

void web_answered(struct web_visit *v)
{
    if (v->wants_close) {
        conn_finish(v->conn);
        visit_forget(v);
        return;
    }
    drop_head(v);
    v->step = WEB_HEAD;
    conn_resume(v->conn);
}

static void visit_accept(void *arg, int fd)
{
    struct web *w = arg;
    struct web_visit *v = calloc(1, sizeof(*v));
    if (v == NULL)
        abort();
    v->web = w;
    v->conn = conn_accept(w->loop, fd, &visit_events, v);
    if (v->conn == NULL) {
        free(v);
        return;
    }
    v->next = w->visits;
    if (v->next != NULL)
        v->next->prev = v;
    w->visits = v;
    w->connections++;
}

int web_open(struct web *w, struct loop *loop, struct address *at)
{
    w->loop = loop;
    return listener_open(&w->listener, loop, at, visit_accept, w);
}

void web_fini(struct web *w)
{
    listener_close(&w->listener);
    while (w->visits != NULL) {
        struct web_visit *v = w->visits;
        w->visits = v->next;
        timer_stop(w->loop, &v->poll);
        drop_head(v);
        free(v);
    }
}
