/* SPDX-License-Identifier: MIT */
/* The memory half as a stranger's program uses it: C17 and C++17 alike. */
#include <plimsoll/collections.h>
#include <plimsoll/memory.h>

#include <stdio.h>
#include <string.h>

PLIM_DOMAIN("stranger");
PLIM_BLOCK(scratch, 1024);

struct peer {
    int id;
    char name[12];
};

PLIM_VECTOR(peers, struct peer);
PLIM_MAP(ages, const char *, int, plim_text_hash, plim_text_equal);

/* Comes back by return from inside a scope; the memory it had is back by then. */
static int count_in_a_scope(plim_domain domain)
{
    PLIM_WITH (domain, 4096, m) {
        peers list;
        struct peer one = {7, "seven"};
        if (peers_init_in(&list, &m->allocator, 4) != PLIM_OK)
            return -1;
        while (peers_push(&list, one) == PLIM_OK)
            ;
        return (int)peers_count(&list);
    }
    return -2;
}

static plim_status print(void *ctx, const void *text, size_t length, plim_error *err)
{
    (void)err;
    return fwrite(text, 1, length, (FILE *)ctx) == length ? PLIM_OK : PLIM_ERR_IO;
}

int main(void)
{
    plim_domain_options options;
    memset(&options, 0, sizeof options);
    options.struct_bytes = (uint32_t)sizeof options;
    options.limit_bytes = 16384;
    plim_domain mine, none = {0};
    plim_domain_stats stats;
    ages map;
    plim_string text;
    int age = 0, failed = 0;
    failed += plim_domain_create(NULL, "stranger", &options, &mine, NULL) != PLIM_OK;
    failed += count_in_a_scope(none) != 4;
    failed += ages_init(&map, none, 10) != PLIM_OK;
    failed += ages_put(&map, "ann", 40) != PLIM_OK || ages_get(&map, "ann", &age) != PLIM_OK;
    failed += plim_string_init(&text, mine, 8) != PLIM_OK;
    failed += plim_string_append(&text, "load line") != PLIM_ERR_LIMIT;
    struct peer *one = plim_new(struct peer);
    struct peer *many = plim_new_array(struct peer, 1024);
    failed += one == NULL || many != NULL || plim_refusal_last().reason != PLIM_REFUSAL_BUDGET;
    failed += scratch_take() == NULL;
    scratch_give();
    plim_free(one);
    plim_string_fini(&text);
    ages_fini(&map);
    (void)plim_manager_trim(plim_manager_default());
    failed += plim_domain_stats_read(mine, &stats) != PLIM_OK || stats.used_bytes != 0;
    plim_sink out = {stdout, print};
    failed += plim_report(NULL, PLIM_REPORT_JSON, out, NULL) != PLIM_OK;
    return failed + (age != 40);
}
