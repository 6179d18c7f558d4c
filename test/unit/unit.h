/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What every unit test includes first: cmocka with the headers that it needs, in its order.
 */
#pragma once

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/** Number of rows of a table. */
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/** Fails and names the row of a table, by its comment. */
#define EXPECT(condition, comment)                                                                                               \
    do {                                                                                                                         \
        if (!(condition))                                                                                                        \
            fail_msg("%s: not so: %s", (comment), #condition);                                                                   \
    } while (0)
