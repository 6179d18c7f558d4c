/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the reading of a role from a certificate's subjectAltName (RFC 5280 section 4.2.1.6) and extendedKeyUsage. The certificate
 * is signed by the tunnel's CA, yet its bytes are taken with the same care as a stranger's. Any thread.
 */
#include "tls/roles.h"

#include <openssl/x509v3.h>
#include <string.h>

/** The certificate's one URI of ours, as bytes; -1 if there is none, or more than one. Copies at most `size` - 1 bytes. */
static int find_role(X509 *certificate, char *uri, size_t size)
{
    static const char prefix[] = "urn:georelay:";
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int found = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        const uint8_t *bytes = ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
        size_t length = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
        if (length < strlen(prefix) || memcmp(bytes, prefix, strlen(prefix)) != 0)
            continue;
        found++;
        if (length >= size || memchr(bytes, 0, length) != NULL) {
            found = -1;
            break;
        }
        memcpy(uri, bytes, length);
        uri[length] = '\0';
    }
    GENERAL_NAMES_free(names);
    return found == 1 ? 0 : -1;
}

/** True if `usage` (XKU_...) is the one extended key usage that the certificate has. */
static bool has_only_usage(X509 *certificate, uint32_t usage)
{
    return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 && X509_get_extended_key_usage(certificate) == usage;
}

bool role_is_relay(X509 *certificate)
{
    char uri[sizeof(ROLE_URI_AGENT) + IDENTITY_NAME_MAX];
    return has_only_usage(certificate, XKU_SSL_SERVER) && find_role(certificate, uri, sizeof(uri)) == 0 &&
           strcmp(uri, ROLE_URI_RELAY) == 0;
}

bool role_is_agent(X509 *certificate, char name[IDENTITY_NAME_MAX + 1])
{
    char uri[sizeof(ROLE_URI_AGENT) + IDENTITY_NAME_MAX];
    const size_t prefix = strlen(ROLE_URI_AGENT);
    if (!has_only_usage(certificate, XKU_SSL_CLIENT) || find_role(certificate, uri, sizeof(uri)) != 0)
        return false;
    if (strncmp(uri, ROLE_URI_AGENT, prefix) != 0 || !identity_name_is_valid(uri + prefix))
        return false;
    strcpy(name, uri + prefix); /* fits: a valid name has at most IDENTITY_NAME_MAX characters */
    return true;
}
