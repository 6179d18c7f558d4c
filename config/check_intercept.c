/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the rules on the intercepting listener: TPROXY rules lead advises to its port, so nothing else may be there. It takes all
 * addresses of its machine. Caller's thread. */
#include "config/check_rules.h"

static bool takes_advises_at(const struct cfg_advise *advise, const struct port_range *port)
{
    struct address any4, any6;

    return address_parse("0.0.0.0", &any4) == 0 && address_parse("::", &any6) == 0 &&
           (check_takes_advises_at(advise, &any4, port) || check_takes_advises_at(advise, &any6, port));
}

static bool is_in_ranges(const struct cfg_link *link, uint16_t port)
{
    for (size_t i = 0; i < link->ports_count && link->listen_count > 0; i++)
        if (port_range_contains(&link->ports[i].range, port))
            return true;
    return false;
}

void check_intercept(const struct check *c, const struct check_listeners *all)
{
    const struct cfg *cfg = c->cfg;
    uint16_t port = (uint16_t)cfg->intercept_port;
    struct port_range range = {port, port};
    char text[ADDRESS_TEXT];

    if (cfg_first_intercepted(cfg) == NULL || port == 0)
        return;
    for (size_t i = 0; i < all->count; i++)
        if (address_port(&all->list[i].listen->address) == port)
            check_report(c, all->list[i].listen->line, "Choose another port, or another \"intercept_port\"",
                         "%s takes the port %u that TPROXY rules lead advises to (\"intercept_port\")",
                         address_format(&all->list[i].listen->address, text), port);
    for (size_t i = 0; i < cfg->served_count; i++)
        if (takes_advises_at(&cfg->served[i].advise, &range))
            check_report(c, cfg->intercept_port_line, "Write another intercept_port",
                         "The intercept_port %u is one of the ports that advises of the %s \"%s\" need", port,
                         check_served_word(c), check_link_name(&cfg->served[i]));
    for (size_t i = 0; i < cfg->links_count; i++)
        if (is_in_ranges(&cfg->links[i], port))
            check_report(c, cfg->intercept_port_line, "Write another intercept_port",
                         "The intercept_port %u is one of the \"ports\" of the link \"%s\"", port,
                         check_link_name(&cfg->links[i]));
}
