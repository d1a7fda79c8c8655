/* SPDX-License-Identifier: MIT */
/*
 * Class names (rule 8): what DevTools calls the class of each node that is not a plain object. The
 * names of objects and native nodes are their own, by string index; `<div id="a">` becomes `<div>`,
 * and these are equal by content. All others are named by their type.
 * A name is a string index of the graph, or, from string_count on, one that was added here: even
 * where its text is also a string of the graph, which is a different class to DevTools.
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

enum { TYPE_COUNT = PLIM_NODE_OTHER + 1 };

typedef struct class_name_maker {
    plim__analysis_work *work;
    plim__text_table texts; /* of names added here */
    uint32_t *names;        /* per text: the name */
    uint32_t capacity;
    uint32_t by_type[TYPE_COUNT]; /* PLIM_NONE: by the node's own name */
    uint32_t *tag_name[2];        /* per string, plain and detached: PLIM_NONE while unseen; NULL
                                     while none is */
} class_name_maker;

/* The name of a text among those added here; the text must stay. PLIM_NONE: no memory. */
static uint32_t class_name_add(class_name_maker *maker, plim_text text)
{
    uint32_t number = plim__text_table_add(&maker->texts, text);
    if (number == PLIM_NONE)
        return PLIM_NONE;
    if (number < maker->capacity && maker->names[number] != PLIM_NONE)
        return maker->names[number];
    if (number >= maker->capacity) {
        uint32_t wanted = maker->capacity == 0 ? 32 : maker->capacity * 2;
        uint32_t *grown = plim__array_resize(maker->work->allocator, maker->names, maker->capacity,
                                             wanted, sizeof *grown);
        if (grown == NULL)
            return PLIM_NONE;
        memset(grown + maker->capacity, 0xff, (size_t)(wanted - maker->capacity) * sizeof *grown);
        maker->names = grown;
        maker->capacity = wanted;
    }
    maker->names[number] = plim__analysis_add_name(maker->work->analysis, text);
    return maker->names[number];
}

/* Copies the text into the analysis if it is new. PLIM_NONE: no memory. */
static uint32_t class_name_add_copy(class_name_maker *maker, const char *data, size_t size_bytes,
                                    const char *end)
{
    size_t end_bytes = strlen(end);
    char *text = plim__text_arena_take(&maker->work->analysis->arena, size_bytes + end_bytes);
    if (text == NULL)
        return PLIM_NONE;
    if (size_bytes > 0)
        memcpy(text, data, size_bytes);
    memcpy(text + size_bytes, end, end_bytes);
    return class_name_add(maker, (plim_text){text, size_bytes + end_bytes});
}

/* `<div id="a">` is of class `<div>`, "Detached <div id="a">" of "Detached <div>". */
static uint32_t class_name_of_tag(class_name_maker *maker, plim_text text, size_t from)
{
    const char *space = NULL;
    if (text.size_bytes > from)
        space = memchr(text.data + from, ' ', text.size_bytes - from);
    if (space == NULL)
        return class_name_add_copy(maker, text.data, text.size_bytes, "");
    return class_name_add_copy(maker, text.data, (size_t)(space - text.data), ">");
}

/* The class name of an object or native node whose name is that; PLIM_NONE: no memory. */
static uint32_t class_name_of_text(class_name_maker *maker, uint32_t name, plim_text text)
{
    if (plim__text_starts(text, "<", 1))
        return class_name_of_tag(maker, text, 1);
    if (plim__text_starts(text, "Detached <", 10))
        return class_name_of_tag(maker, text, 10);
    return name;
}

static bool class_name_make_cache(class_name_maker *maker, unsigned detached)
{
    if (maker->tag_name[detached] != NULL)
        return true;
    size_t count = maker->work->graph->string_count;
    uint32_t *cache = plim__array_new(maker->work->allocator, count, sizeof *cache);
    if (cache == NULL)
        return false;
    memset(cache, 0xff, count * sizeof *cache);
    maker->tag_name[detached] = cache;
    return true;
}

/* PLIM_NONE: no memory. */
static uint32_t class_name_of_node(class_name_maker *maker, uint32_t node)
{
    plim__analysis_work *work = maker->work;
    const plim_analysis *analysis = work->analysis;
    uint32_t by_type = maker->by_type[work->graph->node_type[node]];
    if (by_type != PLIM_NONE)
        return by_type;
    uint32_t string = work->graph->node_name[node];
    unsigned detached = work->detached_name != NULL && analysis->detached[node] != 0;
    uint8_t kind = work->string_kind[string];
    if (detached == 0 && kind != PLIM__STRING_TAG && kind != PLIM__STRING_DETACHED)
        return string;
    if (!class_name_make_cache(maker, detached))
        return PLIM_NONE;
    uint32_t *known = &maker->tag_name[detached][string];
    if (*known == PLIM_NONE) {
        uint32_t name = detached != 0 ? work->detached_name[string] : string;
        *known = class_name_of_text(maker, name, plim__analysis_name(analysis, name));
    }
    return *known;
}

static bool class_name_prepare(class_name_maker *maker)
{
    for (uint32_t type = 0; type < TYPE_COUNT; type++) {
        const char *word = plim_node_type_name((plim_node_type)type);
        char text[64];
        size_t size = strlen(word);
        PLIM_CHECK(size + 2 < sizeof text);
        text[0] = '(';
        memcpy(text + 1, word, size);
        const char *whole = text;
        size_t whole_bytes = size + 1;
        const char *end = ")";
        if (type == PLIM_NODE_HIDDEN) {
            whole = "(system)";
        } else if (type == PLIM_NODE_CODE) {
            whole = "(compiled code)";
        } else if (type == PLIM_NODE_CLOSURE) {
            whole = "Function";
        } else if (type == PLIM_NODE_REGEXP) {
            whole = "RegExp";
        }
        if (whole != text) {
            whole_bytes = strlen(whole);
            end = "";
        }
        maker->by_type[type] = PLIM_NONE;
        if (type == PLIM_NODE_OBJECT || type == PLIM_NODE_NATIVE)
            continue;
        maker->by_type[type] = class_name_add_copy(maker, whole, whole_bytes, end);
        if (maker->by_type[type] == PLIM_NONE)
            return false;
    }
    return true;
}

plim_status plim__class_names_find(plim__analysis_work *work, plim_error *err)
{
    const plim_graph *graph = work->graph;
    class_name_maker maker = {.work = work};
    maker.texts.allocator = work->allocator;
    bool done = class_name_prepare(&maker);
    for (uint32_t node = 0; node < graph->node_count && done; node++) {
        if (graph->node_type[node] == PLIM_NODE_OBJECT &&
            work->string_kind[graph->node_name[node]] == PLIM__STRING_OBJECT)
            continue; /* interfaces.c has named it */
        uint32_t name = class_name_of_node(&maker, node);
        work->analysis->node_class[node] = name;
        done = name != PLIM_NONE;
    }
    plim__text_table_fini(&maker.texts);
    plim__array_free(work->allocator, maker.names, maker.capacity, sizeof *maker.names);
    plim__array_free(work->allocator, maker.tag_name[0], graph->string_count, sizeof(uint32_t));
    plim__array_free(work->allocator, maker.tag_name[1], graph->string_count, sizeof(uint32_t));
    return done ? PLIM_OK : plim__no_memory(err, "class names");
}
