// SPDX-License-Identifier: GPL-2.0
/*
 * Members from a file, the same on all nodes.  The map follows from the file alone, so
 * that nodes agree that know nothing of each other; the epoch is each node's own.
 */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "daemon/cluster.h"
#include "daemon/log.h"
#include "daemon/loop.h"

/**
 * struct static_member - the file
 * @inotify: tells of changes in its directory, or -1
 * @changed: it is to be read
 * @map: of what was read last, if @have_map
 */
struct static_member {
	struct cluster *c;
	struct loop *loop;
	int inotify;
	bool changed;
	struct ring_map map;
	bool have_map;
};

static void on_error(void *arg, const char *message)
{
	struct static_member *s = arg;

	cluster_complain(s->c, "%s; the members stay as they were", message);
}

/* Editors put another file in its place, so the directory is watched. */
static void on_change(void *arg, uint32_t events)
{
	struct static_member *s = arg;
	char buf[4096];

	(void)events;
	while (read(s->inotify, buf, sizeof(buf)) > 0)
		;
	s->changed = true;
}

static void watch(struct static_member *s)
{
	char path[sizeof(s->c->config->nodes)];

	memcpy(path, s->c->config->nodes, sizeof(path));
	s->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->inotify >= 0 &&
	    inotify_add_watch(s->inotify, dirname(path), IN_CLOSE_WRITE | IN_MOVED_TO |
			      IN_MOVE_SELF | IN_CREATE | IN_DELETE) >= 0 &&
	    !loop_add(s->loop, s->inotify, EPOLLIN, on_change, s))
		return;
	log_warning("cluster: %s is not watched (%s); a reload of the daemon reads it",
		    s->c->config->nodes, strerror(errno));
	if (s->inotify >= 0)
		close(s->inotify);
	s->inotify = -1;
}

/* All of them have their weights, and those that drain leave after that. */
static int build(struct static_member *s, const struct cluster_node *nodes, unsigned int nr)
{
	struct ring_node *ring = calloc(nr + 1, sizeof(*ring));
	bool *drained = calloc(nr + 1, sizeof(*drained));
	unsigned int i;
	int err = -ENOMEM;

	for (i = 0; i < nr && ring && drained; i++) {
		ring[i] = (struct ring_node){ (uint16_t)nodes[i].id, (uint32_t)nodes[i].weight,
					      ring_domain(nodes[i].domain) };
		drained[i] = nodes[i].drain;
	}
	if (ring && drained)
		err = ring_build(ring, nr, drained, &s->map);
	free(drained);
	free(ring);
	return err;
}

static void read_file(struct static_member *s)
{
	struct cluster_node *nodes;
	unsigned int nr;
	int err;

	s->changed = false;
	nodes = config_load_nodes(s->c->config->nodes, &nr, on_error, s);
	if (!nodes)
		return;
	err = build(s, nodes, nr);
	if (err == -ENODEV)
		cluster_complain(s->c, "%s: nobody would own anything; the map stays as it was",
				 s->c->config->nodes);
	else if (err)
		cluster_complain(s->c, "no map: %s", strerror(-err));
	s->have_map |= !err;
	cluster_set_nodes(s->c, nodes, nr);
}

void static_second(struct static_member *s)
{
	if (s->changed)
		read_file(s);
	if (s->have_map)
		cluster_number_map(s->c, &s->map);
}

struct static_member *static_new(struct cluster *c, struct loop *loop)
{
	struct static_member *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->c = c;
	s->loop = loop;
	s->changed = true;
	s->inotify = -1;
	watch(s);
	return s;
}

void static_free(struct static_member *s)
{
	if (!s)
		return;
	if (s->inotify >= 0) {
		loop_remove(s->loop, s->inotify);
		close(s->inotify);
	}
	free(s);
}
