/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing. The loader has made the names of included files absolute; the first is as somebody wrote it. */
#include "proxy/app/config_hash.h"

#include <stdlib.h>

bool config_hash(const struct cfg *cfg, char hash[DIGEST_TEXT])
{
    const char **paths = calloc(cfg->files_count + 1, sizeof(*paths));
    char *first = realpath(cfg->file, NULL);

    hash[0] = '\0';
    for (size_t i = 0; paths != NULL && i < cfg->files_count; i++)
        paths[i] = i == 0 && first != NULL ? first : cfg->files[i].text;
    if (paths != NULL && digest_files(paths, cfg->files_count, hash) != 0)
        hash[0] = '\0';
    free(paths);
    free(first);
    return hash[0] != '\0';
}
