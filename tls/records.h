/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The ciphertext of one stream, between its socket and OpenSSL.
 *
 * OpenSSL reads and writes memory: a BIO over two chunks. The chunk of incoming bytes is filled with one recv() when OpenSSL
 * finds it empty; the chunk of outgoing bytes collects records until records_flush() sends them. Each is borrowed when the first
 * byte comes and goes back when the last one has left.
 */
#pragma once

#include "proxy/net/stream.h"

#include <openssl/bio.h>

/** Room that a record of 16 KiB needs with header and tag, and a short message of the protocol's own beside it. */
#define RECORDS_ROOM ((size_t)16 * 1024 + 512)

struct records {
    struct stream *owner; /**< whose fd and pool are used; the pool may change between calls */
    struct chunk *in;
    struct chunk *out;
    bool is_dry;     /**< the socket was asked in this call: one peer gets one chunk in a turn */
    bool has_fin;    /**< recv() returned 0 */
    bool has_begun;  /**< the first byte has come */
    bool is_not_tls; /**< and it was none that TLS begins with */
    enum reason why; /**< REASON_NONE, or why the socket or the memory failed */
};

/** A BIO over `r`, which must outlive it; NULL without memory. */
BIO *records_bio(struct records *r);

/** Those of a BIO that records_bio() made. */
struct records *records_of(BIO *bio);

/** A new call of the owner: the socket may be asked again. */
void records_begin(struct records *r);

/** Sends what is held: DONE if nothing is left, AGAIN, or FAILED with `why`. */
enum stream_step records_flush(struct records *r);

/**
 * The same for what need not hurry: the kernel may wait up to 200 ms for more, so that it leaves in one packet with the next
 * bytes or with the FIN, and its receiver is woken once.
 */
enum stream_step records_flush_soon(struct records *r);

/** Bytes that can be written before the chunk is full. */
size_t records_room(const struct records *r);

/** Gives both chunks back and drops what they hold. */
void records_drop(struct records *r);
