/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what `georelay learn` prints. It runs the configuration as `georelay run` does and looks on (proxy/link/learn.h). Of what
 * clients sent nothing is printed but a pattern that stands before the port in all links, where no fixed offset fits.
 */
#include "proxy/app/commands.h"
#include "proxy/app/options.h"
#include "proxy/link/learn.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static struct learn_goal goal;

/* -- what is printed -----------------------------------------------------------------------------------------------------------
 */

/* A byte as it stands in the configuration, where the file's own reader takes off one backslash. */
static void print_byte(uint8_t byte)
{
    if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
        printf("\\\\x%02x", byte);
    else
        putchar(byte);
}

static void print_rule(const struct port_rule *rule)
{
    printf("rule = { ");
    if (rule->after_count > 0) {
        printf("after = \"");
        for (size_t i = 0; i < rule->after_count; i++)
            print_byte(rule->after[i]);
        printf("\"; ");
    }
    if (rule->offset > 0 || rule->after_count == 0)
        printf("offset = %zu; ", rule->offset);
    printf("form = \"%s\"; };\n", port_form_name(rule->form));
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void print_rules(const struct port_found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct port_finding *f = &found->rules[i];

        printf("# %s: %zu link%s of %zu client%s announced %zu different port%s so.\n", i == 0 ? "Fits" : "Fits as well",
               f->links, plural(f->links), f->clients, plural(f->clients), f->ports, plural(f->ports));
        if (i > 0)
            printf("# ");
        print_rule(&f->rule);
    }
    if (found->count > 1)
        printf("# More than one fits: further clients, on other machines, may tell which is the right one.\n");
}

static void print_seen(const struct cfg_link *link, const struct learn_seen *seen)
{
    printf("# Link \"%s\": %zu link%s of %zu client%s seen; the server dialled %zu port%s of clients.\n", link->name, seen->links,
           plural(seen->links), seen->clients, plural(seen->clients), seen->dials, plural(seen->dials));
    if (seen->others > 0)
        printf("# %zu of these are none of advise.ports (%u-%u): the rule is not about them.\n", seen->others,
               link->advise.ports.first, link->advise.ports.last);
}

static void print_needs(const struct port_found *found)
{
    printf("# No rule yet: more must be seen, at least");
    if (found->needs_links > 0)
        printf(" %zu link%s on which a port is announced", found->needs_links, plural(found->needs_links));
    if (found->needs_links > 0 && found->needs_ports > 0)
        printf(" and");
    if (found->needs_ports > 0)
        printf(" %zu different port%s", found->needs_ports, plural(found->needs_ports));
    printf(".\n# A second program on a client machine announces the next port.\n");
}

/* True if a rule was found. */
static bool print_link(const struct cfg_link *link)
{
    struct port_found found;
    struct learn_seen seen;

    if (learn_store_find(learn_seen(), link, &found, &seen) != 0) {
        fprintf(stderr, "georelay: no memory\n");
        return false;
    }
    print_seen(link, &seen);
    switch (found.verdict) {
    case PORT_FOUND:
        print_rules(&found);
        return true;
    case PORT_MORE:
        print_needs(&found);
        return false;
    default:
        printf("# No rule fits: the port does not stand there in a form that rules know, or it is encrypted.\n"
               "# Use addressing \"alias\", \"transparent\" or \"ports\".\n");
        return false;
    }
}

/* -- the run -------------------------------------------------------------------------------------------------------------------
 */

static int begin(const struct cfg *cfg)
{
    const struct rlimit none = {0, 0};
    bool has_alias = false;

    for (size_t i = 0; i < cfg->served_count; i++)
        has_alias = has_alias || cfg->served[i].advise.addressing == CFG_ADDRESSING_ALIAS;
    if (!has_alias) {
        fprintf(stderr, "georelay: nothing to learn from: %s has no link with addressing \"alias\"\n", cfg->file);
        return EXIT_USAGE;
    }
    (void)setrlimit(RLIMIT_CORE, &none); /* what clients send must not lie in a core file */
    if (learn_begin(&goal) != 0) {
        fprintf(stderr, "georelay: no memory\n");
        return EXIT_TROUBLE;
    }
    return EXIT_DONE;
}

static int end(const struct cfg *cfg, int code)
{
    bool has_run = code == EXIT_DONE;

    for (size_t i = 0; i < cfg->served_count && has_run; i++)
        if (learn_is_about(&cfg->served[i]) && !print_link(&cfg->served[i]))
            code = EXIT_TROUBLE;
    learn_end();
    return code;
}

static bool take_number(const char *option, const char *text, unsigned long max, unsigned long *ret)
{
    char *rest;

    errno = 0;
    *ret = strtoul(text, &rest, 10);
    if (isdigit((unsigned char)text[0]) && *rest == '\0' && errno == 0 && *ret >= 1 && *ret <= max)
        return true;
    fprintf(stderr, "georelay: %s takes a whole number from 1 to %lu\n", option, max);
    return false;
}

int command_learn(int argc, char **argv)
{
    static const struct run_guest guest = {.begin = begin, .end = end};
    const char *path = DEFAULT_CONFIG, *links = NULL, *seconds = NULL;
    const struct option_row rows[] = {
        {"-c", "--config", "FILE", "the configuration (default " DEFAULT_CONFIG ")", &path},
        {NULL, "--links", "N", "end when N links announced a port and one rule fits", &links},
        {NULL, "--seconds", "S", "end after that time", &seconds},
        {0},
    };
    unsigned long number;

    switch (options_read(
        argc, argv, rows,
        "usage: georelay learn [-c FILE] [--links N] [--seconds S]\n\n"
        "Runs as \"georelay run\" does, watches the links with addressing \"alias\" and prints at its end (TERM, INT) "
        "the rule for\naddressing \"rewrite\" that fits them all.",
        NULL)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    if (links != NULL) {
        if (!take_number("--links", links, LEARN_LINKS, &number))
            return EXIT_USAGE;
        goal.links = number;
    }
    if (seconds != NULL) {
        if (!take_number("--seconds", seconds, 30 * 86400, &number))
            return EXIT_USAGE;
        goal.ms = (uint64_t)number * 1000;
    }
    return run_file(path, &guest);
}
