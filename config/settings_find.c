/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: finds rows in the table of settings, also for names that are almost right. Any thread. */
#include "config/settings.h"

#include <string.h>

enum { NAME_LONGEST = 32 };

const struct cfg_setting *cfg_setting_find(enum cfg_group group, const char *name, unsigned for_roles)
{
    for (size_t i = 0; i < cfg_settings_count; i++) {
        const struct cfg_setting *row = &cfg_settings[i];

        if (row->group == group && (row->roles & for_roles) && strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be changed, added or dropped to turn one name into the other (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_LONGEST + 1];
    size_t width = strlen(b);

    if (strlen(a) > NAME_LONGEST || width > NAME_LONGEST)
        return NAME_LONGEST;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t above = row[j + 1];

            row[j + 1] = least(diagonal + (a[i] != b[j]), least(above, row[j]) + 1);
            diagonal = above;
        }
    }
    return row[width];
}

const struct cfg_setting *cfg_setting_nearest(enum cfg_group group, const char *name, unsigned for_roles)
{
    const struct cfg_setting *nearest = NULL;
    size_t smallest = 1 + (strlen(name) + 2) / 3; /* a third of the letters may be wrong */

    for (size_t i = 0; i < cfg_settings_count; i++) {
        const struct cfg_setting *row = &cfg_settings[i];

        if (row->group == group && (row->roles & for_roles) && distance(name, row->name) < smallest) {
            smallest = distance(name, row->name);
            nearest = row;
        }
    }
    for (size_t i = 0; i < cfg_settings_count && !nearest; i++)
        if ((cfg_settings[i].roles & for_roles) && strcmp(cfg_settings[i].name, name) == 0)
            nearest = &cfg_settings[i];
    return nearest;
}
