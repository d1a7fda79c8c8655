/* SPDX-License-Identifier: MIT */
/* What a call lends to its caller until the next one. It stands below the protocols, which ask. */
#include <jansson.h>

#include "base/allocator.h"
#include "inspect/target.h"

plim_status plim__target_lend_json(plim_target *target, json_t *value, const char **out_json,
                                   plim_error *err)
{
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    size_t len = json_dumpb(value, NULL, 0, flags);
    char *text = plim__array_resize(target->allocator, target->text, target->text_cap, len + 1, 1);
    if (text == NULL) {
        json_decref(value);
        return plim__no_memory(err, "the value of an expression");
    }
    target->text = text;
    target->text_cap = len + 1;
    (void)json_dumpb(value, text, len, flags);
    text[len] = '\0';
    json_decref(value);
    if (out_json != NULL)
        *out_json = text;
    return PLIM_OK;
}
