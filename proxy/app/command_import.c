/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of "georelay import-iis"; the work is in config/iis.c. */
#include "proxy/app/commands.h"
#include "proxy/app/options.h"

#include "config/iis.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: georelay import-iis [--site NAME] web.config [applicationHost.config]\n"
    "\n"
    "Writes a configuration that does what IIS did as a reverse proxy, and on standard error all that it does not do. Exit code "
    "1:\n"
    "nothing in the files forwards requests; 2: they can't be read, or there are several sites. applicationHost.config lies in\n"
    "%windir%\\System32\\inetsrv\\config and says where IIS listened.";

int command_import(int argc, char **argv)
{
    const char *site = NULL;
    const struct option_row rows[] = {
        {"-s", "--site", "NAME", "the site of applicationHost.config that web.config belongs to, by name or number", &site},
        {0},
    };
    char *text = NULL;
    enum iis_result result;
    size_t length = 0;
    FILE *out;
    int count;

    switch (options_read(argc, argv, rows, usage, &count)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    if (count < 1 || count > 2 || (site != NULL && count == 1)) {
        fprintf(stderr, "%s\n", usage);
        return EXIT_USAGE;
    }
    out = open_memstream(&text, &length);
    if (out == NULL) {
        perror("georelay");
        return EXIT_TROUBLE;
    }
    result = iis_import(argv[1], count > 1 ? argv[2] : NULL, site, out, stderr);
    if (fclose(out) != 0 || fwrite(text, 1, length, stdout) != length || fflush(stdout) != 0) {
        perror("georelay: standard output");
        result = IIS_NOTHING;
    }
    free(text);
    return result == IIS_DONE ? EXIT_DONE : result == IIS_NOTHING ? EXIT_TROUBLE : EXIT_USAGE;
}
