/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The commands of georelay. Each takes its own arguments (argv[0] is the command's name) and returns the program's exit code.
 */
#pragma once

/** Exit codes: a contract with users. */
enum { EXIT_DONE = 0, EXIT_TROUBLE = 1, EXIT_USAGE = 2 };

#define DEFAULT_CONFIG "/etc/georelay/georelay.conf"
#define DEFAULT_FOLDER "/etc/georelay"

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_pki(int argc, char **argv);
int command_import(int argc, char **argv);
int command_version(int argc, char **argv);
