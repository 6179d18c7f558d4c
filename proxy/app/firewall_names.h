/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Host names in rules, turned into the addresses that they have now: firewalls know addresses alone. Blocks. For commands.
 */
#pragma once

#include "config/firewall.h"

/**
 * Looks up every name in the rules, adds its addresses and takes the name away; a note tells which name had which addresses. 0,
 * or -1 told on standard error.
 */
int firewall_names_look_up(struct firewall *f);
