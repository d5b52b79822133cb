// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * GPU memory: cuMemAlloc, put, get into another place, compare.
 *
 *	cuda NAMESPACE
 *
 * Needs a GPU of NVIDIA, an attached drive of kvmem_nvme, and a namespace with
 * --flash-mode through.  Built without CUDA: its library is loaded here.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libkvmem.h>

#define LEN	(1UL << 20)

typedef unsigned long long devptr;

static struct {
	int (*init)(unsigned int flags);
	int (*device)(int *dev, int ordinal);
	int (*context)(void **ctx, unsigned int flags, int dev);
	int (*alloc)(devptr *ptr, size_t len);
	int (*to_gpu)(devptr to, const void *from, size_t len);
	int (*from_gpu)(void *to, devptr from, size_t len);
} cuda;

static void *symbol(void *lib, const char *name)
{
	void *p = dlsym(lib, name);

	if (!p) {
		fprintf(stderr, "cuda: libcuda has no %s\n", name);
		exit(1);
	}
	return p;
}

static void load(void)
{
	void *lib = dlopen("libcuda.so.1", RTLD_NOW);

	if (!lib) {
		fprintf(stderr, "cuda: no NVIDIA driver here: %s\n", dlerror());
		exit(1);
	}
	*(void **)&cuda.init = symbol(lib, "cuInit");
	*(void **)&cuda.device = symbol(lib, "cuDeviceGet");
	*(void **)&cuda.context = symbol(lib, "cuCtxCreate_v2");
	*(void **)&cuda.alloc = symbol(lib, "cuMemAlloc_v2");
	*(void **)&cuda.to_gpu = symbol(lib, "cuMemcpyHtoD_v2");
	*(void **)&cuda.from_gpu = symbol(lib, "cuMemcpyDtoH_v2");
}

static void check(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "cuda: %s: %d\n", what, err);
	exit(1);
}

static devptr memory(void)
{
	void *ctx;
	devptr ptr;
	int dev;

	check(cuda.init(0), "cuInit");
	check(cuda.device(&dev, 0), "cuDeviceGet");
	check(cuda.context(&ctx, 0, dev), "cuCtxCreate");
	check(cuda.alloc(&ptr, 2 * LEN), "cuMemAlloc");
	return ptr;
}

static struct kvmem_op move(unsigned int opcode, uint32_t buf, uint64_t at)
{
	struct kvmem_op op = {
		.opcode = opcode, .buf = buf, .addr = at, .len = LEN, .key = "an example of GPU memory",
	};

	return op;
}

int main(int argc, char **argv)
{
	uint8_t *a = malloc(LEN), *b = calloc(1, LEN);
	struct kvmem_options options = KVMEM_OPTIONS_INIT;
	struct kvmem_op ops[2];
	struct kvmem *k;
	uint32_t buf;
	devptr ptr;
	size_t i;

	if (argc != 2 || !a || !b) {
		fprintf(stderr, "usage: cuda NAMESPACE\n");
		return 2;
	}
	load();
	ptr = memory();
	for (i = 0; i < LEN; i++)
		a[i] = i * 7 + (i >> 8);
	check(cuda.to_gpu(ptr, a, LEN), "cuMemcpyHtoD");
	options.ns = argv[1];
	check(kvmem_open(&options, &k), "kvmem_open");
	check(kvmem_buf_register_cuda(k, ptr, 2 * LEN, &buf), "kvmem_buf_register_cuda");
	ops[0] = move(KVMEM_OP_PUT, buf, 0);
	ops[1] = move(KVMEM_OP_GET, buf, LEN);
	kvmem_batch_run(k, ops, 2, 0);
	printf("put: %d, reason %u; get: %d, reason %u, %s\n", ops[0].status, ops[0].reason,
	       ops[1].status, ops[1].reason,
	       ops[1].res_flags & KVMEM_RES_F_VERIFIED ? "verified" : "not verified");
	check(cuda.from_gpu(b, ptr + LEN, LEN), "cuMemcpyDtoH");
	kvmem_close(k);
	check(ops[0].status || ops[1].status || memcmp(a, b, LEN), "the bytes that came back");
	return 0;
}
