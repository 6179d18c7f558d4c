/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: reads certificates. That they are valid now, and fit their keys, has been checked before. */
#include "proxy/app/probe_parts.h"

#include "proxy/tunnel/renewing.h"
#include "tls/look.h"

#include <limits.h>
#include <time.h>

#define DAY_S     86400
#define WARN_DAYS 30

/* One CA makes the certificates of a tunnel, once. */
#define TUNNEL_MEND "make the tunnel's certificates anew, those of agents too: georelay pki init -d NEW-FOLDER"

struct looking {
    struct probe *probe;
    const char *path;
    const char *mend;
};

static void tell(void *arg, const struct look *look, bool is_first)
{
    struct looking *l = arg;
    long days = (long)((look->until - time(NULL)) / DAY_S);
    char until[32];
    struct tm tm;

    (void)is_first;
    strftime(until, sizeof(until), "%Y-%m-%d", gmtime_r(&look->until, &tm));
    if (look->until < time(NULL))
        probe_say(l->probe, PROBE_MISSING, l->mend, "%s: the certificate of %s has expired on %s", l->path, look->names, until);
    else if (days < WARN_DAYS)
        probe_say(l->probe, PROBE_WARNING, l->mend, "%s: the certificate of %s expires on %s, in %ld days", l->path, look->names,
                  until, days);
    else
        probe_say(l->probe, PROBE_GOOD, NULL, "%s: the certificate of %s is valid until %s", l->path, look->names, until);
}

static void try_file(struct probe *p, const char *path, const char *mend)
{
    struct looking l = {.probe = p, .path = path, .mend = mend};

    if (path != NULL && look_at_certificates(path, tell, &l) < 0)
        probe_say(p, PROBE_MISSING, "correct the path, or mend its rights", "%s can't be read", path);
}

/* The one in use, which may have been renewed. */
static void try_agent(struct probe *p)
{
    char path[PATH_MAX];

    if (renewing_path(p->cfg, path))
        try_file(p, path, "see RENEWING CERTIFICATES in georelay(8), or at the relay: georelay pki agent NAME");
    else
        try_file(p, p->cfg->identity.chain, "at the relay: georelay pki agent NAME");
}

void probe_certificates(struct probe *p)
{
    const struct cfg *cfg = p->cfg;

    for (size_t i = 0; i < cfg->web_count; i++) {
        for (size_t k = 0; k < cfg->web[i].certificates_count; k++)
            try_file(p, cfg->web[i].certificates[k].chain, "get a new one from its CA, or: georelay pki web HOST");
        try_file(p, cfg->web[i].client_ca, "get the CA's new certificate");
    }
    if (cfg->role == CFG_ROLE_AGENT) {
        try_agent(p);
        try_file(p, cfg->ca, TUNNEL_MEND);
    } else if (cfg->tunnel.line > 0) {
        try_file(p, cfg->tunnel.identity.chain, TUNNEL_MEND);
        try_file(p, cfg->tunnel.ca, TUNNEL_MEND);
    }
}
