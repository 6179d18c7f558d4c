/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of "georelay pki"; the work is in tls/pki.c. */
#include "proxy/app/commands.h"
#include "proxy/app/options.h"
#include "tls/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: georelay pki init          make the CA and the relay's certificate\n"
    "       georelay pki agent NAME    make a certificate for an agent\n"
    "       georelay pki web HOST      make a certificate for the web front door, and a request for another CA\n"
    "       georelay pki list          all certificates, with their ends\n"
    "       georelay pki revoke NAME   put an agent's certificates on the list of revoked ones\n"
    "\n"
    "No key or certificate is ever overwritten. Keep ca.key off the relay once all agents have their certificates.";

/* A number of days, or -1. */
static int parse_days(const char *text)
{
    char *end;
    long days;

    if (text == NULL)
        return 0;
    days = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && days >= 1 && days <= 36500 ? (int)days : -1;
}

static int run(const struct pki_job *job, int count, char **words)
{
    int result;

    if (count == 1 && strcmp(words[0], "init") == 0) {
        result = pki_init(job);
    } else if (count == 2 && strcmp(words[0], "agent") == 0) {
        result = pki_agent(job, words[1]);
    } else if (count == 2 && strcmp(words[0], "web") == 0) {
        result = pki_web(job, words[1]);
    } else if (count == 1 && strcmp(words[0], "list") == 0) {
        result = pki_list(job);
    } else if (count == 2 && strcmp(words[0], "revoke") == 0) {
        result = pki_revoke(job, words[1]);
    } else {
        fprintf(stderr, "%s\n", usage);
        return EXIT_USAGE;
    }
    return result == 0 ? EXIT_DONE : EXIT_TROUBLE;
}

int command_pki(int argc, char **argv)
{
    const char *folder = DEFAULT_FOLDER, *days = NULL;
    const struct option_row rows[] = {
        {"-d", "--dir", "DIR", "where the files are and go (default " DEFAULT_FOLDER ")", &folder},
        {NULL, "--days", "N", "how long it is valid (default: CA 7300, tunnel 3650, web 825)", &days},
        {0},
    };
    struct pki_job job = {.out = stdout, .err = stderr};
    int count;

    switch (options_read(argc, argv, rows, usage, &count)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    job.folder = folder;
    job.days = parse_days(days);
    if (job.days < 0) {
        fprintf(stderr, "georelay: --days takes a whole number from 1 to 36500, not \"%s\"\n", days);
        return EXIT_USAGE;
    }
    return run(&job, count, argv + 1);
}
