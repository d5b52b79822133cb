// SPDX-License-Identifier: GPL-2.0
/*
 * Space on flash that nobody asks for any more comes back: of blocks that have
 * expired, and of namespaces that will not.
 */
#define _GNU_SOURCE
#include <netlink/attr.h>
#include "kvmem_flash.h"

#define NR	24
#define LEN	30000

static uint64_t media_value(const struct kvt_disk *d, unsigned int attr)
{
	return kvt_media_info(d).v[attr];
}

static void persist_some(int fd, uint64_t from, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		ASSERT_EQ(kvt_persist(fd, from + i, LEN), 0);
}

/* Expired copies leave without being asked for, and so do their segments. */
TEST(expired)
{
	struct kvt_ns_opts o = kvt_through, forever = { .set = KVT_SET_TTL };
	int64_t interval = kvt_sysfs_get("expire_interval_ms");
	unsigned int slow = kvt_debug_kernel() ? 4 : 1;
	const char *ns;
	struct kvt_ns_stat stat;
	uint64_t free_before;
	struct kvt_disk d;
	int fd;

	ASSERT_EQ(kvt_sysfs_set("expire_interval_ms", 100), 0);
	ASSERT_EQ(kvt_sysfs_set("discard_wait_ms", 1000), 0);
	o.ttl_ms = 3000 * slow;
	ns = kvt_ns(&o);
	fd = kvt_file(ns);
	kvt_media_new(&d);
	free_before = media_value(&d, KVMEM_A_MEDIA_SEGMENTS_FREE);
	/* Two segments and more of those that expire, then a few that do not. */
	persist_some(fd, 0, 3 * NR);
	ASSERT_EQ(kvt_nl_ns_set(ns, &forever), 0);
	persist_some(fd, 1000, NR);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_GT(stat.flash_blocks, NR);
	EXPECT_TRUE(kvt_wait_for(!kvt_nl_ns_get(ns, &stat) && stat.flash_blocks == NR, 10000));
	/* The first two are empty, and go at once; the third is open, or mixed. */
	EXPECT_TRUE(kvt_wait_for(media_value(&d, KVMEM_A_MEDIA_SEGMENTS_FREE) + 2 >= free_before,
				 15000));
	kvt_dram_empty(fd, ns);
	EXPECT_EQ(kvt_get_key(fd, 1000 + NR - 1, LEN), 0);
	EXPECT_EQ(kvt_get_key(fd, 0, LEN), -ENOENT);
	kvt_sysfs_set("expire_interval_ms", interval);
}

static int forget(const char *media, const char *ns)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_MEDIA_NS_FORGET, 0);

	nla_put_string(msg, KVMEM_A_NAME, media);
	if (ns)
		nla_put_string(msg, KVMEM_A_NS_NAME, ns);
	return kvt_nl_send(msg, NULL, NULL);
}

/* Deleted while the media was away: it is an orphan until somebody forgets it. */
TEST(orphans)
{
	const char *ns = kvt_ns(&kvt_through), *other = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), fd2 = kvt_file(other);
	struct kvt_disk d;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	persist_some(fd2, 0, NR);
	EXPECT_EQ(forget(d.name, ns), -EEXIST);
	kvt_media_off(&d);
	close(fd);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	kvt_media_on(&d);
	EXPECT_GT(media_value(&d, KVMEM_A_MEDIA_SEGMENTS_ORPHAN), 0);
	EXPECT_EQ(kvt_ctl("media directory %s", d.name), 0);
	EXPECT_TRUE(strstr(kvt_ctl_text(), ns));
	/* Bad input loses nothing. */
	EXPECT_EQ(forget(d.name, "nobody"), -ENOENT);
	EXPECT_EQ(forget(d.name, ""), -EINVAL);
	EXPECT_EQ(forget(d.name, NULL), -EINVAL);
	EXPECT_EQ(forget("absent", ns), -ENOENT);
	EXPECT_EQ(forget(d.name, other), -EEXIST);
	EXPECT_GT(media_value(&d, KVMEM_A_MEDIA_SEGMENTS_ORPHAN), 0);
	EXPECT_EQ(kvt_ctl("media forget-ns %s %s", d.name, ns), 0);
	EXPECT_EQ(media_value(&d, KVMEM_A_MEDIA_SEGMENTS_ORPHAN), 0);
	EXPECT_EQ(forget(d.name, ns), -ENOENT);
	EXPECT_NE(kvt_ctl("media forget-ns %s %s", d.name, ns), 0);
	EXPECT_EQ(kvt_ctl("media directory %s", d.name), 0);
	EXPECT_TRUE(!strstr(kvt_ctl_text(), ns));
	/* The other one has what it had, and who comes under the name finds nothing. */
	kvt_dram_empty(fd2, other);
	EXPECT_EQ(kvt_get_key(fd2, 3, LEN), 0);
	ASSERT_EQ(kvt_nl_ns_new(ns, &kvt_through, NULL), 0);
	fd = kvt_file(ns);
	EXPECT_EQ(kvt_delete(fd, 1ULL << 62), -ENOENT);
	EXPECT_EQ(kvt_get_key(fd, 0, LEN), -ENOENT);
	persist_some(fd, 500, 3);
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	EXPECT_EQ(kvt_get_key(fd, 0, LEN), -ENOENT);
	EXPECT_EQ(kvt_get_key(fd, 500, LEN), 0);
}

/* What cannot be written is not said to be forgotten. */
TEST(orphans_of_read_only)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns);
	struct kvt_disk d;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	kvt_media_off(&d);
	close(fd);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	kvt_media_on(&d);
	kvt_disk_bad(&d, 0, 3 * MIB, true);
	EXPECT_LT(forget(d.name, ns), 0);
	kvt_disk_bad(&d, 0, 3 * MIB, false);
	EXPECT_GT(media_value(&d, KVMEM_A_MEDIA_SEGMENTS_ORPHAN), 0);
	ASSERT_EQ(kvt_nl_ns_new(ns, &kvt_through, NULL), 0);
	fd = kvt_file(ns);
	EXPECT_EQ(kvt_delete(fd, 1ULL << 62), -ENOENT);
	EXPECT_EQ(kvt_get_key(fd, 1, LEN), 0);
}

TEST_MAIN()
