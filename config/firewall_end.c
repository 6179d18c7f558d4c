/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the lists of its sets. Caller's thread. */
#include "config/firewall_end.h"

#include "config/memory.h"

#include <stdlib.h>
#include <string.h>

bool firewall_end_is_any(const struct firewall_end *end)
{
    return end->ranges_count == 0 && end->names_count == 0;
}

static int compare_ranges(const void *a, const void *b)
{
    return address_compare_ip(&((const struct address_range *)a)->first, &((const struct address_range *)b)->first);
}

void firewall_end_add(struct firewall_end *end, const struct address_range *range)
{
    size_t kept = 0;

    end->ranges = cfg_grow(end->ranges, end->ranges_count, sizeof(*end->ranges));
    end->ranges[end->ranges_count++] = *range;
    qsort(end->ranges, end->ranges_count, sizeof(*end->ranges), compare_ranges);
    for (size_t i = 1; i < end->ranges_count; i++) {
        struct address_range *last = &end->ranges[kept];

        if (!address_range_overlaps(last, &end->ranges[i]))
            end->ranges[++kept] = end->ranges[i];
        else if (address_compare_ip(&end->ranges[i].last, &last->last) > 0)
            last->last = end->ranges[i].last;
    }
    end->ranges_count = kept + 1;
}

void firewall_end_add_address(struct firewall_end *end, const struct address *address)
{
    struct address_range range = {.first = *address, .last = *address};

    address_set_port(&range.first, 0);
    address_set_port(&range.last, 0);
    firewall_end_add(end, &range);
}

/* The same with all bits below the prefix set. */
static struct address last_of(const struct address *base, unsigned prefix)
{
    struct address last = *base;
    uint8_t bytes[16];
    size_t count = address_bytes(base, bytes);

    for (unsigned bit = prefix; bit < count * 8; bit++)
        bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
    (void)address_from_bytes(&last, bytes, count, 0);
    return last;
}

void firewall_end_add_network(struct firewall_end *end, const struct network *network)
{
    struct address_range range = {.first = network->base, .last = last_of(&network->base, network->prefix)};

    firewall_end_add(end, &range);
}

static void add_name(struct firewall_end *end, const char *name)
{
    for (size_t i = 0; i < end->names_count; i++)
        if (strcmp(end->names[i], name) == 0)
            return;
    end->names = cfg_grow(end->names, end->names_count, sizeof(*end->names));
    end->names[end->names_count++] = name;
}

void firewall_end_add_all(struct firewall_end *end, const struct firewall_end *other)
{
    for (size_t i = 0; i < other->ranges_count; i++)
        firewall_end_add(end, &other->ranges[i]);
    for (size_t i = 0; i < other->names_count; i++)
        add_name(end, other->names[i]);
}

void firewall_end_add_endpoint(struct firewall_end *end, const struct cfg_endpoint *endpoint)
{
    if (endpoint->agent)
        return;
    if (endpoint->is_name)
        add_name(end, endpoint->host);
    else
        firewall_end_add_address(end, &endpoint->address);
}

static int parse_member(struct firewall_end *end, const char *text)
{
    struct address_range range;
    struct network network;

    if (network_parse(text, &network) == 0)
        firewall_end_add_network(end, &network);
    else if (address_range_parse(text, &range) == 0)
        firewall_end_add(end, &range);
    else
        return -1;
    return 0;
}

int firewall_end_parse(struct firewall_end *end, const char *text)
{
    char *copy = cfg_copy(text);
    char *rest = copy, *member;
    int result = 0;

    while (result == 0 && (member = strsep(&rest, ",")) != NULL)
        result = parse_member(end, member);
    free(copy);
    return result;
}

bool firewall_end_has(const struct firewall_end *end, int family)
{
    if (firewall_end_is_any(end))
        return true;
    for (size_t i = 0; i < end->ranges_count; i++)
        if (end->ranges[i].first.sa.any.sa_family == family)
            return true;
    return false;
}

static bool is_zero_behind(const uint8_t *bytes, unsigned bits, unsigned prefix)
{
    for (unsigned bit = prefix; bit < bits; bit++)
        if (bytes[bit / 8] & 0x80U >> bit % 8)
            return false;
    return true;
}

static void print_range(const struct address_range *range, FILE *out)
{
    char first[ADDRESS_TEXT], last[ADDRESS_TEXT];
    uint8_t bytes[16];
    unsigned bits = (unsigned)address_bytes(&range->first, bytes) * 8;

    address_format_ip(&range->first, first);
    if (address_same_ip(&range->first, &range->last)) {
        fputs(first, out);
        return;
    }
    for (unsigned prefix = 0; prefix < bits; prefix++) {
        struct address end = last_of(&range->first, prefix);

        if (is_zero_behind(bytes, bits, prefix) && address_same_ip(&end, &range->last)) {
            fprintf(out, "%s/%u", first, prefix);
            return;
        }
    }
    fprintf(out, "%s-%s", first, address_format_ip(&range->last, last));
}

size_t firewall_end_print(const struct firewall_end *end, int family, const char *between, FILE *out)
{
    size_t count = 0;

    for (size_t i = 0; i < end->ranges_count; i++) {
        if (family != AF_UNSPEC && end->ranges[i].first.sa.any.sa_family != family)
            continue;
        fputs(count++ > 0 ? between : "", out);
        print_range(&end->ranges[i], out);
    }
    for (size_t i = 0; family == AF_UNSPEC && i < end->names_count; i++)
        fprintf(out, "%s%s", count++ > 0 ? between : "", end->names[i]);
    return count;
}

void firewall_end_fini(struct firewall_end *end)
{
    free(end->ranges);
    free(end->names);
    *end = (struct firewall_end){0};
}

static int compare_ports(const void *a, const void *b)
{
    return ((const struct port_range *)a)->first - ((const struct port_range *)b)->first;
}

void firewall_ports_add(struct firewall_ports *ports, struct port_range range)
{
    size_t kept = 0;

    ports->list = cfg_grow(ports->list, ports->count, sizeof(*ports->list));
    ports->list[ports->count++] = range;
    qsort(ports->list, ports->count, sizeof(*ports->list), compare_ports);
    for (size_t i = 1; i < ports->count; i++) {
        if (ports->list[i].first > ports->list[kept].last)
            ports->list[++kept] = ports->list[i];
        else if (ports->list[i].last > ports->list[kept].last)
            ports->list[kept].last = ports->list[i].last;
    }
    ports->count = kept + 1;
}

void firewall_ports_add_one(struct firewall_ports *ports, uint16_t port)
{
    firewall_ports_add(ports, (struct port_range){.first = port, .last = port});
}

bool firewall_ports_has(const struct firewall_ports *ports, uint16_t port)
{
    for (size_t i = 0; i < ports->count; i++)
        if (port_range_contains(&ports->list[i], port))
            return true;
    return false;
}

void firewall_ports_print(const struct firewall_ports *ports, const char *between, FILE *out)
{
    for (size_t i = 0; i < ports->count; i++) {
        fprintf(out, "%s%u", i > 0 ? between : "", ports->list[i].first);
        if (ports->list[i].last != ports->list[i].first)
            fprintf(out, "-%u", ports->list[i].last);
    }
}

void firewall_ports_fini(struct firewall_ports *ports)
{
    free(ports->list);
    *ports = (struct firewall_ports){0};
}
