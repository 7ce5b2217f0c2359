/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages locked in memory, on kernels with reverse mapping (mm/mlock.c): PG_mlocked, NR_MLOCK, the way to the list of unevictable pages and back. Since 5.18 a page counts the
 * areas that lock it, and goes through a batch of its own.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/zap.h"
#include "mm/pte.h"
#include "mm/rmap.h"
#include "mm/zero_page.h"
#include "mm/zone.h"

static bool is_mlocked(const struct engine *e, const struct page *p)
{
	return e->modern->mlocked >= 0 && (p->flags >> e->modern->mlocked & 1);
}

/* hpage_nr_pages() */
static unsigned pages_of(const struct engine *e, const struct page *p)
{
	return 1u << page_compound_order(e->k, p);
}

/* TestSetPageMlocked(), TestClearPageMlocked() with their account. */
static void set_mlocked(struct engine *e, struct page *p, bool on)
{
	int pages = (int)pages_of(e, p);
	p->flags ^= 1ull << e->modern->mlocked;
	SET(e->k, &p->object, page, flags, p->flags);
	mod_page_state(e, p->object.addr, e->modern->mlock, on ? pages : -pages);
	if (on)
		count_vm_events(e, e->modern->event_mlocked, (uint64_t)pages);
}

/* Off its list and through the batch to the one where it belongs now. */
static struct error *isolate_and_putback(struct engine *e, uint64_t page, bool *isolated)
{
	TRY(isolate_lru_page(e, page, isolated));
	if (!*isolated)
		return NULL;
	TRY(lru_cache_add_modern(e, page));
	return put_user_page(e, page);
}

struct error *mlock_vma_page(struct engine *e, uint64_t page)
{
	struct page p;
	bool isolated;
	TRY(page_open_writable(e, page, &p));
	if (is_mlocked(e, &p))
		return NULL;
	set_mlocked(e, &p, true);
	TRACE(e, "mlock_vma_page", "locked in memory", { "page", page });
	return isolate_and_putback(e, page, &isolated);
}

struct error *clear_page_mlock(struct engine *e, uint64_t page)
{
	struct page p;
	bool isolated;
	TRY(page_open_writable(e, page, &p));
	if (!is_mlocked(e, &p) || HAS(e->k, page, mlock_count))
		return NULL;
	set_mlocked(e, &p, false);
	count_vm_events(e, e->modern->event_cleared, pages_of(e, &p));
	TRY(isolate_and_putback(e, page, &isolated));
	if (!isolated && (p.flags >> e->modern->unevictable & 1))
		count_vm_events(e, e->modern->event_stranded, pages_of(e, &p));
	return NULL;
}

/* try_to_munlock(): does another area lock it? */
static bool locks_it(void *context, const struct rmap_mapping *mapping)
{
	bool *locked = context;
	*locked = mapping->vma->flags & VM_LOCKED;
	return !*locked;
}

static bool mapped_more_than_once(struct engine *e, const struct page *p)
{
	struct large l;
	int64_t count = page_mapcount_word(e->k, p) + 1;
	return page_is_large(e, p) && (error_drop(large_open(e, p->object.addr, &l)) || error_drop(large_most_mapcount(e, &l, &count))) ? true : count > 1;
}

static struct error *locked_elsewhere(struct engine *e, const struct page *p, bool *locked)
{
	struct rmap_page r;
	*locked = false;
	if (!mapped_more_than_once(e, p))
		return NULL;
	TRY(rmap_page_open(e->k, p->pfn, &r));
	return rmap_walk(e->k, &r, locks_it, locked);
}

/* `pagevec`: with others of a range, where one that nobody else maps goes to its list at once (__putback_lru_fast()); else the CPU's batch is its way. */
static struct error *munlock_page(struct engine *e, uint64_t page, bool pagevec)
{
	struct page p;
	bool isolated, locked;
	TRY(page_open_writable(e, page, &p));
	if (HAS(e->k, page, mlock_count))
		return munlock_folio(e, page);
	if (!is_mlocked(e, &p))
		return NULL;
	set_mlocked(e, &p, false);
	TRY(isolate_lru_page(e, page, &isolated));
	TRACE(e, "munlock_vma_page", isolated ? "not locked any more: to the list that it would be on" : "not locked any more; it is on no list", { "page", page });
	if (!isolated) {
		count_vm_events(e, p.flags >> e->modern->unevictable & 1 ? e->modern->event_stranded : e->modern->event_munlocked, pages_of(e, &p));
		return NULL;
	}
	TRY(locked_elsewhere(e, &p, &locked));
	if (locked)
		TRY(mlock_vma_page(e, page));
	else
		count_vm_events(e, e->modern->event_munlocked, pages_of(e, &p));
	if (pagevec && !locked && !mapped_more_than_once(e, &p))
		TRY(lru_add_now(e, page));
	else
		TRY(lru_cache_add_modern(e, page));
	return put_user_page(e, page);
}

struct error *munlock_vma_page(struct engine *e, uint64_t page)
{
	return munlock_page(e, page, false);
}

struct error *lru_add_locked(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	if (HAS(e->k, page, mlock_count))
		return mlock_folio(e, page, true);
	if (!is_mlocked(e, &p))
		set_mlocked(e, &p, true);
	return lru_cache_add_modern(e, page);
}

/* ---- A range ---- */

/* mlock_pte_range(), since 5.18: the pages of the range are locked, or not any more, as its area now is. */
struct marking {
	struct engine *e;
	bool lock;
};

static struct error *mark_entry(void *context, uint64_t addr, uint64_t end, uint64_t at, uint64_t entry, unsigned shift)
{
	struct marking *m = context;
	struct engine *e = m->e;
	bool huge = shift > e->k->arch->page_shift;
	uint64_t pfn = pagetable_entry_phys(&e->k->geometry, entry, huge ? e->modern->pmd_level : e->k->geometry.levels - 1u) >> e->k->arch->page_shift, page;
	struct page p;
	if (!(entry & X86_PRESENT) || (entry & PTE_SPECIAL) || is_zero_frame(e->k, pfn, huge) || !pfn_to_page(e->k, pfn, &page))
		return NULL;
	TRY(page_open(e->k, page, &p));
	/* Parts of a large one were passed over until 6.7; then it is locked when all of it is in the area. */
	if (!huge && page_is_large(e, &p))
		return error_at(ERR_UNSUPPORTED, addr, "the page of %" PRIx64 " is part of a larger one: locking or unlocking that is not done", addr);
	return m->lock ? mlock_folio(e, page, false) : munlock_folio(e, page);
}

struct error *mlock_vma_pages_range(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end, uint64_t flags)
{
	struct marking m = { e, flags & VM_LOCKED };
	SET(e->k, vma, vm_area_struct, vm_flags, flags);
	if (!HAS(e->k, page, mlock_count))
		return NULL;
	TRY(lru_add_drain(e));
	TRY(area_entries(e, mm, start, end, mark_entry, &m));
	return lru_add_drain(e);
}

static struct error *unlock_entry(void *context, uint64_t addr, uint64_t end, uint64_t at, uint64_t entry, unsigned shift)
{
	struct engine *e = context;
	uint64_t page;
	struct page p;
	if (!(entry & X86_PRESENT) || (entry & PTE_SPECIAL) || !pfn_to_page(e->k, (entry & e->k->geometry.frame_mask) >> e->k->arch->page_shift, &page))
		return NULL;
	TRY(page_open(e->k, page, &p));
	return munlock_page(e, page, !page_is_large(e, &p));
}

struct error *munlock_vma_pages_range(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end)
{
	struct kernel *k = e->k;
	uint64_t flags = GET(k, vma, vm_area_struct, vm_flags) & ~(VM_LOCKED | VM_LOCKONFAULT);
	if (HAS(k, page, mlock_count))
		return mlock_vma_pages_range(e, mm, vma, start, end, flags);
	SET(k, vma, vm_area_struct, vm_flags, flags);
	return area_entries(e, mm, start, end, unlock_entry, e);
}

struct populating {
	struct engine *e;
	const struct object *mm;
	struct vma vma;
	bool advised, write; /* MADV_POPULATE_…: the access asked for, whatever the area would have by itself; nothing is locked by it */
};

/*
 * follow_trans_huge_pmd() with FOLL_TOUCH and FOLL_MLOCK. One that is mapped by others too (then nobody here may write to it), or page by page, is not locked.
 */
static struct error *touch_and_lock_huge(struct populating *w, uint64_t at, uint64_t entry, bool write)
{
	struct engine *e = w->e;
	uint64_t pfn = pagetable_entry_phys(&e->k->geometry, entry, e->modern->pmd_level) >> e->k->arch->page_shift, page;
	struct large l;
	int64_t count, whole;
	set_pte(e, at, entry | X86_ACCESSED | (write || e->modern->touch_dirties_huge ? X86_DIRTY : 0));
	if (w->advised || !(w->vma.flags & VM_LOCKED) || is_zero_frame(e->k, pfn, true) || !pfn_to_page(e->k, pfn, &page))
		return NULL;
	TRY(large_open(e, page, &l));
	/* Since 5.18 not who brings it in locks it, but who maps it (mlock_vma_pages_range()). */
	if (HAS(e->k, page, mlock_count))
		return NULL;
	TRY(large_total_mapcount(e, &l, &count));
	TRY(large_most_mapcount(e, &l, &whole));
	if (e->modern->large != LARGE_WHOLE && ((l.anon && whole != 1) || count != whole || !GET(e->k, &l.head.object, page, mapping)))
		return NULL;
	if (e->modern->large == LARGE_WHOLE)
		TRY(lru_add_drain(e));
	return mlock_vma_page(e, page);
}

/* follow_page() with FOLL_TOUCH and FOLL_MLOCK, of a page that is there. */
static struct error *touch_and_lock(struct populating *w, uint64_t addr, uint64_t frame, uint64_t entry, bool write)
{
	struct engine *e = w->e;
	uint64_t page;
	struct page p;
	struct fault f = { .e = e, .mm = w->mm, .vma = &w->vma, .addr = addr };
	if ((entry & PTE_SPECIAL) || frame >> e->k->arch->page_shift == e->modern->zero_pfn)
		return NULL;
	if (!pfn_to_page(e->k, frame >> e->k->arch->page_shift, &page))
		return NULL;
	TRY(page_open(e->k, page, &p));
	if (write && !(entry & X86_DIRTY) && !(p.flags >> e->bit_dirty & 1))
		TRY(mark_dirty(&f, page));
	TRY(mark_page_accessed_modern(e, page));
	if (w->advised || !(w->vma.flags & VM_LOCKED) || HAS(e->k, page, mlock_count) || !GET(e->k, &p.object, page, mapping) || (p.flags >> e->modern->head & 1) || page_is_tail(e->k, &p))
		return NULL;
	TRY(lru_add_drain(e));
	return mlock_vma_page(e, page);
}

/* *extent: bytes from `addr` on that are done with it. */
static struct error *populate_page(struct populating *w, uint64_t addr, uint64_t *extent)
{
	struct engine *e = w->e;
	bool write = w->advised ? w->write : (w->vma.flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
	uint64_t size = 1ull << e->k->geometry.level[e->modern->pmd_level].shift;
	*extent = VMCORE_PAGE_SIZE;
	for (unsigned tries = 0; tries < 8; tries++) {
		enum fault_result result;
		uint64_t frame, at = leaf_offset(e, w->mm, addr, &frame), entry = at ? get_pte(e, at) : 0;
		if ((entry & X86_PRESENT) && (!write || (entry & X86_RW))) {
			if (!(entry & X86_PSE) || pte_offset(e, w->mm, addr))
				return touch_and_lock(w, addr, frame, entry, write);
			*extent = size - (addr & (size - 1));
			return touch_and_lock_huge(w, at, entry, write);
		}
		if (w->vma.flags & VM_LOCKONFAULT && !w->advised)
			return NULL;
		count_vm_event(e, e->modern->event_pgfault);
		TRY(handle_mm_fault(e, w->mm, &w->vma, addr, write, &result));
		if (result == FAULT_OOM)
			return kernel_error(ENOMEM, "no memory for the page of %" PRIx64, addr);
		if (result != FAULT_MINOR && result != FAULT_MAJOR)
			return kernel_error(EFAULT, "no page can be had at %" PRIx64, addr);
		if (e->task)
			TRY(count_fault(e, e->task, result));
	}
	return error_at(ERR_BAD_OBJECT, addr, "the access faults again and again: %" PRIx64, addr);
}

static struct error *populate_vma_page_range(struct populating *w, uint64_t start, uint64_t end)
{
	/* Not even by force (FOLL_FORCE): what nobody may touch. */
	if (!(w->vma.flags & VM_ACCESS_FLAGS) || !(w->vma.flags & (VM_READ | VM_WRITE | VM_MAYREAD)))
		return kernel_error(EFAULT, "the area may not be touched: %" PRIx64, w->vma.addr);
	for (uint64_t extent; start < end; start += extent)
		TRY(populate_page(w, start, &extent));
	return NULL;
}

struct error *__mm_populate(struct engine *e, const struct object *mm, uint64_t start, uint64_t len, bool ignore_errors)
{
	struct populating w = { .e = e, .mm = mm };
	uint64_t end = start + len, at;
	while (start < end) {
		TRY(find_vma(e, mm, start, &at));
		if (!at)
			return NULL;
		TRY(vma_open(e->k, at, &w.vma));
		if (w.vma.start >= end)
			return NULL;
		uint64_t from = start > w.vma.start ? start : w.vma.start, to = end < w.vma.end ? end : w.vma.end;
		struct error *failure = w.vma.flags & (VM_IO | VM_PFNMAP) ? NULL : populate_vma_page_range(&w, from, to);
		if (failure && (!ignore_errors || failure->code != ERR_KERNEL))
			return failure;
		error_free(failure);
		start = to;
	}
	return NULL;
}

struct error *mm_populate(struct engine *e, const struct object *mm, uint64_t start, uint64_t len)
{
	return __mm_populate(e, mm, start, len, true);
}

/* faultin_page_range() */
struct error *madvise_populate(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, bool write)
{
	struct populating w = { .e = e, .mm = mm, .advised = true, .write = write };
	uint64_t at, extent;
	for (; start < end; start += extent) {
		TRY(find_vma(e, mm, start, &at));
		if (at)
			TRY(vma_open(e->k, at, &w.vma));
		if (!at || w.vma.start > start)
			return kernel_error(ENOMEM, "nothing is mapped at %" PRIx64, start);
		if (w.vma.flags & (VM_IO | VM_PFNMAP) || !(w.vma.flags & (write ? VM_WRITE : VM_READ)))
			return kernel_error(EINVAL, "the area may not be touched so: %" PRIx64, at);
		TRY(populate_page(&w, start, &extent));
	}
	return lru_add_drain(e);
}
