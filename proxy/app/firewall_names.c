/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: asks the system's resolver. */
#include "proxy/app/firewall_names.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

/* A note for the reader: rules age when names get other addresses. */
static void note(struct firewall *f, const char *name, const struct firewall_end *found)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    char **notes;

    if (out == NULL)
        return;
    fprintf(out, "%s is ", name);
    firewall_end_print(found, AF_UNSPEC, ", ", out);
    fputs(" now. When it gets another address, these rules must be made again.", out);
    fclose(out);
    for (size_t i = 0; i < f->notes_count; i++)
        if (strcmp(f->notes[i], text) == 0)
            goto free_text;
    notes = reallocarray(f->notes, f->notes_count + 1, sizeof(*notes));
    if (notes == NULL)
        goto free_text;
    f->notes = notes;
    f->notes[f->notes_count++] = text;
    return;

free_text:
    free(text);
}

static int look_up(struct firewall *f, const char *name, struct firewall_end *end)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct firewall_end found = {0};
    struct addrinfo *list;
    int error = getaddrinfo(name, NULL, &hints, &list);

    if (error != 0) {
        fprintf(stderr,
                "georelay: the name %s has no address here: %s. Firewalls know addresses alone: run this where the name is "
                "known, or write the "
                "address into the configuration.\n",
                name, gai_strerror(error));
        return -1;
    }
    for (const struct addrinfo *i = list; i != NULL; i = i->ai_next) {
        struct address address;

        address_from_sockaddr(&address, i->ai_addr, i->ai_addrlen);
        if (address_is_set(&address))
            firewall_end_add_address(&found, &address);
    }
    freeaddrinfo(list);
    firewall_end_add_all(end, &found);
    note(f, name, &found);
    firewall_end_fini(&found);
    return 0;
}

static int look_up_end(struct firewall *f, struct firewall_end *end)
{
    int result = 0;

    for (size_t i = 0; i < end->names_count; i++)
        if (look_up(f, end->names[i], end) != 0)
            result = -1;
    if (result == 0)
        end->names_count = 0;
    return result;
}

int firewall_names_look_up(struct firewall *f)
{
    int result = 0;

    for (size_t i = 0; i < f->count; i++)
        if (look_up_end(f, &f->rules[i].source) != 0 || look_up_end(f, &f->rules[i].destination) != 0)
            result = -1;
    return result;
}
