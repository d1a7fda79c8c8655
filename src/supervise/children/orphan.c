/* SPDX-License-Identifier: MIT */
/*
 * Descendants that outlive their parent and have left its group. As "child subreaper" we become
 * their parent, see them, and wait for them; to know whose they were, each start puts a variable
 * into its environment that descendants inherit. Who has cleared his environment is kept until the
 * end of the whole: better a stray process than one killed that belongs to a child that lives.
 */
#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"
#include "platform/process.h"
#include "supervise/children/parts.h"

void plim__orphan_mark(const plim_supervisor *supervisor, uint32_t node, char *out_text, size_t cap)
{
    plim__text text;
    plim__text_init(&text, out_text, cap);
    plim__text_format(&text, "PLIM_CHILD=%lld.%u.%llu", (long long)plim__process_self(), node,
                      (unsigned long long)supervisor->slots[node].starts);
}

/* Digits at *at, which moves past them. */
static bool orphan_number(const char **at, const char *end, uint64_t *out)
{
    const char *from = *at;
    uint64_t number = 0;
    while (*at < end && **at >= '0' && **at <= '9' && *at - from < 19)
        number = number * 10 + (uint64_t)(*(*at)++ - '0');
    *out = number;
    return *at > from;
}

/* Whether the child that left this orphan behind is gone. */
static bool orphan_is_left(const plim_supervisor *supervisor, int64_t pid)
{
    char mark[32];
    plim__text text;
    plim__text_init(&text, mark, sizeof(mark));
    plim__text_format(&text, "PLIM_CHILD=%lld.", (long long)plim__process_self());
    size_t length = 0;
    if (plim__process_environment(pid, supervisor->orphan, PLIM_COMMAND_BYTES_MAX, &length) !=
        PLIM_OK)
        return false;
    const char *end = supervisor->orphan + length;
    for (const char *at = supervisor->orphan; at < end; at++) {
        size_t matched = 0;
        while (matched < text.length && at + matched < end && at[matched] == mark[matched])
            matched++;
        if (matched == text.length) {
            const char *rest = at + matched;
            uint64_t node = 0, start = 0;
            if (!orphan_number(&rest, end, &node) || rest >= end || *rest++ != '.' ||
                !orphan_number(&rest, end, &start) || node >= supervisor->slot_count)
                return false;
            const child_slot *slot = &supervisor->slots[node];
            return slot->pidfd < 0 || slot->starts != start;
        }
        while (at < end && *at != '\0')
            at++;
    }
    return false;
}

static bool orphan_is_ours(const plim_supervisor *supervisor, int64_t pid)
{
    for (uint32_t i = 0; i < supervisor->slot_count; i++) {
        if (supervisor->slots[i].pid == pid && supervisor->slots[i].pidfd >= 0)
            return true;
    }
    return false;
}

static bool orphan_is_kept(void *ctx, int64_t pid, bool has_ended)
{
    const plim_supervisor *supervisor = ctx;
    if (orphan_is_ours(supervisor, pid))
        return true;
    return !has_ended && !orphan_is_left(supervisor, pid);
}

static bool orphan_is_kept_at_end(void *ctx, int64_t pid, bool has_ended)
{
    (void)has_ended;
    return orphan_is_ours(ctx, pid);
}

void plim__orphans_sweep(plim_supervisor *supervisor, bool all)
{
    PLIM_CHECK(supervisor->is_reaper && supervisor->orphan != NULL);
    if (all)
        plim__reaper_end(orphan_is_kept_at_end, supervisor);
    else
        (void)plim__reaper_sweep(orphan_is_kept, supervisor);
}
