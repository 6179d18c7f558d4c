/* SPDX-License-Identifier: Apache-2.0 */
/* Owns no state. Any thread. */
#include "proxy/net/raw_syn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* What is read of a packet: IPv4's longest head and TCP's fixed part; the kernel cuts off the rest. */
enum { IP_HEAD_MAX = 60, TCP_HEAD = 20, SNAP = IP_HEAD_MAX + TCP_HEAD };

/* In the TCP head (RFC 9293 3.1). */
enum { TCP_FLAGS = 13, FLAG_SYN = 0x02, FLAG_ACK = 0x10 };

/* In the IPv4 head (RFC 791 3.1). */
enum { IP_SOURCE = 12, IP_DESTINATION = 16 };

/* -- the filter ----------------------------------------------------------------------------------------------------------------
 */

struct program {
    struct sock_filter code[3 * RAW_SYN_RANGES + 8];
    unsigned short count;
};

static void add(struct program *p, unsigned code, uint32_t k, unsigned if_true, unsigned if_false)
{
    p->code[p->count++] = (struct sock_filter){.code = (uint16_t)code, .jt = (uint8_t)if_true, .jf = (uint8_t)if_false, .k = k};
}

static uint32_t ip4_number(const struct address *a)
{
    return ntohl(a->sa.v4.sin_addr.s_addr);
}

/* Goes on behind itself if the destination is in one of the ranges. */
static void add_destinations(struct program *p, const struct address_range *ranges, size_t count)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, IP_DESTINATION, 0, 0);
    for (size_t i = 0; i < count; i++) {
        uint32_t rest = (uint32_t)(3 * (count - i - 1)) + 1; /* the other ranges, and the "no" after them */

        add(p, BPF_JMP | BPF_JGE | BPF_K, ip4_number(&ranges[i].first), 0, 2);
        add(p, BPF_JMP | BPF_JGT | BPF_K, ip4_number(&ranges[i].last), 1, 0);
        add(p, BPF_JMP | BPF_JA, rest, 0, 0);
    }
    add(p, BPF_RET | BPF_K, 0, 0, 0);
}

static void add_flags(struct program *p)
{
    add(p, BPF_ALU | BPF_AND | BPF_K, FLAG_SYN | FLAG_ACK, 0, 0);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, FLAG_SYN, 0, 1);
    add(p, BPF_RET | BPF_K, SNAP, 0, 0);
    add(p, BPF_RET | BPF_K, 0, 0, 0);
}

static int attach(int fd, int family, const struct address_range *ranges, size_t count)
{
    struct program p = {.count = 0};
    struct sock_fprog prog;

    if (family == AF_INET) { /* the packet begins with its IP head */
        if (count > 0)
            add_destinations(&p, ranges, count);
        add(&p, BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0);
        add(&p, BPF_LD | BPF_B | BPF_IND, TCP_FLAGS, 0, 0);
    } else {
        add(&p, BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS, 0, 0);
    }
    add_flags(&p);
    prog = (struct sock_fprog){.len = p.count, .filter = p.code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

int raw_syn_open(int family, const struct address_range *ranges, size_t count)
{
    int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    int on = 1, error;

    if (fd < 0)
        return -1;
    if (attach(fd, family, ranges, count) == 0 &&
        (family == AF_INET || setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) == 0))
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* -- reading -------------------------------------------------------------------------------------------------------------------
 */

static uint16_t port_at(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* What came before the filter was in place may be anything. */
static bool is_syn(const uint8_t *tcp, size_t count)
{
    return count > TCP_FLAGS && (tcp[TCP_FLAGS] & (FLAG_SYN | FLAG_ACK)) == FLAG_SYN;
}

static bool take_ip4(const uint8_t *packet, size_t count, struct address *ret_peer, struct address *ret_local)
{
    size_t head = count > 0 ? (size_t)(packet[0] & 0x0f) * 4 : 0;

    if (head < TCP_HEAD || head > count || !is_syn(packet + head, count - head))
        return false;
    return address_from_bytes(ret_peer, packet + IP_SOURCE, 4, port_at(packet + head)) == 0 &&
           address_from_bytes(ret_local, packet + IP_DESTINATION, 4, port_at(packet + head + 2)) == 0;
}

static bool take_ip6(struct msghdr *m, const uint8_t *tcp, size_t count, struct address *ret_peer, struct address *ret_local)
{
    const struct sockaddr_in6 *peer = m->msg_name;
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    struct in6_pktinfo to;

    if (!is_syn(tcp, count) || c == NULL || c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO)
        return false;
    memcpy(&to, CMSG_DATA(c), sizeof(to));
    return address_from_bytes(ret_peer, peer->sin6_addr.s6_addr, 16, port_at(tcp)) == 0 &&
           address_from_bytes(ret_local, to.ipi6_addr.s6_addr, 16, port_at(tcp + 2)) == 0;
}

bool raw_syn_read(int fd, struct address *ret_peer, struct address *ret_local)
{
    for (;;) {
        uint8_t packet[SNAP];
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
        struct sockaddr_storage from;
        struct iovec part = {packet, sizeof(packet)};
        struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
        ssize_t n;

        m.msg_control = control;
        m.msg_controllen = sizeof(control);
        n = recvmsg(fd, &m, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (from.ss_family == AF_INET ? take_ip4(packet, (size_t)n, ret_peer, ret_local)
                                      : take_ip6(&m, packet, (size_t)n, ret_peer, ret_local))
            return true;
    }
}
