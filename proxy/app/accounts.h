/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The accounts of a running process as text: what the control socket answers to "accounts", and what "georelay prove" reads of
 * it. Lines of key=value; see georelay(8), THE CONTROL SOCKET.
 */
#pragma once

#include "config/model.h"
#include "proxy/net/account.h"

#include <stdio.h>

/** The version of the form, in the answer's first line. It changes when a reader must know. */
#define ACCOUNTS_VERSION 1

#define ACCOUNTS_WORD 80

/** An answer, taken apart. All zero is an empty one. */
struct accounts {
    char version[ACCOUNTS_WORD]; /**< of the program */
    char role[ACCOUNTS_WORD];
    char name[ACCOUNTS_WORD]; /**< "-": none */
    long pid;
    uint64_t started_ms;      /**< since 1970, by the wall clock */
    char *config;             /**< absolute path of its configuration file */
    uint64_t generation;      /**< configurations so far: more than 1 after a reload that changed something; 0: it was not told */
    char hash[ACCOUNTS_WORD]; /**< of the configuration in use (config_hash.h); "": it was not told */
    struct account_row *rows;
    size_t count;
};

/** Milliseconds since 1970, as "2024-05-01T12:00:00.000Z". */
#define ACCOUNTS_TIME 32
const char *accounts_time(uint64_t ms, char text[ACCOUNTS_TIME]);
uint64_t accounts_now(void);

/** What an answer says of its process, besides the accounts. */
struct accounts_process {
    const struct cfg *cfg;
    const char *config_path; /**< absolute */
    uint64_t started_ms;
    unsigned generation; /**< the one in use */
    const char *hash;    /**< of its files; "": not known */
};

/** Writes the answer of this process. False without memory. */
bool accounts_write(FILE *out, const struct accounts_process *process);

/**
 * Takes an answer apart; changes `text`. NULL, or a sentence that says what is wrong with it (then nothing is kept). An answer
 * that was cut short is wrong.
 */
const char *accounts_parse(char *text, struct accounts *ret);

void accounts_fini(struct accounts *a);
