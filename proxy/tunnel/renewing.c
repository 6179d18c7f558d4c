/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the agent's side of a renewal. Main loop. A key is on the disk before anybody is asked for a certificate for it, and a
 * certificate that works is there before it is used. One thing at a time: a file is written, or a certificate is on trial.
 */
#include "proxy/tunnel/renewing.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/tunnel/pieces.h"
#include "proxy/tunnel/renewal_file.h"
#include "proxy/tunnel/trial.h"
#include "tls/renew.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS ((uint64_t)3600 * 1000)

/* An answer that comes sooner after another is not looked at: a relay can't keep us busy with files and trials. */
#define ANSWER_PAUSE_MS 2000

#define FOLDER_MEND "make the folder \"state\", writable for georelay's user"
#define SIGN_MEND   "the old certificate stays in use; sign the request again: georelay pki renew"

enum { DAY_SECONDS = 24 * 3600 };

struct asked {
    struct control *control; /* NULL: down, or it speaks no version 3 */
    uint8_t instance[FRAME_INSTANCE];
    struct pieces pieces;
};

struct renewing {
    struct loop *loop;
    struct site *site;
    struct deadline look;
    struct renew_request request; /* that waits for its certificate */
    bool is_asking;               /* it is on the disk: relays may be asked */
    struct renewal_write *write;  /* under way */
    uint64_t answer_from_ms;      /* the next answer is looked at from then on */
    struct asked relays[WORKER_RELAYS_MAX];
    unsigned answered_by; /* whose answer is on trial */
    struct trial trial;
    struct tls_context *fresh; /* on trial */
};

/* -- the log -------------------------------------------------------------------------------------------------------------------
 */

/* `kind` is "why" for a reason of ours, "error" for a sentence of the system's or of OpenSSL's. */
static void log_trouble(const struct renewing *r, const char *event, const char *kind, const char *text, const char *remedy)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_WARN, event))
        return;
    log_text(&l, "name", r->site->cfg->name);
    log_text(&l, kind, text);
    if (remedy != NULL)
        log_text(&l, "remedy", remedy);
    log_end(&l);
}

static void log_unwritten(const struct renewing *r, int error)
{
    log_trouble(r, "renewal_failed", "error", strerror(error), FOLDER_MEND);
}

static void log_end_of(const struct renewing *r, const char *event, time_t until)
{
    struct log_line l;
    char date[32];
    struct tm tm;

    if (!log_begin(&l, LOG_LEVEL_INFO, event))
        return;
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&until, &tm));
    log_text(&l, "name", r->site->cfg->name);
    log_text(&l, "until", date);
    log_end(&l);
}

/* -- which certificate ---------------------------------------------------------------------------------------------------------
 */

static void no_problem(void *arg, unsigned line, const char *sentence)
{
    (void)arg;
    (void)line;
    (void)sentence;
}

static struct tls_context *load_pair(const struct cfg *cfg, enum renewal_file which, tls_problem_fn *problem, void *arg)
{
    char path[PATH_MAX];
    struct cfg_certificate pair = {.chain = path, .key = path};

    if (!renewal_file_path(cfg, which, path) || access(path, F_OK) != 0 || !renew_file_is_of(path, cfg->name))
        return NULL;
    return tls_context_new_agent(&pair, cfg->ca, problem, arg);
}

static bool is_newer(const struct tls_context *a, const struct tls_context *b)
{
    time_t a_from, a_until, b_from, b_until;

    return renew_dates(a, &a_from, &a_until) == 0 && renew_dates(b, &b_from, &b_until) == 0 && a_from > b_from;
}

/* NULL: that of the configuration is to be used. */
static struct tls_context *load_renewed(const struct cfg *cfg)
{
    struct tls_context *renewed = cfg->name != NULL && cfg->state != NULL ? load_pair(cfg, RENEWAL_PAIR, no_problem, NULL) : NULL;
    struct tls_context *own;

    if (renewed == NULL)
        return NULL;
    own = tls_context_new_agent(&cfg->identity, cfg->ca, no_problem, NULL); /* that of years ago may have ended */
    if (own != NULL && is_newer(own, renewed)) {                            /* enrolled anew since */
        tls_context_put(renewed);
        renewed = NULL;
    }
    tls_context_put(own);
    return renewed;
}

struct tls_context *renewing_context(const struct cfg *cfg, tls_problem_fn *problem, void *arg)
{
    struct tls_context *renewed = load_renewed(cfg);

    return renewed != NULL ? renewed : tls_context_new_agent(&cfg->identity, cfg->ca, problem, arg);
}

bool renewing_path(const struct cfg *cfg, char path[PATH_MAX])
{
    struct tls_context *renewed = load_renewed(cfg);
    bool is_renewed = renewed != NULL && renewal_file_path(cfg, RENEWAL_PAIR, path);

    tls_context_put(renewed);
    return is_renewed;
}

/* -- asking --------------------------------------------------------------------------------------------------------------------
 */

static void offer(struct renewing *r, const struct asked *to)
{
    if (to->control != NULL && r->is_asking)
        (void)pieces_send(to->control, FRAME_RENEW, r->request.text);
}

static void offer_all(struct renewing *r)
{
    for (size_t i = 0; i < WORKER_RELAYS_MAX; i++)
        offer(r, &r->relays[i]);
}

/* The request is on the disk. */
static void request_kept(void *arg, int error)
{
    struct renewing *r = arg;
    time_t from, until = 0;

    r->write = NULL;
    if (error != 0) {
        log_unwritten(r, error);
        renew_request_fini(&r->request);
        return;
    }
    r->is_asking = true;
    (void)renew_dates(r->site->agent_tls, &from, &until);
    log_end_of(r, "renewal_asked", until);
    offer_all(r);
}

static void make_request(struct renewing *r)
{
    char *both = NULL;

    if (renew_request_make(r->site->cfg->name, &r->request) == 0 && asprintf(&both, "%s%s", r->request.key, r->request.text) < 0)
        both = NULL;
    if (both != NULL)
        r->write = renewal_file_write(r->loop, r->site->cfg, RENEWAL_REQUEST, both, request_kept, r);
    renew_pair_free(both);
    if (r->write == NULL) {
        log_unwritten(r, ENOMEM);
        renew_request_fini(&r->request);
    }
}

/* That of before a restart. */
static void read_request(struct renewing *r)
{
    char *text =
        r->site->cfg->name != NULL && r->site->cfg->state != NULL ? renewal_file_read(r->site->cfg, RENEWAL_REQUEST) : NULL;

    if (text != NULL &&
        (renew_request_parse(text, &r->request) != 0 || !renew_request_is_of(r->request.text, r->site->cfg->name)))
        renew_request_fini(&r->request);
    renew_pair_free(text);
}

static bool is_due(const struct renewing *r)
{
    time_t from, until, now = time(NULL);
    long long before = (long long)r->site->cfg->renew_days * DAY_SECONDS;

    if (before == 0 || renew_dates(r->site->agent_tls, &from, &until) != 0)
        return false;
    if (before > (until - from) / 3)
        before = (until - from) / 3;
    return until - now < before;
}

static void look(void *arg)
{
    struct renewing *r = arg;

    deadline_set(&r->look, LOOK_MS);
    if (r->is_asking)
        offer_all(r);
    else if (r->write != NULL || !is_due(r))
        return;
    else if (r->request.text != NULL)
        request_kept(r, 0);
    else
        make_request(r);
}

/* -- the answer ----------------------------------------------------------------------------------------------------------------
 */

/* The old certificate stays in use, and the request is asked again with the next look or control channel. */
static void give_up(struct renewing *r)
{
    tls_context_put(r->fresh);
    r->fresh = NULL;
    renewal_file_remove(r->site->cfg, RENEWAL_TRIAL);
}

void renewing_interrupt(struct renewing *r)
{
    if (r->fresh == NULL || r->write != NULL)
        return;
    trial_stop(&r->trial);
    give_up(r);
}

/* The new certificate works and is on the disk: from now on for every new connection. */
static void pair_kept(void *arg, int error)
{
    struct renewing *r = arg;
    time_t from, until = 0;

    r->write = NULL;
    if (error != 0) {
        log_unwritten(r, error);
        give_up(r);
        return;
    }
    (void)renew_dates(r->fresh, &from, &until);
    tls_context_put(r->fresh);
    r->fresh = NULL;
    if (r->site->renewed != NULL)
        r->site->renewed(r->site->arg);
    r->is_asking = false;
    renew_request_fini(&r->request);
    log_end_of(r, "certificate_renewed", until);
}

static void trial_done(void *arg, enum reason why)
{
    struct renewing *r = arg;

    if (why != REASON_NONE) {
        log_trouble(r, "renewal_failed", "why", reason_name(why), "the old certificate stays in use; mend the way to the relay");
        give_up(r);
        return;
    }
    r->write = renewal_file_adopt(r->loop, r->site->cfg, pair_kept, r);
    if (r->write == NULL) {
        log_unwritten(r, ENOMEM);
        give_up(r);
    }
}

static void log_problem(void *arg, unsigned line, const char *sentence)
{
    (void)line;
    log_trouble(arg, "renewal_failed", "error", sentence, SIGN_MEND);
}

/* The certificate lies in its file: is it good, and does the relay that sent it let us in with it? */
static void trial_kept(void *arg, int error)
{
    struct renewing *r = arg;
    const struct asked *from = &r->relays[r->answered_by];

    r->write = NULL;
    if (error != 0) {
        log_unwritten(r, error);
        return;
    }
    if (from->control != NULL)
        r->fresh = load_pair(r->site->cfg, RENEWAL_TRIAL, log_problem, r);
    if (r->fresh == NULL) {
        log_trouble(r, "renewal_failed", "why", reason_name(from->control == NULL ? REASON_CHANNEL_LOST : REASON_RENEWAL_BAD),
                    SIGN_MEND);
        give_up(r);
        return;
    }
    trial_start(&r->trial, r->loop, r->site->cfg, r->fresh, control_peer(from->control), from->instance, trial_done, r);
}

static void take_certificate(struct renewing *r, unsigned relay, const char *certificate)
{
    char *pair;

    if (!r->is_asking || r->write != NULL || r->fresh != NULL || clock_ms() < r->answer_from_ms)
        return; /* another relay was quicker, or this one is too quick */
    r->answer_from_ms = clock_ms() + ANSWER_PAUSE_MS;
    if (!renew_certificate_fits(certificate, r->request.text)) {
        log_trouble(r, "renewal_failed", "why", reason_name(REASON_RENEWAL_BAD), SIGN_MEND);
        return;
    }
    r->answered_by = relay;
    pair = renew_pair_make(certificate, &r->request);
    if (pair != NULL)
        r->write = renewal_file_write(r->loop, r->site->cfg, RENEWAL_TRIAL, pair, trial_kept, r);
    renew_pair_free(pair);
    if (r->write == NULL)
        log_unwritten(r, ENOMEM);
}

bool renewing_take(struct renewing *r, unsigned relay, const struct frame *f)
{
    struct asked *from = &r->relays[relay];

    if (f->type == FRAME_NOT_RENEWED) {
        log_trouble(r, "renewal_refused", "why", reason_name(reason_by_name(f->text, (unsigned)strlen(f->text))),
                    "set tunnel.requests at the relay, or enrol this agent anew before its certificate ends");
        return true;
    }
    switch (pieces_take(&from->pieces, f)) {
    case PIECES_MORE:
        return true;
    case PIECES_BAD:
        return false;
    default:
        take_certificate(r, relay, from->pieces.text);
        pieces_fini(&from->pieces);
        return true;
    }
}

/* -- relays --------------------------------------------------------------------------------------------------------------------
 */

void renewing_up(struct renewing *r, unsigned relay, struct control *control, const uint8_t instance[FRAME_INSTANCE])
{
    struct asked *a = &r->relays[relay];

    a->control = control;
    memcpy(a->instance, instance, FRAME_INSTANCE);
    offer(r, a);
}

void renewing_down(struct renewing *r, unsigned relay)
{
    r->relays[relay].control = NULL;
    pieces_fini(&r->relays[relay].pieces);
}

struct renewing *renewing_new(struct loop *loop, struct site *site)
{
    struct renewing *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->loop = loop;
    r->site = site;
    read_request(r);
    deadline_init(&r->look, loop, look, r);
    deadline_set(&r->look, 0);
    return r;
}

void renewing_free(struct renewing *r)
{
    if (r == NULL)
        return;
    deadline_clear(&r->look);
    trial_stop(&r->trial);
    renewal_file_forget(r->write);
    tls_context_put(r->fresh);
    for (size_t i = 0; i < WORKER_RELAYS_MAX; i++)
        pieces_fini(&r->relays[i].pieces);
    renew_request_fini(&r->request);
    free(r);
}
