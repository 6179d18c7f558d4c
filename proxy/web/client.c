/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way back through the chain of proxies. On the session's thread. */
#include "proxy/web/client.h"

#include <string.h>

/* An address with or without port; empty if it is none. */
static struct address parse(struct slice element)
{
    struct address address = {0};
    char text[ADDRESS_TEXT];

    if (element.length >= sizeof(text))
        return address;
    memcpy(text, element.at, element.length);
    text[element.length] = '\0';
    if (address_parse(text, &address) != 0 && address_parse_port(text, &address) != 0)
        return (struct address){0};
    address_set_port(&address, 0);
    return address;
}

struct address web_client(const struct web_rules *rules, const struct address *peer, const struct http_head *head)
{
    struct address client = *peer;
    const struct http_field *field;
    bool is_first = true;

    if (!web_rules_trusts(rules, peer))
        return client;
    if (!http_has(head, HTTP_NAME_X_FORWARDED_FOR) && http_has(head, HTTP_NAME_FORWARDED))
        return (struct address){0};
    for (size_t i = 0; (field = http_find(head, HTTP_NAME_X_FORWARDED_FOR, i)) != NULL; i++) {
        struct slice rest = field->value, element;

        while (slice_next_element(&rest, &element)) {
            struct address address = parse(element);

            if (is_first || !web_rules_trusts(rules, &address))
                client = address;
            is_first = false;
        }
    }
    return client;
}
