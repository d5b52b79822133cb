/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of /dev/kvmem share: opening, operations, content, sysfs.
 *
 * Functions whose name ends in nothing special end the test when something
 * fails that is not the point of the test; those that return a status return
 * 0 or a negative errno.
 */
#ifndef KVMEM_UTIL_H
#define KVMEM_UTIL_H

#include <linux/kvmem.h>
#include "kvmem_harness.h"
#include "kvmem_nl.h"

#define KVT_DEVICE "/dev/kvmem"

#define KIB 1024UL
#define MIB (1024UL * 1024)
#define KVT_CHUNK (2 * MIB)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1UL << (n))

/* Files and namespaces */
int kvt_open(void);
int kvt_try_attach(int fd, const char *ns, const uint8_t *fingerprint,
		   struct kvmem_attach *result);
/* An open file attached to @ns. */
int kvt_file(const char *ns);
/* A new namespace with a name of its own; @opts may be NULL. */
const char *kvt_ns(const struct kvt_ns_opts *opts);
/* A name no other test uses. */
const char *kvt_name(void);
/* A file in a new namespace. */
int kvt_new(const struct kvt_ns_opts *opts);
struct kvmem_ns_info kvt_info(int fd);
int kvt_ioctl(int fd, unsigned int cmd, void *arg);

/* Operations.  kvt_op() returns op->status; an ioctl that fails ends the test. */
void kvt_key(uint8_t key[KVMEM_KEY_LEN], uint64_t n);
struct kvmem_op kvt_make_op(unsigned int opcode, uint64_t key);
/* The same with registered memory: @len bytes at @at of buffer @buf. */
struct kvmem_op kvt_buf_op(unsigned int opcode, uint32_t buf, uint64_t key, uint64_t at,
			   uint64_t len);
int kvt_try_batch(int fd, struct kvmem_op *ops, unsigned int nr, unsigned int flags,
		  uint32_t *nr_ok);
void kvt_batch(int fd, struct kvmem_op *ops, unsigned int nr);
int kvt_op(int fd, struct kvmem_op *op);
int kvt_put(int fd, uint64_t key, const void *data, size_t len);
int kvt_get(int fd, uint64_t key, void *data, size_t len);
int kvt_delete(int fd, uint64_t key);
int kvt_exists(int fd, uint64_t key);
int kvt_pin(int fd, uint64_t key);
int kvt_unpin(int fd, uint64_t key);
/* Put the content of @key, @len bytes (kvt_fill()). */
int kvt_put_key(int fd, uint64_t key, size_t len);
/* Get @key and compare its content: 0, -errno, or -EBADMSG on wrong bytes. */
int kvt_get_key(int fd, uint64_t key, size_t len);

/* Zero-copy */
struct kvt_map {
	uint64_t handle;
	uint64_t offset;
	size_t bytes;
	unsigned int flags;	/* KVMEM_RES_F_* */
	uint32_t crc;
	uint8_t *p;
};

int kvt_alloc(int fd, size_t len, struct kvt_map *map);
int kvt_commit(int fd, const struct kvt_map *map, uint64_t key, size_t len);
int kvt_lease(int fd, uint64_t key, struct kvt_map *map);
int kvt_release(int fd, uint64_t handle);
/* mmap of a handle, whole pages; NULL and errno on failure. */
void *kvt_mmap(int fd, struct kvt_map *map, int prot);
void kvt_munmap(struct kvt_map *map);
size_t kvt_pages(size_t len);
/* Does reading (writing) the byte end in a signal?  The signal, or 0. */
int kvt_touch(volatile void *addr, bool write);

/* A long-term pin on user memory that can be read and written through: what a
 * driver's registration is.  Made of a buffer of a file of its own.
 */
struct kvt_pin {
	int fd;
	uint32_t buf;
};

void kvt_pin_pages(struct kvt_pin *pin, void *p, size_t len);
void kvt_pin_write(struct kvt_pin *pin, size_t off, const void *data, size_t len);
void kvt_pin_read(struct kvt_pin *pin, size_t off, void *data, size_t len);
void kvt_pin_drop(struct kvt_pin *pin);

/* Content: a function of the key and of the place, so always checkable. */
void kvt_fill_at(void *buf, size_t len, uint64_t key, size_t off);
void kvt_fill(void *buf, size_t len, uint64_t key);
/* Place of the first wrong byte, or -1. */
long kvt_check_at(const void *buf, size_t len, uint64_t key, size_t off);
long kvt_check(const void *buf, size_t len, uint64_t key);
bool kvt_all_zero(const void *buf, size_t len);
uint32_t kvt_crc32c(const void *buf, size_t len);
uint64_t kvt_rand(uint64_t *state);
void *kvt_pages_new(size_t len);

/* sysfs: -errno when the file is not there or the value is refused */
int64_t kvt_sysfs_get(const char *name);
int kvt_sysfs_set(const char *name, uint64_t value);
/* Ask for an arena of @bytes, and wait until it has no more than that. */
void kvt_arena(uint64_t bytes);
struct kvt_arena_info kvt_arena_info(void);
int64_t kvt_proc_value(const char *path, const char *name);
/* The harness sets it at the start and after each test. */
#define KVT_ARENA_DEFAULT (64 * MIB)

#endif
