/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the choice of a page's form: what the client sent, then what it prefers (RFC 9110 12.5.1). Pure; any thread. */
#include "proxy/http/page.h"

/** How much a client wants a media type. */
struct wish {
    unsigned weight; /**< thousandths; 0: it does not want it, or did not say */
    unsigned detail; /**< how exactly it named it: 0 not at all, 1 for any, 2 for any of the kind, 3 by name */
};

/** What stands before the first such byte; the byte goes too. */
static struct slice take_before(struct slice *rest, char byte)
{
    size_t end = 0;
    struct slice part;

    if (rest->length == 0)
        return *rest;
    while (end < rest->length && rest->at[end] != byte)
        end++;
    part = (struct slice){rest->at, end};
    end += end < rest->length ? 1 : 0;
    *rest = (struct slice){rest->at + end, rest->length - end};
    return part;
}

/** The part before the first ";", trimmed; the rest stays in `rest`. */
static struct slice take_part(struct slice *rest)
{
    return slice_trim(take_before(rest, ';'));
}

/** RFC 9110 12.4.2: "1", "0.8", "0.125". What is malformed counts as 1, as for who does not say. */
static unsigned read_weight(struct slice s)
{
    unsigned weight = 0;
    unsigned digit = 100;

    if (!slice_starts(s, "0"))
        return 1000;
    for (size_t i = 2; i < s.length && digit > 0; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return 1000;
        weight += (unsigned)(s.at[i] - '0') * digit;
        digit /= 10;
    }
    return weight;
}

static unsigned weight_of(struct slice parameters)
{
    while (parameters.length > 0) {
        struct slice part = take_part(&parameters);

        if (slice_starts_nocase(part, "q="))
            return read_weight((struct slice){part.at + 2, part.length - 2});
    }
    return 1000;
}

static bool ends_json(struct slice type)
{
    return type.length > 5 && slice_is_nocase((struct slice){type.at + type.length - 5, 5}, "+json");
}

static void wish_for(struct wish *wish, unsigned detail, unsigned weight)
{
    if (detail > wish->detail || (detail == wish->detail && weight > wish->weight))
        *wish = (struct wish){weight, detail};
}

/** RFC 9110 12.5.1: the most exact range that fits a type decides. */
static void read_range(struct slice range, struct wish *html, struct wish *json)
{
    struct slice type = take_part(&range);
    unsigned weight = weight_of(range);

    if (slice_is(type, "*/*")) {
        wish_for(html, 1, weight);
        wish_for(json, 1, weight);
    } else if (slice_is_nocase(type, "text/*")) {
        wish_for(html, 2, weight);
    } else if (slice_is_nocase(type, "application/*")) {
        wish_for(json, 2, weight);
    } else if (slice_is_nocase(type, "text/html") || slice_is_nocase(type, "application/xhtml+xml")) {
        wish_for(html, 3, weight);
    } else if (slice_is_nocase(type, "application/json") || ends_json(type)) {
        wish_for(json, 3, weight);
    }
}

/** Of two types that it wants equally a client means the one that it took the trouble to name; HTML if both or none. */
static bool prefers_json(struct slice accept)
{
    struct wish html = {.weight = 0};
    struct wish json = {.weight = 0};

    while (accept.length > 0) {
        struct slice value = take_before(&accept, '\n');
        struct slice range;

        while (slice_next_element(&value, &range))
            read_range(range, &html, &json);
    }
    return json.weight > html.weight || (json.weight > 0 && json.weight == html.weight && json.detail > html.detail);
}

enum http_page_form http_page_form_for(const struct http_page_hints *hints)
{
    struct slice type = hints->content_type;

    if (slice_is_nocase(take_part(&type), "application/soap+xml")) /* SOAP 1.2 part 2, 7.1.4 */
        return HTTP_PAGE_SOAP12;
    if (hints->has_soap_action) /* SOAP 1.1, 6.1.1: each request has it, and no other */
        return HTTP_PAGE_SOAP11;
    return prefers_json(hints->accept) ? HTTP_PAGE_JSON : HTTP_PAGE_HTML;
}
