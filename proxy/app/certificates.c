/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the watch on certificates and the exchange of TLS contexts. A new set is loaded beside the one in use and swapped pointer
 * by pointer; the old contexts go when every worker has answered a mail, for by then nobody is in the midst of taking one. Main
 * thread; workers by mail.
 */
#include "proxy/app/certificates.h"

#include "proxy/app/admin_port.h"
#include "proxy/app/audits.h"
#include "proxy/app/certificate_files.h"
#include "proxy/app/expiries.h"
#include "proxy/base/log.h"
#include "proxy/net/file_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How often files that can't be used are tried, and complained about, again. */
#define REMIND_MS ((uint64_t)10 * 60 * 1000)

static struct {
    struct generation *g; /* NULL: nothing is watched */
    struct file_watch *watch;
    struct deadline remind;
    bool is_bad; /* when they were read last */
} the;

/* -- exchanging ----------------------------------------------------------------------------------------------------------------
 */

struct exchange;

struct exchange_mail {
    struct mail mail;
    struct exchange *exchange;
};

struct exchange {
    struct gates old; /* after the swap */
    unsigned waiting; /* workers that have not answered yet */
    struct exchange_mail mails[];
};

static void put_exchange(struct exchange *e)
{
    if (--e->waiting > 0)
        return;
    gates_fini(&e->old);
    free(e);
}

static void answered_on_main(struct mail *m, struct loop *loop)
{
    (void)loop;
    put_exchange(((struct exchange_mail *)m)->exchange);
}

static void answer_on_worker(struct mail *m, struct loop *loop)
{
    m->deliver = answered_on_main;
    loop_post(worker_of(loop)->site->main, m);
}

/* The worker, or the program, has ended: on the main thread. */
static void answer_dropped(struct mail *m)
{
    put_exchange(((struct exchange_mail *)m)->exchange);
}

static struct exchange *exchange_new(const struct generation *g)
{
    struct exchange *e = calloc(1, sizeof(*e) + g->workers_count * sizeof(e->mails[0]));

    if (e != NULL)
        e->waiting = 1; /* ours */
    return e;
}

static void swap(struct exchange *e)
{
    struct generation *g = the.g;

    gates_swap_tls(g->gates, &e->old, g->workers);
    g->site->agent_tls = g->gates->agent_tls;
    tls_tickets_share(g->gates->tickets, g->gates->ticket_keys);
    for (unsigned i = 0; i < g->workers_count; i++) {
        struct exchange_mail *mail = &e->mails[i];

        mail->mail.deliver = answer_on_worker;
        mail->mail.drop = answer_dropped;
        mail->exchange = e;
        e->waiting++;
        loop_post(&g->workers[i]->loop, &mail->mail);
    }
    put_exchange(e);
}

/* -- reading -------------------------------------------------------------------------------------------------------------------
 */

static void log_bad(const struct cfg_problem *p)
{
    struct log_line l;

    audits_certificates_refused(p->sentence);
    if (!log_begin(&l, LOG_LEVEL_WARN, "certificate_bad"))
        return;
    log_text(&l, "error", p->sentence);
    log_text(&l, "remedy", p->remedy[0] != '\0' ? p->remedy : "mend the file: until then what was read before stays in use");
    log_end(&l);
}

static void log_event(enum log_level level, const char *event, const char *error)
{
    struct log_line l;

    if (!log_begin(&l, level, event))
        return;
    if (error != NULL)
        log_text(&l, "error", error);
    log_end(&l);
}

static bool is_in_use(void)
{
    char note[DIGEST_TEXT];

    certificate_files_note(the.g->cfg, note);
    return note[0] != '\0' && strcmp(note, the.g->gates->note) == 0;
}

static void read_files(void *arg)
{
    struct cfg_problems problems = {0};
    struct admin_renewal *admin;
    struct exchange *e;

    (void)arg;
    deadline_clear(&the.remind);
    if (!the.is_bad && is_in_use())
        return;
    e = exchange_new(the.g);
    if (e == NULL) {
        log_event(LOG_LEVEL_WARN, "certificate_bad", "there is no memory left");
        deadline_set(&the.remind, REMIND_MS);
        return;
    }
    (void)gates_load(&e->old, the.g->cfg, the.g->gates->tickets, &problems);
    admin = admin_port_read(&problems);
    the.is_bad = problems.count > 0;
    if (!the.is_bad) {
        admin_port_use(admin);
        swap(e);
        expiries_load(the.g->cfg);
        audits_certificates(the.g->cfg);
        log_event(LOG_LEVEL_INFO, "certificate_loaded", NULL);
    } else {
        for (size_t i = 0; i < problems.kept; i++)
            log_bad(&problems.list[i]);
        admin_port_forget(admin);
        put_exchange(e);
        deadline_set(&the.remind, REMIND_MS);
    }
    cfg_problems_fini(&problems);
}

/* -- the watch -----------------------------------------------------------------------------------------------------------------
 */

static int add(void *arg, const char *path)
{
    (void)arg;
    return file_watch_add(the.watch, path);
}

void certificates_follow(struct generation *g)
{
    certificates_stop();
    the.g = g;
    the.is_bad = false;
    tls_tickets_share(g->gates->tickets, g->gates->ticket_keys);
    deadline_init(&the.remind, g->site->main, read_files, NULL);
    the.watch = file_watch_new(g->site->main, read_files, NULL);
    if (the.watch == NULL || certificate_files_each(g->cfg, add, NULL) != 0)
        log_event(LOG_LEVEL_WARN, "certificate_watch_off", strerror(errno));
    if (!is_in_use()) /* changed since they were read */
        deadline_set(&the.remind, 0);
}

void certificates_look(void)
{
    if (the.g != NULL)
        read_files(NULL);
}

void certificates_stop(void)
{
    if (the.g == NULL)
        return;
    file_watch_free(the.watch);
    deadline_clear(&the.remind);
    the.watch = NULL;
    the.g = NULL;
}
