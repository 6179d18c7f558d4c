/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Texts longer than a frame on a control channel: sent as pieces, put together again (docs/tunnel-protocol.md, "Renewal"). Main
 * loop.
 */
#pragma once

#include "proxy/tunnel/control.h"

/** A text that is coming. All zero at first. */
struct pieces {
    char *text; /**< with a final zero; NULL: nothing has come */
    size_t whole, have;
};

enum pieces_result { PIECES_MORE, PIECES_WHOLE, PIECES_BAD };

/** Takes a RENEW or RENEWED. WHOLE: `p->text` is complete and without zeros inside; the next piece begins anew. */
enum pieces_result pieces_take(struct pieces *p, const struct frame *f);

/** Gives the whole text, for free(); then as after pieces_fini(). */
char *pieces_give(struct pieces *p);

/** Drops what has come. Idempotent. */
void pieces_fini(struct pieces *p);

/** Sends a text of at most FRAME_WHOLE_MAX bytes. False if the channel can't take it: it will end by itself. */
bool pieces_send(struct control *c, enum frame_type type, const char *text);
