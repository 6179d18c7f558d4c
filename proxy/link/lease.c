/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the leases of one link. Main loop only (or a test). */
#include "proxy/link/lease.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t pool_size(const struct cfg_link *link)
{
    size_t size = 0;

    for (size_t i = 0; i < link->advise.pool_count; i++)
        size += address_range_count(&link->advise.pool[i].range, SIZE_MAX / 64);
    return size;
}

static struct address pool_at(const struct cfg_link *link, size_t index)
{
    for (size_t i = 0; i < link->advise.pool_count; i++) {
        size_t count = address_range_count(&link->advise.pool[i].range, SIZE_MAX / 64);

        if (index < count)
            return address_range_at(&link->advise.pool[i].range, index);
        index -= count;
    }
    assert(false && "index beyond the pool");
    return (struct address){0};
}

/* The index of an address in the pool; the pool's size if it is not in it. */
static size_t pool_index(const struct lease_table *t, const struct address *address)
{
    size_t base = 0;

    for (size_t i = 0; i < t->link->advise.pool_count; i++) {
        const struct address_range *range = &t->link->advise.pool[i].range;
        size_t count = address_range_count(range, SIZE_MAX / 64);

        if (address_range_contains(range, address)) {
            size_t low = 0, high = count - 1;

            while (low < high) { /* addresses rise with the index */
                size_t middle = low + (high - low) / 2;
                struct address at = address_range_at(range, middle);

                if (address_compare_ip(&at, address) < 0)
                    low = middle + 1;
                else
                    high = middle;
            }
            return base + low;
        }
        base += count;
    }
    return t->size;
}

static const struct cfg_pin *pin_of(const struct cfg_link *link, const struct identity *identity)
{
    for (size_t i = 0; i < link->advise.pins_count; i++) {
        const struct cfg_pin *pin = &link->advise.pins[i];

        if (strcmp(pin->agent, identity_group(identity)) == 0 && address_same_ip(&pin->client, &identity->client))
            return pin;
    }
    return NULL;
}

int lease_table_init(struct lease_table *t, const struct cfg_link *link)
{
    *t = (struct lease_table){.link = link, .size = pool_size(link), .buckets_count = 64};
    while (t->buckets_count < t->size)
        t->buckets_count *= 2;
    t->buckets = calloc(t->buckets_count, sizeof(*t->buckets));
    t->is_taken = calloc(t->size > 0 ? t->size : 1, sizeof(*t->is_taken));
    if (t->buckets == NULL || t->is_taken == NULL) {
        lease_table_fini(t);
        return -1;
    }
    for (size_t i = 0; i < link->advise.pins_count; i++) {
        size_t index = pool_index(t, &link->advise.pins[i].address);

        if (index < t->size)
            t->is_taken[index] = true;
    }
    return 0;
}

void lease_table_fini(struct lease_table *t)
{
    for (size_t i = 0; t->buckets != NULL && i < t->buckets_count; i++)
        while (t->buckets[i] != NULL) {
            struct lease *lease = t->buckets[i];

            t->buckets[i] = lease->next;
            free(lease);
        }
    free(t->buckets);
    free(t->is_taken);
    *t = (struct lease_table){0};
}

static struct lease **bucket_of(const struct lease_table *t, const struct identity *identity)
{
    uint32_t hash = address_hash(&identity->client);

    for (const char *c = identity->behind; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    return &t->buckets[(hash ^ hash >> 15) & (t->buckets_count - 1)]; /* FNV-1a goes on over the name */
}

struct lease *lease_find(const struct lease_table *t, const struct identity *identity)
{
    struct lease *lease = *bucket_of(t, identity);

    while (lease != NULL && !identity_is_same(&lease->identity, identity))
        lease = lease->next;
    return lease;
}

static struct lease *lease_new(struct lease_table *t, const struct identity *identity, const struct address *address)
{
    struct lease *lease = calloc(1, sizeof(*lease));
    struct lease **bucket = bucket_of(t, identity);

    if (lease == NULL)
        return NULL;
    lease->table = t;
    lease->identity = *identity;
    address_set_port(&lease->identity.client, 0);
    lease->address = *address;
    lease->ports = t->link->advise.ports;
    lease->next = *bucket;
    *bucket = lease;
    t->leases_count++;
    return lease;
}

static void lease_unlink(struct lease *lease)
{
    struct lease **link = bucket_of(lease->table, &lease->identity);

    while (*link != lease)
        link = &(*link)->next;
    *link = lease->next;
    lease->table->leases_count--;
}

void lease_forget(struct lease *lease)
{
    assert(!lease->is_active);
    lease_unlink(lease);
    free(lease);
}

/* An address that nobody had; the pool's size if there is none. */
static size_t find_unused(struct lease_table *t)
{
    for (size_t i = 0; i < t->size; i++) {
        size_t index = (t->next + i) % t->size;

        if (!t->is_taken[index]) {
            t->next = index + 1;
            return index;
        }
    }
    return t->size;
}

static void find_oldest(struct lease *lease, void *arg)
{
    struct lease **oldest = arg;

    if (!lease->is_active && !lease->is_pinned && (*oldest == NULL || lease->used_s < (*oldest)->used_s))
        *oldest = lease;
}

void lease_each(struct lease_table *t, void (*each)(struct lease *lease, void *arg), void *arg)
{
    for (size_t i = 0; i < t->buckets_count; i++)
        for (struct lease *lease = t->buckets[i], *next; lease != NULL; lease = next) {
            next = lease->next;
            each(lease, arg);
        }
}

/* -- choosing ------------------------------------------------------------------------------------------------------------------
 */

static struct lease *take_over_oldest(struct lease_table *t, const struct identity *identity)
{
    struct lease *oldest = NULL, *lease;

    if (t->active_count >= t->size)
        return NULL;
    lease_each(t, find_oldest, &oldest);
    if (oldest == NULL)
        return NULL;
    lease = lease_new(t, identity, &oldest->address);
    if (lease != NULL)
        lease_forget(oldest);
    return lease;
}

/* NULL: every address is active or pinned (or no memory). */
static struct lease *lease_from_pool(struct lease_table *t, const struct identity *identity)
{
    const struct cfg_pin *pin = pin_of(t->link, identity);
    struct lease *lease;
    struct address address;
    size_t index;

    if (pin != NULL) {
        lease = lease_new(t, identity, &pin->address);
        if (lease != NULL)
            lease->is_pinned = true;
        return lease;
    }
    index = find_unused(t);
    if (index == t->size)
        return take_over_oldest(t, identity);
    address = pool_at(t->link, index);
    lease = lease_new(t, identity, &address);
    if (lease != NULL)
        t->is_taken[index] = true;
    return lease;
}

static const struct cfg_port_client *range_of(const struct cfg_link *link, const struct identity *identity)
{
    for (size_t i = 0; i < link->advise.clients_count; i++) {
        const struct cfg_port_client *client = &link->advise.clients[i];

        if (strcmp(client->agent, identity_group(identity)) == 0 && address_same_ip(&client->client, &identity->client))
            return client;
    }
    return NULL;
}

static struct lease *lease_with_ports(struct lease_table *t, const struct identity *identity, const struct address *address,
                                      struct port_range ports)
{
    struct lease *lease = lease_new(t, identity, address);

    if (lease != NULL)
        lease->ports = ports;
    return lease;
}

struct lease *lease_get(struct lease_table *t, const struct identity *identity, enum reason *ret_why)
{
    const struct cfg_advise *advise = &t->link->advise;
    struct lease *lease = lease_find(t, identity);
    const struct cfg_port_client *client;

    if (lease != NULL)
        return lease;
    *ret_why = REASON_NO_MEMORY;
    switch (advise->addressing) {
    case CFG_ADDRESSING_TRANSPARENT:
        return lease_with_ports(t, identity, &identity->client, (struct port_range){1, UINT16_MAX});
    case CFG_ADDRESSING_REWRITE:
        return lease_with_ports(t, identity, &advise->address, (struct port_range){0, 0});
    case CFG_ADDRESSING_PORTS:
        client = range_of(t->link, identity);
        if (client != NULL)
            return lease_with_ports(t, identity, &advise->address, client->ports);
        *ret_why = REASON_NO_RANGE;
        return NULL;
    default:
        *ret_why = REASON_POOL_EXHAUSTED;
        return lease_from_pool(t, identity);
    }
}

/* -- ports ---------------------------------------------------------------------------------------------------------------------
 */

bool lease_catches(const struct lease *lease, uint16_t port, bool is_intercepted)
{
    const struct cfg_advise *advise = &lease->table->link->advise;

    if (port_range_contains(&lease->ports, port))
        return true;
    return is_intercepted && cfg_is_intercepted(advise);
}

struct port_range lease_advise_ports(const struct cfg_link *link)
{
    const struct cfg_advise *advise = &link->advise;
    struct port_range all = advise->ports;

    if (advise->addressing == CFG_ADDRESSING_REWRITE)
        return advise->relay_ports;
    if (advise->addressing != CFG_ADDRESSING_PORTS)
        return all;
    for (size_t i = 0; i < advise->clients_count; i++) { /* the range that holds all of them */
        const struct port_range *one = &advise->clients[i].ports;

        if (i == 0 || one->first < all.first)
            all.first = one->first;
        if (i == 0 || one->last > all.last)
            all.last = one->last;
    }
    return all;
}

/* -- remembering ---------------------------------------------------------------------------------------------------------------
 */

bool lease_remember(struct lease_table *t, const struct identity *identity, const struct address *address, int64_t used_s)
{
    const struct cfg_pin *pin = pin_of(t->link, identity);
    size_t index = pool_index(t, address);
    struct lease *lease;

    if (index == t->size || lease_find(t, identity) != NULL)
        return false;
    if (pin != NULL ? !address_same_ip(&pin->address, address) : t->is_taken[index])
        return false;
    lease = lease_new(t, identity, address);
    if (lease == NULL)
        return false;
    lease->is_pinned = pin != NULL;
    lease->used_s = used_s;
    t->is_taken[index] = true;
    return true;
}

/* -- moving --------------------------------------------------------------------------------------------------------------------
 */

static bool has_same_from(const struct cfg_advise *a, const struct cfg_advise *b)
{
    if (a->from_count != b->from_count)
        return false;
    for (size_t i = 0; i < a->from_count; i++)
        if (a->from[i].network.prefix != b->from[i].network.prefix ||
            !address_same_ip(&a->from[i].network.base, &b->from[i].network.base))
            return false;
    return true;
}

/* What a lease that is under way goes by: a server that dials back must be let in as before. */
static bool is_same_way(const struct cfg_link *a, const struct cfg_link *b)
{
    return strcmp(a->server.text, b->server.text) == 0 && a->advise.addressing == b->advise.addressing &&
           a->advise.delivery == b->advise.delivery && has_same_from(&a->advise, &b->advise);
}

static bool has_ports(const struct cfg_port_client *client, const struct lease *lease)
{
    return client != NULL && client->ports.first == lease->ports.first && client->ports.last == lease->ports.last;
}

static bool fits_pool(const struct lease *lease, const struct lease_table *to)
{
    const struct cfg_pin *pin = pin_of(to->link, &lease->identity);
    size_t index = pool_index(to, &lease->address);

    if (pin != NULL)
        return address_same_ip(&pin->address, &lease->address);
    return index < to->size && !to->is_taken[index];
}

static bool fits(const struct lease *lease, const struct lease_table *to)
{
    const struct cfg_advise *advise = &to->link->advise;

    if (lease_find(to, &lease->identity) != NULL)
        return false;
    if (!lease->is_active) /* nobody dials back to it: only the address counts */
        return to->size > 0 && fits_pool(lease, to);
    if (!is_same_way(lease->table->link, to->link))
        return false;
    switch (advise->addressing) {
    case CFG_ADDRESSING_TRANSPARENT:
        return true;
    case CFG_ADDRESSING_REWRITE:
        return address_same_ip(&advise->address, &lease->address);
    case CFG_ADDRESSING_PORTS:
        return address_same_ip(&advise->address, &lease->address) && has_ports(range_of(to->link, &lease->identity), lease);
    default:
        return fits_pool(lease, to);
    }
}

bool lease_move(struct lease *lease, struct lease_table *to)
{
    struct lease **bucket = bucket_of(to, &lease->identity);
    size_t index = pool_index(to, &lease->address);

    if (!fits(lease, to))
        return false;
    lease_unlink(lease);
    lease->table->active_count -= lease->is_active;
    lease->table = to;
    lease->is_pinned = pin_of(to->link, &lease->identity) != NULL;
    lease->next = *bucket;
    *bucket = lease;
    to->leases_count++;
    to->active_count += lease->is_active;
    if (index < to->size)
        to->is_taken[index] = true;
    if (!lease->is_active)
        lease->ports = to->link->advise.ports;
    return true;
}

void lease_table_avoid(struct lease_table *t, const struct address *address)
{
    size_t index = pool_index(t, address);

    if (index < t->size)
        t->is_taken[index] = true;
}

struct search {
    const struct address *address;
    bool is_found;
};

static void find_address(struct lease *lease, void *arg)
{
    struct search *search = arg;

    search->is_found |= address_same_ip(&lease->address, search->address);
}

static bool is_pinned(const struct cfg_link *link, const struct address *address)
{
    for (size_t i = 0; i < link->advise.pins_count; i++)
        if (address_same_ip(&link->advise.pins[i].address, address))
            return true;
    return false;
}

void lease_table_release(struct lease_table *t, const struct address *address)
{
    struct search search = {.address = address};
    size_t index = pool_index(t, address);

    if (index == t->size || is_pinned(t->link, address))
        return;
    lease_each(t, find_address, &search);
    t->is_taken[index] = search.is_found;
}
