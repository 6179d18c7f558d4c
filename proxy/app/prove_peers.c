/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the list. Thread of the command. */
#include "proxy/app/prove_peers.h"

#include <netdb.h>
#include <stdlib.h>

static bool add(struct prove_peers *p, const struct prove_peer *peer)
{
    struct prove_peer *more = reallocarray(p->list, p->count + 1, sizeof(*more));

    if (more == NULL)
        return false;
    p->list = more;
    p->list[p->count++] = *peer;
    return true;
}

static bool add_address(struct prove_peers *p, struct prove_peer peer, const struct address *address)
{
    peer.network = (struct network){.base = *address, .prefix = address->sa.any.sa_family == AF_INET6 ? 128 : 32};
    address_set_port(&peer.network.base, 0);
    return add(p, &peer);
}

static bool add_name(struct prove_peers *p, struct prove_peer peer, const char *name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    bool is_good = true;

    if (getaddrinfo(name, NULL, &hints, &found) != 0) {
        peer.is_unknown = true;
        return add(p, &peer);
    }
    for (const struct addrinfo *one = found; one != NULL && is_good; one = one->ai_next) {
        struct address address = {0};

        address_from_sockaddr(&address, one->ai_addr, one->ai_addrlen);
        is_good = add_address(p, peer, &address);
    }
    freeaddrinfo(found);
    return is_good;
}

static bool add_endpoint(struct prove_peers *p, enum prove_kind kind, const struct cfg_endpoint *endpoint)
{
    struct prove_peer peer = {.kind = kind, .port = endpoint->port, .text = endpoint->text};

    if (endpoint->agent != NULL)
        return true; /* an agent dials it, we don't */
    return endpoint->is_name ? add_name(p, peer, endpoint->host) : add_address(p, peer, &endpoint->address);
}

static bool add_networks(struct prove_peers *p, enum prove_kind kind, const struct cfg_network *networks, size_t count,
                         const char *text)
{
    bool is_good = true;

    for (size_t i = 0; i < count && is_good; i++)
        is_good = add(p, &(struct prove_peer){.kind = kind, .network = networks[i].network, .text = text});
    return is_good;
}

static bool add_upstream(struct prove_peers *p, const struct cfg_upstream *upstream)
{
    bool is_good = true;

    for (size_t i = 0; i < upstream->servers_count && is_good; i++)
        is_good = add_endpoint(p, PROVE_SERVER, &upstream->servers[i]);
    return is_good;
}

static bool add_web(struct prove_peers *p, const struct cfg_web *web)
{
    bool is_good = add_upstream(p, &web->upstream);

    for (size_t i = 0; i < web->upstreams_count && is_good; i++)
        is_good = add_upstream(p, &web->upstreams[i]);
    return is_good;
}

static bool add_served(struct prove_peers *p, const struct cfg_link *link)
{
    return add_endpoint(p, PROVE_SERVER, &link->server) &&
           add_networks(p, PROVE_SERVER_SOURCE, link->advise.from, link->advise.from_count, link->name);
}

static bool add_clients(struct prove_peers *p, const struct cfg *cfg)
{
    bool is_good = add_networks(p, PROVE_CLIENTS, cfg->clients, cfg->clients_count, cfg->name);

    for (size_t i = 0; i < cfg->tunnel.agents_count && is_good; i++) {
        const struct cfg_agent *agent = &cfg->tunnel.agents[i];

        is_good = add_networks(p, PROVE_CLIENTS, agent->clients, agent->clients_count, agent->name);
    }
    if (is_good && address_is_set(&cfg->client_address))
        is_good = add_address(p, (struct prove_peer){.kind = PROVE_CLIENTS, .text = cfg->name}, &cfg->client_address);
    return is_good;
}

/* Over UDP, or a Unix socket, nothing is connected. */
static bool add_receiver(struct prove_peers *p, const struct cfg_syslog_target *syslog)
{
    struct prove_peer peer = {.kind = PROVE_RECEIVER, .port = (uint16_t)atoi(syslog->port), .text = syslog->text};

    if (syslog->transport != CFG_SYSLOG_TCP && syslog->transport != CFG_SYSLOG_TLS)
        return true;
    return add_name(p, peer, syslog->host);
}

int prove_peers_init(struct prove_peers *p, const struct cfg *cfg)
{
    bool is_good;

    *p = (struct prove_peers){0};
    is_good = add_clients(p, cfg);
    for (size_t i = 0; i < cfg->served_count && is_good; i++)
        is_good = add_served(p, &cfg->served[i]);
    for (size_t i = 0; i < cfg->web_count && is_good; i++)
        is_good = add_web(p, &cfg->web[i]);
    for (size_t i = 0; i < cfg->relays_count && is_good; i++)
        is_good = add_endpoint(p, PROVE_RELAY, &cfg->relays[i]);
    if (is_good)
        is_good = add_receiver(p, &cfg->audit.syslog);
    return is_good ? 0 : -1;
}

const struct prove_peer *prove_peers_find(const struct prove_peers *p, enum prove_kind kind, const struct address *ip)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].kind == kind && !p->list[i].is_unknown && network_contains(&p->list[i].network, ip))
            return &p->list[i];
    return NULL;
}

const struct prove_peer *prove_peers_find_port(const struct prove_peers *p, enum prove_kind kind, const struct address *peer)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct prove_peer *one = &p->list[i];

        if (one->kind == kind && !one->is_unknown && (one->port == 0 || one->port == address_port(peer)) &&
            network_contains(&one->network, peer))
            return one;
    }
    return NULL;
}

void prove_peers_fini(struct prove_peers *p)
{
    free(p->list);
    *p = (struct prove_peers){0};
}
