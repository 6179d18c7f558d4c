/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the simulator: bytes to struct and back, CRC-32 (IEEE 802.3, eight bytes a step), payload pattern. Pure code. */
#include "test/sim/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC         0x4753494du /* "GSIM" */
#define VERSION       1
#define HEADER_SUMMED 60

static uint32_t crc_table[8][256];

static void crc_prepare(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
        crc_table[0][i] = crc;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++)
            crc_table[t][i] = (crc_table[t - 1][i] >> 8) ^ crc_table[0][crc_table[t - 1][i] & 0xff];
}

static uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t crc32_add(uint32_t crc, const uint8_t *bytes, size_t len)
{
    if (crc_table[0][1] == 0)
        crc_prepare();
    crc = ~crc;
    for (; len >= 8; bytes += 8, len -= 8) {
        uint32_t a = crc ^ little32(bytes), b = little32(bytes + 4);
        crc = crc_table[7][a & 0xff] ^ crc_table[6][(a >> 8) & 0xff] ^ crc_table[5][(a >> 16) & 0xff] ^ crc_table[4][a >> 24] ^
              crc_table[3][b & 0xff] ^ crc_table[2][(b >> 8) & 0xff] ^ crc_table[1][(b >> 16) & 0xff] ^ crc_table[0][b >> 24];
    }
    for (; len > 0; bytes++, len--)
        crc = (crc >> 8) ^ crc_table[0][(crc ^ *bytes) & 0xff];
    return ~crc;
}

static void put32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put64(uint8_t *to, uint64_t value)
{
    put32(to, (uint32_t)(value >> 32));
    put32(to + 4, (uint32_t)value);
}

static uint32_t get32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static uint64_t get64(const uint8_t *from)
{
    return (uint64_t)get32(from) << 32 | get32(from + 4);
}

static bool has_pattern(enum message_type type)
{
    return type == MESSAGE_REQUEST || type == MESSAGE_ANSWER || type == MESSAGE_ALARM;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t pattern_seed(const struct message *m)
{
    return mix(m->application ^ mix(((uint64_t)m->type << 32 | m->link) + mix(m->sequence)));
}

/* Eight bytes of the pattern: a Weyl sequence, one multiplication. */
static uint64_t pattern_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    return (*state ^ (*state >> 32)) * 0xd6e8feb86659fd93u;
}

static void pattern_write(uint8_t *to, size_t len, uint64_t seed)
{
    for (; len >= 8; to += 8, len -= 8)
        put64(to, pattern_next(&seed));
    uint8_t last[8];
    put64(last, pattern_next(&seed));
    memcpy(to, last, len);
}

static bool pattern_matches(const uint8_t *bytes, size_t len, uint64_t seed)
{
    for (; len >= 8; bytes += 8, len -= 8)
        if (get64(bytes) != pattern_next(&seed))
            return false;
    uint8_t last[8];
    put64(last, pattern_next(&seed));
    return memcmp(bytes, last, len) == 0;
}

/* Of the header; that of a HELLO without the argument. */
static uint32_t header_sum(const uint8_t *bytes)
{
    static const uint8_t zeros[4];
    if (bytes[5] != MESSAGE_HELLO)
        return crc32_add(0, bytes, HEADER_SUMMED);
    return crc32_add(crc32_add(crc32_add(0, bytes, 48), zeros, 4), bytes + 52, HEADER_SUMMED - 52);
}

/* Of name and payload; that of a HELLO with its port in the payload is of the name only. */
static uint32_t body_sum(const struct message *m, const uint8_t *body)
{
    bool is_text = m->type == MESSAGE_HELLO && (m->flags & MESSAGE_TEXT) != 0;
    return crc32_add(0, body, m->name_len + (is_text ? 0 : m->payload_len));
}

unsigned message_port(const struct message *hello)
{
    char text[64] = "";
    const char *port;
    if ((hello->flags & MESSAGE_LITTLE) != 0)
        return hello->argument >> 24 | (hello->argument >> 8 & 0xff00u);
    if ((hello->flags & MESSAGE_TEXT) == 0)
        return hello->argument;
    memcpy(text, hello->payload, hello->payload_len < sizeof(text) - 1 ? hello->payload_len : sizeof(text) - 1);
    port = strstr(text, " port=");
    return port != NULL ? (unsigned)strtoul(port + 6, NULL, 10) & 0xffffu : 0;
}

long message_parse(const uint8_t *bytes, size_t len, struct message *m)
{
    if (len < MESSAGE_HEADER)
        return 0;
    size_t name_len = bytes[7], payload_len = get32(bytes + 8);
    if (get32(bytes) != MAGIC || bytes[4] != VERSION || get32(bytes + 60) != header_sum(bytes))
        return -1;
    if (bytes[5] == 0 || bytes[5] >= MESSAGE_TYPES || name_len > MESSAGE_NAME_MAX || payload_len > MESSAGE_PAYLOAD_MAX)
        return -1;
    size_t total = MESSAGE_HEADER + name_len + payload_len;
    if (len < total)
        return 0;
    *m = (struct message){
        .type = (enum message_type)bytes[5],
        .flags = bytes[6],
        .name = (const char *)bytes + MESSAGE_HEADER,
        .name_len = name_len,
        .payload = bytes + MESSAGE_HEADER + name_len,
        .payload_len = payload_len,
        .link = get32(bytes + 12),
        .application = get64(bytes + 16),
        .instance = get64(bytes + 24),
        .sequence = get64(bytes + 32),
        .time_ns = get64(bytes + 40),
        .argument = get32(bytes + 48),
    };
    m->is_intact = get32(bytes + 52) == body_sum(m, bytes + MESSAGE_HEADER);
    if (m->is_intact && has_pattern(m->type))
        m->is_intact = pattern_matches(m->payload, payload_len, pattern_seed(m));
    return (long)total;
}

size_t message_length(const struct message *m)
{
    return MESSAGE_HEADER + m->name_len + m->payload_len;
}

void message_write(uint8_t *to, const struct message *m)
{
    assert(m->name_len <= MESSAGE_NAME_MAX && m->payload_len <= MESSAGE_PAYLOAD_MAX);
    uint8_t *body = to + MESSAGE_HEADER;
    if (m->name_len > 0)
        memcpy(body, m->name, m->name_len);
    if (m->payload == NULL)
        pattern_write(body + m->name_len, m->payload_len, pattern_seed(m));
    else
        memcpy(body + m->name_len, m->payload, m->payload_len);
    put32(to, MAGIC);
    to[4] = VERSION;
    to[5] = (uint8_t)m->type;
    to[6] = (uint8_t)m->flags;
    to[7] = (uint8_t)m->name_len;
    put32(to + 8, (uint32_t)m->payload_len);
    put32(to + 12, m->link);
    put64(to + 16, m->application);
    put64(to + 24, m->instance);
    put64(to + 32, m->sequence);
    put64(to + 40, m->time_ns);
    put32(to + 48, m->argument);
    put32(to + 52, body_sum(m, body));
    put32(to + 56, 0);
    put32(to + 60, header_sum(to));
}
