/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing; Linux only. Main thread, before any other thread runs. */
#include "proxy/app/privilege.h"

#include "proxy/app/rights.h"
#include "proxy/base/log.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors besides those of sessions: listeners, pipes, log, event bases. */
#define FILES_BESIDE 1024

unsigned long privilege_files_needed(const struct cfg *cfg)
{
    return (unsigned long)cfg->limits.connections * 2 + FILES_BESIDE;
}

void privilege_raise_files(const struct cfg *cfg)
{
    rlim_t needed = privilege_files_needed(cfg);
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

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= privilege_files_needed(cfg))
        return;
    if (!log_begin(&l, LOG_LEVEL_WARN, "few_files"))
        return;
    log_number(&l, "limit", limit.rlim_cur);
    log_number(&l, "wanted", privilege_files_needed(cfg));
    log_text(&l, "remedy", "raise the limit of open files (ulimit -n, LimitNOFILE=) or lower limits.connections");
    log_end(&l);
}

bool privilege_keeps_leases(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->served_count; i++)
        if (cfg->served[i].advise.addressing == CFG_ADDRESSING_ALIAS)
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

/* For "georelay island", which can do without. */
static void offer_state(const struct cfg *cfg)
{
    const struct passwd *user = cfg->user != NULL && geteuid() == 0 ? getpwnam(cfg->user) : NULL;

    if (mkdir(cfg->state, 0750) == 0 && user != NULL)
        (void)!chown(cfg->state, user->pw_uid, user->pw_gid);
}

int privilege_make_state(const struct cfg *cfg)
{
    const struct passwd *user;

    if (!privilege_keeps_leases(cfg) && cfg->audit.line == 0) {
        if (cfg->admin.socket != NULL)
            offer_state(cfg);
        return 0;
    }
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

/* -- capabilities --------------------------------------------------------------------------------------------------------------
 */

typedef uint64_t cap_set; /* one bit per capability */

#define CAP_BIT(number) ((cap_set)1 << (number))

/* There is no function of libc for these two (capget(2)). */
static int get_permitted(cap_set *ret)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &head, data) != 0)
        return -1;
    *ret = data[0].permitted | (cap_set)data[1].permitted << 32;
    return 0;
}

static int set_all(cap_set caps)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        data[i].permitted = data[i].effective = (uint32_t)(caps >> 32 * i);
    return (int)syscall(SYS_capset, &head, data);
}

/* Links are dialled from clients' own addresses all the time; everything else that needs a right is opened at the start. */
static bool needs_capability(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->served_count; i++)
        if (cfg->served[i].advise.addressing == CFG_ADDRESSING_TRANSPARENT && cfg->served[i].server.agent == NULL)
            return true;
    return false;
}

bool privilege_suffices(const struct cfg *cfg)
{
    cap_set now = 0;

    if (!needs_capability(cfg))
        return true;
    return get_permitted(&now) == 0 && (now & (CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_NET_ADMIN))) != 0;
}

/* What is to be kept of what there is: one at most. */
static cap_set choose_kept(const struct cfg *cfg, cap_set permitted)
{
    if (!needs_capability(cfg))
        return 0;
    return permitted & CAP_BIT(CAP_NET_RAW) ? CAP_BIT(CAP_NET_RAW) : permitted & CAP_BIT(CAP_NET_ADMIN);
}

/* No program that we might start, and we start none, could get one back. Without CAP_SETPCAP the bounding set stays, which only
 * bounds what no_new_privs already forbids. */
static void clear_inheritance(void)
{
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

/* Trusts only what can be seen: what there is now, and that nothing else can be had. */
static int keep_only(const struct cfg *cfg, cap_set kept)
{
    cap_set now = 0;

    if (set_all(kept) != 0 || get_permitted(&now) != 0 || now != kept) {
        fprintf(stderr, "%s: cannot give up capabilities: %s; not starting.\n", cfg->file, strerror(errno));
        return -1;
    }
    if (kept == 0 && needs_capability(cfg)) {
        fprintf(
            stderr,
            "%s: addressing \"transparent\" needs the capability CAP_NET_RAW. Start georelay as root with \"user\" set, or with "
            "AmbientCapabilities=CAP_NET_RAW in its unit, or give it by: setcap cap_net_raw+ep PROGRAM.\n",
            cfg->file);
        return -1;
    }
    return 0;
}

static int become(const struct cfg *cfg, const struct passwd *user)
{
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

static bool is_alone(const unsigned ids[3], unsigned id)
{
    return ids[0] == id && ids[1] == id && ids[2] == id;
}

/* The groups that the system's files give to this user, and no other. */
static bool has_groups_of(const struct rights *r, const struct passwd *user)
{
    gid_t groups[RIGHTS_GROUPS];
    int count = RIGHTS_GROUPS;

    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
        return r->groups_count == RIGHTS_GROUPS; /* more than we look at */
    for (unsigned i = 0; i < r->groups_count; i++) {
        int k = 0;

        while (k < count && groups[k] != r->groups[i])
            k++;
        if (k == count)
            return false;
    }
    return true;
}

/* Asks the kernel once more, for all of it at a time. `user` is NULL if it was not to change. */
static int verify(const struct cfg *cfg, const struct passwd *user, cap_set kept, bool may_bound)
{
    const char *wrong = NULL;
    struct rights r;

    if (rights_read(&r) != 0)
        wrong = "rights can't be read back";
    else if (!r.no_new_privs)
        wrong = "no_new_privs is not set";
    else if (user != NULL && (!is_alone(r.uids, user->pw_uid) || !is_alone(r.gids, user->pw_gid)))
        wrong = "the user or the group has not changed";
    else if (user != NULL && !has_groups_of(&r, user))
        wrong = "a group of another user is left";
    else if (r.permitted != kept || r.effective != kept || r.inheritable != 0 || r.ambient != 0)
        wrong = "capabilities are left";
    else if (may_bound && r.bounding != 0)
        wrong = "the bounding set is not empty";
    if (wrong == NULL)
        return 0;
    fprintf(stderr, "%s: rights were given up, but %s; not starting. Start georelay as its own user instead.\n", cfg->file,
            wrong);
    return -1;
}

static void warn_other_user(const struct cfg *cfg)
{
    const struct passwd *user = cfg->user != NULL && geteuid() != 0 ? getpwnam(cfg->user) : NULL;
    struct log_line l;

    if (cfg->user == NULL || geteuid() == 0 || (user != NULL && user->pw_uid == geteuid()))
        return;
    if (!log_begin(&l, LOG_LEVEL_WARN, "user_not_changed"))
        return;
    log_text(&l, "wanted", cfg->user);
    log_text(&l, "remedy", "only root can change the user: start georelay as root, or as that user (User= of its unit)");
    log_end(&l);
}

void privilege_log(const struct cfg *cfg)
{
    struct rights r;

    warn_other_user(cfg);
    if (rights_read(&r) == 0)
        rights_log(&r);
}

int privilege_drop(const struct cfg *cfg)
{
    const struct passwd *user = NULL;
    cap_set permitted, kept;

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (get_permitted(&permitted) != 0) {
        fprintf(stderr, "%s: cannot see which capabilities there are: %s; not starting.\n", cfg->file, strerror(errno));
        return -1;
    }
    if (cfg->user == NULL && geteuid() == 0)
        return 0; /* root as long as it runs: warned about */
    kept = choose_kept(cfg, permitted);
    clear_inheritance();
    if (geteuid() == 0) {
        user = find_user(cfg);
        if (user == NULL || prctl(PR_SET_KEEPCAPS, kept != 0, 0, 0, 0) != 0 || become(cfg, user) != 0 ||
            prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)
            return -1;
    }
    return keep_only(cfg, kept) != 0 ? -1 : verify(cfg, user, kept, (permitted & CAP_BIT(CAP_SETPCAP)) != 0);
}
