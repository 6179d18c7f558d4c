/* SPDX-License-Identifier: Apache-2.0 */
/* Owns one thread's copy of the host table. Only that thread. */
#include "proxy/session/hosts.h"

#include "proxy/base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void add(struct hosts *h, const struct cfg_endpoint *endpoint)
{
    struct known_host *host = &h->list[h->count++];

    *host = (struct known_host){.endpoint = endpoint};
    if (!endpoint->is_name && endpoint->agent == NULL) {
        host->addresses.count = 1;
        host->addresses.list[0] = endpoint->address;
    }
}

static void add_upstream(struct hosts *h, const struct cfg_upstream *upstream)
{
    for (size_t i = 0; i < upstream->servers_count; i++)
        add(h, &upstream->servers[i]);
}

static void add_web(struct hosts *h, const struct cfg_web *web)
{
    add_upstream(h, &web->upstream);
    for (size_t i = 0; i < web->upstreams_count; i++)
        add_upstream(h, &web->upstreams[i]);
}

static size_t count_web(const struct cfg_web *web)
{
    size_t count = web->upstream.servers_count;

    for (size_t i = 0; i < web->upstreams_count; i++)
        count += web->upstreams[i].servers_count;
    return count;
}

int hosts_init(struct hosts *h, const struct cfg *cfg)
{
    size_t count = cfg->relays_count + cfg->links_count + cfg->servers_count;

    for (size_t i = 0; i < cfg->web_count; i++)
        count += count_web(&cfg->web[i]);
    h->count = 0;
    h->list = calloc(count > 0 ? count : 1, sizeof(*h->list));
    if (h->list == NULL)
        return -1;
    for (size_t i = 0; i < cfg->web_count; i++)
        add_web(h, &cfg->web[i]);
    for (size_t i = 0; i < cfg->links_count && cfg->role == CFG_ROLE_RELAY; i++)
        add(h, &cfg->links[i].server);
    for (size_t i = 0; i < cfg->servers_count; i++)
        add(h, &cfg->servers[i].server);
    for (size_t i = 0; i < cfg->relays_count; i++)
        add(h, &cfg->relays[i]);
    return 0;
}

void hosts_fini(struct hosts *h)
{
    free(h->list);
    *h = (struct hosts){0};
}

struct known_host *hosts_find(struct hosts *h, const struct cfg_endpoint *endpoint)
{
    for (unsigned i = 0; i < h->count; i++)
        if (h->list[i].endpoint == endpoint)
            return &h->list[i];
    assert(false && "an endpoint that is not in the configuration");
    return NULL;
}

static const struct known_host *same_name(const struct hosts *h, const struct cfg_endpoint *endpoint)
{
    for (unsigned i = 0; i < h->count; i++)
        if (h->list[i].endpoint->is_name && strcmp(h->list[i].endpoint->text, endpoint->text) == 0)
            return &h->list[i];
    return NULL;
}

void hosts_inherit(struct hosts *to, const struct hosts *from)
{
    for (unsigned i = 0; i < to->count; i++) {
        const struct known_host *known = to->list[i].endpoint->is_name ? same_name(from, to->list[i].endpoint) : NULL;

        if (known != NULL)
            to->list[i].addresses = known->addresses;
    }
}

static unsigned place_of(const struct address *source)
{
    uint8_t bytes[16];
    size_t count = address_bytes(source, bytes);
    unsigned sum = 0;

    for (size_t i = 0; i < count; i++)
        sum = sum * 31 + bytes[i];
    return sum % HOST_SOURCES;
}

void host_set_down(struct known_host *host, const struct address *source)
{
    uint64_t until_ms = clock_ms() + HOST_DOWN_MS;
    bool is_second = address_is_set(&host->failed_source) && !address_same_ip(&host->failed_source, source);

    if (!address_is_set(source) || is_second) {
        host->down_until_ms = until_ms;
        return;
    }
    host->failed_source = *source;
    host->sources[place_of(source)] = (struct host_source){.address = *source, .down_until_ms = until_ms};
}

void host_set_up(struct known_host *host, const struct address *source)
{
    host->down_until_ms = 0;
    host->failed_source = (struct address){0};
    if (address_is_set(source))
        host->sources[place_of(source)].down_until_ms = 0;
}

bool host_is_down(const struct known_host *host, const struct address *source)
{
    const struct host_source *known;
    uint64_t now;

    if (host->is_unhealthy)
        return true;
    if (host->down_until_ms == 0 && !address_is_set(source))
        return false;
    now = clock_ms();
    if (host->down_until_ms > now)
        return true;
    if (!address_is_set(source))
        return false;
    known = &host->sources[place_of(source)];
    return known->down_until_ms > now && address_same_ip(&known->address, source);
}
