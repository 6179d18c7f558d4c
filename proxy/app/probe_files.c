/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns nothing: looks, as the user that would run, at what must be written, and at what is read again after the rights are gone:
 * a reload, or a file that changes on disk.
 */
#include "proxy/app/probe_parts.h"

#include "proxy/app/privilege.h"
#include "proxy/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Who must be able to: the name of the user that georelay becomes, or ours. */
static const char *user_name(const struct cfg *cfg)
{
    const struct passwd *own = cfg->user == NULL ? getpwuid(geteuid()) : NULL;

    return cfg->user != NULL ? cfg->user : own != NULL ? own->pw_name : "USER";
}

/* In a child, as that user: 0, or errno. */
static int access_as(const struct cfg *cfg, const char *path, int mode)
{
    const struct passwd *user = cfg->user != NULL && geteuid() == 0 ? getpwnam(cfg->user) : NULL;
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (user != NULL &&
            (initgroups(cfg->user, user->pw_gid) != 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
             setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0))
            _exit(errno);
        _exit(access(path, mode) == 0 ? 0 : errno);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return errno;
    return WEXITSTATUS(status);
}

/* False: who would run can't be tried by who we are, which is told with the user. */
static bool may_try(const struct cfg *cfg)
{
    const struct passwd *user = cfg->user != NULL ? getpwnam(cfg->user) : NULL;

    return cfg->user == NULL || (user != NULL && (geteuid() == 0 || geteuid() == user->pw_uid));
}

/* The folder that a path lies in. */
static void folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);

    snprintf(folder, PATH_MAX, "%.*s", slash == NULL ? 1 : length, slash == NULL ? "." : path);
}

/* -- folders -------------------------------------------------------------------------------------------------------------------
 */

static bool needs_state(const struct cfg *cfg)
{
    return privilege_keeps_leases(cfg) || cfg->audit.line > 0 || cfg->admin.socket != NULL ||
           (cfg->role == CFG_ROLE_AGENT && cfg->renew_days > 0);
}

/* The start makes it, or gives it to its user, if it may. */
static void try_state(struct probe *p)
{
    const char *who = user_name(p->cfg), *path = p->cfg->state;
    char remedy[PROBE_REMEDY], above[PATH_MAX];
    bool is_root = geteuid() == 0;
    int error;

    snprintf(remedy, sizeof(remedy), "run: install -d -m 750 -o %s %s", who, path);
    folder_of(path, above);
    if (access(path, F_OK) != 0) {
        if (is_root && access(above, F_OK) == 0)
            probe_say(p, PROBE_FOLDER, PROBE_OK, NULL, "the state folder %s will be made", path);
        else
            probe_say(p, PROBE_FOLDER, PROBE_ERROR, remedy, "there is no state folder %s", path);
        return;
    }
    error = access_as(p->cfg, path, W_OK | X_OK);
    if (error == 0)
        probe_say(p, PROBE_FOLDER, PROBE_OK, NULL, "%s may write to the state folder %s", who, path);
    else if (is_root)
        probe_say(p, PROBE_FOLDER, PROBE_WARNING, remedy,
                  "%s may not write to the state folder %s; georelay gives it to that user when root starts it", who, path);
    else
        probe_say(p, PROBE_FOLDER, PROBE_ERROR, remedy, "%s may not write to the state folder %s: %s", who, path,
                  strerror(error));
}

static void try_folder(struct probe *p, const char *path, const char *what)
{
    char remedy[PROBE_REMEDY];
    int error = access_as(p->cfg, path, W_OK | X_OK);

    snprintf(remedy, sizeof(remedy), "run: install -d -m 750 -o %s %s", user_name(p->cfg), path);
    if (error == 0)
        probe_say(p, PROBE_FOLDER, PROBE_OK, NULL, "%s may write to %s %s", user_name(p->cfg), what, path);
    else
        probe_say(p, PROBE_FOLDER, PROBE_ERROR, remedy, "%s may not write to %s %s: %s", user_name(p->cfg), what, path,
                  strerror(error));
}

/* Folder and socket are made before the rights are dropped. */
static void try_socket_folder(struct probe *p)
{
    char folder[PATH_MAX], above[PATH_MAX], remedy[PROBE_REMEDY];

    folder_of(p->cfg->admin.socket, folder);
    folder_of(folder, above);
    if (access(folder, F_OK) != 0 && access(above, W_OK | X_OK) == 0)
        return;
    snprintf(remedy, sizeof(remedy), "run: install -d -m 750 -o %s %s", user_name(p->cfg), folder);
    if (access(folder, W_OK | X_OK) != 0)
        probe_say(p, PROBE_FOLDER, PROBE_ERROR, remedy, "the control socket can't be made in %s: %s", folder, strerror(errno));
    else
        probe_say(p, PROBE_FOLDER, PROBE_OK, NULL, "the control socket can be made in %s", folder);
}

/* -- logs ----------------------------------------------------------------------------------------------------------------------
 */

static void try_log(struct probe *p, const char *path, const char *what)
{
    const char *who = user_name(p->cfg);
    char remedy[PROBE_REMEDY], folder[PATH_MAX];
    int error;

    if (path == NULL)
        return;
    folder_of(path, folder);
    error = access_as(p->cfg, path, W_OK);
    if (error == ENOENT && access_as(p->cfg, folder, W_OK | X_OK) == 0)
        error = 0;
    if (access(folder, F_OK) != 0)
        snprintf(remedy, sizeof(remedy), "run: install -d -m 750 -o %s %s", who, folder);
    else if (access(path, F_OK) == 0)
        snprintf(remedy, sizeof(remedy), "run: chown %s %s", who, path);
    else
        snprintf(remedy, sizeof(remedy), "run: install -m 640 -o %s /dev/null %s", who, path);
    if (error == 0)
        probe_say(p, PROBE_LOG, PROBE_OK, NULL, "%s may write the %s %s", who, what, path);
    else
        probe_say(p, PROBE_LOG, PROBE_ERROR, remedy, "%s may not write the %s %s: %s", who, what, path, strerror(error));
}

/* -- what is read --------------------------------------------------------------------------------------------------------------
 */

/* The first folder above the path that the user may not pass through. */
static bool find_closed(const struct cfg *cfg, const char *path, char folder[PATH_MAX])
{
    size_t length = strlen(path);

    for (size_t i = 1; i < length && i < PATH_MAX; i++) {
        if (path[i] != '/')
            continue;
        snprintf(folder, PATH_MAX, "%.*s", (int)i, path);
        if (access_as(cfg, folder, X_OK) != 0)
            return true;
    }
    return false;
}

static unsigned try_read(struct probe *p, const char *path, bool is_secret)
{
    char remedy[PROBE_REMEDY], folder[PATH_MAX];
    const char *who = user_name(p->cfg);

    if (path == NULL || access(path, F_OK) != 0 || access_as(p->cfg, path, R_OK) == 0)
        return 0; /* one that is not there has been told */
    if (find_closed(p->cfg, path, folder))
        snprintf(remedy, sizeof(remedy), "run: chgrp $(id -g %s) %s && chmod g+x %s", who, folder, folder);
    else if (is_secret)
        snprintf(remedy, sizeof(remedy), "run: chown %s %s", who, path);
    else
        snprintf(remedy, sizeof(remedy), "run: chmod a+r %s", path);
    probe_say(p, PROBE_READ, PROBE_WARNING, remedy, "%s may not read %s: a reload, or a change of the file, fails", who, path);
    return 1;
}

static unsigned try_pair(struct probe *p, const struct cfg_certificate *files)
{
    return try_read(p, files->chain, false) + try_read(p, files->key, true);
}

static unsigned try_web(struct probe *p, const struct cfg_web *web)
{
    unsigned count = try_read(p, web->client_ca, false) + try_read(p, web->upstream.ca, false);

    for (size_t i = 0; i < web->certificates_count; i++)
        count += try_pair(p, &web->certificates[i]);
    for (size_t i = 0; i < web->upstreams_count; i++)
        count += try_read(p, web->upstreams[i].ca, false);
    return count;
}

static void try_all_read(struct probe *p)
{
    const struct cfg *cfg = p->cfg;
    unsigned count = 0;

    for (size_t i = 0; i < cfg->files_count; i++)
        count += try_read(p, cfg->files[i].text, false);
    for (size_t i = 0; i < cfg->web_count; i++)
        count += try_web(p, &cfg->web[i]);
    count += try_pair(p, &cfg->tunnel.identity) + try_pair(p, &cfg->identity) + try_pair(p, &cfg->admin.identity);
    count += try_read(p, cfg->tunnel.ca, false) + try_read(p, cfg->ca, false) + try_read(p, cfg->admin.client_ca, false);
    count += try_read(p, cfg->tunnel.revoked, false) + try_read(p, cfg->tunnel.crl, false);
    count += try_read(p, cfg->admin.token_file, true) + try_read(p, cfg->tls.ticket_keys, true);
    if (count == 0)
        probe_say(p, PROBE_READ, PROBE_OK, NULL, "%s may read again what a reload reads", user_name(cfg));
}

/* Read once, before the rights are dropped. */
static void try_audit_key(struct probe *p)
{
    const char *path = p->cfg->audit.key;
    char remedy[PROBE_REMEDY];
    struct audit_key key;

    if (path == NULL)
        return;
    if (audit_key_read(path, &key) == 0) {
        probe_say(p, PROBE_FILE, PROBE_OK, NULL, "the audit key %s is good", path);
    } else {
        snprintf(remedy, sizeof(remedy), "run: openssl rand -hex -out %s 32 && chmod 600 %s", path, path);
        probe_say(p, PROBE_FILE, PROBE_ERROR, remedy, "the audit key %s can't be used: %s", path,
                  errno == EINVAL ? "it must have 16 to 256 bytes" : strerror(errno));
    }
    explicit_bzero(&key, sizeof(key));
}

void probe_files(struct probe *p)
{
    const struct cfg *cfg = p->cfg;

    if (!may_try(cfg))
        return;
    if (needs_state(cfg))
        try_state(p);
    if (cfg->tunnel.requests != NULL)
        try_folder(p, cfg->tunnel.requests, "the folder of requests");
    if (cfg->admin.socket != NULL)
        try_socket_folder(p);
    try_log(p, cfg->log.file, "log");
    try_log(p, cfg->access.lines == CFG_ON ? cfg->access.file : NULL, "access log");
    try_log(p, cfg->audit.file, "audit log");
    try_audit_key(p);
    try_all_read(p);
}
