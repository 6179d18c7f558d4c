/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The admin port: where programs read over HTTP what this process does. Nothing can be changed there.
 *
 * It has a thread of its own, so that neither a handshake nor a slow reader takes time of the main loop; that is only asked for
 * the numbers, by mail. ADMIN_CLIENTS are served at a time, each for ADMIN_MS at most from accept to the last byte; others are
 * reset. Who may read is in proxy/app/admin_http.h and config/check_admin.c. Main thread, unless said otherwise.
 */
#pragma once

#include "config/model.h"
#include "config/problems.h"
#include "proxy/app/admin_http.h"
#include "proxy/net/loop.h"

#define ADMIN_CLIENTS 16
#define ADMIN_MS      10000

/** Somebody at the admin port who waits for a page. */
struct admin_question;

/** On the main loop: a page is wanted. The question is **taken**; answer it once with admin_answer(), now or later. */
typedef void admin_asked_fn(void *arg, enum admin_page page, struct admin_question *question);

/** What the owner gave to admin_port_start(). */
void *admin_question_arg(const struct admin_question *question);

/** The whole answer: **takes** `text` (from malloc), `length` bytes; NULL: it can't be had now. Main loop. */
void admin_answer(struct admin_question *question, char *text, size_t length);

/**
 * The answer comes in pieces: the first one unasked, each further one when `more` asks for it. `end` is called once, when the
 * last piece was given or nobody waits any more. Both on the main loop, `end` also when it has ended. Before the first piece.
 */
void admin_answer_streams(struct admin_question *question, void *state, void (*more)(void *state), void (*end)(void *state));

/** One piece; takes `text` as above. After NULL or the last there are no more. */
void admin_answer_piece(struct admin_question *question, char *text, size_t length, bool is_last);

/** Reads certificate, key, CA and token, if there is such a port; problems are added. 0, or -1 if there was one. */
int admin_port_load(const struct cfg *cfg, struct cfg_problems *problems);

/** What was read anew from the files, for connections to come. */
struct admin_renewal;

/** Reads the files anew, if the port is open. NULL: it is not, or problems were added. Main thread. */
struct admin_renewal *admin_port_read(struct cfg_problems *problems);

/** For connections from now on. **Takes** it; NULL is ignored. */
void admin_port_use(struct admin_renewal *renewal);

/** What was before stays in use. **Takes** it; NULL is ignored. */
void admin_port_forget(struct admin_renewal *renewal);

/** Opens the sockets while we still may. Borrows `cfg` until admin_port_close(). 0, or -1 told on standard error. */
int admin_port_open(const struct cfg *cfg);

/** Calls `found` for each address that is listened on. */
void admin_port_look(void (*found)(void *arg, const char *purpose, const char *name, const struct address *address), void *arg);

/** Starts to answer. `arg` is borrowed until admin_port_stop(). 0, or -1 with errno. */
int admin_port_start(struct loop *main, admin_asked_fn *asked, void *arg);

/** Ends the thread; questions that are answered later go nowhere. Idempotent. */
void admin_port_stop(void);

/** Closes and frees everything. Idempotent. */
void admin_port_close(void);
