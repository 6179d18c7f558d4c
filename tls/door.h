/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The choice that a door makes when a client hello has come (door.c), apart from the making of the door (door_load.c).
 */
#pragma once

#include "tls/parts.h"

/** Installs the callbacks: the choice on the SSL_CTX that connections start with, the ALPN answer on all. */
void door_choose_on(SSL_CTX *start);
void door_answer_alpn_on(SSL_CTX *ctx);

/** The site for a server name: an exact name before a wildcard before the first. `context` has at least one site. */
const struct tls_site *door_find_site(const struct tls_context *context, const char *server_name);
