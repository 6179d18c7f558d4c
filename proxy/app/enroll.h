/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Enrolment: from a bundle (tls/bundle.h) to an agent that can be started.
 *
 * Everything is written into a folder of its own first and read there as "georelay check" would: certificates, dates, key, names
 * and every setting. Only what is right goes to its place, all of it or nothing. Main thread of a short-lived command.
 */
#pragma once

#include <stdbool.h>

struct enrolment {
    const char *bundle; /**< the file */
    const char *folder; /**< where the files go; made if it is missing */
    const char *user;   /**< who the agent is to run as; NULL: "georelay" if there is one, else the caller */
    bool may_replace;   /**< files that are there already */
};

/** 0, or -1 after every problem was told on standard error; then nothing has changed but that the folder may be new. */
int enroll(const struct enrolment *e);
