# SPDX-License-Identifier: GPL-2.0
# kvmem_rdma.ko
kvmem_rdma-y += kmod/rdma/main.o
kvmem_rdma-y += kmod/rdma/addr.o
kvmem_rdma-y += kmod/rdma/alive.o
kvmem_rdma-y += kmod/rdma/auth.o
kvmem_rdma-y += kmod/rdma/call.o
kvmem_rdma-y += kmod/rdma/conn.o
kvmem_rdma-y += kmod/rdma/expose.o
kvmem_rdma-y += kmod/rdma/listen.o
kvmem_rdma-y += kmod/rdma/post.o
kvmem_rdma-y += kmod/rdma/rail.o
kvmem_rdma-y += kmod/rdma/serve.o
kvmem_rdma-y += kmod/rdma/shake.o
kvmem_rdma-y += kmod/rdma/wire.o
