// SPDX-License-Identifier: GPL-2.0
/*
 * What the KUnit suites (tests/kunit) look into; built with KVMEM_KUNIT=1 only.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include "arena.h"
#include "block.h"
#include "file.h"
#include "handle.h"
#include "ns.h"
#include "space.h"
#include "stats.h"

#ifdef CONFIG_KVMEM_KUNIT
EXPORT_SYMBOL_GPL(kvmem_arena_get_info);
EXPORT_SYMBOL_GPL(kvmem_arena_set_target);
EXPORT_SYMBOL_GPL(kvmem_chunk_by_id);
EXPORT_SYMBOL_GPL(kvmem_chunk_get);
EXPORT_SYMBOL_GPL(kvmem_chunk_put);
EXPORT_SYMBOL_GPL(kvmem_layout_for);
EXPORT_SYMBOL_GPL(kvmem_space_need);
EXPORT_SYMBOL_GPL(kvmem_space_cut);
EXPORT_SYMBOL_GPL(kvmem_space_uncut);
EXPORT_SYMBOL_GPL(kvmem_space_add_chunk);
EXPORT_SYMBOL_GPL(kvmem_space_put_chunks);
EXPORT_SYMBOL_GPL(kvmem_block_alloc);
EXPORT_SYMBOL_GPL(kvmem_block_charged);
EXPORT_SYMBOL_GPL(kvmem_block_commit);
EXPORT_SYMBOL_GPL(kvmem_block_expired);
EXPORT_SYMBOL_GPL(kvmem_block_fill);
EXPORT_SYMBOL_GPL(kvmem_block_hold);
EXPORT_SYMBOL_GPL(kvmem_block_lookup);
EXPORT_SYMBOL_GPL(kvmem_block_page);
EXPORT_SYMBOL_GPL(kvmem_block_put);
EXPORT_SYMBOL_GPL(kvmem_block_read);
EXPORT_SYMBOL_GPL(kvmem_block_copy);
EXPORT_SYMBOL_GPL(kvmem_block_seal);
EXPORT_SYMBOL_GPL(kvmem_block_seg);
EXPORT_SYMBOL_GPL(kvmem_block_set_state);
EXPORT_SYMBOL_GPL(kvmem_block_touch);
EXPORT_SYMBOL_GPL(kvmem_block_transition_ok);
EXPORT_SYMBOL_GPL(kvmem_block_unhold);
EXPORT_SYMBOL_GPL(kvmem_block_unlink);
EXPORT_SYMBOL_GPL(kvmem_evict_one);
EXPORT_SYMBOL_GPL(kvmem_ghost_add);
EXPORT_SYMBOL_GPL(kvmem_ghost_age);
EXPORT_SYMBOL_GPL(kvmem_ghost_take);
EXPORT_SYMBOL_GPL(kvmem_ghosts_alloc);
EXPORT_SYMBOL_GPL(kvmem_ghosts_free);
EXPORT_SYMBOL_GPL(kvmem_ghosts_short);
EXPORT_SYMBOL_GPL(kvmem_handle_number);
EXPORT_SYMBOL_GPL(kvmem_handle_offset);
EXPORT_SYMBOL_GPL(kvmem_lat_bucket);
EXPORT_SYMBOL_GPL(kvmem_lat_bucket_start);
EXPORT_SYMBOL_GPL(kvmem_ns_copy_hist);
EXPORT_SYMBOL_GPL(kvmem_ns_copy_table);
EXPORT_SYMBOL_GPL(kvmem_ns_create);
EXPORT_SYMBOL_GPL(kvmem_ns_delete);
EXPORT_SYMBOL_GPL(kvmem_ns_drop_all);
EXPORT_SYMBOL_GPL(kvmem_ns_put);
EXPORT_SYMBOL_GPL(kvmem_ns_set_lru);
EXPORT_SYMBOL_GPL(kvmem_ns_swap_table);
EXPORT_SYMBOL_GPL(kvmem_offset_to_id);
EXPORT_SYMBOL_GPL(kvmem_stat_evictions);
EXPORT_SYMBOL_GPL(kvmem_stat_read);
#endif
