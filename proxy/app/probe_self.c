/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: asks who we are and what we may. */
#include "proxy/app/probe_parts.h"

#include "proxy/app/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void try_user(struct probe *p)
{
    const struct passwd *user = p->cfg->user != NULL ? getpwnam(p->cfg->user) : NULL;
    char mend[PROBE_MEND];

    if (p->cfg->user == NULL) {
        if (geteuid() == 0)
            probe_say(p, PROBE_WARNING, "add for example: user = \"georelay\";",
                      "started by root, georelay stays root: \"user\" is not set");
        return;
    }
    snprintf(mend, sizeof(mend), "useradd --system --no-create-home %s", p->cfg->user);
    if (user == NULL)
        probe_say(p, PROBE_MISSING, mend, "there is no user %s", p->cfg->user);
    else if (geteuid() != 0 && geteuid() != user->pw_uid)
        probe_say(p, PROBE_WARNING, "run this check as root, or as that user",
                  "this is neither root nor the user %s: what they may do is not tried", p->cfg->user);
    else
        probe_say(p, PROBE_GOOD, NULL, "the user %s exists", p->cfg->user);
}

static void try_files(struct probe *p)
{
    unsigned long needed = privilege_files_needed(p->cfg);
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (geteuid() == 0 || limit.rlim_max >= needed)
        probe_say(p, PROBE_GOOD, NULL, "%lu files may be open, as limits.connections wants", needed);
    else
        probe_say(p, PROBE_WARNING, "raise LimitNOFILE= of the service, or lower limits.connections",
                  "only %llu files may be open, and limits.connections wants %lu", (unsigned long long)limit.rlim_max, needed);
}

/* In a child, as the user that would run: 0, or errno. */
static int access_as(const struct cfg *cfg, const char *path)
{
    const struct passwd *user = cfg->user != NULL && geteuid() == 0 ? getpwnam(cfg->user) : NULL;
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (user != NULL && (setgroups(0, NULL) != 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
                             setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0))
            _exit(errno);
        _exit(access(path, W_OK | X_OK) == 0 ? 0 : errno);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return errno;
    return WEXITSTATUS(status);
}

static void try_state(struct probe *p)
{
    const char *who = p->cfg->user != NULL ? p->cfg->user : "this user";
    char mend[PROBE_MEND];
    struct stat st;
    int error;

    if (!privilege_keeps_leases(p->cfg))
        return;
    snprintf(mend, sizeof(mend), "install -d -m 750 -o %s %s", p->cfg->user != NULL ? p->cfg->user : "USER", p->cfg->state);
    if (stat(p->cfg->state, &st) != 0) {
        if (geteuid() == 0)
            probe_say(p, PROBE_GOOD, NULL, "the state folder %s will be made", p->cfg->state);
        else
            probe_say(p, PROBE_MISSING, mend, "there is no state folder %s: %s", p->cfg->state, strerror(errno));
        return;
    }
    error = access_as(p->cfg, p->cfg->state);
    if (error == 0)
        probe_say(p, PROBE_GOOD, NULL, "%s may write to the state folder %s", who, p->cfg->state);
    else if (geteuid() == 0)
        probe_say(p, PROBE_WARNING, mend,
                  "%s may not write to the state folder %s; georelay gives it to that user when root starts it", who,
                  p->cfg->state);
    else
        probe_say(p, PROBE_MISSING, mend, "%s may not write to the state folder %s: %s", who, p->cfg->state, strerror(error));
}

void probe_self(struct probe *p)
{
    try_user(p);
    try_files(p);
    try_state(p);
}
