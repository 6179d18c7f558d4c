/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the end of a model: frees it by the table of settings, so that a new setting can't be forgotten. */
#include "config/load.h"
#include "config/values.h"

#include <stdlib.h>
#include <string.h>

static void free_group(enum cfg_group group, void *base);

static void free_element(const struct cfg_setting *row, void *member)
{
    if (row->type == CFG_GROUP)
        free_group(row->child, member);
    else
        cfg_value_fini(row, member);
}

static void free_list(const struct cfg_setting *row, void *base)
{
    size_t *count = (void *)((char *)base + row->count_offset);
    void *list;

    memcpy(&list, (char *)base + row->offset, sizeof(list));
    for (size_t i = 0; i < *count; i++)
        free_element(row, (char *)list + i * cfg_value_size(row));
    free(list);
    list = NULL;
    memcpy((char *)base + row->offset, &list, sizeof(list));
    *count = 0;
}

/* Two rows may share a member, one for each role: what is freed is zero for the second. */
static void free_group(enum cfg_group group, void *base)
{
    for (size_t i = 0; i < cfg_settings_count; i++) {
        const struct cfg_setting *row = &cfg_settings[i];

        if (row->group != group)
            continue;
        if (row->is_list)
            free_list(row, base);
        else
            free_element(row, (char *)base + row->offset);
    }
}

void cfg_free(struct cfg *cfg)
{
    if (!cfg)
        return;
    free_group(CFG_IN_TOP, cfg);
    for (size_t i = 0; i < cfg->files_count; i++)
        free(cfg->files[i].text);
    free(cfg->files);
    free(cfg->file);
    free(cfg);
}
