/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The flash tier, as the operations of applications see it.
 */
#ifndef KVMEM_TIER_H
#define KVMEM_TIER_H

#include "block.h"

struct kvmem_copy;
struct kvmem_ns;

int kvmem_flash_init(void);
void kvmem_flash_exit(void);

/* A media is attached that may have, or take, blocks. */
bool kvmem_media_any(void);
/*
 * Wait until no table is being read any more: what is on flash is known.  0,
 * -EINTR (fatal signal), -ETIMEDOUT.
 */
int kvmem_media_settle(unsigned int timeout_ms);

/* A block was published: write it when the namespace and the budget want it. */
void kvmem_flash_written(struct kvmem_ns *ns, struct kvmem_block *block);
/*
 * @ns evicts: with write-back, those that will go next are written ahead of
 * it, in the background.  Cheap; any process context.
 */
void kvmem_flash_ahead(struct kvmem_ns *ns);
/* Half of the DRAM that @ns may have for blocks on their way to flash is taken. */
bool kvmem_flash_is_tight(const struct kvmem_ns *ns);
/*
 * Write the block, whatever it is worth, and wait until it survives a restart.
 * 0, -EOPNOTSUPP: no media or not for this namespace; -ENOSPC, -EIO,
 * -ETIMEDOUT, -EINTR; -ENOENT: gone meanwhile.
 */
int kvmem_flash_persist(struct kvmem_ns *ns, const struct kvmem_key *key);
/* The entry of @copy is durable: so is the block of that key. */
void kvmem_flash_persisted(struct kvmem_copy *copy);

struct kvmem_flash_look {
	u32 size;
	u32 crc;
	u8 class;
};

/**
 * struct kvmem_past - for who can do without a block in DRAM
 * @growth: of the prompt of who asks
 * @copy: it is not worth what would be evicted for it: to be read from here
 *	(kvmem_flash_serve()); in use, until kvmem_flash_past_end()
 * @look: what it is
 */
struct kvmem_past {
	enum kvmem_growth growth;
	struct kvmem_copy *copy;
	struct kvmem_flash_look look;
};

/*
 * Bring a block to DRAM, verified, and publish it there; referenced.  NULL: it
 * is not there (or failed its checksum, @res_flags says), or past->copy is set;
 * else an ERR_PTR: for want of room, or of the device.  Without @past it comes,
 * whatever is evicted for it.  Waits for the device.
 */
struct kvmem_block *kvmem_flash_fetch(struct kvmem_ns *ns, const struct kvmem_key *key,
				      u16 *res_flags, struct kvmem_past *past);
/*
 * Bytes @off to @off + @len to @to, verified; -EILSEQ: they are not those that were
 * put, -EFAULT, -ENOMEM, or the device's error.
 */
int kvmem_flash_serve(const struct kvmem_past *past, size_t off, size_t len,
		      struct iov_iter *to);
void kvmem_flash_past_end(struct kvmem_past *past, bool used);

/* Has the namespace anything on flash?  Cheap. */
bool kvmem_flash_has(const struct kvmem_ns *ns);
/* Does it write what is put, and is there a media to take it?  Cheap. */
bool kvmem_flash_takes(const struct kvmem_ns *ns);
/* Is the key there, just now? */
bool kvmem_flash_here(struct kvmem_ns *ns, const struct kvmem_key *key);

/* Drop some that have expired; one at a time for each namespace. */
void kvmem_flash_sweep(struct kvmem_ns *ns);

/*
 * What the application is told: transfers end with whatever their driver makes
 * of it, and most of that the dictionary of kvmem_op.status does not have.
 */
int kvmem_flash_errno(int ret);

/* @copy was read, or could not be: what cannot be read, or reads wrong, goes. */
void kvmem_flash_used(struct kvmem_copy *copy, u64 now);
void kvmem_flash_read_failed(struct kvmem_copy *copy, int ret);

/* Is it there? */
bool kvmem_flash_look(struct kvmem_ns *ns, const struct kvmem_key *key,
		      struct kvmem_flash_look *look);
/* After the DRAM block was deleted.  0, -ENOENT; -EINTR, -ETIMEDOUT: not known. */
int kvmem_flash_delete(struct kvmem_ns *ns, const struct kvmem_key *key, u32 *size);

#endif
