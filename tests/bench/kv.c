// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/kvmem by its own interface: no library is measured by accident.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include "bench.h"
#include "kvmem_nl.h"

int kv_open(const char *ns)
{
	struct kvmem_attach attach = { .size = sizeof(attach) };
	int fd = open("/dev/kvmem", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		bench_die("/dev/kvmem");
	strncpy((char *)attach.name, ns, sizeof(attach.name) - 1);
	if (ioctl(fd, KVMEM_IOC_ATTACH, &attach))
		bench_die("ATTACH");
	return fd;
}

struct kvmem_op kv_op(unsigned int opcode, const uint8_t *key)
{
	struct kvmem_op op = { .opcode = opcode };

	if (key)
		memcpy(op.key, key, KVMEM_KEY_LEN);
	return op;
}

void kv_batch(int fd, struct kvmem_op *ops, unsigned int nr)
{
	struct kvmem_batch batch = {
		.size = sizeof(batch),
		.ops = (uintptr_t)ops,
		.nr_ops = nr,
		.op_size = sizeof(*ops),
	};

	if (ioctl(fd, KVMEM_IOC_BATCH, &batch))
		bench_die("BATCH");
	if (batch.nr_ok != nr) {
		errno = -ops[0].status;
		bench_die("an operation failed; the first's status");
	}
}

void kv_put(int fd, unsigned int i, const void *data, size_t len)
{
	struct kvmem_op op = kv_op(KVMEM_OP_PUT, bench_key(i));

	op.addr = (uintptr_t)data;
	op.len = len;
	kv_batch(fd, &op, 1);
}

struct kvmem_ns_info kv_info(int fd)
{
	struct kvmem_ns_info info = { .size = sizeof(info) };

	if (ioctl(fd, KVMEM_IOC_NS_INFO, &info))
		bench_die("NS_INFO");
	return info;
}
