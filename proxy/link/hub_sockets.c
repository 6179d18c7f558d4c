/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: opens sockets, says why it can't. Main thread. */
#include "proxy/link/hub_sockets.h"

#include "proxy/net/raw_syn.h"
#include "proxy/net/socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int families[HUB_FAMILIES] = {AF_INET, AF_INET6};

static const char *remedy(int error)
{
    switch (error) {
    case EPERM:
        return "Give georelay the capability CAP_NET_RAW: start it as root with \"user\" set, or with "
               "AmbientCapabilities=CAP_NET_RAW in "
               "its unit, or by: setcap cap_net_raw+ep PROGRAM";
    case EADDRINUSE:
        return "Another program listens there: see ss -ltnp, or choose another intercept_port";
    case EMFILE:
    case ENFILE:
        return "Raise the limit of open files: see ulimit -n";
    default:
        return "See the system's log";
    }
}

static int open_intercept(struct hub_sockets *s, const struct cfg *cfg, struct hub_sockets_fault *ret)
{
    const struct cfg_link *link = cfg_first_intercepted(cfg);
    bool is_transparent;

    if (link == NULL)
        return 0;
    is_transparent = link->advise.addressing == CFG_ADDRESSING_TRANSPARENT;
    for (int i = 0; i < HUB_FAMILIES; i++) {
        s->intercept[i] = socket_listen_transparent(families[i], (uint16_t)cfg->intercept_port);
        if (s->intercept[i] >= 0)
            continue;
        if (families[i] == AF_INET6 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
            continue; /* a machine without IPv6 */
        ret->remedy = remedy(errno);
        snprintf(ret->sentence, sizeof(ret->sentence),
                 "cannot take up dial-backs on port %ld, as %s of the link \"%s\" needs it: %s", cfg->intercept_port,
                 is_transparent ? "addressing \"transparent\"" : "any_port", link->name, strerror(errno));
        return -1;
    }
    return 0;
}

/* The addresses that servers dial, of one family. */
static size_t collect_pools(const struct cfg *cfg, int family, struct address_range *ranges, size_t room)
{
    size_t count = 0;

    for (size_t i = 0; i < cfg->served_count; i++) {
        const struct cfg_advise *advise = &cfg->served[i].advise;

        if (advise->addressing != CFG_ADDRESSING_ALIAS)
            continue;
        for (size_t k = 0; k < advise->pool_count; k++) {
            if (advise->pool[k].range.first.sa.any.sa_family != family)
                continue;
            if (count < room)
                ranges[count] = advise->pool[k].range;
            count++;
        }
    }
    return count;
}

int hub_sockets_open(struct hub_sockets *s, const struct cfg *cfg, bool has_intercept, struct hub_sockets_fault *ret)
{
    struct address_range ranges[RAW_SYN_RANGES];

    for (int i = 0; i < HUB_FAMILIES; i++) {
        size_t count = collect_pools(cfg, families[i], ranges, RAW_SYN_RANGES);

        s->intercept[i] = s->syns[i] = -1;
        if (count > 0)
            s->syns[i] = raw_syn_open(families[i], ranges, count <= RAW_SYN_RANGES ? count : 0);
    }
    return has_intercept ? 0 : open_intercept(s, cfg, ret);
}

void hub_sockets_close(struct hub_sockets *s)
{
    for (int i = 0; i < HUB_FAMILIES; i++) {
        if (s->intercept[i] >= 0)
            close(s->intercept[i]);
        if (s->syns[i] >= 0)
            close(s->syns[i]);
        s->intercept[i] = s->syns[i] = -1;
    }
}
