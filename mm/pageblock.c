/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/pageblock.h"

#include <stdlib.h>

#include "mm/memmap.h"
#include "mm/state.h"
#include "mm/zone_table.h"

/* What is found out once. */
struct pageblock_facts {
	bool known;
	unsigned order, bits; /* NR_PAGEBLOCK_BITS */
	int isolate;	      /* the bit of an isolated block, -1: that is a migrate type like others */
	unsigned isolated;    /* MIGRATE_ISOLATE */
	bool from_top;	      /* the first block of a word stands in its highest bits */
};

/* A variable where huge pages may have another size, else theirs, but no larger than the largest free block. */
static unsigned find_order(struct kernel *k)
{
	uint64_t order;
	unsigned largest = k->mm->nodes->orders - 1;
	if (error_drop(kernel_read_symbol(k, "pageblock_order", 4, &order)))
		order = k->geometry.level[k->geometry.levels - 2].shift - k->arch->page_shift;
	return order < largest ? (unsigned)order : largest;
}

/*
 * set_pfnblock_flags_mask() counted from the top of a word, and was told where the bits end, until commit d93d5ab9b962 (5.9); before 5.3 there was no
 * mem_section_usage either.
 */
static bool counts_from_top(struct kernel *k)
{
	struct type prototype;
	if (!HAS(k, mem_section, usage))
		return true;
	return symbol_addr(k, "get_pfnblock_flags_mask") && type_of_function(k, "get_pfnblock_flags_mask", &prototype) &&
	       type_parameters(prototype) == 4;
}

static const struct pageblock_facts *facts_of(struct kernel *k)
{
	struct node_table *t = k->mm->nodes;
	int64_t value;
	if (t->pageblock)
		return t->pageblock;
	struct pageblock_facts *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->order = find_order(k);
	f->bits = 4;
	if ((enumerator_find(k, "__NR_PAGEBLOCK_BITS", &value) || enumerator_find(k, "NR_PAGEBLOCK_BITS", &value)) && value > 0 && value <= 8) {
		/* Rounded up, so that none straddles two words. */
		for (f->bits = 1; f->bits < (unsigned)value;)
			f->bits *= 2;
	}
	/* A bit of its own since 6.17. */
	f->isolate = enumerator_find(k, "PB_migrate_isolate", &value) && value >= 0 && value < f->bits ? (int)value : -1;
	f->isolated = enumerator_find(k, "MIGRATE_ISOLATE", &value) ? (unsigned)value : 0;
	f->from_top = counts_from_top(k);
	t->pageblock = f;
	return f;
}

unsigned pageblock_order(struct kernel *k)
{
	const struct pageblock_facts *f = facts_of(k);
	return f ? f->order : find_order(k);
}

/* Where the bits of the frame's section begin, and the frame from which they count; without sections they are the zone's. */
static bool find_bitmap(struct kernel *k, uint64_t pfn, unsigned order, uint64_t *bitmap, uint64_t *first)
{
	const struct page_model *p = k->mm->pages;
	size_t low = 0, high = p->section_count;
	uint64_t usage;
	if (!high) {
		const struct zone *z = zone_of_pfn(k, pfn);
		if (!z || !HAS(k, zone, pageblock_flags))
			return false;
		*bitmap = GET(k, &z->object, zone, pageblock_flags);
		*first = z->start_pfn >> order << order;
		return *bitmap;
	}
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (p->sections[middle].pfn <= pfn)
			low = middle;
		else
			high = middle;
	}
	const struct page_section *s = &p->sections[low];
	*first = s->pfn;
	if (s->pfn > pfn)
		return false;
	if (!HAS(k, mem_section, usage))
		return HAS(k, mem_section, pageblock_flags) && !error_drop(kernel_get(k, s->addr, M_mem_section_pageblock_flags, bitmap)) && *bitmap;
	if (!HAS(k, mem_section_usage, pageblock_flags) || error_drop(kernel_get(k, s->addr, M_mem_section_usage, &usage)) || !usage)
		return false;
	*bitmap = usage + OFFSET(k, mem_section_usage, pageblock_flags);
	return true;
}

/* *at: the word that has the block's bits; *shift: how far up they begin. */
static bool find_word(struct kernel *k, const struct pageblock_facts *f, uint64_t pfn, uint64_t *at, unsigned *shift)
{
	uint64_t page, bitmap, first;
	unsigned word_bits = 8u * k->arch->pointer_size;
	if (!f || !pfn_to_page(k, pfn, &page) || !find_bitmap(k, pfn, f->order, &bitmap, &first))
		return false;
	uint64_t bit = ((pfn - first) >> f->order) * f->bits;
	*at = bitmap + bit / word_bits * k->arch->pointer_size;
	bit %= word_bits;
	/* Three bits of migrate type. */
	*shift = (unsigned)(f->from_top ? word_bits - 3 - bit : bit);
	return true;
}

bool pageblock_word(struct kernel *k, uint64_t pfn, uint64_t *at, unsigned *shift)
{
	return find_word(k, facts_of(k), pfn, at, shift);
}

bool pageblock_migratetype(struct kernel *k, uint64_t pfn, unsigned *type)
{
	const struct pageblock_facts *f = facts_of(k);
	uint64_t at, word;
	unsigned shift;
	if (!find_word(k, f, pfn, &at, &shift) || error_drop(kernel_read_pointer(k, at, &word)))
		return false;
	word >>= shift;
	*type = word & 7;
	if (f->isolate >= 0 && word >> f->isolate & 1)
		*type = f->isolated;
	return true;
}
