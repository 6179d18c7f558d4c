/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The sessions of agents that a relay resumes, kept here instead of in their tickets.
 *
 * A ticket holds the agent's certificate, and OpenSSL decodes it anew for each connection: with a spare channel for each advise
 * that was a quarter of the relay's work. Here it was decoded once. What the agent gets in place of a ticket is the session's id,
 * 32 random bytes.
 *
 * At most AGENT_SESSIONS_MAX are kept; who finds none makes a full handshake. As with tickets, a session is good until the third
 * rotation after it was made, and an agent that comes with an older one than the newest rotation gets the next. Everything else
 * is checked as for a ticket: OpenSSL looks at the binding to our certificate and CA and at the timeout, tls/identity.h at the
 * dates and the name in the certificate.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#define AGENT_SESSIONS_MAX 4096

struct agent_sessions;

/** NULL without memory. */
struct agent_sessions *agent_sessions_new(void);

/** NULL is ignored. */
void agent_sessions_free(struct agent_sessions *all);

/** All sessions grow older by one rotation; those that are too old go. Any thread. */
void agent_sessions_rotate(struct agent_sessions *all);

/** Those go whose holder's certificate `is_gone`, which is asked under the lock. Any thread. */
void agent_sessions_drop(struct agent_sessions *all, bool (*is_gone)(void *arg, const X509 *holder), void *arg);

/** Makes `start`, that every connection of a door begins with, ask here for the sessions of tunnels. */
void agent_sessions_use(SSL_CTX *start);

/** In the client hello, once it is known that this connection is a tunnel: no ticket, but a session from here. */
void agent_sessions_choose(SSL *ssl);

/** Later in the handshake: if the session was resumed and is of the newest rotation the agent needs no other. */
void agent_sessions_spare_ticket(SSL *ssl);
