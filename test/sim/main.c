/* SPDX-License-Identifier: Apache-2.0 */
/*
 * geosim: a Geo SCADA server and its client machines as far as georelay can see them, to test and show georelay.
 * This file reads the command's word and raises the limit of descriptors. It shares no code with georelay.
 */
#include "test/sim/client.h"
#include "test/sim/options.h"
#include "test/sim/server.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define EXIT_USAGE 2

static int print_usage(FILE *to, int result)
{
    fprintf(to, "usage: geosim server [OPTION]... | geosim client [OPTION]...\n"
                "Each command knows --help. Exit: 0 all verified, 1 something was lost or wrong, 2 usage.\n");
    return result;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    struct options options;
    if (argc >= 2 && strcmp(argv[1], "--help") == 0)
        return print_usage(stdout, 0);
    enum command command = argc >= 2 && strcmp(argv[1], "server") == 0 ? COMMAND_SERVER : COMMAND_CLIENT;
    if (argc < 2 || (command == COMMAND_CLIENT && strcmp(argv[1], "client") != 0))
        return print_usage(stderr, EXIT_USAGE);
    int rc = options_parse(&options, command, argc - 2, argv + 2);
    if (rc != 0)
        return rc > 0 ? 0 : EXIT_USAGE;
    raise_descriptor_limit();
    return command == COMMAND_SERVER ? server_main(&options) : client_main(&options);
}
