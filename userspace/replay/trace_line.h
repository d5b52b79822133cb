/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TRACE_LINE_H
#define _TRACE_LINE_H

#include "trace.h"

/* Parse one line; its blocks are appended to @t.  0, or a negative errno and
 * @why, a constant string. */
int trace_line(struct trace *t, const char *at, const char *end,
	       const char **why);
int trace_add_id(struct trace *t, uint64_t id);

#endif /* _TRACE_LINE_H */
