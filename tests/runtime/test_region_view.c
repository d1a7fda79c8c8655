/* SPDX-License-Identifier: MIT */
/*
 * Views of regions. Method: a region in a file, written by this process or by a child that never
 * rests, and looked at through a view; then files whose bytes are anything.
 */
#include <plimsoll/region.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/look/pace.h"
#include "runtime/region/region.h"

enum { VALUE_BYTES = 1024, OBJECTS = 256 }; /* 256 KB */

typedef struct person {
    char name[16];
    int32_t age;
    plim_ref friend_of;
} person;

static const plim_field PERSON_FIELDS[] = {
    PLIM_FIELD(person, name, PLIM_FIELD_TEXT),
    PLIM_FIELD(person, age, PLIM_FIELD_INT),
    PLIM_FIELD(person, friend_of, PLIM_FIELD_REF),
};

static char file_name[1024];

static int file_setup(void **state)
{
    (void)state;
    const char *folder = getenv("TMPDIR");
    return snprintf(file_name, sizeof file_name, "%s/plim-view-%ld",
                    folder != NULL ? folder : "/tmp", (long)getpid()) < (int)sizeof file_name
               ? 0
               : 1;
}

static int file_teardown(void **state)
{
    (void)state;
    (void)remove(file_name);
    return 0;
}

static plim_region *region_open(void)
{
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .name = file_name,
                                   .object_max = 1024,
                                   .type_max = 8,
                                   .field_max = 16,
                                   .text_bytes = 256,
                                   .data_bytes = 512 << 10,
                                   .value_max = 1024};
    plim_region *region = NULL;
    plim_error err = {0};
    if (plim_region_open(&options, &region, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    return region;
}

static plim_region_view *view_open(void)
{
    plim_region_view *view = NULL;
    plim_error err = {0};
    if (plim_region_view_open(file_name, NULL, &view, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    return view;
}

static void a_view_sees_types_fields_values_and_families(void **state)
{
    (void)state;
    plim_region *region = region_open();
    uint16_t type = 0;
    assert_int_equal(
        plim_region_type(region, "person", sizeof(person), PERSON_FIELDS, 3, &type, NULL), PLIM_OK);
    person ada = {.name = "Ada", .age = 36};
    plim_ref first, child;
    assert_int_equal(plim_region_allocate(region, type, &ada, 4, (plim_ref){0, 0}, &first),
                     PLIM_OK);
    person bob = {.name = "Bob", .age = 5, .friend_of = first};
    assert_int_equal(plim_region_allocate(region, type, &bob, 0, first, &child), PLIM_OK);

    plim_region_view *view = view_open(); /* while it is open for writing */
    plim_region_object object;
    const void *value = NULL;
    uint32_t at = 0;
    assert_true(plim_region_view_next(view, &at, &object, &value));
    assert_memory_equal(value, &ada, sizeof ada);
    assert_int_equal(object.owner, 4);
    assert_int_equal(object.parent.generation, 0);
    assert_true(plim_region_view_next(view, &at, &object, &value));
    assert_memory_equal(&object.parent, &first, sizeof first);
    assert_memory_equal(value, &bob, sizeof bob);
    assert_int_equal(object.birth, 2);
    assert_false(plim_region_view_next(view, &at, &object, &value));
    plim_region_type_info info;
    plim_field field;
    assert_true(plim_region_view_type(view, type, &info));
    assert_string_equal(info.name, "person");
    assert_int_equal(info.field_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(plim_region_view_field(view, type, i, &field));
        assert_string_equal(field.name, PERSON_FIELDS[i].name);
        assert_int_equal(field.kind, PERSON_FIELDS[i].kind);
        assert_int_equal(field.offset_bytes, PERSON_FIELDS[i].offset_bytes);
    }
    assert_false(plim_region_view_field(view, type, 3, &field));
    assert_false(plim_region_view_type(view, 0, &info));
    assert_false(plim_region_view_type(view, 2, &info));
    /* What is released while somebody looks is gone at the next look. */
    assert_int_equal(plim_region_release(region, child), PLIM_OK);
    plim_region_info totals;
    plim_region_view_info(view, &totals);
    assert_int_equal(totals.object_count, 1);
    assert_int_equal(totals.writer_pid, getpid());
    plim_region_view_close(&view);
    assert_null(view);
    plim_region_close(&region);
}

static void a_view_gives_names_sites_and_versions(void **state)
{
    (void)state;
    plim_region *region = region_open();
    uint16_t type = 0;
    plim_ref ref;
    uint32_t site = 0;
    assert_int_equal(plim_region_intern(region, "main app.c:7", &site), PLIM_OK);
    assert_int_equal(plim_region_name(region, PLIM_NAME_OWNER, 4, "the clock"), PLIM_OK);
    assert_int_equal(plim_region_name(region, PLIM_NAME_TAG, 3, "guest"), PLIM_OK);
    assert_int_equal(plim_region_type(region, "t", 16, NULL, 0, &type, NULL), PLIM_OK);
    const plim_object_request request = {.struct_bytes = sizeof request,
                                         .type = type,
                                         .tag = 3,
                                         .visibility = PLIM_VISIBILITY_PUBLIC,
                                         .owner = 4,
                                         .site = site};
    assert_int_equal(plim_region_allocate_as(region, &request, &ref), PLIM_OK);
    plim_region_view *view = view_open();
    plim_region_object object;
    const void *value = NULL;
    assert_true(plim_region_view_next(view, &(uint32_t){0}, &object, &value));
    assert_int_equal(object.visibility, PLIM_VISIBILITY_PUBLIC);
    assert_string_equal(plim_region_view_text(view, object.site), "main app.c:7");
    assert_string_equal(plim_region_view_name(view, PLIM_NAME_TAG, object.tag), "guest");
    assert_string_equal(plim_region_view_name(view, PLIM_NAME_OWNER, object.owner), "the clock");
    assert_null(plim_region_view_name(view, PLIM_NAME_OWNER, 3));
    assert_int_equal(object.held_bytes, 64 + 16);
    plim_region_object same;
    assert_true(plim_region_view_at(view, object.ref.index, &same, &value));
    assert_int_equal(same.ref.generation, object.ref.generation);
    assert_memory_equal(value, (char[16]){0}, 16);
    assert_true(plim_region_view_at(view, object.ref.index, &same, NULL));
    assert_false(plim_region_view_at(view, 1000, &same, NULL));
    assert_false(plim_region_view_at(view, UINT32_MAX, &same, NULL));
    uint32_t at = 0;
    uint32_t number;
    uint32_t names_seen = 0;
    plim_name_kind kind;
    const char *name;
    for (; plim_region_view_next_name(view, &at, &kind, &number, &name); names_seen++)
        assert_string_equal(name, kind == PLIM_NAME_TAG ? "guest" : "the clock");
    assert_int_equal(names_seen, 2);
    assert_null(plim_region_view_text(view, 0));
    assert_null(plim_region_view_text(view, 256));
    for (int i = 0; i < 2; i++) {
        uint32_t version = object.version;
        assert_true(plim_region_view_next(view, &(uint32_t){0}, &object, &value));
        assert_int_equal(object.version, version);
        assert_int_equal(plim_region_set(region, ref, "sixteen bytes, 1", 16), PLIM_OK);
        assert_true(plim_region_view_next(view, &(uint32_t){0}, &object, &value));
        assert_int_not_equal(object.version, version);
    }
    plim_region_view_close(&view);
    plim_region_close(&region);
}

static void a_store_through_a_view_is_a_fault(void **state)
{
    (void)state;
    plim_region *region = region_open();
    uint16_t type = 0;
    plim_ref ref;
    assert_int_equal(plim_region_type(region, "t", 16, NULL, 0, &type, NULL), PLIM_OK);
    assert_int_equal(plim_region_allocate(region, type, NULL, 0, (plim_ref){0, 0}, &ref), PLIM_OK);
    plim_region_view *view = view_open();
    plim_region_type_info info;
    assert_true(plim_region_view_type(view, type, &info));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        *(volatile char *)(uintptr_t)info.name = 'x'; /* lies in the mapping */
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_false(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_string_equal(info.name, "t");
    plim_region_view_close(&view);
    plim_region_close(&region);
}

/* Never rests: values become all of another byte, objects come and go. Tells when all are there. */
static void writer_run(int told)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where an assertion ends the test */
    plim_region *region = region_open();
    unsigned char value[VALUE_BYTES];
    uint16_t type = 0;
    plim_ref refs[OBJECTS];
    if (plim_region_type(region, "block", VALUE_BYTES, NULL, 0, &type, NULL) != PLIM_OK)
        _exit(1);
    memset(value, 1, sizeof value);
    for (int i = 0; i < OBJECTS; i++)
        if (plim_region_allocate(region, type, value, 0, (plim_ref){0, 0}, &refs[i]) != PLIM_OK)
            _exit(1);
    if (write(told, "", 1) != 1)
        _exit(1);
    for (unsigned turn = 0;; turn++) {
        plim_ref *ref = &refs[turn * 7919 % OBJECTS];
        memset(value, (int)(turn % 255) + 1, sizeof value);
        if (turn % 16 == 0 &&
            (plim_region_release(region, *ref) != PLIM_OK ||
             plim_region_allocate(region, type, value, 0, (plim_ref){0, 0}, ref) != PLIM_OK))
            _exit(1);
        if (plim_region_set(region, *ref, value, sizeof value) != PLIM_OK)
            _exit(1);
    }
}

static void every_value_seen_beside_a_busy_writer_is_whole(void **state)
{
    (void)state;
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        writer_run(ends[1]);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(read(ends[0], &byte, 1), 1); /* 0: it ended before all were there */
    assert_int_equal(close(ends[0]), 0);
    plim_region_info info = {0};
    plim_region_view *view = NULL;
    assert_int_equal(plim_region_view_open(file_name, NULL, &view, NULL), PLIM_OK);
    plim_region_view_info(view, &info);
    assert_true(info.object_count >= OBJECTS - 1);
    uint64_t seen = 0, most = 0;
    unsigned char last[OBJECTS + 1] = {0};
    bool is_soak = getenv("PLIM_SOAK_SECONDS") != NULL;
    int rounds = is_soak ? 20000 : 2000;
    plim_region_view_pace(view, 0);
    for (int round = 0; round < rounds; round++) {
        plim_region_object object;
        const void *place = NULL;
        uint64_t count = 0;
        for (uint32_t at = 0; plim_region_view_next(view, &at, &object, &place);) {
            const unsigned char *value = place;
            assert_true(value[0] != 0 && memcmp(value, value + 1, VALUE_BYTES - 1) == 0);
            most += last[object.ref.index % OBJECTS] != value[0]; /* it does change */
            last[object.ref.index % OBJECTS] = value[0];
            count++;
        }
        assert_in_range(count, OBJECTS - 5, OBJECTS + 5);
        seen += count;
    }
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    if (is_soak)
        print_message("%d looks of %d bytes beside a busy writer, each whole: %llu values\n",
                      rounds, OBJECTS * VALUE_BYTES, (unsigned long long)seen);
    if (seen < 300000 || most < 50)
        fail_msg("%llu values seen, %llu of them changed", (unsigned long long)seen,
                 (unsigned long long)most);
    plim_region_view_close(&view);
}

enum { ACCOUNTS = 300, MONEY = 1000000 };

/* Moves money between accounts for ever. The sum is right at safe points alone. */
static void bank_run(bool has_safe_points, int told)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    plim_region *region = region_open();
    uint16_t type = 0;
    plim_ref refs[ACCOUNTS];
    int64_t held[ACCOUNTS] = {MONEY};
    if (plim_region_type(region, "account", 8, NULL, 0, &type, NULL) != PLIM_OK)
        _exit(1);
    for (int i = 0; i < ACCOUNTS; i++)
        if (plim_region_allocate(region, type, &held[i], 0, (plim_ref){0, 0}, &refs[i]) != PLIM_OK)
            _exit(1);
    if (write(told, "", 1) != 1)
        _exit(1);
    for (unsigned turn = 0;; turn++) {
        unsigned from = turn * 7919 % ACCOUNTS, to = turn * 104729 % ACCOUNTS;
        int64_t amount = held[from] / 2;
        held[from] -= amount;
        if (plim_region_set(region, refs[from], &held[from], 8) != PLIM_OK)
            _exit(1);
        held[to] += amount;
        if (plim_region_set(region, refs[to], &held[to], 8) != PLIM_OK)
            _exit(1);
        if (has_safe_points)
            (void)plim_region_safe_point(region);
    }
}

static pid_t bank_start(bool has_safe_points)
{
    int told[2];
    char heard;
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        bank_run(has_safe_points, told[1]);
    (void)close(told[1]);
    assert_int_equal(read(told[0], &heard, 1), 1); /* 0: it ended before it began */
    (void)close(told[0]);
    plim_region_info info = {0};
    plim_region_view *view = NULL;
    assert_int_equal(plim_region_view_open(file_name, NULL, &view, NULL), PLIM_OK);
    plim_region_view_info(view, &info);
    plim_region_view_close(&view);
    assert_int_equal(info.object_count, ACCOUNTS);
    return child;
}

static int64_t bank_sum(plim_region_view *view)
{
    plim_region_object object;
    const void *value = NULL;
    int64_t sum = 0, one;
    for (uint32_t at = 0; plim_region_view_next(view, &at, &object, &value); sum += one)
        memcpy(&one, value, sizeof one);
    return sum;
}

static void a_cut_is_of_one_safe_point(void **state)
{
    (void)state;
    pid_t child = bank_start(true);
    const uint64_t second = 1000000000;
    uint64_t wrong = 0, last = 0;
    for (int i = 0; i < 200; i++) {
        plim_region_view *view = NULL;
        plim_error err = {0};
        if (plim_region_view_open_cut(file_name, 20 * second, NULL, &view, &err) != PLIM_OK)
            fail_msg("%s", err.what);
        assert_int_equal(bank_sum(view), MONEY);
        assert_int_equal(bank_sum(view), MONEY); /* and stays so */
        const plim__region_head *head = plim__region_view_head(view);
        assert_true(head->safe_points > last); /* of now, not of the last time */
        last = head->safe_points;
        plim_region_view_close(&view);
        view = view_open();
        wrong += bank_sum(view) != MONEY;
        plim_region_view_close(&view);
    }
    plim_region_view *cut = NULL; /* nobody is to be left alone by who looks at a copy */
    assert_int_equal(plim_region_view_open_cut(file_name, 20 * second, NULL, &cut, NULL), PLIM_OK);
    plim_region_view_pace(cut, 1);
    uint64_t rests = plim__pace_rests();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bank_sum(cut), MONEY);
    assert_int_equal(plim__pace_rests(), rests);
    plim_region_view_close(&cut);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    if (wrong < 10) /* else nothing was to be wrong */
        fail_msg("without a cut the sum was wrong %llu times", (unsigned long long)wrong);
}

static void who_comes_to_no_safe_point_is_not_waited_for(void **state)
{
    (void)state;
    pid_t child = bank_start(false);
    plim_region_view *view = NULL;
    plim_error err = {0};
    assert_int_equal(plim_region_view_open_cut(file_name, 50000000, NULL, &view, &err),
                     PLIM_ERR_TIMEOUT);
    assert_non_null(strstr(err.what, "did not come to a safe point"));
    assert_non_null(strstr(err.hint, "plim_region_safe_point"));
    assert_null(view);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    plim_region *region = region_open(); /* and what nobody writes needs none */
    plim_region_close(&region);
    assert_int_equal(plim_region_view_open_cut(file_name, 0, NULL, &view, NULL), PLIM_OK);
    plim_region_view_close(&view);
}

static void any_bytes_are_refused_or_read_within_bounds(void **state)
{
    (void)state;
    plim_region *region = region_open();
    uint16_t type = 0;
    plim_ref ref = {0, 0};
    assert_int_equal(
        plim_region_type(region, "person", sizeof(person), PERSON_FIELDS, 3, &type, NULL), PLIM_OK);
    for (int i = 0; i < 50; i++)
        assert_int_equal(
            plim_region_allocate(region, type, NULL, 0, i % 3 == 0 ? (plim_ref){0, 0} : ref, &ref),
            PLIM_OK);
    plim_region_close(&region);
    FILE *file = fopen(file_name, "r+b");
    assert_non_null(file);
    uint64_t random = 88172645463325252u, opened = 0, refused = 0;
    for (int round = 0; round < 3000; round++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        /* Some word of the head, of a slot, of a type or a field becomes any of a few numbers. */
        static const uint64_t NUMBERS[] = {0, 1, 7, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 31};
        long at = (long)(random % (sizeof(plim__region_head) + 52 * sizeof(plim__object))) & ~3l;
        if (round % 3 == 0)
            at = (long)(1024 * sizeof(plim__object) + 256 + random % 512) & ~3l;
        unsigned char old[8];
        uint64_t number = NUMBERS[random >> 40 & 3];
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fread(old, 1, 8, file), 8);
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fwrite(&number, 1, 8, file), 8);
        assert_int_equal(fflush(file), 0);
        plim_region_view *view = NULL;
        if (plim_region_view_open(file_name, NULL, &view, NULL) == PLIM_OK) {
            plim_region_view_pace(view, 0);
            plim_region_object object;
            plim_region_type_info info;
            plim_field field;
            const void *value = NULL;
            for (uint32_t i = 0; plim_region_view_next(view, &i, &object, &value);)
                if (plim_region_view_type(view, object.type, &info))
                    for (uint32_t k = 0; k < info.field_count && k < 100; k++)
                        (void)plim_region_view_field(view, object.type, k, &field);
            plim_region_view_close(&view);
            opened++;
        } else {
            refused++;
        }
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fwrite(old, 1, 8, file), 8);
        assert_int_equal(fflush(file), 0);
    }
    if (opened < 100 || refused < 20)
        fail_msg("%llu opened, %llu refused", (unsigned long long)opened,
                 (unsigned long long)refused);
    (void)fclose(file);
}

/* A text whose end somebody takes away while it is read ends behind the mapping at the latest. */
static void a_text_ends_with_the_mapping(void **state)
{
    (void)state;
    static char full[8192];
    plim__shared shared = {.descriptor = -1};
    memset(full, 'x', sizeof full);
    FILE *file = fopen(file_name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(full, 1, sizeof full, file), sizeof full);
    (void)fclose(file);
    assert_int_equal(plim__shared_view(file_name, &shared, NULL), PLIM_OK);
    assert_int_equal(shared.bytes, sizeof full);
    assert_int_equal(strlen(shared.memory), sizeof full);
    plim__shared_close(&shared);
}

/* Writes any word anywhere into the file, for ever: a writer that lies while others look. */
static void liar_run(size_t bytes)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int descriptor = open(file_name, O_RDWR);
    volatile uint64_t *words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (descriptor < 0 || words == MAP_FAILED)
        _exit(1);
    static const uint64_t NUMBERS[] = {0, 1, 3, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 31};
    for (uint64_t random = 88172645463325252u;;) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        /* The head and the first slots more often than the rest. */
        size_t range = random >> 60 < 12 ? 4096 / 8 : bytes / 8;
        volatile uint64_t *word = &words[(random >> 8) % range];
        uint64_t was = *word;
        *word = random >> 59 & 1 ? NUMBERS[random % 6] : random;
        for (unsigned i = 0; i < (random >> 40) % 4096; i++)
            (void)*word;
        if (random >> 58 & 1)
            *word = was; /* else nothing would ever be opened */
    }
}

static void a_writer_that_lies_is_looked_at_without_harm(void **state)
{
    (void)state;
    plim_region *region = region_open();
    uint16_t type = 0;
    plim_ref ref = {0, 0};
    assert_int_equal(
        plim_region_type(region, "person", sizeof(person), PERSON_FIELDS, 3, &type, NULL), PLIM_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(plim_region_allocate(region, type, NULL, 0, ref, &ref), PLIM_OK);
    size_t bytes = (size_t)region->head->total_bytes;
    static unsigned char sound[1 << 20];
    assert_true(bytes <= sizeof sound);
    memcpy(sound, region->head, bytes);
    plim_region_close(&region);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        liar_run(bytes);
    uint64_t opened = 0, seen = 0;
    for (int round = 0; round < 400; round++) {
        int descriptor = open(file_name, O_RDWR);
        assert_true(pwrite(descriptor, sound, bytes, 0) == (ssize_t)bytes);
        (void)close(descriptor);
        plim_region_view *view = NULL;
        if (plim_region_view_open(file_name, NULL, &view, NULL) != PLIM_OK)
            continue;
        plim_region_view_pace(view, 0);
        opened++;
        for (int pass = 0; pass < 20; pass++) {
            plim_region_object object;
            plim_region_type_info info;
            plim_field field;
            const void *value = NULL;
            for (uint32_t i = 0; plim_region_view_next(view, &i, &object, &value); seen++)
                if (plim_region_view_type(view, object.type, &info))
                    for (uint32_t k = 0; k < info.field_count && k < 10; k++)
                        (void)plim_region_view_field(view, object.type, k, &field);
            (void)plim_region_view_name(view, PLIM_NAME_TAG, 1);
        }
        plim_region_view_close(&view);
    }
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    if (opened < 20 || seen < 1000)
        fail_msg("%llu opened, %llu seen", (unsigned long long)opened, (unsigned long long)seen);
}

static void what_is_no_region_is_said(void **state)
{
    (void)state;
    plim_region_view *view = NULL;
    plim_error err = {0};
    assert_false(plim_region_is_file(file_name));
    assert_int_equal(plim_region_view_open(file_name, NULL, &view, &err), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_region_view_open("/", NULL, &view, NULL), PLIM_ERR_USAGE);
    FILE *file = fopen(file_name, "wb");
    assert_non_null(file);
    assert_int_equal(fputs("{\"snapshot\":{}}", file) >= 0, 1);
    (void)fclose(file);
    assert_false(plim_region_is_file(file_name));
    assert_int_equal(plim_region_view_open(file_name, NULL, &view, NULL), PLIM_ERR_DAMAGED);
    (void)remove(file_name);
    plim_region *region = region_open();
    assert_true(plim_region_is_file(file_name));
    plim_region_close(&region);
    assert_int_equal(truncate(file_name, 5000), 0);
    assert_int_equal(plim_region_view_open(file_name, NULL, &view, NULL), PLIM_ERR_DAMAGED);
    assert_null(view);
}

/* One walk over all of it, waiting included. */
static void walk(plim_region_view *view)
{
    plim_region_object object;
    const void *value = NULL;
    uint32_t count = 0;
    for (uint32_t at = 0; plim_region_view_next(view, &at, &object, &value);)
        count++;
    assert_int_equal(count, OBJECTS);
}

static void open_walk_close(void)
{
    plim_region_view *view = view_open();
    walk(view);
    plim_region_view_close(&view);
}

static void open_break_off_close(void)
{
    plim_region_view *view = view_open();
    plim_region_object object;
    const void *value = NULL;
    for (uint32_t at = 0; at < OBJECTS - 1;)
        assert_true(plim_region_view_next(view, &at, &object, &value));
    plim_region_view_close(&view);
}

static void open_count_close(void)
{
    plim_region_info info;
    plim_region_view *view = view_open();
    plim_region_view_info(view, &info);
    assert_int_equal(info.object_count, OBJECTS);
    plim_region_view_close(&view);
}

/* How often this process rests in so many looks, but no more than a few times. */
static uint64_t rests_of(void (*look)(void), int looks)
{
    uint64_t before = plim__pace_rests();
    for (int i = 0; i < looks && plim__pace_rests() - before < 3; i++)
        look();
    return plim__pace_rests() - before;
}

static plim_region *region_filled(void)
{
    static const unsigned char VALUE[VALUE_BYTES] = {1};
    plim_region *region = region_open();
    uint16_t type = 0;
    plim_ref ref;
    assert_int_equal(plim_region_type(region, "v", VALUE_BYTES, NULL, 0, &type, NULL), PLIM_OK);
    for (int i = 0; i < OBJECTS; i++)
        assert_int_equal(plim_region_allocate(region, type, VALUE, 0, (plim_ref){0, 0}, &ref),
                         PLIM_OK);
    return region;
}

enum { LOOKS_MANY = 100000 }; /* each takes some 20 us: 2 s of looking, half a second is free */

/* The first of all: what belongs to one region is found by a hash, and others rested later on. */
static void who_looks_now_and_then_never_rests(void **state)
{
    (void)state;
    plim_region *region = region_filled();
    assert_int_equal(rests_of(open_walk_close, 10), 0);
    assert_int_equal(rests_of(open_count_close, 10), 0);
    plim_region_close(&region);
}

static void who_looks_all_the_time_rests_between_looks(void **state)
{
    (void)state;
    plim_region *region = region_filled();
    plim_region_view *view = view_open();
    plim_region_view *other = view_open();
    /* What a view may spend is the same one's, whoever looks. */
    assert_int_equal(rests_of(open_walk_close, LOOKS_MANY), 3);
    assert_int_equal(rests_of(open_break_off_close, LOOKS_MANY), 3);
    uint64_t before = plim__pace_rests();
    for (int i = 0; i < LOOKS_MANY && plim__pace_rests() - before < 3; i++)
        walk(i % 2 != 0 ? view : other);
    assert_int_equal(plim__pace_rests() - before, 3);
    plim_region_view_pace(view, 0); /* a view that does not wait, nor make others wait */
    before = plim__pace_rests();
    for (int i = 0; i < 1000; i++)
        walk(view);
    assert_int_equal(plim__pace_rests(), before);
    plim_region_close(&region); /* nobody writes: nobody to be left alone */
    plim_region_view_pace(other, 1);
    for (int i = 0; i < 1000; i++)
        walk(other);
    assert_int_equal(plim__pace_rests(), before);
    plim_region_view_close(&other);
    plim_region_view_close(&view);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, file_setup, file_teardown)
    const struct CMUnitTest tests[] = {
        CASE(who_looks_now_and_then_never_rests),
        CASE(a_view_sees_types_fields_values_and_families),
        CASE(a_view_gives_names_sites_and_versions),
        CASE(a_store_through_a_view_is_a_fault),
        CASE(every_value_seen_beside_a_busy_writer_is_whole),
        CASE(a_cut_is_of_one_safe_point),
        CASE(who_comes_to_no_safe_point_is_not_waited_for),
        CASE(any_bytes_are_refused_or_read_within_bounds),
        CASE(a_text_ends_with_the_mapping),
        CASE(a_writer_that_lies_is_looked_at_without_harm),
        CASE(what_is_no_region_is_said),
        CASE(who_looks_all_the_time_rests_between_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
