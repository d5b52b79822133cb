// SPDX-License-Identifier: GPL-2.0
/* Lists of what is in the kernel, in order of ids. */
#include <stdlib.h>
#include <string.h>

#include "daemon/state.h"

struct state_ns *state_find_ns(const struct state *state, uint32_t id)
{
	struct state_ns *ns;

	for (ns = state->ns; ns; ns = ns->next)
		if (ns->id == id)
			return ns;
	return NULL;
}

struct state_ns *state_find_ns_by_name(const struct state *state, const char *name)
{
	struct state_ns *ns;

	for (ns = state->ns; ns; ns = ns->next)
		if (!strcmp(ns->name, name))
			return ns;
	return NULL;
}

struct state_pool *state_find_pool(const struct state *state, uint32_t id)
{
	struct state_pool *pool;

	for (pool = state->pools; pool; pool = pool->next)
		if (pool->id == id)
			return pool;
	return NULL;
}

struct state_pool *state_find_pool_by_name(const struct state *state, const char *name)
{
	struct state_pool *pool;

	for (pool = state->pools; pool; pool = pool->next)
		if (!strcmp(pool->name, name))
			return pool;
	return NULL;
}

struct state_ns *state_add_ns(struct state *state, uint32_t id)
{
	struct state_ns **at = &state->ns, *ns = state->last_ns;

	if (ns && ns->id == id)
		return ns;
	if (ns && ns->id < id)
		at = &ns->next;
	while (*at && (*at)->id < id)
		at = &(*at)->next;
	ns = *at;
	if (!ns || ns->id != id) {
		ns = calloc(1, sizeof(*ns));
		if (!ns)
			return NULL;
		ns->id = id;
		ns->next = *at;
		*at = ns;
	}
	state->last_ns = ns;
	return ns;
}

struct state_pool *state_add_pool(struct state *state, uint32_t id)
{
	struct state_pool **at = &state->pools, *pool;

	while (*at && (*at)->id < id)
		at = &(*at)->next;
	pool = *at;
	if (pool && pool->id == id)
		return pool;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	pool->id = id;
	pool->next = *at;
	*at = pool;
	return pool;
}

/* --- dumps --- */

void state_unsee_ns(struct state *state)
{
	struct state_ns *ns;

	for (ns = state->ns; ns; ns = ns->next)
		ns->seen = false;
}

void state_drop_unseen_ns(struct state *state)
{
	struct state_ns **at = &state->ns, *ns;

	state->last_ns = NULL;
	while ((ns = *at)) {
		if (ns->seen) {
			at = &ns->next;
			continue;
		}
		*at = ns->next;
		policy_free(ns->policy);
		free(ns->control);
		free(ns);
	}
}

void state_unsee_pools(struct state *state)
{
	struct state_pool *pool;

	for (pool = state->pools; pool; pool = pool->next)
		pool->seen = false;
}

void state_drop_unseen_pools(struct state *state)
{
	struct state_pool **at = &state->pools, *pool;

	while ((pool = *at)) {
		if (pool->seen) {
			at = &pool->next;
			continue;
		}
		*at = pool->next;
		free(pool);
	}
}

void state_clear(struct state *state)
{
	const struct state kept = {
		.events_lost = state->events_lost,
		.samples = state->samples,
		.samples_lost = state->samples_lost,
		.corrupt_events = state->corrupt_events,
		.ring = state->ring,
	};

	state_unsee_ns(state);
	state_drop_unseen_ns(state);
	state_unsee_pools(state);
	state_drop_unseen_pools(state);
	state_unsee_media(state);
	state_drop_unseen_media(state);
	free(state->peers);
	*state = kept;
}
