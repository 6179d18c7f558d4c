/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the input as a bundle: once as it is, and once with the checksum that it should have behind it, so that what lies behind
 * the checksum is searched as well. What is taken lies within the text, is valid, and can be written and read again.
 */
#include "test/fuzz/target.h"
#include "tls/bundle.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAST_BYTES 72 /* "sha256 ", 64 digits, newline */

static void require(int condition)
{
    if (!condition)
        abort();
}

/* A string of the text. */
static void check_string(const char *s, const char *text, size_t size)
{
    require(s >= text && s < text + size && memchr(s, '\0', size + 1 - (size_t)(s - text)) != NULL);
}

static void check_rows(const struct bundle_rows *rows, int has_names, const char *text, size_t size)
{
    require(rows->count <= BUNDLE_ROWS_MAX);
    for (size_t i = 0; i < rows->count; i++) {
        check_string(rows->list[i].value, text, size);
        require(bundle_value_is_valid(rows->list[i].value) && (rows->list[i].name != NULL) == has_names);
        if (has_names)
            check_string(rows->list[i].name, text, size);
    }
}

static void check_part(const struct bundle_part *part, const char *text, size_t size)
{
    require(part->text >= text && part->size <= size && (size_t)(part->text - text) <= size - part->size);
}

static void check_bundle(const struct bundle *b, const char *text, size_t size)
{
    check_string(b->name, text, size);
    check_rows(&b->relays, 0, text, size);
    check_rows(&b->links, 1, text, size);
    check_rows(&b->servers, 1, text, size);
    check_rows(&b->clients, 0, text, size);
    if (b->advise_ports != NULL)
        check_string(b->advise_ports, text, size);
    check_part(&b->ca, text, size);
    check_part(&b->chain, text, size);
    check_part(&b->key, text, size);
}

static void write_and_read(const struct bundle *b)
{
    struct bundle again;
    const char *wrong = NULL;
    unsigned line;
    size_t size = 0;
    char *text = bundle_write(b, &size);

    require(text != NULL);
    require(bundle_parse(text, size, &again, &wrong, &line) == 0);
    require(strcmp(again.name, b->name) == 0 && again.relays.count == b->relays.count && again.links.count == b->links.count);
    require(again.servers.count == b->servers.count && again.clients.count == b->clients.count && again.key.size >= b->key.size);
    bundle_free(text);
}

/* Takes `text`, which has a zero behind its `size` bytes. */
static void try(char *text, size_t size)
{
    struct bundle b;
    const char *wrong = NULL;
    unsigned line;
    int result = bundle_parse(text, size, &b, &wrong, &line);

    require((result == 0) == (wrong == NULL));
    if (result == 0) {
        check_bundle(&b, text, size);
        write_and_read(&b);
    }
    free(text);
}

/* Memory of exactly its size, and a zero. */
static char *copy_of(const uint8_t *data, size_t size, size_t more)
{
    char *text = malloc(size + more + 1);

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size + more] = '\0';
    return text;
}

static void sum_up(char *text, size_t size)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    require(EVP_Digest(text, size, digest, &length, EVP_sha256(), NULL) == 1);
    memcpy(text + size, "sha256 ", 7);
    for (unsigned i = 0; i < length; i++)
        snprintf(text + size + 7 + (size_t)2 * i, 3, "%02x", digest[i]);
    text[size + LAST_BYTES - 1] = '\n';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size > BUNDLE_BYTES_MAX / 2) /* so that it can be written again, with newlines that it had not */
        return 0;
    try(copy_of(data, size, 0), size);
    text = copy_of(data, size, LAST_BYTES);
    sum_up(text, size);
    try(text, size + LAST_BYTES);
    return 0;
}
