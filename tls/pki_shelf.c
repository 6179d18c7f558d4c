/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the picture of a pki folder: which certificates there are, and which of them are revoked. Main thread of a short-lived
 * command. */
#include "tls/certificate.h"
#include "tls/pki_parts.h"
#include "tls/revoked_list.h"
#include "tls/roles.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { LIST_BYTES_MAX = 4 * 1024 * 1024, CERTIFICATE_BYTES_MAX = 256 * 1024 };

const char *pki_serial_text(const X509 *x, char text[PKI_SERIAL_TEXT])
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *digits = number == NULL ? NULL : BN_bn2hex(number);
    snprintf(text, PKI_SERIAL_TEXT, "%s", digits != NULL ? digits : "?");
    OPENSSL_free(digits);
    BN_free(number);
    return text;
}

/* ---- one certificate ---- */

static void name_entry(struct pki_entry *e)
{
    if (X509_check_ca(e->certificate) != 0)
        e->kind = PKI_CA;
    else if (role_is_relay(e->certificate))
        e->kind = PKI_RELAY;
    else if (role_is_agent(e->certificate, e->name))
        e->kind = PKI_AGENT;
    else
        e->kind = PKI_WEB;
    if (e->kind != PKI_AGENT &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(e->certificate), NID_commonName, e->name, sizeof(e->name)) <= 0)
        snprintf(e->name, sizeof(e->name), "-");
    for (char *c = e->name; *c != '\0'; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
}

static bool is_there(const struct pki_shelf *shelf, const X509 *x)
{
    for (size_t i = 0; i < shelf->count; i++)
        if (X509_cmp(shelf->list[i].certificate, x) == 0)
            return true;
    return false;
}

/** **Takes** `x`. */
static int add(struct pki_shelf *shelf, X509 *x)
{
    struct pki_entry *list;
    if (is_there(shelf, x)) {
        X509_free(x);
        return 0;
    }
    list = realloc(shelf->list, (shelf->count + 1) * sizeof(*list));
    if (list == NULL) {
        X509_free(x);
        return -1;
    }
    shelf->list = list;
    struct pki_entry *e = &list[shelf->count++];
    *e = (struct pki_entry){.certificate = x};
    pki_serial_text(x, e->serial);
    name_entry(e);
    return 0;
}

/* ---- a folder ---- */

X509 *pki_read_certificate(const char *path)
{
    size_t size = 0;
    unsigned mode;
    char *text = certificate_read_file(path, CERTIFICATE_BYTES_MAX, &size, &mode);
    BIO *bio = text == NULL ? NULL : BIO_new_mem_buf(text, (int)size);
    X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, (void *)(uintptr_t) "");
    BIO_free(bio);
    if (text != NULL)
        OPENSSL_cleanse(text, size);
    free(text);
    ERR_clear_error();
    return x;
}

static bool is_certificate_name(const char *name)
{
    size_t length = strlen(name);
    return name[0] != '.' && length > 4 && strcmp(name + length - 4, ".crt") == 0;
}

static int read_folder(struct pki_shelf *shelf, const char *folder)
{
    DIR *dir = opendir(folder);
    int result = 0;
    if (dir == NULL)
        return -1;
    for (struct dirent *e = readdir(dir); e != NULL && result == 0; e = readdir(dir)) {
        char path[PKI_PATH_MAX];
        if (!is_certificate_name(e->d_name) || snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >= (int)sizeof(path))
            continue;
        X509 *x = pki_read_certificate(path);
        result = x == NULL ? 0 : add(shelf, x);
    }
    closedir(dir);
    errno = result == 0 ? 0 : ENOMEM;
    return result;
}

/* ---- the revocation list ---- */

static int mark(void *arg, const struct revoked_serial *serial)
{
    struct pki_shelf *shelf = arg;
    for (size_t i = 0; i < shelf->count; i++) {
        struct revoked_serial one;
        struct pki_entry *e = &shelf->list[i];
        if (revoked_serial_parse(e->serial, strlen(e->serial), &one) == 0 && memcmp(&one, serial, sizeof(one)) == 0)
            e->is_revoked = true;
    }
    return 0;
}

static int read_list(struct pki_shelf *shelf, const struct pki_job *job)
{
    char path[PKI_PATH_MAX];
    const char *wrong;
    unsigned line;
    unsigned mode;
    snprintf(path, sizeof(path), "%s/" PKI_LIST, job->folder);
    shelf->revoked = certificate_read_file(path, LIST_BYTES_MAX, &shelf->revoked_size, &mode);
    if (shelf->revoked == NULL && errno == ENOENT)
        return 0;
    if (shelf->revoked == NULL) {
        fprintf(job->err, "%s can't be read: %s\n", path, strerror(errno));
        return -1;
    }
    if (revoked_list_parse(shelf->revoked, shelf->revoked_size, mark, shelf, &wrong, &line) == 0)
        return 0;
    fprintf(job->err, "%s, line %u: %s; mend it by hand, or take a copy from a relay\n", path, line, wrong);
    return -1;
}

/* ---- the shelf ---- */

static int compare(const void *a, const void *b)
{
    const struct pki_entry *x = a;
    const struct pki_entry *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : ASN1_TIME_compare(X509_get0_notAfter(x->certificate), X509_get0_notAfter(y->certificate));
}

int pki_shelf_read(struct pki_shelf *shelf, const struct pki_job *job)
{
    char issued[PKI_PATH_MAX];
    *shelf = (struct pki_shelf){0};
    if (snprintf(issued, sizeof(issued), "%s/" PKI_ISSUED, job->folder) >= (int)sizeof(issued)) {
        fprintf(job->err, "the path of the folder %s is too long; choose a shorter one\n", job->folder);
        return -1;
    }
    if (read_folder(shelf, job->folder) != 0 || (read_folder(shelf, issued) != 0 && errno != ENOENT)) {
        fprintf(job->err, "the folder %s can't be read: %s; name the one that \"georelay pki init\" filled\n", job->folder,
                strerror(errno));
        return -1;
    }
    if (shelf->count > 0)
        qsort(shelf->list, shelf->count, sizeof(*shelf->list), compare);
    return read_list(shelf, job);
}

void pki_shelf_fini(struct pki_shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++)
        X509_free(shelf->list[i].certificate);
    free(shelf->list);
    free(shelf->revoked);
    *shelf = (struct pki_shelf){0};
}
