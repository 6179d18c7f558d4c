/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of "georelay check". */
#include "proxy/app/commands.h"
#include "proxy/app/options.h"
#include "proxy/app/probe.h"
#include "proxy/app/startup.h"

#include "config/load.h"
#include "config/print.h"

#include "proxy/link/lease.h"
#include "proxy/net/ephemeral.h"

#include <signal.h>
#include <stdio.h>

/* Ports that servers dial back to should not be source ports of ours, but not every range can be kept free (ephemeral.h). */
static void say_if_too_wide(const char *setting, const char *name, struct port_range ports)
{
    struct port_range all = ephemeral_ports();

    if (ephemeral_is_too_wide(&all, &ports))
        printf(
            "note: %s%s is %u-%u, more than half of this machine's ephemeral ports (%u-%u): connections of georelay itself may "
            "leave from them too\n",
            setting, name, ports.first, ports.last, all.first, all.last);
}

static void say_wide_ports(const struct cfg *cfg)
{
    if (cfg->role == CFG_ROLE_AGENT)
        say_if_too_wide("advise_ports", "", cfg->advise_ports);
    for (size_t i = 0; i < cfg->served_count; i++)
        if (cfg->served[i].advise.addressing != CFG_ADDRESSING_OFF)
            say_if_too_wide("the range of advise ports of ", cfg->served[i].name, lease_advise_ports(&cfg->served[i]));
}

static void say_plan(const struct cfg *cfg)
{
    cfg_print_plan(cfg, stdout);
    say_wide_ports(cfg);
}

static int check_file(const char *path)
{
    struct gates gates;
    struct cfg *cfg = startup_load(path, NULL, &gates);

    if (cfg == NULL)
        return EXIT_USAGE;
    printf("ok\n");
    say_plan(cfg);
    gates_fini(&gates);
    cfg_free(cfg);
    return EXIT_DONE;
}

/* Files that are no good are findings among others; georelay would not start with them, so they are told by exit code 2 too. */
static int probe_file(const char *path)
{
    struct cfg_problems problems = {0};
    int code = EXIT_USAGE;
    struct gates gates;
    struct cfg *cfg;

    signal(SIGPIPE, SIG_IGN); /* TLS has no MSG_NOSIGNAL */
    cfg = startup_load_sick(path, &gates, &problems);
    if (cfg != NULL) {
        if (problems.count == 0)
            printf("ok\n");
        say_plan(cfg);
        code = probe_run(cfg, &gates, &problems, stdout) ? EXIT_DONE : problems.count > 0 ? EXIT_USAGE : EXIT_TROUBLE;
        gates_fini(&gates);
        cfg_free(cfg);
    }
    cfg_problems_fini(&problems);
    return code;
}

int command_check(int argc, char **argv)
{
    const char *path = DEFAULT_CONFIG;
    const char *probes = NULL;
    const struct option_row rows[] = {
        {"-c", "--config", "FILE", "the configuration (default " DEFAULT_CONFIG ")", &path},
        {NULL, "--probe", NULL, "also try addresses, names, certificates, servers, rights and rules", &probes},
        {0},
    };

    switch (options_read(
        argc, argv, rows,
        "usage: georelay check [-c FILE] [--probe]\n\nSays \"ok\" and what would be opened, or every mistake with file, line and "
        "remedy (exit code 2). With --probe it also tries what can be tried without starting: a line for each finding, exit code "
        "1\nif one of them is an error.",
        NULL)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    return probes != NULL ? probe_file(path) : check_file(path);
}
