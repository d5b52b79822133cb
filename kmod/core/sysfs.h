/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attributes in /sys/class/misc/kvmem; documented in docs/ABI.
 */
#ifndef KVMEM_SYSFS_H
#define KVMEM_SYSFS_H

struct attribute_group;

/* For the .groups of the miscdevice */
extern const struct attribute_group *kvmem_sysfs_groups[];

/* Knobs that live with what they set; read with READ_ONCE(). */
#define KVMEM_EXPIRE_MIN_MS	100
#define KVMEM_EXPIRE_MAX_MS	(3600 * 1000)
extern unsigned int kvmem_expire_interval_ms;

#define KVMEM_IO_TIMEOUT_MIN_MS	100
#define KVMEM_IO_TIMEOUT_MAX_MS	(3600 * 1000)
extern unsigned int kvmem_io_timeout_ms;

#define KVMEM_DISCARD_WAIT_MIN_MS	100
#define KVMEM_DISCARD_WAIT_MAX_MS	(3600 * 1000)
extern unsigned int kvmem_discard_wait_ms;

#define KVMEM_GHOST_MIN		256
#define KVMEM_GHOST_MAX		(1U << 24)
extern unsigned int kvmem_ghost_max;

#endif
