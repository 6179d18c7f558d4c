/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the keys of session tickets (RFC 5077, RFC 8446 section 4.6.1): one that new tickets are written with, and the two
 * before it; or those of a file. The main thread rotates or exchanges them, worker threads read during handshakes.
 *
 * The keys are a seqlock: a reader copies all of them, then looks whether the writer was at work meanwhile. So a
 * handshake takes no lock, and unlike an immutable set behind a pointer, whose last reader nobody knows, old keys are really
 * overwritten at a rotation. All words are atomic; acquire and release on each of them make fences unnecessary.
 */
#include "tls/agent_sessions.h"
#include "tls/parts.h"
#include "tls/shared_keys.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

enum { IV_BYTES = 16 };

/** Newest first. */
union ticket_keys {
    struct ticket_key key[TICKET_KEYS];
    uint64_t words[TICKET_KEYS * sizeof(struct ticket_key) / sizeof(uint64_t)];
};

enum { WORD_COUNT = sizeof(union ticket_keys) / sizeof(uint64_t) };
static_assert(sizeof(struct ticket_key) % sizeof(uint64_t) == 0, "a key is whole words");

struct tls_tickets {
    EVP_CIPHER *cipher;
    struct agent_sessions *agents;
    bool is_shared;        /**< the keys are those of a file; the main thread's */
    _Atomic uint64_t turn; /**< odd while the main thread writes */
    _Atomic uint64_t words[WORD_COUNT];
};

static void read_keys(struct tls_tickets *t, union ticket_keys *ret)
{
    uint64_t before;
    uint64_t after;
    do {
        before = atomic_load_explicit(&t->turn, memory_order_acquire);
        for (size_t i = 0; i < WORD_COUNT; i++)
            ret->words[i] = atomic_load_explicit(&t->words[i], memory_order_acquire);
        after = atomic_load_explicit(&t->turn, memory_order_relaxed);
    } while (before != after || (before & 1) != 0);
}

static void write_keys(struct tls_tickets *t, const union ticket_keys *keys)
{
    uint64_t turn = atomic_load_explicit(&t->turn, memory_order_relaxed);
    atomic_store_explicit(&t->turn, turn + 1, memory_order_relaxed);
    for (size_t i = 0; i < WORD_COUNT; i++)
        atomic_store_explicit(&t->words[i], keys->words[i], memory_order_release);
    atomic_store_explicit(&t->turn, turn + 2, memory_order_release);
}

struct tls_tickets *tls_tickets_new(void)
{
    union ticket_keys keys;
    struct tls_tickets *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    t->agents = agent_sessions_new();
    /* The two older keys are random as well, so that no ticket can be made for them. */
    if (t->cipher == NULL || t->agents == NULL || RAND_priv_bytes((uint8_t *)&keys, sizeof(keys)) != 1) {
        tls_tickets_free(t);
        return NULL;
    }
    write_keys(t, &keys);
    OPENSSL_cleanse(&keys, sizeof(keys));
    return t;
}

void tls_tickets_free(struct tls_tickets *tickets)
{
    if (tickets == NULL)
        return;
    EVP_CIPHER_free(tickets->cipher);
    agent_sessions_free(tickets->agents);
    OPENSSL_cleanse(tickets->words, sizeof(tickets->words));
    free(tickets);
}

static void make_key(struct tls_tickets *t)
{
    union ticket_keys keys;
    struct ticket_key fresh;
    /* Without randomness the old keys stay in use: worse tickets, not no tickets; the next rotation tries again. */
    if (RAND_priv_bytes((uint8_t *)&fresh, sizeof(fresh)) != 1)
        return;
    read_keys(t, &keys);
    memmove(&keys.key[1], &keys.key[0], sizeof(struct ticket_key) * (TICKET_KEYS - 1));
    keys.key[0] = fresh;
    write_keys(t, &keys);
    OPENSSL_cleanse(&keys, sizeof(keys));
    OPENSSL_cleanse(&fresh, sizeof(fresh));
}

void tls_tickets_rotate(struct tls_tickets *tickets)
{
    agent_sessions_rotate(tickets->agents);
    if (!tickets->is_shared)
        make_key(tickets);
}

void tls_tickets_share(struct tls_tickets *tickets, const struct tls_shared_keys *shared)
{
    bool was_shared = tickets->is_shared;
    union ticket_keys keys;
    tickets->is_shared = shared != NULL;
    if (shared == NULL) {
        if (was_shared)
            make_key(tickets);
        return;
    }
    for (size_t i = 0; i < TICKET_KEYS; i++) /* fewer in the file: the last stands for those that are missing */
        keys.key[i] = shared->key[i < shared->count ? i : shared->count - 1];
    write_keys(tickets, &keys);
    OPENSSL_cleanse(&keys, sizeof(keys));
}

struct agent_sessions *tls_tickets_agents(struct tls_tickets *tickets)
{
    return tickets->agents;
}

/** The key of that name: its age in rotations, or -1. */
static int find_key(const union ticket_keys *keys, const uint8_t name[TICKET_NAME_BYTES])
{
    for (int i = 0; i < TICKET_KEYS; i++)
        if (memcmp(keys->key[i].name, name, TICKET_NAME_BYTES) == 0)
            return i;
    return -1;
}

static int start_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac, sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1 ? 0 : -1;
}

/** Results of the ticket callback, as OpenSSL defines them. */
enum { TICKET_FAILED = -1, TICKET_UNKNOWN = 0, TICKET_OK = 1, TICKET_RENEW = 2 };

static int seal_ticket(const struct tls_tickets *t, const struct ticket_key *key, uint8_t *name, uint8_t *iv,
                       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    if (RAND_bytes(iv, IV_BYTES) != 1)
        return TICKET_FAILED;
    memcpy(name, key->name, TICKET_NAME_BYTES);
    if (EVP_EncryptInit_ex2(cipher, t->cipher, key->cipher, iv, NULL) != 1 || start_mac(mac, key) != 0)
        return TICKET_FAILED;
    return TICKET_OK;
}

static int open_ticket(const struct tls_tickets *t, const union ticket_keys *keys, const uint8_t *name, const uint8_t *iv,
                       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    int age = find_key(keys, name);
    if (age < 0)
        return TICKET_UNKNOWN;
    const struct ticket_key *key = &keys->key[age];
    if (EVP_DecryptInit_ex2(cipher, t->cipher, key->cipher, iv, NULL) != 1 || start_mac(mac, key) != 0)
        return TICKET_FAILED;
    return age == 0 ? TICKET_OK : TICKET_RENEW;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
    const struct tls_greeting *g = tls_greeting_of(ssl);
    struct tls_tickets *t = g->context->tickets;
    union ticket_keys keys;
    read_keys(t, &keys);
    int result = is_new ? seal_ticket(t, &keys.key[0], name, iv, cipher, mac) : open_ticket(t, &keys, name, iv, cipher, mac);
    OPENSSL_cleanse(&keys, sizeof(keys));
    return result;
}

void tls_tickets_use(SSL_CTX *ctx)
{
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
