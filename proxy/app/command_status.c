/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of "georelay status" and its exit code. */
#include "proxy/app/commands.h"
#include "proxy/app/control_ask.h"
#include "proxy/app/options.h"
#include "proxy/app/startup.h"
#include "proxy/app/status_table.h"

#include "config/load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WATCH_S 2

static const char usage[] =
    "usage: georelay status [-c FILE] [--json | --watch] [--all]\n\nAsks the running georelay what it does now, and tells it in "
    "tables: listeners, agents or relays, links, advises, web clients, servers, certificates.";

struct wishes {
    const char *socket;
    bool wants_json, watches, wants_all;
};

/* The document as text; NULL told on standard error. The caller frees it. */
static char *ask(const struct wishes *w)
{
    struct control_asked asked = control_ask(w->socket, "status");

    if (asked.text == NULL)
        fprintf(stderr, "georelay: %s: %s; %s\n", w->socket, asked.problem, asked.remedy);
    return asked.text;
}

static json_t *ask_document(const struct wishes *w)
{
    char *text = ask(w);
    json_error_t error;
    json_t *status = text != NULL ? json_loads(text, 0, &error) : NULL;

    if (text != NULL && !json_is_object(status)) {
        fprintf(stderr, "georelay: the answer of %s is not whole: %s; ask again\n", w->socket, error.text);
        json_decref(status);
        status = NULL;
    }
    free(text);
    return status;
}

static int tell_json(const struct wishes *w)
{
    char *text = ask(w);

    if (text == NULL)
        return EXIT_TROUBLE;
    fputs(text, stdout);
    free(text);
    return EXIT_DONE;
}

static int tell_once(const struct wishes *w)
{
    json_t *status = ask_document(w);

    if (status == NULL)
        return EXIT_TROUBLE;
    status_table_print(stdout, status, NULL, w->wants_all);
    json_decref(status);
    return EXIT_DONE;
}

/* Until it is interrupted or the program no longer answers. */
static int watch(const struct wishes *w)
{
    json_t *before = NULL, *status;

    while ((status = ask_document(w)) != NULL) {
        if (isatty(STDOUT_FILENO))
            fputs("\033[H\033[2J", stdout);
        status_table_print(stdout, status, before, w->wants_all);
        if (fflush(stdout) != 0)
            break;
        json_decref(before);
        before = status;
        sleep(WATCH_S);
    }
    json_decref(before);
    json_decref(status);
    return EXIT_TROUBLE;
}

static int tell(const struct wishes *w)
{
    if (w->wants_json)
        return tell_json(w);
    return w->watches ? watch(w) : tell_once(w);
}

int command_status(int argc, char **argv)
{
    const char *path = DEFAULT_CONFIG, *json = NULL, *watches = NULL, *all = NULL;
    const struct option_row rows[] = {
        {"-c", "--config", "FILE", "the configuration (default " DEFAULT_CONFIG ")", &path},
        {NULL, "--json", NULL, "the whole document, as docs/status.md describes it", &json},
        {NULL, "--watch", NULL, "again every two seconds, with rates of these", &watches},
        {NULL, "--all", NULL, "every link, advise and web client, however many there are", &all},
        {0},
    };
    struct wishes w;
    struct cfg *cfg;
    int code = EXIT_TROUBLE;

    switch (options_read(argc, argv, rows, usage, NULL)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        break;
    }
    cfg = startup_read(path, NULL); /* as for "prove": who runs this may read the file but not the keys that it names */
    if (cfg == NULL)
        return EXIT_USAGE;
    w = (struct wishes){cfg->admin.socket, json != NULL, watches != NULL, all != NULL};
    if (w.socket == NULL)
        fprintf(stderr, "georelay: %s names no control socket: add admin = { socket = \"/run/georelay/control.sock\"; };\n",
                path);
    else
        code = tell(&w);
    cfg_free(cfg);
    return code;
}
