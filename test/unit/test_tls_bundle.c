/* SPDX-License-Identifier: Apache-2.0 */
/* tls/bundle.h: what a bundle may say, that a damaged or cut one is never taken, and that it comes back as it was written. */
#include "test/unit/unit.h"

#include "test/unit/guard.h"
#include "test/unit/tls_forge.h"
#include "tls/bundle.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 16 * 1024, LAST_BYTES = 72 /* "sha256 ", 64 digits, newline */ };

static struct forge forge;
static struct guard guard;
static char *ca, *chain, *key, *other_key;
static struct bundle whole;

static int set_up(void **state)
{
    (void)state;
    forge_init(&forge);
    guard_init(&guard, TEXT_MAX);
    (void)forge_write(&forge, &(struct forge_leaf){"site-a", "URI:urn:georelay:agent:site-a", "clientAuth"});
    (void)forge_write(&forge, &(struct forge_leaf){"site-b", "URI:urn:georelay:agent:site-b", "clientAuth"});
    ca = scratch_read(&forge.scratch, "ca.crt");
    chain = scratch_read(&forge.scratch, "site-a.crt");
    key = scratch_read(&forge.scratch, "site-a.key");
    other_key = scratch_read(&forge.scratch, "site-b.key");
    whole = (struct bundle){
        .name = "site-a",
        .relays = {{{NULL, "relay.example:443"}, {NULL, "two.example:443"}}, 2},
        .links = {{{"node-a", "127.0.0.1:5481"}}, 1},
        .servers = {{{"plant", "10.10.0.5:5481"}}, 1},
        .clients = {{{NULL, "192.168.1.0/24"}}, 1},
        .advise_ports = "5500-5509",
        .ca = {ca, strlen(ca)},
        .chain = {chain, strlen(chain)},
        .key = {key, strlen(key)},
    };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    forge_fini(&forge);
    guard_fini(&guard);
    free(ca);
    free(chain);
    free(key);
    free(other_key);
    return 0;
}

/** A bundle's text in memory of the caller's, TEXT_MAX bytes. */
static size_t write_whole(char *text)
{
    size_t size = 0;
    char *written = bundle_write(&whole, &size);
    assert_non_null(written);
    assert_true(size < TEXT_MAX && size > LAST_BYTES);
    memcpy(text, written, size);
    text[size] = '\0';
    bundle_free(written);
    return size;
}

/** Puts the right checksum of what stands before it into the last line. */
static void sum_up(char *text, size_t size)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    assert_int_equal(EVP_Digest(text, size - LAST_BYTES, digest, &length, EVP_sha256(), NULL), 1);
    for (unsigned i = 0; i < length; i++)
        snprintf(text + size - LAST_BYTES + 7 + (size_t)2 * i, 3, "%02x", digest[i]);
    text[size - 1] = '\n';
}

/** Replaces the first `find` by `put`; the new size. */
static size_t change(char *text, size_t size, const char *find, const char *put, const char *comment)
{
    char *at = strstr(text, find);
    EXPECT(at != NULL, comment);
    size_t after = size - (size_t)(at - text) - strlen(find);
    memmove(at + strlen(put), at + strlen(find), after + 1);
    memcpy(at, put, strlen(put));
    return size - strlen(find) + strlen(put);
}

/** The sentence about what is wrong with it; NULL: it is right. The text ends where memory ends. */
static const char *parse(const char *text, size_t size, struct bundle *b)
{
    const char *wrong = NULL;
    unsigned line;
    int result = bundle_parse((char *)guard_copy(&guard, text, size + 1), size, b, &wrong, &line);
    assert_int_equal(result == 0, wrong == NULL);
    return wrong;
}

#define TEN(x) x x x x x x x x x x

static const struct {
    const char *comment;
    const char *find, *put;
    const char *wrong; /* NULL: it is right */
    bool is_summed;    /* with the right checksum */
} texts[] = {
    {"comments and empty lines", "name site-a\n", "# x\n\nname site-a\n#\n", NULL, true},
    {"without ports for advises", "advise_ports 5500-5509\n", "", NULL, true},
    {"blanks between words", "link node-a 127", "link  node-a   127", NULL, true},
    {"no newline before the end of a part", "begin key\n", "begin key\n\n", NULL, true},
    {"a letter changed", "name site-a", "name site-b", "checksum", false},
    {"a byte of the key changed", "PRIVATE KEY", "PRIVATE kEY", "checksum", false},
    {"a digit of the checksum changed", "\nsha256 ", "\nsha256 x", "its last line", false},
    {"the checksum's word", "\nsha256 ", "\nsha512 ", "its last line", false},
    {"another text", "georelay bundle 1", "georelay-bundle 1", "no bundle", true},
    {"another version", "bundle 1\n", "bundle 2\n", "format", true},
    {"a version that begins with ours", "bundle 1\n", "bundle 11\n", "format", true},
    {"lines of Windows", "bundle 1\n", "bundle 1\r\n", "format", true},
    {"something before it", "georelay", " georelay", "no bundle", true},
    {"an unknown word", "name site-a\n", "name site-a\nport 1\n", "knows", true},
    {"a word of another case", "relay relay.example", "Relay relay.example", "knows", true},
    {"no name", "name site-a\n", "", "no agent's name", true},
    {"a name that is none", "name site-a\n", "name site/a\n", "no agent's name", true},
    {"a name without a name", "name site-a\n", "name\n", "missing", true},
    {"two names", "name site-a\n", "name site-a\nname site-a\n", "twice", true},
    {"two words of a name", "name site-a\n", "name site-a x\n", "missing", true},
    {"ports twice", "advise_ports", "advise_ports 1-2\nadvise_ports", "twice", true},
    {"no relay", "relay relay.example:443\nrelay two.example:443\n", "", "no relay", true},
    {"a relay without a value", "relay relay.example:443", "relay", "missing", true},
    {"a quote in a value", "relay.example", "relay\"example", "none", true},
    {"a backslash in a value", "relay.example", "relay\\example", "none", true},
    {"a tab in a value", "relay.example", "relay\texample", "none", true},
    {"a byte beyond ASCII in a value", "relay.example", "relay\x80xample", "none", true},
    {"a link without a value", "link node-a 127.0.0.1:5481", "link node-a", "missing", true},
    {"a link of a bad name", "link node-a", "link node/a", "none", true},
    {"a value that is too long", "relay.example:443", TEN(TEN("abc")), "none", true},
    {"64 links", "link node-a",
     TEN("link x y\n") TEN("link x y\n") TEN("link x y\n") TEN("link x y\n") TEN("link x y\n")
         TEN("link x y\n") "link x y\nlink x y\nlink x y\nlink node-a",
     NULL, true},
    {"65 links", "link node-a",
     TEN("link x y\n") TEN("link x y\n") TEN("link x y\n") TEN("link x y\n") TEN("link x y\n")
         TEN("link x y\n") "link x y\nlink x y\nlink x y\nlink x y\nlink node-a",
     "too many", true},
    {"an unknown part", "begin ca", "begin cb", "no such part", true},
    {"a part without a name", "begin ca\n", "begin\n", "no such part", true},
    {"a part twice", "begin chain", "begin ca\nend ca\nbegin chain", "twice", true},
    {"a part without an end", "end key", "end kez", "end of a part", true},
    {"an end without a part", "name site-a", "end ca\nname site-a", "knows", true},
    {"a certificate of another name", "name site-a", "name site-b", "not this agent's", true},
    {"a damaged certificate", "begin chain\n-----BEGIN", "begin chain\n-----BEGIX", "not this agent's", true},
    {"no certificate", "begin chain\n", "begin chain\nend chain\n", "knows", true},
};

static void test_texts(void **state)
{
    static char text[TEXT_MAX * 2];
    struct bundle b;
    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        size_t size = change(text, write_whole(text), texts[i].find, texts[i].put, texts[i].comment);
        if (texts[i].is_summed)
            sum_up(text, size);
        const char *wrong = parse(text, size, &b);
        EXPECT((wrong == NULL) == (texts[i].wrong == NULL), texts[i].comment);
        if (wrong != NULL && strstr(wrong, texts[i].wrong) == NULL)
            fail_msg("%s: %s", texts[i].comment, wrong);
    }
}

static void same_rows(const struct bundle_rows *a, const struct bundle_rows *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->list[i].value, b->list[i].value);
        assert_int_equal(a->list[i].name == NULL, b->list[i].name == NULL);
        if (a->list[i].name != NULL)
            assert_string_equal(a->list[i].name, b->list[i].name);
    }
}

static void test_it_comes_back_as_it_was(void **state)
{
    static char text[TEXT_MAX];
    struct bundle b;
    (void)state;
    size_t size = write_whole(text);
    assert_null(parse(text, size, &b));
    assert_string_equal(b.name, "site-a");
    assert_string_equal(b.advise_ports, "5500-5509");
    same_rows(&b.relays, &whole.relays);
    same_rows(&b.links, &whole.links);
    same_rows(&b.servers, &whole.servers);
    same_rows(&b.clients, &whole.clients);
    assert_int_equal(b.ca.size, whole.ca.size);
    assert_memory_equal(b.ca.text, ca, b.ca.size);
    assert_int_equal(b.chain.size, whole.chain.size);
    assert_memory_equal(b.chain.text, chain, b.chain.size);
    assert_int_equal(b.key.size, whole.key.size);
    assert_memory_equal(b.key.text, key, b.key.size);
}

/** Wherever it is cut, and with anything behind it. */
static void test_a_cut_one_is_not_taken(void **state)
{
    static char text[TEXT_MAX];
    static char part[TEXT_MAX];
    struct bundle b;
    (void)state;
    size_t size = write_whole(text);
    for (size_t length = 0; length < size; length++) {
        memcpy(part, text, length);
        part[length] = '\0';
        if (parse(part, length, &b) == NULL)
            fail_msg("taken when cut after %zu of %zu bytes", length, size);
    }
    memcpy(part, text, size);
    memcpy(part + size, "\n", 2);
    assert_non_null(parse(part, size + 1, &b));
    memcpy(part + size - 1, "x", 2); /* another end of its last line */
    assert_non_null(parse(part, size, &b));
}

static void test_zeros_inside(void **state)
{
    static char text[TEXT_MAX];
    struct bundle b;
    (void)state;
    size_t size = write_whole(text);
    for (size_t at = 0; at < size - LAST_BYTES; at += 7) {
        char before = text[at];
        text[at] = '\0';
        sum_up(text, size);
        (void)parse(text, size, &b); /* whatever it says, it stays within the text */
        text[at] = before;
    }
}

/** Whether the key fits the certificate is for whoever loads both (georelay enroll does); the form is right. */
static void test_a_foreign_key_has_the_right_form(void **state)
{
    struct bundle foreign = whole, b;
    size_t size = 0;
    (void)state;
    foreign.key = (struct bundle_part){other_key, strlen(other_key)};
    char *text = bundle_write(&foreign, &size);
    assert_non_null(text);
    assert_null(parse(text, size, &b));
    assert_memory_equal(b.key.text, other_key, b.key.size);
    bundle_free(text);
}

static void test_too_long(void **state)
{
    struct bundle large = whole;
    size_t size = 0;
    unsigned mode;
    char *filler = malloc(BUNDLE_BYTES_MAX + 1);
    (void)state;
    assert_non_null(filler);
    memset(filler, 'x', BUNDLE_BYTES_MAX + 1);
    large.ca = (struct bundle_part){filler, BUNDLE_BYTES_MAX};
    assert_null(bundle_write(&large, &size));
    large.ca.size = BUNDLE_BYTES_MAX - 8192;
    char *text = bundle_write(&large, &size);
    assert_non_null(text);
    assert_true(size <= BUNDLE_BYTES_MAX);
    bundle_free(text);

    FILE *file = fopen(scratch_path(&forge.scratch, "large"), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(filler, 1, BUNDLE_BYTES_MAX + 1, file), BUNDLE_BYTES_MAX + 1);
    assert_int_equal(fclose(file), 0);
    errno = 0;
    assert_null(bundle_read(scratch_path(&forge.scratch, "large"), &size, &mode));
    assert_int_equal(errno, EFBIG);
    free(filler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_it_comes_back_as_it_was),
        cmocka_unit_test(test_a_cut_one_is_not_taken),
        cmocka_unit_test(test_zeros_inside),
        cmocka_unit_test(test_a_foreign_key_has_the_right_form),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
