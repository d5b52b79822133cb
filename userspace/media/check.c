// SPDX-License-Identifier: GPL-2.0
/*
 * The check of a media: everything that attach would look at, and what only
 * somebody with time does: that tables do not contradict each other, and that
 * blocks have the bytes that were put.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/check_impl.h"

void check_found(struct check_state *s, enum media_part part, uint32_t segment, uint32_t page,
		 const char *fmt, ...)
{
	struct media_finding f = { .part = part, .segment = segment, .page = page };
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f.text = text;
	s->c->findings++;
	if (s->c->finding)
		s->c->finding(s->c->arg, &f);
}

void *check_grow(void *array, size_t nr, size_t *max, size_t size)
{
	size_t want = *max ? 2 * *max : 64;
	void *more;

	if (nr < *max)
		return array;
	more = reallocarray(array, want, size);
	if (more)
		*max = want;
	return more;
}

const char *check_key(char *buf, const uint8_t *key)
{
	int i;

	for (i = 0; i < 8; i++)
		snprintf(buf + 2 * i, 3, "%02x", key[i]);
	strcpy(buf + 16, "..");
	return buf;
}

static int check_run(struct check_state *s)
{
	int err;

	check_supers(s);
	check_directory(s);
	err = check_tables(s);
	if (!err)
		err = check_blocks(s);
	if (!err && s->c->data)
		err = check_data(s);
	return err;
}

static int check_judge(struct check_state *s)
{
	int err = media_load(&s->m);

	s->c->verdict = MEDIA_NOT_ATTACHABLE;
	if (err == -EINVAL) {
		check_supers(s);
		return 0;
	}
	if (err)
		return err;
	/* That it can be attached is settled: what else is wrong is left out there. */
	s->c->super = s->m.super;
	err = check_run(s);
	s->c->verdict = s->c->findings ? MEDIA_DAMAGED : MEDIA_CLEAN;
	media_unload(&s->m);
	return err;
}

int media_check(const struct media_file *file, struct media_check *check)
{
	struct check_state s = { .c = check, .m = { .file = *file } };
	int err;

	memset(&check->super, 0, sizeof(check->super));
	memset(&check->segments, 0, sizeof(check->segments));
	memset(&check->blocks, 0, sizeof(check->blocks));
	check->namespaces = check->findings = 0;
	err = check_judge(&s);
	free(s.blocks);
	free(s.gones);
	free(s.segments);
	free(s.of);
	return err;
}
