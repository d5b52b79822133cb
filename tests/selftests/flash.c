// SPDX-License-Identifier: GPL-2.0
/*
 * The flash tier: what is put persistently is found again, after eviction from
 * DRAM, after detach and attach, after the module was loaded anew; and only by
 * whom it belongs to.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "kvmem_flash.h"

#define NR 40

static size_t len_of(uint64_t key)
{
	static const size_t base[] = { 1, 700, 4096, 9216, 20000, 65536, 131072, 300000 };

	return base[key % ARRAY_SIZE(base)] + key * 7 % 300;
}

static void persist_some(int fd, uint64_t from, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		ASSERT_EQ(kvt_persist(fd, from + i, len_of(from + i)), 0);
}

/* All of them, from @tier (0: wherever). */
static void expect_some(int fd, uint64_t from, unsigned int nr, int want, uint8_t tier)
{
	unsigned int i;
	uint8_t was;
	int rc;

	for (i = 0; i < nr; i++) {
		rc = kvt_get_from(fd, from + i, len_of(from + i), &was, NULL);
		EXPECT(rc == want, "key %llu: %d, not %d", (unsigned long long)from + i, want, rc);
		if (!rc && tier)
			EXPECT_EQ(was, tier);
	}
}

/* Attach and detach ---------------------------------------------------------- */

static void expect_refused(const char *path, const char *name, const uint8_t *uuid)
{
	int rc = kvt_media_attach(path, name, uuid);

	EXPECT_LT(rc, 0);
	EXPECT(*kvt_nl_message(), "a message with %s", strerror(-rc));
	kvt_diag("%s: %s: %s", path, strerror(-rc), kvt_nl_message());
}

TEST(attach_and_detach)
{
	struct kvt_media m;
	struct kvt_disk d;
	uint8_t uuid[16];

	kvt_media_new(&d);
	m = kvt_media_info(&d);
	EXPECT_EQ(strcmp(m.name, d.name), 0);
	EXPECT_EQ(strcmp(m.path, d.path), 0);
	EXPECT_EQ(m.v[KVMEM_A_MEDIA_SEGMENT_BYTES], MIB);
	EXPECT_GE(m.v[KVMEM_A_MEDIA_SEGMENTS], 56);
	EXPECT_EQ(m.v[KVMEM_A_MEDIA_SEGMENTS_FREE], m.v[KVMEM_A_MEDIA_SEGMENTS]);
	expect_refused(d.path, d.name, NULL);
	expect_refused(d.path, "another", NULL);
	kvt_media_off(&d);
	EXPECT_LT(kvt_media_get(d.name, &m), 0);
	EXPECT_LT(kvt_media_detach(d.name), 0);
	m = (struct kvt_media){};
	memset(uuid, 0x5a, sizeof(uuid));
	expect_refused(d.path, d.name, uuid);
	expect_refused(d.path, "no/name", NULL);
	ASSERT_EQ(kvt_media_attach(d.path, NULL, NULL), 0);
	/* Its name is made from its uuid. */
	EXPECT_LT(kvt_media_get(d.name, &m), 0);
}

TEST(refused_devices)
{
	static const uint8_t luks[8] = { 'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1 };
	struct kvt_disk d;

	kvt_disk_new(&d, NULL);
	expect_refused(d.path, d.name, NULL);
	expect_refused("/dev/no-such-device", d.name, NULL);
	expect_refused("/dev/null", d.name, NULL);
	expect_refused("/proc/version", d.name, NULL);
	kvt_disk_write(&d, luks, sizeof(luks), 0);
	expect_refused(d.path, d.name, NULL);
	EXPECT_NE(kvt_ctl("media format --segment-size 1M %s", d.path), 0);
	EXPECT(strcasestr(kvt_ctl_text(), "luks"), "what was found, not: %s", kvt_ctl_text());
	EXPECT_EQ(kvt_ctl("media format --force --segment-size 1M %s", d.path), 0);
	EXPECT_NE(kvt_ctl("media format --segment-size 1M %s", d.path), 0);
	kvt_media_on(&d);
	/* In use: not even with force. */
	EXPECT_NE(kvt_ctl("media format --force --segment-size 1M %s", d.path), 0);
}

TEST(tool_sees_the_media)
{
	struct kvt_disk d;

	kvt_media_new(&d);
	EXPECT_EQ(kvt_ctl("media list"), 0);
	EXPECT(strstr(kvt_ctl_text(), d.name), "%s in %s", d.name, kvt_ctl_text());
	EXPECT_EQ(kvt_ctl("--json media list"), 0);
	EXPECT_EQ(kvt_ctl("media detach %s", d.name), 0);
	EXPECT_EQ(kvt_ctl("media check --data %s", d.path), 0);
	EXPECT_EQ(kvt_ctl("media attach %s --name %s", d.path, d.name), 0);
	EXPECT_TRUE(kvt_wait_for(kvt_media_info(&d).state == KVMEM_MEDIA_STATE_LIVE, 5000));
}

/* A device that may not be written is read. */
TEST(read_only_device)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), dev, one = 1;
	struct kvt_disk d;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	kvt_media_off(&d);
	dev = open(d.path, O_RDONLY);
	ASSERT_EQ(ioctl(dev, _IO(0x12, 93), &one), 0);	/* BLKROSET */
	close(dev);
	kvt_dram_empty(fd, ns);
	kvt_media_on(&d);
	EXPECT_EQ(kvt_media_info(&d).state, KVMEM_MEDIA_STATE_READ_ONLY);
	expect_some(fd, 0, NR, 0, KVMEM_TIER_FLASH);
	EXPECT_LT(kvt_persist(fd, 1000, 10000), 0);
	EXPECT_EQ(kvt_get_key(fd, 1000, 10000), 0);
}

/* A device that has become shorter is another one. */
TEST(shrunk_device)
{
	struct kvt_disk d;

	kvt_disk_new(&d, NULL);
	kvt_media_format(&d, "1M");
	kvt_disk_power(&d, false);
	kvt_disk_resize(&d, 32);
	kvt_disk_power(&d, true);
	expect_refused(d.path, d.name, NULL);
	kvt_disk_power(&d, false);
	kvt_disk_resize(&d, 64);
	kvt_disk_power(&d, true);
	kvt_media_on(&d);
	EXPECT_EQ(kvt_media_info(&d).state, KVMEM_MEDIA_STATE_LIVE);
}

/* Persisting ----------------------------------------------------------------- */

static void sizes_on(unsigned int blocksize)
{
	struct kvt_disk_opts o = { .blocksize = blocksize, .mib = 96 };
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), rc;
	struct kvt_disk d;
	unsigned int i;
	uint8_t tier;

	kvt_disk_new(&d, &o);
	kvt_media_format(&d, "8M");
	kvt_media_on(&d);
	for (i = 0; i < kvt_nr_sizes; i++) {
		rc = kvt_persist(fd, i, kvt_sizes[i]);
		EXPECT(!rc, "%zu bytes: %s", kvt_sizes[i], strerror(-rc));
	}
	/* As large as a segment never fits one; DRAM has it all the same. */
	rc = kvt_persist(fd, 100, 8 * MIB);
	EXPECT(rc == -ENOSPC || rc == -EFBIG || rc == -EOPNOTSUPP, "no room, not %d", rc);
	EXPECT_EQ(kvt_get_key(fd, 100, 8 * MIB), 0);
	/* Twice is once. */
	EXPECT_EQ(kvt_persist(fd, 0, kvt_sizes[0]), 0);
	kvt_dram_empty(fd, ns);
	EXPECT_EQ(kvt_get_key(fd, 100, 8 * MIB), -ENOENT);
	for (i = 0; i < kvt_nr_sizes; i++) {
		rc = kvt_get_from(fd, i, kvt_sizes[i], &tier, NULL);
		EXPECT(!rc && tier == KVMEM_TIER_FLASH, "%zu bytes: %d, tier %u", kvt_sizes[i], rc,
		       tier);
	}
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	for (i = 0; i < kvt_nr_sizes; i++) {
		rc = kvt_get_from(fd, i, kvt_sizes[i], &tier, NULL);
		EXPECT(!rc && tier == KVMEM_TIER_FLASH, "%zu bytes, again: %d, tier %u",
		       kvt_sizes[i], rc, tier);
	}
	kvt_media_off(&d);
	EXPECT_EQ(kvt_ctl("media check --data %s", d.path), 0);
}

TEST_TIMEOUT(sizes_512, 120)
{
	sizes_on(512);
}

TEST_TIMEOUT(sizes_4096, 120)
{
	sizes_on(4096);
}

TEST(persist_without_media)
{
	struct kvt_ns_opts off = { .quota_blocks = 10 };
	int fd = kvt_new(&kvt_through);
	struct kvt_disk d;

	EXPECT_EQ(kvt_persist(fd, 1, 5000), -EOPNOTSUPP);
	EXPECT_EQ(kvt_get_key(fd, 1, 5000), 0);
	kvt_media_new(&d);
	/* It is there, and can be persisted later. */
	EXPECT_EQ(kvt_persist(fd, 1, 5000), 0);
	/* Not this namespace. */
	fd = kvt_new(&off);
	EXPECT_EQ(kvt_persist(fd, 1, 5000), -EOPNOTSUPP);
	EXPECT_EQ(kvt_get_key(fd, 1, 5000), 0);
	EXPECT_EQ(kvt_media_info(&d).v[KVMEM_A_MEDIA_BLOCKS], 1);
}

TEST(commit_persist)
{
	const char *ns = kvt_ns(&kvt_through);
	struct kvmem_op op = kvt_make_op(KVMEM_OP_COMMIT, 7);
	int fd = kvt_file(ns);
	struct kvt_disk d;
	struct kvt_map a;
	uint8_t tier;

	kvt_media_new(&d);
	ASSERT_EQ(kvt_alloc(fd, 300000, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, PROT_READ | PROT_WRITE));
	kvt_fill(a.p, 300000, 7);
	op.handle = a.handle;
	op.flags = KVMEM_OP_F_PERSIST;
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_TRUE(op.res_flags & KVMEM_RES_F_PERSISTED);
	kvt_munmap(&a);
	kvt_dram_empty(fd, ns);
	EXPECT_EQ(kvt_get_from(fd, 7, 300000, &tier, NULL), 0);
	EXPECT_EQ(tier, KVMEM_TIER_FLASH);
}

/* Written as they are put, without being asked to. */
TEST(write_through)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns);
	struct kvt_ns_stat stat;
	struct kvt_disk d;
	unsigned int i;

	kvt_media_new(&d);
	for (i = 0; i < NR; i++) {
		ASSERT_EQ(kvt_put_key(fd, i, len_of(i)), 0);
		/* What waits is bounded: not more than the queue takes. */
		ASSERT_TRUE(kvt_wait_for(!kvt_nl_ns_get(ns, &stat) && stat.flash_blocks == i + 1,
					 5000));
	}
	kvt_sleep_ms(500);	/* tables are written within 100 ms */
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	expect_some(fd, 0, NR, 0, KVMEM_TIER_FLASH);
}

/* Written when DRAM is about to lose them. */
TEST(write_back)
{
	struct kvt_ns_opts o = { .flash_mode = KVMEM_FLASH_MODE_BACK, .quota_blocks = 32 };
	int fd = kvt_new(&o), rc;
	unsigned int i, hits = 0;
	struct kvt_disk d;

	kvt_media_new(&d);
	for (i = 0; i < 20; i++)
		ASSERT_EQ(kvt_put_key(fd, i, len_of(i)), 0);
	kvt_sleep_ms(300);
	EXPECT_EQ(kvt_media_info(&d).v[KVMEM_A_MEDIA_PUT_BLOCKS], 0);
	for (; i < 160; i++) {
		ASSERT_EQ(kvt_put_key(fd, i, len_of(i)), 0);
		kvt_sleep_ms(5);
	}
	for (i = 0; i < 160; i++) {
		rc = kvt_get_from(fd, i, len_of(i), NULL, NULL);
		EXPECT_TRUE(rc == 0 || rc == -ENOENT);
		hits += !rc;
	}
	EXPECT_GE(hits, 144);
}

/* Finding -------------------------------------------------------------------- */

static void get_part(int fd, uint64_t key, size_t size, size_t off, size_t len)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_GET, key);
	uint8_t *p = malloc(len);
	size_t want = off + len > size ? size - off : len;
	long wrong;

	op.addr = (uintptr_t)p;
	op.len = len;
	op.offset = off;
	op.flags = KVMEM_OP_F_PARTIAL;
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.bytes, want);
	wrong = kvt_check_at(p, want, key, off);
	EXPECT(wrong < 0, "%zu at %zu of %zu: wrong byte at %ld", len, off, size, wrong);
	free(p);
}

TEST_TIMEOUT(parts, 120)
{
	static const size_t sizes[] = { 1, 513, 9216, 70000, MIB + 1, 3 * MIB + 77 };
	struct kvt_disk_opts o = { .mib = 96 };
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns);
	uint64_t state = 11;
	struct kvt_disk d;
	unsigned int i, k;

	kvt_disk_new(&d, &o);
	kvt_media_format(&d, "8M");
	kvt_media_on(&d);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		ASSERT_EQ(kvt_persist(fd, i, sizes[i]), 0);
	for (k = 0; k < 8; k++) {
		kvt_dram_empty(fd, ns);
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			get_part(fd, i, sizes[i], kvt_rand(&state) % sizes[i],
				 1 + kvt_rand(&state) % sizes[i]);
	}
	kvt_dram_empty(fd, ns);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		get_part(fd, i, sizes[i], sizes[i] - 1, 1);
}

static int simple(int fd, unsigned int opcode, uint64_t key, struct kvmem_op *op)
{
	*op = kvt_make_op(opcode, key);
	return kvt_op(fd, op);
}

static unsigned int match(int fd, const uint64_t *keys, unsigned int nr,
			  struct kvmem_lease *leases)
{
	struct kvmem_op op = { .opcode = KVMEM_OP_MATCH, .len = nr };
	static uint8_t names[64][KVMEM_KEY_LEN];
	unsigned int i;

	for (i = 0; i < nr; i++)
		kvt_key(names[i], keys[i]);
	op.addr = (uintptr_t)names;
	if (leases) {
		op.flags = KVMEM_OP_F_LEASE;
		op.handle = (uintptr_t)leases;
	}
	EXPECT_EQ(kvt_op(fd, &op), 0);
	return op.bytes;
}

TEST(every_operation)
{
	static const uint64_t keys[] = { 0, 1, 2, 3, 4, 5, 6, 7, 900, 8 };
	const char *ns = kvt_ns(&kvt_through);
	struct kvmem_lease leases[10];
	int fd = kvt_file(ns), i;
	struct kvmem_op op;
	struct kvt_disk d;
	struct kvt_map l;

	kvt_media_new(&d);
	persist_some(fd, 0, 20);
	kvt_dram_empty(fd, ns);
	EXPECT_EQ(simple(fd, KVMEM_OP_EXISTS, 3, &op), 0);
	EXPECT_EQ(op.tier, KVMEM_TIER_FLASH);
	EXPECT_EQ(op.bytes, len_of(3));
	EXPECT_EQ(match(fd, keys, 10, NULL), 8);
	/* Looking does not bring anything. */
	EXPECT_EQ(kvt_info(fd).used_blocks, 0);
	EXPECT_EQ(simple(fd, KVMEM_OP_PREFETCH, 4, &op), 0);
	EXPECT_EQ(op.bytes, len_of(4));
	EXPECT_EQ(simple(fd, KVMEM_OP_EXISTS, 4, &op), 0);
	EXPECT_EQ(op.tier, KVMEM_TIER_DRAM);
	EXPECT_EQ(simple(fd, KVMEM_OP_PREFETCH, 900, &op), -ENOENT);
	EXPECT_EQ(simple(fd, KVMEM_OP_PIN, 5, &op), 0);
	EXPECT_EQ(simple(fd, KVMEM_OP_EXISTS, 5, &op), 0);
	EXPECT_EQ(op.tier, KVMEM_TIER_DRAM);
	EXPECT_EQ(kvt_unpin(fd, 5), 0);
	ASSERT_EQ(kvt_lease(fd, 7, &l), 0);
	EXPECT_EQ(l.bytes, len_of(7));
	ASSERT_TRUE(kvt_mmap(fd, &l, PROT_READ));
	EXPECT_EQ(kvt_check(l.p, l.bytes, 7), -1);
	EXPECT_EQ(kvt_release(fd, l.handle), 0);
	kvt_munmap(&l);
	kvt_dram_empty(fd, ns);
	ASSERT_EQ(match(fd, keys, 10, leases), 8);
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(leases[i].bytes, len_of(i));
		EXPECT_EQ(kvt_release(fd, leases[i].handle), 0);
	}
	/* A put finds it there; with the other content nothing is written. */
	kvt_dram_empty(fd, ns);
	op = kvt_make_op(KVMEM_OP_PUT, 9);
	op.addr = (uintptr_t)leases;
	op.len = 10;
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_TRUE(op.res_flags & KVMEM_RES_F_EXISTED);
	EXPECT_EQ(op.bytes, len_of(9));
	EXPECT_EQ(kvt_get_key(fd, 9, len_of(9)), 0);
}

TEST(uring_fetches)
{
	static struct kvmem_op ops[4][NR / 4];
	const char *ns = kvt_ns(&kvt_through);
	struct kvmem_uring_cmd cmd = {};
	struct kvmem_batch b[4];
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int fd = kvt_file(ns);
	unsigned int i, k;
	struct kvt_disk d;
	uint64_t key;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	kvt_dram_empty(fd, ns);
	ASSERT_EQ(io_uring_queue_init(8, &ring, 0), 0);
	for (i = 0; i < 4; i++) {
		for (k = 0; k < NR / 4; k++) {
			key = i * (NR / 4) + k;
			ops[i][k] = kvt_make_op(KVMEM_OP_GET, key);
			ops[i][k].len = len_of(key);
			ops[i][k].addr = (uintptr_t)malloc(len_of(key));
		}
		b[i] = (struct kvmem_batch){ .size = sizeof(b[i]), .ops = (uintptr_t)ops[i],
					     .nr_ops = NR / 4, .op_size = sizeof(ops[i][0]) };
		sqe = io_uring_get_sqe(&ring);
		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = IORING_OP_URING_CMD;
		sqe->fd = fd;
		sqe->cmd_op = KVMEM_IOC_BATCH;
		cmd.batch = (uintptr_t)&b[i];
		memcpy(sqe->cmd, &cmd, sizeof(cmd));
	}
	ASSERT_EQ(io_uring_submit(&ring), 4);
	for (i = 0; i < 4; i++) {
		struct __kernel_timespec ts = { .tv_sec = 30 };

		ASSERT_EQ(io_uring_wait_cqe_timeout(&ring, &cqe, &ts), 0);
		EXPECT_EQ(cqe->res, NR / 4);
		io_uring_cqe_seen(&ring, cqe);
	}
	for (key = 0; key < NR; key++) {
		struct kvmem_op *op = &ops[key / (NR / 4)][key % (NR / 4)];

		EXPECT_EQ(op->status, 0);
		EXPECT_EQ(op->tier, KVMEM_TIER_FLASH);
		EXPECT_EQ(kvt_check((void *)(uintptr_t)op->addr, op->len, key), -1);
	}
	io_uring_queue_exit(&ring);
}

/* Coming and going ----------------------------------------------------------- */

TEST(detach_and_attach)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns);
	struct kvt_ns_stat stat;
	struct kvt_disk d;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	kvt_dram_empty(fd, ns);
	expect_some(fd, 0, 4, 0, KVMEM_TIER_FLASH);
	kvt_media_off(&d);
	expect_some(fd, 0, 4, 0, KVMEM_TIER_DRAM);
	expect_some(fd, 4, NR - 4, -ENOENT, 0);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.flash_blocks, 0);
	kvt_media_on(&d);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.flash_blocks, NR);
	expect_some(fd, 4, NR - 4, 0, KVMEM_TIER_FLASH);
	EXPECT_EQ(kvt_media_info(&d).v[KVMEM_A_MEDIA_SCANNED_BLOCKS], NR);
}

TEST(warm_restart)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), round;
	struct kvt_disk d;

	kvt_media_new(&d);
	for (round = 0; round < 4; round++) {
		persist_some(fd, round * NR, NR);
		/* The media first: a new namespace adopts what is its own. */
		fd = kvt_restart(fd, ns, &kvt_through, &d, round & 1);
		expect_some(fd, 0, (round + 1) * NR, 0, KVMEM_TIER_FLASH);
	}
	EXPECT_EQ(kvt_media_info(&d).v[KVMEM_A_MEDIA_TABLES_DAMAGED], 0);
}

static int module(bool load)
{
	const char *path = getenv("KVMEM_MODULE");
	int fd, rc;

	if (!load)
		return syscall(SYS_delete_module, "kvmem", O_NONBLOCK) < 0 ? -errno : 0;
	fd = open(path ?: "", O_RDONLY | O_CLOEXEC);
	ASSERT(fd >= 0, "KVMEM_MODULE: %s", strerror(errno));
	rc = syscall(SYS_finit_module, fd, "arena_mb=64 dyndbg=+p", 0) < 0 ? -errno : 0;
	close(fd);
	kvt_nl_new_socket(0);
	return rc;
}

/* Unloading detaches, and what was put without waiting is flushed, too. */
TEST(module_upgrade)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns);
	struct kvt_ns_stat stat;
	struct kvt_disk d;
	unsigned int i;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	for (i = NR; i < NR + 8; i++)
		ASSERT_EQ(kvt_put_key(fd, i, len_of(i)), 0);
	ASSERT_TRUE(kvt_wait_for(!kvt_nl_ns_get(ns, &stat) && stat.flash_blocks == NR + 8, 5000));
	close(fd);
	ASSERT_TRUE(kvt_wait_for(!module(false), 10000));
	ASSERT_EQ(module(true), 0);
	ASSERT_TRUE(kvt_wait_for(!access(KVT_DEVICE, R_OK | W_OK), 5000));
	kvt_media_on(&d);
	ASSERT_EQ(kvt_nl_ns_new(ns, &kvt_through, NULL), 0);
	fd = kvt_file(ns);
	EXPECT_EQ(kvt_delete(fd, 1ULL << 62), -ENOENT);	/* all is known after this */
	expect_some(fd, 0, NR + 8, 0, KVMEM_TIER_FLASH);
}

TEST(whose_it_is)
{
	uint8_t print[KVMEM_FINGERPRINT_LEN] = { 1, 2, 3 };
	struct kvt_ns_opts other = kvt_through;
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns);
	struct kvt_disk d;

	kvt_media_new(&d);
	persist_some(fd, 0, 10);
	/* Another name. */
	expect_some(kvt_new(&kvt_through), 0, 10, -ENOENT, 0);
	/* Another owner: what was there is lost, whoever comes next. */
	other.mode = 0666;
	other.uid = 1;
	other.gid = 1;
	fd = kvt_restart(fd, ns, &other, &d, false);
	expect_some(fd, 0, 10, -ENOENT, 0);
	persist_some(fd, 20, 10);
	fd = kvt_restart(fd, ns, &other, &d, true);
	expect_some(fd, 20, 10, 0, KVMEM_TIER_FLASH);
	expect_some(fd, 0, 10, -ENOENT, 0);
	/* Another layout. */
	other.fingerprint = print;
	kvt_media_off(&d);
	close(fd);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	ASSERT_EQ(kvt_nl_ns_new(ns, &other, NULL), 0);
	kvt_media_on(&d);
	fd = kvt_open();
	ASSERT_EQ(kvt_try_attach(fd, ns, print, NULL), 0);
	expect_some(fd, 20, 10, -ENOENT, 0);
}

/* Deleted while the media is there: gone, also from it. */
TEST(deleted_namespace)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), i;
	struct kvt_disk d;

	kvt_media_new(&d);
	ASSERT_EQ(kvt_sysfs_set("discard_wait_ms", 1000), 0);
	persist_some(fd, 0, NR);
	close(fd);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(kvt_nl_ns_new(ns, &kvt_through, NULL), 0);
		fd = kvt_file(ns);
		EXPECT_EQ(kvt_delete(fd, 0), -ENOENT);
		expect_some(fd, 0, NR, -ENOENT, 0);
		close(fd);
		kvt_media_off(&d);
		ASSERT_EQ(kvt_nl_ns_del(ns), 0);
		kvt_media_on(&d);
	}
	EXPECT_TRUE(kvt_wait_for(kvt_media_info(&d).v[KVMEM_A_MEDIA_SEGMENTS_FREE] +
				 kvt_media_info(&d).v[KVMEM_A_MEDIA_SEGMENTS_ORPHAN] ==
				 kvt_media_info(&d).v[KVMEM_A_MEDIA_SEGMENTS], 10000));
}

/* Deleting ------------------------------------------------------------------- */

TEST(deletes_last)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), i;
	struct kvt_disk d;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	kvt_dram_empty(fd, ns);
	for (i = 0; i < 5; i++)		/* on flash only */
		EXPECT_EQ(kvt_delete(fd, i), 0);
	expect_some(fd, 5, 5, 0, 0);
	for (i = 5; i < 10; i++)	/* in both */
		EXPECT_EQ(kvt_delete(fd, i), 0);
	expect_some(fd, 0, 10, -ENOENT, 0);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(kvt_delete(fd, i), -ENOENT);
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	expect_some(fd, 0, 10, -ENOENT, 0);
	expect_some(fd, 10, NR - 10, 0, KVMEM_TIER_FLASH);
	/* Another content under the same key. */
	for (i = 0; i < 20; i++) {
		int rc = kvt_delete(fd, i);

		EXPECT_EQ(rc, i < 10 ? -ENOENT : 0);
		EXPECT_EQ(kvt_persist_as(fd, i, 1000 + i, len_of(i)), 0);
	}
	for (i = 0; i < 2; i++) {
		unsigned int k;

		fd = kvt_restart(fd, ns, &kvt_through, &d, true);
		for (k = 0; k < 20; k++) {
			uint8_t *p = malloc(len_of(k));

			EXPECT_EQ(kvt_get(fd, k, p, len_of(k)), 0);
			EXPECT_EQ(kvt_check(p, len_of(k), 1000 + k), -1);
			free(p);
		}
		expect_some(fd, 20, NR - 20, 0, KVMEM_TIER_FLASH);
	}
}

/* A put, a delete, a put, before anything is durable. */
TEST(delete_races_write)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), i, rc;
	struct kvt_disk d;

	kvt_media_new(&d);
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(kvt_put_key(fd, i, len_of(i)), 0);
		if (i % 3 == 0)
			sched_yield();
		EXPECT_EQ(kvt_delete(fd, i), 0);
		rc = kvt_exists(fd, i);
		EXPECT_EQ(rc, -ENOENT);
	}
	kvt_sleep_ms(300);
	expect_some(fd, 0, 300, -ENOENT, 0);
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	expect_some(fd, 0, 300, -ENOENT, 0);
}

static int persist_ttl(int fd, uint64_t key, size_t len, unsigned int ttl_ms)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_PUT, key);
	uint8_t *p = malloc(len);
	int rc;

	kvt_fill(p, len, key);
	op.addr = (uintptr_t)p;
	op.len = len;
	op.ttl_ms = ttl_ms;
	op.flags = KVMEM_OP_F_PERSIST;
	rc = kvt_op(fd, &op);
	free(p);
	return rc;
}

TEST(time_to_live)
{
	unsigned int slow = kvt_debug_kernel() ? 4 : 1;
	const char *ns = kvt_ns(&kvt_through);
	uint64_t start = kvt_now_ms();
	int fd = kvt_file(ns);
	struct kvt_disk d;

	kvt_media_new(&d);
	start = kvt_now_ms();
	EXPECT_EQ(persist_ttl(fd, 1, 20000, 6000 * slow), 0);
	EXPECT_EQ(persist_ttl(fd, 2, 20000, 1000000), 0);
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	if (kvt_now_ms() - start < 4500 * slow)
		EXPECT_EQ(kvt_exists(fd, 1), 0);
	EXPECT_EQ(kvt_get_key(fd, 2, 20000), 0);
	while (kvt_now_ms() - start < 6300 * slow)
		kvt_sleep_ms(20);
	EXPECT_EQ(kvt_get_key(fd, 1, 20000), -ENOENT);
	EXPECT_EQ(kvt_get_key(fd, 2, 20000), 0);
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	EXPECT_EQ(kvt_get_key(fd, 1, 20000), -ENOENT);
	EXPECT_EQ(kvt_get_key(fd, 2, 20000), 0);
}

/* Several -------------------------------------------------------------------- */

TEST(two_media)
{
	const char *ns = kvt_ns(&kvt_through);
	unsigned int i, there = 0, on[2];
	int fd = kvt_file(ns), rc;
	struct kvt_disk d[2];

	kvt_media_new(&d[0]);
	kvt_media_new(&d[1]);
	persist_some(fd, 0, NR);
	kvt_media_off(&d[0]);
	persist_some(fd, NR, NR);
	kvt_media_on(&d[0]);
	for (i = 0; i < 2; i++) {
		on[i] = kvt_media_info(&d[i]).v[KVMEM_A_MEDIA_BLOCKS];
		kvt_diag("media %u has %u blocks", i, on[i]);
	}
	EXPECT_EQ(on[0] + on[1], 2 * NR);
	EXPECT_GE(on[1], NR);
	kvt_dram_empty(fd, ns);
	expect_some(fd, 0, 2 * NR, 0, KVMEM_TIER_FLASH);
	kvt_dram_empty(fd, ns);
	kvt_media_off(&d[1]);
	for (i = 0; i < 2 * NR; i++) {
		rc = kvt_get_from(fd, i, len_of(i), NULL, NULL);
		EXPECT_TRUE(rc == 0 || rc == -ENOENT);
		there += !rc;
	}
	EXPECT_EQ(there, on[0]);
}

/* A copy of a media is not the media. */
TEST(twins)
{
	struct kvt_disk d[2];
	uint8_t *p = malloc(64 * MIB);

	kvt_disk_new(&d[0], NULL);
	kvt_disk_new(&d[1], NULL);
	kvt_media_format(&d[0], "1M");
	kvt_disk_read(&d[0], p, 64 * MIB, 0);
	kvt_disk_write(&d[1], p, 64 * MIB, 0);
	kvt_media_on(&d[0]);
	expect_refused(d[1].path, d[1].name, NULL);
	kvt_media_off(&d[0]);
	kvt_media_on(&d[1]);
	free(p);
}

TEST_MAIN()
