/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: binds each address that stands for a client for a moment, on a port that the kernel chooses. */
#include "proxy/app/probe_parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A pool may be larger; then only its first addresses are tried. */
#define ADDRESSES_TRIED 4096

/* 0, or errno. */
static int try_bind(const struct address *address)
{
    struct address any_port = *address;
    int fd = socket(address->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return errno;
    address_set_port(&any_port, 0);
    error = bind(fd, &any_port.sa.any, address_len(&any_port)) == 0 ? 0 : errno;
    close(fd);
    return error;
}

static void tell_absent(struct probe *p, const struct address *first, size_t absent, size_t count, const char *what, int error)
{
    char ip[ADDRESS_TEXT], remedy[PROBE_REMEDY];
    bool is_v4 = first->sa.any.sa_family == AF_INET;

    address_format_ip(first, ip);
    if (error == EADDRNOTAVAIL)
        snprintf(remedy, sizeof(remedy), "run: ip address add %s/%d dev lo%s%s", ip, is_v4 ? 32 : 128, is_v4 ? "" : " nodad",
                 absent > 1 ? "; and so for the others, or for a whole network: ip route add local NETWORK dev lo" : "");
    else
        snprintf(remedy, sizeof(remedy), "see the system's log: %s", strerror(error));
    if (count == 1)
        probe_say(p, PROBE_ADDRESS, PROBE_ERROR, remedy, "%s, %s, is not on this machine", ip, what);
    else
        probe_say(p, PROBE_ADDRESS, PROBE_ERROR, remedy, "%zu of %zu addresses, %s, are not on this machine; the first is %s",
                  absent, count, what, ip);
}

static void try_range(struct probe *p, const struct address_range *range, const char *what)
{
    size_t count = address_range_count(range, ADDRESSES_TRIED), absent = 0;
    char first[ADDRESS_TEXT], last[ADDRESS_TEXT];
    struct address missing = {0};
    int error = 0;

    for (size_t i = 0; i < count; i++) {
        struct address one = address_range_at(range, i);
        int found = try_bind(&one);

        if (found == 0)
            continue;
        if (absent++ == 0) {
            missing = one;
            error = found;
        }
    }
    address_format_ip(&range->first, first);
    if (absent > 0)
        tell_absent(p, &missing, absent, count, what, error);
    else if (count == 1)
        probe_say(p, PROBE_ADDRESS, PROBE_OK, NULL, "%s, %s, is on this machine", first, what);
    else
        probe_say(p, PROBE_ADDRESS, PROBE_OK, NULL, "%s-%s, %s, are on this machine", first,
                  address_format_ip(&range->last, last), what);
}

void probe_addresses(struct probe *p)
{
    for (size_t i = 0; i < p->cfg->served_count; i++) {
        const struct cfg_link *link = &p->cfg->served[i];
        const struct cfg_advise *advise = &link->advise;
        char what[160];

        snprintf(what, sizeof(what), "of the pool of \"%s\"", link->name);
        for (size_t k = 0; k < advise->pool_count; k++)
            try_range(p, &advise->pool[k].range, what);
        if (!address_is_set(&advise->address))
            continue;
        snprintf(what, sizeof(what), "towards the server of \"%s\"", link->name);
        try_range(p, &(struct address_range){.first = advise->address, .last = advise->address}, what);
    }
}
