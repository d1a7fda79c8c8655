/* SPDX-License-Identifier: MIT */
/*
 * Files. Method: each case works in a folder of its own under $TMPDIR and looks at what is in the
 * folder afterwards, byte for byte and name for name. As root, permission is tried as nobody.
 */
#include <plimsoll/file.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "temporary.h"

enum { NOBODY = 65534 };

static char FOLDER[PATH_MAX / 2];

/* A name in the folder; two are valid at a time. */
static const char *at(const char *name)
{
    static char paths[2][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 2];
    (void)snprintf(path, sizeof paths[0], "%s/%s", FOLDER, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *name, const char *text)
{
    char got[256] = {0};
    FILE *file = fopen(at(name), "r");
    assert_non_null(file);
    size_t length = fread(got, 1, sizeof got - 1, file);
    assert_int_equal(fclose(file), 0);
    got[length] = '\0';
    assert_string_equal(got, text);
}

static unsigned name_count(void)
{
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

static int make_folder(void **state)
{
    (void)state;
    return !temporary_path(FOLDER, sizeof FOLDER, "plim-file-XXXXXX") || mkdtemp(FOLDER) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)chmod(FOLDER, 0700);
    DIR *folder = opendir(FOLDER);
    if (folder == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            (void)remove(at(entry->d_name));
    (void)closedir(folder);
    return rmdir(FOLDER);
}

static plim_file_sink *sink_with(const char *name, bool overwrite, const char *text)
{
    plim_file_sink *file = NULL;
    plim_error err = {0};
    assert_int_equal(plim_file_sink_create(at(name), overwrite, NULL, &file, &err), PLIM_OK);
    plim_sink sink = plim_file_sink_view(file);
    assert_int_equal(sink.write(sink.ctx, text, strlen(text), &err), PLIM_OK);
    return file;
}

static void a_source_gives_the_bytes_and_then_the_end_for_good(void **state)
{
    (void)state;
    put("a", "hello");
    plim_file_source *file = NULL;
    plim_error err = {0};
    assert_int_equal(plim_file_source_open(at("a"), NULL, &file, &err), PLIM_OK);
    plim_source source = plim_file_source_view(file);
    assert_int_equal(source.total_bytes, 5);
    char buffer[16];
    size_t length = 0;
    assert_int_equal(source.read(source.ctx, buffer, sizeof buffer, &length, &err), PLIM_OK);
    assert_int_equal(length, 5);
    assert_memory_equal(buffer, "hello", 5);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(source.read(source.ctx, buffer, sizeof buffer, &length, &err), PLIM_OK);
        assert_int_equal(length, 0);
    }
    plim_file_source_close(&file);
    assert_null(file);
    plim_file_source_close(&file);
    plim_file_source_close(NULL);
}

static void what_cannot_be_read_is_refused_with_its_name_and_a_hint(void **state)
{
    (void)state;
    plim_file_source *file = NULL;
    plim_error err = {0};
    assert_int_equal(plim_file_source_open(at("no"), NULL, &file, &err), PLIM_ERR_NOT_FOUND);
    assert_non_null(strstr(err.what, at("no")));
    assert_string_equal(err.where, at("no"));
    assert_string_not_equal(err.hint, "");
    err = (plim_error){0};
    assert_int_equal(plim_file_source_open(FOLDER, NULL, &file, &err), PLIM_ERR_USAGE);
    assert_non_null(strstr(err.what, "directory"));
    assert_string_not_equal(err.hint, "");
    put("a", "x");
    err = (plim_error){0};
    assert_int_equal(plim_file_source_open(at("a/b"), NULL, &file, &err), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_file_source_open(at("no"), NULL, &file, NULL), PLIM_ERR_NOT_FOUND);
    assert_null(file);
}

static void without_permission_nothing_is_read_or_made(void **state)
{
    (void)state;
    put("secret", "x");
    assert_int_equal(chmod(at("secret"), 0), 0);
    assert_int_equal(chmod(FOLDER, 0555), 0);
    bool was_root = geteuid() == 0;
    if (was_root)
        assert_int_equal(seteuid(NOBODY), 0);
    plim_file_source *source = NULL;
    plim_file_sink *sink = NULL;
    plim_error read_err = {0}, write_err = {0};
    plim_status read_status = plim_file_source_open(at("secret"), NULL, &source, &read_err);
    plim_status write_status = plim_file_sink_create(at("new"), false, NULL, &sink, &write_err);
    if (was_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(read_status, PLIM_ERR_ACCESS);
    assert_int_equal(write_status, PLIM_ERR_ACCESS);
    assert_string_equal(write_err.where, at("new"));
    assert_int_equal(name_count(), 1);
}

static void the_final_name_appears_only_at_commit_and_with_mode_0600(void **state)
{
    (void)state;
    mode_t mask = umask(0);
    plim_file_sink *file = sink_with("out", false, "whole");
    assert_int_equal(access(at("out"), F_OK), -1);
    assert_int_equal(name_count(), 1);
    assert_int_equal(plim_file_sink_commit(&file, NULL), PLIM_OK);
    (void)umask(mask);
    assert_null(file);
    assert_holds("out", "whole");
    assert_int_equal(name_count(), 1);
    struct stat info;
    assert_int_equal(stat(at("out"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
}

static void an_existing_file_stands_unless_overwriting_was_asked_for(void **state)
{
    (void)state;
    put("out", "old");
    plim_file_sink *file = NULL;
    plim_error err = {0};
    assert_int_equal(plim_file_sink_create(at("out"), false, NULL, &file, &err), PLIM_ERR_EXISTS);
    assert_non_null(strstr(err.hint, "-f"));
    assert_null(file);
    assert_holds("out", "old");
    file = sink_with("out", true, "new");
    assert_holds("out", "old");
    assert_int_equal(plim_file_sink_commit(&file, &err), PLIM_OK);
    assert_holds("out", "new");
    assert_int_equal(name_count(), 1);
}

static void a_file_that_somebody_made_meanwhile_stays_and_ours_is_kept_beside_it(void **state)
{
    (void)state;
    plim_file_sink *file = sink_with("out", false, "ours");
    put("out", "theirs");
    plim_error err = {0};
    assert_int_equal(plim_file_sink_commit(&file, &err), PLIM_ERR_EXISTS);
    assert_non_null(strstr(err.hint, "out.partial"));
    assert_null(file);
    assert_holds("out", "theirs");
    assert_holds("out.partial", "ours");
    assert_int_equal(name_count(), 2);
}

static void what_is_abandoned_leaves_nothing(void **state)
{
    (void)state;
    put("kept", "old");
    plim_file_sink *file = sink_with("out", false, "half");
    plim_file_sink_abandon(&file);
    assert_null(file);
    file = sink_with("kept", true, "half");
    plim_file_sink_abandon(&file);
    assert_holds("kept", "old");
    assert_int_equal(name_count(), 1);
    plim_file_sink_abandon(&file);
    plim_file_sink_abandon(NULL);
}

static void what_was_interrupted_is_kept_as_partial(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        plim_file_sink *file = sink_with("out", false, round == 0 ? "one" : "two");
        assert_int_equal(plim_file_sink_keep_partial(&file, NULL), PLIM_OK);
        assert_null(file);
        assert_holds("out.partial", round == 0 ? "one" : "two");
        assert_int_equal(name_count(), 1);
    }
}

static void a_folder_or_a_missing_one_is_no_place_for_a_file(void **state)
{
    (void)state;
    plim_file_sink *file = NULL;
    plim_error err = {0};
    assert_int_equal(plim_file_sink_create(FOLDER, true, NULL, &file, &err), PLIM_ERR_USAGE);
    err = (plim_error){0};
    assert_int_equal(plim_file_sink_create(at("no/out"), true, NULL, &file, &err),
                     PLIM_ERR_NOT_FOUND);
    static char long_name[PATH_MAX + 10];
    memset(long_name, 'n', sizeof long_name - 1);
    assert_int_not_equal(plim_file_sink_create(long_name, true, NULL, &file, NULL), PLIM_OK);
    plim_file_source *source = NULL;
    assert_int_not_equal(plim_file_source_open(long_name, NULL, &source, NULL), PLIM_OK);
    assert_null(file);
    assert_null(source);
    assert_int_equal(name_count(), 0);
}

static void a_full_device_is_said_to_be_full(void **state)
{
    (void)state;
    plim_file_sink *file = NULL;
    plim_error err = {0};
    assert_int_equal(plim_file_sink_create("/dev/full", false, NULL, &file, &err), PLIM_OK);
    plim_sink sink = plim_file_sink_view(file);
    assert_int_equal(sink.write(sink.ctx, "x", 1, &err), PLIM_ERR_NO_SPACE);
    assert_string_equal(err.where, "/dev/full");
    assert_string_not_equal(err.hint, "");
    plim_file_sink_abandon(&file);
    assert_int_equal(access("/dev/full", F_OK), 0);
}

static void a_dash_is_standard_input_and_output(void **state)
{
    (void)state;
    int ends[2], saved_in = dup(STDIN_FILENO), saved_out = dup(STDOUT_FILENO);
    assert_int_equal(pipe(ends), 0);
    (void)fflush(stdout);
    assert_true(dup2(ends[1], STDOUT_FILENO) >= 0 && dup2(ends[0], STDIN_FILENO) >= 0);
    plim_file_sink *sink_file = NULL;
    plim_status status = plim_file_sink_create("-", false, NULL, &sink_file, NULL);
    plim_sink sink = plim_file_sink_view(sink_file);
    plim_status written = sink.write(sink.ctx, "through", 7, NULL);
    plim_status committed = plim_file_sink_commit(&sink_file, NULL);
    assert_true(dup2(saved_out, STDOUT_FILENO) >= 0);
    (void)close(ends[1]);
    plim_file_source *file = NULL;
    char buffer[16];
    size_t first = 0, second = 99;
    plim_status opened = plim_file_source_open("-", NULL, &file, NULL);
    plim_source source = plim_file_source_view(file);
    plim_status read_first = source.read(source.ctx, buffer, sizeof buffer, &first, NULL);
    plim_status read_second = source.read(source.ctx, buffer, 1, &second, NULL);
    plim_file_source_close(&file);
    assert_true(dup2(saved_in, STDIN_FILENO) >= 0);
    assert_int_equal(status | written | committed | opened | read_first | read_second, PLIM_OK);
    assert_int_equal(source.total_bytes, 0);
    assert_int_equal(first, 7);
    assert_memory_equal(buffer, "through", 7);
    assert_int_equal(second, 0);
    (void)close(ends[0]);
    (void)close(saved_in);
    (void)close(saved_out);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(a_source_gives_the_bytes_and_then_the_end_for_good),
        FILE_TEST(what_cannot_be_read_is_refused_with_its_name_and_a_hint),
        FILE_TEST(without_permission_nothing_is_read_or_made),
        FILE_TEST(the_final_name_appears_only_at_commit_and_with_mode_0600),
        FILE_TEST(an_existing_file_stands_unless_overwriting_was_asked_for),
        FILE_TEST(a_file_that_somebody_made_meanwhile_stays_and_ours_is_kept_beside_it),
        FILE_TEST(what_is_abandoned_leaves_nothing),
        FILE_TEST(what_was_interrupted_is_kept_as_partial),
        FILE_TEST(a_folder_or_a_missing_one_is_no_place_for_a_file),
        FILE_TEST(a_full_device_is_said_to_be_full),
        FILE_TEST(a_dash_is_standard_input_and_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
