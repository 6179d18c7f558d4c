/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the making of a bundle from the files of a pki folder (tls/bundle.h). Main thread of a short-lived command; what held the
 * key is wiped.
 */
#include "tls/bundle.h"
#include "tls/certificate.h"
#include "tls/pki_parts.h"

#include <errno.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 64 * 1024 };

static int read_part(const struct pki_job *job, const char *stem, const char *suffix, struct bundle_part *ret)
{
    char path[PKI_PATH_MAX];
    unsigned mode;
    size_t size = 0;
    if (snprintf(path, sizeof(path), "%s/%s%s", job->folder, stem, suffix) >= (int)sizeof(path))
        errno = ENAMETOOLONG;
    else
        ret->text = certificate_read_file(path, FILE_BYTES_MAX, &size, &mode);
    ret->size = size;
    if (ret->text != NULL)
        return 0;
    fprintf(job->err, "%s can't be read: %s\n", path, strerror(errno));
    return -1;
}

static void free_part(struct bundle_part *part)
{
    if (part->text != NULL)
        OPENSSL_cleanse((char *)(uintptr_t)part->text, part->size);
    free((char *)(uintptr_t)part->text);
}

/** Writes the text to a file of its own that is not there yet, for its owner only. */
static int write_file(const struct pki_job *job, const char *path, const char *text, size_t size)
{
    struct pki_files files;
    char *for_folder = strdup(path);
    char *for_name = strdup(path);
    int result = -1;
    if (for_folder != NULL && for_name != NULL) {
        pki_files_init(&files, dirname(for_folder), job->err);
        if (pki_files_add(&files, basename(for_name), "", 0600, text, size) == 0)
            result = pki_files_commit(&files);
        pki_files_fini(&files);
    }
    free(for_folder);
    free(for_name);
    return result;
}

static bool exists(const struct pki_job *job, const char *name, const char *suffix)
{
    char path[PKI_PATH_MAX];
    return snprintf(path, sizeof(path), "%s/%s%s", job->folder, name, suffix) < (int)sizeof(path) && access(path, F_OK) == 0;
}

int pki_bundle(const struct pki_job *job, const struct bundle *what, const char *path)
{
    struct bundle b = *what;
    char *text = NULL;
    size_t size = 0;
    int result = -1;
    b.ca = b.chain = b.key = (struct bundle_part){0};
    if (access(path, F_OK) == 0) {
        fprintf(job->err, "%s exists already and is never overwritten; move it away first\n", path);
        return -1;
    }
    if ((!exists(job, b.name, ".crt") || !exists(job, b.name, ".key")) && pki_agent(job, b.name) != 0)
        return -1;
    if (read_part(job, "ca", ".crt", &b.ca) == 0 && read_part(job, b.name, ".crt", &b.chain) == 0 &&
        read_part(job, b.name, ".key", &b.key) == 0) {
        text = bundle_write(&b, &size);
        if (text == NULL)
            fprintf(job->err, "the bundle can't be made: no memory, or it would be too large\n");
        else
            result = write_file(job, path, text, size);
    }
    if (result == 0)
        fprintf(job->out,
                "The bundle for the agent's machine, with its private key:\n  %s\n"
                "Take it there by a way that you trust, run \"georelay enroll\" with it, and remove it here and there.\n",
                path);
    bundle_free(text);
    free_part(&b.ca);
    free_part(&b.chain);
    free_part(&b.key);
    return result;
}
