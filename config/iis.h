/* SPDX-License-Identifier: Apache-2.0 */
/**
 * IIS's configuration, turned into georelay's: what "georelay import-iis" does. Caller's thread.
 *
 * What URL Rewrite, ARR and IIS itself did for a reverse proxy is carried over where a web front door can do the same. The rest
 * is listed, element by element: nothing is dropped in silence, and nothing is let through that IIS kept out as far as that can
 * be known.
 */
#pragma once

#include <stdio.h>

enum iis_result {
    IIS_DONE = 0, /**< a configuration was written */
    IIS_NOTHING,  /**< nothing here forwards requests: none was written */
    IIS_BAD       /**< a file can't be read, or the site is not clear */
};

/**
 * Reads web.config, and applicationHost.config unless `server_path` is NULL, of which `site` (name or number; NULL: the only one)
 * is the site that web.config belongs to. The configuration goes to `out`, notes and errors to `err`. The same files give the
 * same text.
 */
enum iis_result iis_import(const char *web_path, const char *server_path, const char *site, FILE *out, FILE *err);
