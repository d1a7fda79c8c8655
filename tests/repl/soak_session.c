/* SPDX-License-Identifier: MIT */
/*
 * Many entries in one session: what an entry takes, what the owner's process takes, and where
 * things lie are at the end what they were at the beginning. Every 16th entry is
 * followed by one that crashes, every 50th by one that is undone.
 *
 *     soak_session ENTRIES
 */
#include <plimsoll/repl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WINDOWS = 20, WINDOW_MIN = 100, COUNT_MAX = 100000 };

static plim_repl *repl;

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    plim_repl_close(&repl);
    return 1;
}

/* Of one live child: its own time, and that of the children it has waited for. */
static uint64_t child_ticks(long pid)
{
    char path[64], line[1024] = "";
    unsigned long long ticks[4] = {0};
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *stat = fopen(path, "r");
    const char *at =
        stat != NULL && fgets(line, sizeof line, stat) != NULL ? strrchr(line, ')') : NULL;
    if (stat != NULL)
        (void)fclose(stat);
    if (at == NULL ||
        sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &ticks[0],
               &ticks[1], &ticks[2], &ticks[3]) != 4)
        return 0;
    return ticks[0] + ticks[1] + ticks[2] + ticks[3];
}

static uint64_t usage_us(int who)
{
    struct rusage usage = {0};
    (void)getrusage(who, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Processor time of the whole session: ours, of compilers, linker, template and workers. What
   others do on the machine does not count. */
static uint64_t session_us(void)
{
    char path[64];
    long pid = 0;
    uint64_t ticks = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "r");
    while (children != NULL && fscanf(children, "%ld", &pid) == 1)
        ticks += child_ticks(pid);
    if (children != NULL)
        (void)fclose(children);
    return usage_us(RUSAGE_SELF) + usage_us(RUSAGE_CHILDREN) +
           ticks * 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* The process's own memory: mappings of the session's file are accounted by the session. */
static long own_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "RssAnon:", 8) == 0)
            kib = strtol(line + 8, NULL, 10);
    if (status != NULL)
        (void)fclose(status);
    return kib;
}

static int enter(const char *text, plim_repl_end expected, plim_repl_outcome *outcome)
{
    plim_error error = {0};
    if (plim_repl_enter(repl, text, outcome, &error) != PLIM_OK)
        return fail(text, error.what);
    if (outcome->end != expected)
        return fail(text,
                    outcome->diagnostics[0] != 0 ? outcome->diagnostics : outcome->explanation);
    return 0;
}

/* One round: a function and a variable of its own, a node on a list, a sum over the list. */
static int round_of(size_t i, plim_repl_outcome *outcome)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "int f%zu(int n) { static int calls; return n + ++calls; }\n"
                   "int v%zu = %zu;\npush(f%zu(v%zu)); total()",
                   i % 997, i % 997, i, i % 997, i % 997);
    if (enter(text, PLIM_REPL_OK, outcome) != 0)
        return 1;
    plim_repl_outcome other;
    if (i % 16 == 15 &&
        enter("head = NULL; *(volatile int *)8 = 1;", PLIM_REPL_CRASHED, &other) != 0)
        return 1;
    plim_error error = {0};
    if (i % 50 == 49 && (enter("head = NULL; count = -1;", PLIM_REPL_OK, &other) != 0 ||
                         plim_repl_undo(repl, 1, &other, &error) != PLIM_OK))
        return fail("undo", error.what);
    return 0;
}

static bool find_head(void *ctx, const plim_repl_variable *variable)
{
    if (strcmp(variable->name, "head") == 0)
        *(uint64_t *)ctx = variable->address;
    return true;
}

int main(int argc, char **argv)
{
    size_t count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    size_t window = count / WINDOWS > WINDOW_MIN ? count / WINDOWS : WINDOW_MIN;
    if (count < 4 * window || count > COUNT_MAX)
        return 2;
    const plim_repl_options options = {
        .struct_bytes = sizeof options, .moment_max = 64, .history_bytes = 64 << 20, .input = -1};
    plim_error error = {0};
    plim_repl_outcome outcome;
    if (plim_repl_open(&options, &repl, &error) != PLIM_OK)
        return fail("open", error.what);
    if (enter(
            "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
            "struct node { struct node *next; int value; } *head;\nint count;\n"
            "void push(int v) { struct node *n = malloc(sizeof *n); n->next = head; n->value = v; "
            "head = n; count++; }\n"
            "int total(void) { int s = 0; for (struct node *n = head; n; n = n->next) s++; return "
            "s == count ? s : -1; }",
            PLIM_REPL_OK, &outcome) != 0)
        return 1;
    uint64_t head = 0, later = 0, first = 0, last = 0;
    long kib = 0;
    (void)plim_repl_variables(repl, find_head, &head);
    if (enter("push(-1);", PLIM_REPL_OK, &outcome) != 0 ||
        plim_repl_read(repl, head, &first, sizeof first) != PLIM_OK)
        return fail("head", "cannot be read");
    uint64_t marks[4] = {0};
    for (size_t i = 0; i < count; i++) {
        const size_t places[4] = {WINDOW_MIN, WINDOW_MIN + window, count - window, 0};
        for (size_t j = 0; j < 3; j++)
            marks[j] = i == places[j] ? session_us() : marks[j];
        if (round_of(i, &outcome) != 0)
            return 1;
        int value = 0;
        if (plim_repl_read(repl, outcome.result.address, &value, sizeof value) != PLIM_OK ||
            value != (int)i + 2)
            return fail("total()", "another number than entries");
        if (i == 2 * (size_t)WINDOW_MIN)
            kib = own_kib();
    }
    marks[3] = session_us();
    (void)plim_repl_variables(repl, find_head, &later);
    if (enter("struct node *end = head; while (end->next) end = end->next; end", PLIM_REPL_OK,
              &outcome) != 0 ||
        plim_repl_read(repl, outcome.result.address, &last, sizeof last) != PLIM_OK)
        return fail("end", "cannot be read");
    long grown = own_kib() - kib;
    plim_repl_info info;
    plim_repl_read_info(repl, &info);
    uint64_t early = (marks[1] - marks[0]) / window, late = (marks[3] - marks[2]) / window;
    (void)printf("%zu entries, %u workers; an entry %llu us of processor at first, %llu at last; "
                 "the owner grew "
                 "by %ld KiB; the session holds %llu MiB; addresses %s\n",
                 count, info.worker_count, (unsigned long long)early, (unsigned long long)late,
                 grown, (unsigned long long)(info.held_bytes >> 20),
                 head == later && first == last ? "unchanged" : "CHANGED");
    plim_repl_close(&repl);
    /* A fifth is the bound for many entries; in a short run it says only whether each costs more
       than the one before. */
    uint64_t percent = count >= 5000 ? 120 : 200;
    /* Names are kept of every entry: a KiB each is far above that, and far below a leak. */
    bool is_flat = grown <= 1024 + (long)count;
    return head == later && first == last && is_flat && late * 100 <= early * percent ? 0 : 1;
}
