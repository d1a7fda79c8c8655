/* SPDX-License-Identifier: MIT */
/*
 * What does a transaction over 64 MB cost? Beside memcpy of the same pages, in this one process.
 *   bench_commit
 * Bounds (minimum of the runs), with 1 % of the pages written:
 *   what the journal adds, first note to commit, the API saying what it writes: 60 us
 *   the commit of a draft, whose writes go through plain pointers: 150 us
 * The log has 8 MiB and has been through once. Pages lie at random places, and eight bytes of each
 * are written. "floor" copies those pages once, to memory that is warm. Beside that: each way's
 * first writes, undo, a look at the last moment, an open after a crash, sets in a region. Prints
 * minimum and median of the runs, then one line of JSON; ends with 1 if a bound is broken.
 */
#include <plimsoll/draft.h>
#include <plimsoll/transaction.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc_tools.h"

enum { PAGE = 4096, BYTES = 64 << 20, PAGES = BYTES / PAGE, LOG = 8 << 20, RUNS = 25, SETS = 1000 };

typedef struct bench_figure {
    char name[64];
    double runs[RUNS]; /* microseconds */
    int count;
    double bound; /* of the minimum; 0: none */
} bench_figure;

static bench_figure figures[64];
static int figure_count;
static uint32_t order[PAGES];
static unsigned char *truth, *copy;
static void *logged;
static int file;
static plim_journal *journal;

static void figure_add(const char *name, double bound, double us)
{
    bench_figure *figure = NULL;
    for (int i = 0; i < figure_count; i++)
        if (strcmp(figures[i].name, name) == 0)
            figure = &figures[i];
    if (figure == NULL) {
        if (figure_count == sizeof figures / sizeof figures[0])
            bench_die("no room for a figure", name);
        figure = &figures[figure_count++];
        figure->count = 0;
        (void)snprintf(figure->name, sizeof figure->name, "%s", name);
        figure->bound = bound;
    }
    if (figure->count < RUNS)
        figure->runs[figure->count++] = us;
}

static double now_us(void)
{
    return bench_seconds() * 1e6;
}

static void must(plim_status status, const char *what)
{
    if (status != PLIM_OK)
        bench_die(what, plim_status_text(status));
}

static void journal_open(size_t log_bytes)
{
    const plim_journal_options options = {.struct_bytes = sizeof options,
                                          .memory = truth,
                                          .memory_bytes = BYTES,
                                          .log = logged,
                                          .log_bytes = log_bytes};
    must(plim_journal_open(&options, &journal, NULL), "open a journal");
}

static void write_page(unsigned char *memory, uint32_t page)
{
    uint64_t value;
    unsigned char *place = memory + (size_t)page * PAGE + 128;
    memcpy(&value, place, sizeof value);
    value++;
    memcpy(place, &value, sizeof value);
}

/* --- rows ---------------------------------------------------------------------------------- */

static void bench_floor(const uint32_t *pages, uint32_t count, const char *label)
{
    char name[64];
    for (uint32_t i = 0; i < count; i++)
        write_page(truth, pages[i]);
    double start = now_us();
    for (uint32_t i = 0; i < count; i++)
        memcpy(copy + (size_t)i * PAGE, truth + (size_t)pages[i] * PAGE, PAGE);
    (void)snprintf(name, sizeof name, "%s floor: memcpy once", label);
    figure_add(name, 0, now_us() - start);
    bench_keep(copy);
}

static void bench_noted(const uint32_t *pages, uint32_t count, const char *label, double bound)
{
    char name[64];
    double start = now_us();
    must(plim_journal_begin(journal), "begin");
    for (uint32_t i = 0; i < count; i++) {
        must(plim_journal_note(journal, (uint64_t)pages[i] * PAGE + 128, 8), "note");
        write_page(truth, pages[i]);
    }
    double written = now_us();
    must(plim_journal_commit(journal), "commit");
    double end = now_us();
    (void)snprintf(name, sizeof name, "%s noted: begin to commit", label);
    figure_add(name, bound, end - start);
    (void)snprintf(name, sizeof name, "%s noted: the commit alone", label);
    figure_add(name, 0, end - written);
    start = now_us();
    must(plim_journal_undo(journal, 1, NULL), "undo");
    (void)snprintf(name, sizeof name, "%s noted: undo", label);
    figure_add(name, 0, now_us() - start);
}

static void bench_draft(plim_draft *draft, const char *way, const uint32_t *pages, uint32_t count,
                        const char *label, double bound)
{
    char name[64];
    uint64_t moved = 0;
    unsigned char *memory = plim_draft_memory(draft);
    double start = now_us();
    for (uint32_t i = 0; i < count; i++)
        write_page(memory, pages[i]);
    double written = now_us();
    must(plim_draft_commit(draft, journal, 0, &moved, NULL), "commit a draft");
    double end = now_us();
    if (moved != (uint64_t)count * PAGE)
        bench_die("a draft moved other pages than were written", way);
    (void)snprintf(name, sizeof name, "%s %s: commit", label, way);
    figure_add(name, bound, end - written);
    (void)snprintf(name, sizeof name, "%s %s: one first write", label, way);
    figure_add(name, 0, (written - start) / count);
}

static void bench_drafts(uint32_t count, const char *label, bool is_judged)
{
    static const char *const NAMES[] = {"", "scan", "private", "trap"};
    for (plim_draft_way way = PLIM_DRAFT_SCAN; way <= PLIM_DRAFT_TRAP; way++) {
        const plim_draft_options options = {
            .struct_bytes = sizeof options, .way = way, .descriptor = file, .size_bytes = BYTES};
        plim_draft *draft = NULL;
        if (plim_draft_open(&options, &draft, NULL) != PLIM_OK) {
            printf("%s: not on this system\n", NAMES[way]);
            continue;
        }
        /* The same pages again and again, as a program's are; the first time is not shown. */
        for (int run = -1; run < RUNS; run++) {
            int before = figure_count;
            bench_draft(draft, NAMES[way], order, count, label,
                        is_judged && way == PLIM_DRAFT_SCAN ? 150 : 0);
            for (int i = before; run == -1 && i < figure_count; i++)
                figures[i].count = 0;
        }
        plim_draft_close(&draft);
    }
}

static void bench_recovery(uint32_t count)
{
    for (int run = 0; run < RUNS; run++) {
        must(plim_journal_begin(journal), "begin");
        for (uint32_t i = 0; i < count; i++)
            must(plim_journal_note(journal, (uint64_t)order[i] * PAGE, 8), "note");
        double start = now_us(); /* a process that died here is not told apart from one that is */
        plim_journal *dead = journal;
        journal_open(LOG);
        figure_add("1 % open after a crash in a transaction", 0, now_us() - start);
        (void)dead; /* its transaction is over: closing it would only free its bits */
        start = now_us();
        must(plim_journal_read_at(logged, LOG, truth, BYTES, 1, copy, NULL), "look back");
        figure_add("a look at one transaction back", 0, now_us() - start);
        start = now_us();
        memcpy(copy, truth, BYTES);
        figure_add("floor: memcpy of 64 MB", 0, now_us() - start);
    }
}

/* Regions: sets of 64 bytes to random objects of 100,000, outside and inside of transactions. */
static void bench_region(void)
{
    enum { OBJECTS = 100000, VALUE = 64 };
    unsigned char value[VALUE] = {1};
    static plim_ref refs[OBJECTS];
    plim_region *regions[2] = {NULL, NULL};
    uint64_t random = 5;
    for (int i = 0; i < 2; i++) {
        const plim_region_options options = {.struct_bytes = sizeof options,
                                             .place = PLIM_REGION_MEMFD,
                                             .name = "bench",
                                             .object_max = OBJECTS,
                                             .data_bytes = 16 << 20,
                                             .history_bytes = i == 0 ? 0 : LOG};
        uint16_t type;
        must(plim_region_open(&options, &regions[i], NULL), "open a region");
        must(plim_region_type(regions[i], "t", VALUE, NULL, 0, &type, NULL), "type");
        for (int k = 0; k < OBJECTS; k++)
            must(plim_region_allocate(regions[i], type, value, 1, (plim_ref){0, 0}, &refs[k]),
                 "allocate");
    }
    for (int run = 0; run < RUNS * 4; run++) {
        bool is_warm = run >= RUNS * 3; /* once through the log */
        uint64_t from = random;
        for (int kind = 0; kind < 3; kind++) {
            static const char *const NAMES[] = {"1,000 sets: region without history",
                                                "1,000 sets: history, all of it kept already",
                                                "1,000 sets: in a transaction"};
            plim_region *region = regions[kind > 0];
            random = from;
            if (kind == 1) /* what follows is noted by it already */
                must(plim_region_begin(region, NULL), "begin");
            for (int i = 0; i < SETS; i++) /* and in the cache */
                must(plim_region_set(region, refs[bench_random(&random) % OBJECTS], value, VALUE),
                     "set");
            if (kind == 1)
                must(plim_region_commit(region), "commit");
            random = from;
            double start = now_us();
            if (kind == 2)
                must(plim_region_begin(region, NULL), "begin");
            for (int i = 0; i < SETS; i++)
                must(plim_region_set(region, refs[bench_random(&random) % OBJECTS], value, VALUE),
                     "set");
            if (kind == 2)
                must(plim_region_commit(region), "commit");
            if (is_warm)
                figure_add(NAMES[kind], 0, now_us() - start);
        }
        if (is_warm) {
            must(plim_region_begin(regions[1], NULL), "begin");
            must(plim_region_set(regions[1], refs[run], value, VALUE), "set");
            double start = now_us();
            must(plim_region_rollback(regions[1], NULL), "rollback");
            figure_add("rollback of one set, 100,000 objects", 0, now_us() - start);
        }
    }
    plim_region_close(&regions[0]);
    plim_region_close(&regions[1]);
}

/* --- out ----------------------------------------------------------------------------------- */

static int compare_runs(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static bool figures_print(void)
{
    bool holds = true;
    printf("%-44s %12s %12s %8s\n", "microseconds", "minimum", "median", "bound");
    for (int i = 0; i < figure_count; i++) {
        bench_figure *figure = &figures[i];
        qsort(figure->runs, (size_t)figure->count, sizeof(double), compare_runs);
        bool fits = figure->bound <= 0 || figure->runs[0] <= figure->bound;
        printf("%-44s %12.2f %12.2f", figure->name, figure->runs[0],
               figure->runs[figure->count / 2]);
        if (figure->bound > 0)
            printf(" %8.0f%s", figure->bound, fits ? "" : "  BROKEN");
        printf("\n");
        holds = holds && fits;
    }
    printf("{\"bench\": \"commit\", \"us\": {");
    for (int i = 0; i < figure_count; i++)
        printf("%s\"%s\": [%.2f, %.2f]", i == 0 ? "" : ", ", figures[i].name, figures[i].runs[0],
               figures[i].runs[figures[i].count / 2]);
    printf("}}\n");
    return holds;
}

int main(void)
{
    static const uint32_t COUNTS[] = {PAGES / 1000, PAGES / 100, PAGES / 10};
    static const char *const LABELS[] = {"0.1 %", "1 %", "10 %"};
    file = memfd_create("bench", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, BYTES) != 0)
        bench_die("memfd", "");
    truth = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    logged = mmap(NULL, LOG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    copy = bench_pages(BYTES);
    if (truth == MAP_FAILED || logged == MAP_FAILED)
        bench_die("mmap", "");
    memset(truth, 1, BYTES);
    journal_open(LOG);
    bench_shuffle(order, PAGES, 7);
    for (int lap = 0; lap < 3 * LOG / PAGE / (PAGES / 100); lap++) /* the log is warm */
        bench_noted(order, PAGES / 100, "warm", 0);
    figure_count = 0;
    for (size_t k = 0; k < sizeof COUNTS / sizeof COUNTS[0]; k++) {
        for (int run = 0; run < RUNS; run++) {
            const uint32_t *pages = order + (size_t)run % 9 * COUNTS[k];
            bench_floor(pages, COUNTS[k], LABELS[k]);
            bench_noted(pages, COUNTS[k], LABELS[k], k == 1 ? 60 : 0);
        }
        bench_drafts(COUNTS[k], LABELS[k], k == 1);
    }
    bench_recovery(COUNTS[1]);
    bench_region();
    return figures_print() ? 0 : 1;
}
