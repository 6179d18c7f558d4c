/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The files of a configuration that are read again when they change: certificates, keys, CAs, ticket keys. Any thread.
 */
#pragma once

#include "config/model.h"
#include "tls/digest.h"

/** 0 goes on, anything else ends it. */
typedef int certificate_file_fn(void *arg, const char *path);

/** Calls `take` with the path of each; a path may come twice. What it returned last. */
int certificate_files_each(const struct cfg *cfg, certificate_file_fn *take, void *arg);

/** A text that is another one after any of them was written, replaced, moved, removed or got other rights. */
void certificate_files_note(const struct cfg *cfg, char ret_note[DIGEST_TEXT]);
