/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the set of revoked serial numbers: sorted, behind a lock that is taken once for each handshake of an agent. What is read
 * becomes a set of its own first, and takes the old one's place only if nothing was wrong with it.
 */
#include "tls/revoked.h"

#include "tls/agent_sessions.h"
#include "tls/certificate.h"
#include "tls/parts.h"
#include "tls/revoked_list.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { LIST_BYTES_MAX = 4 * 1024 * 1024 };

struct serials {
    struct revoked_serial *list;
    size_t count, room;
    time_t outdated; /**< when the first CRL should have been replaced; 0: never */
};

struct tls_revoked {
    pthread_rwlock_t lock;
    struct serials set;
};

struct tls_revoked *tls_revoked_new(void)
{
    struct tls_revoked *r = calloc(1, sizeof(*r));
    if (r != NULL && pthread_rwlock_init(&r->lock, NULL) != 0) {
        free(r);
        return NULL;
    }
    return r;
}

void tls_revoked_free(struct tls_revoked *r)
{
    if (r == NULL)
        return;
    free(r->set.list);
    pthread_rwlock_destroy(&r->lock);
    free(r);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct revoked_serial));
}

static int add(void *arg, const struct revoked_serial *serial)
{
    struct serials *set = arg;
    if (set->count == set->room) {
        size_t room = set->room > 0 ? set->room * 2 : 64;
        struct revoked_serial *list = realloc(set->list, room * sizeof(*list));
        if (list == NULL)
            return -1;
        set->list = list;
        set->room = room;
    }
    set->list[set->count++] = *serial;
    return 0;
}

/* ---- reading ---- */

/** The whole file, or NULL after telling why not. */
static char *read_whole(const char *path, unsigned line, const char *what, const char *absent, size_t *ret_size,
                        struct tls_problems *p)
{
    unsigned mode;
    char *text = certificate_read_file(path, LIST_BYTES_MAX, ret_size, &mode);
    char detail[128];
    if (text == NULL)
        tls_problem(p, line, "%s %s can't be read: %s; %s", what, path, strerror_r(errno, detail, sizeof(detail)),
                    errno == ENOENT ? absent : "it must be a file that the user of georelay may read");
    return text;
}

static void load_list(struct serials *set, const char *path, unsigned place, struct tls_problems *p)
{
    size_t size = 0;
    const char *wrong;
    unsigned line;
    char *text =
        read_whole(path, place, "revocation list", "copy the file \"revoked\" of the \"georelay pki\" folder there", &size, p);
    if (text == NULL)
        return;
    if (revoked_list_parse(text, size, add, set, &wrong, &line) != 0)
        tls_problem(p, place, "revocation list %s, line %u: %s; copy it again, whole, from the \"georelay pki\" folder", path,
                    line, wrong != NULL ? wrong : "no memory");
    free(text);
}

static int serial_of(const ASN1_INTEGER *number, struct revoked_serial *ret)
{
    return revoked_serial_from_bytes(ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number), ret);
}

/** True if one of the CAs has signed it. */
static bool is_signed(X509_CRL *crl, const X509_STORE *store)
{
    STACK_OF(X509) *list = X509_STORE_get1_all_certs((X509_STORE *)(uintptr_t)store);
    bool is_good = false;
    for (int i = 0; i < sk_X509_num(list) && !is_good; i++) {
        X509 *ca = sk_X509_value(list, i);
        is_good = X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(crl)) == 0 &&
                  X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1;
    }
    sk_X509_pop_free(list, X509_free);
    ERR_clear_error();
    return is_good;
}

static void note_next(struct serials *set, const X509_CRL *crl)
{
    struct tm tm;
    time_t when;
    if (X509_CRL_get0_nextUpdate(crl) == NULL || ASN1_TIME_to_tm(X509_CRL_get0_nextUpdate(crl), &tm) != 1)
        return;
    when = timegm(&tm);
    if (set->outdated == 0 || when < set->outdated)
        set->outdated = when;
}

static int add_crl(struct serials *set, X509_CRL *crl)
{
    STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(crl);
    struct revoked_serial serial;
    note_next(set, crl);
    for (int i = 0; i < sk_X509_REVOKED_num(list); i++)
        if (serial_of(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(list, i)), &serial) == 0 && add(set, &serial) != 0)
            return -1;
    return 0;
}

static void take_crls(struct serials *set, BIO *bio, const struct cfg_tunnel *tunnel, const X509_STORE *store,
                      struct tls_problems *p)
{
    unsigned count = 0;
    X509_CRL *crl;
    ERR_clear_error();
    while ((crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
        count++;
        if (!is_signed(crl, store))
            tls_problem(p, tunnel->crl_line, "CRL %s is not signed by the CA in %s; take the one of the tunnel's own CA",
                        tunnel->crl, tunnel->ca);
        else if (add_crl(set, crl) != 0)
            tls_problem(p, tunnel->crl_line, "CRL %s can't be used: no memory", tunnel->crl);
        X509_CRL_free(crl);
    }
    if (count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        tls_problem(p, tunnel->crl_line, "%s holds no CRL in PEM form, or a damaged one: %s; copy it again, whole", tunnel->crl,
                    tls_last_error());
    ERR_clear_error();
}

static void load_crl(struct serials *set, const struct cfg_tunnel *tunnel, struct tls_problems *p)
{
    size_t size = 0;
    char *text = read_whole(tunnel->crl, tunnel->crl_line, "CRL", "copy that of your CA there", &size, p);
    X509_STORE *store = text == NULL ? NULL : certificate_load_ca(tunnel->ca, tunnel->ca_line, TRUST_TUNNEL, p);
    BIO *bio = store == NULL ? NULL : BIO_new_mem_buf(text, (int)size);
    if (bio != NULL)
        take_crls(set, bio, tunnel, store, p);
    else if (store != NULL)
        tls_problem(p, tunnel->crl_line, "CRL %s can't be used: no memory", tunnel->crl);
    BIO_free(bio);
    X509_STORE_free(store);
    free(text);
}

static void exchange(struct tls_revoked *r, struct serials *with)
{
    struct serials old = r->set;
    pthread_rwlock_wrlock(&r->lock);
    r->set = *with;
    pthread_rwlock_unlock(&r->lock);
    *with = old;
}

int tls_revoked_load(struct tls_revoked *r, const struct cfg_tunnel *tunnel, tls_problem_fn *problem, void *arg)
{
    struct tls_problems problems = {problem, arg, 0};
    struct serials fresh = {0};
    if (tunnel->revoked != NULL)
        load_list(&fresh, tunnel->revoked, tunnel->revoked_line, &problems);
    if (tunnel->crl != NULL)
        load_crl(&fresh, tunnel, &problems);
    if (problems.count == 0) {
        if (fresh.count > 0)
            qsort(fresh.list, fresh.count, sizeof(*fresh.list), compare);
        exchange(r, &fresh);
    }
    free(fresh.list);
    return problems.count == 0 ? 0 : -1;
}

void tls_revoked_exchange(struct tls_revoked *r, struct tls_revoked *from)
{
    exchange(r, &from->set);
}

/* ---- asking ---- */

size_t tls_revoked_count(struct tls_revoked *r)
{
    pthread_rwlock_rdlock(&r->lock);
    size_t count = r->set.count;
    pthread_rwlock_unlock(&r->lock);
    return count;
}

bool tls_revoked_is_outdated(struct tls_revoked *r)
{
    pthread_rwlock_rdlock(&r->lock);
    bool is_outdated = r->set.outdated != 0 && r->set.outdated < time(NULL);
    pthread_rwlock_unlock(&r->lock);
    return is_outdated;
}

static bool holds(void *arg, const X509 *x)
{
    struct tls_revoked *r = arg;
    struct revoked_serial serial;
    if (serial_of(X509_get0_serialNumber(x), &serial) != 0)
        return false;
    pthread_rwlock_rdlock(&r->lock);
    bool is_held = r->set.count > 0 && bsearch(&serial, r->set.list, r->set.count, sizeof(serial), compare) != NULL;
    pthread_rwlock_unlock(&r->lock);
    return is_held;
}

bool tls_revoked_holds(struct tls_revoked *r, const struct stream *s)
{
    const X509 *x = r == NULL ? NULL : tls_stream_tunnel_peer(s);
    return x != NULL && holds(r, x);
}

void tls_revoked_drop_sessions(struct tls_revoked *r, struct tls_tickets *tickets)
{
    agent_sessions_drop(tls_tickets_agents(tickets), holds, r);
}
