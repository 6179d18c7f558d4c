/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rule by which a loopback client and this machine are one. On workers. */
#include "proxy/link/machine.h"

static bool is_of_family(const struct address *a, const struct address *other)
{
    return address_is_set(a) && a->sa.any.sa_family == other->sa.any.sa_family;
}

/* That of the first relay which is up: new links go there (proxy/tunnel/agent_open.c). */
static const struct address *towards_relay(const struct worker *w)
{
    const struct worker_relay *first = NULL;

    for (size_t i = 0; i < WORKER_RELAYS_MAX; i++)
        if (w->relays[i].is_up && (first == NULL || w->relays[i].rank < first->rank))
            first = &w->relays[i];
    return first != NULL ? &first->local : NULL;
}

struct address machine_client(const struct worker *w, const struct address *peer)
{
    const struct address *own = address_is_set(&w->cfg->client_address) ? &w->cfg->client_address : towards_relay(w);
    struct address client = *peer;

    if (w->cfg->role != CFG_ROLE_AGENT || !address_is_loopback(peer) || own == NULL)
        return client;
    if (own != &w->cfg->client_address && (!is_of_family(own, peer) || address_is_loopback(own)))
        return client;
    client = *own;
    address_set_port(&client, address_port(peer));
    return client;
}

static bool is_own(const struct worker *w, const struct address *client)
{
    if (address_same_ip(&w->cfg->client_address, client))
        return true;
    for (size_t i = 0; i < WORKER_RELAYS_MAX; i++)
        if (!address_is_loopback(&w->relays[i].local) && address_same_ip(&w->relays[i].local, client))
            return true;
    return false;
}

static bool is_client(const struct cfg *cfg, const struct address *client)
{
    for (size_t i = 0; i < cfg->clients_count; i++)
        if (network_contains(&cfg->clients[i].network, client))
            return true;
    return false;
}

static struct address loopback_of(const struct address *client)
{
    struct address loopback = {0};

    (void)address_parse(client->sa.any.sa_family == AF_INET6 ? "::1" : "127.0.0.1", &loopback);
    address_set_port(&loopback, address_port(client));
    return loopback;
}

bool machine_lets_in(const struct worker *w, const struct address *client, struct address *ret_loopback)
{
    struct address loopback = loopback_of(client);
    bool is_here = !address_same_ip(client, &loopback) && is_own(w, client) && is_client(w->cfg, &loopback);

    if (ret_loopback != NULL)
        *ret_loopback = is_here ? loopback : (struct address){0};
    return is_here || is_client(w->cfg, client);
}

static bool listens_at(const struct cfg_listen *listen, const struct address *client, bool is_here)
{
    const struct address *at = &listen->address;

    if (address_port(at) != address_port(client))
        return false;
    return address_same_ip(at, client) || (is_here && (address_is_any(at) || address_is_loopback(at)));
}

bool machine_listens_at(const struct worker *w, const struct address *client)
{
    bool is_here = address_is_loopback(client) || is_own(w, client);

    for (size_t i = 0; i < w->cfg->links_count; i++)
        for (size_t j = 0; j < w->cfg->links[i].listen_count; j++)
            if (listens_at(&w->cfg->links[i].listen[j], client, is_here))
                return true;
    return false;
}
