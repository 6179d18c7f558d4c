/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: binds each address for a moment. */
#include "proxy/app/holder.h"
#include "proxy/app/probe_parts.h"

#include "proxy/net/socket.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* Who has it, and whether that is another georelay: then this one is only running already. */
static void tell_holder(struct probe *p, const char *text, const char *what, const struct address *address)
{
    struct holder holder;
    bool is_known = holder_find(address, &holder);
    const struct passwd *owner = is_known ? getpwuid(holder.uid) : NULL;
    const char *name = owner != NULL ? owner->pw_name : "another user";
    char remedy[PROBE_REMEDY], mine[PROBE_REMEDY];

    snprintf(mine, sizeof(mine), "run: kill %ld; or choose another port", is_known ? holder.pid : 0);
    snprintf(remedy, sizeof(remedy), "run this check as root to know whose it is, and stop that program (port %u)",
             address_port(address));
    if (!is_known)
        probe_say(p, PROBE_LISTENER, PROBE_ERROR, remedy, "cannot listen on %s, %s: something else uses it", text, what);
    else if (holder.pid != 0 && strcmp(holder.program, "georelay") == 0)
        probe_say(p, PROBE_LISTENER, PROBE_OK, NULL, "%s, %s: a georelay listens there already (process %ld)", text, what,
                  holder.pid);
    else if (holder.pid != 0)
        probe_say(p, PROBE_LISTENER, PROBE_ERROR, mine, "cannot listen on %s, %s: %s does (process %ld)", text, what,
                  holder.program, holder.pid);
    else if (p->cfg->user != NULL && strcmp(name, p->cfg->user) == 0)
        probe_say(p, PROBE_LISTENER, PROBE_WARNING, "run this check as root to know",
                  "%s, %s: a program of the user %s listens there, maybe georelay itself", text, what, name);
    else
        probe_say(p, PROBE_LISTENER, PROBE_ERROR, remedy, "cannot listen on %s, %s: a program of %s does", text, what, name);
}

void probe_unbound(struct probe *p, const struct address *address, const char *what, int error)
{
    char text[ADDRESS_TEXT], ip[ADDRESS_TEXT], remedy[PROBE_REMEDY];

    address_format(address, text);
    address_format_ip(address, ip);
    switch (error) {
    case EADDRINUSE:
        tell_holder(p, text, what, address);
        return;
    case EADDRNOTAVAIL:
        snprintf(remedy, sizeof(remedy), "run: ip address add %s/%d dev INTERFACE", ip,
                 address->sa.any.sa_family == AF_INET ? 24 : 64);
        probe_say(p, PROBE_LISTENER, PROBE_ERROR, remedy, "cannot listen on %s, %s: this machine has no such address", text,
                  what);
        return;
    case EACCES:
        probe_say(p, PROBE_LISTENER, PROBE_ERROR,
                  "run: setcap cap_net_bind_service+ep $(command -v georelay); or start it as root with \"user\" set",
                  "cannot listen on %s, %s: ports below 1024 need root", text, what);
        return;
    default:
        probe_say(p, PROBE_LISTENER, PROBE_ERROR, "see the system's log", "cannot listen on %s, %s: %s", text, what,
                  strerror(error));
    }
}

static void try_listen(struct probe *p, const struct address *address, const char *what)
{
    char text[ADDRESS_TEXT];
    int fd = socket_listen(address, false);

    if (fd < 0) {
        probe_unbound(p, address, what, errno);
        return;
    }
    close(fd);
    probe_say(p, PROBE_LISTENER, PROBE_OK, NULL, "can listen on %s, %s", address_format(address, text), what);
}

void probe_listeners(struct probe *p)
{
    for (size_t i = 0; i < p->gates->count; i++) {
        const struct gate *gate = &p->gates->list[i];
        char what[160];

        if (gate->link != NULL)
            snprintf(what, sizeof(what), "for the link \"%s\"", gate->link->name);
        else if (gate->web != NULL)
            snprintf(what, sizeof(what), "for the web door \"%s\"%s", gate->web->name, gate->tunnel != NULL ? " and agents" : "");
        else
            snprintf(what, sizeof(what), "for agents");
        try_listen(p, &gate->address, what);
    }
    for (size_t i = 0; i < p->cfg->admin.listen_count; i++)
        try_listen(p, &p->cfg->admin.listen[i].address, "for the admin port");
}
