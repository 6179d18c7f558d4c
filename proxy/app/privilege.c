/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing. Main thread, before any other thread runs. */
#include "proxy/app/privilege.h"

#include "proxy/base/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Descriptors besides those of sessions: listeners, pipes, log, event bases. */
#define FILES_BESIDE 1024

static rlim_t files_needed(const struct cfg *cfg)
{
    return (rlim_t)cfg->limits.connections * 2 + FILES_BESIDE;
}

void privilege_raise_files(const struct cfg *cfg)
{
    rlim_t needed = files_needed(cfg);
    struct rlimit limit, higher = {.rlim_cur = needed, .rlim_max = needed};

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return;
    /* Root may raise even the hard limit, up to fs.nr_open. */
    if (limit.rlim_max < needed && setrlimit(RLIMIT_NOFILE, &higher) == 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void privilege_warn_files(const struct cfg *cfg)
{
    struct rlimit limit;
    struct log_line l;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= files_needed(cfg))
        return;
    if (!log_begin(&l, LOG_LEVEL_WARN, "few_files"))
        return;
    log_number(&l, "limit", limit.rlim_cur);
    log_number(&l, "wanted", files_needed(cfg));
    log_text(&l, "remedy", "raise the limit of open files (ulimit -n, LimitNOFILE=) or lower limits.connections");
    log_end(&l);
}

static bool keeps_leases(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->links_count; i++)
        if (cfg->links[i].advise.addressing == CFG_ADDRESSING_ALIAS)
            return true;
    return false;
}

static const struct passwd *find_user(const struct cfg *cfg)
{
    const struct passwd *user = getpwnam(cfg->user);

    if (user == NULL)
        fprintf(stderr, "%s: user \"%s\" does not exist. Make it with: useradd --system --no-create-home %s\n", cfg->file,
                cfg->user, cfg->user);
    return user;
}

int privilege_make_state(const struct cfg *cfg)
{
    const struct passwd *user;

    if (!keeps_leases(cfg))
        return 0;
    if (mkdir(cfg->state, 0750) != 0 && errno != EEXIST) {
        fprintf(stderr, "%s: cannot make the state folder %s: %s. Make it, or name another with \"state\".\n", cfg->file,
                cfg->state, strerror(errno));
        return -1;
    }
    if (cfg->user != NULL && geteuid() == 0) {
        user = find_user(cfg);
        if (user == NULL)
            return -1;
        if (chown(cfg->state, user->pw_uid, user->pw_gid) != 0) {
            fprintf(stderr, "%s: cannot give the state folder %s to %s: %s.\n", cfg->file, cfg->state, cfg->user,
                    strerror(errno));
            return -1;
        }
    } else if (access(cfg->state, W_OK | X_OK) != 0) {
        fprintf(stderr, "%s: cannot write to the state folder %s: %s. Give it to this user, or name another with \"state\".\n",
                cfg->file, cfg->state, strerror(errno));
        return -1;
    }
    return 0;
}

int privilege_drop(const struct cfg *cfg)
{
    const struct passwd *user;

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (cfg->user == NULL || geteuid() != 0)
        return 0;
    user = find_user(cfg);
    if (user == NULL)
        return -1;
    if (initgroups(cfg->user, user->pw_gid) != 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0) {
        fprintf(stderr, "%s: cannot become user %s: %s.\n", cfg->file, cfg->user, strerror(errno));
        return -1;
    }
    /* Trust only what can be seen: the ids have changed, and there is no way back. */
    if (getuid() != user->pw_uid || geteuid() != user->pw_uid || getgid() != user->pw_gid ||
        (user->pw_uid != 0 && setuid(0) == 0)) {
        fprintf(stderr, "%s: still not user %s after the change; not starting.\n", cfg->file, cfg->user);
        return -1;
    }
    return 0;
}
