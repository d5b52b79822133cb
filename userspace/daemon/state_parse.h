/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages of the kernel into the state.  Each is checked: one that makes no
 * sense changes nothing and is told by -EBADMSG.
 */
#ifndef KVMEMD_STATE_PARSE_H
#define KVMEMD_STATE_PARSE_H

#include "daemon/state.h"
#include "nl/nl.h"

/**
 * struct parsed_table - the table of a namespace
 * @id: of it
 * @have: bit c = the row of class c came
 * @out: the table
 */
struct parsed_table {
	uint32_t id;
	uint64_t have;
	struct policy_output out;
	bool hinted;
};

/* Answers to NS_GET, POOL_GET, STATS_GET and LATENCY_GET */
int state_parse_ns(struct state *state, const struct knl_msg *m);
int state_parse_pool(struct state *state, const struct knl_msg *m);
int state_parse_stats(struct state *state, const struct knl_msg *m);
int state_parse_latency(struct state *state, const struct knl_msg *m);
/* MEDIA_GET (state_media.c) */
int state_parse_media(struct state *state, const struct knl_msg *m);
/* PEER_GET and MAP_GET (state_peer.c) */
int state_parse_peer(struct state *state, const struct knl_msg *m);
int state_parse_map(struct state *state, const struct knl_msg *m);
/* The arena, from an answer or an event */
int state_parse_arena(struct state *state, const struct nlattr *nest);
/* One class of HIST_GET into @hist; *@id: whose it is */
int state_parse_hist(struct policy_hist *hist, const struct knl_msg *m, uint32_t *id);
int state_parse_table(struct parsed_table *table, const struct knl_msg *m);
/*
 * SAMPLES_NTF: @fn is told of each that makes sense.  *@id: of the namespace,
 * *@lost: by the kernel since the message before.  How many samples, or -EBADMSG.
 */
int state_parse_samples(const struct knl_msg *m, uint32_t *id, uint64_t *lost,
			void (*fn)(void *arg, const struct policy_sample *sample), void *arg);

#endif
