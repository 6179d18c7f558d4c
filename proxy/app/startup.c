/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order of the checks: the file, the rules between settings, the certificates. Main thread. */
#include "proxy/app/startup.h"

#include "config/check.h"
#include "config/load.h"

#include <stdio.h>

static void print_problems(struct cfg_problems *problems)
{
    cfg_problems_print(problems, stderr);
    fprintf(stderr, "georelay: %zu problem%s; nothing was started\n", problems->count, problems->count == 1 ? "" : "s");
}

struct cfg *startup_load(const char *path, struct gates *gates)
{
    struct cfg_problems problems = {0};
    struct cfg *cfg = cfg_load(path, &problems);

    *gates = (struct gates){0};
    if (cfg != NULL)
        cfg_check(cfg, &problems);
    if (cfg != NULL && problems.count == 0)
        (void)gates_load(gates, cfg, &problems);
    if (problems.count > 0) {
        print_problems(&problems);
        gates_fini(gates);
        cfg_free(cfg);
        cfg = NULL;
    }
    cfg_problems_fini(&problems);
    return cfg;
}
