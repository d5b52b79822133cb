// SPDX-License-Identifier: LGPL-2.1-or-later
/* Batches by io_uring: one IORING_OP_URING_CMD is one batch. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

int kvmem_ring_create(void *ctx, unsigned int depth, void **ring)
{
	struct io_uring *r = calloc(1, sizeof(*r));
	int err;

	(void)ctx;
	if (!r)
		return -ENOMEM;
	err = io_uring_queue_init(depth, r, 0);
	if (err) {
		free(r);
		return err;
	}
	*ring = r;
	return 0;
}

void kvmem_ring_destroy(void *ctx, void *ring)
{
	(void)ctx;
	io_uring_queue_exit(ring);
	free(ring);
}

/* By hand: liburing 2.3 has no helper for IORING_OP_URING_CMD. */
void kvmem_ring_fill(struct io_uring_sqe *sqe, int fd,
		     struct kvmem_batch *batch, void *cookie)
{
	struct kvmem_uring_cmd cmd = {
		.batch = (uint64_t)(uintptr_t)batch,
	};

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = (uint32_t)KVMEM_IOC_BATCH;
	sqe->user_data = (uint64_t)(uintptr_t)cookie;
	/* the command area is the last 16 bytes of a 64-byte entry */
	memcpy((char *)sqe + 48, &cmd, sizeof(cmd));
}

int kvmem_ring_submit(void *ctx, void *ring, int fd, struct kvmem_batch *batch,
		      void *cookie)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	int ret;

	(void)ctx;
	if (!sqe)
		return -EAGAIN;
	kvmem_ring_fill(sqe, fd, batch, cookie);
	do {
		ret = io_uring_submit(ring);
	} while (ret == -EINTR);
	if (ret >= 0)
		return 0;
	/* The entry stays in the ring and goes with the next: make it harmless. */
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_NOP;
	return ret;
}

static int ring_next(struct io_uring *r, int timeout_ms,
		     struct io_uring_cqe **cqe)
{
	struct __kernel_timespec ts = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = (long long)(timeout_ms % 1000) * 1000000,
	};

	if (timeout_ms == 0)
		return io_uring_peek_cqe(r, cqe);
	if (timeout_ms < 0)
		return io_uring_wait_cqe(r, cqe);
	return io_uring_wait_cqe_timeout(r, cqe, &ts);
}

int kvmem_ring_wait(void *ctx, void *ring, int timeout_ms, void **cookie,
		    int *result)
{
	struct io_uring_cqe *cqe;
	int err;

	(void)ctx;
	do {
		err = ring_next(ring, timeout_ms, &cqe);
		if (err == -EAGAIN || err == -ETIME)
			return 0;
		if (err == -EINTR)
			continue;
		if (err)
			return err;
		*cookie = io_uring_cqe_get_data(cqe);
		*result = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	} while (err == -EINTR || !*cookie);
	return 1;
}
