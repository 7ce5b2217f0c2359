/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page cache and the swap cache: each mapping's tree against the pages in it (mm/filemap.c, mm/swap_state.c).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/audit/cache.h"
#include "mm/swap.h"
#include "mm/xarray.h"

struct mapping_walk {
	struct audit *a;
	uint64_t mapping, pages;
	bool swap, huge_index;
	struct audit_swap *slots; /* of a swap area; NULL */
};

/* The head of the compound page that a tree's entry leads to. */
static bool open_head(struct audit *a, uint64_t page, struct page *p)
{
	uint64_t pfn;
	if (!page_to_pfn(a->k, page, &pfn) || !audit_page(a, pfn, p))
		return false;
	uint64_t head = page_compound_head(a->k, p);
	return head == page || (page_to_pfn(a->k, head, &pfn) && audit_page(a, pfn, p));
}

static bool see_entry(void *context, uint64_t index, uint64_t entry)
{
	struct mapping_walk *w = context;
	struct audit *a = w->a;
	struct kernel *k = a->k;
	struct page p;
	/* A value: where the page is swapped to, or when it was reclaimed. */
	if (entry & 3)
		return true;
	audit_checked(a, AUDIT_PAGE_CACHE, 1);
	/* With its area's number above, in radix trees. */
	uint64_t slot = index & ((1ull << 57) - 1);
	if (w->slots && slot < w->slots->slots)
		w->slots->users[slot] |= SLOT_CACHED;
	if (!open_head(a, entry, &p)) {
		audit_find(a, AUDIT_PAGE_CACHE, w->mapping, "mapping %" PRIx64 ", index %" PRIx64 ": no struct page: %" PRIx64, w->mapping, index, entry);
		return true;
	}
	struct audit_frame *f = audit_frame(a, p.pfn);
	uint64_t pages = audit_has_bit(&p, a->bit.head) ? 1ull << page_compound_order(k, &p) : 1;
	bool hugetlb = !w->swap && page_use(k, &p) == PAGE_HUGETLB;
	/* Until 6.7 a huge page of hugetlb was one page to its mapping (a08c7193e4f1). */
	uint64_t references = hugetlb && w->huge_index ? 1 : pages;
	a->about_pfn = p.pfn;
	if (!w->swap) {
		uint64_t mapping = GET(k, &p.object, page, mapping), at = GET(k, &p.object, page, index);
		uint64_t covered = hugetlb && w->huge_index ? 1 : pages;
		if (mapping != w->mapping)
			audit_find(a, AUDIT_PAGE_CACHE, p.object.addr, "frame %" PRIx64 " is in the tree of mapping %" PRIx64 ", and says %" PRIx64, p.pfn,
				   w->mapping, mapping);
		else if (index - at >= covered)
			audit_find(a, AUDIT_PAGE_CACHE, p.object.addr, "frame %" PRIx64 " of mapping %" PRIx64 " is at index %" PRIx64 ", and says %" PRIx64,
				   p.pfn, w->mapping, index, at);
	} else if (!audit_in_swap_cache(a, &p)) {
		audit_find(a, AUDIT_PAGE_CACHE, p.object.addr, "frame %" PRIx64 " is in the swap cache, and not marked so", p.pfn);
	}
	if (f->use == AUDIT_USE_FREE || f->use == AUDIT_USE_CPU_FREE || f->use == AUDIT_USE_SLAB)
		audit_find(a, AUDIT_PAGE_CACHE, p.object.addr, "frame %" PRIx64 " is in the tree of mapping %" PRIx64 ", and %s", p.pfn, w->mapping,
			   audit_use_name((enum audit_use)f->use));
	a->about_pfn = UINT64_MAX;
	uint8_t mark = w->swap ? MARK_SWAP : MARK_CACHED;
	if (f->marks & mark)
		return true; /* one of its other indexes */
	f->marks |= mark;
	f->holders += (uint32_t)references;
	w->pages += references;
	return true;
}

static struct error *check_mapping(struct audit *a, uint64_t mapping, struct audit_swap *swap, bool huge_index)
{
	struct mapping_walk w = {a, mapping, 0, swap != NULL, huge_index, swap};
	uint64_t head, counted;
	TRY(kernel_get(a->k, mapping, M_address_space_i_pages, &head));
	TRY(kernel_get(a->k, mapping, M_address_space_nrpages, &counted));
	TRY(xarray_for_each(a->k, head, see_entry, &w));
	if (counted != w.pages)
		audit_find(a, AUDIT_PAGE_CACHE, mapping, "mapping %" PRIx64 ": nrpages is %" PRIu64 ", in its tree: %" PRIu64, mapping, counted, w.pages);
	return NULL;
}

/* Each swap area has an address_space for each 64 MiB of it (4.11), one in an array of them (3.9), and before that all together had one. */
static struct error *check_swap_cache(struct audit *a)
{
	struct kernel *k = a->k;
	uint64_t counts = symbol_addr(k, "nr_swapper_spaces"), spaces = symbol_addr(k, "swapper_spaces"), count = 1, space;
	for (unsigned type = 0; spaces && type < swap_areas_count(k) && type < 32; type++) {
		struct swap_entry first = { .type = type };
		if (counts && (error_drop(kernel_read_uint(k, counts + 4 * type, 4, &count)) || count > 1u << 20))
			break;
		space = swap_address_space(k, &first);
		for (uint64_t i = 0; space && i < count; i++) {
			TRY(check_interrupt());
			TRY(audit_take(a, AUDIT_PAGE_CACHE, space, check_mapping(a, space + i * SIZE_OF(k, address_space), &a->swap[type], false)));
		}
	}
	return NULL;
}

struct error *audit_cache(struct audit *a)
{
	struct kernel *k = a->k;
	bool huge_index = symbol_addr(k, "linear_hugepage_index") || symbol_addr(k, "hugetlb_basepage_index");
	if (HAS(k, page, next_hash) && symbol_addr(k, "page_hash_table"))
		return audit_page_hash(a);
	if (!HAS(k, address_space, i_pages)) {
		audit_skip(a, AUDIT_PAGE_CACHE, "this kernel keeps its page cache in no tree");
		return NULL;
	}
	for (size_t i = 0; i < a->mapping_slots; i++) {
		TRY(check_interrupt());
		if (a->mappings[i].addr)
			TRY(audit_take(a, AUDIT_PAGE_CACHE, a->mappings[i].addr, check_mapping(a, a->mappings[i].addr, NULL, huge_index)));
	}
	return check_swap_cache(a);
}
