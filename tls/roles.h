/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The role that a certificate of the tunnel's CA gives its holder (tls/identity.h says where it stands in it).
 */
#pragma once

#include "tls/identity.h"

#include <openssl/x509.h>

#define ROLE_URI_RELAY "urn:georelay:relay"
#define ROLE_URI_AGENT "urn:georelay:agent:"

/** True if the certificate is a relay's: the URI, and serverAuth as its only extended key usage. */
bool role_is_relay(X509 *certificate);

/** True if the certificate is an agent's: one URI with a valid name, and clientAuth as its only extended key usage. */
bool role_is_agent(X509 *certificate, char name[IDENTITY_NAME_MAX + 1]);
