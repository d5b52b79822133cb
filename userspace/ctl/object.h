/* SPDX-License-Identifier: GPL-2.0 */
/* What namespaces, pools and media have in common: made, changed, deleted, read. */
#ifndef _KVMEMCTL_OBJECT_H
#define _KVMEMCTL_OBJECT_H

#include <jansson.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "ctl/ctl.h"
#include "ctl/out.h"

/**
 * struct object_kind - namespaces, pools, or media
 * @noun: what to call one
 * @new, @set, @del, @get: commands of the family
 * @decode: its attributes as JSON
 * @list: columns of the list
 * @show: lines about one
 */
struct object_kind {
	const char *noun;
	int new, set, del, get;
	json_t *(*decode)(struct nlattr **tb);
	const struct column *list, *show;
};

int object_create(struct ctl *c, const struct object_kind *kind);
int object_set(struct ctl *c, const struct object_kind *kind);
int object_delete(struct ctl *c, const struct object_kind *kind);
int object_list(struct ctl *c, const struct object_kind *kind);
int object_show(struct ctl *c, const struct object_kind *kind);

/* Read one or all: an exit status, and an object or array in @out. */
int object_get(struct ctl *c, const struct object_kind *kind, const char *name,
	       json_t **out);
int object_get_all(struct ctl *c, const struct object_kind *kind, json_t **out);

/* Send and free @msg, which makes an object: its name and id in @made. */
int object_send(struct ctl *c, struct nl_msg *msg, json_t **made);
/* Print and free what that gave. */
int object_tell(struct ctl *c, const struct object_kind *kind, json_t *made);
/* A dump of parts of the object @name by @cmd, each told by @decode */
int object_dump_parts(struct ctl *c, int cmd, const char *name,
		      json_t *(*decode)(struct nlattr **tb), json_t **out);

extern const struct object_kind ns_kind, media_kind;

#endif /* _KVMEMCTL_OBJECT_H */
