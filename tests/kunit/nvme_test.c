// SPDX-License-Identifier: GPL-2.0
/*
 * kmod/nvme/prp.c: what a command says is read back as a controller would, byte
 * for byte, and compared with the memory that was meant.
 */
#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/prandom.h>
#include <linux/slab.h>
/* Another module's, and nothing but memory. */
#include "nvme/prp.c"

#define LIST_DMA	0xabc000ULL
#define PAGES		16U

/* A controller reads: @list is what lies at LIST_DMA. */
struct reader {
	struct kunit *test;
	const void *list;
	const struct kvmem_io *io;
	struct kvmem_nvme_cursor at;	/* what is to come next */
};

/* @len bytes at @addr are what comes next of the memory. */
static void read_piece(struct reader *r, u64 addr, u64 len)
{
	struct kvmem_dma_run run;
	u64 part;

	while (len) {
		KUNIT_ASSERT_TRUE(r->test, entry(r->io, r->at.idx, &run));
		part = min(len, run.len - r->at.skip);
		KUNIT_ASSERT_EQ(r->test, addr, (u64)run.addr + r->at.skip);
		advance(r->io, &r->at, part);
		addr += part;
		len -= part;
	}
}

static void read_prps(struct reader *r, const union nvme_data_ptr *dptr, u64 bytes)
{
	u64 addr = le64_to_cpu(dptr->prp1), second = le64_to_cpu(dptr->prp2);
	u64 len = min_t(u64, bytes, KVMEM_NVME_PAGE - (addr & (KVMEM_NVME_PAGE - 1)));
	const __le64 *list = r->list;
	unsigned int i = 0;

	read_piece(r, addr, len);
	bytes -= len;
	if (bytes > KVMEM_NVME_PAGE)
		KUNIT_ASSERT_EQ(r->test, second, LIST_DMA);
	for (; bytes; bytes -= len, i++) {
		addr = second == LIST_DMA ? le64_to_cpu(list[i]) : second;
		KUNIT_ASSERT_LT(r->test, i, (unsigned int)(KVMEM_NVME_LIST / sizeof(*list)));
		KUNIT_ASSERT_EQ(r->test, addr & (KVMEM_NVME_PAGE - 1), 0ULL);
		len = min_t(u64, bytes, KVMEM_NVME_PAGE);
		read_piece(r, addr, len);
	}
}

static void read_sgls(struct reader *r, const union nvme_data_ptr *dptr, u64 bytes)
{
	const struct nvme_sgl_desc *desc = &dptr->sgl;
	unsigned int nr = 1;

	if (desc->type == NVME_SGL_FMT_LAST_SEG_DESC << 4) {
		KUNIT_ASSERT_EQ(r->test, le64_to_cpu(desc->addr), LIST_DMA);
		nr = le32_to_cpu(desc->length) / sizeof(*desc);
		KUNIT_ASSERT_LE(r->test, nr, (unsigned int)(KVMEM_NVME_LIST / sizeof(*desc)));
		desc = r->list;
	}
	for (; nr; nr--, desc++) {
		KUNIT_ASSERT_EQ(r->test, (int)desc->type, NVME_SGL_FMT_DATA_DESC << 4);
		KUNIT_ASSERT_LE(r->test, (u64)le32_to_cpu(desc->length), bytes);
		read_piece(r, le64_to_cpu(desc->addr), le32_to_cpu(desc->length));
		bytes -= le32_to_cpu(desc->length);
	}
	KUNIT_ASSERT_EQ(r->test, bytes, 0ULL);
}

/* What a test has beside its io */
struct scratch {
	void *list;
	struct kvmem_dma_run *runs;
};

static void scratch_init(struct kunit *test, struct scratch *s)
{
	s->list = kunit_kzalloc(test, KVMEM_NVME_LIST, GFP_KERNEL);
	s->runs = kunit_kcalloc(test, KVMEM_NVME_MAX_RUNS, sizeof(*s->runs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s->list);
	KUNIT_ASSERT_NOT_NULL(test, s->runs);
}

static void check_cut(struct kunit *test, const struct kvmem_nvme_cut *cut,
		      const struct kvmem_nvme_limits *limits, u64 off)
{
	KUNIT_ASSERT_GT(test, cut->bytes, 0U);
	KUNIT_ASSERT_LE(test, cut->bytes, limits->max_bytes);
	KUNIT_ASSERT_EQ(test, cut->bytes % limits->unit, 0U);
	KUNIT_ASSERT_LE(test, cut->nr, KVMEM_NVME_MAX_RUNS);
	if (limits->boundary)
		KUNIT_ASSERT_EQ(test, div64_u64(off, limits->boundary),
				div64_u64(off + cut->bytes - 1, limits->boundary));
}

/* Every command of the transfer; how many there were. */
static unsigned int walk(struct kunit *test, struct scratch *s, const struct kvmem_io *io,
			 const struct kvmem_nvme_limits *limits)
{
	struct reader r = { .test = test, .list = s->list, .io = io };
	struct kvmem_nvme_cut cut = { .runs = s->runs };
	union nvme_data_ptr dptr;
	struct kvmem_nvme_cursor at;
	unsigned int nr = 0;
	u64 sent = 0;
	int ret;

	kvmem_nvme_cursor_init(io, &at);
	r.at = at;
	for (; sent < io->len; sent += cut.bytes, nr++) {
		ret = kvmem_nvme_cut(io, &at, limits, io->off + sent, io->len - sent, &cut);
		KUNIT_ASSERT_EQ(test, ret, 0);
		check_cut(test, &cut, limits, io->off + sent);
		KUNIT_ASSERT_LE(test, sent + cut.bytes, (u64)io->len);
		if (kvmem_nvme_prefers_sgl(&cut, limits->sgl)) {
			ret = kvmem_nvme_sgls(cut.runs, cut.nr, s->list, LIST_DMA, &dptr);
			KUNIT_ASSERT_EQ(test, ret, 0);
			read_sgls(&r, &dptr, cut.bytes);
		} else {
			ret = kvmem_nvme_prps(cut.runs, cut.nr, s->list, LIST_DMA, &dptr);
			KUNIT_ASSERT_EQ(test, ret, 0);
			read_prps(&r, &dptr, cut.bytes);
		}
	}
	return nr;
}

static const struct kvmem_nvme_limits usual = {
	.unit = 512, .max_bytes = KVMEM_NVME_MAX_IO,
};

/* One run, at places that matter: how many PRPs, and where they are. */
static void prps_by_hand(struct kunit *test)
{
	struct kvmem_dma_run run = { .addr = 0x10000, .len = 512 };
	union nvme_data_ptr dptr;
	struct scratch s;
	__le64 *list;

	scratch_init(test, &s);
	list = s.list;
	KUNIT_EXPECT_EQ(test, kvmem_nvme_prps(&run, 1, list, LIST_DMA, &dptr), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(dptr.prp1), 0x10000ULL);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(dptr.prp2), 0ULL);
	run = (struct kvmem_dma_run){ .addr = 0x10e00, .len = 1024 };
	KUNIT_EXPECT_EQ(test, kvmem_nvme_prps(&run, 1, list, LIST_DMA, &dptr), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(dptr.prp1), 0x10e00ULL);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(dptr.prp2), 0x11000ULL);
	run.len = 0x1400;
	KUNIT_EXPECT_EQ(test, kvmem_nvme_prps(&run, 1, list, LIST_DMA, &dptr), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(dptr.prp2), LIST_DMA);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(list[0]), 0x11000ULL);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(list[1]), 0x12000ULL);
}

/* What PRPs cannot say is refused. */
static void prps_refused(struct kunit *test)
{
	struct kvmem_dma_run runs[2] = { { 0x10000, 512 }, { 0x20000, 512 } };
	union nvme_data_ptr dptr;
	struct scratch s;

	scratch_init(test, &s);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_prps(runs, 2, s.list, LIST_DMA, &dptr), -EINVAL);
	runs[0] = (struct kvmem_dma_run){ 0x10e00, 512 };
	KUNIT_EXPECT_EQ(test, kvmem_nvme_prps(runs, 2, s.list, LIST_DMA, &dptr), 0);
	runs[1].addr = 0x20200;
	KUNIT_EXPECT_EQ(test, kvmem_nvme_prps(runs, 2, s.list, LIST_DMA, &dptr), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_prps(runs, 0, s.list, LIST_DMA, &dptr), -EINVAL);
	/* One page more than a list has room for */
	runs[0] = (struct kvmem_dma_run){ 0, 514ULL * KVMEM_NVME_PAGE };
	KUNIT_EXPECT_EQ(test, kvmem_nvme_prps(runs, 1, s.list, LIST_DMA, &dptr), -EINVAL);
	runs[0].len -= KVMEM_NVME_PAGE;
	KUNIT_EXPECT_EQ(test, kvmem_nvme_prps(runs, 1, s.list, LIST_DMA, &dptr), 0);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_sgls(runs, 0, s.list, LIST_DMA, &dptr), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_sgls(runs, 257, s.list, LIST_DMA, &dptr), -EINVAL);
}

/* A gap ends a command of PRPs, and is nothing to an SGL. */
static void gaps(struct kunit *test)
{
	const struct kvmem_dma_run dma[] = {
		{ 0x10200, 512 }, { 0x30000, 1024 }, { 0x50400, 512 },
	};
	struct kvmem_io io = { .op = KVMEM_IO_READ, .len = 2048, .dma = dma, .nr_dma = 3 };
	struct kvmem_nvme_limits limits = usual;
	struct scratch s;

	scratch_init(test, &s);
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), 3U);
	limits.sgl = true;
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), 1U);
}

/* Whole units only, wherever the runs end. */
static void unit_over_runs(struct kunit *test)
{
	const struct kvmem_dma_run dma[] = {
		{ 0x10200, 0xe00 }, { 0x30000, 0x1000 }, { 0x50000, 0x1000 }, { 0x80000, 0x200 },
	};
	struct kvmem_io io = { .op = KVMEM_IO_WRITE, .len = 3 * 4096, .dma = dma, .nr_dma = 4 };
	struct kvmem_nvme_limits limits = { .unit = 4096, .max_bytes = 4096 };
	struct scratch s;

	scratch_init(test, &s);
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), 3U);
	limits.max_bytes = 8192;
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), 2U);
}

/* Memory that is too short, or no unit long, is an error and no endless loop. */
static void too_short(struct kunit *test)
{
	const struct kvmem_dma_run dma[] = { { 0x10000, 512 }, { 0x30200, 4096 } };
	struct kvmem_io io = { .op = KVMEM_IO_READ, .len = 1024, .dma = dma, .nr_dma = 1 };
	struct kvmem_nvme_limits limits = usual;
	struct kvmem_nvme_cut cut = {};
	struct kvmem_nvme_cursor at;
	struct scratch s;

	scratch_init(test, &s);
	cut.runs = s.runs;
	kvmem_nvme_cursor_init(&io, &at);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_cut(&io, &at, &limits, 0, 1024, &cut), 0);
	KUNIT_EXPECT_EQ(test, cut.bytes, 512U);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_cut(&io, &at, &limits, 512, 512, &cut), -EINVAL);
	io.nr_dma = 2;
	limits.unit = 4096;
	kvmem_nvme_cursor_init(&io, &at);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_cut(&io, &at, &limits, 0, 4096, &cut), -EINVAL);
}

/* MDTS and NOIOB; neither need be a power of two times the other. */
static void limits_kept(struct kunit *test)
{
	const struct kvmem_dma_run dma[] = { { 0x1000000, 4 << 20 } };
	struct kvmem_io io = {
		.op = KVMEM_IO_READ, .off = 7 * 512, .len = 4 << 20, .dma = dma, .nr_dma = 1,
	};
	struct kvmem_nvme_limits limits = usual;
	struct scratch s;

	scratch_init(test, &s);
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), 8U);
	limits.max_bytes = 128 << 10;
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), 32U);
	limits.boundary = 128 << 10;
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), 33U);
	limits.boundary = 96 * 512;
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), 86U);
}

/* Host pages: neighbours are one run, whoever lists them one by one. */
static void host_pages(struct kunit *test)
{
	struct page *pages = alloc_pages(GFP_KERNEL, 4);
	struct kvmem_io io = { .op = KVMEM_IO_WRITE, .first = 512, .nr_bvecs = PAGES };
	struct kvmem_nvme_limits limits = usual;
	struct kvmem_nvme_cut cut = {};
	struct kvmem_nvme_cursor at;
	struct bio_vec bvecs[PAGES];
	struct scratch s;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	scratch_init(test, &s);
	for (i = 0; i < PAGES; i++)
		bvecs[i] = (struct bio_vec){ .bv_page = pages + i, .bv_len = PAGE_SIZE };
	io.bvecs = bvecs;
	io.len = PAGES * PAGE_SIZE - 512;
	cut.runs = s.runs;
	kvmem_nvme_cursor_init(&io, &at);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_cut(&io, &at, &limits, 0, io.len, &cut), 0);
	KUNIT_EXPECT_EQ(test, cut.nr, 1U);
	KUNIT_EXPECT_EQ(test, (u64)cut.bytes, (u64)io.len);
	KUNIT_EXPECT_EQ(test, (u64)s.runs[0].addr, (u64)page_to_phys(pages) + 512);
	/* Backwards each is a run of its own. */
	for (i = 0; i < PAGES; i++)
		bvecs[i].bv_page = pages + PAGES - 1 - i;
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), 1U);
	__free_pages(pages, 4);
}

/* As many runs as there is room for, and then another command */
static void many_runs(struct kunit *test)
{
	unsigned int nr = 3 * KVMEM_NVME_MAX_RUNS, i;
	struct kvmem_dma_run *dma = kunit_kcalloc(test, nr, sizeof(*dma), GFP_KERNEL);
	struct kvmem_io io = { .op = KVMEM_IO_READ, .nr_dma = nr, .len = nr * 512 };
	struct kvmem_nvme_limits limits = usual;
	struct scratch s;

	KUNIT_ASSERT_NOT_NULL(test, dma);
	scratch_init(test, &s);
	for (i = 0; i < nr; i++)
		dma[i] = (struct kvmem_dma_run){ .addr = i * 0x2000ULL + 0x200, .len = 512 };
	io.dma = dma;
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), nr);
	limits.sgl = true;
	KUNIT_EXPECT_EQ(test, walk(test, &s, &io, &limits), 3U);
}

static u32 pick(struct rnd_state *rnd, u32 from, u32 to)
{
	return from + prandom_u32_state(rnd) % (to - from + 1);
}

/* As the contract has it: page-aligned where two runs meet, dwords at both ends. */
static size_t random_runs(struct rnd_state *rnd, struct kvmem_dma_run *dma, unsigned int nr)
{
	size_t bytes = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		u64 first = i ? 0 : pick(rnd, 0, 1023) * 4;

		dma[i].addr = (u64)pick(rnd, 1, 1 << 20) * KVMEM_NVME_PAGE + first;
		dma[i].len = (u64)pick(rnd, 1, 40) * KVMEM_NVME_PAGE - first;
		bytes += dma[i].len;
	}
	return bytes;
}

static void random_transfers(struct kunit *test)
{
	static const u32 units[] = { 512, 4096 };
	struct kvmem_dma_run *dma = kunit_kcalloc(test, 64, sizeof(*dma), GFP_KERNEL);
	struct rnd_state rnd;
	struct scratch s;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, dma);
	scratch_init(test, &s);
	prandom_seed_state(&rnd, 4711);
	for (i = 0; i < 3000; i++) {
		struct kvmem_nvme_limits limits = { .unit = units[i % 2], .sgl = i & 2 };
		struct kvmem_io io = { .op = KVMEM_IO_READ, .dma = dma };
		size_t bytes;

		limits.max_bytes = limits.unit * pick(&rnd, 1, KVMEM_NVME_MAX_IO / limits.unit);
		limits.boundary = pick(&rnd, 0, 3) ? 0 : (u64)limits.unit * pick(&rnd, 1, 999);
		io.nr_dma = pick(&rnd, 1, 64);
		bytes = random_runs(&rnd, dma, io.nr_dma);
		io.first = pick(&rnd, 0, dma[0].len / 4 - 1) * 4;
		io.len = round_down(bytes - io.first, limits.unit);
		io.off = (u64)pick(&rnd, 0, 1 << 20) * limits.unit;
		if (io.len)
			walk(test, &s, &io, &limits);
	}
}

/* Discards --------------------------------------------------------------------------- */

static u64 list_bytes(struct kunit *test, const struct nvme_dsm_range *list, unsigned int nr,
		      unsigned int shift, u32 unit)
{
	u64 bytes = 0, off, len;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		off = le64_to_cpu(list[i].slba) << shift;
		len = (u64)le32_to_cpu(list[i].nlb) << shift;
		KUNIT_EXPECT_GT(test, len, 0ULL);
		KUNIT_EXPECT_EQ(test, off - div_u64(off, unit) * unit, 0ULL);
		KUNIT_EXPECT_EQ(test, len - div_u64(len, unit) * unit, 0ULL);
		bytes += len;
	}
	return bytes;
}

static void discards(struct kunit *test)
{
	const struct kvmem_range few[] = {
		{ 512, 4096 }, { 8192, 8192 }, { 20480 - 512, 4096 + 1024 }, { 100, 0 },
	};
	struct kvmem_range *many = kunit_kcalloc(test, 600, sizeof(*many), GFP_KERNEL);
	struct kvmem_io io = { .op = KVMEM_IO_DISCARD, .ranges = few, .nr_ranges = 4 };
	struct kvmem_nvme_trim at = {};
	struct scratch s;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, many);
	scratch_init(test, &s);
	/* Nothing whole in the first; the third has just one. */
	KUNIT_EXPECT_EQ(test, kvmem_nvme_ranges(&io, &at, 4096, 9, s.list), 2U);
	KUNIT_EXPECT_EQ(test, list_bytes(test, s.list, 2, 9, 4096), 8192ULL + 4096);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_ranges(&io, &at, 4096, 9, s.list), 0U);
	for (i = 0; i < 600; i++)
		many[i] = (struct kvmem_range){ i * 65536ULL, 4096 };
	io.ranges = many;
	io.nr_ranges = 600;
	at = (struct kvmem_nvme_trim){};
	KUNIT_EXPECT_EQ(test, kvmem_nvme_ranges(&io, &at, 512, 9, s.list), 256U);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_ranges(&io, &at, 512, 9, s.list), 256U);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_ranges(&io, &at, 512, 9, s.list), 88U);
	KUNIT_EXPECT_EQ(test, kvmem_nvme_ranges(&io, &at, 512, 9, s.list), 0U);
	/* More than a range can count, in units that are no power of two */
	many[0] = (struct kvmem_range){ 0, 3ULL << 42 };
	io.nr_ranges = 1;
	at = (struct kvmem_nvme_trim){};
	i = kvmem_nvme_ranges(&io, &at, 3 * 512, 9, s.list);
	KUNIT_EXPECT_EQ(test, i, 7U);
	KUNIT_EXPECT_EQ(test, list_bytes(test, s.list, i, 9, 3 * 512), 3ULL << 42);
}

static struct kunit_case nvme_cases[] = {
	KUNIT_CASE(prps_by_hand),
	KUNIT_CASE(prps_refused),
	KUNIT_CASE(gaps),
	KUNIT_CASE(unit_over_runs),
	KUNIT_CASE(too_short),
	KUNIT_CASE(limits_kept),
	KUNIT_CASE(host_pages),
	KUNIT_CASE(many_runs),
	KUNIT_CASE(random_transfers),
	KUNIT_CASE(discards),
	{}
};

static struct kunit_suite nvme_suite = {
	.name = "kvmem_nvme_commands",
	.test_cases = nvme_cases,
};

kunit_test_suite(nvme_suite);
