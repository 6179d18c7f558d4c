/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of configuration text and a scan of it for what libconfig 1.5 gets wrong. Caller's thread. */
#include "config/source.h"
#include "config/memory.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One text that is looked over; `main_path` is the configuration file, whose folder included names are relative to. */
struct scan {
    const char *main_path;
    const char *path;
    struct cfg_problems *problems;
    const char *at;
    const char *start;
    unsigned line;
    size_t *includes; /* how many files were included so far, all together */
    bool is_sound;
};

static bool read_and_scan(const struct scan *from, const char *path, char **ret);

static const char *why_not_regular(const struct stat *st)
{
    if (S_ISDIR(st->st_mode))
        return "is a folder, not a file";
    if (!S_ISREG(st->st_mode))
        return "is not a regular file";
    if (st->st_size > CFG_SOURCE_BYTES)
        return "is larger than 1 MiB";
    return NULL;
}

ssize_t cfg_source_read_all(int fd, char *bytes, size_t most)
{
    size_t used = 0;

    while (used <= most) {
        ssize_t n = read(fd, bytes + used, most + 1 - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

/* Gives the text, ended by a zero, or NULL after a problem was added at the place that names the file. */
static char *read_text(const struct scan *from, const char *path)
{
    static const char remedy[] = "Name a readable text file";
    const char *why = NULL;
    char *text = NULL;
    ssize_t used;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, &st) < 0) {
        cfg_problems_add(from->problems, from->path, from->line, remedy, "The file %s can't be opened: %s", path,
                         strerror(errno));
        goto close_fd;
    }
    why = why_not_regular(&st);
    if (!why) {
        text = cfg_alloc(CFG_SOURCE_BYTES + 2, 1);
        used = cfg_source_read_all(fd, text, CFG_SOURCE_BYTES);
        if (used < 0)
            why = "can't be read";
        else if (used > CFG_SOURCE_BYTES)
            why = "is larger than 1 MiB";
        else if (memchr(text, '\0', (size_t)used))
            why = "holds a zero byte, so it is no text in ASCII or UTF-8";
    }
    if (why) {
        cfg_problems_add(from->problems, from->path, from->line, remedy, "The file %s %s", path, why);
        free(text);
        text = NULL;
    }
close_fd:
    if (fd >= 0)
        close(fd);
    return text;
}

static void step(struct scan *s)
{
    if (*s->at == '\n')
        s->line++;
    s->at++;
}

/* libconfig 1.5 loses memory over a text that does not end, and names its last line, not its first. */
static void scan_string(struct scan *s)
{
    unsigned line = s->line;

    step(s);
    while (*s->at && *s->at != '"') {
        if (*s->at == '\\' && s->at[1])
            step(s);
        step(s);
    }
    if (*s->at) {
        step(s);
        return;
    }
    cfg_problems_add(s->problems, s->path, line, "Close it", "The quote that is opened here is never closed");
    s->is_sound = false;
}

static void skip_line(struct scan *s)
{
    while (*s->at && *s->at != '\n')
        step(s);
}

static void skip_block_comment(struct scan *s)
{
    s->at += 2;
    while (*s->at && !(s->at[0] == '*' && s->at[1] == '/'))
        step(s);
    if (*s->at)
        s->at += 2;
}

static bool is_in_word(const struct scan *s)
{
    char before;

    if (s->at == s->start)
        return false;
    before = s->at[-1];
    return isalnum((unsigned char)before) || before == '_' || before == '-' || before == '*' || before == '.';
}

/* A number in decimal digits: libconfig 1.5 keeps the lower 32 bits of one without the suffix L. */
static void scan_number(struct scan *s)
{
    bool is_alone = !is_in_word(s) || (s->at[-1] == '-');
    bool is_cut;
    char *end, remedy[64];
    long value;

    errno = 0;
    value = strtol(s->at, &end, 10);
    is_cut = (errno != 0 || value > INT_MAX) && !isalpha((unsigned char)*end) && *end != '.';
    snprintf(remedy, sizeof(remedy), errno == 0 ? "Write a smaller number, or %ldL" : "Write a smaller number", value);
    if (is_alone && is_cut)
        cfg_problems_add(s->problems, s->path, s->line, remedy, "The number %.*s is too large",
                         (int)(end - s->at > 40 ? 40 : end - s->at), s->at);
    s->at = end;
}

/* @include "name": follows it, so that libconfig never meets a file that it can't take. */
static void scan_include(struct scan *s)
{
    size_t blanks = strspn(s->at + strlen("@include"), " \t");
    const char *name = s->at + strlen("@include") + blanks;
    size_t length = *name == '"' ? strcspn(name + 1, "\"\\\n") : 0;
    unsigned line = s->line;
    char *copy, *path;

    s->at += strlen("@include");
    if (blanks == 0 || length == 0 || name[1 + length] != '"') {
        cfg_problems_add(s->problems, s->path, line, "Write @include \"NAME\" on a line of its own",
                         "No file name stands after @include");
        s->is_sound = false;
        return;
    }
    copy = cfg_alloc(length + 1, 1);
    memcpy(copy, name + 1, length);
    path = cfg_source_include_path(s->main_path, copy);
    if (++*s->includes > CFG_SOURCE_INCLUDES) {
        cfg_problems_add(s->problems, s->path, line, "Does a file include itself? Use fewer files",
                         "More than %d files are included", CFG_SOURCE_INCLUDES);
        s->is_sound = false;
    } else if (!read_and_scan(s, path, NULL)) {
        s->is_sound = false;
    }
    free(path);
    free(copy);
}

static void scan_text(struct scan *s)
{
    while (*s->at && *s->includes <= CFG_SOURCE_INCLUDES) {
        if (*s->at == '"')
            scan_string(s);
        else if (*s->at == '#' || (s->at[0] == '/' && s->at[1] == '/'))
            skip_line(s);
        else if (s->at[0] == '/' && s->at[1] == '*')
            skip_block_comment(s);
        else if (isdigit((unsigned char)*s->at))
            scan_number(s);
        else if (strncmp(s->at, "@include", strlen("@include")) == 0)
            scan_include(s);
        else
            step(s);
    }
}

/* Reads and looks over one file that `from` names. True if libconfig may be given it; then `ret`, if not NULL, gets the text. */
static bool read_and_scan(const struct scan *from, const char *path, char **ret)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    char *text = read_text(from, path);
    struct scan s = *from;

    if (!text)
        return false;
    if (ret && strncmp(text, byte_order_mark, strlen(byte_order_mark)) == 0)
        memmove(text, text + strlen(byte_order_mark), strlen(text) - strlen(byte_order_mark) + 1);
    s.path = path;
    s.at = s.start = text;
    s.line = 1;
    s.is_sound = true;
    scan_text(&s);
    if (ret && s.is_sound)
        *ret = text;
    else
        free(text);
    return s.is_sound;
}

char *cfg_source_include_path(const char *path, const char *name)
{
    char *folder = cfg_folder(path);
    char *joined = cfg_join(folder, name);

    free(folder);
    return joined;
}

char *cfg_source_read(const char *path, struct cfg_problems *problems)
{
    size_t includes = 0;
    struct scan from = {.main_path = path, .path = path, .problems = problems, .includes = &includes};
    char *text = NULL;

    read_and_scan(&from, path, &text);
    return text;
}
