/* SPDX-License-Identifier: Apache-2.0 */
/* Owns commas and quotes. Any thread. */
#include "proxy/app/json_out.h"

#include "proxy/app/accounts.h"
#include "proxy/base/log_form.h"

#include <inttypes.h>
#include <string.h>

/* The longest text that is written: what is longer is cut. */
#define TEXT_BYTES 8192

static void put_quoted(FILE *out, const char *text)
{
    char room[TEXT_BYTES];
    size_t length = log_form_json((struct log_room){.at = room, .bytes = sizeof(room), .may_cut = true}, slice_of(text));

    if (length > 0)
        fwrite(room, 1, length, out);
    else
        fputs("\"\"", out);
}

static void begin(struct json *j, const char *key)
{
    if (j->wants_comma)
        fputc(',', j->out);
    j->wants_comma = true;
    if (key == NULL)
        return;
    put_quoted(j->out, key);
    fputc(':', j->out);
}

void json_open(struct json *j, const char *key, char bracket)
{
    begin(j, key);
    fputc(bracket, j->out);
    j->wants_comma = false;
}

void json_close(struct json *j, char bracket)
{
    fputc(bracket, j->out);
    j->wants_comma = true;
}

void json_text(struct json *j, const char *key, const char *value)
{
    begin(j, key);
    if (value != NULL)
        put_quoted(j->out, value);
    else
        fputs("null", j->out);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
    begin(j, key);
    fprintf(j->out, "%" PRIu64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
    begin(j, key);
    fputs(value ? "true" : "false", j->out);
}

void json_address(struct json *j, const char *key, const struct address *value)
{
    char text[ADDRESS_TEXT];

    json_text(j, key, address_is_set(value) ? address_format(value, text) : NULL);
}

void json_time(struct json *j, const char *key, uint64_t ms)
{
    char text[ACCOUNTS_TIME];

    json_text(j, key, accounts_time(ms, text));
}
