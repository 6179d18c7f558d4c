/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command line of geosim says. One table holds every option of both commands; --help is printed from it.
 */
#ifndef GEOSIM_OPTIONS_H
#define GEOSIM_OPTIONS_H

#include "test/sim/address.h"

#define RATE_MAX 1e12 /* "max": as quickly as it goes */

enum command { COMMAND_SERVER = 1, COMMAND_CLIENT = 2 };
enum announce { ANNOUNCE_U16BE = 0, ANNOUNCE_U16LE, ANNOUNCE_TEXT };
enum dial_to { DIAL_PEER = 0, DIAL_ANNOUNCED, DIAL_NONE };

enum misbehave {
    MISBEHAVE_NOT = 0,
    MISBEHAVE_STALL,           /* server: N = requests on a link before it stops reading it; client: as STALL_ADVISE on links */
    MISBEHAVE_HALF_CLOSE,      /* server: FIN after answer N of each link; client: FIN after request N, once per link */
    MISBEHAVE_RESET,           /* server: RST after answer N of each link; client: the same, once per link */
    MISBEHAVE_REFUSE,          /* server: close the listener after S seconds */
    MISBEHAVE_DIAL_WRONG_PORT, /* server: dial port P whatever was announced */
    MISBEHAVE_ADVISE_FLOOD,    /* server: as many alarms as the socket takes, acknowledged or not */
    MISBEHAVE_FIRST_SILENT,    /* server: no byte on the advise before the client's first one */
    MISBEHAVE_STALL_ADVISE,    /* client: stop reading the advise for S seconds after its first alarm, once */
    MISBEHAVE_NO_LISTEN,       /* client: announce a port nobody listens on */
    MISBEHAVE_VANISH,          /* client: after S seconds keep the sockets and do nothing any more */
};

struct options {
    /* both */
    uint64_t alarms, seconds, every, drain_ms;
    const char *report;
    enum misbehave misbehave;
    uint64_t misbehave_arg;
    /* server */
    struct address listen, web, bind_advise;
    uint64_t dial, alarm_bytes, retry_ms, dial_timeout_ms, window;
    double alarms_per_second;
    /* client */
    struct address server, bind, announce_address;
    const char *name;
    uint64_t announce;
    uint64_t links, first_port, last_port, clients, start_rate, requests, request_bytes, answer_bytes, pipeline;
    uint64_t ack_every, connect_timeout_ms, request_timeout_ms, retry_first_ms, retry_last_ms;
    double requests_per_second;
    bool is_modern, same_address, speak_last, no_reconnect, per_client, strict;
};

/**
 * Read the options behind the command's word. Returns 0, 1 when --help was printed,
 * or -1 after a sentence on stderr.
 */
int options_parse(struct options *o, enum command command, int argc, char **argv);

/** Print all options of a command. */
void options_help(enum command command);

#endif
