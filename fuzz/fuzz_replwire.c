/* SPDX-License-Identifier: MIT */
/*
 * A line of the protocol of `plim repl --listen`. Claims: what is read is within its bounds, the
 * text is a string, a cursor lies in it, an id can be put into JSON as it is; a refusal says why;
 * nothing is left of the memory (LeakSanitizer).
 */
#include <jansson.h>

#include "cli/replwire.h"
#include "input.h"

static void look_at_id(const char *id)
{
    FUZZ_CLAIM(strnlen(id, PLIM__REPL_ID_BYTES) < PLIM__REPL_ID_BYTES);
    json_t *json = json_loads(id, JSON_DECODE_ANY, NULL);
    FUZZ_CLAIM(json_is_null(json) || json_is_integer(json) || json_is_string(json));
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim__repl_request request;
    plim_error err = {0};
    plim_status status = plim__repl_request_read((const char *)data, size, &request, &err);
    look_at_id(request.id);
    FUZZ_CLAIM(request.text != NULL);
    if (status == PLIM_OK) {
        FUZZ_CLAIM(plim__repl_op_word(request.op)[0] != '\0');
        FUZZ_CLAIM(strnlen(request.session, PLIM__REPL_SESSION_BYTES) < PLIM__REPL_SESSION_BYTES);
        FUZZ_CLAIM(strnlen(request.token, PLIM__REPL_ID_BYTES) < PLIM__REPL_ID_BYTES);
        FUZZ_CLAIM(request.op != PLIM__REPL_COMPLETE || request.number <= strlen(request.text));
        FUZZ_CLAIM(request.number <= UINT64_C(1) << 40);
    } else {
        FUZZ_CLAIM(status == PLIM_ERR_PROTOCOL || status == PLIM_ERR_USAGE);
        FUZZ_CLAIM(err.what[0] != '\0' && request.json == NULL);
    }
    plim__repl_request_fini(&request);
    return 0;
}
