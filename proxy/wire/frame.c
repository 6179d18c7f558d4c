/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the table of frames and fields of docs/tunnel-protocol.md section 2. Reading and writing walk the same table, and
 * the bounds are checked by the same function, so that neither can know a field that the other does not. Pure; any thread.
 */
#include "proxy/wire/frame.h"

#include <assert.h>
#include <string.h>

#define HEARTBEAT_MIN_MS 100
#define HEARTBEAT_MAX_MS 60000
#define SPARES_MAX       1024

enum { FIELDS_MAX = 6 };

enum field {
    FIELD_END = 0,
    FIELD_VERSION_LOW,
    FIELD_VERSION,
    FIELD_HEARTBEAT,
    FIELD_SPARES,
    FIELD_NUMBER,
    FIELD_INSTANCE,
    FIELD_TEXT,
    FIELD_BEHIND,
    FIELD_CLIENT_IP,
    FIELD_CLIENT_PORT,
    FIELD_PORT,
    FIELD_WHOLE,
    FIELD_OFFSET,
    FIELD_DATA
};

static const struct {
    const char *name;
    enum field fields[FIELDS_MAX + 1];
} frames[FRAME_TYPE_END] = {
    [FRAME_HELLO] = {"HELLO", {FIELD_VERSION_LOW, FIELD_VERSION, FIELD_INSTANCE, FIELD_TEXT}},
    [FRAME_WELCOME] = {"WELCOME", {FIELD_VERSION, FIELD_HEARTBEAT, FIELD_SPARES, FIELD_TEXT}},
    [FRAME_PING] = {"PING", {FIELD_NUMBER}},
    [FRAME_PONG] = {"PONG", {FIELD_NUMBER}},
    [FRAME_NEED] = {"NEED", {FIELD_SPARES}},
    [FRAME_DRAIN] = {"DRAIN", {FIELD_END}},
    [FRAME_BYE] = {"BYE", {FIELD_TEXT}},
    [FRAME_SPARE] = {"SPARE", {FIELD_INSTANCE}},
    [FRAME_DELIVER] = {"DELIVER", {FIELD_NUMBER, FIELD_TEXT, FIELD_CLIENT_IP, FIELD_CLIENT_PORT}},
    [FRAME_DIALLING] = {"DIALLING", {FIELD_END}},
    [FRAME_OPEN] = {"OPEN", {FIELD_INSTANCE, FIELD_NUMBER, FIELD_TEXT, FIELD_CLIENT_IP, FIELD_CLIENT_PORT}},
    [FRAME_OPENED] = {"OPENED", {FIELD_END}},
    [FRAME_REFUSED] = {"REFUSED", {FIELD_TEXT}},
    [FRAME_ASK] = {"ASK", {FIELD_NUMBER, FIELD_TEXT, FIELD_BEHIND, FIELD_CLIENT_IP, FIELD_CLIENT_PORT, FIELD_PORT}},
    [FRAME_HAND] = {"HAND", {FIELD_INSTANCE, FIELD_NUMBER, FIELD_TEXT, FIELD_BEHIND, FIELD_CLIENT_IP, FIELD_CLIENT_PORT}},
    [FRAME_OPEN_AT] = {"OPEN_AT", {FIELD_INSTANCE, FIELD_NUMBER, FIELD_TEXT, FIELD_CLIENT_IP, FIELD_CLIENT_PORT, FIELD_PORT}},
    [FRAME_RENEW] = {"RENEW", {FIELD_WHOLE, FIELD_OFFSET, FIELD_DATA}},
    [FRAME_RENEWED] = {"RENEWED", {FIELD_WHOLE, FIELD_OFFSET, FIELD_DATA}},
    [FRAME_NOT_RENEWED] = {"NOT_RENEWED", {FIELD_TEXT}},
};

/** What is left of a body. Reading past the end gives zeros and sets is_short. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool is_short;
};

struct writer {
    uint8_t *bytes;
    size_t used;
};

static bool is_type(unsigned type)
{
    return type < FRAME_TYPE_END && frames[type].name != NULL;
}

static void read_bytes(struct reader *r, void *ret, size_t count)
{
    if (count > r->left) {
        r->is_short = true;
        memset(ret, 0, count);
        return;
    }
    if (count > 0)
        memcpy(ret, r->at, count);
    r->at += count;
    r->left -= count;
}

/** A number of `count` (1 to 8) bytes. */
static uint64_t read_number(struct reader *r, size_t count)
{
    uint8_t bytes[8];
    uint64_t number = 0;

    read_bytes(r, bytes, count);
    for (size_t i = 0; i < count; i++)
        number = number << 8 | bytes[i];
    return number;
}

/** -1 if it is longer than `max`, or a character is not printable ASCII. */
static int read_text(struct reader *r, char *text, size_t max)
{
    size_t length = (size_t)read_number(r, 1);

    if (length > max)
        return -1;
    read_bytes(r, text, length);
    text[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return -1;
    return 0;
}

/** -1 if the family is neither 4 nor 6, or the address IPv4-mapped, which would give one client two names. */
static int read_ip(struct reader *r, struct address *ret)
{
    uint8_t bytes[16] = {0};
    uint64_t family = read_number(r, 1);
    size_t count = family == 4 ? 4 : 16;

    if (family != 4 && family != 6)
        return -1;
    read_bytes(r, bytes, count);
    if (address_from_bytes(ret, bytes, count, 0) != 0)
        return -1;
    return ret->sa.any.sa_family == (family == 4 ? AF_INET : AF_INET6) ? 0 : -1;
}

static int read_data(struct reader *r, struct frame *f)
{
    f->length = (uint16_t)read_number(r, 2);
    if (f->length > sizeof(f->data))
        return -1;
    read_bytes(r, f->data, f->length);
    return 0;
}

static int read_field(struct reader *r, enum field field, struct frame *f)
{
    switch (field) {
    case FIELD_VERSION_LOW:
        f->version_low = (uint16_t)read_number(r, 2);
        return 0;
    case FIELD_VERSION:
        f->version = (uint16_t)read_number(r, 2);
        return 0;
    case FIELD_HEARTBEAT:
        f->heartbeat_ms = (uint32_t)read_number(r, 4);
        return 0;
    case FIELD_SPARES:
        f->spares = (uint16_t)read_number(r, 2);
        return 0;
    case FIELD_NUMBER:
        f->number = read_number(r, 8);
        return 0;
    case FIELD_INSTANCE:
        read_bytes(r, f->instance, FRAME_INSTANCE);
        return 0;
    case FIELD_TEXT:
        return read_text(r, f->text, FRAME_TEXT_MAX);
    case FIELD_BEHIND:
        return read_text(r, f->behind, FRAME_NAME_MAX);
    case FIELD_CLIENT_IP:
        return read_ip(r, &f->client);
    case FIELD_CLIENT_PORT:
        address_set_port(&f->client, (uint16_t)read_number(r, 2));
        return 0;
    case FIELD_PORT:
        f->port = (uint16_t)read_number(r, 2);
        return 0;
    case FIELD_WHOLE:
        f->whole = (uint16_t)read_number(r, 2);
        return 0;
    case FIELD_OFFSET:
        f->offset = (uint16_t)read_number(r, 2);
        return 0;
    case FIELD_DATA:
        return read_data(r, f);
    case FIELD_END:
        break;
    }
    return -1;
}

/** The bounds that the fields of a type have besides their sizes. */
static bool is_within_bounds(const struct frame *f)
{
    size_t length = strlen(f->text);

    switch (f->type) {
    case FRAME_HELLO:
        return f->version_low >= 1 && f->version_low <= f->version;
    case FRAME_WELCOME:
        return f->version >= 1 && f->heartbeat_ms >= HEARTBEAT_MIN_MS && f->heartbeat_ms <= HEARTBEAT_MAX_MS &&
               f->spares <= SPARES_MAX;
    case FRAME_NEED:
        return f->spares >= 1 && f->spares <= SPARES_MAX;
    case FRAME_DELIVER:
    case FRAME_OPEN:
    case FRAME_ASK:
    case FRAME_HAND:
        return length >= 1 && length <= FRAME_NAME_MAX;
    case FRAME_OPEN_AT:
        return length >= 1 && length <= FRAME_NAME_MAX && f->port != 0;
    case FRAME_RENEW:
    case FRAME_RENEWED:
        return f->length >= 1 && f->length <= FRAME_DATA_MAX && f->whole <= FRAME_WHOLE_MAX && f->offset + f->length <= f->whole;
    default:
        return true;
    }
}

int frame_body_length(const uint8_t head[FRAME_HEAD])
{
    int length = head[2] << 8 | head[3];

    if (!is_type(head[0]) || head[1] != 0 || length > FRAME_BODY_MAX)
        return -1;
    return length;
}

int frame_parse(const uint8_t head[FRAME_HEAD], const uint8_t *body, size_t length, struct frame *ret)
{
    struct reader r = {.at = body, .left = length};
    int expected = frame_body_length(head);

    if (expected < 0 || (size_t)expected != length)
        return -1;
    memset(ret, 0, sizeof(*ret));
    ret->type = head[0];
    for (const enum field *field = frames[ret->type].fields; *field != FIELD_END; field++)
        if (read_field(&r, *field, ret) != 0 || r.is_short)
            return -1;
    return r.left == 0 && is_within_bounds(ret) ? 0 : -1;
}

static void write_bytes(struct writer *w, const void *bytes, size_t count)
{
    assert(count <= FRAME_MAX - w->used);
    memcpy(w->bytes + w->used, bytes, count);
    w->used += count;
}

static void write_number(struct writer *w, uint64_t number, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        uint8_t byte = (uint8_t)(number >> (8 * (i - 1)));

        write_bytes(w, &byte, 1);
    }
}

static void write_text(struct writer *w, const char *text, size_t max)
{
    size_t length = strnlen(text, max + 1);

    assert(length <= max);
    for (size_t i = 0; i < length; i++)
        assert(text[i] >= 0x20 && text[i] <= 0x7e);
    write_number(w, length, 1);
    write_bytes(w, text, length);
}

static void write_ip(struct writer *w, const struct address *a)
{
    uint8_t bytes[16];
    size_t count = address_bytes(a, bytes);

    assert(count != 0);
    assert(count == 4 || !IN6_IS_ADDR_V4MAPPED(&a->sa.v6.sin6_addr));
    write_number(w, count == 4 ? 4 : 6, 1);
    write_bytes(w, bytes, count);
}

static void write_field(struct writer *w, enum field field, const struct frame *f)
{
    switch (field) {
    case FIELD_VERSION_LOW:
        write_number(w, f->version_low, 2);
        break;
    case FIELD_VERSION:
        write_number(w, f->version, 2);
        break;
    case FIELD_HEARTBEAT:
        write_number(w, f->heartbeat_ms, 4);
        break;
    case FIELD_SPARES:
        write_number(w, f->spares, 2);
        break;
    case FIELD_NUMBER:
        write_number(w, f->number, 8);
        break;
    case FIELD_INSTANCE:
        write_bytes(w, f->instance, FRAME_INSTANCE);
        break;
    case FIELD_TEXT:
        write_text(w, f->text, FRAME_TEXT_MAX);
        break;
    case FIELD_BEHIND:
        write_text(w, f->behind, FRAME_NAME_MAX);
        break;
    case FIELD_CLIENT_IP:
        write_ip(w, &f->client);
        break;
    case FIELD_CLIENT_PORT:
        write_number(w, address_port(&f->client), 2);
        break;
    case FIELD_PORT:
        write_number(w, f->port, 2);
        break;
    case FIELD_WHOLE:
        write_number(w, f->whole, 2);
        break;
    case FIELD_OFFSET:
        write_number(w, f->offset, 2);
        break;
    case FIELD_DATA:
        write_number(w, f->length, 2);
        write_bytes(w, f->data, f->length);
        break;
    case FIELD_END:
        break;
    }
}

size_t frame_format(const struct frame *f, uint8_t bytes[FRAME_MAX])
{
    struct writer w = {.bytes = bytes, .used = FRAME_HEAD};
    size_t length;

    assert(is_type(f->type));
    assert(memchr(f->text, '\0', sizeof(f->text)) != NULL);
    assert(is_within_bounds(f));
    for (const enum field *field = frames[f->type].fields; *field != FIELD_END; field++)
        write_field(&w, *field, f);
    length = w.used - FRAME_HEAD;
    bytes[0] = (uint8_t)f->type;
    bytes[1] = 0;
    bytes[2] = (uint8_t)(length >> 8);
    bytes[3] = (uint8_t)length;
    return w.used;
}

const char *frame_name(enum frame_type type)
{
    assert(is_type(type));
    return frames[type].name;
}
