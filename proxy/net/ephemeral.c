/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the kernel's range of source ports, read once. Any thread. */
#include "proxy/net/ephemeral.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>

#define RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range"

static struct port_range range = {32768, 60999}; /* the kernel's own, where it does not tell */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_range(void)
{
    FILE *file = fopen(RANGE_FILE, "re");
    unsigned first, last;

    if (file == NULL)
        return;
    if (fscanf(file, "%u %u", &first, &last) == 2 && first > 0 && first <= last && last <= UINT16_MAX)
        range = (struct port_range){(uint16_t)first, (uint16_t)last};
    (void)fclose(file);
}

struct port_range ephemeral_ports(void)
{
    (void)pthread_once(&once, read_range);
    return range;
}

static unsigned count(const struct port_range *r)
{
    return r->first == 0 ? 0 : (unsigned)(r->last - r->first) + 1;
}

/* What two ranges share; {0, 0} is nothing. */
static struct port_range shared(const struct port_range *a, const struct port_range *b)
{
    struct port_range both = {a->first > b->first ? a->first : b->first, a->last < b->last ? a->last : b->last};

    if (a->first == 0 || b->first == 0 || both.first > both.last)
        return (struct port_range){0, 0};
    return both;
}

bool ephemeral_is_too_wide(const struct port_range *all, const struct port_range *wanted)
{
    struct port_range taken = shared(all, wanted);

    return count(&taken) > count(all) / 2;
}

struct port_range ephemeral_avoid(const struct port_range *all, const struct port_range *wanted)
{
    struct port_range taken = shared(all, wanted);

    if (taken.first == 0 || ephemeral_is_too_wide(all, wanted))
        return (struct port_range){0, 0};
    return *wanted;
}

uint16_t ephemeral_draw(const struct port_range *all, const struct port_range *avoid, uint32_t random)
{
    struct port_range taken = shared(all, avoid);
    unsigned left = count(all) - count(&taken);
    unsigned port;

    assert(left > 0);
    port = all->first + random % left;
    if (taken.first != 0 && port >= taken.first)
        port += count(&taken);
    return (uint16_t)port;
}
