// SPDX-License-Identifier: GPL-2.0
/* The parent: forks the clients, shows how far they are, reaps them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "content.h"
#include "replay.h"

static int client_main(const struct options *o, const struct trace *t,
		       struct shared *s, unsigned int nr)
{
	struct client c = {
		.o = o,
		.trace = t,
		.shared = s,
		.stats = &s->stats[nr],
		.nr = nr,
		.salt = content_salt(o->trace_path),
	};
	int err = client_run(&c);

	if (err)
		turn_stop(s);
	return err ? 1 : 0;
}

static pid_t client_fork(const struct options *o, const struct trace *t,
			 struct shared *s, unsigned int nr)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	/* nobody replays for a parent that was killed */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	_exit(client_main(o, t, s, nr));
}

static void say_signal(int status)
{
	if (WIFSIGNALED(status))
		fprintf(stderr, "kvmem-replay: a client was killed: %s\n",
			strsignal(WTERMSIG(status)));
}

/* Wait for all; a client that fails stops the others. */
static int reap(struct shared *s, struct progress_state *p, unsigned int left)
{
	struct timespec ts = { .tv_nsec = 20000000 };
	int status, err = 0;
	pid_t pid;

	while (left) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid < 0 && errno != EINTR)
			return -errno;
		if (pid <= 0) {
			progress_tick(p);
			nanosleep(&ts, NULL);
			continue;
		}
		left--;
		if (!WIFEXITED(status) || WEXITSTATUS(status)) {
			say_signal(status);
			turn_stop(s);
			err = -EIO;
		}
	}
	return err;
}

int run_clients(const struct options *o, const struct trace *t,
		struct shared *s)
{
	struct progress_state p;
	unsigned int i;
	int err = 0, ret;

	s->start_ns = now_ns();
	s->turn = (uint32_t)o->skip;
	progress_start(&p, o, s, t->nr_requests - o->skip);
	for (i = 0; i < o->clients; i++) {
		if (client_fork(o, t, s, i) < 0) {
			err = -errno;
			turn_stop(s);
			break;
		}
	}
	ret = reap(s, &p, i);
	progress_end(&p);
	return err ? err : ret;
}
