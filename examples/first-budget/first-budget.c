/* SPDX-License-Identifier: MIT */
#include <plimsoll/memory.h>

#include <stdio.h>

PLIM_DOMAIN("net"); /* who is charged for what this file asks for */

static plim_status print(void *ctx, const void *text, size_t length, plim_error *err)
{
    (void)err;
    return fwrite(text, 1, length, ctx) == length ? PLIM_OK : PLIM_ERR_IO;
}

int main(void)
{
    plim_manager_options all = {.struct_bytes = sizeof all, .total_bytes = 16 << 20};
    plim_domain_options some = {.struct_bytes = sizeof some, .limit_bytes = 1 << 20};
    plim_manager *manager;
    plim_domain net;
    if (plim_manager_create(&all, &manager, NULL) != PLIM_OK ||
        plim_manager_default_set(manager) != PLIM_OK ||
        plim_domain_create(NULL, "net", &some, &net, NULL) != PLIM_OK)
        return 1;
    int taken = 0;
    while (plim_alloc(100 * 1000) != NULL)
        taken++;
    plim_refusal why = plim_refusal_last();
    printf("%d buffers, then refused at %s: asked for %zu bytes, %zu left\n\n", taken, why.site,
           why.requested_bytes, why.left_bytes);
    return plim_report(NULL, PLIM_REPORT_TEXT, (plim_sink){stdout, print}, NULL);
}
