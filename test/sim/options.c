/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the simulator, read by one table of options. Runs before anything else does. */
#include "test/sim/options.h"

#include "test/sim/message.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    KIND_ENDPOINT,
    KIND_IP,
    KIND_NUMBER,
    KIND_RATE,
    KIND_TEXT,
    KIND_FLAG,
    KIND_PORTS,
    KIND_DIAL,
    KIND_ANNOUNCE,
    KIND_MISBEHAVE
};

struct row {
    unsigned commands;
    const char *name;
    enum kind kind;
    size_t offset;
    uint64_t min, max;
    const char *initial; /* the default as a user would write it */
    const char *meaning;
};

#define BOTH     (COMMAND_SERVER | COMMAND_CLIENT)
#define AT(name) offsetof(struct options, name)
#define ANY      UINT32_MAX

static const struct row rows[] = {
    {COMMAND_SERVER, "listen", KIND_ENDPOINT, AT(listen), 0, 0, "127.0.0.1:5481",
     "IP:PORT for links; port 0 is the kernel's choice"},
    {COMMAND_SERVER, "web", KIND_ENDPOINT, AT(web), 0, 0, NULL, "IP:PORT of the web site"},
    {COMMAND_SERVER, "dial", KIND_DIAL, AT(dial), 0, 0, "peer", "peer, announced or none: whom the server advise is dialled to"},
    {COMMAND_SERVER, "bind-advise", KIND_IP, AT(bind_advise), 0, 0, NULL, "IP that advises are dialled from"},
    {COMMAND_SERVER, "alarms-per-second", KIND_RATE, AT(alarms_per_second), 0, 0, "1", "per client application; max: no pause"},
    {COMMAND_SERVER, "alarm-bytes", KIND_NUMBER, AT(alarm_bytes), 0, MESSAGE_PAYLOAD_MAX, "100", "payload of one alarm"},
    {COMMAND_SERVER, "window", KIND_NUMBER, AT(window), 1, ANY, "1024",
     "alarms that may wait for an acknowledgement, per application"},
    {COMMAND_SERVER, "retry-ms", KIND_NUMBER, AT(retry_ms), 1, ANY, "500",
     "first pause before dialling again; doubles up to 10 s"},
    {COMMAND_SERVER, "dial-timeout-ms", KIND_NUMBER, AT(dial_timeout_ms), 1, ANY, "10000", "time for one dial"},
    {COMMAND_CLIENT, "server", KIND_ENDPOINT, AT(server), 0, 0, "127.0.0.1:5481", "IP:PORT that links are opened to"},
    {COMMAND_CLIENT, "name", KIND_TEXT, AT(name), 0, 0, "client",
     "name of the client machine; with --clients NAME-1, NAME-2 ..."},
    {COMMAND_CLIENT, "bind", KIND_IP, AT(bind), 0, 0, NULL, "local IP of links and of the advise listener"},
    {COMMAND_CLIENT, "links", KIND_NUMBER, AT(links), 1, 1000, "5", "links per client"},
    {COMMAND_CLIENT, "ports", KIND_PORTS, AT(first_port), 0, 0, "5500-5509",
     "range of the advise port; any free one when all are taken"},
    {COMMAND_CLIENT, "announce", KIND_ANNOUNCE, AT(announce), 0, 0, "u16be",
     "u16be, u16le or text: how the first message says the port"},
    {COMMAND_CLIENT, "announce-address", KIND_IP, AT(announce_address), 0, 0, NULL,
     "IP inside the first message (default: the link's own)"},
    {COMMAND_CLIENT, "modern", KIND_FLAG, AT(is_modern), 0, 0, NULL,
     "2020+: no port, no listener, alarms come on the first link"},
    {COMMAND_CLIENT, "clients", KIND_NUMBER, AT(clients), 1, 100000, "1", "client machines, at --bind, --bind + 1 ..."},
    {COMMAND_CLIENT, "same-address", KIND_FLAG, AT(same_address), 0, 0, NULL, "all --clients are applications on one machine"},
    {COMMAND_CLIENT, "start-rate", KIND_NUMBER, AT(start_rate), 1, ANY, "500", "clients that start per second"},
    {COMMAND_CLIENT, "requests-per-second", KIND_RATE, AT(requests_per_second), 0, 0, "1",
     "per client, over its links in turn; max: no pause"},
    {COMMAND_CLIENT, "requests", KIND_NUMBER, AT(requests), 0, ANY, "0", "end when each client has that many answers"},
    {COMMAND_CLIENT, "request-bytes", KIND_NUMBER, AT(request_bytes), 0, MESSAGE_PAYLOAD_MAX, "64", "payload of one request"},
    {COMMAND_CLIENT, "answer-bytes", KIND_NUMBER, AT(answer_bytes), 0, MESSAGE_PAYLOAD_MAX, "256", "payload of one answer"},
    {COMMAND_CLIENT, "pipeline", KIND_NUMBER, AT(pipeline), 1, 10000, "4", "requests on a link that may wait for their answer"},
    {COMMAND_CLIENT, "ack-every", KIND_NUMBER, AT(ack_every), 1, ANY, "16", "alarms per acknowledgement (or 100 ms)"},
    {COMMAND_CLIENT, "speak-last", KIND_FLAG, AT(speak_last), 0, 0, NULL, "no byte on the advise before the server's first one"},
    {COMMAND_CLIENT, "connect-timeout-ms", KIND_NUMBER, AT(connect_timeout_ms), 1, ANY, "30000", "time for a link to be taken"},
    {COMMAND_CLIENT, "request-timeout-ms", KIND_NUMBER, AT(request_timeout_ms), 1, ANY, "120000", "time without an answer"},
    {COMMAND_CLIENT, "retry-ms", KIND_NUMBER, AT(retry_first_ms), 1, ANY, "200", "first pause before a link is opened again"},
    {COMMAND_CLIENT, "retry-max-ms", KIND_NUMBER, AT(retry_last_ms), 1, ANY, "3000", "longest such pause"},
    {COMMAND_CLIENT, "no-reconnect", KIND_FLAG, AT(no_reconnect), 0, 0, NULL, "a broken link stays down"},
    {COMMAND_CLIENT, "strict", KIND_FLAG, AT(strict), 0, 0, NULL, "a broken link or advise is an error"},
    {COMMAND_CLIENT, "per-client", KIND_FLAG, AT(per_client), 0, 0, NULL, "the JSON report lists each client too"},
    {BOTH, "alarms", KIND_NUMBER, AT(alarms), 0, ANY, "0", "per application; server: then stop, client: then end (0: no limit)"},
    {BOTH, "seconds", KIND_NUMBER, AT(seconds), 0, ANY, "0", "end after that time (0: no limit)"},
    {BOTH, "drain-ms", KIND_NUMBER, AT(drain_ms), 0, ANY, "5000", "time for what is under way at the end"},
    {BOTH, "every", KIND_NUMBER, AT(every), 0, ANY, "0", "seconds between summaries (0: none)"},
    {BOTH, "report", KIND_TEXT, AT(report), 0, 0, NULL, "file for the final summary as JSON"},
    {BOTH, "misbehave", KIND_MISBEHAVE, AT(misbehave), 0, 0, NULL, "KIND[:ARG], see below"},
};

static const struct {
    unsigned command;
    const char *name;
    enum misbehave kind;
    uint64_t initial;
    const char *meaning;
} kinds[] = {
    {COMMAND_SERVER, "stall", MISBEHAVE_STALL, 1, "stop reading each link after ARG requests"},
    {COMMAND_SERVER, "half-close", MISBEHAVE_HALF_CLOSE, 1, "FIN after ARG answers of each link; reading goes on"},
    {COMMAND_SERVER, "reset", MISBEHAVE_RESET, 1, "RST after ARG answers of each link"},
    {COMMAND_SERVER, "refuse", MISBEHAVE_REFUSE, 0, "close the link listener after ARG seconds"},
    {COMMAND_SERVER, "dial-wrong-port", MISBEHAVE_DIAL_WRONG_PORT, 1, "dial port ARG whatever was announced"},
    {COMMAND_SERVER, "advise-flood", MISBEHAVE_ADVISE_FLOOD, 0, "as many alarms as the socket takes, acknowledged or not"},
    {COMMAND_SERVER, "first-silent", MISBEHAVE_FIRST_SILENT, 0, "wait for the client's first byte on the advise"},
    {COMMAND_CLIENT, "stall", MISBEHAVE_STALL, 3, "stop reading each link for ARG seconds after its first answer, once"},
    {COMMAND_CLIENT, "stall-advise", MISBEHAVE_STALL_ADVISE, 3,
     "stop reading the advise for ARG seconds after its first alarm, once"},
    {COMMAND_CLIENT, "half-close", MISBEHAVE_HALF_CLOSE, 1, "FIN after ARG requests of each link, once; their answers must come"},
    {COMMAND_CLIENT, "reset", MISBEHAVE_RESET, 1, "RST after ARG answers of each link, once"},
    {COMMAND_CLIENT, "no-listen", MISBEHAVE_NO_LISTEN, 0, "announce a port nobody listens on"},
    {COMMAND_CLIENT, "vanish", MISBEHAVE_VANISH, 3, "after ARG seconds keep the sockets and do nothing any more"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    char *rest = NULL;
    unsigned long long n = strtoull(text, &rest, 10);
    if (text[0] < '0' || text[0] > '9' || *rest != '\0' || n < min || n > max)
        return -1;
    *value = n;
    return 0;
}

static int parse_rate(const char *text, double *value)
{
    char *rest = NULL;
    if (strcmp(text, "max") == 0) {
        *value = RATE_MAX;
        return 0;
    }
    double rate = strtod(text, &rest);
    if (rest == text || *rest != '\0' || !(rate >= 0 && rate < RATE_MAX))
        return -1;
    *value = rate;
    return 0;
}

static int parse_ports(const char *text, struct options *o)
{
    unsigned first = 0, last = 0;
    int used = 0;
    if (sscanf(text, "%5u-%5u%n", &first, &last, &used) != 2 || text[used] != '\0')
        return -1;
    if (first == 0 || first > last || last > 65535)
        return -1;
    o->first_port = first;
    o->last_port = last;
    return 0;
}

static int parse_word(const char *const *names, size_t count, const char *text, uint64_t *value)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, names[i]) == 0) {
            *value = i;
            return 0;
        }
    }
    return -1;
}

static int parse_dial(const char *text, uint64_t *value)
{
    static const char *const names[] = {[DIAL_PEER] = "peer", [DIAL_ANNOUNCED] = "announced", [DIAL_NONE] = "none"};
    return parse_word(names, COUNT(names), text, value);
}

static int parse_announce(const char *text, uint64_t *value)
{
    static const char *const names[] = {[ANNOUNCE_U16BE] = "u16be", [ANNOUNCE_U16LE] = "u16le", [ANNOUNCE_TEXT] = "text"};
    return parse_word(names, COUNT(names), text, value);
}

static int parse_misbehave(const char *text, enum command command, struct options *o)
{
    size_t len = strcspn(text, ":");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (kinds[i].command != command || strlen(kinds[i].name) != len || strncmp(kinds[i].name, text, len) != 0)
            continue;
        o->misbehave = kinds[i].kind;
        o->misbehave_arg = kinds[i].initial;
        return text[len] == '\0' ? 0 : parse_number(text + len + 1, 0, ANY, &o->misbehave_arg);
    }
    return -1;
}

static int parse_value(const struct row *r, enum command command, const char *text, struct options *o)
{
    void *at = (char *)o + r->offset;
    switch (r->kind) {
    case KIND_ENDPOINT:
        return address_parse_endpoint(at, text);
    case KIND_IP:
        return address_parse_ip(at, text);
    case KIND_NUMBER:
        return parse_number(text, r->min, r->max, at);
    case KIND_RATE:
        return parse_rate(text, at);
    case KIND_TEXT:
        *(const char **)at = text;
        return 0;
    case KIND_FLAG:
        *(bool *)at = true;
        return 0;
    case KIND_PORTS:
        return parse_ports(text, o);
    case KIND_DIAL:
        return parse_dial(text, at);
    case KIND_ANNOUNCE:
        return parse_announce(text, at);
    case KIND_MISBEHAVE:
        return parse_misbehave(text, command, o);
    }
    return -1;
}

static const struct row *find_row(enum command command, const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if ((rows[i].commands & command) != 0 && strlen(rows[i].name) == len && strncmp(rows[i].name, name, len) == 0)
            return &rows[i];
    return NULL;
}

void options_help(enum command command)
{
    printf("geosim %s [OPTION [VALUE]]...\n", command == COMMAND_SERVER ? "server" : "client");
    for (size_t i = 0; i < COUNT(rows); i++) {
        if ((rows[i].commands & command) == 0)
            continue;
        printf("  --%-20s %s", rows[i].name, rows[i].meaning);
        if (rows[i].initial != NULL)
            printf(" (%s)", rows[i].initial);
        printf("\n");
    }
    printf("kinds of --misbehave (default of ARG):\n");
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kinds[i].command == command)
            printf("  %-22s %s (%u)\n", kinds[i].name, kinds[i].meaning, (unsigned)kinds[i].initial);
}

/* Rules between options. Returns a sentence, or NULL. */
static const char *find_conflict(const struct options *o, enum command command)
{
    if (command == COMMAND_SERVER)
        return o->bind_advise.len != 0 && o->bind_advise.storage.ss_family != o->listen.storage.ss_family
                   ? "--bind-advise and --listen are of two address families"
                   : NULL;
    if (strlen(o->name) == 0 || strlen(o->name) > MESSAGE_NAME_MAX - 8)
        return "--name needs 1 to 55 characters";
    for (const char *c = o->name; *c != '\0'; c++)
        if (*c < '!' || *c > '~' || *c == '"' || *c == '\\')
            return "--name must be plain ASCII without blanks, quotes and backslashes";
    if (o->bind.len != 0 && o->bind.storage.ss_family != o->server.storage.ss_family)
        return "--bind and --server are of two address families";
    if (o->clients > 1 && o->bind.len == 0 && !o->same_address)
        return "--clients needs --bind, or --same-address";
    if (o->retry_first_ms > o->retry_last_ms)
        return "--retry-ms is above --retry-max-ms";
    return NULL;
}

static int usage(const char *what, const char *which)
{
    fprintf(stderr, "geosim: %s%s%s (try --help)\n", what, which[0] != '\0' ? ": " : "", which);
    return -1;
}

/* Read the option at argv[*at], and its value, which may stand behind '=' or in the next argument. */
static int parse_option(struct options *o, enum command command, char **argv, int *at)
{
    const char *option = argv[*at], *equals = strchr(option, '=');
    if (strncmp(option, "--", 2) != 0)
        return usage("not an option", option);
    const struct row *r = find_row(command, option + 2, equals != NULL ? (size_t)(equals - option) - 2 : strlen(option) - 2);
    if (r == NULL)
        return usage("unknown option", option);
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (r->kind == KIND_FLAG && value != NULL)
        return usage("takes no value", option);
    if (r->kind != KIND_FLAG && value == NULL) {
        value = argv[*at + 1]; /* argv ends with NULL */
        if (value == NULL)
            return usage("needs a value", option);
        *at += 1;
    }
    return parse_value(r, command, value, o) == 0 ? 0 : usage("bad value", value);
}

int options_parse(struct options *o, enum command command, int argc, char **argv)
{
    *o = (struct options){0};
    for (size_t i = 0; i < COUNT(rows); i++)
        if ((rows[i].commands & command) != 0 && rows[i].initial != NULL)
            parse_value(&rows[i], command, rows[i].initial, o);
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            options_help(command);
            return 1;
        }
        if (parse_option(o, command, argv, &i) != 0)
            return -1;
    }
    const char *conflict = find_conflict(o, command);
    return conflict != NULL ? usage(conflict, "") : 0;
}
