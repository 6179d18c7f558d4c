/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who may come in through a door: by the address of the connection, by how many came before it in this second, and by the hours
 * of the week. Any thread.
 */
#pragma once

#include "proxy/base/reason.h"
#include "proxy/session/admission.h"
#include "proxy/session/door.h"

/** REASON_NONE, or ACCESS_DENIED if nothing that the door serves is for this address. */
enum reason admit_address(const struct door *door, const struct address *peer);

/** The list that refused it, of a door that has one: for the rule in the log. */
const struct cfg_admission *admit_list(const struct door *door);

/** REASON_NONE, or the limit of rates that is reached. Counts the connection otherwise. */
enum reason admit_rate(const struct door *door, const struct address *peer);

/** REASON_NONE, or OUT_OF_HOURS. */
enum reason admit_hours(const struct cfg_schedule *schedule);
