/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table for people: aligned columns, and below them what the table does not open. Caller's thread. */
#include "config/firewall_rules.h"

#include <stdlib.h>
#include <string.h>

enum column { COLUMN_WAY = 0, COLUMN_SOURCE, COLUMN_DESTINATION, COLUMN_PORTS, COLUMN_REASON, COLUMNS };

static const char *const titles[COLUMNS] = {"DIRECTION", "FROM", "TO", "TCP PORT", "REASON"};
static const char *const targets[TOWARDS_END] = {[TOWARDS_CLIENTS] = "clients",
                                                 [TOWARDS_RELAY] = "relay",
                                                 [TOWARDS_AGENT] = "agent",
                                                 [TOWARDS_SERVER] = "server",
                                                 [TOWARDS_RECEIVER] = "syslog receiver"};

static bool is_anybody(const char *who)
{
    return strcmp(who, "clients") == 0 || strcmp(who, "agents") == 0 || strcmp(who, "administrators") == 0;
}

/* `who` stands where the addresses are not known, but it is. */
static char *end_text(const struct firewall_end *end, const char *who)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return firewall_text("?");
    if (firewall_end_print(end, AF_UNSPEC, ", ", out) == 0)
        fprintf(out, is_anybody(who) ? "any" : "the %s", who);
    fclose(out);
    return text;
}

static char *ports_text(const struct firewall_rule *rule)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return firewall_text("?");
    if (rule->ports.count == 0)
        fputs("any", out);
    firewall_ports_print(&rule->ports, ", ", out);
    if (rule->except.count > 0)
        fputs(" but ", out);
    firewall_ports_print(&rule->except, ", ", out);
    fclose(out);
    return text;
}

static char *cell(const struct firewall_rule *rule, enum column column)
{
    switch (column) {
    case COLUMN_WAY:
        return rule->place == FIREWALL_HOST
                   ? firewall_text("%s %s -> %s", rule->comes_in ? "in: " : "out:", rule->from, targets[rule->towards])
                   : firewall_text("%s -> %s", rule->from, targets[rule->towards]);
    case COLUMN_SOURCE:
        return end_text(&rule->source, rule->from);
    case COLUMN_DESTINATION:
        return end_text(&rule->destination, targets[rule->towards]);
    case COLUMN_PORTS:
        return ports_text(rule);
    default:
        return firewall_text(
            rule->means == FIREWALL_INTERCEPT || rule->means == FIREWALL_TAKE ? "%s TPROXY leads them to port %u." : "%s",
            rule->reason, address_port(&rule->listen));
    }
}

static void print_row(char *const cells[COLUMNS], const size_t widths[COLUMNS], FILE *out)
{
    fputs("  ", out);
    for (size_t i = 0; i + 1 < COLUMNS; i++)
        fprintf(out, "%-*s  ", (int)widths[i], cells[i]);
    fprintf(out, "%s\n", cells[COLUMN_REASON]);
}

/* All cells of one place, row by row; gives `ret_count` rows. */
static char **collect(const struct firewall *f, int place, size_t *ret_count, size_t widths[COLUMNS])
{
    char **cells = calloc((f->count + 1) * COLUMNS, sizeof(*cells));
    size_t count = 0;

    for (size_t i = 0; i < f->count && cells; i++) {
        if (f->rules[i].place != place)
            continue;
        for (size_t k = 0; k < COLUMNS; k++) {
            cells[count * COLUMNS + k] = cell(&f->rules[i], (enum column)k);
            if (strlen(cells[count * COLUMNS + k]) > widths[k])
                widths[k] = strlen(cells[count * COLUMNS + k]);
        }
        count++;
    }
    *ret_count = count;
    return cells;
}

static bool opens(const struct firewall *f, int place, enum firewall_towards towards)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->rules[i].place == place && f->rules[i].towards == towards)
            return true;
    return false;
}

static const char *name_of(const struct firewall *f, int place)
{
    if (place == FIREWALL_HOST)
        return f->cfg->role == CFG_ROLE_RELAY ? "host: the relay's own machine" : "host: the agent's own machine";
    if (f->cfg->role == CFG_ROLE_AGENT)
        return place == FIREWALL_OUTER
                   ? "outer: the firewall between the agent and the relay, if the agent is on the clients' side"
                   : "inner: the firewall between the agent and the relay, if the agent is on the server's side";
    return place == FIREWALL_OUTER ? "outer: the firewall between the clients' network and the DMZ"
                                   : "inner: the firewall between the DMZ and the server's network";
}

static void print_place(const struct firewall *f, int place, FILE *out)
{
    size_t widths[COLUMNS], count;
    char **cells, *head[COLUMNS];

    for (size_t i = 0; i < COLUMNS; i++) {
        widths[i] = strlen(titles[i]);
        head[i] = (char *)(uintptr_t)titles[i];
    }
    cells = collect(f, place, &count, widths);
    fprintf(out, "%s\n\n", name_of(f, place));
    if (count > 0)
        print_row(head, widths, out);
    else
        fputs("  nothing\n", out);
    for (size_t i = 0; i < count && cells; i++)
        print_row(cells + i * COLUMNS, widths, out);
    if (place != FIREWALL_INNER && !opens(f, place, TOWARDS_CLIENTS))
        fprintf(out, "  No connection is opened towards clients%s.\n",
                f->cfg->role == CFG_ROLE_AGENT && place == FIREWALL_HOST ? " over the network" : "");
    if (place == FIREWALL_INNER && !opens(f, place, TOWARDS_SERVER))
        fputs("  No connection is opened towards the server's network.\n", out);
    fputc('\n', out);
    for (size_t i = 0; i < count * COLUMNS && cells; i++)
        free(cells[i]);
    free(cells);
}

void firewall_print_table(const struct firewall *f, FILE *out)
{
    for (int place = FIREWALL_OUTER; place <= FIREWALL_INNER; place <<= 1)
        if (f->places & place)
            print_place(f, place, out);
    fputs("All firewalls are stateful: answers to these connections pass.\n", out);
    for (size_t i = 0; i < f->notes_count; i++)
        fprintf(out, "%s\n", f->notes[i]);
}
