/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the child for the length of a call. */
#include "proxy/app/child.h"

#include "proxy/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The exit status that means: no such program. No program that we run uses it. */
#define ABSENT 127

static void become(const char *const *arguments, int out)
{
    static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
    char *const environment[] = {(char *)(uintptr_t) "LC_ALL=C", NULL};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    char path[256];

    dup2(nothing, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folders[i], arguments[0]);
        execve(path, (char *const *)(uintptr_t)arguments, environment);
    }
    _exit(ABSENT);
}

/* All that is said until the end; false if it took too long or was too much. */
static bool listen_to(int fd, char *text, size_t *length)
{
    uint64_t until_ms = clock_ms() + CHILD_MS;

    for (*length = 0; *length < CHILD_BYTES;) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        uint64_t now_ms = clock_ms();
        ssize_t n;

        if (now_ms >= until_ms || poll(&one, 1, (int)(until_ms - now_ms)) <= 0)
            return false;
        n = read(fd, text + *length, CHILD_BYTES - *length);
        if (n <= 0)
            return n == 0;
        *length += (size_t)n;
    }
    return false;
}

/* Starts the program; its standard output can be read from `ret_fd`. -1 with errno. */
static pid_t start(const char *const *arguments, int *ret_fd)
{
    int ends[2], error;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    child = fork();
    if (child == 0)
        become(arguments, ends[1]);
    error = errno;
    close(ends[1]);
    if (child < 0)
        close(ends[0]);
    errno = error;
    *ret_fd = ends[0];
    return child;
}

static enum child_end wait_for(pid_t child, bool is_whole)
{
    int status;

    if (!is_whole)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) != child)
        if (errno != EINTR)
            return CHILD_FAILED;
    if (!is_whole)
        return CHILD_ENDLESS;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return WIFEXITED(status) && WEXITSTATUS(status) == ABSENT ? CHILD_ABSENT : CHILD_FAILED;
    return CHILD_DONE;
}

static enum child_end run(const char *const *arguments, char *text)
{
    size_t length;
    bool is_whole;
    int fd;
    pid_t child = start(arguments, &fd);

    if (child < 0)
        return CHILD_UNMADE;
    is_whole = listen_to(fd, text, &length);
    close(fd);
    text[length] = '\0';
    return wait_for(child, is_whole);
}

char *child_read(const char *const *arguments, enum child_end *ret_end)
{
    char *text = malloc(CHILD_BYTES + 1);
    enum child_end end = text != NULL ? run(arguments, text) : CHILD_UNMADE;

    if (ret_end != NULL)
        *ret_end = end;
    if (end == CHILD_DONE)
        return text;
    free(text);
    return NULL;
}
