/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: takes a place of the model apart. Any thread. */
#include "config/place.h"

const char *cfg_place_file(const struct cfg *cfg, unsigned place)
{
    unsigned index = place >> CFG_LINE_BITS;

    return index < cfg->files_count ? cfg->files[index].text : cfg->file;
}

unsigned cfg_place_line(unsigned place)
{
    return place & ((1u << CFG_LINE_BITS) - 1);
}
