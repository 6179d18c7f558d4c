/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order of the questions. Any thread. */
#include "proxy/session/admit.h"

#include "proxy/base/clock.h"
#include "proxy/session/hours.h"
#include "proxy/session/rate.h"

#include <time.h>

/* A listener that a web door and the tunnel share lets in whom one of them wants; after the handshake it is known who it is for.
 */
enum reason admit_address(const struct door *door, const struct address *peer)
{
    bool is_for_web = door->web != NULL && admission_allows(&door->web->admission, peer);
    bool is_for_link = door->link != NULL && admission_allows(&door->link->admission, peer);
    bool is_for_tunnel = door->tunnel != NULL && admission_allows(&door->tunnel->admission, peer);

    return is_for_web || is_for_link || is_for_tunnel ? REASON_NONE : REASON_ACCESS_DENIED;
}

const struct cfg_admission *admit_list(const struct door *door)
{
    if (door->link != NULL)
        return &door->link->admission;
    return door->web != NULL ? &door->web->admission : &door->tunnel->admission;
}

static enum rate_kind kind_of(const struct door *door)
{
    if (door->link != NULL)
        return RATE_LINK;
    return door->web != NULL ? RATE_WEB : RATE_TUNNEL;
}

enum reason admit_rate(const struct door *door, const struct address *peer)
{
    const struct site *site = door->worker->site;
    uint64_t now = clock_ms();

    switch (site->rate != NULL ? rate_take(site->rate, kind_of(door), peer, now) : RATE_GOOD) {
    case RATE_TOTAL:
        return REASON_LIMIT_RATE;
    case RATE_CLIENT:
        return REASON_LIMIT_CLIENT_RATE;
    default:
        break;
    }
    if (door_tls(door) == NULL || site->handshakes == NULL)
        return REASON_NONE;
    switch (rate_take(site->handshakes, kind_of(door), peer, now)) {
    case RATE_TOTAL:
        return REASON_LIMIT_HANDSHAKES;
    case RATE_CLIENT:
        return REASON_LIMIT_CLIENT_HANDSHAKES;
    default:
        return REASON_NONE;
    }
}

enum reason admit_hours(const struct cfg_schedule *schedule)
{
    time_t now = time(NULL);
    struct tm local;

    if (schedule->hours_count == 0)
        return REASON_NONE;
    if (localtime_r(&now, &local) == NULL)
        return REASON_OUT_OF_HOURS;
    return hours_contain(schedule->hours, schedule->hours_count, local.tm_wday, local.tm_hour * 60 + local.tm_min)
               ? REASON_NONE
               : REASON_OUT_OF_HOURS;
}
