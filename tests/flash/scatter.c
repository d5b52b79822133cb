// SPDX-License-Identifier: GPL-2.0
/*
 * See scatter.h.
 */
#include <string.h>
#include "scatter.h"

#define BLOCK_BYTES	(200 * KIB)
#define LIVE_MAX	1024
#define STEPS		480

static uint64_t live[LIVE_MAX], next_key;
static unsigned int nr_live;

static void put_one(int fd, uint32_t buf, uint8_t *p, unsigned int i)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_PUT, next_key);
	unsigned int tries;
	int rc = -ENOSPC;

	op.buf = buf;
	op.len = BLOCK_BYTES;
	op.flags = KVMEM_OP_F_NOCACHE;
	memcpy(p, &next_key, sizeof(next_key));
	for (tries = 0; tries < 500; tries++) {
		rc = kvt_op(fd, &op);
		if (!rc && op.tier == KVMEM_TIER_FLASH)
			break;
		ASSERT(!rc || rc == -ENOSPC, "put of %llu: %d", (unsigned long long)next_key, rc);
		kvt_delete(fd, next_key);
		kvt_sleep_ms(5);
	}
	ASSERT(!rc, "room for %llu: %d", (unsigned long long)next_key, rc);
	live[i] = next_key++;
}

static void count(const struct kvt_disk *d, struct scatter *s)
{
	struct kvt_media m = kvt_media_info(d);

	s->commands = m.v[KVMEM_A_MEDIA_DISCARD_COMMANDS];
	s->ranges = m.v[KVMEM_A_MEDIA_DISCARD_RANGES];
	s->segments = m.v[KVMEM_A_MEDIA_DISCARD_SEGMENTS];
	EXPECT_EQ(m.v[KVMEM_A_MEDIA_DISCARD_ERRORS], 0);
}

void scatter_run(const struct kvt_disk *d, int fd, uint32_t buf, uint8_t *p,
		 struct scatter *seen)
{
	uint64_t state = 5, nr = kvt_media_info(d).v[KVMEM_A_MEDIA_SEGMENTS] * 3 / 5;
	struct scatter was;
	unsigned int i, step;

	next_key = 1 << 20;
	nr_live = nr < LIVE_MAX ? nr : LIVE_MAX;
	for (i = 0; i < nr_live; i++)
		put_one(fd, buf, p, i);
	count(d, &was);
	for (step = 0; step < STEPS; step++) {
		i = kvt_rand(&state) % nr_live;
		ASSERT_EQ(kvt_delete(fd, live[i]), 0);
		put_one(fd, buf, p, i);
	}
	count(d, seen);
	seen->commands -= was.commands;
	seen->ranges -= was.ranges;
	seen->segments -= was.segments;
	kvt_diag("%u blocks dropped by chance: %llu segments in %llu ranges, %llu commands", STEPS,
		 (unsigned long long)seen->segments, (unsigned long long)seen->ranges,
		 (unsigned long long)seen->commands);
	EXPECT_GT(seen->commands, STEPS / 100);
	EXPECT_GE(seen->ranges, 32 * seen->commands);
}
