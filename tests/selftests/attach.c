// SPDX-License-Identifier: GPL-2.0
/*
 * ATTACH: who may, with which access, and with which layout.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "kvmem_util.h"

#define OWNER 1001
#define GROUP 2001
#define OTHER 1009

static void become(uid_t uid, gid_t gid)
{
	ASSERT_EQ(setgroups(0, NULL), 0);
	ASSERT_EQ(setresgid(gid, gid, gid), 0);
	ASSERT_EQ(setresuid(uid, uid, uid), 0);
}

struct try {
	const char *ns;
	uid_t uid;
	gid_t gid;
	int access;	/* expected: KVMEM_ACCESS_* or -errno */
};

/* What the access granted really allows. */
static void check_access(int fd, unsigned int access)
{
	static uint8_t byte;

	EXPECT_EQ(kvt_put(fd, 1, "x", 1), access & KVMEM_ACCESS_WRITE ? 0 : -EACCES);
	if (access & KVMEM_ACCESS_READ)
		EXPECT_TRUE(kvt_get(fd, 1, &byte, 1) == 0 || !(access & KVMEM_ACCESS_WRITE));
	else
		EXPECT_EQ(kvt_get(fd, 1, &byte, 1), -EACCES);
}

static void try_attach(void *arg)
{
	struct try *t = arg;
	struct kvmem_attach result;
	int fd, rc;

	become(t->uid, t->gid);
	fd = kvt_open();
	rc = kvt_try_attach(fd, t->ns, NULL, &result);
	EXPECT(rc == (t->access < 0 ? t->access : 0), "attach of %d:%d: %s (want %d)",
	       t->uid, t->gid, strerror(-rc), t->access);
	if (rc)
		return;
	EXPECT_EQ(result.access, t->access);
	check_access(fd, result.access);
}

static unsigned int bits(unsigned int mode, unsigned int shift)
{
	return mode >> shift & 6;
}

TEST(modes)
{
	static const unsigned int modes[] = { 0600, 0400, 0200, 0660, 0640, 0606, 0604,
					      0066, 0060, 0006, 0666, 0444, 0222 };
	unsigned int i;

	chmod(KVT_DEVICE, 0666);
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		struct kvt_ns_opts o = { .uid = OWNER, .gid = GROUP, .mode = modes[i] };
		const char *ns = kvt_ns(&o);
		struct try who[] = {
			{ ns, OWNER, OTHER, bits(modes[i], 6) },
			{ ns, OWNER, GROUP, bits(modes[i], 6) },
			{ ns, OTHER, GROUP, bits(modes[i], 3) },
			{ ns, OTHER, OTHER, bits(modes[i], 0) },
		};
		unsigned int k;

		for (k = 0; k < ARRAY_SIZE(who); k++) {
			if (!who[k].access)
				who[k].access = -EACCES;
			kvt_in_child(try_attach, &who[k]);
		}
		kvt_nl_ns_del(ns);
	}
}

static void try_supplementary(void *arg)
{
	struct kvmem_attach result;
	gid_t groups[] = { 5, GROUP };
	int fd;

	ASSERT_EQ(setgroups(2, groups), 0);
	ASSERT_EQ(setresgid(OTHER, OTHER, OTHER), 0);
	ASSERT_EQ(setresuid(OTHER, OTHER, OTHER), 0);
	fd = kvt_open();
	EXPECT_EQ(kvt_try_attach(fd, arg, NULL, &result), 0);
	EXPECT_EQ(result.access, 6);
}

TEST(supplementary_groups)
{
	struct kvt_ns_opts o = { .uid = OWNER, .gid = GROUP, .mode = 0060 };

	chmod(KVT_DEVICE, 0666);
	kvt_in_child(try_supplementary, (void *)kvt_ns(&o));
}

/* Root opens, someone else attaches: root's rights.  And the other way round. */
static void attach_inherited(void *arg)
{
	struct try *t = arg;

	become(OTHER, OTHER);
	EXPECT_EQ(kvt_try_attach(t->access, t->ns, NULL, NULL), 0);
}

TEST(credentials_of_the_opener)
{
	const char *ns = kvt_ns(NULL);	/* root's, 0600 */
	struct try t = { .ns = ns, .access = kvt_open() };

	chmod(KVT_DEVICE, 0666);
	kvt_in_child(attach_inherited, &t);
}

static void send_fd(int sock, int fd)
{
	char data = 'x', control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { &data, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	ASSERT_EQ(sendmsg(sock, &msg, 0), 1);
}

static int recv_fd(int sock)
{
	char data, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { &data, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd;

	ASSERT_EQ(recvmsg(sock, &msg, 0), 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

TEST(passed_file_keeps_opener)
{
	const char *ns = kvt_ns(NULL);
	int pair[2], fd;
	pid_t pid;

	chmod(KVT_DEVICE, 0666);
	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = kvt_fork();
	if (!pid) {
		become(OTHER, OTHER);
		send_fd(pair[1], kvt_open());
		kvt_exit();
	}
	/* Root attaches a file that a stranger opened: the stranger's rights. */
	fd = recv_fd(pair[0]);
	EXPECT_EQ(kvt_wait(pid, 10000), 0);
	EXPECT_EQ(kvt_try_attach(fd, ns, NULL, NULL), -EACCES);
}

TEST(root_is_not_special_by_uid_only)
{
	struct kvt_ns_opts o = { .uid = OWNER, .gid = GROUP, .mode = 0600 };
	const char *ns = kvt_ns(&o);
	int fd = kvt_open(), rc;

	/* Root has CAP_DAC_OVERRIDE in the initial user namespace, or it has not:
	 * either way the answer is 0 with full access, or EACCES.
	 */
	rc = kvt_try_attach(fd, ns, NULL, NULL);
	EXPECT_TRUE(rc == 0 || rc == -EACCES);
	kvt_diag("root attaching another's 0600 namespace: %s", rc ? "EACCES" : "allowed");
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	ASSERT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
	       "%s = %s: %s", path, text, strerror(errno));
	close(fd);
}

/*
 * A process in a chroot may not make a user namespace, and a test guest's root
 * is one: leave it in a mount namespace of our own, as switch_root does.
 */
static void leave_chroot(void)
{
	char root[] = "/tmp/kvt-root.XXXXXX";
	int dir = open("/", O_DIRECTORY | O_RDONLY | O_CLOEXEC), i;

	ASSERT_EQ(unshare(CLONE_NEWNS), 0);
	ASSERT_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ASSERT_TRUE(mkdtemp(root));
	ASSERT_EQ(chroot(root), 0);
	ASSERT_EQ(fchdir(dir), 0);
	for (i = 0; i < 64; i++)
		ASSERT_EQ(chdir(".."), 0);
	ASSERT_EQ(chroot("."), 0);
	ASSERT_EQ(fchdir(dir), 0);
	if (mount(".", "/", NULL, MS_MOVE, NULL))
		kvt_diag("moving the root: %s", strerror(errno));
	ASSERT_EQ(chroot("."), 0);
	ASSERT_EQ(chdir("/"), 0);
}

static bool can_unshare(void)
{
	pid_t pid = kvt_fork();

	if (!pid)
		_exit(unshare(CLONE_NEWUSER) < 0);
	return kvt_wait(pid, 10000) == 0;
}

/* Somebody who is "root" in his own user namespace gains nothing. */
static void attach_in_userns(void *arg)
{
	struct kvmem_attach result;
	char map[64];
	int fd;

	if (!can_unshare())
		leave_chroot();
	become(OTHER, OTHER);
	if (unshare(CLONE_NEWUSER) < 0) {
		kvt_fail(__FILE__, __LINE__, "unshare to work: %s", strerror(errno));
		return;
	}
	/* /proc/self belongs to root after setuid() */
	prctl(PR_SET_DUMPABLE, 1);
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %d 1", OTHER);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %d 1", OTHER);
	write_file("/proc/self/gid_map", map);
	EXPECT_EQ(getuid(), 0);
	fd = kvt_open();
	EXPECT_EQ(kvt_try_attach(fd, arg, NULL, &result), -EACCES);
	/* and cannot make or delete namespaces */
	EXPECT_EQ(kvt_nl_ns_del(arg), -EPERM);
	EXPECT_EQ(kvt_nl_ns_new(kvt_name(), NULL, NULL), -EPERM);
}

TEST(user_namespace_root)
{
	struct kvt_ns_opts o = { .uid = 0, .gid = 0, .mode = 0660 };

	chmod(KVT_DEVICE, 0666);
	write_file("/proc/sys/user/max_user_namespaces", "1000");
	kvt_in_child(attach_in_userns, (void *)kvt_ns(&o));
}

TEST(fingerprint)
{
	uint8_t a[KVMEM_FINGERPRINT_LEN], b[KVMEM_FINGERPRINT_LEN];
	struct kvt_ns_opts o = { .fingerprint = a };
	const char *with, *without;
	int fd;

	memset(a, 0x11, sizeof(a));
	memset(b, 0x11, sizeof(b));
	b[31] ^= 1;
	with = kvt_ns(&o);
	without = kvt_ns(NULL);
	EXPECT_EQ(kvt_try_attach(kvt_open(), with, a, NULL), 0);
	EXPECT_EQ(kvt_try_attach(kvt_open(), with, b, NULL), -EKEYREJECTED);
	/* All zero matches only a namespace without one. */
	EXPECT_EQ(kvt_try_attach(kvt_open(), with, NULL, NULL), -EKEYREJECTED);
	/* Nobody is attached and nothing is in it: the first file decides. */
	EXPECT_EQ(kvt_try_attach(kvt_open(), without, b, NULL), 0);
	EXPECT_EQ(kvt_try_attach(kvt_open(), without, a, NULL), -EKEYREJECTED);
	EXPECT_EQ(kvt_try_attach(kvt_open(), without, NULL, NULL), -EKEYREJECTED);
	/* A refused file can try again. */
	fd = kvt_open();
	EXPECT_EQ(kvt_try_attach(fd, without, a, NULL), -EKEYREJECTED);
	EXPECT_EQ(kvt_try_attach(fd, without, b, NULL), 0);
}

/* Who attached without one, or left blocks, must not find another layout. */
TEST(fingerprint_of_a_namespace_in_use)
{
	const uint8_t f[KVMEM_FINGERPRINT_LEN] = { 7 };
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns);

	EXPECT_EQ(kvt_try_attach(kvt_open(), ns, f, NULL), -EKEYREJECTED);
	ASSERT_EQ(kvt_put(fd, 1, "x", 1), 0);
	close(fd);
	EXPECT_EQ(kvt_try_attach(kvt_open(), ns, f, NULL), -EKEYREJECTED);
	fd = kvt_file(ns);
	ASSERT_EQ(kvt_delete(fd, 1), 0);
	close(fd);
	EXPECT_EQ(kvt_try_attach(kvt_open(), ns, f, NULL), 0);
}

static void adopt_read_only(void *arg)
{
	const uint8_t f[KVMEM_FINGERPRINT_LEN] = { 7 };

	become(OTHER, OTHER);
	EXPECT_EQ(kvt_try_attach(kvt_open(), arg, f, NULL), -EKEYREJECTED);
	EXPECT_EQ(kvt_try_attach(kvt_open(), arg, NULL, NULL), 0);
}

TEST(fingerprint_needs_write_access)
{
	struct kvt_ns_opts o = { .mode = 0604 };

	chmod(KVT_DEVICE, 0666);
	kvt_in_child(adopt_read_only, (void *)kvt_ns(&o));
}

/* A stranger must not be able to set the fingerprint of a namespace. */
static void adopt_as_stranger(void *arg)
{
	uint8_t f[KVMEM_FINGERPRINT_LEN] = { 9 };

	become(OTHER, OTHER);
	EXPECT_EQ(kvt_try_attach(kvt_open(), arg, f, NULL), -EACCES);
}

TEST(fingerprint_needs_access)
{
	const char *ns = kvt_ns(NULL);

	chmod(KVT_DEVICE, 0666);
	kvt_in_child(adopt_as_stranger, (void *)ns);
	EXPECT_EQ(kvt_try_attach(kvt_open(), ns, NULL, NULL), 0);
}

TEST(states)
{
	struct kvmem_op op = { .opcode = KVMEM_OP_NOP };
	struct kvmem_ns_info info = { .size = sizeof(info) };
	struct kvmem_buf_reg reg = { .size = sizeof(reg), .addr = (uintptr_t)&op,
				     .length = sizeof(op) };
	struct kvmem_query q = { .size = sizeof(q) };
	const char *ns = kvt_ns(NULL), *other = kvt_ns(NULL);
	int fd = kvt_open();

	EXPECT_EQ(kvt_ioctl(fd, KVMEM_IOC_QUERY, &q), 0);
	EXPECT_EQ(kvt_try_batch(fd, &op, 1, 0, NULL), -ENOTCONN);
	EXPECT_EQ(kvt_ioctl(fd, KVMEM_IOC_NS_INFO, &info), -ENOTCONN);
	EXPECT_EQ(kvt_ioctl(fd, KVMEM_IOC_BUF_REG, &reg), -ENOTCONN);
	EXPECT_EQ(kvt_try_attach(fd, "no-such-namespace", NULL, NULL), -ENOENT);
	EXPECT_EQ(kvt_try_attach(fd, ns, NULL, NULL), 0);
	EXPECT_EQ(kvt_try_attach(fd, ns, NULL, NULL), -EISCONN);
	EXPECT_EQ(kvt_try_attach(fd, other, NULL, NULL), -EISCONN);
	EXPECT_EQ(kvt_try_attach(fd, "no-such-namespace", NULL, NULL), -EISCONN);
	EXPECT_EQ(kvt_try_batch(fd, &op, 1, 0, NULL), 0);
	EXPECT_EQ(op.status, 0);
}

TEST(info_names_the_namespace)
{
	struct kvmem_attach result;
	const char *ns = kvt_name();
	uint32_t id = 0;
	int fd = kvt_open();

	ASSERT_EQ(kvt_nl_ns_new(ns, NULL, &id), 0);
	EXPECT_GT(id, 0);
	ASSERT_EQ(kvt_try_attach(fd, ns, NULL, &result), 0);
	EXPECT_EQ(result.ns_id, id);
	EXPECT_EQ(kvt_info(fd).ns_id, id);
}

/* Only one of many threads that attach one file at once gets it. */
static const char *race_ns[2];
static int race_fd;

static void race_attach(void *arg)
{
	unsigned int *i = arg;
	int rc = kvt_try_attach(race_fd, race_ns[*i & 1], NULL, NULL);

	_exit(rc == 0 ? 10 : rc == -EISCONN ? 0 : 1);
}

TEST(attach_race)
{
	unsigned int i, won, round;
	pid_t pids[4];

	race_ns[0] = kvt_ns(NULL);
	race_ns[1] = kvt_ns(NULL);
	for (round = 0; round < 20; round++) {
		race_fd = kvt_open();
		for (i = 0; i < 4; i++) {
			pids[i] = kvt_fork();
			if (!pids[i])
				race_attach(&i);
		}
		for (won = i = 0; i < 4; i++) {
			int rc = kvt_wait(pids[i], 10000);

			EXPECT_TRUE(rc == 0 || rc == 10);
			won += rc == 10;
		}
		EXPECT_EQ(won, 1);
		close(race_fd);
	}
}

TEST_MAIN()
