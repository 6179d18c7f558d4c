/* SPDX-License-Identifier: Apache-2.0 */
/* Owns a detached thread for the length of a job. Signals are blocked in it: the main thread alone handles them. */
#include "proxy/net/job.h"

#include <signal.h>

static void *job_thread(void *arg)
{
    struct job *job = arg;

    job->work(job);
    loop_post(job->loop, &job->mail);
    return NULL;
}

int job_start(struct job *job, struct loop *loop)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    job->loop = loop;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    error = pthread_create(&thread, &attributes, job_thread, job);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? 0 : -1;
}
