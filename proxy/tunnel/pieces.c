/* SPDX-License-Identifier: Apache-2.0 */
/* Owns texts in pieces. Main loop. What is kept is bounded by FRAME_WHOLE_MAX. */
#include "proxy/tunnel/pieces.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool begin(struct pieces *p, size_t whole)
{
    pieces_fini(p);
    p->text = malloc(whole + 1);
    p->whole = whole;
    return p->text != NULL;
}

enum pieces_result pieces_take(struct pieces *p, const struct frame *f)
{
    if (f->offset == 0 && !begin(p, f->whole))
        return PIECES_BAD;
    if (p->text == NULL || f->whole != p->whole || f->offset != p->have || memchr(f->data, '\0', f->length) != NULL) {
        pieces_fini(p);
        return PIECES_BAD;
    }
    memcpy(p->text + p->have, f->data, f->length); /* fits: the frame's own bounds say so */
    p->have += f->length;
    p->text[p->have] = '\0';
    return p->have == p->whole ? PIECES_WHOLE : PIECES_MORE;
}

char *pieces_give(struct pieces *p)
{
    char *text = p->text;

    *p = (struct pieces){0};
    return text;
}

void pieces_fini(struct pieces *p)
{
    free(p->text);
    *p = (struct pieces){0};
}

bool pieces_send(struct control *c, enum frame_type type, const char *text)
{
    size_t whole = strlen(text);

    assert(whole >= 1 && whole <= FRAME_WHOLE_MAX);
    for (size_t at = 0; at < whole;) {
        struct frame f = {.type = type, .whole = (uint16_t)whole, .offset = (uint16_t)at};

        f.length = (uint16_t)(whole - at < FRAME_DATA_MAX ? whole - at : FRAME_DATA_MAX);
        memcpy(f.data, text + at, f.length);
        at += f.length;
        if (!control_send(c, &f))
            return false;
    }
    return true;
}
