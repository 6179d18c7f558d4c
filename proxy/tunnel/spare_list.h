/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The spare channels of one agent that may be taken, by handle, the oldest first: all are used in turn, so none grows stale
 * unnoticed. All zero is an empty list. One thread.
 */
#pragma once

#include "proxy/session/worker.h"

struct spare_list {
    struct session_handle *list;
    size_t count;
    size_t room;
};

/** Takes the oldest. False if there is none. */
bool spare_list_pop(struct spare_list *l, struct session_handle *ret);

/** False without memory, or if there are `max` already. */
bool spare_list_push(struct spare_list *l, struct session_handle spare, size_t max);

/** Does nothing if it is not there. */
void spare_list_remove(struct spare_list *l, struct session_handle spare);

void spare_list_fini(struct spare_list *l);
