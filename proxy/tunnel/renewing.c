/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the agent's side of a renewal. Main loop. The files are small and written once in years; a key is on the disk before
 * anybody is asked for a certificate for it.
 */
#include "proxy/tunnel/renewing.h"

#include "proxy/base/log.h"
#include "proxy/tunnel/pieces.h"
#include "proxy/tunnel/trial.h"
#include "tls/renew.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS ((uint64_t)3600 * 1000)

/* Contexts that were in use and may be still: one for each renewal of a process's life. */
#define CONTEXTS_MAX 64

enum { DAY_SECONDS = 24 * 3600 };

struct asked {
    struct control *control; /* NULL: down, or it speaks no version 3 */
    uint8_t instance[FRAME_INSTANCE];
    struct pieces pieces;
};

struct renewing {
    struct loop *loop;
    struct site *site;
    const struct cfg *cfg;
    struct deadline look;
    struct renew_request request; /* that waits for its certificate */
    struct asked relays[WORKER_RELAYS_MAX];
    struct trial trial;
    struct tls_context *fresh; /* on trial */
    struct tls_context *contexts[CONTEXTS_MAX];
    size_t contexts_count;
};

/* -- the log -------------------------------------------------------------------------------------------------------------------
 */

static void log_trouble(const struct renewing *r, const char *event, const char *why, const char *remedy)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_WARN, event))
        return;
    log_text(&l, "name", r->cfg->name);
    log_text(&l, "why", why);
    if (remedy != NULL)
        log_text(&l, "remedy", remedy);
    log_end(&l);
}

static void log_end_of(const struct renewing *r, const char *event, time_t until)
{
    struct log_line l;
    char date[32];
    struct tm tm;

    if (!log_begin(&l, LOG_LEVEL_INFO, event))
        return;
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&until, &tm));
    log_text(&l, "name", r->cfg->name);
    log_text(&l, "until", date);
    log_end(&l);
}

/* -- files ---------------------------------------------------------------------------------------------------------------------
 */

static bool path_of(const struct cfg *cfg, const char *suffix, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%s.%s", cfg->state, cfg->name, suffix) < PATH_MAX;
}

static int write_secret(const char *path, const char *text, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool is_good = fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;

    if (fd >= 0 && close(fd) != 0)
        is_good = false;
    return is_good ? 0 : -1;
}

/* Under another name first. */
static int replace_secret(const struct cfg *cfg, const char *suffix, const char *text)
{
    char path[PATH_MAX];
    char fresh[PATH_MAX + 8];

    if (!path_of(cfg, suffix, path))
        return -1;
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    (void)mkdir(cfg->state, 0700);
    if (write_secret(fresh, text, strlen(text)) == 0 && rename(fresh, path) == 0)
        return 0;
    unlink(fresh);
    return -1;
}

static char *read_secret(const struct cfg *cfg, const char *suffix)
{
    char path[PATH_MAX];
    char *text = calloc(1, FRAME_WHOLE_MAX * 2);
    int fd = text != NULL && path_of(cfg, suffix, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    ssize_t n = fd < 0 ? -1 : read(fd, text, FRAME_WHOLE_MAX * 2 - 1);

    if (fd >= 0)
        close(fd);
    if (n > 0)
        return text;
    free(text);
    return NULL;
}

/* -- which certificate ---------------------------------------------------------------------------------------------------------
 */

static void no_problem(void *arg, unsigned line, const char *sentence)
{
    (void)arg;
    (void)line;
    (void)sentence;
}

static struct tls_context *load_pair(const struct cfg *cfg, const char *suffix, tls_problem_fn *problem, void *arg)
{
    char path[PATH_MAX];
    struct cfg_certificate pair = {.chain = path, .key = path};

    if (!path_of(cfg, suffix, path) || access(path, F_OK) != 0 || !renew_file_is_of(path, cfg->name))
        return NULL;
    return tls_context_new_agent(&pair, cfg->ca, problem, arg);
}

static bool is_newer(const struct tls_context *a, const struct tls_context *b)
{
    time_t a_from, a_until, b_from, b_until;

    return renew_dates(a, &a_from, &a_until) == 0 && renew_dates(b, &b_from, &b_until) == 0 && a_from > b_from;
}

struct tls_context *renewing_context(const struct cfg *cfg, tls_problem_fn *problem, void *arg)
{
    struct tls_context *renewed = cfg->name != NULL && cfg->state != NULL ? load_pair(cfg, "pem", no_problem, NULL) : NULL;
    struct tls_context *own;

    if (renewed == NULL)
        return tls_context_new_agent(&cfg->identity, cfg->ca, problem, arg);
    own = tls_context_new_agent(&cfg->identity, cfg->ca, no_problem, NULL); /* that of years ago may have ended */
    if (own != NULL && is_newer(own, renewed)) {                            /* enrolled anew since */
        tls_context_put(renewed);
        return own;
    }
    tls_context_put(own);
    return renewed;
}

/* -- asking --------------------------------------------------------------------------------------------------------------------
 */

static void offer(struct renewing *r, const struct asked *to)
{
    if (to->control != NULL && r->request.text != NULL)
        (void)pieces_send(to->control, FRAME_RENEW, r->request.text);
}

/* That of before a restart, or a new one. */
static bool get_request(struct renewing *r)
{
    char *text = read_secret(r->cfg, "request");
    char *both = NULL;
    bool is_good =
        text != NULL && renew_request_parse(text, &r->request) == 0 && renew_request_is_of(r->request.text, r->cfg->name);

    renew_pair_free(text);
    if (is_good)
        return true;
    renew_request_fini(&r->request);
    if (renew_request_make(r->cfg->name, &r->request) != 0)
        return false;
    if (asprintf(&both, "%s%s", r->request.key, r->request.text) < 0)
        both = NULL;
    is_good = both != NULL && replace_secret(r->cfg, "request", both) == 0;
    if (!is_good) {
        log_trouble(r, "renewal_failed", strerror(errno), "make the folder \"state\", writable for georelay's user");
        renew_request_fini(&r->request);
    }
    renew_pair_free(both);
    return is_good;
}

static bool is_due(const struct renewing *r, time_t *ret_until)
{
    time_t from, now = time(NULL);
    long long before = (long long)r->cfg->renew_days * DAY_SECONDS;

    if (before == 0 || renew_dates(r->site->agent_tls, &from, ret_until) != 0)
        return false;
    if (before > (*ret_until - from) / 3)
        before = (*ret_until - from) / 3;
    return *ret_until - now < before;
}

static void look(void *arg)
{
    struct renewing *r = arg;
    time_t until;

    deadline_set(&r->look, LOOK_MS);
    if (r->request.text == NULL) {
        if (!is_due(r, &until) || !get_request(r))
            return;
        log_end_of(r, "renewal_asked", until);
    }
    for (size_t i = 0; i < WORKER_RELAYS_MAX; i++)
        offer(r, &r->relays[i]);
}

/* -- the answer ----------------------------------------------------------------------------------------------------------------
 */

static void drop_fresh(struct renewing *r)
{
    char path[PATH_MAX];

    tls_context_put(r->fresh);
    r->fresh = NULL;
    if (path_of(r->cfg, "trial", path))
        unlink(path);
}

/* The new certificate has worked: the file first, then every new connection. */
static void trial_done(void *arg, enum reason why)
{
    struct renewing *r = arg;
    char from[PATH_MAX], to[PATH_MAX], request[PATH_MAX];
    time_t begin, until = 0;

    if (why != REASON_NONE || !path_of(r->cfg, "trial", from) || !path_of(r->cfg, "pem", to) ||
        !path_of(r->cfg, "request", request) || r->contexts_count == CONTEXTS_MAX || rename(from, to) != 0) {
        log_trouble(r, "renewal_failed", why != REASON_NONE ? reason_name(why) : strerror(errno),
                    "the old certificate stays in use; the next control channel asks again");
        drop_fresh(r);
        return;
    }
    (void)renew_dates(r->fresh, &begin, &until);
    r->contexts[r->contexts_count++] = r->fresh;
    site_set_agent_tls(r->site, r->fresh);
    r->fresh = NULL;
    unlink(request);
    renew_request_fini(&r->request);
    log_end_of(r, "certificate_renewed", until);
}

static void log_problem(void *arg, unsigned line, const char *sentence)
{
    (void)line;
    log_trouble(arg, "renewal_failed", sentence, "sign the request again: georelay pki renew");
}

static void take_certificate(struct renewing *r, const struct asked *from, const char *certificate)
{
    char *pair;

    if (r->request.text == NULL || r->fresh != NULL)
        return; /* another relay was quicker */
    if (!renew_certificate_fits(certificate, r->request.text)) {
        log_trouble(r, "renewal_failed", reason_name(REASON_RENEWAL_BAD), NULL);
        return;
    }
    pair = renew_pair_make(certificate, &r->request);
    if (pair == NULL || replace_secret(r->cfg, "trial", pair) != 0)
        log_trouble(r, "renewal_failed", strerror(errno), "make the folder \"state\", writable for georelay's user");
    else
        r->fresh = load_pair(r->cfg, "trial", log_problem, r);
    renew_pair_free(pair);
    if (r->fresh == NULL) {
        log_trouble(r, "renewal_failed", reason_name(REASON_RENEWAL_BAD),
                    "the old certificate stays in use; sign the request again: georelay pki renew");
        drop_fresh(r);
    } else {
        trial_start(&r->trial, r->loop, r->cfg, r->fresh, control_peer(from->control), from->instance, trial_done, r);
    }
}

bool renewing_take(struct renewing *r, unsigned relay, const struct frame *f)
{
    struct asked *from = &r->relays[relay];

    if (f->type == FRAME_NOT_RENEWED) {
        log_trouble(r, "renewal_refused", reason_name(reason_by_name(f->text, (unsigned)strlen(f->text))),
                    "set tunnel.requests at the relay, or enrol this agent anew before its certificate ends");
        return true;
    }
    switch (pieces_take(&from->pieces, f)) {
    case PIECES_MORE:
        return true;
    case PIECES_BAD:
        return false;
    default:
        take_certificate(r, from, from->pieces.text);
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
    r->cfg = site->cfg;
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
    tls_context_put(r->fresh);
    for (size_t i = 0; i < r->contexts_count; i++)
        tls_context_put(r->contexts[i]);
    for (size_t i = 0; i < WORKER_RELAYS_MAX; i++)
        pieces_fini(&r->relays[i].pieces);
    renew_request_fini(&r->request);
    free(r);
}
