/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing but what it is handed. Any thread. */
#include "proxy/app/conntrack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- one line ------------------------------------------------------------------------------------------------------------------
 */

/* The value of the next word "KEY=" from `*at` on, which moves behind it. */
static bool next_word(const char **at, const char *key, char *value, size_t size)
{
    const char *found = strstr(*at, key);
    size_t length;

    if (found == NULL)
        return false;
    found += strlen(key);
    length = strcspn(found, " \n");
    if (length >= size)
        return false;
    memcpy(value, found, length);
    value[length] = '\0';
    *at = found + length;
    return true;
}

/* "src=A dst=B sport=C dport=D". */
static bool parse_way(const char **at, struct address *from, struct address *to)
{
    char src[ADDRESS_TEXT], dst[ADDRESS_TEXT], sport[8], dport[8];

    if (!next_word(at, " src=", src, sizeof(src)) || !next_word(at, " dst=", dst, sizeof(dst)) ||
        !next_word(at, " sport=", sport, sizeof(sport)) || !next_word(at, " dport=", dport, sizeof(dport)))
        return false;
    if (address_parse(src, from) != 0 || address_parse(dst, to) != 0)
        return false;
    address_set_port(from, (uint16_t)atoi(sport));
    address_set_port(to, (uint16_t)atoi(dport));
    return true;
}

bool conntrack_parse(const char *line, struct conntrack_row *ret)
{
    const char *at = strstr(line, " tcp ");
    struct conntrack_row row = {0};

    if (at == NULL || !parse_way(&at, &row.from, &row.to) || !parse_way(&at, &row.answer_from, &row.answer_to))
        return false;
    *ret = row;
    return true;
}

/* -- the table -----------------------------------------------------------------------------------------------------------------
 */

static int fail(struct conntrack *c, const char *path, int error)
{
    snprintf(c->problem, sizeof(c->problem), "%s: %s", path, strerror(error));
    switch (error) {
    case EACCES:
    case EPERM:
        c->remedy = "run this as root";
        break;
    case ENOENT:
        c->remedy = "nothing on this machine tracks connections; a stateful rule of nftables does (modprobe nf_conntrack)";
        break;
    default:
        c->remedy = "see the system's log";
    }
    return -1;
}

static int compare_ports(const struct address *a, const struct address *b)
{
    return (int)address_port(a) - (int)address_port(b);
}

/* By the ends alone: who opened it is what is looked for. */
static int compare(const void *a, const void *b)
{
    const struct conntrack_end *one = a, *two = b;
    int order = compare_ports(&one->local, &two->local);

    if (order == 0)
        order = compare_ports(&one->remote, &two->remote);
    if (order == 0)
        order = address_compare_ip(&one->local, &two->local);
    return order != 0 ? order : address_compare_ip(&one->remote, &two->remote);
}

static bool add(struct conntrack *c, const struct conntrack_row *row, size_t *size)
{
    if (c->count + 2 > *size) {
        struct conntrack_end *more = reallocarray(c->list, *size * 2 + 256, sizeof(*more));

        if (more == NULL)
            return false;
        c->list = more;
        *size = *size * 2 + 256;
    }
    c->list[c->count++] = (struct conntrack_end){row->from, row->to, CONNTRACK_OPENED};
    c->list[c->count++] = (struct conntrack_end){row->answer_from, row->answer_to, CONNTRACK_ACCEPTED};
    return true;
}

int conntrack_read(struct conntrack *c, long pid)
{
    char path[64], line[1024];
    struct conntrack_row row;
    bool is_whole = true;
    size_t size = 0;
    FILE *file;

    *c = (struct conntrack){0};
    snprintf(path, sizeof(path), "/proc/%ld/net/nf_conntrack", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return fail(c, path, errno);
    while (is_whole && fgets(line, sizeof(line), file) != NULL)
        if (conntrack_parse(line, &row))
            is_whole = add(c, &row, &size);
    fclose(file);
    if (!is_whole)
        return fail(c, path, ENOMEM);
    if (c->count > 0)
        qsort(c->list, c->count, sizeof(*c->list), compare);
    return 0;
}

enum conntrack_way conntrack_find(const struct conntrack *c, const struct address *local, const struct address *remote)
{
    struct conntrack_end wanted = {.local = *local, .remote = *remote};
    const struct conntrack_end *found = c->count > 0 ? bsearch(&wanted, c->list, c->count, sizeof(wanted), compare) : NULL;

    return found != NULL ? found->way : CONNTRACK_UNKNOWN;
}

void conntrack_fini(struct conntrack *c)
{
    free(c->list);
    *c = (struct conntrack){0};
}
