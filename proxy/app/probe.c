/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order in which things are tried, and the form of a finding. */
#include "proxy/app/probe_parts.h"

#include <stdarg.h>

static const char *const levels[PROBE_LEVELS] = {"good", "warning", "missing"};

void probe_say(struct probe *p, enum probe_level level, const char *mend, const char *format, ...)
{
    va_list list;

    p->counts[level]++;
    fprintf(p->out, "%s: ", levels[level]);
    va_start(list, format);
    vfprintf(p->out, format, list);
    va_end(list);
    if (mend != NULL)
        fprintf(p->out, "; mend: %s", mend);
    fputc('\n', p->out);
    fflush(p->out); /* some of the next may take seconds */
}

bool probe_run(const struct cfg *cfg, const struct gates *gates, FILE *out)
{
    struct probe p = {.cfg = cfg, .gates = gates, .out = out};
    struct probe_names names = {0};

    probe_self(&p);
    probe_certificates(&p);
    probe_listeners(&p);
    probe_addresses(&p);
    probe_intercept(&p);
    probe_names(&p, &names);
    probe_peers(&p, &names);
    probe_names_fini(&names);
    fprintf(out, "probe: %u good, %u warning%s, %u missing\n", p.counts[PROBE_GOOD], p.counts[PROBE_WARNING],
            p.counts[PROBE_WARNING] == 1 ? "" : "s", p.counts[PROBE_MISSING]);
    return p.counts[PROBE_MISSING] == 0;
}
