/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Times of the week: "Mo-Fr 07:00-18:00", "Sa,Su 8-12", "22:00-06:00".
 *
 * Days are Mo Tu We Th Fr Sa Su, as ranges or parted by commas; without any, it is every day. An end that is not later than the
 * beginning is on the next day; the day named is that of the beginning. Pure, any thread.
 */
#pragma once

#include "config/model.h"

/** Fills `days`, `first` and `end`; false if the text does not fit, `ret` is then untouched. Hours end at 24:00. */
bool cfg_hours_parse(const char *text, struct cfg_hours *ret);
