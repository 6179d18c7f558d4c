/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the understanding of the URLs that rules send requests to. Pure, any thread. */
#include "config/iis_target.h"
#include "config/memory.h"
#include "config/values_http.h"

#include "proxy/base/address.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char *iis_url_split(const char *url, struct iis_url *ret)
{
    static const struct {
        const char *text;
        bool is_tls, is_as_client;
    } schemes[] = {{"http://", false, false}, {"https://", true, false}, {"{C:1}://", true, true}};
    struct iis_url it = {0};
    const char *at = NULL, *end;

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && !at; i++)
        if (strncasecmp(url, schemes[i].text, strlen(schemes[i].text)) == 0) {
            at = url + strlen(schemes[i].text);
            it.is_tls = schemes[i].is_tls;
            it.is_as_client = schemes[i].is_as_client;
        }
    if (!at)
        return "is no http or https URL";
    /* "localhost:8080{REQUEST_URI}": a reference behind a name begins the path. One at the start is the name. */
    end = *at == '{' ? strchr(at, '}') : at + strcspn(at, "/{");
    if (!end || end == at)
        return "has no host";
    end += *end == '}';
    end += *at == '{' ? strcspn(end, "/{") : 0;
    it.authority = iis_cut(at, (size_t)(end - at));
    it.rest = cfg_copy(end);
    *ret = it;
    return NULL;
}

void iis_url_fini(struct iis_url *url)
{
    free(url->authority);
    free(url->rest);
    *url = (struct iis_url){0};
}

char *iis_url_endpoint(const char *authority, bool is_tls)
{
    const char *bracket = strrchr(authority, ']');
    char host[256], *endpoint;
    struct address address;
    uint16_t port;

    if (strchr(bracket ? bracket : authority, ':'))
        endpoint = cfg_copy(authority);
    else
        endpoint = iis_format("%s:%d", authority, is_tls ? 443 : 80);
    if (address_split(endpoint, host, sizeof(host), &port) == 0 && port != 0) {
        if (address_parse(host, &address) == 0 ? !address_is_any(&address) : endpoint[0] != '[' && cfg_is_host_name(host))
            return endpoint;
    }
    free(endpoint);
    return NULL;
}

/* -- the path -------------------------------------------------------------------------------------------------------------- */

/* A text, and then perhaps the rest of the request's path. */
struct sum {
    char *text;
    size_t length;
    enum iis_tail tail;
};

static const char *add(struct sum *sum, const char *text, size_t length, enum iis_tail tail)
{
    if (sum->tail != IIS_TAIL_NONE && (length > 0 || tail != IIS_TAIL_NONE))
        return "has something behind the rest of the path";
    memcpy(sum->text + sum->length, text, length);
    sum->length += length;
    sum->text[sum->length] = '\0';
    if (tail != IIS_TAIL_NONE)
        sum->tail = tail;
    return NULL;
}

/* The path as it came, with or without its first slash. */
static const char *add_whole(struct sum *sum, const struct iis_head *head, bool has_slash)
{
    const char *why;

    if (head->border == IIS_EVERYTHING)
        return add(sum, "", 0, has_slash ? IIS_TAIL_SLASH_REST : IIS_TAIL_REST);
    why = has_slash ? add(sum, "/", 1, IIS_TAIL_NONE) : NULL;
    if (why)
        return why;
    return add(sum, head->text, strlen(head->text), head->border == IIS_EXACT ? IIS_TAIL_NONE : IIS_TAIL_SLASH_REST);
}

static bool is_whole_path(const char *name, size_t length)
{
    static const char *const names[] = {"REQUEST_URI", "UNENCODED_URL", "HTTP_URL", "URL", "PATH_INFO", NULL};

    for (size_t i = 0; names[i]; i++)
        if (strlen(names[i]) == length && strncasecmp(name, names[i], length) == 0)
            return true;
    return false;
}

static const char *add_capture(struct sum *sum, char letter, unsigned number, const struct iis_references *references)
{
    const struct iis_capture *capture = &references->head->captures[number];

    if (toupper((unsigned char)letter) == references->letter)
        return capture->text ? add(sum, capture->text, strlen(capture->text), capture->tail)
                             : "refers to a group that is not there";
    if (toupper((unsigned char)letter) == 'R' && number <= 1)
        return add_whole(sum, references->head, false);
    return "refers to a condition";
}

/* "{R:1}" at `at`. */
static const char *add_reference(struct sum *sum, const char *at, size_t length, const struct iis_references *references)
{
    bool is_capture = length == 5 && at[2] == ':' && isdigit((unsigned char)at[3]) && strchr("RrCc", at[1]);

    if (is_capture)
        return add_capture(sum, at[1], (unsigned)(at[3] - '0'), references);
    if (is_whole_path(at + 1, length - 2))
        return add_whole(sum, references->head, true);
    return "has a reference that a proxy by prefix can't follow";
}

static const char *add_all(struct sum *sum, const char *rest, const struct iis_references *references)
{
    const char *why = NULL;

    while (*rest && !why) {
        const char *end = *rest == '{' ? strchr(rest, '}') : NULL;
        size_t length = end ? (size_t)(end - rest) + 1 : 1;

        why = end ? add_reference(sum, rest, length, references) : add(sum, rest, 1, IIS_TAIL_NONE);
        rest += length;
    }
    return why;
}

static size_t room_for(const char *rest, const struct iis_head *head)
{
    size_t longest = strlen(head->text) + 2;

    for (int i = 0; i < IIS_CAPTURES; i++)
        if (head->captures[i].text && strlen(head->captures[i].text) > longest)
            longest = strlen(head->captures[i].text);
    return strlen(rest) * (longest + 1) + 2;
}

/* What takes the place of the route's path. Both end with a slash where the head is one that has only things below it. */
static const char *replacement(const struct sum *sum, enum iis_border border, char **ret)
{
    bool is_below = border == IIS_BELOW || border == IIS_EVERYTHING;
    bool ends_with_slash = sum->length > 0 && sum->text[sum->length - 1] == '/';

    if (sum->tail == IIS_TAIL_NONE)
        return "is the same URL for every path";
    if (ends_with_slash != (sum->tail == IIS_TAIL_REST))
        return "joins two parts of a path without, or with two, slashes";
    if (sum->length > 0 && sum->text[0] != '/')
        return "has a path without \"/\"";
    if (is_below)
        *ret = iis_format("%s%s", sum->text, ends_with_slash ? "" : "/");
    else if (ends_with_slash && sum->length > 1)
        *ret = iis_cut(sum->text, sum->length - 1);
    else
        *ret = cfg_copy(sum->length > 0 ? sum->text : "/");
    return NULL;
}

const char *iis_target_route(const char *rest, const struct iis_references *references, char **ret_path, char **ret_replace)
{
    const struct iis_head *head = references->head;
    struct sum sum = {.text = cfg_alloc(room_for(rest, head), 1)};
    char *path = NULL, *replace = NULL, *kept = NULL;
    const char *why = add_all(&sum, rest, references);

    if (!why)
        why = replacement(&sum, head->border, &replace);
    free(sum.text);
    if (why)
        return why;
    path = head->border == IIS_EVERYTHING ? cfg_copy("/") : iis_format("/%s%s", head->text, head->border == IIS_BELOW ? "/" : "");
    if (!cfg_parse_url_path(NULL, path, NULL, &kept))
        why = "has a path with characters that may be written in several ways";
    free(kept);
    kept = NULL;
    if (!why && !cfg_parse_url_path(NULL, replace, NULL, &kept))
        why = "leads to a path with characters that may be written in several ways";
    free(kept);
    if (why || strcmp(path, replace) == 0) {
        free(replace);
        replace = NULL;
    }
    if (why) {
        free(path);
        return why;
    }
    *ret_path = path;
    *ret_replace = replace;
    return NULL;
}
