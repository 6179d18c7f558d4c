/* SPDX-License-Identifier: Apache-2.0 */
/**
 * SHA-256 (FIPS 180-4) of bytes and files, with a key or without (HMAC, RFC 2104), as 64 hexadecimal digits. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** 64 digits and a NUL. */
#define DIGEST_TEXT 65

/** False without memory. */
bool digest_sha256(const void *bytes, size_t length, char hex[DIGEST_TEXT]);
bool digest_hmac(const void *key, size_t key_length, const void *bytes, size_t length, char hex[DIGEST_TEXT]);

/** Of the names and the contents of `count` files, in their order. -1 with errno if one can't be read. */
int digest_files(const char *const *paths, size_t count, char hex[DIGEST_TEXT]);

/** Compares two of them in a time that says nothing. */
bool digest_is_same(const char a[DIGEST_TEXT], const char b[DIGEST_TEXT]);
