/* SPDX-License-Identifier: MIT */
/* What Frama-C is given: the slot core as it ships, and nothing else. */
#include "memory/pools/slot_core.h"
