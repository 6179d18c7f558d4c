/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the form of a line's number and hashes. Pure. */
#include "proxy/audit/chain.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEX       (DIGEST_TEXT - 1)
#define TAIL_HASH " hash="
#define TAIL_MAC  " mac="

void chain_place_first(struct chain_place *place)
{
    place->seq = 0;
    memset(place->hash, '0', HEX);
    place->hash[HEX] = '\0';
}

bool chain_hash(const struct audit_key *key, const void *bytes, size_t length, char hex[DIGEST_TEXT])
{
    if (key->length > 0)
        return digest_hmac(key->bytes, key->length, bytes, length, hex);
    return digest_sha256(bytes, length, hex);
}

size_t chain_seal(struct chain_place *place, const struct audit_key *key, const char *body, size_t length,
                  char line[CHAIN_LINE_BYTES])
{
    char hash[DIGEST_TEXT];
    size_t used;

    assert(length <= LOG_LINE_BYTES);
    used =
        (size_t)snprintf(line, CHAIN_LINE_BYTES, "seq=%" PRIu64 " %.*s prev=%s", place->seq + 1, (int)length, body, place->hash);
    if (!chain_hash(key, line, used, hash))
        return 0;
    used += (size_t)snprintf(line + used, CHAIN_LINE_BYTES - used, "%s%s\n", key->length > 0 ? TAIL_MAC : TAIL_HASH, hash);
    place->seq++;
    memcpy(place->hash, hash, sizeof(hash));
    return used;
}

static bool is_hex(const char *text)
{
    return strspn(text, "0123456789abcdef") >= HEX;
}

/* The digits at `at`, before `end`; NULL if there are none, or too many. */
static const char *read_number(const char *at, const char *end, uint64_t *ret)
{
    const char *first = at;

    for (*ret = 0; at < end && *at >= '0' && *at <= '9'; at++) {
        if (at - first >= 18)
            return NULL;
        *ret = *ret * 10 + (uint64_t)(*at - '0');
    }
    return at > first ? at : NULL;
}

/* The value of the first field of this name: no value of ours holds a blank unquoted, but a quoted one may. */
static const char *find_field(const char *line, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    bool is_quoted = false;

    for (size_t i = 0; i + name_length + 1 < length; i++) {
        if (line[i] == '\\' && is_quoted)
            i++;
        else if (line[i] == '"')
            is_quoted = !is_quoted;
        else if (line[i] == ' ' && !is_quoted && memcmp(line + i + 1, name, name_length) == 0 && i + name_length + 2 <= length &&
                 line[i + 1 + name_length] == '=')
            return line + i + name_length + 2;
    }
    return NULL;
}

bool chain_field_number(const char *line, size_t length, const char *name, uint64_t *ret)
{
    const char *at = find_field(line, length, name);

    return at != NULL && read_number(at, line + length, ret) != NULL;
}

static bool copy_hash(const char *at, const char *end, char ret[DIGEST_TEXT])
{
    if (at == NULL || end - at < HEX)
        return false;
    memcpy(ret, at, HEX);
    ret[HEX] = '\0';
    return is_hex(ret);
}

bool chain_field_hash(const char *line, size_t length, const char *name, char ret[DIGEST_TEXT])
{
    return copy_hash(find_field(line, length, name), line + length, ret);
}

/* Where the last field begins, and which it is. */
static bool find_tail(const char *line, size_t length, struct chain_line *ret)
{
    static const struct {
        const char *text;
        bool has_key;
    } tails[] = {{TAIL_HASH, false}, {TAIL_MAC, true}};

    for (size_t i = 0; i < 2; i++) {
        size_t tail = strlen(tails[i].text) + HEX;

        if (length < tail || memcmp(line + length - tail, tails[i].text, tail - HEX) != 0)
            continue;
        ret->hashed = length - tail;
        ret->has_key = tails[i].has_key;
        return copy_hash(line + length - HEX, line + length, ret->hash);
    }
    return false;
}

bool chain_read(const char *line, size_t length, struct chain_line *ret)
{
    static const char head[] = "seq=", prev[] = " prev=";
    size_t tail = strlen(prev) + HEX;
    uint64_t id;

    if (length >= CHAIN_LINE_BYTES || length < strlen(head) || memcmp(line, head, strlen(head)) != 0 ||
        memchr(line, '\0', length) != NULL)
        return false;
    if (read_number(line + strlen(head), line + length, &ret->seq) == NULL || !find_tail(line, length, ret) ||
        ret->hashed < tail || memcmp(line + ret->hashed - tail, prev, strlen(prev)) != 0 ||
        !copy_hash(line + ret->hashed - HEX, line + ret->hashed, ret->prev) || !chain_field_number(line, ret->hashed, "id", &id))
        return false;
    ret->id = (unsigned)id;
    return true;
}

bool chain_is_genuine(const char *line, const struct chain_line *parts, const struct audit_key *key)
{
    char hash[DIGEST_TEXT];

    return parts->has_key == (key->length > 0) && chain_hash(key, line, parts->hashed, hash) && digest_is_same(hash, parts->hash);
}
