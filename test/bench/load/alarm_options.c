/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row per option. Runs before anything is opened.
 */
#include "test/bench/load/alarm_options.h"
#include "test/bench/load/tcp.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: bench_alarm --case latency|bulk|alarms --client IP:PORT [--link IP:PORT --link-server IP:PORT | --dial IP:PORT]\n"
    "                   [--connections N] [--seconds S] [--warm-up S] [--outstanding N] [--pause MS]\n"
    "                   [--check BYTES] [--pids A,B]\n";

static const char *const case_names[] = {"latency", "bulk", "alarms"};

static const struct option table[] = {
    {"case", required_argument, NULL, 'c'},
    {"client", required_argument, NULL, 'l'},
    {"link", required_argument, NULL, 'k'},
    {"link-server", required_argument, NULL, 'v'},
    {"dial", required_argument, NULL, 'd'},
    {"connections", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 's'},
    {"warm-up", required_argument, NULL, 'w'},
    {"outstanding", required_argument, NULL, 'o'},
    {"check", required_argument, NULL, 'b'},
    {"pause", required_argument, NULL, 'u'},
    {"pids", required_argument, NULL, 'p'},
    {NULL, 0, NULL, 0},
};

static int parse_case(const char *text, enum alarm_case *ret)
{
    for (size_t i = 0; i < sizeof case_names / sizeof case_names[0]; i++) {
        if (strcmp(text, case_names[i]) == 0) {
            *ret = (enum alarm_case)i;
            return 0;
        }
    }
    return -1;
}

static int parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *ret)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -1;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end != '\0' || number < low || number > high)
        return -1;
    *ret = number;
    return 0;
}

static int parse_count(const char *text, unsigned low, unsigned high, unsigned *ret)
{
    uint64_t number;

    if (parse_number(text, low, high, &number) != 0)
        return -1;
    *ret = (unsigned)number;
    return 0;
}

static int parse_seconds(const char *text, double *ret)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 3600))
        return -1;
    *ret = seconds;
    return 0;
}

static int parse_option(int option, const char *text, struct alarm_options *o)
{
    switch (option) {
    case 'c':
        return parse_case(text, &o->what);
    case 'l':
        return tcp_parse(&o->client, text);
    case 'k':
        return tcp_parse(&o->link, text);
    case 'v':
        return tcp_parse(&o->link_server, text);
    case 'd':
        return tcp_parse(&o->dial, text);
    case 'n':
        return parse_count(text, 1, ALARM_ADVISES_MAX, &o->advises);
    case 's':
        return parse_seconds(text, &o->seconds);
    case 'w':
        return parse_seconds(text, &o->warm_up_s);
    case 'o':
        return parse_count(text, 1, 1 << 20, &o->outstanding);
    case 'u':
        return parse_count(text, 0, 10000, &o->pause_ms);
    case 'b':
        return parse_number(text, 1, UINT64_MAX, &o->check_bytes);
    case 'p':
        o->pids = text;
        return 0;
    default:
        return -1;
    }
}

static int check(const struct alarm_options *o)
{
    bool has_link = o->link.sin_family != 0;

    if (o->client.sin_family == 0)
        fprintf(stderr, "bench_alarm: --client is missing\n");
    else if (has_link != (o->link_server.sin_family != 0))
        fprintf(stderr, "bench_alarm: --link and --link-server go together\n");
    else if (has_link == (o->dial.sin_family != 0))
        fprintf(stderr, "bench_alarm: either --link or --dial\n");
    else
        return 0;
    return -1;
}

int alarm_options_parse(int argc, char **argv, struct alarm_options *ret)
{
    struct alarm_options o = {.advises = 1, .outstanding = 64, .seconds = 2, .warm_up_s = 0.5};
    int option, index = 0;

    while ((option = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (option == '?' || parse_option(option, optarg, &o) != 0) {
            if (option != '?')
                fprintf(stderr, "bench_alarm: --%s %s is not understood\n", table[index].name, optarg);
            fputs(usage, stderr);
            return -1;
        }
    }
    if (optind != argc) {
        fputs(usage, stderr);
        return -1;
    }
    if (check(&o) != 0)
        return -1;
    *ret = o;
    return 0;
}
