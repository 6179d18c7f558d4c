/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A generation: one configuration with its workers and what serves them (docs/design.md, section 7).
 *
 *     generation_init ──► resolve ──► attend ──► start ──► retire ──► (its workers end one by one) ──► fini
 *                                                └ workers run         └ a newer one has taken over
 *
 * Main thread, but for what runs on workers by mail.
 */
#pragma once

#include "proxy/app/doors.h"
#include "proxy/link/hub.h"
#include "proxy/net/resolver.h"
#include "proxy/web/health.h"
#include "tls/digest.h"

struct generation {
    TAILQ_ENTRY(generation) entry;
    unsigned number;        /**< from 1 */
    char hash[DIGEST_TEXT]; /**< of the configuration's files; "": they could not be read again */
    struct site *site;
    const struct cfg *cfg;
    struct gates *gates;
    struct worker **workers; /**< NULL where one has ended */
    unsigned workers_count;
    unsigned started; /**< workers whose thread was started */
    unsigned living;  /**< of these, not ended */
    struct hosts *hosts;
    struct resolver *resolver;
    struct health *health;
    unsigned *host_of; /**< by the resolver's index: the host's index */
    bool is_retired;
    unsigned closing; /**< workers that have not closed their doors yet */
    struct deadline spares;
    void (*closed)(void *arg, struct generation *g); /**< all doors are shut */
    void *arg;

    /* Of a reload; the first generation's are its caller's. */
    struct cfg *own_cfg;
    struct gates own_gates;
    struct hub_links *links; /**< until the hub takes them */
};

/** Notes the hash of the files that `cfg` was read from, as they are now. */
void generation_note_hash(struct generation *g, const struct cfg *cfg);

/** Makes `count` workers, which do not run yet. 0, or -1 with errno; generation_fini() also then. */
int generation_init(struct generation *g, struct site *site, const struct cfg *cfg, struct gates *gates, unsigned count);

/** Starts looking names up. `hosts` is the main loop's copy. 0, or -1 without memory. */
int generation_resolve(struct generation *g, struct hosts *hosts);

/** True once every name has had its first answer. */
bool generation_is_resolved(const struct generation *g);

/** A connection to this server failed: look its name up, if it is one of ours. */
void generation_hint(struct generation *g, const struct cfg_endpoint *endpoint);

/** Opens doors and begins health checks, which know what those of `before` (NULL: there is none) found. 0, or -1 with errno. */
int generation_attend(struct generation *g, const struct generation *before);

/** Starts the threads. 0, or -1 with errno: those that were started must be retired. */
int generation_start(struct generation *g);

/**
 * Nothing new comes in any more, what is here goes on. `closed` is called when all doors are shut; then, worker by worker, the
 * site's `gone`.
 */
void generation_retire(struct generation *g, void (*closed)(void *arg, struct generation *g), void *arg);

/** georelay stops: doors close, and sessions end or may go on for a while. */
void generation_drain(struct generation *g);

/** A worker has ended: joins and frees it. False if it is not one of ours. */
bool generation_bury(struct generation *g, struct worker *w);

/** Asks the threads to end. */
void generation_stop(struct generation *g);

/** Joins what still runs, closes everything. The workers' memory stays until generation_fini(): mails may point into it. */
void generation_end(struct generation *g);

/** After generation_end() or the end of all workers, when nothing holds the configuration. */
void generation_fini(struct generation *g);
