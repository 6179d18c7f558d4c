/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What this process is and may, as the kernel tells it now: users, groups, sets of capabilities, no_new_privs. Any thread; what
 * is read is the calling thread's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** So many groups besides the main one are read. */
#define RIGHTS_GROUPS 64

struct rights {
    unsigned uids[3]; /**< real, effective, saved */
    unsigned gids[3];
    gid_t groups[RIGHTS_GROUPS];
    unsigned groups_count;
    uint64_t permitted; /**< one bit per capability */
    uint64_t effective;
    uint64_t inheritable;
    uint64_t ambient;
    uint64_t bounding;
    bool no_new_privs;
};

/** 0, or -1 with errno. */
int rights_read(struct rights *ret);

/** One line: ev=privileges user= groups= capabilities= no_new_privs=. */
void rights_log(const struct rights *r);
