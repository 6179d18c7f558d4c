/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the choice of the command. */
#include "proxy/app/commands.h"

#include "tls/memory.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"run", command_run, "run in the foreground"},
    {"check", command_check, "check the configuration: every mistake with file, line and remedy"},
    {"firewall", command_firewall, "tell the rules that firewalls need, or write them for nftables or Windows"},
    {"status", command_status, "tell what the running program does now"},
    {"kill", command_kill, "end sessions: one, or those of an agent or a client"},
    {"island", command_island, "cut it off from agents and clients, until the word is taken back"},
    {"learn", command_learn, "run, and find out where clients announce their port"},
    {"pki", command_pki, "make keys and certificates for the tunnel and the web front door"},
    {"enroll", command_enroll, "install an agent from the bundle of pki agent"},
    {"import-iis", command_import, "make a configuration of that of an IIS reverse proxy"},
    {"prove", command_prove, "report which connections were opened, and whether any was towards the clients"},
    {"audit", command_audit, "verify the audit log: find lines that were changed, removed or cut off"},
    {"version", command_version, "say which version this is"},
};

static void usage(FILE *out)
{
    fprintf(out, "georelay " GEORELAY_VERSION ": TLS front door, link broker and tunnel for Geo SCADA\n\n"
                 "usage: georelay COMMAND [OPTIONS]\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].what);
    fprintf(out,
            "\n\"georelay COMMAND --help\" tells the options of a command; georelay(8) and georelay.conf(5) tell the rest.\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    tls_memory_init();
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0)
        return command_version(argc - 1, argv + 1);
    if (*name != '\0')
        fprintf(stderr, "georelay: there is no command \"%s\"\n\n", name);
    usage(stderr);
    return EXIT_USAGE;
}
