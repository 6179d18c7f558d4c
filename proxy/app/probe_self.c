/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: asks who we are and what we may. */
#include "proxy/app/probe_parts.h"

#include "proxy/app/privilege.h"

#include <pwd.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void try_user(struct probe *p)
{
    const struct passwd *user = p->cfg->user != NULL ? getpwnam(p->cfg->user) : NULL;
    char remedy[PROBE_REMEDY];

    if (p->cfg->user == NULL) {
        if (geteuid() == 0)
            probe_say(p, PROBE_USER, PROBE_WARNING, "set: user = \"georelay\"",
                      "started by root, georelay stays root: \"user\" is not set");
        return;
    }
    snprintf(remedy, sizeof(remedy), "run: useradd --system --no-create-home %s", p->cfg->user);
    if (user == NULL)
        probe_say(p, PROBE_USER, PROBE_ERROR, remedy, "there is no user %s", p->cfg->user);
    else if (geteuid() != 0 && geteuid() != user->pw_uid)
        probe_say(p, PROBE_USER, PROBE_WARNING, "run this check as root, or as that user",
                  "this is neither root nor the user %s: what they may do is not tried", p->cfg->user);
    else
        probe_say(p, PROBE_USER, PROBE_OK, NULL, "the user %s exists", p->cfg->user);
}

/* Up to which the limit can be raised, as the start does it. Root may go beyond its own limit, if it is root indeed. */
static unsigned long reachable_limit(unsigned long needed)
{
    struct rlimit limit, higher = {.rlim_cur = needed, .rlim_max = needed};

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= needed)
        return needed;
    if (setrlimit(RLIMIT_NOFILE, &higher) != 0)
        return (unsigned long)limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return needed;
}

void probe_few_files(struct probe *p, const char *who, unsigned long limit)
{
    unsigned long needed = privilege_files_needed(p->cfg), beside = needed - 2 * (unsigned long)p->cfg->limits.connections;
    char remedy[PROBE_REMEDY];

    if (limit >= beside + 2)
        snprintf(remedy, sizeof(remedy), "set: limits.connections = %lu; or LimitNOFILE=%lu in the service's unit",
                 (limit - beside) / 2, needed);
    else
        snprintf(remedy, sizeof(remedy), "set: LimitNOFILE=%lu in the service's unit", needed);
    probe_say(p, PROBE_LIMIT, PROBE_WARNING, remedy, "only %lu files may be open%s, and limits.connections needs %lu", limit, who,
              needed);
}

static void try_files(struct probe *p)
{
    unsigned long needed = privilege_files_needed(p->cfg), limit = reachable_limit(needed);

    if (limit >= needed)
        probe_say(p, PROBE_LIMIT, PROBE_OK, NULL, "%lu files may be open, as limits.connections needs", needed);
    else
        probe_few_files(p, "", limit);
}

void probe_self(struct probe *p)
{
    try_user(p);
    try_files(p);
}
