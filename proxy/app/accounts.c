/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the form of the answer. Main thread of the process that answers, or of the command that asks. */
#include "proxy/app/accounts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *accounts_time(uint64_t ms, char text[ACCOUNTS_TIME])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    size_t used = strftime(text, ACCOUNTS_TIME, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));

    snprintf(text + used, ACCOUNTS_TIME - used, ".%03uZ", (unsigned)(ms % 1000));
    return text;
}

uint64_t accounts_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* -- writing -------------------------------------------------------------------------------------------------------------------
 */

static void write_row(FILE *out, const struct account_row *row)
{
    char peer[ADDRESS_TEXT];

    fprintf(out, "account purpose=%s dir=%s peer=%s count=%" PRIu64, account_purpose_name(row->purpose),
            account_way_name(row->way), address_is_set(&row->peer) ? address_format_ip(&row->peer, peer) : "others", row->count);
    if (row->way == ACCOUNT_OPENED)
        fprintf(out, " made=%" PRIu64, row->made);
    fputc('\n', out);
}

bool accounts_write(FILE *out, const struct accounts_process *process)
{
    const struct cfg *cfg = process->cfg;
    size_t count = 0;
    struct account_row *rows = account_read(&count);
    char started[ACCOUNTS_TIME];

    if (rows == NULL)
        return false;
    fprintf(out, "georelay answer=accounts form=%d\n", ACCOUNTS_VERSION);
    fprintf(out, "process version=%s role=%s name=%s pid=%ld started_ms=%" PRIu64 " started=%s\n", GEORELAY_VERSION,
            cfg->role == CFG_ROLE_RELAY ? "relay" : "agent", cfg->name != NULL ? cfg->name : "-", (long)getpid(),
            process->started_ms, accounts_time(process->started_ms, started));
    fprintf(out, "config %s\n", process->config_path);
    fprintf(out, "generation number=%u hash=%s\n", process->generation, process->hash[0] != '\0' ? process->hash : "-");
    for (size_t i = 0; i < count; i++)
        write_row(out, &rows[i]);
    fprintf(out, "end rows=%zu\n", count);
    free(rows);
    return true;
}

/* -- reading -------------------------------------------------------------------------------------------------------------------
 */

/* The value of `key` in a line of words, copied; false if it is not there or too long. */
static bool find_word(const char *line, const char *key, char value[ACCOUNTS_WORD])
{
    size_t length = strlen(key);

    for (const char *at = line; (at = strchr(at, ' ')) != NULL;) {
        at++;
        if (strncmp(at, key, length) != 0 || at[length] != '=')
            continue;
        at += length + 1;
        length = strcspn(at, " ");
        if (length == 0 || length >= ACCOUNTS_WORD)
            return false;
        memcpy(value, at, length);
        value[length] = '\0';
        return true;
    }
    return false;
}

static bool find_number(const char *line, const char *key, uint64_t *ret)
{
    char word[ACCOUNTS_WORD], *end;

    if (!find_word(line, key, word) || *word < '0' || *word > '9')
        return false;
    *ret = strtoull(word, &end, 10);
    return *end == '\0';
}

static bool parse_process(const char *line, struct accounts *a)
{
    uint64_t pid;

    if (!find_word(line, "version", a->version) || !find_word(line, "role", a->role) || !find_word(line, "name", a->name) ||
        !find_number(line, "pid", &pid) || !find_number(line, "started_ms", &a->started_ms))
        return false;
    a->pid = (long)pid;
    return true;
}

static bool parse_generation(const char *line, struct accounts *a)
{
    if (!find_number(line, "number", &a->generation) || !find_word(line, "hash", a->hash))
        return false;
    if (strcmp(a->hash, "-") == 0)
        a->hash[0] = '\0';
    return true;
}

static bool parse_row(const char *line, struct account_row *row)
{
    char word[ACCOUNTS_WORD];

    *row = (struct account_row){0};
    if (!find_word(line, "purpose", word))
        return false;
    if (!account_purpose_find(word, &row->purpose))
        row->purpose = ACCOUNT_OTHER; /* of a newer version: its peer and numbers count all the same */
    if (!find_word(line, "dir", word) || !account_way_find(word, &row->way) || !find_word(line, "peer", word) ||
        !find_number(line, "count", &row->count))
        return false;
    if (row->way == ACCOUNT_OPENED && !find_number(line, "made", &row->made))
        return false;
    return strcmp(word, "others") == 0 || address_parse(word, &row->peer) == 0;
}

static bool add_row(const char *line, struct accounts *a)
{
    struct account_row row;
    struct account_row *more = reallocarray(a->rows, a->count + 1, sizeof(*more));

    if (more != NULL)
        a->rows = more;
    if (more == NULL || !parse_row(line, &row))
        return false;
    a->rows[a->count++] = row;
    return true;
}

static bool is_kind(const char *line, const char *kind)
{
    size_t length = strlen(kind);

    return strncmp(line, kind, length) == 0 && line[length] == ' ';
}

/* Lines of a kind that we do not know are of a newer version, and passed over. */
static const char *parse_line(char *line, struct accounts *a)
{
    if (is_kind(line, "process") && !parse_process(line, a))
        return "the line \"process\" is malformed";
    if (is_kind(line, "generation") && !parse_generation(line, a))
        return "the line \"generation\" is malformed";
    if (is_kind(line, "account") && !add_row(line, a))
        return "a line \"account\" is malformed";
    if (is_kind(line, "config")) {
        free(a->config);
        a->config = strdup(line + strlen("config "));
    }
    return NULL;
}

static const char *parse_lines(char *text, struct accounts *a)
{
    char *rest = NULL;
    char *line = strtok_r(text, "\n", &rest);
    uint64_t number;

    if (line == NULL || !is_kind(line, "georelay"))
        return "it is no answer of georelay";
    if (!find_number(line, "form", &number) || number != ACCOUNTS_VERSION)
        return "it has a form that this version does not know; use the program of the version that runs";
    for (line = strtok_r(NULL, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        const char *problem = parse_line(line, a);

        if (problem != NULL)
            return problem;
        if (!is_kind(line, "end"))
            continue;
        if (!find_number(line, "rows", &number) || number != a->count)
            return "lines are missing";
        return a->pid > 0 && a->config != NULL ? NULL : "lines are missing";
    }
    return "it was cut short";
}

const char *accounts_parse(char *text, struct accounts *ret)
{
    struct accounts a = {0};
    const char *problem = parse_lines(text, &a);

    if (problem != NULL)
        accounts_fini(&a);
    else
        *ret = a;
    return problem;
}

void accounts_fini(struct accounts *a)
{
    free(a->config);
    free(a->rows);
    *a = (struct accounts){0};
}
