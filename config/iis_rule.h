/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One inbound rule of URL Rewrite, read from its element, and when it applies. Caller's thread.
 */
#pragma once

#include "config/iis_pattern.h"
#include "config/iis_plan.h"

struct iis_condition {
    const struct iis_node *node;
    char *input; /**< "{HTTP_HOST}" */
    char *pattern;
    char *match_type; /**< "Pattern", "IsFile", "IsDirectory" */
    bool negate;
};

enum iis_action {
    IIS_ACTION_NONE = 0,
    IIS_ACTION_REWRITE,
    IIS_ACTION_REDIRECT,
    IIS_ACTION_RESPONSE, /**< CustomResponse */
    IIS_ACTION_ABORT,
    IIS_ACTION_UNKNOWN
};

struct iis_rule {
    struct iis_node *node;
    enum iis_syntax syntax;
    char *pattern; /**< of the path without its first slash */
    bool ignore_case;
    bool negate;
    struct iis_condition *conditions;
    size_t conditions_count;
    bool is_any;     /**< one condition is enough */
    bool tracks_all; /**< {C:n} counts through all conditions */
    enum iis_action action;
    char *url;
    bool keeps_query;
    bool stops;
    bool is_last;          /**< no rule that is switched on comes behind it */
    struct iis_fields set; /**< server variables; a value of "" stands as it is */
};

/** Reads a rule that is switched on, and marks what it reads. iis_rule_fini() it. */
void iis_rule_read(struct iis_node *node, struct iis_rule *ret);

/** Gives a copy to change. */
void iis_rule_copy(const struct iis_rule *rule, struct iis_rule *ret);
void iis_rule_fini(struct iis_rule *rule);

#define IIS_EXCEPTS 8

enum iis_scheme { IIS_SCHEME_ANY = 0, IIS_SCHEME_TLS, IIS_SCHEME_PLAIN };

/** What {C:n} refers to. */
enum iis_captures { IIS_CAPTURES_NONE = 0, IIS_CAPTURES_SCHEME, IIS_CAPTURES_HOST, IIS_CAPTURES_PATH };

/** The conditions of a rule, as far as georelay can have such. */
struct iis_when {
    const char *why;             /**< why not all of them are understood: a whole sentence; NULL: they are */
    const struct iis_node *node; /**< of that condition */
    enum iis_scheme scheme;
    struct iis_strings hosts; /**< empty: any */
    bool hosts_negated;       /**< any but those */
    bool hosts_loose;
    struct iis_strings methods; /**< empty: any */
    bool methods_negated;
    const struct iis_condition *path;                 /**< a pattern for {REQUEST_URI} and the like; NULL: none */
    const struct iis_condition *excepts[IIS_EXCEPTS]; /**< the same, and it must not fit */
    size_t excepts_count;
    const struct iis_node *not_files; /**< applies only if no such file or folder lies at IIS; NULL: it does not matter */
    const struct iis_node *only_files;
    enum iis_captures captures;
};

/** Reads all conditions, also behind one that is not understood. iis_when_fini() it. */
void iis_when_read(const struct iis_rule *rule, struct iis_when *ret);
void iis_when_fini(struct iis_when *when);
