/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: judges what the running process says of itself, and of the other ends of its tunnels. */
#include "proxy/app/privilege.h"
#include "proxy/app/probe_parts.h"
#include "proxy/app/running.h"

#include "proxy/base/reason.h"
#include "proxy/wire/frame.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The unit of packaging/ that runs this role. */
static const char *restart(const struct cfg *cfg, char remedy[PROBE_REMEDY])
{
    snprintf(remedy, PROBE_REMEDY, "run: systemctl restart georelay%s", cfg->role == CFG_ROLE_AGENT ? "-agent" : "");
    return remedy;
}

/* -- the process ---------------------------------------------------------------------------------------------------------------
 */

static void try_version(struct probe *p)
{
    const struct running *r = p->running;
    char remedy[PROBE_REMEDY];

    if (strcmp(running_version(r), GEORELAY_VERSION) == 0)
        probe_say(p, PROBE_VERSION, PROBE_OK, NULL, "georelay %s runs (process %ld), as this program is", GEORELAY_VERSION,
                  running_pid(r));
    else
        probe_say(p, PROBE_VERSION, PROBE_WARNING, restart(p->cfg, remedy),
                  "georelay %s runs (process %ld), and this program is %s", running_version(r), running_pid(r), GEORELAY_VERSION);
}

/* The effective user; -1 if nobody knows. */
static long user_of(long pid)
{
    char path[64], line[256];
    long uid = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    file = pid > 0 ? fopen(path, "re") : NULL;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "Uid: %*d %ld", &uid) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return uid;
}

static void try_user(struct probe *p)
{
    const struct passwd *wanted = p->cfg->user != NULL ? getpwnam(p->cfg->user) : NULL;
    long uid = user_of(running_pid(p->running));
    char remedy[PROBE_REMEDY];

    if (wanted == NULL || uid < 0)
        return;
    if (uid == (long)wanted->pw_uid)
        probe_say(p, PROBE_USER, PROBE_OK, NULL, "process %ld is the user %s", running_pid(p->running), p->cfg->user);
    else
        probe_say(p, PROBE_USER, PROBE_WARNING, restart(p->cfg, remedy), "process %ld is the user %ld, not %s",
                  running_pid(p->running), uid, p->cfg->user);
}

static void try_files(struct probe *p)
{
    unsigned long limit = running_max_files(p->running);

    if (limit > 0 && limit < privilege_files_needed(p->cfg))
        probe_few_files(p, " in the running process", limit);
}

/* One that does not run finds its file at the next start. */
static void try_island(struct probe *p)
{
    char path[PATH_MAX], remedy[PROBE_REMEDY];

    snprintf(path, sizeof(path), "%s/island", p->cfg->state != NULL ? p->cfg->state : "");
    if (p->running != NULL && running_is_island(p->running)) {
        snprintf(remedy, sizeof(remedy), "run: georelay island -c %s off", p->cfg->file);
        probe_say(p, PROBE_ISLAND, PROBE_WARNING, remedy, "georelay is an island: no agent and no client is let in");
    } else if (p->running == NULL && access(path, F_OK) == 0) {
        snprintf(remedy, sizeof(remedy), "run: rm %s", path);
        probe_say(p, PROBE_ISLAND, PROBE_WARNING, remedy, "georelay will be an island when it starts, because of %s", path);
    } else {
        probe_say(p, PROBE_ISLAND, PROBE_OK, NULL, "nobody has made georelay an island");
    }
}

/* -- tunnels -------------------------------------------------------------------------------------------------------------------
 */

/* What both speak is the lower of the two. */
static void try_other_end(struct probe *p, const char *what, const char *name, const struct running_tunnel *t)
{
    char remedy[PROBE_REMEDY];

    if (t->version == NULL || t->protocol == 0)
        return;
    if (t->protocol < FRAME_VERSION) {
        snprintf(remedy, sizeof(remedy), "on the machine of %s, install georelay %s", name, GEORELAY_VERSION);
        probe_say(p, PROBE_VERSION, PROBE_WARNING, remedy,
                  "the %s %s is georelay %s and speaks version %u of the tunnel's protocol; this program, %s, speaks %d", what,
                  name, t->version, t->protocol, GEORELAY_VERSION, FRAME_VERSION);
    } else {
        probe_say(p, PROBE_VERSION, PROBE_OK, NULL,
                  "the %s %s is georelay %s, this program is %s, and both speak version %u of the tunnel's protocol", what, name,
                  t->version, GEORELAY_VERSION, t->protocol);
    }
}

static void try_agent(struct probe *p, const struct cfg_agent *agent)
{
    char remedy[PROBE_REMEDY];
    struct running_tunnel t;

    if (!running_agent(p->running, agent->name, &t)) {
        snprintf(remedy, sizeof(remedy), "run: systemctl reload georelay");
        probe_say(p, PROBE_AGENT, PROBE_WARNING, remedy, "the running process does not know the agent %s", agent->name);
    } else if (!t.is_up) {
        snprintf(remedy, sizeof(remedy), "on the machine of %s, run: georelay check --probe; and systemctl start georelay-agent",
                 agent->name);
        probe_say(p, PROBE_AGENT, PROBE_WARNING, remedy, "the agent %s is not connected", agent->name);
    } else {
        probe_say(p, PROBE_AGENT, PROBE_OK, NULL, "the agent %s is connected from %s", agent->name,
                  t.peer != NULL ? t.peer : "-");
        try_other_end(p, "agent", agent->name, &t);
    }
}

static void down_remedy(const struct probe *p, enum reason why, char remedy[PROBE_REMEDY])
{
    const char *name = p->cfg->name;

    switch (why) {
    case REASON_AGENT_UNKNOWN:
        snprintf(remedy, PROBE_REMEDY, "on the relay, set: tunnel.agents = (..., { name = \"%s\"; ... })", name);
        return;
    case REASON_REVOKED:
        probe_new_agent_remedy(p->cfg, "", remedy);
        return;
    case REASON_VERSION_MISMATCH:
        snprintf(remedy, PROBE_REMEDY, "on both machines, install georelay of one version");
        return;
    case REASON_REPLACED:
        snprintf(remedy, PROBE_REMEDY,
                 "stop the other agent that uses the name %s: its address is in the relay's log, ev=agent_up", name);
        return;
    case REASON_OUT_OF_HOURS:
        snprintf(remedy, PROBE_REMEDY, "on the relay, set: hours of the agent %s", name);
        return;
    default:
        snprintf(remedy, PROBE_REMEDY, "%s",
                 reason_remedy(why) != NULL ? reason_remedy(why) : "see the finding about this relay below, and the relay's log");
    }
}

static void try_relay(struct probe *p, const struct cfg_endpoint *relay)
{
    char remedy[PROBE_REMEDY];
    struct running_tunnel t;
    enum reason why;

    if (!running_relay(p->running, relay->text, &t)) {
        probe_say(p, PROBE_RELAY, PROBE_WARNING, "run: systemctl reload georelay-agent",
                  "the running process does not know the relay %s", relay->text);
    } else if (!t.is_up) {
        why = t.why != NULL ? reason_by_name(t.why, (unsigned)strlen(t.why)) : REASON_NONE;
        down_remedy(p, why, remedy);
        probe_say(p, PROBE_RELAY, PROBE_ERROR, remedy, "the running process has no tunnel to the relay %s: %s", relay->text,
                  reason_sentence(why));
    } else {
        probe_say(p, PROBE_RELAY, PROBE_OK, NULL, "the running process has its tunnel to the relay %s", relay->text);
        try_other_end(p, "relay", relay->text, &t);
    }
}

void probe_running(struct probe *p)
{
    try_island(p);
    if (p->running == NULL)
        return;
    try_version(p);
    try_user(p);
    try_files(p);
    for (size_t i = 0; i < p->cfg->tunnel.agents_count; i++)
        try_agent(p, &p->cfg->tunnel.agents[i]);
    for (size_t i = 0; i < p->cfg->relays_count; i++)
        try_relay(p, &p->cfg->relays[i]);
}
