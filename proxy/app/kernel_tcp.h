/* SPDX-License-Identifier: Apache-2.0 */
/**
 * TCP connections as the kernel tells them: /proc/PID/net/tcp and tcp6, which anybody may read, and /proc/PID/fd, which says
 * whose they are. Blocks on nothing but memory. For commands.
 */
#pragma once

#include "proxy/base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum kernel_tcp_state { KERNEL_TCP_OTHER = 0, KERNEL_TCP_ESTABLISHED, KERNEL_TCP_SYN_SENT, KERNEL_TCP_LISTEN };

/** One line. */
struct kernel_tcp {
    struct address local;
    struct address remote;
    enum kernel_tcp_state state;
    uid_t uid;
    unsigned long inode; /**< 0: of no process (any more, or not yet) */
};

/** The TCP sockets of a process. All zero is an empty one. */
struct kernel_sockets {
    struct kernel_tcp *list;
    size_t count;
    bool is_by_user; /**< /proc/PID/fd could not be read: these are all of the process's user */
    char problem[160];
};

/** Takes a line of either file apart; false for the headline and for what is none. */
bool kernel_tcp_parse(const char *line, struct kernel_tcp *ret);

/** Reads those of the process. 0, or -1 with the `problem` set; kernel_sockets_fini() still frees. */
int kernel_sockets_read(struct kernel_sockets *sockets, long pid);

void kernel_sockets_fini(struct kernel_sockets *sockets);
