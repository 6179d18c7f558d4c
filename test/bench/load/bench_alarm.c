/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_alarm: a server that dials back and the client that it dials, in one process, so that one clock tells how long an
 * advise takes. What lies between is measured: georelay's agent and relay, or ssh -R.
 */
#include "test/bench/load/alarm_run.h"

int main(int argc, char **argv)
{
    struct alarm_options o;

    if (alarm_options_parse(argc, argv, &o) != 0)
        return 2;
    return alarm_run(&o);
}
