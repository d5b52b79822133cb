// SPDX-License-Identifier: GPL-2.0
/*
 * Media backends: which one a path is for.
 *
 * "NAME:..." is for the backend of that name, and anything else is a block
 * device.  A path that starts with a slash or a dot names no backend, so a
 * device file with a colon in its name is written as "./NAME".
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include "flash/media.h"

#define BACKENDS_MAX 8

/* @lock guards @ops: those that modules have registered. */
static struct {
	struct mutex lock;	/* see above */
	const struct kvmem_media_ops *ops[BACKENDS_MAX];
} backends = {
	.lock = __MUTEX_INITIALIZER(backends.lock),
};

/* Length of the name in front of the colon; 0: there is none. */
static size_t backend_name_len(const char *path)
{
	size_t len = strcspn(path, ":/");

	return path[len] == ':' && path[0] != '.' ? len : 0;
}

static const struct kvmem_media_ops *backend_find(const char *name, size_t len)
{
	unsigned int i;

	lockdep_assert_held(&backends.lock);
	for (i = 0; i < BACKENDS_MAX; i++)
		if (backends.ops[i] && !strncmp(backends.ops[i]->name, name, len) &&
		    !backends.ops[i]->name[len])
			return backends.ops[i];
	return NULL;
}

const struct kvmem_media_ops *kvmem_media_backend_get(const char *path)
{
	size_t len = backend_name_len(path);
	const struct kvmem_media_ops *ops;

	if (!len)
		return &kvmem_bdev_ops;
	mutex_lock(&backends.lock);
	ops = backend_find(path, len);
	if (ops && !try_module_get(ops->owner))
		ops = NULL;
	mutex_unlock(&backends.lock);
	return ops;
}

void kvmem_media_backend_put(const struct kvmem_media_ops *ops)
{
	module_put(ops->owner);
}

int kvmem_media_backend_register(const struct kvmem_media_ops *ops)
{
	int ret = -ENOSPC;
	unsigned int i;

	mutex_lock(&backends.lock);
	if (backend_find(ops->name, strlen(ops->name)))
		ret = -EEXIST;
	for (i = 0; ret == -ENOSPC && i < BACKENDS_MAX; i++)
		if (!backends.ops[i]) {
			backends.ops[i] = ops;
			ret = 0;
		}
	mutex_unlock(&backends.lock);
	return ret;
}
EXPORT_SYMBOL_KVMEM(kvmem_media_backend_register);

/* Media of the backend hold its module, so none is left. */
void kvmem_media_backend_unregister(const struct kvmem_media_ops *ops)
{
	unsigned int i;

	mutex_lock(&backends.lock);
	for (i = 0; i < BACKENDS_MAX; i++)
		if (backends.ops[i] == ops)
			backends.ops[i] = NULL;
	mutex_unlock(&backends.lock);
}
EXPORT_SYMBOL_KVMEM(kvmem_media_backend_unregister);
