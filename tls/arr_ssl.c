/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the writing of distinguished names the way Windows does it, which is RFC 1779 with other keys and other quotes. The
 * certificates are our own, yet nothing in them can break a header line. Any thread; doors call it while they are made.
 */
#include "tls/arr_ssl.h"

#include <openssl/objects.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    int nid;
    const char *key;
} keys[] = {
    {NID_commonName, "CN"},
    {NID_countryName, "C"},
    {NID_localityName, "L"},
    {NID_stateOrProvinceName, "S"},
    {NID_organizationName, "O"},
    {NID_organizationalUnitName, "OU"},
    {NID_domainComponent, "DC"},
    {NID_pkcs9_emailAddress, "E"},
    {NID_streetAddress, "STREET"},
    {NID_serialNumber, "SERIALNUMBER"},
    {NID_title, "T"},
    {NID_givenName, "G"},
    {NID_initials, "I"},
    {NID_surname, "SN"},
    {NID_description, "Description"},
    {NID_postalCode, "PostalCode"},
    {NID_postOfficeBox, "POBox"},
    {NID_telephoneNumber, "Phone"},
};

static void write_key(FILE *out, const ASN1_OBJECT *object)
{
    char oid[128];
    int nid = OBJ_obj2nid(object);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].nid == nid) {
            fprintf(out, "%s=", keys[i].key);
            return;
        }
    }
    OBJ_obj2txt(oid, sizeof(oid), object, 1);
    fprintf(out, "OID.%s=", oid);
}

/** True if Windows would put the value in quotes. */
static bool wants_quotes(const uint8_t *bytes, size_t length)
{
    if (length == 0 || bytes[0] == ' ' || bytes[length - 1] == ' ')
        return true;
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0 && strchr(",+=\"\n<>#;", bytes[i]) != NULL)
            return true;
    return false;
}

/** Writes UTF-8 as ASCII, a '?' for each character that is none. */
static void write_characters(FILE *out, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((bytes[i] & 0xc0) == 0x80)
            continue; /* the rest of a character whose '?' is written */
        if (bytes[i] < ' ' || bytes[i] > '~')
            fputc('?', out);
        else if (bytes[i] == '"')
            fputs("\"\"", out);
        else
            fputc(bytes[i], out);
    }
}

static void write_value(FILE *out, const ASN1_STRING *value)
{
    uint8_t *bytes = NULL;
    int length = ASN1_STRING_to_UTF8(&bytes, value);
    if (length < 0) { /* no text, or broken text */
        fputc('?', out);
        return;
    }
    bool is_quoted = wants_quotes(bytes, (size_t)length);
    if (is_quoted)
        fputc('"', out);
    write_characters(out, bytes, (size_t)length);
    if (is_quoted)
        fputc('"', out);
    OPENSSL_free(bytes);
}

static void write_name(FILE *out, const X509_NAME *name)
{
    int set = -1;
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        if (i > 0)
            fputs(X509_NAME_ENTRY_set(entry) == set ? " + " : ", ", out);
        set = X509_NAME_ENTRY_set(entry);
        write_key(out, X509_NAME_ENTRY_get_object(entry));
        write_value(out, X509_NAME_ENTRY_get_data(entry));
    }
}

char *arr_ssl_value(const X509 *x, int secret_bits)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    fprintf(out, "%d|%d|", EVP_PKEY_get_bits(X509_get0_pubkey(x)), secret_bits);
    write_name(out, X509_get_issuer_name(x));
    fputc('|', out);
    write_name(out, X509_get_subject_name(x));
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
