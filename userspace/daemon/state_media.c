// SPDX-License-Identifier: GPL-2.0
/* Attached media: what the kernel tells of them, in order of ids. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/state_parse.h"

_Static_assert(KVMEM_A_MEDIA_MAX < 64, "state_media.told has a bit for each");

struct state_media *state_find_media_by_name(const struct state *state, const char *name)
{
	struct state_media *m;

	for (m = state->media; m; m = m->next)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

struct state_media *state_add_media(struct state *state, uint32_t id)
{
	struct state_media **at = &state->media, *m;

	while (*at && (*at)->id < id)
		at = &(*at)->next;
	m = *at;
	if (m && m->id == id)
		return m;
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->id = id;
	m->next = *at;
	*at = m;
	return m;
}

void state_unsee_media(struct state *state)
{
	struct state_media *m;

	for (m = state->media; m; m = m->next)
		m->seen = false;
}

void state_drop_unseen_media(struct state *state)
{
	struct state_media **at = &state->media, *m;

	while ((m = *at)) {
		if (m->seen) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		free(m);
	}
}

/* A newer kernel may have more of both. */
const char *state_media_state_name(unsigned int state)
{
	static const char * const names[] = {
		[KVMEM_MEDIA_STATE_ATTACHING] = "attaching",
		[KVMEM_MEDIA_STATE_LIVE] = "live",
		[KVMEM_MEDIA_STATE_READ_ONLY] = "read-only",
		[KVMEM_MEDIA_STATE_FAILED] = "failed",
		[KVMEM_MEDIA_STATE_DETACHING] = "detaching",
	};

	return state < sizeof(names) / sizeof(*names) ? names[state] : NULL;
}

const char *state_flash_mode_name(unsigned int mode)
{
	static const char * const names[] = {
		[KVMEM_FLASH_MODE_OFF] = "off",
		[KVMEM_FLASH_MODE_THROUGH] = "through",
		[KVMEM_FLASH_MODE_BACK] = "back",
	};

	return mode < sizeof(names) / sizeof(*names) ? names[mode] : NULL;
}

/* --- the kernel's message --- */

/* Numbers are of 32 or of 64 bits. */
static void parse_number(struct state_media *m, const struct nlattr *nla, unsigned int attr)
{
	uint32_t v32;

	if (!nla)
		return;
	if (nla_len(nla) == (int)sizeof(v32) && knl_get_u32(nla, &v32))
		m->v[attr] = v32;
	else if (!knl_get_u64(nla, &m->v[attr]))
		return;
	m->told |= 1ULL << attr;
}

static int parse_numbers(struct state_media *m, struct nlattr *nest)
{
	struct nlattr *tb[KVMEM_A_MEDIA_MAX + 1];
	unsigned int i;

	if (!nest || nla_parse_nested(tb, KVMEM_A_MEDIA_MAX, nest, NULL) < 0)
		return -EBADMSG;
	knl_get_string(tb[KVMEM_A_MEDIA_BACKEND], m->backend, sizeof(m->backend));
	memset(m->v, 0, sizeof(m->v));
	m->told = 0;
	for (i = KVMEM_A_MEDIA_BYTES; i <= KVMEM_A_MEDIA_MAX; i++)
		parse_number(m, tb[i], i);
	return 0;
}

int state_parse_media(struct state *state, const struct knl_msg *m)
{
	char name[STATE_NAME_LEN];
	struct state_media *media;
	uint32_t id;

	if (!knl_get_u32(m->tb[KVMEM_A_ID], &id) || !id ||
	    !knl_get_string(m->tb[KVMEM_A_NAME], name, sizeof(name)) || !*name)
		return -EBADMSG;
	media = state_add_media(state, id);
	if (!media)
		return -ENOMEM;
	memcpy(media->name, name, sizeof(media->name));
	media->seen = true;
	knl_get_string(m->tb[KVMEM_A_PATH], media->path, sizeof(media->path));
	knl_get_binary(m->tb[KVMEM_A_UUID], media->uuid, sizeof(media->uuid));
	knl_get_u8(m->tb[KVMEM_A_STATE], &media->state);
	knl_get_u64(m->tb[KVMEM_A_WRITE_BUDGET], &media->write_budget);
	return parse_numbers(media, m->tb[KVMEM_A_MEDIA]);
}
