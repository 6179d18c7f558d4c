/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the part of the plan that is about who may come, and when. Caller's thread. */
#include "config/print_rules.h"

void print_admission(const struct cfg_admission *a, const char *indent, FILE *out)
{
    if (a->allow_count > 0) {
        fprintf(out, "%sonly for ", indent);
        print_networks(a->allow, a->allow_count, out);
        fputc('\n', out);
    }
    if (a->deny_count > 0) {
        fprintf(out, "%snot for ", indent);
        print_networks(a->deny, a->deny_count, out);
        fputc('\n', out);
    }
}

void print_schedule(const struct cfg_schedule *s, const char *indent, FILE *out)
{
    if (s->hours_count == 0)
        return;
    fprintf(out, "%sonly ", indent);
    for (size_t i = 0; i < s->hours_count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "", s->hours[i].text);
    fprintf(out, " of local time; what is open then %s\n", s->end == CFG_HOURS_END_CLOSE ? "is closed" : "goes on");
}
