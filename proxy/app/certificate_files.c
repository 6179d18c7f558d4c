/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the list of these files. */
#include "proxy/app/certificate_files.h"

#include "proxy/tunnel/renewal_file.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

/* -- the list ------------------------------------------------------------------------------------------------------------------
 */

struct taker {
    certificate_file_fn *take;
    void *arg;
};

static int give(const struct taker *t, const char *path)
{
    return path == NULL ? 0 : t->take(t->arg, path);
}

static int give_pair(const struct taker *t, const struct cfg_certificate *certificate)
{
    int result = give(t, certificate->chain);

    return result != 0 ? result : give(t, certificate->key);
}

static int give_web(const struct taker *t, const struct cfg_web *web)
{
    int result = give(t, web->client_ca);

    if (result == 0)
        result = give(t, web->upstream.ca);
    for (size_t i = 0; i < web->certificates_count && result == 0; i++)
        result = give_pair(t, &web->certificates[i]);
    for (size_t i = 0; i < web->upstreams_count && result == 0; i++)
        result = give(t, web->upstreams[i].ca);
    return result;
}

static int give_admin(const struct taker *t, const struct cfg_admin *admin)
{
    int result = give_pair(t, &admin->identity);

    if (result == 0)
        result = give(t, admin->client_ca);
    return result != 0 ? result : give(t, admin->token_file);
}

/* What the agent has renewed lies in its state folder. */
static int give_renewed(const struct taker *t, const struct cfg *cfg)
{
    char path[PATH_MAX];

    if (cfg->role != CFG_ROLE_AGENT || cfg->name == NULL || cfg->state == NULL || !renewal_file_path(cfg, RENEWAL_PAIR, path))
        return 0;
    return give(t, path);
}

int certificate_files_each(const struct cfg *cfg, certificate_file_fn *take, void *arg)
{
    const struct taker t = {.take = take, .arg = arg};
    const char *const paths[] = {cfg->ca, cfg->tunnel.ca, cfg->tls.ticket_keys};
    int result = give_pair(&t, &cfg->identity);

    if (result == 0)
        result = give_pair(&t, &cfg->tunnel.identity);
    if (result == 0)
        result = give_renewed(&t, cfg);
    if (result == 0 && cfg->admin.listen_count > 0)
        result = give_admin(&t, &cfg->admin);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && result == 0; i++)
        result = give(&t, paths[i]);
    for (size_t i = 0; i < cfg->web_count && result == 0; i++)
        result = give_web(&t, &cfg->web[i]);
    return result;
}

/* -- the note ------------------------------------------------------------------------------------------------------------------
 */

/* What the file system says of a file, and the note of those before. No padding. */
struct facts {
    char before[DIGEST_TEXT + 7];
    uint64_t device, inode, size, mode;
    int64_t seconds, nanoseconds;
    int64_t error;
};

static int note_file(void *arg, const char *path)
{
    char *note = arg;
    struct facts facts = {.error = 0};
    struct stat st;

    memcpy(facts.before, note, DIGEST_TEXT);
    if (stat(path, &st) == 0) {
        facts.device = st.st_dev;
        facts.inode = st.st_ino;
        facts.size = (uint64_t)st.st_size;
        facts.mode = st.st_mode;
        facts.seconds = st.st_ctim.tv_sec;
        facts.nanoseconds = st.st_ctim.tv_nsec;
    } else {
        facts.error = errno;
    }
    return digest_sha256(&facts, sizeof(facts), note) ? 0 : -1;
}

void certificate_files_note(const struct cfg *cfg, char ret_note[DIGEST_TEXT])
{
    memset(ret_note, 0, DIGEST_TEXT);
    if (certificate_files_each(cfg, note_file, ret_note) != 0)
        ret_note[0] = '\0';
}
