// SPDX-License-Identifier: GPL-2.0
/*
 * kvmem_fuzz [--calls N] [--seconds S] [--seed X] [--processes P]
 *
 * Random structured calls against every ioctl, io_uring command, netlink
 * command and mapping of kvmem, from several processes.  KTAP on standard
 * output.  KVMEM_FUZZ_CALLS and KVMEM_FUZZ_SECONDS replace the defaults.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include "fuzz.h"

#define STUCK_MS 60000

int main(int argc, char **argv);

struct fuzz_shared *shared;
const char *fuzz_ns[NR_SPACES] = { "fuzz.0", "fuzz.1", "fuzz.2", "fuzz.3" };
static const char * const kinds[] = {
	"batch", "ioctl", "uring", "memory", "file", "netlink", "child", "sysfs",
};

static void (* const calls_of[])(struct fuzz *f) = {
	fuzz_batch, fuzz_ioctl, fuzz_uring, fuzz_memory, fuzz_files, fuzz_netlink,
	fuzz_child, fuzz_sysfs,
};

static unsigned long env_number(const char *name, unsigned long value)
{
	const char *s = getenv(name);

	return s && *s ? strtoul(s, NULL, 0) : value;
}

static unsigned int pick(struct fuzz *f)
{
	unsigned int n = rnd_below(f, 1000);

	return n < 450 ? 0 : n < 600 ? 1 : n < 720 ? 2 : n < 870 ? 3 : n < 930 ? 4 :
	       n < 980 ? 5 : n < 990 ? 6 : n < 993 ? 7 : 0;
}

static void fuzz_init(struct fuzz *f, unsigned int id, uint64_t seed)
{
	unsigned int i;

	f->id = id;
	f->rnd = seed * 1000003 + id;
	f->mem = mmap((void *)FUZZ_MEM, ARENA_SIZE + FUZZ_GUARD, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	ASSERT_TRUE(f->mem != MAP_FAILED);
	ASSERT_EQ(mprotect(f->mem, ARENA_SIZE, PROT_READ | PROT_WRITE), 0);
	memset(f->mem, 0x5a, ARENA_SIZE);
	f->ops = (void *)(f->mem + 128 * KIB);
	f->batch = (void *)(f->mem + 160 * KIB);
	f->uring_ops = (void *)(f->mem + 192 * KIB);
	for (i = 0; i < NR_FILES; i++) {
		f->fd[i] = kvt_open();
		if (i)
			kvt_try_attach(f->fd[i], fuzz_ns[i % NR_SPACES], NULL, NULL);
	}
	fuzz_uring_start(f);
}

/* Where it happened, for whoever has to find out why; then die of it. */
static void on_crash(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	char text[256], cmd[64];
	int n;

	n = snprintf(text, sizeof(text), "# signal %d code %d at %p, ip main%+lld\n", sig,
		     info->si_code, info->si_addr,
		     (long long)(uc->uc_mcontext.gregs[REG_RIP] - (intptr_t)main));
	if (write(STDOUT_FILENO, text, n) != n)
		_exit(KSFT_FAIL);
	snprintf(cmd, sizeof(cmd), "sed 's/^/# /' /proc/%d/maps", getpid());
	if (system(cmd))
		_exit(KSFT_FAIL);
	raise(sig);
}

static void report_crashes(void)
{
	static char stack[64 * KIB];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = {
		.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_ONSTACK,
	};

	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

static void run(unsigned int id, uint64_t seed, unsigned long calls)
{
	static struct fuzz f;
	unsigned long i;

	report_crashes();
	fuzz_init(&f, id, seed);
	for (i = 0; i < calls && !shared->stop; i++) {
		unsigned int kind = pick(&f);

		calls_of[kind](&f);
		shared->calls[id] = i + 1;
		shared->kinds[kind]++;
	}
	kvt_exit();
}

static unsigned long total(unsigned int processes)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < processes; i++)
		sum += shared->calls[i];
	return sum;
}

/* What /proc says about a process that does not go on. */
static void show_stuck(pid_t pid)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "sed 's/^/# /' /proc/%d/stack /proc/%d/status | head -40",
		 pid, pid);
	fflush(stdout);
	if (system(cmd))
		kvt_diag("no stack of %d", pid);
}

struct run {
	pid_t pid;
	unsigned long seen;
	uint64_t since;
	bool ended;
};

/* True while somebody works; notes crashes and standstill. */
static bool watch(struct run *runs, unsigned int nr, bool *bad)
{
	const uint64_t stuck = STUCK_MS * (kvt_debug_kernel() ? 4 : 1);
	unsigned int i, alive = 0;
	int status;

	for (i = 0; i < nr; i++) {
		struct run *r = &runs[i];

		if (r->ended)
			continue;
		if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
			r->ended = true;
			if (!WIFEXITED(status) || WEXITSTATUS(status)) {
				kvt_diag("process %u ended with %s %d after %lu calls", i,
					 WIFEXITED(status) ? "status" : "signal",
					 WIFEXITED(status) ? WEXITSTATUS(status) :
					 WTERMSIG(status), shared->calls[i]);
				*bad = true;
			}
			continue;
		}
		alive++;
		if (shared->calls[i] != r->seen) {
			r->seen = shared->calls[i];
			r->since = kvt_now_ms();
		} else if (kvt_now_ms() - r->since > stuck) {
			kvt_diag("process %u makes no progress after %lu calls", i, r->seen);
			show_stuck(r->pid);
			*bad = true;
			kill(r->pid, SIGKILL);
			r->since = kvt_now_ms();
		}
	}
	return alive;
}

static bool run_all(unsigned int processes, uint64_t seed, unsigned long calls,
		    unsigned int seconds)
{
	uint64_t end = kvt_now_ms() + seconds * 1000ULL, said = kvt_now_ms();
	struct run runs[16] = {};
	unsigned int i;
	bool bad = false;

	for (i = 0; i < processes; i++) {
		runs[i].since = kvt_now_ms();
		runs[i].pid = kvt_fork();
		if (!runs[i].pid)
			run(i, seed, calls / processes);
	}
	while (watch(runs, processes, &bad)) {
		kvt_sleep_ms(20);
		if (kvt_now_ms() > end || bad)
			shared->stop = true;
		if (kvt_now_ms() - said > 10000) {
			said = kvt_now_ms();
			kvt_diag("%lu of %lu calls", total(processes), calls);
		}
	}
	return !bad;
}

static void note(const struct kvt_ns_stat *stat, void *arg)
{
	char (*names)[64] = arg;

	if (!strncmp(stat->name, "fuzz.", 5) && atoi(stat->name + 5) < 16)
		strcpy(names[atoi(stat->name + 5)], stat->name);
}

/* Nothing may be left once the processes and the namespaces are gone. */
static bool all_gone(void)
{
	static char names[16][64];
	struct kvt_arena_info info;
	unsigned int i;

	memset(names, 0, sizeof(names));
	kvt_nl_ns_dump(note, names);
	for (i = 0; i < 16; i++) {
		if (names[i][0])
			kvt_nl_ns_del(names[i]);
		snprintf(names[i], sizeof(names[i]), "fuzz.%u", i);
		kvt_nl_pool_del(names[i]);
	}
	return !kvt_nl_stats(&info) && !info.open_files && !info.namespaces &&
	       info.allocated == info.free;
}

static bool check_end(void)
{
	struct kvt_arena_info i = {};

	if (kvt_wait_for(all_gone(), 20000))
		return true;
	kvt_nl_stats(&i);
	kvt_diag("left: %u files, %u namespaces, %llu bytes allocated, %llu free, %llu quarantined",
		 i.open_files, i.namespaces, (unsigned long long)i.allocated,
		 (unsigned long long)i.free, (unsigned long long)i.quarantined);
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "calls", 1, NULL, 'c' }, { "seconds", 1, NULL, 's' },
		{ "seed", 1, NULL, 'x' }, { "processes", 1, NULL, 'p' }, {},
	};
	unsigned long quick = kvt_debug_kernel() ? 100000 : 20000;
	unsigned long calls = env_number("KVMEM_FUZZ_CALLS", kvt_scale(quick, 1000000));
	unsigned int seconds = env_number("KVMEM_FUZZ_SECONDS", kvt_scale(60, 14400));
	unsigned int processes = 3, i;
	struct kvt_ns_opts o = { .mode = 0666, .quota_bytes = 8 * MIB };
	struct rlimit lock = { 64 * MIB, 64 * MIB };
	uint64_t seed = 1;
	bool ok;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
		switch (c) {
		case 'c':
			calls = strtoul(optarg, NULL, 0);
			break;
		case 's':
			seconds = strtoul(optarg, NULL, 0);
			break;
		case 'x':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			processes = strtoul(optarg, NULL, 0);
			break;
		default:
			return KSFT_FAIL;
		}
	if (processes < 1 || processes > 16)
		return KSFT_FAIL;
	setvbuf(stdout, NULL, _IOLBF, 0);
	setrlimit(RLIMIT_MEMLOCK, &lock);
	printf("KTAP version 1\n1..2\n");
	kvt_diag("seed %llu, %lu calls, %u s, %u processes", (unsigned long long)seed, calls,
		 seconds, processes);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	kvt_set_up();
	for (i = 0; i < NR_SPACES; i++)
		kvt_nl_ns_new(fuzz_ns[i], &o, NULL);
	ok = run_all(processes, seed, calls, seconds);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		kvt_diag("%8lu %s", shared->kinds[i], kinds[i]);
	kvt_diag("%lu calls, %lu things succeeded", total(processes), shared->succeeded);
	/* A run that did nothing proves nothing. */
	ok = ok && total(processes) >= calls / 20 && shared->succeeded > total(processes) / 20;
	printf("%sok 1 calls\n", ok ? "" : "not ");
	kvt_nl_quiesce(false);
	kvt_set_up();
	c = check_end();
	printf("%sok 2 nothing_left\n", c ? "" : "not ");
	return ok && c ? KSFT_PASS : KSFT_FAIL;
}
