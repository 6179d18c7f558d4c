/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the comparison of two models, by the table of settings, so that a new setting can't be forgotten. */
#include "config/compare.h"
#include "config/values.h"

#include <string.h>

static bool is_same_text(const void *a, const void *b)
{
    const char *texts[2];

    memcpy(&texts[0], a, sizeof(texts[0]));
    memcpy(&texts[1], b, sizeof(texts[1]));
    if (texts[0] == NULL || texts[1] == NULL)
        return texts[0] == texts[1];
    return strcmp(texts[0], texts[1]) == 0;
}

static bool is_same_address(const struct address *a, const struct address *b)
{
    if (!address_is_set(a) || !address_is_set(b))
        return address_is_set(a) == address_is_set(b);
    return address_same_ip(a, b) && address_port(a) == address_port(b);
}

static bool is_same_network(const struct cfg_network *a, const struct cfg_network *b)
{
    return a->network.prefix == b->network.prefix && is_same_address(&a->network.base, &b->network.base);
}

static bool is_same_pool(const struct cfg_pool *a, const struct cfg_pool *b)
{
    return is_same_address(&a->range.first, &b->range.first) && is_same_address(&a->range.last, &b->range.last);
}

static bool is_same_group(enum cfg_group group, const void *a, const void *b);

/* Of those that are texts in the model, the text is the first member. */
static bool is_same_value(const struct cfg_setting *row, const void *a, const void *b)
{
    switch (row->type) {
    case CFG_NUMBER:
        return memcmp(a, b, sizeof(long)) == 0;
    case CFG_CHOICE:
        return memcmp(a, b, sizeof(int)) == 0;
    case CFG_LISTEN:
        return is_same_address(&((const struct cfg_listen *)a)->address, &((const struct cfg_listen *)b)->address);
    case CFG_NETWORK:
        return is_same_network(a, b);
    case CFG_POOL:
        return is_same_pool(a, b);
    case CFG_PORTS:
        return memcmp(a, b, sizeof(struct port_range)) == 0;
    case CFG_ADDRESS:
        return is_same_address(a, b);
    case CFG_GROUP:
        return is_same_group(row->child, a, b);
    default:
        return is_same_text(a, b);
    }
}

static bool is_same_list(const struct cfg_setting *row, const char *a, const char *b)
{
    size_t counts[2], size = cfg_value_size(row);
    const char *lists[2];

    memcpy(&counts[0], a + row->count_offset, sizeof(counts[0]));
    memcpy(&counts[1], b + row->count_offset, sizeof(counts[1]));
    memcpy(&lists[0], a + row->offset, sizeof(lists[0]));
    memcpy(&lists[1], b + row->offset, sizeof(lists[1]));
    if (counts[0] != counts[1])
        return false;
    for (size_t i = 0; i < counts[0]; i++)
        if (!is_same_value(row, lists[0] + i * size, lists[1] + i * size))
            return false;
    return true;
}

static bool is_same_row(const struct cfg_setting *row, const char *a, const char *b)
{
    return row->is_list ? is_same_list(row, a, b) : is_same_value(row, a + row->offset, b + row->offset);
}

/* A group that is written and empty counts as one: it may be what makes a tunnel, or asks for health checks. */
static bool is_same_group(enum cfg_group group, const void *a, const void *b)
{
    size_t line = cfg_groups[group].line_offset;

    if (line != 0) {
        unsigned lines[2];

        memcpy(&lines[0], (const char *)a + line, sizeof(lines[0]));
        memcpy(&lines[1], (const char *)b + line, sizeof(lines[1]));
        if ((lines[0] == 0) != (lines[1] == 0))
            return false;
    }
    for (size_t i = 0; i < cfg_settings_count; i++)
        if (cfg_settings[i].group == group && !is_same_row(&cfg_settings[i], a, b))
            return false;
    return true;
}

size_t cfg_compare(const struct cfg *a, const struct cfg *b, cfg_differs_fn *differs, void *arg)
{
    size_t count = 0;

    for (size_t i = 0; i < cfg_settings_count; i++) {
        const struct cfg_setting *row = &cfg_settings[i];
        const char *bases[2] = {(const char *)a, (const char *)b};
        bool is_group = row->type == CFG_GROUP && !row->is_list;

        if (row->group != CFG_IN_TOP || is_same_row(row, bases[0], bases[1]))
            continue;
        if (!is_group) {
            differs(arg, row->name, row);
            count++;
            continue;
        }
        for (size_t k = 0; k < cfg_settings_count; k++) {
            const struct cfg_setting *child = &cfg_settings[k];
            char name[CFG_COMPARE_NAME];

            if (child->group != row->child || is_same_row(child, bases[0] + row->offset, bases[1] + row->offset))
                continue;
            snprintf(name, sizeof(name), "%s.%s", row->name, child->name);
            differs(arg, name, child);
            count++;
        }
    }
    return count;
}
