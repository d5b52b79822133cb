/* SPDX-License-Identifier: GPL-2.0 */
/* Talking to the kernel: requests, dumps and events of the family "kvmem". */
#ifndef _KVMEMCTL_NL_H
#define _KVMEMCTL_NL_H

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdint.h>

#include <linux/kvmem_netlink.h>

#include "nl/nl.h"

/* A connection, made by the first call; after an event is waited for, only for events */
struct ctl_nl {
	struct knl knl;
};

/**
 * struct ctl_msg - a message from the kernel
 * @cmd: KVMEM_CMD_*
 * @tb: attributes by type, KVMEM_A_MAX + 1 of them
 * @head: all of them in a row, for those that come more than once
 * @len: bytes at @head
 */
struct ctl_msg {
	int cmd;
	struct nlattr **tb;
	struct nlattr *head;
	int len;
};

/* Told of one answer; 0 or an exit status */
typedef int (*ctl_nl_fn)(const struct ctl_msg *m, void *arg);

/*
 * Connect, if that has not happened yet: the calls below do it, so that a
 * wrong command line is told from one, before the module is looked for.  All
 * return exit statuses and say themselves, on standard error, what went wrong.
 */
int ctl_nl_open(struct ctl_nl *nl);
void ctl_nl_close(struct ctl_nl *nl);

/* A message to put attributes into; never NULL */
struct nl_msg *ctl_nl_request(int cmd);
/* Send and free @msg, call @fn (may be NULL) with each answer. */
int ctl_nl_call(struct ctl_nl *nl, struct nl_msg *msg, ctl_nl_fn fn, void *arg);
/*
 * The same for a dump.  @restart (may be NULL) forgets what @fn was told, for
 * the case that the kernel's lists changed on the way and all begins anew.
 */
int ctl_nl_dump(struct ctl_nl *nl, struct nl_msg *msg, ctl_nl_fn fn,
		void (*restart)(void *arg), void *arg);

/* Attributes; they exit when there is no memory */
void ctl_put(struct nl_msg *msg, int attr, const void *data, size_t len);
void ctl_put_u8(struct nl_msg *msg, int attr, uint8_t v);
void ctl_put_u16(struct nl_msg *msg, int attr, uint16_t v);
void ctl_put_u32(struct nl_msg *msg, int attr, uint32_t v);
void ctl_put_u64(struct nl_msg *msg, int attr, uint64_t v);
void ctl_put_string(struct nl_msg *msg, int attr, const char *text);

/* Say what @e is about; returns the exit status. */
int ctl_nl_failed(const struct knl_error *e);
/* The command line option that sets @attr, or NULL (settings.c) */
const char *ctl_attr_name(int attr);

/* Events (nl_event.c) */

enum ctl_wait {
	CTL_WAIT_EVENT,		/* the function was called at least once */
	CTL_WAIT_TIME,		/* nothing in time */
	CTL_WAIT_LOST,		/* events were lost: we are too slow */
	CTL_WAIT_GONE,		/* the module was unloaded */
	CTL_WAIT_FAILED,	/* with a message */
};

int ctl_nl_subscribe(struct ctl_nl *nl);
/* Wait for at most @timeout_ms, -1 = for ever. */
enum ctl_wait ctl_nl_wait(struct ctl_nl *nl, int timeout_ms,
			  void (*fn)(const struct ctl_msg *m, void *arg), void *arg);

#endif /* _KVMEMCTL_NL_H */
