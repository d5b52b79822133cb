// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory of CUDA: the driver's own library is asked for a dma-buf of it.  It is
 * loaded when first needed, so that nobody else needs it, at build or at run time.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>
#include "internal.h"

/* Of cuda.h */
#define CUDA_ERROR_INVALID_VALUE	1
#define CUDA_ERROR_OUT_OF_MEMORY	2
#define CUDA_ERROR_NOT_SUPPORTED	801
#define CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD	1

typedef int (*range_fn)(void *handle, unsigned long long ptr, size_t size, int type,
			unsigned long long flags);

static range_fn cuda_range;
static pthread_once_t cuda_once = PTHREAD_ONCE_INIT;

/* Never unloaded: the application uses it, too. */
static void cuda_load(void)
{
	void *lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);

	if (lib)
		cuda_range = (range_fn)(uintptr_t)dlsym(lib, "cuMemGetHandleForAddressRange");
}

static int cuda_errno(int err)
{
	switch (err) {
	case 0:
		return 0;
	case CUDA_ERROR_INVALID_VALUE:
		return -EINVAL;
	case CUDA_ERROR_OUT_OF_MEMORY:
		return -ENOMEM;
	case CUDA_ERROR_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

/* CUDA exports whole pages; the registered part is what was asked for. */
int kvmem_buf_register_cuda(struct kvmem *k, uint64_t ptr, size_t len, uint32_t *buf_id)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), first = ptr & (page - 1);
	int fd = -1, err;

	if (!len || ptr + len < ptr || len > SIZE_MAX - 2 * page)
		return -EINVAL;
	pthread_once(&cuda_once, cuda_load);
	if (!cuda_range)
		return -EOPNOTSUPP;
	err = cuda_errno(cuda_range(&fd, ptr - first, (first + len + page - 1) & ~(page - 1),
				    CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD, 0));
	if (err)
		return err;
	err = kvmem_buf_register_dmabuf(k, fd, first, len, buf_id);
	close(fd);
	return err;
}
