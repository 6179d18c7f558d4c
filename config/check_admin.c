/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on the admin port: what is read there is nobody else's business. Caller's thread. */
#include "config/check_rules.h"

static bool is_for_this_machine(const struct cfg_admin *admin)
{
    for (size_t i = 0; i < admin->listen_count; i++)
        if (!address_is_loopback(&admin->listen[i].address))
            return false;
    return true;
}

/* Each address that others may reach. */
static void report_open(const struct check *c, const char *remedy, const char *what)
{
    const struct cfg_admin *admin = &c->cfg->admin;
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < admin->listen_count; i++)
        if (!address_is_loopback(&admin->listen[i].address))
            check_report(c, admin->listen[i].line, remedy, "The admin port %s can be reached from other machines, but %s",
                         address_format(&admin->listen[i].address, text), what);
}

static void check_pair(const struct check *c, const struct cfg_certificate *identity)
{
    if (identity->chain != NULL && identity->key == NULL)
        check_report(c, identity->chain_line, "Add \"key\" to \"admin\"", "The certificate of the admin port has no key");
    if (identity->chain == NULL && identity->key != NULL)
        check_report(c, identity->key_line, "Add \"chain\" to \"admin\"", "The key of the admin port has no certificate");
}

void check_admin(const struct check *c)
{
    const struct cfg_admin *admin = &c->cfg->admin;

    check_pair(c, &admin->identity);
    if (admin->client_ca != NULL && admin->identity.chain == NULL)
        check_report(c, admin->client_ca_line, "Add \"chain\" and \"key\" to \"admin\"",
                     "Clients of the admin port can show certificates over TLS only");
    if (is_for_this_machine(admin))
        return;
    if (admin->identity.chain == NULL)
        report_open(c, "Listen on 127.0.0.1, or add \"chain\" and \"key\" to \"admin\"", "has no TLS");
    if (admin->client_ca == NULL && admin->token_file == NULL)
        report_open(c, "Listen on 127.0.0.1, or add \"client_ca\" or \"token_file\" to \"admin\"", "asks nobody who he is");
}
