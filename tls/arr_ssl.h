/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What IIS with Application Request Routing tells a server of the TLS connection in front of it: the value of X-ARR-SSL.
 *
 * "2048|256|C=US, O=DigiCert Inc, CN=GeoTrust TLS CA|CN=scada.example": bits of the certificate's key, secret bits of the cipher,
 * issuer, subject. The names are as Windows writes them (CertNameToStr with CERT_X500_NAME_STR): in the order of the certificate,
 * ", " between them and " + " within a set, its own short keys ("S" for a state, "E" for an e-mail address, "OID.1.2.3" for what
 * it knows no key for), values in double quotes where a character would mislead, a quote inside doubled.
 */
#pragma once

#include <openssl/x509.h>

/**
 * The value for a certificate and a cipher with so many secret bits. Printable ASCII only: what is not becomes '?', because a
 * server's http.sys answers 400 to a request with any other byte there. The caller frees it; NULL without memory.
 */
char *arr_ssl_value(const X509 *x, int secret_bits);
