/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Asks the running program through its control socket (proxy/app/control_socket.h): one line out, one text in. Blocks, for at
 * most CONTROL_ASK_MS. For commands.
 */
#pragma once

#include <stddef.h>

#define CONTROL_ASK_MS 10000

/** Longest answer that is taken. */
#define CONTROL_ASK_BYTES (64u << 20)

struct control_asked {
    char *text;         /**< the answer; the caller frees it. NULL: there is none, see `problem` */
    long pid;           /**< of the process at the other end, as the kernel says; in this process's namespace */
    char problem[128];  /**< what went wrong */
    const char *remedy; /**< what mends it */
};

struct control_asked control_ask(const char *path, const char *request);
