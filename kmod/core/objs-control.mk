# SPDX-License-Identifier: GPL-2.0
# Control plane: netlink, sysfs, counters, tracepoints.
kvmem-y += kmod/core/netlink.o
kvmem-y += kmod/core/netlink_gen.o
kvmem-y += kmod/core/nl_event.o
kvmem-y += kmod/core/nl_hist.o
kvmem-y += kmod/core/nl_media.o
kvmem-y += kmod/core/nl_map.o
kvmem-y += kmod/core/nl_ns.o
kvmem-y += kmod/core/nl_peer.o
kvmem-y += kmod/core/nl_pool.o
kvmem-y += kmod/core/nl_segment.o
kvmem-y += kmod/core/nl_stats.o
kvmem-y += kmod/core/nl_table.o
kvmem-y += kmod/core/stats.o
kvmem-y += kmod/core/sysfs.o
kvmem-y += kmod/core/trace.o
