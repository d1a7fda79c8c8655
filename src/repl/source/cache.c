/* SPDX-License-Identifier: MIT */
/*
 * Compilations remembered, by their whole input: declarations and text, compared byte for byte. An
 * entry that is repeated (a counter looked at again and again) costs its link alone. What is kept
 * has the first entry's name in its debugging information, and that entry's text is the same.
 */
#include <string.h>

#include "base/allocator.h"
#include "repl/source/state.h"

enum { CACHED_BYTES_MAX = 256 << 10 }; /* of one: 64 of them take 16 MiB at most */

static void cache_drop(plim__source *source, plim__cached *cached)
{
    if (cached->key != NULL)
        plim__array_free(source->allocator, cached->key, cached->key_bytes + 1, 1);
    plim__tool_result_fini(&cached->tree);
    plim__tool_result_fini(&cached->object);
    *cached = (plim__cached){0};
}

plim__cached *plim__cache_find(plim__source *source, const char *key, size_t key_bytes)
{
    for (size_t i = 0; i < PLIM__CACHED_UNITS; i++) {
        plim__cached *cached = &source->cached[i];
        if (cached->key != NULL && cached->prelude == source->prelude &&
            cached->key_bytes == key_bytes && memcmp(cached->key, key, key_bytes) == 0) {
            cached->used = ++source->clock;
            return cached;
        }
    }
    return NULL;
}

void plim__cache_keep(plim__source *source, const char *key, size_t key_bytes, size_t text_at,
                      plim__tool_result *tree, plim__tool_result *object)
{
    plim__cached *oldest = &source->cached[0];
    for (size_t i = 1; i < PLIM__CACHED_UNITS; i++)
        if (source->cached[i].used < oldest->used)
            oldest = &source->cached[i];
    char *copy = NULL;
    if (key_bytes + tree->output_bytes + object->output_bytes <= CACHED_BYTES_MAX)
        copy = plim__array_new(source->allocator, key_bytes + 1, 1);
    if (copy == NULL) {
        plim__tool_result_fini(tree);
        plim__tool_result_fini(object);
        return;
    }
    cache_drop(source, oldest);
    memcpy(copy, key, key_bytes);
    *oldest = (plim__cached){.key = copy,
                             .key_bytes = key_bytes,
                             .text_at = text_at,
                             .prelude = source->prelude,
                             .used = ++source->clock,
                             .tree = *tree,
                             .object = *object};
    *tree = *object = (plim__tool_result){0};
}

void plim__cache_fini(plim__source *source)
{
    for (size_t i = 0; i < PLIM__CACHED_UNITS; i++)
        cache_drop(source, &source->cached[i]);
}
