/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family, as the rest of the core sees it.
 */
#ifndef KVMEM_NETLINK_H
#define KVMEM_NETLINK_H

#include <linux/types.h>
#include <linux/kvmem_netlink.h>

struct kvmem_key;
struct kvmem_media;
struct kvmem_ns;
struct kvmem_peer;
struct kvmem_sample;

/* Last to come, first to go: commands may arrive as soon as init returns. */
int kvmem_netlink_init(void);
void kvmem_netlink_exit(void);

/*
 * Events for the multicast group.  Nothing happens when nobody listens, or
 * outside of init and exit.  They never sleep and may be called under spin
 * locks, but not in hard interrupts; an event that finds no memory is lost,
 * as netlink allows.  The events of namespaces are not here: only netlink
 * commands change namespaces, and they send them.
 */
void kvmem_event_corrupt(const struct kvmem_ns *ns, const struct kvmem_key *key);
void kvmem_event_quiesce(bool on);
/* @cmd: KVMEM_CMD_MEDIA_ATTACHED_NTF, ..._DETACHED_NTF or ..._CHANGED_NTF */
void kvmem_event_media(u8 cmd, const struct kvmem_media *media);
/* Not from interrupts; takes no lock of the peers' but peer->lock. */
void kvmem_event_peer(struct kvmem_peer *peer);
void kvmem_event_map(void);
/* May sleep.  @size bytes of samples; @lost were dropped before them.  0, -ENOMEM. */
int kvmem_event_samples(const struct kvmem_ns *ns, const struct kvmem_sample *samples,
			size_t size, u64 lost);
/* Cheap when @level is what it was.  Takes the arena's lock. */
void kvmem_event_watermark(enum kvmem_watermark level);

/* Asked of file.c: open files attached to @ns. */
unsigned int kvmem_ns_nr_files(struct kvmem_ns *ns);

#endif
