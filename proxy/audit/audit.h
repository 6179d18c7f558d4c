/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The audit log: who did what, when, and with which result, in lines that nobody can change unseen (docs/audit.md).
 *
 * A line is built on the caller's stack, with the fields of the log (proxy/base/log.h), and put into a queue. A thread of the
 * audit's gives it a number, joins it to the line before by a hash (proxy/audit/chain.h), and writes it to a file, to a syslog
 * receiver, or both. No caller waits for a disk or a network. A line that can't be kept is never lost silently: by the setting
 * on_failure the program goes on, says so in the log and writes the number of lost lines into the chain; or it stops.
 *
 *     struct log_line l;
 *     if (audit_begin(&l, AUDIT_LINK_OPEN, AUDIT_OK)) {
 *         log_text(&l, "name", link->name);
 *         audit_end(&l);
 *     }
 *
 * No payload, cookie, query or password may be put into a line.
 */
#pragma once

#include "proxy/base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum audit_event {
#define X(constant, number, name, category, severity, iec, cip, sentence) AUDIT_##constant,
#include "proxy/audit/audit.def"
#undef X
    AUDIT_EVENTS
};

enum audit_result { AUDIT_OK = 0, AUDIT_REFUSED, AUDIT_FAILED };

/** A row of the table. */
struct audit_row {
    unsigned number;
    const char *name;
    const char *category;
    unsigned severity;
    const char *iec;
    const char *cip;
    const char *sentence;
};

const struct audit_row *audit_row_of(enum audit_event event);

/** That of a number, or NULL. */
const struct audit_row *audit_row_find(unsigned number);

/** Begins a line; false if nothing is audited. Any thread. */
bool audit_begin(struct log_line *l, enum audit_event event, enum audit_result result);

/** Puts it into the queue. */
void audit_end(struct log_line *l);

/** Where lines go: into the chain and its file, and from there to a syslog receiver. */
enum audit_place { AUDIT_CHAIN = 0, AUDIT_RECEIVER, AUDIT_PLACES };

/** Lines that found the queue for this place full, since the start. Any thread. */
uint64_t audit_lost(enum audit_place place);

/** How syslog lines travel. */
enum audit_transport { AUDIT_NO_SYSLOG = 0, AUDIT_UDP, AUDIT_TCP, AUDIT_TLS, AUDIT_UNIX };

#define AUDIT_KEY_BYTES 256

/** A secret that lines are sealed with; `length` 0: there is none. */
struct audit_key {
    unsigned char bytes[AUDIT_KEY_BYTES];
    size_t length;
};

/** Reads it, without a newline at its end. -1 with errno; EINVAL: fewer than 16 bytes, or more than AUDIT_KEY_BYTES. */
int audit_key_read(const char *path, struct audit_key *key);

/** Borrowed until audit_stop(). */
struct audit_settings {
    const char *file;  /**< NULL: none */
    const char *state; /**< the folder of the seal (proxy/audit/seal.h) */
    enum audit_transport transport;
    const char *host; /**< or the path of the Unix socket */
    const char *port;
    const char *ca; /**< AUDIT_TLS: a PEM file; NULL: the CAs of the system */
    bool must_stop; /**< a line that can't be kept stops the program */
    struct audit_key key;
};

/**
 * Reads where the chain ended, and starts the threads. -1 with errno if the file or the seal can't be opened or, with
 * `must_stop`, be written; EBUSY: another process writes it. `ret_path` is then the file in question. Main thread, after the log
 * is started.
 */
int audit_start(const struct audit_settings *settings, const char **ret_path);

/** Writes what is queued, waits for that two seconds at most, and leaves the seal. Main thread. */
void audit_stop(void);

/** Opens the file again, after rotation. -1 with errno, and the old one stays in use. Main thread. */
int audit_reopen(void);

/** `stop` is called, once and by another thread, when the program is to stop; at once if that is so already. NULL: nobody. */
void audit_on_stop(void (*stop)(void *arg), void *arg);

/** True if the program stopped, or is to stop, because a line could not be kept. */
bool audit_has_failed(void);
