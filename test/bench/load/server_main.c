/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_server --http IP:PORT --echo IP:PORT: listens, says "ready", answers until SIGTERM.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "test/bench/load/pattern.h"
#include "test/bench/load/server.h"
#include "test/bench/load/tcp.h"

#define ACCEPTS_PER_TURN 64

uint8_t server_scratch[SERVER_PIECE];

struct listener {
    struct peer peer; /* first */
    peer_new_fn new_peer;
};

void server_want(struct server *s, struct peer *p, uint32_t events)
{
    if (poller_want(&s->poller, &p->watch, events) == 0)
        return;
    fprintf(stderr, "bench_server cannot watch a socket: %s\n", strerror(errno));
    exit(1);
}

static void listener_run(struct server *s, struct peer *p, uint32_t events)
{
    struct listener *l = (struct listener *)p;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = tcp_accept(p->watch.fd);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
            fprintf(stderr, "bench_server has no descriptor for one more connection: %s\n", strerror(errno));
            exit(1);
        }
        if (fd < 0)
            return; /* none waits, or one that was reset meanwhile */
        struct peer *accepted = l->new_peer(fd);
        if (accepted == NULL)
            close(fd);
        else
            server_want(s, accepted, EPOLLIN);
    }
}

static void stop_run(struct server *s, struct peer *p, uint32_t events)
{
    (void)p;
    (void)events;
    s->is_over = true;
}

static int watch_signals(struct server *s, struct peer *p)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    watch_init(&p->watch, signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    p->run = stop_run;
    return p->watch.fd < 0 ? -1 : poller_want(&s->poller, &p->watch, EPOLLIN);
}

static int open_listener(struct server *s, struct listener *l, const char *text, peer_new_fn new_peer)
{
    struct sockaddr_in at;

    if (tcp_parse(&at, text) != 0) {
        fprintf(stderr, "\"%s\" is not an address such as 127.0.0.1:8080\n", text);
        return -1;
    }
    watch_init(&l->peer.watch, tcp_listen(&at));
    l->peer.run = listener_run;
    l->new_peer = new_peer;
    if (l->peer.watch.fd < 0 || poller_want(&s->poller, &l->peer.watch, EPOLLIN) != 0) {
        fprintf(stderr, "bench_server cannot listen on %s: %s\n", text, strerror(errno));
        return -1;
    }
    return 0;
}

static int serve(struct server *s)
{
    while (!s->is_over) {
        struct watch *w;
        uint32_t events;

        if (poller_wait(&s->poller, -1) != 0) {
            fprintf(stderr, "bench_server cannot wait for events: %s\n", strerror(errno));
            return 1;
        }
        while ((w = poller_next(&s->poller, &events)) != NULL) {
            struct peer *p = (struct peer *)w;

            p->run(s, p, events);
        }
    }
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "bench_server [--http IP:PORT] [--echo IP:PORT]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"http", required_argument, NULL, 'h'}, {"echo", required_argument, NULL, 'e'}, {0}};
    static struct server server;
    static struct listener listeners[2];
    static struct peer stop;
    const char *http = NULL;
    const char *echo = NULL;

    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'h')
            http = optarg;
        else if (o == 'e')
            echo = optarg;
        else
            return usage();
    }
    if (optind != argc || (http == NULL && echo == NULL))
        return usage();
    tcp_raise_limit();
    pattern_init();
    if (poller_init(&server.poller) != 0 || watch_signals(&server, &stop) != 0) {
        fprintf(stderr, "bench_server cannot make its event loop: %s\n", strerror(errno));
        return 1;
    }
    if (http != NULL && open_listener(&server, &listeners[0], http, http_peer_new) != 0)
        return 1;
    if (echo != NULL && open_listener(&server, &listeners[1], echo, echo_peer_new) != 0)
        return 1;
    printf("ready\n");
    fflush(stdout);
    return serve(&server);
}
