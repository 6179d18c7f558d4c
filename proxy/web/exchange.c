/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the copied text of one exchange, and how ids are made. On the session's thread. */
#include "proxy/web/exchange.h"

#include "proxy/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A user agent or referer longer than this is cut: they are for the access log only. */
#define REMEMBERED_BYTES 512

/* 64 random bits that stay for the thread, and a counter: unique, and cheaper than asking the kernel for each request. */
static void make_id(char id[EXCHANGE_ID_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    static _Thread_local uint64_t parts[2];

    while (parts[0] == 0)
        if (getrandom(parts, sizeof(parts), 0) != sizeof(parts))
            abort(); /* no randomness: nothing of TLS works either */
    parts[1]++;
    for (unsigned i = 0; i < EXCHANGE_ID_BYTES; i++)
        id[i] = digits[parts[i / 16] >> (60 - i % 16 * 4) & 15];
    id[EXCHANGE_ID_BYTES] = '\0';
}

/* RFC 9110 9.2.2. TRACE is never served. */
static bool is_repeatable(struct slice method)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (slice_is(method, methods[i]))
            return true;
    return false;
}

static struct slice keep(char **free_at, struct slice s)
{
    struct slice kept = {*free_at, s.length};

    if (s.length > 0)
        memcpy(*free_at, s.at, s.length);
    *free_at += s.length;
    return kept;
}

static struct slice find_short(const struct http_head *head, const char *name)
{
    const struct http_field *field = http_find(head, name, 0);
    struct slice value = field != NULL ? field->value : (struct slice){NULL, 0};

    if (value.length > REMEMBERED_BYTES)
        value.length = REMEMBERED_BYTES;
    return value;
}

void exchange_open_blind(struct exchange *x)
{
    exchange_close(x);
    x->is_open = true;
    x->minor = 1;
    x->started_ms = clock_ms();
    make_id(x->id);
}

bool exchange_open(struct exchange *x, const struct http_head *head, const struct http_target *target)
{
    struct slice user_agent = find_short(head, "User-Agent"), referer = find_short(head, "Referer");
    char *free_at;

    exchange_open_blind(x);
    x->text = malloc(head->method.length + target->origin.length + target->host.length + user_agent.length + referer.length + 1);
    if (x->text == NULL)
        return false;
    free_at = x->text;
    x->method = keep(&free_at, head->method);
    x->path = keep(&free_at, target->path);
    x->query = keep(&free_at, target->query);
    x->host = keep(&free_at, target->host);
    x->user_agent = keep(&free_at, user_agent);
    x->referer = keep(&free_at, referer);
    x->minor = head->minor;
    x->is_head = slice_is(head->method, "HEAD");
    x->is_repeatable = is_repeatable(head->method);
    x->form = http_page_form_for(head);
    return true;
}

void exchange_close(struct exchange *x)
{
    free(x->text);
    *x = (struct exchange){0};
}
