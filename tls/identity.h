/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who is at the other end of a tunnel, by its certificate.
 *
 * The tunnel's CA writes the role and the name of each holder into a URI in the certificate's subjectAltName:
 * "urn:georelay:relay" or "urn:georelay:agent:NAME". Relays have extendedKeyUsage serverAuth only, agents
 * clientAuth only, so neither can play the other even to a program that does not know the URI.
 */
#pragma once

#include "proxy/base/reason.h"
#include "proxy/net/stream.h"

#include <stdbool.h>

/** Longest name of an agent, and of a link. */
#define IDENTITY_NAME_MAX 63

/** True for 1-63 characters of a-z, A-Z, 0-9, '-', '_', '.', not starting with '-' or '.'. */
bool identity_name_is_valid(const char *name);

/**
 * The agent's name from the certificate of a greeted TLS stream. Checks the role, and the certificate's dates against the clock
 * again, since a resumed session was not verified anew. REASON_NONE and the name, else CERT_MISSING, CERT_EXPIRED or
 * CERT_WRONG_ROLE.
 */
enum reason identity_agent_name(const struct stream *s, char name[IDENTITY_NAME_MAX + 1]);

/** REASON_NONE if the peer of a greeted TLS stream is a relay, else as above. */
enum reason identity_check_relay(const struct stream *s);
