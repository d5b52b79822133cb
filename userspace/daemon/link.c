// SPDX-License-Identifier: GPL-2.0
/* The daemon and the module: finding it, losing it, keeping up with it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/daemon_internal.h"
#include "daemon/log.h"
#include "daemon/state_parse.h"

#define SECOND		1000000000ULL
/* Between two readings of everything, however many events come */
#define SYNC_PAUSE	(SECOND / 5)
/* Until what the kernel refused is tried again by itself */
#define RETRY_PAUSE	(30 * SECOND)

uint64_t daemon_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

/* --- failures --- */

static void trouble(struct kvmemd *d, const char *text)
{
	if (!strncmp(d->trouble, text, sizeof(d->trouble) - 1))
		return;
	strncpy(d->trouble, text, sizeof(d->trouble) - 1);
	log_warning("%s", text);
}

/* @err: of a request; what it means for what we know */
static void failed(struct kvmemd *d, int err)
{
	if (err == -ENODEV) {
		link_disconnect(d);
		return;
	}
	/* A namespace that was deleted between two requests is no trouble. */
	if (err != -ENOENT)
		trouble(d, kernel_error(d->kernel));
	d->resync = true;
}

/* --- the module --- */

/* What was refused is tried again; media at their own times. */
static void plan_retry(struct kvmemd *d)
{
	uint64_t media = d->reconcile.retry_at;

	d->retry_time = d->reconcile.failed ? d->state.read_ns + RETRY_PAUSE : 0;
	if (media && (!d->retry_time || media < d->retry_time))
		d->retry_time = media;
}

static void sync_all(struct kvmemd *d)
{
	int err;

	d->resync = d->reconcile_due = false;
	d->sync_time = daemon_now();
	err = read_all(d->kernel, &d->state);
	if (!err)
		err = reconcile(&d->reconcile, d->kernel, &d->state, d->config, d->sync_time);
	if (!err)
		err = control_second(&d->control, daemon_now());
	if (!err && d->cluster)
		err = cluster_second(d->cluster, daemon_now());
	if (err) {
		failed(d, err);
		return;
	}
	d->state.read_ns = daemon_now();
	d->trouble[0] = 0;
	plan_retry(d);
}

void link_connect(struct kvmemd *d)
{
	struct knl_error e;
	char text[512];

	if (d->state.connected || !knl_family_exists(&d->kernel->nl))
		return;
	/* Listening comes first, so that nothing happens unseen. */
	if (knl_open(&d->kernel->nl, &e) || watch_open(d->watch, true, &e)) {
		trouble(d, knl_error_text(&e, text, sizeof(text)));
		return;
	}
	d->state.connected = true;
	sync_all(d);
	if (d->state.read_ns)
		log_notice("connected to kvmem %s: %u namespaces, %u created, %u changed",
			   d->state.version, d->state.nr_namespaces, d->reconcile.created,
			   d->reconcile.changed);
}

void link_disconnect(struct kvmemd *d)
{
	struct knl_error e;
	char text[512];

	if (d->state.connected)
		log_notice("the kvmem module is gone; waiting for it");
	knl_close(&d->kernel->nl);
	state_clear(&d->state);
	reconcile_forget_tries(&d->reconcile);
	if (d->cluster)
		cluster_disconnected(d->cluster);
	d->resync = false;
	if (watch_open(d->watch, false, &e))
		trouble(d, knl_error_text(&e, text, sizeof(text)));
}

/* --- time --- */

void link_poll(struct kvmemd *d)
{
	uint64_t now = daemon_now();
	int err;

	if (!d->state.connected)
		return;
	if (d->resync && now - d->sync_time >= SYNC_PAUSE) {
		sync_all(d);
		return;
	}
	err = control_poll(&d->control, now);
	if (err)
		failed(d, err);
}

void link_second(struct kvmemd *d)
{
	uint64_t now = daemon_now();
	int err;

	if (!d->state.connected) {
		link_connect(d);
		return;
	}
	if (d->resync || d->reconcile_due || (d->retry_time && now >= d->retry_time)) {
		sync_all(d);
		return;
	}
	err = read_all(d->kernel, &d->state);
	if (!err)
		err = control_second(&d->control, now);
	if (!err && d->cluster)
		err = cluster_second(d->cluster, now);
	if (err) {
		failed(d, err);
		return;
	}
	d->state.read_ns = now;
	d->trouble[0] = 0;
}

/* --- events --- */

static const char *event_name(const struct knl_msg *m, char *name, size_t len)
{
	snprintf(name, len, "?");
	knl_get_string(m->tb[KVMEM_A_NAME], name, len);
	return name;
}

static void on_corrupt(struct kvmemd *d, const struct knl_msg *m)
{
	uint8_t key[KVMEM_KEY_LEN] = { 0 };
	char name[STATE_NAME_LEN], hex[2 * KVMEM_KEY_LEN + 1];
	size_t i;

	d->state.corrupt_events++;
	knl_get_binary(m->tb[KVMEM_A_KEY], key, sizeof(key));
	for (i = 0; i < sizeof(key); i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	event_name(m, name, sizeof(name));
	log_ns(LOG_WARNING, name, "corrupt", "namespace %s: block %s failed its checksum and was "
	       "dropped", name, hex);
}

static void on_watermark(struct kvmemd *d, const struct knl_msg *m)
{
	static const char * const names[] = {
		[KVMEM_WATERMARK_ROOM] = "has room",
		[KVMEM_WATERMARK_FULL] = "is full",
		[KVMEM_WATERMARK_PRESSURE] = "was lowered: the machine is short of memory",
	};
	uint32_t mark;

	if (!knl_get_u32(m->tb[KVMEM_A_WATERMARK], &mark) ||
	    mark >= sizeof(names) / sizeof(*names))
		return;
	d->state.watermark = mark;
	state_parse_arena(&d->state, m->tb[KVMEM_A_ARENA]);
	log_at(LOG_INFO, (&(struct log_fields){ .event = "watermark" }), "the arena %s (%llu MiB)",
	       names[mark], (unsigned long long)d->state.arena[KVMEM_A_ARENA_LIMIT] >> 20);
}

static void on_quiesce(struct kvmemd *d, const struct knl_msg *m)
{
	uint8_t quiesced = d->state.quiesced;

	knl_get_u8(m->tb[KVMEM_A_QUIESCED], &quiesced);
	knl_get_u32(m->tb[KVMEM_A_OPEN_FILES], &d->state.open_files);
	d->state.quiesced = quiesced;
	log_at(LOG_NOTICE, (&(struct log_fields){ .event = "quiesce" }), "the module %s",
	       quiesced ? "is quiesced" : "works again");
}

static void on_media(struct kvmemd *d, const struct knl_msg *m)
{
	const char *state = NULL;
	char name[STATE_NAME_LEN];
	uint8_t v;

	d->resync |= m->cmd != KVMEM_CMD_MEDIA_CHANGED_NTF;
	d->reconcile_due = true;
	if (m->cmd == KVMEM_CMD_MEDIA_CHANGED_NTF && knl_get_u8(m->tb[KVMEM_A_STATE], &v))
		state = state_media_state_name(v);
	if (!state)
		return;
	event_name(m, name, sizeof(name));
	log_ns(v == KVMEM_MEDIA_STATE_READ_ONLY || v == KVMEM_MEDIA_STATE_FAILED ? LOG_WARNING :
	       LOG_INFO, name, "media", "media %s: is %s", name, state);
}

static void on_peer(const struct knl_msg *m)
{
	struct nlattr *tb[KVMEM_A_PEER_MAX + 1];
	char name[STATE_NAME_LEN] = "?", reason[STATE_NAME_LEN] = "";
	uint32_t node = 0;
	uint8_t state = 0;

	if (!m->tb[KVMEM_A_PEER] ||
	    nla_parse_nested(tb, KVMEM_A_PEER_MAX, m->tb[KVMEM_A_PEER], NULL) < 0)
		return;
	knl_get_u32(tb[KVMEM_A_PEER_NODE], &node);
	knl_get_u8(tb[KVMEM_A_PEER_STATE], &state);
	knl_get_string(tb[KVMEM_A_PEER_NAME], name, sizeof(name));
	knl_get_string(tb[KVMEM_A_PEER_REASON], reason, sizeof(reason));
	log_at(state == KVMEM_PEER_STATE_UP ? LOG_NOTICE : LOG_WARNING,
	       (&(struct log_fields){ .event = "peer" }), "node %u (%s) is %s%s%s", node, name,
	       state_peer_state_name(state), *reason ? ": " : "", reason);
}

int link_event(const struct knl_msg *m, void *arg)
{
	struct kvmemd *d = arg;

	switch (m->cmd) {
	case KVMEM_CMD_NS_CREATED_NTF:
	case KVMEM_CMD_NS_DELETED_NTF:
		d->resync = true;
		break;
	case KVMEM_CMD_NS_CHANGED_NTF:
		d->reconcile_due = true;
		break;
	case KVMEM_CMD_CORRUPT_NTF:
		on_corrupt(d, m);
		break;
	case KVMEM_CMD_WATERMARK_NTF:
		on_watermark(d, m);
		break;
	case KVMEM_CMD_QUIESCE_NTF:
		on_quiesce(d, m);
		break;
	case KVMEM_CMD_MEDIA_ATTACHED_NTF:
	case KVMEM_CMD_MEDIA_DETACHED_NTF:
	case KVMEM_CMD_MEDIA_CHANGED_NTF:
		on_media(d, m);
		break;
	case KVMEM_CMD_PEER_CHANGED_NTF:
		on_peer(m);
		break;
	}
	return 0;
}

int link_samples(const struct knl_msg *m, void *arg)
{
	struct kvmemd *d = arg;

	if (m->cmd == KVMEM_CMD_SAMPLES_NTF)
		control_samples(&d->control, m);
	return 0;
}

static void on_lost(void *arg, bool events)
{
	struct kvmemd *d = arg;

	d->state.events_lost++;
	if (!events)
		return;
	log_info("events were lost; reading everything again");
	control_events_lost(&d->control);
	d->resync = true;
}

static void on_came(void *arg)
{
	link_connect(arg);
}

static void on_gone(void *arg)
{
	link_disconnect(arg);
}

int link_start(struct kvmemd *d)
{
	static const struct watch_fns fns = {
		link_event, link_samples, on_lost, on_came, on_gone
	};
	struct knl_error e;
	char text[512];

	d->watch = watch_new(d->loop, &fns, d);
	if (!d->watch)
		return -ENOMEM;
	if (watch_open(d->watch, false, &e)) {
		log_err("%s", knl_error_text(&e, text, sizeof(text)));
		return -EIO;
	}
	link_connect(d);
	if (!d->state.connected)
		log_notice("the kvmem module is not loaded; waiting for it");
	return 0;
}
