// SPDX-License-Identifier: GPL-2.0
/*
 * kvmem_rdma: kvmem's transport over RDMA connections.
 */
#include <linux/module.h>
#include <linux/string.h>
#include "core/version.h"
#include "rdma/rdma.h"

struct workqueue_struct *kvmem_rdma_wq;
struct workqueue_struct *kvmem_rdma_serve_wq;
struct kvmem_self kvmem_rdma_self;

static int rdma_start(const struct kvmem_self *self)
{
	kvmem_rdma_self = *self;
	return kvmem_listen_start(self->listen);
}

static void rdma_stop(void)
{
	kvmem_listen_stop();
	memzero_explicit(kvmem_rdma_self.secret, sizeof(kvmem_rdma_self.secret));
}

/*
 * What a peer may touch stays so until it answers, or the connection ends; the memory of
 * a call that nobody wants any more waits for that, at the longest for its timeout.
 */
static void rdma_cancel(struct kvmem_call *call)
{
}

static const struct kvmem_transport_ops rdma_ops = {
	.name = "rdma",
	.owner = THIS_MODULE,
	.start = rdma_start,
	.stop = rdma_stop,
	.peer_add = kvmem_rdma_peer_add,
	.peer_del = kvmem_rdma_peer_del,
	.submit = kvmem_rdma_submit,
	.cancel = rdma_cancel,
	.info = kvmem_rdma_info,
};

static int __init kvmem_rdma_init(void)
{
	int ret = kvmem_auth_init();

	if (ret)
		return ret;
	ret = -ENOMEM;
	kvmem_rdma_wq = alloc_workqueue("kvmem_rdma", WQ_UNBOUND, 0);
	if (!kvmem_rdma_wq)
		goto auth;
	kvmem_rdma_serve_wq = alloc_workqueue("kvmem_rdma_serve", WQ_UNBOUND, 0);
	if (!kvmem_rdma_serve_wq)
		goto wq;
	ret = kvmem_transport_register(&rdma_ops);
	if (!ret)
		return 0;
	destroy_workqueue(kvmem_rdma_serve_wq);
wq:
	destroy_workqueue(kvmem_rdma_wq);
auth:
	kvmem_auth_exit();
	return ret;
}

static void __exit kvmem_rdma_exit(void)
{
	kvmem_transport_unregister(&rdma_ops);
	destroy_workqueue(kvmem_rdma_serve_wq);
	destroy_workqueue(kvmem_rdma_wq);
	kvmem_auth_exit();
}

module_init(kvmem_rdma_init);
module_exit(kvmem_rdma_exit);

MODULE_DESCRIPTION("kvmem over RDMA");
MODULE_LICENSE("GPL");
MODULE_VERSION(KVMEM_VERSION);
MODULE_IMPORT_NS("KVMEM");
MODULE_SOFTDEP("pre: sha256");
