/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns its lists for the length of a call. Guesses come from where the ports that were dialled stand in the samples; what decides
 * is always the scan itself (proxy/wire/port_rule.c), so that a rule which is offered does in a relay what it did here. Any
 * thread.
 */
#include "proxy/wire/port_find.h"

#include <stdlib.h>
#include <string.h>

/* What a guess at a pattern looks at: so many dials, and so many places for each. Verifying looks at everything. */
#define GUESS_DIALS  64
#define GUESS_PLACES 64

/* Patterns that are verified in one search. */
#define PATTERNS_MAX 64

struct pair {
    unsigned client;
    uint16_t port;
    bool must_show;
    bool is_shown;
};

/* Where the port of a pair stands. */
struct place {
    const struct port_sample *sample;
    size_t at;
};

struct places {
    struct place list[GUESS_PLACES];
    size_t count;
};

struct search {
    const struct port_evidence *evidence;
    struct port_found *found;
    struct pair *pairs; /* by client, then port */
    size_t pairs_count;
    struct pair *must[GUESS_DIALS];
    size_t must_count;
    struct places (*places)[GUESS_DIALS]; /* for each form, of `must` */
    size_t patterns;                      /* verified so far */
};

/* -- verifying ----------------------------------------------------------------------------------------------------------------
 */

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    if (x->client != y->client)
        return x->client < y->client ? -1 : 1;
    return (int)x->port - (int)y->port;
}

static struct pair *find_pair(const struct search *f, unsigned client, uint16_t port)
{
    const struct pair key = {.client = client, .port = port};

    return bsearch(&key, f->pairs, f->pairs_count, sizeof(key), compare_pairs);
}

static bool shows(const struct port_rule *rule, const struct port_sample *sample, uint16_t *ret_port)
{
    struct port_scan scan;

    port_scan_init(&scan, rule);
    (void)port_scan_feed(&scan, sample->bytes, sample->count < PORT_FIND_BYTES ? sample->count : PORT_FIND_BYTES);
    port_scan_end(&scan);
    *ret_port = (uint16_t)scan.value;
    return scan.state == PORT_SCAN_MATCH;
}

/* Clients and ports of the pairs that were shown; false if one is missing. */
static bool count_shown(const struct search *f, struct port_finding *finding)
{
    uint8_t seen[(UINT16_MAX + 1) / 8] = {0};
    const struct pair *last = NULL;

    for (size_t i = 0; i < f->pairs_count; i++) {
        const struct pair *pair = &f->pairs[i];
        uint8_t bit = (uint8_t)(1u << pair->port % 8);

        if (!pair->is_shown && pair->must_show)
            return false;
        if (!pair->is_shown)
            continue;
        if (last == NULL || last->client != pair->client)
            finding->clients++;
        last = pair;
        finding->ports += (seen[pair->port / 8] & bit) == 0;
        seen[pair->port / 8] |= bit;
    }
    return last != NULL;
}

static bool fits(struct search *f, struct port_finding *finding)
{
    const struct port_evidence *e = f->evidence;
    uint16_t port;

    finding->links = finding->clients = finding->ports = 0;
    for (size_t i = 0; i < f->pairs_count; i++)
        f->pairs[i].is_shown = false;
    for (size_t i = 0; i < e->samples_count; i++) {
        struct pair *pair;

        if (!shows(&finding->rule, &e->samples[i], &port))
            continue;
        pair = find_pair(f, e->samples[i].client, port);
        if (pair == NULL && e->samples[i].is_settled)
            return false;
        if (pair == NULL)
            continue;
        pair->is_shown = true;
        finding->links++;
    }
    return count_shown(f, finding);
}

/* Verifies a guess and keeps it if it fits and there is room. */
static void try_rule(struct search *f, const uint8_t *after, size_t after_count, size_t offset, enum port_form form)
{
    struct port_finding *finding = &f->found->rules[f->found->count];
    const struct port_finding *last = f->found->count > 0 ? finding - 1 : NULL;

    if (f->found->count == PORT_FIND_RULES)
        return;
    /* A rule for "05500" fits at "5500" too. */
    if (last != NULL && form == PORT_DECIMAL && last->rule.form == form && after_count == 0 && offset == last->rule.offset + 1)
        return;
    port_rule_init(&finding->rule, after, after_count, offset, form, PORT_FIND_BYTES, f->evidence->ports);
    if (fits(f, finding))
        f->found->count++;
}

/* -- where ports stand --------------------------------------------------------------------------------------------------------
 */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool digits_are(const uint8_t *bytes, size_t count, uint16_t port)
{
    uint32_t value = 0;

    for (size_t i = 0; i < count && i < PORT_DIGITS_MAX && is_digit(bytes[i]); i++)
        value = value * 10 + (bytes[i] - (uint32_t)'0');
    return value == port;
}

static bool stands_at(const uint8_t *bytes, size_t count, enum port_form form, uint16_t port)
{
    switch (form) {
    case PORT_U16LE:
        return count >= 2 && (bytes[0] | bytes[1] << 8) == port;
    case PORT_U16BE:
        return count >= 2 && (bytes[0] << 8 | bytes[1]) == port;
    default:
        return digits_are(bytes, count, port);
    }
}

/* Calls `each` for all places of a pair's port in its client's samples. */
static void each_place(const struct search *f, const struct pair *pair, enum port_form form,
                       void (*each)(void *arg, const struct port_sample *sample, size_t at), void *arg)
{
    const struct port_evidence *e = f->evidence;

    for (size_t i = 0; i < e->samples_count; i++) {
        const struct port_sample *sample = &e->samples[i];
        size_t count = sample->count < PORT_FIND_BYTES ? sample->count : PORT_FIND_BYTES;

        if (sample->client != pair->client)
            continue;
        for (size_t at = 0; at < count; at++)
            if (stands_at(sample->bytes + at, count - at, form, pair->port))
                each(arg, sample, at);
    }
}

/* -- fixed offsets ------------------------------------------------------------------------------------------------------------
 */

static void mark_offset(void *arg, const struct port_sample *sample, size_t at)
{
    (void)sample;
    ((bool *)arg)[at] = true;
}

static void find_offsets(struct search *f)
{
    bool marks[PORT_FORMS_COUNT][PORT_FIND_BYTES] = {{false}};

    for (int form = 0; form < PORT_FORMS_COUNT; form++)
        each_place(f, f->must[0], (enum port_form)form, mark_offset, marks[form]);
    for (int form = 0; form < PORT_FORMS_COUNT; form++)
        for (size_t at = 0; at < PORT_FIND_BYTES; at++)
            if (marks[form][at])
                try_rule(f, NULL, 0, at, (enum port_form)form);
}

/* -- patterns -----------------------------------------------------------------------------------------------------------------
 */

static void keep_place(void *arg, const struct port_sample *sample, size_t at)
{
    struct places *places = arg;

    if (places->count < GUESS_PLACES)
        places->list[places->count++] = (struct place){sample, at};
}

/* How many bytes before the two places, `gap` bytes left out, are the same. */
static size_t common_before(const struct place *a, const struct place *b, size_t gap, size_t max)
{
    size_t same = 0;

    while (same < max && a->at >= gap + same + 1 && b->at >= gap + same + 1 &&
           a->sample->bytes[a->at - gap - same - 1] == b->sample->bytes[b->at - gap - same - 1])
        same++;
    return same;
}

/* The longest pattern that ends `gap` bytes before this place and before one place of every pair. */
static size_t longest_pattern(const struct search *f, const struct places *all, const struct place *place, size_t gap)
{
    size_t longest = place->at > gap ? place->at - gap : 0;

    if (longest > PORT_FIND_AFTER)
        longest = PORT_FIND_AFTER;
    for (size_t i = 1; i < f->must_count && longest > 0; i++) {
        size_t best = 0;

        for (size_t k = 0; k < all[i].count && best < longest; k++) {
            size_t same = common_before(place, &all[i].list[k], gap, longest);

            best = same > best ? same : best;
        }
        longest = best;
    }
    return longest;
}

static bool is_known(const struct search *f, const uint8_t *after, size_t count, size_t gap, enum port_form form)
{
    for (size_t i = 0; i < f->found->count; i++) {
        const struct port_rule *rule = &f->found->rules[i].rule;

        if (rule->form == form && rule->offset == gap && rule->after_count == count && memcmp(rule->after, after, count) == 0)
            return true;
    }
    return false;
}

static void find_patterns_of(struct search *f, enum port_form form, size_t gap)
{
    const struct places *all = f->places[form];

    for (size_t i = 0; i < all[0].count && f->patterns < PATTERNS_MAX; i++) {
        const struct place *place = &all[0].list[i];
        size_t count = longest_pattern(f, all, place, gap);
        const uint8_t *after = count > 0 ? place->sample->bytes + (place->at - gap - count) : NULL;

        if (count == 0 || is_known(f, after, count, gap, form))
            continue;
        f->patterns++;
        try_rule(f, after, count, gap, form);
    }
}

static void find_patterns(struct search *f)
{
    for (int form = 0; form < PORT_FORMS_COUNT; form++)
        for (size_t i = 0; i < f->must_count; i++)
            each_place(f, f->must[i], (enum port_form)form, keep_place, &f->places[form][i]);
    for (size_t gap = 0; gap <= PORT_FIND_GAP && f->found->count == 0; gap++)
        for (int form = 0; form < PORT_FORMS_COUNT; form++)
            find_patterns_of(f, (enum port_form)form, gap);
}

/* -- the search ---------------------------------------------------------------------------------------------------------------
 */

static size_t lacks(size_t wanted, size_t has)
{
    return has < wanted ? wanted - has : 0;
}

static bool was_dialled(const struct search *f, unsigned client)
{
    for (size_t i = 0; i < f->pairs_count; i++)
        if (f->pairs[i].client == client)
            return true;
    return false;
}

/* What was seen where no rule fits: the links of clients that were dialled. */
static void count_seen(const struct search *f, struct port_finding *seen)
{
    for (size_t i = 0; i < f->pairs_count; i++)
        f->pairs[i].is_shown = true;
    (void)count_shown(f, seen);
    for (size_t i = 0; i < f->evidence->samples_count; i++)
        seen->links += was_dialled(f, f->evidence->samples[i].client);
}

static void judge(struct search *f)
{
    struct port_found *found = f->found;
    struct port_finding seen = {0};
    const struct port_finding *best = &seen;

    if (found->count > 0)
        best = &found->rules[0];
    else
        count_seen(f, &seen);
    found->needs_links = lacks(PORT_FIND_MIN_LINKS, best->links);
    found->needs_ports = lacks(PORT_FIND_MIN_PORTS, best->ports);
    if (found->needs_links > 0 || found->needs_ports > 0) {
        found->verdict = PORT_MORE;
        found->count = 0; /* not to be offered */
    } else {
        found->verdict = found->count > 0 ? PORT_FOUND : PORT_NONE;
    }
}

static void take_dials(struct search *f)
{
    const struct port_evidence *e = f->evidence;

    for (size_t i = 0; i < e->dials_count; i++)
        if (port_range_contains(&e->ports, e->dials[i].port))
            f->pairs[f->pairs_count++] =
                (struct pair){.client = e->dials[i].client, .port = e->dials[i].port, .must_show = !e->dials[i].is_excused};
    qsort(f->pairs, f->pairs_count, sizeof(*f->pairs), compare_pairs);
    for (size_t i = 0; i < f->pairs_count && f->must_count < GUESS_DIALS; i++)
        if (f->pairs[i].must_show)
            f->must[f->must_count++] = &f->pairs[i];
}

int port_find(const struct port_evidence *evidence, struct port_found *ret)
{
    struct search f = {.evidence = evidence, .found = ret};

    *ret = (struct port_found){0};
    f.pairs = calloc(evidence->dials_count + 1, sizeof(*f.pairs));
    f.places = calloc(PORT_FORMS_COUNT, sizeof(*f.places));
    if (f.pairs == NULL || f.places == NULL) {
        free(f.pairs);
        free(f.places);
        return -1;
    }
    take_dials(&f);
    if (f.must_count > 0)
        find_offsets(&f);
    if (ret->count == 0 && f.must_count > 1)
        find_patterns(&f);
    judge(&f);
    free(f.pairs);
    free(f.places);
    return 0;
}
