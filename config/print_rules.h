/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The parts of cfg_print_plan(), for print*.c alone. All write to `out`.
 */
#pragma once

#include "config/print.h"

/** True if one of the list is this very address, and its port is none that the system chooses. */
bool print_has_listener(const struct cfg_listen *list, size_t count, const struct address *address);

/** "listen 0.0.0.0:443 for the PURPOSE "NAME"", a line for each. */
void print_listeners(const struct cfg_listen *list, size_t count, const char *purpose, const char *name, FILE *out);

/** "10.0.0.5:8080, then 10.0.0.6:8080" and the end of the line. */
void print_endpoints(const struct cfg_endpoint *list, size_t count, FILE *out);

/** "192.168.1.0/24, fd00::/8". */
void print_networks(const struct cfg_network *list, size_t count, FILE *out);

/** "5500-5509" or "5500". */
void print_range(const struct port_range *ports, FILE *out);

/** "ports 5500-5509" or "port 5500". */
void print_ports(const struct port_range *ports, FILE *out);

/** Whom a listener or a route is for, and when a link or an agent may be used: lines that begin with `indent`; none for everybody
 * and always. */
void print_admission(const struct cfg_admission *a, const char *indent, FILE *out);
void print_schedule(const struct cfg_schedule *s, const char *indent, FILE *out);

/** How advises of a link find their clients: lines that begin with two blanks. */
void print_advise(const struct cfg *cfg, const struct cfg_link *link, FILE *out);

/** A web door: its listeners, where requests go, which are let through. */
void print_web(const struct cfg *cfg, const struct cfg_web *web, FILE *out);
