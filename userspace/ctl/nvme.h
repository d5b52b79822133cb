/* SPDX-License-Identifier: GPL-2.0 */
/* NVMe controllers as sysfs shows them. */
#ifndef _KVMEMCTL_NVME_H
#define _KVMEMCTL_NVME_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#define NVME_ADDRESS_LEN	16	/* 0000:00:00.0, and wider domains */
#define NVME_TEXT		64

/* "01:00.0" or "0000:01:00.0" as sysfs writes it.  0 or -EINVAL */
int nvme_address(const char *text, char *address);
/* The address of a controller?  -ENODEV: no such device; -EINVAL: another kind */
int nvme_is_controller(const char *address);
/* The driver's name, "" when there is none.  @size at least NVME_TEXT */
void nvme_driver(const char *address, char *driver, size_t size);
/* A file of the device, without the newline; "" when it is not there. */
void nvme_read(const char *address, const char *file, char *text, size_t size);
/* A file of the PCI bus, written; 0 or a negative errno */
int nvme_write(const char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Call @fn for each, in order, until it does not return 0, which is returned. */
int nvme_each_controller(int (*fn)(const char *address, void *arg), void *arg);
int nvme_each_disk(const char *address, int (*fn)(const char *disk, void *arg), void *arg);

#endif /* _KVMEMCTL_NVME_H */
