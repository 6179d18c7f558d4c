/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of known names, and how a name is found in it. Pure; any thread. */
#include "proxy/http/field_kind.h"

#include "proxy/http/grammar.h"

#include <string.h>

struct row {
    struct slice name;
    enum http_field_kind kind;
};

#define NAME(text)                                                                                                               \
    {                                                                                                                            \
        text, sizeof(text) - 1                                                                                                   \
    }

static const struct row names[HTTP_NAME_COUNT] = {
#define X(constant, text, kind) [HTTP_NAME_##constant] = {NAME(text), HTTP_FIELD_##kind},
#include "proxy/http/field.def"
#undef X
};

/** Of names without a row above. Patterns of http_name_is(). */
static const struct row beginnings[] = {
    {NAME("X-Forwarded-*"), HTTP_FIELD_TOLD},          {NAME("X-ARR-*"), HTTP_FIELD_TOLD},
    {NAME("X-Original-*"), HTTP_FIELD_TOLD},           {NAME("X-SSL-*"), HTTP_FIELD_CERTIFICATE},
    {NAME("X-Client-Cert-*"), HTTP_FIELD_CERTIFICATE},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define N(constant) HTTP_NAME_##constant

/** Our names by their length, up to the first OTHER: of the fields of a head most are of none, and a few comparisons tell. */
static const uint8_t of_length[][8] = {
    [2] = {N(TE)},
    [4] = {N(HOST), N(DATE)},
    [5] = {N(PROXY)},
    [6] = {N(ACCEPT), N(EXPECT)},
    [7] = {N(REFERER), N(UPGRADE), N(REFRESH), N(TRAILER)},
    [8] = {N(LOCATION)},
    [9] = {N(FORWARDED), N(X_REAL_IP), N(X_ARR_SSL)},
    [10] = {N(CONNECTION), N(USER_AGENT), N(SET_COOKIE), N(KEEP_ALIVE), N(SOAP_ACTION)},
    [11] = {N(X_CLIENT_IP), N(CLIENT_CERT)},
    [12] = {N(CONTENT_TYPE), N(X_REQUEST_ID), N(X_URL_SCHEME), N(X_ARR_LOG_ID)},
    [13] = {N(AUTHORIZATION), N(X_REWRITE_URL)},
    [14] = {N(CONTENT_LENGTH), N(TRUE_CLIENT_IP), N(X_ORIGINAL_URL), N(HTTP2_SETTINGS)},
    [15] = {N(X_FORWARDED_FOR), N(FRONT_END_HTTPS)},
    [16] = {N(WWW_AUTHENTICATE), N(CONTENT_LOCATION), N(X_FORWARDED_HOST), N(X_FORWARDED_PORT), N(X_ARR_CLIENT_CERT),
            N(PROXY_CONNECTION)},
    [17] = {N(TRANSFER_ENCODING), N(X_FORWARDED_PROTO), N(CLIENT_CERT_CHAIN)},
    [18] = {N(PROXY_AUTHENTICATE)},
    [19] = {N(PROXY_AUTHORIZATION), N(X_CLUSTER_CLIENT_IP)},
    [25] = {N(HSTS), N(PROXY_AUTHENTICATION_INFO)},
};

/** Of names of one length few begin with the same letter. */
static bool begin_alike(const char *a, const char *b)
{
    return (a[0] | 0x20) == (b[0] | 0x20);
}

enum http_name http_name_of(struct slice name)
{
    if (name.length >= COUNT(of_length))
        return HTTP_NAME_OTHER;
    for (const uint8_t *n = of_length[name.length]; *n != HTTP_NAME_OTHER; n++)
        if (begin_alike(name.at, names[*n].name.at) && slice_bytes_equal_nocase(name.at, names[*n].name.at, name.length))
            return *n;
    return HTTP_NAME_OTHER;
}

struct slice http_name_text(enum http_name name)
{
    return names[name].name;
}

enum http_field_kind http_name_kind(enum http_name known, struct slice name)
{
    if (known != HTTP_NAME_OTHER)
        return names[known].kind;
    if (name.length == 0 || (name.at[0] | 0x20) != 'x')
        return HTTP_FIELD_END_TO_END;
    for (size_t i = 0; i < COUNT(beginnings); i++)
        if (http_name_is(name, beginnings[i].name.at))
            return beginnings[i].kind;
    return HTTP_FIELD_END_TO_END;
}

enum http_field_kind http_field_kind(struct slice name)
{
    return http_name_kind(http_name_of(name), name);
}

bool http_field_is_reserved(enum http_field_kind kind)
{
    return kind >= HTTP_FIELD_HOP && kind <= HTTP_FIELD_EXPECT;
}

static bool is_about_client(enum http_field_kind kind)
{
    return kind >= HTTP_FIELD_CHAIN && kind <= HTTP_FIELD_CERTIFICATE;
}

/** True if the name is one of the table's but for "_" and case. */
static bool is_like(struct slice name, const struct row *row)
{
    return (http_field_is_reserved(row->kind) || is_about_client(row->kind)) && http_name_is(name, row->name.at);
}

bool http_field_is_disguised(struct slice name)
{
    if (name.length == 0 || memchr(name.at, '_', name.length) == NULL)
        return false;
    for (size_t i = HTTP_NAME_OTHER + 1; i < COUNT(names); i++)
        if (is_like(name, &names[i]))
            return true;
    for (size_t i = 0; i < COUNT(beginnings); i++)
        if (is_like(name, &beginnings[i]))
            return true;
    return false;
}
