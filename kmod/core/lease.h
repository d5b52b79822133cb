/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVMEM_LEASE_H
#define KVMEM_LEASE_H

#include <linux/types.h>

struct kvmem_block;
struct kvmem_file;
struct kvmem_handle;
struct kvmem_ns;
struct kvmem_run;

/* A lease of @block for @kf, to be published; KVMEM_OP_F_NOCOPY in @flags forbids a copied view. */
struct kvmem_handle *kvmem_lease_block(struct kvmem_file *kf, struct kvmem_ns *ns,
				       struct kvmem_block *block, u16 flags,
				       struct kvmem_run *run);

#endif
