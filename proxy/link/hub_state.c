/* SPDX-License-Identifier: Apache-2.0 */
/* Owns when the state file is read and written (proxy/link/lease_file.h is its form). Main loop; the writing itself is a job. */
#include "proxy/link/hub_parts.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/link/lease_file.h"
#include "proxy/net/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* New leases are written together after this pause. */
#define SAVE_MS 200

/* How long the end waits for a save under way. */
#define LAST_SAVE_MS 5000

/* After a failed write. */
#define SAVE_RETRY_MS 10000

struct save_job {
    struct job job;
    struct hub *hub;
    char *path;
    char *text;
    int error;
};

static void save_free(struct mail *m)
{
    struct save_job *job = (struct save_job *)m;

    free(job->path);
    free(job->text);
    free(job);
}

static void save_work(struct job *j)
{
    struct save_job *job = (struct save_job *)j;

    job->error = lease_file_write(job->path, job->text) == 0 ? 0 : errno;
}

static void log_save_failure(const struct hub *h, int error)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_ERROR, "state_not_saved"))
        return;
    log_text(&l, "file", h->state_path);
    log_text(&l, "error", strerror(error));
    log_text(&l, "remedy", "make room or mend the rights; clients may get other addresses after a restart");
    log_end(&l);
}

static void save_done(struct mail *m, struct loop *loop)
{
    struct save_job *job = (struct save_job *)m;
    struct hub *h = job->hub;

    (void)loop;
    h->is_saving = false;
    if (job->error != 0) {
        log_save_failure(h, job->error);
        h->is_dirty = true;
        deadline_set(&h->save, SAVE_RETRY_MS);
    } else if (h->is_dirty) {
        deadline_set(&h->save, SAVE_MS);
    }
    save_free(m);
}

static struct save_job *save_job_new(struct hub *h)
{
    struct save_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->job.mail.deliver = save_done;
    job->job.mail.drop = save_free;
    job->job.work = save_work;
    job->hub = h;
    job->path = strdup(h->state_path);
    job->text = lease_file_text(h->cfg, h->links->tables);
    if (job->path == NULL || job->text == NULL) {
        save_free(&job->job.mail);
        return NULL;
    }
    return job;
}

static void save(void *arg)
{
    struct hub *h = arg;
    struct save_job *job;

    if (h->is_saving || !h->is_loaded)
        return;
    job = save_job_new(h);
    if (job == NULL || job_start(&job->job, h->loop) != 0) {
        if (job != NULL)
            save_free(&job->job.mail);
        deadline_set(&h->save, SAVE_RETRY_MS);
        return;
    }
    h->is_saving = true;
    h->is_dirty = false;
}

void hub_state_save_soon(struct hub *h)
{
    if (h->is_dirty)
        return;
    h->is_dirty = true;
    if (!h->is_saving)
        deadline_set(&h->save, SAVE_MS);
}

void hub_state_init(struct hub *h)
{
    deadline_init(&h->save, h->loop, save, h);
}

int hub_state_load(struct hub *h)
{
    if (!hub_has_pool(h))
        return 0;
    if (h->state_path == NULL && asprintf(&h->state_path, "%s/leases", h->cfg->state) < 0) {
        h->state_path = NULL;
        return -1;
    }
    if (lease_file_load(h->state_path, h->cfg, h->links->tables) != 0)
        return -1;
    h->is_loaded = true;
    return 0;
}

void hub_state_moved(struct hub *h)
{
    if (!h->is_loaded)
        (void)hub_state_load(h); /* said in the log */
    if (h->is_loaded)
        hub_state_save_soon(h);
}

/* One writer at a time: a save that is under way ends first. */
static void wait_for_save(struct hub *h)
{
    uint64_t until_ms = clock_ms() + LAST_SAVE_MS;

    deadline_set(&h->save, LAST_SAVE_MS);
    while (h->is_saving && clock_ms() < until_ms)
        loop_turn(h->loop);
}

void hub_state_fini(struct hub *h)
{
    char *text;

    wait_for_save(h);
    deadline_clear(&h->save);
    if (h->is_loaded) { /* what could not be read is not overwritten */
        text = lease_file_text(h->cfg, h->links->tables);
        if (text == NULL || lease_file_write(h->state_path, text) != 0)
            log_save_failure(h, errno);
        free(text);
    }
    free(h->state_path);
    h->state_path = NULL;
}
