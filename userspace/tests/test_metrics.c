// SPDX-License-Identifier: GPL-2.0
/*
 * What metrics_render() writes.
 *
 *   test_metrics            run the tests
 *   test_metrics --print    write everything that can be written, for promtool
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/latency.h"
#include "daemon/metrics.h"
#include "daemon/metrics_render.h"
#include "ktap.h"
#include "test_metrics_state.h"

#define MAX_TEXT	((size_t)64 << 20)

/* Text as a string; to be freed.  NULL: it failed. */
static char *string_of(struct buffer *b)
{
	char *s = NULL;

	buffer_put(b, "", 1);
	if (!b->failed)
		s = strdup(b->data);
	buffer_free(b);
	return s;
}

static char *render(const struct state *state, const struct report_costs *costs)
{
	struct buffer b;

	buffer_init(&b, MAX_TEXT);
	metrics_render(state, costs, &b);
	return string_of(&b);
}

static bool has_line(const char *text, const char *line)
{
	const char *p = text;
	size_t len = strlen(line);

	while ((p = strstr(p, line))) {
		if ((p == text || p[-1] == '\n') && p[len] == '\n')
			return true;
		p++;
	}
	printf("# no line: %s\n", line);
	return false;
}

static bool has_lines(const char *text, const char * const *lines)
{
	bool all = true;

	for (; *lines; lines++)
		all &= has_line(text, *lines);
	return all;
}

static bool renders(struct state *state, const char * const *lines)
{
	char *text = render(state, &full_costs);
	bool ok = text && has_lines(text, lines);

	free(text);
	return ok;
}

/* --- content --- */

static void test_module(void)
{
	static const char * const lines[] = {
		"# TYPE kvmem_up gauge",
		"kvmem_up 1",
		"kvmem_module_info{version=\"0.2.0\",abi_version=\"1\"} 1",
		"kvmem_arena_bytes{state=\"used\"} 39728447488",
		"kvmem_arena_bytes{state=\"free\"} 1073741824",
		"kvmem_arena_bytes{state=\"quarantined\"} 2147483648",
		"kvmem_arena_watermark{watermark=\"room\"} 0",
		"kvmem_arena_watermark{watermark=\"full\"} 1",
		"kvmem_arena_watermark{watermark=\"pressure\"} 0",
		"kvmem_pool_used_bytes{pool=\"shared\"} 16106127360",
		"kvmem_daemon_events_lost_total 4",
		"kvmem_cost_gpu_per_hour{currency=\"EUR\"} 2.5",
		NULL
	};
	struct state *state = full_state(2, 3);
	bool ok = renders(state, lines);

	full_state_free(state);
	CHECK(ok);
}

static void test_namespace(void)
{
	static const char * const lines[] = {
		"kvmem_namespace_info{namespace=\"ns-1\",id=\"2\",uid=\"1001\",gid=\"100\",mode=\"0640\",pool=\"shared\"} 1",
		"kvmem_namespace_used_bytes{namespace=\"ns-0\"} 7516192768",
		"kvmem_namespace_quota_bytes{namespace=\"ns-0\"} 8589934592",
		"# TYPE kvmem_namespace_hits_total counter",
		"kvmem_namespace_hits_total{namespace=\"ns-1\"} 2000001",
		"kvmem_namespace_misses_total{namespace=\"ns-0\"} 3000000",
		"kvmem_namespace_miss_reasons_total{namespace=\"ns-0\",reason=\"evicted\"} 17000000",
		"kvmem_namespace_evictions_total{namespace=\"ns-0\",reason=\"corrupt\"} 16000000",
		"kvmem_namespace_transferred_bytes_total{namespace=\"ns-0\",path=\"copied\",direction=\"in\"} 8000000",
		"kvmem_namespace_transferred_bytes_total{namespace=\"ns-0\",path=\"zero_copy\",direction=\"any\"} 10000000",
		"kvmem_namespace_class_evictions_total{namespace=\"ns-0\",hint=\"0\",level=\"2\"} 32000000224",
		"kvmem_namespace_class_bytes{namespace=\"ns-1\",hint=\"1\",level=\"1\"} 26214400",
		NULL
	};
	struct state *state = full_state(2, 10);
	bool ok = renders(state, lines);

	full_state_free(state);
	CHECK(ok);
}

static void test_peers(void)
{
	static const char * const lines[] = {
		"kvmem_peer_info{peer=\"one\",node=\"1\",addresses=\"10.0.0.1:7471\"} 1",
		"kvmem_peer_state{peer=\"one\",state=\"up\"} 1",
		"kvmem_peer_state{peer=\"one\",state=\"slow\"} 0",
		"kvmem_peer_state{peer=\"two\",state=\"down\"} 1",
		"kvmem_map_epoch 12",
		"kvmem_map_previous_epoch 11",
		"kvmem_map_moving 1",
		"kvmem_map_to_move_blocks 7",
		"kvmem_map_moved_bytes_total 1048576",
		"kvmem_cluster_members 3",
		"kvmem_cluster_drained_members 1",
		"kvmem_cluster_owned_slots 16384",
		"kvmem_cluster_imbalance_ratio 0.25",
		"kvmem_cluster_membership_lost 1",
		"kvmem_daemon_map_pushes_total 5",
		NULL
	};
	struct state *state = full_state(2, 1);
	char *text = render(state, &full_costs), line[96];
	bool ok = text && has_lines(text, lines);

	snprintf(line, sizeof(line), "kvmem_peer_hits_total{peer=\"two\"} %d",
		 2000 + KVMEM_A_PEER_HITS);
	ok &= text && strstr(text, line);
	free(text);
	/* Without a cluster nobody speaks of one. */
	state->nr_peers = 0;
	state->map.known = state->ring.configured = false;
	text = render(state, &full_costs);
	ok &= text && !strstr(text, "kvmem_peer_") && !strstr(text, "kvmem_map_") &&
	      !strstr(text, "kvmem_cluster_");
	free(text);
	full_state_free(state);
	CHECK(ok);
}

static void test_media(void)
{
	static const char * const lines[] = {
		"kvmem_daemon_media_missing 1",
		"kvmem_media_info{media=\"nvme0\",id=\"1\",path=\"/dev/nvme0\",backend=\"bdev\"} 1",
		"kvmem_media_state{media=\"nvme0\",state=\"live\"} 1",
		"kvmem_media_state{media=\"nvme0\",state=\"failed\"} 0",
		"kvmem_media_state{media=\"nvme1\",state=\"failed\"} 1",
		"kvmem_media_state{media=\"nvme1\",state=\"read-only\"} 0",
		"kvmem_media_write_budget_bytes{media=\"nvme0\"} 1099511627776",
		"kvmem_media_budget_tokens_bytes{media=\"nvme0\"} -4096",
		"kvmem_media_write_amplification_ratio{media=\"nvme0\"} 1.025",
		"kvmem_media_life_seconds{media=\"nvme0\"} 31536000",
		"kvmem_media_endurance_used_ratio{media=\"nvme0\"} 0.05",
		"kvmem_namespace_flash_blocks{namespace=\"ns-0\"} 9000",
		"kvmem_namespace_flash_bytes{namespace=\"ns-1\"} 21474836480",
		"kvmem_namespace_flash_quota_bytes{namespace=\"ns-0\"} 107374182400",
		"kvmem_namespace_flash_mode{namespace=\"ns-0\",mode=\"off\"} 1",
		"kvmem_namespace_flash_mode{namespace=\"ns-1\",mode=\"through\"} 1",
		"kvmem_namespace_flash_mode{namespace=\"ns-1\",mode=\"off\"} 0",
		NULL
	};
	struct state *state = full_state(2, 1);
	char *text = render(state, &full_costs);
	bool ok = text && has_lines(text, lines);

	/* Without a budget, before the first put, and what a device does not tell */
	ok &= text && !strstr(text, "budget_bytes{media=\"nvme1\"") &&
	      !strstr(text, "tokens_bytes{media=\"nvme1\"") &&
	      !strstr(text, "amplification_ratio{media=\"nvme1\"") &&
	      !strstr(text, "life_seconds{media=\"nvme1\"") &&
	      !strstr(text, "device_errors_total{media=\"nvme1\"") &&
	      !strstr(text, "flash_quota_bytes{namespace=\"ns-1\"");
	free(text);
	full_state_free(state);
	CHECK(ok);
}

/* Each figure is the one of its attribute, which is what its number says. */
static void test_media_figures(void)
{
	static const struct {
		const char *name;
		unsigned int attr;
	} figures[] = {
		{ "kvmem_media_bytes{media=\"nvme1\"}", KVMEM_A_MEDIA_BYTES },
		{ "kvmem_media_live_bytes{media=\"nvme1\"}", KVMEM_A_MEDIA_LIVE_BYTES },
		{ "kvmem_media_written_bytes_total{media=\"nvme1\",reason=\"reinsert\"}",
		  KVMEM_A_MEDIA_REINSERT_BYTES },
		{ "kvmem_media_written_blocks_total{media=\"nvme1\",reason=\"table\"}",
		  KVMEM_A_MEDIA_TABLE_PAGES },
		{ "kvmem_media_refused_blocks_total{media=\"nvme1\",reason=\"failed\"}",
		  KVMEM_A_MEDIA_REFUSED_FAILED },
		{ "kvmem_media_errors_total{media=\"nvme1\",kind=\"corrupt\"}",
		  KVMEM_A_MEDIA_CORRUPT },
		{ "kvmem_media_segments{media=\"nvme1\",state=\"orphan\"}",
		  KVMEM_A_MEDIA_SEGMENTS_ORPHAN },
		{ "kvmem_media_discards_total{media=\"nvme1\"}", KVMEM_A_MEDIA_DISCARD_COMMANDS },
		{ "kvmem_media_device_written_bytes_total{media=\"nvme1\"}",
		  KVMEM_A_MEDIA_HEALTH_WRITTEN_BYTES },
		{ "kvmem_media_inflight_bytes{media=\"nvme1\",direction=\"write\"}",
		  KVMEM_A_MEDIA_INFLIGHT_WRITE },
	};
	struct state *state = full_state(1, 1);
	char *text = render(state, &full_costs), line[160];
	unsigned int i, good = 0;

	for (i = 0; i < sizeof(figures) / sizeof(*figures); i++) {
		snprintf(line, sizeof(line), "%s %u", figures[i].name, 2000 + figures[i].attr);
		good += text && has_line(text, line);
	}
	free(text);
	full_state_free(state);
	CHECK_EQ(good, sizeof(figures) / sizeof(*figures));
}

/* 10 classes: 512 * 55 tokens at 4000 a second; bytes were made to say the same. */
static void test_savings(void)
{
	static const char * const lines[] = {
		"kvmem_namespace_hit_tokens_total{namespace=\"ns-0\"} 28160",
		"kvmem_namespace_hit_bytes_total{namespace=\"ns-0\"} 9227468800",
		"kvmem_namespace_saved_seconds_total{namespace=\"ns-0\",basis=\"tokens\"} 7.04",
		"kvmem_namespace_saved_seconds_total{namespace=\"ns-0\",basis=\"bytes\"} 7.04",
		NULL
	};
	static const struct report_costs nothing;
	struct state *state = full_state(1, 10);
	bool ok = renders(state, lines);
	char *text = render(state, &nothing);

	ok &= text && !strstr(text, "saved_seconds") && !strstr(text, "kvmem_cost_");
	free(text);
	full_state_free(state);
	CHECK(ok);
}

/* Capacity is 8 GiB; 0.25 of it lies between the points at 1 and 4 GiB. */
static void test_policy(void)
{
	static const char * const lines[] = {
		"kvmem_policy_info{namespace=\"ns-0\",policy=\"adaptive\"} 1",
		"kvmem_policy_fallback{namespace=\"ns-0\"} 0",
		"kvmem_policy_fallbacks_total{namespace=\"ns-0\"} 2",
		"kvmem_policy_table_pushes_total{namespace=\"ns-0\"} 77",
		"kvmem_policy_sampled_hit_ratio{namespace=\"ns-0\",of=\"kernel\"} 0.375",
		"kvmem_policy_sampled_hit_ratio{namespace=\"ns-0\",of=\"shadow_lru\"} 0.25",
		"kvmem_policy_curve_hit_ratio{namespace=\"ns-0\",of=\"lru\",capacity=\"0.25\"} 0.25",
		"kvmem_policy_curve_hit_ratio{namespace=\"ns-0\",of=\"policy\",capacity=\"0.5\"} 0.25",
		"kvmem_policy_curve_hit_ratio{namespace=\"ns-0\",of=\"policy\",capacity=\"1\"} 0.375",
		"kvmem_policy_curve_hit_ratio{namespace=\"ns-0\",of=\"lru\",capacity=\"2\"} 0.75",
		NULL
	};
	struct state *state = full_state(1, 1);
	char *text;
	bool ok;

	state->ns->policy->nr_points = 4;
	text = render(state, &full_costs);
	ok = text && has_lines(text, lines);
	/* Beyond the curve, and where the policy's is not known */
	ok = ok && !strstr(text, "capacity=\"4\"") && !strstr(text, "capacity=\"8\"") &&
	     !strstr(text, "of=\"policy\",capacity=\"0.25\"") && !strstr(text, "NaN");
	free(text);
	full_state_free(state);
	CHECK(ok);
}

/* Capacities of 1 and 4 times, each missed by a rounding; and a curve of one point */
static void test_curve_ends(void)
{
	static const char * const lines[] = {
		"kvmem_policy_curve_hit_ratio{namespace=\"ns-0\",of=\"lru\",capacity=\"1\"} 0.25",
		"kvmem_policy_curve_hit_ratio{namespace=\"ns-0\",of=\"lru\",capacity=\"4\"} 0.5",
		NULL
	};
	struct state *state = full_state(1, 1);
	struct policy *p = state->ns->policy;
	char *text;
	bool ok;

	p->points[0] = (struct policy_point){ (8ULL << 30) + 4096, 0.25, NAN };
	p->points[1] = (struct policy_point){ (32ULL << 30) - 4096, 0.5, NAN };
	p->nr_points = 2;
	ok = renders(state, lines);
	p->nr_points = 1;
	text = render(state, &full_costs);
	ok &= text && has_line(text, lines[0]) && !strstr(text, "capacity=\"2\"") &&
	      !strstr(text, "nan") && !strstr(text, "NaN");
	free(text);
	full_state_free(state);
	CHECK(ok);
}

static void test_no_samples_yet(void)
{
	struct state *state = full_state(2, 1);
	char *text;
	bool ok;

	state->ns->policy->state.refs = 0;
	state->ns->policy->state.real = state->ns->policy->state.lru = NAN;
	state->ns->policy->nr_points = 0;
	free(state->ns->next->policy);
	state->ns->next->policy = NULL;
	text = render(state, &full_costs);
	ok = text && strstr(text, "kvmem_policy_info{namespace=\"ns-0\"") &&
	     !strstr(text, "kvmem_policy_info{namespace=\"ns-1\"") &&
	     !strstr(text, "kvmem_policy_sampled_hit_ratio{") &&
	     !strstr(text, "kvmem_policy_curve_hit_ratio{") && !strstr(text, "NaN");
	free(text);
	full_state_free(state);
	CHECK(ok);
}

static void test_disconnected(void)
{
	struct state *state = full_state(2, 3);
	char *text;
	bool ok;

	state->connected = false;
	text = render(state, &full_costs);
	ok = text && has_line(text, "kvmem_up 0") && !strstr(text, "kvmem_namespace") &&
	     !strstr(text, "kvmem_arena") && !strstr(text, "kvmem_operation") &&
	     has_line(text, "kvmem_daemon_events_lost_total 4");
	free(text);
	full_state_free(state);
	CHECK(ok);
}

/* A counter that appears with its first event has a rate of 0 at that event. */
static void test_zeros(void)
{
	static const char * const lines[] = {
		"kvmem_namespace_hits_total{namespace=\"new\"} 0",
		"kvmem_namespace_evictions_total{namespace=\"new\",reason=\"corrupt\"} 0",
		"kvmem_namespace_miss_reasons_total{namespace=\"new\",reason=\"expired\"} 0",
		"kvmem_namespace_saved_seconds_total{namespace=\"new\",basis=\"bytes\"} 0",
		NULL
	};
	struct state_ns *ns = calloc(1, sizeof(*ns));
	struct state state = { .connected = true, .ns = ns };
	char *text;
	bool ok;

	strcpy(ns->name, "new");
	text = render(&state, &full_costs);
	ok = text && has_lines(text, lines) && !strstr(text, "quota_bytes{") &&
	     !strstr(text, "class_hits_total{");
	free(text);
	free(ns);
	CHECK(ok);
}

static void test_self(void)
{
	static const char * const lines[] = {
		"kvmem_build_info{version=\"1.2\"} 1",
		"kvmem_daemon_state_age_seconds 1.5",
		"kvmem_daemon_scrapes_total 9",
		"kvmem_daemon_scrape_cpu_seconds 0.002",
		"process_cpu_seconds_total 3.25",
		"process_open_fds 11",
		NULL
	};
	struct metrics_self self = { .version = "1.2", .now_ns = 2500000000,
				     .cpu_seconds = 3.25, .open_fds = 11, .scrapes = 9,
				     .scrape_cpu_seconds = 0.002 };
	struct state state = { .read_ns = 1000000000 };
	struct buffer b;
	char *text;
	bool ok;

	buffer_init(&b, MAX_TEXT);
	metrics_render_self(&self, &state, &b);
	text = string_of(&b);
	ok = text && has_lines(text, lines) && !strstr(text, "process_max_fds");
	free(text);
	CHECK(ok);
}

static void test_self_read(void)
{
	struct metrics_self self = { .version = NULL };

	metrics_self_read(&self);
	CHECK(self.version);
	CHECK(self.now_ns);
	CHECK(self.open_fds >= 3 && self.open_fds < 1000);
	CHECK(self.resident_bytes > 65536 && self.virtual_bytes > self.resident_bytes);
	CHECK(self.cpu_seconds > 0);
	/* Not before this test was written, and not in the future */
	CHECK(self.start_seconds > 1.6e9 && self.start_seconds <= (double)time(NULL) + 1);
}

/* --- form --- */

static char *label_of(const char *value, size_t size)
{
	struct metrics_name name = metrics_name(value, size);
	struct text_label l[] = { { "l", name.s }, { NULL, NULL } };
	struct buffer b;

	buffer_init(&b, 4096);
	text_u64(&b, "m", l, 0);
	return string_of(&b);
}

static void test_escaping(void)
{
	static const struct {
		const char *value, *text;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "a\"b", "a\\\"b" },
		{ "a\\b", "a\\\\b" },
		{ "a\nb", "a\\nb" },
		{ "\"} 1\nkvmem_up 0\n#", "\\\"} 1\\nkvmem_up 0\\n#" },
		{ "a\rb\tc\x1b[0m\x7f", "a\\\\x0db\\\\x09c\\\\x1b[0m\\\\x7f" },
		{ "\xe2\x82\xac", "\xe2\x82\xac" },
		{ "\xc3\xa9t\xc3", "\xc3\xa9t\\\\xc3" },
		{ "\xff\xfe", "\\\\xff\\\\xfe" },
		{ "\xc0\xaf", "\\\\xc0\\\\xaf" },
		{ "\xed\xa0\x80", "\\\\xed\\\\xa0\\\\x80" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xf4\x90\x80\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80" },
		{ "\xe2\x82", "\\\\xe2\\\\x82" },
	};
	char want[256], *got;
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(want, sizeof(want), "m{l=\"%s\"} 0\n", cases[i].text);
		got = label_of(cases[i].value, strlen(cases[i].value) + 1);
		if (strcmp(got, want))
			printf("# case %u: %s", i, got);
		ktap_failed |= strcmp(got, want) != 0;
		free(got);
	}
}

static void test_unterminated_names(void)
{
	struct state *state = full_state(1, 1);
	struct report_costs costs = full_costs;
	char *text;
	bool ok;

	memset(state->ns->name, 'n', sizeof(state->ns->name));
	memset(state->pools->name, '"', sizeof(state->pools->name));
	memset(state->version, 0xff, sizeof(state->version));
	memset(costs.currency, '\n', sizeof(costs.currency));
	text = render(state, &costs);
	ok = text && strstr(text, "currency=\"\\n\\n\\n\\n\\n\\n\\n\\n\"}") &&
	     strstr(text, "nnnn\"") && strstr(text, "\\xff\",abi_version");
	free(text);
	full_state_free(state);
	CHECK(ok);
}

static void test_numbers(void)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = {
		{ 0, "0" }, { 1, "1" }, { 0.1, "0.1" }, { 1e-9, "1e-09" },
		{ -2.5, "-2.5" }, { 1.0 / 3, "0.333333333333333" },
		{ 18446744073709551615.0, "1.84467440737096e+19" },
		{ INFINITY, "+Inf" }, { -INFINITY, "-Inf" }, { NAN, "NaN" },
	};
	struct buffer b;
	unsigned int i;
	char *text;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buffer_init(&b, 64);
		buffer_double(&b, cases[i].v);
		text = string_of(&b);
		if (text && (!strcmp(text, cases[i].text) || strtod(text, NULL) == cases[i].v)) {
			free(text);
			continue;
		}
		printf("# %s, want %s\n", text ? text : "nothing", cases[i].text);
		ktap_failed = true;
		free(text);
	}
	buffer_init(&b, 64);
	buffer_u64(&b, UINT64_MAX);
	buffer_puts(&b, " ");
	buffer_u64(&b, 0);
	text = string_of(&b);
	i = text && !strcmp(text, "18446744073709551615 0");
	free(text);
	CHECK(i);
}

static void test_bound(void)
{
	struct state *state = full_state(4, 4);
	struct buffer b;

	buffer_init(&b, 10000);
	metrics_render(state, &full_costs, &b);
	CHECK(b.failed);
	CHECK(b.len <= 10000 && b.size <= 10000);
	buffer_free(&b);
	full_state_free(state);
}

/*
 * A strict reader of the format: the name of a sample is that of the TYPE
 * above, or one of a histogram's; every metric comes once.
 */
static bool sample_belongs(const char *line, const char *name, bool histogram)
{
	size_t len = strlen(name);

	if (strncmp(line, name, len))
		return false;
	line += len;
	if (histogram)
		return !strncmp(line, "_bucket{", 8) || !strncmp(line, "_sum{", 5) ||
		       !strncmp(line, "_count{", 7);
	return *line == '{' || *line == ' ';
}

static bool well_formed(char *text)
{
	char *line, *save = NULL, name[128] = "", seen[16384] = " ", type[16], key[132];
	bool ok = true, helped = false;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool good = true;

		if (sscanf(line, "# HELP %127s", name) == 1) {
			snprintf(key, sizeof(key), " %s ", name);
			good = !strstr(seen, key) && strlen(seen) + 130 < sizeof(seen);
			strcat(strcat(seen, name), " ");
			helped = true;
		} else if (!strncmp(line, "# TYPE ", 7)) {
			snprintf(key, sizeof(key), "# TYPE %s ", name);
			good = helped && !strncmp(line, key, strlen(key)) &&
			       sscanf(line, "# TYPE %*s %15s", type) == 1;
			helped = false;
		} else {
			good = !helped && sample_belongs(line, name, !strcmp(type, "histogram"));
		}
		if (!good)
			printf("# malformed: %s\n", line);
		ok &= good;
	}
	return ok;
}

static void test_form(void)
{
	struct state *state = full_state(3, 5);
	char *text;
	bool ok;

	strcpy(state->ns->name, "evil\"} 1\n# HELP x\n# TYPE x gauge\nx 1");
	text = render(state, &full_costs);
	ok = text && well_formed(text);
	free(text);
	full_state_free(state);
	CHECK(ok);
}

/* --- histograms --- */

/* Operations that took less than @le seconds */
static uint64_t count_below(const struct state_latency *l, double le)
{
	uint64_t count = 0;
	unsigned int b;

	for (b = 0; b < KVMEM_NL_LAT_BUCKETS; b++)
		if ((double)latency_start(b) < le * 1e9 - 0.5)
			count += l->buckets[b];
	return count;
}

static bool check_histogram(const char *text, const struct state_latency *l)
{
	unsigned long long count, last = 0, total = 0;
	char start[128], le[32];
	unsigned int n = 0;
	const char *p = text;

	snprintf(start, sizeof(start),
		 "\nkvmem_operation_duration_seconds_bucket{operation=\"%s\",tier=\"%s\",le=\"",
		 latency_op_name(l->opcode), latency_tier_name(l->tier));
	while ((p = strstr(p, start))) {
		p += strlen(start);
		if (sscanf(p, "%31[^\"]\"} %llu", le, &count) != 2 || count < last)
			return false;
		if (count != count_below(l, strtod(le, NULL)))
			return false;
		last = count;
		n++;
	}
	snprintf(start, sizeof(start),
		 "\nkvmem_operation_duration_seconds_count{operation=\"%s\",tier=\"%s\"} ",
		 latency_op_name(l->opcode), latency_tier_name(l->tier));
	p = strstr(text, start);
	return n == 26 && !strcmp(le, "+Inf") && p &&
	       sscanf(p + strlen(start), "%llu", &total) == 1 && total == last && total;
}

static void test_histograms(void)
{
	struct state *state = full_state(0, 0);
	char *text = render(state, &full_costs);
	unsigned int i, good = 0;

	for (i = 0; text && i < state->nr_latency; i++)
		good += check_histogram(text, &state->latency[i]);
	good += text && has_line(text, "kvmem_operation_duration_seconds_sum{operation=\"get\",tier=\"dram\"} 1234.567890123");
	good += text && has_line(text, "kvmem_operation_errors_total{operation=\"put\",tier=\"dram\"} 2");
	good += text && has_line(text, "kvmem_operation_bytes_total{operation=\"get\",tier=\"dram\"} 4096");
	good += text && has_line(text, "kvmem_operation_bytes_total{operation=\"get\",tier=\"flash\"} 4096");
	free(text);
	full_state_free(state);
	CHECK_EQ(good, KVMEM_OP_NR + 5);
}

static void test_unknown_operations(void)
{
	struct state *state = full_state(0, 0);
	unsigned int i;
	char *text;
	bool ok;

	for (i = 0; i < STATE_MAX_LATENCY; i++)
		state->latency[i] = (struct state_latency){ .opcode = KVMEM_OP_NR + i,
							    .tier = 0, .count = 1 };
	state->latency[1] = (struct state_latency){ .opcode = KVMEM_OP_GET, .tier = UINT32_MAX };
	state->nr_latency = UINT32_MAX;
	text = render(state, &full_costs);
	ok = text && !strstr(text, "duration_seconds_bucket{");
	free(text);
	full_state_free(state);
	CHECK(ok);
}

/* --- size --- */

static double cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void test_cost(void)
{
	struct state *state = full_state(64, 64);
	double start, best = 1;
	struct buffer b;
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		buffer_init(&b, MAX_TEXT);
		start = cpu_seconds();
		metrics_render(state, &full_costs, &b);
		if (cpu_seconds() - start < best)
			best = cpu_seconds() - start;
		len = b.failed ? 0 : b.len;
		buffer_free(&b);
	}
	full_state_free(state);
	printf("# 64 namespaces, 64 classes each: %zu bytes in %.1f ms of CPU\n",
	       len, best * 1e3);
	CHECK(len);
	CHECK(best < 0.05);
}

static void test_many_namespaces(void)
{
	struct state *state = full_state(METRICS_MAX_NS_BY_CLASS + 1, 1);
	char *text = render(state, &full_costs);
	bool ok = text && !strstr(text, "kvmem_namespace_class_") &&
		  strstr(text, "kvmem_namespace_hits_total{namespace=\"ns-256\"}");

	free(text);
	full_state_free(state);
	CHECK(ok);
}

static const struct ktap_test tests[] = {
	{ "module, arena, pools and costs", test_module },
	{ "namespaces and classes", test_namespace },
	{ "media and what is on flash", test_media },
	{ "peers, map and cluster", test_peers },
	{ "figures of media", test_media_figures },
	{ "what hits saved", test_savings },
	{ "policies and their curves", test_policy },
	{ "the ends of a curve", test_curve_ends },
	{ "policies that know nothing yet, and none", test_no_samples_yet },
	{ "without the module", test_disconnected },
	{ "counters start at 0", test_zeros },
	{ "the daemon's own", test_self },
	{ "the daemon's own, read", test_self_read },
	{ "labels are escaped", test_escaping },
	{ "names without an end", test_unterminated_names },
	{ "numbers", test_numbers },
	{ "text is bounded", test_bound },
	{ "every metric once, samples below it", test_form },
	{ "histograms are cumulative and agree with themselves", test_histograms },
	{ "operations that are not known", test_unknown_operations },
	{ "a scrape is cheap", test_cost },
	{ "too many namespaces for classes", test_many_namespaces },
};

static int print_all(void)
{
	struct state *state = full_state(3, KVMEM_NL_NR_CLASSES);
	struct metrics_self self = { .scrapes = 1, .scrape_cpu_seconds = 0.001 };
	struct buffer b;
	int rc;

	buffer_init(&b, MAX_TEXT);
	metrics_self_read(&self);
	metrics_render(state, &full_costs, &b);
	metrics_render_self(&self, state, &b);
	rc = b.failed || fwrite(b.data, b.len, 1, stdout) != 1;
	buffer_free(&b);
	full_state_free(state);
	return rc;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--print"))
		return print_all();
	return ktap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
