// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <linux/kvmem.h>
#include <linux/kvmem_netlink.h>

#include "ctl/parse.h"

/* Digits at *@text, which moves past them.  strtoull() takes signs and blanks. */
static int digits(const char **text, uint64_t *value)
{
	const char *p = *text;
	uint64_t v = 0;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -ERANGE;
	*text = p;
	*value = v;
	return 0;
}

int parse_count(const char *text, uint64_t max, uint64_t *value)
{
	int err = digits(&text, value);

	if (err)
		return err;
	if (*text)
		return -EINVAL;
	return *value > max ? -ERANGE : 0;
}

/* ".5" at *@text: 500000000 billionths; nothing there: 0 */
static int fraction(const char **text, uint64_t *billionths)
{
	const char *p = *text;
	uint64_t scale = 1000000000;

	*billionths = 0;
	if (*p != '.')
		return 0;
	if (!isdigit((unsigned char)p[1]))
		return -EINVAL;
	for (p++; isdigit((unsigned char)*p); p++) {
		scale /= 10;
		*billionths += scale * (uint64_t)(*p - '0');
	}
	*text = p;
	return 0;
}

int parse_real(const char *text, double *value)
{
	uint64_t whole, billionths;
	int err = digits(&text, &whole);

	if (!err)
		err = fraction(&text, &billionths);
	if (err || *text)
		return err ? err : -EINVAL;
	*value = (double)whole + (double)billionths / 1e9;
	return *value > 0 ? 0 : -ERANGE;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* A number with one of @units; @factor is that of a number without */
static int with_unit(const char *text, const struct unit *units, uint64_t factor,
		     uint64_t max, uint64_t *value)
{
	uint64_t whole, part;
	unsigned __int128 v;
	int err;

	err = digits(&text, &whole);
	if (!err)
		err = fraction(&text, &part);
	if (err)
		return err;
	if (*text) {
		while (units->name && strcasecmp(units->name, text))
			units++;
		if (!units->name)
			return -EINVAL;
		factor = units->factor;
	}
	v = (unsigned __int128)whole * factor +
	    (unsigned __int128)part * factor / 1000000000;
	if (v > max)
		return -ERANGE;
	*value = (uint64_t)v;
	return 0;
}

int parse_size(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "B", 1 },
		{ "K", 1ULL << 10 }, { "Ki", 1ULL << 10 }, { "KiB", 1ULL << 10 },
		{ "M", 1ULL << 20 }, { "Mi", 1ULL << 20 }, { "MiB", 1ULL << 20 },
		{ "G", 1ULL << 30 }, { "Gi", 1ULL << 30 }, { "GiB", 1ULL << 30 },
		{ "T", 1ULL << 40 }, { "Ti", 1ULL << 40 }, { "TiB", 1ULL << 40 },
		{ NULL, 0 }
	};

	return with_unit(text, units, 1, INT64_MAX, bytes);
}

int parse_duration(const char *text, uint64_t unit_ms, uint64_t max, uint64_t *ms)
{
	static const struct unit units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
		{ "d", 86400000 }, { NULL, 0 }
	};

	return with_unit(text, units, unit_ms, max, ms);
}

int parse_mode(const char *text, uint16_t *mode)
{
	unsigned int v = 0;
	size_t n;

	for (n = 0; text[n] >= '0' && text[n] <= '7' && n < 5; n++)
		v = v * 8 + (unsigned int)(text[n] - '0');
	if (!n || text[n])
		return -EINVAL;
	if (v & ~0666U)
		return -ERANGE;
	*mode = (uint16_t)v;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int parse_hex(const char *text, uint8_t *bytes, size_t n)
{
	size_t i;
	int high, low;

	if (!strncasecmp(text, "0x", 2))
		text += 2;
	if (strlen(text) != 2 * n)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		high = hex_digit(text[2 * i]);
		low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int parse_uuid(const char *text, uint8_t uuid[16])
{
	char digits[33];
	size_t i, n = 0;

	if (!strchr(text, '-'))
		return strlen(text) == 32 ? parse_hex(text, uuid, 16) : -EINVAL;
	if (strlen(text) != 36)
		return -EINVAL;
	for (i = 0; i < 36; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return -EINVAL;
			continue;
		}
		digits[n++] = text[i];
	}
	digits[n] = 0;
	return parse_hex(digits, uuid, 16);
}

static int parse_word(const char *text, const char * const *words, size_t n, uint8_t *value)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strcmp(text, words[i]))
			continue;
		*value = (uint8_t)i;
		return 0;
	}
	return -EINVAL;
}

int parse_flash_mode(const char *text, uint8_t *mode)
{
	static const char * const words[] = {
		[KVMEM_FLASH_MODE_OFF] = "off",
		[KVMEM_FLASH_MODE_THROUGH] = "through",
		[KVMEM_FLASH_MODE_BACK] = "back",
	};

	return parse_word(text, words, sizeof(words) / sizeof(*words), mode);
}

int parse_placement(const char *text, uint8_t *placement)
{
	static const char * const words[] = {
		[KVMEM_PLACEMENT_LOCAL] = "local",
		[KVMEM_PLACEMENT_OWNER] = "owner",
		[KVMEM_PLACEMENT_BOTH] = "both",
	};

	return parse_word(text, words, sizeof(words) / sizeof(*words), placement);
}


int parse_bool(const char *text, bool *value)
{
	static const char * const words[] = {
		"off", "on", "no", "yes", "0", "1", "false", "true"
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcasecmp(text, words[i]))
			continue;
		*value = i & 1;
		return 0;
	}
	return -EINVAL;
}

int parse_u16_list(const char *text, uint16_t *values, size_t n)
{
	uint64_t v;
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		err = digits(&text, &v);
		if (err)
			return err;
		if (v > UINT16_MAX)
			return -ERANGE;
		values[i] = (uint16_t)v;
		if (i < n - 1)
			text += strspn(text, ", ");
	}
	return *text ? -EINVAL : 0;
}

int parse_user(const char *text, uint32_t *uid)
{
	const struct passwd *pw;
	uint64_t v;
	int err;

	if (name_is_id(text)) {
		err = parse_count(text, UINT32_MAX - 1, &v);
		*uid = (uint32_t)v;
		return err;
	}
	pw = getpwnam(text);
	if (!pw)
		return -EINVAL;
	*uid = pw->pw_uid;
	return 0;
}

int parse_group(const char *text, uint32_t *gid)
{
	const struct group *gr;
	uint64_t v;
	int err;

	if (name_is_id(text)) {
		err = parse_count(text, UINT32_MAX - 1, &v);
		*gid = (uint32_t)v;
		return err;
	}
	gr = getgrnam(text);
	if (!gr)
		return -EINVAL;
	*gid = gr->gr_gid;
	return 0;
}

bool name_is_id(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

const char *name_problem(const char *text)
{
	const unsigned char *p;

	if (!*text)
		return "is empty";
	if (strlen(text) >= KVMEM_NAME_LEN)
		return "is longer than 63 characters";
	for (p = (const unsigned char *)text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return "has characters that are not visible ASCII";
	return NULL;
}

const char *new_name_problem(const char *text)
{
	const char *problem = name_problem(text);

	if (!problem && name_is_id(text))
		problem = "has digits only, which would be taken for an id";
	return problem;
}
