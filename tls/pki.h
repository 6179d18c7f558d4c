/* SPDX-License-Identifier: Apache-2.0 */
/**
 * georelay's own small CA: makes keys and certificates as files (`georelay pki`).
 *
 * Of each certificate a copy stays in the folder "issued", by its serial number, so that all can be listed and revoked.
 *
 * Keys are ECDSA P-256. Every file is written to a temporary name in the same folder, synced and linked into place without
 * replacing an existing one: nothing is ever overwritten. Keys have mode 0600, certificates 0644. Serial numbers are 128 random
 * bits. Each call prints what it made on `out`, or one sentence with the remedy on `err` and returns -1, and then leaves no new
 * file behind. Main thread of a short-lived command.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct bundle;

struct pki_job {
    const char *folder; /**< where ca.crt and ca.key are or will be, and where new files go */
    int days;           /**< validity of what is made; 0: the default */
    FILE *out;
    FILE *err;
};

#define PKI_DAYS_CA     7300 /**< 20 years */
#define PKI_DAYS_TUNNEL 3650 /**< relay and agents */
#define PKI_DAYS_WEB    825  /**< what browsers accept of a private CA */

/** Makes ca.key, ca.crt, relay.key, relay.crt. Refuses if a CA is there. */
int pki_init(const struct pki_job *job);

/** Makes NAME.key, NAME.crt for an agent. */
int pki_agent(const struct pki_job *job, const char *name);

/**
 * Writes the bundle of an agent to `path`, with mode 0600: `what` says its name, relays and so on, the folder its certificate and
 * key, which are made if they are not there. Values must be valid (tls/bundle.h).
 */
int pki_bundle(const struct pki_job *job, const struct bundle *what, const char *path);

/**
 * Signs the request NAME.csr in a relay's folder of requests, as NAME.crt beside it; with `name` NULL each that waits there. Only
 * for an agent that has a certificate which counts and has less than half of its life left, or if `is_forced`.
 */
int pki_renew(const struct pki_job *job, const char *folder, const char *name, bool is_forced);

/** Prints a table of all certificates that the folder knows: name, kind, serial number, end, days left, and whether it counts. */
int pki_list(const struct pki_job *job);

/**
 * Puts every certificate of an agent on the folder's list of revoked ones, which is the one file that is replaced (in one step).
 * The agent's files are moved to the issued ones: a new certificate of the same name can be made.
 */
int pki_revoke(const struct pki_job *job, const char *name);

/** Makes web.key, web.crt for a host name or IP address, signed by the CA, and web.csr for a site's own CA to sign instead. */
int pki_web(const struct pki_job *job, const char *host);
