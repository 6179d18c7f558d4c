/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of "georelay enroll"; the work is in proxy/app/enroll.c. */
#include "proxy/app/commands.h"
#include "proxy/app/enroll.h"
#include "proxy/app/options.h"

#include <stdio.h>

static const char usage[] = "usage: georelay enroll FILE.grb\n"
                            "\n"
                            "Installs an agent from the bundle that \"georelay pki agent NAME --bundle FILE.grb\" wrote.";

int command_enroll(int argc, char **argv)
{
    const char *force = NULL;
    struct enrolment e = {.folder = DEFAULT_FOLDER};
    const struct option_row rows[] = {
        {"-d", "--dir", "DIR", "where the files go (default " DEFAULT_FOLDER ")", &e.folder},
        {"-u", "--user", "USER", "who the agent runs as (default: georelay, if there is one)", &e.user},
        {NULL, "--force", NULL, "replace files that are there already", &force},
        {0},
    };
    int count;

    switch (options_read(argc, argv, rows, usage, &count)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    if (count != 1) {
        fprintf(stderr, "%s\n", usage);
        return EXIT_USAGE;
    }
    e.bundle = argv[1];
    e.may_replace = force != NULL;
    return enroll(&e) == 0 ? EXIT_DONE : EXIT_TROUBLE;
}
