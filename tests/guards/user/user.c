/* SPDX-License-Identifier: MIT */
/* A program of somebody else, against the installed tree: C17 and C++17 alike. */
#include <plimsoll/allocator.h>
#include <plimsoll/analysis.h>
#include <plimsoll/bridge.h>
#include <plimsoll/codec.h>
#include <plimsoll/diff.h>
#include <plimsoll/error.h>
#include <plimsoll/file.h>
#include <plimsoll/graph.h>
#include <plimsoll/leaks.h>
#include <plimsoll/status.h>
#include <plimsoll/stream.h>
#include <plimsoll/target.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    plim_cap *cap = NULL;
    if (plim_cap_create(NULL, 1u << 20, &cap) != PLIM_OK)
        return 1;
    plim_error err;
    memset(&err, 0, sizeof err);
    plim_file_source *file = NULL;
    plim_status status =
        plim_file_source_open("no/such/file", plim_cap_allocator(cap), &file, &err);
    plim_cap_destroy(&cap);
    printf("%s: %s\n", plim_status_name(status), err.what);
#ifdef WITH_HEAP
    plim_graph *graph = NULL;
    plim_graph_destroy(&graph);
#endif
#ifdef WITH_RUN
    if (plim_region_node_birth(plim_region_node_id(17)) != 17)
        return 1;
#endif
    return status == PLIM_ERR_NOT_FOUND && file == NULL && cap == NULL ? 0 : 1;
}
