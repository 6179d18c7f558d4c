/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the rules for those who look after georelay: who reads at the admin port, and the audit log's syslog receiver. Where they
 * are the configuration does not say, so there are rules for the host alone, and notes for the firewalls. Caller's thread.
 */
#include "config/firewall_rules.h"

#include <stdlib.h>

static bool has_firewalls(const struct firewall_maker *m)
{
    return (m->f->places & (FIREWALL_OUTER | FIREWALL_INNER)) != 0;
}

/* -- the admin port ------------------------------------------------------------------------------------------------------------
 */

static void note_admin(struct firewall_maker *m, uint16_t port)
{
    char *note = firewall_text("Where administrators are is not in the configuration: a firewall between them and the admin port "
                               "must let TCP port %u through.",
                               port);

    firewall_note(m, note);
    free(note);
}

static void admin_at(struct firewall_maker *m, const struct cfg_listen *listen, const struct firewall_end *own)
{
    bool is_relay = m->cfg->role == CFG_ROLE_RELAY;
    uint16_t port = address_port(&listen->address);
    struct firewall_rule *rule;

    if (address_is_loopback(&listen->address))
        return;
    if (has_firewalls(m))
        note_admin(m, port);
    rule = firewall_rule_new(m, FIREWALL_HOST, is_relay ? TOWARDS_RELAY : TOWARDS_AGENT, firewall_text("admin"),
                             firewall_text("Administrators, or a monitoring, read at the admin port."));
    if (!rule)
        return;
    firewall_rule_from(rule, "administrators");
    firewall_ports_add_one(&rule->ports, port);
    (void)firewall_add_listens(m, &rule->destination, listen, 1, port, own);
}

/* -- the syslog receiver -------------------------------------------------------------------------------------------------------
 */

static bool is_remote(const struct cfg_endpoint *receiver)
{
    return receiver->is_name || !address_is_loopback(&receiver->address);
}

static void note_receiver(struct firewall_maker *m, const struct cfg_syslog_target *syslog)
{
    char *note =
        syslog->transport == CFG_SYSLOG_UDP
            ? firewall_text("The audit log goes to %s. Rules here are for TCP: let that through by a rule of your own.",
                            syslog->text)
            : firewall_text("Where the syslog receiver is, seen from here, is not in the configuration: a firewall on the way to "
                            "%s must let that through.",
                            syslog->text);

    firewall_note(m, note);
    free(note);
}

static void receiver_rule(struct firewall_maker *m, const struct cfg_endpoint *receiver, const struct firewall_end *own)
{
    struct firewall_rule *rule = firewall_rule_new(m, FIREWALL_HOST, TOWARDS_RECEIVER, firewall_text("syslog"),
                                                   firewall_text("The audit log goes to its syslog receiver."));

    if (!rule)
        return;
    firewall_end_add_all(&rule->source, own);
    firewall_end_add_endpoint(&rule->destination, receiver);
    firewall_ports_add_one(&rule->ports, receiver->port);
}

static void receiver(struct firewall_maker *m, const struct firewall_end *own)
{
    const struct cfg_syslog_target *syslog = &m->cfg->audit.syslog;
    struct cfg_endpoint end = {.host = syslog->host, .port = (uint16_t)atoi(syslog->port)};

    if (syslog->transport == CFG_SYSLOG_OFF || syslog->transport == CFG_SYSLOG_UNIX)
        return;
    end.is_name = address_parse(syslog->host, &end.address) != 0;
    if (!is_remote(&end))
        return;
    if (has_firewalls(m) || syslog->transport == CFG_SYSLOG_UDP)
        note_receiver(m, syslog);
    if (syslog->transport != CFG_SYSLOG_UDP)
        receiver_rule(m, &end, own);
}

void firewall_upkeep(struct firewall_maker *m)
{
    const struct firewall_end *own = m->cfg->role == CFG_ROLE_RELAY ? &m->asked->relay : &m->asked->agent;

    for (size_t i = 0; i < m->cfg->admin.listen_count; i++)
        admin_at(m, &m->cfg->admin.listen[i], own);
    receiver(m, own);
}
