// SPDX-License-Identifier: GPL-2.0
/* What libblkid finds on a device: file systems, RAIDs, partition tables. */
#include <blkid/blkid.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "media/media.h"

#define PROBE_MAX	64	/* signatures; a hostile image must not hold us for ever */

__attribute__((format(printf, 3, 4)))
static void probe_add(char *found, size_t size, const char *fmt, ...)
{
	size_t n = strlen(found);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(found + n, size - n, fmt, ap);
	va_end(ap);
}

static const char *probe_value(blkid_probe pr, const char *name)
{
	const char *value = NULL;

	return blkid_probe_lookup_value(pr, name, &value, NULL) ? NULL : value;
}

/* Labels are bytes from a device, and go to a terminal. */
static void probe_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void probe_describe(blkid_probe pr, char *found, size_t size)
{
	const char *type = probe_value(pr, "TYPE"), *at = probe_value(pr, "SBMAGIC_OFFSET");
	const char *label = probe_value(pr, "LABEL"), *table = probe_value(pr, "PTTYPE");

	if (*found)
		probe_add(found, size, ", ");
	if (table)
		probe_add(found, size, "a %s partition table", table);
	else
		probe_add(found, size, "%s", type ? type : "an unknown signature");
	if (!at)
		at = probe_value(pr, "PTMAGIC_OFFSET");
	if (at)
		probe_add(found, size, " at byte %s", at);
	if (label)
		probe_add(found, size, " (label %s)", label);
	probe_printable(found);
}

static void probe_setup(blkid_probe pr)
{
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
					  BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
}

/* 0: there is one; 1: no more */
static int probe_next(blkid_probe pr)
{
	int rc;

	errno = 0;
	rc = blkid_do_probe(pr);
	return rc < 0 ? (errno ? -errno : -EIO) : rc;
}

static int probe_all(blkid_probe pr, bool wipe, char *found, size_t size)
{
	int n, rc;

	for (n = 0; n < PROBE_MAX; n++) {
		rc = probe_next(pr);
		if (rc)
			return rc < 0 ? rc : n;
		probe_describe(pr, found, size);
		errno = 0;
		if (wipe && blkid_do_wipe(pr, 0))
			return errno ? -errno : -EIO;
	}
	return wipe ? -ELOOP : n;
}

int media_probe(const struct media_file *f, bool wipe, char *found, size_t size)
{
	blkid_probe pr = blkid_new_probe();
	int rc;

	*found = 0;
	if (!pr)
		return -ENOMEM;
	/* Our descriptor: what is looked at is what was claimed. */
	if (blkid_probe_set_device(pr, f->fd, 0, 0)) {
		blkid_free_probe(pr);
		return -EIO;
	}
	probe_setup(pr);
	rc = probe_all(pr, wipe, found, size);
	blkid_free_probe(pr);
	return rc;
}
