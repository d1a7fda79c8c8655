/* SPDX-License-Identifier: MIT */
/*
 * What a session holds. Pieces are gathered (variables as the session names them, blocks as its
 * heap lists them), then typed: from the variables along typed pointers, each block once, by the
 * first pointer of a known type that leads to its start. Then what is reachable is marked, along
 * the same pointers and along every word of what has no type.
 *
 * P1  pieces[variable_count..] are blocks by rising address that do not overlap.
 * P2  a piece is queued at most once in each of the two walks, so both end.
 */
#include "bridge/repl_picture.h"

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"

enum {
    PICTURE_MAGIC = 0x11c7e501,
    PICTURE_PIECES_MAX = 1 << 26,
    PICTURE_IMAGES_MAX = 65536,
    PICTURE_WORDS = 512 /* read together */
};

/* Ids: 1 to 15 are the graph's own nodes, then variables by address, then blocks. */
static const uint64_t picture_id_variables = 16;
static const uint64_t picture_id_blocks = UINT64_C(1) << 30;

/* --- gathering ------------------------------------------------------------------------------- */

static bool picture_room(const plim_allocator *allocator, void **rows, uint32_t count,
                         uint32_t *cap, uint32_t most, size_t each)
{
    if (count < *cap)
        return true;
    uint32_t larger = *cap == 0 ? 64 : *cap * 2;
    void *grown = larger > most ? NULL : plim__array_resize(allocator, *rows, *cap, larger, each);
    if (grown == NULL)
        return false;
    *rows = grown;
    *cap = larger;
    return true;
}

static plim__piece *picture_add(plim_repl_picture *picture)
{
    void *pieces = picture->pieces;
    if (!picture_room(picture->allocator, &pieces, picture->piece_count, &picture->piece_cap,
                      PICTURE_PIECES_MAX, sizeof *picture->pieces))
        return NULL;
    picture->pieces = pieces;
    plim__piece *piece = &picture->pieces[picture->piece_count++];
    *piece = (plim__piece){.types = PLIM__PIECE_NONE};
    return piece;
}

/* The types of an image, opened once. */
static uint32_t picture_image(plim_repl_picture *picture, const void *image, size_t bytes)
{
    for (uint32_t i = picture->image_count; i-- > 0;) {
        if (picture->images[i].image == image)
            return picture->images[i].types != NULL ? i : PLIM__PIECE_NONE;
    }
    void *images = picture->images;
    if (image == NULL ||
        !picture_room(picture->allocator, &images, picture->image_count, &picture->image_cap,
                      PICTURE_IMAGES_MAX, sizeof *picture->images))
        return PLIM__PIECE_NONE;
    picture->images = images;
    plim__image *kept = &picture->images[picture->image_count];
    *kept = (plim__image){.image = image};
    if (plim_types_open(image, bytes, picture->allocator, &kept->types, NULL) != PLIM_OK)
        kept->types = NULL;
    picture->image_count++;
    return kept->types != NULL ? picture->image_count - 1 : PLIM__PIECE_NONE;
}

static bool picture_knows(const plim_repl_picture *picture, uint64_t address)
{
    for (uint32_t i = 0; i < picture->piece_count; i++) {
        if (picture->pieces[i].address == address)
            return true;
    }
    return false;
}

uint64_t plim__picture_variable_id(const plim_repl_picture *picture, uint64_t address)
{
    return picture_id_variables + (address - picture->info.variables_address);
}

static bool picture_take_variable(void *ctx, const plim_repl_variable *variable)
{
    plim_repl_picture *picture = ctx;
    if (variable->kind != PLIM_REPL_VARIABLE || variable->address == 0 || variable->bytes == 0 ||
        picture_knows(picture, variable->address))
        return true;
    uint32_t types = picture_image(picture, variable->image, variable->image_bytes);
    plim__piece *piece = picture_add(picture);
    if (piece == NULL)
        return false;
    piece->address = variable->address;
    piece->bytes = variable->bytes;
    piece->id = plim__picture_variable_id(picture, variable->address);
    piece->is_reachable = true;
    (void)snprintf(piece->name, sizeof piece->name, "%s", variable->name);
    (void)snprintf(piece->text, sizeof piece->text, "%s", variable->type);
    if (types != PLIM__PIECE_NONE &&
        plim_types_variable(picture->images[types].types, variable->name, &piece->type, NULL) ==
            PLIM_OK)
        piece->types = types;
    return true;
}

static plim_status picture_take_blocks(plim_repl_picture *picture, plim_error *err)
{
    size_t count = 0;
    plim_status status = plim_repl_blocks(picture->repl, NULL, 0, &count, err);
    if (status != PLIM_OK || count == 0)
        return status;
    size_t room = count;
    plim_repl_block *blocks = plim__array_new(picture->allocator, room, sizeof *blocks);
    if (blocks == NULL)
        return plim__no_memory(err, "the blocks of a session");
    status = plim_repl_blocks(picture->repl, blocks, room, &count, err);
    for (size_t i = 0; status == PLIM_OK && i < count && i < room; i++) {
        plim__piece *piece = picture_add(picture);
        if (piece == NULL) {
            status = plim__no_memory(err, "the blocks of a session");
            break;
        }
        piece->address = blocks[i].address;
        piece->bytes = blocks[i].bytes;
        piece->id = picture_id_blocks + (blocks[i].address - picture->info.heap_address) / 16;
        piece->is_block = true;
    }
    plim__array_free(picture->allocator, blocks, room, sizeof *blocks);
    return status;
}

/* --- pointers -------------------------------------------------------------------------------- */

/* The block that holds an address. */
static uint32_t picture_block_at(const plim_repl_picture *picture, uint64_t address)
{
    uint32_t low = picture->variable_count;
    uint32_t high = picture->piece_count;
    if (address < picture->info.heap_address ||
        address - picture->info.heap_address >= picture->info.heap_bytes)
        return PLIM__PIECE_NONE;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (picture->pieces[middle].address + picture->pieces[middle].bytes <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < picture->piece_count && picture->pieces[low].address <= address ? low
                                                                                 : PLIM__PIECE_NONE;
}

/* The piece at an address: a block, or a variable that begins there or holds it. */
static uint32_t picture_piece_at(const plim_repl_picture *picture, uint64_t address)
{
    uint32_t block = picture_block_at(picture, address);
    if (block != PLIM__PIECE_NONE || address < picture->info.variables_address ||
        address - picture->info.variables_address >= UINT64_C(1) << 30)
        return block;
    for (uint32_t i = 0; i < picture->variable_count; i++) {
        if (address >= picture->pieces[i].address &&
            address - picture->pieces[i].address < picture->pieces[i].bytes)
            return i;
    }
    return PLIM__PIECE_NONE;
}

typedef struct picture_walk {
    const plim_repl_picture *picture;
    bool (*add)(void *ctx, const plim__found *found);
    void *ctx;
    uint64_t address, base, bytes; /* of the piece; base: of the value in it */
    bool stops;
} picture_walk;

/* Words of memory without a type. */
static void picture_scan(picture_walk *walk, uint64_t from, uint64_t bytes)
{
    uint64_t words[PICTURE_WORDS];
    uint64_t skew = from % 8 == 0 ? 0 : 8 - from % 8;
    if (bytes < skew)
        return;
    uint64_t at = from + skew;
    for (uint64_t left = (bytes - skew) / 8; left > 0 && !walk->stops;) {
        uint64_t count = left < PICTURE_WORDS ? left : PICTURE_WORDS;
        if (plim_repl_read(walk->picture->repl, at, words, (size_t)count * 8) != PLIM_OK)
            return;
        for (uint64_t i = 0; i < count && !walk->stops; i++) {
            plim__found found = {.offset = at + i * 8 - walk->address,
                                 .to = picture_block_at(walk->picture, words[i]),
                                 .name = ""};
            if (found.to != PLIM__PIECE_NONE)
                walk->stops = !walk->add(walk->ctx, &found);
        }
        at += count * 8;
        left -= count;
    }
}

static bool picture_tell(void *ctx, const plim_type_reference *reference)
{
    picture_walk *walk = ctx;
    uint64_t value;
    uint64_t at = walk->base + reference->offset_bytes;
    if (at - walk->address > walk->bytes - 8 ||
        plim_repl_read(walk->picture->repl, at, &value, 8) != PLIM_OK || value == 0)
        return true;
    plim__found found = {.offset = at - walk->address,
                         .to = picture_piece_at(walk->picture, value),
                         .name = reference->name,
                         .target = reference->target,
                         .is_exact = !reference->is_uncertain};
    if (found.to == PLIM__PIECE_NONE)
        return true;
    if (walk->picture->pieces[found.to].address != value)
        found.target = (plim_type){0}; /* into the middle of something: of what, is not said */
    walk->stops = !walk->add(walk->ctx, &found);
    return !walk->stops;
}

void plim__piece_each(const plim_repl_picture *picture, uint32_t index,
                      bool (*add)(void *ctx, const plim__found *found), void *ctx)
{
    const plim__piece *piece = &picture->pieces[index];
    picture_walk walk = {.picture = picture,
                         .add = add,
                         .ctx = ctx,
                         .address = piece->address,
                         .base = piece->address,
                         .bytes = piece->bytes};
    uint64_t each = piece->types == PLIM__PIECE_NONE
                        ? 0
                        : plim_type_bytes(picture->images[piece->types].types, piece->type);
    uint64_t done = 0;
    if (piece->bytes >= 8 && each != 0 && each <= piece->bytes) {
        for (; done + each <= piece->bytes && !walk.stops; done += each) {
            walk.base = piece->address + done;
            (void)plim_type_references(picture->images[piece->types].types, piece->type,
                                       picture_tell, &walk);
        }
    }
    if (!walk.stops && done < piece->bytes) /* no type, or what is behind the last whole value */
        picture_scan(&walk, piece->address + done, piece->bytes - done);
}

/* Function statics, older versions of variables, literals: the words between what has a name. */
void plim__picture_each_unnamed(const plim_repl_picture *picture,
                                bool (*add)(void *ctx, const plim__found *found), void *ctx)
{
    uint64_t at = picture->info.variables_address;
    uint64_t end = at + picture->info.variables_bytes;
    picture_walk walk = {.picture = picture, .add = add, .ctx = ctx, .address = at};
    while (at < end && !walk.stops) {
        uint64_t next = end;
        uint64_t behind = end;
        for (uint32_t i = 0; i < picture->variable_count; i++) {
            const plim__piece *piece = &picture->pieces[i];
            if (piece->address + piece->bytes > at && piece->address < next) {
                next = piece->address > at ? piece->address : at;
                behind = piece->address + piece->bytes;
            }
        }
        picture_scan(&walk, at, next - at);
        at = behind;
    }
}

/* --- types and reach ------------------------------------------------------------------------- */

typedef struct picture_step {
    plim_repl_picture *picture;
    uint32_t from;
} picture_step;

static bool picture_give_type(void *ctx, const plim__found *found)
{
    picture_step *step = ctx;
    plim_repl_picture *picture = step->picture;
    plim__piece *to = &picture->pieces[found->to];
    uint32_t types = picture->pieces[step->from].types;
    if (!found->is_exact || !to->is_block || to->types != PLIM__PIECE_NONE ||
        types == PLIM__PIECE_NONE)
        return true;
    uint64_t each = plim_type_bytes(picture->images[types].types, found->target);
    if (each == 0 || each > to->bytes)
        return true;
    to->types = types;
    to->type = found->target;
    (void)plim_type_text(picture->images[types].types, found->target, NULL, to->text,
                         sizeof to->text);
    picture->queue[picture->queue_count++] = found->to;
    return true;
}

static bool picture_reach(void *ctx, const plim__found *found)
{
    picture_step *step = ctx;
    plim__piece *to = &step->picture->pieces[found->to];
    if (to->is_reachable)
        return true;
    to->is_reachable = true;
    step->picture->queue[step->picture->queue_count++] = found->to;
    return true;
}

static void picture_walk_all(plim_repl_picture *picture,
                             bool (*add)(void *ctx, const plim__found *found))
{
    picture_step step = {picture, 0};
    picture->queue_count = 0;
    for (uint32_t i = 0; i < picture->variable_count; i++)
        picture->queue[picture->queue_count++] = i;
    if (add == picture_reach)
        plim__picture_each_unnamed(picture, add, &step);
    for (uint32_t i = 0; i < picture->queue_count; i++) {
        step.from = picture->queue[i];
        plim__piece_each(picture, step.from, add, &step);
    }
}

static plim_status picture_fill(plim_repl_picture *picture, plim_error *err)
{
    plim_repl_read_info(picture->repl, &picture->info);
    if (plim_repl_variables(picture->repl, picture_take_variable, picture) != PLIM_OK)
        return plim__no_memory(err, "the variables of a session");
    picture->variable_count = picture->piece_count;
    plim_status status = picture_take_blocks(picture, err);
    if (status != PLIM_OK || picture->piece_count == 0)
        return status;
    picture->queue = plim__array_new(picture->allocator, picture->piece_count, sizeof(uint32_t));
    if (picture->queue == NULL)
        return plim__no_memory(err, "a picture of a session");
    picture_walk_all(picture, picture_give_type);
    picture_walk_all(picture, picture_reach);
    return PLIM_OK;
}

plim_status plim_repl_picture_create(plim_repl *repl, const plim_allocator *allocator,
                                     plim_repl_picture **out_picture, plim_error *err)
{
    PLIM_CHECK(repl != NULL && out_picture != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim_repl_picture *picture = plim__array_new_zero(allocator, 1, sizeof *picture);
    if (picture == NULL)
        return plim__no_memory(err, "a picture of a session");
    picture->magic = PICTURE_MAGIC;
    picture->allocator = allocator;
    picture->repl = repl;
    plim_status status = picture_fill(picture, err);
    if (status != PLIM_OK)
        plim_repl_picture_destroy(&picture);
    else
        *out_picture = picture;
    return status;
}

void plim_repl_picture_destroy(plim_repl_picture **picture)
{
    if (picture == NULL || *picture == NULL)
        return;
    plim_repl_picture *gone = *picture;
    PLIM_CHECK_OBJ(gone, PICTURE_MAGIC);
    for (uint32_t i = 0; i < gone->image_count; i++)
        plim_types_close(&gone->images[i].types);
    plim__array_free(gone->allocator, gone->images, gone->image_cap, sizeof *gone->images);
    plim__array_free(gone->allocator, gone->queue, gone->piece_count, sizeof *gone->queue);
    plim__array_free(gone->allocator, gone->pieces, gone->piece_cap, sizeof *gone->pieces);
    gone->magic = 0;
    plim__array_free(gone->allocator, gone, 1, sizeof *gone);
    *picture = NULL;
}

/* --- answers --------------------------------------------------------------------------------- */

static uint64_t picture_values(const plim_repl_picture *picture, const plim__piece *piece)
{
    if (!piece->is_block)
        return 1;
    if (piece->types == PLIM__PIECE_NONE)
        return 0;
    return piece->bytes / plim_type_bytes(picture->images[piece->types].types, piece->type);
}

bool plim_repl_picture_next(const plim_repl_picture *picture, uint32_t *index,
                            plim_repl_piece *out_piece)
{
    PLIM_CHECK_OBJ(picture, PICTURE_MAGIC);
    PLIM_CHECK(index != NULL && out_piece != NULL);
    if (*index >= picture->piece_count)
        return false;
    const plim__piece *piece = &picture->pieces[(*index)++];
    *out_piece = (plim_repl_piece){.name = piece->name,
                                   .type = piece->text,
                                   .id = piece->id,
                                   .address = piece->address,
                                   .bytes = piece->bytes,
                                   .count = picture_values(picture, piece),
                                   .is_block = piece->is_block,
                                   .is_reachable = piece->is_reachable};
    return true;
}

void plim_repl_picture_totals(const plim_repl_picture *picture, plim_repl_totals *out_totals)
{
    PLIM_CHECK_OBJ(picture, PICTURE_MAGIC);
    PLIM_CHECK(out_totals != NULL);
    *out_totals = (plim_repl_totals){.variables = picture->variable_count};
    for (uint32_t i = picture->variable_count; i < picture->piece_count; i++) {
        const plim__piece *piece = &picture->pieces[i];
        out_totals->blocks++;
        out_totals->block_bytes += piece->bytes;
        if (piece->types != PLIM__PIECE_NONE) {
            out_totals->typed_blocks++;
            out_totals->typed_bytes += piece->bytes;
        }
        if (!piece->is_reachable) {
            out_totals->unreachable_blocks++;
            out_totals->unreachable_bytes += piece->bytes;
        }
    }
}

uint32_t plim__picture_find(const plim_repl_picture *picture, uint64_t id)
{
    for (uint32_t i = 0; i < picture->piece_count; i++) {
        if (picture->pieces[i].id == id)
            return i;
    }
    return PLIM__PIECE_NONE;
}
