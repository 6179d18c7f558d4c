/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns nothing: looks whether connections that are not for our own listeners would come to us, as georelay firewall's script for
 * this machine arranges it.
 */
#include "proxy/app/child.h"
#include "proxy/app/firewall_names.h"
#include "proxy/app/probe_parts.h"

#include "config/firewall.h"
#include "proxy/net/socket.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The command that makes everything right. */
static const char *script(const struct probe *p, const struct firewall *f, char remedy[PROBE_REMEDY])
{
    snprintf(remedy, PROBE_REMEDY, "run: georelay firewall -c %s --format nft --place host%s | sh", p->cfg->file,
             f->unknown != NULL ? " --clients NETWORK" : "");
    return remedy;
}

/* -- who we are ----------------------------------------------------------------------------------------------------------------
 */

static void try_capability(struct probe *p)
{
    struct address address = {.sa.v4.sin_family = AF_INET};
    int fd = socket_listen_transparent(AF_INET, (uint16_t)p->cfg->intercept_port);
    int error = errno;

    address_set_port(&address, (uint16_t)p->cfg->intercept_port);
    if (fd >= 0) {
        close(fd);
        probe_say(p, PROBE_CAPABILITY, PROBE_OK, NULL, "may take connections to other addresses, on port %ld",
                  p->cfg->intercept_port);
    } else if (error == EPERM) {
        probe_say(p, PROBE_CAPABILITY, PROBE_ERROR,
                  "run: setcap cap_net_raw+ep $(command -v georelay); or start it as root with \"user\" set, or with "
                  "AmbientCapabilities=CAP_NET_RAW in its unit",
                  "may not take connections to other addresses: the capability CAP_NET_RAW is missing");
    } else {
        probe_unbound(p, &address, "where TPROXY leads", error);
    }
}

/* -- settings of the kernel ----------------------------------------------------------------------------------------------------
 */

/* -1 if there is none. */
static int read_setting(const char *interface, const char *name)
{
    char path[512];
    int value = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", interface, name);
    file = fopen(path, "re");
    if (file == NULL)
        return -1;
    if (fscanf(file, "%d", &value) != 1)
        value = -1;
    fclose(file);
    return value;
}

/* With src_valid_mark the kernel checks the sources of marked packets against the route that the mark leads to: to nowhere. */
static void try_settings(struct probe *p)
{
    DIR *folder = opendir("/proc/sys/net/ipv4/conf");
    bool is_good = true;
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char remedy[PROBE_REMEDY];

        if (*entry->d_name == '.' || strcmp(entry->d_name, "default") == 0 || read_setting(entry->d_name, "src_valid_mark") != 1)
            continue;
        snprintf(remedy, sizeof(remedy), "run: sysctl -w net/ipv4/conf/%.64s/src_valid_mark=0", entry->d_name);
        probe_say(p, PROBE_KERNEL, PROBE_ERROR, remedy, "src_valid_mark of %.64s is 1, so the kernel drops what TPROXY marks",
                  entry->d_name);
        is_good = false;
    }
    if (folder != NULL)
        closedir(folder);
    if (is_good)
        probe_say(p, PROBE_KERNEL, PROBE_OK, NULL, "src_valid_mark is 0 on every interface");
}

/* The interface that answers to the server leave by; false if there is no route. */
static bool find_interface(const struct address *server, char ret[32])
{
    char ip[ADDRESS_TEXT];
    const char *words[] = {"ip", "route", "get", address_format_ip(server, ip), NULL};
    char *text = child_read(words, NULL);
    const char *dev = text != NULL ? strstr(text, " dev ") : NULL;
    bool found = dev != NULL && sscanf(dev, " dev %31s", ret) == 1;

    free(text);
    return found;
}

/* Strict checks are right as long as packets come in where answers leave. They are told, because a second interface is where it
 * breaks. */
static void try_reverse_path(struct probe *p, const struct firewall_rule *rule)
{
    char interface[32], ip[ADDRESS_TEXT];
    int strict;

    if (rule->source.ranges_count == 0 || rule->source.ranges[0].first.sa.any.sa_family != AF_INET ||
        !find_interface(&rule->source.ranges[0].first, interface))
        return;
    address_format_ip(&rule->source.ranges[0].first, ip);
    strict = read_setting(interface, "rp_filter");
    if (read_setting("all", "rp_filter") > strict)
        strict = read_setting("all", "rp_filter");
    if (strict == 1)
        probe_say(p, PROBE_KERNEL, PROBE_OK, NULL,
                  "rp_filter is strict: packets of the server %s must come in by %s, and do if its route back is this one", ip,
                  interface);
}

/* -- policy routes -------------------------------------------------------------------------------------------------------------
 */

static bool says(const char *const *words, const char *wanted)
{
    char *text = child_read(words, NULL);
    bool is_said = text != NULL && strstr(text, wanted) != NULL;

    free(text);
    return is_said;
}

static void try_routes(struct probe *p, const struct firewall *f, int family)
{
    const char *option = family == AF_INET ? "-4" : "-6";
    char mark[16], table[16], remedy[PROBE_REMEDY], wanted[32];
    const char *rules[] = {"ip", option, "rule", "list", "fwmark", mark, NULL};
    const char *routes[] = {"ip", option, "route", "show", "table", table, NULL};

    snprintf(mark, sizeof(mark), "0x%x", FIREWALL_MARK);
    snprintf(table, sizeof(table), "%d", FIREWALL_TABLE);
    snprintf(wanted, sizeof(wanted), "lookup %d", FIREWALL_TABLE);
    if (!firewall_is_routed(f, family))
        return;
    if (says(rules, wanted)) {
        probe_say(p, PROBE_ROUTE, PROBE_OK, NULL, "packets that TPROXY marks have a rule of their own (IPv%c)", option[1]);
    } else {
        snprintf(remedy, sizeof(remedy), "run: ip %s rule add pref %s fwmark %s lookup %s", option, table, mark, table);
        probe_say(p, PROBE_ROUTE, PROBE_ERROR, remedy, "packets that TPROXY marks have no policy rule (IPv%c)", option[1]);
    }
    if (says(routes, "local default dev lo")) {
        probe_say(p, PROBE_ROUTE, PROBE_OK, NULL, "packets that TPROXY marks are routed to this machine (IPv%c)", option[1]);
    } else {
        snprintf(remedy, sizeof(remedy), "run: ip %s route replace local default dev lo table %s", option, table);
        probe_say(p, PROBE_ROUTE, PROBE_ERROR, remedy, "packets that TPROXY marks have no route to this machine (IPv%c)",
                  option[1]);
    }
}

/* -- rules ---------------------------------------------------------------------------------------------------------------------
 */

static void try_rule(struct probe *p, const struct firewall *f, const struct firewall_rule *rule, const char *ruleset)
{
    char *fingerprint = firewall_fingerprint(rule), remedy[PROBE_REMEDY], label[160], listen[ADDRESS_TEXT], what[280];

    if (rule->means == FIREWALL_LEAD)
        snprintf(what, sizeof(what), "\"%.100s\", which leads to %s,", rule->label, address_format(&rule->listen, listen));
    else
        snprintf(what, sizeof(what), "\"%.100s\"", rule->label);
    snprintf(label, sizeof(label), "comment \"%.100s #", rule->label);
    if (strstr(ruleset, fingerprint) != NULL)
        probe_say(p, PROBE_RULE, PROBE_OK, NULL, "the rule of nftables for %s is in place", what);
    else if (strstr(ruleset, label) != NULL)
        probe_say(p, PROBE_RULE, PROBE_WARNING, script(p, f, remedy),
                  "the rule of nftables for %s was made of another configuration or with other options", what);
    else
        probe_say(p, PROBE_RULE, PROBE_ERROR, script(p, f, remedy), "there is no rule of nftables for %s", what);
    free(fingerprint);
}

static void try_rules(struct probe *p, struct firewall *f)
{
    static const char *const words[] = {"nft", "list", "table", "inet", "georelay", NULL};
    char *ruleset;

    if (geteuid() != 0) {
        probe_say(p, PROBE_RULE, PROBE_WARNING, "run this check as root",
                  "only root can see whether the rules of nftables are in place");
        return;
    }
    if (firewall_names_look_up(f) != 0)
        return; /* told, and told again with the names */
    ruleset = child_read(words, NULL);
    for (size_t i = 0; i < f->count; i++)
        if (f->rules[i].means != FIREWALL_PERMIT)
            try_rule(p, f, &f->rules[i], ruleset != NULL ? ruleset : "");
    free(ruleset);
}

void probe_intercept(struct probe *p)
{
    const struct firewall_asked nothing = {0};
    struct firewall f;

    firewall_make(&f, p->cfg, &nothing, FIREWALL_HOST);
    if (firewall_needs(&f, FIREWALL_INTERCEPT) || firewall_needs(&f, FIREWALL_TAKE))
        try_capability(p);
    if (firewall_needs(&f, FIREWALL_INTERCEPT)) {
        try_routes(p, &f, AF_INET);
        try_routes(p, &f, AF_INET6);
        try_settings(p);
        for (size_t i = 0; i < f.count; i++)
            if (f.rules[i].means == FIREWALL_INTERCEPT)
                try_reverse_path(p, &f.rules[i]);
    }
    if (firewall_needs(&f, FIREWALL_INTERCEPT) || firewall_needs(&f, FIREWALL_TAKE) || firewall_needs(&f, FIREWALL_LEAD))
        try_rules(p, &f);
    firewall_fini(&f);
}
