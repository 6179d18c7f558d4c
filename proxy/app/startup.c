/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order of the checks: the file, the rules between settings, the certificates; and what is said of logs that can't be
 * opened. Main thread. */
#include "proxy/app/startup.h"

#include "proxy/app/admin_port.h"
#include "proxy/app/expiries.h"

#include "config/check.h"
#include "config/load.h"
#include "config/place.h"
#include "proxy/base/log.h"
#include "proxy/web/access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void print_problems(struct cfg_problems *problems)
{
    cfg_problems_print(problems, stderr);
    fprintf(stderr, "georelay: %zu problem%s; nothing was started\n", problems->count, problems->count == 1 ? "" : "s");
}

struct cfg *startup_load_again(const char *path, struct tls_tickets *tickets, struct gates *gates, struct cfg_problems *problems)
{
    struct cfg *cfg = cfg_load(path, problems);

    *gates = (struct gates){0};
    if (cfg != NULL)
        cfg_check(cfg, problems);
    if (cfg != NULL && problems->count == 0 && gates_load(gates, cfg, tickets, problems) == 0)
        (void)gates_load_revoked(gates, problems);
    if (problems->count > 0) {
        gates_fini(gates);
        cfg_free(cfg);
        cfg = NULL;
    }
    return cfg;
}

/* A file that is no good is found by the settings' check, and again by who loads it. */
static void take_further(struct cfg_problems *problems, const struct cfg_problems *more)
{
    size_t first = problems->count;

    for (size_t i = 0; i < more->kept; i++) {
        const struct cfg_problem *one = &more->list[i];

        if (!cfg_problems_has(problems, first, one->file, one->line))
            cfg_problems_add(problems, one->file, one->line, one->remedy, "%s", one->sentence);
    }
}

struct cfg *startup_load_sick(const char *path, struct gates *gates, struct cfg_problems *problems)
{
    struct cfg *cfg = cfg_load(path, problems);
    struct cfg_problems more = {0};

    *gates = (struct gates){0};
    if (cfg != NULL)
        cfg_check_settings(cfg, problems);
    if (problems->count > 0) {
        print_problems(problems);
        cfg_free(cfg);
        return NULL;
    }
    cfg_check(cfg, problems);
    if (gates_load(gates, cfg, NULL, &more) == 0)
        (void)gates_load_revoked(gates, &more);
    (void)admin_port_load(cfg, &more);
    admin_port_close();
    take_further(problems, &more);
    cfg_problems_fini(&more);
    return cfg;
}

struct cfg *startup_load(const char *path, struct tls_tickets *tickets, struct gates *gates)
{
    struct cfg_problems problems = {0};
    struct cfg *cfg = startup_load_again(path, tickets, gates, &problems);

    if (cfg != NULL && admin_port_load(cfg, &problems) != 0) {
        admin_port_close();
        gates_fini(gates);
        cfg_free(cfg);
        cfg = NULL;
    }
    if (problems.count > 0)
        print_problems(&problems);
    else
        expiries_load(cfg);
    cfg_problems_fini(&problems);
    return cfg;
}

int startup_open_sockets(const struct cfg *cfg, struct gates *gates, struct hub_sockets *sockets, unsigned workers)
{
    struct cfg_problems problems = {0};
    struct hub_sockets_fault fault = {.remedy = NULL};
    int result = 0;

    if (hub_sockets_open(sockets, cfg, false, &fault) != 0)
        cfg_problems_add(&problems, cfg->file, 0, fault.remedy, "%s", fault.sentence);
    (void)gates_open(gates, NULL, workers, &problems);
    if (problems.count > 0) {
        print_problems(&problems);
        result = -1;
    }
    cfg_problems_fini(&problems);
    return result;
}

static void add_unwritable(struct cfg_problems *problems, const struct cfg *cfg, unsigned place, const char *what,
                           const char *path)
{
    cfg_problems_add(problems, cfg_place_file(cfg, place), cfg_place_line(place), "Make its folder, or mend its rights",
                     "The %s file %s can't be written: %s", what, path == NULL ? "standard error" : path, strerror(errno));
}

int startup_open_logs(const struct cfg *cfg)
{
    struct cfg_problems problems = {0};
    int result = 0;

    if (log_start((enum log_level)cfg->log.level, (enum log_format)cfg->log.format, cfg->log.file) != 0)
        add_unwritable(&problems, cfg, cfg->log.file_line, "log", cfg->log.file);
    if (access_start(cfg) != 0)
        add_unwritable(&problems, cfg, cfg->access.file_line, "access log", cfg->access.file);
    if (problems.count > 0) {
        log_stop();
        print_problems(&problems);
        result = -1;
    }
    cfg_problems_fini(&problems);
    return result;
}

struct cfg *startup_read(const char *path, int (*check)(struct cfg *cfg, struct cfg_problems *problems))
{
    struct cfg_problems problems = {0};
    struct cfg *cfg = cfg_load(path, &problems);

    if (cfg != NULL && check != NULL)
        (void)check(cfg, &problems);
    if (problems.count > 0) {
        cfg_problems_print(&problems, stderr);
        cfg_free(cfg);
        cfg = NULL;
    }
    cfg_problems_fini(&problems);
    return cfg;
}
