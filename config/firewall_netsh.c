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

static void print_rule(const struct firewall_rule *rule, size_t number, FILE *out)
{
    const struct firewall_end *near = rule->comes_in ? &rule->destination : &rule->source;
    const struct firewall_end *far = rule->comes_in ? &rule->source : &rule->destination;

    fprintf(out, "rem %s\nnetsh advfirewall firewall delete rule name=\"georelay %zu: %s\" >nul\n", rule->reason, number,
            rule->label);
    fprintf(out, "netsh advfirewall firewall add rule name=\"georelay %zu: %s\" dir=%s action=allow protocol=TCP", number,
            rule->label, rule->comes_in ? "in" : "out");
    print_end("localip", near, out);
    print_end("remoteip", far, out);
    print_ports(rule->comes_in ? "localport" : "remoteport", &rule->ports, out);
    fputs(" profile=any\n", out);
}

void firewall_print_netsh(const struct firewall *f, FILE *out)
{
    size_t number = 0;

    fputs("@echo off\nrem Made by \"georelay firewall\". Run it as an administrator; it may be run again at any time: it "
          "replaces its rules.\n"
          "rem Rules with dir=out matter only where outgoing connections are blocked by default.\n",
          out);
    for (size_t i = 0; i < f->notes_count; i++)
        fprintf(out, "rem %s\n", f->notes[i]);
    for (size_t i = 0; i < f->count; i++) {
        const struct firewall_rule *rule = &f->rules[i];

        if (rule->place != FIREWALL_HOST)
            continue;
        if (rule->means == FIREWALL_PERMIT)
            print_rule(rule, ++number, out);
        else
            fprintf(out, "rem Not possible on Windows: %s\n", rule->reason);
    }
}
