/* SPDX-License-Identifier: MIT */
/* A session's machine without names: units that a compiler made beforehand, every way to die. */
#include <elf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "repl/session/explain.h"
#include "repl/session/layout.h"
#include "repl/session/machine.h"
#include "temporary.h"

enum { UNIT_PIECES = 16, UNIT_COMMAND = 8192, UNIT_BYTES = 1 << 20 };

typedef struct unit {
    plim__piece pieces[UNIT_PIECES];
    plim__job job;
    unsigned char *image;
    size_t image_bytes;
} unit;

static struct {
    plim__machine machine;
    char folder[128];
    uint64_t code_at, data_at, number;
    char output[4096];
    size_t output_length;
} session;

static void take_output(void *ctx, plim_repl_stream stream, const char *bytes, size_t count)
{
    (void)ctx;
    (void)stream;
    size_t room = sizeof session.output - 1 - session.output_length;
    count = count < room ? count : room;
    memcpy(session.output + session.output_length, bytes, count);
    session.output_length += count;
    session.output[session.output_length] = 0;
}

static void run_command(const char *command)
{
    int status = system(command);
    if (status != 0)
        fail_msg("%s: %d", command, status);
}

/* Names the unit does not define, as the linker is to take them. */
static void resolve_names(char *out, size_t cap)
{
    char line[256], command[256];
    size_t length = 0;
    (void)snprintf(command, sizeof command, "nm -u %s/u.o", session.folder);
    FILE *names = popen(command, "r");
    assert_non_null(names);
    out[0] = 0;
    while (fgets(line, sizeof line, names) != NULL) {
        char name[200];
        uint64_t address = 0;
        if (sscanf(line, " %*c %199s", name) != 1 || strcmp(name, "_GLOBAL_OFFSET_TABLE_") == 0)
            continue;
        if (!plim__machine_resolve(&session.machine, name, &address))
            continue; /* an earlier unit's: given by hand */
        length += (size_t)snprintf(out + length, cap - length, " --defsym=%s=0x%llx", name,
                                   (unsigned long long)address);
    }
    assert_int_equal(pclose(names), 0);
}

static void compile_unit(const char *text, const char *defined, unit *out)
{
    char path[256], names[UNIT_COMMAND / 2], command[UNIT_COMMAND];
    (void)snprintf(path, sizeof path, "%s/u.c", session.folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(path, sizeof path, "%s/u.ld", session.folder);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(
        file,
        "ENTRY(entry)\nSECTIONS { . = 0x%llx; .text : { *(.text .text.*) *(.rodata "
        ".rodata.*) *(.eh_frame) } . = 0x%llx; .data : { *(.got .got.*) *(.data .data.*) } "
        ".bss : { *(.bss .bss.*) *(COMMON) } }\n",
        (unsigned long long)session.code_at, (unsigned long long)session.data_at);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof command,
                   "clang-19 -c -g -gdwarf-aranges -O0 -fPIC -fno-plt -fno-stack-protector "
                   "-D_GNU_SOURCE -w -o %s/u.o %s/u.c",
                   session.folder, session.folder);
    run_command(command);
    resolve_names(names, sizeof names);
    (void)snprintf(command, sizeof command, "ld --no-relax -T %s/u.ld %s %s -o %s/u %s/u.o",
                   session.folder, names, defined, session.folder, session.folder);
    run_command(command);
    (void)snprintf(path, sizeof path, "%s/u", session.folder);
    file = fopen(path, "r");
    assert_non_null(file);
    memset(out, 0, sizeof *out);
    out->image = malloc(UNIT_BYTES);
    assert_non_null(out->image);
    out->image_bytes = fread(out->image, 1, UNIT_BYTES, file);
    assert_int_equal(fclose(file), 0);
    const Elf64_Ehdr *head = (const void *)out->image;
    for (unsigned i = 0; i < head->e_phnum; i++) {
        const Elf64_Phdr *part = (const void *)(out->image + head->e_phoff + i * sizeof *part);
        if (part->p_type != PT_LOAD || part->p_memsz == 0)
            continue;
        uint64_t skip = part->p_vaddr < session.code_at ? session.code_at - part->p_vaddr : 0;
        out->pieces[out->job.piece_count++] =
            (plim__piece){part->p_vaddr + skip, part->p_memsz - skip, part->p_filesz - skip,
                          out->image + part->p_offset + skip, false};
        uint64_t end = (part->p_vaddr + part->p_memsz + 4095) & ~UINT64_C(4095);
        if (part->p_vaddr >= PLIM__SESSION_DATA)
            session.data_at = end;
        else
            session.code_at = end;
    }
    out->job.pieces = out->pieces;
    out->job.entry = head->e_entry;
    out->job.number = ++session.number;
}

/* The images of units, by where their code lies: as the session's owner keeps them. */
static struct {
    uint64_t low, high;
    unsigned char *image;
    size_t bytes;
} images[256];
static size_t image_count;

static bool find_image(void *ctx, uint64_t address, const void **out_image, size_t *out_bytes)
{
    (void)ctx;
    for (size_t i = 0; i < image_count; i++)
        if (address >= images[i].low && address < images[i].high) {
            *out_image = images[i].image;
            *out_bytes = images[i].bytes;
            return true;
        }
    return false;
}

static char explanation[1024];

static void explain(plim__verdict *verdict)
{
    plim__trace trace = {0};
    uint64_t began = plim__machine_now();
    if (verdict->is_standing) {
        if (verdict->words.kind != PLIM__WORDS_NONE ||
            plim__trace_stop(&session.machine, &verdict->words))
            plim__trace_take(&session.machine, &verdict->words, find_image, NULL, &trace);
    }
    plim__explain(&session.machine, verdict, &trace, explanation, sizeof explanation);
    if (explanation[0] != 0)
        print_message("%s (%llu us)\n", explanation,
                      (unsigned long long)(plim__machine_now() - began));
}

static plim__verdict enter(const char *text, const char *defined)
{
    unit made;
    uint64_t low = session.code_at;
    plim__verdict verdict;
    plim_error error = {0};
    session.output_length = 0;
    session.output[0] = 0;
    compile_unit(text, defined, &made);
    if (plim__machine_run(&session.machine, &made.job, &verdict, &error) != PLIM_OK)
        fail_msg("%s", error.what);
    images[image_count].low = low;
    images[image_count].high = session.code_at;
    images[image_count].image = made.image;
    images[image_count++].bytes = made.image_bytes;
    explain(&verdict);
    return verdict;
}

static void bury(void)
{
    char lost[PLIM__MACHINE_LOST_MAX][PLIM__MACHINE_CLAUSE];
    size_t count;
    assert_int_equal(plim__machine_bury(&session.machine, lost, &count, NULL), PLIM_OK);
}

static int open_session(void **state)
{
    (void)state;
    while (image_count > 0)
        free(images[--image_count].image);
    assert_true(temporary_path(session.folder, sizeof session.folder, "plim-machine-XXXXXX"));
    assert_non_null(mkdtemp(session.folder));
    const plim_repl_options options = {.memory_bytes = 64 << 20,
                                       .history_bytes = 64 << 20,
                                       .moment_max = 100,
                                       .output = take_output,
                                       .input = -1};
    plim__machine_init(&session.machine, &options);
    const char *libexec = getenv("PLIM_LIBEXEC");
    assert_non_null(libexec);
    (void)snprintf(session.machine.libexec, sizeof session.machine.libexec, "%s", libexec);
    session.code_at = PLIM__SESSION_CODE + PLIM__SESSION_OWN_BYTES;
    session.data_at = PLIM__SESSION_DATA + PLIM__SESSION_OWN_BYTES;
    plim_error error = {0};
    if (plim__machine_open(&session.machine, &error) != PLIM_OK)
        fail_msg("%s", error.what);
    return 0;
}

static int close_session(void **state)
{
    char command[256];
    (void)state;
    plim__machine_close(&session.machine);
    (void)snprintf(command, sizeof command, "rm -r %s", session.folder);
    run_command(command);
    return 0;
}

/* Reads a variable of a unit that lies at the data area's first free address. */
static int value_at(uint64_t address)
{
    int value = 0;
    assert_int_equal(plim__machine_read(&session.machine, address, &value, sizeof value), PLIM_OK);
    return value;
}

static void test_a_unit_is_a_transaction(void **state)
{
    (void)state;
    uint64_t x = session.data_at;
    plim__verdict verdict =
        enter("#include <stdio.h>\n#include <stdlib.h>\n"
              "__attribute__((section(\".data.a\"))) int x = 5; int *p;\n"
              "void entry(void) { x++; p = malloc(100); p[3] = x; printf(\"x is %d\\n\", x); }\n",
              "");
    assert_int_equal(verdict.end, PLIM_REPL_OK);
    assert_string_equal(session.output, "x is 6\n");
    assert_true(verdict.written_bytes > 0 && session.machine.heap_blocks == 1);
    while (value_at(x) != 6 && x < session.data_at)
        x += 4; /* behind the unit's table of addresses */
    assert_int_equal(value_at(x), 6);
    char name[64];
    (void)snprintf(name, sizeof name, "--defsym=x=0x%llx", (unsigned long long)x);
    verdict = enter("extern int x; void entry(void) { x = 99; *(volatile int *)8 = 1; }", name);
    assert_int_equal(verdict.end, PLIM_REPL_CRASHED);
    assert_int_equal(verdict.words.signal, SIGSEGV);
    assert_int_equal(verdict.words.address, 8);
    bury();
    assert_int_equal(value_at(x), 6);
    verdict = enter("extern int x; void entry(void) { x += 10; }", name);
    assert_int_equal(verdict.end, PLIM_REPL_OK);
    assert_int_equal(value_at(x), 16);
    assert_int_equal(plim__machine_kept(&session.machine), 2);
    assert_int_equal(plim__machine_undo(&session.machine, 1, NULL), PLIM_OK);
    bury();
    assert_int_equal(value_at(x), 6);
    assert_int_equal(plim__machine_undo(&session.machine, 2, NULL), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim__machine_undo(&session.machine, 1, NULL), PLIM_OK);
    bury();
    assert_int_equal(session.machine.heap_blocks, 0);
}

static const struct {
    const char *text;
    plim_repl_end end;
    const char *why; /* part of the sentence */
} ENDS[] = {
    {"#include <stdlib.h>\nvoid entry(void) { abort(); }", PLIM_REPL_CRASHED,
     "abort() called in entry() at u.c:2"},
    {"volatile int z; void entry(void) { z = 5 / z; }", PLIM_REPL_CRASHED,
     "division by zero, or of the smallest number by -1, in entry() at u.c:1"},
    {"int sum(int n) { char b[40]; b[n % 40] = 1;\n return n + sum(n + 1) + b[3]; }\n"
     "void entry(void) { sum(0); }",
     PLIM_REPL_CRASHED, "stack overflow: sum() called itself "},
    {"#include <stdlib.h>\nvoid bye(void) { }\nvoid entry(void) { atexit(bye); exit(3); }",
     PLIM_REPL_EXITED, "exit(3) called in entry() at u.c:3"},
    {"#include <unistd.h>\nvoid entry(void) { _exit(4); }", PLIM_REPL_EXITED, "exit(4) called"},
    {"#include <unistd.h>\n#include <sys/syscall.h>\nvoid entry(void) { syscall(SYS_exit_group, "
     "9); }",
     PLIM_REPL_EXITED, "ended itself with exit code 9"},
    {"#include <stdlib.h>\nvoid entry(void) { char *p = malloc(10); free(p); free(p); }",
     PLIM_REPL_CRASHED, "free() was given a block that was given back already"},
    {"#include <stdlib.h>\nvoid entry(void) { char *p = malloc(100); free(p + 16); }",
     PLIM_REPL_CRASHED, "free() was given an address 16 bytes inside a block of 112"},
    {"#include <stdlib.h>\nvoid entry(void) { char *p = malloc(10); free(p); p = realloc(p, 20); }",
     PLIM_REPL_CRASHED, "realloc() was given a block that was given back already"},
    {"#include <stdlib.h>\nint g; void entry(void) { free(&g); }", PLIM_REPL_CRASHED,
     "free() was given the address of a variable"},
    {"#include <stdlib.h>\nvoid entry(void) { int g; free(&g); }", PLIM_REPL_CRASHED,
     "free() was given the address of a variable"},
    {"#include <stdlib.h>\nvoid *leak(void) { return malloc(1 << 20); }\n"
     "void entry(void) { for (;;) leak(); }",
     PLIM_REPL_MEMORY, "the session's budget of 64 MiB was reached in leak() at u.c:2"},
    {"#include <string.h>\nvoid entry(void) { volatile int n = strlen((char *)0); }",
     PLIM_REPL_CRASHED, "null pointer"},
    {"#include <assert.h>\nvoid entry(void) { assert(1 == 2); }", PLIM_REPL_CRASHED,
     "an assertion failed in entry() at u.c:2"},
    {"void entry(void) {\n for (;;); }", PLIM_REPL_TIMEOUT,
     "deadline of 300 ms passed in entry() at u.c:2"},
    {"#include <signal.h>\n#include <unistd.h>\nvoid entry(void) { sigset_t s; sigfillset(&s); "
     "sigprocmask(SIG_SETMASK, &s, 0); for (;;) pause(); }",
     PLIM_REPL_TIMEOUT, "deadline of 300 ms"},
    {"#include <signal.h>\n#include <unistd.h>\nvoid entry(void) { kill(getpid(), SIGKILL); }",
     PLIM_REPL_CRASHED, "killed (SIGKILL)"},
    {"#include <signal.h>\n#include <unistd.h>\nvoid entry(void) { kill(getpid(), SIGTERM); }",
     PLIM_REPL_CRASHED, "SIGTERM"},
    {"#include <unistd.h>\nvoid entry(void) { for (int i = 3; i < 2000; i++) close(i); }",
     PLIM_REPL_CRASHED, "closed or spoiled the worker's own descriptor"},
    {"#include <unistd.h>\nvoid entry(void) { for (int i = 3; i < 2000; i++) close(i); for (;;); }",
     PLIM_REPL_CRASHED, "closed or spoiled the worker's own descriptor"},
    {"#include <unistd.h>\nvoid entry(void) { for (int i = 3; i < 2000; i++) write(i, \"lies\", "
     "4); "
     "for (;;) pause(); }",
     PLIM_REPL_CRASHED, "closed or spoiled the worker's own descriptor"},
    {"#include <string.h>\n#include <unistd.h>\nvoid entry(void) { static char m[4200]; int "
     "one[12] = "
     "{0x52455031, 12, 0, 0, 77}; memcpy(m, one, sizeof one);\n"
     "for (int n = 4100; n < 4200; n++) for (int i = 1000; i < 1010; i++) write(i, m, n); for (;;) "
     "pause(); }",
     PLIM_REPL_CRASHED, "closed or spoiled the worker's own descriptor"},
    {"void entry(void) { *(char *)\"abc\" = 1; }", PLIM_REPL_CRASHED,
     "which is code or a constant"},
    {"void entry(void) { *(volatile char *)0x123456789000 = 1; }", PLIM_REPL_CRASHED,
     "wild pointer: nothing is at 0x123456789000"},
    {"void entry(void) { ((void (*)(void))0)(); }", PLIM_REPL_CRASHED,
     "call of a function at 0x0, where no code is: a null pointer in entry() at u.c:1"},
    {"#include <stdlib.h>\n#include <string.h>\nvoid entry(void) { char *p = malloc(16); "
     "memset(p - 200000, 7, 190000); }",
     PLIM_REPL_REFUSED, "left the heap damaged: "},
    {"static char big[100 << 20]; void entry(void) { for (int i = 0; i < (int)sizeof big; i += "
     "4096) "
     "big[i] = 1; }",
     PLIM_REPL_MEMORY, "more than can be kept for going back"},
    {"#include <sys/mman.h>\n#include <string.h>\nvoid entry(void) { for (;;) { char *p = mmap(0, "
     "1 << "
     "24, 3, 34, -1, 0); if (p == MAP_FAILED) __builtin_trap(); memset(p, 1, 1 << 24); } }",
     PLIM_REPL_CRASHED, "an instruction that stops the program"},
    {"void entry(void) { __builtin_trap(); }", PLIM_REPL_CRASHED, "(SIGILL) in entry() at u.c:1"},
    {"#include <unistd.h>\nvoid entry(void) { execl(\"/bin/true\", \"true\", (char *)0); }",
     PLIM_REPL_EXITED, "ended itself with exit code 0"},
    {"#include <pthread.h>\nstatic void *run(void *p) { *(volatile int *)0 = 1; return p; }\n"
     "void entry(void) { pthread_t t; pthread_create(&t, 0, run, 0); pthread_join(t, 0); }",
     PLIM_REPL_CRASHED, "null pointer, followed in run() at u.c:2"},
    {"#include <pthread.h>\nvoid entry(void) { pthread_exit(0); }", PLIM_REPL_EXITED,
     "ended itself with exit code 0"},
};

static void test_every_way_to_end(void **state)
{
    (void)state;
    char name[64];
    uint64_t from = session.data_at;
    plim__verdict verdict = enter("int kept = 7; void entry(void) { kept = 42; }", "");
    assert_int_equal(verdict.end, PLIM_REPL_OK);
    while (value_at(from) != 42)
        from += 4;
    (void)snprintf(name, sizeof name, "--defsym=kept=0x%llx", (unsigned long long)from);
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        session.machine.options.deadline_ms = ENDS[i].end == PLIM_REPL_TIMEOUT ? 300 : 20000;
        verdict = enter(ENDS[i].text, "");
        if (verdict.end != ENDS[i].end || strstr(explanation, ENDS[i].why) == NULL)
            fail_msg("%s\n%d: %s", ENDS[i].text, (int)verdict.end, explanation);
        bury();
        assert_int_equal(value_at(from), 42);
    }
    verdict = enter("extern int kept; void entry(void) { if (kept == 42) kept++; }", name);
    assert_int_equal(verdict.end, PLIM_REPL_OK);
    assert_int_equal(value_at(from), 43);
}

static void test_what_is_lost_is_said(void **state)
{
    char lost[PLIM__MACHINE_LOST_MAX][PLIM__MACHINE_CLAUSE];
    size_t count = 0;
    (void)state;
    plim__verdict verdict = enter("#include <fcntl.h>\n#include <signal.h>\n#include <unistd.h>\n"
                                  "#include <sys/stat.h>\n"
                                  "static void on(int s) { (void)s; }\n"
                                  "void entry(void) { dup2(open(\"/dev/zero\", O_RDONLY), 77); "
                                  "signal(SIGUSR1, on); chdir(\"/\"); umask(077);\n"
                                  "if (fork() == 0) for (;;) pause(); }",
                                  "");
    assert_int_equal(verdict.end, PLIM_REPL_OK);
    assert_int_equal(plim__machine_bury(&session.machine, lost, &count, NULL), PLIM_OK);
    char all[1024] = "";
    for (size_t i = 0, length = 0; i < count; i++)
        length += (size_t)snprintf(all + length, sizeof all - length, "%s; ", lost[i]);
    print_message("lost: %s\n", all);
    assert_non_null(strstr(all, "descriptor 77 (/dev/zero)"));
    assert_non_null(strstr(all, "1 child process"));
    assert_non_null(strstr(all, "1 signal handler (USR1"));
    /* Folder and umask go on. */
    verdict =
        enter("#include <stdio.h>\n#include <unistd.h>\n#include <sys/stat.h>\n"
              "void entry(void) { char b[99]; puts(getcwd(b, 99)); printf(\"%o\\n\", umask(0)); }",
              "");
    assert_string_equal(session.output, "/\n77\n");
    /* Threads that run on end with the entry, which is kept. */
    uint64_t from = session.data_at;
    verdict =
        enter("#include <pthread.h>\n#include <stdlib.h>\nint x = 1;\nstatic void *run(void *p) { "
              "for (;;) free(malloc(100)); }\n"
              "void entry(void) { pthread_t t; for (int i = 0; i < 3; i++) pthread_create(&t, 0, "
              "run, 0); x = 1234; }",
              "");
    assert_int_equal(verdict.end, PLIM_REPL_OK);
    assert_true(verdict.is_standing);
    assert_int_equal(plim__machine_bury(&session.machine, lost, &count, NULL), PLIM_OK);
    assert_int_equal(count, 1);
    assert_string_equal(lost[0], "3 threads");
    while (value_at(from) != 1234)
        from += 4;
}

static void test_the_template_may_die(void **state)
{
    (void)state;
    plim__verdict verdict = enter("int y = 1; void entry(void) { y = 2; }", "");
    assert_int_equal(verdict.end, PLIM_REPL_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kill((pid_t)session.machine.template_pid, SIGKILL), 0);
        (void)usleep(20000); /* its workers go with it */
        verdict = enter("#include <stdio.h>\nvoid entry(void) { puts(\"still here\"); }", "");
        if (verdict.end != PLIM_REPL_OK) /* the worker went after it had been looked at */
            bury();
        else
            assert_string_equal(session.output, "still here\n");
    }
}

static void test_a_session_budget_and_an_entrys(void **state)
{
    (void)state;
    session.machine.options.entry_bytes = 1 << 20;
    plim__verdict verdict = enter(
        "#include <stdlib.h>\nvoid entry(void) { for (int i = 0; i < 900; i++) malloc(1000); }",
        "");
    assert_int_equal(verdict.end, PLIM_REPL_OK);
    verdict = enter("#include <stdlib.h>\nvoid entry(void) { for (int i = 0; i < 9000; i++) "
                    "malloc(1000); }",
                    "");
    assert_int_equal(verdict.end, PLIM_REPL_MEMORY);
    assert_non_null(
        strstr(explanation, "the entry's budget of 1 MiB was reached in entry() at u.c:2"));
    bury();
    verdict =
        enter("#include <stdlib.h>\n#include <errno.h>\nvoid entry(void) { if (malloc(1UL << 40) "
              "!= 0 || errno != ENOMEM || calloc(1UL << 40, 1UL << 40) != 0) abort(); }",
              "");
    assert_int_equal(verdict.end, PLIM_REPL_OK);
}

/* The owner dies at any moment: what it was writing is finished or taken back by the next. */
static void test_the_owner_may_die(void **state)
{
    (void)state;
    plim__verdict verdict =
        enter("int a[4096]; void entry(void) { for (int i = 0; i < 4096; i++) a[i] "
              "= 1; }",
              "");
    assert_int_equal(verdict.end, PLIM_REPL_OK);
    plim__machine *machine = &session.machine;
    unsigned char *truth = machine->shared + PLIM__SESSION_CODE_BYTES;
    size_t bytes = machine->shared_bytes - PLIM__SESSION_CODE_BYTES;
    uint64_t offset = session.data_at - PLIM__SESSION_DATA - 16384;
    pid_t owner = fork(); /* shares memory and log with us, as a process that opens them would */
    if (owner == 0) {
        if (plim_journal_begin(machine->journal) != PLIM_OK ||
            plim_journal_note(machine->journal, offset, 8192) != PLIM_OK)
            _exit(1);
        memset(truth + offset, 9, 5000);
        (void)kill(getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(owner, &status, 0), owner);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(truth[offset + 100], 9);
    const plim_journal_options options = {.struct_bytes = sizeof options,
                                          .moment_max = machine->options.moment_max,
                                          .memory = truth,
                                          .memory_bytes = bytes,
                                          .log = machine->log_memory,
                                          .log_bytes = machine->options.history_bytes};
    plim_journal *next = NULL;
    plim_journal_info info;
    assert_int_equal(plim_journal_open(&options, &next, NULL), PLIM_OK);
    plim_journal_read_info(next, &info);
    assert_true(info.recovered);
    assert_int_equal(value_at(PLIM__SESSION_DATA + offset), 1);
    plim_journal_close(&next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_unit_is_a_transaction, open_session, close_session),
        cmocka_unit_test_setup_teardown(test_every_way_to_end, open_session, close_session),
        cmocka_unit_test_setup_teardown(test_what_is_lost_is_said, open_session, close_session),
        cmocka_unit_test_setup_teardown(test_the_template_may_die, open_session, close_session),
        cmocka_unit_test_setup_teardown(test_a_session_budget_and_an_entrys, open_session,
                                        close_session),
        cmocka_unit_test_setup_teardown(test_the_owner_may_die, open_session, close_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
