/* SPDX-License-Identifier: MIT */
/*
 * Cuts: the whole region as it was at one moment. A view needs none for one object; but what holds
 * between objects (a sum, a list) holds only where the program says so. A reader writes a number
 * into the head; the writer, at its next safe point, copies what is in use into memory of its own
 * (sealed, found through /proc/PID/fd) and says the number is done. It gives the copy up at the
 * first safe point after a reader has taken it, or for the next one: never more than one.
 *
 * The writer waits for nobody and does no more than one copy per safe point; the reader waits no
 * longer than it says, and knows from a count whether the program has safe points at all.
 */
#include <plimsoll/region.h>

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "runtime/commit/store.h"
#include "runtime/region/region.h"

enum { CUT_POLL_NS = 200000, CUT_PATH_BYTES = 64 };

/* --- the writer ---------------------------------------------------------------------------- */

static void cut_drop(plim_region *region)
{
    plim__commit(&region->head->cut_descriptor, 0);
    plim__shared_close(&region->cut);
}

void plim__cut_close(plim_region *region)
{
    if (region->cut.memory != NULL)
        cut_drop(region);
}

static void cut_copy(const plim_region *region, unsigned char *to, uint64_t at, uint64_t bytes)
{
    memcpy(to + at, (const unsigned char *)region->head + at, (size_t)bytes);
}

/* All that is in use: the head, each table to its count, values to the end of the last. */
static void cut_fill(const plim_region *region, unsigned char *to)
{
    const plim__region_head *head = region->head;
    uint64_t end = 0;
    for (uint32_t i = 0; i < head->object_top; i++) {
        const plim__object *object = &region->objects[i];
        uint64_t after = object->data + plim__extent_bytes(object->size_bytes);
        if (plim__word_is_live(atomic_load_explicit(&object->word, memory_order_relaxed)) &&
            after > end)
            end = after;
    }
    cut_copy(region, to, head->objects_at, (uint64_t)head->object_top * sizeof(plim__object));
    cut_copy(region, to, head->types_at,
             (uint64_t)plim__types_count(head->types) * sizeof(plim__type_row));
    cut_copy(region, to, head->fields_at, (uint64_t)head->field_count * sizeof(plim__field_row));
    cut_copy(region, to, head->names_at, (uint64_t)head->name_top * sizeof(plim__name_row));
    cut_copy(region, to, head->text_at, head->text_used);
    cut_copy(region, to, head->data_at, end);
    cut_copy(region, to, 0, sizeof *head);
}

bool plim_region_safe_point(plim_region *region)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    plim__region_head *head = region->head;
    plim__put_word(&head->safe_points, head->safe_points + 1);
    uint64_t asked = atomic_load_explicit(&head->cut_asked, memory_order_acquire);
    if (region->cut.memory != NULL && head->cut_taken == head->cut_done)
        cut_drop(region);
    if (asked == head->cut_done)
        return false;
    plim__cut_close(region);
    /* Without memory for it the reader's time runs out: the program has other things to do. */
    if (plim__shared_nameless((size_t)head->total_bytes, &region->cut, NULL) != PLIM_OK)
        return false;
    cut_fill(region, region->cut.memory);
    plim__region_head *copy = region->cut.memory;
    copy->cut_asked = asked;
    plim__commit(&head->cut_descriptor, (uint64_t)region->cut.descriptor);
    plim__commit(&head->cut_done, asked);
    return true;
}

/* --- the reader ---------------------------------------------------------------------------- */

static plim_status cut_no_answer(const plim__region_head *head, uint64_t safe_points,
                                 plim_error *err)
{
    bool has_some = head->safe_points != safe_points;
    plim_status status = plim_error_set(
        err, PLIM_ERR_TIMEOUT,
        has_some ? "the program came to safe points but made no copy: it may lack the memory"
                 : "the program did not come to a safe point");
    plim_error_hint(err, "call plim_region_safe_point() in its loop, or look without a cut");
    return status;
}

/* A copy that was made since `number` was asked for; false if it was given up meanwhile. */
static bool cut_open(const plim__region_head *head, uint64_t number,
                     const plim_allocator *allocator, plim_region_view **out_view)
{
    char path[CUT_PATH_BYTES];
    plim__text text;
    plim__text_init(&text, path, sizeof path);
    plim__text_format(&text, "/proc/%llu/fd/%llu", (unsigned long long)head->writer_pid,
                      (unsigned long long)head->cut_descriptor);
    if (plim_region_view_open(path, allocator, out_view, NULL) != PLIM_OK)
        return false;
    if (plim__region_view_head(*out_view)->cut_asked >= number) {
        plim__region_view_is_cut(*out_view);
        return true;
    }
    plim_region_view_close(out_view);
    return false;
}

/* Asks, waits, opens; asks again where others were quicker. */
static plim_status cut_wait(const char *path, const plim__region_head *head, uint64_t timeout_ns,
                            const plim_allocator *allocator, plim_region_view **out_view,
                            plim_error *err)
{
    uint64_t safe_points = head->safe_points;
    uint64_t number = 0;
    for (uint64_t waited_ns = 0;; waited_ns += CUT_POLL_NS) {
        uint64_t done = atomic_load_explicit(&head->cut_done, memory_order_acquire);
        uint64_t asked = head->cut_asked;
        if (number == 0) {
            number = (asked > done ? asked : done) + 1;
            plim_status status =
                plim__shared_put(path, offsetof(plim__region_head, cut_asked), number, err);
            if (status != PLIM_OK)
                return status;
        } else if (done >= number) {
            if (cut_open(head, number, allocator, out_view)) {
                /* If that fails the copy stays until the next: no harm. */
                plim_status told =
                    plim__shared_put(path, offsetof(plim__region_head, cut_taken), done, NULL);
                (void)told;
                return PLIM_OK;
            }
            number = 0;
        }
        if (waited_ns >= timeout_ns)
            return cut_no_answer(head, safe_points, err);
        plim__shared_pause(CUT_POLL_NS);
    }
}

plim_status plim_region_view_open_cut(const char *path, uint64_t timeout_ns,
                                      const plim_allocator *allocator, plim_region_view **out_view,
                                      plim_error *err)
{
    PLIM_CHECK(path != NULL && out_view != NULL);
    plim_region_view *live = NULL;
    plim_status status = plim_region_view_open(path, allocator, &live, err);
    if (status != PLIM_OK)
        return status;
    const plim__region_head *head = plim__region_view_head(live);
    if (head->writer_pid == 0) { /* at rest: it is its own cut */
        *out_view = live;
        return PLIM_OK;
    }
    status = cut_wait(path, head, timeout_ns, allocator, out_view, err);
    if (status != PLIM_OK)
        plim_error_where(err, "%s", path);
    plim_region_view_close(&live);
    return status;
}
