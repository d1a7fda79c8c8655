/* SPDX-License-Identifier: MIT */
/*
 * Domains and blocks: bytes become operations on a manager over fixed storage. The oracle keeps
 * lists as naive as can be and adds in 128 bits, where nothing wraps; amounts come from both ends
 * of size_t. Claims: nothing is granted beyond a limit and nothing refused that fits; a refusal
 * changes nothing; blocks do not overlap and keep their bytes; figures are what the lists say; what
 * no manager gave out is refused; in the end everything is back.
 */
#include <plimsoll/memory.h>

#include "input.h"

PLIM_DOMAIN("fuzz");

enum {
    STORAGE_BYTES = 1 << 20,
    TOTAL_BYTES = 400 << 10,
    DOMAINS = 3,
    BLOCKS_MAX = 64,
    OPERATIONS_MAX = 400,
    LIMIT_BYTES = 96 << 10
};

__extension__ typedef __int128 wide;

typedef struct block {
    unsigned char *data;
    size_t bytes, charge;
    unsigned domain;
    unsigned char fill;
} block;

typedef struct machine {
    const unsigned char *data;
    size_t size, at;
    plim_manager *manager;
    plim_verify verify;
    plim_domain domains[DOMAINS];
    wide configured[DOMAINS], floor[DOMAINS], cap[DOMAINS];
    wide quota[DOMAINS][DOMAINS], out[DOMAINS][DOMAINS];
    block blocks[BLOCKS_MAX];
    unsigned block_count;
    unsigned char *freed; /* the last */
    bool is_checked;      /* level standard or above */
    unsigned panics;
} machine;

static _Alignas(16) unsigned char storage[STORAGE_BYTES];

/* --- input ------------------------------------------------------------------------------------ */

static unsigned next_byte(machine *m)
{
    return m->at < m->size ? m->data[m->at++] : 0;
}

/* Small, middling, or at an end of what size_t and ptrdiff_t can hold. */
static size_t next_amount(machine *m)
{
    unsigned kind = next_byte(m), low = next_byte(m);
    switch (kind % 8) {
    case 0:
    case 1:
    case 2:
        return low;
    case 3:
    case 4:
        return low * 64 + kind / 8;
    case 5:
        return (size_t)low * 1024;
    case 6:
        return (kind & 8) != 0 ? SIZE_MAX - low : (size_t)PTRDIFF_MAX - 128 + low;
    default:
        return ((size_t)PTRDIFF_MAX / 2) - 128 + low;
    }
}

/* --- what the lists say ----------------------------------------------------------------------- */

static wide used(const machine *m, unsigned domain)
{
    wide sum = 0;
    for (unsigned i = 0; i < m->block_count; i++)
        if (m->blocks[i].domain == domain)
            sum += m->blocks[i].charge;
    return sum;
}

static wide limit(const machine *m, unsigned domain)
{
    wide sum = m->configured[domain];
    for (unsigned i = 0; i < DOMAINS; i++)
        sum += m->out[i][domain] - m->out[domain][i];
    return sum;
}

static wide left(const machine *m, unsigned domain)
{
    return limit(m, domain) - used(m, domain);
}

/* With what the thread has cached: it was charged when it was fetched. B4, in integers that do not
   wrap: what is granted fits beside what is used, or comes out of what was charged already (so a
   domain that owes is served from its thread's cache, and never has more charged for it). */
static wide charged(const machine *m, unsigned domain)
{
    plim_domain_stats stats;
    FUZZ_CLAIM(plim_domain_stats_read(m->domains[domain], &stats) == PLIM_OK);
    return (wide)stats.used_bytes + stats.cached_bytes;
}

static wide owed(const machine *m, unsigned domain)
{
    wide room = left(m, domain);
    return room < 0 ? -room : 0;
}

/* Of the total, what no domain has; a debt is the manager's to bear, and what a thread has cached
   is charged too. */
static wide unassigned(const machine *m)
{
    wide sum = TOTAL_BYTES;
    for (unsigned i = 0; i < DOMAINS; i++) {
        plim_domain_stats stats;
        FUZZ_CLAIM(plim_domain_stats_read(m->domains[i], &stats) == PLIM_OK);
        wide above = used(m, i) + stats.cached_bytes - limit(m, i);
        FUZZ_CLAIM((wide)stats.owed_bytes == (above > 0 ? above : 0));
        sum -= m->configured[i] + stats.owed_bytes;
    }
    return sum;
}

static void figures_agree(const machine *m)
{
    plim_manager_stats all;
    plim_manager_stats_read(m->manager, &all);
    wide sum = 0, count = 0;
    for (unsigned i = 0; i < DOMAINS; i++) {
        plim_domain_stats stats;
        FUZZ_CLAIM(plim_domain_stats_read(m->domains[i], &stats) == PLIM_OK);
        wide blocks = 0;
        for (unsigned k = 0; k < m->block_count; k++)
            blocks += m->blocks[k].domain == i;
        FUZZ_CLAIM((wide)stats.used_bytes == used(m, i));
        FUZZ_CLAIM((wide)stats.allocation_count == blocks);
        FUZZ_CLAIM((wide)stats.configured_bytes == m->configured[i]);
        FUZZ_CLAIM((wide)stats.high_water_bytes >= used(m, i) + stats.cached_bytes);
        /* B1: within the limit, but for a debt; a cache may owe until it is drained. */
        FUZZ_CLAIM((wide)stats.used_bytes <= limit(m, i) + owed(m, i));
        sum += used(m, i);
        count += blocks;
    }
    FUZZ_CLAIM((wide)all.used_bytes == sum);
    FUZZ_CLAIM((wide)all.allocation_count == count);
    FUZZ_CLAIM((wide)all.unassigned_bytes == (unassigned(m) > 0 ? unassigned(m) : 0));
    FUZZ_CLAIM(all.held_bytes == all.used_bytes + all.cached_bytes + all.slack_bytes +
                                     all.free_bytes + all.tables_bytes);
    FUZZ_CLAIM(all.held_bytes <= STORAGE_BYTES);
}

static void block_is_whole(const block *b)
{
    for (size_t i = 0; i < b->bytes; i++)
        FUZZ_CLAIM(b->data[i] == b->fill);
}

/* --- operations on blocks --------------------------------------------------------------------- */

static void block_is_new(const machine *m, const block *b)
{
    FUZZ_CLAIM((uintptr_t)b->data % 16 == 0);
    FUZZ_CLAIM(b->data >= storage && b->bytes <= STORAGE_BYTES);
    FUZZ_CLAIM((size_t)(b->data - storage) <= STORAGE_BYTES - b->bytes);
    for (unsigned i = 0; i < m->block_count; i++) {
        const block *other = &m->blocks[i];
        FUZZ_CLAIM(other == b || b->data + b->bytes <= other->data ||
                   other->data + other->bytes <= b->data);
    }
    plim_origin origin;
    FUZZ_CLAIM(plim_origin_of(b->data, &origin) == PLIM_OK);
    FUZZ_CLAIM(origin.domain.id == m->domains[b->domain].id);
    FUZZ_CLAIM(origin.usable_bytes >= b->bytes && origin.charge_bytes >= origin.usable_bytes);
    FUZZ_CLAIM(origin.requested_bytes == b->bytes || origin.requested_bytes == origin.usable_bytes);
}

static size_t charge_of(const void *data)
{
    plim_origin origin = {0};
    FUZZ_CLAIM(plim_origin_of(data, &origin) == PLIM_OK);
    return origin.charge_bytes;
}

/* room: what the domain had left before. */
static void refusal_had_a_cause(const machine *m, unsigned domain, wide room, size_t bytes)
{
    plim_refusal refusal = plim_refusal_last();
    FUZZ_CLAIM(refusal.reason == PLIM_REFUSAL_BUDGET || refusal.reason == PLIM_REFUSAL_PAGES ||
               refusal.reason == PLIM_REFUSAL_REQUEST);
    FUZZ_CLAIM(refusal.domain.id == m->domains[domain].id);
    if (refusal.reason == PLIM_REFUSAL_BUDGET)
        FUZZ_CLAIM((wide)refusal.charge_bytes > room);
    if (refusal.reason == PLIM_REFUSAL_REQUEST)
        FUZZ_CLAIM(bytes == 0 || bytes > STORAGE_BYTES);
}

static void operate_alloc(machine *m)
{
    unsigned domain = next_byte(m) % DOMAINS;
    size_t bytes = next_amount(m);
    if (m->block_count == BLOCKS_MAX)
        return;
    wide room = left(m, domain), before = charged(m, domain);
    unsigned char *data = plim_alloc_in(m->domains[domain], bytes);
    if (data == NULL) {
        refusal_had_a_cause(m, domain, room, bytes);
        return;
    }
    FUZZ_CLAIM(bytes > 0);
    block *b = &m->blocks[m->block_count++];
    *b = (block){data, bytes, charge_of(data), domain, (unsigned char)(m->at * 7 + 1)};
    FUZZ_CLAIM((wide)b->charge <= room || charged(m, domain) <= before);
    block_is_new(m, b);
    memset(data, b->fill, bytes);
}

static void operate_free(machine *m)
{
    unsigned which = next_byte(m);
    if (m->block_count == 0)
        return;
    block *b = &m->blocks[which % m->block_count];
    block_is_whole(b);
    plim_free(b->data);
    m->freed = b->data;
    *b = m->blocks[--m->block_count];
}

static void operate_resize(machine *m)
{
    unsigned which = next_byte(m);
    size_t bytes = next_amount(m);
    if (m->block_count == 0 || bytes == 0)
        return;
    block *b = &m->blocks[which % m->block_count];
    wide room = left(m, b->domain), before = charged(m, b->domain);
    block_is_whole(b);
    unsigned char *data = plim_resize(b->data, bytes);
    if (data == NULL) {
        refusal_had_a_cause(m, b->domain, room, bytes);
        block_is_whole(b);
        return;
    }
    size_t kept = bytes < b->bytes ? bytes : b->bytes;
    for (size_t i = 0; i < kept; i++)
        FUZZ_CLAIM(data[i] == b->fill);
    size_t charge = charge_of(data);
    FUZZ_CLAIM((wide)charge <= room + b->charge || charged(m, b->domain) <= before);
    b->data = data;
    b->bytes = bytes;
    b->charge = charge;
    block_is_new(m, b);
    memset(data, b->fill, bytes);
}

static bool is_live(const machine *m, const unsigned char *address)
{
    for (unsigned i = 0; i < m->block_count; i++)
        if (address >= m->blocks[i].data && address < m->blocks[i].data + m->blocks[i].bytes)
            return true;
    return false;
}

/* Once more what was given back, or from inside a block: told to the hook, and nothing changes. */
static void operate_bad_free(machine *m)
{
    unsigned which = next_byte(m), how = next_byte(m);
    unsigned before = m->panics;
    if (!m->is_checked)
        return;
    if (how % 2 == 0) {
        if (m->freed == NULL || is_live(m, m->freed))
            return;
        plim_free(m->freed);
    } else {
        block *b = m->block_count > 0 ? &m->blocks[which % m->block_count] : NULL;
        if (b == NULL || b->bytes < 2)
            return;
        plim_free(b->data + 1 + how % (b->bytes - 1));
    }
    FUZZ_CLAIM(m->panics == before + 1);
}

/* --- operations on domains -------------------------------------------------------------------- */

static void operate_limit(machine *m)
{
    unsigned d = next_byte(m) % DOMAINS;
    size_t bytes = next_amount(m);
    wide to = bytes, more = to - m->configured[d], room = unassigned(m);
    wide need = more > owed(m, d) ? more - owed(m, d) : 0;
    plim_status status = plim_domain_limit_set(m->domains[d], bytes, NULL);
    if (to < m->floor[d] || to > m->cap[d] || (more > 0 && limit(m, d) + more > m->cap[d]))
        FUZZ_CLAIM(status == PLIM_ERR_USAGE);
    else if (need > 0 && need > room)
        FUZZ_CLAIM(status == PLIM_ERR_BUDGET);
    else
        FUZZ_CLAIM(status == PLIM_OK);
    if (status == PLIM_OK)
        m->configured[d] = to;
}

static void operate_share(machine *m)
{
    unsigned from = next_byte(m) % DOMAINS, to = next_byte(m) % DOMAINS;
    size_t bytes = next_amount(m);
    plim_status status = plim_domain_share_set(m->domains[from], m->domains[to], bytes);
    FUZZ_CLAIM(status == (from == to ? PLIM_ERR_STALE : PLIM_OK));
    if (status == PLIM_OK)
        m->quota[from][to] = bytes;
}

static void operate_lend(machine *m)
{
    unsigned from = next_byte(m) % DOMAINS, to = next_byte(m) % DOMAINS;
    size_t bytes = next_amount(m);
    wide n = bytes;
    bool fits = m->out[from][to] + n <= m->quota[from][to] &&
                limit(m, from) - n >= m->floor[from] && limit(m, to) + n <= m->cap[to] &&
                left(m, from) >= n;
    plim_status status = plim_domain_lend(m->domains[from], m->domains[to], bytes, NULL);
    if (from == to)
        FUZZ_CLAIM(status == PLIM_ERR_STALE);
    else if (bytes == 0)
        FUZZ_CLAIM(status == PLIM_ERR_USAGE);
    else
        FUZZ_CLAIM((status == PLIM_OK) == fits);
    if (status == PLIM_OK)
        m->out[from][to] += n;
}

static wide least(wide a, wide b)
{
    return a < b ? a : b;
}

static void operate_repay(machine *m)
{
    unsigned from = next_byte(m) % DOMAINS, to = next_byte(m) % DOMAINS;
    size_t bytes = next_amount(m), paid = 0;
    wide room = left(m, to) > 0 ? left(m, to) : 0, way = limit(m, to) - m->floor[to];
    wide most = least(least(bytes, m->out[from][to]), least(room, way > 0 ? way : 0));
    plim_status status = plim_domain_repay(m->domains[from], m->domains[to], bytes, &paid);
    FUZZ_CLAIM(status == (from == to ? PLIM_ERR_STALE : PLIM_OK));
    if (status != PLIM_OK)
        return;
    FUZZ_CLAIM((wide)paid == most);
    m->out[from][to] -= paid;
}

static void operate(machine *m)
{
    switch (next_byte(m) % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        operate_alloc(m);
        return;
    case 4:
    case 5:
    case 6:
        operate_free(m);
        return;
    case 7:
        operate_resize(m);
        return;
    case 8:
        operate_bad_free(m);
        return;
    case 9:
        operate_limit(m);
        return;
    case 10:
        operate_share(m);
        return;
    case 11:
    case 12:
        operate_lend(m);
        return;
    case 13:
        operate_repay(m);
        return;
    case 14:
        (void)plim_manager_trim(m->manager);
        return;
    default:
        FUZZ_CLAIM(plim_manager_verify(m->manager, NULL) == PLIM_OK);
        return;
    }
}

/* --- a run ------------------------------------------------------------------------------------ */

static void count_panic(void *ctx, const plim_panic *panic)
{
    (void)panic;
    ((machine *)ctx)->panics++;
}

static void machine_start(machine *m)
{
    static const char *const names[DOMAINS] = {"one", "two", "three"};
    plim_manager_options options = {.struct_bytes = sizeof options,
                                    .domain_count_max = DOMAINS,
                                    .total_bytes = TOTAL_BYTES,
                                    .backing = PLIM_BACKING_FIXED,
                                    .verify = m->verify,
                                    .storage = storage,
                                    .storage_bytes = STORAGE_BYTES,
                                    .panic = count_panic,
                                    .panic_ctx = m,
                                    .watch_every = 3}; /* at full; some, and some not */
    FUZZ_CLAIM(plim_manager_create(&options, &m->manager, NULL) == PLIM_OK);
    for (unsigned i = 0; i < DOMAINS; i++) {
        plim_domain_options domain = {.struct_bytes = sizeof domain,
                                      .limit_bytes = LIMIT_BYTES,
                                      .floor_bytes = i == 0 ? 4096 : 0,
                                      .cap_bytes = i == 1 ? LIMIT_BYTES + 8192 : 0};
        FUZZ_CLAIM(plim_domain_create(m->manager, names[i], &domain, &m->domains[i], NULL) ==
                   PLIM_OK);
        m->configured[i] = LIMIT_BYTES;
        m->floor[i] = i == 0 ? 4096 : 0;
        m->cap[i] = i == 1 ? LIMIT_BYTES + 8192 : (wide)(PTRDIFF_MAX / 2);
    }
    m->is_checked = m->verify >= PLIM_VERIFY_STANDARD;
}

static void machine_stop(machine *m)
{
    while (m->block_count > 0) {
        block_is_whole(&m->blocks[m->block_count - 1]);
        plim_free(m->blocks[--m->block_count].data);
    }
    (void)plim_manager_trim(m->manager);
    figures_agree(m);
    for (unsigned i = 0; i < DOMAINS; i++)
        for (unsigned k = 0; k < DOMAINS; k++) /* L5, as far as floors let it */
            if (i != k) {
                size_t paid;
                wide way = limit(m, k) - m->floor[k];
                wide most =
                    least(least(m->out[i][k], way > 0 ? way : 0), left(m, k) > 0 ? left(m, k) : 0);
                FUZZ_CLAIM(plim_domain_repay(m->domains[i], m->domains[k], SIZE_MAX, &paid) ==
                           PLIM_OK);
                FUZZ_CLAIM((wide)paid == most);
                m->out[i][k] -= paid;
            }
    figures_agree(m);
    FUZZ_CLAIM(plim_manager_verify(m->manager, NULL) == PLIM_OK);
    plim_manager_destroy(&m->manager);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static machine m;
    m = (machine){.data = data, .size = size};
    m.verify = (plim_verify)(PLIM_VERIFY_NONE + next_byte(&m) % 5);
    machine_start(&m);
    for (unsigned i = 0; i < OPERATIONS_MAX && m.at < m.size; i++) {
        unsigned panics = m.panics;
        bool is_bad = m.data[m.at] % 16 == 8;
        operate(&m);
        FUZZ_CLAIM(is_bad || m.panics == panics);
        figures_agree(&m);
    }
    machine_stop(&m);
    return 0;
}
