// SPDX-License-Identifier: GPL-2.0
/*
 * Disks, media and blocks that survive: see kvmem_flash.h.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include "kvmem_flash.h"

#define CONFIGFS	"/sys/kernel/config"
#define NULLB		CONFIGFS "/nullb"
#define PREFIX		"kvt"	/* of the disks that are ours */

/* Disks ---------------------------------------------------------------------- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int disk_try_set(const struct kvt_disk *disk, const char *name, uint64_t value)
{
	char path[160], text[32];

	snprintf(path, sizeof(path), "%s/%s", disk->dir, name);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return write_file(path, text);
}

static void disk_set(const struct kvt_disk *disk, const char *name, uint64_t value)
{
	int rc = disk_try_set(disk, name, value);

	ASSERT(!rc, "%s = %llu of %s: %s", name, (unsigned long long)value, disk->name,
	       strerror(-rc));
}

/* The module makes a disk of its own accord unless told not to. */
static void disk_driver(void)
{
	if (!access(NULLB, F_OK))
		return;
	ASSERT_EQ(system("modprobe configfs 2>/dev/null; modprobe null_blk nr_devices=0"), 0);
	if (access(NULLB, F_OK))
		mount("config", CONFIGFS, "configfs", 0, NULL);
	ASSERT_TRUE(!access(NULLB, F_OK));
}

void kvt_disk_power(const struct kvt_disk *disk, bool on)
{
	disk_set(disk, "power", on);
	if (on)
		ASSERT(kvt_wait_for(!access(disk->path, R_OK | W_OK), 5000), "%s", disk->path);
}

void kvt_disk_resize(struct kvt_disk *disk, unsigned int mib)
{
	disk_set(disk, "size", mib);
	disk->bytes = mib * MIB;
}

/* The driver's own limit of bytes a second hangs on transfers that are long. */
void kvt_disk_slow(const struct kvt_disk *disk, unsigned int ms, unsigned int depth)
{
	disk_set(disk, "irqmode", 2);	/* a timer */
	disk_set(disk, "completion_nsec", ms * 1000000ULL);
	disk_set(disk, "submit_queues", 1);
	disk_set(disk, "hw_queue_depth", depth);
}

void kvt_disk_new(struct kvt_disk *disk, const struct kvt_disk_opts *opts)
{
	static const struct kvt_disk_opts none;
	static unsigned int count;

	if (!opts)
		opts = &none;
	disk_driver();
	snprintf(disk->name, sizeof(disk->name), PREFIX "%dx%u", getpid(), count++);
	snprintf(disk->dir, sizeof(disk->dir), NULLB "/%s", disk->name);
	snprintf(disk->path, sizeof(disk->path), "/dev/%s", disk->name);
	ASSERT(!mkdir(disk->dir, 0755), "%s: %s", disk->dir, strerror(errno));
	kvt_disk_resize(disk, opts->mib ?: 64);
	disk_set(disk, "memory_backed", 1);
	disk_set(disk, "discard", !opts->no_discard);
	disk_set(disk, "blocksize", opts->blocksize ?: 512);
	if (opts->cache_mib)
		disk_set(disk, "cache_size", opts->cache_mib);
	if (opts->delay_ms)
		kvt_disk_slow(disk, opts->delay_ms, 2);
	kvt_disk_power(disk, true);
}

void kvt_disk_free(const struct kvt_disk *disk)
{
	disk_try_set(disk, "power", 0);
	if (rmdir(disk->dir))
		kvt_diag("%s stays: %s", disk->dir, strerror(errno));
}

/* In 512-byte sectors; an entry of the driver's list holds 512 of them. */
void kvt_disk_bad(const struct kvt_disk *disk, uint64_t off, uint64_t len, bool bad)
{
	uint64_t at, end = (off + len + 511) / 512, n;
	char path[160], text[64];
	int rc;

	snprintf(path, sizeof(path), "%s/badblocks", disk->dir);
	for (at = off / 512; at < end; at += n) {
		n = end - at < 512 ? end - at : 512;
		snprintf(text, sizeof(text), "%c%llu-%llu", bad ? '+' : '-',
			 (unsigned long long)at, (unsigned long long)(at + n - 1));
		rc = write_file(path, text);
		ASSERT(!rc, "badblocks %s: %s", text, strerror(-rc));
	}
}

/* Mapped devices ------------------------------------------------------------- */

struct dm_request {
	struct dm_ioctl io;
	struct dm_target_spec target;
	char args[96];
};

static int dm_send(unsigned long cmd, const char *name, struct dm_request *r, uint32_t flags)
{
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	r->io.version[0] = DM_VERSION_MAJOR;
	r->io.data_size = sizeof(*r);
	r->io.data_start = sizeof(r->io);
	r->io.flags = flags;
	snprintf(r->io.name, sizeof(r->io.name), "%s", name);
	rc = ioctl(fd, cmd, r) ? -errno : 0;
	close(fd);
	return rc;
}

static int dm_simple(unsigned long cmd, const char *name, uint32_t flags)
{
	struct dm_request r = {};

	return dm_send(cmd, name, &r, flags);
}

void kvt_disk_map(struct kvt_disk *over, const struct kvt_disk *disk)
{
	struct dm_request made = {}, r = {};
	struct stat st;

	ASSERT_EQ(system("modprobe dm-mod"), 0);
	ASSERT_EQ(stat(disk->path, &st), 0);
	*over = *disk;
	snprintf(over->name, sizeof(over->name), "%.28sm", disk->name);
	ASSERT_EQ(dm_send(DM_DEV_CREATE, over->name, &made, 0), 0);
	r.io.target_count = 1;
	r.target.length = disk->bytes / 512;
	snprintf(r.target.target_type, sizeof(r.target.target_type), "linear");
	snprintf(r.args, sizeof(r.args), "%u:%u 0", major(st.st_rdev), minor(st.st_rdev));
	ASSERT_EQ(dm_send(DM_TABLE_LOAD, over->name, &r, 0), 0);
	kvt_disk_hold(over, false);
	snprintf(over->path, sizeof(over->path), "/dev/dm-%u", minor(made.io.dev));
	ASSERT(kvt_wait_for(!access(over->path, R_OK | W_OK), 5000), "%s", over->path);
}

void kvt_disk_hold(const struct kvt_disk *over, bool hold)
{
	ASSERT_EQ(dm_simple(DM_DEV_SUSPEND, over->name,
			    hold ? DM_SUSPEND_FLAG | DM_NOFLUSH_FLAG | DM_SKIP_LOCKFS_FLAG : 0), 0);
}

/* Ours have the name of their disk and a letter; those that are not there are no matter. */
static void clean_maps(unsigned long cmd)
{
	struct kvt_disk disk;
	struct dirent *e;
	DIR *dir = opendir(NULLB);

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)))
			continue;
		snprintf(disk.name, sizeof(disk.name), "%.28sm", e->d_name);
		dm_simple(cmd, disk.name, 0);
	}
	closedir(dir);
}

static int disk_open(const struct kvt_disk *disk, int flags)
{
	int fd = open(disk->path, flags | O_CLOEXEC);

	ASSERT(fd >= 0, "%s: %s", disk->path, strerror(errno));
	return fd;
}

void kvt_disk_read(const struct kvt_disk *disk, void *buf, size_t len, uint64_t off)
{
	int fd = disk_open(disk, O_RDONLY);
	size_t done = 0;
	ssize_t n;

	for (; done < len; done += n) {
		n = pread(fd, (char *)buf + done, len - done, off + done);
		ASSERT(n > 0, "%s at %llu: %s", disk->path, (unsigned long long)(off + done),
		       strerror(errno));
	}
	close(fd);
}

/* The last close of a block device forgets what is cached of it. */
void kvt_disk_write(const struct kvt_disk *disk, const void *buf, size_t len, uint64_t off)
{
	int fd = disk_open(disk, O_RDWR);
	size_t done = 0;
	ssize_t n;

	for (; done < len; done += n) {
		n = pwrite(fd, (const char *)buf + done, len - done, off + done);
		ASSERT(n > 0, "%s at %llu: %s", disk->path, (unsigned long long)(off + done),
		       strerror(errno));
	}
	ASSERT_EQ(fsync(fd), 0);
	close(fd);
}

void kvt_disk_flip(const struct kvt_disk *disk, uint64_t off, uint8_t mask)
{
	uint8_t byte;

	kvt_disk_read(disk, &byte, 1, off);
	byte ^= mask;
	kvt_disk_write(disk, &byte, 1, off);
}

/* kvmemctl ------------------------------------------------------------------- */

static char ctl_text[65536];

const char *kvt_ctl_text(void)
{
	return ctl_text;
}

int kvt_ctl(const char *fmt, ...)
{
	const char *bin = getenv("KVMEM_BIN") ?: "build/userspace/bin/kvmemctl";
	char args[512], command[768];
	va_list ap;
	size_t n;
	FILE *f;
	int rc;

	va_start(ap, fmt);
	vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	snprintf(command, sizeof(command), "timeout 120 %s %s 2>&1 </dev/null", bin, args);
	f = popen(command, "re");
	ASSERT_TRUE(f);
	n = fread(ctl_text, 1, sizeof(ctl_text) - 1, f);
	ctl_text[n] = 0;
	rc = pclose(f);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

/* Netlink -------------------------------------------------------------------- */

static struct nl_msg *media_msg(int cmd, const char *name)
{
	struct nl_msg *msg = kvt_nl_msg(cmd, 0);

	if (msg && name)
		nla_put_string(msg, KVMEM_A_NAME, name);
	return msg;
}

static uint64_t get_number(struct nlattr *attr)
{
	switch (nla_len(attr)) {
	case 1: return nla_get_u8(attr);
	case 2: return nla_get_u16(attr);
	case 4: return nla_get_u32(attr);
	case 8: return nla_get_u64(attr);
	}
	return 0;
}

static void get_numbers(struct nlattr *nest, uint64_t *v, int max)
{
	struct nlattr *attr;
	int left;

	if (!nest)
		return;
	nla_for_each_nested(attr, nest, left)
		if (nla_type(attr) <= max)
			v[nla_type(attr)] = get_number(attr);
}

int kvt_media_attach(const char *path, const char *name, const uint8_t *uuid)
{
	struct nl_msg *msg = media_msg(KVMEM_CMD_MEDIA_ATTACH, name);

	if (msg)
		nla_put_string(msg, KVMEM_A_PATH, path);
	if (msg && uuid)
		nla_put(msg, KVMEM_A_UUID, 16, uuid);
	return kvt_nl_send(msg, NULL, NULL);
}

int kvt_media_detach(const char *name)
{
	return kvt_nl_send(media_msg(KVMEM_CMD_MEDIA_DETACH, name), NULL, NULL);
}

int kvt_media_budget(const char *name, uint64_t bytes_per_day)
{
	struct nl_msg *msg = media_msg(KVMEM_CMD_MEDIA_SET, name);

	if (msg)
		nla_put_u64(msg, KVMEM_A_WRITE_BUDGET, bytes_per_day);
	return kvt_nl_send(msg, NULL, NULL);
}

static int take_media(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct kvt_media *media = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KVMEM_A_MAX, NULL) < 0)
		return 0;
	if (tb[KVMEM_A_ID])
		media->id = nla_get_u32(tb[KVMEM_A_ID]);
	if (tb[KVMEM_A_NAME])
		nla_strlcpy(media->name, tb[KVMEM_A_NAME], sizeof(media->name));
	if (tb[KVMEM_A_PATH])
		nla_strlcpy(media->path, tb[KVMEM_A_PATH], sizeof(media->path));
	if (tb[KVMEM_A_UUID])
		nla_memcpy(media->uuid, tb[KVMEM_A_UUID], sizeof(media->uuid));
	if (tb[KVMEM_A_STATE])
		media->state = nla_get_u8(tb[KVMEM_A_STATE]);
	if (tb[KVMEM_A_WRITE_BUDGET])
		media->write_budget = nla_get_u64(tb[KVMEM_A_WRITE_BUDGET]);
	get_numbers(tb[KVMEM_A_MEDIA], media->v, KVMEM_A_MEDIA_MAX);
	return 0;
}

int kvt_media_get(const char *name, struct kvt_media *media)
{
	memset(media, 0, sizeof(*media));
	return kvt_nl_send(media_msg(KVMEM_CMD_MEDIA_GET, name), take_media, media);
}

struct seg_walk {
	struct kvt_segment *seg;
	unsigned int nr, max;
};

static int take_segment(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct seg_walk *walk = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KVMEM_A_MAX, NULL) < 0 ||
	    !tb[KVMEM_A_SEGMENT])
		return 0;
	if (walk->nr < walk->max)
		get_numbers(tb[KVMEM_A_SEGMENT], walk->seg[walk->nr].v, KVMEM_A_SEG_MAX);
	walk->nr++;
	return 0;
}

unsigned int kvt_media_segments(const char *name, struct kvt_segment *seg, unsigned int max)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_SEGMENT_GET, NLM_F_DUMP);
	struct seg_walk walk = { .seg = seg, .max = max };
	int rc;

	if (msg)
		nla_put_string(msg, KVMEM_A_NAME, name);
	memset(seg, 0, max * sizeof(*seg));
	rc = kvt_nl_send(msg, take_segment, &walk);
	ASSERT(!rc, "segments of %s: %s (%s)", name, strerror(-rc), kvt_nl_message());
	return walk.nr;
}

/* Media ---------------------------------------------------------------------- */

void kvt_media_format(const struct kvt_disk *disk, const char *segment_size)
{
	int rc = kvt_ctl("media format --force --segment-size %s %s", segment_size, disk->path);

	ASSERT(!rc, "kvmemctl media format to work, not %d: %s", rc, kvt_ctl_text());
}

struct kvt_media kvt_media_info(const struct kvt_disk *disk)
{
	struct kvt_media media;
	int rc = kvt_media_get(disk->name, &media);

	ASSERT(!rc, "media %s: %s (%s)", disk->name, strerror(-rc), kvt_nl_message());
	return media;
}

void kvt_media_on(const struct kvt_disk *disk)
{
	int rc = kvt_media_attach(disk->path, disk->name, NULL);

	ASSERT(!rc, "attach of %s: %s (%s)", disk->path, strerror(-rc), kvt_nl_message());
	ASSERT(kvt_wait_for(kvt_media_info(disk).state != KVMEM_MEDIA_STATE_ATTACHING, 30000),
	       "the tables of %s to be read", disk->name);
}

void kvt_media_off(const struct kvt_disk *disk)
{
	int rc = kvt_media_detach(disk->name);

	ASSERT(!rc, "detach of %s: %s (%s)", disk->name, strerror(-rc), kvt_nl_message());
}

void kvt_media_new(struct kvt_disk *disk)
{
	kvt_disk_new(disk, NULL);
	kvt_media_format(disk, "1M");
	kvt_media_on(disk);
	ASSERT_EQ(kvt_media_info(disk).state, KVMEM_MEDIA_STATE_LIVE);
}

static int take_name(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KVMEM_A_MAX, NULL) >= 0 && tb[KVMEM_A_NAME])
		nla_strlcpy(arg, tb[KVMEM_A_NAME], 64);
	return 0;
}

/* Each turn one fewer, or an end. */
static void clean_media(void)
{
	unsigned int i;
	char name[64];

	for (i = 0; i < 64; i++) {
		name[0] = 0;
		if (kvt_nl_send(kvt_nl_msg(KVMEM_CMD_MEDIA_GET, NLM_F_DUMP), take_name, name) ||
		    !name[0] || kvt_media_detach(name))
			return;
	}
}

static void clean_disks_in(DIR *dir)
{
	struct kvt_disk disk;
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)))
			continue;
		snprintf(disk.dir, sizeof(disk.dir), NULLB "/%.60s", e->d_name);
		kvt_disk_free(&disk);
	}
	closedir(dir);
}

static void clean_flash(void)
{
	/* Nothing that a test held keeps others. */
	kvt_sysfs_set("io_timeout_ms", 60000);
	kvt_sysfs_set("discard_wait_ms", 60000);
	clean_maps(DM_DEV_SUSPEND);
	clean_media();
	clean_maps(DM_DEV_REMOVE);
	clean_disks_in(opendir(NULLB));
}

static void __attribute__((constructor)) use_clean_flash(void)
{
	kvt_clean_more = clean_flash;
}

/* Blocks --------------------------------------------------------------------- */

const struct kvt_ns_opts kvt_through = {
	.flash_mode = KVMEM_FLASH_MODE_THROUGH, .quota_blocks = KVT_FLASH_DRAM,
};

const size_t kvt_sizes[] = {
	1, 8, 511, 512, 513, 4095, 4096, 4097, 8192, 9215, 9216, 9217, 18432, 65536, 562176,
	MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 8, KVT_BIGGEST,
};

const unsigned int kvt_nr_sizes = ARRAY_SIZE(kvt_sizes);

int kvt_persist_as(int fd, uint64_t key, uint64_t content, size_t len)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_PUT, key);
	uint8_t *p = malloc(len);
	int rc;

	ASSERT_TRUE(p);
	kvt_fill(p, len, content);
	op.addr = (uintptr_t)p;
	op.len = len;
	op.flags = KVMEM_OP_F_PERSIST;
	rc = kvt_op(fd, &op);
	EXPECT_EQ(!rc, !!(op.res_flags & KVMEM_RES_F_PERSISTED));
	free(p);
	return rc;
}

int kvt_persist(int fd, uint64_t key, size_t len)
{
	return kvt_persist_as(fd, key, key, len);
}

int kvt_get_from(int fd, uint64_t key, size_t len, uint8_t *tier, uint16_t *res_flags)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_GET, key);
	uint8_t *p = calloc(1, len);
	int rc;

	ASSERT_TRUE(p);
	op.addr = (uintptr_t)p;
	op.len = len;
	rc = kvt_op(fd, &op);
	if (!rc) {
		EXPECT_EQ(op.bytes, len);
		EXPECT_TRUE(op.res_flags & KVMEM_RES_F_VERIFIED);
		if (kvt_check(p, len, key) >= 0)
			rc = -EBADMSG;
	}
	if (tier)
		*tier = op.tier;
	if (res_flags)
		*res_flags = op.res_flags;
	free(p);
	return rc;
}

/* Keys that no test uses: as many as fit push everything else out. */
void kvt_dram_empty(int fd, const char *ns)
{
	struct kvt_ns_opts off = { .set = KVT_SET_FLASH }, on = off;
	struct kvt_ns_stat stat;
	uint64_t i, key = 1ULL << 62;

	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	ASSERT_GT(stat.quota_blocks, 0);
	on.flash_mode = stat.flash_mode;
	ASSERT_EQ(kvt_nl_ns_set(ns, &off), 0);
	for (i = 0; i < stat.quota_blocks; i++)
		ASSERT_EQ(kvt_put_key(fd, key + i, 1), 0);
	for (i = 0; i < stat.quota_blocks; i++)
		kvt_delete(fd, key + i);
	ASSERT_EQ(kvt_nl_ns_set(ns, &on), 0);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.used_blocks, 0);
}

int kvt_restart(int fd, const char *ns, const struct kvt_ns_opts *opts,
		const struct kvt_disk *disk, bool media_first)
{
	kvt_media_off(disk);
	close(fd);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	if (media_first)
		kvt_media_on(disk);
	ASSERT_EQ(kvt_nl_ns_new(ns, opts, NULL), 0);
	if (!media_first)
		kvt_media_on(disk);
	fd = kvt_file(ns);
	/* A namespace adopts its blocks in the background; DELETE waits for that. */
	EXPECT_EQ(kvt_delete(fd, 1ULL << 62), -ENOENT);
	return fd;
}
