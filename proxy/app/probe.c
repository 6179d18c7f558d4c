/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order in which things are tried, and the form of a finding. */
#include "proxy/app/probe_parts.h"

#include "proxy/app/running.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

static const char *const levels[PROBE_LEVELS] = {"ok", "warning", "error"};

static const char *const kinds[] = {
#define X(constant, name, tried) name,
#include "proxy/app/probe.def"
#undef X
};

void probe_say(struct probe *p, enum probe_kind kind, enum probe_level level, const char *remedy, const char *format, ...)
{
    va_list list;

    p->counts[level]++;
    fprintf(p->out, "%s: %s: ", levels[level], kinds[kind]);
    va_start(list, format);
    vfprintf(p->out, format, list);
    va_end(list);
    if (remedy != NULL)
        fprintf(p->out, "; remedy: %s", remedy);
    fputc('\n', p->out);
    fflush(p->out); /* some of the next may take seconds */
}

/* The sentence holds its remedy behind the last semicolon, if it has none of its own. */
static void tell_problem(struct probe *p, const struct cfg_problem *problem)
{
    const char *end = strrchr(problem->sentence, ';');
    const char *remedy = problem->remedy;
    size_t length = strlen(problem->sentence);
    char line[16] = "", words[PROBE_REMEDY];

    if (*remedy == '\0' && end != NULL) {
        length = (size_t)(end - problem->sentence);
        remedy = end + 1 + strspn(end + 1, " ");
    }
    if (problem->line > 0)
        snprintf(line, sizeof(line), ":%u", problem->line);
    snprintf(words, sizeof(words), "%s", *remedy != '\0' ? remedy : "mend what this line names");
    words[0] = (char)tolower((unsigned char)words[0]); /* elsewhere it is a sentence of its own */
    probe_say(p, PROBE_FILE, PROBE_ERROR, words, "%s%s: %.*s", problem->file, line, (int)length, problem->sentence);
}

bool probe_run(const struct cfg *cfg, const struct gates *gates, const struct cfg_problems *problems, FILE *out)
{
    struct running *running = running_ask(cfg);
    struct probe p = {.cfg = cfg, .gates = gates, .running = running, .out = out};
    struct probe_names names = {0};

    for (size_t i = 0; i < problems->kept; i++)
        tell_problem(&p, &problems->list[i]);
    if (problems->count == 0)
        probe_say(&p, PROBE_FILE, PROBE_OK, NULL, "the files that the configuration names are good");
    probe_self(&p);
    probe_files(&p);
    probe_certificates(&p);
    probe_clock(&p);
    probe_listeners(&p);
    probe_addresses(&p);
    probe_intercept(&p);
    probe_running(&p);
    probe_names(&p, &names);
    probe_peers(&p, &names);
    probe_clients(&p);
    probe_names_fini(&names);
    running_free(running);
    fprintf(out, "probe: %u ok, %u warning%s, %u error%s\n", p.counts[PROBE_OK], p.counts[PROBE_WARNING],
            p.counts[PROBE_WARNING] == 1 ? "" : "s", p.counts[PROBE_ERROR], p.counts[PROBE_ERROR] == 1 ? "" : "s");
    return p.counts[PROBE_ERROR] == 0;
}
