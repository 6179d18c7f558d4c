/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the words and forms of own answers. Pure; any thread.
 *
 * The status of a SOAP fault: SOAP 1.1 (6.2) wants 500 for any fault, SOAP 1.2 (part 2, 7.5.2.2) 400 or 500 by its code. Both
 * speak of a SOAP node that took up the message, and none did: here HTTP says what happened, and a 503 or 429 must stay one for
 * whoever looks at statuses only. The fault in the body is for those who read it.
 */
#include "proxy/http/page.h"

#include <string.h>

/** A longer id is cut. */
#define ID_MAX 128

struct words {
    unsigned status;
    const char *phrase;
    const char *sentence;
    const char *advice;
};

static const struct words statuses[] = {
#define X(status, phrase, sentence, advice) {status, phrase, sentence, advice},
#include "proxy/http/status.def"
#undef X
};

static const struct words unknown = {0, "Error", "The request could not be served.",
                                     "Try again. If this lasts, tell your administrator the request id."};

/** How the characters are written that mean something in a form; the others are written as they are. */
struct escape {
    char c;
    const char *text;
};

static const struct escape xml_escapes[] = {{'&', "&amp;"},  {'<', "&lt;"},   {'>', "&gt;"},
                                            {'"', "&quot;"}, {'\'', "&#39;"}, {0, NULL}};
static const struct escape json_escapes[] = {{'"', "\\\""}, {'\\', "\\\\"}, {0, NULL}};

static const struct words *words_of(unsigned status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i].status == status)
            return &statuses[i];
    return &unknown;
}

const char *http_status_phrase(unsigned status)
{
    return words_of(status)->phrase;
}

/** What is not printable ASCII becomes "?": no form then depends on a coding, and no peer's byte is ever more than a character.
 */
static void put_escaped(struct http_writer *w, struct slice text, const struct escape *escapes)
{
    for (size_t i = 0; i < text.length; i++) {
        const struct escape *e = escapes;

        while (e->text != NULL && e->c != text.at[i])
            e++;
        if (e->text != NULL)
            http_put_text(w, e->text);
        else
            http_put(w, text.at[i] >= 0x20 && text.at[i] <= 0x7e ? (struct slice){text.at + i, 1} : slice_of("?"));
    }
}

static void put_xml(struct http_writer *w, const char *text)
{
    put_escaped(w, slice_of(text), xml_escapes);
}

/** A page with all that is shown filled in. */
struct shown {
    unsigned status;
    const char *phrase;
    const char *sentence;
    const char *advice;
    struct slice id;
};

static struct shown shown_of(const struct http_page *page)
{
    const struct words *words = words_of(page->status);
    struct shown s = {page->status, words->phrase, page->sentence, page->advice, page->id};

    if (s.sentence == NULL)
        s.sentence = words->sentence;
    if (s.advice == NULL)
        s.advice = words->advice;
    if (s.id.length > ID_MAX)
        s.id.length = ID_MAX;
    return s;
}

/** The colours are left to the browser, which knows whether its user needs contrast or darkness. */
static void put_html(struct http_writer *w, const struct shown *s)
{
    http_put_text(w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    http_put_number(w, s->status);
    http_put_text(w, " ");
    put_xml(w, s->phrase);
    http_put_text(w, "</title>\n<style>body{font:1.1em/1.5 sans-serif;max-width:36em;margin:3em auto;padding:0 1em}"
                     "h1{font-size:1.4em}code{overflow-wrap:anywhere}</style>\n</head>\n<body>\n<main>\n<h1>");
    put_xml(w, s->sentence);
    http_put_text(w, "</h1>\n<p>");
    put_xml(w, s->advice);
    http_put_text(w, "</p>\n</main>\n<footer>\n<p>georelay: ");
    http_put_number(w, s->status);
    http_put_text(w, " ");
    put_xml(w, s->phrase);
    if (s->id.length > 0) {
        http_put_text(w, "<br>Request id: <code>");
        put_escaped(w, s->id, xml_escapes);
        http_put_text(w, "</code>");
    }
    http_put_text(w, "</p>\n</footer>\n</body>\n</html>\n");
}

static void put_json(struct http_writer *w, const struct shown *s)
{
    http_put_text(w, "{\"status\":");
    http_put_number(w, s->status);
    http_put_text(w, ",\"error\":\"");
    put_escaped(w, slice_of(s->sentence), json_escapes);
    http_put_text(w, "\",\"advice\":\"");
    put_escaped(w, slice_of(s->advice), json_escapes);
    if (s->id.length > 0) {
        http_put_text(w, "\",\"id\":\"");
        put_escaped(w, s->id, json_escapes);
    }
    http_put_text(w, "\"}\n");
}

/** The detail of a fault, in a namespace of our own as both versions ask for. */
static void put_detail(struct http_writer *w, const struct shown *s)
{
    http_put_text(w, "<g:error xmlns:g=\"urn:georelay\"><g:status>");
    http_put_number(w, s->status);
    http_put_text(w, "</g:status><g:advice>");
    put_xml(w, s->advice);
    http_put_text(w, "</g:advice>");
    if (s->id.length > 0) {
        http_put_text(w, "<g:id>");
        put_escaped(w, s->id, xml_escapes);
        http_put_text(w, "</g:id>");
    }
    http_put_text(w, "</g:error>");
}

/** SOAP 1.1, 4.4. The body could not be processed, and so a detail must be there. */
static void put_soap11(struct http_writer *w, const struct shown *s)
{
    http_put_text(w,
                  "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                  "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault><faultcode>");
    http_put_text(w, s->status < 500 ? "soap:Client" : "soap:Server");
    http_put_text(w, "</faultcode><faultstring>");
    put_xml(w, s->sentence);
    http_put_text(w, "</faultstring><detail>");
    put_detail(w, s);
    http_put_text(w, "</detail></soap:Fault></soap:Body></soap:Envelope>\n");
}

/** SOAP 1.2 part 1, 5.4. */
static void put_soap12(struct http_writer *w, const struct shown *s)
{
    http_put_text(w, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                     "<soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\"><soap:Body><soap:Fault><soap:Code>"
                     "<soap:Value>");
    http_put_text(w, s->status < 500 ? "soap:Sender" : "soap:Receiver");
    http_put_text(w, "</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang=\"en\">");
    put_xml(w, s->sentence);
    http_put_text(w, "</soap:Text></soap:Reason><soap:Detail>");
    put_detail(w, s);
    http_put_text(w, "</soap:Detail></soap:Fault></soap:Body></soap:Envelope>\n");
}

static const struct {
    const char *type;
    void (*put)(struct http_writer *w, const struct shown *s);
} forms[] = {
    [HTTP_PAGE_HTML] = {"text/html; charset=utf-8", put_html},
    [HTTP_PAGE_JSON] = {"application/json", put_json}, /* RFC 8259 11: no charset; it is UTF-8 always */
    [HTTP_PAGE_SOAP11] = {"text/xml; charset=utf-8", put_soap11},
    [HTTP_PAGE_SOAP12] = {"application/soap+xml; charset=utf-8", put_soap12},
};

static void put_head(struct http_writer *w, const struct http_page *page, size_t body_bytes)
{
    http_put_text(w, "HTTP/1.1 ");
    http_put_number(w, page->status);
    http_put_text(w, " ");
    http_put_text(w, http_status_phrase(page->status));
    http_put_text(w, "\r\n");
    if (page->date != NULL)
        http_put_field(w, slice_of("Date"), slice_of(page->date));
    http_put_field(w, slice_of("Content-Type"), slice_of(forms[page->form].type));
    http_put_number_line(w, "Content-Length: ", body_bytes);
    http_put_text(w, "Cache-Control: no-store\r\n");
    if (page->location.length > 0)
        http_put_field(w, slice_of("Location"), page->location);
    if (page->status == 405 || page->allow.length > 0)
        http_put_field(w, slice_of("Allow"), page->allow);
    if (page->retry_after_s > 0)
        http_put_number_line(w, "Retry-After: ", page->retry_after_s);
    if (page->hsts_s > 0)
        http_put_number_line(w, "Strict-Transport-Security: max-age=", page->hsts_s);
    /* The page needs none of what these forbid; an old browser that guesses types must not either. */
    http_put_text(w, "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"
                     "X-Content-Type-Options: nosniff\r\n");
    if (page->closes)
        http_put_text(w, "Connection: close\r\n");
    http_put_text(w, "\r\n");
}

void http_write_page(struct http_writer *w, const struct http_page *page)
{
    char bytes[HTTP_PAGE_BYTES];
    struct http_writer body;
    struct shown s = shown_of(page);

    /* First the body, for its length stands in the head: also in that of an answer to HEAD (RFC 9110 9.3.2). */
    http_writer_init(&body, bytes, sizeof(bytes));
    forms[page->form].put(&body, &s);
    if (body.is_full) {
        w->is_full = true;
        return;
    }
    put_head(w, page, body.length);
    if (!page->is_head)
        http_put(w, (struct slice){body.bytes, body.length});
}
