/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The certificates of a renewal as texts (PEM): the agent's request, what the relay looks at, what the agent takes.
 *
 * A *pair* is one text with a certificate, its chain and its key, so that one file holds all that belongs together and one rename
 * replaces it. Texts end with 0. Main thread.
 */
#pragma once

#include "config/model.h"
#include "tls/context.h"

#include <stddef.h>
#include <time.h>

/** A request of an agent with the key that was made for it. All zero: none. */
struct renew_request {
    char *key;  /**< PEM; secret */
    char *text; /**< PEM of the request */
};

/** A new key, and a request for a certificate of an agent of that name. 0, or -1 without memory or randomness. */
int renew_request_make(const char *name, struct renew_request *ret);

/** From one text with the key and then the request. -1 if they are not there. */
int renew_request_parse(const char *text, struct renew_request *ret);

/** Wipes and frees; idempotent. */
void renew_request_fini(struct renew_request *r);

/** At the relay: true if the text is one request, signed by its own key, for the agent of that name and nobody else. */
bool renew_request_is_of(const char *request, const char *name);

/** True if the first certificate of a text has the key that the request is for. */
bool renew_certificate_fits(const char *certificate, const char *request);

/** Certificate and key as one text, for renew_pair_free(); NULL without memory. */
char *renew_pair_make(const char *certificate, const struct renew_request *request);
void renew_pair_free(char *pair);

/** From when to when the certificate counts that a context of an agent shows. -1 if that can't be read. */
int renew_dates(const struct tls_context *agent, time_t *ret_from, time_t *ret_until);

/** True if the certificate in that file is of an agent of that name. */
bool renew_file_is_of(const char *path, const char *name);
