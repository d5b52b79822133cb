// SPDX-License-Identifier: GPL-2.0
/*
 * Controllers that kvmem drives itself: taken from the kernel's driver, used,
 * and given back; what one has written the other reads.  In the machine of
 * scripts/lane-own-nvme, which has two: "own0" with namespaces of 512-byte blocks
 * (1), of 4 KiB (2), and of 4 KiB with protection information (3); "own1", one of
 * whose sectors cannot be read; and "own2", in a slot that it is taken out of.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include "own_nvme.h"
#include "scatter.h"

/* One of the blocks in the first half of own1 has its bad sector. */
#define BAD_BYTES	(128 * KIB)

static const struct kvt_ns_opts through = {
	.flash_mode = KVMEM_FLASH_MODE_THROUGH, .quota_blocks = 64,
};

/* Both drivers --------------------------------------------------------------------- */

static void forget(int fd, const char *ns)
{
	close(fd);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
}

/* The namespace anew: what it has now comes from the media. */
static int again(const char *ns)
{
	int fd;

	ASSERT_EQ(kvt_nl_ns_new(ns, &through, NULL), 0);
	fd = kvt_file(ns);
	/* Blocks are adopted in the background; DELETE waits for that. */
	EXPECT_EQ(kvt_delete(fd, 1ULL << 62), -ENOENT);
	return fd;
}

static void write_sizes(int fd, uint64_t first)
{
	unsigned int i;

	for (i = 0; i < kvt_nr_sizes; i++)
		EXPECT(!kvt_persist(fd, first + i, kvt_sizes[i]), "%zu bytes", kvt_sizes[i]);
}

static void read_sizes(int fd, uint64_t first)
{
	unsigned int i;
	uint16_t flags;
	uint8_t tier;
	int rc;

	for (i = 0; i < kvt_nr_sizes; i++) {
		rc = kvt_get_from(fd, first + i, kvt_sizes[i], &tier, &flags);
		EXPECT(!rc && tier == KVMEM_TIER_FLASH, "%zu bytes: %d, tier %u", kvt_sizes[i],
		       rc, tier);
	}
}

static void check_clean(const struct kvt_disk *disk)
{
	EXPECT(!kvt_ctl("media check --data %s", disk->path), "%s", kvt_ctl_text());
}

static void both_ways(const struct own *o, unsigned int nsid)
{
	const char *ns = kvt_ns(&through);
	struct kvt_disk disk;
	int fd;

	own_disk(o, nsid, &disk);
	kvt_media_format(&disk, "8M");
	own_take(o);
	own_attach(o, nsid, &disk);
	fd = kvt_file(ns);
	write_sizes(fd, 0);
	EXPECT_EQ(kvt_media_detach(disk.name), 0);
	forget(fd, ns);
	/* Ours reads what it wrote, */
	own_attach(o, nsid, &disk);
	fd = again(ns);
	read_sizes(fd, 0);
	EXPECT_EQ(own_count(o, "command_errors"), 0);
	EXPECT_EQ(kvt_media_detach(disk.name), 0);
	forget(fd, ns);
	own_release(o);
	/* and so does the kernel's, and the other way round. */
	own_disk(o, nsid, &disk);
	check_clean(&disk);
	kvt_media_on(&disk);
	fd = again(ns);
	read_sizes(fd, 0);
	write_sizes(fd, 1000);
	kvt_media_off(&disk);
	forget(fd, ns);
	own_take(o);
	own_attach(o, nsid, &disk);
	fd = again(ns);
	read_sizes(fd, 0);
	read_sizes(fd, 1000);
	EXPECT_EQ(kvt_media_detach(disk.name), 0);
	own_release(o);
	close(fd);
}

TEST_TIMEOUT(both_ways_512, 120)
{
	struct own o;

	own_find(&o, "own0");
	both_ways(&o, 1);
}

TEST_TIMEOUT(both_ways_4096, 120)
{
	struct own o;

	own_find(&o, "own0");
	both_ways(&o, 2);
}

TEST_TIMEOUT(both_ways_protected, 120)
{
	struct own o;

	own_find(&o, "own0");
	both_ways(&o, 3);
}

/* What lies apart is a range for each, and they are one command. */
TEST_TIMEOUT(discards_scattered, 120)
{
	const char *ns = kvt_ns(&through);
	struct kvt_disk disk;
	struct scatter seen;
	struct own_user u;
	struct own o;

	own_find(&o, "own0");
	own_disk(&o, 4, &disk);
	kvt_media_format(&disk, SCATTER_SEGMENT);
	own_take(&o);
	own_attach(&o, 4, &disk);
	own_user_open(&u, ns, 256 * KIB);
	scatter_run(&disk, u.fd, u.buf, u.p, &seen);
	kvt_media_off(&disk);
	own_release(&o);
}

TEST_TIMEOUT(hands_change_often, 300)
{
	unsigned int i, rounds = kvt_scale(10, 100);
	const char *ns = kvt_ns(&through);
	struct kvt_disk disk;
	struct own o;
	int fd, rc;

	own_find(&o, "own0");
	own_disk(&o, 1, &disk);
	kvt_media_format(&disk, "1M");
	fd = kvt_file(ns);
	for (i = 0; i < rounds; i++) {
		own_take(&o);
		own_attach(&o, 1, &disk);
		EXPECT_EQ(kvt_persist(fd, i, 64 * KIB + i), 0);
		EXPECT_EQ(kvt_media_detach(disk.name), 0);
		own_release(&o);
	}
	forget(fd, ns);
	own_disk(&o, 1, &disk);
	check_clean(&disk);
	kvt_media_on(&disk);
	fd = again(ns);
	/* Each time it begins a segment, so the oldest of many have been reclaimed. */
	for (i = 0; i < rounds; i++) {
		rc = kvt_get_key(fd, i, 64 * KIB + i);
		EXPECT(!rc || (rc == -ENOENT && i + 40 < rounds), "%u: %d", i, rc);
	}
	close(fd);
}

/* Who may ---------------------------------------------------------------------------- */

TEST(refusals)
{
	const char *ns = kvt_ns(&through);
	struct kvt_disk disk, other;
	char command[128];
	struct own o;

	(void)ns;
	own_find(&o, "own0");
	own_disk(&o, 1, &disk);
	own_disk(&o, 2, &other);
	/* In use: an attached media */
	kvt_media_format(&disk, "1M");
	kvt_media_on(&disk);
	EXPECT_NE(kvt_ctl("nvme take %s", o.address), 0);
	EXPECT(strstr(kvt_ctl_text(), "in use"), "%s", kvt_ctl_text());
	kvt_media_off(&disk);
	/* Somebody's */
	snprintf(command, sizeof(command), "mkswap %s >/dev/null", other.path);
	ASSERT_EQ(system(command), 0);
	EXPECT_NE(kvt_ctl("nvme take %s", o.address), 0);
	EXPECT(strstr(kvt_ctl_text(), "swap"), "%s", kvt_ctl_text());
	EXPECT_EQ(kvt_ctl("nvme take --force %s", o.address), 0);
	/* Ours, and in use */
	own_attach(&o, 1, &disk);
	EXPECT_EQ(own_count(&o, "open_namespaces"), 1);
	EXPECT_NE(kvt_ctl("nvme release %s", o.address), 0);
	snprintf(command, sizeof(command), "nvme:%s/1", o.address);
	EXPECT_EQ(kvt_media_attach(command, "twice", NULL), -EBUSY);
	snprintf(command, sizeof(command), "nvme:%s/77", o.address);
	EXPECT_EQ(kvt_media_attach(command, "none", NULL), -ENODEV);
	EXPECT_EQ(kvt_media_attach("nvme:nonsense", "none", NULL), -EINVAL);
	EXPECT_EQ(kvt_media_attach("nothing:1", "none", NULL), -ENODEV);
	EXPECT_EQ(kvt_media_detach(disk.name), 0);
	own_release(&o);
	own_disk(&o, 2, &other);
	EXPECT_EQ(kvt_ctl("media format --force %s", other.path), 0);
	EXPECT_NE(kvt_ctl("nvme take 0000:77:00.0"), 0);
	EXPECT_NE(kvt_ctl("nvme release %s", o.address), 0);
	EXPECT_EQ(kvt_ctl("nvme list"), 0);
	EXPECT(strstr(kvt_ctl_text(), o.address), "%s", kvt_ctl_text());
}

/* Batches ------------------------------------------------------------------------------ */

#define BATCH		32
#define BATCH_BYTES	(16 * KIB)

static void put_batch(struct own_user *u, uint64_t first)
{
	struct kvmem_op ops[BATCH];
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		kvt_fill(u->p + i * BATCH_BYTES, BATCH_BYTES, first + i);
		ops[i] = own_op(u, KVMEM_OP_PUT, first + i, BATCH_BYTES, i * BATCH_BYTES);
	}
	kvt_batch(u->fd, ops, BATCH);
	for (i = 0; i < BATCH; i++) {
		EXPECT_EQ(ops[i].status, 0);
		EXPECT_EQ(ops[i].tier, KVMEM_TIER_FLASH);
	}
}

/* How many came back right. */
static unsigned int get_batch(struct own_user *u, uint64_t first, int *status)
{
	struct kvmem_op ops[BATCH];
	unsigned int i, good = 0;

	memset(u->p, 0xee, BATCH * BATCH_BYTES);
	for (i = 0; i < BATCH; i++)
		ops[i] = own_op(u, KVMEM_OP_GET, first + i, BATCH_BYTES, i * BATCH_BYTES);
	kvt_batch(u->fd, ops, BATCH);
	for (i = 0; i < BATCH; i++) {
		if (ops[i].status) {
			*status = ops[i].status;
			continue;
		}
		if (kvt_check(u->p + i * BATCH_BYTES, BATCH_BYTES, first + i) < 0)
			good++;
		else
			kvt_fail(__FILE__, __LINE__, "wrong bytes for %llu",
				 (unsigned long long)first + i);
	}
	return good;
}

/* A namespace, ours and attached, and a user. */
struct stage {
	struct own o;
	struct kvt_disk disk;
	struct own_user u;
	const char *ns;
};

static void stage_up_on(struct stage *s, const char *serial, unsigned int nsid)
{
	s->ns = kvt_ns(&through);
	own_find(&s->o, serial);
	own_disk(&s->o, nsid, &s->disk);
	kvt_media_format(&s->disk, "8M");
	own_take(&s->o);
	own_attach(&s->o, nsid, &s->disk);
	own_user_open(&s->u, s->ns, BATCH * BATCH_BYTES);
}

static void stage_up(struct stage *s, unsigned int nsid)
{
	stage_up_on(s, "own0", nsid);
}

static void stage_down(struct stage *s)
{
	EXPECT_EQ(kvt_media_detach(s->disk.name), 0);
	own_timeouts(0, 0);
	own_release(&s->o);
}

/* The controller hears of a batch once. */
TEST(doorbells)
{
	int64_t commands, rings;
	unsigned int i;
	struct stage s;
	int status = 0;

	stage_up(&s, 1);
	put_batch(&s.u, 0);
	commands = own_count(&s.o, "commands");
	rings = own_count(&s.o, "doorbells") + own_count(&s.o, "doorbells_spared");
	for (i = 0; i < 20; i++)
		EXPECT_EQ(get_batch(&s.u, 0, &status), BATCH);
	commands = own_count(&s.o, "commands") - commands;
	rings = own_count(&s.o, "doorbells") + own_count(&s.o, "doorbells_spared") - rings;
	kvt_diag("%lld commands, rung %lld times; the register was written %lld times in all",
		 (long long)commands, (long long)rings, (long long)own_count(&s.o, "doorbells"));
	EXPECT_GE(commands, 20 * BATCH);
	EXPECT_GE(commands, rings * 16);
	stage_down(&s);
}

/* Faults --------------------------------------------------------------------------------- */

#define USERS	8

/* Gets in a loop, until told to stop. */
struct load {
	pthread_t thread;
	struct own_user u;
	uint64_t first;
	unsigned long good, bad;
	int status;
	volatile bool *stop;
};

static void *load_run(void *arg)
{
	struct load *l = arg;
	unsigned int good;

	do {
		good = get_batch(&l->u, l->first, &l->status);
		l->good += good;
		l->bad += BATCH - good;
	} while (!*l->stop);
	return NULL;
}

/* With @deaf no completion is seen from the first get on. */
static void load_start(struct load *loads, const char *ns, volatile bool *stop,
		       const struct own *deaf)
{
	unsigned int i;

	*stop = false;
	memset(loads, 0, USERS * sizeof(*loads));
	for (i = 0; i < USERS; i++) {
		loads[i].first = i * BATCH;
		loads[i].stop = stop;
		own_user_open(&loads[i].u, ns, BATCH * BATCH_BYTES);
		put_batch(&loads[i].u, loads[i].first);
	}
	if (deaf)
		own_fault(deaf, "drop", 1000000);
	for (i = 0; i < USERS; i++)
		ASSERT_EQ(pthread_create(&loads[i].thread, NULL, load_run, &loads[i]), 0);
}

static void load_stop(struct load *loads, volatile bool *stop, unsigned long *good,
		      unsigned long *bad)
{
	unsigned int i;

	*stop = true;
	*good = 0;
	*bad = 0;
	for (i = 0; i < USERS; i++) {
		pthread_join(loads[i].thread, NULL);
		*good += loads[i].good;
		*bad += loads[i].bad;
		close(loads[i].u.fd);
	}
}

/*
 * No completion is seen any more, until all tags are out; what was under way is
 * then sent again after a reset, and nobody notices but for the time.
 */
TEST_TIMEOUT(reset_in_flight, 120)
{
	static struct load loads[USERS];
	unsigned long good, bad;
	volatile bool stop;
	struct stage s;

	stage_up(&s, 1);
	own_timeouts(1000, 5000);
	load_start(loads, s.ns, &stop, &s.o);
	kvt_sleep_ms(500);
	own_fault(&s.o, "drop", 0);
	EXPECT_TRUE(kvt_wait_for(own_count(&s.o, "resets") >= 1, 10000));
	kvt_sleep_ms(500);
	load_stop(loads, &stop, &good, &bad);
	kvt_diag("%lu good, %lu not; timeouts %lld, aborts %lld, resets %lld, retries %lld", good,
		 bad, (long long)own_count(&s.o, "timeouts"), (long long)own_count(&s.o, "aborts"),
		 (long long)own_count(&s.o, "resets"), (long long)own_count(&s.o, "retries"));
	EXPECT_GE(own_count(&s.o, "timeouts"), 1);
	EXPECT_GE(own_count(&s.o, "aborts"), 1);
	/* 256 gets want a tag, and each of the two queues has 127. */
	EXPECT_GE(own_count(&s.o, "retries"), 127);
	EXPECT_EQ(bad, 0);
	EXPECT_GE(good, USERS * BATCH);
	stage_down(&s);
}

/* The function is reset from outside, as is a machine that sleeps: nobody notices. */
TEST_TIMEOUT(function_reset, 120)
{
	static struct load loads[USERS];
	unsigned long good, bad;
	char command[160], state[64];
	volatile bool stop;
	struct stage s;
	int i;

	stage_up(&s, 3);
	load_start(loads, s.ns, &stop, NULL);
	snprintf(command, sizeof(command), "echo 1 >/sys/bus/pci/devices/%s/reset", s.o.address);
	for (i = 0; i < 5; i++) {
		kvt_sleep_ms(100);
		EXPECT_EQ(system(command), 0);
		own_state(&s.o, state, sizeof(state));
		EXPECT(!strcmp(state, "live"), "%s", state);
	}
	load_stop(loads, &stop, &good, &bad);
	kvt_diag("%lu good, %lu not", good, bad);
	EXPECT_EQ(bad, 0);
	EXPECT_GE(good, USERS * BATCH);
	EXPECT_EQ(own_count(&s.o, "resets"), 5);
	EXPECT_EQ(own_count(&s.o, "timeouts"), 0);
	EXPECT_EQ(kvt_media_info(&s.disk).state, KVMEM_MEDIA_STATE_LIVE);
	put_batch(&s.u, 5000);
	stage_down(&s);
}

/* Completions that come twice, or for a command that has long ended otherwise. */
TEST_TIMEOUT(stale_completions, 120)
{
	int64_t stale;
	struct stage s;
	int status = 0;

	stage_up(&s, 1);
	put_batch(&s.u, 0);
	own_fault(&s.o, "duplicate", 20);
	EXPECT_EQ(get_batch(&s.u, 0, &status), BATCH);
	stale = own_count(&s.o, "stale_completions");
	EXPECT_EQ(stale, 20);
	own_timeouts(200, 5000);
	own_fault(&s.o, "late", 8);
	EXPECT_EQ(get_batch(&s.u, 0, &status), BATCH);
	EXPECT_GE(own_count(&s.o, "retries"), 8);
	/* Their tags are used again by now, in another generation. */
	own_fault(&s.o, "release", 1);
	EXPECT_EQ(get_batch(&s.u, 0, &status), BATCH);
	EXPECT_EQ(get_batch(&s.u, 0, &status), BATCH);
	kvt_wait_for(own_count(&s.o, "stale_completions") >= stale + 8, 5000);
	EXPECT_EQ(own_count(&s.o, "stale_completions"), stale + 8);
	EXPECT_EQ(get_batch(&s.u, 0, &status), BATCH);
	stage_down(&s);
}

static bool bound_to_us(const struct own *o)
{
	char state[64];

	own_state(o, state, sizeof(state));
	return *state;
}

/* Everything ends, the media fails, the driver lets go, and it works again. */
TEST_TIMEOUT(stops_answering, 120)
{
	static struct load loads[USERS];
	unsigned long good, bad;
	uint64_t start;
	volatile bool stop;
	struct stage s;

	stage_up(&s, 1);
	load_start(loads, s.ns, &stop, NULL);
	own_timeouts(300, 500);
	kvt_sleep_ms(200);
	start = kvt_now_ms();
	own_fault(&s.o, "mute", 1);
	EXPECT_TRUE(kvt_wait_for(!bound_to_us(&s.o), 20000));
	load_stop(loads, &stop, &good, &bad);
	kvt_diag("all had ended %llu ms after the last answer: %lu good, %lu not, status %d",
		 (unsigned long long)(kvt_now_ms() - start), good, bad, loads[0].status);
	EXPECT_GT(bad, 0);
	EXPECT_TRUE(kvt_wait_for(kvt_media_info(&s.disk).state == KVMEM_MEDIA_STATE_FAILED, 5000));
	EXPECT_EQ(kvt_media_detach(s.disk.name), 0);
	own_timeouts(0, 0);
	own_release(&s.o);
	own_disk(&s.o, 1, &s.disk);
	check_clean(&s.disk);
	own_take(&s.o);
	own_release(&s.o);
}

/* Taken away under load, by the administrator and by the bus. */
TEST_TIMEOUT(goes_under_load, 120)
{
	static struct load loads[USERS];
	unsigned long good, bad;
	char command[160];
	volatile bool stop;
	struct stage s;

	stage_up(&s, 2);
	load_start(loads, s.ns, &stop, NULL);
	kvt_sleep_ms(200);
	EXPECT_EQ(kvt_ctl("nvme release --force %s", s.o.address), 0);
	load_stop(loads, &stop, &good, &bad);
	kvt_diag("released: %lu good, %lu not", good, bad);
	EXPECT_EQ(kvt_media_info(&s.disk).state, KVMEM_MEDIA_STATE_FAILED);
	EXPECT_EQ(kvt_media_detach(s.disk.name), 0);

	stage_up(&s, 2);
	load_start(loads, s.ns, &stop, NULL);
	kvt_sleep_ms(200);
	snprintf(command, sizeof(command), "echo 1 >/sys/bus/pci/devices/%s/remove", s.o.address);
	EXPECT_EQ(system(command), 0);
	load_stop(loads, &stop, &good, &bad);
	kvt_diag("removed: %lu good, %lu not", good, bad);
	EXPECT_EQ(kvt_media_detach(s.disk.name), 0);
	EXPECT_EQ(system("echo 1 >/sys/bus/pci/rescan"), 0);
	own_find(&s.o, "own0");
	own_disk(&s.o, 2, &s.disk);
	check_clean(&s.disk);
}

/* The same, again and again: the kernel's driver gets a working controller each time. */
TEST_TIMEOUT(hands_change_under_load, 900)
{
	static struct load loads[USERS];
	unsigned int i, rounds = kvt_scale(1, 100);
	unsigned long good, bad, all = 0;
	volatile bool stop;
	struct stage s;

	for (i = 0; i < rounds; i++) {
		stage_up(&s, 1);
		load_start(loads, s.ns, &stop, NULL);
		kvt_sleep_ms(20 + i % 50);
		EXPECT_EQ(kvt_ctl("nvme release --force %s", s.o.address), 0);
		load_stop(loads, &stop, &good, &bad);
		all += good;
		EXPECT_EQ(kvt_media_detach(s.disk.name), 0);
		own_disk(&s.o, 1, &s.disk);
		check_clean(&s.disk);
		EXPECT_EQ(kvt_nl_ns_del(s.ns), 0);
	}
	kvt_diag("%u times, %lu gets", rounds, all);
	EXPECT_GT(all, 0);
}

/* A sector that cannot be read fails the block it is in, and no other. */
TEST_TIMEOUT(bad_sector, 120)
{
	const char *ns = kvt_ns(&through);
	unsigned int failed = 0;
	struct kvt_disk disk;
	struct own_user u;
	struct kvmem_op op;
	uint64_t key, nr;
	struct own o;
	int rc;

	own_find(&o, "own1");
	own_disk(&o, 1, &disk);
	kvt_media_format(&disk, "1M");
	own_take(&o);
	own_attach(&o, 1, &disk);
	own_user_open(&u, ns, BAD_BYTES);
	nr = disk.bytes / BAD_BYTES / 2;
	for (key = 0; key < nr; key++) {
		kvt_fill(u.p, BAD_BYTES, key);
		op = own_op(&u, KVMEM_OP_PUT, key, BAD_BYTES, 0);
		ASSERT_EQ(kvt_op(u.fd, &op), 0);
		ASSERT_EQ(op.tier, KVMEM_TIER_FLASH);
	}
	for (key = 0; key < nr; key++) {
		op = own_op(&u, KVMEM_OP_GET, key, BAD_BYTES, 0);
		rc = kvt_op(u.fd, &op);
		failed += rc == -EIO;
		EXPECT(!rc || rc == -EIO, "%llu: %d", (unsigned long long)key, rc);
		if (!rc)
			EXPECT_EQ(kvt_check(u.p, BAD_BYTES, key), -1);
	}
	EXPECT_EQ(failed, 1);
	EXPECT_EQ(own_count(&o, "command_errors"), 1);
	EXPECT_EQ(own_count(&o, "resets"), 0);
	EXPECT_EQ(kvt_media_detach(disk.name), 0);
	own_release(&o);
}

/* Only QEMU can ------------------------------------------------------------------------ */

static void qemu(const char *command)
{
	const char *out = getenv("KVMEM_OUT") ?: "/mnt/out";
	char ask[256], new[256], path[256], answer[256] = "";
	FILE *f;

	snprintf(new, sizeof(new), "%s/qmp.writing", out);
	snprintf(ask, sizeof(ask), "%s/qmp.ask", out);
	snprintf(path, sizeof(path), "%s/qmp.answer", out);
	unlink(path);
	f = fopen(new, "we");
	ASSERT_TRUE(f);
	fprintf(f, "%s\n", command);
	fclose(f);
	ASSERT_EQ(rename(new, ask), 0);
	ASSERT(kvt_wait_for(!access(path, R_OK), 20000), "an answer from scripts/lane-own-nvme");
	f = fopen(path, "re");
	ASSERT_TRUE(f);
	ASSERT_TRUE(fgets(answer, sizeof(answer), f));
	fclose(f);
	ASSERT(!strcmp(answer, "ok\n"), "%s: %s", command, answer);
}

static void warn(unsigned int bits)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "{'execute': 'qom-set', 'arguments': {'path': '%s', 'property': '%s', 'value': %u}}",
		 "/machine/peripheral/own0", "smart_critical_warning", bits);
	qemu(command);
}

/* The controller warns by itself; twice, so the next event was asked for. */
TEST(events)
{
	struct stage s;
	int status = 0;

	stage_up(&s, 1);
	put_batch(&s.u, 0);
	warn(4);
	EXPECT_TRUE(kvt_wait_for(own_count(&s.o, "events") == 1, 5000));
	warn(0);
	EXPECT_EQ(kvt_media_info(&s.disk).state, KVMEM_MEDIA_STATE_LIVE);
	/* It says that it takes no writes any more. */
	warn(8);
	EXPECT_TRUE(kvt_wait_for(own_count(&s.o, "events") == 2, 5000));
	EXPECT_TRUE(kvt_wait_for(kvt_media_info(&s.disk).state == KVMEM_MEDIA_STATE_READ_ONLY,
				 5000));
	EXPECT_EQ(get_batch(&s.u, 0, &status), BATCH);
	warn(0);
	stage_down(&s);
}

/*
 * Taken out of its slot: the slot asks the kernel, which removes the driver before the
 * power goes.  Everything that is under way ends, and nothing is left to give back.
 */
TEST_TIMEOUT(unplugged_under_load, 120)
{
	static struct load loads[USERS];
	unsigned long good, bad;
	char path[96];
	volatile bool stop;
	struct stage s;

	stage_up_on(&s, "own2", 1);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", s.o.address);
	load_start(loads, s.ns, &stop, NULL);
	kvt_sleep_ms(200);
	qemu("{'execute': 'device_del', 'arguments': {'id': 'own2'}}");
	EXPECT_TRUE(kvt_wait_for(access(path, F_OK), 30000));
	load_stop(loads, &stop, &good, &bad);
	kvt_diag("%lu good, %lu not, status %d", good, bad, loads[0].status);
	EXPECT_GE(good, USERS * BATCH);
	EXPECT_TRUE(kvt_wait_for(kvt_media_info(&s.disk).state == KVMEM_MEDIA_STATE_FAILED, 5000));
	EXPECT_EQ(kvt_media_detach(s.disk.name), 0);
	EXPECT_NE(kvt_ctl("nvme release %s", s.o.address), 0);
}

/* One bit in the file behind a drive that guards its blocks: the drive says so. */
TEST(guard)
{
	char command[128] = "flip 3 ";
	struct kvmem_op op;
	struct stage s;
	unsigned int i;

	stage_up(&s, 3);
	kvt_fill(s.u.p, BAD_BYTES, 42);
	for (i = 0; i < 32; i++)
		sprintf(command + 7 + 2 * i, "%02x", s.u.p[i]);
	op = own_op(&s.u, KVMEM_OP_PUT, 42, BAD_BYTES, 0);
	ASSERT_EQ(kvt_op(s.u.fd, &op), 0);
	op = own_op(&s.u, KVMEM_OP_GET, 42, BAD_BYTES, 0);
	EXPECT_EQ(kvt_op(s.u.fd, &op), 0);
	EXPECT_EQ(own_count(&s.o, "command_errors"), 0);
	qemu(command);
	op = own_op(&s.u, KVMEM_OP_GET, 42, BAD_BYTES, 0);
	EXPECT_EQ(kvt_op(s.u.fd, &op), -ENOENT);
	EXPECT_TRUE(op.res_flags & KVMEM_RES_F_CORRUPT);
	EXPECT_EQ(op.bytes, 0);
	/* Not only our checksum */
	EXPECT_EQ(own_count(&s.o, "command_errors"), 1);
	stage_down(&s);
}

TEST_MAIN()
