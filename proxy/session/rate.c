/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the cells, and the lock for them. Any thread. */
#include "proxy/session/rate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { ROWS = 4, CELL_BITS = 15, CELLS = 1 << CELL_BITS, WORDS = 3 };

#define SECOND_US UINT64_C(1000000)

/* A limit: a cell may be this far ahead of the time, and each connection moves it by one step. Step 0: no limit. */
struct pace {
    uint64_t step_us;
    uint64_t most_us;
};

struct rate {
    struct pace total, per_client;
    uint64_t total_us[RATE_KINDS]; /* as the cells: when what was taken is paid back */
    uint64_t keys[ROWS][WORDS + 1];
    pthread_mutex_t lock;
    uint64_t cells[ROWS][CELLS];
};

static struct pace pace_of(long per_second, long burst_s)
{
    struct pace p = {0};

    if (per_second > 0) {
        p.step_us = SECOND_US / (uint64_t)per_second;
        p.most_us = SECOND_US * (uint64_t)burst_s;
    }
    return p;
}

struct rate *rate_new(long total, long per_client, long burst_s)
{
    struct rate *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    if (getrandom(r->keys, sizeof(r->keys), 0) != (ssize_t)sizeof(r->keys)) {
        free(r);
        return NULL;
    }
    r->total = pace_of(total, burst_s);
    r->per_client = pace_of(per_client, burst_s);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void rate_set(struct rate *r, long total, long per_client, long burst_s)
{
    pthread_mutex_lock(&r->lock);
    r->total = pace_of(total, burst_s);
    r->per_client = pace_of(per_client, burst_s);
    pthread_mutex_unlock(&r->lock);
}

void rate_free(struct rate *r)
{
    if (r == NULL)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* Kind and family, and the IPv4 address or the first half of an IPv6 one. */
static void words_of(enum rate_kind kind, const struct address *client, uint32_t words[WORDS])
{
    uint8_t bytes[16] = {0};
    size_t count = address_bytes(client, bytes);

    words[0] = (uint32_t)kind << 8 | (uint32_t)count;
    memcpy(&words[1], bytes, 4);
    words[2] = 0;
    if (count == 16)
        memcpy(&words[2], bytes + 4, 4);
}

/* Multiply-shift (Dietzfelbinger): for two clients and a random key, sharing a cell is as rare as by chance. */
static uint64_t *cell_of(struct rate *r, unsigned row, const uint32_t words[WORDS])
{
    uint64_t sum = r->keys[row][WORDS];

    for (unsigned i = 0; i < WORDS; i++)
        sum += r->keys[row][i] * words[i];
    return &r->cells[row][sum >> (64 - CELL_BITS)];
}

/* Where the cell would be with one more; 0: it may not. */
static uint64_t step(const struct pace *p, uint64_t cell_us, uint64_t now_us)
{
    uint64_t next = (cell_us > now_us ? cell_us : now_us) + p->step_us;

    return next - now_us <= p->most_us ? next : 0;
}

static enum rate_result take(struct rate *r, enum rate_kind kind, const struct address *client, uint64_t now_us)
{
    uint64_t *cells[ROWS], least = UINT64_MAX, client_us = now_us, total_us;
    uint32_t words[WORDS];

    words_of(kind, client, words);
    for (unsigned row = 0; row < ROWS; row++) {
        cells[row] = cell_of(r, row, words);
        if (*cells[row] < least)
            least = *cells[row];
    }
    if (r->per_client.step_us > 0 && (client_us = step(&r->per_client, least, now_us)) == 0)
        return RATE_CLIENT;
    if (r->total.step_us > 0) {
        total_us = step(&r->total, r->total_us[kind], now_us);
        if (total_us == 0)
            return RATE_TOTAL;
        r->total_us[kind] = total_us;
    }
    for (unsigned row = 0; row < ROWS; row++)
        if (*cells[row] < client_us)
            *cells[row] = client_us;
    return RATE_GOOD;
}

enum rate_result rate_take(struct rate *r, enum rate_kind kind, const struct address *client, uint64_t now_ms)
{
    enum rate_result result = RATE_GOOD;

    pthread_mutex_lock(&r->lock);
    if (r->total.step_us > 0 || r->per_client.step_us > 0)
        result = take(r, kind, client, now_ms * 1000);
    pthread_mutex_unlock(&r->lock);
    return result;
}
