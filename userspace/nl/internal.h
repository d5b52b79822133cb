/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVMEM_NL_INTERNAL_H
#define KVMEM_NL_INTERNAL_H

#include "nl/nl.h"

/* Fill *@e from @nlerr, an error of libnl, negative; returns -1. */
int knl_fail(struct knl_error *e, enum knl_fault fault, int nlerr);

#endif
