/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the bytes that were kept. Main thread. */
#include "proxy/link/learn_store.h"

#include "proxy/base/clock.h"

#include <stdlib.h>
#include <string.h>

int learn_store_init(struct learn_store *store)
{
    *store = (struct learn_store){.dials = calloc(LEARN_DIALS, sizeof(*store->dials))};
    TAILQ_INIT(&store->links);
    return store->dials != NULL ? 0 : -1;
}

static void remove_link(struct learn_store *store, struct learn_link *link)
{
    TAILQ_REMOVE(&store->links, link, entry);
    store->links_count--;
    explicit_bzero(link, sizeof(*link));
    free(link);
}

void learn_store_fini(struct learn_store *store)
{
    if (store->dials == NULL)
        return;
    while (!TAILQ_EMPTY(&store->links))
        remove_link(store, TAILQ_FIRST(&store->links));
    explicit_bzero(store->dials, LEARN_DIALS * sizeof(*store->dials));
    free(store->dials);
    store->dials = NULL;
    store->dials_count = 0;
}

/* -- what is seen --------------------------------------------------------------------------------------------------------------
 */

static bool is_of(const struct cfg_link *link, const struct identity *identity, const struct cfg_link *other_link,
                  const struct identity *other)
{
    return link == other_link && identity_is_same(identity, other);
}

static void forget_oldest(struct learn_store *store)
{
    struct learn_link *oldest = TAILQ_FIRST(&store->links);

    for (size_t i = 0; i < store->dials_count; i++)
        if (is_of(store->dials[i].link, &store->dials[i].identity, oldest->link, &oldest->identity))
            store->dials[i].is_excused = true;
    remove_link(store, oldest);
}

static struct learn_link *find_link(const struct learn_store *store, struct session_handle session)
{
    struct learn_link *link;

    TAILQ_FOREACH_REVERSE(link, &store->links, learn_links, entry)
    if (link->session.worker == session.worker && link->session.serial == session.serial)
        return link;
    return NULL;
}

static struct learn_link *new_link(struct learn_store *store, struct session_handle session, const struct cfg_link *of,
                                   const struct identity *identity)
{
    struct learn_link *link;

    if (store->dials_count == LEARN_DIALS) /* what it announces could not be told from what was never dialled */
        return NULL;
    link = calloc(1, sizeof(*link));
    if (link == NULL)
        return NULL;
    if (store->links_count == LEARN_LINKS)
        forget_oldest(store);
    link->session = session;
    link->link = of;
    link->identity = *identity;
    TAILQ_INSERT_TAIL(&store->links, link, entry);
    store->links_count++;
    return link;
}

void learn_store_add(struct learn_store *store, struct session_handle session, const struct cfg_link *link,
                     const struct identity *identity, const uint8_t *bytes, size_t count)
{
    struct learn_link *known = find_link(store, session);

    if (known == NULL)
        known = new_link(store, session, link, identity);
    if (known == NULL)
        return;
    if (count > sizeof(known->bytes) - known->count)
        count = sizeof(known->bytes) - known->count;
    memcpy(known->bytes + known->count, bytes, count);
    known->count += count;
    known->moved_ms = clock_ms();
    store->changes++;
}

void learn_store_dialled(struct learn_store *store, const struct cfg_link *link, const struct identity *identity, uint16_t port)
{
    for (size_t i = 0; i < store->dials_count; i++)
        if (store->dials[i].port == port && is_of(store->dials[i].link, &store->dials[i].identity, link, identity))
            return;
    if (store->dials_count == LEARN_DIALS)
        return;
    store->dials[store->dials_count++] = (struct learn_dial){.link = link, .identity = *identity, .port = port};
    store->changes++;
}

/* -- the search ----------------------------------------------------------------------------------------------------------------
 */

/* The evidence of one link, with numbers for the identities. */
struct gathered {
    struct port_sample samples[LEARN_LINKS];
    struct port_dial dials[LEARN_DIALS];
    const struct identity *clients[LEARN_LINKS + LEARN_DIALS];
    unsigned clients_count;
    struct port_evidence evidence;
};

static unsigned number_of(struct gathered *g, const struct identity *identity)
{
    for (unsigned i = 0; i < g->clients_count; i++)
        if (identity_is_same(g->clients[i], identity))
            return i;
    g->clients[g->clients_count] = identity;
    return g->clients_count++;
}

static void gather(struct gathered *g, const struct learn_store *store, const struct cfg_link *link, struct learn_seen *seen)
{
    uint64_t now_ms = clock_ms();
    const struct learn_link *kept;

    TAILQ_FOREACH(kept, &store->links, entry)
    if (kept->link == link)
        g->samples[g->evidence.samples_count++] = (struct port_sample){.bytes = kept->bytes,
                                                                       .count = kept->count,
                                                                       .client = number_of(g, &kept->identity),
                                                                       .is_settled = now_ms - kept->moved_ms >= LEARN_SETTLE_MS};
    seen->clients = g->clients_count;
    for (size_t i = 0; i < store->dials_count; i++) {
        const struct learn_dial *dial = &store->dials[i];

        if (dial->link != link)
            continue;
        g->dials[g->evidence.dials_count++] =
            (struct port_dial){.client = number_of(g, &dial->identity), .port = dial->port, .is_excused = dial->is_excused};
        seen->others += !port_range_contains(&link->advise.ports, dial->port);
    }
    seen->links = g->evidence.samples_count;
    seen->dials = g->evidence.dials_count;
    g->evidence.samples = g->samples;
    g->evidence.dials = g->dials;
    g->evidence.ports = link->advise.ports;
}

int learn_store_find(const struct learn_store *store, const struct cfg_link *link, struct port_found *ret,
                     struct learn_seen *ret_seen)
{
    struct gathered *g = calloc(1, sizeof(*g));
    int result;

    if (g == NULL)
        return -1;
    *ret_seen = (struct learn_seen){0};
    gather(g, store, link, ret_seen);
    result = port_find(&g->evidence, ret);
    free(g);
    return result;
}
