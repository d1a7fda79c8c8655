/* SPDX-License-Identifier: MIT */
/**
 * @file interfaces.h
 * @brief Interfaces of plain objects: inferred from their shapes, taken over, matched.
 */
#ifndef PLIM_HEAP_INTERFACES_H
#define PLIM_HEAP_INTERFACES_H
#include "heap/analysis_work.h"
#include "heap/shape.h"

/** definitions.c: infers the interfaces of a heap from the shapes of its plain objects. */
plim_status plim__definitions_infer(plim__analysis_work *work, const plim__shapes *shapes,
                                    plim_error *err);

/** definitions.c: takes over another analysis's interfaces. */
plim_status plim__definitions_copy(plim__analysis_work *work, plim_error *err);

/** interface_match.c: sets each shape's name by the definition that fits best. */
plim_status plim__interfaces_match(plim__analysis_work *work, plim__shapes *shapes,
                                   plim_error *err);

#endif
