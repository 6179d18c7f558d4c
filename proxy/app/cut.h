/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Ends sessions at the administrator's word: one, those of an agent or a client, or all. Worker after worker, some hundred slots
 * a turn, so that no worker is held.
 */
#pragma once

#include "proxy/session/session.h"

/** Whom it is for. All that is set must fit. */
struct cut_order {
    enum reason why;
    struct session_handle handle;     /**< serial 0: any; its slot is not looked at */
    char agent[SESSION_NAME_MAX + 1]; /**< through whose tunnel it goes, or that the client is behind; "": any */
    struct address client;            /**< unset: any; its port is not looked at */
};

/** How many have ended, not counting spare channels; SIZE_MAX: the program ends. On the main loop. */
typedef void cut_fn(void *arg, size_t count);

/** `done` is called once, later. Main loop. */
void cut_sessions(struct site *site, const struct cut_order *order, cut_fn *done, void *arg);

/**
 * What an administrator wrote: a session ("3.1f2", as in the log's sid=), an agent's name, a client's IP address, or both
 * ("site-a/192.168.1.20"; "direct/..." is one without an agent). A word that could be either is the agent's that `cfg` names.
 * False: it is none of these.
 */
bool cut_order_read(const char *word, const struct cfg *cfg, struct cut_order *ret);
