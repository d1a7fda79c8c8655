/* SPDX-License-Identifier: MIT */
/*
 * Terms by libei. A cluster's nodes trust each other once they share the cookie; even so a term is
 * looked at step by step, and one that is not as terms.h has it is dropped whole.
 */
#include "erlang/terms.h"

#include <ctype.h>
#include <string.h>

enum { TERM_STATUS_BYTES = 32 };

/* A binary or a string, as new memory with a NUL behind it; NULL: it is neither, or too long. */
static char *term_text(const char *bytes, int *index, uint32_t max, uint32_t *out_len)
{
    int type = 0, size = 0;
    long len = 0;
    if (ei_get_type(bytes, index, &type, &size) != 0 || size < 0 || (uint32_t)size > max)
        return NULL;
    const plim_allocator *system = plim_allocator_system();
    char *text = system->resize(system->ctx, NULL, 0, (size_t)size + 1);
    if (text == NULL)
        return NULL;
    int code = -1;
    if (type == ERL_BINARY_EXT)
        code = ei_decode_binary(bytes, index, text, &len);
    else if (type == ERL_STRING_EXT || type == ERL_NIL_EXT)
        code = ei_decode_string(bytes, index, text);
    if (code != 0) {
        (void)system->resize(system->ctx, text, (size_t)size + 1, 0);
        return NULL;
    }
    *out_len = type == ERL_BINARY_EXT ? (uint32_t)len : (uint32_t)size;
    text[*out_len] = '\0';
    return text;
}

static void term_request(const char *bytes, int *index, int arity, uint32_t max, plim__term *out)
{
    char how[MAXATOMLEN] = "";
    if (ei_decode_pid(bytes, index, &out->from) != 0 || ei_decode_ref(bytes, index, &out->ref) != 0)
        return;
    out->code = term_text(bytes, index, max, &out->bytes);
    if (out->code == NULL)
        return;
    if (arity == 5 && ei_decode_atom(bytes, index, how) != 0)
        return;
    out->is_idempotent = strcmp(how, "idempotent") == 0;
    out->kind = PLIM__TERM_REQUEST;
}

void plim__term_read(const char *bytes, uint32_t payload_max, plim__term *out)
{
    int index = 0, version = 0, arity = 0;
    char name[MAXATOMLEN] = "";
    memset(out, 0, sizeof *out);
    if (ei_decode_version(bytes, &index, &version) != 0)
        return;
    int at = index;
    if (ei_decode_atom(bytes, &at, name) == 0) {
        out->kind = strcmp(name, "plim_stop") == 0 ? PLIM__TERM_STOP : PLIM__TERM_OTHER;
        return;
    }
    if (ei_decode_tuple_header(bytes, &index, &arity) != 0 || arity < 1 ||
        ei_decode_atom(bytes, &index, name) != 0)
        return;
    if (strcmp(name, "plim_request") == 0 && (arity == 4 || arity == 5))
        term_request(bytes, &index, arity, payload_max, out);
    else if (strcmp(name, "plim_cancel") == 0 && arity == 2 &&
             ei_decode_ref(bytes, &index, &out->ref) == 0)
        out->kind = PLIM__TERM_CANCEL;
    else if (strcmp(name, "plim_health") == 0 && arity == 3 &&
             ei_decode_pid(bytes, &index, &out->from) == 0 &&
             ei_decode_ref(bytes, &index, &out->ref) == 0)
        out->kind = PLIM__TERM_HEALTH;
    if (out->kind == PLIM__TERM_OTHER)
        plim__term_fini(out);
}

void plim__term_fini(plim__term *term)
{
    const plim_allocator *system = plim_allocator_system();
    if (term->code != NULL)
        (void)system->resize(system->ctx, term->code, (size_t)term->bytes + 1, 0);
    term->code = NULL;
}

static bool term_start(ei_x_buff *out, int arity, const char *name)
{
    out->index = 0;
    return ei_x_encode_version(out) == 0 && ei_x_encode_tuple_header(out, arity) == 0 &&
           ei_x_encode_atom(out, name) == 0;
}

bool plim__term_up(ei_x_buff *out, const erlang_pid *self, int64_t pid, int64_t worker_pid)
{
    return term_start(out, 5, "plim_worker") && ei_x_encode_atom(out, "up") == 0 &&
           ei_x_encode_pid(out, self) == 0 && ei_x_encode_longlong(out, pid) == 0 &&
           ei_x_encode_longlong(out, worker_pid) == 0;
}

bool plim__term_log(ei_x_buff *out, const erlang_pid *self, uint32_t level, const char *text)
{
    return term_start(out, 4, "plim_log") && ei_x_encode_pid(out, self) == 0 &&
           ei_x_encode_ulong(out, level) == 0 &&
           ei_x_encode_binary(out, text, (int)strlen(text)) == 0;
}

/* "ERR_GONE" is err_gone: an atom as Erlang's are. */
static void term_status(int32_t status, char out[TERM_STATUS_BYTES])
{
    const char *name = plim_status_name((plim_status)status);
    size_t i = 0;
    for (; name[i] != '\0' && i < TERM_STATUS_BYTES - 1; i++)
        out[i] = (char)tolower((unsigned char)name[i]);
    out[i] = '\0';
}

bool plim__term_response(ei_x_buff *out, const erlang_ref *ref, const plim_pool_answer *answer)
{
    char status[TERM_STATUS_BYTES];
    bool is_ok = answer->status == PLIM_OK;
    if (!term_start(out, 4, "plim_response") || ei_x_encode_ref(out, ref) != 0 ||
        ei_x_encode_atom(out, is_ok ? "ok" : "error") != 0)
        return false;
    if (is_ok)
        return ei_x_encode_binary(out, answer->body, (int)answer->body_bytes) == 0;
    term_status(answer->status, status);
    return ei_x_encode_tuple_header(out, 2) == 0 && ei_x_encode_atom(out, status) == 0 &&
           ei_x_encode_binary(out, answer->error, (int)answer->error_bytes) == 0;
}

bool plim__term_health(ei_x_buff *out, const erlang_ref *ref, const plim_pool_figures *figures)
{
    return term_start(out, 4, "plim_health") && ei_x_encode_ref(out, ref) == 0 &&
           ei_x_encode_ulonglong(out, figures->answered) == 0 &&
           ei_x_encode_ulong(out, figures->waiting + figures->under_way) == 0;
}
