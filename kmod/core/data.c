// SPDX-License-Identifier: GPL-2.0
/*
 * The bytes of blocks, and their checksums.
 *
 * crc32c as in iSCSI (all ones in, inverted out), so that a lease holder can
 * check it with any library.  A block longer than KVMEM_CRC_PIECE keeps the
 * running value at every piece boundary: a partial read checks the pieces it
 * touches, starting from the value before them, and the last is the whole's.
 */
#include <linux/bvec.h>
#include <linux/crc32c.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include "block.h"

/* Copied and summed at a time: stays in the first two cache levels. */
#define KVMEM_DATA_STEP	(32UL << 10)
#define KVMEM_CRC_INIT	(~(u32)0)

/* A stretch from @off that crosses no piece of memory nor of checksum. */
static void *data_step(const struct kvmem_block *block, struct kvmem_cursor *cur,
		       size_t off, size_t end, size_t *len)
{
	size_t to_boundary = KVMEM_CRC_PIECE - (off & (KVMEM_CRC_PIECE - 1));
	void *seg = kvmem_block_seg(block, cur, off, len);

	*len = min3(*len, end - off, min(to_boundary, KVMEM_DATA_STEP));
	return seg;
}

static bool at_boundary(const struct kvmem_block *block, size_t off)
{
	return !(off & (KVMEM_CRC_PIECE - 1)) || off == block->size;
}

static u32 *crc_slot(struct kvmem_block *block, size_t end)
{
	return &kvmem_map_crcs(block->map)[(end - 1) / KVMEM_CRC_PIECE];
}

static bool has_crcs(const struct kvmem_block *block)
{
	return block->mapped && block->map->nr_crcs && block->size > KVMEM_CRC_PIECE;
}

/* Running value after @off bytes, @off at a boundary. */
static u32 crc_before(struct kvmem_block *block, size_t off)
{
	return off ? *crc_slot(block, off) : KVMEM_CRC_INIT;
}

static u32 crc_expected(struct kvmem_block *block, size_t end)
{
	return has_crcs(block) ? *crc_slot(block, end) : ~block->crc;
}

static void crc_record(struct kvmem_block *block, size_t off, u32 crc)
{
	if (has_crcs(block) && at_boundary(block, off))
		*crc_slot(block, off) = crc;
	if (off == block->size)
		block->crc = ~crc;
}

/*
 * What follows the last byte is the rest of a page or grain that may have held
 * another block of the namespace: a lease of this one must not show it.
 */
static void data_zero_tail(struct kvmem_block *block)
{
	size_t end = kvmem_space_need(block->size, block->layout);
	size_t off = block->size, len;
	struct kvmem_cursor cur = {};

	while (off < end) {
		void *seg = kvmem_block_seg(block, &cur, off, &len);

		len = min(len, end - off);
		memset(seg, 0, len);
		off += len;
	}
}

int kvmem_block_fill(struct kvmem_block *block, struct iov_iter *from)
{
	struct kvmem_cursor cur = {};
	u32 crc = KVMEM_CRC_INIT;
	size_t off = 0, len;

	while (off < block->size) {
		void *seg = data_step(block, &cur, off, block->size, &len);

		if (copy_from_iter(seg, len, from) != len)
			return -EFAULT;
		crc = crc32c(crc, seg, len);
		off += len;
		crc_record(block, off, crc);
		cond_resched();
	}
	data_zero_tail(block);
	return 0;
}

void kvmem_block_seal(struct kvmem_block *block, size_t size)
{
	struct kvmem_cursor cur = {};
	u32 crc = KVMEM_CRC_INIT;
	size_t off = 0, len;

	block->size = size;
	data_zero_tail(block);
	while (off < size) {
		void *seg = data_step(block, &cur, off, size, &len);

		crc = crc32c(crc, seg, len);
		off += len;
		crc_record(block, off, crc);
		cond_resched();
	}
}

/* Copy what of [@off, @off + @len) the caller wants: [@from, @to). */
static bool data_copy_out(const void *seg, size_t off, size_t len,
			  size_t from, size_t to, struct iov_iter *iter)
{
	size_t start = max(off, from), end = min(off + len, to);

	if (start >= end)
		return true;
	return copy_to_iter(seg + (start - off), end - start, iter) == end - start;
}

int kvmem_block_read(struct kvmem_block *block, size_t off, size_t len,
		     struct iov_iter *to)
{
	size_t want_end = off + len, pos, end, step;
	struct kvmem_cursor cur = {};
	u32 crc;

	if (WARN_ON_ONCE(!len || off >= block->size || len > block->size - off))
		return -EINVAL;
	pos = has_crcs(block) ? round_down(off, KVMEM_CRC_PIECE) : 0;
	end = has_crcs(block) ? min_t(size_t, round_up(want_end, KVMEM_CRC_PIECE), block->size) :
				block->size;
	crc = crc_before(block, pos);
	while (pos < end) {
		void *seg = data_step(block, &cur, pos, end, &step);

		crc = crc32c(crc, seg, step);
		if (!data_copy_out(seg, pos, step, off, want_end, to))
			return -EFAULT;
		pos += step;
		if (at_boundary(block, pos) && has_crcs(block) &&
		    crc != crc_expected(block, pos))
			return -EILSEQ;
		cond_resched();
	}
	return crc == crc_expected(block, end) ? 0 : -EILSEQ;
}

int kvmem_block_copy(struct kvmem_block *to, struct kvmem_block *from)
{
	struct kvmem_cursor dcur = {}, scur = {};
	size_t off = 0, dlen, slen;

	while (off < from->size) {
		void *dst = data_step(to, &dcur, off, to->size, &dlen);
		void *src = data_step(from, &scur, off, from->size, &slen);
		size_t len = min(dlen, slen);

		memcpy(dst, src, len);
		off += len;
		cond_resched();
	}
	kvmem_block_seal(to, from->size);
	return to->crc == from->crc ? 0 : -EILSEQ;
}

/*
 * The memory of the first @len bytes, for a transfer; @len may go beyond the
 * block's size, as far as its space does.  To be kvfree()d.
 */
struct bio_vec *kvmem_block_bvecs(const struct kvmem_block *block, size_t len,
				  unsigned int *nr)
{
	unsigned int max = DIV_ROUND_UP(len, PAGE_SIZE) + 1;
	struct kvmem_cursor cur = {};
	struct bio_vec *bvecs;
	size_t off = 0, step;

	bvecs = kvmalloc_array(max, sizeof(*bvecs), GFP_NOIO);
	if (!bvecs)
		return NULL;
	for (*nr = 0; off < len && *nr < max; off += step) {
		void *seg = kvmem_block_seg(block, &cur, off, &step);

		step = min(step, len - off);
		bvec_set_page(&bvecs[(*nr)++], virt_to_page(seg), step, offset_in_page(seg));
	}
	return bvecs;
}
