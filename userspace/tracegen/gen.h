/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _GEN_H
#define _GEN_H

#include <stdio.h>

#include "model.h"

/* Write a trace.  0 or a negative errno. */
int gen_write(const struct model *m, FILE *to);

#endif /* _GEN_H */
