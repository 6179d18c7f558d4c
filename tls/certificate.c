/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the way of a certificate from its files into OpenSSL: reading, checking, telling what is wrong. Main thread only.
 * Key text lies in one buffer of ours, which is wiped as soon as OpenSSL has parsed it.
 */
#include "tls/certificate.h"

#include "tls/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 256 * 1024, RSA_BITS_MIN = 2048, EC_BITS_MIN = 256, TIME_TEXT = 64 };

/** The remedy for a file of ours that is not there. */
#define ABSENT_OWN "correct the path, or make the file with \"georelay pki\""

/** By enum certificate_trust: what to do if the file is not there, or holds a certificate that is no CA's. */
static const struct {
    const char *absent;
    const char *no_ca; /**< NULL: such a certificate is good too */
} remedies[] = {
    [TRUST_TUNNEL] = {ABSENT_OWN, "name the ca.crt that \"georelay pki init\" made"},
    [TRUST_CLIENTS] = {"correct the path, or copy the certificate of the CA there that signs the clients' certificates",
                       "name the certificate of the CA that signs the clients' certificates"},
    [TRUST_SERVERS] = {"correct the path, or copy the certificate of the CA there that signs the servers' certificates", NULL},
};

char *certificate_read_file(const char *path, size_t max, size_t *ret_size, unsigned *ret_mode)
{
    /* O_NONBLOCK so that a fifo in the file's place can't hold us up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    char *text = NULL;
    int error = 0;
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0)
        error = errno;
    else if (!S_ISREG(st.st_mode))
        error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    else if (st.st_size < 0 || (size_t)st.st_size > max)
        error = EFBIG;
    else if ((text = malloc(max + 1)) == NULL)
        error = ENOMEM;
    size_t size = 0;
    while (error == 0 && size < max) {
        ssize_t n = read(fd, text + size, max - size);
        if (n == 0)
            break;
        if (n > 0)
            size += (size_t)n;
        else if (errno != EINTR)
            error = errno;
    }
    close(fd);
    if (error != 0) {
        if (text != NULL)
            OPENSSL_cleanse(text, size);
        free(text);
        errno = error;
        return NULL;
    }
    text[size] = '\0';
    *ret_size = size;
    *ret_mode = st.st_mode;
    return text;
}

/** `absent` is the remedy if there is no such file. */
static void tell_unreadable(struct tls_problems *p, unsigned line, const char *what, const char *path, const char *absent)
{
    const char *remedy = errno == ENOENT   ? absent
                         : errno == EACCES ? "give the user that georelay starts as the right to read it"
                         : errno == EFBIG  ? "it is far too long to be one"
                                           : "it must be a readable file";
    char detail[128];
    tls_problem(p, line, "%s %s can't be read: %s; %s", what, path, strerror_r(errno, detail, sizeof(detail)), remedy);
}

/** Never asks: says through `arg` (a bool) that the text is encrypted. */
static int on_pass_phrase(char *buffer, int size, int is_writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    *(bool *)arg = true;
    return -1;
}

/** All certificates of a PEM text. NULL if there is none or one of them is broken; `*ret_is_broken` says which. */
static STACK_OF(X509) * parse_certificates(const char *text, size_t size, bool *ret_is_broken)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(text, (int)size);
    bool asked = false;
    *ret_is_broken = list == NULL || bio == NULL;
    ERR_clear_error();
    while (!*ret_is_broken) {
        X509 *one = PEM_read_bio_X509(bio, NULL, on_pass_phrase, &asked);
        if (one == NULL) {
            *ret_is_broken = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
            break;
        }
        if (sk_X509_push(list, one) <= 0) {
            X509_free(one);
            *ret_is_broken = true;
        }
    }
    BIO_free(bio);
    if (*ret_is_broken || sk_X509_num(list) == 0) {
        sk_X509_pop_free(list, X509_free);
        return NULL;
    }
    ERR_clear_error();
    return list;
}

static STACK_OF(X509) * load_certificates(const char *path, unsigned line, const char *absent, struct tls_problems *p)
{
    size_t size = 0;
    unsigned mode = 0;
    bool is_broken = false;
    char *text = certificate_read_file(path, FILE_BYTES_MAX, &size, &mode);
    if (text == NULL) {
        tell_unreadable(p, line, "certificate", path, absent);
        return NULL;
    }
    STACK_OF(X509) *list = parse_certificates(text, size, &is_broken);
    if (list == NULL && is_broken)
        tls_problem(p, line, "%s holds a damaged certificate: %s; copy it again, whole, in PEM form", path, tls_last_error());
    else if (list == NULL)
        tls_problem(p, line, "%s holds no certificate; it must be PEM text with lines \"-----BEGIN CERTIFICATE-----\"", path);
    OPENSSL_cleanse(text, size); /* a user may keep the key in the same file */
    free(text);
    return list;
}

static EVP_PKEY *load_key(const char *path, unsigned line, struct tls_problems *p)
{
    size_t size = 0;
    unsigned mode = 0;
    bool is_encrypted = false;
    char *text = certificate_read_file(path, FILE_BYTES_MAX, &size, &mode);
    if (text == NULL) {
        tell_unreadable(p, line, "key", path, ABSENT_OWN);
        return NULL;
    }
    if ((mode & (S_IRWXG | S_IRWXO)) != 0)
        tls_problem(p, line, "key %s can be read or written by others than its owner (mode %04o); run: chmod 600 %s", path,
                    mode & 07777U, path);
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(text, (int)size);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, on_pass_phrase, &is_encrypted);
    BIO_free(bio);
    OPENSSL_cleanse(text, size);
    free(text);
    if (key == NULL && is_encrypted)
        tls_problem(p, line, "key %s has a pass phrase; remove it: openssl pkey -in %s -out NEW, then chmod 600 NEW", path, path);
    else if (key == NULL)
        tls_problem(p, line, "%s holds no private key in PEM form: %s", path, tls_last_error());
    return key;
}

static void format_time(const ASN1_TIME *time, char text[TIME_TEXT])
{
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(text, TIME_TEXT, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        snprintf(text, TIME_TEXT, "an unreadable date");
}

/** The line that names the file; that of the whole certificate if the model knows no better. */
static unsigned chain_line(const struct cfg_certificate *files)
{
    return files->chain_line != 0 ? files->chain_line : files->line;
}

static unsigned key_line(const struct cfg_certificate *files)
{
    return files->key_line != 0 ? files->key_line : files->line;
}

static void check_dates(X509 *x, const char *path, unsigned line, struct tls_problems *p)
{
    char date[TIME_TEXT];
    char now[TIME_TEXT];
    time_t seconds = time(NULL);
    struct tm tm;
    strftime(now, sizeof(now), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&seconds, &tm));
    if (X509_cmp_current_time(X509_get0_notBefore(x)) >= 0) {
        format_time(X509_get0_notBefore(x), date);
        tls_problem(p, line, "the certificate in %s is not valid before %s; now it is %s; set the clock, or wait", path, date,
                    now);
    }
    if (X509_cmp_current_time(X509_get0_notAfter(x)) <= 0) {
        format_time(X509_get0_notAfter(x), date);
        tls_problem(p, line, "the certificate in %s expired on %s; now it is %s; renew it", path, date, now);
    }
}

static void check_strength(const EVP_PKEY *key, const char *path, unsigned line, struct tls_problems *p)
{
    int bits = EVP_PKEY_get_bits(key);
    int type = EVP_PKEY_get_base_id(key);
    if (type == EVP_PKEY_RSA && bits < RSA_BITS_MIN)
        tls_problem(p, line, "the key in %s is too weak: RSA with %d bits; make one with at least %d", path, bits, RSA_BITS_MIN);
    else if (type == EVP_PKEY_EC && bits < EC_BITS_MIN)
        tls_problem(p, line, "the key in %s is too weak: EC with %d bits; make one with at least %d", path, bits, EC_BITS_MIN);
    else if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
        tls_problem(p, line, "the key in %s is of a kind that not every peer knows; make an EC (P-256) or RSA key", path);
}

static void check_pair(const struct certificate *c, const struct cfg_certificate *files, struct tls_problems *p)
{
    bool fits_later = false;
    if (X509_check_private_key(c->leaf, c->key) == 1)
        return;
    for (int i = 0; i < sk_X509_num(c->chain); i++)
        if (X509_check_private_key(sk_X509_value(c->chain, i), c->key) == 1)
            fits_later = true;
    ERR_clear_error();
    if (fits_later)
        tls_problem(p, chain_line(files), "%s: the certificate that belongs to the key must come first, then the intermediates",
                    files->chain);
    else
        tls_problem(p, chain_line(files), "key %s does not fit the certificate in %s; take the two that were made together",
                    files->key, files->chain);
}

int certificate_load(struct certificate *c, const struct cfg_certificate *files, struct tls_problems *p)
{
    unsigned before = p->count;
    *c = (struct certificate){NULL, load_certificates(files->chain, chain_line(files), ABSENT_OWN, p),
                              load_key(files->key, key_line(files), p)};
    if (c->chain != NULL) {
        c->leaf = sk_X509_shift(c->chain);
        check_dates(c->leaf, files->chain, chain_line(files), p);
    }
    if (c->key != NULL)
        check_strength(c->key, files->key, key_line(files), p);
    if (c->leaf != NULL && c->key != NULL)
        check_pair(c, files, p);
    return p->count == before ? 0 : -1;
}

void certificate_fini(struct certificate *c)
{
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    *c = (struct certificate){NULL, NULL, NULL};
}

int certificate_use(const struct certificate *c, SSL_CTX *ctx)
{
    ERR_clear_error();
    return SSL_CTX_use_cert_and_key(ctx, c->leaf, c->key, c->chain, 1) == 1 ? 0 : -1;
}

/** True if every certificate of the list may be trusted for that, and is valid now. */
static bool check_trusted(STACK_OF(X509) * list, const char *path, unsigned line, enum certificate_trust whom,
                          struct tls_problems *p)
{
    unsigned before = p->count;
    for (int i = 0; i < sk_X509_num(list); i++) {
        X509 *x = sk_X509_value(list, i);
        if (remedies[whom].no_ca != NULL && X509_check_ca(x) == 0)
            tls_problem(p, line, "%s is not a certificate of a CA; %s", path, remedies[whom].no_ca);
        check_dates(x, path, line, p);
    }
    return p->count == before;
}

X509_STORE *certificate_load_ca(const char *path, unsigned line, enum certificate_trust whom, struct tls_problems *p)
{
    STACK_OF(X509) *list = load_certificates(path, line, remedies[whom].absent, p);
    if (list == NULL)
        return NULL;
    bool is_good = check_trusted(list, path, line, whom, p);
    X509_STORE *store = is_good ? X509_STORE_new() : NULL;
    if (is_good && store == NULL)
        tls_problem(p, line, "%s can't be used: no memory", path);
    for (int i = 0; store != NULL && i < sk_X509_num(list); i++) {
        if (X509_STORE_add_cert(store, sk_X509_value(list, i)) != 1) {
            tls_problem(p, line, "%s can't be used: %s", path, tls_last_error());
            X509_STORE_free(store);
            store = NULL;
        }
    }
    if (store != NULL && whom != TRUST_TUNNEL)
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    sk_X509_pop_free(list, X509_free);
    return store;
}

int certificate_check_own(const struct certificate *c, const struct cfg_certificate *files, X509_STORE *ca, const char *ca_path,
                          bool is_relay, struct tls_problems *p)
{
    char name[IDENTITY_NAME_MAX + 1];
    unsigned before = p->count;
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    if (check == NULL || X509_STORE_CTX_init(check, ca, c->leaf, c->chain) != 1) {
        tls_problem(p, chain_line(files), "%s can't be checked: no memory", files->chain);
    } else if (X509_verify_cert(check) != 1) {
        tls_problem(p, chain_line(files),
                    "the certificate in %s is not signed by the CA in %s (%s); take both from the same \"georelay pki\" folder",
                    files->chain, ca_path, X509_verify_cert_error_string(X509_STORE_CTX_get_error(check)));
    } else if (!(is_relay ? role_is_relay(c->leaf) : role_is_agent(c->leaf, name))) {
        tls_problem(p, chain_line(files), "the certificate in %s is not %s; take the one that \"georelay pki %s\" made",
                    files->chain, is_relay ? "a relay's" : "an agent's", is_relay ? "init" : "agent NAME");
    }
    X509_STORE_CTX_free(check);
    ERR_clear_error();
    return p->count == before ? 0 : -1;
}
