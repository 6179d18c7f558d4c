/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the socket towards the service manager and what it has not taken yet. The protocol is that of sd_notify(3) and does not
 * need libsystemd: docs/design.md, section 10, says why. Main thread.
 */
#include "proxy/app/notify.h"

#include "proxy/base/log.h"
#include "proxy/net/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Until a manager that took nothing is tried again. */
#define AGAIN_MS 100

static struct notify {
    int fd; /* -1: nobody is told */
    struct sockaddr_un to;
    socklen_t to_len;
    struct loop *loop; /* NULL: nothing is tried again */
    struct deadline again;
    char unsent[NOTIFY_BYTES];
    size_t used;
    bool has_failed; /* and was told in the log */
} notify = {.fd = -1};

/* "/path" or "@name"; for the latter the first byte is zero and the length tells where the name ends (unix(7)). */
static bool take_name(const char *name)
{
    size_t length = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof(notify.to.sun_path))
        return false;
    notify.to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(notify.to.sun_path, name, length);
    if (name[0] == '@')
        notify.to.sun_path[0] = '\0';
    notify.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
    return true;
}

void notify_open(void)
{
    const char *name = getenv("NOTIFY_SOCKET");

    notify_close();
    if (name == NULL)
        return;
    if (!take_name(name))
        fprintf(stderr,
                "georelay: NOTIFY_SOCKET is \"%s\", which is neither a path nor @NAME of at most %zu bytes; the service manager "
                "is told nothing. Remove it from the environment, or mend it.\n",
                name, sizeof(notify.to.sun_path) - 1);
    else if ((notify.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
        fprintf(stderr,
                "georelay: no socket to tell the service manager that georelay is ready: %s. Is AF_UNIX in the unit's "
                "RestrictAddressFamilies=?\n",
                strerror(errno));
    unsetenv("NOTIFY_SOCKET");
}

/* Once: a manager that is gone is gone for long. */
static void log_failed(int error)
{
    struct log_line l;

    if (notify.has_failed || !log_begin(&l, LOG_LEVEL_WARN, "notify_failed"))
        return;
    notify.has_failed = true;
    log_text(&l, "error", strerror(error));
    log_text(&l, "remedy", "the service manager does not take what it is told: see NotifyAccess= and Type= of the unit");
    log_end(&l);
}

static void flush(void)
{
    ssize_t sent =
        sendto(notify.fd, notify.unsent, notify.used, MSG_NOSIGNAL, (const struct sockaddr *)&notify.to, notify.to_len);

    if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) {
        if (notify.loop != NULL)
            deadline_set(&notify.again, AGAIN_MS);
        return;
    }
    if (sent < 0)
        log_failed(errno);
    notify.used = 0;
}

static void try_again(void *arg)
{
    (void)arg;
    flush();
}

void notify_start(struct loop *loop)
{
    if (notify.fd < 0)
        return;
    notify.loop = loop;
    deadline_init(&notify.again, loop, try_again, NULL);
    if (notify.used > 0)
        flush();
}

/* Several texts may go in one datagram; of a key that is there twice the manager takes the last. */
void notify_say(const char *format, ...)
{
    size_t from = notify.used > 0 ? notify.used + 1 : 0;
    size_t room = sizeof(notify.unsent) - from;
    va_list args;
    int length;

    if (notify.fd < 0)
        return;
    va_start(args, format);
    length = vsnprintf(notify.unsent + from, room, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= room)
        return;
    if (from > 0)
        notify.unsent[from - 1] = '\n';
    notify.used = from + (size_t)length;
    flush();
}

bool notify_is_on(void)
{
    return notify.fd >= 0;
}

void notify_stop(void)
{
    if (notify.loop != NULL)
        deadline_clear(&notify.again);
    notify.loop = NULL;
}

void notify_close(void)
{
    notify_stop();
    if (notify.fd >= 0)
        close(notify.fd);
    notify = (struct notify){.fd = -1};
}
