/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvmemctl media: commands that ask the module, and those that look at a
 * device or a file themselves (media_offline.c).
 */
#ifndef _KVMEMCTL_MEDIA_H
#define _KVMEMCTL_MEDIA_H

#include "ctl/ctl.h"

/*
 * Exit status of "media check": that of a checker of file systems, where the
 * verdict has to be told from everything else.
 */
enum media_check_exit {
	MEDIA_CHECK_CLEAN	= 0,
	MEDIA_CHECK_DAMAGED	= 1,	/* attach leaves the damaged parts out */
	MEDIA_CHECK_NOT_ATTACHABLE = 2,
	MEDIA_CHECK_TROUBLE	= 3,	/* no verdict: usage, in use, cannot be read */
};

extern const struct arg_spec media_attach_specs[], media_set_specs[];

/* Of the module (media.c) */
int cmd_media_list(struct ctl *c);
int cmd_media_show(struct ctl *c);
int cmd_media_attach(struct ctl *c);
int cmd_media_detach(struct ctl *c);
int cmd_media_set(struct ctl *c);
int cmd_media_segments(struct ctl *c);
int cmd_media_directory(struct ctl *c);
int cmd_media_forget_ns(struct ctl *c);

/*
 * Rows of ctl_commands[]; each takes one operand, the path:
 *
 *   "media format" [--label L] [--segment-size S] [--uuid U] [--force] [--no-discard]
 *   "media check" [--data] [--force]
 *   "media dump" [--segment N [--keys]]
 */
extern const struct arg_spec media_format_specs[], media_check_specs[], media_dump_specs[];

int cmd_media_format(struct ctl *c);
int cmd_media_check(struct ctl *c);	/* enum media_check_exit */
int cmd_media_dump(struct ctl *c);

#endif /* _KVMEMCTL_MEDIA_H */
