/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of "georelay prove" and its exit code. */
#include "proxy/app/commands.h"
#include "proxy/app/options.h"
#include "proxy/app/prove_report.h"
#include "proxy/app/startup.h"

#include "config/load.h"

#include <stdio.h>

int command_prove(int argc, char **argv)
{
    const char *path = DEFAULT_CONFIG;
    const struct option_row rows[] = {{"-c", "--config", "FILE", "the configuration (default " DEFAULT_CONFIG ")", &path}, {0}};
    struct cfg *cfg;
    bool is_proved;

    switch (options_read(
        argc, argv, rows,
        "usage: georelay prove [-c FILE]\n\nAsks the running georelay and the kernel which connections were accepted "
        "and opened since the start, and writes a dated report. Exit code 0 if it is proved that none was opened "
        "towards the clients (relay), or to a stranger (agent); else 1. Best run as root.",
        NULL)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    /* Not checked: whoever runs this may read the file but not the keys that it names, and the process has checked it. */
    cfg = startup_read(path, NULL);
    if (cfg == NULL)
        return EXIT_USAGE;
    is_proved = prove_report(stdout, cfg);
    cfg_free(cfg);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("georelay: the report could not be written");
        return EXIT_TROUBLE;
    }
    return is_proved ? EXIT_DONE : EXIT_TROUBLE;
}
