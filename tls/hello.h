/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The two extensions of a client hello that choose who answers it: server name and ALPN; and which name of a certificate fits.
 *
 * Pure: bytes in, an answer out. The bytes are a peer's, so every length is checked and nothing may be left over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longest host name in a server name extension. */
#define HELLO_NAME_MAX 255

enum hello_match { HELLO_MATCH_NONE = 0, HELLO_MATCH_WILDCARD, HELLO_MATCH_EXACT };

/**
 * The host name of a server_name extension (RFC 6066 section 3). 0 and the name, "" if it holds names of unknown types only; -1
 * if malformed: a length is wrong, the name is empty or holds a zero byte, or there are two names of one type.
 */
int hello_server_name(const uint8_t *bytes, size_t length, char name[HELLO_NAME_MAX + 1]);

/** Whether an ALPN extension (RFC 7301 section 3.1) offers `protocol`: 0 and the answer, or -1 if malformed. */
int hello_offers(const uint8_t *bytes, size_t length, const char *protocol, bool *ret);

/**
 * How a certificate's dNSName fits a host name. Case is ignored. "*.a.b" fits exactly one label before ".a.b" (RFC 9525
 * section 6.3); a '*' anywhere else fits nothing.
 */
enum hello_match hello_match(const char *pattern, const char *name);
