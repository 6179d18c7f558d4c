/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Keys, certificates and requests as OpenSSL objects: what stands in each kind (RFC 5280). No files.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

/** A CA in memory. */
struct pki_ca {
    X509 *certificate;
    EVP_PKEY *key;
};

/** What a certificate says of its holder. Extensions are in OpenSSL's configuration syntax. */
struct pki_subject {
    const char *common_name;
    const char *alt_name; /**< "URI:…", "DNS:…" or "IP:…"; NULL for a CA */
    const char *usage;    /**< "serverAuth" or "clientAuth"; NULL for a CA */
};

/** An ECDSA P-256 key, or NULL. */
EVP_PKEY *pki_issue_key(void);

/**
 * A certificate for `key`, valid for `days`, but not longer than the CA. `ca` NULL: a CA certificate that signs itself.
 * NULL on failure, with OpenSSL's error in its queue.
 */
X509 *pki_issue_certificate(const struct pki_subject *subject, EVP_PKEY *key, const struct pki_ca *ca, int days);

/** A request for a certificate with the same names, for another CA to sign; or NULL. */
X509_REQ *pki_issue_request(const struct pki_subject *subject, EVP_PKEY *key);
