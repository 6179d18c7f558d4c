/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The values of the configuration that are words of HTTP, for config/values.c and the importer: one function for each type of the
 * table.
 *
 * All of them have the meaning of cfg_value_parse(): false if the text does not fit, and then `member` is untouched. Pure, any
 * thread.
 */
#pragma once

#include "config/values.h"

typedef bool cfg_value_parse_fn(const struct cfg_setting *row, const char *text, const struct cfg_value_place *place,
                                void *member);

/** A host name as resolvers take it, of at most 253 bytes. One of digits and dots only is none: it is a mistyped IPv4 address. */
bool cfg_is_host_name(const char *host);

cfg_value_parse_fn cfg_parse_host;         /**< char *: a name or an IP address without brackets */
cfg_value_parse_fn cfg_parse_host_field;   /**< char *: RFC 9110 7.2, host with or without port */
cfg_value_parse_fn cfg_parse_host_pattern; /**< char *: host without port, or "*." and a name */
cfg_value_parse_fn cfg_parse_url_path;     /**< char *: a path that a strict server could only understand in one way */
cfg_value_parse_fn cfg_parse_url_target;   /**< char *: origin-form, RFC 9112 3.2.1 */
cfg_value_parse_fn cfg_parse_method;       /**< char *: RFC 9110 9.1, without small letters */
cfg_value_parse_fn cfg_parse_field_name;   /**< char *: RFC 9110 5.1 */
cfg_value_parse_fn cfg_parse_field_value;  /**< char *: RFC 9110 5.5 */
cfg_value_parse_fn cfg_parse_statuses;     /**< struct cfg_statuses */
