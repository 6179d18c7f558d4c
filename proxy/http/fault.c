/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of faults made from fault.def. Constant data, any thread. */
#include "proxy/http/head.h"

#include <assert.h>

static const struct {
    const char *name;
    const char *sentence;
    unsigned status;
} faults[HTTP_FAULT_COUNT] = {
#define X(constant, name, status, sentence) [HTTP_FAULT_##constant] = {name, sentence, status},
#include "proxy/http/fault.def"
#undef X
};

const char *http_fault_name(enum http_fault fault)
{
    assert(fault < HTTP_FAULT_COUNT);
    return faults[fault].name;
}

const char *http_fault_sentence(enum http_fault fault)
{
    assert(fault < HTTP_FAULT_COUNT);
    return faults[fault].sentence;
}

unsigned http_fault_status(enum http_fault fault)
{
    assert(fault < HTTP_FAULT_COUNT);
    return faults[fault].status;
}
