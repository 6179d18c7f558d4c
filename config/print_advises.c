/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the part of the plan that is about advises: how they find their clients. Caller's thread. */
#include "config/print_rules.h"

static void print_pool(const struct cfg_advise *advise, FILE *out)
{
    char first[ADDRESS_TEXT], last[ADDRESS_TEXT];
    size_t size = 0;

    fputs("  pool ", out);
    for (size_t i = 0; i < advise->pool_count; i++) {
        const struct address_range *range = &advise->pool[i].range;

        address_format_ip(&range->first, first);
        fprintf(out, "%s%s", i > 0 ? ", " : "", first);
        if (!address_same_ip(&range->first, &range->last))
            fprintf(out, "-%s", address_format_ip(&range->last, last));
        size += address_range_count(range, SIZE_MAX - size);
    }
    fprintf(out, ": room for %zu client%s\n", size, size == 1 ? "" : "s");
}

/* The end of a line on what is done while a client has a link. */
static void print_sources(const struct cfg_advise *advise, FILE *out)
{
    fprintf(out, " from the server%s", advise->from_count > 0 ? " and " : "");
    print_networks(advise->from, advise->from_count, out);
    fprintf(out, ", and for %ld s after its last link\n", advise->grace_s);
}

static void print_alias(const struct cfg *cfg, const struct cfg_advise *advise, FILE *out)
{
    char client[ADDRESS_TEXT], address[ADDRESS_TEXT];

    print_pool(advise, out);
    fputs("  while a client holds an address of the pool, listen there on ", out);
    print_ports(&advise->ports, out);
    fputs(" for advises", out);
    print_sources(advise, out);
    if (advise->any_port == CFG_ON)
        fprintf(out, "  advises to other ports there come to port %ld, by rules of \"georelay firewall\" and with CAP_NET_RAW\n",
                cfg->intercept_port);
    for (size_t i = 0; i < advise->pins_count; i++)
        fprintf(out, "  the client %s of \"%s\" always has %s\n", address_format_ip(&advise->pins[i].client, client),
                advise->pins[i].agent, address_format_ip(&advise->pins[i].address, address));
}

static void print_transparent(const struct cfg *cfg, const struct cfg_advise *advise, FILE *out)
{
    fputs("  the server is dialled from each client's own address, with CAP_NET_RAW\n", out);
    fprintf(out, "  rules of \"georelay firewall\" lead advises to a client's address, at any port, to port %ld\n",
            cfg->intercept_port);
    fputs("  while a client has a link, take up its advises", out);
    print_sources(advise, out);
}

static void print_port_clients(const struct cfg_advise *advise, FILE *out)
{
    char text[ADDRESS_TEXT];

    address_format_ip(&advise->address, text);
    fprintf(out, "  the server is dialled from %s\n  while a client has a link, listen at %s on its own ports for advises", text,
            text);
    print_sources(advise, out);
    for (size_t i = 0; i < advise->clients_count; i++) {
        fprintf(out, "  the client %s of \"%s\" has ", address_format_ip(&advise->clients[i].client, text),
                advise->clients[i].agent);
        print_ports(&advise->clients[i].ports, out);
        fputc('\n', out);
    }
}

static void print_rule(const struct cfg_port_rule *rule, FILE *out)
{
    static const char *const forms[] = {
        [CFG_PORT_U16LE] = "two bytes, the lower first",
        [CFG_PORT_U16BE] = "two bytes, the higher first",
        [CFG_PORT_DECIMAL] = "decimal digits",
    };

    fprintf(out, "  a client's port stands in the first %ld bytes of its link, as %s, ", rule->within, forms[rule->form]);
    if (rule->offset > 0)
        fprintf(out, "%ld byte%s ", rule->offset, rule->offset == 1 ? "" : "s");
    if (rule->after.count > 0)
        fprintf(out, "%s the first \"%s\"\n", rule->offset > 0 ? "behind" : "right behind", rule->after.text);
    else
        fprintf(out, "%s its start\n", rule->offset > 0 ? "from" : "at");
}

static void print_rewrite(const struct cfg_advise *advise, FILE *out)
{
    char text[ADDRESS_TEXT];

    fprintf(out, "  the server is dialled from %s\n", address_format_ip(&advise->address, text));
    print_rule(&advise->rule, out);
    fputs("  if it is one of ", out);
    print_range(&advise->ports, out);
    fputs(", one of ", out);
    print_range(&advise->relay_ports, out);
    fprintf(out, " takes its place; a link without it %s\n",
            advise->on_mismatch == CFG_MISMATCH_REFUSE ? "is refused" : "goes on as it is");
    fprintf(out, "  while a client has such a link, listen at %s on that port for advises", text);
    print_sources(advise, out);
}

static void print_kind(const struct cfg *cfg, const struct cfg_advise *advise, FILE *out)
{
    switch (advise->addressing) {
    case CFG_ADDRESSING_ALIAS:
        print_alias(cfg, advise, out);
        break;
    case CFG_ADDRESSING_TRANSPARENT:
        print_transparent(cfg, advise, out);
        break;
    case CFG_ADDRESSING_PORTS:
        print_port_clients(advise, out);
        break;
    case CFG_ADDRESSING_REWRITE:
        print_rewrite(advise, out);
        break;
    default:
        fputs("  no advises\n", out);
        break;
    }
}

void print_advise(const struct cfg *cfg, const struct cfg_link *link, FILE *out)
{
    const struct cfg_advise *advise = &link->advise;
    bool is_elsewhere = link->server.agent != NULL;

    if (is_elsewhere && link->ports_count == 0)
        fputs("  advises as that agent's configuration says\n", out);
    else
        print_kind(cfg, advise, out);
    if (link->listen_count > 0 && link->ports_count == 0 && (is_elsewhere || advise->addressing != CFG_ADDRESSING_OFF))
        fprintf(out, "  advises for clients without an agent are delivered by %s\n",
                advise->delivery == CFG_DELIVERY_DIRECT ? "the relay itself" : "an agent near them");
}
