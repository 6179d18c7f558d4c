/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns connections to clients for the length of a trial. Who the clients are is known of those that the configuration names one
 * by one, and of those that have a link at this moment. A closed port that says so is as good as an open one: the way is free.
 * Tried is the last port of the range, which is the least likely to be in use.
 */
#include "proxy/app/probe_parts.h"
#include "proxy/app/running.h"

#include "proxy/base/clock.h"
#include "proxy/link/lease.h"
#include "proxy/net/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Clients that are tried. */
#define CLIENTS_MAX 64

struct call {
    struct address to;
    struct address from;
    int fd; /* -1: over */
    enum reason why;
    bool is_over;
};

struct calls {
    struct call list[CLIENTS_MAX];
    size_t count;
    struct port_range ports; /* of clients */
};

/* -- whom to try ---------------------------------------------------------------------------------------------------------------
 */

static void add(void *arg, const struct address *client)
{
    struct calls *calls = arg;

    if (address_is_loopback(client) || calls->count == CLIENTS_MAX)
        return;
    for (size_t i = 0; i < calls->count; i++)
        if (address_same_ip(&calls->list[i].to, client))
            return;
    calls->list[calls->count] = (struct call){.to = *client, .fd = -1};
    address_set_port(&calls->list[calls->count++].to, calls->ports.last);
}

static bool is_one_address(const struct network *network)
{
    return network->prefix == (network->base.sa.any.sa_family == AF_INET ? 32 : 128);
}

/* A relay dials the clients that come without an agent itself, if a link says so. */
static const struct cfg_link *direct_link(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->links_count; i++)
        if (cfg->links[i].listen_count > 0 && cfg->links[i].advise.addressing != CFG_ADDRESSING_OFF &&
            cfg->links[i].advise.delivery == CFG_DELIVERY_DIRECT)
            return &cfg->links[i];
    return NULL;
}

/* False: this one delivers to nobody. */
static bool collect(const struct probe *p, struct calls *calls)
{
    const struct cfg *cfg = p->cfg;
    const struct cfg_link *direct = cfg->role == CFG_ROLE_RELAY ? direct_link(cfg) : NULL;

    if (cfg->role == CFG_ROLE_AGENT && cfg->clients_count > 0)
        calls->ports = cfg->advise_ports;
    else if (direct != NULL)
        calls->ports = lease_advise_ports(direct);
    if (calls->ports.last == 0)
        return false;
    for (size_t i = 0; i < cfg->clients_count; i++)
        if (is_one_address(&cfg->clients[i].network))
            add(calls, &cfg->clients[i].network.base);
    if (p->running != NULL)
        running_clients(p->running, add, calls);
    return true;
}

/* -- routes --------------------------------------------------------------------------------------------------------------------
 */

/* A datagram socket asks the kernel for the way without sending anything. */
static int find_route(const struct address *to)
{
    struct address there = *to;
    int fd = socket(to->sa.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error;

    address_set_port(&there, 9);
    if (fd < 0)
        return errno;
    error = connect(fd, &there.sa.any, address_len(&there)) == 0 ? 0 : errno;
    close(fd);
    return error;
}

static void try_route(struct probe *p, const struct network *network)
{
    struct address host = network->base;
    uint8_t bytes[16];
    size_t count = address_bytes(&host, bytes);
    char ip[ADDRESS_TEXT], remedy[PROBE_REMEDY];
    int error;

    if (address_is_loopback(&host))
        return;
    if (!is_one_address(network)) {
        bytes[count - 1] |= 1; /* the first would be the network itself */
        (void)address_from_bytes(&host, bytes, count, 0);
    }
    address_format_ip(&network->base, ip);
    error = find_route(&host);
    snprintf(remedy, sizeof(remedy), "run: ip route add %s/%u via GATEWAY", ip, network->prefix);
    if (error == ENETUNREACH || error == EHOSTUNREACH)
        probe_say(p, PROBE_ROUTE, PROBE_ERROR, remedy, "there is no route to clients in %s/%u", ip, network->prefix);
    else if (error == 0)
        probe_say(p, PROBE_ROUTE, PROBE_OK, NULL, "there is a route to clients in %s/%u", ip, network->prefix);
}

/* -- ports ---------------------------------------------------------------------------------------------------------------------
 */

static void begin(struct call *call)
{
    const struct port_range none = {0};
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);

    call->fd = socket_dial(&call->to, NULL, none, &call->why);
    call->is_over = call->fd < 0;
    if (call->fd >= 0 && getsockname(call->fd, (struct sockaddr *)&storage, &len) == 0)
        address_from_sockaddr(&call->from, (struct sockaddr *)&storage, len);
}

static void finish(struct call *call)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    call->why = error == 0 ? REASON_NONE : socket_dial_reason(error);
    call->is_over = true;
    close(call->fd);
    call->fd = -1;
}

static void give_up(struct call *call)
{
    call->why = REASON_DIAL_TIMEOUT;
    call->is_over = true;
    close(call->fd);
    call->fd = -1;
}

static void run(struct calls *calls, long ms)
{
    uint64_t until_ms = clock_ms() + (uint64_t)ms, now_ms;
    struct pollfd watched[CLIENTS_MAX];
    size_t open = 1;

    while (open > 0 && (now_ms = clock_ms()) < until_ms) {
        open = 0;
        for (size_t i = 0; i < calls->count; i++) {
            watched[i] = (struct pollfd){.fd = calls->list[i].fd, .events = POLLOUT};
            open += calls->list[i].fd >= 0;
        }
        if (open == 0 || poll(watched, calls->count, (int)(until_ms - now_ms)) < 0)
            continue;
        for (size_t i = 0; i < calls->count; i++)
            if (watched[i].fd >= 0 && watched[i].revents != 0)
                finish(&calls->list[i]);
    }
    for (size_t i = 0; i < calls->count; i++)
        if (calls->list[i].fd >= 0)
            give_up(&calls->list[i]);
}

static void tell(struct probe *p, const struct calls *calls, const struct call *call)
{
    char to[ADDRESS_TEXT], ip[ADDRESS_TEXT], from[ADDRESS_TEXT], remedy[PROBE_REMEDY];

    address_format(&call->to, to);
    address_format_ip(&call->to, ip);
    address_format_ip(&call->from, from);
    if (call->why == REASON_NONE || call->why == REASON_DIAL_REFUSED) {
        probe_say(p, PROBE_CLIENT, PROBE_OK, NULL, "the client %s can be reached: its port %u is %s", ip, address_port(&call->to),
                  call->why == REASON_NONE ? "open" : "closed, and says so");
    } else if (call->why == REASON_DIAL_TIMEOUT) {
        snprintf(remedy, sizeof(remedy),
                 "on %s, run: netsh advfirewall firewall add rule name=\"georelay advises\" dir=in action=allow protocol=TCP "
                 "localport=%u-%u remoteip=%s; and in firewalls between",
                 ip, calls->ports.first, calls->ports.last, from);
        probe_say(p, PROBE_CLIENT, PROBE_WARNING, remedy,
                  "the client %s does not answer at its port %u: a firewall drops it, or the machine is off", ip,
                  address_port(&call->to));
    } else {
        snprintf(remedy, sizeof(remedy), "run: ip route add %s via GATEWAY; or switch that machine on", ip);
        probe_say(p, PROBE_CLIENT, PROBE_WARNING, remedy, "the client %s can't be reached: %s", to, reason_sentence(call->why));
    }
}

void probe_clients(struct probe *p)
{
    struct calls calls = {0};

    for (size_t i = 0; p->cfg->role == CFG_ROLE_AGENT && i < p->cfg->clients_count; i++)
        try_route(p, &p->cfg->clients[i].network);
    if (!collect(p, &calls))
        return;
    for (size_t i = 0; i < calls.count; i++)
        begin(&calls.list[i]);
    run(&calls, p->cfg->timeouts.dial_ms < PROBE_DIAL_MS ? p->cfg->timeouts.dial_ms : PROBE_DIAL_MS);
    for (size_t i = 0; i < calls.count; i++)
        tell(p, &calls, &calls.list[i]);
    if (calls.count == 0)
        probe_say(p, PROBE_CLIENT, PROBE_OK, NULL, "no client has a link now that could be tried; try again while one has");
}
