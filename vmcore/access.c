/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of an image: looked for, mapped, read, scanned. */
#include "vmcore/image.h"

#include <stdlib.h>
#include <string.h>

#define likely(x) __builtin_expect(!!(x), 1)

/* A scan's pieces of a compressed image: long enough to cost little each, short enough to stay in
 * the cache. */
#define SCAN_PIECE (256ul << 10)

static inline bool page_ready(const struct segment *s, uint64_t phys)
{
	uint64_t bit = (phys >> VMCORE_PAGE_SHIFT) - s->ready_pfn;
	return s->ready[bit / 64] >> (bit % 64) & 1;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t block_of(const struct vmcore *vc, uint64_t phys)
{
	return phys & ~(vc->block_size - 1);
}

/* One past the last byte of the block that is in the segment. */
static inline uint64_t block_end(const struct vmcore *vc, const struct segment *s, uint64_t phys)
{
	return min_u64(block_of(vc, phys) + (vc->block_size - 1), s->end - 1) + 1;
}

/* Brings the block to its place in the arena. */
static enum presence pin_block(struct vmcore *vc, const struct segment *s, uint64_t phys)
{
	uint64_t block = block_of(vc, phys);
	/* The block may start before the segment: its place exists, arenas are whole blocks. */
	enum presence p = vc->ops->load(vc, block, s->bytes + (int64_t)(block - s->start));
	if (p != PRESENT)
		return p;
	for (uint64_t at = 0; at < vc->block_size; at += VMCORE_PAGE_SIZE) {
		uint64_t bit = ((block + at) >> VMCORE_PAGE_SHIFT) - s->ready_pfn;
		s->ready[bit / 64] |= 1ul << (bit % 64);
	}
	return PRESENT;
}

/* Brings all of [phys, phys + len), which lies in the segment; what is wrong with the first bad
 * block otherwise. */
static enum presence pin(struct vmcore *vc, const struct segment *s, uint64_t phys, uint64_t len,
			 uint64_t *bad)
{
	for (uint64_t at = phys, end = phys + len; at < end; at = block_end(vc, s, at)) {
		if (page_ready(s, at))
			continue;
		enum presence p = pin_block(vc, s, at);
		if (p != PRESENT) {
			*bad = at;
			return p;
		}
	}
	return PRESENT;
}

/* A pointer, or NULL with the first address that cannot be had and why. */
static void *map_slow(struct vmcore *vc, uint64_t phys, size_t len, uint64_t *bad,
		      enum presence *why)
{
	const struct segment *s = image_find(vc, phys);

	*bad = phys;
	*why = s ? s->presence : NOT_IN_IMAGE;
	if (!s || !s->bytes)
		return NULL;
	uint64_t n = min_u64(len, s->end - phys);
	if (s->ready && (*why = pin(vc, s, phys, n, bad)) != PRESENT)
		return NULL;
	if (n == len)
		return s->bytes + (phys - s->start);
	/* Segments with bytes never touch: what follows is missing. */
	*bad = s->end;
	s = image_find(vc, *bad);
	*why = s ? s->presence : NOT_IN_IMAGE;
	return NULL;
}

const void *vmcore_try_map(struct vmcore *vc, uint64_t phys, size_t len)
{
	const struct segment *s = vc->last;
	uint64_t bad;
	enum presence why;

	if (likely(phys >= s->start && phys < s->end && len <= s->end - phys && s->bytes)) {
		if (likely(!s->ready))
			return s->bytes + (phys - s->start);
		if (likely(len <= VMCORE_PAGE_SIZE - phys % VMCORE_PAGE_SIZE &&
			   page_ready(s, phys)))
			return s->bytes + (phys - s->start);
	}
	return map_slow(vc, phys, len, &bad, &why);
}

struct error *vmcore_map(struct vmcore *vc, uint64_t phys, size_t len, const void **out)
{
	uint64_t bad;
	enum presence why;

	*out = vmcore_try_map(vc, phys, len);
	if (likely(*out != NULL))
		return NULL;
	*out = map_slow(vc, phys, len, &bad, &why);
	return *out ? NULL : image_missing(vc, bad, why);
}

/* The block for reading only, from the small cache; NULL with why not. */
static const uint8_t *cached_block(struct vmcore *vc, uint64_t block, enum presence *why)
{
	*why = LACKS_MEMORY;
	if (!vc->cache) {
		vc->cache = calloc(CACHED_BLOCKS, sizeof(*vc->cache));
		if (!vc->cache)
			return NULL;
		for (size_t i = 0; i < CACHED_BLOCKS; i++)
			vc->cache[i].block = UINT64_MAX;
	}
	struct cached_block *c = &vc->cache[block / vc->block_size % CACHED_BLOCKS];
	if (c->block == block)
		return c->bytes;
	if (!c->bytes && !(c->bytes = malloc(vc->block_size)))
		return NULL;
	c->block = UINT64_MAX;
	*why = vc->ops->load(vc, block, c->bytes);
	if (*why != PRESENT)
		return NULL;
	c->block = block;
	return c->bytes;
}

struct error *vmcore_read(struct vmcore *vc, uint64_t phys, void *buffer, size_t len)
{
	uint8_t *to = buffer;

	while (len) {
		const struct segment *s = image_find(vc, phys);
		if (s && !s->bytes && s->presence == EXCLUDED && vc->zero_excluded) {
			uint64_t n = min_u64(len, s->end - phys);
			memset(to, 0, n);
			to += n;
			len -= n;
			phys += n;
			continue;
		}
		if (!s || !s->bytes)
			return image_missing(vc, phys, s ? s->presence : NOT_IN_IMAGE);
		uint64_t n = min_u64(len, s->end - phys);
		const uint8_t *from = s->bytes + (phys - s->start);
		if (s->ready) {
			n = min_u64(n, block_end(vc, s, phys) - phys);
			if (!page_ready(s, phys)) {
				uint64_t block = block_of(vc, phys);
				enum presence why;
				from = cached_block(vc, block, &why);
				if (!from && !(why == EXCLUDED && vc->zero_excluded))
					return image_missing(vc, phys, why);
				from = from ? from + (phys - block) : NULL;
			}
		}
		if (from)
			memcpy(to, from, n);
		else
			memset(to, 0, n);
		to += n;
		len -= n;
		phys += n;
	}
	return NULL;
}

void vmcore_set_zero_excluded(struct vmcore *vc, bool zero)
{
	vc->zero_excluded = zero;
}

bool vmcore_zero_excluded(const struct vmcore *vc)
{
	return vc->zero_excluded;
}

enum presence image_look(struct vmcore *vc, uint64_t phys, uint64_t len, uint64_t *bad)
{
	while (len) {
		const struct segment *s = image_find(vc, phys);
		*bad = phys;
		if (!s || !s->bytes)
			return s ? s->presence : NOT_IN_IMAGE;
		uint64_t n = min_u64(len, s->end - phys);
		if (s->ready) {
			n = min_u64(n, block_end(vc, s, phys) - phys);
			enum presence p = page_ready(s, phys)
						  ? PRESENT
						  : vc->ops->look(vc, block_of(vc, phys));
			if (p != PRESENT)
				return p;
		}
		len -= n;
		phys += n;
	}
	return PRESENT;
}

bool vmcore_page_present(const struct vmcore *vc, uint64_t phys)
{
	uint64_t bad;
	/* Lookups remember what they found: the image's content does not change. */
	return image_look((struct vmcore *)vc, phys & ~(VMCORE_PAGE_SIZE - 1), VMCORE_PAGE_SIZE,
			  &bad) == PRESENT;
}

struct scan {
	struct vmcore *vc;
	vmcore_visitor *visit;
	void *context;
	uint8_t *buffer;
	uint64_t damaged; /* the first page that does not decompress; UINT64_MAX: none */
};

/* The bytes of one block, into the buffer. */
static bool scan_block(struct scan *scan, const struct segment *s, uint64_t phys, uint8_t *to)
{
	struct vmcore *vc = scan->vc;
	uint64_t block = block_of(vc, phys);
	enum presence p;

	if (page_ready(s, phys)) {
		uint64_t from = block < s->start ? s->start : block;
		memcpy(to + (from - block), s->bytes + (from - s->start),
		       block_end(vc, s, phys) - from);
		return true;
	}
	p = vc->ops->load(vc, block, to);
	if (p == DAMAGED && scan->damaged == UINT64_MAX)
		scan->damaged = phys;
	return p == PRESENT;
}

/* [at, end) lies in one arena segment. False when the visitor had enough. */
static bool scan_arena(struct scan *scan, const struct segment *s, uint64_t at, uint64_t end)
{
	struct vmcore *vc = scan->vc;

	while (at < end) {
		uint64_t start = at, first = block_of(vc, at);
		while (at < end && block_of(vc, at) - first < SCAN_PIECE) {
			if (!scan_block(scan, s, at, scan->buffer + (block_of(vc, at) - first)))
				break;
			at = min_u64(block_end(vc, s, at), end);
		}
		if (at > start &&
		    !scan->visit(scan->context, start, scan->buffer + (start - first), at - start))
			return false;
		/* Stopped before the piece was full: at a block that is missing. */
		if (at < end && block_of(vc, at) - first < SCAN_PIECE)
			at = block_end(vc, s, at);
	}
	return true;
}

struct error *vmcore_scan(struct vmcore *vc, uint64_t start, uint64_t end, vmcore_visitor *visit,
			  void *context)
{
	struct scan scan = {vc, visit, context, NULL, UINT64_MAX};
	size_t low = 0, high = vc->nr_segments;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (vc->segments[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	for (bool more = true; more && low < vc->nr_segments; low++) {
		const struct segment *s = &vc->segments[low];
		uint64_t from = s->start < start ? start : s->start;
		uint64_t to = min_u64(s->end, end);
		if (from >= to)
			break;
		if (!s->bytes)
			continue;
		if (!s->ready) {
			more = visit(context, from, s->bytes + (from - s->start), to - from);
			continue;
		}
		if (!scan.buffer && !(scan.buffer = malloc(SCAN_PIECE + vc->block_size)))
			return out_of_memory();
		more = scan_arena(&scan, s, from, to);
	}
	free(scan.buffer);
	return scan.damaged == UINT64_MAX ? NULL : image_missing(vc, scan.damaged, DAMAGED);
}
