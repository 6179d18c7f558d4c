/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the announced ports of one lease. Main loop. */
#include "proxy/link/announced.h"

#include "proxy/base/log.h"
#include "proxy/link/catcher.h"

#include <stdlib.h>

/* Of one lease: more than a Sockets range has, and a bound for a client that announces another port with each link. */
#define ANNOUNCED_MAX 256

/* So many ports on which other programs listen are passed over. */
#define LISTEN_TRIES 16

struct announced_port {
    uint16_t port; /* the client's */
    uint16_t ours;
    unsigned holders; /* links */
    uint64_t turn;    /* of its last get or put */
    struct catcher *catcher;
};

static struct announced_port *find(const struct announced *a, uint16_t port)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].port == port)
            return &a->list[i];
    return NULL;
}

uint16_t announced_find(const struct announced *a, uint16_t ours)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].ours == ours)
            return a->list[i].port;
    return 0;
}

bool announced_is_in(const struct announced *a, const struct port_range *range)
{
    for (size_t i = 0; i < a->count; i++)
        if (port_range_contains(range, a->list[i].ours))
            return true;
    return false;
}

/* Text is replaced in place: ours must have as many digits. */
static struct port_range usable_ports(const struct cfg_advise *advise, uint16_t port)
{
    struct port_range range = advise->relay_ports;
    unsigned low = 1;

    if (advise->rule.form != CFG_PORT_DECIMAL)
        return range;
    while (low * 10 <= port)
        low *= 10;
    if (range.first < low)
        range.first = (uint16_t)low;
    if (range.last > low * 10 - 1)
        range.last = (uint16_t)(low * 10 - 1);
    return range;
}

static bool remove_oldest(struct announced *a, struct hub *h)
{
    struct announced_port *oldest = NULL;

    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].holders == 0 && (oldest == NULL || a->list[i].turn < oldest->turn))
            oldest = &a->list[i];
    if (oldest == NULL)
        return false;
    catcher_put(h, oldest->catcher);
    *oldest = a->list[--a->count];
    return true;
}

static bool make_room(struct announced *a)
{
    size_t room = a->room == 0 ? 8 : a->room * 2;
    struct announced_port *list;

    if (a->count < a->room)
        return true;
    list = realloc(a->list, room * sizeof(*list));
    if (list == NULL)
        return false;
    a->list = list;
    a->room = room;
    return true;
}

/* Listens on the next port of ours that nobody has. */
static struct catcher *take_port(struct hub *h, const struct lease *lease, struct port_range range, uint16_t *ret_ours,
                                 enum reason *ret_why)
{
    struct lease_table *table = lease->table;
    size_t count = range.first > range.last ? 0 : (size_t)(range.last - range.first) + 1;
    struct address at = lease->address;
    unsigned tries = 0;

    *ret_why = REASON_NO_PORT;
    for (size_t i = 0; i < count && tries < LISTEN_TRIES; i++) {
        struct catcher *catcher;

        *ret_ours = (uint16_t)(range.first + table->next++ % count);
        address_set_port(&at, *ret_ours);
        if (catcher_is_at(h, &at))
            continue;
        catcher = catcher_get(h, table->link, &at, ret_why);
        if (catcher != NULL || *ret_why != REASON_LEASE_LISTEN)
            return catcher;
        tries++;
    }
    return NULL;
}

static void log_taken(const struct lease *lease, const struct announced_port *p)
{
    struct address at = lease->address, client = lease->identity.client;
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "port_given"))
        return;
    address_set_port(&at, p->ours);
    address_set_port(&client, p->port);
    log_text(&l, "link", lease->table->link->name);
    log_text(&l, "agent", identity_group(&lease->identity));
    log_address(&l, "client", &client);
    log_address(&l, "address", &at);
    log_end(&l);
}

static enum reason add(struct announced *a, struct hub *h, const struct lease *lease, uint16_t port)
{
    struct port_range range = usable_ports(&lease->table->link->advise, port);
    struct announced_port new = {.port = port};
    enum reason why;

    if (a->count >= ANNOUNCED_MAX && !remove_oldest(a, h))
        return REASON_NO_PORT;
    if (!make_room(a))
        return REASON_NO_MEMORY;
    new.catcher = take_port(h, lease, range, &new.ours, &why);
    if (new.catcher == NULL && why == REASON_NO_PORT &&remove_oldest(a, h))
        new.catcher = take_port(h, lease, range, &new.ours, &why);
    if (new.catcher == NULL)
        return why;
    a->list[a->count++] = new;
    log_taken(lease, &new);
    return REASON_NONE;
}

enum reason announced_get(struct announced *a, struct hub *h, const struct lease *lease, uint16_t port, uint16_t *ret_ours)
{
    enum reason why = find(a, port) != NULL ? REASON_NONE : add(a, h, lease, port);
    struct announced_port *p;

    if (why != REASON_NONE)
        return why;
    p = find(a, port);
    p->holders++;
    p->turn = ++a->turn;
    *ret_ours = p->ours;
    return REASON_NONE;
}

void announced_put(struct announced *a, uint16_t port)
{
    struct announced_port *p = find(a, port);

    if (p == NULL || p->holders == 0)
        return;
    p->holders--;
    p->turn = ++a->turn;
}

void announced_fini(struct announced *a, struct hub *h)
{
    while (a->count > 0)
        catcher_put(h, a->list[--a->count].catcher);
    free(a->list);
    *a = (struct announced){0};
}
