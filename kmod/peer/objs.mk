# SPDX-License-Identifier: GPL-2.0
# Peers: who they are, which blocks they have, what they are asked and told.
kvmem-y += kmod/peer/ask.o
kvmem-y += kmod/peer/cluster.o
kvmem-y += kmod/peer/get.o
kvmem-y += kmod/peer/map.o
kvmem-y += kmod/peer/many.o
kvmem-y += kmod/peer/move.o
kvmem-y += kmod/peer/peers.o
kvmem-y += kmod/peer/put.o
kvmem-y += kmod/peer/serve.o
kvmem-y += kmod/peer/state.o
