// SPDX-License-Identifier: GPL-2.0
/* The fake device: files, ioctls, mappings, rings, upgrades. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fake_impl.h"

bool fake_fault_hit(struct fake_fault *fault)
{
	if (!fault->times)
		return false;
	if (fault->after) {
		fault->after--;
		return false;
	}
	fault->times--;
	return true;
}

static struct fake_file *file_of(struct fake_kvmem *f, int fd)
{
	int i = fd - FAKE_FD;

	if (i < 0 || i >= FAKE_FILES || !f->files[i].open)
		return NULL;
	return &f->files[i];
}

static unsigned int count_files(struct fake_kvmem *f)
{
	unsigned int i, n = 0;

	for (i = 0; i < FAKE_FILES; i++)
		n += f->files[i].open;
	return n;
}

static int may_open(struct fake_kvmem *f)
{
	f->opens++;
	if (fake_fault_hit(&f->faults[FAULT_OPEN]))
		return f->faults[FAULT_OPEN].err;
	if (!f->upgrading)
		return 0;
	if (count_files(f))
		return -ENODEV;
	if (f->tries_left) {
		f->tries_left--;
		return -ENOENT;
	}
	f->upgrading = false;
	fake_wipe(f);
	return 0;
}

static int fake_open(void *ctx, const char *path)
{
	struct fake_kvmem *f = ctx;
	int i, err;

	(void)path;
	pthread_mutex_lock(&f->lock);
	err = may_open(f);
	for (i = 0; !err && i < FAKE_FILES && f->files[i].open; i++)
		;
	if (!err && i < FAKE_FILES) {
		memset(&f->files[i], 0, sizeof(f->files[i]));
		f->files[i].open = true;
		f->files[i].event_fd = -1;
		f->files[i].first_buf = f->next_first_buf;
		err = FAKE_FD + i;
	}
	pthread_mutex_unlock(&f->lock);
	return err;
}

static int fake_close(void *ctx, int fd)
{
	struct fake_kvmem *f = ctx;
	struct fake_file *file;
	int i;

	pthread_mutex_lock(&f->lock);
	file = file_of(f, fd);
	for (i = 0; file && i < FAKE_HANDLES; i++)
		if (file->handles[i].block)
			fake_handle_drop(&file->handles[i]);
	if (file)
		file->open = false;
	pthread_mutex_unlock(&f->lock);
	return file ? 0 : -EBADF;
}

static int do_attach(struct fake_kvmem *f, struct fake_file *file,
		     struct kvmem_attach *a)
{
	if (file->attached)
		return -EISCONN;
	if (strcmp((char *)a->name, f->ns))
		return -ENOENT;
	if (memcmp(a->fingerprint, f->fingerprint, sizeof(a->fingerprint)))
		return -EKEYREJECTED;
	file->attached = true;
	a->ns_id = 7;
	a->access = KVMEM_ACCESS_READ | KVMEM_ACCESS_WRITE;
	return 0;
}

static int do_buf_reg(struct fake_file *file, struct kvmem_buf_reg *reg)
{
	uint32_t i;

	if (!reg->length)
		return -EINVAL;
	for (i = 0; i < FAKE_BUFFERS; i++) {
		if (file->buffers[i].length)
			continue;
		file->buffers[i] = *reg;
		reg->buf_id = file->first_buf + i;
		return 0;
	}
	return -EMFILE;
}

static int do_buf_unreg(struct fake_file *file, struct kvmem_buf_unreg *u)
{
	uint32_t i = u->buf_id - file->first_buf;

	if (i >= FAKE_BUFFERS || !file->buffers[i].length)
		return -ENOENT;
	file->buffers[i].length = 0;
	return 0;
}

static int do_batch(struct fake_kvmem *f, struct fake_file *file,
		    struct kvmem_batch *b)
{
	struct kvmem_op *ops = (void *)(uintptr_t)b->ops;
	bool stop = false;
	uint32_t i;

	if (!b->nr_ops || b->op_size != sizeof(*ops))
		return -EINVAL;
	if (b->nr_ops > KVMEM_MAX_BATCH)
		return -E2BIG;
	f->batches++;
	b->nr_ok = 0;
	for (i = 0; i < b->nr_ops; i++) {
		if (stop) {
			ops[i].status = -ECANCELED;
			continue;
		}
		fake_op(f, file, &ops[i]);
		b->nr_ok += ops[i].status == 0;
		stop = ops[i].status && b->flags & KVMEM_BATCH_F_STOP;
	}
	return 0;
}

static int do_eventfd(struct fake_file *file, struct kvmem_eventfd *e)
{
	file->event_fd = e->fd;
	file->event_mask = e->mask;
	return 0;
}

static int do_info(struct fake_kvmem *f, struct fake_file *file,
		   struct kvmem_ns_info *info)
{
	int i;

	f->info.nr_handles = 0;
	for (i = 0; i < FAKE_HANDLES; i++)
		f->info.nr_handles += !!file->handles[i].block;
	f->info.size = sizeof(f->info);
	f->info.quota_blocks = f->quota_blocks;
	*info = f->info;
	return 0;
}

static int dispatch(struct fake_kvmem *f, struct fake_file *file,
		    unsigned long nr, void *arg)
{
	struct fake_fault *fault = &f->faults[_IOC_NR(nr) % FAULT_OPEN];
	struct kvmem_query *q = arg;

	if (*(uint32_t *)arg != _IOC_SIZE(nr))
		return -EINVAL;
	if (fake_fault_hit(fault))
		return fault->err;
	if (nr == KVMEM_IOC_QUERY) {
		q->abi_version = KVMEM_ABI_VERSION;
		return 0;
	}
	if (file->stale &&
	    (f->how == FAKE_REFUSE_IOCTL || nr == KVMEM_IOC_BUF_REG))
		return -ESHUTDOWN;
	if (nr == KVMEM_IOC_ATTACH)
		return do_attach(f, file, arg);
	if (!file->attached)
		return -ENOTCONN;
	switch (nr) {
	case KVMEM_IOC_BUF_REG: return do_buf_reg(file, arg);
	case KVMEM_IOC_BUF_UNREG: return do_buf_unreg(file, arg);
	case KVMEM_IOC_BATCH: return do_batch(f, file, arg);
	case KVMEM_IOC_EVENTFD: return do_eventfd(file, arg);
	case KVMEM_IOC_NS_INFO: return do_info(f, file, arg);
	case KVMEM_IOC_EVENTS:
		((struct kvmem_events *)arg)->events =
			file->stale ? KVMEM_EVENT_QUIESCE : 0;
		return 0;
	}
	return -ENOTTY;
}

static int fake_ioctl(void *ctx, int fd, unsigned long nr, void *arg)
{
	struct fake_kvmem *f = ctx;
	struct fake_file *file;
	int err;

	pthread_mutex_lock(&f->lock);
	file = file_of(f, fd);
	err = file ? dispatch(f, file, nr, arg) : -EBADF;
	pthread_mutex_unlock(&f->lock);
	return err;
}

static int do_mmap(struct fake_kvmem *f, struct fake_file *file,
		   uint64_t offset, size_t len, bool write, void **ptr)
{
	struct fake_handle *h = fake_handle(file, offset >> 32);

	if (fake_fault_hit(&f->faults[FAULT_MMAP]))
		return f->faults[FAULT_MMAP].err;
	if (!h || h->lease == write || len != kvmem_page_round(h->block->len))
		return -EINVAL;
	f->maps++;
	*ptr = h->block->data;
	return 0;
}

static int fake_mmap(void *ctx, int fd, uint64_t offset, size_t len,
		     bool write, void **ptr)
{
	struct fake_kvmem *f = ctx;
	struct fake_file *file;
	int err;

	pthread_mutex_lock(&f->lock);
	file = file_of(f, fd);
	err = file ? do_mmap(f, file, offset, len, write, ptr) : -EBADF;
	pthread_mutex_unlock(&f->lock);
	return err;
}

static int fake_munmap(void *ctx, void *ptr, size_t len)
{
	struct fake_kvmem *f = ctx;

	(void)ptr;
	(void)len;
	pthread_mutex_lock(&f->lock);
	f->maps--;
	pthread_mutex_unlock(&f->lock);
	return 0;
}

struct fake_ring {
	unsigned int head, tail, depth;
	struct { void *cookie; int result; } done[];
};

static int fake_ring_create(void *ctx, unsigned int depth, void **ring)
{
	struct fake_ring *r = calloc(1, sizeof(*r) + depth * sizeof(r->done[0]));

	(void)ctx;
	r->depth = depth;
	*ring = r;
	return 0;
}

static void fake_ring_destroy(void *ctx, void *ring)
{
	(void)ctx;
	free(ring);
}

static int fake_ring_submit(void *ctx, void *ring, int fd,
			    struct kvmem_batch *batch, void *cookie)
{
	struct fake_ring *r = ring;
	int err = fake_ioctl(ctx, fd, KVMEM_IOC_BATCH, batch);

	r->done[r->tail % r->depth].cookie = cookie;
	r->done[r->tail++ % r->depth].result = err ? err : (int)batch->nr_ok;
	return 0;
}

static int fake_ring_wait(void *ctx, void *ring, int timeout_ms, void **cookie,
			  int *result)
{
	struct fake_ring *r = ring;

	(void)ctx;
	(void)timeout_ms;
	if (r->head == r->tail)
		return 0;
	*cookie = r->done[r->head % r->depth].cookie;
	*result = r->done[r->head++ % r->depth].result;
	return 1;
}

struct fake_kvmem *fake_new(const char *ns, uint64_t quota_blocks)
{
	struct fake_kvmem *f = calloc(1, sizeof(*f));

	pthread_mutex_init(&f->lock, NULL);
	TAILQ_INIT(&f->lru);
	strncpy(f->ns, ns, sizeof(f->ns) - 1);
	f->quota_blocks = quota_blocks;
	f->next_first_buf = 1;
	f->sys = kvmem_linux;
	f->sys.open = fake_open;
	f->sys.close = fake_close;
	f->sys.ioctl = fake_ioctl;
	f->sys.mmap = fake_mmap;
	f->sys.munmap = fake_munmap;
	f->sys.ring_create = fake_ring_create;
	f->sys.ring_destroy = fake_ring_destroy;
	f->sys.ring_submit = fake_ring_submit;
	f->sys.ring_wait = fake_ring_wait;
	f->sys.ctx = f;
	return f;
}

void fake_free(struct fake_kvmem *f)
{
	int i;

	for (i = 0; i < FAKE_FILES; i++)
		if (f->files[i].open)
			fake_close(f, FAKE_FD + i);
	fake_wipe(f);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
