/* SPDX-License-Identifier: GPL-2.0 */
/* Options and operands of one command. */
#ifndef _KVMEMCTL_ARGS_H
#define _KVMEMCTL_ARGS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct arg_spec - an option a command takes
 * @name: without the dashes; NULL ends an array
 * @flag: takes no value
 * @repeat: may be given more than once
 * @optional: a duration may follow, or nothing
 * @attr: for settings.c: the attribute it sets
 */
struct arg_spec {
	const char *name;
	bool flag;
	bool repeat;
	bool optional;
	int attr;
};

#define ARGS_MAX	192	/* options given; 64 classes are 128 */

struct arg {
	const struct arg_spec *spec;
	const char *value;
};

struct args {
	bool json, help;
	struct arg opt[ARGS_MAX];	/* in the order given */
	int nr_opts;
	const char *pos[2];
	int nr_pos;
};

/* @argv[0] is skipped.  0 or CTL_USAGE, with a message. */
int args_parse(struct args *args, const struct arg_spec *specs, int max_pos,
	       int argc, char **argv);
bool args_has(const struct args *args, const char *name);
/* The value of an option, or NULL */
const char *args_get(const struct args *args, const char *name);
/* The same parsed, @def when not given; 0 or CTL_USAGE, with a message */
int args_seconds(const struct args *args, const char *name, uint64_t def, uint64_t *ms);
int args_real(const struct args *args, const char *name, double def, double *value);
int args_count(const struct args *args, const char *name, uint64_t max, uint64_t def,
	       uint64_t *value);

#endif /* _KVMEMCTL_ARGS_H */
