/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Why something ended: the closed list of reason.def, its names and sentences.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>

/** One byte: every stream, pump and session has one. */
enum __attribute__((packed)) reason {
#define X(constant, name, good, sentence) REASON_##constant,
#include "proxy/base/reason.def"
#undef X
    REASON_COUNT
};
static_assert(sizeof(enum reason) == 1, "reasons must fit into one byte");

/** The name as it stands in logs and in the tunnel's REFUSED frame. */
const char *reason_name(enum reason why);

/** One sentence for people. */
const char *reason_sentence(enum reason why);

/** What an administrator can do about it in the configuration or on this machine; NULL: nothing that would always be right. */
const char *reason_remedy(enum reason why);

/** False if somebody lost something. */
bool reason_is_good(enum reason why);

/** The reason of that name (not terminated, `length` bytes) in a peer's word; REASON_REFUSED_BY_PEER if there is none, or one
 * that only the end that saw it may say: an orderly end, a connection handed over. */
enum reason reason_by_name(const char *name, unsigned length);
