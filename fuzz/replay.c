/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target on files: on each named, and on all in each folder named. So the corpus, and
 * every input that ever was a find, is an ordinary test with any compiler.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "input.h"

enum { PATH_BYTES = 4096, FILE_BYTES_MAX = 64 << 20 };

static int replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *data = malloc(size + 1); /* never NULL for malloc(0)'s sake */
    int failed = file == NULL || data == NULL || fread(data, 1, size, file) != size;
    if (failed) {
        fprintf(stderr, "replay: cannot read %s\n", path);
    } else {
        fprintf(stderr, "replay: %s\n", path); /* the last line names the culprit */
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    if (file != NULL)
        (void)fclose(file);
    return failed;
}

static unsigned replay_folder(const char *folder, int *failed)
{
    unsigned count = 0;
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[PATH_BYTES];
        struct stat info = {0};
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (length < 0 || length >= PATH_BYTES || stat(path, &info) != 0 ||
            !S_ISREG(info.st_mode) || info.st_size > FILE_BYTES_MAX)
            continue;
        *failed |= replay_file(path, (size_t)info.st_size);
        count++;
    }
    (void)closedir(entries);
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info = {0};
        if (stat(argv[i], &info) == 0 && S_ISREG(info.st_mode)) {
            failed |= replay_file(argv[i], (size_t)info.st_size);
            count++;
        } else {
            count += replay_folder(argv[i], &failed);
        }
    }
    fprintf(stderr, "replay: %u inputs\n", count);
    return failed || count == 0;
}
