/* SPDX-License-Identifier: MIT */
/*
 * Values as text. Method: value_subject.c, compiled to a shared object by gcc or clang (argument
 * 1), is loaded into this process; its types come of the file, its values from this process's
 * memory, read so that a wild address is an answer.
 */
#define _GNU_SOURCE
#include <plimsoll/value.h>

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

static char *image;
static size_t image_bytes;
static void *subject;
static plim_types *types;

static bool own_read(void *ctx, uint64_t address, void *out, size_t bytes)
{
    struct iovec to = {out, bytes};
    struct iovec from = {(void *)(uintptr_t)address, bytes}; /* an address is a number */
    (void)ctx;
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)bytes;
}

static bool own_name(void *ctx, uint64_t address, char *out, size_t cap)
{
    (void)ctx;
    if (address != (uintptr_t)dlsym(RTLD_DEFAULT, "printf"))
        return false;
    (void)snprintf(out, cap, "printf");
    return true;
}

static const plim_memory memory = {NULL, own_read, own_name};

static uint64_t address_of(const char *name)
{
    void *at = dlsym(subject, name);
    if (at == NULL)
        fail_msg("no %s", name);
    return (uint64_t)(uintptr_t)at;
}

static plim_type type_of(const char *name)
{
    plim_type type = {0};
    plim_error err = {0};
    if (plim_types_variable(types, name, &type, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    return type;
}

static const char *shown_with(const char *name, const plim_value_options *options)
{
    static char out[1 << 16];
    plim_error err = {0};
    assert_int_equal(plim_value_text(types, type_of(name), address_of(name), &memory, options, out,
                                     sizeof out, &err),
                     PLIM_OK);
    return out;
}

static const char *shown(const char *name)
{
    return shown_with(name, NULL);
}

static void assert_declared(const char *name, const char *text)
{
    char out[512];
    (void)plim_type_text(types, type_of(name), name, out, sizeof out);
    assert_string_equal(out, text);
}

/* A pattern of which each "0x*" stands for any address. */
static void assert_like(const char *text, const char *pattern)
{
    const char *all = text;
    const char *whole = pattern;
    while (*pattern != '\0') {
        if (strncmp(pattern, "0x*", 3) == 0) {
            pattern += 3;
            if (strncmp(text, "0x", 2) != 0)
                break;
            text += 2;
            text += strspn(text, "0123456789abcdef");
            continue;
        }
        if (*text != *pattern)
            break;
        text++;
        pattern++;
    }
    if (*text != '\0' || *pattern != '\0')
        fail_msg("\"%s\" is not like \"%s\"", all, whole);
}

static void numbers_are_written_as_people_read_them(void **state)
{
    (void)state;
    assert_string_equal(shown("an_int"), "-42");
    assert_string_equal(shown("an_unsigned"), "7");
    assert_string_equal(shown("a_large"), "20015998343868 (0x123456789abc)");
    assert_string_equal(shown("a_small_size"), "40");
    assert_string_equal(shown("a_signed_char"), "-3");
    assert_string_equal(shown("a_byte"), "200");
    assert_string_equal(shown("a_bool"), "true");
    assert_string_equal(shown("a_false"), "false");
    assert_string_equal(shown("an_atomic"), "12");
    assert_string_equal(shown("a_wide"), "-1267650600228229401496703205375");
    assert_string_equal(shown("a_uwide"), "340282366920938463463374607431768211455");
}

static void floating_numbers_have_the_fewest_digits_that_tell_them_apart(void **state)
{
    (void)state;
    assert_string_equal(shown("a_float"), "0.1");
    assert_string_equal(shown("a_double"), "3.0");
    assert_string_equal(shown("a_third"), "0.3333333333333333");
    assert_string_equal(shown("an_infinity"), "inf");
    assert_string_equal(shown("a_long_double"), "1.5");
    assert_string_equal(shown("a_complex"), "1.5 - 2.0i");
    assert_string_equal(shown("a_long_complex"), "1.0 + 0.0i");
}

static void characters_and_strings_are_quoted_and_escaped(void **state)
{
    (void)state;
    assert_string_equal(shown("a_char"), "'a' (97)");
    assert_string_equal(shown("a_newline"), "'\\n' (10)");
    assert_string_equal(shown("a_char16"), "u'\xc3\xa9'");
    assert_string_equal(shown("a_wchar"), "U'\xe2\x82\xac'");
    assert_string_equal(shown("a_wide_string"), "L\"gr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80\"");
    assert_string_equal(shown("a_u16_string"), "u\"\xf0\x9f\x98\x80!\"");
    assert_like(shown("a_string"),
                "0x* \"say \\\"hi\\\"\\n\\ttab\\\\ \\001\\177\\377 and gr\xc3\xbc\xc3\x9f "
                "\\342\\200\\256.\"");
    assert_like(shown("octal"), "0x* \"\\0011\"");
    assert_string_equal(shown("a_name"), "\"plimsoll\"");
    assert_string_equal(shown("a_full_name"), "\"full\"");
    assert_string_equal(shown("an_empty_name"), "\"\"");
    assert_string_equal(shown("a_huge_name"), "\"short\"");
    plim_value_options brief = {.struct_bytes = sizeof brief, .text_max = 4, .ascii = true};
    assert_string_equal(shown_with("a_name", &brief), "\"plim\"...");
}

static void enumerations_have_names(void **state)
{
    (void)state;
    assert_string_equal(shown("a_colour"), "GREEN (5)");
    assert_string_equal(shown("a_bad_colour"), "99 (no name of enum colour)");
    assert_string_equal(shown("an_access"), "READ | RUN (5)");
}

static void a_pointer_shows_what_it_leads_to_and_no_further(void **state)
{
    (void)state;
    assert_like(shown("head"), "0x* \xe2\x86\x92 {.v = 1, .next = 0x*}");
    assert_string_equal(shown("nobody"), "NULL");
    assert_string_equal(shown("wild"), "0x8 (not readable)");
    assert_string_equal(shown("wild_string"), "0x10 (not readable)");
    assert_like(shown("in_ring"), "0x* \xe2\x86\x92 {.v = 9, .next = 0x*}");
    assert_like(shown("anything"), "0x*");
    assert_like(shown("opaque"), "0x*");
    assert_like(shown("an_int_pointer"), "0x* \xe2\x86\x92 -42");
    assert_like(shown("deep_pointer"), "0x* \xe2\x86\x92 0x*");
    assert_like(shown("a_call"), "0x* <printf>");
    plim_value_options far = {.struct_bytes = sizeof far, .pointers_max = 2};
    assert_like(shown_with("deep_pointer", &far), "0x* \xe2\x86\x92 0x* \xe2\x86\x92 -42");
    plim_value_options none = {.struct_bytes = sizeof none, .no_pointers = true};
    assert_like(shown_with("head", &none), "0x*");
}

static void structs_unions_and_bits_have_their_members(void **state)
{
    (void)state;
    assert_string_equal(shown("here"), "{.x = 1.5, .y = -2.0}");
    assert_like(shown("first"), "{.v = 1, .next = 0x*}");
    assert_like(shown("a_number"), "{.i = 1, .f = 1.4013e-45}");
    assert_string_equal(shown("some_flags"), "{.low = 5, .high = 4095, .sign = -3, "
                                             ".wide = 1147797409030816545, .on = true, "
                                             ".tint = BLUE}");
    assert_like(shown("an_outer"),
                "{.tag = 't', {.a = -1, .b = 2}, .u = {.whole = 67305985, "
                ".parts = {1, 2, 3, 4}}, .where = {{.x = 1.0, .y = 2.0}, {.x = 3.0, .y = 4.0}}, "
                ".call = 0x* <printf>, .self = 0x*, .name = \"outer\", .tail = {?}}");
    plim_value_options flat = {.struct_bytes = sizeof flat, .depth_max = 1, .ascii = true};
    assert_like(shown_with("an_outer", &flat),
                "{.tag = 't', {...}, .u = {...}, .where = {...}, .call = 0x* <printf>, "
                ".self = 0x*, .name = \"outer\", .tail = {?}}");
    assert_string_equal(shown("nameless"), "{.x = 3}");
}

static void arrays_are_bounded(void **state)
{
    (void)state;
    assert_string_equal(shown("numbers"), "{1, 2, 3, 0, 0, 0, 0, 0, 0, 0, \xe2\x80\xa6 990 more}");
    assert_string_equal(shown("matrix"), "{{1, 2, 3}, {4, 5, 6}}");
    assert_string_equal(shown("some_bytes"), "{1, 2, 254, 255}");
    assert_string_equal(shown("a_vector"), "{1.0, 2.0, 3.0, 4.0}");
    assert_like(shown("words"), "{0x* \"one\", 0x* \"two\", NULL}");
}

static void what_is_too_wide_is_written_in_lines(void **state)
{
    (void)state;
    plim_value_options narrow = {.struct_bytes = sizeof narrow, .columns = 24};
    assert_string_equal(shown_with("here", &narrow), "{.x = 1.5, .y = -2.0}");
    assert_string_equal(shown_with("matrix", &narrow), "{{1, 2, 3}, {4, 5, 6}}");
    narrow.columns = 16;
    assert_string_equal(shown_with("here", &narrow), "{\n  .x = 1.5,\n  .y = -2.0\n}");
    assert_string_equal(shown_with("matrix", &narrow), "{\n  {1, 2, 3},\n  {4, 5, 6}\n}");
    narrow.elements_max = 3;
    narrow.ascii = true;
    assert_string_equal(shown_with("numbers", &narrow), "{\n  1, 2, 3,\n  ... 997 more\n}");
}

static void output_that_does_not_fit_is_cut(void **state)
{
    (void)state;
    char out[16];
    assert_int_equal(plim_value_text(types, type_of("numbers"), address_of("numbers"), &memory,
                                     NULL, out, sizeof out, NULL),
                     PLIM_OK);
    assert_int_equal(strlen(out), sizeof out - 1);
    assert_string_equal(out + sizeof out - 4, "...");
    plim_value_options all = {.struct_bytes = sizeof all, .elements_max = UINT32_MAX};
    assert_int_equal(strncmp(shown_with("numbers", &all), "{1, 2, 3, 0", 11), 0);
}

static void memory_that_cannot_be_read_is_said(void **state)
{
    (void)state;
    char out[256];
    assert_int_equal(
        plim_value_text(types, type_of("first"), 8, &memory, NULL, out, sizeof out, NULL), PLIM_OK);
    assert_string_equal(out, "{.v = (not readable), .next = (not readable)}");
    assert_int_equal(
        plim_value_text(types, type_of("a_name"), 8, &memory, NULL, out, sizeof out, NULL),
        PLIM_OK);
    assert_string_equal(out, "(not readable)");
    assert_int_equal(plim_value_text(types, type_of("numbers"), UINT64_MAX - 8, &memory, NULL, out,
                                     sizeof out, NULL),
                     PLIM_OK);
}

static void types_are_written_as_c_does(void **state)
{
    (void)state;
    assert_declared("an_int", "int an_int");
    assert_declared("head", "struct node *head");
    assert_declared("a_string", "const char *a_string");
    assert_declared("qualified", "const volatile int *const volatile qualified");
    assert_declared("a_call", "int (*a_call)(const char *, ...)");
    assert_declared("table", "int (*(*table[3])(int (*)(double), char *))[5]");
    assert_declared("pointer_to_array", "struct node (*pointer_to_array)[2]");
    assert_declared("matrix", "int matrix[2][3]");
    assert_declared("a_callback", "callback *a_callback");
    assert_declared("here", "point here");
    assert_declared("nameless", "struct {...} nameless");
    assert_declared("signal_like", "struct node *(*signal_like(int, void (*)(int)))(int)");
    assert_declared("takes_nothing", "int takes_nothing(void)");
    assert_declared("an_atomic", "_Atomic int an_atomic");
    char out[64];
    (void)plim_type_text(types, type_of("a_call"), NULL, out, sizeof out);
    assert_string_equal(out, "int (*)(const char *, ...)");
    (void)plim_type_text(types, type_of("matrix"), NULL, out, sizeof out);
    assert_string_equal(out, "int[2][3]");
    (void)plim_type_text(types, (plim_type){0}, NULL, out, sizeof out);
    assert_string_equal(out, "void");
    (void)plim_type_text(types, type_of("a_call"), NULL, out, 8);
    assert_string_equal(out, "int ...");
}

static void a_definition_has_offsets_sizes_and_gaps(void **state)
{
    (void)state;
    char out[4096];
    (void)plim_type_definition(types, type_of("head"), out, sizeof out);
    assert_string_equal(out, "struct node {                           /* 16 bytes */\n"
                             "    int v;                              /* 0, 4 bytes */\n"
                             "                                        /* 4 bytes unused */\n"
                             "    struct node *next;                  /* 8, 8 bytes */\n"
                             "};\n");
    (void)plim_type_definition(types, type_of("an_outer"), out, sizeof out);
    assert_non_null(strstr(out, "    struct {                            /* 4 bytes */\n"));
    assert_non_null(strstr(out, " a;  "));
    assert_non_null(strstr(out, "/* 2, 2 bytes */\n"));
    assert_non_null(strstr(out, "        unsigned char parts[4];         /* 8, 4 bytes */\n"
                                "    } u;\n"));
    assert_non_null(strstr(out, " tail[];"));
    (void)plim_type_definition(types, type_of("a_colour"), out, sizeof out);
    assert_string_equal(out, "enum colour {                           /* 4 bytes */\n"
                             "    RED = 0,\n    GREEN = 5,\n    BLUE = 6,\n};\n");
    (void)plim_type_definition(types, type_of("here"), out, sizeof out);
    assert_int_equal(strncmp(out, "typedef struct {...} point;\nstruct {", 35), 0);
    assert_int_equal(plim_type_definition(types, type_of("an_int"), out, sizeof out), 0);
}

static void types_are_found_by_name(void **state)
{
    (void)state;
    plim_type type;
    plim_error err = {0};
    assert_int_equal(plim_types_find(types, "struct node", &type, &err), PLIM_OK);
    assert_int_equal(plim_type_bytes(types, type), 16);
    assert_int_equal(plim_types_find(types, "point", &type, &err), PLIM_OK);
    assert_int_equal(plim_type_bytes(types, type), 16);
    assert_int_equal(plim_types_find(types, "enum colour", &type, &err), PLIM_OK);
    assert_int_equal(plim_types_find(types, "union number", &type, &err), PLIM_OK);
    assert_int_equal(plim_types_find(types, "struct nothing", &type, &err), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_types_variable(types, "nothing", &type, NULL), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_type_bytes(types, type_of("matrix")), 24);
    assert_int_equal(plim_type_bytes(types, type_of("takes_nothing")), 0);
}

typedef struct told {
    char text[4096];
    uint32_t count, stop;
} told;

static bool tell_member(void *ctx, const plim_member *member)
{
    told *to = ctx;
    char line[512];
    (void)snprintf(line, sizeof line, "%s=%s%s;", member->name, member->text,
                   member->is_open ? "+" : "");
    (void)strncat(to->text, line, sizeof to->text - strlen(to->text) - 1);
    return ++to->count != to->stop;
}

static bool tell_reference(void *ctx, const plim_type_reference *reference)
{
    told *to = ctx;
    char line[512];
    char type[256];
    (void)plim_type_text(types, reference->target, NULL, type, sizeof type);
    (void)snprintf(line, sizeof line, "%u %s: %s%s%s;", (unsigned)reference->offset_bytes,
                   reference->name, type, reference->is_uncertain ? " ?" : "",
                   reference->is_code ? " code" : "");
    (void)strncat(to->text, line, sizeof to->text - strlen(to->text) - 1);
    return ++to->count != to->stop;
}

static void members_are_told_one_by_one(void **state)
{
    (void)state;
    told to = {.text = ""};
    assert_int_equal(plim_value_members(types, type_of("first"), address_of("first"), &memory, NULL,
                                        tell_member, &to, NULL),
                     PLIM_OK);
    assert_like(to.text, "v=1;next=0x*+;");
    to = (told){.text = ""};
    assert_int_equal(plim_value_members(types, type_of("head"), address_of("head"), &memory, NULL,
                                        tell_member, &to, NULL),
                     PLIM_OK);
    assert_like(to.text, "*={.v = 1, .next = 0x*}+;");
    to = (told){.text = "", .stop = 2};
    assert_int_equal(plim_value_members(types, type_of("numbers"), address_of("numbers"), &memory,
                                        NULL, tell_member, &to, NULL),
                     PLIM_OK);
    assert_string_equal(to.text, "[0]=1;[1]=2;");
    to = (told){.text = ""};
    assert_int_equal(plim_value_members(types, type_of("an_int"), address_of("an_int"), &memory,
                                        NULL, tell_member, &to, NULL),
                     PLIM_OK);
    assert_string_equal(to.text, "");
}

static void pointers_in_a_type_are_told_with_their_targets(void **state)
{
    (void)state;
    told to = {.text = ""};
    assert_true(plim_type_references(types, type_of("first"), tell_reference, &to));
    assert_string_equal(to.text, "8 next: struct node;");
    to = (told){.text = ""};
    assert_true(plim_type_references(types, type_of("an_outer"), tell_reference, &to));
    assert_string_equal(to.text, "48 call: int (const char *, ...) code;56 self: struct outer;");
    to = (told){.text = ""};
    assert_true(plim_type_references(types, type_of("words"), tell_reference, &to));
    assert_string_equal(to.text, "0 : const char;8 : const char;16 : const char;");
    to = (told){.text = ""};
    assert_true(plim_type_references(types, type_of("numbers"), tell_reference, &to));
    assert_int_equal(to.count, 0);
    to = (told){.text = "", .stop = 1};
    assert_false(plim_type_references(types, type_of("words"), tell_reference, &to));
}

static void images_of_no_use_are_refused(void **state)
{
    (void)state;
    plim_types *none = NULL;
    plim_error err = {0};
    assert_int_equal(plim_types_open("short", 5, NULL, &none, &err), PLIM_ERR_DAMAGED);
    assert_int_equal(plim_types_open(image + 1, image_bytes - 1, NULL, &none, NULL),
                     PLIM_ERR_DAMAGED);
    char *other = malloc(image_bytes);
    assert_non_null(other);
    memcpy(other, image, image_bytes);
    other[4] = 1; /* of 32 bits */
    assert_int_equal(plim_types_open(other, image_bytes, NULL, &none, NULL), PLIM_ERR_UNSUPPORTED);
    other[4] = 2;
    assert_int_equal(plim_types_open(other, 64, NULL, &none, NULL), PLIM_ERR_UNSUPPORTED);
    free(other);
    assert_null(none);
}

static int setup(void **state)
{
    (void)state;
    plim_error err = {0};
    if (plim_types_open(image, image_bytes, NULL, &types, &err) == PLIM_OK)
        return 0;
    (void)fprintf(stderr, "%s\n", err.what);
    return 1;
}

static int teardown(void **state)
{
    (void)state;
    plim_types_close(&types);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_people_read_them),
        cmocka_unit_test(floating_numbers_have_the_fewest_digits_that_tell_them_apart),
        cmocka_unit_test(characters_and_strings_are_quoted_and_escaped),
        cmocka_unit_test(enumerations_have_names),
        cmocka_unit_test(a_pointer_shows_what_it_leads_to_and_no_further),
        cmocka_unit_test(structs_unions_and_bits_have_their_members),
        cmocka_unit_test(arrays_are_bounded),
        cmocka_unit_test(what_is_too_wide_is_written_in_lines),
        cmocka_unit_test(output_that_does_not_fit_is_cut),
        cmocka_unit_test(memory_that_cannot_be_read_is_said),
        cmocka_unit_test(types_are_written_as_c_does),
        cmocka_unit_test(a_definition_has_offsets_sizes_and_gaps),
        cmocka_unit_test(types_are_found_by_name),
        cmocka_unit_test(members_are_told_one_by_one),
        cmocka_unit_test(pointers_in_a_type_are_told_with_their_targets),
        cmocka_unit_test(images_of_no_use_are_refused),
    };
    if (argc != 2)
        return 2;
    FILE *file = fopen(argv[1], "rb");
    subject = dlopen(argv[1], RTLD_NOW);
    if (file == NULL || subject == NULL || fseek(file, 0, SEEK_END) != 0)
        return 2;
    image_bytes = (size_t)ftell(file);
    image = malloc(image_bytes);
    rewind(file);
    if (image == NULL || fread(image, 1, image_bytes, file) != image_bytes)
        return 2;
    (void)fclose(file);
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    free(image);
    return failed;
}
