/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVMEMCTL_POLICY_H
#define _KVMEMCTL_POLICY_H

#include <jansson.h>
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/value_table.h"

/* Rows that are equal, once, and who has them; then their values by age */
void policy_print_table(const struct value_rows *rows, FILE *to);
/* Sums of the classes, then counts by age over all of them */
void policy_print_hist(const json_t *hist, FILE *to);

/* Histograms of the namespace @name: of @class, or of all if -1; an exit status */
int hist_read(struct ctl *c, const char *name, int class, json_t **out);

#endif /* _KVMEMCTL_POLICY_H */
