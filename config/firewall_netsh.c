/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the words of a batch file for the Windows firewall. It permits; Windows can't intercept. Caller's thread. */
#include "config/firewall_rules.h"

#include <stdlib.h>

/* "KEY=a,b"; "any" for anybody. */
static void print_end(const char *key, const struct firewall_end *end, FILE *out)
{
    fprintf(out, " %s=", key);
    if (firewall_end_print(end, AF_UNSPEC, ",", out) == 0)
        fputs("any", out);
}

static void print_ports(const char *key, const struct firewall_ports *ports, FILE *out)
{
    fprintf(out, " %s=", key);
    if (ports->count == 0)
        fputs("any", out);
    firewall_ports_print(ports, ",", out);
}

/* One name for all rules of a link or a door: what is removed by name is gone, however many there were. */
static void print_name(const struct firewall_rule *rule, FILE *out)
{
    fprintf(out, "rule name=\"georelay: %s\"", rule->label);
}

static void print_removal(const struct firewall_rule *rule, FILE *out)
{
    fputs("netsh advfirewall firewall delete ", out);
    print_name(rule, out);
    fputs(" >nul\n", out);
}

static void print_rule(const struct firewall_rule *rule, FILE *out)
{
    const struct firewall_end *near = rule->comes_in ? &rule->destination : &rule->source;
    const struct firewall_end *far = rule->comes_in ? &rule->source : &rule->destination;

    fprintf(out, "rem %s\nnetsh advfirewall firewall add ", rule->reason);
    print_name(rule, out);
    fprintf(out, " dir=%s action=allow protocol=TCP", rule->comes_in ? "in" : "out");
    print_end("localip", near, out);
    print_end("remoteip", far, out);
    print_ports(rule->comes_in ? "localport" : "remoteport", &rule->ports, out);
    fputs(" profile=any\n", out);
}

static bool is_written(const struct firewall_rule *rule)
{
    return rule->place == FIREWALL_HOST && rule->means == FIREWALL_PERMIT;
}

void firewall_print_netsh(const struct firewall *f, FILE *out)
{
    fputs("@echo off\nrem Made by \"georelay firewall\". Run it as an administrator; it may be run again at any time: it "
          "replaces its rules.\n"
          "rem Rules of what the configuration no longer has stay: remove them by hand, their names begin with \"georelay: \".\n"
          "rem Rules with dir=out matter only where outgoing connections are blocked by default.\n",
          out);
    for (size_t i = 0; i < f->notes_count; i++)
        fprintf(out, "rem %s\n", f->notes[i]);
    for (size_t i = 0; i < f->count; i++)
        if (is_written(&f->rules[i]))
            print_removal(&f->rules[i], out);
    for (size_t i = 0; i < f->count; i++) {
        const struct firewall_rule *rule = &f->rules[i];

        if (is_written(rule))
            print_rule(rule, out);
        else if (rule->place == FIREWALL_HOST)
            fprintf(out, "rem Not possible on Windows: %s\n", rule->reason);
    }
}
