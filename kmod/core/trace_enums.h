/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events that only tracepoints name.
 */
#ifndef KVMEM_TRACE_ENUMS_H
#define KVMEM_TRACE_ENUMS_H

enum kvmem_ns_event {
	KVMEM_NS_CREATED,
	KVMEM_NS_DELETED,
	KVMEM_NS_CHANGED,
};

/**
 * enum kvmem_chunk_event - what happened to a chunk
 * @KVMEM_CHUNK_EV_NEW: taken from the system
 * @KVMEM_CHUNK_EV_GET: handed to a namespace
 * @KVMEM_CHUNK_EV_PUT: back on the free list
 * @KVMEM_CHUNK_EV_QUARANTINE: empty, but somebody else holds a page of it
 * @KVMEM_CHUNK_EV_FREE: given back to the system
 * @KVMEM_CHUNK_EV_DRAIN: to be emptied
 */
enum kvmem_chunk_event {
	KVMEM_CHUNK_EV_NEW,
	KVMEM_CHUNK_EV_GET,
	KVMEM_CHUNK_EV_PUT,
	KVMEM_CHUNK_EV_QUARANTINE,
	KVMEM_CHUNK_EV_FREE,
	KVMEM_CHUNK_EV_DRAIN,
};

#endif
