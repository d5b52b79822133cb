/* SPDX-License-Identifier: GPL-2.0 */
/* /sys/class/misc/kvmem: one number a file. */
#ifndef _KVMEMCTL_SYSFS_H
#define _KVMEMCTL_SYSFS_H

#include <stdint.h>

/* 0 or a negative errno */
int sysfs_read(const char *file, uint64_t *value);

#endif /* _KVMEMCTL_SYSFS_H */
