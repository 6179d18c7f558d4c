/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The TLS side of the clients: one SSL_CTX for all, X25519 and AES-128-GCM first.
 *
 * While measuring nothing is verified, neither chain nor name nor signature, so that the load's CPU is not
 * spent on what is not under test. With --check all of it is.
 */
#pragma once

#include <openssl/ssl.h>

#include "test/bench/load/load_options.h"

/** Makes the context. Returns NULL with a sentence on stderr. The caller frees it. */
SSL_CTX *load_tls_new(const struct load_options *o);

/** The reason that OpenSSL gives for its last failure. Valid until the next call. */
const char *load_tls_fault(void);
