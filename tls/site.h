/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A site of a door: one set of host names of one web front door. What it asks of clients, what it tells of itself, and what its
 * tickets remember.
 */
#pragma once

#include "tls/parts.h"

/**
 * Makes the site ask its clients for a certificate that `trusted` vouches for; `mode` is CFG_CLIENT_CERT_OPTIONAL or _REQUIRED.
 * One that is shown and does not verify fails the handshake in both cases. -1 without memory.
 */
int site_ask_clients(struct tls_site *site, X509_STORE *trusted, enum cfg_client_cert mode);

/** Notes what is told of each of the site's certificates; after the last one is in. -1 without memory. */
int site_note_shown(struct tls_site *site);

/** The certificate that the greeted connection was answered with, also if the session is a resumed one. */
const struct tls_shown *site_shown(const struct tls_site *site, SSL *ssl);

/**
 * Installs what a site's tickets need, on every SSL_CTX of a door: the kind of certificate shown goes into the ticket, a ticket
 * whose client certificate has expired is not taken, and one of TLS 1.3 that is taken is followed by a new one.
 */
void site_tickets_on(SSL_CTX *ctx);

/** Frees what the site holds. */
void site_fini(struct tls_site *site);
