/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The relay's asking end: a stream through an agent, got over one of its spare channels, for whoever wants one.
 *
 *     asker's thread ──► main loop: the agent's queue ──► the spare channel's worker ──► asker's thread: ASK or DELIVER, the
 * answer ▲                (proxy/tunnel/seats.h)                                          │ └─────── on another channel, if this
 * one broke before the agent had begun ◄──────┘
 *
 * docs/tunnel-protocol.md, sections 4, 5 and 7. The whole talk up to OPENED happens here, so what the asker gets is the channel's
 * own TLS stream, greeted, and not one byte passes an extra layer. Nothing of the asker's is sent before OPENED: nothing can be
 * lost, and trying another channel needs no copy. (Advises that the hub takes up itself go through proxy/tunnel/deliver.h, which
 * sends their first bytes at once.)
 */
#pragma once

#include "proxy/session/reach.h"
#include "proxy/session/worker.h"
#include "proxy/wire/frame.h"

struct asking;

/** Askings go to the agents of this site's hub, and proxy/session/reach.h asks here. Once, before workers run. */
void asking_init(struct site *site);

/**
 * Asks the agent of this name by `request`, an ASK or DELIVER (both copied), from the thread of `loop`. `reached` is called there
 * once, never before this returns; `why` may be AGENT_DOWN, VERSION_MISMATCH, NO_SPARE, CHANNEL_LOST, ANSWER_TIMEOUT or what the
 * agent refused for. NULL without memory.
 */
struct asking *asking_start(struct loop *loop, const char *agent, const struct frame *request, reached_fn *reached, void *arg);

/** Nobody waits any more: a channel that was got is reset. From the asker's thread; NULL is ignored. */
void asking_forget(struct asking *a);
