// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json_out.h"

static int dump(json_t *root, FILE *to)
{
	errno = 0;
	if (json_dumpf(root, to, JSON_INDENT(2)) || fputc('\n', to) == EOF ||
	    fflush(to))
		return errno ? -errno : -EIO;
	return 0;
}

/* A new file beside @path, which takes its name once it is whole. */
static int dump_file(json_t *root, const char *path)
{
	char *tmp;
	FILE *to;
	int err;

	if (asprintf(&tmp, "%s.%d.tmp", path, (int)getpid()) < 0)
		return -ENOMEM;
	to = fopen(tmp, "we");
	if (!to) {
		err = -errno;
		free(tmp);
		return err;
	}
	err = dump(root, to);
	if (fclose(to) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (err)
		unlink(tmp);
	free(tmp);
	return err;
}

/* Renaming onto /dev/stderr or a pipe would replace it. */
static int is_special(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISREG(st.st_mode);
}

int json_out(json_t *root, const char *path)
{
	FILE *to;
	int err;

	if (!root)
		return -ENOMEM;
	if (!strcmp(path, "-")) {
		err = dump(root, stdout);
	} else if (is_special(path)) {
		to = fopen(path, "we");
		err = to ? dump(root, to) : -errno;
		if (to)
			fclose(to);
	} else {
		err = dump_file(root, path);
	}
	json_decref(root);
	return err;
}
