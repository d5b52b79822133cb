/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon tells: one JSON document about now, for "kvmemctl advise"
 * and everybody else who connects to its socket.  Its fields are documented
 * in docs/report.md.
 */
#ifndef KVMEMD_REPORT_H
#define KVMEMD_REPORT_H

#include <stdint.h>

struct state;

/**
 * struct report_costs - what a lost block costs; 0 = not configured
 * @prefill_tokens_per_second: that the node computes
 * @bytes_per_token: of KV cache
 * @gpu_cost_per_hour: of the GPUs that compute them
 * @currency: of that cost
 */
struct report_costs {
	double prefill_tokens_per_second, bytes_per_token, gpu_cost_per_hour;
	char currency[8];
};

/* To be freed; NULL: no memory.  @now_ns: CLOCK_MONOTONIC. */
char *report_json(const struct state *state, const struct report_costs *costs,
		  uint64_t now_ns);

#endif
