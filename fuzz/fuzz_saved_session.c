/* SPDX-License-Identifier: MIT */
/*
 * A saved session that was tampered with. Only a file of this machine's own gets past the first
 * comparison, so one is made at the start, and the input says what is changed in it: rows of an
 * offset (4 bytes), an operation and a byte, then the sum is put right. Claims: loading refuses or
 * succeeds; after a refusal the session is empty and can be used; what was loaded can be looked at
 * (names, values, blocks, as a graph) and saved. No code of it is run.
 */
#include <plimsoll/repl_graph.h>
#include <plimsoll/value.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tests/support/temporary.h"
#include "input.h"
#include "repl/session/session.h"

enum { ROW_BYTES = 6, ROWS_MAX = 64, FILE_BYTES_MAX = 64 << 20 };

static const plim_repl_options OPTIONS = {
    .struct_bytes = sizeof OPTIONS, .memory_bytes = 1 << 20, .input = -1};

static plim_repl *session;
static unsigned char *whole;
static size_t whole_bytes;
static char path[128];

static void begin(void)
{
    static const char loop[] =
        "for (int i = 0; i < 5; i++) { struct node *n = malloc(sizeof *n); n->next = head; "
        "head = n; }";
    static const char *const entries[] = {
        "#include <stdlib.h>",
        "struct node { int v; struct node *next; union { int i; struct node *n; } u; };",
        "struct node *head; int numbers[5] = {1, 2, 3}; char text[] = \"text\"; enum { A, B } e;",
        loop,
        "int twice(int n) { return 2 * n; }",
        "int (*pointer)(int) = twice;",
        "head"};
    plim_repl_outcome outcome;
    plim_error err = {0};
    FUZZ_CLAIM(plim_repl_open(&OPTIONS, &session, &err) == PLIM_OK);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        FUZZ_CLAIM(plim_repl_enter(session, entries[i], &outcome, NULL) == PLIM_OK &&
                   outcome.end == PLIM_REPL_OK);
    char name[32];
    (void)snprintf(name, sizeof name, "plim-fuzz-saved-%d", (int)getpid());
    FUZZ_CLAIM(temporary_path(path, sizeof path, name));
    FUZZ_CLAIM(plim_repl_save(session, path, NULL) == PLIM_OK);
    FILE *file = fopen(path, "rb");
    struct stat about;
    FUZZ_CLAIM(file != NULL && fstat(fileno(file), &about) == 0);
    whole_bytes = (size_t)about.st_size;
    FUZZ_CLAIM(whole_bytes < FILE_BYTES_MAX);
    whole = malloc(whole_bytes);
    FUZZ_CLAIM(whole != NULL && fread(whole, 1, whole_bytes, file) == whole_bytes);
    (void)fclose(file);
    plim_repl_close(&session);
    FUZZ_CLAIM(plim_repl_open(&OPTIONS, &session, NULL) == PLIM_OK);
}

/* --- the sum, as whoever tampers can make it ------------------------------------------------- */

typedef struct summing {
    const unsigned char *bytes;
    size_t at, end;
    uint64_t sum;
} summing;

static void add_part(summing *all, uint64_t count)
{
    size_t stop = count < all->end - all->at ? all->at + (size_t)count : all->end;
    while (all->at < stop) {
        uint64_t word = 0;
        size_t part = stop - all->at < sizeof word ? stop - all->at : sizeof word;
        memcpy(&word, all->bytes + all->at, part);
        all->sum = (all->sum ^ word) * UINT64_C(0x100000001b3);
        all->sum ^= all->sum >> 29;
        all->at += part;
    }
}

/* Words begin anew with each part of the file: head, system, libraries, rows, names, store, and for
   each extent two numbers and its pieces. */
static void put_sum(unsigned char *bytes, size_t count)
{
    enum { HEAD_WORDS = 13, PIECE = 1 << 20 };
    uint64_t head[HEAD_WORDS];
    uint64_t extent[2];
    summing all = {bytes, 0, count - 8, 1};
    memcpy(head, bytes, sizeof head);
    add_part(&all, sizeof head);
    add_part(&all, head[7]);
    add_part(&all, head[8] < 64 ? head[8] * sizeof(plim__linked) : 0);
    add_part(&all, head[9] < 1 << 20 ? head[9] * sizeof(plim__row) : 0);
    add_part(&all, head[10]);
    add_part(&all, head[11]);
    while (all.end - all.at >= sizeof extent) {
        memcpy(extent, bytes + all.at, sizeof extent);
        add_part(&all, sizeof extent);
        for (uint64_t left = extent[1]; left > 0 && all.at < all.end;) {
            uint64_t part = left < PIECE ? left : PIECE;
            add_part(&all, part);
            left -= part;
        }
    }
    memcpy(bytes + count - 8, &all.sum, sizeof all.sum);
}

/* --- looking --------------------------------------------------------------------------------- */

static bool read_session(void *ctx, uint64_t address, void *out, size_t bytes)
{
    return plim_repl_read(ctx, address, out, bytes) == PLIM_OK;
}

static bool look_at_variable(void *ctx, const plim_repl_variable *variable)
{
    static char text[1 << 14];
    plim_repl *repl = ctx;
    plim_types *types = NULL;
    plim_type type;
    plim_memory memory = {repl, read_session, NULL};
    FUZZ_CLAIM(strlen(variable->name) + strlen(variable->type) < FILE_BYTES_MAX);
    if (variable->image != NULL &&
        plim_types_open(variable->image, variable->image_bytes, NULL, &types, NULL) == PLIM_OK &&
        plim_types_variable(types, variable->symbol, &type, NULL) == PLIM_OK)
        FUZZ_CLAIM(plim_value_text(types, type, variable->address, &memory, NULL, text, sizeof text,
                                   NULL) == PLIM_OK);
    plim_types_close(&types);
    return true;
}

static void look_at_session(plim_repl *repl)
{
    plim_repl_picture *picture = NULL;
    plim_graph *graph = NULL;
    plim_repl_piece piece;
    (void)plim_repl_variables(repl, look_at_variable, repl);
    if (plim_repl_picture_create(repl, NULL, &picture, NULL) == PLIM_OK) {
        for (uint32_t at = 0; plim_repl_picture_next(picture, &at, &piece);)
            FUZZ_CLAIM(strlen(piece.name) + strlen(piece.type) < 4096);
        FUZZ_CLAIM(plim_graph_from_repl(picture, &graph, NULL) == PLIM_OK);
    }
    plim_repl_picture_destroy(&picture);
    plim_graph_destroy(&graph);
    FUZZ_CLAIM(plim_repl_save(repl, path, NULL) == PLIM_OK);
}

static void tamper(unsigned char *bytes, size_t *count, const unsigned char *data, size_t size)
{
    for (size_t row = 0; row < ROWS_MAX && (row + 1) * ROW_BYTES <= size; row++) {
        const unsigned char *at = data + row * ROW_BYTES;
        uint32_t offset;
        memcpy(&offset, at, sizeof offset);
        unsigned char *target = &bytes[offset % *count];
        switch (at[4] % 4) {
        case 0:
            *target = at[5];
            break;
        case 1:
            *target = (unsigned char)(*target + at[5]);
            break;
        case 2:
            *target ^= (unsigned char)(1u << at[5] % 8);
            break;
        default: /* shorter, if it is near the end */
            *count = at[5] == 0 && offset % *count > 200 ? offset % *count : *count;
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_repl_info info;
    plim_error err = {0};
    if (session == NULL)
        begin();
    unsigned char *bytes = malloc(whole_bytes);
    size_t count = whole_bytes;
    FUZZ_CLAIM(bytes != NULL);
    memcpy(bytes, whole, whole_bytes);
    tamper(bytes, &count, data, size);
    put_sum(bytes, count);
    FILE *file = fopen(path, "wb");
    FUZZ_CLAIM(file != NULL && fwrite(bytes, 1, count, file) == count && fclose(file) == 0);
    free(bytes);
    if (plim_repl_load(session, path, &err) == PLIM_OK) {
        look_at_session(session);
        plim_repl_close(&session);
        FUZZ_CLAIM(plim_repl_open(&OPTIONS, &session, NULL) == PLIM_OK);
    } else {
        FUZZ_CLAIM(err.what[0] != '\0');
        plim_repl_read_info(session, &info);
        FUZZ_CLAIM(info.adopted_count == 0 && info.heap_blocks == 0);
    }
    (void)unlink(path);
    return 0;
}
