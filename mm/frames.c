/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/symbols.h"
#include "mm/frames.h"
#include "mm/memmap.h"
#include "mm/state.h"
#include "mm/swap.h"
#include "mm/vma.h"
#include "mm/zero_page.h"

/* include/linux/mm.h; VM_PFNMAP was VM_SHM before 2.6.17, which no kernel with special entries had. */
#define VM_PFNMAP 0x400ull

void frames_free(struct frames *f)
{
	free(f);
}

static uint64_t flag_mask(struct kernel *k, const char *name)
{
	int bit = page_flag_bit(k, name);
	return bit < 0 ? 0 : 1ull << bit;
}

static uint64_t frame_in(struct kernel *k, const char *symbol)
{
	uint64_t pfn;
	return symbol_addr(k, symbol) && !error_drop(kernel_read_symbol(k, symbol, 0, &pfn)) ? pfn : UINT64_MAX;
}

/* As is_zero_frame() (mm/zero_page.c), the frame itself. */
static uint64_t zero_frame(struct kernel *k)
{
	uint64_t phys, pfn = frame_in(k, "zero_pfn");
	if (pfn == UINT64_MAX)
		pfn = frame_in(k, "zero_page_pfn");
	if (pfn == UINT64_MAX && symbol_addr(k, "empty_zero_page") &&
	    kernel_try_vtop(k, symbol_addr(k, "empty_zero_page"), &phys))
		pfn = phys_to_pfn(k, phys);
	return pfn;
}

/*
 * What is absent is looked for at 0, in the flags: a kernel without compound_head keeps tails by flag, or has none (then bit 0 of the word must not
 * say so: tails_by_flag, with no flag), one without _mapcount has nothing that asks for it.
 */
static void find_words(struct kernel *k, struct frames *f)
{
	f->flags_at = OFFSET(k, page, flags);
	f->mapping_at = OFFSET(k, page, mapping);
	f->refcount_at = OFFSET(k, page, refcount);
	f->mapcount_at = HAS(k, page, mapcount) ? OFFSET(k, page, mapcount) : 0;
	f->compound_head_at = HAS(k, page, compound_head) ? OFFSET(k, page, compound_head) : 0;
	if (!HAS(k, page, compound_head))
		f->tails_by_flag = true;
}

struct error *frames_open(struct kernel *k, struct frames **out)
{
	struct mm_state *s = mm_state(k);
	TRY(pages_open(k));
	if (!s->frames) {
		struct frames *f = s->frames = calloc(1, sizeof(*f));
		if (!f)
			abort();
		f->k = k;
		f->page_size = s->pages->page_size;
		f->head = flag_mask(k, "head");
		f->dirty = flag_mask(k, "dirty");
		f->referenced = flag_mask(k, "referenced");
		f->young = flag_mask(k, "young");
		f->swapbacked = flag_mask(k, "swapbacked");
		f->swapcache = flag_mask(k, "swapcache");
		f->reserved = flag_mask(k, "reserved");
		f->double_map = flag_mask(k, "double_map");
		f->counts_whole = flag_mask(k, "compound_lock") != 0;
		f->tails_by_flag = !strcmp(k->members[M_page_compound_head].name, "first_page");
		f->tail = flag_mask(k, "tail");
		find_words(k, f);
		f->zero_pfn = zero_frame(k);
		f->huge_zero_pfn = huge_zero_frame(k);
	}
	*out = s->frames;
	return NULL;
}

static bool find_run(struct frames *f, uint64_t pfn)
{
	const struct page_run *run = page_run_of(f->k->mm->pages, pfn);
	if (!run)
		return false;
	f->run_pfn = run->pfn;
	f->run_count = run->end - run->pfn;
	f->run_page = run->page;
	return true;
}

const unsigned char *frame_page_far(struct frames *f, uint64_t pfn)
{
	if (pfn - f->run_pfn >= f->run_count && !find_run(f, pfn))
		return NULL;
	uint64_t addr = f->run_page + (pfn - f->run_pfn) * f->page_size, offset = addr & 4095;
	if (offset > 4096 - f->page_size)
		return object_try_open(f->k, addr, S_page, &f->copied) ? f->copied.bytes : NULL;
	const unsigned char *bytes = kernel_try_map(f->k, addr - offset, 4096);
	if (!bytes) /* part of it may still be there */
		return object_try_open(f->k, addr, S_page, &f->copied) ? f->copied.bytes : NULL;
	f->window[(addr >> 12) % FRAMES_WINDOWS].number = addr >> 12;
	f->window[(addr >> 12) % FRAMES_WINDOWS].bytes = bytes;
	return bytes + offset;
}

bool frame_piece_find(struct frames *f, uint64_t pfn, struct frame_piece *out)
{
	*out = (struct frame_piece){0};
	if (!frame_page(f, pfn))
		return false;
	uint64_t index = pfn - f->run_pfn, number = (f->run_page + index * f->page_size) >> 12, start = number << 12;
	uint64_t first = start > f->run_page ? (start - f->run_page + f->page_size - 1) / f->page_size : 0;
	uint64_t end = (start + 4096 - f->run_page) / f->page_size;
	if (f->window[number % FRAMES_WINDOWS].number != number || index < first || index >= end)
		return false;
	*out = (struct frame_piece){
		.pfn = f->run_pfn + first,
		.count = (end < f->run_count ? end : f->run_count) - first,
		.bytes = f->window[number % FRAMES_WINDOWS].bytes + (f->run_page + first * f->page_size - start),
		.page_size = f->page_size,
	};
	return true;
}

/* ---- Compound pages ---- */

/* A gigantic page of 1 GB: there is none greater on x86. */
#define FOLIO_ORDER_MAX 18

/* What the first tail page, or the folio's part of it, says. */
static void read_large(struct frames *f, struct folio *folio, const struct page *head)
{
	struct kernel *k = f->k;
	struct page tail;
	struct object o;
	folio->entire_mapcount = 0;
	if (f->counts_whole) {
		folio->entire_mapcount = (int32_t)frame_get(f, folio->head, M_page_mapcount) + 1;
	} else if (HAS(k, page, compound_mapcount)) {
		if (!error_drop(page_open(k, folio->page + f->page_size, &tail)))
			folio->entire_mapcount = (int32_t)GET(k, &tail.object, page, compound_mapcount) + 1;
	} else if (HAS(k, folio, entire_mapcount) && object_try_open(k, folio->page, S_folio, &o)) {
		folio->entire_mapcount = (int32_t)GET(k, &o, folio, entire_mapcount) + 1;
		/*
		 * CONFIG_NO_PAGE_MAPCOUNT (6.15) leaves no trace in types: mapped parts without a count of mapped pages do
		 * (include/linux/rmap.h, __folio_add_rmap()).
		 */
		if (HAS(k, folio, mm_ids) && !folio->hugetlb) {
			folio->large_mapcount = (int32_t)GET(k, &o, folio, large_mapcount) + 1;
			folio->no_page_mapcounts = folio->large_mapcount > 0 &&
						   !(uint32_t)GET(k, &o, folio, nr_pages_mapped);
			/* FOLIO_MM_IDS_SHARED_BITNUM: the word's highest bit (include/linux/mm_types.h) */
			folio->maybe_mapped_shared = folio->large_mapcount > 1 &&
						     GET(k, &o, folio, mm_ids) >> (8 * k->arch->pointer_size - 1) & 1;
		}
	}
}

bool folio_open(struct frames *f, uint64_t pfn, struct folio *out)
{
	struct kernel *k = f->k;
	const unsigned char *bytes = frame_page(f, pfn);
	*out = (struct folio){.pfn = pfn};
	if (!bytes)
		return false;
	out->page = f->run_page + (pfn - f->run_pfn) * f->page_size;
	struct page page = {.object = {bytes, out->page, f->page_size}, .pfn = pfn};
	if (frame_is_tail(f, bytes)) {
		out->page = page_compound_head(k, &page);
		/* The head of a compound page stands before its tails. */
		if (!page_to_pfn(k, out->page, &out->pfn) || out->pfn >= pfn || !(bytes = frame_page(f, out->pfn)))
			return false;
		page.object = (struct object){bytes, out->page, f->page_size};
		page.pfn = out->pfn;
	}
	out->head = bytes;
	out->flags = page.flags = frame_get(f, bytes, M_page_flags);
	out->mapping = frame_get(f, bytes, M_page_mapping);
	if (!(out->flags & f->head))
		return out->pfn == pfn;
	out->order = page_compound_order(k, &page);
	if (out->order > FOLIO_ORDER_MAX)
		return false;
	out->hugetlb = page_use(k, &page) == PAGE_HUGETLB;
	read_large(f, out, &page);
	return pfn - out->pfn < 1ull << out->order;
}

static int32_t average_mapcount(const struct folio *folio)
{
	int64_t parts = (int64_t)folio->large_mapcount - folio->entire_mapcount;
	if (parts <= 0)
		return folio->entire_mapcount;
	int64_t average = (parts + (1ll << folio->order >> 1)) >> folio->order;
	average += folio->entire_mapcount;
	return average > 1 ? (int32_t)average : 1;
}

int32_t folio_page_mapcount(const struct frames *f, const struct folio *folio, const unsigned char *page)
{
	const struct kernel *k = f->k;
	if (folio->no_page_mapcounts)
		return average_mapcount(folio);
	if (f->counts_whole && folio->order)
		return folio->entire_mapcount;
	int32_t count = (int32_t)frame_get(f, page, M_page_mapcount) + 1;
	/* A page type stands in the same word (since 4.18): far below zero. */
	if (count < 0)
		count = 0;
	if (!folio->order)
		return count;
	/*
	 * While PG_double_map told of a huge page that was mapped both ways (until 6.2), a file's pages counted whole mappings
	 * themselves, and an anonymous page's counts were one too high (mm/util.c, __page_mapcount()).
	 */
	if (f->double_map) {
		struct page second;
		if (!(folio->mapping & PAGE_MAPPING_ANON) && !folio->hugetlb)
			return count;
		count += folio->entire_mapcount;
		if (!error_drop(page_open((struct kernel *)k, folio->page + f->page_size, &second)) &&
		    (second.flags & f->double_map))
			count--;
		return count;
	}
	return count + folio->entire_mapcount;
}

/* ---- Leaves ---- */

static void decode_absent(struct frames *f, uint64_t entry, struct leaf_page *out)
{
	static const enum leaf_kind kinds[] = {
		[SWAP_PAGE] = LEAF_SWAP,
		[SWAP_HWPOISON] = LEAF_HWPOISON,
		[SWAP_MIGRATION] = LEAF_MIGRATION,
		[SWAP_DEVICE_PRIVATE] = LEAF_DEVICE_PRIVATE,
		[SWAP_DEVICE_EXCLUSIVE] = LEAF_DEVICE_EXCLUSIVE,
		[SWAP_ERROR] = LEAF_OTHER,
		[SWAP_MARKER] = LEAF_OTHER,
		[SWAP_BAD] = LEAF_OTHER,
	};
	struct swap_entry e;
	swap_entry_decode(f->k, entry, &e);
	*out = (struct leaf_page){kinds[e.kind], e.pfn};
}

void leaf_page(struct frames *f, uint64_t vm_flags, uint64_t entry, unsigned level, struct leaf_page *out)
{
	const struct pagetable_geometry *g = &f->k->geometry;
	*out = (struct leaf_page){LEAF_NONE, 0};
	if (!entry)
		return;
	if (!pagetable_entry_present(g, entry)) {
		decode_absent(f, entry, out);
		return;
	}
	bool last = level + 1 == g->levels;
	out->pfn = phys_to_pfn(f->k, pagetable_entry_phys(g, entry, level));
	if (out->pfn == (last ? f->zero_pfn : f->huge_zero_pfn))
		out->kind = LEAF_ZERO;
	else if (entry & X86_SPECIAL || (!last && (vm_flags & VM_PFNMAP)))
		out->kind = LEAF_RAW;
	else
		out->kind = LEAF_PAGE;
}
