/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the form of RFC 5424's header. Pure. */
#include "proxy/audit/chain.h"
#include "proxy/audit/syslog.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "log audit" (RFC 5424 6.2.1). */
enum { FACILITY = 13 };

/* 32473 is the number that RFC 5612 gives for examples: georelay has none of its own. */
#define SD_ID "georelay@32473"

/* The value of " NAME=" up to the next blank; ours, so it needs no escapes. */
static struct slice field(const char *line, size_t length, const char *name)
{
    const char *at = memmem(line, length, name, strlen(name));
    const char *end;

    if (at == NULL)
        return slice_of("-");
    at += strlen(name);
    end = memchr(at, ' ', (size_t)(line + length - at));
    return (struct slice){at, end != NULL ? (size_t)(end - at) : (size_t)(line + length - at)};
}

size_t syslog_head(char text[SYSLOG_HEAD_BYTES], const char *line, size_t length, const char *host, long pid)
{
    struct slice ts = field(line, length, " ts="), result = field(line, length, " result=");
    const struct audit_row *row;
    struct chain_line parts;
    int used;

    if (!chain_read(line, length, &parts) || (row = audit_row_find(parts.id)) == NULL || ts.length > 32 || result.length > 16)
        return 0;
    used =
        snprintf(text, SYSLOG_HEAD_BYTES,
                 "<%u>1 %.*s %.255s georelay %ld %s [" SD_ID " seq=\"%" PRIu64 "\" id=\"%u\" category=\"%s\" result=\"%.*s\"] ",
                 FACILITY * 8 + row->severity, (int)ts.length, ts.at, host, pid, row->name, parts.seq, row->number, row->category,
                 (int)result.length, result.at);
    return used > 0 && used < SYSLOG_HEAD_BYTES ? (size_t)used : 0;
}
