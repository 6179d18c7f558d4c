/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the form of bundles: reading and writing walk the same table of rows and parts. Any thread. */
#include "tls/bundle.h"

#include "tls/certificate.h"
#include "tls/roles.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "georelay bundle "
#define FIRST  FORMAT "1"
#define LAST   "sha256 "

enum { DIGEST_BYTES = 32 };

static const struct {
    const char *word;
    size_t rows;
    bool has_name;
} row_kinds[] = {
    {"relay", offsetof(struct bundle, relays), false},
    {"link", offsetof(struct bundle, links), true},
    {"server", offsetof(struct bundle, servers), true},
    {"client", offsetof(struct bundle, clients), false},
};

static const struct {
    const char *word;
    size_t part;
} part_kinds[] = {
    {"ca", offsetof(struct bundle, ca)},
    {"chain", offsetof(struct bundle, chain)},
    {"key", offsetof(struct bundle, key)},
};

enum { ROW_KINDS = sizeof(row_kinds) / sizeof(row_kinds[0]), PART_KINDS = sizeof(part_kinds) / sizeof(part_kinds[0]) };

static struct bundle_rows *rows_of(struct bundle *b, size_t kind)
{
    return (struct bundle_rows *)(void *)((char *)b + row_kinds[kind].rows);
}

static struct bundle_part *part_of(struct bundle *b, size_t kind)
{
    return (struct bundle_part *)(void *)((char *)b + part_kinds[kind].part);
}

bool bundle_value_is_valid(const char *value)
{
    size_t length = strlen(value);
    for (size_t i = 0; i < length; i++)
        if (value[i] <= 0x20 || value[i] > 0x7e || value[i] == '"' || value[i] == '\\')
            return false;
    return length >= 1 && length <= 255;
}

static bool write_digest(const char *text, size_t size, char hex[2 * DIGEST_BYTES + 1])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(text, size, digest, &length, EVP_sha256(), NULL) != 1 || length != DIGEST_BYTES)
        return false;
    for (unsigned i = 0; i < length; i++)
        snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
    return true;
}

/* ---- reading ---- */

struct parsing {
    struct bundle *b;
    char *at;
    char *end;
    unsigned line;
    const char *wrong;
};

/** The next line, ended by 0 in place of its newline; NULL at the end of the text. */
static char *next_line(struct parsing *p)
{
    char *line = p->at;
    if (line >= p->end)
        return NULL;
    char *newline = memchr(line, '\n', (size_t)(p->end - line));
    p->at = newline != NULL ? newline + 1 : p->end;
    if (newline != NULL)
        *newline = '\0';
    p->line++;
    return line;
}

static int fail(struct parsing *p, const char *wrong)
{
    p->wrong = wrong;
    return -1;
}

/** The word at `*at`, ended by 0; "" if there is none. */
static char *take_word(char **at)
{
    char *word = *at + strspn(*at, " ");
    char *end = word + strcspn(word, " ");
    *at = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

static int take_row(struct parsing *p, size_t kind, char *rest)
{
    struct bundle_rows *rows = rows_of(p->b, kind);
    struct bundle_row row = {NULL, NULL};
    if (row_kinds[kind].has_name)
        row.name = take_word(&rest);
    row.value = take_word(&rest);
    if (*rest != '\0' || !bundle_value_is_valid(row.value) || (row.name != NULL && !identity_name_is_valid(row.name)))
        return fail(p, "a value is missing, or is none");
    if (rows->count == BUNDLE_ROWS_MAX)
        return fail(p, "there are too many lines of this kind");
    rows->list[rows->count++] = row;
    return 0;
}

/** From the line after "begin WORD" to the one before "end WORD". */
static int take_part(struct parsing *p, const char *word)
{
    struct bundle_part *part = NULL;
    char last[32];
    for (size_t i = 0; i < PART_KINDS; i++)
        if (strcmp(part_kinds[i].word, word) == 0)
            part = part_of(p->b, i);
    if (part == NULL || part->text != NULL)
        return fail(p, part == NULL ? "there is no such part" : "this part is there twice");
    int length = snprintf(last, sizeof(last), "end %s\n", word);
    char *text = p->at;
    for (char *line = text; line < p->end;) {
        char *newline = memchr(line, '\n', (size_t)(p->end - line));
        if (newline == NULL)
            break;
        p->line++;
        if (newline + 1 - line == length && memcmp(line, last, (size_t)length) == 0) {
            *part = (struct bundle_part){text, (size_t)(line - text)};
            p->at = newline + 1;
            return 0;
        }
        line = newline + 1;
    }
    return fail(p, "the end of a part is missing");
}

static int take_single(struct parsing *p, const char **member, char *rest)
{
    const char *value = take_word(&rest);
    if (*member != NULL || *rest != '\0' || !bundle_value_is_valid(value))
        return fail(p, "a value is missing, or is there twice");
    *member = value;
    return 0;
}

static int take_line(struct parsing *p, char *line)
{
    char *rest = line;
    if (*line == '\0' || *line == '#')
        return 0;
    const char *word = take_word(&rest);
    if (strcmp(word, "begin") == 0)
        return take_part(p, take_word(&rest));
    if (strcmp(word, "name") == 0)
        return take_single(p, &p->b->name, rest);
    if (strcmp(word, "advise_ports") == 0)
        return take_single(p, &p->b->advise_ports, rest);
    for (size_t i = 0; i < ROW_KINDS; i++)
        if (strcmp(row_kinds[i].word, word) == 0)
            return take_row(p, i, rest);
    return fail(p, "this line says nothing that this version knows");
}

/** The first line, and the last one, which is cut off. */
static int check_frame(struct parsing *p)
{
    char hex[2 * DIGEST_BYTES + 1];
    size_t size = (size_t)(p->end - p->at);
    const size_t last = strlen(LAST) + 2 * DIGEST_BYTES + 1;
    if (size < strlen(FORMAT) || memcmp(p->at, FORMAT, strlen(FORMAT)) != 0)
        return fail(p, "this is no bundle of \"georelay pki agent --bundle\"");
    if (size < strlen(FIRST) + 1 || memcmp(p->at, FIRST "\n", strlen(FIRST) + 1) != 0)
        return fail(p, "the bundle has a format that this version does not know; take the georelay that made it");
    if (size < last || p->end[-1] != '\n' || memcmp(p->end - last, LAST, strlen(LAST)) != 0)
        return fail(p, "the bundle is not whole: its last line, \"sha256\", is missing; copy it again");
    p->end -= last;
    if (!write_digest(p->at, (size_t)(p->end - p->at), hex) || memcmp(hex, p->end + strlen(LAST), (size_t)2 * DIGEST_BYTES) != 0)
        return fail(p, "the checksum is wrong: the bundle was changed on its way; copy it again, byte for byte");
    return 0;
}

static bool is_of_name(const struct bundle *b)
{
    char name[IDENTITY_NAME_MAX + 1];
    BIO *bio = BIO_new_mem_buf(b->chain.text, (int)b->chain.size);
    X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    bool is_good = x != NULL && role_is_agent(x, name) && strcmp(name, b->name) == 0;
    X509_free(x);
    BIO_free(bio);
    ERR_clear_error();
    return is_good;
}

static int check_whole(struct parsing *p)
{
    p->line = 0;
    if (p->b->name == NULL || !identity_name_is_valid(p->b->name))
        return fail(p, "the bundle has no agent's name");
    if (p->b->relays.count == 0)
        return fail(p, "the bundle names no relay");
    for (size_t i = 0; i < PART_KINDS; i++)
        if (part_of(p->b, i)->text == NULL)
            return fail(p, "the bundle lacks a certificate or the key");
    if (!is_of_name(p->b))
        return fail(p, "the certificate in the bundle is not this agent's; make the bundle anew");
    return 0;
}

int bundle_parse(char *text, size_t size, struct bundle *ret, const char **ret_wrong, unsigned *ret_line)
{
    struct parsing p = {.b = ret, .at = text, .end = text + size};
    int result;
    memset(ret, 0, sizeof(*ret));
    result = check_frame(&p);
    if (result == 0)
        (void)next_line(&p);
    for (char *line; result == 0 && (line = next_line(&p)) != NULL;)
        result = take_line(&p, line);
    if (result == 0)
        result = check_whole(&p);
    *ret_wrong = p.wrong;
    *ret_line = p.line;
    return result;
}

char *bundle_read(const char *path, size_t *ret_size, unsigned *ret_mode)
{
    return certificate_read_file(path, BUNDLE_BYTES_MAX, ret_size, ret_mode);
}

void bundle_free(char *text)
{
    if (text != NULL)
        OPENSSL_cleanse(text, BUNDLE_BYTES_MAX); /* both kinds have as much room */
    free(text);
}

/* ---- writing ---- */

static void write_rows(const struct bundle *b, size_t kind, FILE *out)
{
    const struct bundle_rows *rows = (const struct bundle_rows *)(const void *)((const char *)b + row_kinds[kind].rows);
    for (size_t i = 0; i < rows->count; i++) {
        const struct bundle_row *row = &rows->list[i];
        assert(bundle_value_is_valid(row->value) && (row->name != NULL) == row_kinds[kind].has_name);
        if (row->name != NULL)
            fprintf(out, "%s %s %s\n", row_kinds[kind].word, row->name, row->value);
        else
            fprintf(out, "%s %s\n", row_kinds[kind].word, row->value);
    }
}

static void write_part(const struct bundle *b, size_t kind, FILE *out)
{
    const struct bundle_part *part = (const struct bundle_part *)(const void *)((const char *)b + part_kinds[kind].part);
    fprintf(out, "begin %s\n", part_kinds[kind].word);
    fwrite(part->text, 1, part->size, out);
    if (part->size > 0 && part->text[part->size - 1] != '\n')
        fputc('\n', out);
    fprintf(out, "end %s\n", part_kinds[kind].word);
}

static void write_body(const struct bundle *b, FILE *out)
{
    fputs(FIRST "\n", out);
    fprintf(out, "# The agent \"%s\", with its private key: keep it secret, and remove it once it is enrolled.\n", b->name);
    fprintf(out, "name %s\n", b->name);
    for (size_t i = 0; i < ROW_KINDS; i++)
        write_rows(b, i, out);
    if (b->advise_ports != NULL)
        fprintf(out, "advise_ports %s\n", b->advise_ports);
    for (size_t i = 0; i < PART_KINDS; i++)
        write_part(b, i, out);
}

char *bundle_write(const struct bundle *b, size_t *ret_size)
{
    char hex[2 * DIGEST_BYTES + 1];
    char *text = malloc(BUNDLE_BYTES_MAX); /* of one piece, so that no copy of the key is left behind by growing */
    FILE *out = text == NULL ? NULL : fmemopen(text, BUNDLE_BYTES_MAX, "w");
    if (out == NULL) {
        free(text);
        return NULL;
    }
    setvbuf(out, NULL, _IONBF, 0);
    write_body(b, out);
    long body = ftell(out);
    bool is_good = body > 0 && write_digest(text, (size_t)body, hex) && fprintf(out, LAST "%s\n", hex) > 0;
    long whole = ftell(out);
    if (fclose(out) != 0 || !is_good || whole <= body) {
        bundle_free(text);
        return NULL;
    }
    *ret_size = (size_t)whole;
    return text;
}
