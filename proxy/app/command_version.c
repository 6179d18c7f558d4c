/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the version's text. */
#include "proxy/app/commands.h"
#include "proxy/app/options.h"
#include "proxy/wire/frame.h"
#include "tls/context.h"

#include <event2/event.h>
#include <stdio.h>

int command_version(int argc, char **argv)
{
    static const struct option_row rows[] = {{0}};

    switch (options_read(argc, argv, rows, "usage: georelay version", NULL)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    printf("georelay %s\ntunnel protocol %d\n%s\nlibevent %s\n", GEORELAY_VERSION, FRAME_VERSION, tls_library_version(),
           event_get_version());
    return EXIT_DONE;
}
