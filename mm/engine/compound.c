/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages of several frames (mm/page_alloc.c: prep_compound_page()), and blocks given back (__free_pages()). What a compound page keeps in its tails has moved about: what is set
 * is what the kernel has.
 */
#include <inttypes.h>

#include "mm/engine/buddy_edit.h"
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
	return NULL;
}

struct error *prep_compound_page(struct engine *e, uint64_t page, unsigned order)
{
	struct kernel *k = e->k;
	struct page p;
	int tail_bit = page_flag_bit(k, "tail");
	if (!HAS(k, page, compound_head) || HAS_STRUCT(k, folio))
		return error_at(ERR_UNSUPPORTED, page, "how this kernel keeps a page of several frames is read, but not made yet");
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, flags, p.flags | 1ull << e->modern->head);
	for (uint64_t n = 1; n < 1ull << order; n++) {
		TRY(page_open_writable(e, page + n * e->page_size, &p));
		SET(k, &p.object, page, refcount, 0);
		if (tail_bit >= 0) {
			/* until 4.4 a flag, and a pointer to the head where `private` is */
			SET(k, &p.object, page, flags, p.flags | 1ull << tail_bit);
			SET(k, &p.object, page, compound_head, page);
		} else {
			SET(k, &p.object, page, mapping, e->modern->list_poison + TAIL_MAPPING_OFFSET);
			SET(k, &p.object, page, compound_head, page | 1);
		}
	}
	return set_first_tail(e, page, order);
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
	if (HAS(e->k, per_cpu_pages, free_count))
		return error_at(ERR_UNSUPPORTED, page, "blocks of several frames go to the CPU's lists on this kernel: not done yet");
	uint64_t zone = zone_of_page(e, page);
	if (!zone)
		return error_at(ERR_BAD_OBJECT, page, "page %" PRIx64 " is in no zone", page);
	TRY(undo_tails(e, page, order));
	TRY(free_pages_prepare(e, page));
	TRY(pageblock_type(e, page, &type));
	return free_one_page(e, zone, page, order, type);
}
