/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the form of revocation lists. Pure; any thread. */
#include "tls/revoked_list.h"

#include <stdbool.h>
#include <string.h>

/** Words of a line: what stands between blanks. */
struct words {
    const char *at;
    const char *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/** The next word; false at the end of the line. */
static bool next_word(struct words *w, const char **ret, size_t *ret_length)
{
    while (w->at < w->end && is_blank(*w->at))
        w->at++;
    *ret = w->at;
    while (w->at < w->end && !is_blank(*w->at))
        w->at++;
    *ret_length = (size_t)(w->at - *ret);
    return *ret_length > 0;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int revoked_serial_parse(const char *digits, size_t length, struct revoked_serial *ret)
{
    struct revoked_serial serial = {{0}};
    if (length == 0 || length > sizeof(serial.bytes) * 2)
        return -1;
    for (size_t i = 0; i < length; i++) {
        int value = digit_value(digits[length - 1 - i]);
        if (value < 0)
            return -1;
        serial.bytes[REVOKED_SERIAL - 1 - i / 2] |= (uint8_t)(value << (i % 2 * 4));
    }
    *ret = serial;
    return 0;
}

int revoked_serial_from_bytes(const uint8_t *bytes, size_t count, struct revoked_serial *ret)
{
    struct revoked_serial serial = {{0}};
    for (; count > 0 && *bytes == 0; count--)
        bytes++;
    if (count > sizeof(serial.bytes))
        return -1;
    if (count > 0)
        memcpy(serial.bytes + sizeof(serial.bytes) - count, bytes, count);
    *ret = serial;
    return 0;
}

/** The count of the last line; -1 if it is no number. */
static long read_count(const char *text, size_t length)
{
    long count = 0;
    if (length == 0 || length > 9)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        count = count * 10 + (text[i] - '0');
    }
    return count;
}

struct parsing {
    revoked_line_fn *line;
    void *arg;
    long count;
    bool has_end;
    const char *wrong;
};

static int take_end(struct parsing *p, struct words *w)
{
    const char *word;
    size_t length;
    (void)next_word(w, &word, &length);
    if (read_count(word, length) == p->count && !next_word(w, &word, &length)) {
        p->has_end = true;
        return 0;
    }
    p->wrong = "the last line must be \"end\" and the number of lines before it";
    return -1;
}

static int take_line(struct parsing *p, struct words w)
{
    struct revoked_serial serial;
    const char *word;
    size_t length;
    if (!next_word(&w, &word, &length) || word[0] == '#')
        return 0;
    if (p->has_end)
        p->wrong = "something follows the last line, \"end\"";
    else if (length == 3 && memcmp(word, "end", 3) == 0)
        return take_end(p, &w);
    else if (revoked_serial_parse(word, length, &serial) != 0)
        p->wrong = "a line must begin with a serial number of 1 to 40 hexadecimal digits";
    if (p->wrong != NULL)
        return -1;
    p->count++;
    return p->line(p->arg, &serial);
}

int revoked_list_parse(const char *text, size_t size, revoked_line_fn *line, void *arg, const char **ret_wrong,
                       unsigned *ret_line)
{
    struct parsing p = {.line = line, .arg = arg};
    const char *end = text + size;
    *ret_line = 0;
    *ret_wrong = NULL;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline != NULL ? newline : end;
        ++*ret_line;
        if (take_line(&p, (struct words){text, stop}) != 0) {
            *ret_wrong = p.wrong;
            return -1;
        }
        text = stop + 1;
    }
    if (p.has_end)
        return 0;
    *ret_line = 0;
    *ret_wrong = "the last line, \"end\", is missing: the file is not whole";
    return -1;
}
