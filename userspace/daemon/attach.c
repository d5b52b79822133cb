// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/attach.h"

/**
 * struct attach_job - one attach on its way
 * @next: among those of who asked; his
 * @lock: guards what follows
 * @ended: woken when it is @done
 * @done: @rc and @e are there; the thread does not touch it any more
 * @left: nobody will look: the thread frees it
 */
struct attach_job {
	struct attach_job *next;
	struct kernel *k;
	struct nl_msg *msg;
	char name[KVMEM_NAME_LEN];
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done, left;
	int rc;
	struct knl_error e;
};

static void job_free(struct attach_job *job)
{
	pthread_cond_destroy(&job->ended);
	pthread_mutex_destroy(&job->lock);
	nlmsg_free(job->msg);
	free(job);
}

static void *job_run(void *arg)
{
	struct attach_job *job = arg;
	struct knl_error e = { 0 };
	int rc = job->k->ops->attach(job->k, job->msg, &e);
	bool left;

	pthread_mutex_lock(&job->lock);
	job->rc = rc;
	job->e = e;
	job->done = true;
	left = job->left;
	pthread_cond_signal(&job->ended);
	pthread_mutex_unlock(&job->lock);
	if (left)
		job_free(job);
	return NULL;
}

static struct attach_job *job_new(struct kernel *k, const char *name, struct nl_msg *msg)
{
	struct attach_job *job = calloc(1, sizeof(*job));
	pthread_condattr_t attr;

	if (!job)
		return NULL;
	job->k = k;
	job->msg = msg;
	snprintf(job->name, sizeof(job->name), "%s", name);
	pthread_mutex_init(&job->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&job->ended, &attr);
	pthread_condattr_destroy(&attr);
	return job;
}

int attach_begin(struct attach_job **jobs, struct kernel *k, const char *name,
		 struct nl_msg *msg)
{
	struct attach_job *job = msg ? job_new(k, name, msg) : NULL;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	if (!job) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&thread, &attr, job_run, job);
	pthread_attr_destroy(&attr);
	if (err) {
		job_free(job);
		return -err;
	}
	job->next = *jobs;
	*jobs = job;
	return 0;
}

static bool job_wait(struct attach_job *job, unsigned int ms)
{
	struct timespec until;
	bool done;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&job->lock);
	while (!job->done && !err && ms)
		err = pthread_cond_timedwait(&job->ended, &job->lock, &until);
	done = job->done;
	pthread_mutex_unlock(&job->lock);
	return done;
}

bool attach_is_there(const struct attach_job *jobs, const char *name)
{
	while (jobs && strcmp(jobs->name, name))
		jobs = jobs->next;
	return jobs;
}

enum attach_state attach_look(struct attach_job **jobs, const char *name, unsigned int wait_ms,
			      int *rc, struct knl_error *e)
{
	struct attach_job **at = jobs, *job;

	while (*at && strcmp((*at)->name, name))
		at = &(*at)->next;
	job = *at;
	if (!job)
		return ATTACH_NONE;
	if (!job_wait(job, wait_ms))
		return ATTACH_BUSY;
	*at = job->next;
	*rc = job->rc;
	*e = job->e;
	job_free(job);
	return ATTACH_DONE;
}

void attach_leave(struct attach_job **jobs)
{
	struct attach_job *job;
	bool done;

	while ((job = *jobs)) {
		*jobs = job->next;
		pthread_mutex_lock(&job->lock);
		job->left = true;
		done = job->done;
		pthread_mutex_unlock(&job->lock);
		if (done)
			job_free(job);
	}
}
