/* SPDX-License-Identifier: MIT */
/*
 * A C program whose state lies in a region, for DevTools to look into: carts with lines, made by
 * two functions, under owners that have names. It goes on making some all the while.
 *
 *     shop alone        `plim serve pid:N` shows it; prints "ready"
 *     shop serve        shows itself by plim_serve(); prints its address
 */
#include <plimsoll/memory.h>
#include <plimsoll/region.h>
#include <plimsoll/serve_region.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct cart {
    char user[16];
    int32_t discount;
    double total;
    uint8_t is_paid;
    plim_ref first_line;
} cart;

typedef struct cart_line {
    uint64_t article;
    plim_ref of;
} cart_line;

enum { OWNER_WEB = 7, CARTS_AT_FIRST = 20, CARTS_MAX = 5000, STEP_NS = 5000000 };

static volatile sig_atomic_t is_over;
static plim_region *region;
static uint16_t cart_type, line_type;
static uint32_t cart_site, line_site;
static unsigned cart_count;

static void must(plim_status status, const plim_error *err)
{
    if (status == PLIM_OK)
        return;
    (void)fprintf(stderr, "shop: %s %s\n", plim_status_name(status), err->what);
    exit(1);
}

static plim_ref make(uint16_t type, uint32_t site, const void *value, plim_ref parent)
{
    plim_error err = {0};
    plim_ref ref = {0};
    const plim_object_request request = {.struct_bytes = sizeof request,
                                         .type = type,
                                         .initial = value,
                                         .owner = OWNER_WEB,
                                         .parent = parent,
                                         .site = site};
    must(plim_region_allocate_as(region, &request, &ref), &err);
    return ref;
}

enum { CART_LINE = __LINE__ + 1 };
static void open_cart(void)
{
    cart one = {.discount = -5, .total = 12.5, .is_paid = 1};
    (void)snprintf(one.user, sizeof one.user, "user %u", cart_count++);
    plim_ref ref = make(cart_type, cart_site, &one, (plim_ref){0});
    cart_line line = {.article = UINT64_MAX, .of = ref};
    one.first_line = make(line_type, line_site, &line, ref);
    plim_error err = {0};
    must(plim_region_set(region, ref, &one, sizeof one), &err);
}

static void open_region(void)
{
    static const plim_field cart_fields[] = {
        PLIM_FIELD(cart, user, PLIM_FIELD_TEXT), PLIM_FIELD(cart, discount, PLIM_FIELD_INT),
        PLIM_FIELD(cart, total, PLIM_FIELD_FLOAT), PLIM_FIELD(cart, is_paid, PLIM_FIELD_BOOL),
        PLIM_FIELD(cart, first_line, PLIM_FIELD_REF)};
    static const plim_field line_fields[] = {PLIM_FIELD(cart_line, article, PLIM_FIELD_UINT),
                                             PLIM_FIELD(cart_line, of, PLIM_FIELD_WEAK)};
    const plim_region_options options = {
        .struct_bytes = sizeof options, .place = PLIM_REGION_MEMFD, .name = "shop"};
    plim_error err = {0};
    char site[512];
    must(plim_region_open(&options, &region, &err), &err);
    must(plim_region_type(region, "cart", sizeof(cart), cart_fields, 5, &cart_type, &err), &err);
    must(plim_region_type(region, "cart_line", sizeof(cart_line), line_fields, 2, &line_type, &err),
         &err);
    (void)snprintf(site, sizeof site, "open_cart %s:%d", SOURCE, CART_LINE);
    must(plim_region_intern(region, site, &cart_site), &err);
    (void)snprintf(site, sizeof site, "add_line %s:%d", SOURCE, CART_LINE + 5);
    must(plim_region_intern(region, site, &line_site), &err);
}

/* What this program's console understands. */
static plim_status evaluate(void *ctx, const char *expression, plim_served_values out,
                            plim_error *err)
{
    static const plim_served_value answer = {NULL, PLIM_SERVED_NUMBER, "42", 0};
    (void)ctx;
    if (strcmp(expression, "6 * 7") != 0)
        return plim_error_set(err, PLIM_ERR_REFUSED, "this shop sells no %.60s", expression);
    (void)out.add(out.ctx, &answer);
    return PLIM_OK;
}

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

int main(int argc, char **argv)
{
    const struct timespec pause = {0, STEP_NS};
    const plim_serve_options how = {.struct_bytes = sizeof how, .evaluate = evaluate};
    plim_serving *serving = NULL;
    plim_error err = {0};
    (void)signal(SIGINT, on_signal);
    open_region();
    for (int i = 0; i < CARTS_AT_FIRST; i++)
        open_cart();
    if (argc > 1 && strcmp(argv[1], "serve") == 0) {
        must(plim_serve(&how, &serving, &err), &err);
        (void)printf("%s\n", plim_serve_address(serving));
    } else {
        (void)puts("ready");
    }
    (void)fflush(stdout);
    while (!is_over) {
        if (cart_count < CARTS_MAX)
            open_cart();
        (void)nanosleep(&pause, NULL);
    }
    plim_serve_end(&serving);
    plim_region_close(&region);
    return 0;
}
