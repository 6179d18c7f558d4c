/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the list of rules: making it, what its makers share, freeing it. Caller's thread. */
#include "config/firewall_rules.h"

#include "config/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

char *firewall_text(const char *format, ...)
{
    char *text = NULL;
    va_list list;
    int length;

    va_start(list, format);
    length = vasprintf(&text, format, list);
    va_end(list);
    return length >= 0 ? text : cfg_copy("?"); /* which says so, if there is no memory */
}

static void rule_fini(struct firewall_rule *rule)
{
    firewall_end_fini(&rule->source);
    firewall_end_fini(&rule->destination);
    firewall_end_fini(&rule->beside);
    firewall_ports_fini(&rule->ports);
    firewall_ports_fini(&rule->except);
    free(rule->label);
    free(rule->reason);
}

struct firewall_rule *firewall_rule_new(struct firewall_maker *m, int place, enum firewall_towards towards, char *label,
                                        char *reason)
{
    struct firewall *f = m->f;
    struct firewall_rule *rule;

    if (!(f->places & place)) {
        free(label);
        free(reason);
        return NULL;
    }
    f->rules = cfg_grow(f->rules, f->count, sizeof(*f->rules));
    rule = &f->rules[f->count++];
    *rule = (struct firewall_rule){.place = place, .towards = towards, .label = label, .reason = reason};
    rule->from = m->cfg->role == CFG_ROLE_RELAY ? "relay" : "agent";
    return rule;
}

void firewall_rule_from(struct firewall_rule *rule, const char *from)
{
    rule->comes_in = true;
    rule->from = from;
}

void firewall_rule_drop(struct firewall_maker *m)
{
    rule_fini(&m->f->rules[--m->f->count]);
}

void firewall_note(struct firewall_maker *m, const char *note)
{
    struct firewall *f = m->f;

    for (size_t i = 0; i < f->notes_count; i++)
        if (strcmp(f->notes[i], note) == 0)
            return;
    f->notes = cfg_grow(f->notes, f->notes_count, sizeof(*f->notes));
    f->notes[f->notes_count++] = cfg_copy(note);
}

bool firewall_add_networks(struct firewall_end *end, const struct cfg_network *list, size_t count)
{
    bool is_one = false;

    for (size_t i = 0; i < count; i++) {
        if (address_is_loopback(&list[i].network.base))
            continue;
        firewall_end_add_network(end, &list[i].network);
        is_one = true;
    }
    return is_one;
}

bool firewall_add_listens(struct firewall_maker *m, struct firewall_end *end, const struct cfg_listen *list, size_t count,
                          uint16_t port, const struct firewall_end *own)
{
    bool is_any = false, is_one = false;

    for (size_t i = 0; i < count; i++) {
        if (address_is_loopback(&list[i].address) || address_port(&list[i].address) != port)
            continue;
        is_one = true;
        if (address_is_any(&list[i].address))
            is_any = true;
        else
            firewall_end_add_address(end, &list[i].address);
    }
    if (is_any) {
        firewall_end_fini(end);
        firewall_end_add_all(end, own);
    }
    if (is_any && firewall_end_is_any(own))
        firewall_note(
            m, m->cfg->role == CFG_ROLE_RELAY
                   ? "The relay listens on all addresses of its machine, so rules towards it name none and hold in both "
                     "directions: --relay ADDRESS puts it in."
                   : "The agent listens on all addresses of its machine, so rules towards it name none: --agent ADDRESS puts it "
                     "in.");
    return is_one;
}

void firewall_add_ranges(struct firewall_ports *ports, const struct cfg_link *link)
{
    for (size_t i = 0; i < link->ports_count; i++)
        firewall_ports_add(ports, link->ports[i].range);
}

void firewall_make(struct firewall *f, const struct cfg *cfg, const struct firewall_asked *asked, int places)
{
    struct firewall_maker m = {.f = f, .cfg = cfg, .asked = asked};

    *f = (struct firewall){.cfg = cfg, .places = places};
    firewall_end_add_all(&f->clients, &asked->clients);
    if (cfg->role == CFG_ROLE_RELAY)
        firewall_relay(&m);
    else
        firewall_agent(&m);
    firewall_upkeep(&m);
}

void firewall_fini(struct firewall *f)
{
    for (size_t i = 0; i < f->count; i++)
        rule_fini(&f->rules[i]);
    for (size_t i = 0; i < f->notes_count; i++)
        free(f->notes[i]);
    free(f->rules);
    free(f->notes);
    free(f->unknown);
    firewall_end_fini(&f->clients);
    *f = (struct firewall){0};
}

bool firewall_needs(const struct firewall *f, enum firewall_means means)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->rules[i].means == means)
            return true;
    return false;
}

bool firewall_is_routed(const struct firewall *f, int family)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->rules[i].means == FIREWALL_INTERCEPT && firewall_end_has(&f->rules[i].source, family) &&
            firewall_end_has(&f->rules[i].destination, family))
            return true;
    return false;
}

/* FNV-1a: it only has to tell one configuration's rules from another's. */
static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261U;

    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619U;
    return hash;
}

char *firewall_fingerprint(const struct firewall_rule *rule)
{
    char *text = NULL, listen[ADDRESS_TEXT], *fingerprint;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return cfg_copy(rule->label);
    fprintf(out, "%d %s|", rule->means, address_format(&rule->listen, listen));
    firewall_end_print(&rule->source, AF_UNSPEC, ",", out);
    fputc('|', out);
    firewall_end_print(&rule->destination, AF_UNSPEC, ",", out);
    fputc('|', out);
    firewall_end_print(&rule->beside, AF_UNSPEC, ",", out);
    fputc('|', out);
    firewall_ports_print(&rule->ports, ",", out);
    fputc('|', out);
    firewall_ports_print(&rule->except, ",", out);
    fclose(out);
    fingerprint = firewall_text("%s #%08" PRIx32, rule->label, hash_of(text));
    free(text);
    return fingerprint;
}
