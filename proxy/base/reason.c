/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of reasons made from reason.def. Constant data, any thread. */
#include "proxy/base/reason.h"

#include <assert.h>
#include <string.h>

enum { BAD = 0, GOOD = 1 };

static const struct {
    const char *name;
    const char *sentence;
    bool is_good;
} reasons[REASON_COUNT] = {
#define X(constant, name, good, sentence) [REASON_##constant] = {name, sentence, good},
#include "proxy/base/reason.def"
#undef X
};

const char *reason_name(enum reason why)
{
    assert(why < REASON_COUNT);
    return reasons[why].name;
}

const char *reason_sentence(enum reason why)
{
    assert(why < REASON_COUNT);
    return reasons[why].sentence;
}

bool reason_is_good(enum reason why)
{
    assert(why < REASON_COUNT);
    return reasons[why].is_good;
}

enum reason reason_by_name(const char *name, unsigned length)
{
    /* Not from REASON_NONE: "not ended yet" is nothing that a peer may say about an end. */
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
        if (strlen(reasons[i].name) == length && memcmp(reasons[i].name, name, length) == 0)
            return (enum reason)i;
    return REASON_REFUSED_BY_PEER;
}
