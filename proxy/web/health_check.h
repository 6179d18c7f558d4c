/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A health check: one question to one server, and whether the answer is that of a server that is well.
 *
 * Dials the host's first address, or has its agent dial (NAME@AGENT), speaks TLS if the upstream has it, sends one GET and reads
 * of the answer what it takes to judge: the head and, if a text is wanted, the first HEALTH_BODY_BYTES of the body without its
 * coding. All of it within the group's timeout. What was said before is not its business: see proxy/web/health.h.
 *
 * Embedded in its owner; one loop's thread, which is the main one's. While nothing is under way it holds no fd, event or chunk.
 */
#pragma once

#include "proxy/net/watch.h"
#include "proxy/session/hosts.h"
#include "proxy/web/flow.h"
#include "proxy/web/rules.h"

/** The wanted text must stand in so many bytes. */
#define HEALTH_BODY_BYTES ((size_t)64 * 1024)

struct health_verdict {
    bool is_good;
    const char *why;       /**< for logs; a reason's name */
    unsigned status;       /**< of the answer; 0: it never had one */
    enum http_fault fault; /**< set where `why` is that of REASON_BAD_RESPONSE */
};

/** May start the next check. */
typedef void health_check_fn(void *arg, const struct health_verdict *verdict);

enum health_step { HEALTH_GREET = 0, HEALTH_ASK, HEALTH_LISTEN, HEALTH_JUDGED };

struct health_check {
    struct loop *loop;
    const struct http_limits *limits; /**< of the answer's head */
    const struct web_upstream *upstream;
    struct known_host *host;
    health_check_fn *done;
    void *arg;

    /* private */
    enum health_step step;
    struct reaching *reaching; /* an agent was asked for the stream */
    struct stream *stream;     /* both NULL: nothing is under way */
    struct flow flow;          /* both ends are `stream`; what was read of the body stays in it */
    struct http_scan scan;
    unsigned interims;
    struct health_verdict verdict;
    struct watch watch;
    struct again again;
    struct deadline deadline;
};

/** All zero before. Everything is borrowed until health_check_stop(). */
void health_check_init(struct health_check *c, struct loop *loop, const struct http_limits *limits,
                       const struct web_upstream *upstream, struct known_host *host, health_check_fn *done, void *arg);

/** Starts one, and asserts that none is under way. `done` is called once, perhaps before this returns. */
void health_check_start(struct health_check *c);

/** What is under way ends without a word. Idempotent. */
void health_check_stop(struct health_check *c);
