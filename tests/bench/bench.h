/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cost of operations from user space, and of the same bytes from elsewhere.
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/kvmem.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define KIB	1024UL
#define MIB	(1024UL * 1024)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define BENCH_ROUNDS_MAX	16
#define BENCH_KEYS		4096

struct bench_options {
	unsigned int rounds;	/* that count */
	unsigned int scale;	/* divides the number of operations */
	const char *redis;	/* socket, or NULL */
	pid_t redis_pid;
	const char *device;	/* what may be overwritten, or NULL */
	unsigned int nsid;	/* nvme: of the device */
	bool nothing_kept;	/* nvme: the device keeps no bytes */
	bool verified;		/* nvme: the drive verifies what it delivers */
	const char *files;	/* a directory, or NULL */
	bool speed;		/* flash: throughput alone, of a drive of limited speed */
	FILE *out;
};

extern struct bench_options opt;

/**
 * struct bench_case - one line of the table
 * @what: "get", "put", ...
 * @system: "kvmem ioctl", "tmpfs pread", ...
 * @bytes: per operation
 * @calls: of @op in a round, before scaling
 * @per_call: operations that one call does, 0 = 1
 * @op: call @i; ends the program when it fails
 * @before: prepares a round of @n calls; not timed; may be NULL
 * @after: cleans up; not timed; may be NULL
 * @server: another process whose CPU time counts too, or 0
 */
struct bench_case {
	const char *what;
	const char *system;
	size_t bytes;
	unsigned int calls;
	unsigned int per_call;
	void (*op)(const struct bench_case *c, unsigned int i);
	void (*before)(const struct bench_case *c, unsigned int n);
	void (*after)(const struct bench_case *c, unsigned int n);
	pid_t server;
};

/* measure.c */
void bench_measure(const struct bench_case *c);
/* CPU time per operation of the last measurement: the median of its rounds. */
double bench_last(void);
void bench_check(const char *name, bool pass, double value, const char *unit);
_Noreturn void bench_die(const char *what);
void *bench_memory(size_t len);
/* Key number @i, and the content that block has. */
const uint8_t *bench_key(unsigned int i);
void bench_content(void *buf, size_t len, unsigned int i);
/* Blocks of a size in the set that gets choose from. */
unsigned int bench_set(size_t bytes);
/* Number of the block for call @i. */
unsigned int bench_pick(const struct bench_case *c, unsigned int i);
/* Compare once, before measuring: everyone delivers the same bytes. */
void bench_expect(const void *buf, size_t len, unsigned int i, const char *who);

extern const size_t bench_sizes[3];
extern unsigned char *bench_buf;	/* 1 MiB + some, touched */
extern volatile uint32_t bench_sum;	/* keeps a result from being optimised away */

/* Files in memory, a table in shared memory, a server. */
void bench_tmpfs(void);
void bench_shm(void);
void bench_redis(void);
/* kvmem.c */
void bench_kvmem(void);
/* flash.c */
void bench_flash(void);
/* One operation for ever: flash-get-BYTES-DEPTH, flash-put-BYTES-DEPTH. */
_Noreturn void bench_flash_spin(const char *name);
/* nvme.c: a namespace of the kernel's driver, and one of our own; the latter for ever */
void bench_nvme_theirs(void);
void bench_nvme_ours(void);
_Noreturn void bench_nvme_spin(const char *name);	/* nvme-get-DEPTH, nvme-put-DEPTH */
/* kv.c: small things to do with /dev/kvmem */
int kv_open(const char *ns);
void kv_batch(int fd, struct kvmem_op *ops, unsigned int nr);
struct kvmem_op kv_op(unsigned int opcode, const uint8_t *key);
void kv_put(int fd, unsigned int i, const void *data, size_t len);
struct kvmem_ns_info kv_info(int fd);
/* spin.c: get, exists, put (and delete), lease, map; never returns */
_Noreturn void bench_spin(const char *name);
/* footprint.c */
void bench_footprint(void);

#endif
