// SPDX-License-Identifier: GPL-2.0
/* One process of the replay: its requests, and how their outcomes count. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "content.h"
#include "replay.h"

#define LOUD	20	/* messages of one client */

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int client_open(const struct options *o, struct kvmem **k)
{
	static const uint8_t none[KVMEM_FINGERPRINT_LEN];
	struct kvmem_options ko = KVMEM_OPTIONS_INIT;

	ko.device = o->device;
	ko.ns = o->ns;
	/* a client that waits for its turn must not hold up an upgrade */
	ko.flags = KVMEM_OPEN_WATCH;
	ko.reattach_timeout_ms = o->reattach_ms;
	if (memcmp(o->fingerprint, none, sizeof(none)))
		ko.fingerprint = o->fingerprint;
	return kvmem_open_sys(&ko, o->sys, k);
}

static void key_text(const uint8_t *key, char *text)
{
	int i;

	for (i = 0; i < KVMEM_KEY_LEN; i++)
		sprintf(text + 2 * i, "%02x", key[i]);
}

void client_error(struct client *c, const char *what, const uint8_t *key,
		  int err)
{
	char text[2 * KVMEM_KEY_LEN + 1] = "-";

	if (c->stats->errors++ >= LOUD)
		return;
	if (key)
		key_text(key, text);
	fprintf(stderr, "kvmem-replay: client %u: %s: %s (key %s)\n", c->nr,
		what, strerror(-err), text);
}

static void shout(struct client *c, const uint8_t *key, uint64_t id,
		  size_t offset, unsigned int want, unsigned int got)
{
	char text[2 * KVMEM_KEY_LEN + 1];

	if (c->stats->wrong++ >= LOUD)
		return;
	key_text(key, text);
	fprintf(stderr, "kvmem-replay: WRONG BYTE: client %u block %" PRIu64
		" key %s offset %zu expected %02x got %02x\n", c->nr, id, text,
		offset, want, got);
}

static void shout_length(struct client *c, const uint8_t *key, uint64_t id,
			 uint64_t len)
{
	char text[2 * KVMEM_KEY_LEN + 1];

	if (c->stats->wrong++ >= LOUD)
		return;
	key_text(key, text);
	fprintf(stderr, "kvmem-replay: WRONG LENGTH: client %u block %" PRIu64
		" key %s expected %" PRIu64 " got %" PRIu64 "\n", c->nr, id,
		text, c->o->block_size, len);
}

void client_hit(struct client *c, const uint8_t *key, uint64_t id,
		const void *data, uint64_t len, unsigned int tier)
{
	size_t offset;
	uint8_t want;

	c->stats->hits++;
	c->stats->flash_hits += tier == KVMEM_TIER_FLASH;
	c->stats->bytes_out += len;
	if (len != c->o->block_size) {
		shout_length(c, key, id, len);
		return;
	}
	if (!c->o->verify || content_check(key, data, len, &offset, &want))
		return;
	shout(c, key, id, offset, want, ((const uint8_t *)data)[offset]);
}

void client_miss(struct client *c, unsigned int res_flags)
{
	c->stats->misses++;
	if (res_flags & KVMEM_RES_F_CORRUPT)
		c->stats->corrupt++;
}

void client_put_done(struct client *c, const uint8_t *key, int status,
		     bool existed)
{
	switch (status) {
	case 0:
		c->stats->puts++;
		if (existed)
			c->stats->existed++;
		else
			c->stats->bytes_in += c->o->block_size;
		break;
	case -ENOSPC:
	case -EDQUOT:
	case -ENOMEM:
	case -ESHUTDOWN:
		if (!c->stats->refused++ && !c->o->refused_ok)
			fprintf(stderr, "kvmem-replay: client %u: PUT: %s\n",
				c->nr, strerror(-status));
		break;
	default:
		client_error(c, "PUT", key, status);
	}
}

/* With --speed: not before its time. */
static void wait_for(struct client *c, const struct trace_request *r)
{
	uint64_t start = c->trace->requests[c->o->skip].timestamp;
	uint64_t due, now = now_ns();
	struct timespec ts;

	if (c->o->speed <= 0)
		return;
	due = c->shared->start_ns + (uint64_t)
	      ((double)(r->timestamp - start) * 1e6 / c->o->speed);
	if (r->timestamp < start || due <= now)
		return;
	ts.tv_sec = (time_t)((due - now) / 1000000000);
	ts.tv_nsec = (long)((due - now) % 1000000000);
	nanosleep(&ts, NULL);
}

static int one_request(struct client *c, const struct mode_ops *mode, size_t i)
{
	const struct trace_request *r = &c->trace->requests[i];
	int err = 0;

	wait_for(c, r);
	if (c->o->ordered)
		err = turn_wait(c->shared, (uint32_t)i);
	if (!err && !c->o->ordered &&
	    __atomic_load_n(&c->shared->stop, __ATOMIC_ACQUIRE))
		err = -ECANCELED;
	if (!err)
		err = mode->request(c, r);
	if (err)
		return err;
	if (c->o->ordered)
		turn_pass(c->shared, (uint32_t)i);
	c->stats->references += r->nr;
	__atomic_store_n(&c->stats->requests, c->stats->requests + 1,
			 __ATOMIC_RELAXED);
	return 0;
}

static size_t first_request(const struct client *c)
{
	size_t skip = c->o->skip, n = c->o->clients;

	return skip + (c->nr + n - skip % n) % n;
}

/* Round robin: client n of N has requests n, n + N, ... */
int client_run(struct client *c)
{
	const struct mode_ops *mode = c->o->mode == MODE_LEASE ?
				      &lease_mode : &transfer_mode;
	size_t i;
	int err;

	err = client_open(c->o, &c->k);
	if (err) {
		client_error(c, "cannot open", NULL, err);
		return err;
	}
	err = mode->open(c);
	if (err)
		client_error(c, "cannot set up", NULL, err);
	for (i = first_request(c); !err && i < c->trace->nr_requests; i += c->o->clients)
		err = one_request(c, mode, i);
	c->stats->reattached = kvmem_generation(c->k);
	mode->close(c);
	kvmem_close(c->k);
	return err;
}
