/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the making of routes from what rules take. Caller's thread. */
#include "config/iis_routes.h"
#include "config/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MAX = 4000, ROUTES_MAX = 256 };

bool iis_path_covers(const char *prefix, const char *path)
{
    size_t length = strlen(prefix);

    if (strncmp(path, prefix, length) != 0)
        return false;
    return prefix[length - 1] == '/' || path[length] == '\0' || path[length] == '/';
}

/* True if each host that `host` fits is one that `pattern` fits. NULL is any. */
static bool host_covers(const char *pattern, const char *host)
{
    size_t tail, length;

    if (!pattern)
        return true;
    if (!host)
        return false;
    if (strcasecmp(pattern, host) == 0)
        return true;
    tail = strlen(pattern + 1);
    length = strlen(host);
    return pattern[0] == '*' && length > tail && strcasecmp(host + length - tail, pattern + 1) == 0;
}

static bool excepts(const struct iis_route *claim, const char *path)
{
    for (size_t i = 0; i < claim->excepts.count; i++)
        if (iis_path_covers(claim->excepts.list[i], path))
            return true;
    return false;
}

static bool takes(const struct iis_route *claim, const char *host, const char *path)
{
    return iis_path_covers(claim->path, path) && host_covers(claim->host, host) && !excepts(claim, path);
}

static char *copy_or_null(const char *text)
{
    return text ? cfg_copy(text) : NULL;
}

/* Exceptions that are not below the path make no difference. */
static void copy_excepts(const struct iis_route *from, struct iis_route *to)
{
    for (size_t i = 0; i < from->excepts.count; i++)
        if (iis_path_covers(from->path, from->excepts.list[i]))
            iis_strings_add(&to->excepts, from->excepts.list[i]);
}

/* One earlier rule alone takes all of it. Several together may too; then the table shows it. */
static bool is_taken(const struct iis_plan *plan, const struct iis_route *claim)
{
    for (size_t i = 0; i < plan->claims_count; i++)
        if (takes(&plan->claims[i], claim->host, claim->path) && plan->claims[i].excepts.count == 0)
            return true;
    return false;
}

bool iis_claim_add(struct iis_plan *plan, const struct iis_route *claim)
{
    struct iis_route copy = {.upstream = claim->upstream, .from = claim->from};

    if (excepts(claim, claim->path) || is_taken(plan, claim))
        return false;
    copy.host = copy_or_null(claim->host);
    copy.path = cfg_copy(claim->path);
    copy.replace = copy_or_null(claim->replace);
    copy_excepts(claim, &copy);
    plan->claims = cfg_grow(plan->claims, plan->claims_count, sizeof(*plan->claims));
    plan->claims[plan->claims_count++] = copy;
    return true;
}

/* -- the table ------------------------------------------------------------------------------------------------------------- */

struct cell {
    const char *host;
    const char *path;
    size_t rule;  /* index in claims; their count: nobody */
    char *to;     /* what takes the path's place at the server */
    bool is_kept; /* it is a route */
    size_t by;    /* whose route its requests get */
};

struct table {
    const struct iis_plan *plan;
    struct iis_strings hosts; /* without NULL */
    struct iis_strings paths;
    struct cell *cells;
    size_t count;
};

static void collect(struct table *t)
{
    iis_strings_add(&t->paths, "/");
    for (size_t i = 0; i < t->plan->claims_count; i++) {
        const struct iis_route *claim = &t->plan->claims[i];

        iis_strings_add(&t->paths, claim->path);
        for (size_t j = 0; j < claim->excepts.count; j++)
            iis_strings_add(&t->paths, claim->excepts.list[j]);
        if (claim->host)
            iis_strings_add(&t->hosts, claim->host);
    }
}

/* Gives what a rule makes of a path below its own. */
static char *replaced(const struct iis_route *claim, const char *path)
{
    const char *rest = path + strlen(claim->path);
    size_t length;

    if (!claim->replace)
        return cfg_copy(path);
    length = strlen(claim->replace);
    length -= claim->replace[length - 1] == '/' && *rest == '/';
    return iis_format("%.*s%s", (int)length, claim->replace, rest);
}

static void fill(struct cell *cell, const struct iis_plan *plan, const char *host, const char *path)
{
    size_t rule = 0;

    while (rule < plan->claims_count && !takes(&plan->claims[rule], host, path))
        rule++;
    *cell = (struct cell){host, path, rule, rule < plan->claims_count ? replaced(&plan->claims[rule], path) : cfg_copy(path),
                          true, 0};
}

/* The first cell is the one for every host and path. */
static void fill_all(struct table *t)
{
    t->cells = cfg_alloc((t->hosts.count + 1) * t->paths.count, sizeof(*t->cells));
    for (size_t p = 0; p < t->paths.count; p++) {
        fill(&t->cells[t->count++], t->plan, NULL, t->paths.list[p]);
        for (size_t h = 0; h < t->hosts.count; h++)
            fill(&t->cells[t->count++], t->plan, t->hosts.list[h], t->paths.list[p]);
    }
}

static size_t upstream_of(const struct table *t, const struct cell *cell)
{
    return cell->rule < t->plan->claims_count ? t->plan->claims[cell->rule].upstream : SIZE_MAX;
}

/* True if `a` is the better of two routes for a request that both fit: the longest path, then the host that says most. */
static bool is_better(const struct cell *a, const struct cell *b)
{
    size_t a_length = strlen(a->path), b_length = strlen(b->path);

    if (a_length != b_length)
        return a_length > b_length;
    return host_covers(b->host, a->host);
}

/* The route that requests of a cell would get if that of `gone` were not there. */
static size_t route_without(const struct table *t, size_t index, size_t gone)
{
    const struct cell *cell = &t->cells[index];
    size_t best = 0;

    for (size_t i = 1; i < t->count; i++) {
        const struct cell *other = &t->cells[i];

        if (i != gone && other->is_kept && iis_path_covers(other->path, cell->path) && host_covers(other->host, cell->host) &&
            is_better(other, &t->cells[best]))
            best = i;
    }
    return best;
}

static bool is_same(const struct table *t, const struct cell *cell, const struct cell *other)
{
    const struct iis_route as_route = {.path = (char *)(uintptr_t)other->path, .replace = other->to};
    char *to;
    bool is_equal;

    if (upstream_of(t, cell) != upstream_of(t, other))
        return false;
    to = replaced(&as_route, cell->path);
    is_equal = strcmp(to, cell->to) == 0;
    free(to);
    return is_equal;
}

/* True if all cells that live by this route are as well off without it. */
static bool is_needless(const struct table *t, size_t index)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->cells[i].by == index && !is_same(t, &t->cells[i], &t->cells[route_without(t, i, index)]))
            return false;
    return true;
}

static void drop(struct table *t, size_t index)
{
    t->cells[index].is_kept = false;
    for (size_t i = 0; i < t->count; i++)
        if (t->cells[i].by == index)
            t->cells[i].by = route_without(t, i, index);
}

static void prune(struct table *t)
{
    bool is_changed;

    for (size_t i = 0; i < t->count; i++)
        t->cells[i].by = i;
    do {
        is_changed = false;
        for (size_t i = t->count; i-- > 1;)
            if (t->cells[i].is_kept && is_needless(t, i)) {
                drop(t, i);
                is_changed = true;
            }
    } while (is_changed);
}

/* -- routes ---------------------------------------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    const struct cell *a = left, *b = right;

    if (a->rule != b->rule)
        return a->rule < b->rule ? -1 : 1;
    if (strcmp(a->path, b->path) != 0)
        return strcmp(a->path, b->path);
    return strcmp(a->host ? a->host : "", b->host ? b->host : "");
}

static void add_route(struct iis_plan *plan, const struct cell *cell)
{
    const struct iis_route *claim = cell->rule < plan->claims_count ? &plan->claims[cell->rule] : NULL;
    struct iis_route route = {.host = copy_or_null(cell->host), .path = cfg_copy(cell->path), .from = claim ? claim->from : NULL};

    route.upstream = claim ? claim->upstream : iis_plan_closed_upstream(plan);
    route.replace = strcmp(cell->to, cell->path) == 0 ? NULL : cfg_copy(cell->to);
    plan->routes = cfg_grow(plan->routes, plan->routes_count, sizeof(*plan->routes));
    plan->routes[plan->routes_count++] = route;
}

static void add_all(struct iis_plan *plan, struct table *t)
{
    size_t kept = 0;

    add_route(plan, &t->cells[0]);
    qsort(&t->cells[1], t->count - 1, sizeof(*t->cells), compare);
    for (size_t i = 1; i < t->count; i++)
        kept += t->cells[i].is_kept;
    if (kept + 1 > ROUTES_MAX) {
        iis_plan_close(plan, plan->claims[plan->claims_count - 1].from, "Split the site into several",
                       "The rules make more routes than georelay takes");
        return;
    }
    for (size_t i = 1; i < t->count; i++)
        if (t->cells[i].is_kept)
            add_route(plan, &t->cells[i]);
}

void iis_routes_make(struct iis_plan *plan)
{
    struct table t = {.plan = plan};

    collect(&t);
    if ((t.hosts.count + 1) * t.paths.count > CELLS_MAX) {
        iis_plan_close(plan, plan->claims[plan->claims_count - 1].from, "Split the site into several",
                       "The rules make more routes than georelay takes");
        add_route(plan, &(struct cell){.path = "/", .rule = plan->claims_count, .to = (char[]){"/"}});
    } else {
        fill_all(&t);
        prune(&t);
        add_all(plan, &t);
    }
    for (size_t i = 0; i < t.count; i++)
        free(t.cells[i].to);
    free(t.cells);
    iis_strings_fini(&t.hosts);
    iis_strings_fini(&t.paths);
}
