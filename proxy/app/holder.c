/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: reads /proc. */
#include "proxy/app/holder.h"

#include "proxy/app/kernel_tcp.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_in_the_way(const struct kernel_tcp *row, const struct address *address)
{
    return row->state == KERNEL_TCP_LISTEN && address_port(&row->local) == address_port(address) &&
           row->local.sa.any.sa_family == address->sa.any.sa_family &&
           (address_is_any(&row->local) || address_is_any(address) || address_same_ip(&row->local, address));
}

static bool find_row(const char *path, const struct address *address, struct kernel_tcp *ret)
{
    FILE *file = fopen(path, "re");
    char line[512];
    bool found = false;

    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
        found = kernel_tcp_parse(line, ret) && is_in_the_way(ret, address);
    if (file != NULL)
        fclose(file);
    return found;
}

static bool has_socket(const char *pid, unsigned long inode)
{
    char path[300], wanted[64], target[64];
    struct dirent *entry;
    bool found = false;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    folder = opendir(path);
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

        target[length > 0 ? length : 0] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    if (folder != NULL)
        closedir(folder);
    return found;
}

/* The program's name may hold anything. */
static void read_program(const char *pid, struct holder *ret)
{
    char path[300];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fgets(ret->program, sizeof(ret->program), file) != NULL) {
        ret->program[strcspn(ret->program, "\n")] = '\0';
        for (char *c = ret->program; *c != '\0'; c++)
            *c = *c >= ' ' && *c <= '~' ? *c : '?';
        ret->pid = strtol(pid, NULL, 10);
    }
    fclose(file);
}

bool holder_find(const struct address *address, struct holder *ret)
{
    struct kernel_tcp row;
    struct dirent *entry;
    DIR *processes;

    *ret = (struct holder){0};
    if (!find_row("/proc/net/tcp", address, &row) && !find_row("/proc/net/tcp6", address, &row))
        return false;
    ret->uid = row.uid;
    processes = opendir("/proc");
    while (processes != NULL && ret->pid == 0 && (entry = readdir(processes)) != NULL)
        if (*entry->d_name >= '1' && *entry->d_name <= '9' && has_socket(entry->d_name, row.inode))
            read_program(entry->d_name, ret);
    if (processes != NULL)
        closedir(processes);
    return true;
}
