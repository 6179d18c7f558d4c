/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What bench_load shall do: its command line, and the table of cases.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define LOAD_ENDLESS UINT64_C(1000000000000) /* bytes of a bulk body that nobody waits for */

enum load_talk { LOAD_GET = 0, LOAD_PUT, LOAD_PING };

/** How connections and units belong together. */
enum load_life {
    LOAD_ONE_SHOT = 0, /* a connection is one unit; after it the next connection */
    LOAD_KEPT,         /* a connection makes one unit after the other */
    LOAD_BULK,         /* a connection is one long body; units are its bytes */
    LOAD_HELD,         /* a connection makes one unit and is then held open */
};

struct load_case {
    const char *name;
    const char *unit;
    enum load_talk talk;
    enum load_life life;
    bool resumes; /* with the TLS ticket of an earlier connection */
};

struct load_options {
    struct load_case what;
    struct sockaddr_in to;
    unsigned connections;
    double seconds;
    double warm_up_s;
    uint64_t bytes;   /* of a body or ping */
    unsigned sources; /* client addresses 127.1.0.1 and on; 0: the kernel chooses */
    bool checks;      /* every byte, and with TLS chain and name */
    bool is_tls;
    int tls_least; /* TLS1_3_VERSION or TLS1_2_VERSION */
    int tls_most;
    const char *ca; /* PEM file; borrowed from argv, as the next two */
    const char *name;
    const char *pids;
};

/** Returns 0, or -1 with a sentence on stderr. */
int load_options_read(struct load_options *o, int argc, char **argv);
