/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated server's web site, HTTP/1.1 (RFC 9112) with keep-alive, enough to try a front door with:
 *
 *   /                      a page                      /logon     GET the form, POST user=...: text in a 200, two cookies with
 * braces /alarms?wait=S         long poll                   /upload    POST or PUT: length and CRC-32 of the body /large?bytes=N
 * byte i is i mod 251         /echo      the head of the request, as it came
 *
 * HEAD works everywhere; request bodies may be chunked; everything else is 404.
 */
#ifndef GEOSIM_WEB_H
#define GEOSIM_WEB_H

#include "test/sim/listener.h"

#include <stdint.h>

struct web_visit;

struct web {
    struct loop *loop;
    struct listener listener;
    struct web_visit *visits;
    uint64_t connections, requests, bad_requests;
};

/** Open the site at `at` (updated when its port is 0). Returns 0, or -1 with errno. */
int web_open(struct web *w, struct loop *loop, struct address *at);

/** Close the listener and free the visits, after conn_close_all(). An all-zero site is allowed. */
void web_fini(struct web *w);

#endif
