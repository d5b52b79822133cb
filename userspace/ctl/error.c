// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "ctl/ctl.h"

static const char *prefix;
static char *kept;
static size_t kept_size;

void ctl_error_prefix(const char *command)
{
	prefix = command;
}

void ctl_error_keep(char *buf, size_t size)
{
	kept = buf;
	kept_size = size;
}

static void complain(const char *fmt, va_list ap)
{
	if (kept) {
		vsnprintf(kept, kept_size, fmt, ap);
		return;
	}
	fflush(stdout);
	fputs("kvmemctl: ", stderr);
	if (prefix)
		fprintf(stderr, "%s: ", prefix);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void ctl_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
}

int ctl_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return CTL_USAGE;
}

int ctl_exit_of(int err)
{
	switch (err) {
	case 0:
		return CTL_OK;
	case EPERM:
	case EACCES:
		return CTL_NOT_PERMITTED;
	case ENOENT:
		return CTL_NO_OBJECT;
	default:
		return CTL_FAILED;
	}
}
