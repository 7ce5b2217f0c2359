/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How often a folio of several pages is mapped: as a whole and in parts (mm/rmap.c, include/linux/rmap.h). Counted in four ways, told by what there is:
 *   - PG_compound_lock (until 4.4): as a whole only, in the first page's own count
 *   - PG_double_map (4.5 to 6.1): the whole in the first tail page, parts in their own pages; parts of a folio that is mapped both ways count one more
 *   - folio._nr_pages_mapped (6.3): how many parts are mapped, beside a great number while the whole is
 *   - and folio._large_mapcount (6.10): all of them together; since 6.15 with who has how many of them (_mm_id, _mm_id_mapcount)
 */
#include <inttypes.h>

#include "mm/anon_vma.h"
#include "mm/engine/huge.h"

/* mm/internal.h: in _nr_pages_mapped, while the whole is mapped. */
#define ENTIRELY_MAPPED	   0x800000
#define FOLIO_PAGES_MAPPED (ENTIRELY_MAPPED - 1)

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

static void set_flag(struct engine *e, struct page *p, int bit, bool on)
{
	if (bit < 0)
		return;
	p->flags = on ? p->flags | 1ull << bit : p->flags & ~(1ull << bit);
	SET(e->k, &p->object, page, flags, p->flags);
}

struct error *large_open(struct engine *e, uint64_t page, struct large *l)
{
	struct kernel *k = e->k;
	struct page p;
	TRY(page_open_known(e, page, &p));
	uint64_t head = page_compound_head(k, &p);
	TRY(page_open_writable(e, head, &l->head));
	l->order = page_compound_order(k, &l->head);
	l->pages = 1ull << l->order;
	if (!l->order || (page - head) / e->page_size >= l->pages)
		return error_at(ERR_BAD_OBJECT, page, "page %" PRIx64 " is said to be of a large folio, and is not", page);
	TRY(page_open_writable(e, head + e->page_size, &l->second));
	l->folio = (struct object){ 0 };
	if (HAS_STRUCT(k, folio))
		TRY(object_open_writable(k, head, S_folio, &l->folio));
	l->anon = GET(k, &l->head.object, page, mapping) & PAGE_MAPPING_ANON;
	if (e->modern->large == LARGE_UNKNOWN)
		return error_at(ERR_UNSUPPORTED, page, "page %" PRIx64 " is of a large folio: how this kernel counts its mappings is not followed", page);
	return NULL;
}

/* ---- The counts ---- */

static int64_t large_entire_mapcount(struct engine *e, const struct large *l)
{
	struct kernel *k = e->k;
	if (e->modern->large == LARGE_WHOLE)
		return page_mapcount_word(k, &l->head) + 1;
	if (HAS(k, page, compound_mapcount))
		return (int32_t)GET(k, &l->second.object, page, compound_mapcount) + 1;
	return (int32_t)GET(k, &l->folio, folio, entire_mapcount) + 1;
}

static struct error *add_entire(struct engine *e, struct large *l, int n, int64_t *now)
{
	struct kernel *k = e->k;
	*now = large_entire_mapcount(e, l) + n;
	if (*now < 0)
		return error_at(ERR_BAD_OBJECT, l->head.object.addr, "a huge entry maps page %" PRIx64 ", which says that none does", l->head.object.addr);
	if (e->modern->large == LARGE_WHOLE)
		SET(k, &l->head.object, page, mapcount, (uint64_t)(*now - 1));
	else if (HAS(k, page, compound_mapcount))
		SET(k, &l->second.object, page, compound_mapcount, (uint64_t)(*now - 1));
	else
		SET(k, &l->folio, folio, entire_mapcount, (uint64_t)(*now - 1));
	return NULL;
}

/* _mapcount of a part. *changed is counted up when it comes to be mapped, or to be so no more. */
static struct error *add_part(struct engine *e, const struct large *l, uint64_t i, int n, uint64_t *changed)
{
	struct page p;
	TRY(page_open_writable(e, l->head.object.addr + i * e->page_size, &p));
	int32_t count = page_mapcount_word(e->k, &p) + n;
	if (count < -1)
		return error_at(ERR_BAD_OBJECT, p.object.addr, "a mapped page says that nobody maps it: %" PRIx64 ", _mapcount %d", p.object.addr, count - n);
	SET(e->k, &p.object, page, mapcount, (uint64_t)count);
	*changed += n > 0 ? count == 0 : count == -1;
	return NULL;
}

static struct error *add_all_parts(struct engine *e, const struct large *l, int n, uint64_t *changed)
{
	*changed = 0;
	for (uint64_t i = 0; i < l->pages; i++)
		TRY(add_part(e, l, i, n, changed));
	return NULL;
}

struct error *large_most_mapcount(struct engine *e, const struct large *l, int64_t *count)
{
	struct page p;
	int64_t most = 0;
	if (e->modern->large == LARGE_WHOLE) {
		*count = large_entire_mapcount(e, l);
		return NULL;
	}
	for (uint64_t i = 0; i < l->pages; i++) {
		TRY(page_open_known(e, l->head.object.addr + i * e->page_size, &p));
		int64_t parts = page_mapcount_word(e->k, &p) + 1;
		most = parts > most ? parts : most;
	}
	*count = most + large_entire_mapcount(e, l) - has(&l->second, e->modern->double_map);
	return NULL;
}

struct error *large_total_mapcount(struct engine *e, const struct large *l, int64_t *count)
{
	struct page p;
	int64_t whole = large_entire_mapcount(e, l), each = has(&l->second, e->modern->double_map) ? 1 : 0;
	/* Of a file's pages, each counts whole mappings too. */
	if (e->modern->large == LARGE_DOUBLE_MAP && !l->anon)
		each = whole;
	*count = whole;
	for (uint64_t i = 0; e->modern->large != LARGE_WHOLE && i < l->pages; i++) {
		TRY(page_open_known(e, l->head.object.addr + i * e->page_size, &p));
		*count += page_mapcount_word(e->k, &p) + 1 - each;
	}
	return NULL;
}

/* What vmstat counts: pages that have come to be mapped; folios that a huge entry maps, in pages since 5.12. */
static void count_mapped(struct engine *e, const struct large *l, int64_t pages, int whole)
{
	const struct engine_modern *m = e->modern;
	uint64_t page = l->head.object.addr;
	struct stat_item thps = l->anon ? m->anon_thps : has(&l->head, m->swapbacked) ? m->shmem_thps_mapped : m->file_thps_mapped;
	if (pages)
		mod_page_state(e, page, l->anon ? m->anon_mapped : m->file_mapped, (int)pages);
	if (whole)
		mod_page_state(e, page, thps, whole * (m->thps_by_pages ? (int)l->pages : 1));
}

/* ---- Whose the mappings are: _mm_id and _mm_id_mapcount ---- */

static uint64_t mm_id(struct engine *e, const struct large *l, unsigned slot)
{
	unsigned bits = e->k->members[M_folio_mm_id].stride * 8;
	return object_get_element(e->k, &l->folio, M_folio_mm_id, slot) & ~(1ull << (bits - 1));
}

static int64_t mm_id_mapcount(struct engine *e, const struct large *l, unsigned slot)
{
	uint64_t v = object_get_element(e->k, &l->folio, M_folio_mm_id_mapcount, slot);
	return e->k->members[M_folio_mm_id_mapcount].stride == 2 ? (int16_t)v : (int32_t)v;
}

/* The slot's highest bit is another thing: of the second one, that the folio may be mapped by more than one process (FOLIO_MM_IDS_SHARED_BITNUM). */
static void set_mm_id(struct engine *e, struct large *l, unsigned slot, uint64_t id, int64_t mapcount)
{
	uint64_t old = object_get_element(e->k, &l->folio, M_folio_mm_id, slot);
	object_set_element(e->k, &l->folio, M_folio_mm_id, slot, (old & ~mm_id(e, l, slot)) | id);
	object_set_element(e->k, &l->folio, M_folio_mm_id_mapcount, slot, (uint64_t)mapcount);
}

static void set_maybe_shared(struct engine *e, struct large *l, bool shared)
{
	uint64_t bit = 1ull << (e->k->members[M_folio_mm_id].stride * 8 - 1), old = object_get_element(e->k, &l->folio, M_folio_mm_id, 1);
	object_set_element(e->k, &l->folio, M_folio_mm_id, 1, shared ? old | bit : old & ~bit);
}

/* folio_add_return_large_mapcount(), folio_sub_return_large_mapcount(): `sum` is the folio's, less one. */
static void add_mm_mappings(struct fault *f, struct large *l, int64_t n, int64_t sum)
{
	struct engine *e = f->e;
	uint64_t id = GET(e->k, f->mm, mm_struct, mm_id);
	int slot = mm_id(e, l, 0) == id ? 0 : mm_id(e, l, 1) == id ? 1 : -1;
	if (n > 0 && slot < 0) {
		slot = !mm_id(e, l, 0) ? 0 : !mm_id(e, l, 1) ? 1 : -1;
		if (slot < 0)
			return;
		set_mm_id(e, l, (unsigned)slot, id, n - 1);
		if (slot || sum != n - 1)
			set_maybe_shared(e, l, true);
		return;
	}
	if (slot >= 0) {
		int64_t count = mm_id_mapcount(e, l, (unsigned)slot) + n;
		bool gone = count < 0;
		set_mm_id(e, l, (unsigned)slot, gone ? 0 : id, gone ? -1 : count);
		if (!gone)
			return;
	}
	if (n < 0 && (mm_id_mapcount(e, l, 0) == sum || mm_id_mapcount(e, l, 1) == sum))
		set_maybe_shared(e, l, false);
}

bool large_all_mine(struct engine *e, const struct large *l, int32_t references)
{
	struct kernel *k = e->k;
	int64_t mapcount = (int32_t)GET(k, &l->folio, folio, large_mapcount) + 1;
	uint64_t shared = object_get_element(k, &l->folio, M_folio_mm_id, 1) >> (k->members[M_folio_mm_id].stride * 8 - 1) & 1;
	return mapcount > 1 && !shared && mapcount == references;
}

static void add_large_mapcount(struct fault *f, struct large *l, int64_t n)
{
	struct kernel *k = f->e->k;
	if (!HAS(k, folio, large_mapcount))
		return;
	int64_t sum = (int32_t)GET(k, &l->folio, folio, large_mapcount) + n;
	SET(k, &l->folio, folio, large_mapcount, (uint64_t)sum);
	if (HAS(k, folio, mm_id))
		add_mm_mappings(f, l, n, sum);
}

/* Adds to _nr_pages_mapped; what it was. */
static int64_t add_pages_mapped(struct engine *e, struct large *l, int64_t n)
{
	int64_t old = (int64_t)(uint32_t)GET(e->k, &l->folio, folio, nr_pages_mapped);
	SET(e->k, &l->folio, folio, nr_pages_mapped, (uint64_t)(old + n));
	return old;
}

/* ---- The whole ---- */

static struct error *add_whole_pages_mapped(struct fault *f, struct large *l, bool first)
{
	if (!first)
		return NULL;
	int64_t parts = add_pages_mapped(f->e, l, ENTIRELY_MAPPED) & FOLIO_PAGES_MAPPED;
	count_mapped(f->e, l, (int64_t)l->pages - parts, 1);
	return NULL;
}

static struct error *add_whole_double_map(struct fault *f, struct large *l, bool first)
{
	uint64_t pages = 0;
	/* A file's pages count whole mappings too. */
	if (!l->anon)
		TRY(add_all_parts(f->e, l, 1, &pages));
	count_mapped(f->e, l, l->anon && first ? (int64_t)l->pages : (int64_t)pages, first);
	return NULL;
}

struct error *large_add_whole(struct fault *f, struct large *l)
{
	int64_t now;
	TRY(add_entire(f->e, l, 1, &now));
	if (f->e->modern->large == LARGE_WHOLE) {
		if (now == 1)
			count_mapped(f->e, l, (int64_t)l->pages, 1);
		return NULL;
	}
	add_large_mapcount(f, l, 1);
	return f->e->modern->large == LARGE_DOUBLE_MAP ? add_whole_double_map(f, l, now == 1) : add_whole_pages_mapped(f, l, now == 1);
}

static struct error *remove_whole_pages_mapped(struct fault *f, struct large *l, bool last)
{
	if (!last)
		return NULL;
	int64_t parts = add_pages_mapped(f->e, l, -ENTIRELY_MAPPED) - ENTIRELY_MAPPED, gone = (int64_t)l->pages - (parts & FOLIO_PAGES_MAPPED);
	count_mapped(f->e, l, -gone, -1);
	return gone && gone < (int64_t)l->pages && l->anon ? deferred_split_folio(f->e, l, true) : NULL;
}

static struct error *remove_whole_double_map(struct fault *f, struct large *l, bool last)
{
	struct engine *e = f->e;
	uint64_t pages = 0;
	if (!l->anon) {
		TRY(add_all_parts(e, l, -1, &pages));
		count_mapped(e, l, -(int64_t)pages, last ? -1 : 0);
		return NULL;
	}
	if (!last)
		return NULL;
	pages = l->pages;
	if (has(&l->second, e->modern->double_map)) {
		set_flag(e, &l->second, e->modern->double_map, false);
		TRY(add_all_parts(e, l, -1, &pages));
		if (pages && pages < l->pages)
			TRY(deferred_split_folio(e, l, true));
	}
	count_mapped(e, l, -(int64_t)pages, -1);
	return NULL;
}

struct error *large_remove_whole(struct fault *f, struct large *l)
{
	struct engine *e = f->e;
	int64_t now;
	TRY(add_entire(e, l, -1, &now));
	if (e->modern->large == LARGE_WHOLE) {
		if (!now)
			count_mapped(e, l, -(int64_t)l->pages, -1);
	} else {
		add_large_mapcount(f, l, -1);
		TRY(e->modern->large == LARGE_DOUBLE_MAP ? remove_whole_double_map(f, l, !now) : remove_whole_pages_mapped(f, l, !now));
	}
	if (has(&l->head, e->modern->mlocked) && HAS(e->k, page, mlock_count))
		return f->vma->flags & VM_LOCKED ? munlock_vma_page(e, l->head.object.addr) : NULL;
	/* Who has it no more cannot have it locked. */
	if (now || !has(&l->head, e->modern->mlocked))
		return NULL;
	TRY(clear_page_mlock(e, l->head.object.addr));
	return page_open_writable(e, l->head.object.addr, &l->head);
}

/* ---- Parts ---- */

struct error *large_add_parts(struct fault *f, struct large *l, uint64_t first, uint64_t count)
{
	struct engine *e = f->e;
	uint64_t pages = 0;
	if (e->modern->large == LARGE_WHOLE)
		return error_at(ERR_BAD_OBJECT, l->head.object.addr, "part of huge page %" PRIx64 " is mapped by itself, which this kernel never does", l->head.object.addr);
	if (e->modern->large == LARGE_DOUBLE_MAP && !l->anon)
		set_flag(e, &l->second, e->modern->double_map, true);
	for (uint64_t i = 0; i < count; i++)
		TRY(add_part(e, l, first + i, 1, &pages));
	add_large_mapcount(f, l, (int64_t)count);
	if (e->modern->large == LARGE_PAGES_MAPPED && pages && add_pages_mapped(e, l, (int64_t)pages) >= ENTIRELY_MAPPED)
		pages = 0;
	count_mapped(e, l, (int64_t)pages, 0);
	return NULL;
}

struct error *large_remove_parts(struct fault *f, struct large *l, uint64_t first, uint64_t count)
{
	struct engine *e = f->e;
	uint64_t pages = 0;
	int64_t left = 1;
	if (e->modern->large == LARGE_WHOLE)
		return error_at(ERR_BAD_OBJECT, l->head.object.addr, "part of huge page %" PRIx64 " is mapped by itself, which this kernel never does", l->head.object.addr);
	for (uint64_t i = 0; i < count; i++)
		TRY(add_part(e, l, first + i, -1, &pages));
	add_large_mapcount(f, l, -(int64_t)count);
	if (e->modern->large == LARGE_PAGES_MAPPED && pages) {
		left = add_pages_mapped(e, l, -(int64_t)pages) - (int64_t)pages;
		if (left >= ENTIRELY_MAPPED)
			pages = 0;
	}
	count_mapped(e, l, -(int64_t)pages, 0);
	return pages && left && l->anon ? deferred_split_folio(e, l, true) : NULL;
}

/* __split_huge_pmd_locked(), of the mapcounts. */
static struct error *split_double_map(struct fault *f, struct large *l)
{
	struct engine *e = f->e;
	uint64_t unused;
	int64_t now;
	TRY(add_all_parts(e, l, 1, &unused));
	if (large_entire_mapcount(e, l) > 1 && !has(&l->second, e->modern->double_map)) {
		set_flag(e, &l->second, e->modern->double_map, true);
		TRY(add_all_parts(e, l, 1, &unused));
	}
	TRY(add_entire(e, l, -1, &now));
	if (now)
		return NULL;
	count_mapped(e, l, 0, -1);
	if (!has(&l->second, e->modern->double_map))
		return NULL;
	set_flag(e, &l->second, e->modern->double_map, false);
	return add_all_parts(e, l, -1, &unused);
}

struct error *large_split_mapping(struct fault *f, struct large *l)
{
	if (f->e->modern->large == LARGE_DOUBLE_MAP)
		return split_double_map(f, l);
	TRY(large_add_parts(f, l, 0, l->pages));
	return large_remove_whole(f, l);
}

/* ---- New ---- */

/* __folio_set_anon(), and the marks of a new page. */
static struct error *set_new_anon(struct fault *f, struct large *l)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t span = l->pages << k->arch->page_shift, start = f->addr & ~(span - 1);
	struct vma area;
	const int bits[] = { e->modern->swapbacked, e->bit_uptodate, e->modern->anon_exclusive };
	TRY(vma_open(k, f->vma->addr, &area));
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		set_flag(e, &l->head, bits[i], true);
	SET(k, &l->head.object, page, mapping, f->vma->anon_vma | PAGE_MAPPING_ANON);
	SET(k, &l->head.object, page, index, ((start - area.start) >> k->arch->page_shift) + vma_anon_pgoff(k, &area));
	l->anon = true;
	return NULL;
}

struct error *large_add_new_anon_rmap(struct fault *f, struct large *l)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	TRY(set_new_anon(f, l));
	TRY(large_add_whole(f, l));
	TRACE(e, "page_add_new_anon_rmap", "the huge page is this area's alone", { "page", l->head.object.addr }, { "anon_vma", f->vma->anon_vma },
	      { "page->index", GET(k, &l->head.object, page, index) });
	return NULL;
}

struct error *large_add_new_anon_parts(struct fault *f, struct large *l)
{
	struct engine *e = f->e;
	struct page p;
	TRY(set_new_anon(f, l));
	TRY(large_add_parts(f, l, 0, l->pages));
	for (uint64_t i = 1; i < l->pages && e->modern->anon_exclusive >= 0; i++) {
		TRY(page_open_writable(e, l->head.object.addr + i * e->page_size, &p));
		set_flag(e, &p, e->modern->anon_exclusive, true);
	}
	TRACE(e, "folio_add_new_anon_rmap", "the folio is this area's alone", { "folio", l->head.object.addr }, { "anon_vma", f->vma->anon_vma }, { "pages", l->pages });
	return NULL;
}
