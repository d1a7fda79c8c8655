/* SPDX-License-Identifier: MIT */
#include "cli/args.h"

#include <string.h>

#include "cli/units.h"

/* The place in argv; value is what stands after "=" or after a short letter, or NULL. */
typedef struct args_cursor {
    int argc;
    const char *const *argv;
    int at;
} args_cursor;

static void args_hint(plim_error *err, const plim__command *command)
{
    if (command != NULL)
        plim_error_hint(err, "plim %s --help", command->name);
    else
        plim_error_hint(err, "plim help");
}

static plim_status args_unknown(const plim__args *args, const char *typed, const char *name,
                                plim_error *err)
{
    const char *nearest = plim__option_nearest(args->command, name);
    plim_status status;
    if (args->command != NULL)
        status = plim_error_set(err, PLIM_ERR_USAGE, "plim %s has no option %s",
                                args->command->name, typed);
    else
        status = plim_error_set(err, PLIM_ERR_USAGE, "plim has no option %s", typed);
    if (nearest != NULL)
        plim_error_hint(err, "--%s", nearest);
    args_hint(err, args->command);
    return status;
}

static bool args_parse_choice(const char *choices, const char *text, uint64_t *out_index)
{
    size_t length = strlen(text);
    uint64_t index = 0;
    for (const char *at = choices; at != NULL; index++) {
        const char *bar = strchr(at, '|');
        size_t word = bar != NULL ? (size_t)(bar - at) : strlen(at);
        if (word == length && strncmp(at, text, word) == 0) {
            *out_index = index;
            return true;
        }
        at = bar != NULL ? bar + 1 : NULL;
    }
    return false;
}

static bool args_parse_threshold(const char *text, plim__value *value)
{
    size_t length = strlen(text);
    if (length < 2 || text[length - 1] != '%')
        return plim__units_parse_bytes(text, &value->number);
    char digits[16];
    if (length > sizeof digits)
        return false;
    memcpy(digits, text, length - 1);
    digits[length - 1] = '\0';
    value->is_share = true;
    return plim__units_parse_count(digits, &value->number) && value->number >= 1 &&
           value->number <= 100;
}

static bool args_parse(const plim__option *option, const char *text, plim__value *value)
{
    switch (option->kind) {
    case PLIM__KIND_FLAG:
        return true;
    case PLIM__KIND_TEXT:
        return text[0] != '\0';
    case PLIM__KIND_BYTES:
        return plim__units_parse_bytes(text, &value->number);
    case PLIM__KIND_TIME:
        return plim__units_parse_time(text, &value->number);
    case PLIM__KIND_COUNT:
        return plim__units_parse_count(text, &value->number);
    case PLIM__KIND_CHOICE:
        return args_parse_choice(option->argument, text, &value->number);
    case PLIM__KIND_THRESHOLD:
        return args_parse_threshold(text, value);
    }
    return false;
}

static const char *args_wanted(const plim__option *option)
{
    switch (option->kind) {
    case PLIM__KIND_BYTES:
        return "a size such as 512M";
    case PLIM__KIND_TIME:
        return "a time such as 10s or 500ms";
    case PLIM__KIND_COUNT:
        return "a whole number";
    case PLIM__KIND_CHOICE:
        return option->argument;
    case PLIM__KIND_THRESHOLD:
        return "a share such as 90% or a size such as 1.5G";
    case PLIM__KIND_FLAG:
    case PLIM__KIND_TEXT:
        break;
    }
    return "a text that is not empty";
}

static plim_status args_set(plim__args *args, plim__option_id id, const char *attached,
                            args_cursor *cursor, plim_error *err)
{
    const plim__option *option = &plim__options[id];
    plim__value *value = &args->values[id];
    *value = (plim__value){.given = true};
    if (option->kind == PLIM__KIND_FLAG) {
        if (attached == NULL)
            return PLIM_OK;
        plim_status status =
            plim_error_set(err, PLIM_ERR_USAGE, "--%s takes no value", option->name);
        args_hint(err, args->command);
        return status;
    }
    value->text = attached;
    if (attached == NULL && cursor->at < cursor->argc &&
        strcmp(cursor->argv[cursor->at], "--") != 0)
        value->text = cursor->argv[cursor->at++];
    if (value->text != NULL && args_parse(option, value->text, value))
        return PLIM_OK;
    plim_status status;
    if (value->text == NULL)
        status =
            plim_error_set(err, PLIM_ERR_USAGE, "--%s wants %s", option->name, args_wanted(option));
    else
        status = plim_error_set(err, PLIM_ERR_USAGE, "--%s wants %s, not \"%s\"", option->name,
                                args_wanted(option), value->text);
    args_hint(err, args->command);
    return status;
}

static plim_status args_long(plim__args *args, const char *typed, args_cursor *cursor,
                             plim_error *err)
{
    const char *equals = strchr(typed, '=');
    size_t length = equals != NULL ? (size_t)(equals - typed) : strlen(typed);
    char name[64];
    if (length < sizeof name) {
        memcpy(name, typed, length);
        name[length] = '\0';
        for (uint32_t i = 0; i < PLIM__OPTION_COUNT; i++) {
            if (strcmp(plim__options[i].name, name + 2) == 0 &&
                plim__option_is_for(&plim__options[i], args->command))
                return args_set(args, (plim__option_id)i, equals != NULL ? equals + 1 : NULL,
                                cursor, err);
        }
    } else {
        name[0] = name[1] = name[2] = '\0';
    }
    return args_unknown(args, typed, name + 2, err);
}

static plim_status args_short(plim__args *args, const char *typed, args_cursor *cursor,
                              plim_error *err)
{
    for (const char *at = typed + 1; *at != '\0'; at++) {
        uint32_t i = 0;
        while (i < PLIM__OPTION_COUNT && (plim__options[i].letter != *at ||
                                          !plim__option_is_for(&plim__options[i], args->command)))
            i++;
        if (i == PLIM__OPTION_COUNT) {
            char letter[] = {'-', *at, '\0'};
            return args_unknown(args, letter, "", err);
        }
        bool flag = plim__options[i].kind == PLIM__KIND_FLAG;
        const char *attached = flag || at[1] == '\0' ? NULL : at + 1;
        plim_status status = args_set(args, (plim__option_id)i, attached, cursor, err);
        if (status != PLIM_OK || !flag)
            return status;
    }
    return PLIM_OK;
}

static plim_status args_operand(plim__args *args, const char *typed, plim_error *err)
{
    if (args->operand_count == PLIM__OPERANDS_MAX) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_USAGE, "more than %d operands", PLIM__OPERANDS_MAX);
        args_hint(err, args->command);
        return status;
    }
    args->operands[args->operand_count++] = typed;
    return PLIM_OK;
}

/* Whether a word before the verb is an option that takes the next word as its value. */
static bool args_takes_next(const char *typed)
{
    for (uint32_t i = 0; i < PLIM__OPTION_COUNT; i++) {
        const plim__option *option = &plim__options[i];
        bool same_name = typed[1] == '-' && strcmp(typed + 2, option->name) == 0;
        bool same_letter = typed[1] == option->letter && typed[1] != '\0' && typed[2] == '\0';
        if ((same_name || same_letter) && option->kind != PLIM__KIND_FLAG)
            return true;
    }
    return false;
}

/* The verb is the first word that is neither an option nor an option's value. */
static plim_status args_find_verb(int argc, const char *const *argv, plim__args *args, int *out_at,
                                  plim_error *err)
{
    *out_at = argc;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (argv[i][0] == '-') {
            i += args_takes_next(argv[i]) ? 1 : 0;
            continue;
        }
        *out_at = i;
        args->command = plim__command_find(argv[i]);
        if (args->command != NULL)
            return PLIM_OK;
        plim_status status =
            plim_error_set(err, PLIM_ERR_USAGE, "there is no verb \"%s\"", argv[i]);
        const char *nearest = plim__command_nearest(argv[i]);
        if (nearest != NULL)
            plim_error_hint(err, "plim %s", nearest);
        args_hint(err, NULL);
        return status;
    }
    return PLIM_OK;
}

static plim_status args_check_operands(const plim__args *args, plim_error *err)
{
    const plim__command *command = args->command;
    if (command == NULL || plim__args_has(args, PLIM__OPTION_help) ||
        (args->operand_count >= command->operands_min &&
         args->operand_count <= command->operands_max))
        return PLIM_OK;
    plim_status status;
    if (args->operand_count > command->operands_max)
        status = plim_error_set(err, PLIM_ERR_USAGE, "\"%s\" is too much for plim %s",
                                args->operands[command->operands_max], command->name);
    else
        status = plim_error_set(err, PLIM_ERR_USAGE, "plim %s wants %s", command->name,
                                command->operands);
    plim_error_hint(err, "plim %s --help, for example: %s", command->name, command->examples[0]);
    return status;
}

plim_status plim__args_read(int argc, const char *const *argv, plim__args *out_args,
                            plim_error *err)
{
    *out_args = (plim__args){0};
    int verb_at;
    plim_status status = args_find_verb(argc, argv, out_args, &verb_at, err);
    args_cursor cursor = {argc, argv, 1};
    bool only_operands = false;
    while (status == PLIM_OK && cursor.at < argc) {
        int here = cursor.at++;
        const char *typed = argv[here];
        if (here == verb_at)
            continue;
        bool program =
            out_args->command != NULL && (out_args->command->needs & PLIM__TAKES_PROGRAM) != 0;
        if (only_operands || typed[0] != '-' || typed[1] == '\0') {
            status = args_operand(out_args, typed, err);
        } else if (strcmp(typed, "--") == 0 && program) {
            out_args->program = argv + cursor.at;
            break;
        } else if (strcmp(typed, "--") == 0) {
            only_operands = true;
        } else if (typed[1] == '-') {
            status = args_long(out_args, typed, &cursor, err);
        } else {
            status = args_short(out_args, typed, &cursor, err);
        }
    }
    return status == PLIM_OK ? args_check_operands(out_args, err) : status;
}

plim_status plim__args_node_id(const plim__args *args, uint64_t *out_id, plim_error *err)
{
    for (uint32_t i = 0; i < args->operand_count; i++) {
        const char *operand = args->operands[i];
        if (operand[0] == '@' && plim__units_parse_count(operand + 1, out_id))
            return PLIM_OK;
    }
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "plim %s wants %s: a node id is %s",
                                        args->command->name, args->command->operands,
                                        "a number with @, such as @4711");
    plim_error_hint(err, "plim %s --help; ids are in the output of plim dominators FILE",
                    args->command->name);
    return status;
}

const char *plim__args_file(const plim__args *args, uint32_t index)
{
    for (uint32_t i = 0; i < args->operand_count; i++) {
        if (args->operands[i][0] != '@' && index-- == 0)
            return args->operands[i];
    }
    return NULL;
}

uint64_t plim__args_number(const plim__args *args, plim__option_id id, uint64_t otherwise)
{
    return args->values[id].given ? args->values[id].number : otherwise;
}

bool plim__args_has(const plim__args *args, plim__option_id id)
{
    return args->values[id].given;
}
