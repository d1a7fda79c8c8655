/* SPDX-License-Identifier: MIT */
/*
 * The runtimes that are compiled in, in the order they are asked. The last one is any V8 whose
 * inspector names itself in words we do not know: what V8 answers alike everywhere works there too.
 */
#include "inspect/cdp/heap.h"
#include "inspect/node/node.h"
#include "inspect/target.h"

static bool runtimes_any_v8(const char *browser)
{
    return browser != NULL;
}

static const plim__runtime runtimes_v8 = {
    .name = "v8",
    .protocol = &plim__cdp_protocol,
    .recognise = runtimes_any_v8,
};

const plim__runtime *const plim__runtimes[] = {
    &plim__node_runtime,
    &runtimes_v8,
    NULL,
};
