/* SPDX-License-Identifier: GPL-2.0 */
/* The event loop: file descriptors and timers, one thread. */
#ifndef KVMEMD_LOOP_H
#define KVMEMD_LOOP_H

#include <stdint.h>

struct loop;

/* @events: EPOLLIN and so on.  May add and remove, itself too. */
typedef void (*loop_fn)(void *arg, uint32_t events);

struct loop *loop_new(void);
void loop_free(struct loop *loop);
/* Watch @fd, which stays the caller's.  0 or -errno. */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *arg);
int loop_modify(struct loop *loop, int fd, uint32_t events);
void loop_remove(struct loop *loop, int fd);
/*
 * Call @fn every @period_ns, first after one period; a loop that was late
 * calls once, not for every period missed.  The timer's number, for
 * loop_timer_stop(), or -errno.
 */
int loop_timer(struct loop *loop, uint64_t period_ns, loop_fn fn, void *arg);
void loop_timer_stop(struct loop *loop, int timer);
/* Until loop_stop().  0 or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
