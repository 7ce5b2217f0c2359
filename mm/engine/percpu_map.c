/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Room in a chunk of per-CPU memory (mm/percpu.c since 5.3): found by hints of where the largest free parts are, which each taking and giving back keeps.
 */
#include <inttypes.h>

#include "mm/engine/percpu_map.h"

#define BLOCK ((int32_t)PCPU_BITMAP_BLOCK_BITS)

/* ---- Bits ---- */

/* The first bit of [from, end) that is `set`; `end` when there is none. */
static struct error *find_bit(struct pcpu_map *m, uint64_t map, int32_t from, int32_t end, bool set, int32_t *at)
{
	for (int32_t base = from & ~63; base < end; base += 64) {
		uint64_t word;
		TRY(kernel_read_uint(m->e->k, map + (uint64_t)base / 8, 8, &word));
		word = set ? word : ~word;
		if (base < from)
			word &= UINT64_MAX << (from - base);
		if (word) {
			*at = base + __builtin_ctzll(word);
			*at = *at < end ? *at : end;
			return NULL;
		}
	}
	*at = end;
	return NULL;
}

/* The last bit of [from, end) that is set; from - 1 when there is none. `from` begins a block. */
static struct error *find_last(struct pcpu_map *m, int32_t from, int32_t end, int32_t *at)
{
	for (int32_t base = (end - 1) & ~63; end > from && base >= from; base -= 64) {
		uint64_t word;
		TRY(kernel_read_uint(m->e->k, m->alloc_map + (uint64_t)base / 8, 8, &word));
		if (end - base < 64)
			word &= (1ull << (end - base)) - 1;
		if (word) {
			*at = base + 63 - __builtin_clzll(word);
			return NULL;
		}
	}
	*at = from - 1;
	return NULL;
}

static struct error *set_bits(struct pcpu_map *m, uint64_t map, int32_t from, int32_t count, bool set)
{
	for (int32_t end = from + count; from < end;) {
		int32_t base = from & ~63, n = base + 64 < end ? base + 64 - from : end - from;
		uint64_t word, mask = (n == 64 ? UINT64_MAX : (1ull << n) - 1) << (from - base);
		TRY(kernel_read_uint(m->e->k, map + (uint64_t)base / 8, 8, &word));
		TRY(kernel_write_uint(m->e->k, map + (uint64_t)base / 8, 8, set ? word | mask : word & ~mask));
		from += n;
	}
	return NULL;
}

/* ---- Hints ---- */

static struct error *read_md(struct pcpu_map *m, uint64_t at, int32_t bits, struct pcpu_md *d)
{
	struct kernel *k = m->e->k;
	struct object o;
	TRY(object_open(k, at, S_pcpu_block_md, &o));
	*d = (struct pcpu_md){
		.scan = (int32_t)GET(k, &o, pcpu_block_md, scan_hint),
		.scan_start = (int32_t)GET(k, &o, pcpu_block_md, scan_hint_start),
		.contig = (int32_t)GET(k, &o, pcpu_block_md, contig_hint),
		.contig_start = (int32_t)GET(k, &o, pcpu_block_md, contig_hint_start),
		.left = (int32_t)GET(k, &o, pcpu_block_md, left_free),
		.right = (int32_t)GET(k, &o, pcpu_block_md, right_free),
		.first = (int32_t)GET(k, &o, pcpu_block_md, first_free),
		.bits = (int32_t)GET(k, &o, pcpu_block_md, nr_bits),
	};
	const int32_t numbers[] = { d->scan, d->scan_start, d->contig, d->contig_start, d->left, d->right, d->first };
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i] < 0 || numbers[i] > bits)
			return error_at(ERR_BAD_OBJECT, at, "what a chunk of per-CPU memory keeps of its room is damaged: %" PRIx64, at);
	return d->bits == bits ? NULL : error_at(ERR_BAD_OBJECT, at, "a block of per-CPU memory of %d bits: %" PRIx64, d->bits, at);
}

static struct error *write_md(struct pcpu_map *m, uint64_t at, const struct pcpu_md *d)
{
	struct kernel *k = m->e->k;
	struct object o;
	TRY(object_open_writable(k, at, S_pcpu_block_md, &o));
	SET(k, &o, pcpu_block_md, scan_hint, (uint64_t)d->scan);
	SET(k, &o, pcpu_block_md, scan_hint_start, (uint64_t)d->scan_start);
	SET(k, &o, pcpu_block_md, contig_hint, (uint64_t)d->contig);
	SET(k, &o, pcpu_block_md, contig_hint_start, (uint64_t)d->contig_start);
	SET(k, &o, pcpu_block_md, left_free, (uint64_t)d->left);
	SET(k, &o, pcpu_block_md, right_free, (uint64_t)d->right);
	SET(k, &o, pcpu_block_md, first_free, (uint64_t)d->first);
	return NULL;
}

static uint64_t md_at(const struct pcpu_map *m, int32_t block)
{
	return m->md_blocks + (uint64_t)block * SIZE_OF(m->e->k, pcpu_block_md);
}

static struct error *read_block(struct pcpu_map *m, int32_t block, struct pcpu_md *d)
{
	return block < m->blocks ? read_md(m, md_at(m, block), BLOCK, d)
				 : error_at(ERR_BAD_OBJECT, m->o.addr, "a chunk of per-CPU memory has no block %d: %" PRIx64, block, m->o.addr);
}

static bool better_aligned(int32_t start, int32_t than)
{
	return than && (!start || __builtin_ctz((unsigned)start) > __builtin_ctz((unsigned)than));
}

/* pcpu_block_update(): [start, end) is free. */
static void block_update(struct pcpu_md *d, int32_t start, int32_t end)
{
	int32_t contig = end - start;
	if (start < d->first)
		d->first = start;
	if (!start)
		d->left = contig;
	if (end == d->bits)
		d->right = contig;
	if (contig > d->contig) {
		/* What was the largest part is what a scan may begin behind, where it lies before the new one. */
		if (start > d->contig_start) {
			if (d->contig > d->scan) {
				d->scan_start = d->contig_start;
				d->scan = d->contig;
			} else if (start < d->scan_start) {
				d->scan = 0;
			}
		} else {
			d->scan = 0;
		}
		d->contig_start = start;
		d->contig = contig;
	} else if (contig == d->contig && better_aligned(start, d->contig_start)) {
		d->contig_start = start;
		if (start < d->scan_start && d->contig > d->scan)
			d->scan = 0;
	} else if (contig == d->contig ? start > d->scan_start || d->contig > d->scan
				       : start < d->contig_start && (contig > d->scan || (contig == d->scan && start > d->scan_start))) {
		d->scan_start = start;
		d->scan = contig;
	}
}

/* pcpu_block_refresh_hint(): the largest part is none any more; looked for behind the scan's start. */
static struct error *block_refresh(struct pcpu_map *m, int32_t block, struct pcpu_md *d)
{
	int32_t base = block * BLOCK, start = d->first, end;
	d->contig = 0;
	if (d->scan) {
		start = d->scan_start + d->scan;
		d->contig_start = d->scan_start;
		d->contig = d->scan;
		d->scan = 0;
	}
	d->right = 0;
	for (; start < BLOCK; start = end) {
		TRY(find_bit(m, m->alloc_map, base + start, base + BLOCK, false, &start));
		start -= base;
		if (start == BLOCK)
			return NULL;
		TRY(find_bit(m, m->alloc_map, base + start, base + BLOCK, true, &end));
		end -= base;
		block_update(d, start, end);
	}
	return NULL;
}

/* pcpu_next_md_free_region(): the next free part at or behind *off, over several blocks too; *off is past the last bit when there is none. */
static struct error *next_free_region(struct pcpu_map *m, int32_t *off, int32_t *bits)
{
	int32_t in_block = *off % BLOCK;
	*bits = 0;
	for (int32_t i = *off / BLOCK; i < m->blocks; i++) {
		struct pcpu_md d;
		TRY(read_block(m, i, &d));
		if (*bits) {
			*bits += d.left;
			if (d.left == BLOCK)
				continue;
			return NULL;
		}
		*bits = d.contig;
		if (*bits && d.contig_start >= in_block && *bits + d.contig_start < BLOCK) {
			*off = i * BLOCK + d.contig_start;
			return NULL;
		}
		in_block = 0;
		*bits = d.right;
		*off = (i + 1) * BLOCK - d.right;
	}
	return NULL;
}

/* pcpu_chunk_refresh_hint() */
static struct error *chunk_refresh(struct pcpu_map *m, bool full_scan)
{
	struct pcpu_md *d = &m->md;
	int32_t off = d->first, bits;
	if (!full_scan && d->scan) {
		off = d->scan_start + d->scan;
		d->contig_start = d->scan_start;
		d->contig = d->scan;
		d->scan = 0;
	} else {
		d->contig = 0;
	}
	for (;; off += bits + 1) {
		TRY(next_free_region(m, &off, &bits));
		if (off >= m->bits)
			return NULL;
		block_update(d, off, off + bits);
	}
}

/* ---- Taking ---- */

static int32_t align_up(int32_t n, int32_t align)
{
	return (n + align - 1) & -align;
}

/* pcpu_next_hint() */
static int32_t next_hint(const struct pcpu_md *d, int32_t bits)
{
	return d->scan && d->contig_start > d->scan_start && bits > d->scan ? d->scan_start + d->scan : d->first;
}

/* pcpu_find_block_fit(), pcpu_next_fit_region(): where to begin to look; *off is past the last bit when nothing can fit. */
static struct error *find_fit(struct pcpu_map *m, int32_t bits, int32_t align, int32_t *off)
{
	int32_t have = 0, in_block;
	*off = m->bits;
	if (align_up(m->md.contig_start, align) - m->md.contig_start + bits > m->md.contig)
		return NULL;
	int32_t at = next_hint(&m->md, bits);
	in_block = at % BLOCK;
	for (int32_t i = at / BLOCK; i < m->blocks; i++) {
		struct pcpu_md d;
		TRY(read_block(m, i, &d));
		if (have) {
			have += d.left;
			if (have >= bits) {
				*off = at;
				return NULL;
			}
			if (d.left == BLOCK)
				continue;
		}
		have = align_up(d.contig_start, align) - d.contig_start;
		if (d.contig && d.contig_start >= in_block && d.contig >= have + bits) {
			*off = i * BLOCK + next_hint(&d, bits);
			return NULL;
		}
		in_block = 0;
		at = align_up(BLOCK - d.right, align);
		have = BLOCK - at;
		at += i * BLOCK;
		if (have >= bits) {
			*off = at;
			return NULL;
		}
	}
	return NULL;
}

/* pcpu_find_zero_area(): *at >= end: none. What was passed by and is the largest such: *passed, so many bits. */
static struct error *find_zero_area(struct pcpu_map *m, int32_t start, int32_t end, int32_t bits, int32_t align, int32_t *at, int32_t *passed, int32_t *passed_bits)
{
	*passed = *passed_bits = 0;
	for (;;) {
		int32_t first, next;
		TRY(find_bit(m, m->alloc_map, start, end, false, &first));
		first = align_up(first, align);
		*at = first;
		if (first + bits > end) {
			*at = end;
			return NULL;
		}
		TRY(find_bit(m, m->alloc_map, first, first + bits, true, &next));
		if (next == first + bits)
			return NULL;
		if (next - first > *passed_bits || (next - first == *passed_bits && better_aligned(first, *passed))) {
			*passed = first;
			*passed_bits = next - first;
		}
		start = next + 1;
	}
}

/* pcpu_block_update_scan(): what was passed by, with the free bits before it that the alignment skipped. */
static struct error *passed_by(struct pcpu_map *m, int32_t off, int32_t bits)
{
	int32_t block = off / BLOCK, last;
	struct pcpu_md d;
	if (off % BLOCK + bits > BLOCK)
		return NULL;
	TRY(read_block(m, block, &d));
	TRY(find_last(m, block * BLOCK, off, &last));
	block_update(&d, last + 1 - block * BLOCK, off % BLOCK + bits);
	return write_md(m, md_at(m, block), &d);
}

static bool overlap(int32_t a, int32_t len, int32_t start, int32_t end)
{
	return a < end && start < a + len;
}

/* The first block that was taken from, from `start` to `end` within it. */
static struct error *taken_first(struct pcpu_map *m, int32_t block, int32_t start, int32_t end, bool only)
{
	struct pcpu_md d;
	TRY(read_block(m, block, &d));
	m->empty -= d.contig == BLOCK;
	if (start == d.first) {
		TRY(find_bit(m, m->alloc_map, block * BLOCK + (end < BLOCK ? end : BLOCK), (block + 1) * BLOCK, false, &d.first));
		d.first -= block * BLOCK;
	}
	if (overlap(d.scan_start, d.scan, start, end))
		d.scan = 0;
	if (overlap(d.contig_start, d.contig, start, end)) {
		if (!start)
			d.left = 0;
		TRY(block_refresh(m, block, &d));
	} else {
		d.left = d.left < start ? d.left : start;
		d.right = !only ? 0 : d.right < BLOCK - end ? d.right : BLOCK - end;
	}
	return write_md(m, md_at(m, block), &d);
}

static struct error *taken_whole(struct pcpu_map *m, int32_t block)
{
	struct pcpu_md d;
	TRY(read_block(m, block, &d));
	d.scan = d.contig = d.left = d.right = 0;
	return write_md(m, md_at(m, block), &d);
}

/* The last one, up to `end`, where there are several. */
static struct error *taken_last(struct pcpu_map *m, int32_t block, int32_t end)
{
	struct pcpu_md d;
	TRY(read_block(m, block, &d));
	m->empty -= d.contig == BLOCK;
	TRY(find_bit(m, m->alloc_map, block * BLOCK + end, (block + 1) * BLOCK, false, &d.first));
	d.first -= block * BLOCK;
	if (end == BLOCK) {
		d.scan = d.contig = d.left = d.right = 0;
		return write_md(m, md_at(m, block), &d);
	}
	if (end > d.scan_start)
		d.scan = 0;
	d.left = 0;
	if (end > d.contig_start)
		TRY(block_refresh(m, block, &d));
	else if (d.right > BLOCK - end)
		d.right = BLOCK - end;
	return write_md(m, md_at(m, block), &d);
}

/* pcpu_block_update_hint_alloc() */
static struct error *update_taken(struct pcpu_map *m, int32_t off, int32_t bits)
{
	int32_t first = off / BLOCK, last = (off + bits - 1) / BLOCK;
	TRY(taken_first(m, first, off % BLOCK, off % BLOCK + bits, first == last));
	if (first != last) {
		TRY(taken_last(m, last, (off + bits - 1) % BLOCK + 1));
		for (int32_t i = first + 1; i < last; i++)
			TRY(taken_whole(m, i));
		m->empty -= last - first - 1;
	}
	if (overlap(m->md.scan_start, m->md.scan, off, off + bits))
		m->md.scan = 0;
	return overlap(m->md.contig_start, m->md.contig, off, off + bits) ? chunk_refresh(m, false) : NULL;
}

struct error *pcpu_map_take(struct pcpu_map *m, int32_t bits, int32_t align, int32_t *at)
{
	struct kernel *k = m->e->k;
	int32_t start, end, off, passed, passed_bits;
	*at = -1;
	TRY(find_fit(m, bits, align, &start));
	if (start >= m->bits)
		return NULL;
	end = start + bits + BLOCK < m->bits ? start + bits + BLOCK : m->bits;
	TRY(find_zero_area(m, start, end, bits, align, &off, &passed, &passed_bits));
	if (off >= end)
		return NULL;
	if (passed_bits)
		TRY(passed_by(m, passed, passed_bits));
	TRY(set_bits(m, m->alloc_map, off, bits, true));
	/* The boundary map has a bit where each begins, and one behind the last. */
	TRY(set_bits(m, m->bound_map, off, 1, true));
	TRY(set_bits(m, m->bound_map, off + 1, bits - 1, false));
	TRY(set_bits(m, m->bound_map, off + bits, 1, true));
	ADD(k, &m->o, pcpu_chunk, free_bytes, -bits * (int)PCPU_MIN_ALLOC_SIZE);
	if (off == m->md.first)
		TRY(find_bit(m, m->alloc_map, off + bits, m->bits, false, &m->md.first));
	TRY(update_taken(m, off, bits));
	*at = off;
	return NULL;
}

/* ---- Giving back ---- */

static struct error *freed_in(struct pcpu_map *m, int32_t block, int32_t start, int32_t end)
{
	struct pcpu_md d;
	TRY(read_block(m, block, &d));
	m->empty += !start && end == BLOCK;
	block_update(&d, start, end);
	return write_md(m, md_at(m, block), &d);
}

/* pcpu_block_update_hint_free() */
static struct error *update_freed(struct pcpu_map *m, int32_t off, int32_t bits)
{
	int32_t first = off / BLOCK, last = (off + bits - 1) / BLOCK, start, end;
	const struct pcpu_md empty = { .contig = BLOCK, .left = BLOCK, .right = BLOCK, .bits = BLOCK };
	/* The whole free part, within the blocks of its ends. The kernel takes what its hints say where they touch it, which is the same. */
	TRY(find_last(m, first * BLOCK, off, &start));
	start = start + 1 - first * BLOCK;
	TRY(find_bit(m, m->alloc_map, off + bits, (last + 1) * BLOCK, true, &end));
	end -= last * BLOCK;
	TRY(freed_in(m, first, start, first == last ? end : BLOCK));
	if (first != last) {
		TRY(freed_in(m, last, 0, end));
		for (int32_t i = first + 1; i < last; i++)
			TRY(write_md(m, md_at(m, i), &empty));
		m->empty += last - first - 1;
	}
	if (end - start >= BLOCK || first != last)
		return chunk_refresh(m, true);
	/* The end is taken within its block, as the kernel does: of blocks but the first the whole's hints learn nothing. */
	block_update(&m->md, first * BLOCK + start, end);
	return NULL;
}

struct error *pcpu_map_release(struct pcpu_map *m, int32_t at, int32_t *bits)
{
	int32_t taken, begins, end;
	*bits = 0;
	TRY(find_bit(m, m->alloc_map, at, at + 1, true, &taken));
	TRY(find_bit(m, m->bound_map, at, at + 1, true, &begins));
	if (at >= m->bits || taken != at || begins != at)
		return error_at(ERR_BAD_OBJECT, m->o.addr, "nothing of the per-CPU memory of chunk %" PRIx64 " begins at byte %d", m->o.addr, at * (int)PCPU_MIN_ALLOC_SIZE);
	TRY(find_bit(m, m->bound_map, at + 1, m->bits, true, &end));
	*bits = end - at;
	TRY(set_bits(m, m->alloc_map, at, *bits, false));
	ADD(m->e->k, &m->o, pcpu_chunk, free_bytes, *bits * (int)PCPU_MIN_ALLOC_SIZE);
	if (at < m->md.first)
		m->md.first = at;
	return update_freed(m, at, *bits);
}

/* ---- The chunk ---- */

struct error *pcpu_map_open(struct engine *e, uint64_t chunk, struct pcpu_map *m)
{
	struct kernel *k = e->k;
	TRY(members_require(k, "how this kernel keeps per-CPU memory is not known", M_pcpu_chunk_chunk_md, M_pcpu_chunk_md_blocks, M_pcpu_chunk_alloc_map, M_pcpu_chunk_bound_map,
			    M_pcpu_chunk_nr_pages, M_pcpu_chunk_free_bytes, M_pcpu_chunk_base_addr, M_pcpu_chunk_populated, M_pcpu_block_md_nr_bits, MEMBER_NONE));
	*m = (struct pcpu_map){ .e = e };
	TRY(object_open_writable(k, chunk, S_pcpu_chunk, &m->o));
	int32_t pages = (int32_t)GET(k, &m->o, pcpu_chunk, nr_pages);
	if (pages < 1 || pages > PCPU_PAGES_MAX)
		return error_at(ERR_BAD_OBJECT, chunk, "a chunk of per-CPU memory has %d pages: %" PRIx64, pages, chunk);
	m->blocks = pages;
	m->bits = pages * BLOCK;
	m->alloc_map = GET(k, &m->o, pcpu_chunk, alloc_map);
	m->bound_map = GET(k, &m->o, pcpu_chunk, bound_map);
	m->md_blocks = GET(k, &m->o, pcpu_chunk, md_blocks);
	return read_md(m, MEMBER_ADDR(k, &m->o, pcpu_chunk, chunk_md), m->bits, &m->md);
}

struct error *pcpu_map_close(struct pcpu_map *m)
{
	return write_md(m, MEMBER_ADDR(m->e->k, &m->o, pcpu_chunk, chunk_md), &m->md);
}
