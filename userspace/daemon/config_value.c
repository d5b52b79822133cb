// SPDX-License-Identifier: GPL-2.0
/* One value of the configuration, checked and stored. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "ctl/parse.h"
#include "daemon/config_internal.h"
#include "daemon/log.h"
#include "daemon/policy.h"

struct value {
	struct config_reader *r;
	const config_setting_t *setting;
	const struct config_key *key;
	void *to;
};

static void bad(const struct value *v, const char *want)
{
	config_error(v->r, config_setting_source_line(v->setting), "%s: want %s", v->key->name,
		     want);
}

static bool is_int(const struct value *v)
{
	int type = config_setting_type(v->setting);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

/* The string, or NULL when it is something else */
static const char *text_of(const struct value *v)
{
	return config_setting_type(v->setting) == CONFIG_TYPE_STRING ?
	       config_setting_get_string(v->setting) : NULL;
}

static void set_u64(const struct value *v, uint64_t n)
{
	memcpy(v->to, &n, sizeof(n));
}

static void set_int(const struct value *v, int n)
{
	memcpy(v->to, &n, sizeof(n));
}

/* --- text --- */

static void set_text(const struct value *v, const char *text, size_t size)
{
	memcpy(v->to, text, strnlen(text, size - 1) + 1);
}

/* Media have directories in sysfs: what is wrong with the name of one, or NULL */
static const char *directory_problem(const char *text)
{
	if (strchr(text, '/'))
		return "has a slash";
	return strcmp(text, ".") && strcmp(text, "..") ? NULL : "is not for directories";
}

static void name(const struct value *v)
{
	const char *text = text_of(v), *problem;

	problem = text ? new_name_problem(text) : NULL;
	if (text && !problem && v->key->type == CONFIG_T_MEDIA_NAME)
		problem = directory_problem(text);
	if (!text)
		bad(v, "a name in quotation marks");
	else if (problem)
		config_error(v->r, config_setting_source_line(v->setting),
			     "%s: the name \"%s\" %s", v->key->name, text, problem);
	else
		set_text(v, text, KVMEM_NAME_LEN);
}

static bool printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f || *text == '"' || *text == '\\')
			return false;
	return true;
}

static void text(const struct value *v)
{
	const char *s = text_of(v);
	char want[64];

	if (s && printable(s) && strlen(s) < v->key->max) {
		set_text(v, s, v->key->max);
		return;
	}
	snprintf(want, sizeof(want), "a string of at most %llu characters",
		 (unsigned long long)v->key->max - 1);
	bad(v, want);
}

static void path(const struct value *v)
{
	const char *s = text_of(v);

	if (s && *s != '/')
		bad(v, "a path that begins with /");
	else
		text(v);
}

/* A device file, or what a backend of the kernel calls it */
static void media_path(const struct value *v)
{
	const char *s = text_of(v);

	if (s && *s != '/' && strncmp(s, "nvme:", 5))
		bad(v, "a path that begins with / or nvme:");
	else
		text(v);
}

static void fingerprint(const struct value *v)
{
	uint8_t bytes[KVMEM_FINGERPRINT_LEN];
	const char *s = text_of(v);

	if (!s || parse_hex(s, bytes, sizeof(bytes)))
		bad(v, "64 hex digits in quotation marks");
	else
		memcpy(v->to, bytes, sizeof(bytes));
}

static void uuid(const struct value *v)
{
	uint8_t bytes[CONFIG_UUID_LEN];
	const char *s = text_of(v);

	if (!s || parse_uuid(s, bytes))
		bad(v, "a UUID in quotation marks");
	else
		memcpy(v->to, bytes, sizeof(bytes));
}

static void flash_mode(const struct value *v)
{
	const char *s = text_of(v);
	uint8_t mode;

	if (!s || parse_flash_mode(s, &mode))
		bad(v, "\"off\", \"through\" or \"back\"");
	else
		memcpy(v->to, &mode, sizeof(mode));
}

static void placement(const struct value *v)
{
	const char *s = text_of(v);
	uint8_t p;

	if (!s || parse_placement(s, &p))
		bad(v, "\"local\", \"owner\" or \"both\"");
	else
		memcpy(v->to, &p, sizeof(p));
}

static void membership(const struct value *v)
{
	const char *s = text_of(v);

	if (s && !strcmp(s, "static"))
		set_int(v, CONFIG_STATIC);
	else if (s && !strcmp(s, "etcd"))
		set_int(v, CONFIG_ETCD);
	else
		bad(v, "\"static\" or \"etcd\"");
}

static void policy(const struct value *v)
{
	const char *s = text_of(v);
	int kind = s ? policy_kind_of(s) : -1;

	if (kind >= 0)
		set_int(v, kind);
	else if (s && !strcmp(s, "none"))
		set_int(v, CONFIG_NO_POLICY);
	else
		bad(v, "\"adaptive\", \"lru\", \"fifo\", \"lfu\", \"gdsf\", \"ttl\" or \"none\"");
}

static void level(const struct value *v)
{
	const char *s = text_of(v);
	int n = s ? log_level_of(s) : -1;

	if (n < 0)
		bad(v, "\"err\", \"warning\", \"notice\", \"info\" or \"debug\"");
	else
		set_int(v, n);
}

static void mode(const struct value *v)
{
	const char *s = text_of(v);
	uint16_t m;

	/* Not as a number: 0660 would be six hundred and sixty. */
	if (!s || parse_mode(s, &m))
		bad(v, "an octal mode of read and write bits in quotation marks, as \"0660\"");
	else
		set_u64(v, m);
}

/* --- numbers --- */

static bool in_range(long long n, uint64_t min, uint64_t max)
{
	return n >= 0 && (uint64_t)n >= min && (uint64_t)n <= max;
}

static void count(const struct value *v)
{
	long long n = config_setting_get_int64(v->setting);
	char want[80];

	if (is_int(v) && in_range(n, v->key->min, v->key->max)) {
		set_u64(v, (uint64_t)n);
		return;
	}
	if (v->key->max == INT64_MAX)
		bad(v, "a whole number");
	else {
		snprintf(want, sizeof(want), "a whole number of %llu to %llu",
			 (unsigned long long)v->key->min, (unsigned long long)v->key->max);
		bad(v, want);
	}
}

static void real(const struct value *v)
{
	double d = is_int(v) ? (double)config_setting_get_int64(v->setting) :
		   config_setting_get_float(v->setting);
	char want[64];

	if ((is_int(v) || config_setting_type(v->setting) == CONFIG_TYPE_FLOAT) &&
	    d >= 0 && d <= (double)v->key->max) {
		memcpy(v->to, &d, sizeof(d));
		return;
	}
	snprintf(want, sizeof(want), "a number of 0 to %llu", (unsigned long long)v->key->max);
	bad(v, want);
}

static uint64_t ram(void)
{
	struct sysinfo info;

	return sysinfo(&info) ? 0 : (uint64_t)info.totalram * info.mem_unit;
}

static int percent_of_ram(const char *s, uint64_t *bytes)
{
	char digits[8];
	uint64_t percent;
	size_t n = strlen(s);

	if (n < 2 || n > sizeof(digits) || s[n - 1] != '%')
		return -EINVAL;
	memcpy(digits, s, n - 1);
	digits[n - 1] = 0;
	if (parse_count(digits, 100, &percent))
		return -EINVAL;
	*bytes = ram() / 100 * percent;
	return 0;
}

static void size(const struct value *v)
{
	bool of_ram = v->key->type == CONFIG_T_SIZE_OF_RAM;
	const char *s = text_of(v);
	uint64_t n = 0;
	int err = -EINVAL;

	if (is_int(v)) {
		n = (uint64_t)config_setting_get_int64(v->setting);
		err = n > INT64_MAX ? -EINVAL : 0;
	} else if (s) {
		err = parse_size(s, &n);
		if (err && of_ram)
			err = percent_of_ram(s, &n);
	}
	/* What the kernel would make of it, so that the two can be compared. */
	if (of_ram)
		n -= n % CONFIG_CHUNK;
	if (!err && n >= v->key->min)
		set_u64(v, n);
	else
		bad(v, of_ram ? "bytes, as 68719476736, \"64G\" or \"50%\" (of the memory), at "
				"least 2M" :
		    "bytes, as 68719476736 or \"64G\"; 0 = no bound");
}

/* "0.5 dwpd": drive writes per day, times the size of the media */
static int drive_writes(const char *s, double *times)
{
	char digits[16];
	size_t n = strspn(s, "0123456789.");

	if (!n || n >= sizeof(digits) || strcmp(s + n + strspn(s + n, " "), "dwpd"))
		return -EINVAL;
	memcpy(digits, s, n);
	digits[n] = 0;
	if (parse_real(digits, times) || *times < 0.001 || *times > 1000)
		return -EINVAL;
	return 0;
}

static void budget(const struct value *v)
{
	struct config_budget b = { 0 };
	const char *s = text_of(v);
	int err = -EINVAL;

	if (is_int(v)) {
		b.bytes = (uint64_t)config_setting_get_int64(v->setting);
		err = 0;
	} else if (s) {
		err = parse_size(s, &b.bytes);
	}
	if (!err && b.bytes && !in_range((long long)b.bytes, v->key->min, v->key->max))
		err = -ERANGE;
	if (err && s)
		err = drive_writes(s, &b.drive_writes);
	if (b.drive_writes > 0)
		b.bytes = 0;
	if (!err)
		memcpy(v->to, &b, sizeof(b));
	else
		bad(v, "bytes a day, as \"500G\", 1M to 1024T, or drive writes a day, as "
		       "\"1.0 dwpd\", 0.001 to 1000; 0 = no bound");
}

static void duration(const struct value *v)
{
	const char *s = text_of(v);
	uint64_t ms = 0;
	bool ok;

	if (is_int(v)) {
		ms = (uint64_t)config_setting_get_int64(v->setting);
		ok = ms <= v->key->max;
	} else {
		ok = s && !parse_duration(s, 1, v->key->max, &ms);
	}
	if (ok)
		set_u64(v, ms);
	else
		bad(v, "milliseconds, or \"30s\", \"5m\", \"2h\", \"10d\"; below 50 days; "
		       "0 = no end");
}

static void account(const struct value *v, int (*parse)(const char *text, uint32_t *id),
		    const char *want)
{
	long long n = config_setting_get_int64(v->setting);
	const char *s = text_of(v);
	uint32_t id;

	if (is_int(v) && in_range(n, 0, UINT32_MAX - 1))
		set_u64(v, (uint64_t)n);
	else if (s && *s && !parse(s, &id))
		set_u64(v, id);
	else
		bad(v, want);
}

static void boolean(const struct value *v)
{
	bool b = config_setting_get_bool(v->setting);

	if (config_setting_type(v->setting) != CONFIG_TYPE_BOOL)
		bad(v, "true or false");
	else
		memcpy(v->to, &b, sizeof(b));
}

void config_value(struct config_reader *r, const config_setting_t *setting,
		  const struct config_key *key, void *base)
{
	static void (* const store[])(const struct value *v) = {
		[CONFIG_T_NAME] = name, [CONFIG_T_TEXT] = text, [CONFIG_T_PATH] = path,
		[CONFIG_T_MEDIA_PATH] = media_path,
		[CONFIG_T_COUNT] = count, [CONFIG_T_REAL] = real, [CONFIG_T_SIZE] = size,
		[CONFIG_T_SIZE_OF_RAM] = size, [CONFIG_T_DURATION] = duration,
		[CONFIG_T_MODE] = mode, [CONFIG_T_FINGERPRINT] = fingerprint,
		[CONFIG_T_BOOL] = boolean, [CONFIG_T_POLICY] = policy, [CONFIG_T_LEVEL] = level,
		[CONFIG_T_MEDIA_NAME] = name, [CONFIG_T_UUID] = uuid,
		[CONFIG_T_BUDGET] = budget, [CONFIG_T_FLASH_MODE] = flash_mode,
		[CONFIG_T_PLACEMENT] = placement, [CONFIG_T_MEMBERSHIP] = membership,
	};
	const struct value v = { r, setting, key, (char *)base + key->offset };

	if (key->type == CONFIG_T_USER)
		account(&v, parse_user, "a user's name or number");
	else if (key->type == CONFIG_T_GROUP)
		account(&v, parse_group, "a group's name or number");
	else
		store[key->type](&v);
}
