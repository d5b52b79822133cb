// SPDX-License-Identifier: GPL-2.0
/* The module's own file: what it believes of a media, the tools believe, too. */
#include "media/shim.h"

/* The kernel's takes no message; C11's must have one. */
#undef static_assert
#define static_assert(condition) _Static_assert(condition, #condition)

#include "../../kmod/flash/format.c"
