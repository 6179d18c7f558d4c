/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the question who is at the other end of a tunnel. Reads the certificate of a greeted stream; worker threads. */
#include "tls/identity.h"

#include "tls/parts.h"
#include "tls/roles.h"

#include <string.h>

bool identity_name_is_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t length = strlen(name);
    return length >= 1 && length <= IDENTITY_NAME_MAX && strspn(name, allowed) == length && name[0] != '-' && name[0] != '.';
}

/** What can be said of the peer's certificate before its role: it is there, was verified, and is valid today. */
static enum reason peer_certificate(const struct stream *s, X509 **ret)
{
    SSL *ssl = tls_stream_ssl(s);
    X509 *x = SSL_get0_peer_certificate(ssl);
    if (x == NULL)
        return REASON_CERT_MISSING;
    if (SSL_get_verify_result(ssl) != X509_V_OK)
        return REASON_CERT_UNTRUSTED;
    if (!tls_is_current(x))
        return REASON_CERT_EXPIRED;
    *ret = x;
    return REASON_NONE;
}

enum reason identity_agent_name(const struct stream *s, char name[IDENTITY_NAME_MAX + 1])
{
    X509 *x = NULL;
    enum reason why = peer_certificate(s, &x);
    if (why == REASON_NONE && !role_is_agent(x, name))
        why = REASON_CERT_WRONG_ROLE;
    return why;
}

enum reason identity_check_relay(const struct stream *s)
{
    X509 *x = NULL;
    enum reason why = peer_certificate(s, &x);
    if (why == REASON_NONE && !role_is_relay(x))
        why = REASON_CERT_WRONG_ROLE;
    return why;
}
