// SPDX-License-Identifier: GPL-2.0
/*
 * What the KUnit suites (tests/kunit) look into; built with KVMEM_KUNIT=1 only.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include "arena.h"
#include "block.h"
#include "dmabuf.h"
#include "file.h"
#include "flash/flash.h"
#include "flash/tier.h"
#include "handle.h"
#include "ns.h"
#include "space.h"
#include "stats.h"
#include "trace.h"
#include "flash/format.h"
#include "peer/peer.h"
#include "peer/route.h"

#ifdef CONFIG_KVMEM_KUNIT
#define KVMEM_FOR_TESTS(symbol) EXPORT_SYMBOL_GPL(symbol)

KVMEM_FOR_TESTS(kvmem_arena_get_info);
KVMEM_FOR_TESTS(kvmem_arena_set_target);
KVMEM_FOR_TESTS(kvmem_chunk_by_id);
KVMEM_FOR_TESTS(kvmem_chunk_get);
KVMEM_FOR_TESTS(kvmem_chunk_put);
KVMEM_FOR_TESTS(kvmem_layout_for);
KVMEM_FOR_TESTS(kvmem_space_need);
KVMEM_FOR_TESTS(kvmem_space_cut);
KVMEM_FOR_TESTS(kvmem_space_uncut);
KVMEM_FOR_TESTS(kvmem_space_add_chunk);
KVMEM_FOR_TESTS(kvmem_space_put_chunks);
KVMEM_FOR_TESTS(kvmem_block_alloc);
KVMEM_FOR_TESTS(kvmem_block_charged);
KVMEM_FOR_TESTS(kvmem_block_commit);
KVMEM_FOR_TESTS(kvmem_block_expired);
KVMEM_FOR_TESTS(kvmem_block_fill);
KVMEM_FOR_TESTS(kvmem_block_hold);
KVMEM_FOR_TESTS(kvmem_block_lookup);
KVMEM_FOR_TESTS(kvmem_block_page);
KVMEM_FOR_TESTS(kvmem_block_put);
KVMEM_FOR_TESTS(kvmem_block_read);
KVMEM_FOR_TESTS(kvmem_block_copy);
KVMEM_FOR_TESTS(kvmem_block_seal);
KVMEM_FOR_TESTS(kvmem_block_seg);
KVMEM_FOR_TESTS(kvmem_block_set_state);
KVMEM_FOR_TESTS(kvmem_block_touch);
KVMEM_FOR_TESTS(kvmem_block_transition_ok);
KVMEM_FOR_TESTS(kvmem_block_unhold);
KVMEM_FOR_TESTS(kvmem_block_unlink);
KVMEM_FOR_TESTS(kvmem_dev_alloc);
KVMEM_FOR_TESTS(kvmem_dev_buf_bvecs);
KVMEM_FOR_TESTS(kvmem_dev_buf_data);
KVMEM_FOR_TESTS(kvmem_dev_buf_get);
KVMEM_FOR_TESTS(kvmem_dev_buf_put);
KVMEM_FOR_TESTS(kvmem_dev_close);
KVMEM_FOR_TESTS(kvmem_dev_expected_wait);
KVMEM_FOR_TESTS(kvmem_dev_flush);
KVMEM_FOR_TESTS(kvmem_dev_open);
KVMEM_FOR_TESTS(kvmem_dev_rw);
KVMEM_FOR_TESTS(kvmem_dev_rw_within);
KVMEM_FOR_TESTS(kvmem_dev_submit);
KVMEM_FOR_TESTS(kvmem_dev_wait);
KVMEM_FOR_TESTS(kvmem_dev_dma);
KVMEM_FOR_TESTS(kvmem_dir_check);
KVMEM_FOR_TESTS(kvmem_dir_seal);
KVMEM_FOR_TESTS(kvmem_dma_map_build);
KVMEM_FOR_TESTS(kvmem_dma_map_free);
KVMEM_FOR_TESTS(kvmem_dma_map_put);
KVMEM_FOR_TESTS(kvmem_dma_map_span);
KVMEM_FOR_TESTS(kvmem_dmabuf_import);
KVMEM_FOR_TESTS(kvmem_dmabuf_release);
KVMEM_FOR_TESTS(kvmem_dmabuf_use);
KVMEM_FOR_TESTS(kvmem_entry_count);
KVMEM_FOR_TESTS(kvmem_entry_sums);
KVMEM_FOR_TESTS(kvmem_budget_charge);
KVMEM_FOR_TESTS(kvmem_budget_set);
KVMEM_FOR_TESTS(kvmem_budget_take);
KVMEM_FOR_TESTS(kvmem_evict_one);
KVMEM_FOR_TESTS(kvmem_format_checksum);
KVMEM_FOR_TESTS(kvmem_format_text);
KVMEM_FOR_TESTS(kvmem_ghost_add);
KVMEM_FOR_TESTS(kvmem_ghost_age);
KVMEM_FOR_TESTS(kvmem_ghost_look);
KVMEM_FOR_TESTS(kvmem_ghost_take);
KVMEM_FOR_TESTS(kvmem_ghosts_alloc);
KVMEM_FOR_TESTS(kvmem_ghosts_free);
KVMEM_FOR_TESTS(kvmem_ghosts_short);
KVMEM_FOR_TESTS(kvmem_handle_number);
KVMEM_FOR_TESTS(kvmem_handle_offset);
KVMEM_FOR_TESTS(kvmem_lat_bucket);
KVMEM_FOR_TESTS(kvmem_lat_bucket_start);
KVMEM_FOR_TESTS(kvmem_ns_copy_hist);
KVMEM_FOR_TESTS(kvmem_ns_copy_table);
KVMEM_FOR_TESTS(kvmem_ns_create);
KVMEM_FOR_TESTS(kvmem_ns_delete);
KVMEM_FOR_TESTS(kvmem_ns_drop_all);
KVMEM_FOR_TESTS(kvmem_ns_fit_ghosts);
KVMEM_FOR_TESTS(kvmem_ns_put);
KVMEM_FOR_TESTS(kvmem_ns_set_lru);
KVMEM_FOR_TESTS(kvmem_ns_set_policy);
KVMEM_FOR_TESTS(kvmem_super_decode);
KVMEM_FOR_TESTS(kvmem_super_encode);
KVMEM_FOR_TESTS(kvmem_super_end);
KVMEM_FOR_TESTS(kvmem_super_layout);
KVMEM_FOR_TESTS(kvmem_table_check);
KVMEM_FOR_TESTS(kvmem_table_prepare);
KVMEM_FOR_TESTS(kvmem_table_seal);
KVMEM_FOR_TESTS(kvmem_block_was_fetched);
KVMEM_FOR_TESTS(kvmem_copy_lookup);
KVMEM_FOR_TESTS(kvmem_copy_put_used);
KVMEM_FOR_TESTS(kvmem_copy_read_buf);
KVMEM_FOR_TESTS(kvmem_copy_unlink);
KVMEM_FOR_TESTS(kvmem_flash_fetch);
KVMEM_FOR_TESTS(kvmem_flash_persist);
KVMEM_FOR_TESTS(kvmem_flash_written);
KVMEM_FOR_TESTS(kvmem_log_rewrite);
KVMEM_FOR_TESTS(kvmem_table_sync);
EXPORT_TRACEPOINT_SYMBOL_GPL(kvmem_block_state);
KVMEM_FOR_TESTS(kvmem_dir_find);
KVMEM_FOR_TESTS(kvmem_dir_release);
KVMEM_FOR_TESTS(kvmem_dir_valid);
KVMEM_FOR_TESTS(kvmem_flash_delete);
KVMEM_FOR_TESTS(kvmem_media_attach);
KVMEM_FOR_TESTS(kvmem_media_detach);
KVMEM_FOR_TESTS(kvmem_media_put);
KVMEM_FOR_TESTS(kvmem_media_settle);
KVMEM_FOR_TESTS(kvmem_offset_to_id);
KVMEM_FOR_TESTS(kvmem_run_begin);
KVMEM_FOR_TESTS(kvmem_run_class);
KVMEM_FOR_TESTS(kvmem_run_end);
KVMEM_FOR_TESTS(kvmem_run_growth);
KVMEM_FOR_TESTS(kvmem_run_hit);
KVMEM_FOR_TESTS(kvmem_run_miss);
KVMEM_FOR_TESTS(kvmem_sample_hash);
KVMEM_FOR_TESTS(kvmem_samples_one_in);
KVMEM_FOR_TESTS(kvmem_samples_set);
KVMEM_FOR_TESTS(kvmem_stat_evictions);
KVMEM_FOR_TESTS(kvmem_stat_read);
KVMEM_FOR_TESTS(kvmem_cluster_set);
KVMEM_FOR_TESTS(kvmem_map_copy);
KVMEM_FOR_TESTS(kvmem_map_owners);
KVMEM_FOR_TESTS(kvmem_map_read);
KVMEM_FOR_TESTS(kvmem_map_set);
KVMEM_FOR_TESTS(kvmem_map_settle);
KVMEM_FOR_TESTS(kvmem_move_read);
KVMEM_FOR_TESTS(kvmem_peer_create);
KVMEM_FOR_TESTS(kvmem_peer_get);
KVMEM_FOR_TESTS(kvmem_peer_note_size);
KVMEM_FOR_TESTS(kvmem_peer_put);
KVMEM_FOR_TESTS(kvmem_peer_remove);
KVMEM_FOR_TESTS(kvmem_peer_routes);
KVMEM_FOR_TESTS(kvmem_peer_sample);
KVMEM_FOR_TESTS(kvmem_peer_state);
KVMEM_FOR_TESTS(kvmem_peer_wait_ns);
KVMEM_FOR_TESTS(kvmem_peers_judge);
KVMEM_FOR_TESTS(kvmem_remote_delete);
KVMEM_FOR_TESTS(kvmem_remote_exists);
KVMEM_FOR_TESTS(kvmem_remote_get);
KVMEM_FOR_TESTS(kvmem_remote_put);
#endif
