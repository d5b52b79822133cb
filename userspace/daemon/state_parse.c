// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "daemon/state_parse.h"

#define WORDS_A_SAMPLE	3

/* --- namespaces --- */

static int parse_ns_stats(struct state_stats *stats, const struct nlattr *nest)
{
	struct nlattr *tb[KVMEM_A_STATS_MAX + 1];
	int i;

	if (!nest)
		return 0;
	if (nla_parse_nested(tb, KVMEM_A_STATS_MAX, (struct nlattr *)nest, NULL) < 0)
		return -EBADMSG;
	for (i = KVMEM_A_STATS_HITS; i <= KVMEM_A_STATS_MAX; i++)
		knl_get_u64(tb[i], &stats->v[i]);
	return 0;
}

static void parse_settings(struct state_ns *ns, struct nlattr **tb)
{
	knl_get_u32(tb[KVMEM_A_UID], &ns->uid);
	knl_get_u32(tb[KVMEM_A_GID], &ns->gid);
	knl_get_u16(tb[KVMEM_A_MODE], &ns->mode);
	knl_get_binary(tb[KVMEM_A_FINGERPRINT], ns->fingerprint, sizeof(ns->fingerprint));
	knl_get_u64(tb[KVMEM_A_QUOTA_BYTES], &ns->quota_bytes);
	knl_get_u64(tb[KVMEM_A_QUOTA_BLOCKS], &ns->quota_blocks);
	knl_get_u32(tb[KVMEM_A_POOL_ID], &ns->pool_id);
	knl_get_u32(tb[KVMEM_A_TTL_MS], &ns->ttl_ms);
	knl_get_u32(tb[KVMEM_A_PIN_PERCENT], &ns->pin_percent);
	knl_get_u8(tb[KVMEM_A_REQUIRE_VERIFIED], &ns->require_verified);
	knl_get_u8(tb[KVMEM_A_ALLOW_BOUNCE], &ns->allow_bounce);
}

static void parse_flash(struct state_ns *ns, struct nlattr **tb)
{
	knl_get_u8(tb[KVMEM_A_FLASH_MODE], &ns->flash_mode);
	knl_get_u64(tb[KVMEM_A_FLASH_QUOTA_BYTES], &ns->flash_quota_bytes);
	knl_get_u64(tb[KVMEM_A_FLASH_BLOCKS], &ns->flash_blocks);
	knl_get_u64(tb[KVMEM_A_FLASH_BYTES], &ns->flash_bytes);
}

static void parse_peers(struct state_ns *ns, struct nlattr **tb)
{
	knl_get_u8(tb[KVMEM_A_PLACEMENT], &ns->placement);
	knl_get_u8(tb[KVMEM_A_COPIES], &ns->copies);
	knl_get_u8(tb[KVMEM_A_PEER_SHARE], &ns->peer_share);
	knl_get_u8(tb[KVMEM_A_PEER_KEEP], &ns->peer_keep);
}

static void parse_usage(struct state_ns *ns, struct nlattr **tb)
{
	knl_get_u64(tb[KVMEM_A_USED_BYTES], &ns->used_bytes);
	knl_get_u64(tb[KVMEM_A_USED_BLOCKS], &ns->used_blocks);
	knl_get_u64(tb[KVMEM_A_LIVE_BLOCKS], &ns->live_blocks);
	knl_get_u64(tb[KVMEM_A_DATA_BYTES], &ns->data_bytes);
	knl_get_u64(tb[KVMEM_A_PINNED_BYTES], &ns->pinned_bytes);
	knl_get_u32(tb[KVMEM_A_NR_FILES], &ns->nr_files);
	knl_get_u32(tb[KVMEM_A_CHUNKS], &ns->chunks);
}

/* What names an object: an id that is not 0, and a name that is not empty */
static bool parse_object(struct nlattr **tb, uint32_t *id, char *name)
{
	return knl_get_u32(tb[KVMEM_A_ID], id) && *id &&
	       knl_get_string(tb[KVMEM_A_NAME], name, STATE_NAME_LEN) && *name;
}

int state_parse_ns(struct state *state, const struct knl_msg *m)
{
	struct state_stats stats = { 0 };
	char name[STATE_NAME_LEN];
	struct state_ns *ns;
	uint32_t id;

	if (!parse_object(m->tb, &id, name) ||
	    parse_ns_stats(&stats, m->tb[KVMEM_A_STATS]))
		return -EBADMSG;
	ns = state_add_ns(state, id);
	if (!ns)
		return -ENOMEM;
	memcpy(ns->name, name, sizeof(ns->name));
	ns->stats = stats;
	ns->seen = true;
	parse_settings(ns, m->tb);
	parse_usage(ns, m->tb);
	parse_flash(ns, m->tb);
	parse_peers(ns, m->tb);
	return 0;
}

/* --- pools --- */

int state_parse_pool(struct state *state, const struct knl_msg *m)
{
	char name[STATE_NAME_LEN];
	struct state_pool *pool;
	uint8_t share = 0;
	uint32_t id;

	if (!parse_object(m->tb, &id, name))
		return -EBADMSG;
	pool = state_add_pool(state, id);
	if (!pool)
		return -ENOMEM;
	memcpy(pool->name, name, sizeof(pool->name));
	pool->seen = true;
	knl_get_u8(m->tb[KVMEM_A_SHARE], &share);
	pool->share = share;
	knl_get_u64(m->tb[KVMEM_A_QUOTA_BYTES], &pool->quota_bytes);
	knl_get_u64(m->tb[KVMEM_A_QUOTA_BLOCKS], &pool->quota_blocks);
	knl_get_u64(m->tb[KVMEM_A_USED_BYTES], &pool->used_bytes);
	knl_get_u64(m->tb[KVMEM_A_USED_BLOCKS], &pool->used_blocks);
	knl_get_u32(m->tb[KVMEM_A_NR_NAMESPACES], &pool->nr_namespaces);
	return 0;
}

/* --- the module --- */

int state_parse_arena(struct state *state, const struct nlattr *nest)
{
	struct nlattr *tb[KVMEM_A_ARENA_MAX + 1];
	int i;

	if (!nest || nla_parse_nested(tb, KVMEM_A_ARENA_MAX, (struct nlattr *)nest, NULL) < 0)
		return -EBADMSG;
	for (i = KVMEM_A_ARENA_TARGET; i <= KVMEM_A_ARENA_MAX; i++)
		knl_get_u64(tb[i], &state->arena[i]);
	return 0;
}

int state_parse_stats(struct state *state, const struct knl_msg *m)
{
	uint8_t quiesced = 0;

	if (state_parse_arena(state, m->tb[KVMEM_A_ARENA]))
		return -EBADMSG;
	knl_get_string(m->tb[KVMEM_A_VERSION], state->version, sizeof(state->version));
	knl_get_u32(m->tb[KVMEM_A_ABI_VERSION], &state->abi_version);
	knl_get_u32(m->tb[KVMEM_A_OPEN_FILES], &state->open_files);
	knl_get_u32(m->tb[KVMEM_A_NR_NAMESPACES], &state->nr_namespaces);
	knl_get_u32(m->tb[KVMEM_A_WATERMARK], &state->watermark);
	knl_get_u8(m->tb[KVMEM_A_QUIESCED], &quiesced);
	state->quiesced = quiesced;
	return 0;
}

int state_parse_latency(struct state *state, const struct knl_msg *m)
{
	struct nlattr *tb[KVMEM_A_LAT_MAX + 1];
	struct state_latency lat = { 0 };

	if (!m->tb[KVMEM_A_LATENCY] ||
	    nla_parse_nested(tb, KVMEM_A_LAT_MAX, m->tb[KVMEM_A_LATENCY], NULL) < 0 ||
	    !knl_get_u32(tb[KVMEM_A_LAT_OPCODE], &lat.opcode) ||
	    !knl_get_u32(tb[KVMEM_A_LAT_TIER], &lat.tier) ||
	    !knl_get_binary(tb[KVMEM_A_LAT_BUCKETS], lat.buckets, sizeof(lat.buckets)))
		return -EBADMSG;
	knl_get_u64(tb[KVMEM_A_LAT_COUNT], &lat.count);
	knl_get_u64(tb[KVMEM_A_LAT_ERRORS], &lat.errors);
	knl_get_u64(tb[KVMEM_A_LAT_BYTES], &lat.bytes);
	knl_get_u64(tb[KVMEM_A_LAT_TOTAL_NS], &lat.total_ns);
	if (state->nr_latency == STATE_MAX_LATENCY)
		return -EBADMSG;
	state->latency[state->nr_latency++] = lat;
	return 0;
}

/* --- histograms --- */

int state_parse_hist(struct policy_hist *hist, const struct knl_msg *m, uint32_t *id)
{
	struct nlattr *tb[KVMEM_A_HIST_MAX + 1];
	size_t row = sizeof(hist->hits[0]);
	uint32_t c;

	if (!knl_get_u32(m->tb[KVMEM_A_ID], id) || !m->tb[KVMEM_A_HIST] ||
	    nla_parse_nested(tb, KVMEM_A_HIST_MAX, m->tb[KVMEM_A_HIST], NULL) < 0 ||
	    !knl_get_u32(tb[KVMEM_A_HIST_CLASS], &c) || c >= KVMEM_NL_NR_CLASSES ||
	    !knl_get_binary(tb[KVMEM_A_HIST_HITS], hist->hits[c], row) ||
	    !knl_get_binary(tb[KVMEM_A_HIST_EVICTIONS], hist->evictions[c], row) ||
	    !knl_get_binary(tb[KVMEM_A_HIST_GHOST_HITS], hist->ghost_hits[c], row))
		return -EBADMSG;
	knl_get_u64(tb[KVMEM_A_HIST_HIT_COST], &hist->hit_cost[c]);
	knl_get_u64(tb[KVMEM_A_HIST_HIT_BYTES], &hist->hit_bytes[c]);
	knl_get_u64(tb[KVMEM_A_HIST_BLOCKS], &hist->blocks[c]);
	knl_get_u64(tb[KVMEM_A_HIST_BYTES], &hist->bytes[c]);
	return 0;
}

/* --- tables --- */

static int parse_row(struct parsed_table *table, struct nlattr *nest)
{
	struct nlattr *tb[KVMEM_A_VALUES_MAX + 1];
	uint32_t c;

	if (nla_parse_nested(tb, KVMEM_A_VALUES_MAX, nest, NULL) < 0 ||
	    !knl_get_u32(tb[KVMEM_A_VALUES_CLASS], &c) || c >= KVMEM_NL_NR_CLASSES ||
	    !knl_get_binary(tb[KVMEM_A_VALUES_VALUES], table->out.value[c],
			    sizeof(table->out.value[c])))
		return -EBADMSG;
	table->have |= 1ULL << c;
	return 0;
}

int state_parse_table(struct parsed_table *table, const struct knl_msg *m)
{
	struct nlattr *nla;
	uint8_t hinted = 0;
	int rem;

	memset(table, 0, sizeof(*table));
	if (!knl_get_u32(m->tb[KVMEM_A_ID], &table->id))
		return -EBADMSG;
	/* The parser of a message keeps one attribute of a kind. */
	nla_for_each_attr(nla, m->head, m->len, rem)
		if (nla_type(nla) == KVMEM_A_VALUE_TABLE && parse_row(table, nla))
			return -EBADMSG;
	knl_get_u8(m->tb[KVMEM_A_ORDER], &table->out.order);
	knl_get_u32(m->tb[KVMEM_A_SAMPLE_ONE_IN], &table->out.one_in);
	knl_get_u8(m->tb[KVMEM_A_HINTED], &hinted);
	table->hinted = hinted;
	return 0;
}

/* --- samples --- */

static bool decode_sample(const uint64_t *word, struct policy_sample *sample)
{
	*sample = (struct policy_sample){
		.hash = word[0],
		.time = word[1],
		.class = (uint8_t)word[2],
		.kind = (uint8_t)(word[2] >> 8),
		.size = (uint32_t)(word[2] >> 32),
	};
	return sample->class < KVMEM_NL_NR_CLASSES &&
	       sample->kind <= KVMEM_SAMPLE_KIND_DELETE;
}

int state_parse_samples(const struct knl_msg *m, uint32_t *id, uint64_t *lost,
			void (*fn)(void *arg, const struct policy_sample *sample), void *arg)
{
	const struct nlattr *nla = m->tb[KVMEM_A_SAMPLES];
	uint64_t word[WORDS_A_SAMPLE];
	struct policy_sample sample;
	int at, n = 0;

	*lost = 0;
	knl_get_u64(m->tb[KVMEM_A_SAMPLES_LOST], lost);
	if (!knl_get_u32(m->tb[KVMEM_A_ID], id) || !nla ||
	    (size_t)nla_len(nla) % sizeof(word))
		return -EBADMSG;
	for (at = 0; at < nla_len(nla); at += (int)sizeof(word)) {
		memcpy(word, (const char *)nla_data(nla) + at, sizeof(word));
		if (!decode_sample(word, &sample))
			continue;
		fn(arg, &sample);
		n++;
	}
	return n;
}
