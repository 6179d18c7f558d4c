/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the watch on the revocation lists, and who is told when they have changed. A list that can't be used leaves the one before
 * in use, and is complained about until it is right. Main thread; workers by mail.
 */
#include "proxy/app/revocation.h"

#include "proxy/app/audits.h"
#include "proxy/base/log.h"
#include "proxy/net/file_watch.h"
#include "tls/revoked.h"

#include <stdlib.h>

/* How often a list that can't be used is tried, and complained about, again. */
#define REMIND_MS ((uint64_t)10 * 60 * 1000)

/* A stream that was on its way from thread to thread while all were asked is found by asking once more. */
#define AGAIN_MS 400

static struct {
    struct site *site;
    struct seats *seats;
    struct tls_tickets *tickets;
    struct file_watch *watch; /* NULL: there is nothing to watch */
    struct deadline remind;
    struct deadline again;
} the;

/* -- cutting -------------------------------------------------------------------------------------------------------------------
 */

static void cut_on_worker(struct mail *m, struct loop *loop)
{
    worker_cut_revoked(worker_of(loop));
    free(m);
}

static void drop_mail(struct mail *m)
{
    free(m);
}

static void cut_all(void)
{
    /* First, so that nobody resumes what is cut now; who was resuming at this moment is met by the check of greeted streams. */
    tls_revoked_drop_sessions(the.site->revoked, the.tickets);
    seats_cut_revoked(the.seats);
    SITE_EACH(w, the.site)
    {
        struct mail *mail = calloc(1, sizeof(*mail));

        if (mail == NULL)
            abort(); /* a revoked agent that stays connected without a word is worse */
        mail->deliver = cut_on_worker;
        mail->drop = drop_mail;
        loop_post(&w->loop, mail);
    }
}

static void cut_again(void *arg)
{
    (void)arg;
    cut_all();
}

/* -- reading -------------------------------------------------------------------------------------------------------------------
 */

static void log_problem(void *arg, unsigned place, const char *sentence)
{
    struct log_line l;

    (void)arg;
    (void)place;
    audits_revoked_refused(sentence);
    if (!log_begin(&l, LOG_LEVEL_WARN, "revoked_failed"))
        return;
    log_text(&l, "error", sentence);
    log_number(&l, "in_use", tls_revoked_count(the.site->revoked));
    log_text(&l, "remedy", "mend the file: until then the list that was read before stays in use");
    log_end(&l);
}

static void log_loaded(void)
{
    struct log_line l;

    audits_revoked(tls_revoked_count(the.site->revoked));
    if (!log_begin(&l, LOG_LEVEL_INFO, "revoked_loaded"))
        return;
    log_number(&l, "certificates", tls_revoked_count(the.site->revoked));
    log_end(&l);
}

static void remind_if_outdated(void)
{
    struct log_line l;

    if (!tls_revoked_is_outdated(the.site->revoked))
        return;
    deadline_set(&the.remind, REMIND_MS);
    if (!log_begin(&l, LOG_LEVEL_WARN, "crl_outdated"))
        return;
    log_text(&l, "file", the.site->cfg->tunnel.crl);
    log_text(&l, "remedy",
             "copy the newest CRL of your CA there: this one says that it should have been replaced; it stays in use");
    log_end(&l);
}

static void read_lists(void *arg)
{
    (void)arg;
    if (tls_revoked_load(the.site->revoked, &the.site->cfg->tunnel, log_problem, NULL) != 0) {
        deadline_set(&the.remind, REMIND_MS);
        return;
    }
    deadline_clear(&the.remind);
    log_loaded();
    remind_if_outdated();
    cut_all();
    deadline_set(&the.again, AGAIN_MS);
}

/* -- the watch -----------------------------------------------------------------------------------------------------------------
 */

static int watch(const struct cfg_tunnel *tunnel)
{
    if (tunnel->revoked == NULL && tunnel->crl == NULL)
        return 0;
    deadline_set(&the.remind, 0); /* the files may have changed since they were read */
    the.watch = file_watch_new(the.site->main, read_lists, NULL);
    if (the.watch == NULL || (tunnel->revoked != NULL && file_watch_add(the.watch, tunnel->revoked) != 0) ||
        (tunnel->crl != NULL && file_watch_add(the.watch, tunnel->crl) != 0))
        return -1;
    return 0;
}

int revocation_follow(struct site *site, struct seats *seats, struct gates *gates)
{
    revocation_stop();
    the.site = site;
    the.seats = seats;
    the.tickets = gates->tickets;
    deadline_init(&the.remind, site->main, read_lists, NULL);
    deadline_init(&the.again, site->main, cut_again, NULL);
    (void)tls_revoked_load(gates->revoked, &site->cfg->tunnel, log_problem, NULL); /* newer ones may have come since */
    tls_revoked_exchange(site->revoked, gates->revoked);
    cut_all();
    deadline_set(&the.again, AGAIN_MS);
    return watch(&site->cfg->tunnel);
}

void revocation_stop(void)
{
    if (the.site == NULL)
        return;
    file_watch_free(the.watch);
    deadline_clear(&the.remind);
    deadline_clear(&the.again);
    the.site = NULL;
    the.watch = NULL;
}
