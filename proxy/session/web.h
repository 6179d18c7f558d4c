/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The web front door in mode "tcp": TLS ends here, the bytes go to the first server that answers.
 */
#pragma once

#include "proxy/session/session.h"

extern const struct session_front web_front;
