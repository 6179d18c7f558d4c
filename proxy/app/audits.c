/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the audit's settings, and the hash of the configuration that is in use. Main thread. */
#include "proxy/app/audits.h"

#include "config/place.h"
#include "proxy/app/config_hash.h"
#include "proxy/audit/audit.h"
#include "proxy/tunnel/renewing.h"
#include "tls/digest.h"
#include "tls/stream.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    struct audit_settings settings;
    char config[DIGEST_TEXT]; /* of the configuration in use; "": not known */
} audits;

/* -- start and stop ------------------------------------------------------------------------------------------------------------
 */

static int tell(const struct cfg *cfg, unsigned place, const char *what, const char *path, const char *problem,
                const char *remedy)
{
    fprintf(stderr, "%s:%u: the %s %s: %s. %s.\n", cfg_place_file(cfg, place), cfg_place_line(place), what,
            path != NULL ? path : "", problem, remedy);
    return -1;
}

int audits_prepare(const struct cfg *cfg)
{
    const struct cfg_audit *a = &cfg->audit;
    struct audit_settings *s = &audits.settings;

    *s = (struct audit_settings){.file = a->file,
                                 .state = cfg->state,
                                 .transport = (enum audit_transport)a->syslog.transport,
                                 .host = a->syslog.host,
                                 .port = a->syslog.port,
                                 .ca = a->ca,
                                 .must_stop = a->on_failure == CFG_ON_FAILURE_STOP};
    if (a->key == NULL || audit_key_read(a->key, &s->key) == 0)
        return 0;
    return tell(cfg, a->key_line, "audit key", a->key, errno == EINVAL ? "it must have 16 to 256 bytes" : strerror(errno),
                "Make one with: openssl rand -hex -out FILE 32");
}

int audits_start(const struct cfg *cfg)
{
    const char *path = NULL;

    if (cfg->audit.line == 0 || audit_start(&audits.settings, &path) == 0)
        return 0;
    if (errno == EBUSY)
        return tell(cfg, cfg->audit.line, "audit log", path, "another georelay writes it", "Stop that one, or name another file");
    return tell(cfg, cfg->audit.line, "audit log", path, strerror(errno),
                "Make room on its disk, make its folder, or mend its rights");
}

void audits_stop(void)
{
    audit_stop();
    explicit_bzero(&audits.settings.key, sizeof(audits.settings.key));
}

/* -- the program ---------------------------------------------------------------------------------------------------------------
 */

static void tell_start(const struct cfg *cfg)
{
    struct log_line l;

    if (!audit_begin(&l, AUDIT_START, AUDIT_OK))
        return;
    log_text(&l, "version", GEORELAY_VERSION);
    log_text(&l, "role", cfg->role == CFG_ROLE_RELAY ? "relay" : "agent");
    if (cfg->name != NULL)
        log_text(&l, "name", cfg->name);
    log_number(&l, "pid", (uint64_t)getpid());
    audit_end(&l);
}

/* As the kernel says it: hexadecimal. */
static void read_capabilities(char text[32])
{
    FILE *in = fopen("/proc/self/status", "re");
    char line[256];

    strcpy(text, "-");
    while (in != NULL && fgets(line, sizeof(line), in) != NULL)
        if (sscanf(line, "CapPrm: %31s", text) == 1)
            break;
    if (in != NULL)
        fclose(in);
}

static void tell_privilege(const struct cfg *cfg)
{
    char capabilities[32];
    struct log_line l;

    if (!audit_begin(&l, AUDIT_PRIVILEGE, geteuid() == 0 ? AUDIT_FAILED : AUDIT_OK))
        return;
    read_capabilities(capabilities);
    if (cfg->user != NULL)
        log_text(&l, "user", cfg->user);
    log_number(&l, "uid", (uint64_t)geteuid());
    log_number(&l, "gid", (uint64_t)getegid());
    log_text(&l, "capabilities", capabilities);
    audit_end(&l);
}

void audits_ready(const char *error)
{
    struct log_line l;

    if (!audit_begin(&l, error == NULL ? AUDIT_READY : AUDIT_START_FAILED, error == NULL ? AUDIT_OK : AUDIT_FAILED))
        return;
    if (error != NULL)
        log_text(&l, "error", error);
    audit_end(&l);
}

void audits_stopping(const char *signal_name)
{
    struct log_line l;

    if (!audit_begin(&l, AUDIT_STOPPING, AUDIT_OK))
        return;
    log_text(&l, "signal", signal_name);
    audit_end(&l);
}

void audits_stopped(void)
{
    struct log_line l;

    if (audit_begin(&l, AUDIT_STOPPED, AUDIT_OK))
        audit_end(&l);
}

/* -- the configuration ---------------------------------------------------------------------------------------------------------
 */

/* The file's name and how many there are, so that nobody has to guess what was hashed. */
static void tell_config(const struct cfg *cfg, enum audit_event event, const char *after)
{
    struct log_line l;

    if (!audit_begin(&l, event, AUDIT_OK))
        return;
    log_text(&l, "file", cfg->file);
    log_number(&l, "files", cfg->files_count);
    if (event == AUDIT_CONFIG_CHANGED)
        log_text(&l, "before", audits.config[0] != '\0' ? audits.config : "-");
    log_text(&l, "sha256", after);
    audit_end(&l);
    snprintf(audits.config, sizeof(audits.config), "%s", after);
    audits_certificates(cfg);
}

void audits_started(const struct cfg *cfg)
{
    char hash[DIGEST_TEXT];

    tell_start(cfg);
    tell_config(cfg, AUDIT_CONFIG_LOADED, config_hash(cfg, hash) ? hash : "-");
    tell_privilege(cfg);
}

void audits_config_changed(const struct cfg *cfg, const char *hash)
{
    tell_config(cfg, AUDIT_CONFIG_CHANGED, hash[0] != '\0' ? hash : "-");
}

void audits_config_refused(const char *file, const char *error)
{
    struct log_line l;

    if (!audit_begin(&l, AUDIT_CONFIG_REFUSED, AUDIT_REFUSED))
        return;
    log_text(&l, "file", file);
    log_text(&l, "error", error);
    log_text(&l, "kept", audits.config[0] != '\0' ? audits.config : "-");
    audit_end(&l);
}

/* -- certificates --------------------------------------------------------------------------------------------------------------
 */

static void tell_certificate(const char *purpose, const char *name, const char *chain)
{
    struct tls_client_certificate *c;
    struct log_line l;

    if (chain == NULL || !audit_begin(&l, AUDIT_CERTIFICATE, AUDIT_OK))
        return;
    c = tls_certificate_of_file(chain);
    log_text(&l, "purpose", purpose);
    log_text(&l, "name", name);
    log_text(&l, "file", chain);
    if (c != NULL) {
        log_text(&l, "subject", c->subject);
        log_text(&l, "serial", c->serial);
        log_text(&l, "fingerprint", c->sha256);
    }
    free(c);
    audit_end(&l);
}

void audits_certificates(const struct cfg *cfg)
{
    char renewed[PATH_MAX];

    tell_certificate("tunnel", "tunnel", cfg->tunnel.identity.chain);
    if (cfg->role == CFG_ROLE_AGENT)
        tell_certificate("agent", cfg->name, renewing_path(cfg, renewed) ? renewed : cfg->identity.chain);
    for (size_t i = 0; i < cfg->web_count; i++)
        for (size_t k = 0; k < cfg->web[i].certificates_count; k++)
            tell_certificate("web", cfg->web[i].name, cfg->web[i].certificates[k].chain);
    if (cfg->admin.listen_count > 0)
        tell_certificate("admin", "admin", cfg->admin.identity.chain);
}

static void tell_refused(enum audit_event event, const char *error)
{
    struct log_line l;

    if (!audit_begin(&l, event, AUDIT_REFUSED))
        return;
    log_text(&l, "error", error);
    audit_end(&l);
}

void audits_certificates_refused(const char *error)
{
    tell_refused(AUDIT_CERTIFICATE_REFUSED, error);
}

void audits_revoked(size_t count)
{
    struct log_line l;

    if (!audit_begin(&l, AUDIT_REVOKED, AUDIT_OK))
        return;
    log_number(&l, "certificates", count);
    audit_end(&l);
}

void audits_revoked_refused(const char *error)
{
    tell_refused(AUDIT_REVOKED_REFUSED, error);
}

/* -- the administrator ---------------------------------------------------------------------------------------------------------
 */

void audits_request(int fd, const char *request, bool is_known)
{
    struct ucred who = {.pid = -1};
    socklen_t length = sizeof(who);
    struct log_line l;

    if (!audit_begin(&l, is_known ? AUDIT_ADMIN_REQUEST : AUDIT_ADMIN_REFUSED, is_known ? AUDIT_OK : AUDIT_REFUSED))
        return;
    log_slice(&l, "request", slice_of(request), 256);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0) {
        log_number(&l, "uid", who.uid);
        log_number(&l, "gid", who.gid);
        log_number(&l, "pid", (uint64_t)who.pid);
    }
    audit_end(&l);
}
