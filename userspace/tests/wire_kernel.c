// SPDX-License-Identifier: GPL-2.0
/* The module's own checks of what a peer sends, and capsules to try them on. */
#include "media/shim.h"

/* The kernel's takes no message; C11's must have one. */
#undef static_assert
#define static_assert(condition) _Static_assert(condition, #condition)

#include "../../kmod/rdma/wire.c"
#include "../../tests/kunit/capsules.c"
