/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_pump --listen IP:PORT --to IP:PORT
 *
 * The floor under raw bulk: accepts, connects, splices both ways, and nothing else. No limits, no timeouts, no log.
 * Edge-triggered: each socket is told to epoll once, and each event moves all that can be moved.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/bench/load/tcp.h"

#define PIPE_BYTES ((size_t)1 << 20)
#define BATCH      64

enum { FRONT = 0, BACK = 1 };

struct way {
    int from;
    int to;
    int pipe[2];
    size_t held; /* bytes in the pipe */
    bool has_ended;
    bool is_shut;
};

struct pair {
    int fds[2]; /* FRONT, BACK */
    struct way ways[2];
    struct pair *next_dead;
    bool is_dead;
};

struct pump {
    int epoll;
    int listener;
    struct sockaddr_in to;
    struct pair *dead; /* freed when no event of this batch can name them */
};

static int way_open(struct way *w, int from, int to)
{
    w->from = from;
    w->to = to;
    if (pipe2(w->pipe, O_CLOEXEC | O_NONBLOCK) == -1)
        return -1;
    (void)fcntl(w->pipe[1], F_SETPIPE_SZ, (int)PIPE_BYTES); /* smaller is slower, no more */
    return 0;
}

/* Returns how many bytes came in or went out, or -1 when the way is broken. */
static ssize_t way_step(struct way *w)
{
    ssize_t in = 0;
    ssize_t out = 0;

    if (!w->has_ended && w->held == 0) {
        in = splice(w->from, NULL, w->pipe[1], NULL, PIPE_BYTES, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        if (in == -1 && errno != EAGAIN)
            return -1;
        w->has_ended = in == 0;
        in = in > 0 ? in : 0;
        w->held += (size_t)in;
    }
    if (w->held > 0) {
        out = splice(w->pipe[0], NULL, w->to, NULL, w->held, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        if (out == -1 && errno != EAGAIN)
            return -1;
        out = out > 0 ? out : 0;
        w->held -= (size_t)out;
    }
    return in + out;
}

/* Returns 0, or -1 when the way is broken. */
static int way_run(struct way *w)
{
    ssize_t moved;

    do {
        moved = way_step(w);
    } while (moved > 0);
    if (moved == -1)
        return -1;
    if (w->has_ended && w->held == 0 && !w->is_shut) {
        w->is_shut = true;
        (void)shutdown(w->to, SHUT_WR); /* the other end may be gone already */
    }
    return 0;
}

static void pair_close(struct pair *p)
{
    for (int side = FRONT; side <= BACK; side++) {
        for (int end = 0; end < 2; end++) {
            if (p->ways[side].pipe[end] != -1)
                close(p->ways[side].pipe[end]);
        }
        if (p->fds[side] != -1)
            close(p->fds[side]);
    }
}

static void pair_run(struct pump *pump, struct pair *p)
{
    if (p->is_dead)
        return;
    bool is_broken = way_run(&p->ways[FRONT]) == -1 || way_run(&p->ways[BACK]) == -1;
    if (is_broken || (p->ways[FRONT].is_shut && p->ways[BACK].is_shut)) {
        pair_close(p);
        p->is_dead = true;
        p->next_dead = pump->dead;
        pump->dead = p;
    }
}

static int pair_open(struct pump *pump, struct pair *p, int front)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = p};

    p->fds[FRONT] = front;
    p->fds[BACK] = tcp_dial(&pump->to, NULL, true);
    if (p->fds[BACK] == -1 || way_open(&p->ways[FRONT], front, p->fds[BACK]) == -1 ||
        way_open(&p->ways[BACK], p->fds[BACK], front) == -1)
        return -1;
    for (int side = FRONT; side <= BACK; side++) {
        if (epoll_ctl(pump->epoll, EPOLL_CTL_ADD, p->fds[side], &event) == -1)
            return -1;
    }
    return 0;
}

static void pump_accept(struct pump *pump)
{
    int front = tcp_accept(pump->listener);
    if (front == -1)
        return;
    struct pair *p = calloc(1, sizeof *p);
    if (p == NULL) {
        close(front);
        return;
    }
    p->fds[BACK] = -1;
    for (int side = FRONT; side <= BACK; side++)
        p->ways[side].pipe[0] = p->ways[side].pipe[1] = -1;
    if (pair_open(pump, p, front) == -1) {
        perror("bare_pump: a connection can't be served");
        pair_close(p);
        free(p);
    }
}

static void pump_turn(struct pump *pump)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(pump->epoll, events, BATCH, -1);

    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == pump)
            pump_accept(pump);
        else
            pair_run(pump, events[i].data.ptr);
    }
    while (pump->dead != NULL) {
        struct pair *p = pump->dead;
        pump->dead = p->next_dead;
        free(p);
    }
}

static int pump_open(struct pump *pump, const struct sockaddr_in *at)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = pump};

    pump->epoll = epoll_create1(EPOLL_CLOEXEC);
    pump->listener = tcp_listen(at);
    if (pump->epoll == -1 || pump->listener == -1)
        return -1;
    return epoll_ctl(pump->epoll, EPOLL_CTL_ADD, pump->listener, &event);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'}, {"to", required_argument, NULL, 't'}, {NULL, 0, NULL, 0}};
    struct pump pump = {.epoll = -1, .listener = -1};
    struct sockaddr_in at = {0};
    int option;
    bool is_right = true;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        is_right = (option == 'l' && tcp_parse(&at, optarg) == 0) || (option == 't' && tcp_parse(&pump.to, optarg) == 0)
                       ? is_right
                       : false;
    if (!is_right || at.sin_port == 0 || pump.to.sin_port == 0 || optind != argc) {
        fprintf(stderr, "usage: bare_pump --listen IP:PORT --to IP:PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    tcp_raise_limit();
    if (pump_open(&pump, &at) == -1) {
        perror("bare_pump: can't listen");
        return 1;
    }
    for (;;) /* until a signal ends it */
        pump_turn(&pump);
}
