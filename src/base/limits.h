/* SPDX-License-Identifier: MIT */
/**
 * @file limits.h
 * @brief Every limit of the program, with its reason. Nothing that grows lives outside this list.
 */
#ifndef PLIM_BASE_LIMITS_H
#define PLIM_BASE_LIMITS_H

/* Graph: ordinals are 32 bits and PLIM_NONE is taken; a 4-billion-node heap would need 70 GB. */
#define PLIM_NODES_MAX   4294967294u
#define PLIM_EDGES_MAX   4294967294u
#define PLIM_STRINGS_MAX 4294967294u

/* Snapshot text. */
enum {
    PLIM_JSON_DEPTH_MAX = 512,      /* V8's trace_tree nests with the stack depth (128 at most by
                                       default, two levels each); the rest nests 5 deep */
    PLIM_META_BYTES_MAX = 1 << 20,  /* the `snapshot` object is 2 KiB in every V8 seen */
    PLIM_FIELDS_MAX = 64,           /* fields of a node, edge or location row; V8 has 7 at most */
    PLIM_TYPES_MAX = 256,           /* node or edge types; V8 has 16 */
    PLIM_NUMBER_DIGITS_MAX = 20,    /* UINT64_MAX has 20 digits */
    PLIM_READ_CHUNK_BYTES = 1 << 20 /* one read(): past 1 MiB it is no faster */
};

/* Edges of a SharedFunctionInfo looked at for its script; V8 has about 10, and many closures may
   share a hostile one. */
#define PLIM_SHARED_EDGES_MAX 256u

/* Snapshots of engines other than V8. Rows are gathered in doubling arrays: 2^30 of them are more
   than 32 GB, where the graph itself no longer fits the machines that have such heaps. */
#define PLIM_FOREIGN_ROWS_MAX (1u << 30)
/* One of their texts: a name of a class or a property. Longer ones would cost a reader that keeps
   nothing (the check of a snapshot under way) its memory. */
#define PLIM_FOREIGN_TEXT_BYTES_MAX (16u << 20)

/* Profiles. A reply of 64 MiB (PLIM_CONTROL_BYTES_MAX) holds fewer calls; V8 keeps stacks 64 and
   128 deep unless asked for more. */
#define PLIM_PROFILE_CALLS_MAX (1u << 21)
#define PLIM_PROFILE_DEPTH_MAX 1024u
/* A page that a browser opens at once: 5 MB in all, of which the program in it takes a few KB. */
#define PLIM_PAGE_BYTES_MAX (5000000u)

/* Nodes that a writer adds for sizes of 4 GiB and more: 256 TiB, what one process can address. */
#define PLIM_REST_NODES_MAX 65536u

/* Wire. */
#define PLIM_QUEUE_BYTES_MAX     (16u << 20) /* between socket and disk: keeps plim under 48 MiB */
#define PLIM_CONTROL_BYTES_MAX   (64u << 20) /* one control message; a sampling profile had 18 MB */
#define PLIM_HTTP_BYTES_MAX      (4u << 20)  /* an HTTP reply; Chromium's /json/protocol: 1.6 MB */
#define PLIM_CALLS_MAX           64u         /* requests in flight on one connection */
#define PLIM_TRACK_INTERVALS_MAX 1000000u    /* 14 hours at 20 per second */
#define PLIM_GC_EVENTS_MAX       1000000u    /* 48 bytes each */
#define PLIM_WORKERS_MAX         1024u       /* worker threads of one process */
#define PLIM_PROCESSES_MAX       65536u      /* processes looked at by discovery */
#define PLIM_TARGETS_MAX         4096u       /* targets listed by discovery */

/* Regions. A reference's index shares a word with flags in formats to come; the rest keeps every
   offset of a region far from overflow. */
#define PLIM_REGION_OBJECTS_MAX (1u << 28)
#define PLIM_REGION_FIELDS_MAX  (1u << 20)
#define PLIM_REGION_NAMES_MAX   (1u << 20)
#define PLIM_REGION_TEXT_MAX    (1u << 28) /* 28 bits of a row of names */
#define PLIM_REGION_VALUE_MAX   (1u << 24)
#define PLIM_REGION_DATA_MAX    (UINT64_C(1) << 42)

/* Journals. A row has 32 bits for its grain; the rest keeps sums of offsets far from overflow. */
#define PLIM_JOURNAL_GRAIN_MAX   65536u
#define PLIM_JOURNAL_MOMENTS_MAX 65536u
#define PLIM_JOURNAL_MARKS_MAX   64u /* levels of calls that may each want to go back */
#define PLIM_JOURNAL_NUMBER_MAX  (UINT64_C(1) << 60) /* transactions, or grains kept, ever */
#define PLIM_JOURNAL_LOG_MAX     (UINT64_C(1) << 42)
#define PLIM_JOURNAL_LOOKS_MAX   8u /* tries at a moment while the writer takes back others */

/* Stacks of blocks. */
enum {
    PLIM_STACK_DEPTH_MAX = 65536,  /* looked through at each open; people nest three deep */
    PLIM_STACK_LISTENERS_MAX = 16, /* a screen, a log: each is told of every push and pop */
    PLIM_STACK_STEPS_MAX = 1 << 20 /* of one call: ends four times as many blocks as there can be;
                                      blocks that push each other for ever are stopped */
};

/* Subscriptions. Each change is held against each of them. */
enum {
    PLIM_HUB_SUBSCRIPTIONS_MAX = 4096,
    PLIM_HUB_QUEUE_MAX = 65536,
    PLIM_HUB_TOLD_MAX = 1 << 16 /* in one call: callbacks that cause each other are stopped there */
};

/* Supervisors. A process is a descriptor and a node; the kernel's usual bound on both is near. */
#define PLIM_SUPERVISED_MAX           65536u
#define PLIM_SUPERVISOR_LEVELS_MAX    16       /* people nest three deep */
#define PLIM_SUPERVISOR_INTENSITY_MAX 1000000u /* restarts that are remembered, 4 bytes each */
#define PLIM_SUPERVISOR_SHUTDOWN_NS   UINT64_C(5000000000) /* OTP's, for a worker */
#define PLIM_SUPERVISED_TEXT_MAX      131071u /* one argument or variable: the kernel's bound */
#define PLIM_SUPERVISED_STRINGS_MAX   4096u   /* arguments, or variables, of one program */
#define PLIM_SUPERVISED_READS_MAX     16      /* of one pipe, before others have their turn */
#define PLIM_SUPERVISOR_BACKOFF_NS    UINT64_C(30000000000) /* longest pause between starts */

/* Server. */
#define PLIM_SERVER_CONNECTIONS_MAX   16u        /* DevTools opens one per window, and polls */
#define PLIM_SERVER_HEADER_BYTES_MAX  8192u      /* of an HTTP request; browsers send under 1 KiB */
#define PLIM_SERVER_MESSAGE_BYTES_MAX (1u << 20) /* one request; an expression is the longest */
#define PLIM_SERVER_REQUESTS_MAX      64u        /* waiting, of one connection; DevTools sends 20 */
#define PLIM_SERVER_QUEUE_BYTES_MAX   (16u << 20)  /* made for a client, not yet taken by it */
#define PLIM_SERVER_INTERVALS_MAX     (1u << 15)   /* of a recording: half an hour at 20 a second */
#define PLIM_SERVER_SOURCES_MAX       10000u       /* that a heap may name */
#define PLIM_SERVER_SOURCE_BYTES_MAX  (8u << 20)   /* of one; a generated file may have some MB */
#define PLIM_SERVER_FIELDS_MAX        10000u       /* of an object: DevTools shows 100 at a time */
#define PLIM_SERVER_TICK_NS           50000000u    /* between two looks of a recording: V8's */
#define PLIM_SERVER_CHUNK_BYTES       (64u << 10)  /* of a snapshot's text in one event */
#define PLIM_SERVER_IDLE_NS           10000000000u /* an HTTP request that does not end */

/* Channel between supervisor, workers and clients. */
#define PLIM_CHANNEL_PAYLOAD_MAX (16u << 20) /* of a message; code entered has some MB */
#define PLIM_CHANNEL_NAME_MAX    64u         /* of a worker's name: part of a line of a log */

/* Workers. */
#define PLIM_WORKER_WORDS_BYTES 512u /* what a worker says before it dies: one sentence */

/* Other processes. */
enum {
    PLIM_PROC_LINE_BYTES = 4096,      /* one line of /proc: a path is the longest that matters */
    PLIM_COMMAND_BYTES_MAX = 1 << 16, /* of a command line: options stand at its beginning */
    PLIM_LISTENERS_MAX = 1 << 17,     /* listening sockets: both families, all ports */
    PLIM_DESCRIPTORS_MAX = 1 << 20,   /* descriptors of one process: the kernel's usual bound */
    PLIM_PORTS_PER_PROCESS_MAX = 64   /* listening ports of one process looked at */
};

/* The heap of another process (bridge/process). */
#define PLIM_MAPPINGS_MAX           (1u << 20) /* the kernel's bound is 65,530 unless raised */
#define PLIM_THREADS_MAX            32768u     /* of one process: the kernel's usual bound */
#define PLIM_PROCESS_PAGES_MAX      (1u << 26) /* 256 GiB of address space for a heap */
#define PLIM_PROCESS_BLOCKS_MAX     (1u << 30) /* live blocks: 16 GiB of the smallest */
#define PLIM_PROCESS_SITES_MAX      (1u << 20) /* what a note can name */
#define PLIM_PROCESS_ROOT_BYTES_MAX (UINT64_C(1) << 33) /* touched memory beside the heap: 8 GiB */

/* plimsoll.conf. */
enum {
    PLIM_CONFIG_DOMAINS_MAX = 64, /* what one manager can have */
    PLIM_CONFIG_SHARES_MAX = 256  /* pairs of lender and borrower: four for each domain */
};
#define PLIM_CONFIG_FILE_BYTES_MAX (256u << 10) /* 64 domains with every key: 20 KiB */

/* Entries of a REPL. */
#define PLIM_REPL_TEXT_BYTES_MAX   (1u << 20)   /* of one entry: a program of 30,000 lines */
#define PLIM_REPL_UNIT_BYTES_MAX   (16u << 20)  /* of what is made of it for the compiler */
#define PLIM_REPL_AST_WIDTH_MAX    16384u       /* nodes of an expression still to be looked at */
#define PLIM_REPL_MESSAGES_MAX     512u         /* about one entry; clang stops at 200 errors */
#define PLIM_REPL_TRIES_MAX        16u          /* of an entry that redefines name after name */
#define PLIM_REPL_TOKENS_MAX       (1u << 20)   /* of one entry: one for each byte */
#define PLIM_REPL_NAMES_MAX        (1u << 22)   /* of a session: 400 for each of 10,000 entries */
#define PLIM_REPL_TOOL_SECONDS_MAX 10u          /* CPU of one compilation; a large one takes 0.1 */
#define PLIM_REPL_TOOL_MEMORY_MAX  (4ull << 30) /* address space; clang starts with 0.5 GiB */
#define PLIM_REPL_TOOL_OUTPUT_MAX  (256u << 20) /* a syntax tree is 500 times its text */

/* Memory. */
#define PLIM_MAP_ENTRIES_MAX (SIZE_MAX > UINT32_MAX ? 1u << 30 : 1u << 24) /* slots fit 32 bits */
enum { PLIM_SCOPES_MAX = 16 }; /* open in one thread: levels of calls that bound themselves */

/* Analyses. */
#define PLIM_PATH_LENGTH_MAX 100000u    /* of paths beyond the shortest, which is always whole */
#define PLIM_PATHS_WORK_MAX  (1u << 21) /* retainers one search looks at: a tenth of a second */

#endif
