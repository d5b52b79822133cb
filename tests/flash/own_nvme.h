/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of kvmem_nvme share: controllers that change hands, and users
 * with registered buffers.
 */
#ifndef OWN_NVME_H
#define OWN_NVME_H

#include "kvmem_flash.h"

/* A controller of scripts/lane-own-nvme, known by its serial number. */
struct own {
	char address[32];
	char serial[32];
};

void own_find(struct own *o, const char *serial);
void own_take(const struct own *o);
void own_release(const struct own *o);
/* A file of our driver's, while the controller is ours: "kvmem/NAME". */
int64_t own_count(const struct own *o, const char *name);
void own_state(const struct own *o, char *state, size_t size);
/* A file of its faults. */
void own_fault(const struct own *o, const char *name, unsigned int value);
/* Milliseconds; 0: as they are when nothing is said. */
void own_timeouts(unsigned int io_ms, unsigned int admin_ms);
/* A namespace as the kernel's driver has it: fills disk->path and bytes. */
void own_disk(const struct own *o, unsigned int nsid, struct kvt_disk *disk);
/* The same namespace under its name for us. */
void own_attach(const struct own *o, unsigned int nsid, const struct kvt_disk *disk);

/* A file and a registered buffer of its own. */
struct own_user {
	int fd;
	uint32_t buf;
	uint8_t *p;
	size_t bytes;
};

void own_user_open(struct own_user *u, const char *ns, size_t bytes);
/* Past DRAM, at @at of the buffer. */
struct kvmem_op own_op(const struct own_user *u, unsigned int opcode, uint64_t key, size_t len,
		       size_t at);

#endif
