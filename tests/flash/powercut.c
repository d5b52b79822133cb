// SPDX-License-Identifier: GPL-2.0
/*
 * Power cuts at random moments under load, and what is there afterwards.
 *
 * cuts: within one guest, on a disk whose volatile cache is lost with its
 *	power; the cache writes back what it likes first, so what was not
 *	flushed is lost and reordered.
 * boot: one boot of a guest on a drive that outlives it.  Checks what the boots
 *	before promised (the log in $KVMEM_OUT), then promises more until the
 *	machine is killed; with KVMEM_CUT_LAST it only checks.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "kvmem_flash.h"
#include "model.h"

static struct pc_model model;
static pthread_mutex_t model_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *ns_name[PC_THREADS];
static volatile bool stop;
static int log_fd = -1;
static unsigned long counts[6];	/* by event */
static const struct kvt_ns_opts ns_opts = {
	.flash_mode = KVMEM_FLASH_MODE_THROUGH, .quota_blocks = 40,
};

/* The record is on the other side before the model, and the caller, go on. */
static void note(enum pc_event event, unsigned int thread, unsigned int key, uint32_t gen,
		 size_t bytes)
{
	struct pc_record r = { .event = event, .thread = thread, .key = key, .gen = gen,
			       .magic = PC_MAGIC };

	pthread_mutex_lock(&model_lock);
	r.written = model.written + bytes;
	if (log_fd >= 0 && write(log_fd, &r, sizeof(r)) != sizeof(r)) {
		kvt_fail(__FILE__, __LINE__, "the log: %s", strerror(errno));
		kvt_abort();
	}
	pc_apply(&model, &r);
	counts[event]++;
	pthread_mutex_unlock(&model_lock);
}

/* Writing -------------------------------------------------------------------- */

/* The generation that @p is, of those that may be there. */
static bool which(unsigned int thread, unsigned int key, const uint8_t *p, size_t len,
		  uint32_t *gen)
{
	for (*gen = 1; *gen <= model.key[thread][key].gen; ++*gen)
		if (len == pc_length(thread, key, *gen) &&
		    kvt_check(p, len, pc_content(thread, key, *gen)) < 0)
			return true;
	return false;
}

/* Deleted first, so that the put never finds another generation there. */
static int cut_delete(int fd, unsigned int thread, unsigned int key)
{
	int rc;

	note(PC_DELETE, thread, key, 0, 0);
	rc = kvt_delete(fd, key);
	if (!rc || rc == -ENOENT)
		note(PC_DELETED, thread, key, 0, 0);
	return rc;
}

/* What was deleted is there: all that tells where it came from. */
static void cut_came_back(int fd, unsigned int thread, unsigned int key, int deleted,
			  const struct kvmem_op *put)
{
	struct kvmem_op get = kvt_make_op(KVMEM_OP_GET, key);
	uint8_t *p = kvt_pages_new(MIB);
	uint32_t gen = 0;

	get.addr = (uintptr_t)p;
	get.len = MIB;
	if (!kvt_op(fd, &get) && !which(thread, key, p, get.bytes, &gen))
		gen = UINT32_MAX;
	kvt_fail(__FILE__, __LINE__, "%u.%u to be new after its deletion, which gave %d", thread,
		 key, deleted);
	kvt_diag("put of generation %u, %zu bytes: %d, found %llu bytes in tier %u",
		 model.key[thread][key].gen,
		 pc_length(thread, key, model.key[thread][key].gen), put->status,
		 (unsigned long long)put->bytes, put->tier);
	kvt_diag("now: %d, generation %u in tier %u", get.status, gen, get.tier);
	munmap(p, MIB);
}

static void cut_put(int fd, unsigned int thread, unsigned int key, bool persist, int deleted,
		    uint8_t *p)
{
	uint32_t gen = model.key[thread][key].gen + 1;
	struct kvmem_op op = kvt_make_op(KVMEM_OP_PUT, key);
	int rc;

	op.len = pc_length(thread, key, gen);
	op.addr = (uintptr_t)p;
	op.flags = persist ? KVMEM_OP_F_PERSIST : 0;
	kvt_fill(p, op.len, pc_content(thread, key, gen));
	note(PC_PUT, thread, key, gen, op.len);
	rc = kvt_op(fd, &op);
	if (op.res_flags & KVMEM_RES_F_EXISTED)
		cut_came_back(fd, thread, key, deleted, &op);
	if (!rc && op.res_flags & KVMEM_RES_F_PERSISTED)
		note(PC_PERSISTED, thread, key, gen, 0);
}

static void *cut_writer(void *arg)
{
	unsigned int thread = (uintptr_t)arg, key;
	uint64_t state = kvt_now_ms() * 31 + thread;
	uint8_t *p = kvt_pages_new(MIB);
	int fd = kvt_file(ns_name[thread]), rc;

	while (!stop) {
		key = kvt_rand(&state) % PC_KEYS;
		if (!pc_can_put(&model, thread, key))
			continue;
		rc = cut_delete(fd, thread, key);
		if ((rc && rc != -ENOENT) || kvt_rand(&state) % 8 == 0)
			continue;
		cut_put(fd, thread, key, kvt_rand(&state) % 5 != 0, rc, p);
	}
	munmap(p, MIB);
	close(fd);
	return NULL;
}

static pthread_t writers[PC_THREADS];

static void start_writers(void)
{
	unsigned int i;

	stop = false;
	for (i = 0; i < PC_THREADS; i++)
		ASSERT_EQ(pthread_create(&writers[i], NULL, cut_writer, (void *)(uintptr_t)i), 0);
}

static void stop_writers(void)
{
	unsigned int i;

	stop = true;
	for (i = 0; i < PC_THREADS; i++)
		pthread_join(writers[i], NULL);
}

/* Checking ------------------------------------------------------------------- */

static const struct kvt_disk *disk;	/* of cuts: at hand, */
static uint64_t evicted;		/* and since it was formatted, but for the last attach */

/* Segments may have been few, and reclaim begins as soon as the tables are read. */
static void look_for_evictions(void)
{
	if (disk && kvt_media_info(disk).v[KVMEM_A_MEDIA_EVICTED])
		model.keep = PC_KEEP;
}

static void expect_missing(unsigned int thread, unsigned int key, const struct kvmem_op *op)
{
	const struct pc_key *k = &model.key[thread][key];

	if (!pc_may_be_absent(&model, thread, key))
		look_for_evictions();
	EXPECT(op->status == -ENOENT, "%u.%u: a hit or a miss, not %d", thread, key, op->status);
	EXPECT(!(op->res_flags & KVMEM_RES_F_CORRUPT),
	       "%u.%u: what has an entry to have its bytes", thread, key);
	EXPECT(pc_may_be_absent(&model, thread, key),
	       "%u.%u to be there: generation %u of %u was persisted %llu bytes ago", thread,
	       key, k->maybe[0], k->gen, (unsigned long long)(model.written - k->at));
	note(PC_MISSING, thread, key, 0, 0);
}

static void expect_found(unsigned int thread, unsigned int key, const struct kvmem_op *op,
			 const uint8_t *p)
{
	const struct pc_key *k = &model.key[thread][key];
	uint32_t gen;

	if (!which(thread, key, p, op->bytes, &gen)) {
		kvt_fail(__FILE__, __LINE__, "%u.%u: right bytes in %llu", thread, key,
			 (unsigned long long)op->bytes);
		return;
	}
	EXPECT(pc_may_be(&model, thread, key, gen),
	       "%u.%u: generation %u is not back: %u of %u may be there, %u first", thread, key,
	       gen, k->nr_maybe, k->gen, k->maybe[0]);
	note(PC_FOUND, thread, key, gen, 0);
}

static void check_one(int fd, unsigned int thread, unsigned int key, uint8_t *p)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_GET, key);

	op.addr = (uintptr_t)p;
	op.len = MIB;
	if (kvt_op(fd, &op))
		expect_missing(thread, key, &op);
	else
		expect_found(thread, key, &op, p);
}

static void check_all(void)
{
	uint8_t *p = kvt_pages_new(MIB);
	unsigned int t, k;
	int fd;

	for (t = 0; t < PC_THREADS; t++) {
		fd = kvt_file(ns_name[t]);
		kvt_delete(fd, PC_KEYS);	/* waits until all is known */
		for (k = 0; k < PC_KEYS; k++)
			check_one(fd, t, k, p);
		close(fd);
	}
	munmap(p, MIB);
}

static void make_spaces(bool make)
{
	unsigned int t;

	for (t = 0; t < PC_THREADS; t++)
		ASSERT_EQ(make ? kvt_nl_ns_new(ns_name[t], &ns_opts, NULL) :
				 kvt_nl_ns_del(ns_name[t]), 0);
}

static void show_counts(const char *what)
{
	kvt_diag("%s: %lu puts, %lu persisted, %lu deletes, %lu found, %lu missing", what,
		 counts[PC_PUT], counts[PC_PERSISTED], counts[PC_DELETED], counts[PC_FOUND],
		 counts[PC_MISSING]);
}

/* In one guest ---------------------------------------------------------------- */

static void one_cut(const struct kvt_disk *d, unsigned int nr, unsigned int after_ms)
{
	start_writers();
	kvt_sleep_ms(after_ms);
	kvt_disk_power(d, false);
	stop_writers();
	evicted += kvt_media_info(d).v[KVMEM_A_MEDIA_EVICTED];
	model.keep = evicted ? PC_KEEP : 0;
	kvt_media_off(d);
	make_spaces(false);
	kvt_disk_power(d, true);
	if (nr % 4 == 1)
		EXPECT(!kvt_ctl("media check --data %s", d->path), "a sound media: %s",
		       kvt_ctl_text());
	make_spaces(true);
	kvt_media_on(d);
	EXPECT_EQ(kvt_media_info(d).state, KVMEM_MEDIA_STATE_LIVE);
	check_all();
}

/* A small disk is reclaimed all the time, a large one never. */
static void cuts_on(unsigned int mib, unsigned int nr, uint64_t *state)
{
	struct kvt_disk_opts o = { .mib = mib, .cache_mib = 1 + kvt_rand(state) % 3 };
	struct kvt_disk d;
	unsigned int i;

	kvt_disk_new(&d, &o);
	kvt_media_format(&d, "1M");
	pc_init(&model, 0);
	evicted = 0;
	disk = &d;
	make_spaces(true);
	kvt_media_on(&d);
	for (i = 0; i < nr && !kvt_failed(); i++)
		one_cut(&d, i, 20 + kvt_rand(state) % 400);
	kvt_diag("%u MiB, cache %u MiB: %u cuts, %llu evicted", mib, o.cache_mib, i,
		 (unsigned long long)evicted);
	disk = NULL;
	kvt_media_off(&d);
	make_spaces(false);
	kvt_disk_free(&d);
}

TEST_TIMEOUT(cuts, 280)
{
	unsigned int left = kvt_scale(10, 490), nr, round;
	uint64_t state = kvt_now_ms();

	kvt_diag("seed %llu", (unsigned long long)state);
	for (nr = 0; nr < PC_THREADS; nr++)
		ns_name[nr] = kvt_name();
	for (round = 0; left && !kvt_failed(); round++, left -= nr) {
		nr = left < 5 ? left : 5;
		cuts_on(round & 1 ? 24 : 128, nr, &state);
	}
	show_counts("cuts");
	EXPECT_GT(counts[PC_PERSISTED], 100);
	EXPECT_GT(counts[PC_FOUND], 100);
}

/* Over several boots ---------------------------------------------------------- */

static const char *out_file(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", getenv("KVMEM_OUT") ?: "/mnt/out", name);
	return path;
}

static unsigned int replay_log(void)
{
	unsigned int nr = 0;
	struct pc_record r;

	log_fd = open(out_file("promises"), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	ASSERT(log_fd >= 0, "%s: %s", out_file("promises"), strerror(errno));
	for (; read(log_fd, &r, sizeof(r)) == sizeof(r) && r.magic == PC_MAGIC; nr++)
		pc_apply(&model, &r);
	return nr;
}

static void touch(const char *name)
{
	int fd = open(out_file(name), O_WRONLY | O_CREAT, 0644);

	ASSERT(fd >= 0, "%s: %s", out_file(name), strerror(errno));
	close(fd);
}

TEST_TIMEOUT(boot, 280)
{
	static const char * const names[] = { "powercut.0", "powercut.1", "powercut.2" };
	struct kvt_disk d = { .name = "powercut", .path = "/dev/nvme0n1" };
	const char *mib = getenv("KVMEM_CUT_MIB");
	uint64_t state = kvt_now_ms() ^ time(NULL) << 20;

	ASSERT_EQ(system("modprobe nvme"), 0);
	ASSERT_TRUE(kvt_wait_for(!access(d.path, R_OK | W_OK), 20000));
	memcpy(ns_name, names, sizeof(ns_name));
	/* On a small drive blocks go when their segment is wanted. */
	pc_init(&model, mib && atoi(mib) < 64 ? PC_KEEP : 0);
	if (!replay_log())
		kvt_media_format(&d, "1M");
	make_spaces(true);
	kvt_media_on(&d);
	check_all();
	show_counts("boot");
	if (getenv("KVMEM_CUT_LAST") || kvt_failed()) {
		kvt_media_off(&d);
		make_spaces(false);
		return;
	}
	start_writers();
	kvt_sleep_ms(300 + kvt_rand(&state) % 2000);
	touch("cut");
	kvt_sleep_ms(60000);
	kvt_fail(__FILE__, __LINE__, "the machine to be killed");
	stop_writers();
}

TEST_MAIN()
