/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of the process and its lock: a hash with open addressing from which nothing is removed. */
#include "proxy/net/account.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Twice the rows, so that a look-up ends soon even when the table is full. A power of two. */
#define SLOTS (ACCOUNT_PEERS * 2)

struct book {
    size_t used;
    struct account_row slots[SLOTS]; /* count 0: free */
    struct account_row others[ACCOUNT_PURPOSES_COUNT];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct book books[ACCOUNT_WAYS];
static struct account_sum sums[ACCOUNT_WAYS][ACCOUNT_PURPOSES_COUNT];
static uint64_t seed; /* peers choose their addresses: they must not know which of them collide */

static const char *const way_names[ACCOUNT_WAYS] = {"accepted", "opened"};

static const char *const purpose_names[ACCOUNT_PURPOSES_COUNT] = {
#define X(constant, name) name,
    ACCOUNT_PURPOSES(X)
#undef X
};

static uint64_t mix(uint64_t h)
{
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

static size_t first_slot(enum account_purpose purpose, const struct address *peer)
{
    uint8_t bytes[16] = {0};
    uint64_t halves[2];

    if (seed == 0 && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed = 1;
    (void)address_bytes(peer, bytes);
    memcpy(halves, bytes, sizeof(halves));
    return mix(mix(mix(seed ^ halves[0]) ^ halves[1]) ^ (uint64_t)purpose) & (SLOTS - 1);
}

/* The row of this peer; a new one while there is room, else "others". With the lock. */
static struct account_row *find_row(enum account_way way, enum account_purpose purpose, const struct address *peer)
{
    struct book *book = &books[way];
    size_t at = first_slot(purpose, peer);
    struct account_row *row;

    for (row = &book->slots[at]; row->count > 0; row = &book->slots[at]) {
        if (row->purpose == purpose && address_same_ip(&row->peer, peer))
            return row;
        at = (at + 1) & (SLOTS - 1);
    }
    if (book->used == ACCOUNT_PEERS || !address_is_set(peer)) {
        row = &book->others[purpose];
    } else {
        book->used++;
        row->peer = *peer;
        address_set_port(&row->peer, 0);
    }
    row->way = way;
    row->purpose = purpose;
    return row;
}

void account_accepted(enum account_purpose purpose, const struct address *peer)
{
    pthread_mutex_lock(&lock);
    find_row(ACCOUNT_ACCEPTED, purpose, peer)->count++;
    sums[ACCOUNT_ACCEPTED][purpose].count++;
    pthread_mutex_unlock(&lock);
}

void account_opened(enum account_purpose purpose, const struct address *peer)
{
    pthread_mutex_lock(&lock);
    find_row(ACCOUNT_OPENED, purpose, peer)->count++;
    sums[ACCOUNT_OPENED][purpose].count++;
    pthread_mutex_unlock(&lock);
}

void account_made(enum account_purpose purpose, const struct address *peer)
{
    pthread_mutex_lock(&lock);
    find_row(ACCOUNT_OPENED, purpose, peer)->made++;
    sums[ACCOUNT_OPENED][purpose].made++;
    pthread_mutex_unlock(&lock);
}

void account_read_sums(struct account_sum ret[ACCOUNT_WAYS][ACCOUNT_PURPOSES_COUNT])
{
    pthread_mutex_lock(&lock);
    memcpy(ret, sums, sizeof(sums));
    pthread_mutex_unlock(&lock);
}

static int compare(const void *a, const void *b)
{
    const struct account_row *one = a, *two = b;

    if (one->way != two->way)
        return one->way < two->way ? -1 : 1;
    if (one->purpose != two->purpose)
        return one->purpose < two->purpose ? -1 : 1;
    if (address_is_set(&one->peer) != address_is_set(&two->peer))
        return address_is_set(&one->peer) ? -1 : 1;
    return address_compare_ip(&one->peer, &two->peer);
}

static size_t copy_used(struct account_row *to, const struct account_row *rows, size_t count)
{
    size_t copied = 0;

    for (size_t i = 0; i < count; i++)
        if (rows[i].count > 0)
            to[copied++] = rows[i];
    return copied;
}

/* Whole tables are copied under the lock and looked through without it. */
struct account_row *account_read(size_t *ret_count)
{
    struct book *copy = malloc(sizeof(books));
    struct account_row *rows = calloc(ACCOUNT_WAYS * (ACCOUNT_PEERS + ACCOUNT_PURPOSES_COUNT), sizeof(*rows));
    size_t count = 0;

    if (copy == NULL || rows == NULL) {
        free(copy);
        free(rows);
        return NULL;
    }
    pthread_mutex_lock(&lock);
    memcpy(copy, books, sizeof(books));
    pthread_mutex_unlock(&lock);
    for (int way = 0; way < ACCOUNT_WAYS; way++) {
        count += copy_used(rows + count, copy[way].slots, SLOTS);
        count += copy_used(rows + count, copy[way].others, ACCOUNT_PURPOSES_COUNT);
    }
    free(copy);
    qsort(rows, count, sizeof(*rows), compare);
    *ret_count = count;
    return rows;
}

const char *account_way_name(enum account_way way)
{
    return way_names[way];
}

const char *account_purpose_name(enum account_purpose purpose)
{
    return purpose_names[purpose];
}

bool account_way_find(const char *name, enum account_way *ret)
{
    for (int i = 0; i < ACCOUNT_WAYS; i++)
        if (strcmp(way_names[i], name) == 0) {
            *ret = (enum account_way)i;
            return true;
        }
    return false;
}

bool account_purpose_find(const char *name, enum account_purpose *ret)
{
    for (int i = 0; i < ACCOUNT_PURPOSES_COUNT; i++)
        if (strcmp(purpose_names[i], name) == 0) {
            *ret = (enum account_purpose)i;
            return true;
        }
    return false;
}
