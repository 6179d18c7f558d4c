/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: reads certificates. That they fit their keys has been checked before. */
#include "proxy/app/probe_parts.h"

#include "proxy/tunnel/renewing.h"
#include "tls/look.h"
#include "tls/revoked.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_S     86400
#define WARN_DAYS 30

/* One CA makes the certificates of a tunnel, once. */
#define TUNNEL_REMEDY                                                                                                            \
    "run: georelay pki init --dir NEW-FOLDER, name its files in the configuration, and make the agents' certificates there too"

struct looking {
    struct probe *probe;
    const char *path;
    const char *remedy;  /* NULL: that of a web certificate */
    const char *expired; /* another one when it has expired; NULL: the same */
    bool has_chain;      /* the file's certificates are those of a chain */
};

static void format_day(time_t time, char day[32])
{
    struct tm tm;

    strftime(day, 32, "%Y-%m-%d", gmtime_r(&time, &tm));
}

/* Letters, digits, dots, colons and hyphens: a certificate may hold anything, and people copy a command. */
static bool is_host(const char *text, int length)
{
    for (int i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && strchr(".:-", text[i]) == NULL)
            return false;
    return length > 0 && text[0] != '-';
}

/* Is it one that `georelay pki web` made in a folder with a CA? Then that makes the next one too. */
static bool is_of_pki(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    char key[PATH_MAX + 8];

    snprintf(folder, PATH_MAX, "%.*s", slash != NULL ? (int)(slash - path) : 1, slash != NULL ? path : ".");
    snprintf(key, sizeof(key), "%s/ca.key", folder);
    return strcmp(slash != NULL ? slash + 1 : path, "web.crt") == 0 && access(key, F_OK) == 0;
}

static const char *date_remedy(const struct looking *l, const struct look *look, char remedy[PROBE_REMEDY])
{
    int first = (int)strcspn(look->names, ",");
    char folder[PATH_MAX];

    if (l->expired != NULL && look->until < time(NULL))
        return l->expired;
    if (l->remedy != NULL)
        return l->remedy;
    if (is_of_pki(l->path, folder) && is_host(look->names, first))
        snprintf(remedy, PROBE_REMEDY, "run: cd %s && rm -f web.crt web.key web.csr && georelay pki web %.*s --dir %s", folder,
                 first, look->names, folder);
    else
        snprintf(remedy, PROBE_REMEDY, "get a new one from %s and write it to %s", look->issuer, l->path);
    return remedy;
}

static void tell_dates(const struct looking *l, const struct look *look)
{
    time_t now = time(NULL);
    long days = (long)((look->until - now) / DAY_S);
    char until[32], from[32], remedy[PROBE_REMEDY];

    format_day(look->until, until);
    format_day(look->from, from);
    if (look->from > now)
        probe_say(l->probe, PROBE_CERTIFICATE, PROBE_ERROR, "run: timedatectl set-ntp true; if this clock is right, wait",
                  "%s: the certificate of %s is not valid before %s: this clock is behind", l->path, look->names, from);
    else if (look->until < now)
        probe_say(l->probe, PROBE_CERTIFICATE, PROBE_ERROR, date_remedy(l, look, remedy),
                  "%s: the certificate of %s has expired on %s", l->path, look->names, until);
    else if (days < WARN_DAYS)
        probe_say(l->probe, PROBE_CERTIFICATE, PROBE_WARNING, date_remedy(l, look, remedy),
                  "%s: the certificate of %s expires on %s, in %ld days", l->path, look->names, until, days);
    else
        probe_say(l->probe, PROBE_CERTIFICATE, PROBE_OK, NULL, "%s: the certificate of %s is valid until %s", l->path,
                  look->names, until);
}

/* Browsers go up from the first certificate; what they do not have must stand in the file, in order. */
static void tell_chain(const struct looking *l, const struct look *look)
{
    char remedy[PROBE_REMEDY];

    if (look->has_next && !look->is_signed_by_next) {
        snprintf(remedy, sizeof(remedy), "put the certificate of %s behind it in %s, or remove what follows it there",
                 look->issuer, l->path);
        probe_say(l->probe, PROBE_CERTIFICATE, PROBE_WARNING, remedy,
                  "%s: the chain is broken: %s is signed by %s, and the next certificate is not that", l->path, look->names,
                  look->issuer);
    } else if (!look->has_next && !look->is_self_signed && !look->is_issuer_known && *look->url != '\0') {
        snprintf(remedy, sizeof(remedy), "run: curl -s %s | openssl x509 -inform der >> %s", look->url, l->path);
        probe_say(l->probe, PROBE_CERTIFICATE, PROBE_WARNING, remedy,
                  "%s: the chain ends with %s, and this machine does not know %s, who signed it", l->path, look->names,
                  look->issuer);
    } else if (!look->has_next) {
        probe_say(l->probe, PROBE_CERTIFICATE, PROBE_OK, NULL, "%s: the chain is whole; clients must trust %s", l->path,
                  look->issuer);
    }
}

static void tell(void *arg, const struct look *look, bool is_first)
{
    const struct looking *l = arg;

    (void)is_first;
    tell_dates(l, look);
    if (l->has_chain)
        tell_chain(l, look);
}

static void try_file(struct probe *p, const char *path, const char *remedy, bool has_chain)
{
    struct looking l = {.probe = p, .path = path, .remedy = remedy, .has_chain = has_chain};

    if (path != NULL)
        (void)look_at_certificates(path, tell, &l); /* that it can't be read has been told */
}

/* -- the web -------------------------------------------------------------------------------------------------------------------
 */

static bool has_name(const struct cfg_web *web, const char *host)
{
    for (size_t i = 0; i < web->certificates_count; i++)
        if (look_is_for(web->certificates[i].chain, host))
            return true;
    return false;
}

/* "*.name" stands for any name below. */
static void try_names(struct probe *p, const struct cfg_web *web)
{
    for (size_t i = 0; i < web->routes_count && web->listen_count > 0; i++) {
        const char *host = web->routes[i].host;
        char one[280], remedy[PROBE_REMEDY];

        if (host == NULL || *host == '[')
            continue;
        snprintf(one, sizeof(one), "%s%.270s", *host == '*' ? "any" : "", *host == '*' ? host + 1 : host);
        snprintf(remedy, sizeof(remedy), "get a certificate for %s and add its chain and key to \"certificates\" of \"%s\"", host,
                 web->name);
        if (has_name(web, one))
            probe_say(p, PROBE_CERTIFICATE, PROBE_OK, NULL, "the web door \"%s\" has a certificate for %s", web->name, host);
        else
            probe_say(p, PROBE_CERTIFICATE, PROBE_WARNING, remedy,
                      "the web door \"%s\" has a route for %s, and no certificate with that name", web->name, host);
    }
}

static void try_web(struct probe *p, const struct cfg_web *web)
{
    for (size_t i = 0; i < web->certificates_count; i++)
        try_file(p, web->certificates[i].chain, NULL, true);
    try_file(p, web->client_ca, "get the CA's new certificate and write it to this file", false);
    try_file(p, web->upstream.ca, "get the CA's new certificate and write it to this file", false);
    for (size_t i = 0; i < web->upstreams_count; i++)
        try_file(p, web->upstreams[i].ca, "get the CA's new certificate and write it to this file", false);
    try_names(p, web);
}

/* -- the tunnel ----------------------------------------------------------------------------------------------------------------
 */

/* The files of the configuration are those that a person replaces; what was renewed lies elsewhere and gives way. */
void probe_new_agent_remedy(const struct cfg *cfg, const char *before, char remedy[PROBE_REMEDY])
{
    const char *name = cfg->name;

    snprintf(remedy, PROBE_REMEDY,
             "on the CA's machine, run: %s%sgeorelay pki agent %s; then copy its %s.crt to %s and its %s.key to "
             "%s here",
             before, *before != '\0' ? " && " : "", name, name, cfg->identity.chain, name, cfg->identity.key);
}

/* The one in use, which may have been renewed. */
static void try_agent(struct probe *p)
{
    const struct cfg *cfg = p->cfg;
    char path[PATH_MAX], revoke[128], remedy[PROBE_REMEDY], expired[PROBE_REMEDY];
    struct looking l = {.probe = p, .path = cfg->identity.chain, .remedy = remedy, .expired = expired};

    snprintf(revoke, sizeof(revoke), "georelay pki revoke %s", cfg->name);
    probe_new_agent_remedy(cfg, revoke, expired);
    if (cfg->renew_days > 0)
        snprintf(remedy, sizeof(remedy), "on the CA's machine, run: georelay pki renew %s", cfg->name);
    else
        snprintf(remedy, sizeof(remedy), "set: renew_days = 30");
    if (renewing_path(cfg, path))
        l.path = path;
    (void)look_at_certificates(l.path, tell, &l);
}

static void try_crl(struct probe *p)
{
    const char *path = p->cfg->tunnel.crl;
    char remedy[PROBE_REMEDY];

    if (path == NULL || p->gates->revoked == NULL)
        return; /* one that can't be read has been told */
    snprintf(remedy, sizeof(remedy), "get a new list from the CA and write it to %s", path);
    if (tls_revoked_is_outdated(p->gates->revoked))
        probe_say(p, PROBE_REVOCATION, PROBE_WARNING, remedy,
                  "%s: the CA says that a newer list of revoked certificates is there: agents that it revoked since are let in",
                  path);
    else
        probe_say(p, PROBE_REVOCATION, PROBE_OK, NULL, "%s: the list of revoked certificates is not outdated", path);
}

/* NAME.csr without NAME.crt. */
static bool is_waiting(const char *folder, const char *file)
{
    size_t length = strlen(file);
    char answer[PATH_MAX];

    if (length < 5 || strcmp(file + length - 4, ".csr") != 0)
        return false;
    snprintf(answer, sizeof(answer), "%s/%.*s.crt", folder, (int)(length - 4), file);
    return access(answer, F_OK) != 0;
}

static void try_requests(struct probe *p)
{
    const char *path = p->cfg->tunnel.requests;
    DIR *folder = path != NULL ? opendir(path) : NULL;
    char remedy[PROBE_REMEDY];
    struct dirent *entry;
    unsigned count = 0;

    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL)
        count += is_waiting(path, entry->d_name);
    closedir(folder);
    snprintf(remedy, sizeof(remedy), "on the CA's machine, run: georelay pki renew --requests %s", path);
    if (count > 0)
        probe_say(p, PROBE_RENEWAL, PROBE_WARNING, remedy, "%u agent%s for a new certificate in %s", count,
                  count == 1 ? " asks" : "s ask", path);
    else
        probe_say(p, PROBE_RENEWAL, PROBE_OK, NULL, "no agent waits for a new certificate in %s", path);
}

void probe_certificates(struct probe *p)
{
    const struct cfg *cfg = p->cfg;

    for (size_t i = 0; i < cfg->web_count; i++)
        try_web(p, &cfg->web[i]);
    if (cfg->role == CFG_ROLE_AGENT) {
        try_agent(p);
        try_file(p, cfg->ca, TUNNEL_REMEDY, false);
    } else if (cfg->tunnel.line > 0) {
        try_file(p, cfg->tunnel.identity.chain, TUNNEL_REMEDY, false);
        try_file(p, cfg->tunnel.ca, TUNNEL_REMEDY, false);
        try_crl(p);
        try_requests(p);
    }
    if (cfg->admin.listen_count > 0) {
        try_file(p, cfg->admin.identity.chain, "get a new one from its CA and write it to this file", true);
        try_file(p, cfg->admin.client_ca, "get the CA's new certificate and write it to this file", false);
    }
}
