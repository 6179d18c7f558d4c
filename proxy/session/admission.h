/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who may come, by address: "allow_from" and "deny_from" of a listener or a route. Pure, any thread.
 */
#pragma once

#include "config/model.h"

/** Room for the rule that decided: "deny_from 2001:db8::/32". */
#define ADMISSION_RULE (sizeof("deny_from ") + ADDRESS_TEXT + sizeof("/128"))

/** True if any of the two lists is there. */
static inline bool admission_is_limited(const struct cfg_admission *a)
{
    return a->allow_count + a->deny_count > 0;
}

/**
 * True if this address may come: a network of `deny` wins; then one of `allow` must contain it, if there are any. An address that
 * is not set is one that nobody knows: it may come only if there is no list at all.
 */
bool admission_allows(const struct cfg_admission *a, const struct address *address);

/** For one that may not: the rule that decided, for logs. Returns `text`. */
const char *admission_rule(const struct cfg_admission *a, const struct address *address, char text[ADMISSION_RULE]);
