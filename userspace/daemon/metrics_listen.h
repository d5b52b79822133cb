/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVMEMD_METRICS_LISTEN_H
#define KVMEMD_METRICS_LISTEN_H

#include <stddef.h>

/* A listening socket; -1: @err says why.  See metrics_start() for @address. */
int metrics_listen(const char *address, char *err, size_t errlen);
/* The port that @fd is bound to; 0: not known */
unsigned int metrics_listen_port(int fd);

#endif
