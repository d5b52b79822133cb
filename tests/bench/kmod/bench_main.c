// SPDX-License-Identifier: GPL-2.0
/*
 * kvmem_bench: times the core's functions when loaded, says the figures in the
 * kernel log, one JSON object a line, and does nothing after that.
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include "arena.h"
#include "bench.h"
#include "flash/tier.h"
#include "netlink.h"
#include "ns.h"
#include "pool.h"
#include "stats.h"

static unsigned int rounds = 5;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "rounds that count; one more comes first and does not");

static unsigned int scale = 1;
module_param(scale, uint, 0444);
MODULE_PARM_DESC(scale, "divide the number of operations by this");

struct kvmem_ns *bench_ns;
struct kvmem_pool *bench_pool;
void *bench_buf;
static struct kvmem_key *keys;

/* Keys --------------------------------------------------------------------- */

/* splitmix64 */
static u64 bench_next(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static int keys_make(void)
{
	u64 state = 1, word;
	unsigned int i, w;

	/* The second half is never put: misses. */
	keys = vmalloc(array_size(2 * BENCH_KEYS, sizeof(*keys)));
	if (!keys)
		return -ENOMEM;
	for (i = 0; i < 2 * BENCH_KEYS; i++) {
		for (w = 0; w < KVMEM_KEY_LEN / sizeof(word); w++) {
			word = bench_next(&state);
			memcpy(keys[i].b + w * sizeof(word), &word, sizeof(word));
		}
	}
	return 0;
}

const struct kvmem_key *bench_key(unsigned int i)
{
	return &keys[i];
}

/* Blocks ------------------------------------------------------------------- */

int bench_put(unsigned int i, size_t size, unsigned int hint)
{
	struct kvmem_hints hints = { .hint_class = hint };
	struct kvec vec = { .iov_base = bench_buf, .iov_len = size };
	struct kvmem_block *block;
	struct iov_iter iter;
	int ret;

	block = kvmem_block_alloc(bench_ns, size, false);
	if (IS_ERR(block))
		return PTR_ERR(block);
	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, size);
	ret = kvmem_block_fill(block, &iter);
	if (!ret)
		ret = kvmem_block_commit(block, bench_key(i), &hints);
	kvmem_block_put(block);
	return ret;
}

int bench_fill(unsigned int nr, size_t size, unsigned int hint)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = bench_put(i, size, hint);
	return ret;
}

/* Blocks that come back go on from their ghosts: each round starts without any. */
static void forget_ghosts(void)
{
	struct kvmem_ghosts *new = kvmem_ghosts_alloc(BENCH_KEYS), *old;

	spin_lock(&bench_ns->lock);
	old = rcu_replace_pointer(bench_ns->ghosts, new, lockdep_is_held(&bench_ns->lock));
	spin_unlock(&bench_ns->lock);
	synchronize_rcu();
	kvmem_ghosts_free(old);
}

void bench_clear(const struct bench *b)
{
	kvmem_ns_drop_all(bench_ns);
	forget_ghosts();
	rcu_barrier();
	/* A table that grew is copied by a work item: not while we measure. */
	msleep(20);
}

/* Rounds ------------------------------------------------------------------- */

unsigned int bench_scaled(const struct bench *b)
{
	return max(b->ops / scale, 1U);
}

unsigned int bench_rounds(void)
{
	return clamp(rounds, 3U, (unsigned int)BENCH_ROUNDS_MAX);
}

static int bench_round(const struct bench *b, u64 *ns)
{
	unsigned int i, ops = bench_scaled(b);
	int ret = b->before ? b->before(b) : 0;
	u64 start;

	cond_resched();
	start = ktime_get_ns();
	for (i = 0; i < ops && !ret; i++)
		ret = b->op(b, i);
	*ns = ktime_get_ns() - start;
	if (b->after)
		b->after(b);
	return ret;
}

void bench_say(const struct bench *b, const u64 *ns, unsigned int nr)
{
	char list[BENCH_ROUNDS_MAX * 22];
	unsigned int r;
	int len = 0;

	for (r = 0; r < nr; r++)
		len += scnprintf(list + len, sizeof(list) - len, "%s%llu", r ? ", " : "", ns[r]);
	pr_info("{\"name\": \"%s\", \"bytes\": %zu, \"ops\": %u, \"total\": [%s]}\n",
		b->name, b->bytes, bench_scaled(b), list);
}

/* The first round warms up and is not told. */
static int bench_one(const struct bench *b)
{
	u64 ns[BENCH_ROUNDS_MAX + 1];
	unsigned int r, nr = bench_rounds();
	int ret = 0;

	for (r = 0; r <= nr && !ret; r++)
		ret = bench_round(b, &ns[r]);
	if (ret) {
		pr_err("{\"name\": \"%s\", \"bytes\": %zu, \"error\": %d}\n",
		       b->name, b->bytes, ret);
		return ret;
	}
	bench_say(b, ns + 1, nr);
	return 0;
}

int bench_run(const struct bench *benches, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = bench_one(&benches[i]);
	return ret;
}

/* The core, as kvmem.ko's main.c starts it, but for its interfaces ------------ */

#define BENCH_ARENA	(160ULL << 20)

static int arena_start(void)
{
	return kvmem_arena_init(BENCH_ARENA, 0);
}

static const struct {
	int (*init)(void);
	void (*exit)(void);
} steps[] = {
	{ kvmem_stats_init, kvmem_stats_exit },
	{ kvmem_block_cache_init, kvmem_block_cache_exit },
	{ arena_start, kvmem_arena_exit },
	{ kvmem_pool_init, kvmem_pool_exit },
	{ kvmem_ns_init, kvmem_ns_exit },
	{ kvmem_flash_init, kvmem_flash_exit },
	/* Events of media go there. */
	{ kvmem_netlink_init, kvmem_netlink_exit },
};

static void steps_undo(unsigned int nr)
{
	while (nr--)
		steps[nr].exit();
}

static int steps_do(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		ret = steps[i].init();
		if (ret) {
			steps_undo(i);
			return ret;
		}
	}
	return 0;
}

/* A pool of one: asking it for its weakest member is an eviction decision. */
static int ns_make(void)
{
	struct kvmem_pool_params pool = { .name = "bench" };
	struct kvmem_ns_params p = { .name = "bench", .mode = 0600 };

	bench_pool = kvmem_pool_create(&pool, NULL);
	if (IS_ERR(bench_pool))
		return PTR_ERR(bench_pool);
	p.pool_id = bench_pool->id;
	bench_ns = kvmem_ns_create(&p, NULL);
	if (IS_ERR(bench_ns)) {
		kvmem_pool_put(bench_pool);
		return PTR_ERR(bench_ns);
	}
	return 0;
}

static void ns_drop(void)
{
	kvmem_ns_delete(bench_ns);
	kvmem_ns_put(bench_ns);
	kvmem_pool_delete(bench_pool, NULL);
	kvmem_pool_put(bench_pool);
}

static int bench_all(void)
{
	int ret;

	ret = ns_make();
	if (ret)
		return ret;
	/* From the first hint on classes are what we say, not what the kernel derives. */
	ret = bench_put(0, 1, 1);
	bench_clear(NULL);
	if (!ret)
		ret = bench_index();
	if (!ret)
		ret = bench_policy();
	if (!ret)
		ret = bench_data();
	if (!ret)
		ret = bench_attach();
	ns_drop();
	return ret;
}

static int __init bench_init(void)
{
	int ret;

	bench_buf = vmalloc(BENCH_BUF);
	ret = bench_buf ? keys_make() : -ENOMEM;
	if (!ret) {
		memset(bench_buf, 0x5a, BENCH_BUF);
		ret = steps_do();
	}
	if (!ret) {
		ret = bench_all();
		steps_undo(ARRAY_SIZE(steps));
	}
	vfree(keys);
	vfree(bench_buf);
	if (!ret)
		pr_info("{\"end\": true}\n");
	return ret;
}

static void __exit bench_exit(void)
{
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmarks of kvmem's core");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: crc32c");
