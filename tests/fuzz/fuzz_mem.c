// SPDX-License-Identifier: GPL-2.0
/*
 * Memory: mappings of leases and allocations, and what can be done to them.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "fuzz.h"

static void drop_map(struct fuzz *f, unsigned int i)
{
	if (f->map[i].p)
		munmap(f->map[i].p, f->map[i].len);
	f->map[i].p = NULL;
}

static void new_map(struct fuzz *f, unsigned int i)
{
	unsigned int h = rnd_below(f, NR_HANDLES);
	size_t len = kvt_pages(f->handle[h].bytes % (4 * MIB) + 1);
	uint64_t offset = f->handle[h].offset;
	int prot = one_in(f, 2) ? PROT_READ : PROT_READ | PROT_WRITE;
	int flags = one_in(f, 8) ? MAP_PRIVATE : MAP_SHARED;
	void *p;

	if (one_in(f, 10))
		prot |= PROT_EXEC;
	if (one_in(f, 6))
		offset += odd_number(f) & ~4095ULL;
	if (one_in(f, 6))
		len = kvt_pages(1 + rnd_below(f, 4 * MIB));
	if (one_in(f, 8))
		flags |= MAP_POPULATE;
	drop_map(f, i);
	/* Far from everything the process itself needs. */
	p = mmap((void *)(FUZZ_MAPS + i * 2 * KVMEM_MAX_BLOCK), len, prot, flags, any_file(f),
		 offset);
	if (p == MAP_FAILED)
		return;
	shared->succeeded++;
	f->map[i].p = p;
	f->map[i].len = len;
}

static void change_map(struct fuzz *f, unsigned int i)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_DOFORK, MADV_DONTFORK, MADV_WILLNEED, MADV_REMOVE,
		MADV_HUGEPAGE, MADV_MERGEABLE, MADV_DONTDUMP, MADV_DODUMP, MADV_COLD,
		MADV_PAGEOUT, MADV_FREE, MADV_SEQUENTIAL,
	};
	size_t len = f->map[i].len, part = kvt_pages(1 + rnd_below(f, len));
	uint8_t *p = f->map[i].p, *q;

	if (!p || !len)
		return;
	switch (rnd_below(f, 8)) {
	case 0:
		mprotect(p, part, rnd_below(f, 8));
		break;
	case 1:
		part = kvt_pages(1 + rnd_below(f, 2 * len));
		q = mremap(p, len, part, MREMAP_MAYMOVE);
		if (q != MAP_FAILED) {
			f->map[i].p = q;
			f->map[i].len = part;
		}
		break;
	case 2:
		q = mremap(p, len, len, MREMAP_MAYMOVE);
		if (q != MAP_FAILED)
			f->map[i].p = q;
		break;
	case 3:
		munmap(p, part);
		if (part >= len) {
			f->map[i].p = NULL;
		} else {
			f->map[i].p += part;
			f->map[i].len -= part;
		}
		break;
	case 4:
		mlock(p, part);
		munlock(p, part);
		break;
	case 5:
		msync(p, part, MS_SYNC);
		break;
	default:
		madvise(p, part, advice[rnd_below(f, ARRAY_SIZE(advice))]);
	}
}

static void touch_map(struct fuzz *f, unsigned int i)
{
	uint8_t *p = f->map[i].p;
	struct iovec local = { f->mem, 4096 }, remote = { p, 4096 };

	if (!p)
		return;
	switch (rnd_below(f, 3)) {
	case 0:
		kvt_touch(p + rnd_below(f, f->map[i].len), false);
		break;
	case 1:
		kvt_touch(p + rnd_below(f, f->map[i].len), true);
		break;
	default:
		if (one_in(f, 2))
			process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
		else
			process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	}
}

static void change_memory(struct fuzz *f)
{
	size_t off = rnd_below(f, ARENA_SIZE) & ~4095UL;
	size_t len = kvt_pages(1 + rnd_below(f, 256 * KIB));

	if (off < 256 * KIB)	/* keys, leases, operations and batches live there */
		return;
	if (off + len > ARENA_SIZE)
		len = ARENA_SIZE - off;
	switch (rnd_below(f, 4)) {
	case 0:
		mprotect(f->mem + off, len, rnd_below(f, 4));
		break;
	case 1:
		madvise(f->mem + off, len, MADV_DONTNEED);
		break;
	case 2:
		munmap(f->mem + off, len);
		break;
	default:
		mmap(f->mem + off, len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
}

void fuzz_memory(struct fuzz *f)
{
	unsigned int i = rnd_below(f, NR_MAPS);

	switch (rnd_below(f, 6)) {
	case 0:
	case 1:
		new_map(f, i);
		break;
	case 2:
		change_map(f, i);
		break;
	case 3:
	case 4:
		touch_map(f, i);
		break;
	default:
		change_memory(f);
	}
}

/* fork: the child uses what it inherited for a moment, and dies in some way. */
void fuzz_child(struct fuzz *f)
{
	unsigned int i;
	pid_t pid = fork();

	if (pid < 0)
		return;
	if (!pid) {
		f->have_ring = false;
		f->rnd ^= getpid();
		for (i = 0; i < 20; i++) {
			fuzz_batch(f);
			fuzz_memory(f);
			touch_map(f, rnd_below(f, NR_MAPS));
		}
		if (one_in(f, 2))
			kill(getpid(), SIGKILL);
		_exit(0);
	}
	if (one_in(f, 2)) {
		kvt_sleep_ms(rnd_below(f, 10));
		kill(pid, SIGKILL);
	}
	waitpid(pid, NULL, 0);
}
