// SPDX-License-Identifier: GPL-2.0
/*
 * A look at the text before libconfig has it.
 *
 * libconfig cuts whole numbers without an "L" to 32 bits without a word, so
 * that a quota of 4294967296 bytes would become 0, no bound.  They get their
 * "L" here.  It follows @include, which a file that is only to be checked must
 * not make us do, and nests as deep as the stack reaches.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_internal.h"

#define MAX_DEPTH	8

struct scan {
	struct config_reader *r;
	const char *at, *end;
	char *out;
	int line;
	int depth;
};

/* Move on by @n bytes of the same line, which stay as they are. */
static void keep(struct scan *s, size_t n)
{
	memcpy(s->out, s->at, n);
	s->out += n;
	s->at += n;
}

static bool looking_at(const struct scan *s, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(s->end - s->at) >= n && !memcmp(s->at, what, n);
}

static void keep_char(struct scan *s)
{
	if (*s->at == '\n')
		s->line++;
	keep(s, 1);
}

/* From the opening quotation mark to the closing one */
static void string(struct scan *s)
{
	keep_char(s);
	while (s->at < s->end && *s->at != '"') {
		if (*s->at == '\\' && s->end - s->at > 1)
			keep_char(s);
		keep_char(s);
	}
	if (s->at < s->end)
		keep_char(s);
}

static bool comment(struct scan *s)
{
	if (looking_at(s, "/*")) {
		keep(s, 2);
		while (s->at < s->end && !looking_at(s, "*/"))
			keep_char(s);
		return true;
	}
	if (*s->at != '#' && !looking_at(s, "//"))
		return false;
	while (s->at < s->end && *s->at != '\n')
		keep_char(s);
	/* libconfig takes none for a comment that the file ends within. */
	if (s->at == s->end)
		*s->out++ = '\n';
	return true;
}

/* Of a number; a sign belongs to it only in an exponent. */
static size_t number_length(const struct scan *s)
{
	bool hex = looking_at(s, "0x") || looking_at(s, "0X");
	const char *p;

	for (p = s->at; p < s->end; p++) {
		if (isalnum((unsigned char)*p) || *p == '.')
			continue;
		if (hex || p == s->at || (*p != '-' && *p != '+') ||
		    (p[-1] | 0x20) != 'e')
			break;
	}
	return (size_t)(p - s->at);
}

/* 0, ERANGE, or EINVAL when @text is no whole number without a suffix */
static int whole(const char *text, uint64_t *value, bool *is_long)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, strncasecmp(text, "0x", 2) ? 10 : 16);
	*is_long = *end == 'L';
	if (errno || *value > INT64_MAX)
		return ERANGE;
	return end == text || end[strspn(end, "L")] ? EINVAL : 0;
}

static void number(struct scan *s)
{
	size_t n = number_length(s);
	char text[32];
	uint64_t value;
	bool is_long;
	int err;

	if (n >= sizeof(text)) {
		config_error(s->r, s->line, "a number of %zu characters", n);
		keep(s, n);
		return;
	}
	memcpy(text, s->at, n);
	text[n] = 0;
	err = whole(text, &value, &is_long);
	if (err == ERANGE)
		config_error(s->r, s->line, "%s is too large", text);
	keep(s, n);
	if (!err && !is_long && value > INT32_MAX)
		*s->out++ = 'L';
}

static void word(struct scan *s)
{
	while (s->at < s->end && (isalnum((unsigned char)*s->at) || strchr("_*-", *s->at)))
		keep(s, 1);
}

static void bracket(struct scan *s)
{
	if (strchr("([{", *s->at) && ++s->depth == MAX_DEPTH + 1)
		config_error(s->r, s->line, "nested deeper than %d", MAX_DEPTH);
	if (strchr(")]}", *s->at))
		s->depth--;
	keep_char(s);
}

static void token(struct scan *s)
{
	unsigned char c = (unsigned char)*s->at;

	if (comment(s))
		return;
	if (c == '"')
		string(s);
	else if (isdigit(c) || c == '.')
		number(s);
	else if (isalpha(c) || c == '*' || c == '_')
		word(s);
	else if (c == '@') {
		config_error(s->r, s->line, "@include is not supported");
		keep_char(s);
	} else {
		bracket(s);
	}
}

char *config_scan(struct config_reader *r, const char *text, size_t len)
{
	struct scan s = { .r = r, .at = text, .end = text + len, .line = 1 };
	unsigned int errors = r->errors;
	/* No number grows by more than its half, and a last comment by one. */
	char *out = malloc(2 * len + 2);

	if (!out) {
		config_error(r, 1, "out of memory");
		return NULL;
	}
	s.out = out;
	while (s.at < s.end && *s.at)
		token(&s);
	*s.out = 0;
	if (s.at < s.end)
		config_error(r, s.line, "a byte of 0");
	if (r->errors == errors)
		return out;
	free(out);
	return NULL;
}
