/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The chain of an audit log: how lines hang together. Pure; any thread.
 *
 *     seq=8 ts=… id=2101 ev=link_open result=ok … prev=<hash of line 7> hash=<of this line, up to the blank before "hash=">
 *
 * With a key the last field is mac=, an HMAC, and nobody without the key can make one. The line before the first has the number 0
 * and a hash of zeros.
 */
#pragma once

#include "proxy/audit/audit.h"
#include "tls/digest.h"

/** Longest line with number, hashes and newline. */
#define CHAIN_LINE_BYTES (LOG_LINE_BYTES + 192)

/** A line's place in the chain. */
struct chain_place {
    uint64_t seq;
    char hash[DIGEST_TEXT];
};

/** What stands in a line. */
struct chain_line {
    uint64_t seq;
    unsigned id;
    char prev[DIGEST_TEXT];
    char hash[DIGEST_TEXT];
    bool has_key;  /**< it says mac= */
    size_t hashed; /**< bytes that the hash is of */
};

/** Before the first line. */
void chain_place_first(struct chain_place *place);

/**
 * Writes the line that follows `place`, with its newline, and moves `place` on to it. `body` are the fields without newline.
 * Returns the bytes; 0 without memory, and `place` is untouched.
 */
size_t chain_seal(struct chain_place *place, const struct audit_key *key, const char *body, size_t length,
                  char line[CHAIN_LINE_BYTES]);

/** Takes a line (without its newline) apart; false if it has not the form of one. */
bool chain_read(const char *line, size_t length, struct chain_line *ret);

/** True if the hash of this line is right. A line with mac= needs the key; one with hash= is wrong where there is a key. */
bool chain_is_genuine(const char *line, const struct chain_line *parts, const struct audit_key *key);

/** Hash or HMAC of bytes, by the key. False without memory. */
bool chain_hash(const struct audit_key *key, const void *bytes, size_t length, char hex[DIGEST_TEXT]);

/** The value of a number field " NAME=DIGITS" in a line, and of a hash; false if there is none. */
bool chain_field_number(const char *line, size_t length, const char *name, uint64_t *ret);
bool chain_field_hash(const char *line, size_t length, const char *name, char ret[DIGEST_TEXT]);
