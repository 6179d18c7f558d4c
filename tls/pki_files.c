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
    files->remedy = "move it away first, or choose another name";
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
static int write_temporary(struct pki_file *f, const struct passwd *user, mode_t mode, const void *bytes, size_t size)
{
    int fd = mkostemp(f->temporary, O_CLOEXEC);
    if (fd < 0) {
        f->temporary[0] = '\0';
        return -1;
    }
    int result = user == NULL ? 0 : fchown(fd, user->pw_uid, user->pw_gid);
    if (result == 0)
        result = write_all(fd, bytes, size) == 0 && fchmod(fd, mode) == 0 && fsync(fd) == 0 ? 0 : -1;
    if (close(fd) != 0)
        result = -1;
    return result;
}

int pki_files_add(struct pki_files *files, const char *stem, const char *suffix, mode_t mode, const void *bytes, size_t size)
{
    assert(files->count < PKI_FILES_MAX);
    struct pki_file *f = &files->file[files->count];
    int a = snprintf(f->path, sizeof(f->path), "%s/%s%s", files->folder, stem, suffix);
    int b = snprintf(f->temporary, sizeof(f->temporary), "%s/.new.XXXXXX", files->folder);
    if (a < 0 || b < 0 || (size_t)a >= sizeof(f->path) || (size_t)b >= sizeof(f->temporary)) {
        fprintf(files->err, "the path of the folder %s is too long; choose a shorter one\n", files->folder);
        return -1;
    }
    files->count++;
    if (write_temporary(f, files->user, mode, bytes, size) != 0) {
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

/** Takes the names away again, and puts back what was there before. */
static void undo(struct pki_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct pki_file *f = &files->file[i];
        if (f->backup[0] != '\0' && rename(f->backup, f->path) == 0)
            f->backup[0] = '\0';
        else if (f->is_linked)
            unlink(f->path);
        f->is_linked = 0;
    }
}

/** Takes the old file's place, and keeps that one under another name. */
static int replace(struct pki_files *files, struct pki_file *f)
{
    if ((size_t)snprintf(f->backup, sizeof(f->backup), "%s/.old.%ld.%zu", files->folder, (long)getpid(),
                         (size_t)(f - files->file)) >= sizeof(f->backup))
        return -1;
    if (link(f->path, f->backup) != 0) {
        f->backup[0] = '\0';
        if (errno != ENOENT)
            return -1;
    }
    if (rename(f->temporary, f->path) != 0)
        return -1;
    f->temporary[0] = '\0';
    return 0;
}

static int place(struct pki_files *files, struct pki_file *f)
{
    if ((files->may_replace ? replace(files, f) : link(f->temporary, f->path)) == 0) {
        f->is_linked = 1;
        return 0;
    }
    if (errno == EEXIST)
        fprintf(files->err, "%s exists already and is never overwritten; %s\n", f->path, files->remedy);
    else
        fprintf(files->err, "%s can't be made: %s; take a folder on a file system with hard links\n", f->path, strerror(errno));
    return -1;
}

int pki_files_commit(struct pki_files *files)
{
    int result = 0;
    for (size_t i = 0; i < files->count && result == 0; i++)
        result = place(files, &files->file[i]);
    if (result == 0 && sync_folder(files->folder) != 0) {
        fprintf(files->err, "the folder %s can't be synced: %s; look at the disk's health\n", files->folder, strerror(errno));
        result = -1;
    }
    if (result != 0)
        undo(files);
    return result;
}

void pki_files_fini(struct pki_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct pki_file *f = &files->file[i];
        if (f->temporary[0] != '\0')
            unlink(f->temporary);
        if (f->backup[0] != '\0')
            unlink(f->backup);
    }
    files->count = 0;
}

int pki_files_replace(const char *folder, const char *name, mode_t mode, const void *bytes, size_t size, FILE *err)
{
    struct pki_files files;
    int result;
    pki_files_init(&files, folder, err);
    result = pki_files_add(&files, name, "", mode, bytes, size);
    if (result == 0 && rename(files.file[0].temporary, files.file[0].path) != 0) {
        fprintf(err, "%s can't be replaced: %s\n", files.file[0].path, strerror(errno));
        result = -1;
    } else if (result == 0) {
        files.file[0].temporary[0] = '\0';
        if (sync_folder(folder) != 0) {
            fprintf(err, "the folder %s can't be synced: %s; look at the disk's health\n", folder, strerror(errno));
            result = -1;
        }
    }
    pki_files_fini(&files);
    return result;
}
