/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the input as a row of tunnel frames, as a channel would. A frame that is accepted must be written as the same bytes
 * again, and must not be accepted with a byte less.
 */
#include "proxy/wire/frame.h"
#include "test/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

static void require(int condition)
{
    if (!condition)
        abort();
}

/** Parses a body that lies in memory of exactly its size. */
static int parse_exact(const uint8_t *head, const uint8_t *body, size_t length, struct frame *ret)
{
    uint8_t *copy = malloc(length == 0 ? 1 : length);
    int result;

    require(copy != NULL);
    memcpy(copy, body, length);
    result = frame_parse(head, copy, length, ret);
    free(copy);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    while (size >= FRAME_HEAD) {
        int length = frame_body_length(data);
        size_t whole = FRAME_HEAD + (size_t)length;
        uint8_t bytes[FRAME_MAX];
        struct frame f;

        if (length < 0)
            return 0;
        if (whole > size) {
            require(parse_exact(data, data + FRAME_HEAD, size - FRAME_HEAD, &f) != 0);
            return 0;
        }
        if (parse_exact(data, data + FRAME_HEAD, (size_t)length, &f) != 0)
            return 0;
        require(frame_format(&f, bytes) == whole && memcmp(bytes, data, whole) == 0);
        require(frame_name(f.type)[0] != '\0');
        data += whole;
        size -= whole;
    }
    return 0;
}
