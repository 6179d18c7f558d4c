/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns a child process for the length of a call. The form is nft's own input (nft(8), COUNTERS):
 *
 *     table inet georelay {
 *         counter opened_towards_clients {
 *             packets 0 bytes 0
 *         }
 *     }
 */
#include "proxy/app/nft_counters.h"

#include "proxy/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OURS "georelay"

/* Most of it that is looked at. */
#define TEXT_BYTES (1u << 20)

static int fail(struct nft_counters *c, const char *problem, const char *remedy)
{
    snprintf(c->problem, sizeof(c->problem), "%s", problem);
    c->remedy = remedy;
    return -1;
}

/* -- the form ------------------------------------------------------------------------------------------------------------------
 */

static int add(struct nft_counters *c, const struct nft_counter *found)
{
    if (strncmp(found->table, OURS, strlen(OURS)) != 0)
        return 0;
    if (c->count == NFT_COUNTERS_MAX)
        return fail(c, "there are more counters than can be kept", "remove old tables of georelay");
    c->list[c->count++] = *found;
    return 0;
}

int nft_counters_parse(struct nft_counters *c, FILE *text)
{
    struct nft_counter now = {0};
    char line[512];

    while (fgets(line, sizeof(line), text) != NULL) {
        if (sscanf(line, " table %63s %63s {", now.family, now.table) == 2 || sscanf(line, " counter %63s {", now.name) == 1)
            continue;
        if (sscanf(line, " packets %" SCNu64 " bytes %*u", &now.packets) != 1)
            continue;
        if (*now.table == '\0' || *now.name == '\0')
            return fail(c, "nft printed something of another form", "use the nft of this system's release");
        if (add(c, &now) != 0)
            return -1;
        *now.name = '\0';
    }
    return 0;
}

/* -- the child -----------------------------------------------------------------------------------------------------------------
 */

/* Never by PATH: this may run as root. */
static void become_nft(int out)
{
    static const char *const places[] = {"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"};
    char *const arguments[] = {"nft", "list", "counters", NULL};
    char *const environment[] = {"LC_ALL=C", NULL};
    int nothing = open("/dev/null", O_RDWR);

    dup2(nothing, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        execve(places[i], arguments, environment);
    _exit(errno == ENOENT ? 127 : 126);
}

/* What the child says until its end; false if it took too long or said too much. */
static bool listen_to(int fd, char *text, size_t *length)
{
    uint64_t until_ms = clock_ms() + NFT_COUNTERS_MS;

    for (*length = 0; *length < TEXT_BYTES;) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        uint64_t now_ms = clock_ms();
        ssize_t n;

        if (now_ms >= until_ms || poll(&one, 1, (int)(until_ms - now_ms)) <= 0)
            return false;
        n = read(fd, text + *length, TEXT_BYTES - *length);
        if (n <= 0)
            return n == 0;
        *length += (size_t)n;
    }
    return false;
}

static int judge_end(struct nft_counters *c, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return fail(c, "there is no program nft on this machine", "install nftables, if its firewall is to be looked at");
    if (geteuid() != 0)
        return fail(c, "nft may not read the rules as this user", "run this as root");
    return fail(c, "nft failed", "look what \"nft list counters\" says");
}

static int ask_child(struct nft_counters *c, char *text)
{
    size_t length = 0;
    int ends[2], status;
    bool is_whole;
    FILE *file;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail(c, strerror(errno), "see the system's log");
    child = fork();
    if (child == 0)
        become_nft(ends[1]);
    close(ends[1]);
    is_whole = child > 0 && listen_to(ends[0], text, &length);
    close(ends[0]);
    if (child < 0)
        return fail(c, strerror(errno), "see the system's log");
    if (!is_whole)
        kill(child, SIGKILL);
    if (waitpid(child, &status, 0) != child || !is_whole)
        return fail(c, "nft did not end in time", "look what \"nft list counters\" says");
    if (judge_end(c, status) != 0 || length == 0)
        return judge_end(c, status);
    file = fmemopen(text, length, "r");
    if (file == NULL)
        return fail(c, strerror(errno), "see the system's log");
    status = nft_counters_parse(c, file);
    fclose(file);
    return status;
}

int nft_counters_read(struct nft_counters *c)
{
    char *text = malloc(TEXT_BYTES);
    int result;

    *c = (struct nft_counters){0};
    if (text == NULL)
        return fail(c, "no memory", "free some memory and try again");
    result = ask_child(c, text);
    free(text);
    return result;
}
