/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of "georelay pki"; the work is in tls/pki.c. */
#include "config/model.h"
#include "config/values.h"
#include "proxy/app/commands.h"
#include "proxy/app/options.h"
#include "tls/bundle.h"
#include "tls/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: georelay pki init          make the CA and the relay's certificate\n"
    "       georelay pki agent NAME    make a certificate for an agent\n"
    "       georelay pki agent NAME --relay HOST:PORT --bundle FILE.grb\n"
    "                                  the same, with all that its machine needs in one file: see georelay enroll\n"
    "       georelay pki web HOST      make a certificate for the web front door, and a request for another CA\n"
    "       georelay pki list          all certificates, with their ends\n"
    "       georelay pki renew [NAME]  sign the requests for new certificates that a relay has\n"
    "       georelay pki revoke NAME   put an agent's certificates on the list of revoked ones\n"
    "\n"
    "No key or certificate is ever overwritten. Keep ca.key off the relay once all agents have their certificates.";

#define DEFAULT_REQUESTS "/var/lib/georelay/requests"

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

/* -- what goes into a bundle ---------------------------------------------------------------------------------------------------
 */

enum { VALUES_MAX = BUNDLE_ROWS_MAX };

/* Values of one option, each perhaps a list with commas. */
struct values {
    const char *list[VALUES_MAX];
    size_t count;
};

struct bundle_words {
    const char *file;
    const char *advise_ports;
    struct values relays, links, servers, clients;
};

/* True if the text is a value of that setting; else says so. */
static bool is_value(const char *option, enum cfg_group group, const char *setting, const char *text)
{
    const struct cfg_setting *row = cfg_setting_find(group, setting, CFG_FOR_AGENT);
    const struct cfg_value_place place = {.folder = "/"};
    char title[CFG_TITLE_BYTES];
    union {
        struct cfg_endpoint endpoint;
        struct cfg_listen listen;
        struct cfg_network network;
        struct port_range ports;
        char *text;
    } member = {0};

    if (bundle_value_is_valid(text) && cfg_value_parse(row, text, &place, &member)) {
        cfg_value_fini(row, &member);
        return true;
    }
    fprintf(stderr, "georelay: %s takes %s, not \"%s\"\n", option, cfg_value_title(row, title), text);
    return false;
}

/* One more row. `text` is cut into name and value if there is a name. */
static bool add_row(struct bundle_rows *rows, const char *option, char *text, enum cfg_group group, const char *setting,
                    bool has_name)
{
    char *equals = has_name ? strchr(text, '=') : NULL;

    if (has_name && equals == NULL) {
        fprintf(stderr, "georelay: %s takes NAME=ADDRESS, not \"%s\"\n", option, text);
        return false;
    }
    if (rows->count == BUNDLE_ROWS_MAX) {
        fprintf(stderr, "georelay: %s was given too often: at most %d times\n", option, BUNDLE_ROWS_MAX);
        return false;
    }
    if (equals != NULL)
        *equals = '\0';
    if ((has_name && !is_value(option, group, "name", text)) || !is_value(option, group, setting, has_name ? equals + 1 : text))
        return false;
    rows->list[rows->count++] = (struct bundle_row){has_name ? text : NULL, has_name ? equals + 1 : text};
    return true;
}

/* Takes lists with commas apart, in place: the words of the command line are ours. */
static bool add_rows(struct bundle_rows *rows, const char *option, const struct values *values, enum cfg_group group,
                     const char *setting, bool has_name)
{
    bool is_good = true;

    for (size_t i = 0; i < values->count; i++) {
        char *rest = (char *)(uintptr_t)values->list[i];

        for (char *word; is_good && (word = strsep(&rest, ",")) != NULL;)
            is_good = add_row(rows, option, word, group, setting, has_name);
    }
    return is_good;
}

struct renew_words {
    const char *folder;
    const char *force;
};

static int make_bundle(const struct pki_job *job, const char *name, const struct bundle_words *words)
{
    struct bundle b = {.name = name, .advise_ports = words->advise_ports};

    if (words->relays.count == 0) {
        fprintf(stderr, "georelay: --bundle needs --relay HOST:PORT: where the agent reaches its relay\n");
        return EXIT_USAGE;
    }
    if (!add_rows(&b.relays, "--relay", &words->relays, CFG_IN_TOP, "relays", false) ||
        !add_rows(&b.links, "--link", &words->links, CFG_IN_LINK, "listen", true) ||
        !add_rows(&b.servers, "--server", &words->servers, CFG_IN_SERVER, "server", true) ||
        !add_rows(&b.clients, "--client", &words->clients, CFG_IN_TOP, "clients", false) ||
        (words->advise_ports != NULL && !is_value("--advise-ports", CFG_IN_TOP, "advise_ports", words->advise_ports)))
        return EXIT_USAGE;
    return pki_bundle(job, &b, words->file) == 0 ? EXIT_DONE : EXIT_TROUBLE;
}

static bool has_words(const struct bundle_words *w)
{
    return w->relays.count + w->links.count + w->servers.count + w->clients.count > 0 || w->advise_ports != NULL;
}

/* -- the command ---------------------------------------------------------------------------------------------------------------
 */

static int run(const struct pki_job *job, int count, char **words, const struct bundle_words *bundle,
               const struct renew_words *renew)
{
    int result;

    bool is_agent = count == 2 && strcmp(words[0], "agent") == 0;

    if (is_agent && bundle->file != NULL)
        return make_bundle(job, words[1], bundle);
    if (bundle->file != NULL || has_words(bundle)) {
        fprintf(stderr,
                "georelay: --relay, --link, --server, --client and --advise-ports go with \"pki agent NAME --bundle FILE\"\n");
        return EXIT_USAGE;
    }
    if (count == 1 && strcmp(words[0], "init") == 0) {
        result = pki_init(job);
    } else if (is_agent) {
        result = pki_agent(job, words[1]);
    } else if (count == 2 && strcmp(words[0], "web") == 0) {
        result = pki_web(job, words[1]);
    } else if (count == 1 && strcmp(words[0], "list") == 0) {
        result = pki_list(job);
    } else if ((count == 1 || count == 2) && strcmp(words[0], "renew") == 0) {
        result = pki_renew(job, renew->folder, count == 2 ? words[1] : NULL, renew->force != NULL);
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
    struct bundle_words w = {0};
    struct renew_words renew = {.folder = DEFAULT_REQUESTS};
    const struct option_row rows[] = {
        {"-d", "--dir", "DIR", "where the files are and go (default " DEFAULT_FOLDER ")", &folder},
        {NULL, "--days", "N", "how long it is valid (default: CA 7300, tunnel 3650, web 825)", &days},
        {NULL, "--requests", "DIR", "renew: the relay's folder (default " DEFAULT_REQUESTS ")", &renew.folder},
        {NULL, "--force", NULL, "renew: also what has more than half of its life left", &renew.force},
        {NULL, "--bundle", "FILE", "agent: write all that its machine needs into this file", &w.file},
        {NULL, "--relay", "HOST:PORT", "bundle: a relay, the preferred one first", w.relays.list, &w.relays.count, VALUES_MAX},
        {NULL, "--link", "NAME=ADDRESS", "bundle: a link, and where clients connect to it", w.links.list, &w.links.count,
         VALUES_MAX},
        {NULL, "--client", "NETWORK", "bundle: who may use the links", w.clients.list, &w.clients.count, VALUES_MAX},
        {NULL, "--advise-ports", "PORTS", "bundle: the ports of clients", &w.advise_ports},
        {NULL, "--server", "NAME=HOST:PORT", "bundle: a server beside the agent", w.servers.list, &w.servers.count, VALUES_MAX},
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
    return run(&job, count, argv + 1, &w, &renew);
}
