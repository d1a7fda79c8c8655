/* SPDX-License-Identifier: MIT */
/**
 * @file formats.h
 * @brief Heap snapshots of any engine into the one graph.
 *
 * What an engine does not write is not in the graph: JavaScriptCore's snapshots have no text of
 * strings, Firefox's no text of strings and no places in scripts. What it writes differently is
 * made alike where that is sure: names of classes, types of nodes and edges.
 * @see docs/internals/other-snapshots.md
 */
#ifndef PLIM_FORMATS_H
#define PLIM_FORMATS_H
#include <plimsoll/graph.h>
PLIM_DECLS_BEGIN

/** Which engine's. */
typedef enum plim_format {
    PLIM_FORMAT_UNKNOWN = 0,
    PLIM_FORMAT_V8,     /**< .heapsnapshot, .heaptimeline: Node, Chrome, Deno, workerd; Bun's too */
    PLIM_FORMAT_JSC,    /**< JavaScriptCore's JSON, versions 1 to 3: Safari, WebKitGTK, Bun */
    PLIM_FORMAT_FIREFOX /**< .fxsnapshot: a gzip of protobuf messages; here without the gzip */
} plim_format;

enum { PLIM_FORMAT_LOOK_BYTES = 64 /**< of a beginning are enough to tell */ };

/**
 * @brief     Tells a snapshot by its first bytes, decompressed.
 * @param[in] bytes  the beginning; may be NULL if size_bytes is 0.
 * @param[in] size_bytes  of it, PLIM_FORMAT_LOOK_BYTES or what there is.
 * @return    UNKNOWN where it is none of these.
 * @note      Threads: any.
 */
PLIM_API plim_format plim_format_guess(const void *bytes, size_t size_bytes);

/**
 * @brief     The word for a format ("v8", "jsc", "firefox", "unknown").
 * @param[in] format  any.
 * @return    static storage, never NULL.
 * @note      Threads: any.
 */
PLIM_API const char *plim_format_name(plim_format format);

/**
 * @brief         Reads a snapshot of any format, told by its first bytes.
 * @param[in]     source      decompressed (codec.h). Read to its end.
 * @param[in]     options     NULL: defaults.
 * @param[out]    out_graph   set only on PLIM_OK; ended by plim_graph_destroy().
 * @param[out]    out_format  may be NULL; set as soon as it is told.
 * @param[in,out] err         may be NULL.
 * @retval PLIM_ERR_DAMAGED   none of the formats, or one that contradicts itself.
 * @retval PLIM_ERR_UNSUPPORTED  a version of one that is not known.
 * @retval PLIM_ERR_TRUNCATED, PLIM_ERR_LIMIT, PLIM_ERR_NO_MEMORY, PLIM_ERR_INTERRUPTED as
 *         plim_graph_read_v8() has them.
 * @note          Threads: any; one at a time per source.
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_read(plim_source source,
                                                    const plim_read_options *options,
                                                    plim_graph **out_graph, plim_format *out_format,
                                                    plim_error *err);

/**
 * @brief         Reads a snapshot of JavaScriptCore, type Inspector or GCDebugging.
 * @param[in]     source     JSON text, read to its end.
 * @param[in]     options    NULL: defaults.
 * @param[out]    out_graph  set only on PLIM_OK. Ids are the engine's: stable while one connection
 *                           to it lives.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_UNSUPPORTED  a version above 3.
 * @retval PLIM_ERR_DAMAGED, PLIM_ERR_TRUNCATED, PLIM_ERR_LIMIT, PLIM_ERR_NO_MEMORY,
 *         PLIM_ERR_INTERRUPTED as plim_graph_read_v8() has them.
 * @note          Threads: any; one at a time per source.
 * @see           WebKit, Source/JavaScriptCore/heap/HeapSnapshotBuilder.cpp
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_read_jsc(plim_source source,
                                                        const plim_read_options *options,
                                                        plim_graph **out_graph, plim_error *err);

/**
 * @brief         Reads a snapshot of Firefox.
 * @param[in]     source     what is inside the gzip, read to its end.
 * @param[in]     options    NULL: defaults.
 * @param[out]    out_graph  set only on PLIM_OK. Ids are addresses: they compare with no other
 *                           snapshot's, and pass 32 bits.
 * @param[in,out] err        may be NULL.
 * @retval PLIM_ERR_DAMAGED, PLIM_ERR_TRUNCATED, PLIM_ERR_LIMIT, PLIM_ERR_NO_MEMORY,
 *         PLIM_ERR_INTERRUPTED as plim_graph_read_v8() has them.
 * @note          Threads: any; one at a time per source.
 * @see           Firefox, devtools/shared/heapsnapshot/CoreDump.proto
 */
PLIM_API PLIM_NODISCARD plim_status plim_graph_read_firefox(plim_source source,
                                                            const plim_read_options *options,
                                                            plim_graph **out_graph,
                                                            plim_error *err);

PLIM_DECLS_END
#endif
