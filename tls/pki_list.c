/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of `georelay pki list`. Main thread of a short-lived command. */
#include "tls/pki_parts.h"

#include <string.h>
#include <time.h>

static const char *const kinds[] = {[PKI_CA] = "ca", [PKI_RELAY] = "relay", [PKI_AGENT] = "agent", [PKI_WEB] = "web"};

static int longest_name(const struct pki_shelf *shelf)
{
    size_t longest = strlen("NAME");
    for (size_t i = 0; i < shelf->count; i++)
        if (strlen(shelf->list[i].name) > longest)
            longest = strlen(shelf->list[i].name);
    return (int)longest;
}

static void print_entry(const struct pki_entry *e, int width, FILE *out)
{
    char end[32] = "-";
    int days = 0, seconds = 0;
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(e->certificate), &tm) == 1)
        strftime(end, sizeof(end), "%Y-%m-%d", &tm);
    bool has_days = ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(e->certificate)) == 1;
    bool has_expired = !has_days || days < 0 || seconds < 0;
    fprintf(out, "%-*s  %-5s  %-32s  %-10s  %6d  %s\n", width, e->name, kinds[e->kind], e->serial, end, days,
            e->is_revoked ? "revoked"
            : has_expired ? "expired"
                          : "good");
}

int pki_list(const struct pki_job *job)
{
    struct pki_shelf shelf;
    int result = pki_shelf_read(&shelf, job);
    if (result == 0 && shelf.count == 0) {
        fprintf(job->err, "there is no certificate in %s; name the folder that \"georelay pki init\" filled\n", job->folder);
        result = -1;
    }
    if (result == 0) {
        int width = longest_name(&shelf);
        fprintf(job->out, "%-*s  %-5s  %-32s  %-10s  %6s  %s\n", width, "NAME", "KIND", "SERIAL", "EXPIRES", "DAYS", "STATE");
        for (size_t i = 0; i < shelf.count; i++)
            print_entry(&shelf.list[i], width, job->out);
    }
    pki_shelf_fini(&shelf);
    return result;
}
