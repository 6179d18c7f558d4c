/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A bundle: everything that an agent needs, as one text (`georelay pki agent --bundle`, `georelay enroll`). It holds a private
 * key.
 *
 *     georelay bundle 1                     the format's version
 *     # comments and empty lines
 *     name site-a
 *     relay relay.example:443               one line for each, the preferred one first
 *     link node-a 127.0.0.1:5481            a link and an address to listen on, one line for each address
 *     server node-a 10.10.0.5:5481          for an agent beside servers
 *     client 192.168.1.0/24                 a client or network of clients
 *     advise_ports 5500-5509
 *     begin ca … end ca                     PEM texts: the tunnel's CA,
 *     begin chain … end chain               the agent's certificate,
 *     begin key … end key                   its key
 *     sha256 HEX                            of all bytes before this line, which is the last
 *
 * The checksum finds what was damaged on the way. It does not say who made the bundle: whoever can change one can make one, so it
 * must come by a way that is trusted.
 */
#pragma once

#include "tls/identity.h"

#include <stddef.h>

#define BUNDLE_BYTES_MAX ((size_t)256 * 1024)
#define BUNDLE_ROWS_MAX  64

/** A line with a name and a value. */
struct bundle_row {
    const char *name; /**< NULL where there is a value alone */
    const char *value;
};

struct bundle_rows {
    struct bundle_row list[BUNDLE_ROWS_MAX];
    size_t count;
};

/** A PEM text. */
struct bundle_part {
    const char *text; /**< NULL: missing */
    size_t size;
};

struct bundle {
    const char *name;
    struct bundle_rows relays, links, servers, clients;
    const char *advise_ports; /**< NULL: the default */
    struct bundle_part ca, chain, key;
};

/** The text of a file, which bundle_free() wipes and frees, and the file's mode; NULL with errno. */
char *bundle_read(const char *path, size_t *ret_size, unsigned *ret_mode);

/** Also for the text of bundle_write(). NULL is ignored. */
void bundle_free(char *text);

/**
 * Takes a text apart, and checks form, checksum and that the certificate is this agent's (not whether it is good). Writes into
 * `text` and borrows it as long as the bundle is used; `text[size]` must be 0. 0; or -1 with a sentence, and the line it is about
 * (0: the whole).
 */
int bundle_parse(char *text, size_t size, struct bundle *ret, const char **ret_wrong, unsigned *ret_line);

/** True if a value can stand in a bundle: printable, without blanks, quotes and backslashes. */
bool bundle_value_is_valid(const char *value);

/** The text, for bundle_free(); NULL without memory. Values must be valid (asserted). */
char *bundle_write(const struct bundle *b, size_t *ret_size);
