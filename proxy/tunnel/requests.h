/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The relay's folder of requests for new certificates: agents' requests go in as NAME.csr, the administrator's CA puts the
 * answers there as NAME.crt (`georelay pki renew`), and each goes to its agent as soon as it fits. The relay signs nothing and
 * knows no key of the CA. Main loop.
 */
#pragma once

#include "proxy/link/hub.h"
#include "proxy/tunnel/control.h"

struct requests;

/** `hub` is borrowed. Without the setting tunnel.requests every request is refused. NULL with errno. */
struct requests *requests_new(struct hub *hub);
void requests_free(struct requests *r); /**< NULL is ignored */

/** The hub has moved to a newer configuration: its folder and its agents count. */
void requests_move(struct requests *r);

/** This agent's RENEW has come on its control channel. False if that breaks the protocol. */
bool requests_take(struct requests *r, const char *agent, struct control *control, const struct frame *f);

/** The agent's control channel is gone. */
void requests_forget(struct requests *r, const char *agent);
