/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what log, audit log and workers are told of an uplink. Main loop, but for the mails to workers. */
#include "proxy/tunnel/uplinks_parts.h"

#include "proxy/base/log.h"
#include "proxy/session/session_audit.h"
#include "proxy/tunnel/spare.h"

#include <stdlib.h>
#include <string.h>

/* -- the log -------------------------------------------------------------------------------------------------------------------
 */

void uplink_log(const struct uplink *u, enum log_level level, const char *event, enum reason why, uint64_t pause_ms)
{
    struct log_line l;

    if (!log_begin(&l, level, event))
        return;
    log_text(&l, "relay", u->text);
    if (u->control != NULL)
        log_address(&l, "peer", control_peer(u->control));
    if (why != REASON_NONE)
        log_text(&l, "why", reason_name(why));
    if (pause_ms > 0)
        log_number(&l, "retry_ms", pause_ms);
    log_end(&l);
}

void uplink_audit(const struct uplink *u, enum audit_event event, enum reason why)
{
    struct log_line l;

    if (!audit_begin(&l, event, AUDIT_OK))
        return;
    log_text(&l, "relay", u->text);
    if (u->control != NULL) {
        log_address(&l, "peer", control_peer(u->control));
        session_audit_certificate(&l, control_stream(u->control));
    }
    if (why != REASON_NONE)
        log_text(&l, "why", reason_name(why));
    audit_end(&l);
}

/* -- telling the workers -------------------------------------------------------------------------------------------------------
 */

/* One per worker, and their last receiver sends word that all of them know: only then a link that comes is sure to be taken, or,
 * once the relay drains, sure to be refused. */
struct relay_mail {
    struct mail mail;
    struct relay_news *news;
};

struct relay_news {
    struct mail told;
    struct uplink *uplink;
    struct loop *main;
    unsigned index;
    unsigned waiting; /* workers that have not read theirs yet; atomic */
    struct worker_relay relay;
    struct relay_mail mails[];
};

static bool is_last_reader(struct relay_news *news)
{
    return __atomic_sub_fetch(&news->waiting, 1, __ATOMIC_ACQ_REL) == 0;
}

static void relay_on_worker(struct mail *m, struct loop *loop)
{
    struct relay_news *news = ((struct relay_mail *)m)->news;
    struct worker *w = worker_of(loop);

    w->relays[news->index] = news->relay;
    spare_close_stale(w, news->index, news->relay.instance);
    if (is_last_reader(news))
        loop_post(news->main, &news->told);
}

/* A worker that never ran, or that has ended, needs to know nothing. */
static void relay_mail_drop(struct mail *m)
{
    struct relay_news *news = ((struct relay_mail *)m)->news;

    if (is_last_reader(news))
        loop_post(news->main, &news->told);
}

/* A reload tells them anew; the log knows already. */
static void log_told(struct uplink *u, bool is_open)
{
    if (u->is_logged && u->was_open == is_open)
        return;
    u->is_logged = true;
    u->was_open = is_open;
    uplink_log(u, LOG_LEVEL_INFO, is_open ? "tunnel_up" : "tunnel_draining", REASON_NONE, 0);
    if (is_open)
        uplink_audit(u, AUDIT_RELAY_UP, REASON_NONE);
}

static void workers_are_told(struct mail *m, struct loop *loop)
{
    struct relay_news *news = (struct relay_news *)m;
    struct uplink *u = news->uplink;

    (void)loop;
    if (uplinks_receiver() != NULL && u->is_up && memcmp(u->instance, news->relay.instance, FRAME_INSTANCE) == 0)
        log_told(u, news->relay.is_up);
    free(news);
}

static void relay_news_drop(struct mail *m)
{
    free(m);
}

struct worker_relay uplink_picture(const struct uplink *u)
{
    struct worker_relay relay = {.is_up = u->is_up && !u->is_draining, .rank = u->rank};

    if (u->is_up) {
        relay.address = *control_peer(u->control);
        relay.version = u->version;
        relay.local = *control_local(u->control);
        memcpy(relay.instance, u->instance, sizeof(relay.instance));
    }
    return relay;
}

void uplink_tell_workers(struct uplink *u)
{
    struct site *site = u->uplinks->site;
    unsigned count = 0, i = 0;
    struct relay_news *news;
    struct worker *w;

    for (w = site_next_running(site, 0); w != NULL; w = site_next_running(site, w->index + 1))
        count++;
    news = calloc(1, sizeof(*news) + count * sizeof(news->mails[0]));
    if (news == NULL)
        abort(); /* a worker with a wrong picture of its relays would lose links without a word */
    news->told.deliver = workers_are_told;
    news->told.drop = relay_news_drop;
    news->uplink = u;
    news->main = u->uplinks->loop;
    news->index = u->index;
    news->waiting = count;
    news->relay = uplink_picture(u);
    for (w = site_next_running(site, 0); w != NULL; w = site_next_running(site, w->index + 1)) {
        struct relay_mail *mail = &news->mails[i++];

        mail->news = news;
        mail->mail.deliver = relay_on_worker;
        mail->mail.drop = relay_mail_drop;
        loop_post(&w->loop, &mail->mail);
    }
}
