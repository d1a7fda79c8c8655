/* SPDX-License-Identifier: MIT */
#include "cli/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PLIM__DRAFT_FIRST_BYTES = 256 };

void plim__draft_init(plim__draft *draft, const plim_allocator *allocator)
{
    *draft = (plim__draft){.allocator = allocator != NULL ? allocator : plim_allocator_system()};
}

void plim__draft_fini(plim__draft *draft)
{
    if (draft->data != NULL)
        (void)draft->allocator->resize(draft->allocator->ctx, draft->data, draft->cap_bytes, 0);
    plim__draft_init(draft, draft->allocator);
}

void plim__draft_clear(plim__draft *draft)
{
    draft->size_bytes = 0;
    draft->failed = false;
    if (draft->data != NULL)
        draft->data[0] = '\0';
}

/* Room for that many more bytes and the NUL. */
static bool draft_reserve(plim__draft *draft, size_t more_bytes)
{
    if (draft->failed || more_bytes >= SIZE_MAX / 2 - draft->size_bytes) {
        draft->failed = true;
        return false;
    }
    size_t needed = draft->size_bytes + more_bytes + 1;
    if (needed <= draft->cap_bytes)
        return true;
    size_t cap_bytes = draft->cap_bytes != 0 ? draft->cap_bytes : PLIM__DRAFT_FIRST_BYTES;
    while (cap_bytes < needed)
        cap_bytes *= 2;
    char *data =
        draft->allocator->resize(draft->allocator->ctx, draft->data, draft->cap_bytes, cap_bytes);
    if (data == NULL) {
        draft->failed = true;
        return false;
    }
    draft->data = data;
    draft->cap_bytes = cap_bytes;
    return true;
}

void plim__draft_add(plim__draft *draft, const void *data, size_t size_bytes)
{
    if (!draft_reserve(draft, size_bytes))
        return;
    if (size_bytes > 0)
        memcpy(draft->data + draft->size_bytes, data, size_bytes);
    draft->size_bytes += size_bytes;
    draft->data[draft->size_bytes] = '\0';
}

void plim__draft_puts(plim__draft *draft, const char *string)
{
    plim__draft_add(draft, string, strlen(string));
}

void plim__draft_fill(plim__draft *draft, char byte, size_t count)
{
    if (!draft_reserve(draft, count))
        return;
    memset(draft->data + draft->size_bytes, byte, count);
    draft->size_bytes += count;
    draft->data[draft->size_bytes] = '\0';
}

void plim__draft_printf(plim__draft *draft, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (wanted < 0 || !draft_reserve(draft, (size_t)wanted))
        return;
    va_start(arguments, format);
    (void)vsnprintf(draft->data + draft->size_bytes, (size_t)wanted + 1, format, arguments);
    va_end(arguments);
    draft->size_bytes += (size_t)wanted;
}

const char *plim__draft_peek(const plim__draft *draft)
{
    return draft->data != NULL ? draft->data : "";
}

plim_text plim__draft_view(const plim__draft *draft)
{
    return (plim_text){plim__draft_peek(draft), draft->size_bytes};
}

plim_text plim__text_of(const char *string)
{
    return (plim_text){string, strlen(string)};
}
