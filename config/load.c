/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the walk through what libconfig has parsed: each setting is looked up in the table, and each row of the table in the
 * file. The only file that knows libconfig. Caller's thread.
 */
#include "config/load.h"
#include "config/memory.h"
#include "config/place.h"
#include "config/source.h"
#include "config/values.h"

#include <assert.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SENTENCE_BYTES = 1024, SHOWN_BYTES = 80 };

struct loader {
    struct cfg *cfg;
    struct cfg_problems *problems;
    size_t scan_problems; /* so many were found before parsing: numbers that libconfig has cut */
    char *folder;         /* absolute */
    unsigned roles;       /* enum cfg_for: one, or both if the file does not say */
};

static void load_group(struct loader *l, const config_setting_t *from, enum cfg_group group, void *base);

/* The place of a setting: see config/model.h. libconfig knows no file name for the main text. */
static unsigned place_of(struct loader *l, const config_setting_t *setting)
{
    const char *name = config_setting_source_file(setting);
    unsigned line = (unsigned)config_setting_source_line(setting);
    size_t index = 0;
    char *path;

    if (!name)
        return line;
    path = cfg_source_include_path(l->cfg->file, name);
    while (index < l->cfg->files_count && strcmp(l->cfg->files[index].text, path) != 0)
        index++;
    if (index == l->cfg->files_count) {
        l->cfg->files = cfg_grow(l->cfg->files, index, sizeof(*l->cfg->files));
        l->cfg->files[index].text = cfg_copy(path);
        l->cfg->files_count++;
    }
    free(path);
    return (unsigned)index << CFG_LINE_BITS | line;
}

/* A mistake that takes nothing from the model. */
static void report(struct loader *l, const config_setting_t *at, const char *remedy, const char *sentence)
{
    unsigned place = place_of(l, at);

    cfg_problems_add(l->problems, cfg_place_file(l->cfg, place), cfg_place_line(place), remedy, "%s", sentence);
}

static void __attribute__((format(printf, 4, 5)))
problem(struct loader *l, const config_setting_t *at, const char *remedy, const char *sentence, ...)
{
    char text[SENTENCE_BYTES];
    va_list args;

    va_start(args, sentence);
    vsnprintf(text, sizeof(text), sentence, args);
    va_end(args);
    report(l, at, remedy, text);
    l->cfg->is_partial = true;
}

static void __attribute__((format(printf, 4, 5)))
problem_of(struct loader *l, const config_setting_t *at, const struct cfg_setting *row, const char *sentence, ...)
{
    char text[SENTENCE_BYTES], remedy[SENTENCE_BYTES];
    va_list args;

    va_start(args, sentence);
    vsnprintf(text, sizeof(text), sentence, args);
    va_end(args);
    snprintf(remedy, sizeof(remedy), "Write for example: %s", row->example);
    problem(l, at, remedy, "\"%s\" %s", row->name, text);
}

static const char *type_title(const config_setting_t *value)
{
    switch (config_setting_type(value)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return "a whole number";
    case CONFIG_TYPE_FLOAT:
        return "a number with a fraction";
    case CONFIG_TYPE_BOOL:
        return "true or false";
    case CONFIG_TYPE_STRING:
        return "a text in quotes";
    case CONFIG_TYPE_GROUP:
        return "a group in braces";
    default:
        return "a list";
    }
}

static void wrong_type(struct loader *l, const config_setting_t *value, const struct cfg_setting *row)
{
    char title[CFG_TITLE_BYTES];

    problem_of(l, value, row, "must be %s%s, but is %s", row->is_list ? "a list, each entry " : "", cfg_value_title(row, title),
               type_title(value));
}

static void set_place(void *base, size_t offset, unsigned place)
{
    if (offset > 0)
        memcpy((char *)base + offset, &place, sizeof(place));
}

/* Makes room for one more element of a list in the model and returns it, all zero. */
static void *append(const struct cfg_setting *row, void *base)
{
    size_t *count = (void *)((char *)base + row->count_offset);
    size_t size = cfg_value_size(row);
    void *list;

    memcpy(&list, (char *)base + row->offset, sizeof(list));
    list = cfg_grow(list, *count, size);
    memcpy((char *)base + row->offset, &list, sizeof(list));
    return (char *)list + (*count)++ * size;
}

static void load_number(struct loader *l, const config_setting_t *value, const struct cfg_setting *row, long *ret)
{
    int type = config_setting_type(value);
    unsigned place = place_of(l, value);
    long long number;

    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
        wrong_type(l, value, row);
        return;
    }
    if (cfg_problems_has(l->problems, l->scan_problems, cfg_place_file(l->cfg, place), cfg_place_line(place)))
        return;
    if (config_setting_get_format(value) == CONFIG_FORMAT_HEX) {
        problem_of(l, value, row, "is a hexadecimal number, but must be a decimal one");
        return;
    }
    number = type == CONFIG_TYPE_INT ? config_setting_get_int(value) : config_setting_get_int64(value);
    if (number < row->min || number > row->max)
        problem_of(l, value, row, "is %lld, but must be from %ld to %ld %s", number, row->min, row->max, row->unit);
    else
        *ret = (long)number * row->scale;
}

static void load_text(struct loader *l, const config_setting_t *value, const struct cfg_setting *row, void *member)
{
    struct cfg_value_place place = {.folder = l->folder, .line = place_of(l, value)};
    char title[CFG_TITLE_BYTES];
    const char *text = config_setting_get_string(value);

    if (!text)
        wrong_type(l, value, row);
    else if (!cfg_value_parse(row, text, &place, member))
        problem_of(l, value, row, "has \"%.*s\", which is not %s", SHOWN_BYTES, text, cfg_value_title(row, title));
}

/* An element is parsed aside first, so that a bad one leaves no hole in the list. */
static void load_element(struct loader *l, const config_setting_t *value, const struct cfg_setting *row, void *base)
{
    struct cfg_value_place place = {.folder = l->folder, .line = place_of(l, value)};
    const char *text = config_setting_get_string(value);
    char title[CFG_TITLE_BYTES];
    void *element;

    if (row->type == CFG_GROUP && config_setting_is_group(value)) {
        load_group(l, value, row->child, append(row, base));
        return;
    }
    if (row->type == CFG_GROUP || !text) {
        wrong_type(l, value, row);
        return;
    }
    element = cfg_alloc(1, cfg_value_size(row));
    if (cfg_value_parse(row, text, &place, element))
        memcpy(append(row, base), element, cfg_value_size(row));
    else
        problem_of(l, value, row, "has \"%.*s\", which is not %s", SHOWN_BYTES, text, cfg_value_title(row, title));
    free(element);
}

/* A list in ( ) or [ ]; what stands alone is a list of one. */
static void load_list(struct loader *l, const config_setting_t *value, const struct cfg_setting *row, void *base)
{
    bool is_list = config_setting_is_list(value) || config_setting_is_array(value);
    unsigned count = is_list ? (unsigned)config_setting_length(value) : 1;

    if (count < row->min || count > row->max) {
        problem_of(l, value, row, "has %u entries, but must have from %ld to %ld", count, row->min, row->max);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        load_element(l, is_list ? config_setting_get_elem(value, i) : value, row, base);
}

static void load_preset(struct loader *l, const struct cfg_setting *row, void *base)
{
    struct cfg_value_place place = {.folder = l->folder};
    void *member = (char *)base + row->offset;
    char *copy, *rest, *word;
    bool is_good = true;

    if (row->type == CFG_NUMBER) {
        *(long *)member = strtol(row->preset, NULL, 10) * row->scale;
        return;
    }
    copy = cfg_copy(row->preset);
    if (row->is_list)
        for (word = strtok_r(copy, " ", &rest); word && is_good; word = strtok_r(NULL, " ", &rest))
            is_good = cfg_value_parse(row, word, &place, append(row, base));
    else
        is_good = cfg_value_parse(row, copy, &place, member);
    assert(is_good);
    free(copy);
}

/* `from` is NULL where a whole group is absent; then none of its settings is required. */
static void load_absent(struct loader *l, const config_setting_t *from, const struct cfg_setting *row, void *base)
{
    char remedy[SENTENCE_BYTES];

    if (row->preset) {
        load_preset(l, row, base);
    } else if (row->type == CFG_GROUP && !row->is_list) {
        load_group(l, NULL, row->child, (char *)base + row->offset);
    } else if (row->is_required && from && (row->roles & l->roles) == l->roles) {
        snprintf(remedy, sizeof(remedy), "Add for example: %s", row->example);
        problem(l, from, remedy, "\"%s\" is missing in %s", row->name, cfg_groups[row->group].title);
    }
}

/* A setting for mode "http" in a web door whose mode is "tcp". */
static void report_mode(struct loader *l, const config_setting_t *from, const config_setting_t *at, const struct cfg_setting *row)
{
    char text[SENTENCE_BYTES];
    const char *mode;

    if (!row->is_http || config_setting_lookup_string(from, "mode", &mode) != CONFIG_TRUE || strcmp(mode, "tcp") != 0)
        return;
    snprintf(text, sizeof(text), "\"%s\" is for mode \"http\", but this web door has mode \"tcp\"", row->name);
    report(l, at, "Remove it, or write mode = \"http\"", text);
}

static void load_row(struct loader *l, const config_setting_t *from, const struct cfg_setting *row, void *base)
{
    const config_setting_t *value = from ? config_setting_get_member(from, row->name) : NULL;
    void *member = (char *)base + row->offset;

    if (!value) {
        load_absent(l, from, row, base);
        return;
    }
    set_place(base, row->line_offset, place_of(l, value));
    report_mode(l, from, value, row);
    if (row->is_list)
        load_list(l, value, row, base);
    else if (row->type == CFG_NUMBER)
        load_number(l, value, row, member);
    else if (row->type != CFG_GROUP)
        load_text(l, value, row, member);
    else if (config_setting_is_group(value))
        load_group(l, value, row->child, member);
    else
        wrong_type(l, value, row);
}

/* A setting that is in no row for this group and role. */
static void report_stranger(struct loader *l, const config_setting_t *at, enum cfg_group group)
{
    const char *name = config_setting_name(at);
    const struct cfg_setting *other = cfg_setting_find(group, name, CFG_FOR_BOTH);
    const struct cfg_setting *near = cfg_setting_nearest(group, name, l->roles);
    char remedy[SENTENCE_BYTES] = "Remove it; georelay.conf(5) names all settings";

    if (other) {
        bool is_relays = other->roles == CFG_FOR_RELAY;

        problem(l, at, "Remove it, or look at the role", "\"%s\" is for %s, but the role is \"%s\"", name,
                is_relays ? "a relay" : "an agent", is_relays ? "agent" : "relay");
        return;
    }
    if (near && near->group == group)
        snprintf(remedy, sizeof(remedy), "Write \"%s\", if that is what you mean", near->name);
    else if (near)
        snprintf(remedy, sizeof(remedy), "\"%s\" belongs into %s", near->name, cfg_groups[near->group].title);
    problem(l, at, remedy, "There is no setting \"%.*s\" in %s", SHOWN_BYTES, name, cfg_groups[group].title);
}

static void load_group(struct loader *l, const config_setting_t *from, enum cfg_group group, void *base)
{
    int count = from ? config_setting_length(from) : 0;

    if (from)
        set_place(base, cfg_groups[group].line_offset, place_of(l, from));
    for (int i = 0; i < count; i++) {
        const config_setting_t *setting = config_setting_get_elem(from, (unsigned)i);

        if (!cfg_setting_find(group, config_setting_name(setting), l->roles))
            report_stranger(l, setting, group);
    }
    for (size_t i = 0; i < cfg_settings_count; i++) {
        const struct cfg_setting *row = &cfg_settings[i];

        /* While the role is unknown, a name may have two rows: the first one serves. */
        if (row->group == group && cfg_setting_find(group, row->name, l->roles) == row)
            load_row(l, from, row, base);
    }
}

static unsigned find_role(const config_setting_t *root)
{
    const config_setting_t *role = config_setting_get_member(root, "role");
    const char *text = role ? config_setting_get_string(role) : NULL;

    if (text && strcmp(text, "relay") == 0)
        return CFG_FOR_RELAY;
    if (text && strcmp(text, "agent") == 0)
        return CFG_FOR_AGENT;
    return CFG_FOR_BOTH;
}

static void report_syntax(const char *path, const config_t *text, struct cfg_problems *problems)
{
    const char *name = config_error_file(text);
    char *file = name ? cfg_source_include_path(path, name) : cfg_copy(path);
    int line = config_error_line(text);
    const char *remedy = "Look here and in the line before for a missing ';', quote or bracket, or a comma after a last entry";

    if (strstr(config_error_text(text), "duplicate"))
        remedy = "Write each setting once in its group";
    else if (strstr(config_error_text(text), "mismatched"))
        remedy = "Write ( ) in place of [ ]";
    cfg_problems_add(problems, file, line > 0 ? (unsigned)line : 0, remedy, "The text can't be understood: %s",
                     config_error_text(text));
    free(file);
}

/* The folder of the configuration file, absolute where the system can say so. */
static char *absolute_folder(const char *path)
{
    char *folder = cfg_folder(path);
    char *absolute = realpath(folder, NULL);

    if (!absolute)
        return folder;
    free(folder);
    return absolute;
}

static struct cfg *load_model(const char *path, const config_setting_t *root, struct cfg_problems *problems)
{
    struct loader l = {.problems = problems, .scan_problems = problems->count, .folder = absolute_folder(path)};

    l.cfg = cfg_alloc(1, sizeof(*l.cfg));
    l.cfg->file = cfg_copy(path);
    l.cfg->files = cfg_grow(NULL, 0, sizeof(*l.cfg->files));
    l.cfg->files[0].text = cfg_copy(path);
    l.cfg->files_count = 1;
    l.cfg->is_partial = problems->count > 0;
    l.roles = find_role(root);
    load_group(&l, root, CFG_IN_TOP, l.cfg);
    l.cfg->tunnel.identity.line = l.cfg->tunnel.identity.chain_line; /* these two stand in no group of their own */
    l.cfg->identity.line = l.cfg->identity.chain_line;
    l.cfg->admin.identity.line = l.cfg->admin.identity.chain_line;
    l.cfg->served = l.cfg->role == CFG_ROLE_RELAY ? l.cfg->links : l.cfg->servers;
    l.cfg->served_count = l.cfg->role == CFG_ROLE_RELAY ? l.cfg->links_count : l.cfg->servers_count;
    free(l.folder);
    return l.cfg;
}

struct cfg *cfg_load(const char *path, struct cfg_problems *problems)
{
    char *text = cfg_source_read(path, problems);
    char *folder = cfg_folder(path);
    struct cfg *cfg = NULL;
    config_t parsed;

    config_init(&parsed);
    config_set_include_dir(&parsed, folder);
    if (text && config_read_string(&parsed, text) == CONFIG_TRUE)
        cfg = load_model(path, config_root_setting(&parsed), problems);
    else if (text)
        report_syntax(path, &parsed, problems);
    config_destroy(&parsed);
    free(folder);
    free(text);
    return cfg;
}
