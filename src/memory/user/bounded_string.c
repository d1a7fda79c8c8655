/* SPDX-License-Identifier: MIT */
/*
 * Strings: a vector of bytes with one more behind it, which is always NUL.
 * Invariants: S1 count <= capacity. S2 where there is memory, the byte at count is NUL. S3 a change
 * happens whole or not at all.
 */
#include <plimsoll/bounded_string.h>

#include <stdarg.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "memory/user/collections.h"

static char *bounded_at(const plim_string *self, size_t index)
{
    return (char *)self->bytes.items + index;
}

static void bounded_end(plim_string *self, size_t count)
{
    PLIM_CHECK(count <= self->bytes.capacity);
    self->bytes.count = count;
    if (self->bytes.items != NULL)
        *bounded_at(self, count) = '\0';
}

static bool bounded_has_room(const plim_string *self, size_t count)
{
    return count <= self->bytes.capacity - self->bytes.count;
}

plim_status plim__string_take(plim__vector *bytes, plim__here *here, plim_domain domain,
                              const plim_allocator *from, size_t capacity)
{
    PLIM_CHECK(bytes != NULL);
    if (capacity == SIZE_MAX)
        return PLIM_ERR_LIMIT;
    plim__vector made = {.capacity = capacity};
    plim_status status =
        plim__collection_take(here, domain, from, capacity + 1, &made.items, &made.from);
    if (status != PLIM_OK)
        return status;
    *(char *)made.items = '\0';
    *bytes = made;
    return PLIM_OK;
}

void plim_string_fini(plim_string *self)
{
    PLIM_CHECK(self != NULL);
    if (self->bytes.items != NULL)
        self->bytes.capacity++; /* the NUL was taken as well */
    plim__vector_give(&self->bytes, 1);
}

const char *plim_string_text(const plim_string *self)
{
    return self->bytes.items != NULL ? bounded_at(self, 0) : "";
}

plim_status plim_string_get(const plim_string *self, size_t index, char *out)
{
    if (index >= self->bytes.count)
        return PLIM_ERR_NOT_FOUND;
    *out = *bounded_at(self, index);
    return PLIM_OK;
}

plim_status plim_string_set(plim_string *self, const char *text)
{
    size_t count = plim__text_length(text, SIZE_MAX);
    if (count > self->bytes.capacity)
        return PLIM_ERR_LIMIT;
    if (count > 0)
        memmove(self->bytes.items, text, count);
    bounded_end(self, count);
    return PLIM_OK;
}

plim_status plim_string_append(plim_string *self, const char *text)
{
    return plim_string_append_bytes(self, text, plim__text_length(text, SIZE_MAX));
}

plim_status plim_string_append_bytes(plim_string *self, const void *bytes, size_t count)
{
    if (!bounded_has_room(self, count))
        return PLIM_ERR_LIMIT;
    if (count > 0)
        memmove(bounded_at(self, self->bytes.count), bytes, count);
    bounded_end(self, self->bytes.count + count);
    return PLIM_OK;
}

plim_status plim_string_append_format(plim_string *self, const char *format, ...)
{
    if (self->bytes.items == NULL)
        return format[0] == '\0' ? PLIM_OK : PLIM_ERR_LIMIT;
    plim__text text;
    plim__text_init(&text, bounded_at(self, self->bytes.count),
                    self->bytes.capacity - self->bytes.count + 1);
    va_list arguments;
    va_start(arguments, format);
    plim__text_vformat(&text, format, arguments);
    va_end(arguments);
    bounded_end(self, self->bytes.count + (text.is_cut ? 0 : text.length));
    return text.is_cut ? PLIM_ERR_LIMIT : PLIM_OK;
}

plim_status plim_string_insert(plim_string *self, size_t index, const void *bytes, size_t count)
{
    if (index > self->bytes.count)
        return PLIM_ERR_NOT_FOUND;
    if (!bounded_has_room(self, count))
        return PLIM_ERR_LIMIT;
    if (count == 0)
        return PLIM_OK;
    uintptr_t first = (uintptr_t)bounded_at(self, 0), other = (uintptr_t)bytes;
    if (other + count > first && other <= first + self->bytes.capacity)
        return PLIM_ERR_USAGE;
    memmove(bounded_at(self, index + count), bounded_at(self, index), self->bytes.count - index);
    memcpy(bounded_at(self, index), bytes, count);
    bounded_end(self, self->bytes.count + count);
    return PLIM_OK;
}

plim_status plim_string_remove(plim_string *self, size_t index, size_t count)
{
    size_t behind = index <= self->bytes.count ? self->bytes.count - index : 0;
    if (index > self->bytes.count || (count > behind && count != SIZE_MAX))
        return PLIM_ERR_NOT_FOUND;
    size_t gone = count < behind ? count : behind;
    if (gone > 0)
        memmove(bounded_at(self, index), bounded_at(self, index + gone), behind - gone);
    bounded_end(self, self->bytes.count - gone);
    return PLIM_OK;
}

plim_status plim_string_find(const plim_string *self, const char *text, size_t from,
                             size_t *out_index)
{
    size_t length = plim__text_length(text, SIZE_MAX);
    if (from > self->bytes.count)
        return PLIM_ERR_NOT_FOUND;
    for (size_t index = from; self->bytes.count - index >= length; index++)
        if (memcmp(plim_string_text(self) + index, text, length) == 0) {
            *out_index = index;
            return PLIM_OK;
        }
    return PLIM_ERR_NOT_FOUND;
}

void plim_string_clear(plim_string *self)
{
    bounded_end(self, 0);
}
