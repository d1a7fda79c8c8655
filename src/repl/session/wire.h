/* SPDX-License-Identifier: MIT */
/**
 * @file wire.h
 * @brief What the owner of a session, its template process and its workers say to each other.
 *
 * Sockets of packets, one struct each, of one build: no codec. The owner believes nothing that a
 * worker says but that it said it: kind, length and the entry's number are compared, figures are
 * for show. The words are memory that the owner shares with all of them: what a worker writes last.
 */
#ifndef PLIM_REPL_WIRE_H
#define PLIM_REPL_WIRE_H
#include <stdatomic.h>
#include <stdint.h>

enum {
    PLIM__WIRE_MAGIC = 0x52455031,
    PLIM__WIRE_TEXT = 4096,     /* a path, a name, the loader's words */
    PLIM__WIRE_CONTROL = 3,     /* the template's descriptors: its socket … */
    PLIM__WIRE_MEMORY = 4,      /* … the session's memory, to read only … */
    PLIM__WIRE_WORDS = 5,       /* … and the words */
    PLIM__WIRE_KEPT_FROM = 1000 /* where a worker keeps its socket: out of the way of programs */
};

typedef enum plim__wire_kind {
    /* to the template, which answers each with the same kind */
    PLIM__WIRE_HELLO = 1, /* value: the heap area's bytes; answer: value 1 if addresses are fixed */
    PLIM__WIRE_FORK,      /* a socket comes with it; value: which words; answer: value the pid */
    PLIM__WIRE_RESOLVE,   /* text: a name; answer: value its address, 0: none; detail: code */
    PLIM__WIRE_LINK, /* text: a library; answer: value its base, 0: failed; text: path or why */
    PLIM__WIRE_DIED, /* from it, unasked: value a pid; detail its status as wait(2) gives it */
    /* to a worker */
    PLIM__WIRE_RUN,   /* entry, value: the function, detail: the heap's limit, more: its table */
    PLIM__WIRE_DROP,  /* all private pages show the session's memory again */
    PLIM__WIRE_START, /* detail: the heap's bytes in all: makes the heap */
    PLIM__WIRE_WALK,  /* lists the heap's blocks: value: where in its memory, detail: how many */
    PLIM__WIRE_GO,    /* go on ending */
    PLIM__WIRE_MOVE,  /* text: the working directory; value: umask */
    /* from a worker */
    PLIM__WIRE_DONE,   /* entry has come to its end; the heap's figures */
    PLIM__WIRE_BROKEN, /* the same, but the heap is damaged: text */
    PLIM__WIRE_ENDING, /* the words are written; it waits: to be looked at, or for GO */
    PLIM__WIRE_KIND_END
} plim__wire_kind;

/* Eight bytes of an earlier unit that an entry writes before it runs. */
typedef struct plim__wire_slot {
    uint64_t address, value;
} plim__wire_slot;

enum { PLIM__WIRE_SLOTS = PLIM__WIRE_TEXT / 16 };

typedef struct plim__wire {
    uint32_t magic;
    uint32_t kind;
    uint32_t slot_count, unused;
    uint64_t entry;
    uint64_t value, detail, more;
    uint64_t heap_used, heap_blocks, heap_high;
    char text[PLIM__WIRE_TEXT];
} plim__wire;

/* Why a worker's last words were written. */
typedef enum plim__words_kind {
    PLIM__WORDS_NONE = 0,
    PLIM__WORDS_SIGNAL, /* a signal that ends it */
    PLIM__WORDS_EXIT,   /* exit(), _exit() and their like: code */
    PLIM__WORDS_HEAP,   /* a call to the heap that nothing can be done about: text, address */
    PLIM__WORDS_BUDGET, /* the heap's limit: code bytes were asked for */
    PLIM__WORDS_JUMP,   /* longjmp() to an entry that has ended: code its number */
    PLIM__WORDS_CLOSED, /* the worker's socket was closed */
    PLIM__WORDS_KIND_END
} plim__words_kind;

enum {
    PLIM__WORDS_REGISTERS = 17, /* as DWARF numbers them: rax rdx rcx rbx rsi rdi rbp rsp r8…r15,
                                   and the instruction's address */
    PLIM__WORDS_TEXT = 256,
    PLIM__WORDS_SLOTS = 8 /* the active worker, the spare, and those that are dying */
};

/* What the C library remembers in its own variables from call to call. */
typedef enum plim__remembered {
    PLIM__REMEMBERED_RAND = 0,
    PLIM__REMEMBERED_RANDOM,
    PLIM__REMEMBERED_RAND48,
    PLIM__REMEMBERED_STRTOK,
    PLIM__REMEMBERED_LOCALE,
    PLIM__REMEMBERED_ENVIRONMENT,
    PLIM__REMEMBERED_TIME,
    PLIM__REMEMBERED_END
} plim__remembered;

typedef struct plim__words {
    _Atomic uint32_t kind;       /* written last */
    _Atomic uint32_t remembered; /* a bit for each plim__remembered */
    int32_t signal, code;
    uint64_t address;
    uint64_t requested, limit;
    uint64_t stack_low, stack_high; /* of the thread: where its stack may lie */
    uint64_t registers[PLIM__WORDS_REGISTERS];
    char text[PLIM__WORDS_TEXT];
} plim__words;

#endif
