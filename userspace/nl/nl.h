/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netlink family "kvmem": requests, dumps, events.  Nothing is printed and
 * nothing exits; what went wrong is told in struct knl_error.
 *
 * Functions that return int: 0, or -1 with *@e filled in; the calls also what
 * their function returned, when that is positive.
 */
#ifndef KVMEM_NL_NL_H
#define KVMEM_NL_NL_H

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kvmem_netlink.h>

/**
 * struct knl - a connection
 * @sk: requests, or events; NULL = not connected
 * @family: id of "kvmem"; negative = it was not there
 * @timeout_s: how long an answer is waited for
 */
struct knl {
	struct nl_sock *sk;
	int family;
	unsigned int timeout_s;
};

/**
 * struct knl_msg - a message from the kernel
 * @cmd: KVMEM_CMD_*
 * @tb: attributes by type, KVMEM_A_MAX + 1 of them
 * @head: all of them in a row, for those that come more than once
 * @len: bytes at @head
 */
struct knl_msg {
	int cmd;
	struct nlattr **tb;
	struct nlattr *head;
	int len;
};

/* What went wrong */
enum knl_fault {
	KNL_NO_SOCKET,
	KNL_NO_MODULE,
	KNL_NO_MEMORY,
	KNL_NOT_SENT,
	KNL_NOT_RECEIVED,
	KNL_NOT_JOINED,	/* a multicast group */
	KNL_TIMEOUT,
	KNL_MALFORMED,	/* the answer */
	KNL_REFUSED,	/* the kernel said no: @err */
	KNL_CHANGING,	/* a dump that no moment was quiet enough for */
};

/**
 * struct knl_error - why a call failed
 * @fault: where
 * @err: errno, positive
 * @attr: attribute of the request that the kernel disliked or missed, or 0
 * @text: the kernel's explanation, or the library's, or ""
 */
struct knl_error {
	enum knl_fault fault;
	int err;
	int attr;
	char text[256];
};

/* A sentence for people, without the end of line; returns @buf. */
const char *knl_error_text(const struct knl_error *e, char *buf, size_t len);

/* Told of one answer; not 0 ends the telling. */
typedef int (*knl_fn)(const struct knl_msg *m, void *arg);

/* --- connection (open.c) --- */

/* A socket, without looking for the family. */
int knl_open_socket(struct knl *nl, struct knl_error *e);
/* A socket and the family; nothing if there is one already. */
int knl_open(struct knl *nl, struct knl_error *e);
void knl_close(struct knl *nl);
/*
 * The family is there.  Asks for the list of all: asking for one by name lets
 * the kernel start modprobe(8), which somebody who waits for it should not.
 */
bool knl_family_exists(struct knl *nl);

/* --- requests (call.c) --- */

/* A message to put attributes into; NULL: no memory */
struct nl_msg *knl_request(int cmd);
/* The same for at most @size bytes */
struct nl_msg *knl_request_size(int cmd, size_t size);
/* Send @msg, call @fn (may be NULL) with each answer.  @msg stays the caller's. */
int knl_call(struct knl *nl, struct nl_msg *msg, knl_fn fn, void *arg, struct knl_error *e);
/*
 * The same for a dump.  @restart (may be NULL) forgets what @fn was told, for
 * the case that the kernel's lists changed on the way and all begins anew.
 */
int knl_dump(struct knl *nl, struct nl_msg *msg, knl_fn fn, void (*restart)(void *arg),
	     void *arg, struct knl_error *e);
/* Fill @m and @tb (KVMEM_A_MAX + 1) from @msg; 0 or -1 when it is malformed. */
int knl_parse(struct nl_msg *msg, struct nlattr **tb, struct knl_msg *m);

/* --- attributes (attr.c) --- */

/* 0, or -1 when there is no room */
int knl_put_u8(struct nl_msg *msg, int attr, uint8_t v);
int knl_put_u16(struct nl_msg *msg, int attr, uint16_t v);
int knl_put_u32(struct nl_msg *msg, int attr, uint32_t v);
int knl_put_u64(struct nl_msg *msg, int attr, uint64_t v);
int knl_put_string(struct nl_msg *msg, int attr, const char *text);

/* False, and *@v as it was, when @nla is NULL or too short */
bool knl_get_u8(const struct nlattr *nla, uint8_t *v);
bool knl_get_u16(const struct nlattr *nla, uint16_t *v);
bool knl_get_u32(const struct nlattr *nla, uint32_t *v);
bool knl_get_u64(const struct nlattr *nla, uint64_t *v);
/* Exactly @len bytes */
bool knl_get_binary(const struct nlattr *nla, void *v, size_t len);
/* Cut off at @len - 1 and at the first 0 */
bool knl_get_string(const struct nlattr *nla, char *v, size_t len);

/* --- events (event.c) --- */

enum knl_event {
	KNL_EVENT_NONE,		/* nothing is waiting */
	KNL_EVENT_SOME,		/* something was read, perhaps told */
	KNL_EVENT_LOST,		/* events were lost: we are too slow */
	KNL_EVENT_CAME,		/* the module was loaded */
	KNL_EVENT_GONE,		/* the module was unloaded */
	KNL_EVENT_FAILED,	/* *@e says why */
};

/* Listen to @group of @family; the socket no longer blocks. */
int knl_join(struct knl *nl, const char *family, const char *group, struct knl_error *e);
/* Read one message; @fn, whose result does not matter, is told if it is the family's. */
enum knl_event knl_read_event(struct knl *nl, knl_fn fn, void *arg, struct knl_error *e);

#endif
