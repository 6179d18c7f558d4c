/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order of the two lists. Pure, any thread. */
#include "proxy/session/admission.h"

#include <stdio.h>

/* The first network that holds the address, or NULL. */
static const struct cfg_network *find(const struct cfg_network *list, size_t count, const struct address *address)
{
    for (size_t i = 0; i < count; i++)
        if (network_contains(&list[i].network, address))
            return &list[i];
    return NULL;
}

bool admission_allows(const struct cfg_admission *a, const struct address *address)
{
    if (!admission_is_limited(a))
        return true;
    if (!address_is_set(address) || find(a->deny, a->deny_count, address) != NULL)
        return false;
    return a->allow_count == 0 || find(a->allow, a->allow_count, address) != NULL;
}

const char *admission_rule(const struct cfg_admission *a, const struct address *address, char text[ADMISSION_RULE])
{
    const struct cfg_network *deny = find(a->deny, a->deny_count, address);
    char ip[ADDRESS_TEXT];

    if (deny == NULL)
        snprintf(text, ADMISSION_RULE, "allow_from");
    else
        snprintf(text, ADMISSION_RULE, "deny_from %s/%u", address_format_ip(&deny->network.base, ip), deny->network.prefix);
    return text;
}
