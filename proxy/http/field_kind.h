/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a field of a head is by its name alone: which of the names that we know, and what it is to whoever passes the head on.
 * Pure.
 */
#pragma once

#include "proxy/base/slice.h"

/** The names of field.def. */
enum http_name {
    HTTP_NAME_OTHER = 0, /**< none of them */
#define X(constant, text, kind) HTTP_NAME_##constant,
#include "proxy/http/field.def"
#undef X
    HTTP_NAME_COUNT
};

/** In any case. */
enum http_name http_name_of(struct slice name);

/** As in field.def; none of OTHER. */
struct slice http_name_text(enum http_name name);

enum http_field_kind {
    HTTP_FIELD_END_TO_END = 0, /**< any other: goes on */

    /* For one connection, or about the message's framing: written anew or left out, and never set by configuration. */
    HTTP_FIELD_HOP,     /**< Connection and others of RFC 9110 7.6.1 */
    HTTP_FIELD_UPGRADE, /**< Upgrade */
    HTTP_FIELD_FRAMING, /**< Content-Length, Transfer-Encoding */
    HTTP_FIELD_HOST,
    HTTP_FIELD_EXPECT,

    /* What a proxy tells the server of the client. A client's own are lies. */
    HTTP_FIELD_CHAIN,       /**< X-Forwarded-For, Forwarded: one entry per proxy */
    HTTP_FIELD_TOLD,        /**< other X-Forwarded-*, X-Request-Id, X-ARR-*, and what other proxies call these */
    HTTP_FIELD_CERTIFICATE, /**< X-Client-Cert-*, X-SSL-*, X-ARR-ClientCert, Client-Cert (RFC 9440) */

    /* Of responses. */
    HTTP_FIELD_LINK, /**< Location, Content-Location */
    HTTP_FIELD_REFRESH,
    HTTP_FIELD_COOKIE, /**< Set-Cookie */
    HTTP_FIELD_HSTS,   /**< Strict-Transport-Security */
    HTTP_FIELD_TRAILER,
    HTTP_FIELD_DATE
};

enum http_field_kind http_field_kind(struct slice name);

/** The same for who knows http_name_of() it. */
enum http_field_kind http_name_kind(enum http_name known, struct slice name);

/** A field that nobody but the forwarding itself may write. */
bool http_field_is_reserved(enum http_field_kind kind);

/**
 * True if the name is another spelling, with "_" for "-", of a field that is reserved or about the client. Servers that turn
 * names into variables (CGI, RFC 3875 4.1.18) can't tell the two apart.
 */
bool http_field_is_disguised(struct slice name);
