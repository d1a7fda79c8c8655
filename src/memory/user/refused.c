/* SPDX-License-Identifier: MIT */
#include "memory/user/refused.h"

plim_status plim__refused(void)
{
    switch (plim_refusal_last().reason) {
    case PLIM_REFUSAL_SEALED:
        return PLIM_ERR_SEALED;
    case PLIM_REFUSAL_PAGES:
    case PLIM_REFUSAL_INJECTED:
        return PLIM_ERR_NO_MEMORY;
    case PLIM_REFUSAL_REQUEST:
    case PLIM_REFUSAL_SCOPE:
        return PLIM_ERR_LIMIT;
    case PLIM_REFUSAL_DOMAIN:
        return PLIM_ERR_STALE;
    case PLIM_REFUSAL_REENTERED:
        return PLIM_ERR_BUSY;
    case PLIM_REFUSAL_CHECK:
        return PLIM_ERR_INTERNAL;
    case PLIM_REFUSAL_NONE:
    case PLIM_REFUSAL_BUDGET:
        break;
    }
    return PLIM_ERR_BUDGET;
}
