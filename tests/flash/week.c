// SPDX-License-Identifier: GPL-2.0
/*
 * A week of an inference server with a write budget, by the machine's own clock: for
 * user-mode Linux whose time passes as fast as nothing is to be done in it
 * (time-travel=inf-cpu).  What is written holds the budget; what that costs in
 * hits is told beside writing everything, and beside writing what is asked for a
 * second time.
 *
 * Blocks are made one after the other.  Seven of ten are never asked for again; two are
 * once, within six hours; one is six times within twelve.  Who puts them gives
 * a hint, which is right four times of five.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>
#include "kvmem_flash.h"

#define BLOCK_BYTES	(256 * KIB)
#define SLOT_S		14U		/* a block is made */
#define DAY_SLOTS	(86400U / SLOT_S)
#define WEEK_SLOTS	(7 * DAY_SLOTS)
#define KINDS		3
#define USES_MAX	(WEEK_SLOTS * 2)
#define DISK_MIB	512
#define BUDGET		(512ULL << 20)	/* a day; a third of what is made */

struct use {
	uint32_t block, next;
};

struct result {
	uint64_t uses, hits, puts, written;
};

enum how { EVERYTHING, BY_BUDGET, SECOND_TOUCH };

static struct use uses[USES_MAX];
static uint32_t first_use[WEEK_SLOTS], nr_uses;
static uint8_t hint[WEEK_SLOTS], seen[WEEK_SLOTS];
static int fd;
static uint32_t buf;
static uint8_t *memory;

/* What is asked for, when ------------------------------------------------------ */

static void add_uses(uint64_t *state, uint32_t block, unsigned int nr, unsigned int within)
{
	uint32_t slot;

	while (nr--) {
		slot = block + 1 + kvt_rand(state) % within;
		if (slot >= WEEK_SLOTS || nr_uses + 1 >= USES_MAX)
			continue;
		uses[++nr_uses] = (struct use){ block, first_use[slot] };
		first_use[slot] = nr_uses;
	}
}

static void make_week(void)
{
	uint64_t state = 42;
	uint32_t block;
	unsigned int dice, kind;

	for (block = 0; block < WEEK_SLOTS; block++) {
		dice = kvt_rand(&state) % 10;
		kind = dice < 7 ? 0 : dice < 9 ? 1 : 2;
		if (kind)
			add_uses(&state, block, kind == 1 ? 1 : 6,
				 kind == 1 ? DAY_SLOTS / 4 : DAY_SLOTS / 2);
		hint[block] = kvt_rand(&state) % 5 ? kind : kvt_rand(&state) % KINDS;
	}
}

/* Asking ------------------------------------------------------------------------- */

static struct kvmem_op make_op(unsigned int opcode, uint32_t block)
{
	struct kvmem_op op = kvt_make_op(opcode, block);

	op.buf = buf;
	op.len = BLOCK_BYTES;
	op.flags = KVMEM_OP_F_NOCACHE;
	return op;
}

static bool get(uint32_t block)
{
	struct kvmem_op op = make_op(KVMEM_OP_GET, block);
	uint32_t what;
	int rc;

	memset(memory, 0, sizeof(what));
	rc = kvt_op(fd, &op);
	ASSERT(!rc || rc == -ENOENT, "reading block %u: %d", block, rc);
	if (rc)
		return false;
	memcpy(&what, memory, sizeof(what));
	EXPECT_EQ(what, block);
	return true;
}

static void put(uint32_t block, enum how how, struct result *r)
{
	struct kvmem_op op = make_op(KVMEM_OP_PUT, block);

	if (how == SECOND_TOUCH && !seen[block]) {
		seen[block] = 1;
		return;
	}
	op.hint_class = hint[block];
	memcpy(memory, &block, sizeof(block));
	ASSERT_EQ(kvt_op(fd, &op), 0);
	r->puts++;
}

/* A miss is computed again, and put again. */
static void slot_run(uint32_t slot, enum how how, struct result *r)
{
	uint32_t i;

	put(slot, how, r);
	for (i = first_use[slot]; i; i = uses[i].next) {
		r->uses++;
		if (get(uses[i].block))
			r->hits++;
		else
			put(uses[i].block, how, r);
	}
}

/* Values are logarithms, 1,000 a factor of two: see docs/policy.md. */
static void set_values(const char *ns)
{
	static struct kvt_table table;
	unsigned int c, age;

	for (c = 0; c < KVT_CLASSES; c++)
		for (age = 0; age < KVT_AGES; age++)
			table.value[c][age] = 20000 + c / 8 % KINDS * 3000 - age * 200;
	ASSERT_EQ(kvt_nl_table_set(ns, &table), 0);
}

static struct result week(enum how how)
{
	static const struct kvt_ns_opts through = {
		.flash_mode = KVMEM_FLASH_MODE_THROUGH, .quota_blocks = 4,
	};
	struct kvmem_buf_reg reg = { .size = sizeof(reg), .length = BLOCK_BYTES };
	struct kvt_disk_opts o = { .mib = DISK_MIB };
	const char *ns = kvt_ns(&through);
	struct timespec at;
	struct result r = {};
	struct kvt_media m;
	struct kvt_disk d;
	uint32_t slot;

	kvt_disk_new(&d, &o);
	kvt_media_format(&d, "4M");
	kvt_media_on(&d);
	if (how == BY_BUDGET)
		ASSERT_EQ(kvt_media_budget(d.name, BUDGET), 0);
	set_values(ns);
	fd = kvt_file(ns);
	memory = kvt_pages_new(BLOCK_BYTES);
	reg.addr = (uintptr_t)memory;
	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_BUF_REG, &reg), 0);
	buf = reg.buf_id;
	clock_gettime(CLOCK_MONOTONIC, &at);
	for (slot = 0; slot < WEEK_SLOTS; slot++) {
		slot_run(slot, how, &r);
		at.tv_sec += SLOT_S;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	m = kvt_media_info(&d);
	r.written = m.v[KVMEM_A_MEDIA_PUT_BYTES] + m.v[KVMEM_A_MEDIA_REINSERT_BYTES] +
		    m.v[KVMEM_A_MEDIA_TABLE_BYTES];
	kvt_diag("%llu of %llu uses found, %llu puts, %llu MiB written",
		 (unsigned long long)r.hits, (unsigned long long)r.uses,
		 (unsigned long long)r.puts, (unsigned long long)(r.written >> 20));
	close(fd);
	kvt_media_off(&d);
	return r;
}

static bool time_travels(void)
{
	char text[4096] = "";
	FILE *f = fopen("/proc/cmdline", "re");

	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = 0;
		fclose(f);
	}
	return strstr(text, "time-travel=");
}

TEST_TIMEOUT(budget_of_a_week, 70000)
{
	struct result all, budget, second;

	ASSERT(time_travels(), "user-mode Linux with time-travel=inf-cpu");
	make_week();
	kvt_diag("everything, the budget, what is asked for a second time:");
	all = week(EVERYTHING);
	budget = week(BY_BUDGET);
	second = week(SECOND_TOUCH);
	kvt_diag("hits lost to the budget: %lld/1000 of all uses; to a second touch %lld/1000",
		 (long long)(all.hits - budget.hits) * 1000 / (long long)all.uses,
		 (long long)(all.hits - second.hits) * 1000 / (long long)all.uses);
	/* More is offered all the time, so all of it is used, and no more. */
	EXPECT_GT(all.written, 7 * BUDGET * 2);
	EXPECT_LE(budget.written * 100, 7 * BUDGET * 105);
	EXPECT_GE(budget.written * 100, 7 * BUDGET * 95);
	/* By value: better than a third of the hits, which chance would leave. */
	EXPECT_GT(budget.hits * 2, all.hits);
}

TEST_MAIN()
