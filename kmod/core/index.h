/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For those few who walk the index as a whole.
 */
#ifndef KVMEM_INDEX_H
#define KVMEM_INDEX_H

#include <linux/rhashtable.h>

extern const struct rhashtable_params kvmem_index_params;

#endif
