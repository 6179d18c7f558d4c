/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Why TLS failed, in the words of proxy/base/reason.def, from all that is known after a call of OpenSSL.
 */
#pragma once

#include "tls/parts.h"
#include "tls/records.h"

/** Why a handshake failed. Call right after it: reads OpenSSL's queue of errors, and empties it. */
enum reason errors_handshake(const SSL *ssl, const struct tls_greeting *g, const struct records *r);

/**
 * Why a read or write failed after the handshake; `is_fresh` if no byte of the peer's has been read yet: then an alert is its
 * answer to our certificate. Otherwise as above.
 */
enum reason errors_later(const struct records *r, bool is_fresh);
