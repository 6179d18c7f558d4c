/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the array. */
#include "proxy/tunnel/spare_list.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16

static void remove_at(struct spare_list *l, size_t i)
{
    l->count--;
    memmove(l->list + i, l->list + i + 1, (l->count - i) * sizeof(l->list[0]));
}

bool spare_list_pop(struct spare_list *l, struct session_handle *ret)
{
    if (l->count == 0)
        return false;
    *ret = l->list[0];
    remove_at(l, 0);
    return true;
}

bool spare_list_push(struct spare_list *l, struct session_handle spare, size_t max)
{
    if (l->count >= max)
        return false;
    if (l->count == l->room) {
        size_t room = l->room > 0 ? l->room * 2 : FIRST_ROOM;
        struct session_handle *list = realloc(l->list, room * sizeof(*list));

        if (list == NULL)
            return false;
        l->list = list;
        l->room = room;
    }
    l->list[l->count++] = spare;
    return true;
}

void spare_list_remove(struct spare_list *l, struct session_handle spare)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->list[i].serial == spare.serial && l->list[i].worker == spare.worker) {
            remove_at(l, i);
            return;
        }
}

void spare_list_fini(struct spare_list *l)
{
    free(l->list);
    *l = (struct spare_list){0};
}
