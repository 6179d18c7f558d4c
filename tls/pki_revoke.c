/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns `georelay pki revoke`: every certificate of an agent goes on the list, whose new text takes the old one's place in one
 * step. Then the agent's files are moved to the issued ones, so that its name is free for a new certificate. Main thread of a
 * short-lived command; a lock on the folder keeps two of them from losing each other's lines.
 */
#include "tls/pki_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/** The lines of the old list without its last one, and how many certificates they name. */
static unsigned copy_lines(const struct pki_shelf *shelf, FILE *out)
{
    const char *at = shelf->revoked;
    const char *end = at == NULL ? NULL : at + shelf->revoked_size;
    unsigned count = 0;
    if (at == NULL)
        fputs(PKI_LIST_HEAD, out);
    while (at != NULL && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        const char *word = at + strspn(at, " \t");
        if (strncmp(word, "end", 3) != 0 ||
            strchr(" \t\r\n", word[3]) == NULL) { /* "END…" may be a serial number, "end " is none */
            fwrite(at, 1, (size_t)(stop - at), out);
            fputc('\n', out);
            count += word < stop && *word != '#' && *word != '\r';
        }
        at = stop + 1;
    }
    return count;
}

/** The new text of the list; `*ret_added` counts its new lines. NULL without memory. */
static char *write_list(const struct pki_shelf *shelf, const char *name, size_t *ret_size, unsigned *ret_added)
{
    char *text = NULL;
    char date[32];
    time_t now = time(NULL);
    struct tm tm;
    FILE *out = open_memstream(&text, ret_size);
    if (out == NULL)
        return NULL;
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    unsigned count = copy_lines(shelf, out);
    *ret_added = 0;
    for (size_t i = 0; i < shelf->count; i++) {
        const struct pki_entry *e = &shelf->list[i];
        if (e->kind != PKI_AGENT || e->is_revoked || strcmp(e->name, name) != 0)
            continue;
        fprintf(out, "%s %s %s\n", e->serial, name, date);
        ++*ret_added;
    }
    fprintf(out, "end %u\n", count + *ret_added);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/** Every certificate of that name counts, so that one renewed since does not go on. */
static size_t count_certificates(const struct pki_shelf *shelf, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < shelf->count; i++)
        count += shelf->list[i].kind == PKI_AGENT && strcmp(shelf->list[i].name, name) == 0;
    return count;
}

/* ---- moving the agent's files aside ---- */

static int move_one(const struct pki_job *job, const char *name, const char *suffix, const char *serial)
{
    char from[PKI_PATH_MAX];
    char to[PKI_PATH_MAX];
    if (snprintf(from, sizeof(from), "%s/%s.%s", job->folder, name, suffix) >= (int)sizeof(from) ||
        snprintf(to, sizeof(to), "%s/" PKI_ISSUED "/%s.%s", job->folder, serial, suffix) >= (int)sizeof(to))
        return -1;
    if (rename(from, to) == 0 || errno == ENOENT)
        return 0;
    fprintf(job->err, "%s can't be moved to %s: %s; move it by hand before you make a new one\n", from, to, strerror(errno));
    return -1;
}

/** NAME.crt and NAME.key, if they are there, to issued/SERIAL.crt and .key. */
static int move_aside(const struct pki_job *job, const char *name)
{
    char path[PKI_PATH_MAX];
    char serial[PKI_SERIAL_TEXT];
    X509 *x =
        snprintf(path, sizeof(path), "%s/%s.crt", job->folder, name) < (int)sizeof(path) ? pki_read_certificate(path) : NULL;
    if (x == NULL)
        return 0;
    pki_serial_text(x, serial);
    X509_free(x);
    return move_one(job, name, "key", serial) == 0 && move_one(job, name, "crt", serial) == 0 ? 0 : -1;
}

/* ---- the command ---- */

static int add_to_list(const struct pki_job *job, const char *name)
{
    struct pki_shelf shelf;
    char *text = NULL;
    size_t size = 0;
    unsigned added = 0;
    int result = pki_shelf_read(&shelf, job);
    if (result == 0 && count_certificates(&shelf, name) == 0) {
        fprintf(job->err, "there is no certificate of an agent \"%s\" in %s; see georelay pki list\n", name, job->folder);
        result = -1;
    }
    if (result == 0 && (text = write_list(&shelf, name, &size, &added)) == NULL) {
        fprintf(job->err, "there is no memory left\n");
        result = -1;
    }
    if (result == 0 && added > 0)
        result = pki_files_replace(job->folder, PKI_LIST, 0644, text, size, job->err);
    if (result == 0)
        result = move_aside(job, name);
    if (result == 0) {
        fprintf(job->out, "%u certificate%s of \"%s\" revoked%s:\n  %s/" PKI_LIST "\n", added, added == 1 ? "" : "s", name,
                added == 0 ? " (all were already)" : "", job->folder);
        fprintf(job->out, "Copy this list to each relay, to the file that \"tunnel.revoked\" names; it counts there at once.\n");
    }
    free(text);
    pki_shelf_fini(&shelf);
    return result;
}

int pki_lock(const struct pki_job *job)
{
    int fd = open(job->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX) == 0)
        return fd;
    fprintf(job->err, "the folder %s can't be locked: %s; name the one that \"georelay pki init\" filled\n", job->folder,
            strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int pki_revoke(const struct pki_job *job, const char *name)
{
    char issued[PKI_PATH_MAX];
    int lock = pki_lock(job);
    if (lock < 0)
        return -1;
    if (snprintf(issued, sizeof(issued), "%s/" PKI_ISSUED, job->folder) < (int)sizeof(issued))
        (void)mkdir(issued, 0700); /* a folder of an older version has none */
    int result = add_to_list(job, name);
    close(lock);
    return result;
}
