/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The text of a revocation list: a line for each certificate, and a last one that says how many there are, so that half a file
 * is never taken for a whole one.
 *
 *     # comments and empty lines
 *     4F0C…91 site-a 2026-11-22T10:15:00Z     serial number (1 to 40 hexadecimal digits), name, date
 *     end 1
 *
 * Only the serial number counts; name and date are for people. Pure: no I/O.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** Bytes of a serial number (RFC 5280 section 4.1.2.2), leading zeros included. */
#define REVOKED_SERIAL 20

struct revoked_serial {
    uint8_t bytes[REVOKED_SERIAL];
};

/** Called for each line; -1 stops. */
typedef int revoked_line_fn(void *arg, const struct revoked_serial *serial);

/**
 * Takes a text apart. 0; or -1 with a sentence in `*ret_wrong` and the line in `*ret_line` (0: the whole), or with `*ret_wrong`
 * NULL because `line` said so.
 */
int revoked_list_parse(const char *text, size_t size, revoked_line_fn *line, void *arg, const char **ret_wrong,
                       unsigned *ret_line);

/** From hexadecimal digits; -1 if that is no serial number. */
int revoked_serial_parse(const char *digits, size_t length, struct revoked_serial *ret);

/** From the bytes of a number, most significant first; -1 if it is too long. */
int revoked_serial_from_bytes(const uint8_t *bytes, size_t count, struct revoked_serial *ret);
