/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the list of expiries. Main thread. */
#include "proxy/app/expiries.h"

#include "proxy/tunnel/renewing.h"
#include "tls/look.h"

#include <limits.h>
#include <stdlib.h>

static struct {
    struct expiry *list;
    size_t count, room;
} expiries;

static const char *const use_names[] = {
#define X(constant, name) name,
    EXPIRY_USES(X)
#undef X
};

const char *expiry_use_name(enum expiry_use use)
{
    return use_names[use];
}

static void keep_first(void *arg, const struct look *look, bool is_first)
{
    struct expiry *e = arg;

    if (is_first || look->until < e->until)
        e->until = look->until;
}

static void add(enum expiry_use use, const char *name, const char *path)
{
    struct expiry e = {.use = use, .name = name, .path = path};

    if (path == NULL || look_at_certificates(path, keep_first, &e) <= 0)
        return;
    if (expiries.count == expiries.room) {
        size_t room = expiries.room > 0 ? expiries.room * 2 : 8;
        struct expiry *list = realloc(expiries.list, room * sizeof(*list));

        if (list == NULL)
            return;
        expiries.list = list;
        expiries.room = room;
    }
    expiries.list[expiries.count++] = e;
}

static void add_web(const struct cfg_web *web)
{
    for (size_t i = 0; i < web->certificates_count; i++)
        add(EXPIRY_WEB, web->name, web->certificates[i].chain);
    add(EXPIRY_CLIENT_CA, web->name, web->client_ca);
    add(EXPIRY_UPSTREAM_CA, web->name, web->upstream.ca);
    for (size_t i = 0; i < web->upstreams_count; i++)
        add(EXPIRY_UPSTREAM_CA, web->name, web->upstreams[i].ca);
}

/* The agent's own: that of the configuration, or a newer one that was renewed. */
static const char *own_path(const struct cfg *cfg)
{
    static char renewed[PATH_MAX];

    return cfg->role == CFG_ROLE_AGENT && renewing_path(cfg, renewed) ? renewed : cfg->identity.chain;
}

void expiries_load(const struct cfg *cfg)
{
    expiries.count = 0;
    for (size_t i = 0; i < cfg->web_count; i++)
        add_web(&cfg->web[i]);
    add(EXPIRY_TUNNEL, "", cfg->tunnel.identity.chain);
    add(EXPIRY_TUNNEL_CA, "", cfg->tunnel.ca);
    add(EXPIRY_TUNNEL, "", own_path(cfg));
    add(EXPIRY_TUNNEL_CA, "", cfg->ca);
    if (cfg->admin.listen_count > 0) {
        add(EXPIRY_ADMIN, "", cfg->admin.identity.chain);
        add(EXPIRY_ADMIN_CA, "", cfg->admin.client_ca);
    }
}

void expiries_free(void)
{
    free(expiries.list);
    expiries.list = NULL;
    expiries.count = expiries.room = 0;
}

const struct expiry *expiries_list(size_t *ret_count)
{
    *ret_count = expiries.count;
    return expiries.list;
}
