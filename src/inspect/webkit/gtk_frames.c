/* SPDX-License-Identifier: MIT */
/*
 * GVariant's rules as far as these three types need them (the specification of GLib 2.74):
 *   - a t stands at a multiple of 8, counted from the beginning of its container; padding is 0;
 *   - a string ends with a NUL and has no other;
 *   - in a tuple each member of no fixed size but the last has the place of its end written at the
 *     end of the tuple, the first one's last; in an array each element has, in their order;
 *   - such an offset has 1, 2, 4 or 8 bytes, the fewest that the container's own size needs, and is
 *     little-endian, whatever the values are.
 * An array is the last member here, so its end is the end of all.
 * Invariants: F1 left counts what of the body has not been stepped over. F2 nothing is read behind
 * what an offset allows, and an offset never lies behind the one before it by less than a string.
 */
#include "inspect/webkit/gtk_frames.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/probe.h"

enum {
    FRAMES_LITTLE = 1,
    FRAMES_WORD = 8,
    FRAMES_STRINGS = 3,           /* of a page: type, name, URL */
    FRAMES_PIECE_BYTES = 16 << 10 /* so that a pause is heeded soon */
};

static const char frames_text[] = "SendMessageToFrontend";
static const char frames_list[] = "SetTargetList";
static const char frames_welcome[] = "DidSetupInspectorClient";

static plim_status frames_no_protocol(const char *why, plim_error *err)
{
    return plim_error_set(err, PLIM_ERR_PROTOCOL, "no message of WebKit's inspector: %s", why);
}

static uint64_t frames_number(const char *at, size_t bytes, bool is_little)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | (unsigned char)at[is_little ? bytes - 1 - i : i];
    return value;
}

bool plim__gtk_frames_is_little(const plim__gtk_frames *frames)
{
    return (frames->head[4] & FRAMES_LITTLE) != 0;
}

/* ---- the stream ------------------------------------------------------------------------------ */

static plim_status frames_take_head(plim__gtk_frames *frames, const char *data, size_t len,
                                    plim__gtk_step *step, plim_error *err)
{
    size_t missing = sizeof frames->head - frames->head_len;
    step->used = len < missing ? len : missing;
    memcpy(frames->head + frames->head_len, data, step->used);
    frames->head_len += step->used;
    if (frames->head_len < sizeof frames->head)
        return PLIM_OK;
    frames->left = frames_number((const char *)frames->head, 4, false);
    frames->name_len = frames->ids_len = frames->list_len = 0;
    frames->is_named = false;
    return frames->left > 0 ? PLIM_OK : frames_no_protocol("it has no body", err);
}

static plim_status frames_take_name(plim__gtk_frames *frames, const char *data, size_t len,
                                    plim__gtk_step *step, plim_error *err)
{
    const char *end = memchr(data, '\0', len);
    size_t part = end != NULL ? (size_t)(end - data) : len;
    if (part >= sizeof frames->name - frames->name_len)
        return frames_no_protocol("its name is too long", err);
    memcpy(frames->name + frames->name_len, data, part);
    frames->name_len += part;
    frames->name[frames->name_len] = '\0';
    frames->is_named = end != NULL;
    step->used = part + (end != NULL);
    frames->left -= step->used;
    if (frames->left == 0 && !frames->is_named)
        return frames_no_protocol("its name has no end", err);
    if (frames->is_named && strcmp(frames->name, frames_text) == 0 &&
        frames->left <= PLIM__GTK_IDS_BYTES)
        return frames_no_protocol("a page's message is too short", err);
    return PLIM_OK;
}

/* Of (tts): the two numbers, the text, its NUL. */
static plim_status frames_take_text(plim__gtk_frames *frames, const char *data, size_t len,
                                    plim__gtk_step *step, plim_error *err)
{
    if (frames->ids_len < PLIM__GTK_IDS_BYTES) {
        size_t missing = PLIM__GTK_IDS_BYTES - frames->ids_len;
        step->used = len < missing ? len : missing;
        memcpy(frames->ids_bytes + frames->ids_len, data, step->used);
        frames->ids_len += step->used;
        const char *ids = (const char *)frames->ids_bytes;
        bool is_little = plim__gtk_frames_is_little(frames);
        frames->ids = (plim__gtk_ids){frames_number(ids, FRAMES_WORD, is_little),
                                      frames_number(ids + FRAMES_WORD, FRAMES_WORD, is_little)};
    } else if (frames->left > 1) {
        size_t most = frames->left - 1 < len ? (size_t)frames->left - 1 : len;
        *step = (plim__gtk_step){PLIM__GTK_TEXT, most, data, most};
        if (memchr(data, '\0', most) != NULL)
            return frames_no_protocol("there is a NUL in a text", err);
    } else {
        *step = (plim__gtk_step){.what = PLIM__GTK_TEXT_END, .used = 1};
        if (data[0] != '\0')
            return frames_no_protocol("a text does not end", err);
    }
    frames->left -= step->used;
    return PLIM_OK;
}

static plim_status frames_take_list(plim__gtk_frames *frames, const char *data, size_t len,
                                    plim__gtk_step *step, plim_error *err)
{
    size_t whole = frames->list_len + (size_t)frames->left;
    if (frames->left > PLIM__GTK_LIST_BYTES_MAX || whole > PLIM__GTK_LIST_BYTES_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "a list of pages of %" PRIu64 " bytes",
                              frames->left);
    if (whole > frames->list_cap) {
        char *list =
            plim__array_resize(frames->allocator, frames->list, frames->list_cap, whole, 1);
        if (list == NULL)
            return plim__no_memory(err, "a list of pages");
        frames->list = list;
        frames->list_cap = whole;
    }
    memcpy(frames->list + frames->list_len, data, len);
    frames->list_len += len;
    frames->left -= len;
    step->used = len;
    if (frames->left == 0)
        step->what = PLIM__GTK_LIST;
    return PLIM_OK;
}

/* What is no text and no list passes by. */
static void frames_pass(plim__gtk_frames *frames, size_t len, plim__gtk_step *step)
{
    frames->left -= len;
    step->used = len;
    if (frames->left == 0 && strcmp(frames->name, frames_welcome) == 0)
        step->what = PLIM__GTK_WELCOME;
}

plim_status plim__gtk_frames_step(plim__gtk_frames *frames, const char *data, size_t len,
                                  plim__gtk_step *out_step, plim_error *err)
{
    PLIM_CHECK(frames != NULL && out_step != NULL);
    PLIM_CHECK(frames->allocator != NULL);
    plim_status status = PLIM_OK;
    *out_step = (plim__gtk_step){0};
    if (len == 0)
        return PLIM_OK;
    if (frames->head_len < sizeof frames->head)
        return frames_take_head(frames, data, len, out_step, err);
    size_t most = len < FRAMES_PIECE_BYTES ? len : FRAMES_PIECE_BYTES;
    most = frames->left < most ? (size_t)frames->left : most; /* F1 */
    if (!frames->is_named)
        status = frames_take_name(frames, data, most, out_step, err);
    else if (strcmp(frames->name, frames_text) == 0)
        status = frames_take_text(frames, data, most, out_step, err);
    else if (strcmp(frames->name, frames_list) == 0)
        status = frames_take_list(frames, data, most, out_step, err);
    else
        frames_pass(frames, most, out_step);
    if (status == PLIM_OK && frames->left == 0)
        frames->head_len = 0;
    return status;
}

void plim__gtk_frames_fini(plim__gtk_frames *frames)
{
    plim__array_free(frames->allocator, frames->list, frames->list_cap, 1);
    *frames = (plim__gtk_frames){.allocator = frames->allocator};
}

/* ---- a list ---------------------------------------------------------------------------------- */

/* How many bytes the offsets of a container of this size have. */
static size_t frames_offset_bytes(size_t size)
{
    if (size <= UINT8_MAX)
        return 1;
    if (size <= UINT16_MAX)
        return 2;
    return size <= UINT32_MAX ? 4 : 8;
}

/* A string in at[from, end) with its NUL; NULL if it is none. */
static const char *frames_string(const char *at, size_t from, size_t end)
{
    if (end <= from || memchr(at + from, '\0', end - from) != at + end - 1)
        return NULL;
    return at + from;
}

/* (tsssb). False: it is none in normal form. What is no page of the form we know has no path. */
static bool frames_page(const char *at, size_t size, bool is_little, uint64_t connection,
                        plim__gtk_page *out_page)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *strings[FRAMES_STRINGS];
    size_t width = frames_offset_bytes(size);
    size_t from = FRAMES_WORD;
    if (size < FRAMES_WORD + FRAMES_STRINGS + 1 + FRAMES_STRINGS * width)
        return false;
    size_t limit = size - FRAMES_STRINGS * width; /* where the offsets begin */
    for (size_t i = 0; i < FRAMES_STRINGS; i++) {
        uint64_t end = frames_number(at + size - (i + 1) * width, width, true);
        if (end > limit || (strings[i] = frames_string(at, from, (size_t)end)) == NULL) /* F2 */
            return false;
        from = (size_t)end;
    }
    if (from + 1 != limit || (unsigned char)at[from] > 1)
        return false;
    uint64_t target = frames_number(at, FRAMES_WORD, is_little);
    size_t len = strlen(strings[0]);
    *out_page = (plim__gtk_page){.ids = {connection, target}};
    int path = snprintf(out_page->path, sizeof out_page->path, "/socket/%" PRIu64 "/%" PRIu64 "/%s",
                        connection, target, strings[0]);
    if (len == 0 || strspn(strings[0], letters) != len || path < 0 ||
        (size_t)path >= sizeof out_page->path)
        out_page->path[0] = '\0';
    plim__probe_copy_text(out_page->title, sizeof out_page->title, strings[1]);
    plim__probe_copy_text(out_page->url, sizeof out_page->url, strings[2]);
    return true;
}

/* Where the element that begins behind `end` does; false if what lies between is no padding. */
static bool frames_align(const char *at, size_t end, size_t limit, size_t *out_from)
{
    size_t from = (end + FRAMES_WORD - 1) / FRAMES_WORD * FRAMES_WORD;
    if (from > limit)
        return false;
    for (size_t i = end; i < from; i++) {
        if (at[i] != '\0')
            return false;
    }
    *out_from = from;
    return true;
}

/* a(tsssb): gives those that are pages. False: it is none in normal form. */
static bool frames_array(const char *at, size_t size, bool is_little, uint64_t connection,
                         plim__gtk_page *out_pages, uint32_t cap, uint32_t *out_count)
{
    *out_count = 0;
    if (size == 0)
        return true;
    size_t width = frames_offset_bytes(size);
    if (size < width)
        return false;
    uint64_t limit = frames_number(at + size - width, width, true); /* of the last one's end */
    if (limit > size - width || (size - limit) % width != 0)
        return false;
    size_t end = 0;
    for (size_t place = (size_t)limit; place < size; place += width) {
        plim__gtk_page page;
        size_t from;
        uint64_t next = frames_number(at + place, width, true);
        if (!frames_align(at, end, (size_t)limit, &from) || next < from || next > limit ||
            !frames_page(at + from, (size_t)next - from, is_little, connection, &page))
            return false;
        end = (size_t)next;
        if (page.path[0] != '\0' && *out_count < cap)
            out_pages[(*out_count)++] = page;
    }
    return true;
}

plim_status plim__gtk_frames_pages(const char *list, size_t len, bool is_little,
                                   plim__gtk_page *out_pages, uint32_t cap, uint32_t *out_count,
                                   uint64_t *out_connection, plim_error *err)
{
    PLIM_CHECK(list != NULL && out_pages != NULL && out_count != NULL && out_connection != NULL);
    uint64_t connection = len >= FRAMES_WORD ? frames_number(list, FRAMES_WORD, is_little) : 0;
    uint32_t count = 0;
    if (len < FRAMES_WORD || !frames_array(list + FRAMES_WORD, len - FRAMES_WORD, is_little,
                                           connection, out_pages, cap, &count))
        return frames_no_protocol("a list of pages is no such list", err);
    *out_count = count;
    *out_connection = connection;
    return PLIM_OK;
}

/* ---- out ------------------------------------------------------------------------------------- */

size_t plim__gtk_frames_head(const char *name, size_t body_len, char *out, size_t cap)
{
    size_t name_bytes = strlen(name) + 1;
    PLIM_CHECK(name_bytes <= PLIM__GTK_NAME_BYTES && cap >= 5 + name_bytes);
    PLIM_CHECK(body_len <= UINT32_MAX - name_bytes);
    uint32_t size = (uint32_t)(name_bytes + body_len);
    for (size_t i = 0; i < 4; i++)
        out[i] = (char)(unsigned char)(size >> (24 - 8 * i));
    out[4] = FRAMES_LITTLE;
    memcpy(out + 5, name, name_bytes);
    return 5 + name_bytes;
}

void plim__gtk_frames_ids(plim__gtk_ids ids, char out[PLIM__GTK_IDS_BYTES])
{
    for (size_t i = 0; i < FRAMES_WORD; i++) {
        out[i] = (char)(unsigned char)(ids.connection >> (8 * i));
        out[FRAMES_WORD + i] = (char)(unsigned char)(ids.target >> (8 * i));
    }
}
