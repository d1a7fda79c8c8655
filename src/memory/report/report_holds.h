/* SPDX-License-Identifier: MIT */
/**
 * @file report_holds.h
 * @brief The part of a report that says what is held by type and place: the fingerprint.
 */
#ifndef PLIM_MEMORY_REPORT_HOLDS_H
#define PLIM_MEMORY_REPORT_HOLDS_H
#include <plimsoll/manager.h>

#include "memory/report/report_out.h"

/** For people: the rows with the most bytes, and the fingerprint's digest. */
void plim__report_holds_text(plim__report_out *out, plim_manager *manager);

/** ,"fingerprint":{…} as plim_fingerprint_write() has it, all rows. */
void plim__report_holds_json(plim__report_out *out, plim_manager *manager);

#endif
