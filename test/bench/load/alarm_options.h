/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The command line of bench_alarm.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum alarm_case { ALARM_LATENCY = 0, ALARM_BULK, ALARM_MESSAGES };

/** How many advises there may be: two descriptors each, and the source ports of one address. */
#define ALARM_ADVISES_MAX 20000

struct alarm_options {
    enum alarm_case what;
    struct sockaddr_in client;      /* where the client listens for advises; its address is also the link's source */
    struct sockaddr_in link;        /* where the client opens its link; sin_family 0: there is none */
    struct sockaddr_in link_server; /* where the server takes the link; the server dials from this address */
    struct sockaddr_in dial;        /* where the server dials when there is no link */
    unsigned advises;
    unsigned outstanding; /* "alarms": messages under way at any time */
    uint64_t check_bytes; /* "bulk": compare this many per advise, then end; 0: count only */
    unsigned pause_ms;    /* "latency": between the end of an advise and the next */
    double seconds;
    double warm_up_s;
    const char *pids; /* of argv; may be NULL */
};

/** Reads argv. Returns 0, or -1 with a sentence on stderr. */
int alarm_options_parse(int argc, char **argv, struct alarm_options *ret);
