/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The table of settings: everything that may stand in a configuration file, one row each.
 *
 * The loader reads a file by this table, defaults come from it, cfg_free() walks it, and a test compares the manual page with it.
 * A new setting is a member of the model, a row here and an item in docs/georelay.conf.5. Constant data, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** The nouns of a configuration file. CFG_IN_TOP is what stands outside of all groups. */
enum cfg_group {
    CFG_IN_TOP = 0,
    CFG_IN_WEB,
    CFG_IN_CERTIFICATE,
    CFG_IN_DEFAULT_UPSTREAM, /**< `upstream` of a web door; struct cfg_upstream, as the next */
    CFG_IN_UPSTREAM,         /**< an entry of its `upstreams` */
    CFG_IN_HEALTH,
    CFG_IN_ROUTE,
    CFG_IN_ALLOW,
    CFG_IN_FIELD,
    CFG_IN_LINK,
    CFG_IN_SERVER, /**< an entry of an agent's `servers`; struct cfg_link, as the one before */
    CFG_IN_ADVISE,
    CFG_IN_PIN,
    CFG_IN_PORT_CLIENT,
    CFG_IN_PORT_RULE,
    CFG_IN_TUNNEL,
    CFG_IN_AGENT,
    CFG_IN_TLS,
    CFG_IN_ADMIN,
    CFG_IN_LOG,
    CFG_IN_ACCESS,
    CFG_IN_AUDIT,
    CFG_IN_LIMITS,
    CFG_IN_TIMEOUTS,
    CFG_GROUPS
};

/** What a value is and where it goes: the type of its member, and of an element where the row says `is_list`. */
enum cfg_type {
    CFG_NAME = 0,     /**< char *, in a list struct cfg_string: a name of ours, see cfg_value_parse() */
    CFG_TEXT,         /**< char * */
    CFG_PATH,         /**< char *, made absolute by the folder of the configuration file */
    CFG_NUMBER,       /**< long, `scale` times what is written */
    CFG_CHOICE,       /**< int, the index in `choices` plus `first_choice` */
    CFG_LISTEN,       /**< struct cfg_listen */
    CFG_ENDPOINT,     /**< struct cfg_endpoint */
    CFG_NETWORK,      /**< struct cfg_network */
    CFG_POOL,         /**< struct cfg_pool */
    CFG_PORTS,        /**< struct port_range, at most `max` ports (UINT16_MAX: any); in a list struct cfg_ports, any range */
    CFG_BYTES,        /**< struct cfg_bytes: text with \xNN and \\ */
    CFG_ADDRESS,      /**< struct address, port 0 */
    CFG_HOST,         /**< char *: a host name, or an IP address without brackets */
    CFG_HOST_FIELD,   /**< char *: host with or without port, as in a Host field */
    CFG_HOST_PATTERN, /**< char *: host without port, IPv6 in brackets, or "*." and a name */
    CFG_URL_PATH,     /**< char *: a prefix of paths */
    CFG_URL_TARGET,   /**< char *: path with or without query */
    CFG_METHOD,       /**< in a list, struct cfg_string */
    CFG_FIELD_NAME,   /**< char *, in a list struct cfg_string */
    CFG_FIELD_VALUE,  /**< char * */
    CFG_STATUSES,     /**< struct cfg_statuses */
    CFG_HOURS,        /**< in a list, struct cfg_hours */
    CFG_SYSLOG,       /**< struct cfg_syslog_target */
    CFG_GROUP,        /**< the struct of group `child` */
    CFG_TYPES
};

enum cfg_for { CFG_FOR_RELAY = 1, CFG_FOR_AGENT = 2, CFG_FOR_BOTH = 3 };

/** When a changed value is taken. A reload that finds another value AT_START is refused. */
enum cfg_change { CFG_CHANGE_AT_RELOAD = 0, CFG_CHANGE_AT_START };

struct cfg_setting {
    enum cfg_group group;
    const char *name;
    enum cfg_type type;
    bool is_list; /**< the member is a pointer to elements, `count_offset` a size_t */
    bool is_required;
    bool may_be_empty;   /**< "" is the same as no setting at all; for char * only */
    bool is_http;        /**< of a web door: for mode "http" alone */
    unsigned roles;      /**< enum cfg_for bits */
    size_t offset;       /**< of the member, in the struct of `group` */
    size_t count_offset; /**< lists only */
    size_t line_offset;  /**< of an unsigned that gets the place; 0: none */
    enum cfg_group child;
    const char *preset;         /**< the default as it would be written, list elements parted by blanks; NULL: none */
    long min, max;              /**< of a number; of a list the count of elements; of ports the count */
    long scale;                 /**< numbers: 1, or 1000 where the model counts milliseconds */
    const char *unit;           /**< of min, max and preset */
    const char *const *choices; /**< ends with NULL */
    int first_choice;
    enum cfg_change change;
    const char *example; /**< as it would stand in a file */
    const char *about;   /**< one sentence */
};

struct cfg_group_info {
    const char *name;   /**< short: "web" */
    const char *title;  /**< for messages: "this web door" */
    size_t size;        /**< of its struct in the model */
    size_t line_offset; /**< 0: the struct has no place */
};

extern const struct cfg_setting cfg_settings[];
extern const size_t cfg_settings_count;
extern const struct cfg_group_info cfg_groups[CFG_GROUPS];

/** The row of a name in a group, for any of `roles` (enum cfg_for bits); NULL if there is none. */
const struct cfg_setting *cfg_setting_find(enum cfg_group group, const char *name, unsigned roles);

/** The row whose name is most like `name`: in this group if it is near enough there, else the same name elsewhere, else NULL. */
const struct cfg_setting *cfg_setting_nearest(enum cfg_group group, const char *name, unsigned roles);
