/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line of bench_load.
 */
#include "test/bench/load/load_options.h"

#include <getopt.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/bench/load/tcp.h"

static const struct load_case cases[] = {
    {"handshake", "handshake", LOAD_GET, LOAD_ONE_SHOT, false},
    {"resumed", "handshake", LOAD_GET, LOAD_ONE_SHOT, true},
    {"requests", "request", LOAD_GET, LOAD_KEPT, false},
    {"download", "byte", LOAD_GET, LOAD_BULK, false},
    {"upload", "byte", LOAD_PUT, LOAD_BULK, false},
    {"pingpong", "ping", LOAD_PING, LOAD_KEPT, false},
    {"connect", "connection", LOAD_PING, LOAD_ONE_SHOT, false},
    {"idle", "connection", LOAD_GET, LOAD_HELD, false},
};

static const char usage[] =
    "bench_load --to IP:PORT --case CASE [options]; prints one JSON line\n"
    "  --case CASE         handshake   connect, TLS handshake if any, GET /b/BYTES, end\n"
    "                      resumed     the same with the ticket of an earlier connection\n"
    "                      requests    GET /b/BYTES again and again on kept connections\n"
    "                      download    endless bodies, counted and dropped (with TLS: as ciphertext)\n"
    "                      upload      endless bodies\n"
    "                      pingpong    BYTES to the echo port and back, again and again\n"
    "                      connect     connect, one ping of BYTES, end\n"
    "                      idle        open all, one GET each, say \"holding\", wait for a line on stdin, end\n"
    "  --connections N     under way at any time (1)\n"
    "  --seconds S         measured (5), after --warm-up S (1)\n"
    "  --bytes N           of a body or ping (64)\n"
    "  --ping              idle: a ping to the echo port instead of the GET\n"
    "  --sources COUNT     clients come from 127.1.0.1 and on, COUNT addresses\n"
    "  --pids A,B,C        processes whose CPU time is told\n"
    "  --tls               TLS 1.3; --min-1.2 offers 1.2 too, --max-1.2 only 1.2; --name HOST (bench) for SNI and Host\n"
    "  --check             compares every byte; with --tls also chain and name, for which --ca FILE is needed;\n"
    "                      download and upload end after BYTES bytes on each connection\n";

enum { OPTION_PING = 256, OPTION_TLS, OPTION_LEAST, OPTION_MOST, OPTION_CHECK };

static const struct option long_options[] = {
    {"to", required_argument, NULL, 't'},          {"case", required_argument, NULL, 'c'},
    {"connections", required_argument, NULL, 'n'}, {"seconds", required_argument, NULL, 's'},
    {"warm-up", required_argument, NULL, 'w'},     {"bytes", required_argument, NULL, 'b'},
    {"sources", required_argument, NULL, 'o'},     {"pids", required_argument, NULL, 'p'},
    {"ca", required_argument, NULL, 'a'},          {"name", required_argument, NULL, 'm'},
    {"ping", no_argument, NULL, OPTION_PING},      {"tls", no_argument, NULL, OPTION_TLS},
    {"min-1.2", no_argument, NULL, OPTION_LEAST},  {"max-1.2", no_argument, NULL, OPTION_MOST},
    {"check", no_argument, NULL, OPTION_CHECK},    {0},
};

static int find_case(struct load_case *c, const char *name)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp(cases[i].name, name) == 0) {
            *c = cases[i];
            return 0;
        }
    }
    return -1;
}

static int read_number(uint64_t *number, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n < least || n > most)
        return -1;
    *number = n;
    return 0;
}

static int read_unsigned(unsigned *number, const char *text, unsigned least, unsigned most)
{
    uint64_t n;

    if (read_number(&n, text, least, most) != 0)
        return -1;
    *number = (unsigned)n;
    return 0;
}

static int read_seconds(double *seconds, const char *text)
{
    char *end;
    double s = strtod(text, &end);

    if (end == text || *end != '\0' || !(s >= 0 && s <= 3600))
        return -1;
    *seconds = s;
    return 0;
}

/** Takes one option. Returns 0, or -1 when its value is of no use. */
static int take_option(struct load_options *o, int option)
{
    switch (option) {
    case 't':
        return tcp_parse(&o->to, optarg);
    case 'c':
        return find_case(&o->what, optarg);
    case 'n':
        return read_unsigned(&o->connections, optarg, 1, 50000);
    case 's':
        return read_seconds(&o->seconds, optarg);
    case 'w':
        return read_seconds(&o->warm_up_s, optarg);
    case 'b':
        return read_number(&o->bytes, optarg, 1, LOAD_ENDLESS);
    case 'o':
        return read_unsigned(&o->sources, optarg, 0, 60000);
    case 'p':
        o->pids = optarg;
        return 0;
    case 'a':
        o->ca = optarg;
        return 0;
    case 'm':
        o->name = optarg;
        return 0;
    case OPTION_TLS:
        o->is_tls = true;
        return 0;
    case OPTION_LEAST:
        o->tls_least = TLS1_2_VERSION;
        return 0;
    case OPTION_MOST:
        o->tls_least = o->tls_most = TLS1_2_VERSION;
        return 0;
    case OPTION_CHECK:
        o->checks = true;
        return 0;
    default:
        return -1;
    }
}

static const char *fault_of(const struct load_options *o)
{
    if (o->what.name == NULL)
        return "--case is missing.";
    if (o->to.sin_port == 0)
        return "--to is missing.";
    if (o->what.resumes && !o->is_tls)
        return "--case resumed needs --tls.";
    if (o->is_tls && o->checks && o->ca == NULL)
        return "--check with --tls needs --ca FILE.";
    return NULL;
}

int load_options_read(struct load_options *o, int argc, char **argv)
{
    bool is_ping = false;
    int index;

    *o = (struct load_options){.connections = 1, .seconds = 5, .warm_up_s = 1, .bytes = 64, .name = "bench"};
    o->tls_least = o->tls_most = TLS1_3_VERSION;
    for (int option; (option = getopt_long(argc, argv, "", long_options, &index)) != -1;) {
        if (option == OPTION_PING) {
            is_ping = true;
        } else if (option == '?') {
            fputs(usage, stderr);
            return -1;
        } else if (take_option(o, option) != 0) {
            fprintf(stderr, "--%s %s is of no use.\n%s", long_options[index].name, optarg == NULL ? "" : optarg, usage);
            return -1;
        }
    }
    const char *fault = optind == argc ? fault_of(o) : "There is a word too many.";
    if (fault != NULL) {
        fprintf(stderr, "%s\n%s", fault, usage);
        return -1;
    }
    if (is_ping && o->what.life == LOAD_HELD)
        o->what.talk = LOAD_PING;
    return 0;
}
