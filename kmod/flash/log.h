/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What segment.c, table.c, log.c, write.c and pack.c owe each other: the write side.
 */
#ifndef KVMEM_LOG_H
#define KVMEM_LOG_H

#include "flash/flash.h"

/* Of a segment's table; only towards worse while the segment keeps its generation. */
enum kvmem_table_state {
	KVMEM_TABLE_GOOD,
	KVMEM_TABLE_FAILED,	/* a page failed: none is sent any more */
	KVMEM_TABLE_ENDED,	/* all pages before that one are durable: no more are to come */
};

enum kvmem_page_state {
	KVMEM_PAGE_OPEN,	/* at hand */
	KVMEM_PAGE_TO_SEND,
	KVMEM_PAGE_ON_WAY,
	KVMEM_PAGE_OVER,	/* durable or failed; earlier ones may be on their way */
	KVMEM_PAGE_TO_FREE,
};

/**
 * struct kvmem_page - a page of a table, from its first entry until it is durable
 * @write: the transfer; of it only @io, @node, @log, @reason and @status are used
 * @node: in seg->sent, guarded by media->lock
 * @seg: whose; constant
 * @disk: its memory
 * @bvec: of @disk
 * @copies: that have entries in it, with a reference each
 * @nr_gone: of its entries, deletions
 * @puts: ended by it, by turn, see struct kvmem_sync
 * @state: enum kvmem_page_state; at hand guarded by media->lock, later the
 *	worker's (kvmem_table_done())
 * @durable: it and all before it
 */
struct kvmem_page {
	struct kvmem_write write;
	struct list_head node;
	struct kvmem_segment *seg;
	struct kvmem_media_table *disk;
	struct bio_vec bvec;
	struct kvmem_copy *copies[KVMEM_MEDIA_TABLE_ENTRIES];
	unsigned int nr_copies;
	unsigned int nr_entries;
	unsigned int nr_gone;
	u32 index;
	u32 puts[2];
	u8 tries;
	u8 state;
	bool durable;
};

/**
 * struct kvmem_ask - for room in a segment
 * @generation: the segment's is at least this
 * @gone: for a GONE entry, which may have what is kept back from puts
 */
struct kvmem_ask {
	struct kvmem_log *log;
	unsigned int temperature;
	size_t bytes;
	unsigned int entries;
	u32 align;
	u64 generation;
	bool gone;
};

/* segment.c; those that say "locked" under media->lock */
struct kvmem_segment *kvmem_segment_reserve_ask(const struct kvmem_ask *ask, u32 *offset);
void kvmem_segment_seal_locked(struct kvmem_segment *seg);
/* A sealing segment that nothing is on its way to any more becomes sealed.  Locked. */
void kvmem_segment_settle(struct kvmem_segment *seg);
/* The other half of a reservation, but for the user: its write has ended.  Locked. */
void kvmem_segment_write_ended(struct kvmem_segment *seg);
/* Not the log's any more, but what is in it stays there.  Locked. */
void kvmem_segment_orphan(struct kvmem_segment *seg);

/* table.c */
/* Pages that @entries may take, whatever the sizes of their groups. */
u32 kvmem_table_pages(u32 entries);
/*
 * Take media->lock with room for @entries in the page at hand, or with a table
 * that takes no more.  -ENOMEM, -ENOSPC: the lock is taken and there is no room.
 */
int kvmem_table_lock(struct kvmem_segment *seg, unsigned int entries)
	__acquires(&seg->media->lock);
/* The put of @turn ends with the page at hand.  Locked, after kvmem_table_lock(). */
void kvmem_table_owe(struct kvmem_segment *seg, u8 turn);
void kvmem_table_add_record(struct kvmem_segment *seg, const struct kvmem_media_gone *gone);
/* The page at hand goes unsent.  Locked. */
void kvmem_table_drop(struct kvmem_segment *seg);
/* The same when no worker is left. */
void kvmem_table_free(struct kvmem_segment *seg);
/* Puts, for kvmem_table_sync().  Locked. */
u8 kvmem_sync_begin(struct kvmem_media *media);
void kvmem_sync_end(struct kvmem_media *media, u8 turn, u32 nr, bool ok);

/* write.c */
/*
 * How a write to @seg ended: too many failures in a row, and its media is out of
 * use.  No lock.
 */
void kvmem_log_io_result(const struct kvmem_segment *seg, int status);
/* @bytes are about to be written to @log.  Locked. */
void kvmem_write_charge(struct kvmem_log *log, enum kvmem_write_reason reason, size_t bytes);
/* The block's bytes, @write->copy->size of them, to @data. */
void kvmem_write_bytes(const struct kvmem_write *write, void *data);
/* kvmem_log_written() of one whose transfer was others', too: that has been told. */
void kvmem_write_end(struct kvmem_write *write);
/* The end of one that a pack had, without a transfer.  No lock. */
void kvmem_write_refuse(struct kvmem_write *write, int status);
/* One that nothing knows of. */
void kvmem_write_free(struct kvmem_write *write);

/* pack.c: small blocks share transfers, see there */
/*
 * To the pack of @write's log at hand; its copy is placed when that is sent.  0:
 * @write is the pack's, and ends with it.  -ENOSPC: the one at hand is full, and
 * there is no room on the media for it; -ENOMEM; -ESHUTDOWN.  Waits for the
 * opening of a segment.
 */
int kvmem_pack_add(struct kvmem_write *write, unsigned int temperature);
/* Send all that are at hand; true: there is no room for some.  No lock but sync.lock. */
bool kvmem_pack_send_all(struct kvmem_media *media);
/* What was never sent ends with -ESHUTDOWN; the log is dead. */
void kvmem_pack_drop(struct kvmem_log *log);
/* The transfer has ended; of the worker. */
void kvmem_pack_written(struct kvmem_pack *pack);

/* log.c */
/* What logs are left behind; nothing is under way and no worker is left. */
void kvmem_log_drop_stuck(struct kvmem_media *media);

#endif
