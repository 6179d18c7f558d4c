/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: asks the kernel. Any thread. */
#include "proxy/net/original.h"

#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <netinet/in.h>

/* ENOENT: no rule touched it; ENOPROTOOPT: this kernel tracks no connections. */
static bool ask_kernel(int fd, int family, struct address *ret)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof(storage);
    int error = family == AF_INET6 ? getsockopt(fd, IPPROTO_IPV6, IP6T_SO_ORIGINAL_DST, &storage, &len)
                                   : getsockopt(fd, IPPROTO_IP, SO_ORIGINAL_DST, &storage, &len);

    if (error != 0)
        return false;
    address_from_sockaddr(ret, (struct sockaddr *)&storage, len);
    return true;
}

bool original_destination(int fd, const struct address *listener, struct address *ret)
{
    struct address original = {0};

    if (!ask_kernel(fd, listener->sa.any.sa_family, &original) || address_port(&original) == address_port(listener))
        return false;
    *ret = original;
    return true;
}
