/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the steps of an enrolment. Main thread of a short-lived command; what held the key is wiped. */
#include "proxy/app/enroll.h"

#include "config/load.h"
#include "proxy/app/startup.h"
#include "tls/bundle.h"
#include "tls/pki_files.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONFIG "georelay"
#define USER   "georelay"

struct work {
    const struct enrolment *e;
    const struct passwd *user; /* NULL: the caller */
    struct bundle bundle;
    char *config;
    size_t config_size;
};

/* -- the configuration ---------------------------------------------------------------------------------------------------------
 */

/* name = ( "…", "…" ); */
static void write_list(FILE *out, const char *name, const struct bundle_rows *rows)
{
    if (rows->count == 0)
        return;
    fprintf(out, "%s = (", name);
    for (size_t i = 0; i < rows->count; i++)
        fprintf(out, "%s \"%s\"", i > 0 ? "," : "", rows->list[i].value);
    fprintf(out, " );\n");
}

static bool is_first_of_name(const struct bundle_rows *rows, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(rows->list[i].name, rows->list[index].name) == 0)
            return false;
    return true;
}

/* links = ( { name = "…"; listen = ( "…", "…" ); }, … ); the addresses of one name stand together. */
static void write_links(FILE *out, const struct bundle_rows *rows)
{
    const char *before = "links = (\n";

    for (size_t i = 0; i < rows->count; i++) {
        if (!is_first_of_name(rows, i))
            continue;
        fprintf(out, "%s  { name = \"%s\"; listen = ( \"%s\"", before, rows->list[i].name, rows->list[i].value);
        for (size_t k = i + 1; k < rows->count; k++)
            if (strcmp(rows->list[k].name, rows->list[i].name) == 0)
                fprintf(out, ", \"%s\"", rows->list[k].value);
        fprintf(out, " ); }");
        before = ",\n";
    }
    if (rows->count > 0)
        fprintf(out, "\n);\n");
}

static void write_servers(FILE *out, const struct bundle_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        fprintf(out, "%s  { name = \"%s\"; server = \"%s\"; }", i == 0 ? "servers = (\n" : ",\n", rows->list[i].name,
                rows->list[i].value);
    if (rows->count > 0)
        fprintf(out, "\n);\n");
}

static int write_config(struct work *w)
{
    const struct bundle *b = &w->bundle;
    FILE *out = open_memstream(&w->config, &w->config_size);
    time_t now = time(NULL);
    char date[32];
    struct tm tm;

    if (out == NULL)
        return -1;
    strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&now, &tm));
    fprintf(out, "# The agent \"%s\", enrolled on %s. All settings: georelay.conf(5).\nrole = \"agent\";\nname = \"%s\";\n",
            b->name, date, b->name);
    if (w->user != NULL)
        fprintf(out, "user = \"%s\";\n", w->user->pw_name);
    write_list(out, "relays", &b->relays);
    fprintf(out, "chain = \"%s.crt\"; key = \"%s.key\"; ca = \"ca.crt\";\n", b->name, b->name);
    write_links(out, &b->links);
    write_servers(out, &b->servers);
    write_list(out, "clients", &b->clients);
    if (b->advise_ports != NULL)
        fprintf(out, "advise_ports = \"%s\";\n", b->advise_ports);
    return fclose(out) == 0 ? 0 : -1;
}

/* -- the files -----------------------------------------------------------------------------------------------------------------
 */

static int place_files(const struct work *w, const char *folder, bool may_replace, const struct passwd *user)
{
    const struct bundle *b = &w->bundle;
    struct pki_files files;
    int result = -1;

    pki_files_init(&files, folder, stderr);
    files.may_replace = may_replace;
    files.user = user;
    files.remedy = "take another folder (--dir), or give --force to replace it";
    if (pki_files_add(&files, "ca", ".crt", 0644, b->ca.text, b->ca.size) == 0 &&
        pki_files_add(&files, b->name, ".crt", 0644, b->chain.text, b->chain.size) == 0 &&
        pki_files_add(&files, b->name, ".key", 0600, b->key.text, b->key.size) == 0 &&
        pki_files_add(&files, CONFIG, ".conf", 0644, w->config, w->config_size) == 0)
        result = pki_files_commit(&files);
    pki_files_fini(&files);
    return result;
}

static int make_folder(const char *folder)
{
    if (mkdir(folder, 0755) == 0 || errno == EEXIST)
        return 0;
    fprintf(stderr, "The folder %s can't be made: %s. Make its parent first.\n", folder, strerror(errno));
    return -1;
}

/* -- checking ------------------------------------------------------------------------------------------------------------------
 */

static void remove_files(const struct work *w, const char *folder)
{
    const char *const names[] = {"ca.crt", CONFIG ".conf"};
    const char *const suffixes[] = {"crt", "key"};
    char path[PKI_PATH_MAX + 128];

    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
        snprintf(path, sizeof(path), "%s/%s.%s", folder, w->bundle.name, suffixes[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* A certificate that was renewed earlier must not stand in for the bundle's: the trial has a state folder of its own. */
static void set_aside_state(const char *config, const char *folder)
{
    FILE *out = fopen(config, "ae");

    if (out == NULL)
        return;
    fprintf(out, "state = \"%s\";\n", folder);
    (void)fclose(out);
}

/* Reads everything as a start would, from a folder beside the true ones. */
static int try_out(const struct work *w)
{
    char folder[PKI_PATH_MAX];
    char path[PKI_PATH_MAX + 32];
    struct gates gates;
    bool is_good = false;

    if (snprintf(folder, sizeof(folder), "%s/.enroll.XXXXXX", w->e->folder) >= (int)sizeof(folder) || mkdtemp(folder) == NULL) {
        fprintf(stderr, "%s can't be written: %s. It must have room and be yours to write.\n", w->e->folder, strerror(errno));
        return -1;
    }
    if (place_files(w, folder, false, NULL) == 0) {
        snprintf(path, sizeof(path), "%s/" CONFIG ".conf", folder);
        set_aside_state(path, folder);
        struct cfg *cfg = startup_load(path, NULL, &gates);

        is_good = cfg != NULL;
        if (is_good)
            gates_fini(&gates);
        cfg_free(cfg);
    }
    remove_files(w, folder);
    return is_good ? 0 : -1;
}

/* -- the steps -----------------------------------------------------------------------------------------------------------------
 */

static int find_user(struct work *w)
{
    const char *name = w->e->user != NULL ? w->e->user : USER;

    w->user = getpwnam(name);
    if (w->user == NULL && w->e->user != NULL) {
        fprintf(stderr, "The user \"%s\" does not exist. Make it with: useradd --system --no-create-home %s\n", name, name);
        return -1;
    }
    if (geteuid() == 0 || (w->user != NULL && w->user->pw_uid == geteuid()))
        return 0;
    if (w->e->user != NULL) {
        fprintf(stderr, "Only root can give files to the user \"%s\". Run it as root, or without --user.\n", name);
        return -1;
    }
    w->user = NULL;
    return 0;
}

static void tell_next(const struct work *w)
{
    const char *folder = w->e->folder;
    const char *name = w->bundle.name;

    printf("The agent \"%s\" is enrolled%s%s:\n  %s/" CONFIG ".conf\n  %s/%s.crt\n  %s/%s.key\n  %s/ca.crt\n", name,
           w->user != NULL ? ", for the user " : "", w->user != NULL ? w->user->pw_name : "", folder, folder, name, folder, name,
           folder);
    printf("Remove the bundle: it holds the private key. Next:\n  georelay check --probe -c %s/" CONFIG
           ".conf\n  georelay run -c %s/" CONFIG ".conf\n",
           folder, folder);
}

static int install(struct work *w)
{
    if (find_user(w) != 0 || make_folder(w->e->folder) != 0)
        return -1;
    if (write_config(w) != 0) {
        fprintf(stderr, "There is no memory left.\n");
        return -1;
    }
    if (try_out(w) != 0) {
        fprintf(stderr, "Nothing was installed.\n");
        return -1;
    }
    if (place_files(w, w->e->folder, w->e->may_replace, w->user) != 0)
        return -1;
    tell_next(w);
    return 0;
}

static int parse(struct work *w, char *text, size_t size)
{
    const char *wrong;
    unsigned line;

    if (bundle_parse(text, size, &w->bundle, &wrong, &line) == 0)
        return 0;
    if (line > 0)
        fprintf(stderr, "%s:%u: %s.\n", w->e->bundle, line, wrong);
    else
        fprintf(stderr, "%s: %s.\n", w->e->bundle, wrong);
    return -1;
}

int enroll(const struct enrolment *e)
{
    struct work w = {.e = e};
    unsigned mode;
    size_t size = 0;
    char *text = bundle_read(e->bundle, &size, &mode);
    int result;

    if (text == NULL) {
        fprintf(stderr, "%s can't be read: %s.\n", e->bundle, strerror(errno));
        return -1;
    }
    if ((mode & (S_IRWXG | S_IRWXO)) != 0)
        fprintf(stderr, "Note: others than its owner could read %s (mode %04o), and the private key in it.\n", e->bundle,
                mode & 07777U);
    result = parse(&w, text, size) == 0 ? install(&w) : -1;
    free(w.config);
    bundle_free(text);
    return result;
}
