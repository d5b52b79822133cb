// SPDX-License-Identifier: GPL-2.0
/*
 * Calls on the device: ioctls, batches, io_uring commands, files.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include "fuzz.h"

uint64_t odd_number(struct fuzz *f)
{
	static const uint64_t odd[] = {
		0, 1, 2, 7, 8, 255, 256, 511, 512, 4095, 4096, 4097, 65535, 65536, 65537,
		1023, 1024, 1025, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, KVMEM_MAX_BLOCK,
		KVMEM_MAX_BLOCK + 1, INT32_MAX, 1ULL << 31, UINT32_MAX, 1ULL << 32,
		INT64_MAX, 1ULL << 63, UINT64_MAX, UINT64_MAX - 4095,
	};
	uint64_t n = odd[rnd_below(f, ARRAY_SIZE(odd))];

	switch (rnd_below(f, 4)) {
	case 0:
		return n + rnd_below(f, 3) - 1;
	case 1:
		return rnd(f) >> rnd_below(f, 64);
	default:
		return n;
	}
}

uint64_t any_address(struct fuzz *f, size_t len)
{
	unsigned int m = rnd_below(f, NR_MAPS);

	switch (rnd_below(f, 24)) {
	case 0:
		return odd_number(f);
	case 1:
		return 0xffff888000000000ULL + (rnd(f) & 0xffffffff);
	case 2:
		return (uintptr_t)f->ops + rnd_below(f, 64 * sizeof(*f->ops));
	case 3:
		return (uintptr_t)f->mem + ARENA_SIZE - rnd_below(f, 8192);
	case 4:
	case 5:
		if (f->map[m].p)
			return (uintptr_t)f->map[m].p + rnd_below(f, f->map[m].len);
		fallthrough;
	default:
		if (len >= ARENA_SIZE)
			return (uintptr_t)f->mem;
		return (uintptr_t)f->mem + rnd_below(f, ARENA_SIZE - len);
	}
}

int any_file(struct fuzz *f)
{
	return f->fd[rnd_below(f, NR_FILES)];
}

static uint64_t any_handle(struct fuzz *f)
{
	if (one_in(f, 10))
		return odd_number(f);
	return f->handle[rnd_below(f, NR_HANDLES)].handle;
}

static uint64_t any_length(struct fuzz *f)
{
	static const unsigned int shift[] = { 4, 8, 10, 13, 14, 16, 18, 20, 21 };

	if (one_in(f, 12))
		return odd_number(f);
	return 1 + rnd_below(f, 1ULL << shift[rnd_below(f, ARRAY_SIZE(shift))]);
}

static void keep_handle(struct fuzz *f, uint64_t handle, uint64_t offset, uint64_t bytes)
{
	unsigned int i = rnd_below(f, NR_HANDLES);

	if (!handle)
		return;
	f->handle[i].handle = handle;
	f->handle[i].offset = offset;
	f->handle[i].bytes = bytes;
}

static void fill_data_op(struct fuzz *f, struct kvmem_op *op)
{
	op->len = any_length(f);
	op->addr = any_address(f, op->len);
	if (one_in(f, 3)) {
		op->buf = f->buffer[rnd_below(f, NR_BUFFERS)];
		op->addr = rnd_below(f, 300 * KIB);
	}
	if (op->opcode == KVMEM_OP_GET && one_in(f, 3)) {
		op->flags |= KVMEM_OP_F_PARTIAL;
		op->offset = any_length(f);
	}
}

static void fill_match(struct fuzz *f, struct kvmem_op *op)
{
	unsigned int i, n = 1 + rnd_below(f, 64);
	uint8_t *keys = f->mem;

	for (i = 0; i < n; i++)
		kvt_key(keys + i * KVMEM_KEY_LEN, rnd_below(f, NR_KEYS));
	op->addr = (uintptr_t)keys;
	op->len = n;
	if (one_in(f, 2)) {
		op->flags = KVMEM_OP_F_LEASE | (one_in(f, 3) ? KVMEM_OP_F_NOCOPY : 0);
		op->handle = (uintptr_t)f->mem + 64 * KIB;
	}
}

/* A good operation */
static void make_op(struct fuzz *f, struct kvmem_op *op)
{
	static const uint8_t weight[] = {
		0, 1, 1, 1, 2, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 10, 10, 11, 11, 12, 12,
	};

	memset(op, 0, sizeof(*op));
	op->opcode = weight[rnd_below(f, ARRAY_SIZE(weight))];
	kvt_key(op->key, rnd_below(f, NR_KEYS));
	switch (op->opcode) {
	case KVMEM_OP_GET:
	case KVMEM_OP_PUT:
		fill_data_op(f, op);
		break;
	case KVMEM_OP_MATCH:
		memset(op->key, 0, sizeof(op->key));
		fill_match(f, op);
		break;
	case KVMEM_OP_NOP:
		memset(op->key, 0, sizeof(op->key));
		break;
	case KVMEM_OP_ALLOC:
		memset(op->key, 0, sizeof(op->key));
		op->len = any_length(f);
		break;
	case KVMEM_OP_COMMIT:
		op->handle = any_handle(f);
		op->len = one_in(f, 2) ? 0 : any_length(f);
		break;
	case KVMEM_OP_RELEASE:
		memset(op->key, 0, sizeof(op->key));
		op->handle = any_handle(f);
		break;
	}
	if (op->opcode == KVMEM_OP_PUT || op->opcode == KVMEM_OP_COMMIT) {
		op->hint_class = rnd_below(f, 8);
		op->priority = one_in(f, 8) ? rnd_below(f, 16) : 0;
		op->ttl_ms = one_in(f, 4) ? rnd_below(f, 200) : 0;
		op->cost = rnd_below(f, 1000);
	}
}

/* Change some bytes at random places, small or whole fields. */
static void mutate(struct fuzz *f, void *p, size_t len)
{
	uint8_t *b = p;
	uint64_t v;
	size_t off;

	do {
		off = rnd_below(f, len);
		switch (rnd_below(f, 3)) {
		case 0:
			b[off] ^= 1 << rnd_below(f, 8);
			break;
		case 1:
			b[off] = rnd(f);
			break;
		case 2:
			v = odd_number(f);
			off &= ~7UL;
			memcpy(b + off, &v, len - off < 8 ? len - off : 8);
			break;
		}
	} while (one_in(f, 3));
}

/* What is read here may have been overwritten by a GET: numbers, no facts. */
static void take_results(struct fuzz *f, const struct kvmem_op *ops, unsigned int nr)
{
	const struct kvmem_lease *leases = (void *)(f->mem + 64 * KIB);
	unsigned int i, k;

	for (i = 0; i < nr; i++) {
		const struct kvmem_op *op = &ops[i];

		if (op->status)
			continue;
		shared->succeeded++;
		if (op->opcode == KVMEM_OP_ALLOC || op->opcode == KVMEM_OP_LEASE)
			keep_handle(f, op->res_handle, op->mmap_offset, op->bytes);
		if (op->opcode == KVMEM_OP_MATCH && op->flags & KVMEM_OP_F_LEASE &&
		    op->handle == (uintptr_t)leases)
			for (k = 0; k < op->bytes && k < 64; k++)
				keep_handle(f, leases[k].handle, leases[k].mmap_offset,
					    leases[k].bytes);
	}
}

void fuzz_batch(struct fuzz *f)
{
	struct kvmem_batch b = { .size = sizeof(b), .op_size = sizeof(struct kvmem_op) };
	unsigned int i, n = one_in(f, 4) ? 1 + rnd_below(f, 64) : 1 + rnd_below(f, 4);

	for (i = 0; i < n; i++) {
		make_op(f, &f->ops[i]);
		if (one_in(f, 4))
			mutate(f, &f->ops[i], sizeof(f->ops[i]));
	}
	b.ops = (uintptr_t)f->ops;
	b.nr_ops = n;
	b.flags = rnd_below(f, 4);
	if (one_in(f, 20))
		mutate(f, &b, sizeof(b));
	if (!ioctl(any_file(f), KVMEM_IOC_BATCH, &b) && b.ops == (uintptr_t)f->ops)
		take_results(f, f->ops, n);
}

static void reg_buffer(struct fuzz *f, int fd)
{
	struct kvmem_buf_reg reg = { .size = sizeof(reg) };
	unsigned int slot = rnd_below(f, NR_BUFFERS);
	struct kvmem_buf_unreg u = { .size = sizeof(u), .buf_id = f->buffer[slot] };

	if (f->buffer[slot] && !one_in(f, 8))
		ioctl(fd, KVMEM_IOC_BUF_UNREG, &u);
	reg.length = 1 + rnd_below(f, 300 * KIB);
	reg.addr = any_address(f, reg.length);
	reg.flags = rnd_below(f, 2);
	if (one_in(f, 4))
		mutate(f, &reg, sizeof(reg));
	/* Do not pin the whole machine. */
	if (reg.length > 16 * MIB && reg.length < 1ULL << 37)
		reg.length %= 16 * MIB;
	if (!ioctl(fd, KVMEM_IOC_BUF_REG, &reg))
		f->buffer[slot] = reg.buf_id;
}

static void raw_ioctl(struct fuzz *f, int fd)
{
	static uint8_t arg[512];
	unsigned int size = rnd_below(f, 256), i;

	for (i = 0; i < sizeof(arg); i++)
		arg[i] = one_in(f, 2) ? 0 : rnd(f);
	if (!one_in(f, 4))
		memcpy(arg, &size, 4);
	ioctl(fd, _IOC(rnd_below(f, 4), KVMEM_IOC_MAGIC, rnd_below(f, 16), size),
	      one_in(f, 8) ? (void *)(uintptr_t)any_address(f, 256) : arg);
}

void fuzz_ioctl(struct fuzz *f)
{
	struct kvmem_query q = { .size = sizeof(q) };
	struct kvmem_events e = { .size = sizeof(e) };
	struct kvmem_ns_info info = { .size = sizeof(info) };
	struct kvmem_eventfd efd = { .size = sizeof(efd), .fd = -1 };
	int fd = any_file(f);

	switch (rnd_below(f, 8)) {
	case 0:
		if (one_in(f, 3))
			mutate(f, &q, sizeof(q));
		ioctl(fd, KVMEM_IOC_QUERY, &q);
		break;
	case 1:
		if (one_in(f, 3))
			mutate(f, &info, sizeof(info));
		ioctl(fd, KVMEM_IOC_NS_INFO, &info);
		break;
	case 2:
		ioctl(fd, KVMEM_IOC_EVENTS, &e);
		break;
	case 3:
		efd.mask = rnd_below(f, 8);
		efd.fd = one_in(f, 3) ? -1 : one_in(f, 2) ? eventfd(0, EFD_NONBLOCK) : any_file(f);
		if (one_in(f, 4))
			mutate(f, &efd, sizeof(efd));
		ioctl(fd, KVMEM_IOC_EVENTFD, &efd);
		if (efd.fd > 2 && efd.fd < 1000 && efd.fd > f->fd[NR_FILES - 1] + 20)
			close(efd.fd);
		break;
	case 4:
	case 5:
		reg_buffer(f, fd);
		break;
	default:
		raw_ioctl(f, fd);
	}
}

/* Open, attach, close, dup, poll */
void fuzz_files(struct fuzz *f)
{
	unsigned int slot = rnd_below(f, NR_FILES);
	struct kvmem_attach a = { .size = sizeof(a) };
	unsigned int ns = rnd_below(f, NR_SPACES);
	struct pollfd p = { .fd = f->fd[slot], .events = POLLIN };

	strcpy((char *)a.name, fuzz_ns[ns]);
	switch (rnd_below(f, 6)) {
	case 0:
		close(f->fd[slot]);
		f->fd[slot] = open(KVT_DEVICE, O_RDWR | O_CLOEXEC);
		f->attached[slot] = 0;
		fallthrough;
	case 1:
		if (one_in(f, 8))
			mutate(f, &a, sizeof(a));
		if (!ioctl(f->fd[slot], KVMEM_IOC_ATTACH, &a))
			f->attached[slot] = 1 + ns;
		break;
	case 2:
		close(dup(f->fd[slot]));
		break;
	case 3:
		poll(&p, 1, 0);
		break;
	case 4:
		/* two slots of one file */
		dup2(f->fd[slot], f->fd[(slot + 1) % NR_FILES]);
		break;
	case 5:
		if (read(f->fd[slot], f->mem, 10) == 10 || lseek(f->fd[slot], 5, SEEK_SET) == 5)
			shared->succeeded++;
		break;
	}
}

void fuzz_uring_start(struct fuzz *f)
{
	f->have_ring = !io_uring_queue_init(8, &f->ring, 0);
	f->in_flight = 0;
}

static void reap(struct fuzz *f, unsigned int left)
{
	struct __kernel_timespec ts = { .tv_sec = 30 };
	struct io_uring_cqe *cqe;

	while (f->in_flight > left) {
		if (io_uring_wait_cqe_timeout(&f->ring, &cqe, &ts)) {
			kvt_fail(__FILE__, __LINE__, "a completion in 30 s");
			kvt_abort();
		}
		if (cqe->res > 0)
			take_results(f, f->uring_ops[cqe->user_data], 8);
		io_uring_cqe_seen(&f->ring, cqe);
		f->in_flight--;
	}
}

void fuzz_uring(struct fuzz *f)
{
	unsigned int i, slot = f->in_flight;
	struct kvmem_uring_cmd cmd = {};
	struct io_uring_sqe *sqe;

	if (!f->have_ring || one_in(f, 200)) {
		if (f->have_ring)
			io_uring_queue_exit(&f->ring);	/* with commands under way */
		fuzz_uring_start(f);
		return;
	}
	if (slot >= 8 || one_in(f, 6)) {
		reap(f, 0);
		slot = 0;
	}
	for (i = 0; i < 8; i++) {
		make_op(f, &f->uring_ops[slot][i]);
		if (one_in(f, 5))
			mutate(f, &f->uring_ops[slot][i], sizeof(struct kvmem_op));
	}
	f->batch[slot] = (struct kvmem_batch){
		.size = sizeof(struct kvmem_batch), .nr_ops = 1 + rnd_below(f, 8),
		.ops = (uintptr_t)f->uring_ops[slot], .op_size = sizeof(struct kvmem_op),
		.flags = rnd_below(f, 4),
	};
	if (one_in(f, 10))
		mutate(f, &f->batch[slot], sizeof(f->batch[slot]));
	sqe = io_uring_get_sqe(&f->ring);
	if (!sqe)
		return;
	memset(sqe, 0, sizeof(*sqe));
	cmd.batch = (uintptr_t)&f->batch[slot];
	if (one_in(f, 10))
		mutate(f, &cmd, sizeof(cmd));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = any_file(f);
	sqe->cmd_op = one_in(f, 20) ? (uint32_t)odd_number(f) : KVMEM_IOC_BATCH;
	sqe->flags = one_in(f, 4) ? IOSQE_ASYNC : 0;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	sqe->user_data = slot;
	if (io_uring_submit(&f->ring) == 1)
		f->in_flight++;
}
