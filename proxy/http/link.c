/* SPDX-License-Identifier: Apache-2.0 */
/* Owns which links lead to the server, and what becomes of them. Forms as of RFC 3986 4.1 and 4.2. Pure; any thread. */
#include "proxy/http/link.h"

#include "proxy/http/target.h"

struct link {
    bool has_scheme;
    bool is_https;
    struct slice authority;
    struct slice rest; /**< path, query and fragment, perhaps nothing */
};

static struct slice from(struct slice s, size_t at)
{
    return (struct slice){s.at + at, s.length - at};
}

static bool ends_part(char c)
{
    return c == '/' || c == '?' || c == '#';
}

/** False: it has no authority. */
static bool split_link(struct slice text, struct link *ret)
{
    size_t end = 0;

    *ret = (struct link){.has_scheme = true};
    if (slice_starts_nocase(text, "http://")) {
        text = from(text, 7);
    } else if (slice_starts_nocase(text, "https://")) {
        ret->is_https = true;
        text = from(text, 8);
    } else if (slice_starts(text, "//")) {
        ret->has_scheme = false;
        text = from(text, 2);
    } else {
        return false;
    }
    while (end < text.length && !ends_part(text.at[end]))
        end++;
    ret->authority = (struct slice){text.at, end};
    ret->rest = from(text, end);
    return true;
}

static unsigned default_port(bool is_https)
{
    return is_https ? 443 : 80;
}

struct slice http_host_name(struct slice host)
{
    struct slice name;
    unsigned port;

    return http_split_host(host, &name, &port) ? name : (struct slice){NULL, 0};
}

/** True if an entry of back_hosts stands for this name and port. */
static bool stands_for(struct slice entry, struct slice name, unsigned port)
{
    struct slice entry_name;
    unsigned entry_port;

    return http_split_host(entry, &entry_name, &entry_port) && slice_equals_nocase(entry_name, name) &&
           (entry_port == 0 || entry_port == port);
}

/** True if it is the public host, with the same port or both with the one that their scheme has anyway. */
static bool is_public(const struct link *link, struct slice name, unsigned port, const struct http_response_plan *plan)
{
    bool is_https = link->has_scheme ? link->is_https : plan->is_tls;
    struct slice public_name;
    unsigned public_port;

    if (!http_split_host(plan->host, &public_name, &public_port) || !slice_equals_nocase(public_name, name))
        return false;
    if (public_port == default_port(plan->is_tls))
        public_port = 0;
    return (port == default_port(is_https) ? 0 : port) == public_port;
}

static bool leads_to_server(const struct link *link, const struct http_response_plan *plan)
{
    bool is_https = link->has_scheme ? link->is_https : plan->is_tls;
    struct slice name;
    unsigned port;

    /* User information fails here too: whatever it is for, it is not ours to move to another host. */
    if (!http_split_host(link->authority, &name, &port))
        return false;
    if (port == 0)
        port = default_port(is_https);
    for (size_t i = 0; i < plan->back_hosts_count; i++)
        if (stands_for(plan->back_hosts[i], name, port))
            return true;
    return is_public(link, name, port, plan);
}

bool http_moves_paths(const struct http_response_plan *plan)
{
    return plan->rewrites && (plan->public_prefix.length > 0 || plan->back_prefix.length > 0);
}

/** "/a/" and "/a" are the same prefix; "/" is none. */
static struct slice without_slash(struct slice prefix)
{
    while (prefix.length > 0 && prefix.at[prefix.length - 1] == '/')
        prefix.length--;
    return prefix;
}

/** True if `path` is the prefix or goes on below it: "/ab" is not below "/a". */
static bool is_below(struct slice path, struct slice prefix)
{
    if (path.length < prefix.length || !slice_equals((struct slice){path.at, prefix.length}, prefix))
        return false;
    return path.length == prefix.length || ends_part(path.at[prefix.length]);
}

void http_put_path(struct http_writer *w, struct slice path, const struct http_response_plan *plan)
{
    struct slice back = without_slash(plan->back_prefix);
    struct slice public = without_slash(plan->public_prefix);

    if (!http_moves_paths(plan) || !is_below(path, back)) {
        http_put(w, path);
        return;
    }
    /* "/back//name" without its prefix would be a link to a host of that name. */
    if (public.length == 0 && slice_starts(from(path, back.length), "//")) {
        http_put(w, path);
        return;
    }
    path = from(path, back.length);
    http_put(w, public);
    if (public.length == 0 && !slice_starts(path, "/"))
        http_put_text(w, "/");
    http_put(w, path);
}

void http_put_link(struct http_writer *w, struct slice text, const struct http_response_plan *plan)
{
    struct link link;

    if (!plan->rewrites || plan->host.length == 0 || !(split_link(text, &link) || slice_starts(text, "/"))) {
        http_put(w, text);
    } else if (link.authority.at == NULL) {
        http_put_path(w, text, plan);
    } else if (!leads_to_server(&link, plan)) {
        http_put(w, text);
    } else {
        if (link.has_scheme)
            http_put_text(w, plan->is_tls ? "https:" : "http:");
        http_put_text(w, "//");
        http_put(w, plan->host);
        http_put_path(w, link.rest, plan);
    }
}

/** The length of the first bytes that are blanks. */
static size_t blanks(struct slice s)
{
    size_t count = 0;

    while (count < s.length && (s.at[count] == ' ' || s.at[count] == '\t'))
        count++;
    return count;
}

/** Where the link stands in what follows the seconds: behind blanks, "url", "=" and a quote, as far as they are there. */
static size_t find_link(struct slice s)
{
    size_t at = blanks(s);
    size_t equals = at + 3;

    if (!slice_starts_nocase(from(s, at), "url"))
        return at;
    equals += blanks(from(s, equals));
    if (equals == s.length || s.at[equals] != '=')
        return at;
    at = equals + 1;
    at += blanks(from(s, at));
    return at < s.length && (s.at[at] == '"' || s.at[at] == '\'') ? at + 1 : at;
}

void http_put_refresh(struct http_writer *w, struct slice value, const struct http_response_plan *plan)
{
    size_t at = 0;
    size_t end;

    /* No RFC defines it; browsers follow HTML 4.2.5.3 (refresh), which takes ";" and ",". */
    while (at < value.length && value.at[at] != ';' && value.at[at] != ',')
        at++;
    if (at < value.length)
        at++;
    at += find_link(from(value, at));
    end = value.length;
    if (at > 0 && (value.at[at - 1] == '"' || value.at[at - 1] == '\''))
        for (end = at; end < value.length && value.at[end] != value.at[at - 1];)
            end++;
    http_put(w, (struct slice){value.at, at});
    http_put_link(w, (struct slice){value.at + at, end - at}, plan);
    http_put(w, from(value, end));
}
