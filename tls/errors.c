/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the translation from OpenSSL's errors, verification results and alerts (RFC 8446 section 6.2) into our reasons. The
 * detail that gets lost goes into a debug line. On the stream's thread; OpenSSL's error queue belongs to the thread.
 */
#include "tls/errors.h"

#include "proxy/base/log.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

/** The alert that a peer sent, or -1: OpenSSL adds 1000 to its number. */
static int received_alert(unsigned long error)
{
    int code = ERR_GET_REASON(error);
    if (ERR_GET_LIB(error) != ERR_LIB_SSL || code < SSL_AD_REASON_OFFSET || code > SSL_AD_REASON_OFFSET + 255)
        return -1;
    return code - SSL_AD_REASON_OFFSET;
}

static enum reason reason_of_alert(int alert)
{
    switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_PROTOCOL_VERSION:
    case SSL_AD_INSUFFICIENT_SECURITY:
        return REASON_TLS_NO_COMMON;
    default:
        /* Also certificate_expired: it is ours that the peer speaks of, CERT_EXPIRED would blame the peer's. */
        return REASON_TLS_REJECTED;
    }
}

static enum reason reason_of_verify(long result)
{
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
        return REASON_CERT_EXPIRED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return REASON_CERT_WRONG_NAME;
    case X509_V_ERR_INVALID_PURPOSE:
        return REASON_CERT_WRONG_ROLE;
    case X509_V_ERR_OUT_OF_MEM:
        return REASON_NO_MEMORY;
    default:
        return REASON_CERT_UNTRUSTED;
    }
}

static enum reason reason_of_code(int code)
{
    switch (code) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return REASON_TLS_NOT_TLS;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_INAPPROPRIATE_FALLBACK:
        return REASON_TLS_NO_COMMON;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return REASON_CERT_MISSING;
    default:
        return REASON_TLS_ERROR;
    }
}

static void log_detail(const struct records *r, unsigned long error)
{
    struct log_line l;
    if (error == 0 || !log_begin(&l, LOG_LEVEL_DEBUG, "tls"))
        return;
    log_address(&l, "peer", &r->owner->peer);
    log_text(&l, "detail", ERR_reason_error_string(error));
    log_end(&l);
}

enum reason errors_handshake(const SSL *ssl, const struct tls_greeting *g, const struct records *r)
{
    unsigned long error = ERR_peek_error();
    long verified = SSL_get_verify_result(ssl);
    log_detail(r, error);
    ERR_clear_error();
    if (g->why != REASON_NONE)
        return g->why;
    if (r->why != REASON_NONE)
        return r->why;
    if (r->is_not_tls)
        return REASON_TLS_NOT_TLS;
    if (received_alert(error) >= 0)
        return reason_of_alert(received_alert(error));
    if (r->has_fin)
        return REASON_TLS_GONE;
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        return REASON_NO_MEMORY;
    if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED && ERR_GET_LIB(error) == ERR_LIB_SSL)
        return reason_of_verify(verified);
    return ERR_GET_LIB(error) == ERR_LIB_SSL ? reason_of_code(ERR_GET_REASON(error)) : REASON_TLS_ERROR;
}

enum reason errors_later(const struct records *r, bool is_fresh)
{
    unsigned long error = ERR_peek_error();
    log_detail(r, error);
    ERR_clear_error();
    if (received_alert(error) >= 0)
        return is_fresh ? reason_of_alert(received_alert(error)) : REASON_TLS_ERROR;
    if (r->why != REASON_NONE)
        return r->why;
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        return REASON_NO_MEMORY;
    return r->has_fin ? REASON_TLS_TRUNCATED : REASON_TLS_ERROR;
}
