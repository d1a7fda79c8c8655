/* SPDX-License-Identifier: MIT */
/*
 * plim-repl-worker: the template of a session's workers. Started once per session; its addresses
 * are not randomized, so that those of libraries, which are written into every unit, hold in the
 * next template too. It maps the session, loads libraries, answers for names, and forks.
 *
 * T1 it never writes to the session's pages: what it forks sees the truth.
 * T2 it has one thread, and runs no code of the session's (but constructors of linked libraries).
 * T3 it ends when its socket does, and its workers end with it.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "repl/session/layout.h"
#include "repl/worker/worker.h"

static const char TEMPLATE_USE[] = "plim-repl-worker is started by a session (plim repl)\n";

static struct {
    uint64_t private_bytes; /* variables and heap */
    plim__words *words;
    int deaths;
    pid_t owner;
} template;

/* Sent whole or not at all; a template without an owner has nobody to tell. */
static void template_answer(const plim__wire *message)
{
    if (send(PLIM__WIRE_CONTROL, message, sizeof *message, MSG_NOSIGNAL) !=
        (ssize_t)sizeof *message)
        _exit(1);
}

static bool template_map(uint64_t heap_bytes)
{
    template.private_bytes = PLIM__SESSION_DATA_BYTES + heap_bytes;
    void *code = mmap((void *)PLIM__SESSION_CODE, PLIM__SESSION_CODE_BYTES, PROT_READ | PROT_EXEC,
                      MAP_SHARED | MAP_FIXED_NOREPLACE, PLIM__WIRE_MEMORY, 0);
    void *data = mmap((void *)PLIM__SESSION_DATA, template.private_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_FIXED_NOREPLACE | MAP_NORESERVE, PLIM__WIRE_MEMORY,
                      (off_t)PLIM__SESSION_CODE_BYTES);
    void *words = mmap(NULL, sizeof(plim__words) * PLIM__WORDS_SLOTS, PROT_READ | PROT_WRITE,
                       MAP_SHARED, PLIM__WIRE_WORDS, 0);
    if (code == MAP_FAILED || data == MAP_FAILED || words == MAP_FAILED)
        return false;
    template.words = words;
    (void)close(PLIM__WIRE_MEMORY);
    (void)close(PLIM__WIRE_WORDS);
    return true;
}

static void template_hello(plim__wire *message)
{
    if (!template_map(message->value)) {
        message->value = 0;
        (void)snprintf(message->text, sizeof message->text, "%s", strerror(errno));
        return;
    }
    message->value = 1;
    message->detail = (personality(0xffffffff) & ADDR_NO_RANDOMIZE) != 0;
}

/* The worker's half; does not return. */
static _Noreturn void template_become(int socket, uint64_t slot)
{
    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_PTRACER, (unsigned long)template.owner);
    (void)close(PLIM__WIRE_CONTROL);
    (void)close(template.deaths);
    int kept = fcntl(socket, F_DUPFD_CLOEXEC, PLIM__WIRE_KEPT_FROM);
    if (kept >= 0) {
        (void)close(socket);
        socket = kept;
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    plim__worker_main(socket, template.words + slot, template.private_bytes);
}

static void template_fork(plim__wire *message, int socket)
{
    uint64_t slot = message->value;
    pid_t pid = socket < 0 || slot >= PLIM__WORDS_SLOTS ? -1 : fork();
    if (pid == 0)
        template_become(socket, slot);
    message->value = pid > 0 ? (uint64_t)pid : 0;
    if (pid < 0)
        (void)snprintf(message->text, sizeof message->text, "fork: %s", strerror(errno));
}

/* A thread-local's address is one thread's: nothing that may stand in a unit. */
static void template_resolve(plim__wire *message)
{
    Dl_info where;
    void *entry = NULL;
    void *address = dlsym(RTLD_DEFAULT, message->text);
    message->value = (uint64_t)(uintptr_t)address;
    message->detail = 0;
    if (address == NULL)
        return;
    if (dladdr1(address, &where, &entry, RTLD_DL_SYMENT) == 0) {
        message->value = 0;
        return;
    }
    const ElfW(Sym) *symbol = entry;
    message->detail = symbol == NULL || ELF64_ST_TYPE(symbol->st_info) == STT_FUNC ||
                      ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC;
}

static void *template_open(const char *name)
{
    return dlopen(name, RTLD_NOW | RTLD_GLOBAL);
}

/* "sqlite3" as a linker would find it, or as it stands beside without its development package. */
static void *template_find(const char *name)
{
    static const char *const FOLDERS[] = {"/usr/local/lib", "/usr/lib/x86_64-linux-gnu",
                                          "/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"};
    char path[PLIM__WIRE_TEXT];
    void *library = template_open(name);
    if (library == NULL && strchr(name, '/') == NULL) {
        (void)snprintf(path, sizeof path, "lib%.200s.so", name);
        library = template_open(path);
    }
    for (size_t i = 0; i < sizeof FOLDERS / sizeof *FOLDERS && library == NULL; i++) {
        glob_t found;
        (void)snprintf(path, sizeof path, "%s/lib%.200s.so.[0-9]*", FOLDERS[i], name);
        if (strchr(name, '/') != NULL || glob(path, 0, NULL, &found) != 0)
            continue;
        library = template_open(found.gl_pathv[0]);
        globfree(&found);
    }
    return library;
}

static void template_link(plim__wire *message)
{
    struct link_map *map = NULL;
    message->text[sizeof message->text - 1] = 0;
    void *library = template_find(message->text);
    message->value = 0;
    if (library == NULL) {
        const char *why = dlerror();
        (void)snprintf(message->text, sizeof message->text, "%s", why != NULL ? why : "not found");
        return;
    }
    if (dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map != NULL) {
        message->value = map->l_addr;
        (void)snprintf(message->text, sizeof message->text, "%s", map->l_name);
    }
}

static void template_bury(void)
{
    struct signalfd_siginfo gone;
    plim__wire message = {.magic = PLIM__WIRE_MAGIC, .kind = PLIM__WIRE_DIED};
    while (read(template.deaths, &gone, sizeof gone) == (ssize_t)sizeof gone)
        ;
    for (;;) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return;
        message.value = (uint64_t)pid;
        message.detail = (uint64_t)(unsigned)status;
        template_answer(&message);
    }
}

/* One request; a descriptor that came with it is closed here. */
static void template_serve(void)
{
    plim__wire message;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {&message, sizeof message};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(PLIM__WIRE_CONTROL, &header, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR)
        return;
    if (got != (ssize_t)sizeof message || message.magic != PLIM__WIRE_MAGIC)
        _exit(0);
    int socket = -1;
    struct cmsghdr *with = CMSG_FIRSTHDR(&header);
    if (with != NULL && with->cmsg_type == SCM_RIGHTS)
        memcpy(&socket, CMSG_DATA(with), sizeof socket);
    message.text[sizeof message.text - 1] = 0;
    if (message.kind == PLIM__WIRE_HELLO)
        template_hello(&message);
    else if (message.kind == PLIM__WIRE_FORK)
        template_fork(&message, socket);
    else if (message.kind == PLIM__WIRE_RESOLVE)
        template_resolve(&message);
    else if (message.kind == PLIM__WIRE_LINK)
        template_link(&message);
    else
        _exit(1);
    if (socket >= 0)
        (void)close(socket);
    template_answer(&message);
}

/* Standard output by lines, in memory of the program's own: the C library would allocate it in the
   first entry that prints, and so in the session. */
static void template_stdio(void)
{
    static char out[BUFSIZ], in[BUFSIZ];
    (void)setvbuf(stdout, out, _IOLBF, sizeof out);
    (void)setvbuf(stdin, in, _IOFBF, sizeof in);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)!write(STDERR_FILENO, TEMPLATE_USE, sizeof TEMPLATE_USE - 1);
        return 2;
    }
    int persona = personality(0xffffffff);
    if (persona >= 0 && (persona & ADDR_NO_RANDOMIZE) == 0 &&
        personality((unsigned long)persona | ADDR_NO_RANDOMIZE) >= 0) {
        (void)execv("/proc/self/exe", argv);
        return 1; /* the next start finds what this one set, if anything */
    }
    template.owner = (pid_t)strtol(argv[1], NULL, 10);
    sigset_t children;
    (void)sigemptyset(&children);
    (void)sigaddset(&children, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &children, NULL);
    template.deaths = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    (void)fcntl(PLIM__WIRE_CONTROL, F_SETFD, FD_CLOEXEC);
    template_stdio();
    for (;;) {
        struct pollfd wait[2] = {{PLIM__WIRE_CONTROL, POLLIN, 0}, {template.deaths, POLLIN, 0}};
        if (poll(wait, 2, -1) < 0)
            continue;
        if (wait[1].revents != 0)
            template_bury();
        if (wait[0].revents != 0)
            template_serve();
    }
}
