/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the comparison of each line with the one before. Goes on after a finding at the line that was found, so that one change
 * gives one finding and not as many as there are lines behind it. */
#include "proxy/audit/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What is known of the file at hand. */
struct reading {
    const char *path;
    uint64_t number; /* of the line */
    bool is_first;   /* no line of the chain was seen in it yet */
    size_t odd;      /* bytes of the line before, if it was none; 0: it was one */
    char odd_hash[DIGEST_TEXT];
};

void verify_init(struct verify *v, const struct audit_key *key, const struct chain_place *seal, FILE *out)
{
    *v = (struct verify){.key = key, .seal = seal, .out = out};
}

static void tell(struct verify *v, const struct reading *r, uint64_t *count, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void tell(struct verify *v, const struct reading *r, uint64_t *count, const char *format, ...)
{
    va_list args;

    fprintf(v->out, "%s:%" PRIu64 ": ", r->path, r->number);
    va_start(args, format);
    vfprintf(v->out, format, args);
    va_end(args);
    fputc('\n', v->out);
    (*count)++;
}

/* -- a line that is none -------------------------------------------------------------------------------------------------------
 */

static void settle_odd(struct verify *v, struct reading *r)
{
    struct reading before = *r;

    if (r->odd == 0)
        return;
    before.number--;
    tell(v, &before, &v->findings, "this is no line of georelay's: it was changed, or put there by somebody else");
    r->odd = 0;
}

static void keep_odd(struct verify *v, struct reading *r, const char *line, size_t length)
{
    settle_odd(v, r);
    r->odd = length > 0 ? length : 1;
    if (!digest_sha256(line, length, r->odd_hash))
        r->odd_hash[0] = '\0';
}

/* A piece of a line is in order if the line behind it says so. */
static void judge_odd(struct verify *v, struct reading *r, const char *line, const struct chain_line *parts)
{
    struct reading before = *r;
    char hash[DIGEST_TEXT];
    uint64_t bytes;

    if (r->odd > 0 && parts->id == audit_row_of(AUDIT_TORN)->number && chain_field_number(line, parts->hashed, "bytes", &bytes) &&
        bytes == r->odd && chain_field_hash(line, parts->hashed, "sha256", hash) && digest_is_same(hash, r->odd_hash)) {
        before.number--;
        tell(v, &before, &v->notes, "a piece of a line, cut by a power loss or a full disk; the next line vouches for it");
        r->odd = 0;
    }
    settle_odd(v, r);
}

/* -- a line of the chain -------------------------------------------------------------------------------------------------------
 */

static void judge_first(struct verify *v, const struct reading *r, const struct chain_line *parts)
{
    bool begins = parts->id == audit_row_of(AUDIT_FILE)->number;

    if (!begins)
        tell(v, r, &v->findings, "the file does not begin with its first line (ev=audit_file): what stood before was removed");
    else if (!v->has_place && parts->seq > 1)
        tell(v, r, &v->notes, "the file goes on from line %" PRIu64 " of the chain, which is in a file that was not given",
             parts->seq - 1);
}

static void judge_order(struct verify *v, const struct reading *r, const struct chain_line *parts)
{
    uint64_t wanted = v->place.seq + 1;

    if (!v->has_place)
        return;
    if (parts->seq > wanted + 1)
        tell(v, r, &v->findings, "lines %" PRIu64 " to %" PRIu64 " of the chain are missing before this one", wanted,
             parts->seq - 1);
    else if (parts->seq == wanted + 1)
        tell(v, r, &v->findings, "line %" PRIu64 " of the chain is missing before this one", wanted);
    else if (parts->seq < wanted)
        tell(v, r, &v->findings, "line %" PRIu64 " of the chain stands here, where line %" PRIu64 " belongs", parts->seq, wanted);
    else if (!digest_is_same(parts->prev, v->place.hash))
        tell(v, r, &v->findings, "the line before is not the one that this line was joined to");
}

/* A wrong number or hash, or a line for which another hash was worked out. */
static void judge_genuine(struct verify *v, const struct reading *r, const char *line, const struct chain_line *parts)
{
    if (chain_is_genuine(line, parts, v->key))
        v->lines++;
    else if (parts->has_key && v->key->length == 0)
        tell(v, r, &v->findings, "the line is sealed with a key, and without the key nobody can tell whether it was changed");
    else if (!parts->has_key && v->key->length > 0)
        tell(v, r, &v->findings, "the line is not sealed with the key");
    else
        tell(v, r, &v->findings, "the line was changed");
}

static void judge_seal(struct verify *v, const struct reading *r, const struct chain_line *parts)
{
    if (v->seal == NULL || parts->seq != v->seal->seq)
        return;
    v->has_sealed = true;
    if (!digest_is_same(parts->hash, v->seal->hash))
        tell(v, r, &v->findings, "the line is not the one that was sealed");
}

static void judge_line(struct verify *v, struct reading *r, const char *line, const struct chain_line *parts)
{
    judge_odd(v, r, line, parts);
    if (r->is_first)
        judge_first(v, r, parts);
    r->is_first = false;
    judge_order(v, r, parts);
    judge_genuine(v, r, line, parts);
    judge_seal(v, r, parts);
    v->has_place = true;
    v->place.seq = parts->seq;
    memcpy(v->place.hash, parts->hash, sizeof(parts->hash));
}

static void judge(struct verify *v, struct reading *r, const char *line, size_t length, bool is_ended)
{
    struct chain_line parts;

    r->number++;
    if (!is_ended) {
        settle_odd(v, r);
        tell(v, r, &v->notes, "a piece of a line at the end of the file: georelay is just writing it, or a power loss cut it");
    } else if (chain_read(line, length, &parts)) {
        judge_line(v, r, line, &parts);
    } else {
        keep_odd(v, r, line, length);
    }
}

/* -- files ---------------------------------------------------------------------------------------------------------------------
 */

static int read_lines(struct verify *v, struct reading *r, FILE *in)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int result;

    while ((n = getline(&line, &room, in)) > 0) {
        bool is_ended = line[n - 1] == '\n';

        judge(v, r, line, (size_t)n - is_ended, is_ended);
    }
    result = ferror(in) ? -1 : 0;
    r->number++;
    settle_odd(v, r);
    free(line);
    return result;
}

int verify_file(struct verify *v, const char *path)
{
    bool is_input = strcmp(path, "-") == 0;
    struct reading r = {.path = is_input ? "(input)" : path, .is_first = true};
    FILE *in = is_input ? stdin : fopen(path, "re");
    int result;

    if (in == NULL)
        return -1;
    result = read_lines(v, &r, in);
    if (!is_input)
        fclose(in);
    return result;
}

void verify_end(struct verify *v, const char *path)
{
    if (v->seal == NULL || v->seal->seq == 0 || v->has_sealed)
        return;
    if (v->has_place && v->place.seq > v->seal->seq)
        return; /* the sealed line is in a file that was not given, or its absence was told */
    fprintf(v->out, "%s: the end is missing: ", path);
    if (v->has_place)
        fprintf(v->out, "the last line is %" PRIu64 ", and georelay had written at least line %" PRIu64 "\n", v->place.seq,
                v->seal->seq);
    else
        fprintf(v->out, "there is no line, and georelay had written at least line %" PRIu64 "\n", v->seal->seq);
    v->findings++;
}

uint64_t verify_first(const char *path)
{
    FILE *in = fopen(path, "re");
    uint64_t first = UINT64_MAX;
    char *line = NULL;
    size_t room = 0;
    struct chain_line parts;
    ssize_t n;

    while (in != NULL && first == UINT64_MAX && (n = getline(&line, &room, in)) > 0)
        if (chain_read(line, (size_t)n - 1, &parts))
            first = parts.seq;
    free(line);
    if (in != NULL)
        fclose(in);
    return first;
}
