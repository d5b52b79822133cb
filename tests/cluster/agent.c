// SPDX-License-Identifier: GPL-2.0
/*
 * A node's agent: does what the file "do" in $KVMEM_OUT says, a line each, and appends its
 * answers to "done" there (lab.py is the other side).  A line is
 *
 *	NUMBER COMMAND ARGUMENT...	and its answer	NUMBER TEXT
 *
 *	cluster NODE NAME SECRET LISTEN KEEPALIVE-MS TIMEOUT-MS HEDGE-US MOVE-RATE
 *	peer NODE ADDRESSES, peerdel NODE, peers
 *	map EPOCH PLANES FILE, settled EPOCH, epochs
 *	ns NAME PLACEMENT COPIES SHARE KEEP, nsdel NAME, live NAME
 *	put|get|del|exists NAME BYTES KEYS
 *	bench get|put NAME BYTES KEYS THREADS
 *	sh COMMAND
 *	quit
 *
 * KEYS are numbers and ranges ("1,7,20-29"); the bytes of a block follow from its key, so
 * that every node can tell whether they are right.  The answer to operations is
 *
 *	LONGEST-US TOTAL-US RESULTS ERRORS
 *
 * with a letter for each key: a tier (0 to 3), e (existed), m (miss), w (wrong bytes), x (an
 * error: its number is in ERRORS, "-" when there is none).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <linux/kvmem_peer.h>
#include "agent_nl.h"
#include "kvmem_util.h"

#define MAX_BLOCK	(4 * MIB)
#define MAX_KEYS	65536
#define MAX_NS		16

static char answer[2 * MAX_KEYS];
static uint64_t keys[MAX_KEYS];
static int out_dir;
static struct open_ns {
	char name[KVMEM_NAME_LEN];
	int fd;
} spaces[MAX_NS];

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

/* The file attached to namespace @name, opened when first asked for; -1: cannot be had */
static int space(const char *name)
{
	struct open_ns *free_one = NULL;
	int i, fd;

	for (i = 0; i < MAX_NS; i++) {
		if (!strcmp(spaces[i].name, name))
			return spaces[i].fd;
		if (!spaces[i].name[0] && !free_one)
			free_one = &spaces[i];
	}
	if (!free_one)
		return -1;
	fd = open(KVT_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (kvt_try_attach(fd, name, NULL, NULL)) {
		close(fd);
		return -1;
	}
	snprintf(free_one->name, sizeof(free_one->name), "%s", name);
	free_one->fd = fd;
	return fd;
}

static void space_close(const char *name)
{
	int i;

	for (i = 0; i < MAX_NS; i++) {
		if (!spaces[i].name[0] || (name && strcmp(spaces[i].name, name)))
			continue;
		close(spaces[i].fd);
		spaces[i].name[0] = 0;
	}
}

static unsigned int read_keys(const char *text)
{
	unsigned int nr = 0;
	char *end;

	while (*text && nr < MAX_KEYS) {
		uint64_t first = strtoull(text, &end, 10), last = first;

		if (end == text)
			return 0;
		if (*end == '-')
			last = strtoull(end + 1, &end, 10);
		for (; first <= last && nr < MAX_KEYS; first++)
			keys[nr++] = first;
		text = *end == ',' ? end + 1 : end;
	}
	return nr;
}

/* --- operations --- */

/* One operation on one block: its letter, and its errno in @error when that is x */
static char one(int fd, unsigned int opcode, uint64_t key, size_t len, void *buf, int *error)
{
	struct kvmem_op op = kvt_make_op(opcode, key);
	uint32_t ok;
	int rc;

	if (opcode == KVMEM_OP_PUT)
		kvt_fill(buf, len, key);
	if (opcode == KVMEM_OP_PUT || opcode == KVMEM_OP_GET) {
		op.addr = (uintptr_t)buf;
		op.len = len;
	}
	rc = kvt_try_batch(fd, &op, 1, 0, &ok);
	*error = rc ? rc : op.status;
	if (*error == -ENOENT)
		return 'm';
	if (*error)
		return 'x';
	if (opcode == KVMEM_OP_GET && (op.bytes != len || kvt_check(buf, len, key) >= 0))
		return 'w';
	if (op.res_flags & KVMEM_RES_F_EXISTED)
		return 'e';
	return '0' + op.tier;
}

static void operate(unsigned int opcode, int fd, size_t len, unsigned int nr)
{
	static char results[MAX_KEYS + 1], errors[4096];
	uint64_t longest = 0, total = 0;
	void *buf = kvt_pages_new(MAX_BLOCK);
	size_t at = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		uint64_t began, took;
		int error;

		memset(buf, 0xa5, opcode == KVMEM_OP_GET ? len : 0);
		began = now_us();
		results[i] = one(fd, opcode, keys[i], len, buf, &error);
		took = now_us() - began;
		total += took;
		if (took > longest)
			longest = took;
		if (results[i] == 'x' && at < sizeof(errors) - 16)
			at += snprintf(errors + at, sizeof(errors) - at, "%d,", error);
	}
	results[nr] = 0;
	errors[at] = 0;
	munmap(buf, MAX_BLOCK);
	snprintf(answer, sizeof(answer), "%llu %llu %s %s", (unsigned long long)longest,
		 (unsigned long long)total, results, at ? errors : "-");
}

/* --- throughput: threads that share the keys --- */

struct worker {
	pthread_t thread;
	int fd;
	unsigned int opcode, first, step, nr;
	size_t len;
	unsigned int failed;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	void *buf = kvt_pages_new(MAX_BLOCK);
	struct kvmem_op op;
	unsigned int i;
	uint32_t ok;

	kvt_fill(buf, w->len, 0);
	for (i = w->first; i < w->nr; i += w->step) {
		op = kvt_make_op(w->opcode, keys[i]);
		op.addr = (uintptr_t)buf;
		op.len = w->len;
		if (kvt_try_batch(w->fd, &op, 1, 0, &ok) || op.status)
			w->failed++;
	}
	munmap(buf, MAX_BLOCK);
	return NULL;
}

/* "US FAILED": the bytes are not made or looked at, as in the programs this is compared with */
static void bench(unsigned int opcode, int fd, size_t len, unsigned int nr, unsigned int threads)
{
	struct worker workers[16];
	unsigned int i, failed = 0;
	uint64_t began;

	if (!threads || threads > ARRAY_SIZE(workers))
		threads = 1;
	began = now_us();
	for (i = 0; i < threads; i++) {
		workers[i] = (struct worker){ .fd = fd, .opcode = opcode, .first = i,
			.step = threads, .nr = nr, .len = len };
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			kvt_abort();
	}
	for (i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		failed += workers[i].failed;
	}
	snprintf(answer, sizeof(answer), "%llu %u", (unsigned long long)(now_us() - began), failed);
}

/* --- commands --- */

static unsigned int opcode_of(const char *word)
{
	static const struct {
		const char *word;
		unsigned int opcode;
	} words[] = {
		{ "put", KVMEM_OP_PUT }, { "get", KVMEM_OP_GET }, { "del", KVMEM_OP_DELETE },
		{ "exists", KVMEM_OP_EXISTS }, { "prefetch", KVMEM_OP_PREFETCH },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i].word, word))
			return words[i].opcode;
	return KVMEM_OP_NOP;
}

static void say(int rc)
{
	snprintf(answer, sizeof(answer), "%d %s", rc, rc ? kvt_nl_message() : "");
}

static void do_operation(unsigned int opcode, char **w, unsigned int threads)
{
	size_t len = strtoull(w[1], NULL, 10);
	unsigned int nr = read_keys(w[2]);
	int fd = space(w[0]);

	if (fd < 0 || !nr || len > MAX_BLOCK)
		snprintf(answer, sizeof(answer), "bad: namespace %s, %u keys, %zu bytes", w[0], nr,
			 len);
	else if (threads)
		bench(opcode, fd, len, nr, threads);
	else
		operate(opcode, fd, len, nr);
}

/* Lines become tabs: an answer is one line. */
static void do_shell(const char *command)
{
	FILE *p = popen(command, "re");
	size_t n = 0, at = 0;
	char text[8192];
	int status;

	while (p && at < sizeof(text) - 1 && (n = fread(text + at, 1, sizeof(text) - 1 - at, p)))
		at += n;
	status = p ? pclose(p) : -1;
	text[at] = 0;
	for (n = 0; n < at; n++)
		if (text[n] == '\n')
			text[n] = '\t';
	status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	snprintf(answer, sizeof(answer), "%d %s", status, text);
}

static void do_map(char **w)
{
	static uint16_t planes[KVMEM_MAX_COPIES * KVMEM_NR_SLOTS];
	unsigned int nr = atoi(w[1]);
	size_t want = nr * KVMEM_NR_SLOTS * 2;
	int fd = openat(out_dir, w[2], O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, planes, sizeof(planes));

	if (fd >= 0)
		close(fd);
	if (nr < 1 || nr > KVMEM_MAX_COPIES || n != (ssize_t)want)
		say(-EINVAL);
	else
		say(agent_map_set(strtoull(w[0], NULL, 10), planes, nr));
}

static void do_cluster(char **w)
{
	struct agent_cluster c = {
		.node = atoi(w[0]), .name = w[1], .secret = w[2],
		.listen = strcmp(w[3], "-") ? w[3] : "",
		.keepalive_ms = atoi(w[4]), .timeout_ms = atoi(w[5]), .hedge_us = atoi(w[6]),
		.move_rate = strtoull(w[7], NULL, 10),
	};

	say(agent_cluster_set(&c));
}

static void do_live(const char *name)
{
	struct kvt_ns_stat stat;
	int rc = kvt_nl_ns_get(name, &stat);

	if (rc)
		say(rc);
	else
		snprintf(answer, sizeof(answer), "%llu", (unsigned long long)stat.live_blocks);
}

/* Words of a command, and what does it; at least so many must be there. */
static bool configure(const char *command, char **w, int nr)
{
	if (!strcmp(command, "cluster") && nr == 8)
		do_cluster(w);
	else if (!strcmp(command, "peer") && nr == 2)
		say(agent_peer_new(atoi(w[0]), w[1]));
	else if (!strcmp(command, "peerdel") && nr == 1)
		say(agent_peer_del(atoi(w[0])));
	else if (!strcmp(command, "peers"))
		agent_peers(answer, sizeof(answer));
	else if (!strcmp(command, "map") && nr == 3)
		do_map(w);
	else if (!strcmp(command, "settled") && nr == 1)
		say(agent_map_settled(strtoull(w[0], NULL, 10)));
	else if (!strcmp(command, "epochs"))
		agent_map(answer, sizeof(answer));
	else if (!strcmp(command, "ns") && nr == 5)
		say(agent_ns_new(w[0], atoi(w[1]), atoi(w[2]), atoi(w[3]), atoi(w[4])));
	else
		return false;
	return true;
}

static bool use(const char *command, char **w, int nr)
{
	if (!strcmp(command, "nsdel") && nr == 1) {
		space_close(w[0]);
		say(kvt_nl_ns_del(w[0]));
	} else if (!strcmp(command, "live") && nr == 1) {
		do_live(w[0]);
	} else if (!strcmp(command, "bench") && nr == 5) {
		do_operation(opcode_of(w[0]), w + 1, atoi(w[4]));
	} else if (opcode_of(command) != KVMEM_OP_NOP && nr == 3) {
		do_operation(opcode_of(command), w, 0);
	} else {
		return false;
	}
	return true;
}

static bool run_line(char *line)
{
	char *words[16], *save, *number = strtok_r(line, " ", &save);
	char *command = number ? strtok_r(NULL, " ", &save) : NULL;
	int nr = 0;
	FILE *done;
	int fd;

	if (!command)
		return true;
	if (!strcmp(command, "quit"))
		return false;
	snprintf(answer, sizeof(answer), "bad: %s", command);
	if (!strcmp(command, "sh")) {
		do_shell(save);
	} else {
		while (nr < (int)ARRAY_SIZE(words) && (words[nr] = strtok_r(NULL, " ", &save)))
			nr++;
		if (!configure(command, words, nr))
			use(command, words, nr);
	}
	fd = openat(out_dir, "done", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	done = fd < 0 ? NULL : fdopen(fd, "a");
	ASSERT(done, "the file \"done\", to append to");
	fprintf(done, "%s %s\n", number, answer);
	fclose(done);
	return true;
}

/* Until it says quit */
static void serve(int fd)
{
	static char text[256 * 1024];
	size_t len = 0;
	char *line, *end;

	for (;;) {
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);

		ASSERT_GE(n, 0);
		len += n;
		text[len] = 0;
		for (line = text; (end = strchr(line, '\n')); line = end + 1) {
			*end = 0;
			if (!run_line(line))
				return;
		}
		len -= line - text;
		memmove(text, line, len);
		if (!n)
			kvt_sleep_ms(10);
	}
}

static void delete_space(const struct kvt_ns_stat *stat, void *arg)
{
	char (*names)[KVMEM_NAME_LEN] = arg;
	int i;

	for (i = 0; i < MAX_NS && names[i][0]; i++)
		;
	if (i < MAX_NS)
		memcpy(names[i], stat->name, KVMEM_NAME_LEN);
}

TEST_TIMEOUT(agent, 100000)
{
	char names[MAX_NS][KVMEM_NAME_LEN] = {};
	int fd, i;

	out_dir = open(getenv("KVMEM_OUT") ?: "/mnt/out", O_RDONLY | O_DIRECTORY);
	ASSERT_GE(out_dir, 0);
	fd = openat(out_dir, "up", O_WRONLY | O_CREAT, 0644);
	ASSERT_GE(fd, 0);
	close(fd);
	fd = openat(out_dir, "do", O_RDONLY);
	ASSERT_GE(fd, 0);
	serve(fd);
	space_close(NULL);
	kvt_nl_ns_dump(delete_space, names);
	for (i = 0; i < MAX_NS && names[i][0]; i++)
		EXPECT_EQ(kvt_nl_ns_del(names[i]), 0);
}

TEST_MAIN()
