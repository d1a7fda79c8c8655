/* SPDX-License-Identifier: MIT */
/**
 * @file gtk_frames.h
 * @brief WebKitGTK's binary inspector protocol (WEBKIT_INSPECTOR_SERVER): messages from bytes, and
 *        bytes of messages. No connection is known here.
 *
 * A message: its body's length (4 bytes, big-endian), a byte of flags (1: what follows is
 * little-endian), and the body: a name, NUL, and a GVariant whose type the name says. Three matter:
 *   SendMessageToFrontend (tts)       a message of a page, JSON, hundreds of megabytes at times
 *   SetTargetList (ta(tsssb))         the pages of one of the server's own connections
 *   DidSetupInspectorClient (ay)      71 KB of JavaScript for other clients than ours
 * The first is given out in pieces as it comes, which is why this is no case for GLib: its GVariant
 * wants the whole message in memory. The list is held (PLIM__GTK_LIST_BYTES_MAX).
 * Thread-safety: one thread.
 */
#ifndef PLIM_INSPECT_WEBKIT_GTK_FRAMES_H
#define PLIM_INSPECT_WEBKIT_GTK_FRAMES_H
#include "inspect/webkit/gtk.h"

enum {
    PLIM__GTK_LIST_BYTES_MAX = 4 << 20, /**< of one list: 256 pages, URLs of 16 KB */
    PLIM__GTK_NAME_BYTES = 64,          /**< the longest name seen has 25 */
    PLIM__GTK_IDS_BYTES = 16
};

/** What a piece of the stream was. */
typedef enum plim__gtk_what {
    PLIM__GTK_NOTHING,  /**< bytes that mean nothing yet, or nothing to us */
    PLIM__GTK_WELCOME,  /**< DidSetupInspectorClient is over */
    PLIM__GTK_LIST,     /**< frames->list[0 .. list_len) is one, until the next step */
    PLIM__GTK_TEXT,     /**< text[0 .. text_len) of the message of frames->ids */
    PLIM__GTK_TEXT_END, /**< that message is over */
} plim__gtk_what;

/** One step through the stream. */
typedef struct plim__gtk_step {
    plim__gtk_what what;
    size_t used; /**< bytes of the input; 0 only where there was none */
    const char *text;
    size_t text_len;
} plim__gtk_step;

/** A reader. All zero but the allocator is one at the beginning of a stream. */
typedef struct plim__gtk_frames {
    const plim_allocator *allocator;
    unsigned char head[5]; /**< length and flags */
    size_t head_len;
    uint64_t left; /**< bytes of the body still to come */
    char name[PLIM__GTK_NAME_BYTES];
    size_t name_len;
    bool is_named;
    unsigned char ids_bytes[PLIM__GTK_IDS_BYTES];
    size_t ids_len;
    plim__gtk_ids ids; /**< of the message under way */
    char *list;
    size_t list_len;
    size_t list_cap;
} plim__gtk_frames;

/** The next of `len` bytes. PLIM_ERR_PROTOCOL, _LIMIT, _NO_MEMORY: the stream is at its end. */
PLIM_NODISCARD plim_status plim__gtk_frames_step(plim__gtk_frames *frames, const char *data,
                                                 size_t len, plim__gtk_step *out_step,
                                                 plim_error *err);

/** Whether the list that was just given is little-endian. */
bool plim__gtk_frames_is_little(const plim__gtk_frames *frames);

/** Frees. */
void plim__gtk_frames_fini(plim__gtk_frames *frames);

/**
 * Reads a list, `(ta(tsssb))`: at most `cap` pages, *out_count of them, each with the path that
 * WEBKIT_INSPECTOR_HTTP_SERVER would give it; *out_connection is whose they are. What is no
 * GVariant in normal form is PLIM_ERR_PROTOCOL, and nothing is given.
 */
PLIM_NODISCARD plim_status plim__gtk_frames_pages(const char *list, size_t len, bool is_little,
                                                  plim__gtk_page *out_pages, uint32_t cap,
                                                  uint32_t *out_count, uint64_t *out_connection,
                                                  plim_error *err);

/** How a message begins whose body has `body_len` bytes behind its name; the bytes of it. */
size_t plim__gtk_frames_head(const char *name, size_t body_len, char *out,
                             size_t cap /* >= 5 + PLIM__GTK_NAME_BYTES */);

/** (tt), in our byte order. */
void plim__gtk_frames_ids(plim__gtk_ids ids, char out[PLIM__GTK_IDS_BYTES]);

#endif
