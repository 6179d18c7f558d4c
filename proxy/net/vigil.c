/* SPDX-License-Identifier: Apache-2.0 */
/* Owns no fd; reads TCP_INFO and looks for errors that nobody has read. On the thread that owns the socket. */
#include "proxy/net/vigil.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Unanswered window probes after which silence is not just a long pause between two probes. */
#define PROBES_LOST 2

static void set_patience(struct vigil *v, int fd, bool is_patient, long dead_peer_s)
{
    unsigned timeout_ms = is_patient ? 0 : (unsigned)dead_peer_s * 1000;

    if (v->is_patient == is_patient)
        return;
    v->is_patient = is_patient;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

static bool read_info(int fd, struct tcp_info *info)
{
    socklen_t len = sizeof(*info);

    memset(info, 0, sizeof(*info));
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0;
}

bool vigil_check(struct vigil *v, int fd, long dead_peer_s)
{
    unsigned dead_ms = (unsigned)dead_peer_s * 1000;
    struct tcp_info info;
    int unsent = 0;

    if (!v->has_written)
        return true;
    if (ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent == 0) {
        v->has_written = false;
        set_patience(v, fd, false, dead_peer_s);
        return true;
    }
    if (!read_info(fd, &info))
        return true;
    if (info.tcpi_state == 7) /* TCP_CLOSE */
        return false;
    if (info.tcpi_last_ack_recv < dead_ms) {
        /* It answers. Nothing in flight and yet unsent data: its window is closed, it does not read. */
        set_patience(v, fd, info.tcpi_unacked == 0, dead_peer_s);
        return true;
    }
    /* Silent for long. Probes are sent ever more rarely, so silence alone proves nothing while none is unanswered. */
    return v->is_patient && info.tcpi_unacked == 0 && info.tcpi_probes < PROBES_LOST;
}

bool vigil_is_broken(int fd)
{
    struct pollfd look = {.fd = fd};

    /* Not the state TCP_CLOSE: a connection whose both ends have come is in it too, with bytes that are still to be read. */
    return poll(&look, 1, 0) == 1 && (look.revents & POLLERR) != 0;
}
