/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The servers' certificates, parsed once: OpenSSL 3 spends as much on finding a decoder for the key of each
 * certificate as on the key exchange, and all certificates of a run are the same few bytes.
 *
 * load_certificate.c puts its own d2i_X509() before the library's, for the whole program.
 */
#pragma once

/** Parses each certificate anew from now on, as the library does (--check). */
void load_certificate_forget(void);
