/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns nothing but what it is handed. The form is nft's own input (nft(8), COUNTERS):
 *
 *     table inet georelay {
 *         counter opened_towards_clients {
 *             packets 0 bytes 0
 *         }
 *     }
 */
#include "proxy/app/nft_counters.h"

#include "proxy/app/child.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OURS "georelay"

static int fail(struct nft_counters *c, const char *problem, const char *remedy)
{
    snprintf(c->problem, sizeof(c->problem), "%s", problem);
    c->remedy = remedy;
    return -1;
}

/* -- the form ------------------------------------------------------------------------------------------------------------------
 */

static int add(struct nft_counters *c, const struct nft_counter *found)
{
    if (strncmp(found->table, OURS, strlen(OURS)) != 0)
        return 0;
    if (c->count == NFT_COUNTERS_MAX)
        return fail(c, "there are more counters than can be kept", "remove old tables of georelay");
    c->list[c->count++] = *found;
    return 0;
}

int nft_counters_parse(struct nft_counters *c, FILE *text)
{
    struct nft_counter now = {0};
    char line[512];

    while (fgets(line, sizeof(line), text) != NULL) {
        if (sscanf(line, " table %63s %63s {", now.family, now.table) == 2 || sscanf(line, " counter %63s {", now.name) == 1)
            continue;
        if (sscanf(line, " packets %" SCNu64 " bytes %*u", &now.packets) != 1)
            continue;
        if (*now.table == '\0' || *now.name == '\0')
            return fail(c, "nft printed something of another form", "use the nft of this system's release");
        if (add(c, &now) != 0)
            return -1;
        *now.name = '\0';
    }
    return 0;
}

/* -- asking --------------------------------------------------------------------------------------------------------------------
 */

static int tell_end(struct nft_counters *c, enum child_end end)
{
    switch (end) {
    case CHILD_ABSENT:
        return fail(c, "there is no program nft on this machine", "install nftables, if its firewall is to be looked at");
    case CHILD_ENDLESS:
        return fail(c, "nft did not end in time", "look what \"nft list counters\" says");
    case CHILD_UNMADE:
        return fail(c, strerror(errno), "see the system's log");
    default:
        break;
    }
    if (geteuid() != 0)
        return fail(c, "nft may not read the rules as this user", "run this as root");
    return fail(c, "nft failed", "look what \"nft list counters\" says");
}

static int parse_text(struct nft_counters *c, char *text)
{
    size_t length = strlen(text);
    FILE *file = length > 0 ? fmemopen(text, length, "r") : NULL;
    int result;

    if (length == 0)
        return 0;
    if (file == NULL)
        return fail(c, strerror(errno), "see the system's log");
    result = nft_counters_parse(c, file);
    fclose(file);
    return result;
}

int nft_counters_read(struct nft_counters *c)
{
    static const char *const words[] = {"nft", "list", "counters", NULL};
    enum child_end end;
    char *text;
    int result;

    *c = (struct nft_counters){0};
    text = child_read(words, &end);
    if (text == NULL)
        return tell_end(c, end);
    result = parse_text(c, text);
    free(text);
    return result;
}
