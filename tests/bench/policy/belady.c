// SPDX-License-Identifier: GPL-2.0
/* MIN: evict what is used again last, not to keep it included. */
#include <errno.h>
#include <stdlib.h>

#include "sim.h"

/* A heap of (next use, block), the largest first; stale entries stay in. */
struct entry {
	u32 use, id;
};

struct heap {
	struct entry *e;
	u32 nr;
};

static void heap_push(struct heap *h, struct entry x)
{
	u32 i = h->nr++, up;

	for (; i && h->e[up = (i - 1) / 2].use < x.use; i = up)
		h->e[i] = h->e[up];
	h->e[i] = x;
}

static struct entry heap_pop(struct heap *h)
{
	struct entry top = h->e[0], x = h->e[--h->nr];
	u32 i = 0, down;

	while ((down = 2 * i + 1) < h->nr) {
		if (down + 1 < h->nr && h->e[down + 1].use > h->e[down].use)
			down++;
		if (h->e[down].use <= x.use)
			break;
		h->e[i] = h->e[down];
		i = down;
	}
	h->e[i] = x;
	return top;
}

static int next_uses(struct sim_trace *t)
{
	u32 *last, i;

	if (t->next)
		return 0;
	t->next = malloc(t->nr_refs * sizeof(u32));
	last = malloc(t->nr_ids * sizeof(u32));
	if (!t->next || !last) {
		free(last);
		return -ENOMEM;
	}
	for (i = 0; i < t->nr_ids; i++)
		last[i] = NONE;
	for (i = t->nr_refs; i--;) {
		t->next[i] = last[t->ids[i]];
		last[t->ids[i]] = i;
	}
	free(last);
	return 0;
}

static void evict(struct heap *h, u32 *use)
{
	struct entry x;

	do {
		x = heap_pop(h);
	} while (use[x.id] != x.use);
	use[x.id] = 0;
}

static void run(struct sim_trace *t, u32 capacity, struct sim_result *r, struct heap *h,
		u32 *use)
{
	u32 i, id, used = 0;

	/* use[id]: 0 = not in; position 0 is nobody's next use */
	for (i = 0; i < t->nr_refs; i++) {
		id = t->ids[i];
		sim_count(r, use[id]);
		if (use[id]) {
			used--;
			use[id] = 0;
		}
		if (t->next[i] == NONE)
			continue;
		use[id] = t->next[i];
		heap_push(h, (struct entry){ t->next[i], id });
		if (++used > capacity) {
			evict(h, use);
			used--;
		}
	}
}

int run_belady(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	       struct sim_result *r)
{
	struct heap h = { .e = malloc((t->nr_refs + 1) * sizeof(struct entry)) };
	u32 *use = calloc(t->nr_ids, sizeof(u32));
	int err = -ENOMEM;

	(void)o;
	if (h.e && use && !next_uses(t)) {
		run(t, capacity, r, &h, use);
		err = 0;
	}
	free(h.e);
	free(use);
	return err;
}
