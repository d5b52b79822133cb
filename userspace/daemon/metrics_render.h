/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of metrics_render(), each with the metrics of one subject. */
#ifndef KVMEMD_METRICS_RENDER_H
#define KVMEMD_METRICS_RENDER_H

#include "daemon/metrics_text.h"
#include "daemon/report.h"
#include "daemon/state.h"

/* With more namespaces than this, nothing is told by class: it would be a million series. */
#define METRICS_MAX_NS_BY_CLASS	256

void metrics_namespaces(const struct state *state, struct buffer *b);
void metrics_classes(const struct state *state, struct buffer *b);
void metrics_savings(const struct state *state, const struct report_costs *costs,
		     struct buffer *b);
void metrics_policies(const struct state *state, struct buffer *b);
void metrics_operations(const struct state *state, struct buffer *b);
void metrics_media(const struct state *state, struct buffer *b);
void metrics_peers(const struct state *state, struct buffer *b);

/* A string that may fill the whole of its array, @array, until the statement ends */
#define NAME(array)	(metrics_name(array, sizeof(array)).s)

struct metrics_name {
	char s[STATE_NAME_LEN + 1];
};

struct metrics_name metrics_name(const char *name, size_t size);

#endif
