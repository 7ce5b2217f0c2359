/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages of several frames (mm/page_alloc.c: prep_compound_page()), and blocks given back (__free_pages()). What a compound page keeps in its tails has moved about: what is set
 * is what the kernel has.
 */
#include <inttypes.h>

#include "mm/engine/buddy_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/zap.h"
#include "mm/memmap.h"
#include "mm/zone.h"

#define TAIL_MAPPING_OFFSET 0x300u /* above the poison of lists: TAIL_MAPPING, include/linux/poison.h */

static struct error *set_first_tail(struct engine *e, uint64_t page, unsigned order)
{
	struct kernel *k = e->k;
	struct page p;
	int64_t dtor = 1;
	TRY(page_open_writable(e, page + e->page_size, &p));
	/* until 4.4 in the second word of the list's links */
	if (!HAS(k, page, compound_order))
		return kernel_write_pointer(k, p.object.addr + OFFSET(k, page, lru) + OFFSET(k, list_head, prev), order);
	SET(k, &p.object, page, compound_order, order);
	enumerator_find(k, "COMPOUND_PAGE_DTOR", &dtor);
	SET(k, &p.object, page, compound_dtor, (uint64_t)dtor);
	SET(k, &p.object, page, compound_nr, 1ull << order);
	SET(k, &p.object, page, compound_mapcount, UINT64_MAX);
	/* How often it is pinned: until 5.15 in the second tail page, if there is one. */
	if (HAS(k, page, compound_pincount) && !strcmp(k->members[M_page_compound_pincount].name, "hpage_pinned_refcount.counter")) {
		if (order < 2)
			return NULL;
		TRY(page_open_writable(e, page + 2ull * e->page_size, &p));
	}
	SET(k, &p.object, page, compound_pincount, 0);
	return NULL;
}

/* Of a folio's own structure, over its first pages: what there is of it. */
static struct error *set_folio(struct engine *e, uint64_t page, unsigned order)
{
	struct kernel *k = e->k;
	struct object o;
	int64_t dtor = 1;
	TRY(object_open_writable(k, page, S_folio, &o));
	enumerator_find(k, "COMPOUND_PAGE_DTOR", &dtor);
	if (HAS(k, folio, order)) {
		SET(k, &o, folio, order, order);
		SET(k, &o, folio, dtor, (uint64_t)dtor);
	} else {
		SET(k, &o, folio, flags_1, (GET(k, &o, folio, flags_1) & ~0xffull) | order);
	}
	SET(k, &o, folio, nr_pages, 1ull << order);
	SET(k, &o, folio, large_mapcount, UINT64_MAX);
	SET(k, &o, folio, nr_pages_mapped, 0);
	for (unsigned slot = 0; HAS(k, folio, mm_id) && slot < 2; slot++) {
		object_set_element(k, &o, M_folio_mm_id, slot, 0);
		object_set_element(k, &o, M_folio_mm_id_mapcount, slot, UINT64_MAX);
	}
	/* Two pages have no room for these. */
	if (order < 2)
		return NULL;
	SET(k, &o, folio, entire_mapcount, UINT64_MAX);
	SET(k, &o, folio, pincount, 0);
	return HAS(k, folio, deferred_list) ? list_init(k, page + OFFSET(k, folio, deferred_list)) : NULL;
}

/*
 * What a tail says of its head: its address with the lowest bit set, or (7.0, where struct pages of huge pages may be shared) a mask for it. The choice is the kernel
 * configuration's, and shows on the first tail there is.
 */
static bool find_heads_by_mask(struct engine *e)
{
	struct kernel *k = e->k;
	uint64_t pfn, end, page;
	uint32_t size = SIZE_OF(k, page);
	if (strcmp(k->members[M_page_compound_head].name, "compound_info") || size & (size - 1))
		return false;
	for (size_t run = 0; page_run(k, run, &pfn, &end, &page); run++)
		for (; pfn < end; pfn++, page += size) {
			struct page p;
			uint64_t word;
			if (!error_drop(page_open_known(e, page, &p)) && page_is_tail(k, &p) && page_compound_head(k, &p) != page) {
				word = GET(k, &p.object, page, compound_head) & ~1ull;
				return !(-word & (-word - 1));
			}
		}
	return false;
}

static bool heads_by_mask(struct engine *e)
{
	if (e->modern->heads == HEADS_NOT_ASKED)
		e->modern->heads = find_heads_by_mask(e) ? HEADS_BY_MASK : HEADS_BY_ADDRESS;
	return e->modern->heads == HEADS_BY_MASK;
}

/* Until 4.4 a flag, and a pointer to the head where `private` is. */
static struct error *set_tail(struct engine *e, uint64_t page, uint64_t head, int tail_bit)
{
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, refcount, 0);
	if (tail_bit >= 0)
		SET(k, &p.object, page, flags, p.flags | 1ull << tail_bit);
	else
		SET(k, &p.object, page, mapping, e->modern->list_poison + TAIL_MAPPING_OFFSET);
	SET(k, &p.object, page, compound_head, head);
	return NULL;
}

struct error *prep_compound_page(struct engine *e, uint64_t page, unsigned order)
{
	struct kernel *k = e->k;
	struct page p;
	int tail_bit = page_flag_bit(k, "tail");
	uint64_t mask = ~(((uint64_t)e->page_size << order) - 1);
	if (!HAS(k, page, compound_head))
		return error_at(ERR_UNSUPPORTED, page, "how this kernel keeps a page of several frames is not known");
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, flags, p.flags | 1ull << e->modern->head);
	uint64_t head = heads_by_mask(e) ? mask | 1 : tail_bit >= 0 ? page : page | 1;
	for (uint64_t n = 1; n < 1ull << order; n++)
		TRY(set_tail(e, page + n * e->page_size, head, tail_bit));
	return HAS_STRUCT(k, folio) && !HAS(k, page, compound_order) ? set_folio(e, page, order) : set_first_tail(e, page, order);
}

/* free_tail_pages_check() */
static struct error *undo_tails(struct engine *e, uint64_t page, unsigned order)
{
	struct kernel *k = e->k;
	struct page p;
	for (uint64_t n = 1; n < 1ull << order; n++) {
		TRY(page_open_writable(e, page + n * e->page_size, &p));
		SET(k, &p.object, page, mapping, 0);
		SET(k, &p.object, page, compound_head, 0);
		TRY(free_pages_prepare(e, page + n * e->page_size));
	}
	return NULL;
}

struct error *free_pages_modern(struct engine *e, uint64_t page, unsigned order)
{
	struct page p;
	unsigned type;
	if (!order)
		return free_page_pcp(e, page);
	TRY(nodes_open(e->k));
	TRY(page_open_known(e, page, &p));
	uint64_t zone = zone_of_page(e, page);
	if (!zone)
		return error_at(ERR_BAD_OBJECT, page, "page %" PRIx64 " is in no zone", page);
	TRY(undo_tails(e, page, order));
	TRY(free_pages_prepare(e, page));
	TRY(pageblock_type(e, page, &type));
	return pcp_list(e, 1, order, type < e->modern->migrate_pcptypes ? type : e->modern->migrate_movable) ? free_unref_block(e, zone, page, order, type) : free_one_page(e, zone, page, order, type);
}
