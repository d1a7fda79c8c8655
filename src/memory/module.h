/* SPDX-License-Identifier: MIT */
/**
 * @file module.h
 * @brief Domains by calling module, for whoever asks at each call.
 */
#ifndef PLIM_MEMORY_MODULE_H
#define PLIM_MEMORY_MODULE_H
#include <plimsoll/domain.h>

/**
 * As plim_domain_by_module(), remembering answers. A module that was unloaded and one loaded
 * in its place are taken for the same until plim__modules_forget(), or until an address that is
 * not remembered is asked for. No lock of the caller's may be held. Calls no malloc.
 */
plim_status plim__module_domain(plim_manager *manager, const void *address,
                                plim_domain *out_domain);

/** Drops what is remembered: after a dlclose(). */
void plim__modules_forget(void);

#endif
