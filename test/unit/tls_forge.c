/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the making of test certificates. Uses tls/pki_issue.h and then changes what shall be wrong, and signs again. */
#include "test/unit/unit.h"

#include "test/unit/tls_forge.h"

#include <assert.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static FILE *create(const char *path, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    assert(file != NULL);
    return file;
}

static void write_certificate(const char *path, X509 *x)
{
    FILE *file = create(path, 0644);
    assert(PEM_write_X509(file, x) == 1);
    fclose(file);
}

static void write_key(const char *path, EVP_PKEY *key)
{
    FILE *file = create(path, 0600);
    assert(PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
}

void forge_init(struct forge *f)
{
    const struct pki_subject subject = {"test CA", NULL, NULL};
    scratch_init(&f->scratch);
    f->ca.key = pki_issue_key();
    f->ca.certificate = pki_issue_certificate(&subject, f->ca.key, NULL, 100);
    assert(f->ca.certificate != NULL);
    snprintf(f->ca_path, sizeof(f->ca_path), "%s/ca.crt", f->scratch.folder);
    write_certificate(f->ca_path, f->ca.certificate);
}

void forge_fini(struct forge *f)
{
    X509_free(f->ca.certificate);
    EVP_PKEY_free(f->ca.key);
    scratch_fini(&f->scratch);
}

/** RSA keys take long to make: one of each length serves the whole program. */
static EVP_PKEY *make_key(enum forge_key kind)
{
    static EVP_PKEY *rsa[2];
    if (kind == FORGE_EC)
        return pki_issue_key();
    if (kind == FORGE_ED25519)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY **key = &rsa[kind == FORGE_RSA_WEAK];
    if (*key == NULL)
        *key = EVP_RSA_gen(kind == FORGE_RSA_WEAK ? 1024U : 2048U);
    assert(*key != NULL && EVP_PKEY_up_ref(*key) == 1);
    return *key;
}

struct cfg_certificate forge_write(struct forge *f, const struct forge_leaf *leaf)
{
    const struct pki_subject subject = {leaf->stem, leaf->alt_name, leaf->usage == NULL ? "serverAuth" : leaf->usage};
    const struct pki_ca *ca = leaf->by == NULL ? &f->ca : &leaf->by->ca;
    EVP_PKEY *key = make_key(leaf->key);
    X509 *x = pki_issue_certificate(&subject, key, ca, 10);
    static char paths[128][160];
    static unsigned next;
    char *chain = paths[next++ % 128];
    char *key_path = paths[next++ % 128];
    assert(x != NULL);
    if (leaf->from_s != 0)
        assert(X509_gmtime_adj(X509_getm_notBefore(x), leaf->from_s) != NULL);
    if (leaf->until_s != 0)
        assert(X509_gmtime_adj(X509_getm_notAfter(x), leaf->until_s) != NULL);
    assert(X509_sign(x, ca->key, EVP_sha256()) > 0);
    snprintf(chain, 160, "%s/%s.crt", f->scratch.folder, leaf->stem);
    snprintf(key_path, 160, "%s/%s.key", f->scratch.folder, leaf->stem);
    write_certificate(chain, x);
    write_key(key_path, key);
    X509_free(x);
    EVP_PKEY_free(key);
    return (struct cfg_certificate){.chain = chain, .key = key_path, .line = 7};
}

void forge_problem(void *arg, unsigned line, const char *sentence)
{
    struct forge_problems *p = arg;
    size_t used = strlen(p->text);
    (void)line;
    p->count++;
    snprintf(p->text + used, sizeof(p->text) - used, "%s\n", sentence);
}

struct tls_context *forge_door(struct forge *f, const struct cfg_web *web, size_t web_count, const struct cfg_certificate *relay,
                               struct tls_tickets *tickets)
{
    struct forge_problems problems = {0};
    struct cfg_tunnel tunnel = {.ca = f->ca_path, .line = 1};
    if (relay != NULL)
        tunnel.identity = *relay;
    struct tls_context *door =
        tls_context_new_door(web, web_count, relay == NULL ? NULL : &tunnel, tickets, forge_problem, &problems);
    if (door == NULL)
        fail_msg("no door: %s", problems.text);
    return door;
}
