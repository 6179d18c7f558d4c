/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the writing of keys and certificates into a folder. Main thread of a short-lived command. */
#include "tls/pki_files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void pki_files_init(struct pki_files *files, const char *folder, FILE *err)
{
    memset(files, 0, sizeof(*files));
    files->folder = folder;
    files->err = err;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

/** A temporary file has the mode 0600 that mkostemp() gives until all of it is there. */
static int write_temporary(struct pki_file *f, mode_t mode, const void *bytes, size_t size)
{
    int fd = mkostemp(f->temporary, O_CLOEXEC);
    if (fd < 0) {
        f->temporary[0] = '\0';
        return -1;
    }
    int result = write_all(fd, bytes, size) == 0 && fchmod(fd, mode) == 0 && fsync(fd) == 0 ? 0 : -1;
    if (close(fd) != 0)
        result = -1;
    return result;
}

int pki_files_add(struct pki_files *files, const char *stem, const char *suffix, mode_t mode, const void *bytes, size_t size)
{
    assert(files->count < PKI_FILES_MAX);
    struct pki_file *f = &files->file[files->count];
    int a = snprintf(f->path, sizeof(f->path), "%s/%s%s", files->folder, stem, suffix);
    int b = snprintf(f->temporary, sizeof(f->temporary), "%s/.%s%s.XXXXXX", files->folder, stem, suffix);
    if (a < 0 || b < 0 || (size_t)b >= sizeof(f->temporary)) {
        fprintf(files->err, "the path of the folder %s is too long; choose a shorter one\n", files->folder);
        return -1;
    }
    files->count++;
    if (write_temporary(f, mode, bytes, size) != 0) {
        fprintf(files->err, "%s can't be written: %s; the folder must exist, have room and be yours to write\n", f->path,
                strerror(errno));
        return -1;
    }
    return 0;
}

/** The names are on the disk only when the folder is. */
static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = fsync(fd);
    close(fd);
    return result;
}

static void unlink_all(struct pki_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->file[i].is_linked)
            unlink(files->file[i].path);
        files->file[i].is_linked = 0;
    }
}

int pki_files_commit(struct pki_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct pki_file *f = &files->file[i];
        if (link(f->temporary, f->path) != 0) {
            if (errno == EEXIST)
                fprintf(files->err, "%s exists already and is never overwritten; move it away first, or choose another name\n",
                        f->path);
            else
                fprintf(files->err, "%s can't be made: %s; take a folder on a file system with hard links\n", f->path,
                        strerror(errno));
            unlink_all(files);
            return -1;
        }
        f->is_linked = 1;
    }
    if (sync_folder(files->folder) != 0) {
        fprintf(files->err, "the folder %s can't be synced: %s; look at the disk's health\n", files->folder, strerror(errno));
        unlink_all(files);
        return -1;
    }
    return 0;
}

void pki_files_fini(struct pki_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        if (files->file[i].temporary[0] != '\0')
            unlink(files->file[i].temporary);
    files->count = 0;
}
