/* SPDX-License-Identifier: MIT */
/**
 * @file apply.h
 * @brief The second half of plim_config_apply(), for whoever makes the manager otherwise.
 */
#ifndef PLIM_CONFIG_APPLY_H
#define PLIM_CONFIG_APPLY_H
#include <plimsoll/config.h>

/** Makes the domains and what they lend in a manager that has room for them. On failure some may
    be there: the manager is the caller's to destroy. */
plim_status plim__config_make_domains(const plim_config *config, plim_manager *manager,
                                      plim_error *err);

#endif
