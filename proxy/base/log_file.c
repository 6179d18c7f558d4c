/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the descriptor of a log's file, and what is done about short writes. */
#include "proxy/base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define STALL_MS 1000 /**< how long a non-blocking pipe may stay full before the rest is given up */

int log_file_open(const char *path)
{
    /* O_NONBLOCK: a FIFO that nobody reads gives an error now, not a hang; it means nothing to files. */
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

void log_file_set(struct log_file *f, int fd)
{
    if (f->fd >= 0 && f->fd != STDERR_FILENO)
        close(f->fd);
    f->fd = fd;
    f->is_torn = false;
}

int64_t log_file_size(const struct log_file *f)
{
    struct stat st;

    return fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

uint64_t log_file_count(const char *bytes, size_t length)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < length; i++)
        lines += bytes[i] == '\n';
    return lines;
}

/** True if the descriptor takes bytes again within `ms`. */
static bool wait_writable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = errno;
    bool is_writable = poll(&p, 1, ms) == 1 && (p.revents & POLLOUT) != 0;

    errno = error;
    return is_writable;
}

/** Returns how many bytes were written before an error (errno), or before a pipe stayed full for `stall_ms`. */
static size_t write_bytes(int fd, const char *bytes, size_t length, int stall_ms)
{
    size_t done = 0;

    while (done < length) {
        ssize_t n = write(fd, bytes + done, length - done);

        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno == EAGAIN && wait_writable(fd, stall_ms))
            continue;
        else if (n == 0 || errno != EINTR)
            break;
    }
    return done;
}

uint64_t log_file_write(struct log_file *f, const char *bytes, size_t length)
{
    size_t done;

    if (length == 0)
        return 0;
    if (f->is_torn && write_bytes(f->fd, "\n", 1, STALL_MS) != 1)
        return log_file_count(bytes, length);
    f->is_torn = false;
    done = write_bytes(f->fd, bytes, length, STALL_MS);
    if (done > 0 && bytes[done - 1] != '\n')
        f->is_torn = true;
    return log_file_count(bytes + done, length - done);
}

void log_file_write_stderr(const char *bytes, size_t length)
{
    (void)write_bytes(STDERR_FILENO, bytes, length, 0);
}
