/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An agent's renewal of its own certificate (docs/tunnel-protocol.md, "Renewal"): the key and the request, who was asked, the
 * answer, the trial, and from then on the new certificate for every new connection. Open ones go on. Main loop.
 *
 * What is renewed lies in the folder `state` (proxy/tunnel/renewal_file.h). The files that the configuration names are never
 * touched, and are used again if those of `state` are no good or older.
 */
#pragma once

#include "proxy/session/worker.h"
#include "proxy/tunnel/control.h"

#include <limits.h>

struct renewing;

/** The agent's TLS with the newer of both certificates: that of the configuration, that in `state`. As tls_context_new_agent().
 */
struct tls_context *renewing_context(const struct cfg *cfg, tls_problem_fn *problem, void *arg);

/** Where the certificate lies that renewing_context() takes from `state`. False: it takes that of the configuration. */
bool renewing_path(const struct cfg *cfg, char path[PATH_MAX]);

/** Looks every hour whether it is time. NULL without memory. */
struct renewing *renewing_new(struct loop *loop, struct site *site);

/** After the uplinks' end. NULL is ignored. */
void renewing_free(struct renewing *r);

/** No connection of a trial goes on. The certificate that was on trial is asked for again later. */
void renewing_interrupt(struct renewing *r);

/** A control channel is up: `control` is borrowed until renewing_down(). */
void renewing_up(struct renewing *r, unsigned relay, struct control *control, const uint8_t instance[FRAME_INSTANCE]);
void renewing_down(struct renewing *r, unsigned relay);

/** RENEWED or NOT_RENEWED has come. False if that breaks the protocol. */
bool renewing_take(struct renewing *r, unsigned relay, const struct frame *f);
