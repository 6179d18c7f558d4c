/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rounds through the workers. Asked and answered on the main loop; sessions end on their workers. */
#include "proxy/app/cut.h"

#include "tls/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Slots looked at in one turn of a worker. */
#define SLOTS 512

struct cut_round {
    cut_fn *done;
    void *arg;
    size_t count;
    unsigned missing;
    bool is_broken;
};

struct cut_mail {
    struct mail mail;
    struct site *site;
    struct worker *worker;
    struct cut_round *round; /* touched on the main thread only */
    struct cut_order order;
    unsigned slot;
    size_t count;
};

static bool is_direct(const char *agent)
{
    return strcmp(agent, "direct") == 0;
}

/* The agent beside the server. */
static bool is_via(const struct session *s, const char *agent)
{
    return s->ask.link != NULL && s->ask.link->server.agent != NULL && strcmp(s->ask.link->server.agent, agent) == 0;
}

static bool fits_agent(const struct session *s, const char *agent)
{
    if (is_direct(agent))
        return s->ask.behind[0] == '\0' && s->ask.peer_name[0] == '\0';
    return strcmp(s->ask.peer_name, agent) == 0 || strcmp(s->ask.behind, agent) == 0 || is_via(s, agent);
}

static bool fits(const struct session *s, const struct cut_order *order)
{
    if (order->handle.serial != 0 && (order->handle.serial != s->handle.serial || order->handle.worker != s->handle.worker))
        return false;
    if (order->agent[0] != '\0' && !fits_agent(s, order->agent))
        return false;
    return !address_is_set(&order->client) || address_same_ip(&s->ask.client, &order->client);
}

/* The last mail of a worker. On the main thread. */
static void end_worker(struct cut_mail *mail, bool is_whole)
{
    struct cut_round *round = mail->round;

    round->count += mail->count;
    round->is_broken |= !is_whole;
    free(mail);
    if (--round->missing > 0)
        return;
    round->done(round->arg, round->is_broken ? SIZE_MAX : round->count);
    free(round);
}

static void on_main(struct mail *m, struct loop *loop)
{
    (void)loop;
    end_worker((struct cut_mail *)m, true);
}

/* Loops drop their mails on the main thread. A worker that retires has no session left. */
static void drop(struct mail *m)
{
    struct cut_mail *mail = (struct cut_mail *)m;

    end_worker(mail, mail->worker->is_leaving);
}

static void on_worker(struct mail *m, struct loop *loop)
{
    struct cut_mail *mail = (struct cut_mail *)m;
    struct worker *w = worker_of(loop);

    for (unsigned i = 0; i < SLOTS && mail->slot < w->slots_count; i++) {
        struct session *s = worker_slot(w, mail->slot++);

        if (s == NULL || s->state == SESSION_CLOSING || !fits(s, &mail->order))
            continue;
        mail->count += s->kind != SESSION_TUNNEL && s->kind != SESSION_UNKNOWN;
        session_close(s, mail->order.why);
    }
    if (mail->slot < w->slots_count) {
        loop_post(loop, &mail->mail); /* others first */
        return;
    }
    mail->mail.deliver = on_main;
    loop_post(mail->site->main, &mail->mail);
}

static void ask_worker(struct site *site, struct cut_round *round, const struct cut_order *order, struct worker *w)
{
    struct cut_mail *mail = calloc(1, sizeof(*mail));

    if (mail == NULL)
        abort(); /* who is to be cut off may not stay */
    mail->mail.deliver = on_worker;
    mail->mail.drop = drop;
    mail->site = site;
    mail->round = round;
    mail->order = *order;
    mail->worker = w;
    loop_post(&w->loop, &mail->mail);
}

void cut_sessions(struct site *site, const struct cut_order *order, cut_fn *done, void *arg)
{
    struct cut_round *round = calloc(1, sizeof(*round));
    struct worker *w;

    if (round == NULL)
        abort();
    round->done = done;
    round->arg = arg;
    for (w = site_next_running(site, 0); w != NULL; w = site_next_running(site, w->index + 1))
        round->missing++;
    for (w = site_next_running(site, 0); w != NULL; w = site_next_running(site, w->index + 1))
        ask_worker(site, round, order, w);
}

/* -- what an administrator wrote -----------------------------------------------------------------------------------------------
 */

static bool is_agent(const struct cfg *cfg, const char *word)
{
    for (size_t i = 0; i < cfg->tunnel.agents_count; i++)
        if (strcmp(cfg->tunnel.agents[i].name, word) == 0)
            return true;
    return false;
}

static bool read_agent(const char *word, size_t length, struct cut_order *ret)
{
    if (length == 0 || length > SESSION_NAME_MAX)
        return false;
    memcpy(ret->agent, word, length);
    ret->agent[length] = '\0';
    return identity_name_is_valid(ret->agent);
}

static bool read_session(const char *word, struct session_handle *ret)
{
    unsigned worker;
    uint64_t serial;
    int end = 0;

    if (sscanf(word, "%u.%" SCNx64 "%n", &worker, &serial, &end) != 2 || word[end] != '\0' || worker == 0 || serial == 0)
        return false;
    *ret = (struct session_handle){.worker = worker - 1, .serial = serial};
    return true;
}

bool cut_order_read(const char *word, const struct cfg *cfg, struct cut_order *ret)
{
    const char *slash = strchr(word, '/');

    *ret = (struct cut_order){.why = REASON_KILLED};
    if (slash != NULL)
        return read_agent(word, (size_t)(slash - word), ret) && address_parse(slash + 1, &ret->client) == 0;
    if (!is_agent(cfg, word) && (read_session(word, &ret->handle) || address_parse(word, &ret->client) == 0))
        return true;
    return read_agent(word, strlen(word), ret);
}
