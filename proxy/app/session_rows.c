/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the copying of sessions into rows. On each session's worker; asked and answered on the main loop. */
#include "proxy/app/session_rows.h"

#include "proxy/base/clock.h"
#include "proxy/session/session_log.h"
#include "proxy/web/rest.h"

#include <stdlib.h>
#include <string.h>

/* Slots looked at for one slice, used or not. */
#define SLOTS_LOOKED_AT 4096

static void copy_name(char to[SESSION_NAME_MAX + 1], const char *name)
{
    size_t length = name != NULL ? strnlen(name, SESSION_NAME_MAX) : 0;

    memcpy(to, name != NULL ? name : "", length);
    to[length] = '\0';
}

/* In mode "http" the flows count, and the session learns of it at the end. */
static void copy_bytes(struct session_row *row, const struct session *s)
{
    bool has_conversation = s->front_ops->serve != NULL && s->scratch != NULL &&
                            (s->state == SESSION_SERVE || s->state == SESSION_DIAL) && s->kind == SESSION_WEB;

    row->up = s->up.bytes;
    row->down = s->down.bytes;
    if (has_conversation)
        conversation_bytes(s, &row->up, &row->down);
}

static void copy_session(struct session_row *row, const struct session *s, uint64_t now_ms)
{
    struct session_ends ends = session_ends_of(s);

    row->handle = s->handle;
    row->kind = s->kind;
    row->state = s->state;
    copy_name(row->name, s->ask.name);
    copy_name(row->agent, s->ask.peer_name);
    copy_name(row->behind, s->ask.behind);
    copy_name(row->via, s->ask.link != NULL ? s->ask.link->server.agent : NULL);
    row->client = s->ask.client;
    row->front = ends.front;
    row->front_local = ends.front_local;
    row->back = ends.back;
    row->back_local = ends.back_local;
    row->age_ms = now_ms - s->started_ms;
    row->idle_ms = now_ms - s->moved_ms;
    row->up_idle_ms = now_ms - s->up_ms;
    copy_bytes(row, s);
}

static void fill(struct session_slice *slice, const struct worker *w)
{
    uint64_t now_ms = clock_ms();
    unsigned looked_at = 0;

    while (slice->next < w->slots_count && slice->count < SESSION_ROWS && looked_at++ < SLOTS_LOOKED_AT) {
        const struct session *s = worker_slot(w, slice->next++);

        if (s != NULL && s->state != SESSION_CLOSING)
            copy_session(&slice->rows[slice->count++], s, now_ms);
    }
    slice->is_last = slice->next >= w->slots_count;
    slice->is_given = true;
}

static void on_main(struct mail *m, struct loop *loop)
{
    struct session_slice *slice = (struct session_slice *)m;

    (void)loop;
    slice->done(slice->arg, slice);
    free(slice);
}

/* The loops drop their mails on the main thread. */
static void drop(struct mail *m)
{
    struct session_slice *slice = (struct session_slice *)m;

    slice->is_given = slice->is_last = slice->worker->is_leaving; /* a worker that retires has no session left */
    slice->count = 0;
    on_main(m, NULL);
}

static void on_worker(struct mail *m, struct loop *loop)
{
    struct session_slice *slice = (struct session_slice *)m;

    fill(slice, worker_of(loop));
    slice->mail.deliver = on_main;
    loop_post(slice->site->main, &slice->mail);
}

bool session_rows_ask(struct worker *w, unsigned from, void (*done)(void *arg, struct session_slice *slice), void *arg)
{
    struct session_slice *slice = malloc(sizeof(*slice));

    if (slice == NULL)
        return false;
    slice->mail.deliver = on_worker;
    slice->mail.drop = drop;
    slice->site = w->site;
    slice->done = done;
    slice->arg = arg;
    slice->worker = w;
    slice->is_given = slice->is_last = false;
    slice->next = from;
    slice->count = 0;
    loop_post(&w->loop, &slice->mail);
    return true;
}
