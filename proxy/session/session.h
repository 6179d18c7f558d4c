/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A session: one relayed connection from accept to end. It owns both streams, both pumps and the one deadline.
 *
 *     GREET ──► CHOOSE ──► DIAL ──► EARLY ──► RELAY ──► CLOSING
 *       front's   │ what     │ ▲      tunnel    ▲ both        freed at the end of
 *       TLS       │ does     ▼ │      only      │ pumps       the loop's turn
 *                 └ it ──► SERVE ───────────────┘
 *                   want?  http: message by message
 *     any state before RELAY ──► LINGER ──► CLOSING     the front is to read why it was refused
 *
 * Who connects to whom is decided by two sets of callbacks, so that this file knows neither links nor tunnels: the *front ops*
 * learn what the front wants and tell it the answer; the *back ops* (a carrier, proxy/link/carrier.h) get the back stream.
 *
 * A session lives on one worker; every call is made on its thread. After each callback session_update() derives what is
 * watched from the state; only it and the calls that close a stream or give one away touch events. session_close() may be called
 * anywhere and any number of times.
 */
#pragma once

#include "config/model.h"
#include "proxy/base/reason.h"
#include "proxy/net/account.h"
#include "proxy/net/pump.h"
#include "proxy/net/stream.h"
#include "proxy/net/vigil.h"
#include "proxy/net/watch.h"
#include "proxy/session/worker.h"

#define SESSION_STATES(X)                                                                                                        \
    X(GREET, "greet")     /* the front's TLS handshake, or its connect */                                                        \
    X(CHOOSE, "choose")   /* the front ops find out what the front wants */                                                      \
    X(SERVE, "serve")     /* the serve ops move messages; each may need a back stream of its own */                              \
    X(DIAL, "dial")       /* the back ops get the back stream */                                                                 \
    X(EARLY, "early")     /* the back is there and gets the front's first bytes, but has not answered yet */                     \
    X(RELAY, "relay")     /* both pumps run */                                                                                   \
    X(LINGER, "linger")   /* the front was told why it is refused and may read it */                                             \
    X(CLOSING, "closing") /* in the graveyard */

enum __attribute__((packed)) session_state {
#define X(constant, name) SESSION_##constant,
    SESSION_STATES(X)
#undef X
};

/** What the session is for; the log's kind=. */
enum __attribute__((packed)) session_kind { SESSION_UNKNOWN = 0, SESSION_WEB, SESSION_LINK, SESSION_ADVISE, SESSION_TUNNEL };

/** Who ended it; the log's at=. */
enum __attribute__((packed)) session_end { SESSION_AT_RELAY = 0, SESSION_AT_FRONT, SESSION_AT_BACK };

/** Longest name of a link, an agent or a web front door. */
#define SESSION_NAME_MAX 63

/**
 * What the front wants, as far as it is known. Plain data; filled in by the front ops. Its texts are the configuration's or the
 * holder's: in a session those of session_keep(). Whoever copies an ask that may outlive its holder sets them anew.
 */
struct session_ask {
    const struct cfg_web *web;
    const struct cfg_link *link;   /**< NULL: none, or known by name only (an agent's advise) */
    const struct cfg_agent *agent; /**< at the relay: the agent at the front's tunnel; NULL: none */
    const char *behind;            /**< the agent that the client is behind; "": direct */
    const char *name;              /**< of the link or web front door, for logs */
    const char *peer_name;         /**< of the agent or relay at the other end of the tunnel, for logs; "" if none */
    struct address client;         /**< the client machine (for links also its port; for advises the port to deliver at) */
    uint16_t announced;            /**< addressing "rewrite": the client's port that the link announced; 0: none (yet) */
    uint16_t port;                 /**< the server's port that is wanted, on a link over ranges; 0: that of the endpoint */
    uint64_t stream_id;            /**< of the tunnel; 0: none */
    uint64_t lease;                /**< serial of the lease that this session holds or belongs to; 0: none */
    unsigned tries;                /**< advises: how many channels were tried */
    uint8_t instance[16];          /**< of the control channel that a tunnelled request belongs to */
};

/** Nothing is known: texts are never NULL. */
#define SESSION_ASK_NONE ((struct session_ask){.behind = "", .name = "", .peer_name = ""})

struct session;
struct session_text;

/** How a session moves message by message instead of byte by byte (state SERVE; proxy/web/conversation.c). */
struct session_serve {
    unsigned (*front_interest)(const struct session *s);
    unsigned (*back_interest)(const struct session *s);
    /** A stream that is watched is ready (STREAM_READ | STREAM_WRITE of each), or somebody asked to be called again. */
    void (*run)(struct session *s, unsigned front_ready, unsigned back_ready);
    /** The deadline is over. */
    void (*late)(struct session *s);
    /** No back stream could be got, or the session may not begin; the state is SERVE. */
    void (*refused)(struct session *s, enum reason why);
    /** The sweep found the back broken or gone. */
    void (*back_lost)(struct session *s, enum reason why);
    /** georelay is stopping: end now or after the message at hand. */
    void (*drain)(struct session *s);
    /** The session ends. */
    void (*ended)(struct session *s);
};

/** How a session learns what its front wants, and how the front hears the answer. */
struct session_front {
    const char *name;
    const struct session_serve *serve; /**< NULL: this front is never in SERVE */
    /** The front is greeted: find out what it wants; in the end session_dial(), session_serve() or session_refuse(). */
    void (*greeted)(struct session *s);
    /** In CHOOSE: the front can be read. NULL: it is not read in this state. */
    void (*readable)(struct session *s);
    /** In CHOOSE: the deadline is over. NULL: refuse with handshake_timeout. */
    void (*timeout)(struct session *s);
    /** The back has answered: tell the front; must not close the session. False: the front could not be told. NULL: nothing to
     * tell. */
    bool (*answer)(struct session *s);
    /** In DIAL: the front's notice time is over, the back has not answered yet. NULL: no notice. */
    void (*notice)(struct session *s);
    unsigned notice_ms; /**< after which notice() is called */
    /** Tell the front why it is refused; must not close the session. True: let it read that before the close; false: reset it.
     * NULL: reset it. */
    bool (*refuse)(struct session *s, enum reason why);
};

/** How a session gets its back stream. */
struct session_back {
    const char *name;
    enum account_purpose purpose; /**< of the connections that it opens; a back that opens none needs none */
    /** Get the stream: session_take_back(), session_refuse(), now or later. */
    void (*dial)(struct session *s);
    /** The back stream is greeted: session_early() or session_relay(). */
    void (*greeted)(struct session *s);
    /** The back stream could not be greeted (its `why`), and is closed. Try another or session_refuse(). */
    void (*failed)(struct session *s, enum reason why);
    /** In EARLY: the back can be read. */
    void (*readable)(struct session *s);
    /** In DIAL, while there is no back yet: the deadline is over. NULL: refuse with dial_timeout. */
    void (*timeout)(struct session *s);
    /** In EARLY: the back broke before it answered. NULL: refuse. */
    void (*lost)(struct session *s, enum reason why);
    /** The session ends, in whatever state: let go of what it holds elsewhere. NULL: nothing. */
    void (*ended)(struct session *s);
};

/** What a session needs until it relays; session_relay() frees it, for most sessions spend their life there and idle. */
struct session_opening {
    struct deadline deadline;
    void *plan;                /**< of proxy/session/dial.c; freed with free() */
    struct address source;     /**< to dial the back from; unset: any */
    bool is_source_foreign;    /**< it is not one of this machine's */
    uint64_t dialled_ms;       /**< since when a connection to the back is being made; 0: none is */
    uint64_t notice_rest_ms;   /**< what is left of the deadline after the notice; 0: no notice is due */
    struct address back_peer;  /**< the last one that was dialled or given, */
    struct address back_local; /**< and our end: for the last log line */
    size_t linger_bytes;       /**< what may still be read and dropped in LINGER */
};

struct session {
    unsigned magic;
    enum session_state state;
    enum session_kind kind;
    enum session_end at;
    enum reason why;
    struct worker *worker;
    struct session_handle handle;
    TAILQ_ENTRY(session) entry;
    const struct session_front *front_ops;
    const struct session_back *back_ops;
    const void *door; /**< what accepted it (proxy/session/door.h), or NULL */

    struct stream *front;
    struct stream *back;
    struct watch front_watch;
    struct watch *back_watch; /**< goes with the back stream; NULL while there was none */
    struct vigil front_vigil;
    struct vigil back_vigil;
    bool has_entered; /**< counts in the quota */
    bool is_greeting; /**< counts as greeting in the quota */
    bool has_client;  /**< counts for its client in the quota */
    bool is_quiet;    /**< ends without a line unless debug lines are wanted */
    bool has_relayed;
    bool has_ended; /**< one direction has ended; which side was first: */
    bool front_ended_first;
    int idle_s; /**< until a session on which nothing moves is closed; 0: never */
    struct pump up;
    struct pump down;
    struct session_opening *opening; /**< NULL once it relays */
    struct again again;
    struct grave grave;

    struct session_ask ask;
    const struct cfg *cfg;      /**< held: `ask` points into it; NULL: into the worker's */
    struct session_text *texts; /**< what session_keep() keeps */
    void *scratch;              /**< of the front or back ops, up to RELAY; freed with free() */
    uint64_t started_ms;
    uint64_t moved_ms; /**< last time that bytes moved, */
    uint64_t up_ms;    /**< and that they moved up */
};

/**
 * A new session on this worker whose front is `front` (**taken**, also on failure). It starts in GREET once
 * session_start() is called. NULL without memory.
 */
struct session *session_new(struct worker *w, struct stream *front, const struct session_front *ops);

/** A copy of `text` that lives as long as the session. False without memory: `ret` is untouched. */
bool session_keep(struct session *s, const char *text, const char **ret);

/** Begins: greets the front, within `greet_ms`. */
void session_start(struct session *s, uint64_t greet_ms);

/** In GREET, CHOOSE or SERVE: what the front wants is known; `ops` are to get the back. */
void session_dial(struct session *s, enum session_kind kind, const struct session_back *ops);

/** In DIAL: the back stream (**taken**), to be greeted within `ms`. */
void session_take_back(struct session *s, struct stream *back, uint64_t ms);

/** In DIAL: the back is greeted but will answer for itself within `ms`; pass the front's bytes on, and keep them. */
void session_early(struct session *s, uint64_t ms);

/** In DIAL or EARLY: the back has answered: tell the front, run both pumps. */
void session_relay(struct session *s);

/** In CHOOSE or DIAL: from now on the front's serve ops move messages. */
void session_serve(struct session *s);

/** In DIAL, before session_relay(): `gate` (**taken**) looks at what goes up first. Not for a session with early bytes. */
void session_gate_up(struct session *s, struct pump_gate *gate);

/** Closes the front with RST, before session_close(): where that would send FIN. */
void session_reset_front(struct session *s);

/** In SERVE: closes the back stream, if there is one. */
void session_close_back(struct session *s, enum stream_close how);

/** In SERVE: takes the back stream and its watch out of the session, for another one to use. */
struct stream *session_release_back(struct session *s, struct watch **ret_watch);

/** In SERVE: a back stream that is greeted already, and its watch (both **taken**). */
void session_give_back(struct session *s, struct stream *back, struct watch *watch);

/**
 * In SERVE: from now on bytes are pumped both ways (an upgrade). **Takes** `up` and `down`, what was read already and is to be
 * passed on first; each may be NULL.
 */
void session_upgrade(struct session *s, struct chunk *up, struct chunk *down);

/**
 * In SERVE, when everything is written: ends our side, reads and drops what the front still sends, for at most `ms` and `bytes`,
 * so that it can read our answer; then closes for `why`.
 */
void session_linger(struct session *s, enum session_end at, enum reason why, uint64_t ms, size_t bytes);

/** Somebody moved bytes on the front or the back in SERVE. */
void session_note_moved(struct session *s, bool is_up);

/** georelay is stopping. */
void session_drain(struct session *s);

/** In EARLY: the back broke: close it and be in DIAL again, with the kept bytes to be passed on again. */
void session_drop_back(struct session *s);

/** Before RELAY: tell the front why, if it can be told, and close. */
void session_refuse(struct session *s, enum session_end at, enum reason why);

/** Ends the session: the first `why` wins, logs, closes both streams, frees at the end of the turn. */
void session_close(struct session *s, enum reason why);

/**
 * Before session_start(): the front's first bytes were read already, by another session. **Takes** `early`, which may be NULL.
 * `is_ended`: the front's end came after them.
 */
void session_give_early(struct session *s, struct chunk *early, bool is_ended);

/** The reverse, in DIAL: the caller owns the bytes kept so far (may be NULL). */
struct chunk *session_take_early(struct session *s, bool *ret_is_ended);

/** Takes the front away and ends the session without a log line (HANDED_OVER). The caller owns the stream. */
struct stream *session_release_front(struct session *s);

/** The front has said what it is: it no longer counts as greeting. */
void session_end_greeting(struct session *s);

/** Sets the deadline of the present state anew. Before RELAY. */
void session_set_deadline(struct session *s, uint64_t ms);

/** No deadline for the time being. */
void session_rest_deadline(struct session *s);

/** Asks for front_ops->notice after `ms`; the deadline ends `rest_ms` after that. */
void session_set_notice(struct session *s, uint64_t ms, uint64_t rest_ms);

/** Watches what the state needs. The end of every callback. */
void session_update(struct session *s);

/** Looks whether a peer has vanished or an idle time is over. From the worker's sweep. */
void session_sweep(struct session *s);

const char *session_state_name(enum session_state state);

/** A stream gives reasons that have a side in their FRONT_ form: `why` for the side that it was. */
enum reason session_side_reason(enum reason why, bool is_front);

#define SESSION_MAGIC 0x5e551000u

static inline struct session *session_of(void *arg)
{
    struct session *s = arg;

    if (s->magic != SESSION_MAGIC)
        __builtin_trap(); /* stale memory: stop near the cause */
    return s;
}
