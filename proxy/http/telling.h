/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How the server learns who asked: the fields about the client that a request goes on with, see enum http_telling. Pure.
 */
#pragma once

#include "proxy/http/edits.h"
#include "proxy/http/field_kind.h"

/** One request on its way to the server. */
struct http_telling_of {
    const struct http_head *head;
    const struct http_target *target;
    const struct http_request_plan *plan;
    const struct http_edits *edits;
};

/** True if a field of this kind (CHAIN, TOLD, CERTIFICATE) goes on as it came. */
bool http_telling_keeps(const struct http_request_plan *plan, enum http_field_kind kind);

/** Writes our own ones. */
void http_telling_put(const struct http_telling_of *t, struct http_writer *w);

/** An address with its port; IPv6 in brackets. Port 0: without. */
void http_put_node(struct http_writer *w, struct slice ip, unsigned port);
