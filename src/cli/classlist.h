/* SPDX-License-Identifier: MIT */
/**
 * @file classlist.h
 * @brief The class rows of a snapshot, filtered, sorted and shown: what summary and classes share.
 */
#ifndef PLIM_CLI_CLASSLIST_H
#define PLIM_CLI_CLASSLIST_H
#include "cli/heapfile.h"

/** As --sort numbers its choices. */
typedef enum plim__class_order {
    PLIM__CLASS_BY_RETAINED,
    PLIM__CLASS_BY_SELF,
    PLIM__CLASS_BY_COUNT,
    PLIM__CLASS_BY_DISTANCE,
    PLIM__CLASS_BY_NAME
} plim__class_order;

/** Shows classes with objects, filter in the name (NULL: all), as the array "classes". */
plim_status plim__classlist_show(plim__cli *cli, const plim_analysis *analysis,
                                 plim__class_order order, const char *filter, plim_error *err);

#endif
