/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on addressing "rewrite": the place of the port in a link's first bytes, and ports that can stand for others.
 * Caller's thread. */
#include "config/check_rules.h"

static unsigned digits(unsigned port)
{
    unsigned count = 1;

    while (port >= 10) {
        port /= 10;
        count++;
    }
    return count;
}

/* Bit N for each count N of digits in a range. */
static unsigned digit_counts(const struct port_range *ports)
{
    unsigned bits = 0;

    for (unsigned count = digits(ports->first); count <= digits(ports->last); count++)
        bits |= 1u << count;
    return bits;
}

/* The bytes that must be there before the rule fits. */
static long reach(const struct cfg_advise *advise)
{
    const struct cfg_port_rule *rule = &advise->rule;
    long width = rule->form == CFG_PORT_DECIMAL ? (long)digits(advise->ports.last) : 2;

    return (long)rule->after.count + rule->offset + width;
}

static void check_place(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_port_rule *rule = &link->advise.rule;
    long bytes = reach(&link->advise);

    if (bytes > rule->within)
        check_report(c, rule->line, "Write a larger \"within\", or a smaller \"offset\"",
                     "The rule of the %s \"%s\" needs %ld bytes of a link, but looks at %ld only (\"within\")",
                     check_served_word(c), check_link_name(link), bytes, rule->within);
}

/* Text keeps its length: a port of four digits can't take the place of one of five. */
static void check_digits(const struct check *c, const struct cfg_link *link)
{
    const struct cfg_advise *advise = &link->advise;
    unsigned place = advise->relay_ports_line > 0 ? advise->relay_ports_line : advise->rule.line;
    unsigned announced = digit_counts(&advise->ports), own = digit_counts(&advise->relay_ports);
    char text[CHECK_PORTS_TEXT], other[CHECK_PORTS_TEXT];

    if (advise->rule.form != CFG_PORT_DECIMAL || announced == own)
        return;
    check_report(c, place, "Take relay_ports with as many digits as \"ports\"",
                 "With form \"decimal\" a port can't be replaced by one with more or fewer digits: clients announce %s, the "
                 "relay_ports are %s",
                 check_ports_format(&advise->ports, text), check_ports_format(&advise->relay_ports, other));
}

void check_rewrite(const struct check *c, const struct cfg_link *link)
{
    if (link->advise.addressing != CFG_ADDRESSING_REWRITE || link->advise.rule.line == 0 || c->cfg->is_partial)
        return;
    check_place(c, link);
    check_digits(c, link);
}
