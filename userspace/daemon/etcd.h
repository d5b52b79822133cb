/* SPDX-License-Identifier: GPL-2.0 */
/*
 * etcd's JSON gateway, in the daemon's loop.  Nothing blocks; an endpoint that does not
 * answer is left for the next one.
 */
#ifndef KVMEMD_ETCD_H
#define KVMEMD_ETCD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define ETCD_TIMEOUT_MS	3000

struct loop;
struct etcd;
struct etcd_request;

/*
 * Told of an answer: 0 and the object, which stays the caller's; or -errno and maybe an
 * object: -ENOENT: what the request names is not there, -ETIMEDOUT, -EIO: cannot be
 * reached, -EPROTO: no JSON.  A stream tells each of its messages, then its end by -errno.
 */
typedef void (*etcd_fn)(void *arg, int err, json_t *reply);

/* @endpoints: URLs, commas between them; NULL: no memory */
struct etcd *etcd_new(struct loop *loop, const char *endpoints);
/* Whatever is on its way is forgotten; nobody is told. */
void etcd_free(struct etcd *e);
/* Send @body, which is taken over, to @path.  0, or -ENOMEM and nobody is told. */
int etcd_call(struct etcd *e, const char *path, json_t *body, etcd_fn fn, void *arg);
/* The same for an answer without an end; NULL: no memory */
struct etcd_request *etcd_stream(struct etcd *e, const char *path, json_t *body, etcd_fn fn,
				 void *arg);
/* Nobody is told any more. */
void etcd_cancel(struct etcd_request *r);

/* Base64, as keys and values are; the results are to be freed; NULL: no memory, or none */
char *etcd_encode(const void *data, size_t len);
void *etcd_decode(const char *text, size_t *len);

#endif
