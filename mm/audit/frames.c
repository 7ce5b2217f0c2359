/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each struct page against what was found: mapcounts, references, the state of free pages; and what each frame is used for.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "mm/audit/pages.h"
#include "mm/system.h"

/* mm/internal.h: in _nr_pages_mapped, that an entry maps all of the folio; the rest counts pages mapped one by one. */
#define ENTIRELY_MAPPED 0x800000
/* include/linux/mm.h: what a pin adds to the count of a small page. */
#define GUP_PIN_COUNTING_BIAS 1024

/* Why a page has more references than holders were found. */
enum surplus { SURPLUS_PINNED, SURPLUS_ISOLATED, SURPLUS_BUSY, SURPLUS_OTHER, SURPLUS_COUNT };

struct frames_pass {
	struct audit *a;
	uint64_t surplus[SURPLUS_COUNT];
	uint64_t lost;
};

/* A page or compound page, with what was found of it. */
struct folio {
	const struct page *head;
	struct audit_frame *frames; /* of its pages, side by side */
	uint64_t pages;
	uint64_t small, huge; /* entries of single pages, of the whole */
	uint64_t mapped;      /* pages that an entry maps */
	struct object bytes;  /* of struct folio, where there is one and this is large */
	enum audit_line_kind kind;
};

static bool is_user(enum page_use use)
{
	return use == PAGE_ANON || use == PAGE_KSM || use == PAGE_FILE || use == PAGE_HUGETLB;
}

/* ---- Free pages ---- */

static void check_free(struct frames_pass *w, const struct page *p, const struct audit_frame *f)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	uint64_t bad = 0;
	const int bits[] = {a->bit.lru, a->bit.slab, a->bit.locked, a->bit.reserved, a->bit.writeback, a->bit.active, a->bit.unevictable};
	audit_checked(a, AUDIT_FREE_PAGES, 1);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (bits[i] >= 0)
			bad |= 1ull << bits[i];
	bool head = f->use == AUDIT_USE_FREE && f->batch;
	if (p->flags & bad || page_refcount(k, p))
		audit_find(a, AUDIT_FREE_PAGES, p->object.addr, "frame %" PRIx64 " is free, with count %d, flags %" PRIx64, p->pfn, page_refcount(k, p),
			   p->flags);
	else if (GET(k, &p->object, page, mapping))
		audit_find(a, AUDIT_FREE_PAGES, p->object.addr, "frame %" PRIx64 " is free, with mapping %" PRIx64, p->pfn,
			   GET(k, &p->object, page, mapping));
	else if (!head && !a->lists_damaged && page_marks_free(k) && page_is_buddy(k, p))
		audit_find(a, AUDIT_FREE_PAGES, p->object.addr, "frame %" PRIx64 " is marked as a free block, and on no free list", p->pfn);
}

/* ---- Mapcounts ---- */

static int64_t small_mapcount(const struct audit *a, const struct page *p)
{
	int32_t word = page_mapcount_word(a->k, p);
	return word >= -1 ? (int64_t)word + 1 : 0; /* a page type */
}

static void mapcount_differs(struct audit *a, const struct folio *o, uint64_t pfn, const char *what, int64_t counted, int64_t found)
{
	a->about_pfn = pfn;
	audit_say(a, AUDIT_MAPCOUNT, o->kind, o->head->object.addr, "frame %" PRIx64 ": %s says %" PRId64 ", entries found: %" PRId64, pfn, what, counted,
		  found);
	a->about_pfn = UINT64_MAX;
}

static void check_subpages(struct frames_pass *w, const struct folio *o, bool is_anon)
{
	struct audit *a = w->a;
	/* PG_double_map (until 6.2): of a huge page mapped both ways each page counts one more; of a file's, one for each whole mapping. */
	uint64_t more = 0;
	struct page p, second;
	/* Until 4.4 there are whole mappings alone; the parts' words count who has them pinned. */
	for (uint64_t i = 0; a->bit.compound_lock >= 0 && i < o->pages; i++)
		if (o->frames[i].entries)
			mapcount_differs(a, o, o->head->pfn + i, "a page that is mapped with its neighbours only", 0, (int64_t)o->frames[i].entries);
	if (a->bit.compound_lock >= 0)
		return;
	if (a->bit.double_map >= 0 && audit_page(a, o->head->pfn + 1, &second))
		more = !is_anon ? o->huge : audit_has_bit(&second, a->bit.double_map);
	for (uint64_t i = 0; i < o->pages; i++) {
		if (!audit_page(a, o->head->pfn + i, &p))
			continue;
		int64_t counted = small_mapcount(a, &p), found = (int64_t)(o->frames[i].entries + more);
		if (counted != found)
			mapcount_differs(a, o, p.pfn, "_mapcount", counted, found);
	}
}

/* The whole's count, from -1 up: of the first tail page, or of struct folio. False: there is none. */
static bool whole_mapcount(struct audit *a, const struct folio *o, int64_t *count)
{
	struct page second;
	if (a->bit.compound_lock >= 0) {
		*count = small_mapcount(a, o->head);
		return true;
	}
	if (HAS(a->k, page, compound_mapcount)) {
		if (!audit_page(a, o->head->pfn + 1, &second))
			return false;
		*count = (int32_t)GET(a->k, &second.object, page, compound_mapcount) + 1;
		return true;
	}
	*count = (int32_t)GET(a->k, &o->bytes, folio, entire_mapcount) + 1;
	return o->bytes.bytes && HAS(a->k, folio, entire_mapcount);
}

static void check_large(struct frames_pass *w, const struct folio *o, bool is_anon, bool is_hugetlb)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	int64_t count;
	/* Two pages have no room for all counts. */
	if ((o->pages > 2 || is_hugetlb) && whole_mapcount(a, o, &count) && count != (int64_t)o->huge)
		mapcount_differs(a, o, o->head->pfn, "the count of entries of the whole", count, (int64_t)o->huge);
	if (o->bytes.bytes && HAS(k, folio, large_mapcount)) {
		count = (int32_t)GET(k, &o->bytes, folio, large_mapcount) + 1;
		if (count != (int64_t)(o->huge + o->small))
			mapcount_differs(a, o, o->head->pfn, "_large_mapcount", count, (int64_t)(o->huge + o->small));
	}
	if (is_hugetlb)
		return;
	check_subpages(w, o, is_anon);
	if (o->bytes.bytes && o->pages > 2 && HAS(k, folio, nr_pages_mapped)) {
		uint64_t one_by_one = 0;
		for (uint64_t i = 0; i < o->pages; i++)
			one_by_one += o->frames[i].entries != 0;
		count = (int64_t)GET(k, &o->bytes, folio, nr_pages_mapped);
		if (count != (int64_t)(one_by_one + (o->huge ? ENTIRELY_MAPPED : 0)))
			mapcount_differs(a, o, o->head->pfn, "_nr_pages_mapped", count, (int64_t)(one_by_one + (o->huge ? ENTIRELY_MAPPED : 0)));
	}
}

static void check_mapcount(struct frames_pass *w, const struct folio *o, bool is_anon, bool is_hugetlb)
{
	struct audit *a = w->a;
	audit_checked(a, AUDIT_MAPCOUNT, o->pages);
	if (o->pages > 1) {
		check_large(w, o, is_anon, is_hugetlb);
		return;
	}
	int64_t counted = small_mapcount(a, o->head);
	if (counted != (int64_t)o->small)
		mapcount_differs(a, o, o->head->pfn, "_mapcount", counted, (int64_t)o->small);
}

/* Of a slab the word may count its objects instead (struct page before 4.16). */
static bool counts_objects(const struct audit *a, enum page_use use)
{
	const struct member *objects = &a->k->members[M_slab_objects], *count = &a->k->members[M_page_mapcount];
	return use == PAGE_SLAB && objects->present && objects->offset - count->offset < count->size;
}

/* ---- References ---- */

static enum surplus explain(struct audit *a, const struct folio *o, uint64_t more)
{
	if (o->pages == 1 && more >= GUP_PIN_COUNTING_BIAS)
		return SURPLUS_PINNED;
	if (o->pages > 2 && page_pincount(a->k, o->head))
		return SURPLUS_PINNED;
	if (audit_has_bit(o->head, a->bit.locked) || audit_has_bit(o->head, a->bit.writeback))
		return SURPLUS_BUSY;
	if (!audit_has_bit(o->head, a->bit.lru))
		return SURPLUS_ISOLATED;
	return SURPLUS_OTHER;
}

static void check_refcount(struct frames_pass *w, const struct folio *o, bool is_anon, uint64_t own)
{
	struct audit *a = w->a;
	int64_t count = page_refcount(a->k, o->head), expected = (int64_t)(o->small + o->huge + o->frames->holders + own);
	/* Buffers, or what else a file system keeps of the page (include/linux/mm.h: folio_expected_ref_count()). */
	if (!is_anon && (audit_has_bit(o->head, a->bit.private1) || audit_has_bit(o->head, a->bit.private2)))
		expected++;
	if (HAS(a->k, page, buffers) && GET(a->k, &o->head->object, page, buffers))
		expected++;
	audit_checked(a, AUDIT_REFCOUNT, 1);
	a->about_pfn = o->head->pfn;
	if (count < expected) {
		audit_say(a, AUDIT_REFCOUNT, o->kind, o->head->object.addr, "frame %" PRIx64 ": count %" PRId64 ", holders found: %" PRId64, o->head->pfn, count,
			  expected);
	} else if (count > expected) {
		enum surplus why = explain(a, o, (uint64_t)(count - expected));
		w->surplus[why]++;
		if (why == SURPLUS_OTHER)
			audit_say(a, AUDIT_REFCOUNT, AUDIT_NOTE, o->head->object.addr, "frame %" PRIx64 ": count %" PRId64 ", holders found: %" PRId64,
				  o->head->pfn, count, expected);
	}
	a->about_pfn = UINT64_MAX;
}

/* ---- What vmstat counts ---- */

/* Folios that huge entries map, and those of the page cache that they could: in pages since 5.12 (as mm/engine/modern.c tells it), else one each. */
static void add_huge_sums(struct audit *a, const struct folio *o, int64_t *sum, bool is_anon)
{
	bool by_pages = HAS(a->k, page, memcg_data) || HAS_STRUCT(a->k, folio), shmem = audit_has_bit(o->head, a->bit.swapbacked);
	int64_t n = by_pages ? (int64_t)o->pages : 1;
	if (o->huge)
		sum[is_anon ? SUM_ANON_THPS : shmem ? SUM_SHMEM_PMDMAPPED : SUM_FILE_PMDMAPPED] += n;
	if (!is_anon && (o->frames->marks & MARK_CACHED) && o->pages >> a->huge_shift)
		sum[shmem ? SUM_SHMEM_THPS : SUM_FILE_THPS] += n;
}

static void add_sums(struct audit *a, const struct folio *o, enum page_use use)
{
	const struct page *p = o->head;
	const struct zone *z = zone_of_pfn(a->k, p->pfn);
	if (!z)
		return;
	int64_t *sum = a->zone_sums[z - zones_get(a->k, 0)].sum, pages = (int64_t)o->pages;
	bool is_anon = use == PAGE_ANON || use == PAGE_KSM;
	if (audit_has_bit(p, a->bit.lru)) {
		int list = audit_has_bit(p, a->bit.unevictable) ? 4
								: 2 * !audit_has_bit(p, a->bit.swapbacked) + audit_has_bit(p, a->bit.active);
		sum[SUM_LRU + list] += pages;
	}
	if (o->frames->use == AUDIT_USE_SLAB)
		sum[SUM_SLAB] += pages;
	if (use == PAGE_TABLE)
		sum[SUM_TABLES] += pages;
	if (use != PAGE_HUGETLB && p->pfn != a->zero_pfn)
		sum[is_anon ? SUM_ANON_MAPPED : SUM_FILE_MAPPED] += (int64_t)o->mapped;
	if (use == PAGE_FILE && o->frames->marks & MARK_CACHED) {
		sum[SUM_FILE_PAGES] += pages;
		if (audit_has_bit(p, a->bit.swapbacked))
			sum[SUM_SHMEM] += pages;
	}
	if (is_user(use) && use != PAGE_HUGETLB && audit_in_swap_cache(a, p))
		sum[SUM_SWAPCACHE] += pages;
	if (is_user(use) && use != PAGE_HUGETLB && pages > 1)
		add_huge_sums(a, o, sum, is_anon);
}

/* A page that says it is cached, and is in no tree; one that says it is on an LRU list, and is on none. */
static void check_places(struct frames_pass *w, const struct folio *o, enum page_use use)
{
	struct audit *a = w->a;
	const struct page *p = o->head;
	a->about_pfn = p->pfn;
	/* Drivers name a mapping too in pages that they give to processes (kernel/events/core.c): those are neither up to date nor on a list. */
	if (use == PAGE_FILE && HAS(a->k, address_space, i_pages) && !(o->frames->marks & MARK_CACHED) && audit_has_bit(p, a->bit.lru))
		audit_find(a, AUDIT_PAGE_CACHE, p->object.addr, "frame %" PRIx64 " says it is in mapping %" PRIx64 ", which does not have it", p->pfn,
			   GET(a->k, &p->object, page, mapping));
	bool unlisted = audit_has_bit(p, a->bit.unevictable) && HAS(a->k, folio, mlock_count);
	if (audit_has_bit(p, a->bit.lru) && !(o->frames->marks & MARK_LRU) && !unlisted && !a->report->rule[AUDIT_LRU].skipped)
		audit_find(a, AUDIT_LRU, p->object.addr, "frame %" PRIx64 " says it is on an LRU list, and is on none (flags %" PRIx64 ")", p->pfn, p->flags);
	a->about_pfn = UINT64_MAX;
}

/* ---- Uses ---- */

static enum audit_use use_of_reserved(struct audit *a, const struct page *p)
{
	struct kernel *k = a->k;
	uint64_t phys = p->pfn << k->arch->page_shift, start, end;
	if (kernel_try_vtop(k, k->text_start, &start) && phys >= (start & ~(VMCORE_PAGE_SIZE - 1)) && phys - start < k->text_end - k->text_start)
		return AUDIT_USE_IMAGE;
	for (size_t i = 0; vmcore_range(k->vmcore, i, &start, &end); i++)
		if (phys >= start && phys < end)
			return AUDIT_USE_BOOT;
	return AUDIT_USE_FIRMWARE;
}

static enum audit_use use_of(struct audit *a, const struct folio *o, enum page_use use)
{
	const struct page *p = o->head;
	switch (use) {
	case PAGE_RESERVED:
		return use_of_reserved(a, p);
	case PAGE_SLAB:
		return AUDIT_USE_SLAB;
	case PAGE_TABLE:
		return AUDIT_USE_TABLE;
	case PAGE_HUGETLB:
		return AUDIT_USE_HUGETLB;
	case PAGE_ANON:
	case PAGE_KSM:
		return audit_in_swap_cache(a, p) && !o->small && !o->huge ? AUDIT_USE_SWAP_CACHE : AUDIT_USE_ANON;
	case PAGE_FILE:
		return audit_has_bit(p, a->bit.swapbacked) ? AUDIT_USE_SHMEM : AUDIT_USE_FILE;
	case PAGE_GUARD:
	case PAGE_OFFLINE:
		return AUDIT_USE_DRIVER;
	default:
		/* Anonymous pages named no mapping before 2.6; what is mapped now and names none is a driver's. */
		if (o->small)
			return a->old_counts ? AUDIT_USE_ANON : AUDIT_USE_DRIVER;
		return o->pages > 1 ? AUDIT_USE_COMPOUND : AUDIT_USE_NONE;
	}
}

static void set_use(struct audit *a, const struct folio *o, enum audit_use use)
{
	for (uint64_t i = 0; i < o->pages; i++) {
		struct audit_frame *f = &o->frames[i];
		/* What maps it for the kernel says less than what its page says. */
		if (f->use == AUDIT_USE_NONE || (f->use == AUDIT_USE_VMALLOC && use != AUDIT_USE_COMPOUND && use != AUDIT_USE_NONE))
			f->use = (uint8_t)use;
		a->report->census[f->use]++;
	}
}

/* ---- The one that was asked for ---- */

static void report_frame(struct audit *a, const struct folio *o)
{
	struct audit_frame_report *r = &a->report->frame;
	uint64_t i = a->options->pfn - o->head->pfn;
	struct page p;
	int64_t whole = 0;
	if (!a->options->has_pfn || i >= o->pages || !audit_page(a, a->options->pfn, &p))
		return;
	if (o->pages > 1)
		whole_mapcount(a, o, &whole);
	*r = (struct audit_frame_report){
		.known = true,
		.pfn = p.pfn,
		.page = p.object.addr,
		.use = (enum audit_use)o->frames[i].use,
		.entries = o->frames[i].entries + o->huge,
		.pages = o->pages,
		.all_entries = o->small + o->huge,
		.mapcount = a->old_counts ? -1 : whole + (o->pages > 1 && a->bit.compound_lock >= 0 ? 0 : small_mapcount(a, &p)),
		.holders = o->frames->holders,
		.refcount = page_refcount(a->k, o->head),
	};
}

/* ---- The pass ---- */

static bool any_busy(const struct audit *a)
{
	for (size_t i = 0; i < a->mm_count; i++)
		if (a->mms[i].busy)
			return true;
	return false;
}

static struct error *visit(void *context, const struct page *p, struct audit_frame *f, uint64_t *next)
{
	struct frames_pass *w = context;
	struct audit *a = w->a;
	struct kernel *k = a->k;
	struct folio o = {.head = p, .frames = f, .pages = 1};
	if (f->use == AUDIT_USE_FREE || f->use == AUDIT_USE_CPU_FREE) {
		a->about_pfn = p->pfn;
		check_free(w, p, f);
		a->about_pfn = UINT64_MAX;
		a->report->census[f->use]++;
		report_frame(a, &o);
		return NULL;
	}
	if (audit_has_bit(p, a->bit.head) && !page_is_tail(k, p)) {
		const struct audit_frame *last = &a->frames[a->frame_count - 1];
		o.pages = 1ull << page_compound_order(k, p);
		if (o.pages - 1 > (uint64_t)(last - f))
			o.pages = 1;
	}
	*next = p->pfn + o.pages;
	if (o.pages > 1 && !object_try_open(k, p->object.addr, S_folio, &o.bytes))
		o.bytes.bytes = NULL;
	o.kind = AUDIT_FINDING;
	for (uint64_t i = 0; i < o.pages; i++) {
		o.small += f[i].entries;
		o.mapped += f[i].entries != 0;
		if (f[i].marks & MARK_BUSY)
			o.kind = AUDIT_BUSY;
		if (!((p->pfn + i) & ((1ull << a->huge_shift) - 1)))
			o.huge += *audit_huge(a, p->pfn + i);
	}
	if (o.huge)
		o.mapped = o.pages;
	/* The tree of swap entries' pages is read where there is one. */
	enum page_use use = page_use(k, p);
	if (is_user(use) && audit_in_swap_cache(a, p) && !(f->marks & MARK_SWAP) && !symbol_addr(k, "swapper_spaces"))
		f->holders += (uint32_t)o.pages;
	if (use == PAGE_FREE && !a->lists_damaged) {
		a->about_pfn = p->pfn;
		audit_find(a, AUDIT_FREE_PAGES, p->object.addr, "frame %" PRIx64 " is marked as a free block, and on no free list", p->pfn);
		a->about_pfn = UINT64_MAX;
	}
	if (a->options->mm && f->marks & MARK_MINE)
		a->about_mm = a->options->mm;
	bool typed = !a->old_counts && page_mapcount_word(k, p) < -1;
	if (!a->old_counts && p->pfn != a->zero_pfn && !counts_objects(a, use) && !(typed && !o.small && !o.huge && use != PAGE_HUGETLB))
		check_mapcount(w, &o, use == PAGE_ANON || use == PAGE_KSM, use == PAGE_HUGETLB);
	if (is_user(use) || ((o.small || o.huge) && use != PAGE_SLAB && use != PAGE_TABLE))
		check_refcount(w, &o, use == PAGE_ANON || use == PAGE_KSM, is_user(use) || a->old_counts ? 0 : 1);
	a->about_mm = 0;
	/* Between an entry and the list of what waits a table is nowhere while somebody changes his address space. */
	if (use == PAGE_TABLE && f->use != AUDIT_USE_TABLE && !page_rcu_function(k, p))
		audit_say(a, AUDIT_PAGE_TABLES, any_busy(a) ? AUDIT_BUSY : AUDIT_FINDING, p->object.addr,
			  "frame %" PRIx64 " is marked as a page table, and no address space leads to it", p->pfn);
	check_places(w, &o, use);
	add_sums(a, &o, use);
	set_use(a, &o, use_of(a, &o, use));
	report_frame(a, &o);
	return NULL;
}

struct error *audit_frames(struct audit *a)
{
	static const char *const why[SURPLUS_COUNT] = {"pinned", "not on an LRU list: isolated, or in a batch", "locked or being written", NULL};
	struct frames_pass w = {.a = a};
	TRY(audit_each_page(a, visit, &w));
	for (int i = 0; i < SURPLUS_COUNT; i++)
		if (w.surplus[i] && why[i])
			audit_say(a, AUDIT_REFCOUNT, AUDIT_NOTE, 0, "%" PRIu64 " pages with more references than holders were found: %s", w.surplus[i], why[i]);
	audit_checked(a, AUDIT_FRAMES, a->frame_count);
	return NULL;
}
