/* SPDX-License-Identifier: MIT */
/*
 * The names that take the place of the C library's. Each is an alias of a function called
 * plim__preload_x_symbol, so that the house's rule against calling them stays simple to hold.
 */
#include <errno.h>
#include <stddef.h>

#include "base/checked.h"
#include "platform/backing.h"
#include "preload/preload.h"

/* `name` as an exported alias. Types are the C library's; where its headers are not included here,
   nothing can contradict them. */
#define SYMBOL(name)                                                                               \
    extern __typeof__(plim__preload_##name##_symbol) name                                          \
        __attribute__((alias("plim__preload_" #name "_symbol"), visibility("default"), used))

/* On the stack, and so its frame is there for as long as the request takes. */
#define CALLER                                                                                     \
    &(plim__caller)                                                                                \
    {                                                                                              \
        __builtin_return_address(0), __builtin_frame_address(0)                                    \
    }

static bool symbols_is_power(size_t align)
{
    return align != 0 && (align & (align - 1)) == 0;
}

static void *plim__preload_malloc_symbol(size_t bytes)
{
    return plim__preload_take(bytes, 0, false, CALLER);
}
SYMBOL(malloc);

static void plim__preload_free_symbol(void *block)
{
    plim__preload_give(block);
}
SYMBOL(free);

static void plim__preload_free_sized_symbol(void *block, size_t bytes)
{
    (void)bytes;
    plim__preload_give(block);
}
SYMBOL(free_sized);

static void plim__preload_free_aligned_sized_symbol(void *block, size_t align, size_t bytes)
{
    (void)align;
    (void)bytes;
    plim__preload_give(block);
}
SYMBOL(free_aligned_sized);

static void *plim__preload_calloc_symbol(size_t count, size_t item_bytes)
{
    size_t bytes;
    if (!plim__mul_size(count, item_bytes, &bytes))
        bytes = SIZE_MAX; /* refused, and counted, as every other that is too large */
    return plim__preload_take(bytes, 0, true, CALLER);
}
SYMBOL(calloc);

static void *plim__preload_realloc_symbol(void *block, size_t bytes)
{
    return plim__preload_resize(block, bytes, CALLER);
}
SYMBOL(realloc);

static void *plim__preload_reallocarray_symbol(void *block, size_t count, size_t item_bytes)
{
    size_t bytes;
    if (!plim__mul_size(count, item_bytes, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return plim__preload_resize(block, bytes, CALLER);
}
SYMBOL(reallocarray);

static void *plim__preload_aligned_alloc_symbol(size_t align, size_t bytes)
{
    if (!symbols_is_power(align)) {
        errno = EINVAL;
        return NULL;
    }
    return plim__preload_take(bytes, align, false, CALLER);
}
SYMBOL(aligned_alloc);

/* As glibc: an alignment that is none is raised to the next that is one. */
static void *plim__preload_memalign_symbol(size_t align, size_t bytes)
{
    size_t power = sizeof(void *);
    while (power < align && power <= SIZE_MAX / 4)
        power *= 2;
    return plim__preload_take(bytes, power, false, CALLER);
}
SYMBOL(memalign);

static int plim__preload_posix_memalign_symbol(void **out_block, size_t align, size_t bytes)
{
    if (!symbols_is_power(align) || align % sizeof(void *) != 0)
        return EINVAL;
    int before = errno; /* it answers by its value alone */
    void *block = plim__preload_take(bytes, align, false, CALLER);
    errno = before;
    if (block == NULL)
        return ENOMEM;
    *out_block = block;
    return 0;
}
SYMBOL(posix_memalign);

static void *plim__preload_valloc_symbol(size_t bytes)
{
    return plim__preload_take(bytes, plim__backing_page(), false, CALLER);
}
SYMBOL(valloc);

static void *plim__preload_pvalloc_symbol(size_t bytes)
{
    size_t page = plim__backing_page();
    size_t whole = bytes > SIZE_MAX - page ? SIZE_MAX : (bytes + page - 1) / page * page;
    return plim__preload_take(whole != 0 ? whole : page, page, false, CALLER);
}
SYMBOL(pvalloc);

static size_t plim__preload_malloc_usable_size_symbol(void *block)
{
    return plim__preload_usable(block);
}
SYMBOL(malloc_usable_size);

static int plim__preload_malloc_trim_symbol(size_t pad)
{
    (void)pad;
    if (!plim__load(&plim__preload_shared.is_ready) || plim__preload_inside)
        return 0;
    return plim_manager_trim(plim__preload_shared.manager) != 0;
}
SYMBOL(malloc_trim);
