/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The agent's own machine as the server side sees it: clients that reach the agent over loopback are reported with the address
 * that this machine has on its network.
 *
 * That is `client_address`, or without it the local address of the control channel to a relay, unless this is loopback itself or
 * of another family than the client's. Role agent; on workers.
 */
#pragma once

#include "proxy/session/worker.h"

/** The address, with its port, to report for a client that came from `peer`: another one for loopback clients only. */
struct address machine_client(const struct worker *w, const struct address *peer);

/**
 * Whether `clients` lets `client` in, or an advise be delivered to it. The machine's own address is let in too where loopback of
 * its family is: then `ret_loopback` (may be NULL) is that, with the port of `client`, and else unset.
 */
bool machine_lets_in(const struct worker *w, const struct address *client, struct address *ret_loopback);

/** Whether an advise to `client` would find one of our own listeners for links: nobody else can be there. */
bool machine_listens_at(const struct worker *w, const struct address *client);
