/* SPDX-License-Identifier: MIT */
/*
 * An animation in two megabytes: 15,000 elements, 60 frames a second, ten minutes, and at the end
 * every byte is where it was at the beginning.
 *
 * Everything is reserved at the start, out of one domain with a budget of 2 MB, and the manager is
 * sealed. A frame takes buffers from pools and gives them back by ending (PLIM_FRAME). Every ten
 * seconds the set of elements changes; what is shown of those that stay does not jump
 * (continuity.h). Keys are interned, descriptors mutated in place. Time is compressed: frames
 * follow each other at once.
 *
 *   animation [--frames N] [--elements N] [--level none|minimal|standard|full]
 *             [--leak pin|block] [--report FILE] [--publish NAME]
 * --publish: a report every 600 frames, for `plim stable pid:N` to read while this runs.
 * Exit: 0 stable, 1 not (what changed is said), 2 usage, 6 refused by a pool or the budget.
 */
#include <plimsoll/continuity.h>
#include <plimsoll/fingerprint.h>
#include <plimsoll/frame.h>
#include <plimsoll/intern.h>
#include <plimsoll/memory.h>
#include <plimsoll/publish.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUDGET_BYTES = 2000000,
    MANAGER_BYTES = 4 << 20,
    ELEMENTS_MAX = 15000,
    FRAMES_DEFAULT = 36000, /* ten minutes at 60 a second */
    FRAMES_WARM = 120,
    CHANGE_FRAMES = 600,
    LEAK_FRAMES = 1000,
    LEAK_BYTES = 16,
    SIGNALS = 1000,
    FIELDS = 8,
    PASSES = 3,          /* of the ten descriptors */
    SPARE_BYTES = 16384, /* at hand after the seal: none of it is used */
    PUBLISH_BYTES = 32768,
    ROWS_MAX = 64
};

/* The pools of the program itself; continuity has five more. */
enum { POOL_F32, POOL_VEC2, POOL_RGBA8, POOL_SIGNAL, POOL_STAMP, POOL_PASS, POOLS };

typedef struct render_pass {
    uint32_t shader;
    uint32_t first, count;
    float view[9];
} render_pass;

typedef enum leak_kind { LEAK_NONE, LEAK_PIN, LEAK_BLOCK } leak_kind;

typedef struct settings {
    uint32_t frames;
    uint32_t elements;
    plim_verify level;
    leak_kind leak;
    const char *report;
    const char *publish;
} settings;

typedef struct animation {
    settings set;
    plim_manager *manager;
    plim_domain domain;
    plim_pool *pools[POOLS + PLIM_CONTINUITY_POOLS];
    plim_continuity *continuity;
    plim_intern *keys;
    plim_frame *frame;
    plim_publication *publication;
    uint32_t targets[4]; /* x, y, size, hue */
    double *signals;     /* slots of a table, by number */
    uint32_t *stamps;    /* the frame each was written in */
    uint32_t count;      /* elements now */
    uint64_t emitted;    /* checksum of what was drawn */
    uint64_t event_count;
} animation;

/* What the seed's table has in the same row. */
typedef struct table_row {
    const char *seed_name;
    uint32_t pool; /* index in animation.pools */
    uint32_t seed_count;
    uint32_t seed_elements;
    uint32_t seed_element_bytes;
} table_row;

static const table_row animation_table[] = {
    {"f32 buffers", POOL_F32, 8, 15000, 4},        {"vec2f32 buffers", POOL_VEC2, 4, 15000, 8},
    {"rgba8 buffers", POOL_RGBA8, 2, 15000, 4},    {"Continuity gauge", POOLS + 0, 4, 15000, 4},
    {"Continuity slew", POOLS + 1, 4, 15000, 4},   {"Continuity snapshot", POOLS + 2, 2, 15000, 4},
    {"Domain ID arrays", POOLS + 3, 2, 15000, 4},  {"Mapping arrays", POOLS + 4, 2, 15000, 4},
    {"Signal values", POOL_SIGNAL, 1, SIGNALS, 8}, {"Signal stamps", POOL_STAMP, 1, SIGNALS, 4},
    {"Render passes", POOL_PASS, 10, 1, 1024},
};

static int animation_fail(const char *doing, plim_status status, const plim_error *err)
{
    (void)fprintf(stderr, "animation: %s: %s\n", doing,
                  err->what[0] != '\0' ? err->what : plim_status_text(status));
    if (err->hint[0] != '\0')
        (void)fprintf(stderr, "  %s\n", err->hint);
    return plim_status_exit_code(status);
}

/* ---- start: all memory is taken here ---- */

static plim_status animation_make_pools(animation *a, plim_error *err)
{
    static const struct {
        const char *name;
        plim_format format;
        uint32_t slots, elements;
    } rows[POOLS] = {
        {"f32", PLIM_FORMAT_F32, 8, ELEMENTS_MAX},
        {"vec2f32", PLIM_FORMAT_VEC2F32, 4, ELEMENTS_MAX},
        {"rgba8", PLIM_FORMAT_RGBA8, 2, ELEMENTS_MAX},
        {"signal", PLIM_FORMAT_F64, 1, SIGNALS},
        {"stamp", PLIM_FORMAT_U32, 1, SIGNALS},
        {"pass", {"render_pass", sizeof(render_pass), PLIM_POISON_NONE}, 10, 1},
    };
    const plim_allocator *allocator = plim_domain_allocator(a->domain);
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; status == PLIM_OK && i < POOLS; i++) {
        plim_pool_options options = {.struct_bytes = sizeof options,
                                     .name = rows[i].name,
                                     .format = rows[i].format,
                                     .slot_count = rows[i].slots,
                                     .element_count_max = rows[i].elements,
                                     .verify = a->set.level,
                                     .allocator = allocator};
        status = plim_pool_create(&options, &a->pools[i], err);
    }
    return status;
}

static plim_status animation_make_continuity(animation *a, plim_error *err)
{
    static const char *const names[] = {"x", "y", "size", "hue"};
    plim_continuity_options options = {.struct_bytes = sizeof options,
                                       .element_count_max = ELEMENTS_MAX,
                                       .slew_share = 0.25f,
                                       .gauge_keep = 0.9f,
                                       .verify = a->set.level,
                                       .allocator = plim_domain_allocator(a->domain)};
    plim_status status = plim_continuity_create(&options, &a->continuity, err);
    for (uint32_t i = 0; status == PLIM_OK && i < 4; i++)
        status = plim_continuity_target(a->continuity, names[i], &a->targets[i], err);
    if (status == PLIM_OK)
        plim_continuity_pools(a->continuity, a->pools + POOLS);
    return status;
}

/* Every key that a frame will ask for: a field of an instance. */
static plim_status animation_make_keys(animation *a, plim_error *err)
{
    plim_intern_options options = {.struct_bytes = sizeof options,
                                   .key_count_max = 200,
                                   .key_bytes_max = 200 * 8,
                                   .allocator = plim_domain_allocator(a->domain)};
    plim_status status = plim_intern_create(&options, &a->keys, err);
    for (uint32_t i = 0; status == PLIM_OK && i < FIELDS; i++) {
        uint32_t key[2] = {i, 1};
        uint32_t id;
        status = plim_intern_key(a->keys, key, sizeof key, &id, err);
    }
    if (status == PLIM_OK)
        plim_intern_seal(a->keys);
    return status;
}

static void animation_event(void *ctx, const plim_frame_event *event)
{
    animation *a = ctx;
    if (a->event_count++ < 5)
        printf("frame %llu: %s: %s, %llu bytes, taken at %s\n",
               (unsigned long long)event->frame_number, plim_frame_event_name(event->kind),
               event->owner, (unsigned long long)event->bytes, event->site);
}

/* Tables of a known size are pools of one slot; it is taken once and kept. */
static plim_status animation_make_signals(animation *a, plim_error *err)
{
    plim_buffer values, stamps;
    plim_status status = plim_pool_acquire(a->pools[POOL_SIGNAL], SIGNALS, &values, err);
    if (status == PLIM_OK)
        status = plim_pool_acquire(a->pools[POOL_STAMP], SIGNALS, &stamps, err);
    if (status == PLIM_OK)
        status = plim_pool_pin(a->pools[POOL_SIGNAL], values.slot);
    if (status == PLIM_OK)
        status = plim_pool_pin(a->pools[POOL_STAMP], stamps.slot);
    if (status != PLIM_OK)
        return status;
    a->signals = values.data;
    a->stamps = stamps.data;
    memset(a->signals, 0, SIGNALS * sizeof *a->signals);
    memset(a->stamps, 0, SIGNALS * sizeof *a->stamps);
    return PLIM_OK;
}

static plim_status animation_start(animation *a, plim_error *err)
{
    plim_manager_options manager = {.struct_bytes = sizeof manager,
                                    .name = "animation",
                                    .total_bytes = MANAGER_BYTES,
                                    .verify = a->set.level};
    plim_domain_options domain = {.struct_bytes = sizeof domain, .limit_bytes = BUDGET_BYTES};
    plim_status status = plim_manager_create(&manager, &a->manager, err);
    if (status == PLIM_OK)
        status = plim_domain_create(a->manager, "scene", &domain, &a->domain, err);
    if (status == PLIM_OK)
        status = animation_make_pools(a, err);
    if (status == PLIM_OK)
        status = animation_make_continuity(a, err);
    if (status == PLIM_OK)
        status = animation_make_keys(a, err);
    if (status == PLIM_OK)
        status = animation_make_signals(a, err);
    plim_frame_options frame = {.struct_bytes = sizeof frame,
                                .pools = a->pools,
                                .pool_count = POOLS + PLIM_CONTINUITY_POOLS,
                                .hook = animation_event,
                                .hook_ctx = a,
                                .allocator = plim_domain_allocator(a->domain)};
    if (status == PLIM_OK)
        status = plim_frame_create(&frame, &a->frame, err);
    if (status == PLIM_OK && a->set.publish != NULL)
        status = plim_publish_start(a->set.publish, PUBLISH_BYTES, &a->publication, err);
    if (status == PLIM_OK)
        status = plim_manager_seal(a->manager, SPARE_BYTES);
    return status;
}

static void animation_end(animation *a)
{
    plim_publish_end(&a->publication);
    plim_frame_destroy(&a->frame);
    plim_intern_destroy(&a->keys);
    plim_continuity_destroy(&a->continuity);
    for (uint32_t i = 0; i < POOLS; i++)
        plim_pool_destroy(&a->pools[i]);
    plim_manager_destroy(&a->manager);
}

/* ---- a frame ---- */

/* The next set of elements: all, or four fifths of them in another order. */
static plim_status animation_change(animation *a, uint32_t number, plim_error *err)
{
    plim_buffer ids;
    uint32_t all = a->set.elements;
    bool fewer = number / CHANGE_FRAMES % 2 == 1;
    uint32_t count = fewer ? all - all / 5 : all;
    plim_status status = plim_pool_acquire(a->pools[POOLS + 3], count, &ids, err);
    if (status != PLIM_OK)
        return status;
    uint32_t *id = ids.data;
    for (uint32_t i = 0; i < count; i++)
        id[i] = fewer ? all - 1 - i : i;
    status = plim_continuity_change(a->continuity, id, count, err);
    a->count = count;
    return status;
}

/* A wave between -1 and 1, straight lines: cheap, so that frames are about memory. */
static float animation_wave(float turn)
{
    float part = turn - (float)(int32_t)turn;
    return part < 0.5f ? 4.0f * part - 1.0f : 3.0f - 4.0f * part;
}

/* One field of all elements, smoothed: the buffer is the frame's. */
static plim_status animation_field(animation *a, uint32_t field, float time, const float **out,
                                   plim_error *err)
{
    plim_buffer buffer;
    uint32_t key[2] = {field, 1};
    uint32_t id = plim_intern_find(a->keys, key, sizeof key);
    plim_status status = plim_pool_acquire(a->pools[POOL_F32], a->count, &buffer, err);
    if (status != PLIM_OK)
        return status;
    float *value = buffer.data;
    float step = 1.0f / (float)(a->count + 1) * (float)(field + 1);
    for (uint32_t i = 0; i < a->count; i++)
        value[i] = animation_wave(time + (float)i * step);
    a->signals[id] = (double)value[0];
    a->stamps[id]++;
    *out = value;
    return plim_continuity_apply(a->continuity, a->targets[field], value, value);
}

/* What is drawn leaves the frame as a checksum alone: never as a view into a pool. */
static void animation_emit(animation *a, const float *position, const uint32_t *colour,
                           const render_pass *pass)
{
    uint64_t sum = a->emitted;
    for (uint32_t i = pass->first; i < pass->first + pass->count; i += 61) {
        uint32_t bits;
        memcpy(&bits, &position[2 * (size_t)i], sizeof bits);
        sum = (sum ^ bits ^ colour[i]) * UINT64_C(0x100000001b3);
    }
    a->emitted = sum;
}

static plim_status animation_draw(animation *a, const float *const fields[4], plim_error *err)
{
    plim_buffer position, colour;
    plim_status status = plim_pool_acquire(a->pools[POOL_VEC2], a->count, &position, err);
    if (status == PLIM_OK)
        status = plim_pool_acquire(a->pools[POOL_RGBA8], a->count, &colour, err);
    if (status != PLIM_OK)
        return status;
    float *at = position.data;
    uint32_t *rgba = colour.data;
    for (uint32_t i = 0; i < a->count; i++) {
        at[2 * (size_t)i] = fields[0][i] * (1.5f + fields[2][i]);
        at[2 * (size_t)i + 1] = fields[1][i];
        rgba[i] = 0xff000000u | (uint32_t)(int32_t)((fields[3][i] + 1.0f) * 100.0f);
    }
    for (uint32_t p = 0; status == PLIM_OK && p < PASSES; p++) {
        plim_buffer buffer;
        status = plim_pool_acquire(a->pools[POOL_PASS], 1, &buffer, err);
        if (status != PLIM_OK)
            break;
        render_pass *pass = buffer.data;
        pass->shader = p;
        pass->first = a->count / PASSES * p;
        pass->count = a->count / PASSES;
        animation_emit(a, at, rgba, pass);
    }
    return status;
}

/* What --leak does: the mistake that is to be caught and named. */
static plim_status animation_leak(animation *a, plim_error *err)
{
    plim_buffer lost;
    if (a->set.leak == LEAK_BLOCK) {
        void *block = plim_alloc_in(a->domain, LEAK_BYTES);
        if (block == NULL)
            return plim_error_set(err, PLIM_ERR_BUDGET, "the leak itself was refused");
        memset(block, 0, LEAK_BYTES);
        return PLIM_OK;
    }
    plim_status status = plim_pool_acquire(a->pools[POOL_F32], 100, &lost, err);
    return status == PLIM_OK ? plim_pool_pin(a->pools[POOL_F32], lost.slot) : status;
}

/* A buffer twice, for there are only eight; a small block every thousand frames. */
static bool animation_leaks(const animation *a, uint32_t number)
{
    if (number == 0 || number % LEAK_FRAMES != 0 || a->set.leak == LEAK_NONE)
        return false;
    return a->set.leak == LEAK_BLOCK || number <= 2 * LEAK_FRAMES;
}

static plim_status animation_frame(animation *a, uint32_t number, plim_error *err)
{
    plim_status status = PLIM_OK;
    PLIM_FRAME (a->frame) {
        const float *fields[4] = {NULL};
        float time = (float)number / 60.0f;
        if (number % CHANGE_FRAMES == 0)
            status = animation_change(a, number, err);
        for (uint32_t i = 0; status == PLIM_OK && i < 4; i++)
            status = animation_field(a, i, time, &fields[i], err);
        if (status != PLIM_OK)
            break; /* the frame ends all the same */
        status = animation_draw(a, fields, err);
        if (status == PLIM_OK && animation_leaks(a, number))
            status = animation_leak(a, err);
    }
    return status;
}

/* ---- judging ---- */

static void animation_take(animation *a, plim_fingerprint *fingerprint, plim_fingerprint_row *rows)
{
    plim_fingerprint_start(fingerprint, rows, ROWS_MAX);
    plim_fingerprint_add_manager(fingerprint, a->manager);
    for (uint32_t i = 0; i < POOLS + PLIM_CONTINUITY_POOLS; i++)
        plim_fingerprint_add_pool(fingerprint, a->pools[i]);
}

static plim_status animation_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    if (fwrite(data, 1, len, ctx) == len)
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_NO_SPACE, "the output cannot be written");
}

static void animation_show_table(const animation *a)
{
    uint64_t data = 0;
    uint64_t seed = 0;
    plim_domain_stats stats;
    printf("%-20s %5s  %-14s %10s   %s\n", "buffer type", "count", "size each", "bytes",
           "the seed's budget");
    for (size_t i = 0; i < sizeof animation_table / sizeof animation_table[0]; i++) {
        const table_row *row = &animation_table[i];
        plim_pool_stats pool;
        char each[32];
        plim_pool_stats_read(a->pools[row->pool], &pool);
        (void)snprintf(each, sizeof each, "%u x %u B", pool.element_count_max, pool.element_bytes);
        uint64_t planned = (uint64_t)row->seed_count * row->seed_elements * row->seed_element_bytes;
        printf("%-20s %5u  %-14s %10llu   %llu\n", row->seed_name, pool.slot_count, each,
               (unsigned long long)pool.data_bytes, (unsigned long long)planned);
        data += pool.data_bytes;
        seed += planned;
    }
    printf("%-20s %5s  %-14s %10llu   %llu\n", "buffers", "", "", (unsigned long long)data,
           (unsigned long long)seed);
    if (plim_domain_stats_read(a->domain, &stats) != PLIM_OK)
        return;
    printf("%-20s %5s  %-14s %10llu   about 100000\n", "all else", "", "",
           (unsigned long long)(stats.used_bytes > data ? stats.used_bytes - data : 0));
    printf("%-20s %5s  %-14s %10llu   2000000\n", "TOTAL, as charged", "", "",
           (unsigned long long)stats.used_bytes);
}

static int animation_judge(animation *a, const plim_fingerprint *before,
                           const plim_fingerprint *after, uint64_t held_before)
{
    plim_frame_stats frames;
    plim_manager_stats held;
    plim_frame_stats_read(a->frame, &frames);
    plim_manager_stats_read(a->manager, &held);
    printf("%llu frames, %llu buffers taken, %llu given back, %llu kept; emitted %016llx\n",
           (unsigned long long)frames.frame_count, (unsigned long long)frames.acquired,
           (unsigned long long)(frames.released + frames.collected),
           (unsigned long long)frames.pinned, (unsigned long long)a->emitted);
    uint32_t changed =
        plim_fingerprint_compare(before, after, (plim_sink){stdout, animation_write}, NULL);
    bool grew = held.held_bytes != held_before;
    if (grew)
        printf("the manager held %llu bytes and holds %llu\n", (unsigned long long)held_before,
               (unsigned long long)held.held_bytes);
    bool stable = changed == 0 && !grew && a->event_count == 0;
    printf("fingerprint %016llx -> %016llx: %s\n",
           (unsigned long long)plim_fingerprint_digest(before),
           (unsigned long long)plim_fingerprint_digest(after), stable ? "stable" : "NOT STABLE");
    return stable ? 0 : 1;
}

/* FILE gets the fingerprint after warm-up, FILE.end the one at the end: for `plim stable`. */
static int animation_report(const char *path, const char *suffix,
                            const plim_fingerprint *fingerprint)
{
    char name[512];
    (void)snprintf(name, sizeof name, "%s%s", path, suffix);
    FILE *file = fopen(name, "w");
    if (file == NULL) {
        (void)fprintf(stderr, "animation: cannot write %s\n", name);
        return 3;
    }
    plim_sink sink = {file, animation_write};
    (void)fputs("{\"schema\":\"plim.report/1\",\"manager\":\"animation\",\"fingerprint\":", file);
    plim_status status = plim_fingerprint_write(fingerprint, PLIM_REPORT_JSON, sink, NULL);
    (void)fputs("}\n", file);
    return fclose(file) == 0 && status == PLIM_OK ? 0 : 3;
}

static int animation_run(animation *a)
{
    static plim_fingerprint_row rows[2][ROWS_MAX];
    plim_fingerprint before, after;
    plim_manager_stats held = {0};
    plim_error err = {0};
    plim_status status = animation_start(a, &err);
    if (status != PLIM_OK)
        return animation_fail("start", status, &err);
    animation_show_table(a);
    plim_fingerprint_start(&before, rows[0], ROWS_MAX);
    for (uint32_t number = 0; number < a->set.frames; number++) {
        status = animation_frame(a, number, &err);
        if (status != PLIM_OK)
            return animation_fail("frame", status, &err);
        if (number + 1 == FRAMES_WARM) {
            animation_take(a, &before, rows[0]);
            plim_manager_stats_read(a->manager, &held);
        }
        if (a->publication != NULL && number % CHANGE_FRAMES == FRAMES_WARM) {
            animation_take(a, &after, rows[1]);
            status = plim_publish_report(a->publication, &after, &err);
            if (status != PLIM_OK)
                return animation_fail("publish", status, &err);
        }
    }
    animation_take(a, &after, rows[1]);
    int exit_code = animation_judge(a, &before, &after, held.held_bytes);
    if (a->set.report != NULL) {
        int written = animation_report(a->set.report, "", &before);
        if (written == 0)
            written = animation_report(a->set.report, ".end", &after);
        exit_code = written != 0 ? written : exit_code;
    }
    return exit_code;
}

/* ---- the command line ---- */

static bool animation_number(const char *text, uint32_t low, uint32_t high, uint32_t *out)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value < low || value > high)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool animation_choice(const char *text, const char *const *choices, uint32_t *out)
{
    for (uint32_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool animation_option(settings *set, const char *name, const char *value)
{
    static const char *const levels[] = {"default", "none",      "minimal", "standard",
                                         "full",    "redundant", NULL};
    static const char *const leaks[] = {"none", "pin", "block", NULL};
    uint32_t choice = 0;
    if (strcmp(name, "--frames") == 0)
        return animation_number(value, FRAMES_WARM + 1, 1u << 30, &set->frames);
    if (strcmp(name, "--elements") == 0)
        return animation_number(value, 5, 1u << 30, &set->elements);
    if (strcmp(name, "--level") == 0 && animation_choice(value, levels, &choice)) {
        set->level = (plim_verify)choice;
        return true;
    }
    if (strcmp(name, "--leak") == 0 && animation_choice(value, leaks, &choice)) {
        set->leak = (leak_kind)choice;
        return true;
    }
    if (strcmp(name, "--publish") == 0) {
        set->publish = value;
        return true;
    }
    if (strcmp(name, "--report") == 0) {
        set->report = value;
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    static animation a;
    a.set = (settings){.frames = FRAMES_DEFAULT, .elements = ELEMENTS_MAX};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !animation_option(&a.set, argv[i], argv[i + 1])) {
            (void)fprintf(stderr, "usage: animation [--frames N] [--elements N] [--level LEVEL] "
                                  "[--leak pin|block] [--report FILE] [--publish NAME]\n");
            return 2;
        }
    }
    int exit_code = animation_run(&a);
    animation_end(&a);
    return exit_code;
}
