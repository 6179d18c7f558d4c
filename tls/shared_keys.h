/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The keys of session tickets as they stand in memory and in a file that relays share (tls/context.h): one after the other, 80
 * bytes each, laid out as nginx's ssl_session_ticket_key has them.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum { TICKET_KEYS = 3, TICKET_NAME_BYTES = 16 };

struct ticket_key {
    uint8_t name[TICKET_NAME_BYTES]; /**< stands in clear in each ticket */
    uint8_t mac[32];                 /**< HMAC-SHA-256 */
    uint8_t cipher[32];              /**< AES-256-CBC */
};

static_assert(sizeof(struct ticket_key) == 80, "as in the file");

struct tls_shared_keys {
    size_t count;                       /**< at least 1 */
    struct ticket_key key[TICKET_KEYS]; /**< the first is for new tickets */
};
