/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What an import makes of IIS's configuration: one web front door, each part with the element that it came from. Caller's thread.
 *
 * Everything is owned by the plan but the nodes, which are borrowed from the trees. `from` NULL: IIS's or ARR's own default.
 */
#pragma once

#include "config/iis_notes.h"
#include "config/iis_text.h"

struct iis_value {
    char *text;
    const struct iis_node *from;
};

struct iis_values {
    struct iis_value *list;
    size_t count;
};

struct iis_field {
    char *name;
    char *value; /**< NULL: it is removed */
    const struct iis_node *from;
};

struct iis_fields {
    struct iis_field *list;
    size_t count;
};

/** ARR's URL test. */
struct iis_health {
    char *path;   /**< NULL: there is none */
    char *status; /**< as georelay writes it */
    char *text;   /**< NULL: any */
    long interval_s, timeout_s;
    const struct iis_node *from;
};

struct iis_upstream {
    char *key;  /**< what rules call it: "http://localhost:8080" */
    char *name; /**< what georelay's routes call it */
    struct iis_values servers;
    bool is_tls;
    bool is_closed; /**< nobody listens there: for requests that IIS did not forward */
    char *host;     /**< to send; NULL: the client's */
    struct iis_health health;
    const struct iis_node *from;
};

struct iis_route {
    char *host; /**< NULL: any */
    char *path;
    char *replace; /**< NULL: the path stays */
    size_t upstream;
    struct iis_strings excepts; /**< paths below that its rule leaves to others */
    const struct iis_node *from;
};

/** A rule that forwarded and was not carried over. Its requests may fit a rule behind it. */
struct iis_lost {
    const struct iis_node *from;
    char *key;     /**< of its upstream; NULL: not known */
    char *path;    /**< NULL: may be any */
    bool is_plain; /**< only for requests without TLS */
    size_t before; /**< how many claims stand before it */
};

struct iis_number {
    long value; /**< -1: it is not said */
    const struct iis_node *from;
};

struct iis_plan {
    struct iis_notes notes;
    char *name;
    const struct iis_node *site; /**< NULL: no applicationHost.config */

    struct iis_values listen, plain, redirect;
    struct iis_strings hosts; /**< of bindings that all name one; empty: every host is answered */
    struct iis_values certificates;
    const char *client_certificate; /**< "optional", "required", or NULL */
    const struct iis_node *client_certificate_from;
    const struct iis_node *needs_tls;     /**< what refuses requests without TLS; NULL: nothing */
    const struct iis_node *redirect_rule; /**< what sends browsers from http to https; NULL: nothing */

    struct iis_upstream *upstreams;
    size_t upstreams_count;
    struct iis_route *claims; /**< what rules take, in their order: the first that fits counts */
    size_t claims_count;
    struct iis_route *routes; /**< the same for georelay, where the longest path counts: iis_routes_make() */
    size_t routes_count;
    struct iis_lost *lost;
    size_t lost_count;
    struct iis_values allow;    /**< paths; none: all */
    struct iis_strings methods; /**< none: all */
    const struct iis_node *methods_from;
    struct iis_values closed; /**< why the door stays closed until somebody has decided */

    struct iis_fields request, response;
    const char *links; /**< "rewrite", "keep" */
    const struct iis_node *links_from;
    const struct iis_node *secure, *http_only, *same_site;
    const char *same_site_value;
    bool tells_port; /**< X-Forwarded-For with the client's port, as ARR sends it */
    const struct iis_node *tells_port_from;
    struct iis_number hsts, body, url, response_s, upstream_idle;
};

void iis_plan_init(struct iis_plan *plan);
void iis_plan_fini(struct iis_plan *plan);

/** Frees what one upstream or route holds. */
void iis_upstream_fini(struct iis_upstream *upstream);
void iis_route_fini(struct iis_route *route);

/** Adds a copy of `text` unless it is there. */
void iis_values_add(struct iis_values *values, const char *text, const struct iis_node *from);

/** Sets or (value NULL) removes a header field, in place of what was said of that name before. */
void iis_fields_set(struct iis_fields *fields, const char *name, const char *value, const struct iis_node *from);

/** Forgets what was said of that name. */
void iis_fields_forget(struct iis_fields *fields, const char *name);

/** Remembers a rule that forwarded; takes `key` and `path`. */
void iis_plan_lose(struct iis_plan *plan, const struct iis_node *from, char *key, char *path, bool is_plain);

/** Closes the door until a person has decided, and notes why: sentence and remedy as in iis_note(). */
void iis_plan_close(struct iis_plan *plan, const struct iis_node *from, const char *remedy, const char *sentence);

/** The upstream whose servers nobody is, made when first asked for. */
size_t iis_plan_closed_upstream(struct iis_plan *plan);

/** Gives a name that georelay takes, made of any text; `preset` if there is nothing in it to use. */
char *iis_plan_name(const char *text, const char *preset);
