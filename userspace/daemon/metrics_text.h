/* SPDX-License-Identifier: GPL-2.0 */
/* Prometheus text exposition format, 0.0.4. */
#ifndef KVMEMD_METRICS_TEXT_H
#define KVMEMD_METRICS_TEXT_H

#include <stdint.h>

#include "daemon/metrics_buffer.h"

#define TEXT_CONTENT_TYPE	"text/plain; version=0.0.4; charset=utf-8"

/* @value is escaped as it is written; the last of several has no @name. */
struct text_label {
	const char *name, *value;
};

/* LABELS({ "namespace", name }, { "reason", "quota" }) */
#define LABELS(...)	((const struct text_label []){ __VA_ARGS__, { NULL, NULL } })

/* Starts a metric: its samples follow, and nothing else in between. */
void text_counter(struct buffer *b, const char *name, const char *help);
void text_gauge(struct buffer *b, const char *name, const char *help);
void text_histogram(struct buffer *b, const char *name, const char *help);

/* One sample; @labels may be NULL. */
void text_u64(struct buffer *b, const char *name, const struct text_label *labels, uint64_t v);
void text_double(struct buffer *b, const char *name, const struct text_label *labels,
		 double v);

/* Metrics with one sample and no labels */
void text_gauge_u64(struct buffer *b, const char *name, const char *help, uint64_t v);
void text_gauge_double(struct buffer *b, const char *name, const char *help, double v);
void text_counter_u64(struct buffer *b, const char *name, const char *help, uint64_t v);
void text_counter_double(struct buffer *b, const char *name, const char *help, double v);

#endif
