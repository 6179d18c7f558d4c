/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the steps of `georelay pki`: check names, read the CA, issue, write all files of one command together, say what was made.
 * Main thread of a short-lived command; private keys are wiped when their memory is freed.
 */
#include "tls/pki.h"

#include "proxy/base/address.h"
#include "tls/certificate.h"
#include "tls/identity.h"
#include "tls/pki_files.h"
#include "tls/pki_issue.h"
#include "tls/pki_parts.h"
#include "tls/revoked_list.h"
#include "tls/roles.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { KEY_MODE = 0600, CERTIFICATE_MODE = 0644, DAYS_MAX = 36500, COMMON_NAME_MAX = 64, HOST_MAX = 253, LABEL_MAX = 63 };

/** The longest subjectAltName: its kind and a host name or a role with a name. */
enum { ALT_NAME_BYTES = 320 };

static int tell(const struct pki_job *job, const char *what)
{
    fprintf(job->err, "%s: %s\n", what, tls_last_error());
    return -1;
}

/** The days to use, or -1 after the sentence. */
static int days_of(const struct pki_job *job, int days_default)
{
    if (job->days == 0)
        return days_default;
    if (job->days < 1 || job->days > DAYS_MAX) {
        fprintf(job->err, "%d days are not possible; choose between 1 and %d\n", job->days, DAYS_MAX);
        return -1;
    }
    return job->days;
}

/* ---- writing PEM ---- */

/** Puts what `bio` holds into the set of files. Takes `bio`; its memory is wiped. */
static int add_text(struct pki_files *files, const char *stem, const char *suffix, mode_t mode, BIO *bio, int is_written)
{
    char *text = NULL;
    long size = bio == NULL ? 0 : BIO_get_mem_data(bio, &text);
    int result = -1;
    if (is_written != 1 || size <= 0)
        fprintf(files->err, "%s%s can't be made: %s\n", stem, suffix, tls_last_error());
    else
        result = pki_files_add(files, stem, suffix, mode, text, (size_t)size);
    if (size > 0)
        OPENSSL_cleanse(text, (size_t)size);
    BIO_free(bio);
    return result;
}

static int add_key(struct pki_files *files, const char *stem, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int is_written = bio == NULL ? 0 : PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    return add_text(files, stem, ".key", KEY_MODE, bio, is_written);
}

static int add_certificate(struct pki_files *files, const char *stem, X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int is_written = bio == NULL ? 0 : PEM_write_bio_X509(bio, x);
    return add_text(files, stem, ".crt", CERTIFICATE_MODE, bio, is_written);
}

/** The copy that is kept of each certificate, by its serial number: what was issued can be listed and revoked. */
static int add_issued(struct pki_files *files, X509 *x)
{
    char stem[PKI_PATH_MAX];
    char serial[PKI_SERIAL_TEXT];
    BIO *bio = BIO_new(BIO_s_mem());
    int is_written = bio == NULL ? 0 : PEM_write_bio_X509(bio, x);
    snprintf(stem, sizeof(stem), PKI_ISSUED "/%s", pki_serial_text(x, serial));
    return add_text(files, stem, ".crt", CERTIFICATE_MODE, bio, is_written);
}

static int add_request(struct pki_files *files, const char *stem, X509_REQ *request)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int is_written = bio == NULL ? 0 : PEM_write_bio_X509_REQ(bio, request);
    return add_text(files, stem, ".csr", CERTIFICATE_MODE, bio, is_written);
}

/* ---- saying what was made ---- */

static void format_end(const X509 *x, char text[32])
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1 || strftime(text, 32, "%Y-%m-%d", &tm) == 0)
        snprintf(text, 32, "-");
}

static void print_made(const struct pki_job *job, const struct pki_files *files, const X509 *x, const char *what)
{
    char end[32];
    format_end(x, end);
    fprintf(job->out, "%s, valid until %s:\n", what, end);
    for (size_t i = 0; i < files->count; i++)
        if (strstr(files->file[i].path, "/" PKI_ISSUED "/") == NULL)
            fprintf(job->out, "  %s\n", files->file[i].path);
}

/** Says when the CA's end has cut the validity that was asked for. */
static void print_cut(const struct pki_job *job, const struct pki_ca *ca, const X509 *x, int days)
{
    time_t asked = time(NULL) + (time_t)(days - 1) * 24 * 3600;
    if (ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(ca->certificate)) == 0 &&
        X509_cmp_time(X509_get0_notAfter(x), &asked) < 0)
        fprintf(job->out, "  (not %d days: the CA ends then)\n", days);
}

/* ---- the CA ---- */

void pki_ca_fini(struct pki_ca *ca)
{
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
    *ca = (struct pki_ca){NULL, NULL};
}

static void print_problem(void *arg, unsigned line, const char *sentence)
{
    (void)line;
    fprintf((FILE *)arg, "%s\n", sentence);
}

int pki_ca_load(const struct pki_job *job, struct pki_ca *ca)
{
    char chain[PKI_PATH_MAX];
    char key[PKI_PATH_MAX];
    struct tls_problems problems = {print_problem, job->err, 0};
    struct certificate c = {NULL, NULL, NULL};
    *ca = (struct pki_ca){NULL, NULL};
    if ((size_t)snprintf(chain, sizeof(chain), "%s/ca.crt", job->folder) >= sizeof(chain) ||
        (size_t)snprintf(key, sizeof(key), "%s/ca.key", job->folder) >= sizeof(key)) {
        fprintf(job->err, "the path of the folder %s is too long; choose a shorter one\n", job->folder);
        return -1;
    }
    int result = certificate_load(&c, &(struct cfg_certificate){.chain = chain, .key = key}, &problems);
    if (result == 0 && X509_check_ca(c.leaf) == 0) {
        fprintf(job->err, "%s is not a certificate of a CA; name the folder that \"georelay pki init\" filled\n", chain);
        result = -1;
    }
    if (result == 0) {
        *ca = (struct pki_ca){c.leaf, c.key};
        c.leaf = NULL;
        c.key = NULL;
    }
    certificate_fini(&c);
    return result;
}

/* ---- names ---- */

static bool label_is_valid(const char *label, size_t length)
{
    if (length == 0 || length > LABEL_MAX || label[0] == '-' || label[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)label[i]) && label[i] != '-')
            return false;
    return true;
}

/** RFC 1123 section 2.1: labels of letters, digits, hyphens; the last one not of digits only, or it is a mistyped address. */
static bool host_is_valid(const char *host)
{
    if (strncmp(host, "*.", 2) == 0)
        host += 2;
    if (strlen(host) > HOST_MAX)
        return false;
    for (;;) {
        size_t length = strcspn(host, ".");
        if (!label_is_valid(host, length))
            return false;
        if (host[length] == '\0')
            return strspn(host, "0123456789") < length;
        host += length + 1;
    }
}

/** "DNS:host" or "IP:address"; -1 if it is neither. */
static int web_alt_name(const char *host, char text[ALT_NAME_BYTES])
{
    struct address ip;
    char ip_text[ADDRESS_TEXT];
    if (address_parse(host, &ip) == 0)
        snprintf(text, ALT_NAME_BYTES, "IP:%s", address_format_ip(&ip, ip_text));
    else if (host_is_valid(host))
        snprintf(text, ALT_NAME_BYTES, "DNS:%s", host);
    else
        return -1;
    return 0;
}

/* ---- the commands ---- */

/** A key and a certificate of the CA, and the request if asked for: all into `files`. Gives the certificate. */
static X509 *issue(struct pki_files *files, const char *stem, const struct pki_subject *subject, const struct pki_ca *ca,
                   int days, bool wants_request)
{
    EVP_PKEY *key = pki_issue_key();
    X509 *x = key == NULL ? NULL : pki_issue_certificate(subject, key, ca, days);
    X509_REQ *request = key == NULL || !wants_request ? NULL : pki_issue_request(subject, key);
    int result = 0;
    if (x == NULL || (wants_request && request == NULL)) {
        fprintf(files->err, "%s.crt can't be made: %s\n", stem, tls_last_error());
        result = -1;
    }
    if (result == 0)
        result = add_key(files, stem, key) == 0 && add_certificate(files, stem, x) == 0 && add_issued(files, x) == 0 ? 0 : -1;
    if (result == 0 && wants_request)
        result = add_request(files, stem, request);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    if (result != 0) {
        X509_free(x);
        return NULL;
    }
    return x;
}

/** Makes a folder for its owner only; one that is there stays as it is. */
static int make_one_folder(const struct pki_job *job, const char *path)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    fprintf(job->err, "the folder %s can't be made: %s; make its parent first\n", path, strerror(errno));
    return -1;
}

/** The folder, and the one in it for copies of what is issued. */
static int make_folders(const struct pki_job *job)
{
    char issued[PKI_PATH_MAX];
    if (snprintf(issued, sizeof(issued), "%s/" PKI_ISSUED, job->folder) >= (int)sizeof(issued))
        issued[0] = '\0'; /* that the path is too long is told with the first file */
    return make_one_folder(job, job->folder) == 0 && make_one_folder(job, issued) == 0 ? 0 : -1;
}

static int add_empty_list(struct pki_files *files)
{
    static const char text[] = PKI_LIST_HEAD "end 0\n";
    return pki_files_add(files, PKI_LIST, "", CERTIFICATE_MODE, text, strlen(text));
}

int pki_init(const struct pki_job *job)
{
    const struct pki_subject ca_subject = {"georelay CA", NULL, NULL};
    const struct pki_subject relay_subject = {"georelay relay", "URI:" ROLE_URI_RELAY, "serverAuth"};
    struct pki_files files;
    struct pki_ca ca = {NULL, NULL};
    X509 *relay = NULL;
    int days = days_of(job, PKI_DAYS_CA);
    int relay_days = job->days == 0 ? PKI_DAYS_TUNNEL : days;
    int result = -1;
    if (days < 0 || make_folders(job) != 0)
        return -1;
    pki_files_init(&files, job->folder, job->err);
    ca.key = pki_issue_key();
    ca.certificate = ca.key == NULL ? NULL : pki_issue_certificate(&ca_subject, ca.key, NULL, days);
    if (ca.certificate == NULL)
        tell(job, "the CA can't be made");
    else if (add_key(&files, "ca", ca.key) == 0 && add_certificate(&files, "ca", ca.certificate) == 0 &&
             (relay = issue(&files, "relay", &relay_subject, &ca, relay_days, false)) != NULL && add_empty_list(&files) == 0)
        result = pki_files_commit(&files);
    if (result == 0) {
        print_made(job, &files, relay, "The tunnel's CA and the relay's certificate");
        fprintf(job->out, "Keep ca.key off the relay: it signs new agents and is needed for nothing else.\n");
    }
    X509_free(relay);
    pki_ca_fini(&ca);
    pki_files_fini(&files);
    return result;
}

/** What agent and web have in common: one new certificate of the folder's CA. */
static int make_leaf(const struct pki_job *job, const char *stem, const struct pki_subject *subject, int days, bool wants_request,
                     const char *what)
{
    struct pki_files files;
    struct pki_ca ca;
    X509 *x = NULL;
    int result = -1;
    pki_files_init(&files, job->folder, job->err);
    if (pki_ca_load(job, &ca) == 0 && make_folders(job) == 0 &&
        (x = issue(&files, stem, subject, &ca, days, wants_request)) != NULL)
        result = pki_files_commit(&files);
    if (result == 0) {
        print_made(job, &files, x, what);
        print_cut(job, &ca, x, days);
    }
    X509_free(x);
    pki_ca_fini(&ca);
    pki_files_fini(&files);
    return result;
}

/** The names of the CA's other files: an agent of that name would want the same ones. */
static bool name_is_taken(const char *name)
{
    return strcasecmp(name, "ca") == 0 || strcasecmp(name, "relay") == 0 || strcasecmp(name, "web") == 0;
}

int pki_agent(const struct pki_job *job, const char *name)
{
    char alt_name[ALT_NAME_BYTES];
    struct pki_subject subject = {name, alt_name, "clientAuth"};
    int days = days_of(job, PKI_DAYS_TUNNEL);
    if (days < 0)
        return -1;
    if (!identity_name_is_valid(name)) {
        fprintf(job->err,
                "this is not a name for an agent; use 1-%d of a-z, A-Z, 0-9, '-', '_', '.', not beginning with '-' or '.'\n",
                IDENTITY_NAME_MAX);
        return -1;
    }
    if (name_is_taken(name)) {
        fprintf(job->err, "an agent can't be called \"%s\": the CA's own files have that name; choose another\n", name);
        return -1;
    }
    snprintf(alt_name, sizeof(alt_name), "URI:" ROLE_URI_AGENT "%s", name);
    return make_leaf(job, name, &subject, days, false, "The agent's certificate");
}

int pki_web(const struct pki_job *job, const char *host)
{
    char alt_name[ALT_NAME_BYTES];
    struct pki_subject subject = {host, alt_name, "serverAuth"};
    int days = days_of(job, PKI_DAYS_WEB);
    if (days < 0)
        return -1;
    if (web_alt_name(host, alt_name) != 0) {
        fprintf(
            job->err,
            "this is neither a host name nor an IP address; write it as browsers will, without port, such as scada.example\n");
        return -1;
    }
    if (strlen(host) > COMMON_NAME_MAX)
        subject.common_name = "georelay web front door"; /* too long for a common name; browsers look at subjectAltName only */
    return make_leaf(job, "web", &subject, days, true, "The web front door's certificate, and a request for your own CA");
}
