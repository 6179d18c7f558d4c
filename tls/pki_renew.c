/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns `georelay pki renew`: signs the requests that a relay has put into a folder, for agents that have a good certificate which
 * ends before long. The answers lie beside the requests. Main thread of a short-lived command.
 */
#include "tls/certificate.h"
#include "tls/pki_parts.h"
#include "tls/renew.h"
#include "tls/roles.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_BYTES_MAX = 64 * 1024 };

struct renewal {
    const struct pki_job *job;
    const char *folder; /**< of the requests */
    bool is_forced;
    struct pki_ca ca;
    struct pki_shelf shelf;
    unsigned signed_count;
};

static char *read_text(const struct renewal *r, const char *name, const char *suffix)
{
    char path[PKI_PATH_MAX];
    size_t size = 0;
    unsigned mode;
    if (snprintf(path, sizeof(path), "%s/%s.%s", r->folder, name, suffix) >= (int)sizeof(path))
        return NULL;
    char *text = certificate_read_file(path, TEXT_BYTES_MAX, &size, &mode);
    if (text != NULL && strlen(text) != size) {
        free(text);
        text = NULL;
    }
    return text;
}

/* ---- whether ---- */

/** The agent's certificate that counts and ends last; NULL: it has none. */
static const struct pki_entry *best_of(const struct renewal *r, const char *name)
{
    const struct pki_entry *best = NULL;
    for (size_t i = 0; i < r->shelf.count; i++) {
        const struct pki_entry *e = &r->shelf.list[i];
        if (e->kind == PKI_AGENT && !e->is_revoked && strcmp(e->name, name) == 0)
            best = e; /* they are sorted by their end */
    }
    return best;
}

/**
 * Less than half of its life is left. A request that comes earlier was not made by an agent as it should be: perhaps by a machine
 * that was revoked since, while another one has the name now.
 */
static bool is_due(const X509 *x)
{
    int life_days = 0, life_seconds = 0, left_days = 0, left_seconds = 0;
    return ASN1_TIME_diff(&life_days, &life_seconds, X509_get0_notBefore(x), X509_get0_notAfter(x)) == 1 &&
           ASN1_TIME_diff(&left_days, &left_seconds, NULL, X509_get0_notAfter(x)) == 1 &&
           (left_days * 86400LL + left_seconds) * 2 < life_days * 86400LL + life_seconds;
}

static int refuse(const struct renewal *r, const char *name, const char *why)
{
    fprintf(r->job->err, "%s/%s.csr is not signed: %s\n", r->folder, name, why);
    return -1;
}

static int check(const struct renewal *r, const char *name, const char *request)
{
    const struct pki_entry *best = best_of(r, name);
    if (request == NULL)
        return refuse(r, name, "it can't be read");
    if (!renew_request_is_of(request, name))
        return refuse(r, name, "it is damaged, or another agent's; remove it");
    if (best == NULL)
        return refuse(r, name, "this CA has given no certificate that counts to an agent of that name; see georelay pki list");
    if (!r->is_forced && !is_due(best->certificate))
        return refuse(r, name,
                      "the agent's certificate has more than half of its life left; if you know why it asks, give --force");
    return 0;
}

/* ---- signing ---- */

static X509 *sign(const struct renewal *r, const char *name, const char *request)
{
    char alt_name[sizeof("URI:" ROLE_URI_AGENT) + IDENTITY_NAME_MAX];
    struct pki_subject subject = {name, alt_name, "clientAuth"};
    BIO *bio = BIO_new_mem_buf(request, -1);
    X509_REQ *q = bio == NULL ? NULL : PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    EVP_PKEY *key = q == NULL ? NULL : X509_REQ_get0_pubkey(q);
    snprintf(alt_name, sizeof(alt_name), "URI:" ROLE_URI_AGENT "%s", name);
    X509 *x =
        key == NULL ? NULL : pki_issue_certificate(&subject, key, &r->ca, r->job->days == 0 ? PKI_DAYS_TUNNEL : r->job->days);
    X509_REQ_free(q);
    BIO_free(bio);
    return x;
}

/** The copy first: what is not on the shelf can't be revoked. */
static int give(const struct renewal *r, const char *name, X509 *x)
{
    char stem[PKI_PATH_MAX], serial[PKI_SERIAL_TEXT], file[IDENTITY_NAME_MAX + 8];
    struct pki_files files;
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    long size = bio != NULL && PEM_write_bio_X509(bio, x) == 1 ? BIO_get_mem_data(bio, &text) : 0;
    int result = -1;
    snprintf(stem, sizeof(stem), PKI_ISSUED "/%s", pki_serial_text(x, serial));
    snprintf(file, sizeof(file), "%s.crt", name);
    pki_files_init(&files, r->job->folder, r->job->err);
    if (size > 0 && pki_files_add(&files, stem, ".crt", 0644, text, (size_t)size) == 0 && pki_files_commit(&files) == 0)
        result = pki_files_replace(r->folder, file, 0644, text, (size_t)size, r->job->err);
    pki_files_fini(&files);
    BIO_free(bio);
    return result;
}

static int renew_one(struct renewal *r, const char *name)
{
    char *request = read_text(r, name, "csr");
    char *answer = read_text(r, name, "crt");
    X509 *x = NULL;
    int result = 0;
    if (request != NULL && answer != NULL && renew_certificate_fits(answer, request)) {
        fprintf(r->job->out, "%s has its answer already\n", name);
    } else if ((result = check(r, name, request)) == 0) {
        x = sign(r, name, request);
        result = x == NULL ? refuse(r, name, "no certificate can be made of it") : give(r, name, x);
        if (result == 0) {
            r->signed_count++;
            fprintf(r->job->out, "%s is renewed:\n  %s/%s.crt\n", name, r->folder, name);
        }
    }
    X509_free(x);
    free(request);
    free(answer);
    return result;
}

static int renew_all(struct renewal *r)
{
    DIR *dir = opendir(r->folder);
    int result = 0;
    if (dir == NULL) {
        fprintf(r->job->err, "the folder %s can't be read: %s; name that of \"tunnel.requests\"\n", r->folder, strerror(errno));
        return -1;
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char name[IDENTITY_NAME_MAX + 1];
        size_t length = strlen(e->d_name);
        if (length <= 4 || length - 4 >= sizeof(name) || strcmp(e->d_name + length - 4, ".csr") != 0)
            continue;
        memcpy(name, e->d_name, length - 4);
        name[length - 4] = '\0';
        if (identity_name_is_valid(name) && renew_one(r, name) != 0)
            result = -1;
    }
    closedir(dir);
    if (result == 0 && r->signed_count == 0)
        fprintf(r->job->out, "No request waits in %s\n", r->folder);
    return result;
}

int pki_renew(const struct pki_job *job, const char *folder, const char *name, bool is_forced)
{
    struct renewal r = {.job = job, .folder = folder, .is_forced = is_forced};
    int result = -1;
    int lock = pki_lock(job);
    if (lock < 0)
        return -1;
    if (name != NULL && !identity_name_is_valid(name))
        fprintf(job->err, "this is not a name of an agent\n");
    else if (pki_ca_load(job, &r.ca) == 0 && pki_shelf_read(&r.shelf, job) == 0)
        result = name != NULL ? renew_one(&r, name) : renew_all(&r);
    pki_shelf_fini(&r.shelf);
    pki_ca_fini(&r.ca);
    close(lock);
    return result;
}
