/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The body of a message as it streams by: where it ends, and for the chunked coding that it is what it says (RFC 9112 7.1).
 *
 * The bytes of a body are passed on where they lie. A chunked body keeps its chunks; of each size line only size and CRLF go on,
 * chunk extensions are checked and left out (a recipient ignores them, and parsers differ about them). Trailer fields go on, but
 * for those that may not be trailers (framing, routing, authentication, of one connection, those by which we say who the client
 * is: RFC 9110 6.5.1).
 *
 * Pure: no I/O, no allocation.
 */
#pragma once

#include "proxy/http/framing.h"

/** A size line with its extensions, and a trailer section with the empty line at its end, must each fit in so many bytes. */
#define HTTP_CHUNK_LINE_MAX    1024
#define HTTP_TRAILER_BYTES_MAX 8192

enum http_body_state {
    HTTP_BODY_DATA = 0, /**< `left` bytes of a length or of a chunk, or everything until close */
    HTTP_BODY_SIZE,     /**< chunked: at a size line */
    HTTP_BODY_CRLF,     /**< chunked: at the CRLF behind a chunk */
    HTTP_BODY_TRAILER,  /**< chunked: behind the last chunk */
    HTTP_BODY_OVER      /**< the message has ended */
};

struct http_body {
    enum http_body_kind kind;
    enum http_body_state state;
    bool drops_chunks;
    uint64_t left;  /**< DATA: of the length or the chunk; TRAILER: that the section may still have */
    uint64_t bytes; /**< of the body itself, without chunk sizes and trailers, so far */
};

/**
 * Starts a body of this framing; NONE and LENGTH 0 are OVER at once. `drops_chunks`: the receiver is an HTTP/1.0 client: of a
 * chunked body only the data is left, without sizes and trailers.
 */
void http_body_init(struct http_body *b, const struct http_framing *framing, bool drops_chunks);

/**
 * Looks at `*length` fresh bytes at `bytes`, which directly follow those of the calls before. On return the first `*ret_ready`
 * may be passed on, and what follows was not looked at: while the body is not OVER it is the beginning of a line and is given
 * again with more bytes behind it (with no more than was said above, or it is a fault); once OVER it belongs to the next message.
 * Leaves bytes out by moving what follows to the front: `*length` may have become smaller.
 *
 * NONE, or the fault: then nothing may be passed on and the connection must not be used again.
 */
enum http_fault http_body_run(struct http_body *b, char *bytes, size_t *length, size_t *ret_ready);

/** The sender's end came: true if the body is whole with that (OVER, or of kind TO_CLOSE, which it then ends). */
bool http_body_end(struct http_body *b);
