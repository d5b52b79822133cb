/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Valid capsules of each kind, and ways to damage them: for KUnit, and for the tests of the
 * same code in userspace.
 */
#ifndef KVMEM_TEST_CAPSULES_H
#define KVMEM_TEST_CAPSULES_H

#include "rdma/wire.h"

/**
 * struct kvmem_test_capsule - a kind of capsule
 * @name: for people
 * @type: enum kvmem_wire_type
 * @nr: entries
 * @segs: runs of memory of each entry
 * @len: bytes of each run
 */
struct kvmem_test_capsule {
	const char *name;
	u8 type;
	u8 nr;
	u8 segs;
	u32 len;
};

/**
 * struct kvmem_test_damage - a field that may not have a value
 * @name: for people
 * @capsule: index of the kind
 * @at: where the field is
 * @size: 1 to 8; more: a string
 * @value: what it may not be; of a string, each byte
 */
struct kvmem_test_damage {
	const char *name;
	u8 capsule;
	u16 at;
	u8 size;
	u64 value;
};

extern const struct kvmem_test_capsule kvmem_test_capsules[];
extern const unsigned int kvmem_test_nr_capsules;
/* Right, but for one that is more than may be */
extern const struct kvmem_test_capsule kvmem_test_beyond[];
extern const unsigned int kvmem_test_nr_beyond;
extern const struct kvmem_test_damage kvmem_test_damages[];
extern const unsigned int kvmem_test_nr_damages;

/* In @buf (KVMEM_WIRE_MAX bytes, 8-aligned): its length. */
u32 kvmem_test_capsule_build(void *buf, const struct kvmem_test_capsule *capsule);
/* A field gets a value; the checksum stays as it is. */
void kvmem_test_capsule_poke(void *buf, const struct kvmem_test_damage *damage);
/* The checksum of @len bytes, as docs/wire.md says it. */
void kvmem_test_capsule_seal(void *buf, u32 len);

#endif
