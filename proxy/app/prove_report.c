/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the order of asking, which matters (see learn()), and the words of the report. Thread of the command. */
#include "proxy/app/prove_report.h"

#include "proxy/app/config_hash.h"
#include "proxy/app/control_ask.h"
#include "proxy/app/prove_judge.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void section(FILE *out, const char *title)
{
    fprintf(out, "\n== %s\n", title);
}

/* -- learning ------------------------------------------------------------------------------------------------------------------
 */

struct unreachable {
    char problem[256];
    const char *remedy;
};

/* The process's accounts; the kernel's word for its pid goes to `ret_pid`. */
static bool ask_accounts(const struct cfg *cfg, struct accounts *ret, long *ret_pid, struct unreachable *why)
{
    struct control_asked asked = control_ask(cfg->admin.socket, "accounts");
    const char *problem;

    if (asked.text == NULL) {
        snprintf(why->problem, sizeof(why->problem), "%s: %s", cfg->admin.socket, asked.problem);
        why->remedy = asked.remedy;
        return false;
    }
    problem = accounts_parse(asked.text, ret);
    free(asked.text);
    if (problem != NULL) {
        snprintf(why->problem, sizeof(why->problem), "%s answers, but %s", cfg->admin.socket, problem);
        why->remedy = "see georelay's log";
        return false;
    }
    *ret_pid = asked.pid;
    return true;
}

static bool was_written_since(const struct cfg *cfg, uint64_t started_ms)
{
    struct stat file;

    for (size_t i = 0; i < cfg->files_count; i++)
        if (stat(cfg->files[i].text, &file) != 0 ||
            (uint64_t)file.st_mtim.tv_sec * 1000 + (uint64_t)file.st_mtim.tv_nsec / 1000000 > started_ms)
            return true;
    return false;
}

/*
 * Whether the files on disk are those that are in use: by what is in them. A process that may not read them, now that it has
 * given up its rights, can't reload them either: then it is their times that tell.
 */
static enum prove_files compare_files(const struct cfg *cfg, const struct accounts *a)
{
    char hash[DIGEST_TEXT];

    if (a->hash[0] == '\0' && a->generation <= 1)
        return was_written_since(cfg, a->started_ms) ? PROVE_FILES_CHANGED : PROVE_FILES_UNTOUCHED;
    if (!config_hash(cfg, hash) || strlen(a->hash) != strlen(hash))
        return PROVE_FILES_UNKNOWN;
    return digest_is_same(hash, a->hash) ? PROVE_FILES_SAME : PROVE_FILES_CHANGED;
}

static bool is_other_file(const struct cfg *cfg, const char *path)
{
    char *ours = realpath(cfg->file, NULL);
    bool is_other = ours == NULL || strcmp(ours, path) != 0;

    free(ours);
    return is_other;
}

/* nft tells of the network namespace that it runs in. Who may not see the process's can't run nft either. */
static bool read_counters(struct nft_counters *counters, long pid)
{
    struct stat ours, its;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld/ns/net", pid);
    if (stat(path, &its) == 0 && stat("/proc/self/ns/net", &ours) == 0 && its.st_ino != ours.st_ino) {
        snprintf(counters->problem, sizeof(counters->problem), "georelay runs in another network namespace than this command");
        counters->remedy = "run this there: ip netns exec";
        return false;
    }
    return nft_counters_read(counters) == 0;
}

/*
 * The accounts are asked for twice: first to know the process, and again after the kernel was read. They only grow, so by then
 * every connection that the kernel has shown is in them.
 */
static void learn(struct prove_view *v, struct unreachable *why)
{
    struct accounts first = {0};
    long pid, again;

    if (v->cfg->admin.socket == NULL) {
        snprintf(why->problem, sizeof(why->problem), "the configuration has no control socket");
        why->remedy = "set \"socket\" in the group \"admin\", and restart georelay";
        return;
    }
    if (!ask_accounts(v->cfg, &first, &pid, why))
        return;
    accounts_fini(&first);
    v->has_sockets = kernel_sockets_read(&v->sockets, pid) == 0;
    v->has_conntrack = conntrack_read(&v->conntrack, pid) == 0;
    v->has_counters = read_counters(&v->counters, pid);
    if (!ask_accounts(v->cfg, &v->accounts, &again, why))
        return;
    if (again != pid) {
        snprintf(why->problem, sizeof(why->problem), "the process was restarted in this moment");
        why->remedy = "run this again";
        accounts_fini(&v->accounts);
        return;
    }
    v->has_accounts = true;
    v->other_config = is_other_file(v->cfg, v->accounts.config) ? v->accounts.config : NULL;
    if (v->other_config == NULL)
        v->files = compare_files(v->cfg, &v->accounts);
}

/* -- sections ------------------------------------------------------------------------------------------------------------------
 */

static void print_head(FILE *out, const struct cfg *cfg)
{
    char now[ACCOUNTS_TIME];

    fprintf(out, "georelay prove: report of %s\n", accounts_time(accounts_now(), now));
    fprintf(out, "program:       georelay " GEORELAY_VERSION "\n");
    fprintf(out, "configuration: %s\n", cfg->file);
    fprintf(out, "role:          %s%s%s\n", cfg->role == CFG_ROLE_RELAY ? "relay" : "agent", cfg->name != NULL ? " " : "",
            cfg->name != NULL ? cfg->name : "");
    fprintf(out, "claim:         %s\n",
            cfg->role == CFG_ROLE_RELAY
                ? "this relay has opened no connection towards the networks of the clients"
                : "this agent has accepted connections only from its clients (and advises from its servers), but at its admin "
                  "port, and opened connections only to its relays, clients, servers and syslog receiver");
}

static void print_process(FILE *out, const struct prove_view *v, const struct unreachable *why)
{
    static const char *const files[] = {
        [PROVE_FILES_OTHER] = "",
        [PROVE_FILES_SAME] = "; the files on disk are the same",
        [PROVE_FILES_UNTOUCHED] = "; the files on disk were not written to since the start",
        [PROVE_FILES_CHANGED] = "; the files on disk are not the same",
        [PROVE_FILES_UNKNOWN] = "; whether the files on disk are the same is not known",
    };
    char started[ACCOUNTS_TIME];

    section(out, "the process");
    if (!v->has_accounts) {
        fprintf(out, "not reached: %s\nremedy: %s\n", why->problem, why->remedy);
        return;
    }
    fprintf(out, "pid:           %ld\nversion:       %s\nsince:         %s\nconfiguration: %s\n", v->accounts.pid,
            v->accounts.version, accounts_time(v->accounts.started_ms, started), v->accounts.config);
    fprintf(out, "generation:    %" PRIu64 "%s\n", v->accounts.generation,
            v->accounts.generation > 1 ? "; what follows is since the start, and so of the configurations before it too" : "");
    fprintf(out, "hash:          %s%s\n", v->accounts.hash[0] != '\0' ? v->accounts.hash : "not known", files[v->files]);
}

static void print_peer(FILE *out, const struct prove_peer *peer)
{
    static const char *const kinds[] = {"clients", "server", "server", "relay", "syslog"};
    char ip[ADDRESS_TEXT], network[ADDRESS_TEXT + 8] = "(name not found)";

    if (!peer->is_unknown)
        snprintf(network, sizeof(network), "%s/%u", address_format_ip(&peer->network.base, ip), peer->network.prefix);
    fprintf(out, "%-10s %-24s %s\n", kinds[peer->kind], network, peer->text != NULL ? peer->text : "-");
}

static void print_peers(FILE *out, const struct prove_view *v)
{
    section(out, "who is who in the configuration");
    for (size_t i = 0; i < v->peers.count; i++)
        print_peer(out, &v->peers.list[i]);
}

static void print_accounts(FILE *out, const struct prove_view *v, enum account_way way)
{
    fprintf(out, "\n== connections %s since the start\n", account_way_name(way));
    fprintf(out, "%-10s %-24s %10s%s\n", "purpose", "peer", way == ACCOUNT_OPENED ? "begun" : "count",
            way == ACCOUNT_OPENED ? "  connected" : "");
    for (size_t i = 0; i < v->accounts.count; i++) {
        const struct account_row *row = &v->accounts.rows[i];
        char peer[ADDRESS_TEXT];

        if (row->way != way)
            continue;
        fprintf(out, "%-10s %-24s %10" PRIu64, account_purpose_name(row->purpose),
                address_is_set(&row->peer) ? address_format_ip(&row->peer, peer) : "others", row->count);
        if (way == ACCOUNT_OPENED)
            fprintf(out, " %10" PRIu64, row->made);
        fputc('\n', out);
    }
}

static void print_groups(FILE *out, const struct prove_view *v, const struct prove_groups *groups)
{
    section(out, "connections at this moment, as the kernel knows them");
    if (!v->has_sockets) {
        fprintf(out, "not read: %s\nremedy: run this as root\n", v->sockets.problem);
        return;
    }
    if (v->sockets.is_by_user)
        fprintf(out, "of all processes of georelay's user: which are its own, only root may read. Run this as root.\n");
    fprintf(out, "%-10s %-24s %5s %10s\n", "direction", "peer", "port", "count");
    for (size_t i = 0; i < groups->count; i++) {
        const struct prove_group *g = &groups->list[i];
        char peer[ADDRESS_TEXT];

        fprintf(out, "%-10s %-24s %5u %10zu\n", account_way_name(g->way), address_format_ip(&g->peer, peer), g->port, g->count);
    }
}

static void print_conntrack(FILE *out, const struct prove_view *v)
{
    section(out, "who opened them, as connection tracking knows it");
    if (v->has_conntrack)
        fprintf(out, "read: %zu connections of this machine; where it knows one of the above, its word was taken\n",
                v->conntrack.count / 2);
    else
        fprintf(out,
                "not read: %s\nremedy: %s\nmeanwhile: a connection at a listener's port was accepted, any other was opened\n",
                v->conntrack.problem, v->conntrack.remedy);
}

static void print_counters(FILE *out, const struct prove_view *v)
{
    section(out, "counters of this machine's firewall");
    if (!v->has_counters) {
        fprintf(out, "not read: %s\nremedy: %s\n", v->counters.problem, v->counters.remedy);
        return;
    }
    for (size_t i = 0; i < v->counters.count; i++) {
        const struct nft_counter *c = &v->counters.list[i];

        fprintf(out, "%s %s %-32s %10" PRIu64 " packets\n", c->family, c->table, c->name, c->packets);
    }
    if (v->counters.count == 0)
        fprintf(out, "there are none in a table georelay; \"georelay firewall\" makes them\n");
}

static void print_findings(FILE *out, const struct prove_findings *f)
{
    section(out, "findings against the claim");
    for (size_t i = 0; i < f->count && i < PROVE_FINDINGS; i++)
        fprintf(out, "%s: %s\n", f->list[i].code, f->list[i].sentence);
    if (f->count > PROVE_FINDINGS)
        fprintf(out, "and %zu more\n", f->count - PROVE_FINDINGS);
    if (f->count == 0)
        fprintf(out, "none\n");
}

static bool print_verdict(FILE *out, const struct prove_view *v, const struct prove_findings *f)
{
    char started[ACCOUNTS_TIME];

    fputc('\n', out);
    if (!v->has_accounts) {
        fprintf(out, "NOT proved: the process could not be asked\n");
        return false;
    }
    if (f->count > 0) {
        fprintf(out, "NOT proved: %zu finding%s\n", f->count, f->count == 1 ? "" : "s");
        return false;
    }
    fprintf(out, "proved: the claim holds for all connections since %s%s\n", accounts_time(v->accounts.started_ms, started),
            v->accounts.generation > 1 ? ", judged by the configuration in use now" : "");
    return true;
}

/* -- the report ----------------------------------------------------------------------------------------------------------------
 */

static bool write_report(FILE *out, const struct prove_view *v, const struct prove_groups *groups, const struct unreachable *why)
{
    struct prove_findings *findings = calloc(1, sizeof(*findings));
    bool is_proved;

    if (findings == NULL)
        return false;
    prove_judge(v, groups, findings);
    print_head(out, v->cfg);
    print_process(out, v, why);
    print_peers(out, v);
    if (v->has_accounts) {
        print_accounts(out, v, ACCOUNT_ACCEPTED);
        print_accounts(out, v, ACCOUNT_OPENED);
        print_groups(out, v, groups);
        print_conntrack(out, v);
        print_counters(out, v);
    }
    print_findings(out, findings);
    is_proved = print_verdict(out, v, findings);
    free(findings);
    return is_proved;
}

bool prove_report(FILE *out, const struct cfg *cfg)
{
    struct prove_view view = {.cfg = cfg};
    struct prove_groups groups = {0};
    struct unreachable why = {0};
    bool is_proved = false;

    learn(&view, &why);
    if (prove_peers_init(&view.peers, cfg) == 0 && prove_group(&view, &groups) == 0)
        is_proved = write_report(out, &view, &groups, &why);
    else
        fprintf(out, "NOT proved: there is no memory left\n");
    free(groups.list);
    prove_peers_fini(&view.peers);
    conntrack_fini(&view.conntrack);
    kernel_sockets_fini(&view.sockets);
    accounts_fini(&view.accounts);
    return is_proved;
}
