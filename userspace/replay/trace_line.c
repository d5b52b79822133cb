// SPDX-License-Identifier: GPL-2.0
/*
 * One line of a trace: an object of unsigned integers and one array of them.
 * Strict about what it uses, and skips other members that are plain values.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "trace_line.h"

struct scan {
	const char *at, *end;
	const char *why;
};

enum { SEEN_TIME = 1, SEEN_IN = 2, SEEN_OUT = 4, SEEN_IDS = 8 };

static bool bad(struct scan *s, const char *why)
{
	if (!s->why)
		s->why = why;
	return false;
}

static void blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' ||
				  *s->at == '\r'))
		s->at++;
}

static bool take(struct scan *s, char c)
{
	blanks(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool is_digit(const struct scan *s)
{
	return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool number(struct scan *s, uint64_t *value)
{
	const char *start;

	blanks(s);
	if (!is_digit(s))
		return bad(s, "not an unsigned integer");
	start = s->at;
	for (*value = 0; is_digit(s); s->at++) {
		*value = *value * 10 + (uint64_t)(*s->at - '0');
		if (*value > TRACE_MAX_ID)
			return bad(s, "number too large");
	}
	if (*start == '0' && s->at - start > 1)
		return bad(s, "number with leading zero");
	if (s->at < s->end && strchr(".eE", *s->at) && *s->at)
		return bad(s, "not an integer");
	return true;
}

/* A string without escapes; no name we know has any. */
static bool string(struct scan *s, const char **text, size_t *len)
{
	if (!take(s, '"'))
		return bad(s, "no string where one should be");
	*text = s->at;
	while (s->at < s->end && *s->at != '"') {
		if (*s->at == '\\' || (unsigned char)*s->at < ' ')
			return bad(s, "escape in a string");
		s->at++;
	}
	*len = (size_t)(s->at - *text);
	return take(s, '"') || bad(s, "string without end");
}

static bool ids(struct scan *s, struct trace *t, int *err)
{
	size_t start = t->nr_ids;
	uint64_t id;

	if (!take(s, '['))
		return bad(s, "hash_ids is not an array");
	if (take(s, ']'))
		return true;
	do {
		if (!number(s, &id))
			return false;
		if (t->nr_ids - start == TRACE_MAX_BLOCKS)
			return bad(s, "too many blocks in a request");
		*err = trace_add_id(t, id);
		if (*err)
			return bad(s, "out of memory");
	} while (take(s, ','));
	return take(s, ']') || bad(s, "hash_ids without end");
}

/* The value of a member we do not know: a string, a number or a word. */
static bool skip(struct scan *s)
{
	const char *text;
	size_t len;

	blanks(s);
	if (s->at < s->end && *s->at == '"')
		return string(s, &text, &len);
	text = s->at;
	while (s->at < s->end && *s->at && !strchr(",}[]{\" \t\r", *s->at))
		s->at++;
	return s->at > text || bad(s, "unknown member is not a plain value");
}

static bool once(struct scan *s, unsigned int *seen, unsigned int bit)
{
	if (*seen & bit)
		return bad(s, "member twice");
	*seen |= bit;
	return true;
}

static bool named(const char *name, size_t len, const char *want)
{
	return len == strlen(want) && !memcmp(name, want, len);
}

static bool member(struct scan *s, struct trace *t, struct trace_request *r,
		   unsigned int *seen, int *err)
{
	const char *name;
	size_t len;

	if (!string(s, &name, &len))
		return false;
	if (!take(s, ':'))
		return bad(s, "no colon after a name");
	if (named(name, len, "timestamp"))
		return once(s, seen, SEEN_TIME) && number(s, &r->timestamp);
	if (named(name, len, "input_length"))
		return once(s, seen, SEEN_IN) && number(s, &r->input_length);
	if (named(name, len, "output_length"))
		return once(s, seen, SEEN_OUT) && number(s, &r->output_length);
	if (named(name, len, "hash_ids"))
		return once(s, seen, SEEN_IDS) && ids(s, t, err);
	return skip(s);
}

static bool object(struct scan *s, struct trace *t, struct trace_request *r,
		   int *err)
{
	unsigned int seen = 0;

	if (!take(s, '{'))
		return bad(s, "not an object");
	do {
		if (!member(s, t, r, &seen, err))
			return false;
	} while (take(s, ','));
	if (!take(s, '}'))
		return bad(s, "object without end");
	blanks(s);
	if (s->at != s->end)
		return bad(s, "something after the object");
	if (!(seen & SEEN_TIME) || !(seen & SEEN_IDS))
		return bad(s, "timestamp or hash_ids missing");
	return true;
}

int trace_line(struct trace *t, const char *at, const char *end,
	       const char **why)
{
	struct trace_request *r = &t->requests[t->nr_requests];
	struct scan s = { .at = at, .end = end };
	int err = 0;

	memset(r, 0, sizeof(*r));
	r->first = t->nr_ids;
	if (!object(&s, t, r, &err)) {
		*why = s.why;
		return err ? err : -EBADMSG;
	}
	r->nr = t->nr_ids - r->first;
	t->nr_requests++;
	return 0;
}
