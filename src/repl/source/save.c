/* SPDX-License-Identifier: MIT */
/*
 * Names of a session as JSON, and back. Read as hostile input: a text that is not as expected
 * leaves the source empty. Commits are kept as they were, so that they can be undone one by one.
 */
#include <jansson.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "repl/source/state.h"

enum { SAVED_BYTES_MAX = 1 << 30 }; /* 10,000 entries have 2 MiB */

static json_t *save_name(const plim__name *name)
{
    return json_pack("{s:s%, s:s%, s:s%, s:I, s:I, s:I, s:i, s:i, s:b}", "name", name->name,
                     strlen(name->name), "type", name->type, strlen(name->type), "canonical",
                     name->canonical, strlen(name->canonical), "address", (json_int_t)name->address,
                     "slot", (json_int_t)name->slot, "bytes", (json_int_t)name->bytes, "space",
                     (int)name->space, "kind", (int)name->kind, "declaration",
                     (int)name->is_declaration);
}

static json_t *save_group(const plim__names *names, const plim__name_group *group)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < group->count; i++)
        (void)json_array_append_new(list, save_name(&names->names[group->first + i]));
    json_t *object =
        json_pack("{s:s%, s:i, s:b, s:b, s:o}", "text", group->text, strlen(group->text), "unit",
                  (int)group->unit, "always", (int)group->is_always, "include",
                  (int)group->is_include, "names", list);
    if (object == NULL || json_array_size(list) != group->count) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static int save_take(const char *bytes, size_t count, void *ctx)
{
    plim__grow *text = ctx;
    plim__grow_add(text, bytes, count);
    return text->is_refused ? -1 : 0;
}

plim_status plim__source_save(const plim__source *source, char **out_text, size_t *out_bytes,
                              plim_error *err)
{
    PLIM_CHECK_OBJ(source, PLIM__SOURCE_MAGIC);
    const plim__names *names = &source->names;
    json_t *root = json_array();
    bool is_done = root != NULL;
    for (size_t i = 0; is_done && i < names->commit_count; i++) {
        json_t *groups = json_array();
        size_t end = plim__names_commit_end(names, i);
        for (size_t g = plim__names_commit_begin(names, i); is_done && g < end; g++)
            is_done = json_array_append_new(groups, save_group(names, &names->groups[g])) == 0;
        is_done = is_done && json_array_append(root, groups) == 0;
        json_decref(groups);
    }
    plim__grow text = {.allocator = source->allocator, .bytes_max = SAVED_BYTES_MAX};
    is_done = is_done && json_dump_callback(root, save_take, &text, JSON_COMPACT) == 0;
    json_decref(root);
    char *copy = is_done ? plim__array_new(source->allocator, text.count + 1, 1) : NULL;
    size_t bytes = text.count;
    if (copy != NULL)
        memcpy(copy, text.bytes, bytes + 1);
    plim__grow_fini(&text);
    if (copy == NULL)
        return plim__no_memory(err, "a session's names");
    *out_text = copy;
    *out_bytes = bytes;
    return PLIM_OK;
}

void plim__source_text_free(plim__source *source, char **text, size_t bytes)
{
    if (text == NULL || *text == NULL)
        return;
    plim__array_free(source->allocator, *text, bytes + 1, 1);
    *text = NULL;
}

/* --- reading -------------------------------------------------------------------------------- */

static const char *restore_string(const json_t *object, const char *key, bool *is_good)
{
    const char *text = json_string_value(json_object_get(object, key));
    *is_good = *is_good && text != NULL;
    return text != NULL ? text : "";
}

static uint64_t restore_number(const json_t *object, const char *key, json_int_t most,
                               bool *is_good)
{
    const json_t *number = json_object_get(object, key);
    json_int_t value = json_integer_value(number);
    *is_good = *is_good && json_is_integer(number) && value >= 0 && value <= most;
    return *is_good ? (uint64_t)value : 0;
}

static bool restore_group(const json_t *object, plim__names_new *news, size_t name_max)
{
    bool is_good = true;
    const json_t *list = json_object_get(object, "names");
    plim__name_group *group = &news->groups[news->group_count];
    *group = (plim__name_group){
        .text = restore_string(object, "text", &is_good),
        .unit = (uint32_t)restore_number(object, "unit", UINT32_MAX, &is_good),
        .is_always = json_is_true(json_object_get(object, "always")),
        .is_include = json_is_true(json_object_get(object, "include")),
        .first = (uint32_t)news->name_count,
        .count = (uint32_t)json_array_size(list),
    };
    for (size_t i = 0; is_good && i < json_array_size(list); i++) {
        const json_t *name = json_array_get(list, i);
        if (news->name_count == name_max)
            return false;
        news->names[news->name_count++] = (plim__name){
            .name = restore_string(name, "name", &is_good),
            .type = restore_string(name, "type", &is_good),
            .canonical = restore_string(name, "canonical", &is_good),
            .address = restore_number(name, "address", INT64_MAX, &is_good),
            .slot = restore_number(name, "slot", INT64_MAX, &is_good),
            .bytes = restore_number(name, "bytes", INT64_MAX, &is_good),
            .group = (uint32_t)news->group_count,
            .space = (plim__name_space)restore_number(name, "space", PLIM__SPACES - 1, &is_good),
            .kind = (plim__symbol_kind)restore_number(name, "kind", PLIM__SYMBOL_INCLUDE, &is_good),
            .is_declaration = json_is_true(json_object_get(name, "declaration")),
        };
    }
    news->group_count++;
    return is_good;
}

static plim_status restore_commit(plim__source *source, const json_t *groups, plim_error *err)
{
    plim__arena arena = {.allocator = source->allocator};
    plim__names_new news = {0};
    size_t count = json_array_size(groups), names = 0;
    for (size_t i = 0; i < count; i++)
        names += json_array_size(json_object_get(json_array_get(groups, i), "names"));
    news.groups = plim__arena_take(&arena, (count + 1) * sizeof *news.groups);
    news.names = plim__arena_take(&arena, (names + 1) * sizeof *news.names);
    plim_status status = news.groups != NULL && news.names != NULL
                             ? PLIM_OK
                             : plim__no_memory(err, "a session's names");
    for (size_t i = 0; status == PLIM_OK && i < count; i++)
        if (!restore_group(json_array_get(groups, i), &news, names))
            status = plim_error_set(err, PLIM_ERR_DAMAGED,
                                    "the session's names contradict "
                                    "themselves");
    if (status == PLIM_OK)
        status = plim__names_take(&source->names, &news, count > 0 ? news.groups[0].unit : 0, err);
    plim__arena_fini(&arena);
    return status;
}

plim_status plim__source_restore(plim__source *source, const char *text, size_t bytes,
                                 plim_error *err)
{
    PLIM_CHECK_OBJ(source, PLIM__SOURCE_MAGIC);
    PLIM_CHECK(source->names.commit_count == 0);
    json_error_t fault;
    json_t *root = json_loadb(text, bytes, 0, &fault);
    if (!json_is_array(root)) {
        json_decref(root);
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the session's names are no list: %.100s",
                              fault.text);
    }
    plim_status status = PLIM_OK;
    for (size_t i = 0; status == PLIM_OK && i < json_array_size(root); i++)
        status = restore_commit(source, json_array_get(root, i), err);
    json_decref(root);
    if (status != PLIM_OK)
        (void)plim__names_undo(&source->names, source->names.commit_count, NULL);
    source->version++;
    plim__source_tend_prelude(source);
    return status;
}
