// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"
#include "trace_line.h"

int trace_add_id(struct trace *t, uint64_t id)
{
	size_t room = t->room_ids ? t->room_ids * 2 : 4096;
	uint64_t *ids;

	if (t->nr_ids == t->room_ids) {
		ids = reallocarray(t->ids, room, sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		t->ids = ids;
		t->room_ids = room;
	}
	t->ids[t->nr_ids++] = id;
	return 0;
}

static int request_room(struct trace *t)
{
	size_t room = t->room_requests ? t->room_requests * 2 : 1024;
	struct trace_request *requests;

	if (t->nr_requests < t->room_requests)
		return 0;
	requests = reallocarray(t->requests, room, sizeof(*requests));
	if (!requests)
		return -ENOMEM;
	t->requests = requests;
	t->room_requests = room;
	return 0;
}

static uint64_t spread(uint64_t x)
{
	x = (x ^ x >> 32) * 0x9e3779b97f4a7c15ULL;
	return x ^ x >> 29;
}

/* Renumber by an open-addressed table of first places, at most half full. */
static int renumber(struct trace *t)
{
	size_t size = 16, i, at;
	uint32_t *first;

	if (t->nr_ids > UINT32_MAX / 4)
		return -EFBIG;
	while (size < t->nr_ids * 2)
		size *= 2;
	first = calloc(size, sizeof(*first));
	t->dense = calloc(t->nr_ids + 1, sizeof(*t->dense));
	if (!first || !t->dense) {
		free(first);
		return -ENOMEM;
	}
	for (i = 0; i < t->nr_ids; i++) {
		at = spread(t->ids[i]) & (size - 1);
		while (first[at] && t->ids[first[at] - 1] != t->ids[i])
			at = (at + 1) & (size - 1);
		if (!first[at]) {
			first[at] = (uint32_t)i + 1;
			t->dense[i] = (uint32_t)t->nr_distinct++;
		} else {
			t->dense[i] = t->dense[first[at] - 1];
		}
	}
	free(first);
	return 0;
}

static bool blank(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
		at++;
	return at == end;
}

static int parse_lines(struct trace *t, const char *text, size_t len,
		       size_t limit, struct trace_error *error)
{
	const char *end = text + len, *eol, *why = "out of memory";
	int err;

	for (; text < end; text = eol + 1) {
		eol = memchr(text, '\n', (size_t)(end - text));
		if (!eol)
			eol = end;
		error->line++;
		if (blank(text, eol))
			continue;
		if (limit && t->nr_requests == limit)
			break;
		err = request_room(t);
		if (!err)
			err = trace_line(t, text, eol, &why);
		if (err) {
			snprintf(error->what, sizeof(error->what), "%s", why);
			return err;
		}
	}
	return 0;
}

int trace_parse(struct trace *t, const char *text, size_t len, size_t limit,
		struct trace_error *error)
{
	int err;

	memset(t, 0, sizeof(*t));
	memset(error, 0, sizeof(*error));
	err = parse_lines(t, text, len, limit, error);
	if (!err && !t->nr_ids) {
		snprintf(error->what, sizeof(error->what), "no blocks in it");
		err = -EBADMSG;
	}
	if (!err) {
		err = renumber(t);
		if (err)
			snprintf(error->what, sizeof(error->what), "%s",
				 strerror(-err));
	}
	if (err)
		trace_free(t);
	return err;
}

/* All of a file, NUL-terminated; works on pipes. */
static int slurp(const char *path, char **text, size_t *len)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
	size_t room = 0, n;
	char *more;
	int err = 0;

	*text = NULL;
	*len = 0;
	if (!in)
		return -errno;
	do {
		room = room ? room * 2 : 1 << 16;
		more = realloc(*text, room + 1);
		if (!more) {
			err = -ENOMEM;
			break;
		}
		*text = more;
		n = fread(*text + *len, 1, room - *len, in);
		*len += n;
	} while (*len == room);
	if (!err && ferror(in))
		err = -EIO;
	if (*text)
		(*text)[*len] = 0;
	if (in != stdin)
		fclose(in);
	return err;
}

int trace_load(struct trace *t, const char *path, size_t limit,
	       struct trace_error *error)
{
	char *text;
	size_t len;
	int err;

	memset(t, 0, sizeof(*t));
	memset(error, 0, sizeof(*error));
	err = slurp(path, &text, &len);
	if (err)
		snprintf(error->what, sizeof(error->what), "%s",
			 strerror(-err));
	else
		err = trace_parse(t, text, len, limit, error);
	free(text);
	return err;
}

void trace_free(struct trace *t)
{
	free(t->requests);
	free(t->ids);
	free(t->dense);
	memset(t, 0, sizeof(*t));
}
