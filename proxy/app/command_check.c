/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of "georelay check". */
#include "proxy/app/commands.h"
#include "proxy/app/options.h"
#include "proxy/app/startup.h"

#include "config/load.h"
#include "config/print.h"

#include <stdio.h>

int command_check(int argc, char **argv)
{
    const char *path = DEFAULT_CONFIG;
    const struct option_row rows[] = {{"-c", "--config", "FILE", "the configuration (default " DEFAULT_CONFIG ")", &path}, {0}};
    struct gates gates;
    struct cfg *cfg;

    switch (options_read(
        argc, argv, rows,
        "usage: georelay check [-c FILE]\n\nSays \"ok\" and what would be opened, or every mistake with file, line and "
        "remedy (exit code 2).",
        NULL)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    cfg = startup_load(path, &gates);
    if (cfg == NULL)
        return EXIT_USAGE;
    printf("ok\n");
    cfg_print_plan(cfg, stdout);
    gates_fini(&gates);
    cfg_free(cfg);
    return EXIT_DONE;
}
