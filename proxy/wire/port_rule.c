/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns nothing; the scan's few numbers are the caller's. The pattern is found as by Knuth, Morris and Pratt: no byte is looked at
 * twice, so none needs to be kept. Any thread.
 */
#include "proxy/wire/port_rule.h"

#include <assert.h>
#include <string.h>

static const char *const form_names[] = {
#define X(constant, name) name,
    PORT_FORMS(X)
#undef X
};

static const char *const state_names[] = {
#define X(constant, name) name,
    PORT_SCAN_STATES(X)
#undef X
};

const char *port_form_name(enum port_form form)
{
    return form_names[form];
}

const char *port_scan_state_name(enum port_scan_state state)
{
    return state_names[state];
}

/* -- the rule -----------------------------------------------------------------------------------------------------------------
 */

/* How much of the pattern stands at the end, given that `matched` of it stood there before `byte`. */
static size_t step_pattern(const struct port_rule *rule, size_t matched, uint8_t byte)
{
    while (matched > 0 && rule->after[matched] != byte)
        matched = rule->border[matched - 1];
    return rule->after[matched] == byte ? matched + 1 : 0;
}

void port_rule_init(struct port_rule *rule, const uint8_t *after, size_t after_count, size_t offset, enum port_form form,
                    size_t within, struct port_range ports)
{
    assert(after_count <= PORT_AFTER_MAX);
    *rule = (struct port_rule){.form = form, .offset = offset, .within = within, .ports = ports, .after_count = after_count};
    if (after_count == 0)
        return;
    memcpy(rule->after, after, after_count);
    for (size_t i = 1; i < after_count; i++)
        rule->border[i] = (uint8_t)step_pattern(rule, rule->border[i - 1], after[i]);
}

static size_t least_width(const struct port_rule *rule)
{
    return rule->form == PORT_DECIMAL ? 1 : 2;
}

/* -- the scan -----------------------------------------------------------------------------------------------------------------
 */

/* The pattern ends after `end` bytes, at the soonest: can the field still stand in the bytes that are looked at? */
static bool has_room(const struct port_rule *rule, size_t end)
{
    return end + rule->offset + least_width(rule) <= rule->within;
}

static void start_skip(struct port_scan *scan)
{
    scan->skip = scan->rule->offset;
    scan->state = scan->skip > 0 ? PORT_SCAN_SKIP : PORT_SCAN_FIELD;
}

void port_scan_init(struct port_scan *scan, const struct port_rule *rule)
{
    *scan = (struct port_scan){.rule = rule, .state = PORT_SCAN_SEEK};
    if (!has_room(rule, rule->after_count))
        scan->state = PORT_SCAN_MISMATCH;
    else if (rule->after_count == 0)
        start_skip(scan);
}

static void decide(struct port_scan *scan)
{
    bool is_port = scan->value <= UINT16_MAX && port_range_contains(&scan->rule->ports, (uint16_t)scan->value);

    scan->has_value = true;
    scan->state = is_port ? PORT_SCAN_MATCH : PORT_SCAN_MISMATCH;
}

static void seek(struct port_scan *scan, uint8_t byte)
{
    scan->seen++;
    scan->matched = step_pattern(scan->rule, scan->matched, byte);
    if (scan->matched == scan->rule->after_count)
        start_skip(scan);
    else if (!has_room(scan->rule, scan->seen + scan->rule->after_count - scan->matched))
        scan->state = PORT_SCAN_MISMATCH;
}

static size_t skip(struct port_scan *scan, size_t count)
{
    size_t taken = count < scan->skip ? count : scan->skip;

    scan->seen += taken;
    scan->skip -= taken;
    if (scan->skip == 0)
        scan->state = PORT_SCAN_FIELD;
    return taken;
}

static void take(struct port_scan *scan, uint32_t value)
{
    scan->value = value;
    scan->seen++;
    scan->width++;
}

/* Returns how many bytes it took: a byte behind the digits is not theirs. */
static size_t take_digit(struct port_scan *scan, uint8_t byte)
{
    if (byte < '0' || byte > '9') {
        if (scan->width > 0)
            decide(scan);
        else
            scan->state = PORT_SCAN_MISMATCH;
        return 0;
    }
    if (scan->seen == scan->rule->within) { /* the number goes on behind what is looked at */
        scan->state = PORT_SCAN_MISMATCH;
        return 0;
    }
    take(scan, scan->value * 10 + (byte - (uint32_t)'0'));
    if (scan->width == PORT_DIGITS_MAX)
        decide(scan);
    return 1;
}

static size_t take_field(struct port_scan *scan, uint8_t byte)
{
    switch (scan->rule->form) {
    case PORT_U16LE:
        take(scan, scan->value | (uint32_t)byte << 8 * scan->width);
        break;
    case PORT_U16BE:
        take(scan, scan->value << 8 | byte);
        break;
    default:
        return take_digit(scan, byte);
    }
    if (scan->width == 2)
        decide(scan);
    return 1;
}

size_t port_scan_feed(struct port_scan *scan, const uint8_t *bytes, size_t count)
{
    size_t taken = 0;

    while (taken < count && !port_scan_is_over(scan)) {
        if (scan->state == PORT_SCAN_SEEK)
            seek(scan, bytes[taken++]);
        else if (scan->state == PORT_SCAN_SKIP)
            taken += skip(scan, count - taken);
        else
            taken += take_field(scan, bytes[taken]);
    }
    return taken;
}

void port_scan_end(struct port_scan *scan)
{
    if (port_scan_is_over(scan))
        return;
    if (scan->rule->form == PORT_DECIMAL && scan->width > 0)
        decide(scan);
    else
        scan->state = PORT_SCAN_MISMATCH;
}

void port_scan_silence(struct port_scan *scan)
{
    if (port_scan_held(scan) > 0)
        port_scan_end(scan);
}

/* -- the field ----------------------------------------------------------------------------------------------------------------
 */

bool port_field_write(enum port_form form, uint8_t *field, unsigned width, uint16_t port)
{
    unsigned rest = port;

    if (form != PORT_DECIMAL) {
        assert(width == 2);
        field[form == PORT_U16LE ? 0 : 1] = (uint8_t)port;
        field[form == PORT_U16LE ? 1 : 0] = (uint8_t)(port >> 8);
        return true;
    }
    for (unsigned i = 0; i < width; i++)
        rest /= 10;
    if (rest > 0)
        return false;
    rest = port;
    for (unsigned i = width; i-- > 0; rest /= 10)
        field[i] = (uint8_t)('0' + rest % 10);
    return true;
}
