/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of reasons made from reason.def. Constant data, any thread. */
#include "proxy/base/reason.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum { BAD = 0, GOOD = 1 };

static const struct {
    const char *name;
    const char *sentence;
    bool is_good;
} reasons[REASON_COUNT] = {
#define X(constant, name, good, sentence) [REASON_##constant] = {name, sentence, good},
#include "proxy/base/reason.def"
#undef X
};

const char *reason_name(enum reason why)
{
    assert(why < REASON_COUNT);
    return reasons[why].name;
}

const char *reason_sentence(enum reason why)
{
    assert(why < REASON_COUNT);
    return reasons[why].sentence;
}

/* Only for those that come from the configuration or from this machine's set-up, whatever a peer does. */
static const struct {
    enum reason why;
    const char *remedy;
} remedies[] = {
    {REASON_CLIENT_NOT_ALLOWED,
     "if it is a client, enter its address in \"clients\", of the agent and of the agent's row at the relay"},
    {REASON_PORT_NOT_ALLOWED,
     "an advise: see advise_ports of the agent; a link over ranges: a rule of the firewall must lead clients to "
     "its listener, from its \"ports\" only (georelay firewall)"},
    {REASON_NO_DELIVERER,
     "enter the client's network in \"clients\" of the agent beside it; if no client has this address, it is that of "
     "a NAT device: put an agent beside these clients"},
    {REASON_NAT_CLIENT, "put an agent beside these clients, and let them connect to it"},
    {REASON_NO_RANGE, "enter this client, with its agent or \"direct\" and a range of its own, in \"clients\" of advise"},
    {REASON_NO_PORT, "widen relay_ports; form \"decimal\" needs ports with as many digits as those of the clients"},
    {REASON_NO_CAPABILITY,
     "give georelay CAP_NET_RAW: start it as root with \"user\" set, or with AmbientCapabilities=CAP_NET_RAW, "
     "or by setcap cap_net_raw+ep"},
    {REASON_FAMILY_MISMATCH,
     "give server and clients, or server and pool, addresses of one family, or take addressing \"alias\""},
    {REASON_IDENTITY_OVERLAP, "give the sites different addresses, or take addressing \"alias\" for this link"},
    {REASON_LOOPBACK_CLIENT, "set client_address at the agent to the machine's address in the clients' network"},
    {REASON_POOL_EXHAUSTED, "widen the pool, or lower advise.grace"},
    {REASON_ISLAND, "when agents and clients may come again: georelay island off"},
};

const char *reason_remedy(enum reason why)
{
    for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
        if (remedies[i].why == why)
            return remedies[i].remedy;
    return NULL;
}

bool reason_is_good(enum reason why)
{
    assert(why < REASON_COUNT);
    return reasons[why].is_good;
}

/* What only the end that saw it may say: as an answer they would hide a refusal from the log, or look like an orderly end. */
static bool is_own(enum reason why)
{
    switch (why) {
    case REASON_NONE:
    case REASON_HANDED_OVER:
    case REASON_FRONT_EOF:
    case REASON_BACK_EOF:
    case REASON_SERVED:
    case REASON_REDIRECTED:
        return true;
    default:
        return false;
    }
}

enum reason reason_by_name(const char *name, unsigned length)
{
    for (int i = 0; i < REASON_COUNT; i++)
        if (strlen(reasons[i].name) == length && memcmp(reasons[i].name, name, length) == 0)
            return is_own((enum reason)i) ? REASON_REFUSED_BY_PEER : (enum reason)i;
    return REASON_REFUSED_BY_PEER;
}
