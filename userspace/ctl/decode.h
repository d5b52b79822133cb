/* SPDX-License-Identifier: GPL-2.0 */
/* Netlink attributes to JSON, by tables. */
#ifndef _KVMEMCTL_DECODE_H
#define _KVMEMCTL_DECODE_H

#include <jansson.h>
#include <netlink/attr.h>
#include <stddef.h>
#include <stdint.h>

enum decode_type {
	DECODE_U8,
	DECODE_U16,
	DECODE_U32,
	DECODE_U64,
	DECODE_BOOL,	/* u8 */
	DECODE_STRING,
	DECODE_OPTIONAL,	/* string; null when absent */
	DECODE_MODE,	/* u16 to "0660" */
	DECODE_HEX,	/* binary to hex digits */
	DECODE_FINGERPRINT,	/* the same; null when all zero */
	DECODE_ORDER,	/* u8 to "use" or "arrival" */
	DECODE_WATERMARK,
	DECODE_U64S,	/* array */
	DECODE_S64,
	DECODE_UUID,	/* binary to the usual notation */
	DECODE_FLASH_MODE,	/* u8 to "off", "through" or "back" */
	DECODE_MEDIA_STATE,
	DECODE_SEG_STATE,
	DECODE_PLACEMENT,	/* u8 to "local", "owner" or "both" */
	DECODE_PEER_STATE,
};

/**
 * struct decode - one attribute and its field
 * @name: of the field
 * @attr: 0 ends a table
 * @type: of both
 */
struct decode {
	const char *name;
	int attr;
	enum decode_type type;
};

/* Attributes that are absent or too short make no field. */
void decode_into(json_t *object, struct nlattr **tb, const struct decode *table);
json_t *decode_object(struct nlattr **tb, const struct decode *table);
/* A nest as an object, or NULL when it is absent; @max is its largest attribute. */
json_t *decode_nest(struct nlattr *nest, int max, const struct decode *table);

/* The objects of the family, as documented in kvmemctl(8) */
json_t *decode_ns(struct nlattr **tb);
json_t *decode_pool(struct nlattr **tb);
json_t *decode_arena(struct nlattr *nest);
/* The same of media (decode_media.c); NULL: the nest is missing */
json_t *decode_media(struct nlattr **tb);
json_t *decode_segment(struct nlattr **tb);
json_t *decode_slot(struct nlattr **tb);
/* The same of peers, the cluster and the map, which are in nests (decode_peer.c) */
json_t *decode_peer(struct nlattr **tb);
json_t *decode_cluster(struct nlattr **tb);
json_t *decode_map(struct nlattr **tb);

/* A field for a number that may not fit the signed numbers of the library */
json_t *json_number(uint64_t v);
/* null when it is not finite: JSON cannot say so */
json_t *json_double(double v);
/* Set @name, whatever @value; NULL sets nothing.  Exits when there is no memory. */
void json_put(json_t *object, const char *name, json_t *value);
uint64_t json_get_u64(const json_t *object, const char *name);

/* hits / (hits + misses) of @stats, or null */
void stats_add_rate(json_t *stats);

#endif /* _KVMEMCTL_DECODE_H */
