/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of "georelay kill" and "georelay island", and their exit codes. */
#include "proxy/app/commands.h"
#include "proxy/app/control_ask.h"
#include "proxy/app/options.h"
#include "proxy/app/startup.h"

#include "config/load.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request is one line of bounded length, so its word may not break it. */
#define WORD_MAX 200

/* The running program's answer to "REQUEST WORD"; NULL told on standard error. The caller frees it. */
static char *order(const char *socket, const char *request, const char *word)
{
    char line[WORD_MAX + 32];
    struct control_asked asked;

    snprintf(line, sizeof(line), "%s %s", request, word);
    asked = control_ask(socket, line);
    if (asked.text == NULL)
        fprintf(stderr, "georelay: %s: %s; %s\n", socket, asked.problem, asked.remedy);
    return asked.text;
}

static bool is_good_word(const char *word)
{
    size_t length = strlen(word);

    for (size_t i = 0; i < length; i++)
        if (!isgraph((unsigned char)word[i]))
            return false;
    return length > 0 && length <= WORD_MAX;
}

static int tell_killed(const char *target, const char *text)
{
    size_t sessions;
    unsigned agents;

    if (strstr(text, "error=bad_target") != NULL) {
        fprintf(stderr, "georelay: \"%s\" is no session (3.1f2, as in the log's sid=), no agent, and no client's IP address\n",
                target);
        return EXIT_USAGE;
    }
    if (sscanf(text, "georelay answer=kill sessions=%zu agents=%u", &sessions, &agents) != 2) {
        fprintf(stderr, "georelay: this was not understood: %s", text);
        return EXIT_TROUBLE;
    }
    if (sessions == 0 && agents == 0) {
        fprintf(stderr, "georelay: nothing fits \"%s\": see georelay status\n", target);
        return EXIT_TROUBLE;
    }
    printf("ended %zu session%s%s\n", sessions, sessions == 1 ? "" : "s", agents > 0 ? " and the agent's control channel" : "");
    return EXIT_DONE;
}

/* Gives an order to the program that runs this configuration; `tell` makes the exit code of the answer. */
static int give(const char *path, const char *request, const char *word, int (*tell)(const char *word, const char *text))
{
    struct cfg *cfg = startup_read(path, NULL);
    int code = EXIT_TROUBLE;
    char *text;

    if (cfg == NULL)
        return EXIT_USAGE;
    if (cfg->admin.socket == NULL) {
        fprintf(stderr, "georelay: %s names no control socket: add admin = { socket = \"/run/georelay/control.sock\"; };\n",
                path);
    } else {
        text = order(cfg->admin.socket, request, word);
        if (text != NULL)
            code = tell(word, text);
        free(text);
    }
    cfg_free(cfg);
    return code;
}

static int tell_island(const char *word, const char *text)
{
    char state[8], saved[8];
    size_t sessions;
    unsigned tunnels;

    if (strstr(text, "error=busy") != NULL) {
        fprintf(stderr, "georelay: another order is being carried out; ask again\n");
        return EXIT_TROUBLE;
    }
    if (sscanf(text, "georelay answer=island state=%7s sessions=%zu tunnels=%u saved=%7s", state, &sessions, &tunnels, saved) !=
        4) {
        fprintf(stderr, "georelay: this was not understood: %s", text);
        return EXIT_TROUBLE;
    }
    if (strcmp(word, "on") == 0)
        printf(
            "georelay is an island (sessions ended: %zu, tunnels closed: %u); nobody is let in until \"georelay island off\"\n",
            sessions, tunnels);
    else
        puts("georelay is no island: agents and clients may come");
    if (strcmp(saved, "yes") == 0)
        return EXIT_DONE;
    fprintf(
        stderr,
        "georelay: it could not be written down, so a restart would not know of it: the log says why (ev=island_not_saved)\n");
    return EXIT_TROUBLE;
}

/* The command line of an order with one word. The exit code. */
static int run_order(int argc, char **argv, const char *usage, const char *request, bool (*is_word)(const char *word),
                     int (*tell)(const char *word, const char *text))
{
    const char *path = DEFAULT_CONFIG;
    const struct option_row rows[] = {{"-c", "--config", "FILE", "the configuration (default " DEFAULT_CONFIG ")", &path}, {0}};
    int count;

    switch (options_read(argc, argv, rows, usage, &count)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    if (count != 1 || !is_word(argv[1])) {
        fprintf(stderr, "%s\n", usage);
        return EXIT_USAGE;
    }
    return give(path, request, argv[1], tell);
}

int command_kill(int argc, char **argv)
{
    return run_order(argc, argv,
                     "usage: georelay kill [-c FILE] SESSION | AGENT | [AGENT/]CLIENT\n\nEnds sessions of the running "
                     "georelay: one, those of an agent with its tunnel, or those of a client.",
                     "kill", is_good_word, tell_killed);
}

static bool is_on_or_off(const char *word)
{
    return strcmp(word, "on") == 0 || strcmp(word, "off") == 0;
}

int command_island(int argc, char **argv)
{
    return run_order(argc, argv,
                     "usage: georelay island [-c FILE] on | off\n\nCuts the running georelay off from all agents and "
                     "clients, and lets nobody in until \"off\"; a restart changes nothing.",
                     "island", is_on_or_off, tell_island);
}
