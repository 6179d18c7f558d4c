/* SPDX-License-Identifier: Apache-2.0 */
/* Owns nothing: asks the kernel about the clock, and compares it. */
#include "proxy/app/probe_parts.h"

#include <stdlib.h>
#include <sys/timex.h>

/* Two clocks that are kept right differ by less, also when one tells whole seconds only. */
#define CLOCK_DIFFERENCE_S 5

#define REMEDY_HERE "run: timedatectl set-ntp true"

/* 1, 0, or -1 if the kernel does not say. */
static int ask_kernel(void)
{
    struct timex now = {0};
    int state = adjtimex(&now);

    if (state < 0)
        return -1;
    return state != TIME_ERROR && (now.status & STA_UNSYNC) == 0;
}

bool probe_clock_is_kept(void)
{
    return ask_kernel() != 0;
}

void probe_clock(struct probe *p)
{
    int is_kept = ask_kernel();

    if (is_kept == 1)
        probe_say(p, PROBE_CLOCK, PROBE_OK, NULL, "the kernel says that the clock is synchronised");
    else if (is_kept == 0)
        probe_say(p, PROBE_CLOCK, PROBE_WARNING, REMEDY_HERE, "the kernel says that nothing synchronises the clock");
}

void probe_clock_of(struct probe *p, const char *what, int64_t theirs_s, int64_t ours_s)
{
    long long ahead_s = (long long)(theirs_s - ours_s);

    if (llabs(ahead_s) <= CLOCK_DIFFERENCE_S)
        probe_say(p, PROBE_CLOCK, PROBE_OK, NULL, "the clock of %s agrees with ours", what);
    else
        probe_say(p, PROBE_CLOCK, PROBE_WARNING, probe_clock_is_kept() ? "on that machine, run: w32tm /resync" : REMEDY_HERE,
                  "the clock of %s is %lld s %s ours", what, llabs(ahead_s), ahead_s > 0 ? "ahead of" : "behind");
}
