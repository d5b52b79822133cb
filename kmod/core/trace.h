/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, below /sys/kernel/tracing/events/kvmem.
 *
 * Keys are shown by their first 8 bytes, in the order in which they are
 * written everywhere else.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvmem

#if !defined(KVMEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KVMEM_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/types.h>
#include <linux/kvmem.h>
#include <linux/kvmem_netlink.h>
#include "block.h"
#include "file.h"
#include "flash/flash.h"
#include "peer/transport.h"
#include "trace_enums.h"

#ifndef KVMEM_TRACE_KEY
#define KVMEM_TRACE_KEY
/* Operations without a key pass NULL. */
static inline u64 kvmem_trace_key(const u8 *key)
{
	__be64 first = 0;

	if (key)
		memcpy(&first, key, sizeof(first));
	return be64_to_cpu(first);
}
#endif

/* User space cannot evaluate an enumerator: TRACE_DEFINE_ENUM tells it the number. */
#define KVMEM_TRACE_OPCODES			\
	EM(KVMEM_OP_NOP, "NOP")			\
	EM(KVMEM_OP_GET, "GET")			\
	EM(KVMEM_OP_PUT, "PUT")			\
	EM(KVMEM_OP_DELETE, "DELETE")		\
	EM(KVMEM_OP_EXISTS, "EXISTS")		\
	EM(KVMEM_OP_PIN, "PIN")			\
	EM(KVMEM_OP_UNPIN, "UNPIN")		\
	EM(KVMEM_OP_MATCH, "MATCH")		\
	EM(KVMEM_OP_PREFETCH, "PREFETCH")	\
	EM(KVMEM_OP_ALLOC, "ALLOC")		\
	EM(KVMEM_OP_COMMIT, "COMMIT")		\
	EM(KVMEM_OP_LEASE, "LEASE")		\
	EMe(KVMEM_OP_RELEASE, "RELEASE")

#define KVMEM_TRACE_TIERS			\
	EM(KVMEM_TIER_NONE, "none")		\
	EM(KVMEM_TIER_DRAM, "dram")		\
	EM(KVMEM_TIER_FLASH, "flash")		\
	EMe(KVMEM_TIER_PEER, "peer")

#define KVMEM_TRACE_STATES			\
	EM(KVMEM_BLOCK_ALLOCATED, "allocated")	\
	EM(KVMEM_BLOCK_COMMITTED, "committed")	\
	EM(KVMEM_BLOCK_PERSISTED, "persisted")	\
	EM(KVMEM_BLOCK_EVICTED, "evicted")	\
	EMe(KVMEM_BLOCK_DELETED, "deleted")

#define KVMEM_TRACE_REASONS			\
	EM(KVMEM_EVICT_QUOTA, "quota")		\
	EM(KVMEM_EVICT_SPACE, "space")		\
	EM(KVMEM_EVICT_DRAIN, "drain")		\
	EM(KVMEM_EVICT_EXPIRED, "expired")	\
	EMe(KVMEM_EVICT_CORRUPT, "corrupt")

#define KVMEM_TRACE_KINDS			\
	EM(KVMEM_HANDLE_LEASE, "lease")		\
	EMe(KVMEM_HANDLE_ALLOC, "alloc")

#define KVMEM_TRACE_NS_EVENTS			\
	EM(KVMEM_NS_CREATED, "created")		\
	EM(KVMEM_NS_DELETED, "deleted")		\
	EMe(KVMEM_NS_CHANGED, "changed")

#define KVMEM_TRACE_CHUNK_EVENTS			\
	EM(KVMEM_CHUNK_EV_NEW, "new")			\
	EM(KVMEM_CHUNK_EV_GET, "get")			\
	EM(KVMEM_CHUNK_EV_PUT, "put")			\
	EM(KVMEM_CHUNK_EV_QUARANTINE, "quarantine")	\
	EM(KVMEM_CHUNK_EV_FREE, "free")			\
	EMe(KVMEM_CHUNK_EV_DRAIN, "drain")

#define KVMEM_TRACE_MEDIA_STATES				\
	EM(KVMEM_MEDIA_STATE_ATTACHING, "attaching")		\
	EM(KVMEM_MEDIA_STATE_LIVE, "live")			\
	EM(KVMEM_MEDIA_STATE_READ_ONLY, "read-only")		\
	EM(KVMEM_MEDIA_STATE_FAILED, "failed")			\
	EMe(KVMEM_MEDIA_STATE_DETACHING, "detaching")

#define KVMEM_TRACE_SEGMENT_STATES		\
	EM(KVMEM_SEG_FREE, "free")		\
	EM(KVMEM_SEG_DISCARD, "discard")	\
	EM(KVMEM_SEG_OPEN, "open")		\
	EM(KVMEM_SEG_SEALING, "sealing")	\
	EM(KVMEM_SEG_SEALED, "sealed")		\
	EM(KVMEM_SEG_RECLAIM, "reclaim")	\
	EM(KVMEM_SEG_ORPHAN, "orphan")		\
	EMe(KVMEM_SEG_BAD, "bad")

#define KVMEM_TRACE_IO_OPS			\
	EM(KVMEM_IO_READ, "read")		\
	EM(KVMEM_IO_WRITE, "write")		\
	EM(KVMEM_IO_FLUSH, "flush")		\
	EMe(KVMEM_IO_DISCARD, "discard")

#define KVMEM_TRACE_CALLS			\
	EM(KVMEM_CALL_GET, "GET")		\
	EM(KVMEM_CALL_PUT, "PUT")		\
	EM(KVMEM_CALL_DELETE, "DELETE")		\
	EMe(KVMEM_CALL_EXISTS, "EXISTS")

#define KVMEM_TRACE_PEER_STATES				\
	EM(KVMEM_PEER_STATE_DOWN, "down")		\
	EM(KVMEM_PEER_STATE_UP, "up")			\
	EMe(KVMEM_PEER_STATE_SLOW, "slow")

#undef EM
#undef EMe
#define EM(a, b)	TRACE_DEFINE_ENUM(a);
#define EMe(a, b)	TRACE_DEFINE_ENUM(a);
KVMEM_TRACE_OPCODES
KVMEM_TRACE_TIERS
KVMEM_TRACE_STATES
KVMEM_TRACE_REASONS
KVMEM_TRACE_KINDS
KVMEM_TRACE_NS_EVENTS
KVMEM_TRACE_CHUNK_EVENTS
KVMEM_TRACE_MEDIA_STATES
KVMEM_TRACE_SEGMENT_STATES
KVMEM_TRACE_IO_OPS
KVMEM_TRACE_CALLS
KVMEM_TRACE_PEER_STATES
#undef EM
#undef EMe
#define EM(a, b)	{ a, b },
#define EMe(a, b)	{ a, b }

/* One operation of a batch has ended. */
TRACE_EVENT(kvmem_op,
	TP_PROTO(u32 ns, u16 opcode, const u8 *key, int status, u64 bytes, u8 tier,
		 u64 ns_duration),
	TP_ARGS(ns, opcode, key, status, bytes, tier, ns_duration),
	TP_STRUCT__entry(
		__field(u64, key)
		__field(u64, bytes)
		__field(u64, ns_duration)
		__field(u32, ns)
		__field(int, status)
		__field(u16, opcode)
		__field(u8, tier)
	),
	TP_fast_assign(
		__entry->key = kvmem_trace_key(key);
		__entry->bytes = bytes;
		__entry->ns_duration = ns_duration;
		__entry->ns = ns;
		__entry->status = status;
		__entry->opcode = opcode;
		__entry->tier = tier;
	),
	TP_printk("ns=%u op=%s key=%016llx status=%d bytes=%llu tier=%s duration_ns=%llu",
		  __entry->ns, __print_symbolic(__entry->opcode, KVMEM_TRACE_OPCODES),
		  __entry->key, __entry->status, __entry->bytes,
		  __print_symbolic(__entry->tier, KVMEM_TRACE_TIERS), __entry->ns_duration)
);

TRACE_EVENT(kvmem_block_state,
	TP_PROTO(u32 ns, const u8 *key, u8 from, u8 to),
	TP_ARGS(ns, key, from, to),
	TP_STRUCT__entry(
		__field(u64, key)
		__field(u32, ns)
		__field(u8, from)
		__field(u8, to)
	),
	TP_fast_assign(
		__entry->key = kvmem_trace_key(key);
		__entry->ns = ns;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("ns=%u key=%016llx from=%s to=%s", __entry->ns, __entry->key,
		  __print_symbolic(__entry->from, KVMEM_TRACE_STATES),
		  __print_symbolic(__entry->to, KVMEM_TRACE_STATES))
);

TRACE_EVENT(kvmem_evict,
	TP_PROTO(u32 ns, const u8 *key, u8 class, u64 age_ns, u32 value, u8 reason, u32 size),
	TP_ARGS(ns, key, class, age_ns, value, reason, size),
	TP_STRUCT__entry(
		__field(u64, key)
		__field(u64, age_ns)
		__field(u32, ns)
		__field(u32, value)
		__field(u32, size)
		__field(u8, class)
		__field(u8, reason)
	),
	TP_fast_assign(
		__entry->key = kvmem_trace_key(key);
		__entry->age_ns = age_ns;
		__entry->ns = ns;
		__entry->value = value;
		__entry->size = size;
		__entry->class = class;
		__entry->reason = reason;
	),
	TP_printk("ns=%u key=%016llx class=%u age_ns=%llu value=%u reason=%s size=%u",
		  __entry->ns, __entry->key, __entry->class, __entry->age_ns, __entry->value,
		  __print_symbolic(__entry->reason, KVMEM_TRACE_REASONS), __entry->size)
);

DECLARE_EVENT_CLASS(kvmem_handle_class,
	TP_PROTO(u32 ns, u64 handle, u8 kind, u64 bytes),
	TP_ARGS(ns, handle, kind, bytes),
	TP_STRUCT__entry(
		__field(u64, handle)
		__field(u64, bytes)
		__field(u32, ns)
		__field(u8, kind)
	),
	TP_fast_assign(
		__entry->handle = handle;
		__entry->bytes = bytes;
		__entry->ns = ns;
		__entry->kind = kind;
	),
	TP_printk("ns=%u handle=%#llx kind=%s bytes=%llu", __entry->ns, __entry->handle,
		  __print_symbolic(__entry->kind, KVMEM_TRACE_KINDS), __entry->bytes)
);

DEFINE_EVENT(kvmem_handle_class, kvmem_lease,
	TP_PROTO(u32 ns, u64 handle, u8 kind, u64 bytes),
	TP_ARGS(ns, handle, kind, bytes)
);

DEFINE_EVENT(kvmem_handle_class, kvmem_release,
	TP_PROTO(u32 ns, u64 handle, u8 kind, u64 bytes),
	TP_ARGS(ns, handle, kind, bytes)
);

TRACE_EVENT(kvmem_ns_event,
	TP_PROTO(u32 ns, u8 event),
	TP_ARGS(ns, event),
	TP_STRUCT__entry(
		__field(u32, ns)
		__field(u8, event)
	),
	TP_fast_assign(
		__entry->ns = ns;
		__entry->event = event;
	),
	TP_printk("ns=%u event=%s", __entry->ns,
		  __print_symbolic(__entry->event, KVMEM_TRACE_NS_EVENTS))
);

TRACE_EVENT(kvmem_chunk,
	TP_PROTO(u32 id, u64 serial, u8 event),
	TP_ARGS(id, serial, event),
	TP_STRUCT__entry(
		__field(u64, serial)
		__field(u32, id)
		__field(u8, event)
	),
	TP_fast_assign(
		__entry->serial = serial;
		__entry->id = id;
		__entry->event = event;
	),
	TP_printk("chunk=%u serial=%llu event=%s", __entry->id, __entry->serial,
		  __print_symbolic(__entry->event, KVMEM_TRACE_CHUNK_EVENTS))
);

TRACE_EVENT(kvmem_quiesce,
	TP_PROTO(bool on, u32 files),
	TP_ARGS(on, files),
	TP_STRUCT__entry(
		__field(u32, files)
		__field(bool, on)
	),
	TP_fast_assign(
		__entry->files = files;
		__entry->on = on;
	),
	TP_printk("on=%d files=%u", __entry->on, __entry->files)
);

TRACE_EVENT(kvmem_buffer,
	TP_PROTO(u32 id, u64 bytes, bool reg),
	TP_ARGS(id, bytes, reg),
	TP_STRUCT__entry(
		__field(u64, bytes)
		__field(u32, id)
		__field(bool, reg)
	),
	TP_fast_assign(
		__entry->bytes = bytes;
		__entry->id = id;
		__entry->reg = reg;
	),
	TP_printk("buffer=%u bytes=%llu event=%s", __entry->id, __entry->bytes,
		  __entry->reg ? "reg" : "unreg")
);

TRACE_EVENT(kvmem_media_state,
	TP_PROTO(u32 media, u8 from, u8 to),
	TP_ARGS(media, from, to),
	TP_STRUCT__entry(
		__field(u32, media)
		__field(u8, from)
		__field(u8, to)
	),
	TP_fast_assign(
		__entry->media = media;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("media=%u from=%s to=%s", __entry->media,
		  __print_symbolic(__entry->from, KVMEM_TRACE_MEDIA_STATES),
		  __print_symbolic(__entry->to, KVMEM_TRACE_MEDIA_STATES))
);

TRACE_EVENT(kvmem_segment_state,
	TP_PROTO(u32 media, u32 segment, u8 from, u8 to),
	TP_ARGS(media, segment, from, to),
	TP_STRUCT__entry(
		__field(u32, media)
		__field(u32, segment)
		__field(u8, from)
		__field(u8, to)
	),
	TP_fast_assign(
		__entry->media = media;
		__entry->segment = segment;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("media=%u segment=%u from=%s to=%s", __entry->media, __entry->segment,
		  __print_symbolic(__entry->from, KVMEM_TRACE_SEGMENT_STATES),
		  __print_symbolic(__entry->to, KVMEM_TRACE_SEGMENT_STATES))
);

/* A transfer that concerned a segment has failed. */
TRACE_EVENT(kvmem_media_error,
	TP_PROTO(u32 media, u32 segment, u8 op, int status),
	TP_ARGS(media, segment, op, status),
	TP_STRUCT__entry(
		__field(u32, media)
		__field(u32, segment)
		__field(int, status)
		__field(u8, op)
	),
	TP_fast_assign(
		__entry->media = media;
		__entry->segment = segment;
		__entry->status = status;
		__entry->op = op;
	),
	TP_printk("media=%u segment=%u op=%s status=%d", __entry->media, __entry->segment,
		  __print_symbolic(__entry->op, KVMEM_TRACE_IO_OPS), __entry->status)
);

/* A segment was emptied: what was live in it, and how much of that was moved. */
TRACE_EVENT(kvmem_reclaim,
	TP_PROTO(u32 media, u32 segment, u32 live_blocks, u64 live_bytes, u64 reinserted),
	TP_ARGS(media, segment, live_blocks, live_bytes, reinserted),
	TP_STRUCT__entry(
		__field(u64, live_bytes)
		__field(u64, reinserted)
		__field(u32, media)
		__field(u32, segment)
		__field(u32, live_blocks)
	),
	TP_fast_assign(
		__entry->live_bytes = live_bytes;
		__entry->reinserted = reinserted;
		__entry->media = media;
		__entry->segment = segment;
		__entry->live_blocks = live_blocks;
	),
	TP_printk("media=%u segment=%u live_blocks=%u live_bytes=%llu reinserted=%llu",
		  __entry->media, __entry->segment, __entry->live_blocks,
		  __entry->live_bytes, __entry->reinserted)
);

/* A request to a peer has ended. */
TRACE_EVENT(kvmem_peer_call,
	TP_PROTO(u16 node, u8 type, const u8 *key, int status, u64 bytes, u64 ns_duration),
	TP_ARGS(node, type, key, status, bytes, ns_duration),
	TP_STRUCT__entry(
		__field(u64, key)
		__field(u64, bytes)
		__field(u64, ns_duration)
		__field(int, status)
		__field(u16, node)
		__field(u8, type)
	),
	TP_fast_assign(
		__entry->key = kvmem_trace_key(key);
		__entry->bytes = bytes;
		__entry->ns_duration = ns_duration;
		__entry->status = status;
		__entry->node = node;
		__entry->type = type;
	),
	TP_printk("node=%u call=%s key=%016llx status=%d bytes=%llu duration_ns=%llu",
		  __entry->node, __print_symbolic(__entry->type, KVMEM_TRACE_CALLS),
		  __entry->key, __entry->status, __entry->bytes, __entry->ns_duration)
);

/* A request of a peer has ended. */
TRACE_EVENT(kvmem_peer_serve,
	TP_PROTO(u16 node, u8 type, const u8 *key, int status, u64 bytes),
	TP_ARGS(node, type, key, status, bytes),
	TP_STRUCT__entry(
		__field(u64, key)
		__field(u64, bytes)
		__field(int, status)
		__field(u16, node)
		__field(u8, type)
	),
	TP_fast_assign(
		__entry->key = kvmem_trace_key(key);
		__entry->bytes = bytes;
		__entry->status = status;
		__entry->node = node;
		__entry->type = type;
	),
	TP_printk("node=%u call=%s key=%016llx status=%d bytes=%llu",
		  __entry->node, __print_symbolic(__entry->type, KVMEM_TRACE_CALLS),
		  __entry->key, __entry->status, __entry->bytes)
);

TRACE_EVENT(kvmem_peer_state,
	TP_PROTO(u16 node, u8 from, u8 to),
	TP_ARGS(node, from, to),
	TP_STRUCT__entry(
		__field(u16, node)
		__field(u8, from)
		__field(u8, to)
	),
	TP_fast_assign(
		__entry->node = node;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("node=%u from=%s to=%s", __entry->node,
		  __print_symbolic(__entry->from, KVMEM_TRACE_PEER_STATES),
		  __print_symbolic(__entry->to, KVMEM_TRACE_PEER_STATES))
);

/* There is another placement map, or the one before was forgotten (@previous 0). */
TRACE_EVENT(kvmem_map,
	TP_PROTO(u64 epoch, u64 previous),
	TP_ARGS(epoch, previous),
	TP_STRUCT__entry(
		__field(u64, epoch)
		__field(u64, previous)
	),
	TP_fast_assign(
		__entry->epoch = epoch;
		__entry->previous = previous;
	),
	TP_printk("epoch=%llu previous=%llu", __entry->epoch, __entry->previous)
);

#endif /* KVMEM_TRACE_H */

/* Looked up along the include path, which has the parent of this folder. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH core
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
