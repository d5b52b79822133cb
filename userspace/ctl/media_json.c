// SPDX-License-Identifier: GPL-2.0
/* What is on a media, offline, as JSON. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/media_json.h"

#define JSON_HEX_MAX	32	/* bytes; a key, a fingerprint */

/* JSON has no unsigned numbers; what a hostile media says is cut. */
static json_t *json_u64(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static json_t *json_hex(const uint8_t *bytes, size_t n)
{
	char text[2 * JSON_HEX_MAX + 1];
	size_t i;

	for (i = 0; i < n && i < JSON_HEX_MAX; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return json_string(text);
}

static json_t *json_uuid(const uint8_t *u)
{
	char text[40], *p = text;
	int i;

	for (i = 0; i < KVMEM_MEDIA_UUID_LEN; i++)
		p += sprintf(p, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
	return json_string(text);
}

json_t *media_json_super(const struct kvmem_super *s)
{
	return json_pack("{so ss so so si si si so so si so so so so}",
			 "uuid", json_uuid(s->uuid), "label", s->label,
			 "media_bytes", json_u64(s->media_bytes),
			 "first_segment", json_u64(s->first_segment),
			 "segment_bytes", (int)s->segment_bytes,
			 "nr_segments", (int)s->nr_segments,
			 "unit", (int)s->unit,
			 "directory", json_u64(s->directory[0]),
			 "directory_copy", json_u64(s->directory[1]),
			 "slots", (int)(s->dir_pages * KVMEM_MEDIA_DIR_SLOTS),
			 "created", json_u64(s->created),
			 "generation", json_u64(s->generation),
			 "incompat", json_u64(s->incompat),
			 "ro_compat", json_u64(s->ro_compat));
}

static json_t *json_place(uint32_t no)
{
	return no == MEDIA_NOWHERE ? json_null() : json_u64(no);
}

json_t *media_json_finding(const struct media_finding *f)
{
	static const char * const parts[] = {
		[MEDIA_PART_SUPER] = "superblock",
		[MEDIA_PART_DIRECTORY] = "directory",
		[MEDIA_PART_TABLE] = "table",
		[MEDIA_PART_BLOCK] = "block",
	};

	return json_pack("{ss so so ss}", "part", parts[f->part], "segment",
			 json_place(f->segment), "page", json_place(f->page), "text", f->text);
}

static json_t *json_segments(const struct media_segments *n)
{
	return json_pack("{so so so so}", "used", json_u64(n->used), "free", json_u64(n->free),
			 "released", json_u64(n->released), "damaged", json_u64(n->damaged));
}

/* Nobody read the data: nothing is known of it. */
static json_t *json_data(const struct media_check *check, uint64_t v)
{
	return check->data ? json_u64(v) : json_null();
}

static json_t *json_blocks(const struct media_check *c)
{
	const struct media_blocks *n = &c->blocks;

	return json_pack("{so so so so so so so so so}", "live", json_u64(n->live),
			 "live_bytes", json_u64(n->live_bytes),
			 "superseded", json_u64(n->superseded), "gone", json_u64(n->gone),
			 "expired", json_u64(n->expired),
			 "verified", json_data(c, n->verified),
			 "verified_bytes", json_data(c, n->verified_bytes),
			 "unsummed", json_data(c, n->unsummed),
			 "corrupt", json_data(c, n->corrupt));
}

json_t *media_json_check(const struct media_check *c)
{
	static const char * const verdicts[] = {
		[MEDIA_CLEAN] = "clean",
		[MEDIA_DAMAGED] = "damaged",
		[MEDIA_NOT_ATTACHABLE] = "not attachable",
	};

	if (c->verdict == MEDIA_NOT_ATTACHABLE)
		return json_pack("{ss so sn sn sn sn}", "verdict", verdicts[c->verdict],
				 "findings", json_u64(c->findings), "super", "namespaces",
				 "segments", "blocks");
	return json_pack("{ss so so so so so}", "verdict", verdicts[c->verdict],
			 "findings", json_u64(c->findings),
			 "super", media_json_super(&c->super),
			 "namespaces", json_u64(c->namespaces),
			 "segments", json_segments(&c->segments), "blocks", json_blocks(c));
}

static json_t *json_slot(uint32_t no, const struct kvmem_media_slot *slot)
{
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", le16_to_cpu(slot->mode) & 07777);
	return json_pack("{so so ss so so ss so so}", "slot", json_u64(no),
			 "generation", json_u64(le32_to_cpu(slot->generation)),
			 "name", (const char *)slot->name,
			 "uid", json_u64(le32_to_cpu(slot->uid)),
			 "gid", json_u64(le32_to_cpu(slot->gid)), "mode", mode,
			 "created", json_u64(le64_to_cpu(slot->created)),
			 "fingerprint", json_hex(slot->fingerprint, sizeof(slot->fingerprint)));
}

static json_t *json_slots(const struct media *m)
{
	uint32_t no, nr = m->super.dir_pages * KVMEM_MEDIA_DIR_SLOTS;
	const struct kvmem_media_slot *slot;
	json_t *array = json_array();

	for (no = 0; no < nr; no++) {
		slot = media_slot(m, no);
		if (slot && slot->state == KVMEM_MEDIA_SLOT_USED)
			json_array_append_new(array, json_slot(no, slot));
	}
	return array;
}

/**
 * struct json_walk - a segment that is read
 * @entries: array to append to, or NULL
 * @keys: whole
 * @blocks, @gone, @bytes: counted
 */
struct json_walk {
	json_t *entries;
	bool keys;
	uint64_t blocks, gone, bytes;
};

static json_t *json_key(const struct json_walk *w, const uint8_t *key)
{
	return json_hex(key, w->keys ? 32 : 8);
}

static json_t *json_block(const struct json_walk *w, const struct kvmem_media_entry *e)
{
	char crc[12];

	snprintf(crc, sizeof(crc), "%08x", le32_to_cpu(e->crc));
	return json_pack("{ss so so so ss si si si so so so}", "type", "block",
			 "key", json_key(w, e->key),
			 "offset", json_u64(le32_to_cpu(e->offset)),
			 "length", json_u64(le32_to_cpu(e->length)), "crc", crc,
			 "class", e->class, "priority", e->priority,
			 "hits", (int)le16_to_cpu(e->hits),
			 "cost", json_u64(le32_to_cpu(e->cost)),
			 "last_use", json_u64(le32_to_cpu(e->last_use)),
			 "expires", json_u64(le32_to_cpu(e->expires)));
}

static json_t *json_gone(const struct json_walk *w, const struct kvmem_media_gone *g)
{
	return json_pack("{ss so so so so}", "type", "gone", "key", json_key(w, g->key),
			 "offset", json_u64(le32_to_cpu(g->offset)),
			 "of_segment", json_u64(le32_to_cpu(g->segment)),
			 "of_generation", json_u64(le64_to_cpu(g->generation)));
}

static void json_entry(struct json_walk *w, const struct kvmem_media_table *page,
		       uint32_t index, unsigned int at)
{
	bool gone = page->entries[at].entry.type == KVMEM_MEDIA_ENTRY_GONE;
	json_t *j;

	w->gone += gone;
	w->blocks += !gone;
	w->bytes += gone ? 0 : le32_to_cpu(page->entries[at].entry.length);
	if (!w->entries)
		return;
	j = gone ? json_gone(w, &page->entries[at].gone) : json_block(w, &page->entries[at].entry);
	json_object_set_new(j, "page", json_u64(index));
	json_object_set_new(j, "entry", json_u64(at));
	json_array_append_new(w->entries, j);
}

static int json_page(void *arg, const struct media_table *t,
		     const struct kvmem_media_table *page, uint32_t index)
{
	unsigned int i, nr = le16_to_cpu(page->nr_entries);

	(void)t;
	for (i = 0; i < nr; i += media_entry_span(page, i))
		json_entry(arg, page, index, i);
	return 0;
}

static const char *json_state(const struct media *m, const struct media_table *t)
{
	if (!t->pages)
		return t->io ? "unreadable" : t->damaged ? "damaged" : "free";
	return media_slot_owns(m, &t->head) ? "used" : "released";
}

static const char *json_end(const struct media_table *t)
{
	if (t->io)
		return strerror(t->io);
	return t->damaged || t->beyond ? kvmem_format_text(t->why) : "regular";
}

static json_t *json_segment(const struct media *m, uint32_t no, const struct media_table *t,
			    const struct json_walk *w)
{
	json_t *j = json_pack("{so ss so ss}", "segment", json_u64(no), "state",
			      json_state(m, t), "pages", json_u64(t->pages), "end",
			      json_end(t));

	if (!t->pages)
		return j;
	json_object_set_new(j, "generation", json_u64(t->head.generation));
	json_object_set_new(j, "slot", json_u64(t->head.slot));
	json_object_set_new(j, "slot_generation", json_u64(t->head.slot_generation));
	json_object_set_new(j, "temperature", json_u64(t->head.temperature));
	json_object_set_new(j, "written_ns", json_u64(t->head.written));
	json_object_set_new(j, "blocks", json_u64(w->blocks));
	json_object_set_new(j, "gone", json_u64(w->gone));
	json_object_set_new(j, "bytes", json_u64(w->bytes));
	return j;
}

/* One segment; a free one is worth a line only when it was asked for. */
static int json_add_segment(const struct media *m, uint32_t no, bool asked, json_t *segments,
			    struct json_walk *w)
{
	struct media_table t;
	int err = media_table_walk(m, no, &t, json_page, w);

	if (err)
		return err;
	if (asked || t.pages || t.io || t.damaged)
		json_array_append_new(segments, json_segment(m, no, &t, w));
	return 0;
}

static int json_add_segments(const struct media *m, json_t *segments)
{
	uint32_t no;
	int err = 0;

	for (no = 0; !err && no < m->super.nr_segments; no++) {
		struct json_walk w = { 0 };

		err = json_add_segment(m, no, false, segments, &w);
	}
	return err;
}

json_t *media_json_dump(const struct media *m, uint64_t segment, bool keys)
{
	json_t *j = json_pack("{so so s[]}", "super", media_json_super(&m->super), "namespaces",
			      json_slots(m), "segments");
	json_t *segments = json_object_get(j, "segments");
	struct json_walk w = { .keys = keys };
	int err;

	if (segment == UINT64_MAX) {
		err = json_add_segments(m, segments);
	} else {
		w.entries = json_array();
		err = json_add_segment(m, (uint32_t)segment, true, segments, &w);
		json_object_set_new(j, "entries", w.entries);
	}
	if (!err)
		return j;
	json_decref(j);
	return NULL;
}
