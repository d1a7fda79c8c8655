/* SPDX-License-Identifier: MIT */
/**
 * @file log.h
 * @brief What lies in a journal's log, byte by byte, and how it is looked at with suspicion.
 *
 *   head | first slot of each kept transaction | rows, one per slot | slots, one grain each
 *
 * Slots and transactions are numbered from the beginning of time; both tables are rings. A slot
 * holds a grain as it was, its row says which. Slots [first(n), first(n+1)) belong to transaction
 * n, those from first(newest) to `top` to the newest. The one commit word is `word`.
 */
#ifndef PLIM_RUNTIME_COMMIT_LOG_H
#define PLIM_RUNTIME_COMMIT_LOG_H
#include <plimsoll/error.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLIM__LOG_FILE_MAGIC UINT64_C(0x314c4e524a4d4c50) /* "PLMJRNL1" in memory */

enum { PLIM__LOG_VERSION = 1, PLIM__LOG_ORDER = 0x01020304, PLIM__LOG_ALIGN = 64 };

/** What a transaction's number in the word is about. */
enum {
    PLIM__LOG_COMMITTED = 0, /* it has happened; changes outside transactions are added to it */
    PLIM__LOG_OPEN = 1,      /* it is under way: a crash takes it back */
    PLIM__LOG_UNDOING = 2    /* it and all after it are being taken back: a crash finishes that */
};

typedef struct plim__log_head {
    uint64_t magic;
    uint32_t version;
    uint32_t order;
    uint64_t log_bytes;
    uint64_t memory_bytes;
    uint32_t grain_bytes;
    uint32_t moment_max;
    uint64_t slot_count;
    uint64_t rows_at, slots_at; /* the firsts follow the head */
    _Atomic uint32_t is_ready;  /* 1 once all of this stands */

    _Alignas(64) _Atomic uint64_t word; /* number << 2 | state */
    _Atomic uint64_t oldest;            /* kept; above the newest: none is */
    _Atomic uint64_t top;               /* the next slot */
    _Atomic uint64_t restores;          /* odd while grains are put back */
} plim__log_head;
_Static_assert(sizeof(plim__log_head) == 192, "three cache lines");

/** A log whose head was judged: bounds that can be relied on, whatever the memory says later. */
typedef struct plim__log {
    const plim__log_head *head;     /* read only the atomics below it anew */
    const _Atomic uint64_t *firsts; /* moment_max */
    const _Atomic uint64_t *rows;   /* slot_count */
    const unsigned char *slots;     /* slot_count grains */
    uint64_t memory_bytes;
    uint64_t slot_count;
    uint64_t grain_count;
    uint32_t grain_bytes;
    uint32_t moment_max;
} plim__log;

static inline uint64_t plim__log_word(uint64_t number, uint32_t state)
{
    return number << 2 | state;
}

static inline uint64_t plim__log_number(uint64_t word)
{
    return word >> 2;
}

static inline uint32_t plim__log_state(uint64_t word)
{
    return (uint32_t)(word & 3);
}

/** A slot's row: the grain, and a mark that only this slot number has there. */
static inline uint64_t plim__log_row(uint64_t slot, uint32_t grain)
{
    uint64_t mark = (slot + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (mark & UINT64_C(0xffffffff00000000)) | grain;
}

/** Bytes of a grain: all have grain_bytes but perhaps the last. */
static inline size_t plim__log_grain_size(const plim__log *log, uint64_t grain)
{
    uint64_t left = log->memory_bytes - grain * log->grain_bytes;
    return (size_t)(left < log->grain_bytes ? left : log->grain_bytes);
}

/** Fills in a new head's fields but is_ready from log_bytes, memory_bytes, grain_bytes and
 *  moment_max; false if there is no room for two slots, or a figure is out of range. */
bool plim__log_plan(plim__log_head *head);

/** Judges a head (its magic, its figures, its tables within log_bytes) for that much memory. */
PLIM_NODISCARD plim_status plim__log_look(const void *bytes, size_t log_bytes,
                                          uint64_t memory_bytes, plim__log *out_log,
                                          plim_error *err);

/** Judges all that is kept and open: order of the transactions, every row. For a log that nobody
 *  writes. */
PLIM_NODISCARD plim_status plim__log_verify(const plim__log *log, plim_error *err);

/** What is kept, as the log says it at this moment. */
typedef struct plim__log_totals {
    uint64_t newest;
    uint64_t held_grains;
    uint32_t kept; /* committed */
    bool is_open;  /* or going back */
} plim__log_totals;

/** Reads them, each within its bounds, of one moment only if the writer rests. */
void plim__log_count(const plim__log *log, plim__log_totals *out_totals);

/** A moment that is looked at from outside. */
typedef struct plim__log_moment {
    uint64_t number;   /* the transaction before which it was; above the newest: now */
    uint64_t restores; /* as the log said at first */
} plim__log_moment;

/** The moment `back` committed transactions ago. To be asked before the memory is copied. */
PLIM_NODISCARD plim_status plim__log_find(const plim__log *log, uint32_t back,
                                          plim__log_moment *out_moment, plim_error *err);

/** Puts the kept grains over a copy of the memory, which then is as it was at the moment;
 *  PLIM_ERR_BUSY: the log changed under our eyes, all is to be done again. */
PLIM_NODISCARD plim_status plim__log_overlay(const plim__log *log, const plim__log_moment *moment,
                                             unsigned char *copy, plim_error *err);

#endif
