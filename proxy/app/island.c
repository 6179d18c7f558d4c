/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the file and the order at hand. Main loop; the file is written and removed by a job. */
#include "proxy/app/island.h"

#include "proxy/app/cut.h"
#include "proxy/base/log.h"
#include "proxy/link/lease_file.h"
#include "proxy/net/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char file_text[] =
    "# Written by \"georelay island on\". Whoever removes this file while georelay is stopped lets everybody in.\n";

static struct island {
    const struct status_view *view; /* NULL: stopped */
    char *path;
    bool is_busy;
    bool is_on; /* what the order at hand wants */
    struct island_done result;
    island_fn *done;
    void *arg;
} island;

/* -- telling everybody ---------------------------------------------------------------------------------------------------------
 */

/* How many control channels were closed. */
static unsigned tell_everybody(bool is_on)
{
    const struct status_view *v = island.view;

    v->hub->is_island = is_on;
    __atomic_store_n(&v->site->is_island, is_on, __ATOMIC_RELEASE);
    return seats_set_island(v->seats, is_on) + uplinks_set_island(v->uplinks, is_on);
}

/* -- the file ------------------------------------------------------------------------------------------------------------------
 */

struct file_job {
    struct job job;
    char *path;
    bool is_on;
    int error;
};

static void file_free(struct mail *m)
{
    struct file_job *job = (struct file_job *)m;

    free(job->path);
    free(job);
}

static void file_work(struct job *j)
{
    struct file_job *job = (struct file_job *)j;

    if (job->is_on)
        job->error = lease_file_write(job->path, file_text) == 0 ? 0 : errno;
    else
        job->error = lease_file_remove(job->path) == 0 ? 0 : errno;
}

static void finish(const struct island_done *result)
{
    island_fn *done = island.done;

    island.is_busy = false;
    island.done = NULL;
    done(island.arg, result);
}

static void file_done(struct mail *m, struct loop *loop)
{
    (void)loop;
    island.result.error = ((struct file_job *)m)->error;
    file_free(m);
    if (island.is_busy)
        finish(&island.result);
}

static int start_file(void)
{
    struct file_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return ENOMEM;
    job->job.mail.deliver = file_done;
    job->job.mail.drop = file_free;
    job->job.work = file_work;
    job->is_on = island.is_on;
    job->path = strdup(island.path);
    if (job->path != NULL && job_start(&job->job, island.view->hub->loop) == 0)
        return 0;
    file_free(&job->job.mail);
    return EAGAIN;
}

static void keep(void)
{
    island.result.error = start_file();
    if (island.result.error != 0)
        finish(&island.result);
}

/* -- the order -----------------------------------------------------------------------------------------------------------------
 */

static void cut(void *arg, size_t sessions)
{
    (void)arg;
    if (!island.is_busy)
        return; /* stopped meanwhile */
    island.result.sessions = sessions;
    if (sessions == SIZE_MAX)
        finish(NULL);
    else
        keep();
}

void island_set(bool is_on, island_fn *done, void *arg)
{
    const struct cut_order order = {.why = REASON_ISLAND};
    struct site *site = island.view->site;

    island.is_busy = true;
    island.is_on = is_on;
    island.done = done;
    island.arg = arg;
    island.result = (struct island_done){.tunnels = tell_everybody(is_on)};
    if (is_on)
        cut_sessions(site, &order, cut, NULL); /* whoever came before a worker saw it is cut */
    else
        keep();
}

bool island_is_busy(void)
{
    return island.is_busy;
}

const char *island_path(void)
{
    return island.path;
}

/* -- start and end -------------------------------------------------------------------------------------------------------------
 */

static void log_found(void)
{
    struct log_line l;

    if (!log_begin(&l, LOG_LEVEL_WARN, "island_on"))
        return;
    log_text(&l, "file", island.path);
    log_text(&l, "remedy", "when agents and clients may come again: georelay island off");
    log_end(&l);
}

int island_start(const struct status_view *view)
{
    if (asprintf(&island.path, "%s/island", view->site->cfg->state) < 0) {
        island.path = NULL;
        return -1;
    }
    island.view = view;
    if (access(island.path, F_OK) != 0)
        return 0;
    (void)tell_everybody(true);
    log_found();
    return 0;
}

void island_stop(void)
{
    if (island.is_busy)
        finish(NULL);
    free(island.path);
    island = (struct island){0};
}
