/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The commands of georelay. Each takes its own arguments (argv[0] is the command's name) and returns the program's exit code.
 */
#pragma once

/** Exit codes: a contract with users. */
enum { EXIT_DONE = 0, EXIT_TROUBLE = 1, EXIT_USAGE = 2 };

#define DEFAULT_CONFIG "/etc/georelay/georelay.conf"
#define DEFAULT_FOLDER "/etc/georelay"

struct cfg;

/** What comes along with a run of the service. */
struct run_guest {
    int (*begin)(const struct cfg *cfg);         /**< nothing is open yet: EXIT_DONE, or the exit code instead of the run */
    int (*end)(const struct cfg *cfg, int code); /**< it is over: the exit code, given the run's own */
};

/** Runs the configuration of this file, as `georelay run` does. `guest` may be NULL. The exit code. */
int run_file(const char *path, const struct run_guest *guest);

int command_run(int argc, char **argv);
int command_learn(int argc, char **argv);
int command_check(int argc, char **argv);
int command_firewall(int argc, char **argv);
int command_pki(int argc, char **argv);
int command_enroll(int argc, char **argv);
int command_import(int argc, char **argv);
int command_prove(int argc, char **argv);
int command_status(int argc, char **argv);
int command_kill(int argc, char **argv);
int command_island(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_version(int argc, char **argv);
