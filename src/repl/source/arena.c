/* SPDX-License-Identifier: MIT */
#include "repl/source/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"

enum { ARENA_CHUNK_BYTES = 16 << 10, ARENA_ALIGN = 16, GROW_FORMAT_BYTES = 512 };

struct plim__arena_chunk {
    plim__arena_chunk *next;
    size_t used, bytes; /* of what follows the header */
};

static size_t arena_header(void)
{
    return (sizeof(plim__arena_chunk) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

void *plim__arena_take(plim__arena *arena, size_t bytes)
{
    if (arena->is_refused || bytes > SIZE_MAX / 2) {
        arena->is_refused = true;
        return NULL;
    }
    size_t need = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    plim__arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->bytes - chunk->used < need) {
        size_t usual = arena->chunk_bytes != 0 ? arena->chunk_bytes : (size_t)ARENA_CHUNK_BYTES;
        size_t room = need > usual ? need : usual;
        chunk = plim__array_new(arena->allocator, arena_header() + room, 1);
        if (chunk == NULL) {
            arena->is_refused = true;
            return NULL;
        }
        *chunk = (plim__arena_chunk){.next = arena->chunks, .bytes = room};
        arena->chunks = chunk;
    }
    char *taken = (char *)chunk + arena_header() + chunk->used;
    chunk->used += need;
    memset(taken, 0, need);
    return taken;
}

char *plim__arena_copy(plim__arena *arena, const char *bytes, size_t count)
{
    char *copy = plim__arena_take(arena, count + 1);
    if (copy != NULL && count > 0)
        memcpy(copy, bytes, count);
    return copy;
}

void plim__arena_fini(plim__arena *arena)
{
    while (arena->chunks != NULL) {
        plim__arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        plim__array_free(arena->allocator, chunk, arena_header() + chunk->bytes, 1);
    }
    arena->is_refused = false;
}

static bool grow_reserve(plim__grow *grow, size_t more)
{
    if (grow->is_refused || more >= grow->bytes_max - grow->count) {
        grow->is_refused = true;
        return false;
    }
    if (grow->count + more + 1 <= grow->cap)
        return true;
    size_t cap = grow->cap != 0 ? grow->cap : 1024;
    while (cap < grow->count + more + 1)
        cap *= 2;
    char *bytes = plim__array_resize(grow->allocator, grow->bytes, grow->cap, cap, 1);
    if (bytes == NULL) {
        grow->is_refused = true;
        return false;
    }
    grow->bytes = bytes;
    grow->cap = cap;
    return true;
}

void plim__grow_add(plim__grow *grow, const char *bytes, size_t count)
{
    PLIM_DCHECK(grow->count <= grow->bytes_max);
    if (!grow_reserve(grow, count))
        return;
    if (count > 0)
        memcpy(grow->bytes + grow->count, bytes, count);
    grow->count += count;
    grow->bytes[grow->count] = '\0';
}

void plim__grow_string(plim__grow *grow, const char *string)
{
    plim__grow_add(grow, string, strlen(string));
}

void plim__grow_format(plim__grow *grow, const char *format, ...)
{
    char line[GROW_FORMAT_BYTES];
    plim__text text;
    plim__text_init(&text, line, sizeof line);
    va_list arguments;
    va_start(arguments, format);
    plim__text_vformat(&text, format, arguments);
    va_end(arguments);
    plim__grow_add(grow, line, text.length);
}

void plim__grow_fill(plim__grow *grow, char byte, size_t count)
{
    if (!grow_reserve(grow, count))
        return;
    memset(grow->bytes + grow->count, byte, count);
    grow->count += count;
    grow->bytes[grow->count] = '\0';
}

void plim__grow_fini(plim__grow *grow)
{
    plim__array_free(grow->allocator, grow->bytes, grow->cap, 1);
    *grow = (plim__grow){.allocator = grow->allocator, .bytes_max = grow->bytes_max};
}
