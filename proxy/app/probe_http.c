/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing. A look at a status line and one field is all that is needed: nothing is passed on to anybody. */
#include "proxy/app/probe_http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

size_t probe_http_ask(const struct cfg_upstream *upstream, const struct cfg_endpoint *server, char *ret, size_t size)
{
    const struct cfg_health *health = &upstream->health;
    const char *host = health->host != NULL ? health->host : upstream->host != NULL ? upstream->host : server->text;
    bool is_checked = health->line > 0;
    int length = snprintf(ret, size,
                          "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: georelay/" GEORELAY_VERSION "\r\nConnection: close\r\n\r\n",
                          is_checked ? "GET" : "HEAD", is_checked ? health->path : "/", host);

    return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

/* The value of the field Date in a head that ends with a zero. */
static int64_t find_date(const char *head)
{
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        struct tm tm = {0};

        if (strncasecmp(line + 2, "date:", 5) != 0)
            continue;
        line += 7;
        line += strspn(line, " \t");
        return strptime(line, "%a, %d %b %Y %H:%M:%S GMT", &tm) != NULL ? (int64_t)timegm(&tm) : 0;
    }
    return 0;
}

struct probe_http probe_http_look(const char *bytes, size_t count)
{
    static const char start[] = "HTTP/1.";
    struct probe_http answer = {.kind = PROBE_HTTP_OTHER};
    char head[PROBE_HTTP_BYTES + 1];
    char minor;
    char *end;

    if (count > PROBE_HTTP_BYTES)
        count = PROBE_HTTP_BYTES;
    memcpy(head, bytes, count);
    head[count] = '\0';
    if (count > 2 && (head[0] == 0x15 || head[0] == 0x16) && head[1] == 0x03) /* an alert or a handshake */
        return (struct probe_http){.kind = PROBE_HTTP_TLS};
    if (strncmp(head, start, count < sizeof(start) - 1 ? count : sizeof(start) - 1) != 0)
        return answer;
    end = strstr(head, "\r\n\r\n");
    if (end == NULL)
        return (struct probe_http){.kind = count < PROBE_HTTP_BYTES ? PROBE_HTTP_PART : PROBE_HTTP_OTHER};
    end[2] = '\0';
    if (sscanf(head, "HTTP/1.%c %3u", &minor, &answer.status) == 2)
        answer.kind = PROBE_HTTP_WHOLE;
    answer.date_s = find_date(head);
    return answer;
}
