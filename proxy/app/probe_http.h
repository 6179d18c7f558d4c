/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One question to a web server, for probe_peers(): does it answer over HTTP, with what status, and what is its time? Pure.
 *
 * A server with health checks is asked for their path; others for the head of "/", which every server has some answer to.
 */
#pragma once

#include "config/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_HTTP_BYTES 4096

/** The question to this server; 0 if it would be longer than `size`. */
size_t probe_http_ask(const struct cfg_upstream *upstream, const struct cfg_endpoint *server, char *ret, size_t size);

enum probe_http_kind {
    PROBE_HTTP_PART,  /**< not whole yet, if more may come */
    PROBE_HTTP_WHOLE, /**< the head of an answer */
    PROBE_HTTP_TLS,   /**< a record of TLS */
    PROBE_HTTP_OTHER
};

struct probe_http {
    enum probe_http_kind kind;
    unsigned status;
    int64_t date_s; /**< seconds since 1970; 0: it said none */
};

/** What came so far. */
struct probe_http probe_http_look(const char *bytes, size_t count);
