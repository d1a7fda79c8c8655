/* SPDX-License-Identifier: MIT */
/*
 * A journal's log that anybody may have written. The input is the log; what is read of it must lie
 * within it, what it leads to within the memory, and whatever is taken goes on as a journal does.
 */
#include <plimsoll/journal.h>

#include "input.h"

enum { MEMORY = 1000, LOG = 4096, GRAIN = 64, MOMENTS = 16 };

/* What is taken goes on as any journal does. */
static void fuzz_go_on(plim_journal *journal, unsigned char *memory, unsigned char *copy)
{
    plim_journal_info info;
    plim_journal_range ranges[4];
    size_t count;
    plim_journal_read_info(journal, &info);
    FUZZ_CLAIM(!info.is_open);
    FUZZ_CLAIM(plim_journal_changes(journal, info.kept, 0, ranges, 4, &count, NULL) == PLIM_OK);
    memcpy(copy, memory, MEMORY);
    FUZZ_CLAIM(plim_journal_begin(journal) == PLIM_OK);
    bool fits = info.grain_max >= (MEMORY + info.grain_bytes - 1) / info.grain_bytes;
    plim_status status = plim_journal_note(journal, 0, MEMORY);
    FUZZ_CLAIM(status == PLIM_OK || (status == PLIM_ERR_NO_SPACE && !fits));
    if (status == PLIM_OK)
        memset(memory, 9, MEMORY);
    FUZZ_CLAIM(plim_journal_rollback(journal) == PLIM_OK);
    FUZZ_CLAIM(memcmp(copy, memory, MEMORY) == 0);
    plim_journal_read_info(journal, &info);
    FUZZ_CLAIM(plim_journal_undo(journal, info.kept, NULL) == PLIM_OK);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    /* On the heap and of their exact sizes, so that AddressSanitizer sees one byte beyond. */
    unsigned char *log = aligned_alloc(64, LOG), *memory = aligned_alloc(64, 1024);
    unsigned char *copy = malloc(MEMORY);
    FUZZ_CLAIM(log != NULL && memory != NULL && copy != NULL);
    int looks = 0;
    memset(log, 0, LOG);
    memset(memory, 7, 1024);
    memcpy(log, data, size < LOG ? size : LOG);
    for (uint32_t back = 0; back < 4; back++)
        looks += plim_journal_read_at(log, LOG, memory, MEMORY, back, copy, NULL) == PLIM_OK;
    FUZZ_CLAIM(looks <= 4);
    const plim_journal_options options = {.struct_bytes = sizeof options,
                                          .grain_bytes = GRAIN,
                                          .moment_max = MOMENTS,
                                          .memory = memory,
                                          .memory_bytes = MEMORY,
                                          .log = log,
                                          .log_bytes = LOG};
    plim_journal *journal = NULL;
    if (plim_journal_open(&options, &journal, NULL) == PLIM_OK) {
        fuzz_go_on(journal, memory, copy);
        plim_journal_close(&journal);
    }
    free(log);
    free(memory);
    free(copy);
    return 0;
}
