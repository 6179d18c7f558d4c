/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what happens to the attributes of a cookie. Cuts it as a browser does: RFC 6265 5.2. Pure; any thread. */
#include "proxy/http/cookie.h"

#include "proxy/http/link.h"

/** What a cookie says of itself. */
struct said {
    bool secure;
    bool http_only;
    bool same_site;
};

struct attribute {
    struct slice text; /**< as written, with blanks, without its ";" */
    struct slice name;
    struct slice value;
};

static struct slice from(struct slice s, size_t at)
{
    return (struct slice){s.at + at, s.length - at};
}

static size_t find(struct slice s, char c)
{
    size_t at = 0;

    while (at < s.length && s.at[at] != c)
        at++;
    return at;
}

/** Takes the next attribute off `rest`, which begins with its ";" or is empty. Quotes do not protect a ";" (RFC 6265 5.2). */
static bool next_attribute(struct slice *rest, struct attribute *ret)
{
    size_t equals;

    if (rest->length == 0)
        return false;
    *rest = from(*rest, 1);
    ret->text = (struct slice){rest->at, find(*rest, ';')};
    *rest = from(*rest, ret->text.length);
    equals = find(ret->text, '=');
    ret->name = slice_trim((struct slice){ret->text.at, equals});
    ret->value = (struct slice){NULL, 0};
    if (equals < ret->text.length)
        ret->value = slice_trim(from(ret->text, equals + 1));
    return true;
}

/** RFC 6265 5.1.3. */
static bool is_within(struct slice host, struct slice domain)
{
    size_t before = host.length - domain.length;

    if (domain.length == 0 || host.length < domain.length || !slice_equals_nocase(from(host, before), domain))
        return false;
    return before == 0 || host.at[before - 1] == '.';
}

/** True if the domain has the server in it, and not the public host. */
static bool is_of_server_only(struct slice domain, const struct http_response_plan *plan)
{
    if (slice_starts(domain, ".")) /* RFC 6265 5.2.3 */
        domain = from(domain, 1);
    if (is_within(http_host_name(plan->host), domain))
        return false;
    for (size_t i = 0; i < plan->back_hosts_count; i++)
        if (is_within(http_host_name(plan->back_hosts[i]), domain))
            return true;
    return false;
}

static void put_attribute(struct http_writer *w, const struct attribute *a, struct slice cookie,
                          const struct http_response_plan *plan)
{
    if (slice_is_nocase(a->name, "Domain") && plan->rewrites && is_of_server_only(a->value, plan))
        return;
    if (a->text.length == 0)
        return;
    http_put_text(w, ";");
    /* RFC 6265bis 4.1.3.2: a __Host- cookie has the path "/" or is refused. */
    if (slice_is_nocase(a->name, "Path") && slice_starts(a->value, "/") && http_moves_paths(plan) &&
        !slice_starts_nocase(cookie, "__Host-")) {
        http_put_text(w, " Path=");
        http_put_path(w, a->value, plan);
        return;
    }
    http_put(w, a->text);
}

static void note(struct said *said, struct slice name)
{
    said->secure = said->secure || slice_is_nocase(name, "Secure");
    said->http_only = said->http_only || slice_is_nocase(name, "HttpOnly");
    said->same_site = said->same_site || slice_is_nocase(name, "SameSite");
}

static void put_additions(struct http_writer *w, const struct said *said, const struct http_response_plan *plan)
{
    static const char *const texts[] = {
        [HTTP_SAME_SITE_KEEP] = "",
        [HTTP_SAME_SITE_LAX] = "; SameSite=Lax",
        [HTTP_SAME_SITE_STRICT] = "; SameSite=Strict",
        [HTTP_SAME_SITE_NONE] = "; SameSite=None",
    };
    bool adds_none = !said->same_site && plan->same_site == HTTP_SAME_SITE_NONE;
    /* Without TLS a browser takes neither Secure nor, without that, None: the cookie is better off with nothing. */
    bool is_secure = said->secure || plan->adds_secure || (adds_none && plan->is_tls);

    if (is_secure && !said->secure)
        http_put_text(w, "; Secure");
    if (plan->adds_http_only && !said->http_only)
        http_put_text(w, "; HttpOnly");
    if (!said->same_site && (!adds_none || is_secure))
        http_put_text(w, texts[plan->same_site]);
}

void http_put_cookie(struct http_writer *w, struct slice value, const struct http_response_plan *plan)
{
    struct slice cookie = {value.at, find(value, ';')};
    struct slice rest = from(value, cookie.length);
    struct said said = {.secure = false};
    struct attribute a;

    http_put(w, cookie);
    while (next_attribute(&rest, &a)) {
        note(&said, a.name);
        put_attribute(w, &a, cookie, plan);
    }
    put_additions(w, &said, plan);
}
