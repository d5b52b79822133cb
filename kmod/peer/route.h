/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Peers, as the operations of applications see them.
 */
#ifndef KVMEM_ROUTE_H
#define KVMEM_ROUTE_H

#include <linux/types.h>
#include "block.h"

struct kvmem_ns;
struct kvmem_span;

/* Do operations on the namespace concern peers, just now?  Cheap. */
bool kvmem_peer_routes(const struct kvmem_ns *ns);

/**
 * struct kvmem_remote_want - a block that is not here
 * @span: pages of the caller's to put it into, as long as it is; NULL: a block of ours
 * @room: how long it probably is; 0: no idea
 * @keep: publish it here
 * @look: its length and checksum will do
 * @block: out: it, referenced, verified; without @keep known to nobody else (and then
 *	ALLOCATED).  NULL with @look, and when the bytes are in @span, where they are if
 *	no second owner was quicker
 * @size: out
 * @crc: out
 * @class: out
 */
struct kvmem_remote_want {
	const struct kvmem_span *span;
	u32 room;
	bool keep;
	bool look;
	struct kvmem_block *block;
	u32 size;
	u32 crc;
	u8 class;
};

/*
 * Ask the owners of the key.  0; -ENOENT: none has it, or none could be reached, or
 * what came was not what was put; -EMSGSIZE: longer than @span, @size says; -ENOSPC,
 * -EDQUOT, -ENOMEM, -ESHUTDOWN: no room for it here; -EINTR: a fatal signal.  After an
 * error @span may hold anything.  Waits.
 */
int kvmem_remote_get(struct kvmem_ns *ns, const struct kvmem_key *key,
		     struct kvmem_remote_want *want);

/**
 * struct kvmem_remote_put - a block on its way to its owners
 * @block: filled and sealed, not necessarily published; immutable until its last reference goes
 * @hints: of the application
 * @here: out: it is to be kept here: this node is an owner, or is to have it, too, or no
 *	owner took it
 * @taken: out: owners that have it now
 * @existed: out: of these, they had it before
 */
struct kvmem_remote_put {
	struct kvmem_block *block;
	const struct kvmem_hints *hints;
	bool here;
	unsigned int taken;
	unsigned int existed;
};

/* 0, or -EINTR: a fatal signal; waits until each owner has answered or failed. */
int kvmem_remote_put(struct kvmem_ns *ns, const struct kvmem_key *key,
		     struct kvmem_remote_put *put);

/* Drop it wherever it can be reached.  Did one have it?  Waits. */
bool kvmem_remote_delete(struct kvmem_ns *ns, const struct kvmem_key *key);

/*
 * Which of the keys with a bit in @want have their owners?  Bits of @found.  0, -ENOMEM,
 * -EINTR.  Waits.
 */
int kvmem_remote_exists(struct kvmem_ns *ns, const struct kvmem_key *keys, unsigned int nr,
			u64 want, u64 *found);

/* A block of @size was put or got: the next one will probably be as long. */
void kvmem_peer_note_size(struct kvmem_ns *ns, u32 size);

#endif
