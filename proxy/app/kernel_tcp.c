/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns nothing but what it is handed. The files' form is in the kernel's Documentation/networking/proc_net_tcp.rst: addresses are
 * words of the machine's own byte order as they lie in memory. Any thread.
 */
#include "proxy/app/kernel_tcp.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- one line ------------------------------------------------------------------------------------------------------------------
 */

/* `count` words of eight hexadecimal digits. */
static bool parse_words(const char *text, size_t count, uint32_t *words)
{
    for (size_t i = 0; i < count; i++) {
        char digits[9] = {0}, *end;

        strncpy(digits, text + i * 8, 8);
        words[i] = (uint32_t)strtoul(digits, &end, 16);
        if (end != digits + 8)
            return false;
    }
    return true;
}

/* "0100007F:1F90" or the same with four words. */
static bool parse_end(const char *text, struct address *ret)
{
    const char *colon = strchr(text, ':');
    size_t words = colon != NULL ? (size_t)(colon - text) / 8 : 0;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    uint32_t raw[4];
    char *end;
    unsigned long port;

    if (colon == NULL || (size_t)(colon - text) != words * 8 || (words != 1 && words != 4) || !parse_words(text, words, raw))
        return false;
    port = strtoul(colon + 1, &end, 16);
    if (end == colon + 1 || *end != '\0' || port > 65535)
        return false;
    *ret = (struct address){0};
    if (words == 1) {
        memcpy(&v4.sin_addr, raw, sizeof(v4.sin_addr));
        v4.sin_port = htons((uint16_t)port);
        address_from_sockaddr(ret, (struct sockaddr *)&v4, sizeof(v4));
    } else {
        memcpy(&v6.sin6_addr, raw, sizeof(v6.sin6_addr));
        v6.sin6_port = htons((uint16_t)port);
        address_from_sockaddr(ret, (struct sockaddr *)&v6, sizeof(v6));
    }
    return true;
}

static enum kernel_tcp_state state_of(unsigned number)
{
    switch (number) {
    case 0x01:
        return KERNEL_TCP_ESTABLISHED;
    case 0x02:
        return KERNEL_TCP_SYN_SENT;
    case 0x0a:
        return KERNEL_TCP_LISTEN;
    default:
        return KERNEL_TCP_OTHER;
    }
}

bool kernel_tcp_parse(const char *line, struct kernel_tcp *ret)
{
    char local[48], remote[48];
    unsigned state, uid;
    unsigned long inode;
    struct kernel_tcp row = {0};

    if (sscanf(line, " %*u: %47s %47s %x %*x:%*x %*x:%*x %*x %u %*u %lu", local, remote, &state, &uid, &inode) != 5)
        return false;
    if (!parse_end(local, &row.local) || !parse_end(remote, &row.remote))
        return false;
    row.state = state_of(state);
    row.uid = uid;
    row.inode = inode;
    *ret = row;
    return true;
}

/* -- whose they are ------------------------------------------------------------------------------------------------------------
 */

struct inodes {
    unsigned long *list;
    size_t count;
    bool is_user; /* the files could not be read: go by this user */
    uid_t uid;
};

static int compare_inodes(const void *a, const void *b)
{
    unsigned long one = *(const unsigned long *)a, two = *(const unsigned long *)b;

    return one < two ? -1 : one > two;
}

/* False without memory. */
static bool take_fd(struct inodes *inodes, int folder, const char *name)
{
    char target[64] = {0};
    unsigned long inode;
    unsigned long *more;

    if (readlinkat(folder, name, target, sizeof(target) - 1) < 0 || sscanf(target, "socket:[%lu]", &inode) != 1)
        return true;
    more = reallocarray(inodes->list, inodes->count + 1, sizeof(*more));
    if (more == NULL)
        return false;
    inodes->list = more;
    inodes->list[inodes->count++] = inode;
    return true;
}

static int read_inodes(struct inodes *inodes, long pid)
{
    char path[64];
    struct dirent *entry;
    bool is_whole = true;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
    folder = opendir(path);
    if (folder == NULL)
        return -1;
    while (is_whole && (entry = readdir(folder)) != NULL)
        is_whole = take_fd(inodes, dirfd(folder), entry->d_name);
    closedir(folder);
    if (inodes->count == 0 || !is_whole)
        return -1; /* it has the control socket at least: without rights the links can't be read */
    qsort(inodes->list, inodes->count, sizeof(*inodes->list), compare_inodes);
    return 0;
}

static int read_user(struct inodes *inodes, long pid)
{
    char path[64], line[256];
    unsigned uid;
    FILE *file;
    int result = -1;

    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return -1;
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "Uid: %*u %u", &uid) == 1) {
            inodes->is_user = true;
            inodes->uid = uid;
            result = 0;
        }
    fclose(file);
    return result;
}

static bool is_its(const struct inodes *inodes, const struct kernel_tcp *row)
{
    if (row->inode == 0)
        return false;
    if (inodes->is_user)
        return row->uid == inodes->uid;
    return bsearch(&row->inode, inodes->list, inodes->count, sizeof(row->inode), compare_inodes) != NULL;
}

/* -- all lines -----------------------------------------------------------------------------------------------------------------
 */

static int read_table(struct kernel_sockets *sockets, const struct inodes *inodes, long pid, const char *name)
{
    char path[64], line[512];
    struct kernel_tcp row;
    FILE *file;
    int result = 0;

    snprintf(path, sizeof(path), "/proc/%ld/net/%s", pid, name);
    file = fopen(path, "re");
    if (file == NULL) {
        if (errno == ENOENT && strcmp(name, "tcp6") == 0)
            return 0; /* a machine without IPv6 */
        snprintf(sockets->problem, sizeof(sockets->problem), "%s: %s", path, strerror(errno));
        return -1;
    }
    while (result == 0 && fgets(line, sizeof(line), file) != NULL) {
        struct kernel_tcp *more;

        if (!kernel_tcp_parse(line, &row) || !is_its(inodes, &row))
            continue;
        more = reallocarray(sockets->list, sockets->count + 1, sizeof(*more));
        if (more == NULL) {
            snprintf(sockets->problem, sizeof(sockets->problem), "no memory");
            result = -1;
            break;
        }
        sockets->list = more;
        sockets->list[sockets->count++] = row;
    }
    fclose(file);
    return result;
}

static int compare_rows(const void *a, const void *b)
{
    const struct kernel_tcp *one = a, *two = b;

    return compare_inodes(&one->inode, &two->inode);
}

static void drop_doubles(struct kernel_sockets *sockets)
{
    size_t kept = 0;

    if (sockets->count > 0)
        qsort(sockets->list, sockets->count, sizeof(*sockets->list), compare_rows);
    for (size_t i = 0; i < sockets->count; i++)
        if (kept == 0 || sockets->list[kept - 1].inode != sockets->list[i].inode)
            sockets->list[kept++] = sockets->list[i];
    sockets->count = kept;
}

/* The kernel hands a table over a page at a time and finds its place again by counting: a socket that comes or goes meanwhile
 * lets another be told twice or not at all. So all is read twice, and each socket taken once. */
static int read_tables(struct kernel_sockets *sockets, const struct inodes *inodes, long pid)
{
    for (int i = 0; i < 2; i++)
        if (read_table(sockets, inodes, pid, "tcp") != 0 || read_table(sockets, inodes, pid, "tcp6") != 0)
            return -1;
    drop_doubles(sockets);
    return 0;
}

int kernel_sockets_read(struct kernel_sockets *sockets, long pid)
{
    struct inodes inodes = {0};
    int result = 0;

    *sockets = (struct kernel_sockets){0};
    if (read_inodes(&inodes, pid) != 0 && read_user(&inodes, pid) != 0) {
        snprintf(sockets->problem, sizeof(sockets->problem), "/proc/%ld/status: %s", pid, strerror(errno));
        result = -1;
    }
    sockets->is_by_user = inodes.is_user;
    if (result == 0)
        result = read_tables(sockets, &inodes, pid);
    free(inodes.list);
    return result;
}

void kernel_sockets_fini(struct kernel_sockets *sockets)
{
    free(sockets->list);
    *sockets = (struct kernel_sockets){0};
}
