/* SPDX-License-Identifier: GPL-2.0 */
/* Ask kvmemd to do something. */
#ifndef _KVMEMCTL_ASK_H
#define _KVMEMCTL_ASK_H

/*
 * Send @request to the daemon whose report is at @path, wait for its answer: 0, what it
 * says as a negative errno, or -ENOENT and -ECONNREFUSED: none is there.
 */
int ask_daemon(const char *path, const char *request);

#endif /* _KVMEMCTL_ASK_H */
