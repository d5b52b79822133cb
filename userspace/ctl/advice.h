/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon knows, as answers to what operators ask.  Pure: numbers in,
 * numbers out; NaN is "not known".  kvmemctl(8) has the formulas.
 */
#ifndef _KVMEMCTL_ADVICE_H
#define _KVMEMCTL_ADVICE_H

#include <stdbool.h>
#include <stddef.h>

#define ADVICE_MAX_POINTS	512
#define ADVICE_NAME		80

/* Sampled uses from which a hit rate is known to some 2 percentage points */
#define ADVICE_MIN_USES		500

struct advice_point {
	double bytes, lru, policy;
};

/* What has happened in a namespace until some time */
struct advice_counters {
	double hits, misses, puts, copied_in;
};

/**
 * struct advice_ns - a namespace, as reported
 * @id, @name: of it
 * @policy: name of it, "" = nobody decides
 * @fallback: it has fallen back to LRU
 * @one_in: of how many keys one is sampled, 0 = none
 * @sampled_uses: behind the curve
 * @capacity, @used: bytes
 * @live_blocks, @data_bytes: what is kept now
 * @saved_tokens, @saved_bytes: of the blocks used, as applications told
 * @flash_mode: "off", "through" or "back"
 * @flash_quota, @flash_used: bytes; a quota of 0 is no bound
 * @total: since it was made
 * @curve: hit rate by bytes of the tier, smaller first
 */
struct advice_ns {
	unsigned int id;
	char name[ADVICE_NAME], policy[ADVICE_NAME];
	bool fallback;
	double one_in, sampled_uses;
	double capacity, used, live_blocks, data_bytes;
	double saved_tokens, saved_bytes;
	char flash_mode[16];
	double flash_quota, flash_used;
	struct advice_counters total;
	struct advice_point curve[ADVICE_MAX_POINTS];
	size_t nr_points;
};

/**
 * struct advice_node - what holds for all namespaces
 * @prefill: tokens computed a second
 * @bytes_per_token: of KV cache; NaN: as applications told
 * @gpu_cost_per_hour: in @currency
 * @get_speed, @put_speed: bytes a second, measured
 * @flash: bytes of the media that are read and written; 0 = there are none
 * @life_years: of the drive that is worn out first; NaN = not known
 */
struct advice_node {
	double prefill, bytes_per_token, gpu_cost_per_hour;
	char currency[16];
	double get_speed, put_speed;
	double flash, life_years;
};

/* As many as the kernel takes */
#define ADVICE_MAX_MEDIA	64

/**
 * struct advice_media - a media, as reported
 * @usable: read and written
 * @bytes: size
 * @written: since it was attached, of all kinds
 * @used: part of its endurance, 0 to 1; NaN = the device does not tell
 * @device_written: since it was made; NaN: the same
 * @per_day: bytes written a day, now
 * @endurance: bytes that it can still take
 * @life_years: at this rate
 */
struct advice_media {
	unsigned int id;
	char name[ADVICE_NAME], state[16];
	bool usable;
	double bytes, written, used, device_written;
	double per_day, endurance, life_years;
};

/* What has changed from @before to the @n of @now; @given: endurance, NaN = as told */
void advice_media_make(struct advice_media *now, size_t n, const struct advice_media *before,
		       size_t nr_before, double seconds, double given);

/* Is keeping blocks faster than computing them again? */
enum advice_verdict {
	ADVICE_UNKNOWN,
	ADVICE_PAYS,
	ADVICE_COSTS,		/* it would with more reuse */
	ADVICE_NEVER,		/* computing is faster than reading */
	ADVICE_DEPENDS,		/* the reuse is not known */
};

/* Hit rates at one size */
struct advice_rates {
	double lru, policy;
};

/**
 * struct advice - the answers
 * @gets, @puts: a second, now
 * @hit_rate: since the namespace was made
 * @block_bytes: mean
 * @bytes_per_token: that count
 * @told: ... because applications said so
 * @tokens: a block
 * @now, @twice, @more: predicted at the capacity, twice of it, and with @more_bytes
 * @gain: of hit rate by @more_bytes
 * @prefill_seconds, @gpu_cost: a day, saved by @more_bytes
 * @flash: bytes that the namespace may have on flash
 * @flash_now, @flash_more: predicted for DRAM and flash together, and with @more_bytes
 * @flash_gain, @flash_prefill_seconds, @flash_gpu_cost: of @more_bytes of flash
 * @recompute, @get, @put: seconds a block
 * @reuse_needed: uses of a block put, from which keeping pays
 * @reuse: uses of a block put, as measured
 * @missing_samples: sampled uses until predictions can be made; 0 = none
 * @missing_uses, @missing_seconds: the same in uses, and in time as now
 */
struct advice {
	double gets, puts, hit_rate;
	double block_bytes, bytes_per_token, tokens;
	bool told;
	struct advice_rates now, twice, more;
	double more_bytes, gain, prefill_seconds, gpu_cost;
	double flash;
	struct advice_rates flash_now, flash_more;
	double flash_gain, flash_prefill_seconds, flash_gpu_cost;
	double recompute, get, put, reuse_needed, reuse;
	enum advice_verdict verdict;
	double missing_samples, missing_uses, missing_seconds;
};

/* A curve that too few uses made is none. */
void advice_doubt(struct advice_ns *ns);
/* Hit rates of a tier of @bytes; beyond the curve's end they are not known. */
struct advice_rates advice_curve_at(const struct advice_ns *ns, double bytes);
/*
 * @seconds: in which the counters went from @before to what they are in @ns;
 * 0 = only one report is there.  @more_bytes: how much more to ask for.
 */
void advice_make(const struct advice_ns *ns, const struct advice_counters *before,
		 double seconds, const struct advice_node *node, double more_bytes,
		 struct advice *a);

#endif /* _KVMEMCTL_ADVICE_H */
