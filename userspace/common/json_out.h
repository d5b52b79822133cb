/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVMEM_JSON_OUT_H
#define _KVMEM_JSON_OUT_H

#include <jansson.h>

/*
 * Write @root to @path ("-" = standard output): all of it or none, so that
 * nobody reads half a file.  Consumes the reference.  0 or a negative errno.
 */
int json_out(json_t *root, const char *path);

#endif /* _KVMEM_JSON_OUT_H */
