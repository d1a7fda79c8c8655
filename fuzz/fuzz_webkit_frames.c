/* SPDX-License-Identifier: MIT */
/*
 * The stream of WebKitGTK's binary inspector. Claims: whatever the cuts, the same messages come of
 * it and the same bytes of them; a step takes something of what it was given; what is read as a
 * list of pages has paths of the one form there is and text that may be shown.
 */
#include "input.h"
#include "inspect/webkit/gtk_frames.h"
#include "webkit_page.h"

enum { PAGES = 8, MEMORY_BYTES = 64 << 20 };

/* What came of a stream: a sum over all that was told, in order, texts as bytes. */
typedef struct told {
    uint64_t sum;
    uint64_t count;
    plim_status status;
} told;

static void note(told *all, uint64_t value)
{
    all->sum = (all->sum ^ value) * UINT64_C(0x100000001b3);
    all->count++;
}

static void take_list(const plim__gtk_frames *frames, told *all)
{
    plim__gtk_page pages[PAGES], one[1];
    uint32_t count = 0, first = 0;
    uint64_t connection = 0;
    bool is_little = plim__gtk_frames_is_little(frames);
    char *exact = malloc(frames->list_len + 1); /* its own block: a step beyond its end is seen */
    FUZZ_CLAIM(exact != NULL);
    memcpy(exact, frames->list, frames->list_len);
    plim_status status = plim__gtk_frames_pages(exact, frames->list_len, is_little, pages, PAGES,
                                                &count, &connection, NULL);
    FUZZ_CLAIM(status == PLIM_OK || status == PLIM_ERR_PROTOCOL);
    FUZZ_CLAIM(count <= PAGES && (status == PLIM_OK || count == 0));
    FUZZ_CLAIM(plim__gtk_frames_pages(exact, frames->list_len, is_little, one, 1, &first,
                                      &connection, NULL) == status);
    FUZZ_CLAIM(first == (count > 0));
    for (uint32_t i = 0; i < count; i++) {
        fuzz_webkit_page(&pages[i]);
        FUZZ_CLAIM(pages[i].ids.connection == connection);
        note(all, pages[i].ids.target);
    }
    note(all, status == PLIM_OK);
    free(exact);
}

static void take(const plim__gtk_frames *frames, const plim__gtk_step *step, told *all)
{
    if (step->what != PLIM__GTK_NOTHING && step->what != PLIM__GTK_TEXT)
        note(all, (uint64_t)step->what);
    if (step->what == PLIM__GTK_LIST)
        take_list(frames, all);
    for (size_t i = 0; step->what == PLIM__GTK_TEXT && i < step->text_len; i++) {
        FUZZ_CLAIM(step->text[i] != '\0');
        note(all, frames->ids.connection ^ frames->ids.target ^ (unsigned char)step->text[i]);
    }
}

static told run(const unsigned char *data, size_t size, size_t cut, const plim_allocator *allocator)
{
    plim__gtk_frames frames = {.allocator = allocator};
    told all = {.status = PLIM_OK};
    for (size_t from = 0; from < size && all.status == PLIM_OK; from += cut) {
        size_t len = size - from < cut ? size - from : cut;
        char *piece = malloc(len);
        FUZZ_CLAIM(piece != NULL);
        memcpy(piece, data + from, len);
        for (size_t at = 0; at < len && all.status == PLIM_OK;) {
            plim__gtk_step step;
            all.status = plim__gtk_frames_step(&frames, piece + at, len - at, &step, NULL);
            if (all.status != PLIM_OK)
                break;
            FUZZ_CLAIM(step.used > 0 && step.used <= len - at);
            take(&frames, &step, &all);
            at += step.used;
        }
        free(piece);
    }
    plim__gtk_frames_fini(&frames);
    return all;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    if (plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    told whole = run(data, size, size + 1, allocator);
    told cut = run(data, size, fuzz_cut(size), allocator);
    /* A text that breaks off may have been given in part, and the part depends on the cuts. */
    FUZZ_CLAIM(whole.status == cut.status);
    FUZZ_CLAIM(whole.status != PLIM_OK || (whole.sum == cut.sum && whole.count == cut.count));
    plim_cap_destroy(&cap);
    return 0;
}
