/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of the admin port's files, and what takes the place of what is in use. Main thread, but for the exchange. */
#include "proxy/app/admin_keys.h"

#include "config/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MIN 16
#define TOKEN_MAX 256

struct sink {
    const struct cfg *cfg;
    struct cfg_problems *problems;
};

static void take_problem(void *arg, unsigned place, const char *sentence)
{
    struct sink *sink = arg;

    cfg_problems_add(sink->problems, cfg_place_file(sink->cfg, place), cfg_place_line(place), NULL, "%s", sentence);
}

/* The port is a web front door of its own kind: one certificate, TLS 1.3, and clients who may or must say who they are. */
static void load_tls(struct admin_keys *keys, const struct cfg_admin *admin, struct tls_tickets *tickets, struct sink *sink)
{
    struct cfg_certificate certificate = admin->identity;
    char name[] = "admin";
    struct cfg_web web = {.name = name,
                          .line = admin->identity.chain_line,
                          .certificates = &certificate,
                          .certificates_count = 1,
                          .tls = CFG_TLS_MODERN,
                          .client_ca = admin->client_ca,
                          .client_ca_line = admin->client_ca_line};

    if (admin->client_ca != NULL)
        web.client_certificate = admin->token_file != NULL ? CFG_CLIENT_CERT_OPTIONAL : CFG_CLIENT_CERT_REQUIRED;
    keys->tls = tls_context_new_door(&web, 1, NULL, tickets, take_problem, sink);
}

static bool is_good_token(const char *token, size_t length)
{
    if (length < TOKEN_MIN || length > TOKEN_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (token[i] <= ' ' || token[i] > '~')
            return false;
    return true;
}

static void load_token(struct admin_keys *keys, const struct cfg_admin *admin, struct sink *sink)
{
    char text[TOKEN_MAX + 3];
    FILE *file = fopen(admin->token_file, "re");
    size_t length = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file != NULL)
        fclose(file);
    text[length] = '\0';
    length = strcspn(text, "\r\n");
    if (file != NULL && text[length + strspn(text + length, "\r\n")] == '\0' && is_good_token(text, length))
        keys->token = strndup(text, length);
    explicit_bzero(text, sizeof(text));
    if (keys->token == NULL)
        cfg_problems_add(sink->problems, cfg_place_file(sink->cfg, admin->token_file_line),
                         cfg_place_line(admin->token_file_line), "Make it with \"openssl rand -hex 32\"",
                         "The token file %s does not hold one line of %d to %d printable characters", admin->token_file,
                         TOKEN_MIN, TOKEN_MAX);
}

int admin_keys_load(struct admin_keys *keys, const struct cfg *cfg, struct tls_tickets *tickets, struct cfg_problems *problems)
{
    struct sink sink = {.cfg = cfg, .problems = problems};
    size_t before = problems->count;

    if (cfg->admin.listen_count == 0)
        return 0;
    if (cfg->admin.identity.chain != NULL)
        load_tls(keys, &cfg->admin, tickets, &sink);
    if (cfg->admin.token_file != NULL)
        load_token(keys, &cfg->admin, &sink);
    return problems->count == before ? 0 : -1;
}

void admin_keys_fini(struct admin_keys *keys)
{
    tls_context_put(keys->tls);
    if (keys->token != NULL)
        explicit_bzero(keys->token, strlen(keys->token));
    free(keys->token);
    *keys = (struct admin_keys){0};
}

/* -- renewal -------------------------------------------------------------------------------------------------------------------
 */

struct admin_renewal {
    struct mail mail;
    struct admin_keys *in_use;
    struct admin_keys keys;
};

static void drop(struct mail *m)
{
    struct admin_renewal *renewal = (struct admin_renewal *)m;

    admin_keys_fini(&renewal->keys);
    free(renewal);
}

/* Connections hold on to the context that they began with. */
static void use(struct mail *m, struct loop *loop)
{
    struct admin_renewal *renewal = (struct admin_renewal *)m;
    struct admin_keys old = *renewal->in_use;

    (void)loop;
    *renewal->in_use = renewal->keys;
    renewal->keys = old;
    drop(m);
}

struct admin_renewal *admin_keys_read(struct admin_keys *in_use, const struct cfg *cfg, struct tls_tickets *tickets,
                                      struct cfg_problems *problems)
{
    struct admin_renewal *renewal = calloc(1, sizeof(*renewal));

    if (renewal == NULL) {
        cfg_problems_add(problems, cfg->file, 0, "free some memory", "there is no memory left");
        return NULL;
    }
    renewal->mail.deliver = use;
    renewal->mail.drop = drop;
    renewal->in_use = in_use;
    if (admin_keys_load(&renewal->keys, cfg, tickets, problems) == 0)
        return renewal;
    drop(&renewal->mail);
    return NULL;
}

void admin_keys_use(struct admin_renewal *renewal, struct loop *loop)
{
    loop_post(loop, &renewal->mail);
}

void admin_keys_forget(struct admin_renewal *renewal)
{
    if (renewal != NULL)
        drop(&renewal->mail);
}
