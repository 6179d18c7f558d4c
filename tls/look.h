/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a file of certificates says of itself: for whom each is, and until when. For commands that tell people.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define LOOK_NAMES 256

/** One certificate. */
struct look {
    char names[LOOK_NAMES];  /**< its host names and addresses, else its common name; printable ASCII */
    char issuer[LOOK_NAMES]; /**< common name of who signed it; the same */
    char url[LOOK_NAMES];    /**< where its issuer's certificate can be had over http, as it says; nothing that a shell would take
                                apart. "": it does not say */
    time_t from, until;      /**< the first and the last second of its validity */
    bool has_next;           /**< another certificate follows in the file, */
    bool is_signed_by_next;  /**< and that one signed this one */
    bool is_self_signed;
    bool is_issuer_known; /**< the system trusts who signed it */
};

/** Called for each certificate in the order of the file. */
typedef void look_fn(void *arg, const struct look *look, bool is_first);

/** Reads a PEM file: the number of certificates in it, or -1 if it can't be read. */
int look_at_certificates(const char *path, look_fn *found, void *arg);

/** True if the first certificate of the file is for this host name or IP address, as a browser judges. */
bool look_is_for(const char *path, const char *host);
