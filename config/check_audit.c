/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on the audit log. Caller's thread. */
#include "config/check_rules.h"

#include <string.h>

static void check_own_file(const struct check *c, const char *other, const char *what)
{
    const struct cfg_audit *audit = &c->cfg->audit;

    if (audit->file && other && strcmp(audit->file, other) == 0)
        check_report(c, audit->file_line, "Name another file", "The audit log and the %s are one file, %s", what, other);
}

void check_audit(const struct check *c)
{
    const struct cfg_audit *audit = &c->cfg->audit;

    if (audit->line == 0)
        return;
    if (!audit->file && !audit->syslog.text && !c->cfg->is_partial)
        check_report(c, audit->line, "Add \"file\" or \"syslog\", or remove the group",
                     "The audit log goes nowhere: the group \"audit\" has neither \"file\" nor \"syslog\"");
    if (audit->ca && audit->syslog.transport != CFG_SYSLOG_TLS && !c->cfg->is_partial)
        check_report(c, audit->ca_line, "Write syslog = \"tls:HOST:PORT\", or remove \"ca\"",
                     "\"ca\" is for a syslog receiver over TLS, and there is none");
    check_own_file(c, c->cfg->log.file, "log");
    check_own_file(c, c->cfg->access.file, "access log");
}
