/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Traces: one request a line,
 * {"timestamp": ms, "input_length": tokens, "output_length": tokens,
 *  "hash_ids": [block, ...]}
 */
#ifndef _TRACE_H
#define _TRACE_H

#include <stddef.h>
#include <stdint.h>

#define TRACE_MAX_ID		((1ULL << 53) - 1)	/* what any JSON keeps */
#define TRACE_MAX_BLOCKS	(1u << 20)	/* in a request */

/* @first: of its blocks, an index in trace.ids and trace.dense */
struct trace_request {
	uint64_t timestamp;
	uint64_t input_length;
	uint64_t output_length;
	size_t first;
	size_t nr;
};

/**
 * struct trace - a trace in memory
 * @ids: blocks of all requests, one after the other, as in the file
 * @dense: the same, renumbered from 0 in order of first use
 * @nr_distinct: different blocks
 */
struct trace {
	struct trace_request *requests;
	size_t nr_requests;
	uint64_t *ids;
	uint32_t *dense;
	size_t nr_ids;
	size_t nr_distinct;
	size_t room_requests;
	size_t room_ids;
};

/* Where and why a trace is not one. */
struct trace_error {
	size_t line;
	char what[96];
};

/*
 * Read at most @limit requests (0 = all) from memory or a file.  Returns 0 or
 * a negative errno with @error filled; -EBADMSG: not a trace.
 */
int trace_parse(struct trace *t, const char *text, size_t len, size_t limit,
		struct trace_error *error);
int trace_load(struct trace *t, const char *path, size_t limit,
	       struct trace_error *error);
void trace_free(struct trace *t);

#endif /* _TRACE_H */
