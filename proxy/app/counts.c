/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the round of mails that counts. */
#include "proxy/app/counts.h"

#include "proxy/session/session.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct round {
    struct counts sum;
    unsigned missing;
    bool is_broken;
    counts_fn *done;
    void *arg;
};

struct count_mail {
    struct mail mail;
    struct site *site;
    struct worker *worker;
    struct round *round; /* touched on the main thread only */
    struct counts counts;
};

static void add(struct counts *to, const struct counts *c)
{
    to->sessions += c->sessions;
    to->links += c->links;
    to->advises += c->advises;
    to->web += c->web;
    to->tunnel += c->tunnel;
    to->chunks += c->chunks;
    tally_add(&to->tally, &c->tally);
}

/* The last answer of a worker. */
static void take(struct count_mail *mail)
{
    struct round *round = mail->round;
    const struct loop *main = mail->site->main;

    add(&round->sum, &mail->counts);
    free(mail);
    if (--round->missing > 0)
        return;
    round->sum.chunks += main->chunks.borrowed_count;
    tally_add(&round->sum.tally, &tally_mine);
    round->done(round->arg, round->is_broken ? NULL : &round->sum);
    free(round);
}

/* Loops drop their mails on the main thread, when their own threads have gone: a worker that retired has counted to the end, else
 * the program ends. */
static void count_drop(struct mail *m)
{
    struct count_mail *mail = (struct count_mail *)m;

    if (mail->worker->is_leaving)
        mail->counts.tally = mail->worker->counted;
    else
        mail->round->is_broken = true;
    take(mail);
}

static void count_on_main(struct mail *m, struct loop *loop)
{
    (void)loop;
    take((struct count_mail *)m);
}

static void count_on_worker(struct mail *m, struct loop *loop)
{
    struct count_mail *mail = (struct count_mail *)m;
    struct worker *w = worker_of(loop);
    struct counts *c = &mail->counts;
    const struct session *s;

    TAILQ_FOREACH(s, &w->sessions, entry)
    {
        c->links += s->kind == SESSION_LINK;
        c->advises += s->kind == SESSION_ADVISE;
        c->web += s->kind == SESSION_WEB;
        c->tunnel += s->kind == SESSION_TUNNEL || s->kind == SESSION_UNKNOWN;
    }
    c->sessions = c->links + c->advises + c->web;
    c->chunks = loop->chunks.borrowed_count;
    c->tally = tally_mine;
    mail->mail.deliver = count_on_main;
    loop_post(mail->site->main, &mail->mail);
}

static bool is_running(const struct worker *w)
{
    return w != NULL && w->thread != 0;
}

static void ask_worker(struct site *site, struct round *round, struct worker *w)
{
    struct count_mail *mail = calloc(1, sizeof(*mail));

    if (mail == NULL)
        abort(); /* a round that never ends would hold up the drain for ever */
    mail->mail.deliver = count_on_worker;
    mail->mail.drop = count_drop;
    mail->site = site;
    mail->worker = w;
    mail->round = round;
    loop_post(&w->loop, &mail->mail);
}

/* Also those that leave, for what they have counted is nowhere else until they have gone. */
bool counts_ask(struct site *site, counts_fn *done, void *arg)
{
    struct round *round = calloc(1, sizeof(*round));

    if (round == NULL)
        return false;
    round->done = done;
    round->arg = arg;
    tally_add_kept(&round->sum.tally);
    for (unsigned i = 0; i < SITE_WORKERS_MAX; i++)
        round->missing += is_running(site->places[i]);
    for (unsigned i = 0; i < SITE_WORKERS_MAX; i++)
        if (is_running(site->places[i]))
            ask_worker(site, round, site->places[i]);
    return true;
}

unsigned long counts_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned long count = 0;

    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count - 3; /* ".", "..", and the folder itself */
}

unsigned long counts_rss_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}
