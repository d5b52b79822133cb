// SPDX-License-Identifier: GPL-2.0
/*
 * What people see of media: who may look, snapshots, and the write budget.
 */
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include "flash/info.h"
#include "netlink.h"
#include "ns.h"

/* Segments counted under one hold of the media's lock: tens of microseconds. */
#define INFO_SLICE		512U
#define INFO_WAIT_BYTES		(1U << 20)
/* A rate of writing means something only after a while. */
#define INFO_RATE_SECONDS	600U
#define INFO_DAY_SECONDS	(24U * 60 * 60)

/* The uapi speaks of segments in numbers of its own; they are the same. */
static_assert((int)KVMEM_SEG_STATE_FREE == (int)KVMEM_SEG_FREE);
static_assert((int)KVMEM_SEG_STATE_DISCARD == (int)KVMEM_SEG_DISCARD);
static_assert((int)KVMEM_SEG_STATE_OPEN == (int)KVMEM_SEG_OPEN);
static_assert((int)KVMEM_SEG_STATE_SEALING == (int)KVMEM_SEG_SEALING);
static_assert((int)KVMEM_SEG_STATE_SEALED == (int)KVMEM_SEG_SEALED);
static_assert((int)KVMEM_SEG_STATE_RECLAIM == (int)KVMEM_SEG_RECLAIM);
static_assert((int)KVMEM_SEG_STATE_ORPHAN == (int)KVMEM_SEG_ORPHAN);
static_assert((int)KVMEM_SEG_STATE_BAD == (int)KVMEM_SEG_BAD);
static_assert((int)KVMEM_SEG_STATE_BAD + 1 == (int)KVMEM_SEG_NR_STATES);

/* Who may look --------------------------------------------------------------- */

bool kvmem_media_enter(struct kvmem_media *media)
{
	down_read(&media->info.lock);
	if (media->info.there)
		return true;
	up_read(&media->info.lock);
	return false;
}

void kvmem_media_leave(struct kvmem_media *media)
{
	up_read(&media->info.lock);
}

/*
 * @lock guards @root and every media's info.kobj.  It is taken inside of the
 * lock of the table of media, and never by a file in sysfs.
 */
static struct {
	struct mutex lock;	/* see above */
	struct kobject *root;
} info_dir = {
	.lock = __MUTEX_INITIALIZER(info_dir.lock),
};

/*
 * Del clears "there" before it takes the lock: either it is seen here, or del
 * sees the directory made here.
 */
static void info_make_dir(struct kvmem_media *media)
{
	mutex_lock(&info_dir.lock);
	if (info_dir.root && READ_ONCE(media->info.there) && !media->info.kobj)
		media->info.kobj = kvmem_media_kobj_add(media, info_dir.root);
	mutex_unlock(&info_dir.lock);
}

/* Files in it are waited for, so no lock is held for that. */
static void info_drop_dir(struct kvmem_media *media)
{
	struct kvmem_media_kobj *kobj;

	mutex_lock(&info_dir.lock);
	kobj = media->info.kobj;
	media->info.kobj = NULL;
	mutex_unlock(&info_dir.lock);
	if (kobj)
		kvmem_media_kobj_del(kobj);
}

/* Look-ups wait for the table's lock, so nobody has seen the media before. */
void kvmem_media_sysfs_add(struct kvmem_media *media)
{
	init_rwsem(&media->info.lock);
	WRITE_ONCE(media->info.there, true);
	info_make_dir(media);
}

void kvmem_media_sysfs_del(struct kvmem_media *media)
{
	down_write(&media->info.lock);
	WRITE_ONCE(media->info.there, false);
	up_write(&media->info.lock);
	info_drop_dir(media);
}

static void info_for_each(void (*fn)(struct kvmem_media *media))
{
	struct kvmem_media *media;
	u32 id = 0;

	while ((media = kvmem_media_get_next(&id))) {
		id++;
		fn(media);
		kvmem_media_put(media);
	}
}

void kvmem_media_sysfs_start(struct device *dev)
{
	struct kobject *root = kobject_create_and_add("media", &dev->kobj);

	if (!root)
		pr_warn("no memory for the media in sysfs\n");
	mutex_lock(&info_dir.lock);
	info_dir.root = root;
	mutex_unlock(&info_dir.lock);
	/* Commands come before the device does. */
	info_for_each(info_make_dir);
}

void kvmem_media_sysfs_stop(void)
{
	struct kobject *root;

	mutex_lock(&info_dir.lock);
	root = info_dir.root;
	info_dir.root = NULL;
	mutex_unlock(&info_dir.lock);
	info_for_each(info_drop_dir);
	kobject_put(root);
}

/* Snapshots ------------------------------------------------------------------ */

const char *kvmem_media_state_name(unsigned int state)
{
	static const char * const names[] = {
		[KVMEM_MEDIA_STATE_ATTACHING] = "attaching",
		[KVMEM_MEDIA_STATE_LIVE] = "live",
		[KVMEM_MEDIA_STATE_READ_ONLY] = "read-only",
		[KVMEM_MEDIA_STATE_FAILED] = "failed",
		[KVMEM_MEDIA_STATE_DETACHING] = "detaching",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

static void info_count_slice(struct kvmem_media *media, u32 from, u32 to,
			     struct kvmem_media_census *census)
{
	const struct kvmem_segment *seg;

	spin_lock(&media->lock);
	for (seg = &media->segments[from]; seg < &media->segments[to]; seg++) {
		census->segments[seg->state]++;
		census->blocks += seg->live_blocks;
		census->bytes += seg->live_bytes;
	}
	spin_unlock(&media->lock);
}

void kvmem_media_get_census(struct kvmem_media *media, struct kvmem_media_census *census)
{
	u32 from, to, nr = media->super.nr_segments;

	memset(census, 0, sizeof(*census));
	for (from = 0; from < nr; from = to) {
		to = min(nr, from + INFO_SLICE);
		info_count_slice(media, from, to, census);
		cond_resched();
	}
}

u32 kvmem_media_amplification(const struct kvmem_media_counts *counts)
{
	u64 put = counts->bytes[KVMEM_WRITE_PUT];
	u64 all = put + counts->bytes[KVMEM_WRITE_REINSERT], thousand;

	if (!put)
		return 0;
	if (!check_mul_overflow(all, 1000ULL, &thousand))
		return div64_u64(thousand, put);
	return div64_u64(all, div_u64(put, 1000));
}

static void info_get_locked(struct kvmem_media *media, struct kvmem_media_info *info)
{
	spin_lock(&media->lock);
	info->state = media->state;
	info->write_budget = media->budget.per_day;
	info->tokens = media->budget.rate ? media->budget.tokens : 0;
	info->threshold = media->budget.threshold;
	info->counts = media->counts;
	spin_unlock(&media->lock);
	info->write_amplification = kvmem_media_amplification(&info->counts);
}

static void info_get_scan(const struct kvmem_media *media, struct kvmem_media_info *info)
{
	info->scanned_segments = READ_ONCE(media->scanned_segments);
	info->scanned_blocks = READ_ONCE(media->scanned_blocks);
	info->scan_ns = READ_ONCE(media->attach_ns);
	if (!info->scan_ns)
		info->scan_ns = ktime_get_ns() - READ_ONCE(media->attach_started);
}

static void info_get_dev(struct kvmem_dev *dev, struct kvmem_media_info *info)
{
	unsigned int i;

	for (i = 0; i < KVMEM_IO_NR; i++)
		info->errors[i] = atomic64_read(&dev->errors[i]);
	info->discard_ranges = atomic64_read(&dev->ranges);
	info->discard_bytes = atomic64_read(&dev->bytes[KVMEM_IO_DISCARD]);
	info->nr_inflight = atomic_read(&dev->nr_inflight);
	for (i = 0; i < 2; i++) {
		info->inflight[i] = atomic64_read(&dev->inflight[i]);
		info->wait_ns[i] = kvmem_dev_expected_wait(dev, i, INFO_WAIT_BYTES);
	}
	info->health = (struct kvmem_health){ -1, -1, -1, -1 };
	if (dev->ops->health && dev->ops->health(dev, &info->health))
		info->health = (struct kvmem_health){ -1, -1, -1, -1 };
}

/* Bytes that the device can still take, as far as it tells; U64_MAX = more than that. */
static u64 info_endurance_left(const struct kvmem_health *health)
{
	u64 percent, left;

	if (health->percent_used >= 100)
		return 0;
	/* What was written is so many hundredths of all. */
	percent = div_u64(health->bytes_written, health->percent_used);
	if (check_mul_overflow(percent, 100ULL - health->percent_used, &left))
		return U64_MAX;
	return left;
}

static s64 info_life_days(const struct kvmem_media_info *info, u64 seconds)
{
	const u64 *bytes = info->counts.bytes;
	u64 a_day;

	if (info->health.percent_used <= 0 || info->health.bytes_written < 0 ||
	    seconds < INFO_RATE_SECONDS)
		return -1;
	a_day = div64_u64(bytes[KVMEM_WRITE_PUT] + bytes[KVMEM_WRITE_REINSERT] +
			  bytes[KVMEM_WRITE_TABLE], seconds) * INFO_DAY_SECONDS;
	if (!a_day)
		return -1;
	return min_t(u64, div64_u64(info_endurance_left(&info->health), a_day), U32_MAX);
}

void kvmem_media_get_info(struct kvmem_media *media, struct kvmem_media_info *info)
{
	u64 since = ktime_get_ns() - READ_ONCE(media->attach_started);

	info_get_locked(media, info);
	kvmem_media_get_census(media, &info->census);
	info_get_scan(media, info);
	info_get_dev(&media->dev, info);
	info->life_days = info_life_days(info, div_u64(since, NSEC_PER_SEC));
}

/* A segment that was opened or adopted has a place in the directory. */
static bool info_has_slot(const struct kvmem_segment *seg)
{
	return seg->state >= KVMEM_SEG_OPEN && seg->state != KVMEM_SEG_BAD;
}

void kvmem_media_get_segment(struct kvmem_media *media, u32 no, struct kvmem_segment_info *info)
{
	const struct kvmem_segment *seg = &media->segments[no];

	spin_lock(&media->lock);
	*info = (struct kvmem_segment_info) {
		.generation = seg->generation,
		.live_bytes = seg->live_bytes,
		.no = no,
		.ns_id = seg->log ? seg->log->ns->id : 0,
		.slot = seg->slot,
		.slot_generation = seg->slot_generation,
		.fill = seg->fill,
		.live_blocks = seg->live_blocks,
		.pages = seg->pages,
		.nr_gone = seg->nr_gone,
		.has_slot = info_has_slot(seg),
		.state = seg->state,
		.temperature = seg->temperature,
	};
	spin_unlock(&media->lock);
}

/* Settings ------------------------------------------------------------------- */

int kvmem_media_set_budget(struct kvmem_media *media, u64 bytes_per_day)
{
	if (bytes_per_day && (bytes_per_day < KVMEM_MIN_WRITE_BUDGET ||
			      bytes_per_day > KVMEM_MAX_WRITE_BUDGET))
		return -ERANGE;
	spin_lock(&media->lock);
	kvmem_budget_set(&media->budget, bytes_per_day, ktime_get_ns());
	spin_unlock(&media->lock);
	kvmem_event_media(KVMEM_CMD_MEDIA_CHANGED_NTF, media);
	return 0;
}
