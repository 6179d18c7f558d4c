/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The parts of an import, for config/iis*.c alone: what they share, and in which order config/iis.c calls them. Caller's thread.
 */
#pragma once

#include "config/iis_plan.h"
#include "config/iis_rule.h"

struct iis_nodes {
    struct iis_node **list;
    size_t count;
};

struct iis_import {
    struct iis_node *web;    /**< root of web.config */
    struct iis_node *server; /**< root of applicationHost.config; NULL: not given */
    struct iis_node *site;   /**< the <site> that web.config belongs to; NULL without `server` */
    struct iis_nodes layers; /**< what holds sections that apply to the whole site, the most general first */
    struct iis_nodes partly; /**< <location> elements for a part of the site */
    struct iis_plan plan;

    bool keeps_host; /**< ARR's preserveHostHeader */
    const struct iis_node *keeps_host_from;
    size_t forwards; /**< rules that forward and were carried over */
};

void iis_nodes_add(struct iis_nodes *nodes, struct iis_node *node);

/** The section at a path like "system.webServer/rewrite" of a layer, or NULL. Marks it. */
struct iis_node *iis_section(const struct iis_import *im, size_t layer, const char *path);

/** Finds the site (by name or number; NULL: the only one) and its layers. -1: told on `err`. */
int iis_site_find(struct iis_import *im, const char *wanted, FILE *err);

/** Name, bindings and certificates of the site. */
void iis_site_read(struct iis_import *im);

/** The site's own HSTS, after iis_headers_read(): it has the last word. */
void iis_site_hsts(struct iis_import *im);

/** ARR's own settings. */
void iis_proxy_read(struct iis_import *im);

/**
 * The upstream that an absolute URL leads to: one server, or a server farm of that name. -1: then `ret_why` is why not, the end
 * of "the action's URL ...".
 */
int iis_upstream_of(struct iis_import *im, bool is_tls, const char *authority, const struct iis_node *from, const char **ret_why);

/** Gives what an upstream is known by: "http://localhost:8080". */
char *iis_upstream_key(bool is_tls, const char *authority);

/** Who may ask at all: certificates, addresses, users; and what requests may look like. */
void iis_access_read(struct iis_import *im);
void iis_filters_read(struct iis_import *im);

/** The methods that are allowed where IIS only says which are not; ends with NULL. */
extern const char *const iis_usual_methods[];

/** Adds a method to those that are allowed, unless georelay never serves it. */
void iis_methods_add(struct iis_strings *methods, const char *method);

/** Header fields, redirects of a whole site, WebSockets. */
void iis_headers_read(struct iis_import *im);

/** True for a field that georelay itself writes for each connection: it can't be set or removed. */
bool iis_is_own_field(const char *name);

/** A value for Strict-Transport-Security: as the setting "hsts" if that can say it, else as a field. */
void iis_hsts_take(struct iis_plan *plan, const char *value, const struct iis_node *from);

/** Rules for requests, in their order. */
void iis_inbound_read(struct iis_import *im);

typedef void iis_rule_fn(struct iis_import *im, const struct iis_rule *rule);

/** Calls `decide` with the rule, or, where it looks something up in a rewrite map, with one rule for each entry. */
void iis_maps_expand(struct iis_import *im, const struct iis_rule *rule, iis_rule_fn *decide);

/** A rule that forwards: routes. */
void iis_forward(struct iis_import *im, const struct iis_rule *rule);

/** A rule that keeps requests from being forwarded: blocks, exceptions, redirects. */
void iis_keep(struct iis_import *im, const struct iis_rule *rule);

/**
 * Adds the prefixes that a pattern stands for; one path alone is its prefix too. False: it is more than prefixes, or the bare
 * root; then `ret` may hold some of it.
 */
bool iis_paths_of(enum iis_syntax syntax, const char *text, bool has_slash, struct iis_strings *ret);

/** Marks a section with all that it holds, and notes why nothing of it is needed. */
void iis_leave(struct iis_import *im, struct iis_node *node, const char *why);

/** Notes that a rule is not carried over. `when` may be NULL. */
void iis_lose_rule(struct iis_import *im, const struct iis_rule *rule, const struct iis_when *when, const char *why);

/** Rules for responses. */
void iis_outbound_read(struct iis_import *im);

/** What depends on everything: addresses, the allow-list, what happens to requests that no rule forwards. */
void iis_finish(struct iis_import *im);

/** Notes everything that nobody has asked for. */
void iis_known_sweep(struct iis_import *im);

/** The configuration, with the notes as comments at its end. */
void iis_write(struct iis_plan *plan, const char *web_path, const char *server_path, FILE *out);
