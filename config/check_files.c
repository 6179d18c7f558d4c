/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on files that a configuration names: they are there, can be read, and keys are nobody else's. Caller's thread.
 */
#include "config/check_rules.h"
#include "config/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { REMEDY_BYTES = PATH_MAX + 64 };

static const char *file_remedy(const char *what)
{
    if (strcmp(what, "token") == 0)
        return "Make it with \"openssl rand -hex 32\", or correct the path";
    return "Make it with \"georelay pki\", or correct the path";
}

/* True, and `ret` is filled, if the file can be read; else a problem is added. `what` is "certificate", "key", "token" or ends
 * with "CA". */
static bool can_read(const struct check *c, unsigned place, const char *what, const char *path, struct stat *ret)
{
    const char *why = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, ret) < 0)
        why = strerror(errno);
    else if (S_ISDIR(ret->st_mode))
        why = "it is a folder";
    else if (!S_ISREG(ret->st_mode))
        why = "it is not a regular file";
    if (fd >= 0)
        close(fd);
    if (why)
        check_report(c, place, file_remedy(what), "The %s file %s can't be read: %s", what, path, why);
    return !why;
}

static void check_public(const struct check *c, unsigned place, const char *what, const char *path)
{
    struct stat st;

    if (path)
        can_read(c, place, what, path, &st);
}

/* `what` is "key" or "token". */
static void check_secret(const struct check *c, unsigned place, const char *what, const char *path)
{
    char remedy[REMEDY_BYTES];
    struct stat st;

    if (!path || !can_read(c, place, what, path, &st) || (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return;
    snprintf(remedy, sizeof(remedy), "Run: chmod 600 %s", path);
    check_report(c, place, remedy, "The %s file %s is open to others (mode %04o)", what, path, (unsigned)(st.st_mode & 07777));
}

static void check_certificate(const struct check *c, const struct cfg_certificate *certificate)
{
    check_public(c, certificate->chain_line, "certificate", certificate->chain);
    check_secret(c, certificate->key_line, "key", certificate->key);
}

/* The folder that `path` is in must be there: georelay makes the last part only. */
static void check_parent(const struct check *c, unsigned place, const char *what, const char *path)
{
    char *folder = cfg_folder(path);
    char remedy[REMEDY_BYTES];
    struct stat st;

    if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode)) {
        snprintf(remedy, sizeof(remedy), "Run: mkdir -p %s", folder);
        check_report(c, place, remedy, "The folder %s for the %s does not exist", folder, what);
    }
    free(folder);
}

static bool has_alias(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->served_count; i++)
        if (cfg->served[i].advise.addressing == CFG_ADDRESSING_ALIAS)
            return true;
    return false;
}

/* What there is to remember: leases with addressing "alias", the end of the audit log. */
static void check_state(const struct check *c)
{
    const struct cfg *cfg = c->cfg;
    struct stat st;

    if (!cfg->state || (!has_alias(cfg) && cfg->audit.line == 0))
        return;
    check_parent(c, cfg->state_line, "state", cfg->state);
    if (stat(cfg->state, &st) == 0 && !S_ISDIR(st.st_mode))
        check_report(c, cfg->state_line, "Name a folder of georelay's own", "The state folder %s is not a folder", cfg->state);
}

/* Its folder is made too, as that of a process which has just started. */
static void check_control_socket(const struct check *c)
{
    const char *path = c->cfg->admin.socket;
    unsigned place = c->cfg->admin.socket_line;
    struct stat st;
    char *folder;

    if (!path)
        return;
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        check_report(c, place, "Name a path of at most 107 bytes", "The path of the control socket has %zu bytes", strlen(path));
    folder = cfg_folder(path);
    if (stat(folder, &st) < 0)
        check_parent(c, place, "control socket's folder", folder);
    else if (!S_ISDIR(st.st_mode))
        check_report(c, place, "Name a file in a folder", "%s is not a folder, so the control socket can't be in it", folder);
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        check_report(c, place, "Remove it, or name another path", "%s is there and is no socket", path);
    free(folder);
}

static void check_log(const struct check *c, unsigned place, const char *what, const char *path)
{
    struct stat st;

    if (!path)
        return;
    check_parent(c, place, what, path);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        check_report(c, place, "Name a file in it", "The %s file %s is a folder", what, path);
}

static void check_web_files(const struct check *c, const struct cfg_web *web)
{
    for (size_t i = 0; i < web->certificates_count; i++)
        check_certificate(c, &web->certificates[i]);
    check_public(c, web->client_ca_line, "client CA", web->client_ca);
    check_public(c, web->upstream.ca_line, "upstream CA", web->upstream.ca);
    for (size_t i = 0; i < web->upstreams_count; i++)
        check_public(c, web->upstreams[i].ca_line, "upstream CA", web->upstreams[i].ca);
}

static void check_requests(const struct check *c)
{
    const char *path = c->cfg->tunnel.requests;
    char remedy[REMEDY_BYTES];
    struct stat st;

    if (!path || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return;
    snprintf(remedy, sizeof(remedy), "Run: mkdir -p %s, and give it to georelay's user", path);
    check_report(c, c->cfg->tunnel.requests_line, remedy, "The folder %s for requests does not exist", path);
}

void check_files(const struct check *c)
{
    const struct cfg *cfg = c->cfg;

    for (size_t i = 0; i < cfg->web_count; i++)
        check_web_files(c, &cfg->web[i]);
    check_certificate(c, &cfg->tunnel.identity);
    check_public(c, cfg->tunnel.ca_line, "CA", cfg->tunnel.ca);
    check_public(c, cfg->tunnel.revoked_line, "revocation list", cfg->tunnel.revoked);
    check_public(c, cfg->tunnel.crl_line, "CRL", cfg->tunnel.crl);
    check_requests(c);
    check_certificate(c, &cfg->identity);
    check_public(c, cfg->ca_line, "CA", cfg->ca);
    check_state(c);
    check_control_socket(c);
    check_certificate(c, &cfg->admin.identity);
    check_public(c, cfg->admin.client_ca_line, "client CA", cfg->admin.client_ca);
    check_secret(c, cfg->admin.token_file_line, "token", cfg->admin.token_file);
    check_log(c, cfg->log.file_line, "log", cfg->log.file);
    check_log(c, cfg->access.file_line, "access log", cfg->access.file);
    check_log(c, cfg->audit.file_line, "audit", cfg->audit.file);
    check_public(c, cfg->audit.ca_line, "syslog CA", cfg->audit.ca);
    check_secret(c, cfg->audit.key_line, "audit key", cfg->audit.key);
}
