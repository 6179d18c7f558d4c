/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a listener or a dialler needs to speak TLS: certificates, policy, who is trusted, ticket keys.
 *
 * A context is made once by the main thread from the configuration, is immutable and counted, and serves every worker. One *door*
 * context serves one listening address, which may be a web front door, a tunnel port or both: the client hello decides.
 * A hello that offers the ALPN name "georelay/1" is for the tunnel (if the address serves it): TLS 1.3 only, the relay's own
 * certificate, client certificate of the tunnel's CA required. Any other hello is for the web front door (if the address serves
 * one): the policy of Mozilla's Server Side TLS guidelines 5.7, the certificate that the server name chooses (an exact name
 * before a wildcard, the first certificate if none fits), ECDSA beside RSA. The front door that the certificate belongs to says
 * whether its clients must or may show a certificate, and whose CA counts. A ticket of one of them is never accepted by the
 * other, nor by a front door that asks other things of its clients.
 *
 * Tickets are stateless (RFC 5077, RFC 8446 4.6.1); their keys are random, live in memory only, are rotated by
 * tls_tickets_rotate() and are shared by all contexts of one struct tls_tickets. So are the sessions of agents, which live in a
 * bounded table and not in tickets (tls/agent_sessions.h); they grow old by the same rotations.
 */
#pragma once

#include "config/model.h"

#include <stdbool.h>
#include <stddef.h>

struct tls_context;
struct tls_shared_keys;
struct tls_tickets;

/** The tunnel's ALPN name. */
#define TLS_ALPN_TUNNEL "georelay/1"

/** That of web front doors and of servers behind them. */
#define TLS_ALPN_HTTP "http/1.1"

/** One problem found while files were read: a sentence with the path and the remedy. Called any number of times. */
typedef void tls_problem_fn(void *arg, unsigned line, const char *sentence);

/** Fresh ticket keys; NULL without randomness or memory. */
struct tls_tickets *tls_tickets_new(void);
void tls_tickets_free(struct tls_tickets *tickets);

/**
 * A new key for new tickets; tickets of the two keys before are still accepted, and renewed. Main thread, while workers use the
 * keys: they see either the old or the new set whole.
 */
void tls_tickets_rotate(struct tls_tickets *tickets);

/**
 * Reads the ticket keys that several relays share, so that each resumes what another began: 1 to 3 keys of 80 bytes, as nginx's
 * ssl_session_ticket_key has them (16 name, 32 HMAC-SHA-256, 32 AES-256-CBC); the first is for new tickets. Tells what is wrong
 * with the file through `problem`; NULL then.
 */
struct tls_shared_keys *tls_shared_keys_read(const char *path, unsigned line, tls_problem_fn *problem, void *arg);
void tls_shared_keys_free(struct tls_shared_keys *keys); /**< wiped; NULL is ignored */

/**
 * From now on tickets are made with these keys (copied) and no others are accepted, and a rotation leaves them. NULL: keys of our
 * own are made again, and those that were shared grow old. Main thread, while workers use the keys.
 */
void tls_tickets_share(struct tls_tickets *tickets, const struct tls_shared_keys *keys);

/**
 * Context for one listening address. `web` (count `web_count`, may be 0) and `tunnel` (may be NULL) are borrowed for the call;
 * `tickets` until the context is freed. Reads certificates and keys; tells every problem (missing file, unreadable, key that does
 * not fit, expired, empty chain, weak key, key readable by everybody) through `problem`. NULL if there was one. The caller owns
 * one reference.
 */
struct tls_context *tls_context_new_door(const struct cfg_web *web, size_t web_count, const struct cfg_tunnel *tunnel,
                                         struct tls_tickets *tickets, tls_problem_fn *problem, void *arg);

/**
 * Context for an agent's connections to its relays: TLS 1.3 only, our certificate, the relay's must be of `ca` and say
 * that it is a relay (tls/identity.h), ALPN "georelay/1". Resumes sessions with the last ticket got from each relay.
 */
struct tls_context *tls_context_new_agent(const struct cfg_certificate *identity, const char *ca, tls_problem_fn *problem,
                                          void *arg);

/**
 * Context for connections to the servers of an upstream whose `tls` is not off; `upstream` is borrowed for the call. `tls_min` or
 * newer, ALPN "http/1.1". "verify": the certificate must be signed by `ca` (which may also be the server's own certificate),
 * without it by a CA of the system, and be for `server_name`, without it for the host that is dialled; an IP address must stand
 * in it as one. "unverified" encrypts and believes everybody. Resumes sessions with the last one got from each server.
 */
struct tls_context *tls_context_new_upstream(const struct cfg_upstream *upstream, tls_problem_fn *problem, void *arg);

struct tls_context *tls_context_get(struct tls_context *context); /**< one reference more; any thread */
void tls_context_put(struct tls_context *context);                /**< one less; any thread; NULL is ignored */

/** "OpenSSL 3.0.16 …": the library in use. */
const char *tls_library_version(void);
