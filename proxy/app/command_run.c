/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the order of the start: configuration, certificates, sockets, state folder, then the rights are dropped, and only then
 * does anything read from the network.
 */
#include "proxy/app/admin_port.h"
#include "proxy/app/audits.h"
#include "proxy/app/commands.h"
#include "proxy/app/control_socket.h"
#include "proxy/app/expiries.h"
#include "proxy/app/handed.h"
#include "proxy/app/notify.h"
#include "proxy/app/options.h"
#include "proxy/app/privilege.h"
#include "proxy/app/service.h"
#include "proxy/app/startup.h"
#include "proxy/app/watchdog.h"

#include "config/load.h"
#include "proxy/base/log.h"

#include <signal.h>
#include <unistd.h>

static unsigned count_workers(const struct cfg *cfg)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (cfg->workers > 0)
        return (unsigned)cfg->workers;
    return cores < 1 ? 1 : cores > 64 ? 64 : (unsigned)cores;
}

static int run(const struct cfg *cfg, struct gates *gates, struct hub_sockets *sockets, const char *no_reload)
{
    unsigned workers = count_workers(cfg);
    int code = EXIT_TROUBLE;

    privilege_raise_files(cfg);
    if (audits_prepare(cfg) != 0 || handed_open() != 0 || startup_open_sockets(cfg, gates, sockets, workers) != 0 ||
        admin_port_open(cfg) != 0 || handed_close(cfg) != 0 || privilege_make_state(cfg) != 0 || control_socket_open(cfg) != 0 ||
        privilege_drop(cfg) != 0 || startup_open_logs(cfg) != 0)
        return EXIT_TROUBLE;
    privilege_log(cfg);
    privilege_warn_files(cfg);
    if (audits_start(cfg) == 0) {
        audits_started(cfg);
        code = service_run(cfg, gates, sockets, workers, no_reload);
        audits_stop();
    }
    log_stop();
    return code;
}

int run_file(const char *path, const struct run_guest *guest)
{
    struct gates gates;
    struct hub_sockets sockets;
    struct tls_tickets *tickets;
    struct cfg *cfg;
    int code;

    signal(SIGPIPE, SIG_IGN); /* splice(2) and TLS have no MSG_NOSIGNAL; before any thread starts */
    signal(SIGHUP, SIG_IGN);  /* these two would kill us, until the service watches them */
    signal(SIGUSR1, SIG_IGN);
    notify_open();
    watchdog_open();
    tickets = tls_tickets_new();
    cfg = tickets != NULL ? startup_load(path, tickets, &gates) : NULL;
    if (cfg == NULL) {
        tls_tickets_free(tickets);
        return tickets != NULL ? EXIT_USAGE : EXIT_TROUBLE;
    }
    code = guest != NULL ? guest->begin(cfg) : EXIT_DONE;
    if (code == EXIT_DONE) {
        code = run(cfg, &gates, &sockets, guest != NULL ? "the configuration is not reloaded while georelay learns" : NULL);
        control_socket_close();
        admin_port_close();
        expiries_free();
        hub_sockets_close(&sockets);
        if (guest != NULL)
            code = guest->end(cfg, code);
    }
    gates_fini(&gates);
    cfg_free(cfg);
    tls_tickets_free(tickets);
    notify_close();
    return code;
}

int command_run(int argc, char **argv)
{
    const char *path = DEFAULT_CONFIG;
    const struct option_row rows[] = {{"-c", "--config", "FILE", "the configuration (default " DEFAULT_CONFIG ")", &path}, {0}};

    switch (
        options_read(argc, argv, rows,
                     "usage: georelay run [-c FILE]\n\nRuns in the foreground until TERM (drains first) or INT. HUP reloads the "
                     "configuration and opens the log files again, USR1 logs counts.",
                     NULL)) {
    case OPTIONS_HELP:
        return EXIT_DONE;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    default:
        return run_file(path, NULL);
    }
}
