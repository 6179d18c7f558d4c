/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where a client announces its advise port in the first bytes of a link, and the search for it while they come.
 *
 * A rule says: so many bytes from the start, or behind the first occurrence of a pattern, stands a port in one of three forms. A
 * scan applies it to a stream in pieces of any size; what it finds does not depend on where the pieces are cut. Of what it was
 * fed only the bytes of the field itself are *held* back, five at most: the pattern may go on before it is whole, so that a
 * client that waits for the answer to its first message gets it.
 *
 * Pure; any thread.
 */
#pragma once

#include "proxy/base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longest pattern. */
#define PORT_AFTER_MAX 64

/** Digits of the highest port. */
#define PORT_DIGITS_MAX 5

#define PORT_FORMS(X)                                                                                                            \
    X(U16LE, "u16le")     /* two bytes, the lower first */                                                                       \
    X(U16BE, "u16be")     /* two bytes, the higher first */                                                                      \
    X(DECIMAL, "decimal") /* digits; ends before what is none, with the fifth, or where nothing more comes */

enum port_form {
#define X(constant, name) PORT_##constant,
    PORT_FORMS(X)
#undef X
        PORT_FORMS_COUNT
};

/** Made by port_rule_init(), then read only. */
struct port_rule {
    enum port_form form;
    size_t offset;           /**< from the start, or from the end of the first `after` */
    size_t within;           /**< the whole field stands in the first so many bytes */
    struct port_range ports; /**< another value is no port */
    size_t after_count;      /**< 0: none */
    uint8_t after[PORT_AFTER_MAX];
    uint8_t border[PORT_AFTER_MAX]; /**< of each beginning of `after`: the longest one that it ends with too */
};

#define PORT_SCAN_STATES(X)                                                                                                      \
    X(SEEK, "seek")         /* the pattern is looked for */                                                                      \
    X(SKIP, "skip")         /* it was found, or there is none: bytes before the field */                                         \
    X(FIELD, "field")       /* the field comes; its bytes are held */                                                            \
    X(MATCH, "match")       /* `value` is the announced port */                                                                  \
    X(MISMATCH, "mismatch") /* there is none; the field's value, if there is one, is no port of the range */

enum port_scan_state {
#define X(constant, name) PORT_SCAN_##constant,
    PORT_SCAN_STATES(X)
#undef X
};

struct port_scan {
    const struct port_rule *rule;
    enum port_scan_state state;
    size_t seen;    /**< bytes taken */
    size_t matched; /**< SEEK: so many of the pattern stand at the end of what was taken */
    size_t skip;    /**< SKIP: bytes to go */
    unsigned width; /**< bytes of the field so far */
    uint32_t value; /**< of them */
    bool has_value; /**< the field was whole */
};

/** `after` is copied; `after_count` is PORT_AFTER_MAX at most. */
void port_rule_init(struct port_rule *rule, const uint8_t *after, size_t after_count, size_t offset, enum port_form form,
                    size_t within, struct port_range ports);

/** `rule` is borrowed for as long as the scan is used. */
void port_scan_init(struct port_scan *scan, const struct port_rule *rule);

/**
 * Takes the next bytes of the stream up to the one that decides: how many. With MATCH the field is the last `width` of all that
 * were taken.
 */
size_t port_scan_feed(struct port_scan *scan, const uint8_t *bytes, size_t count);

/** The stream has ended. MATCH or MISMATCH afterwards. */
void port_scan_end(struct port_scan *scan);

/** Nothing came for a while: digits end here, half a number never becomes one. The state stays if nothing is held. */
void port_scan_silence(struct port_scan *scan);

static inline bool port_scan_is_over(const struct port_scan *scan)
{
    return scan->state >= PORT_SCAN_MATCH;
}

/** How many of the bytes taken may not go on: those of the field, while it is not decided or when it matches. */
static inline size_t port_scan_held(const struct port_scan *scan)
{
    return scan->state == PORT_SCAN_FIELD || scan->state == PORT_SCAN_MATCH ? scan->width : 0;
}

/** Writes `port` over a field of `width` bytes; digits are filled up with zeros in front. False: it has more digits than that. */
bool port_field_write(enum port_form form, uint8_t *field, unsigned width, uint16_t port);

const char *port_form_name(enum port_form form);
const char *port_scan_state_name(enum port_scan_state state);
