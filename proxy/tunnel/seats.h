/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The relay's agents: who is connected, with which spare channels, and who waits for one. On the main loop.
 *
 * One seat per agent of the configuration. The newest control channel of a name has the seat.
 */
#pragma once

#include "proxy/link/hub.h"
#include "proxy/wire/frame.h"

struct seats;

/** Makes the seats and fills in the hub's tunnel carrier. NULL without memory. `hub` is borrowed until seats_free(). */
struct seats *seats_new(struct hub *hub);

/**
 * Makes seats for agents of a configuration to come that have none yet; nobody can take them before seats_move(). 0, or -1
 * without memory.
 */
int seats_reserve(struct seats *seats, const struct cfg *cfg);

/**
 * The hub has moved to a newer configuration: seats are its agents', by name. Agents that are in it no longer lose their control
 * channel and all sessions. Those that stay are asked for spare channels, since the ones that they have are on workers that
 * retire. After seats_reserve(); can't fail.
 */
void seats_move(struct seats *seats);

/** Says BYE to all. NULL is ignored. */
void seats_free(struct seats *seats);

/** Says DRAIN to all agents. */
void seats_drain(struct seats *seats);

/** Enters the queue of the agent of this name, which must speak `version` of the protocol. **Takes** the
 * want: its ops are called, perhaps at once. */
void seats_want(struct hub *hub, const char *agent, unsigned version, struct carrier_want *want);

/**
 * An agent wants to hand an advise over (HAND): is its control channel this one, and who delivers? REASON_NONE with the name of
 * the agent that does, "" if we do ourselves (`delivery` of a direct client's link); else why not.
 */
enum reason seats_check_hand(struct hub *hub, const struct cfg_agent *from, const uint8_t instance[FRAME_INSTANCE],
                             const struct session_ask *ask, char ret_deliverer[SESSION_NAME_MAX + 1]);

/** Certificates were revoked: closes the control channels of their holders. */
void seats_cut_revoked(struct seats *seats);

/** An agent of the configuration as it is now. Texts are the seat's: for the length of the call. */
struct seat_look {
    const struct cfg_agent *agent;
    bool is_up;
    const struct address *peer; /**< NULL: down */
    const char *version;        /**< of its program */
    unsigned protocol;          /**< version of it that both speak; 0: down */
    uint64_t since_ms;          /**< of clock_ms(): up since */
    uint64_t round_us;          /**< of the last heartbeat; 0: unknown */
    unsigned spares;            /**< open, verified and unused */
    unsigned waiting;           /**< who waits for one */
};

typedef void seat_look_fn(void *arg, const struct seat_look *look);

/** Calls `found` for each agent. NULL has none. */
void seats_look(const struct seats *seats, seat_look_fn *found, void *arg);

/** Closes the control channel of the agent of this name, and with it all that hangs on it. NULL: of all. How many there were. */
unsigned seats_cut(struct seats *seats, const char *name, enum reason why);

/** An island (proxy/app/island.h) has no agents: closes all control channels and lets none come, until it is over. How many there
 * were. NULL has none. */
unsigned seats_set_island(struct seats *seats, bool is_island);

unsigned seats_taken(const struct seats *seats);
unsigned seats_spares(const struct seats *seats);

/* From workers, by mail: */

/** A control channel has said HELLO. **Takes** `stream`, which no event watches. */
void seats_control_arrived(struct worker *w, const struct cfg_agent *agent, struct stream *stream, const struct frame *hello);

/** A spare channel is verified, or gone. */
void seats_spare_ready(struct worker *w, const struct cfg_agent *agent, const uint8_t instance[FRAME_INSTANCE],
                       struct session_handle spare);
void seats_spare_gone(struct worker *w, const struct cfg_agent *agent, struct session_handle spare);

/** The channel that a call was to take is gone: find another. **Takes** the call. */
void seats_try_again(struct worker *w, struct advise_call *call);
