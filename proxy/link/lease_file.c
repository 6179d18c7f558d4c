/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the form of the state file. Loading and lease_file_text(): main thread; lease_file_write(): any. */
#include "proxy/link/lease_file.h"

#include "proxy/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELD "%127s"

static bool has_agent(const struct cfg *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        if (strcmp(cfg->tunnel.agents[i].name, name) == 0)
            return true;
    return false;
}

static struct lease_table *table_by_link(const struct cfg *cfg, struct lease_table *tables, const char *name)
{
    for (size_t i = 0; i < cfg->served_count; i++)
        if (strcmp(cfg->served[i].name, name) == 0)
            return &tables[i];
    return NULL;
}

static bool take_line(const char *line, const struct cfg *cfg, struct lease_table *tables)
{
    char link[128], agent[128], client[128], text[128], rest;
    struct lease_table *table;
    struct identity identity = {0};
    struct address address;
    int64_t used_s;

    if (sscanf(line, "lease " FIELD " " FIELD " " FIELD " " FIELD " %" SCNd64 " %c", link, agent, client, text, &used_s, &rest) !=
        5)
        return false;
    table = table_by_link(cfg, tables, link);
    if (table == NULL || table->size == 0 || address_parse(client, &identity.client) != 0 || address_parse(text, &address) != 0)
        return false;
    if (strcmp(agent, "direct") != 0) {
        if (strlen(agent) >= sizeof(identity.behind) || (cfg->role == CFG_ROLE_RELAY && !has_agent(cfg, agent)))
            return false;
        strcpy(identity.behind, agent);
    }
    return lease_remember(table, &identity, &address, used_s);
}

static void log_trouble(const char *path, int error)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_ERROR, "state_unreadable"))
        return;
    log_text(&l, "file", path);
    log_text(&l, "error", strerror(error));
    log_end(&l);
}

static void log_loaded(const char *path, size_t known, size_t skipped)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_INFO, "state_loaded"))
        return;
    log_text(&l, "file", path);
    log_number(&l, "leases", known);
    log_number(&l, "skipped", skipped);
    log_end(&l);
}

int lease_file_load(const char *path, const struct cfg *cfg, struct lease_table *tables)
{
    FILE *file = fopen(path, "re");
    char line[1024];
    size_t known = 0, skipped = 0;

    if (file == NULL) {
        if (errno == ENOENT)
            return 0;
        log_trouble(path, errno);
        return -1;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (take_line(line, cfg, tables))
            known++;
        else
            skipped++;
    }
    if (ferror(file)) {
        log_trouble(path, errno);
        fclose(file);
        return -1;
    }
    fclose(file);
    log_loaded(path, known, skipped);
    return 0;
}

static void print_lease(struct lease *lease, void *arg)
{
    char client[ADDRESS_TEXT], address[ADDRESS_TEXT];

    if (!lease_is_kept(lease))
        return;
    fprintf(arg, "lease %s %s %s %s %" PRId64 "\n", lease->table->link->name, identity_group(&lease->identity),
            address_format_ip(&lease->identity.client, client), address_format_ip(&lease->address, address), lease->used_s);
}

char *lease_file_text(const struct cfg *cfg, struct lease_table *tables)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    bool is_whole;

    if (file == NULL)
        return NULL;
    fprintf(file, "# Written by georelay: which client had which address. Change it only while georelay is stopped.\n");
    for (size_t i = 0; i < cfg->served_count; i++)
        lease_each(&tables[i], print_lease, file);
    is_whole = !ferror(file);
    if (fclose(file) != 0 || !is_whole) {
        free(text);
        return NULL;
    }
    return text;
}

static int write_all(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t n = write(fd, text, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        text += n;
        left -= (size_t)n;
    }
    return fsync(fd);
}

/* The rename is on disk only when its folder is. */
static void sync_folder(const char *path)
{
    char copy[4096];
    int fd;

    snprintf(copy, sizeof(copy), "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

int lease_file_write(const char *path, const char *text)
{
    char next[4096];
    int fd, error;

    if ((size_t)snprintf(next, sizeof(next), "%s.new", path) >= sizeof(next)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return -1;
    if (write_all(fd, text) != 0) {
        error = errno;
        close(fd);
        goto remove_next;
    }
    if (close(fd) != 0 || rename(next, path) != 0) {
        error = errno;
        goto remove_next;
    }
    sync_folder(path);
    return 0;

remove_next:
    unlink(next);
    errno = error;
    return -1;
}

int lease_file_remove(const char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return -1;
    sync_folder(path);
    return 0;
}
