/* SPDX-License-Identifier: GPL-2.0 */
/* Use every part of a capsule that was accepted, as the module does. */
#ifndef _WIRE_WALK_H
#define _WIRE_WALK_H

#include "../../tests/kunit/capsules.h"

/*
 * Reads each byte of @len through the parts that it belongs to; a sanitizer sees those that
 * are not there.  False: a part is out of its range, or something belongs to none.
 */
bool wire_walk(const void *buf, size_t len);

#endif
