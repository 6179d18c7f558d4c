/* SPDX-License-Identifier: Apache-2.0 */
/**
 * epoll, level-triggered, with as few system calls as its user lets it: interest is changed only when it differs.
 *
 * A `watch` is a socket and the interest in it, and is a member of whatever owns the socket. Try to read or write
 * first and say poller_want() only after EAGAIN.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define POLLER_BATCH 256

struct watch {
    int fd;          /* -1: none */
    uint32_t wanted; /* EPOLLIN, EPOLLOUT, EPOLLRDHUP; 0: the poller does not know it */
};

struct poller {
    int fd;
    int count; /* of the batch in hand */
    int next;
    struct epoll_event batch[POLLER_BATCH];
};

/** Returns 0, or -1 with errno. */
int poller_init(struct poller *p);
void poller_fini(struct poller *p);

/** Makes `w` a socket that the poller does not know yet. Takes `fd`. */
void watch_init(struct watch *w, int fd);

/**
 * Sets the interest (not 0). Borrows `w` until watch_close(). No system call when nothing changes.
 * Returns 0, or -1 with errno.
 */
int poller_want(struct poller *p, struct watch *w, uint32_t events);

/** Closes the socket and drops events of `w` that are still in the batch, so its owner may be freed. May be called again. */
void watch_close(struct poller *p, struct watch *w);

/** Waits for events at most `timeout_ms` (-1: for ever). Returns 0, or -1 with errno (a signal is no fault). */
int poller_wait(struct poller *p, int timeout_ms);

/** The next event of the batch and what happened, or NULL at its end. */
struct watch *poller_next(struct poller *p, uint32_t *events);
