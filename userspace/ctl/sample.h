/* SPDX-License-Identifier: GPL-2.0 */
/* Counters and times at one moment, and what happened between two of them. */
#ifndef _KVMEMCTL_SAMPLE_H
#define _KVMEMCTL_SAMPLE_H

#include <jansson.h>

#include "ctl/ctl.h"
#include "ctl/latency.h"

/**
 * struct sample - counters at one time
 * @time: s since 1970
 * @clock: s of a clock that is never set
 * @ns: array of namespaces
 * @media: array of media; NULL = not asked for
 * @lat: times
 */
struct sample {
	double time, clock;
	json_t *ns, *media;
	struct latencies lat;
};

/* Of the namespace @name, or of all (NULL); an exit status */
int sample_take(struct ctl *c, const char *name, struct sample *s);
/* Media too; the same */
int sample_take_media(struct ctl *c, struct sample *s);
void sample_drop(struct sample *s);
/*
 * {time, interval_s, namespaces, latency}: what has happened between the two,
 * or since the beginning when @before is NULL; interval_s is then null.  And
 * media, when both have some: as they are, with "rates": {written_bytes}.
 */
json_t *sample_report(const struct sample *now, const struct sample *before);

/*
 * Give the namespaces of a report "rates": {gets, puts, evictions, bytes}, each
 * a second, and its latencies ops_per_second and bytes_per_second.  All null
 * without an interval.
 */
void rates_add(json_t *report);
/* Sort an array of such namespaces by @key; false: there is no such key. */
bool rates_sort(json_t *namespaces, const char *key);
/* The key after @key, in a ring; the first one for NULL */
const char *rates_next_key(const char *key);

#endif /* _KVMEMCTL_SAMPLE_H */
