// SPDX-License-Identifier: GPL-2.0
/*
 * The address table of a mapping: made once, so that building a command is a
 * look into an array.
 *
 * What the exporter hands out is merged where it lies side by side, and cut to
 * the registered range.  Everything is checked here, since a wrong address
 * would be DMA to somebody else's memory.
 */
#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include "dma_map.h"
#include "span.h"

/* Runs that begin in a grain are found by a short search from its first. */
#define GRAIN_SHIFT	21

/**
 * struct run_walk - going through a scatterlist
 * @skip: bytes that come before the range
 * @left: of the range
 * @end: address behind the last run
 * @nr: runs so far
 * @map: gets them; NULL: they are counted
 */
struct run_walk {
	u64 skip;
	u64 left;
	u64 end;
	unsigned int nr;
	struct kvmem_dma_map *map;
};

static void walk_run(struct run_walk *w, u64 addr, u64 len)
{
	bool adjoins = w->nr && w->end == addr;

	w->end = addr + len;
	if (!w->map) {
		w->nr += !adjoins;
	} else if (adjoins) {
		w->map->runs[w->nr - 1].len += len;
	} else {
		w->map->starts[w->nr] = w->map->len - w->left;
		w->map->runs[w->nr++] = (struct kvmem_dma_run){ addr, len };
	}
}

/* Exporters promise whole pages; PRPs need them, too. */
static int walk_entry(struct run_walk *w, u64 addr, u64 len)
{
	if (!len || !PAGE_ALIGNED(addr) || !PAGE_ALIGNED(len) || addr + len < addr)
		return -EINVAL;
	if (w->skip >= len) {
		w->skip -= len;
		return 0;
	}
	addr += w->skip;
	len = min(len - w->skip, w->left);
	w->skip = 0;
	if (len)
		walk_run(w, addr, len);
	w->left -= len;
	return 0;
}

static int walk_table(struct run_walk *w, struct sg_table *sgt)
{
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		ret = walk_entry(w, sg_dma_address(sg), sg_dma_len(sg));
		if (ret)
			return ret;
	}
	return w->left ? -EINVAL : 0;
}

/* The table is one allocation: runs, where each begins, the first run of each grain. */
static struct kvmem_dma_map *map_alloc(unsigned int nr, u64 len)
{
	u64 grains = (len - 1) >> GRAIN_SHIFT;
	struct kvmem_dma_map *map;
	size_t bytes;

	bytes = size_add(struct_size(map, runs, nr), array_size(nr, sizeof(*map->starts)));
	bytes = size_add(bytes, array_size(grains + 2, sizeof(*map->index)));
	map = kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!map)
		return NULL;
	refcount_set(&map->users, 1);
	init_completion(&map->drained);
	map->len = len;
	map->nr = nr;
	map->starts = (u64 *)(map->runs + nr);
	map->index = (u32 *)(map->starts + nr);
	return map;
}

/* The run that has the first byte of each grain, and one more for the end. */
static void map_index(struct kvmem_dma_map *map)
{
	u64 grains = (map->len - 1) >> GRAIN_SHIFT, g;
	unsigned int run = 0;

	for (g = 0; g <= grains; g++) {
		while (run + 1 < map->nr && map->starts[run + 1] <= g << GRAIN_SHIFT)
			run++;
		map->index[g] = run;
	}
	map->index[grains + 1] = map->nr - 1;
}

struct kvmem_dma_map *kvmem_dma_map_build(struct sg_table *sgt, u64 off, u64 len)
{
	struct run_walk count = { .skip = off, .left = len };
	struct run_walk fill = count;
	int ret = walk_table(&count, sgt);

	if (ret)
		return ERR_PTR(ret);
	fill.map = map_alloc(count.nr, len);
	if (!fill.map)
		return ERR_PTR(-ENOMEM);
	walk_table(&fill, sgt);
	map_index(fill.map);
	return fill.map;
}

void kvmem_dma_map_free(struct kvmem_dma_map *map)
{
	kvfree_rcu(map, rcu);
}

/* The last run that begins at or before @off. */
static unsigned int map_find(const struct kvmem_dma_map *map, u64 off)
{
	unsigned int low = map->index[off >> GRAIN_SHIFT];
	unsigned int high = map->index[(off >> GRAIN_SHIFT) + 1];

	while (low < high) {
		unsigned int mid = low + (high - low + 1) / 2;

		if (map->starts[mid] <= off)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

void kvmem_dma_map_span(const struct kvmem_dma_map *map, u64 off, size_t len,
			struct kvmem_span *span)
{
	unsigned int run = map_find(map, off);

	*span = (struct kvmem_span) {
		.type = KVMEM_SPAN_DMA,
		.len = len,
		.dma = map->runs + run,
		.nr_dma = map->nr - run,
		.dma_first = off - map->starts[run],
	};
}
