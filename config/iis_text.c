/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: texts of an import, made, cut and listed. Any thread. */
#include "config/iis_text.h"
#include "config/memory.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void iis_strings_take(struct iis_strings *strings, char *text)
{
    strings->list = cfg_grow(strings->list, strings->count, sizeof(*strings->list));
    strings->list[strings->count++] = text;
}

bool iis_strings_has(const struct iis_strings *strings, const char *text)
{
    for (size_t i = 0; i < strings->count; i++)
        if (strcmp(strings->list[i], text) == 0)
            return true;
    return false;
}

void iis_strings_add(struct iis_strings *strings, const char *text)
{
    if (!iis_strings_has(strings, text))
        iis_strings_take(strings, cfg_copy(text));
}

void iis_strings_fini(struct iis_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->list[i]);
    free(strings->list);
    *strings = (struct iis_strings){0};
}

char *iis_format(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort(); /* as cfg_alloc() does without memory */
    va_end(args);
    return text;
}

char *iis_cut(const char *text, size_t length)
{
    return iis_format("%.*s", (int)length, text);
}

char *iis_replace(const char *text, const char *old, const char *new)
{
    size_t room = strlen(text) + 1;
    char *copy, *end;

    for (const char *at = strcasestr(text, old); at; at = strcasestr(at + strlen(old), old))
        room += strlen(new);
    end = copy = cfg_alloc(room, 1);
    while (*text) {
        if (strncasecmp(text, old, strlen(old)) == 0) {
            end = stpcpy(end, new);
            text += strlen(old);
        } else {
            *end++ = *text++;
        }
    }
    return copy;
}

char *iis_escape(const char *text)
{
    char *copy = cfg_alloc(2 * strlen(text) + 1, 1);
    char *end = copy;

    for (; *text; text++) {
        if (strchr("\\^$.|?*+()[]{}", *text))
            *end++ = '\\';
        *end++ = *text;
    }
    return copy;
}

bool iis_number(const char *text, unsigned long max, unsigned long *ret)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || value > max)
        return false;
    *ret = value;
    return true;
}

bool iis_timespan(const char *text, long *ret)
{
    unsigned days = 0, hours, minutes, seconds;
    int used = 0;

    if (strspn(text, "0123456789.:") != strlen(text) || strlen(text) > 16)
        return false;
    if (sscanf(text, "%u.%u:%u:%u%n", &days, &hours, &minutes, &seconds, &used) != 4) {
        days = 0;
        used = 0;
        if (sscanf(text, "%u:%u:%u%n", &hours, &minutes, &seconds, &used) != 3)
            return false;
    }
    if (text[used] != '\0' || days > 10000 || hours > 23 || minutes > 59 || seconds > 59)
        return false;
    *ret = 86400L * days + 3600L * hours + 60L * minutes + seconds;
    return true;
}
