/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which configuration it is: one hash of all its files, the same wherever and by whichever path to it somebody asks. Any thread.
 */
#pragma once

#include "config/model.h"
#include "tls/digest.h"

/**
 * SHA-256 of the names and contents of the file and of those that it includes, as they are on disk now. False, and the hash is
 * "", if one of them can't be read.
 */
bool config_hash(const struct cfg *cfg, char hash[DIGEST_TEXT]);
