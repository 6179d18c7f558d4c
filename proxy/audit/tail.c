/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the last bytes of a file, read backwards by one look. */
#include "proxy/audit/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for the last line and for what a power loss left: one batch of the writer (proxy/audit/audit_file.c) and a line. */
#define LOOK_BYTES ((size_t)256 * 1024)

static int read_all(int fd, char *bytes, size_t length, off_t at)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = pread(fd, bytes + done, length - done, at + (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

/* The piece behind the last newline. Returns where the whole lines end. */
static size_t look_at_torn(const char *bytes, size_t length, struct tail *ret)
{
    const char *last = memrchr(bytes, '\n', length);
    size_t whole = last != NULL ? (size_t)(last - bytes) + 1 : 0;

    ret->torn = length - whole;
    if (ret->torn > 0 && !digest_sha256(bytes + whole, ret->torn, ret->torn_hash))
        ret->torn_hash[0] = '\0';
    return whole;
}

static void look_at_line(const char *bytes, size_t whole, const struct audit_key *key, struct tail *ret)
{
    const char *before = whole > 1 ? memrchr(bytes, '\n', whole - 1) : NULL;
    const char *line = before != NULL ? before + 1 : bytes;
    struct chain_line parts;

    if (whole == 0 || !chain_read(line, (size_t)(bytes + whole - 1 - line), &parts))
        return;
    ret->has_line = true;
    ret->is_genuine = chain_is_genuine(line, &parts, key);
    ret->place.seq = parts.seq;
    memcpy(ret->place.hash, parts.hash, sizeof(parts.hash));
}

static int look(int fd, const struct audit_key *key, struct tail *ret)
{
    size_t length = ret->size > (int64_t)LOOK_BYTES ? LOOK_BYTES : (size_t)ret->size;
    char *bytes = malloc(length + 1);
    int result = bytes != NULL ? read_all(fd, bytes, length, (off_t)(ret->size - (int64_t)length)) : -1;

    if (result == 0)
        look_at_line(bytes, look_at_torn(bytes, length, ret), key, ret);
    free(bytes);
    return result;
}

int tail_read(const char *path, const struct audit_key *key, struct tail *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    int result = -1, error;

    *ret = (struct tail){0};
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0) {
        ret->size = (int64_t)st.st_size;
        errno = EINVAL;
        result = S_ISREG(st.st_mode) ? look(fd, key, ret) : -1;
    }
    error = errno;
    close(fd);
    errno = error;
    return result;
}
