/* SPDX-License-Identifier: Apache-2.0 */
/**
 * OpenSSL's memory.
 *
 * With SSL_MODE_RELEASE_BUFFERS, without which an idle connection would hold 34 KiB more, OpenSSL asks for a buffer of a record's
 * size, and frees it, for each record that it reads or writes. For blocks of that size malloc() splits and joins free memory each
 * time; so each thread keeps a few of them. Everything else goes to malloc() as before.
 */
#pragma once

/** The first thing that a process does, before any other call of OpenSSL; later it has no effect. */
void tls_memory_init(void);
