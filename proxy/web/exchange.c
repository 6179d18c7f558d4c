/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the copied text of one exchange, and how ids are made. On the session's thread. */
#include "proxy/web/exchange.h"

#include "proxy/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A user agent or referer longer than this is cut: they are for the access log only. */
#define REMEMBERED_BYTES 512

static const char digits[] = "0123456789abcdef";

static void make_first_id(char id[EXCHANGE_ID_BYTES])
{
    unsigned char random[EXCHANGE_ID_BYTES / 2];

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        abort(); /* no randomness: nothing of TLS works either */
    for (size_t i = 0; i < sizeof(random); i++) {
        id[2 * i] = digits[random[i] >> 4];
        id[2 * i + 1] = digits[random[i] & 15];
    }
}

/* Adds one to the number that the digits from `from` on are. */
static void count_up(char id[EXCHANGE_ID_BYTES], size_t from)
{
    size_t at = EXCHANGE_ID_BYTES;

    while (at > from && id[at - 1] == 'f')
        id[--at] = '0';
    if (at > from)
        id[at - 1] = id[at - 1] == '9' ? 'a' : (char)(id[at - 1] + 1);
}

/* 64 random bits that stay for the thread, and a counter: unique, and cheaper than asking the kernel for each request. */
static void make_id(char id[EXCHANGE_ID_BYTES + 1])
{
    static _Thread_local char last[EXCHANGE_ID_BYTES + 1];

    if (last[0] == '\0')
        make_first_id(last);
    count_up(last, EXCHANGE_ID_BYTES / 2);
    memcpy(id, last, sizeof(last));
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

static struct slice find_value(const struct http_head *head, enum http_name name)
{
    const struct http_field *field = http_find(head, name, 0);

    return field != NULL ? field->value : (struct slice){NULL, 0};
}

static struct slice find_short(const struct http_head *head, enum http_name name)
{
    struct slice value = find_value(head, name);

    if (value.length > REMEMBERED_BYTES)
        value.length = REMEMBERED_BYTES;
    return value;
}

/* Accept as http_page_hints has it: to read it is work that most requests need not have done. */
static size_t accept_length(const struct http_head *head)
{
    const struct http_field *field;
    size_t length = 0;

    for (size_t n = 0; (field = http_find(head, HTTP_NAME_ACCEPT, n)) != NULL; n++)
        length += field->value.length + 1;
    return length;
}

static struct slice keep_accept(char **free_at, const struct http_head *head)
{
    const char *begin = *free_at;
    const struct http_field *field;

    for (size_t n = 0; (field = http_find(head, HTTP_NAME_ACCEPT, n)) != NULL; n++) {
        (void)keep(free_at, field->value);
        *(*free_at)++ = '\n';
    }
    return (struct slice){begin, (size_t)(*free_at - begin)};
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
    struct slice user_agent = find_short(head, HTTP_NAME_USER_AGENT), referer = find_short(head, HTTP_NAME_REFERER);
    struct slice type = find_value(head, HTTP_NAME_CONTENT_TYPE);
    char *free_at;

    exchange_open_blind(x);
    x->text = malloc(head->method.length + target->origin.length + target->host.length + user_agent.length + referer.length +
                     type.length + accept_length(head) + 1);
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
    x->hints.content_type = keep(&free_at, type);
    x->hints.accept = keep_accept(&free_at, head);
    x->hints.has_soap_action = http_has(head, HTTP_NAME_SOAP_ACTION);
    return true;
}

void exchange_close(struct exchange *x)
{
    free(x->text);
    *x = (struct exchange){0};
}
