/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The certificates of agents that no longer count: the serial numbers of a list that `georelay pki revoke` writes
 * (tls/revoked_list.h), and of CRLs (RFC 5280) of a site's own CA.
 *
 * One set per process. The main thread replaces it as a whole, or leaves it as it is; workers ask while they greet agents, and
 * when the set has changed, about every stream that they have. A resumed session is asked about like any other, for it
 * remembers the certificate.
 */
#pragma once

#include "config/model.h"
#include "proxy/net/stream.h"
#include "tls/context.h"

struct tls_revoked;

/** An empty set; NULL without memory. */
struct tls_revoked *tls_revoked_new(void);
void tls_revoked_free(struct tls_revoked *r);

/**
 * Reads `revoked` and `crl` of the tunnel anew, as far as they are set. A CRL must be signed by a CA of `ca`. 0; or -1 after
 * every problem was told: then the set is what it was. Main thread.
 */
int tls_revoked_load(struct tls_revoked *r, const struct cfg_tunnel *tunnel, tls_problem_fn *problem, void *arg);

/** What `from` holds is in use from now on, and what was in use is in `from`. Main thread. */
void tls_revoked_exchange(struct tls_revoked *r, struct tls_revoked *from);

/** How many serial numbers it holds. */
size_t tls_revoked_count(struct tls_revoked *r);

/** True if a CRL in use says that a newer one should be there by now. */
bool tls_revoked_is_outdated(struct tls_revoked *r);

/**
 * True if `s` is a greeted stream of a tunnel and the certificate at its other end is of the set. `r` may be NULL: none is. Any
 * thread, about a stream of its own.
 */
bool tls_revoked_holds(struct tls_revoked *r, const struct stream *s);

/** Agents of the set resume nothing any more: their sessions are dropped from those that live as long as `tickets`. Main thread.
 */
void tls_revoked_drop_sessions(struct tls_revoked *r, struct tls_tickets *tickets);
