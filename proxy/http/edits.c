/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rule of RFC 9110 7.6.1, and the lists "set" and "remove" of the configuration. Pure; any thread. */
#include "proxy/http/edits.h"

#include "proxy/http/field_kind.h"

/** Options that are no names of fields, or of fields which never go on as they are. */
static bool is_known_option(struct slice option)
{
    enum http_field_kind kind = http_field_kind(option);

    return slice_is_nocase(option, "close") || (http_field_is_reserved(kind) && kind != HTTP_FIELD_EXPECT);
}

bool http_edits_init(struct http_edits *e, const struct http_head *head)
{
    const struct http_field *field;

    e->listed_count = 0;
    for (size_t n = 0; (field = http_find(head, HTTP_NAME_CONNECTION, n)) != NULL; n++) {
        struct slice rest = field->value;
        struct slice option;

        while (slice_next_element(&rest, &option)) {
            if (is_known_option(option))
                continue;
            if (e->listed_count == HTTP_LISTED_MAX)
                return false;
            e->listed[e->listed_count++] = option;
        }
    }
    return true;
}

static bool is_edited(const struct http_edits *e, struct slice name)
{
    for (size_t i = 0; i < e->set_count; i++)
        if (slice_equals_nocase(name, e->set[i].name))
            return true;
    for (size_t i = 0; i < e->remove_count; i++)
        if (slice_equals_nocase(name, e->remove[i]))
            return true;
    return false;
}

bool http_edits_drop(const struct http_edits *e, struct slice name)
{
    for (size_t i = 0; i < e->listed_count; i++)
        if (slice_equals_nocase(name, e->listed[i]))
            return true;
    return is_edited(e, name);
}

bool http_edits_overrule(const struct http_edits *e, struct slice name)
{
    /* What the sender's Connection lists does not count here: nobody can make us keep silent about him. */
    return is_edited(e, name);
}

void http_edits_put(const struct http_edits *e, struct http_writer *w, struct slice name, struct slice value)
{
    if (!http_edits_overrule(e, name))
        http_put_field(w, name, value);
}

void http_edits_put_set(const struct http_edits *e, struct http_writer *w)
{
    for (size_t i = 0; i < e->set_count; i++)
        if (!http_field_is_reserved(http_field_kind(e->set[i].name)))
            http_put_pair(w, e->set[i].name, e->set[i].value);
}

bool http_is_hop_by_hop(const struct http_head *head, struct slice name)
{
    enum http_field_kind kind = http_field_kind(name);
    const struct http_field *field;

    if (kind == HTTP_FIELD_HOP || kind == HTTP_FIELD_UPGRADE || slice_is_nocase(name, "Transfer-Encoding"))
        return true;
    for (size_t n = 0; (field = http_find(head, HTTP_NAME_CONNECTION, n)) != NULL; n++) {
        struct slice rest = field->value;
        struct slice option;

        while (slice_next_element(&rest, &option))
            if (slice_equals_nocase(name, option))
                return true;
    }
    return false;
}
