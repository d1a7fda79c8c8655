/* SPDX-License-Identifier: MIT */
#include "heap/formats/jsc_check.h"

#include <inttypes.h>

#include "base/assert.h"
#include "heap/formats/json.h"

enum {
    CHECK_NODE_FIELDS = 4,
    CHECK_NODE_FIELDS_DEBUG = 7,
    CHECK_EDGE_FIELDS = 4,
    CHECK_VERSION_MAX = 3
};

typedef struct check_state {
    plim__json json;
    plim__jsc_counts *counts;
    uint64_t newer_than;
    unsigned node_fields;
    bool has_nodes, has_edges;
} check_state;

static bool check_fault(check_state *check, const char *what)
{
    (void)plim__pull_fail(&check->json.pull, PLIM_ERR_DAMAGED, "%s", what);
    return false;
}

static void check_node(check_state *check, const uint64_t *row)
{
    plim__jsc_counts *counts = check->counts;
    counts->node_count++;
    if (row[0] > counts->highest_id)
        counts->highest_id = row[0];
    if (row[0] <= check->newer_than)
        return;
    counts->newer_count++;
    counts->newer_bytes += row[1] < UINT64_MAX - counts->newer_bytes ? row[1] : 0;
}

static bool check_rows(check_state *check, bool *seen, unsigned fields, bool are_nodes)
{
    uint64_t row[CHECK_NODE_FIELDS_DEBUG];
    plim__json_value value;
    unsigned at = 0;
    if (*seen)
        return check_fault(check, "`nodes` or `edges` stands twice");
    *seen = true;
    if (!plim__json_open(&check->json, '['))
        return false;
    while (plim__json_next(&check->json, &value)) {
        row[at++] = value.is_text ? 0 : value.number; /* addresses of GCDebugging are texts */
        if (at < fields)
            continue;
        at = 0;
        if (are_nodes)
            check_node(check, row);
        else
            check->counts->edge_count++;
    }
    if (check->json.pull.status != PLIM_OK)
        return false;
    return at == 0 || check_fault(check, "the last row is not whole");
}

static bool check_is(plim_text key, const char *name)
{
    return key.size_bytes == strlen(name) && memcmp(key.data, name, key.size_bytes) == 0;
}

static bool check_version(check_state *check)
{
    uint64_t version;
    if (!plim__json_number(&check->json, &version))
        return false;
    if (version >= 1 && version <= CHECK_VERSION_MAX)
        return true;
    (void)plim__pull_fail(&check->json.pull, PLIM_ERR_UNSUPPORTED,
                          "version %" PRIu64 " of JavaScriptCore's snapshots; 1 to 3 are known",
                          version);
    return false;
}

static bool check_type(check_state *check)
{
    plim_text type;
    if (!plim__json_text(&check->json, &type))
        return false;
    if (check_is(type, "GCDebugging"))
        check->node_fields = CHECK_NODE_FIELDS_DEBUG;
    else if (!check_is(type, "Inspector"))
        return check_fault(check, "a snapshot whose type is neither Inspector nor GCDebugging");
    return !check->has_nodes || check_fault(check, "`type` stands behind `nodes`");
}

static bool check_section(check_state *check, plim_text key)
{
    if (check_is(key, "nodes"))
        return check_rows(check, &check->has_nodes, check->node_fields, true);
    if (check_is(key, "edges"))
        return check_rows(check, &check->has_edges, CHECK_EDGE_FIELDS, false);
    if (check_is(key, "version"))
        return check_version(check);
    if (check_is(key, "type"))
        return check_type(check);
    return plim__json_skip(&check->json);
}

static bool check_document(check_state *check)
{
    plim_text key;
    if (!plim__json_open(&check->json, '{'))
        return false;
    while (plim__json_key(&check->json, &key))
        if (!check_section(check, key))
            return false;
    if (!plim__json_finish(&check->json))
        return false;
    if (!check->has_nodes || !check->has_edges)
        return check_fault(check, "the snapshot has no nodes or no edges");
    return true;
}

plim_status plim__jsc_check(plim_source source, uint64_t newer_than,
                            const plim_allocator *allocator, plim__jsc_counts *out_counts,
                            plim_error *err)
{
    PLIM_CHECK(source.read != NULL && out_counts != NULL);
    *out_counts = (plim__jsc_counts){0};
    check_state check = {
        .counts = out_counts, .newer_than = newer_than, .node_fields = CHECK_NODE_FIELDS};
    plim_error own = {0}; /* the pull keeps its failure in an error that is always there */
    plim_status status = PLIM_OK;
    if (!plim__json_init(&check.json, source, (plim_progress){0}, allocator,
                         err != NULL ? err : &own))
        status = plim__no_memory(err, "a snapshot");
    else if (!check_document(&check))
        status = check.json.pull.status;
    plim__json_fini(&check.json);
    return status;
}
