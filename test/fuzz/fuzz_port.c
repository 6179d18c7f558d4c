/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the input as a rule and a stream: one byte each for the form, the offset, `within`, the pattern's length and the length
 * of pieces, the pattern, the stream. What the scan finds must be what a search over the whole stream finds, however it is cut,
 * and only bytes of the field may be held.
 */
#include "proxy/wire/port_rule.h"
#include "test/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#define HEAD 5

static const struct port_range ports = {5500, 5509};

static void require(int condition)
{
    if (!condition)
        abort();
}

/* What a scan is to find. */
struct finding {
    bool is_match;
    size_t at;
    unsigned width;
    uint32_t value;
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Where the field begins, or `count` if nowhere. */
static size_t field_start(const struct port_rule *rule, const uint8_t *stream, size_t count)
{
    for (size_t at = 0; at + rule->after_count <= count; at++)
        if (memcmp(stream + at, rule->after, rule->after_count) == 0)
            return at + rule->after_count + rule->offset;
    return count;
}

/* The plain way, with the whole stream at hand. */
static struct finding search(const struct port_rule *rule, const uint8_t *stream, size_t count)
{
    struct finding f = {.at = field_start(rule, stream, count)};
    const uint8_t *field = stream + f.at;
    size_t rest = f.at < count ? count - f.at : 0;

    if (rest == 0)
        return f;
    if (rule->form == PORT_DECIMAL) {
        while (f.width < rest && f.width < PORT_DIGITS_MAX && is_digit(field[f.width]))
            f.value = f.value * 10 + (field[f.width++] - (uint32_t)'0');
    } else if (rest >= 2) {
        f.width = 2;
        f.value = rule->form == PORT_U16LE ? field[0] | (uint32_t)field[1] << 8 : field[1] | (uint32_t)field[0] << 8;
    }
    f.is_match = f.width > 0 && f.at + f.width <= rule->within && f.value >= ports.first && f.value <= ports.last;
    return f;
}

static void scan(const struct port_rule *rule, const uint8_t *stream, size_t count, size_t piece, const struct finding *expected)
{
    struct port_scan s;

    port_scan_init(&s, rule);
    for (size_t at = 0; at < count && !port_scan_is_over(&s); at += piece) {
        size_t length = piece < count - at ? piece : count - at;
        size_t taken = port_scan_feed(&s, stream + at, length);

        require(taken == length || port_scan_is_over(&s));
        require(s.seen == at + taken && port_scan_held(&s) <= PORT_DIGITS_MAX);
        if (s.state == PORT_SCAN_FIELD)
            require(s.seen - s.width == expected->at);
    }
    port_scan_end(&s);
    require(port_scan_is_over(&s));
    require((s.state == PORT_SCAN_MATCH) == expected->is_match);
    if (expected->is_match)
        require(s.value == expected->value && s.width == expected->width && s.seen == expected->at + s.width);
    else
        require(port_scan_held(&s) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct port_rule rule;
    struct finding expected;
    size_t after, count;
    uint8_t *stream;

    if (size < HEAD || data[3] > PORT_AFTER_MAX || size - HEAD < data[3])
        return 0;
    after = data[3];
    count = size - HEAD - after;
    stream = malloc(count == 0 ? 1 : count); /* memory of exactly its size */
    require(stream != NULL);
    memcpy(stream, data + HEAD + after, count);
    port_rule_init(&rule, data + HEAD, after, data[1], (enum port_form)(data[0] % PORT_FORMS_COUNT), data[2], ports);
    expected = search(&rule, stream, count);
    scan(&rule, stream, count, count + 1, &expected);
    scan(&rule, stream, count, 1, &expected);
    scan(&rule, stream, count, (size_t)data[4] + 1, &expected);
    free(stream);
    return 0;
}
