/* SPDX-License-Identifier: MIT */
/*
 * What a dead worker left, read by its supervisor. The page is copied first, since its writer may
 * have children that hold it too; every count is bounded, every text ended, in the copy.
 */
#include "supervise/worker/last_words.h"

#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"

enum { WORDS_NULL_PAGE = 4096, WORDS_TRACE_FRAMES = 24 };

void plim__words_prepare(plim__last_words *page)
{
    PLIM_CHECK(page != NULL);
    memset((void *)page, 0, sizeof *page);
    page->version = PLIM__WORDS_VERSION;
    page->magic = PLIM__WORDS_MAGIC;
}

/* What is not printable ASCII or the inside of a UTF-8 character is no text for a log. */
static void words_clean(char *text, size_t cap)
{
    text[cap - 1] = '\0';
    for (char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte < 0x20 || byte == 0x7f)
            *at = '?';
    }
}

static const char *words_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* "app+0x1139": what a symbolizer takes. */
static void words_place(const plim__last_words *copy, uint64_t address, plim__text *out)
{
    for (uint32_t i = 0; i < copy->crash.module_count; i++) {
        const plim__crash_module *module = &copy->crash.modules[i];
        if (address >= module->start && address < module->end) {
            plim__text_format(out, "%s+0x%llx", words_file(module->path),
                              (unsigned long long)(address - module->bias));
            return;
        }
    }
    plim__text_format(out, "0x%llx", (unsigned long long)address);
}

static void words_bound(plim__last_words *copy)
{
    words_clean(copy->text, sizeof copy->text);
    if (copy->crash.frame_count > PLIM__CRASH_FRAMES)
        copy->crash.frame_count = PLIM__CRASH_FRAMES;
    if (copy->crash.module_count > PLIM__CRASH_MODULES)
        copy->crash.module_count = PLIM__CRASH_MODULES;
    for (uint32_t i = 0; i < copy->crash.module_count; i++)
        words_clean(copy->crash.modules[i].path, sizeof copy->crash.modules[i].path);
}

/* The handler's own frames stand before the place of the fault: they are left out. */
static uint32_t words_first_frame(const plim__last_words *copy)
{
    for (uint32_t i = 0; i < copy->crash.frame_count; i++) {
        if (copy->crash.frames[i] == copy->crash.instruction)
            return i;
    }
    return 0;
}

static void words_say(const plim__last_words *copy, plim__words_told *told)
{
    plim__text text;
    const plim__crash_record *crash = &copy->crash;
    plim__text_init(&text, told->sentence, sizeof told->sentence);
    plim__text_format(&text, "%s (%s)", plim__signal_text(crash->signal),
                      plim__signal_name(crash->signal));
    if (plim__signal_has_address(crash->signal)) {
        plim__text_format(&text, " at address 0x%llx", (unsigned long long)crash->address);
        if (crash->address < WORDS_NULL_PAGE && crash->address != crash->instruction)
            plim__text_format(&text, ", a null pointer plus %llu",
                              (unsigned long long)crash->address);
    }
    plim__text_format(&text, ", in ");
    words_place(copy, crash->instruction, &text);
    plim__text_init(&text, told->trace, sizeof told->trace);
    uint32_t first = words_first_frame(copy);
    for (uint32_t i = first; i < crash->frame_count && i < first + WORDS_TRACE_FRAMES; i++) {
        if (i > first)
            plim__text_format(&text, " < ");
        words_place(copy, crash->frames[i], &text);
    }
    told->frame_count = crash->frame_count - first;
    memcpy(told->frames, crash->frames + first, told->frame_count * sizeof told->frames[0]);
}

void plim__words_read(const plim__last_words *page, plim__last_words *copy,
                      plim__words_told *out_told)
{
    PLIM_CHECK(page != NULL && copy != NULL && out_told != NULL);
    memset(out_told, 0, sizeof *out_told);
    memcpy((void *)copy, (const void *)page, sizeof *copy);
    words_bound(copy);
    memcpy(out_told->text, copy->text, sizeof out_told->text);
    if (atomic_load(&copy->crash.state) == PLIM__CRASH_NONE)
        return;
    out_told->is_there = true;
    out_told->signal = copy->crash.signal;
    out_told->address = copy->crash.address;
    out_told->instruction = copy->crash.instruction;
    words_say(copy, out_told);
}
