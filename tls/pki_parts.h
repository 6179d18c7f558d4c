/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the commands of `georelay pki` share (tls/pki*.c); nobody else includes it.
 */
#pragma once

#include "tls/identity.h"
#include "tls/pki.h"
#include "tls/pki_files.h"
#include "tls/pki_issue.h"

/** The folder below the pki folder with a copy of each certificate that was issued, by serial number. */
#define PKI_ISSUED "issued"

/** The revocation list, and what stands on top of a new one. */
#define PKI_LIST      "revoked"
#define PKI_LIST_HEAD "# Certificates that no longer count, by georelay pki revoke. For tunnel.revoked of each relay.\n"

/** Characters of a serial number, and a final zero. */
#define PKI_SERIAL_TEXT 48

/** Hexadecimal, upper case, as pki list prints it and files are named. */
const char *pki_serial_text(const X509 *x, char text[PKI_SERIAL_TEXT]);

/** Reads ca.crt and ca.key with all the checks that certificates get (dates, key that fits, mode). Ends with pki_ca_fini(). */
int pki_ca_load(const struct pki_job *job, struct pki_ca *ca);
void pki_ca_fini(struct pki_ca *ca);

/** The first certificate of a file; NULL if there is none. The caller owns it. */
X509 *pki_read_certificate(const char *path);

/** Waits until no other command changes the folder: an fd, which close() ends; or -1 after the sentence. */
int pki_lock(const struct pki_job *job);

enum pki_kind { PKI_CA = 0, PKI_RELAY, PKI_AGENT, PKI_WEB };

/** One certificate of the folder. */
struct pki_entry {
    X509 *certificate;
    enum pki_kind kind;
    char name[IDENTITY_NAME_MAX + 1]; /**< an agent's; else what the certificate calls its holder, cut if need be */
    char serial[PKI_SERIAL_TEXT];
    bool is_revoked;
};

/** All certificates of the folder and of those issued, each once. */
struct pki_shelf {
    struct pki_entry *list;
    size_t count;
    char *revoked; /**< the text of the revocation list; NULL: there is none */
    size_t revoked_size;
};

/** Sorted by kind, name and end. 0, or -1 after the sentence. Ends with pki_shelf_fini() in both cases. */
int pki_shelf_read(struct pki_shelf *shelf, const struct pki_job *job);
void pki_shelf_fini(struct pki_shelf *shelf);
