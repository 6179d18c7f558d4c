/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How values stand in a line of the log: in logfmt, or in JSON as of RFC 8259. What is written is printable ASCII whatever the
 * value holds. Pure but for the clock; any thread.
 */
#pragma once

#include "proxy/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** 2026-11-21T11:02:03.123Z, without a final zero. */
#define LOG_FORM_TIME_BYTES 24

/** The most that log_form_number() writes. */
#define LOG_FORM_NUMBER_BYTES 20

/** Where a value goes. */
struct log_room {
    char *at;
    size_t bytes;
    bool may_cut; /**< a value that takes more is cut within that room and then ends in "..." */
};

/**
 * Writes a value and returns its bytes. 0 if it does not fit: what is at `room.at` is then of no use. logfmt quotes a value that
 * is empty or holds anything but printable ASCII without space, quote, backslash and '='; JSON quotes always.
 */
size_t log_form_logfmt(struct log_room room, struct slice value);
size_t log_form_json(struct log_room room, struct slice value);

/** The digits; returns how many. */
size_t log_form_number(char text[LOG_FORM_NUMBER_BYTES], uint64_t value);

/** Now, in UTC. */
void log_form_time(char text[LOG_FORM_TIME_BYTES]);
