/* SPDX-License-Identifier: MIT */
/* From a text to a manager. Method: what plim_domain_stats_read() says is what the text said. */
#include <plimsoll/config.h>
#include <plimsoll/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static plim_status text_read(void *ctx, void *buffer, size_t cap, size_t *out_len, plim_error *err)
{
    (void)err;
    const char **text = ctx;
    *out_len = strlen(*text) < cap ? strlen(*text) : cap;
    memcpy(buffer, *text, *out_len);
    *text += *out_len;
    return PLIM_OK;
}

static plim_config *config_of(const char *text)
{
    plim_config *config = NULL;
    plim_error err = {0};
    plim_source source = {&text, text_read, 0};
    if (plim_config_read(source, "t", NULL, &config, &err) != PLIM_OK)
        fail_msg("%s: %s", err.where, err.what);
    return config;
}

static plim_domain_stats stats_of(plim_manager *manager, const char *name)
{
    plim_domain domain = {0};
    plim_domain_stats stats;
    assert_int_equal(plim_domain_find(manager, name, &domain), PLIM_OK);
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    return stats;
}

static void a_manager_is_made_as_the_text_says(void **state)
{
    (void)state;
    plim_config *config = config_of("[memory]\ntotal = 8M\nmargin = 25%\n"
                                    "[domain net]\nparent = service\nlimit = 1M\n"
                                    "[domain service]\nlimit = 4M\nminimum = 1M\n"
                                    "priority = high\nlend.render = 2M\nrequest_max = 64K\n"
                                    "[domain render]\nlimit = 50%\n");
    plim_manager *manager = NULL;
    plim_error err = {0};
    if (plim_config_apply(config, NULL, &manager, &err) != PLIM_OK)
        fail_msg("%s: %s", err.where, err.what);
    plim_config_destroy(&config); /* the manager needs it no more */
    plim_domain_stats service = stats_of(manager, "service");
    assert_int_equal(service.configured_bytes, 4 << 20);
    assert_int_equal(service.limit_bytes, 3 << 20); /* the rest is net's */
    assert_int_equal(service.floor_bytes, 1 << 20);
    assert_int_equal(service.priority, PLIM_PRIORITY_HIGH);
    assert_int_equal(stats_of(manager, "net").limit_bytes, 1 << 20);
    assert_int_equal(stats_of(manager, "render").limit_bytes, 4 << 20);
    plim_manager_stats all;
    plim_manager_stats_read(manager, &all);
    assert_int_equal(all.total_bytes, 8 << 20);
    assert_int_equal(all.unassigned_bytes, 0);
    plim_manager_destroy(&manager);
}

static void what_may_be_lent_is_what_the_text_says(void **state)
{
    (void)state;
    plim_config *config = config_of("[memory]\ntotal = 8M\n"
                                    "[domain a]\nlimit = 4M\nlend.b = 1M\n[domain b]\n"
                                    "limit = 1M\n");
    plim_manager *manager = NULL;
    plim_domain a = {0}, b = {0};
    assert_int_equal(plim_config_apply(config, NULL, &manager, NULL), PLIM_OK);
    plim_config_destroy(&config);
    assert_int_equal(plim_domain_find(manager, "a", &a), PLIM_OK);
    assert_int_equal(plim_domain_find(manager, "b", &b), PLIM_OK);
    assert_int_equal(plim_domain_lend(a, b, (1 << 20) + 1, NULL), PLIM_ERR_ACCESS);
    assert_int_equal(plim_domain_lend(b, a, 1, NULL), PLIM_ERR_ACCESS);
    assert_int_equal(plim_domain_lend(a, b, 1 << 20, NULL), PLIM_OK);
    assert_int_equal(stats_of(manager, "b").limit_bytes, 2 << 20);
    plim_manager_destroy(&manager);
}

static void a_request_past_the_limit_of_the_text_is_refused(void **state)
{
    (void)state;
    plim_config *config = config_of("[memory]\ntotal = 8M\n[domain a]\nlimit = 64K\n"
                                    "request_max = 32K\n");
    plim_manager *manager = NULL;
    plim_domain a = {0};
    assert_int_equal(plim_config_apply(config, NULL, &manager, NULL), PLIM_OK);
    plim_config_destroy(&config);
    assert_int_equal(plim_domain_find(manager, "a", &a), PLIM_OK);
    assert_null(plim_alloc_in(a, (32 << 10) + 1));
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_REQUEST);
    assert_non_null(plim_alloc_in(a, 32 << 10));
    assert_non_null(plim_alloc_in(a, 32 << 10));
    assert_null(plim_alloc_in(a, 1));
    assert_int_equal(plim_refusal_last().reason, PLIM_REFUSAL_BUDGET);
    plim_manager_destroy(&manager);
}

/* What the text cannot know: the machine has not that many addresses. Nothing is left behind. */
static void a_manager_that_cannot_be_is_said_and_not_made(void **state)
{
    (void)state;
    plim_config *config = config_of("[memory]\ntotal = 4095P\n[domain a]\nlimit = 1M\n");
    plim_manager *manager = NULL;
    plim_error err = {0};
    assert_int_not_equal(plim_config_apply(config, NULL, &manager, &err), PLIM_OK);
    assert_null(manager);
    assert_true(err.what[0] != '\0');
    plim_config_destroy(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manager_is_made_as_the_text_says),
        cmocka_unit_test(what_may_be_lent_is_what_the_text_says),
        cmocka_unit_test(a_request_past_the_limit_of_the_text_is_refused),
        cmocka_unit_test(a_manager_that_cannot_be_is_said_and_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
