/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to the simulated web site (a visit): the request as far as it has been read, the answer as far as it has been
 * sent. web.c reads, web_pages.c answers.
 */
#ifndef GEOSIM_WEB_PARTS_H
#define GEOSIM_WEB_PARTS_H

#include "test/sim/conn.h"
#include "test/sim/web.h"

#define WEB_HEAD_MAX 16384
#define WEB_KEPT_MAX 4096 /* bytes of a body that are kept, for the logon form */

enum web_step {
    WEB_HEAD = 0,   /* reading the head */
    WEB_BODY,       /* `left` bytes of the body follow */
    WEB_CHUNK_SIZE, /* a line with the size of a chunk follows */
    WEB_CHUNK,      /* `left` bytes of the chunk follow */
    WEB_CHUNK_END,  /* the empty line behind a chunk follows */
    WEB_TRAILER,    /* lines up to an empty one follow */
    WEB_ANSWER,     /* the answer is under way; reading is paused */
};

struct web_visit {
    struct web_visit *next, *prev;
    struct web *web;
    struct conn *conn;
    enum web_step step;
    /* request */
    char *head, *cut; /* as it came, and cut into words; held while the request lasts */
    char *method, *target, *query;
    bool is_old, wants_close;
    uint64_t left, body_bytes;
    uint32_t body_crc;
    char kept[WEB_KEPT_MAX + 1];
    size_t kept_len;
    /* answer */
    struct timer poll;
    uint64_t large_at, large_end;
};

/** The request is complete: answer it. Later or now, web_answered() follows. */
void web_answer(struct web_visit *v);

/** Answer with a status line and no page, then close. */
void web_refuse(struct web_visit *v, const char *status);

/** Send more of a large answer. */
void web_continue(struct web_visit *v);

/** The answer is in the output: read the next request, or close. */
void web_answered(struct web_visit *v);

/** The value of `name` in "a=1&b=2", as a number; `otherwise` when it is not there or no number up to `max`. */
uint64_t web_number(const char *query, const char *name, uint64_t max, uint64_t otherwise);

#endif
