/* SPDX-License-Identifier: MIT */
/**
 * @file block_core.h
 * @brief F1: where a block's life goes from here. Total, never back, and what is gone stays gone.
 *
 *   PUSHED -mount-> LIVE -end-> ENDING -unmount-> UNMOUNTED -dispose-> DISPOSED -release-> GONE
 *      `-------------end----------^
 * Every other step leaves the state as it is. proofs/enumerate/blocks.c walks all of it.
 */
#ifndef PLIM_RUNTIME_BLOCK_CORE_H
#define PLIM_RUNTIME_BLOCK_CORE_H
#include <plimsoll/stack.h>

typedef enum plim__block_step {
    PLIM__STEP_MOUNT,
    PLIM__STEP_END,
    PLIM__STEP_UNMOUNT,
    PLIM__STEP_DISPOSE,
    PLIM__STEP_RELEASE,
    PLIM__STEPS
} plim__block_step;

static inline plim_block_state plim__block_after(plim_block_state state, plim__block_step step)
{
    switch (step) {
    case PLIM__STEP_MOUNT:
        return state == PLIM_BLOCK_PUSHED ? PLIM_BLOCK_LIVE : state;
    case PLIM__STEP_END:
        return state == PLIM_BLOCK_PUSHED || state == PLIM_BLOCK_LIVE ? PLIM_BLOCK_ENDING : state;
    case PLIM__STEP_UNMOUNT:
        return state == PLIM_BLOCK_ENDING ? PLIM_BLOCK_UNMOUNTED : state;
    case PLIM__STEP_DISPOSE:
        return state == PLIM_BLOCK_UNMOUNTED ? PLIM_BLOCK_DISPOSED : state;
    case PLIM__STEP_RELEASE:
        return state == PLIM_BLOCK_DISPOSED ? PLIM_BLOCK_GONE : state;
    case PLIM__STEPS:
        break;
    }
    return state;
}

#endif
