/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of names that forwarding knows. Pure; any thread. */
#include "proxy/http/field_kind.h"

#include "proxy/http/grammar.h"

#include <string.h>

struct row {
    const char *name;
    size_t length;
    enum http_field_kind kind;
};

#define NAME(text, kind)                                                                                                         \
    {                                                                                                                            \
        text, sizeof(text) - 1, kind                                                                                             \
    }

static const struct row names[] = {
    /* RFC 9110 7.6.1; Proxy-Connection: RFC 9112 C.2.2. */
    NAME("Connection", HTTP_FIELD_HOP),
    NAME("Keep-Alive", HTTP_FIELD_HOP),
    NAME("Proxy-Connection", HTTP_FIELD_HOP),
    /* Also "TE: trailers": RFC 9110 10.1.4, it is about this connection, and so Connection ought to list it. */
    NAME("TE", HTTP_FIELD_HOP),
    /* RFC 9110 11.7: for the next proxy only, and we ask nobody and answer nobody. */
    NAME("Proxy-Authenticate", HTTP_FIELD_HOP),
    NAME("Proxy-Authorization", HTTP_FIELD_HOP),
    NAME("Proxy-Authentication-Info", HTTP_FIELD_HOP),
    /* RFC 7540 3.2.1: for the connection, even if a client forgets to list it. */
    NAME("HTTP2-Settings", HTTP_FIELD_HOP),
    /* CGI makes of it the variable HTTP_PROXY, which libraries take for the user's proxy (CVE-2016-5385). */
    NAME("Proxy", HTTP_FIELD_HOP),
    NAME("Upgrade", HTTP_FIELD_UPGRADE),
    NAME("Content-Length", HTTP_FIELD_FRAMING),
    NAME("Transfer-Encoding", HTTP_FIELD_FRAMING),
    NAME("Host", HTTP_FIELD_HOST),
    NAME("Expect", HTTP_FIELD_EXPECT),
    NAME("X-Forwarded-For", HTTP_FIELD_CHAIN),
    NAME("Forwarded", HTTP_FIELD_CHAIN),
    NAME("X-Real-IP", HTTP_FIELD_TOLD),
    NAME("X-Client-IP", HTTP_FIELD_TOLD),
    NAME("X-Cluster-Client-IP", HTTP_FIELD_TOLD),
    NAME("True-Client-IP", HTTP_FIELD_TOLD),
    NAME("X-Request-Id", HTTP_FIELD_TOLD),
    NAME("X-Rewrite-URL", HTTP_FIELD_TOLD),
    NAME("X-Url-Scheme", HTTP_FIELD_TOLD),
    NAME("Front-End-Https", HTTP_FIELD_TOLD),
    NAME("X-ARR-ClientCert", HTTP_FIELD_CERTIFICATE),
    NAME("Client-Cert", HTTP_FIELD_CERTIFICATE),
    NAME("Client-Cert-Chain", HTTP_FIELD_CERTIFICATE),
    NAME("Location", HTTP_FIELD_LINK),
    NAME("Content-Location", HTTP_FIELD_LINK),
    NAME("Refresh", HTTP_FIELD_REFRESH),
    NAME("Set-Cookie", HTTP_FIELD_COOKIE),
    NAME("Strict-Transport-Security", HTTP_FIELD_HSTS),
    NAME("Trailer", HTTP_FIELD_TRAILER),
    NAME("Date", HTTP_FIELD_DATE),
};

/** Of names without a row above. Patterns of http_name_is(). */
static const struct row beginnings[] = {
    NAME("X-Forwarded-*", HTTP_FIELD_TOLD),          NAME("X-ARR-*", HTTP_FIELD_TOLD),
    NAME("X-Original-*", HTTP_FIELD_TOLD),           NAME("X-SSL-*", HTTP_FIELD_CERTIFICATE),
    NAME("X-Client-Cert-*", HTTP_FIELD_CERTIFICATE),
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum http_field_kind http_field_kind(struct slice name)
{
    /* Most names are none of ours, and most rows differ in length: the loop is mostly comparisons of two numbers. */
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].length == name.length && slice_equals_nocase(name, (struct slice){names[i].name, name.length}))
            return names[i].kind;
    if (name.length == 0 || (name.at[0] | 0x20) != 'x')
        return HTTP_FIELD_END_TO_END;
    for (size_t i = 0; i < COUNT(beginnings); i++)
        if (http_name_is(name, beginnings[i].name))
            return beginnings[i].kind;
    return HTTP_FIELD_END_TO_END;
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
    return (http_field_is_reserved(row->kind) || is_about_client(row->kind)) && http_name_is(name, row->name);
}

bool http_field_is_disguised(struct slice name)
{
    if (name.length == 0 || memchr(name.at, '_', name.length) == NULL)
        return false;
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].length == name.length && is_like(name, &names[i]))
            return true;
    for (size_t i = 0; i < COUNT(beginnings); i++)
        if (is_like(name, &beginnings[i]))
            return true;
    return false;
}
