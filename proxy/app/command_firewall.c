/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of "georelay firewall", and the looking up of names for formats that take none. */
#include "proxy/app/commands.h"
#include "proxy/app/firewall_names.h"
#include "proxy/app/options.h"
#include "proxy/app/startup.h"

#include "config/check.h"
#include "config/firewall.h"
#include "config/load.h"

#include <stdio.h>
#include <string.h>

struct wanted {
    const char *config, *format, *place, *relay, *agent, *clients, *interfaces, *policy;
};

enum format { FORMAT_TABLE = 0, FORMAT_NFT, FORMAT_NETSH, FORMATS };

static const char *const formats[FORMATS] = {"table", "nft", "netsh"};

static const char about[] =
    "usage: georelay firewall [OPTIONS]\n\nTells the rules that the configuration needs at each firewall, each with its reason; "
    "or writes them as a\n"
    "script for nftables, or as a batch file for Windows. Places: outer is the firewall between clients and the DMZ,\n"
    "host georelay's own machine, inner the firewall between the DMZ and the server.";

/* -- what was asked for --------------------------------------------------------------------------------------------------------
 */

static int complain(const char *option, const char *value, const char *remedy)
{
    fprintf(stderr, "georelay: %s \"%s\" is not understood. %s.\n", option, value, remedy);
    return -1;
}

static int read_places(const struct wanted *w, enum format format, int *ret)
{
    static const struct {
        const char *name;
        int places;
    } known[] = {{"outer", FIREWALL_OUTER},
                 {"host", FIREWALL_HOST},
                 {"inner", FIREWALL_INNER},
                 {"outer,inner", FIREWALL_OUTER | FIREWALL_INNER},
                 {"inner,outer", FIREWALL_OUTER | FIREWALL_INNER}};

    *ret = format == FORMAT_NETSH ? FIREWALL_HOST : 0;
    for (size_t i = 0; w->place != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(w->place, known[i].name) != 0)
            continue;
        *ret = known[i].places;
        if (format != FORMAT_NETSH || *ret == FIREWALL_HOST)
            return 0;
        return complain("--place", w->place, "netsh is for the machine itself: --place host");
    }
    if (w->place != NULL)
        return complain("--place", w->place, "Say outer, host or inner; or \"outer,inner\" if one machine is both firewalls");
    if (format == FORMAT_NFT)
        return complain("--format", "nft", "Say which machine the script is for: --place outer, host or inner");
    return 0;
}

static int read_format(const struct wanted *w, enum format *ret)
{
    for (*ret = FORMAT_TABLE; *ret < FORMATS; (*ret)++)
        if (strcmp(w->format, formats[*ret]) == 0)
            return 0;
    return complain("--format", w->format, "Say table, nft or netsh");
}

static int read_end(const char *option, const char *text, struct firewall_end *ret)
{
    if (text != NULL && firewall_end_parse(ret, text) != 0)
        return complain(option, text, "Write addresses, networks or ranges with commas between them: 10.20.0.10,10.20.1.0/24");
    return 0;
}

/* Names of interfaces go into a script as they are. */
static int read_interfaces(const struct wanted *w)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@-";
    const char *rest = w->interfaces;

    while (rest != NULL) {
        size_t length = strspn(rest, allowed);

        if (length == 0 || length > 15 || (rest[length] != ',' && rest[length] != '\0'))
            return complain("--interface", w->interfaces, "Write names of interfaces with commas between them: eth1,eth2");
        rest = rest[length] == ',' ? rest + length + 1 : NULL;
    }
    return 0;
}

static int read_policy(const struct wanted *w, int places, bool *ret_only_counts)
{
    *ret_only_counts = w->policy != NULL && strcmp(w->policy, "accept") == 0;
    if (w->policy == NULL || *ret_only_counts)
        return 0;
    if (strcmp(w->policy, "drop") != 0)
        return complain("--policy", w->policy, "Say drop or accept");
    if (places & FIREWALL_HOST)
        return complain("--policy", w->policy, "On the machine itself nothing is dropped: it needs more than georelay knows of");
    return 0;
}

/* -- the work ------------------------------------------------------------------------------------------------------------------
 */

static int print(struct firewall *f, enum format format, const struct firewall_nft *how)
{
    if (format == FORMAT_TABLE) {
        firewall_print_table(f, stdout);
        return EXIT_DONE;
    }
    if (format == FORMAT_NFT && f->unknown != NULL) {
        fprintf(stderr, "georelay: %s\n", f->unknown);
        return EXIT_USAGE;
    }
    if (firewall_names_look_up(f) != 0)
        return EXIT_TROUBLE;
    if (format == FORMAT_NFT)
        firewall_print_nft(f, how, stdout);
    else
        firewall_print_netsh(f, stdout);
    return EXIT_DONE;
}

/* An agent has one firewall between it and the relay: on which side, its configuration tells. */
static int places_of(const struct cfg *cfg)
{
    int places = FIREWALL_OUTER | FIREWALL_HOST | FIREWALL_INNER;

    if (cfg->role == CFG_ROLE_AGENT && cfg->servers_count == 0)
        places &= ~FIREWALL_INNER;
    else if (cfg->role == CFG_ROLE_AGENT && cfg->links_count == 0)
        places &= ~FIREWALL_OUTER;
    return places;
}

static int make(const struct wanted *w, enum format format, int places, const struct firewall_asked *asked,
                const struct firewall_nft *how)
{
    struct cfg *cfg = startup_read(w->config, cfg_check_settings); /* certificates need not be there yet */
    struct firewall firewall;
    int code;

    if (cfg == NULL)
        return EXIT_USAGE;
    if (cfg->role == CFG_ROLE_AGENT && places == (FIREWALL_OUTER | FIREWALL_INNER))
        places = FIREWALL_OUTER; /* to an agent they are the same one */
    firewall_make(&firewall, cfg, asked, places != 0 ? places : places_of(cfg));
    code = print(&firewall, format, how);
    firewall_fini(&firewall);
    cfg_free(cfg);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("georelay: the rules can't be written");
        code = EXIT_TROUBLE;
    }
    return code;
}

static int firewall(const struct wanted *w)
{
    struct firewall_nft how = {.interfaces = w->interfaces};
    struct firewall_asked asked = {0};
    enum format format;
    int places, code = EXIT_USAGE; /* places 0: those that the configuration has */

    if (read_format(w, &format) == 0 && read_places(w, format, &places) == 0 && read_policy(w, places, &how.only_counts) == 0 &&
        read_interfaces(w) == 0 && read_end("--relay", w->relay, &asked.relay) == 0 &&
        read_end("--agent", w->agent, &asked.agent) == 0 && read_end("--clients", w->clients, &asked.clients) == 0)
        code = make(w, format, places, &asked, &how);
    firewall_end_fini(&asked.relay);
    firewall_end_fini(&asked.agent);
    firewall_end_fini(&asked.clients);
    return code;
}

int command_firewall(int argc, char **argv)
{
    struct wanted w = {.config = DEFAULT_CONFIG, .format = "table"};
    const struct option_row rows[] = {
        {"-c", "--config", "FILE", "the configuration (default " DEFAULT_CONFIG ")", &w.config},
        {NULL, "--format", "FORMAT", "table (for people, the default), nft (a shell script) or netsh (Windows)", &w.format},
        {NULL, "--place", "PLACE", "outer, host or inner; \"outer,inner\" if one machine is both", &w.place},
        {NULL, "--relay", "ADDRESS", "the relay's address, if the configuration has none (0.0.0.0)", &w.relay},
        {NULL, "--agent", "ADDRESS", "where the agents are", &w.agent},
        {NULL, "--clients", "NETWORK", "networks of clients that come without an agent", &w.clients},
        {NULL, "--interface", "NAME", "nft: on which interface to match, see georelay(8)", &w.interfaces},
        {NULL, "--policy", "POLICY", "nft, outer and inner: drop (the default) what is not permitted, or accept", &w.policy},
        {0},
    };

    switch (options_read(argc, argv, rows, about, NULL)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        return firewall(&w);
    }
}
