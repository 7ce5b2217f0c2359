/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a process says of how it will use its memory, on kernels with reverse mapping (mm/madvise.c): flags of areas, or pages that it gives up. ksmd,
 * which does not run here, is not told of areas that it might look at.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/swap_edit.h"
#include "mm/pte.h"
#include "mm/swap.h"
#include "mm/zero_page.h"
#include "mm/engine/zap.h"
#include "mm/zone.h"

#define VM_DONTDUMP    0x4000000ull
#define VM_SPECIAL_BITS (VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP)
#define VM_NO_THP	(VM_SPECIAL_BITS | VM_HUGETLB | VM_SHARED | VM_MAYSHARE)

struct advising {
	struct engine *e;
	const struct object *mm;
	int advice;
	uint64_t changed; /* the area that the part is in now */
};

/* include/uapi/asm-generic/mman-common.h, where this machine's headers may lack them */
#define ADVICE_POPULATE_READ  22 /* 5.14 */
#define ADVICE_POPULATE_WRITE 23
#define ADVICE_DONTNEED_LOCKED 24 /* 5.18 */
#define ADVICE_COLLAPSE	      25 /* 6.1 */
#define ADVICE_GUARD_INSTALL  102 /* 6.13 */
#define ADVICE_GUARD_REMOVE   103

/* ---- Which advice there is ---- */

/* Advice that came in a release, told by what that left. */
static bool is_known(struct engine *e, int advice)
{
	struct kernel *k = e->k;
	switch (advice) {
	case MADV_NORMAL ... MADV_DONTNEED:
	case MADV_REMOVE ... MADV_DOFORK:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
		return true;
	case MADV_MERGEABLE:
	case MADV_UNMERGEABLE:
		return symbol_addr(k, "ksm_run") || symbol_addr(k, "ksm_madvise");
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
		return symbol_addr(k, "transparent_hugepage_flags");
	case MADV_FREE: /* 4.5; its pages go to the list of inactive files since 4.12, with this event */
		return e->modern->event_lazyfree >= 0;
	case MADV_WIPEONFORK: /* 4.14 */
	case MADV_KEEPONFORK:
		return vma_flag(k, "WIPEONFORK");
	case MADV_COLD: /* 5.4 */
	case MADV_PAGEOUT:
		return symbol_addr(k, "reclaim_pages");
	case ADVICE_POPULATE_READ:
	case ADVICE_POPULATE_WRITE:
		return symbol_addr(k, "faultin_page_range") || symbol_addr(k, "faultin_vma_page_range");
	case ADVICE_DONTNEED_LOCKED: /* with mm_struct's counts per page of who locks it */
		return HAS(k, page, mlock_count);
	case ADVICE_COLLAPSE:
		return symbol_addr(k, "madvise_collapse");
	case ADVICE_GUARD_INSTALL:
	case ADVICE_GUARD_REMOVE:
		return symbol_addr(k, "guard_install_pte_entry");
	}
	return false;
}

/* Advice that the kernel takes, and that is not carried out here: what it would have to do. */
static const char *not_followed(int advice)
{
	switch (advice) {
	case ADVICE_COLLAPSE:
		return "collapsing pages into huge ones";
	case ADVICE_GUARD_INSTALL:
	case ADVICE_GUARD_REMOVE:
		return "guard markers in page tables";
	case ADVICE_DONTNEED_LOCKED:
		return "giving up locked pages";
	}
	return NULL;
}

/* can_modify_vma_madv(): of what is sealed, no page of private anonymous memory goes that its owner could not write. */
static struct error *may_discard(struct engine *e, const struct object *vma, int advice)
{
	struct kernel *k = e->k;
	if (advice != MADV_FREE && advice != MADV_DONTNEED && advice != ADVICE_DONTNEED_LOCKED && advice != MADV_REMOVE && advice != MADV_DONTFORK && advice != MADV_WIPEONFORK)
		return NULL;
	if (GET(k, vma, vm_area_struct, vm_file) || GET(k, vma, vm_area_struct, vm_flags) & (VM_SHARED | VM_WRITE))
		return NULL;
	return can_modify_vma(e, vma);
}

/* ---- Flags ---- */

/* hugepage_madvise() of old. That ended in 4.5, with what huge pages were until then. */
static bool refuses_twice(const struct engine *e)
{
	return e->modern->large == LARGE_WHOLE;
}

/* hugepage_madvise(), ksm_madvise(), and the plain ones. */
static struct error *new_flags(struct advising *a, const struct object *vma, uint64_t start, uint64_t end, uint64_t *flags)
{
	struct engine *e = a->e;
	struct kernel *k = e->k;
	uint64_t old = *flags, wipe = vma_flag(k, "WIPEONFORK");
	switch (a->advice) {
	case MADV_NORMAL:
		*flags &= ~(VM_RAND_READ | VM_SEQ_READ);
		return NULL;
	case MADV_SEQUENTIAL:
		*flags = (old & ~VM_RAND_READ) | VM_SEQ_READ;
		return NULL;
	case MADV_RANDOM:
		*flags = (old & ~VM_SEQ_READ) | VM_RAND_READ;
		return NULL;
	case MADV_DONTFORK:
		*flags |= VM_DONTCOPY;
		return NULL;
	case MADV_DOFORK:
		*flags &= ~VM_DONTCOPY;
		return old & VM_IO ? kernel_error(EINVAL, "the area is a device's: %" PRIx64, vma->addr) : NULL;
	case MADV_WIPEONFORK:
		*flags |= wipe;
		return GET(k, vma, vm_area_struct, vm_file) || (old & VM_SHARED) ? kernel_error(EINVAL, "the area is shared, or a file's: %" PRIx64, vma->addr) : NULL;
	case MADV_KEEPONFORK:
		*flags &= ~wipe;
		return NULL;
	case MADV_DONTDUMP:
		*flags |= VM_DONTDUMP;
		return NULL;
	case MADV_DODUMP:
		*flags &= ~VM_DONTDUMP;
		return !(old & VM_HUGETLB) && (old & VM_SPECIAL_BITS) ? kernel_error(EINVAL, "the area is a driver's: %" PRIx64, vma->addr) : NULL;
	case MADV_HUGEPAGE:
		if (refuses_twice(e) && (old & (VM_HUGEPAGE | VM_NO_THP)))
			return kernel_error(EINVAL, "the area is like that already, or is none for huge pages: vm_flags %" PRIx64, old);
		*flags = (old & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
		return khugepaged_enter_vma_merge(e, a->mm, vma, *flags);
	case MADV_NOHUGEPAGE:
		if (refuses_twice(e) && (old & (VM_NOHUGEPAGE | VM_NO_THP)))
			return kernel_error(EINVAL, "the area is like that already, or is none for huge pages: vm_flags %" PRIx64, old);
		*flags = (old & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
		return NULL;
	case MADV_MERGEABLE:
		if (!(old & (VM_MERGEABLE | VM_SHARED | VM_MAYSHARE | VM_HUGETLB | VM_SPECIAL_BITS)))
			*flags |= VM_MERGEABLE;
		return NULL;
	default: /* MADV_UNMERGEABLE */
		*flags &= ~VM_MERGEABLE;
		return unmerge_ksm_pages(e, a->mm, vma, start, end);
	}
}

struct error *vma_change_flags(struct engine *e, const struct object *mm, uint64_t vma_addr, uint64_t start, uint64_t end, uint64_t flags, struct object *changed)
{
	struct kernel *k = e->k;
	struct object vma;
	uint64_t merged, prev;
	TRY(open_vma(e, vma_addr, &vma));
	prev = vma_addr;
	if (start <= GET(k, &vma, vm_area_struct, vm_start))
		TRY(vma_before(e, &vma, &prev));
	uint64_t from = GET(k, &vma, vm_area_struct, vm_start), to = GET(k, &vma, vm_area_struct, vm_end),
		 pgoff = GET(k, &vma, vm_area_struct, vm_pgoff) + ((start - from) >> k->arch->page_shift);
	const struct vma_request r = { start, end, flags, GET(k, &vma, vm_area_struct, anon_vma), GET(k, &vma, vm_area_struct, vm_file), pgoff,
				       GET(k, &vma, vm_area_struct, uffd_ctx), &vma, false };
	TRY(vma_merge(e, mm, prev, &r, &merged));
	if (!merged && start != from)
		TRY(split_vma(e, mm, vma_addr, start, true, true));
	if (!merged && end != to)
		TRY(split_vma(e, mm, vma_addr, end, false, true));
	return open_vma(e, merged ? merged : vma_addr, changed);
}

static struct error *madvise_behavior(struct advising *a, const struct object *vma, uint64_t start, uint64_t end)
{
	struct engine *e = a->e;
	uint64_t old = GET(e->k, vma, vm_area_struct, vm_flags), flags = old;
	struct object changed;
	TRY(new_flags(a, vma, start, end, &flags));
	TRACE(e, "madvise_behavior", flags == old ? "the area is like that already" : "other flags for the area, or a part of it", { "vma", vma->addr },
	      { "vm_flags", old }, { "new_flags", flags });
	if (flags == old)
		return NULL;
	TRY(vma_change_flags(e, a->mm, vma->addr, start, end, flags, &changed));
	SET(e->k, &changed, vm_area_struct, vm_flags, flags);
	a->changed = changed.addr;
	return NULL;
}

/* ---- Pages given up ---- */

/* can_madv_lru_vma(); and whoever watches would be told. */
static struct error *may_give_up(struct advising *a, const struct object *vma)
{
	if (GET(a->e->k, vma, vm_area_struct, vm_flags) & (VM_LOCKED | VM_HUGETLB | VM_PFNMAP))
		return kernel_error(EINVAL, "the area is locked, or a driver's: %" PRIx64, vma->addr);
	if (GET(a->e->k, vma, vm_area_struct, uffd_ctx))
		return error_at(ERR_UNSUPPORTED, vma->addr, "area %" PRIx64 " is watched by userfaultfd: telling it is not done", vma->addr);
	return NULL;
}

/* mark_page_lazyfree(): through the CPU's batch to the end of the line of those that go first. */
static struct error *mark_page_lazyfree(struct engine *e, struct page *p)
{
	uint64_t mapping = GET(e->k, &p->object, page, mapping);
	const struct engine_modern *m = e->modern;
	bool in_swap_cache = (p->flags >> m->swapcache & 1) && (p->flags >> m->swapbacked & 1);
	if (!(p->flags >> e->bit_lru & 1) || !(mapping & PAGE_MAPPING_ANON) || !(p->flags >> m->swapbacked & 1) || in_swap_cache || (p->flags >> m->unevictable & 1))
		return NULL;
	return lru_lazyfree_add(e, p->object.addr);
}

static area_entry_visitor free_entry;

/* split_huge_page(), with a reference of one's own. */
static struct error *split_for_advice(struct engine *e, uint64_t page, bool *split)
{
	struct page p;
	TRY(page_open_known(e, page, &p));
	page = page_compound_head(e->k, &p);
	get_page(e, page);
	TRY(split_huge_page(e, page, split));
	return put_user_page(e, page);
}

/* madvise_free_huge_pmd(): whole, or split, and then each by itself; one that others have too stays. */
static struct error *free_huge(struct advising *a, uint64_t addr, uint64_t end, uint64_t at, uint64_t entry, unsigned shift)
{
	struct engine *e = a->e;
	uint64_t pfn = pagetable_entry_phys(&e->k->geometry, entry, e->modern->pmd_level) >> e->k->arch->page_shift, page;
	struct large l;
	int64_t mapcount;
	bool split;
	if (!(entry & X86_PRESENT) && !(entry & X86_GLOBAL))
		return NULL;
	if (is_zero_frame(e->k, pfn, true) || (entry & PTE_SPECIAL) || !pfn_to_page(e->k, pfn, &page))
		return NULL;
	TRY(large_open(e, page, &l));
	TRY(HAS_STRUCT(e->k, folio) ? large_total_mapcount(e, &l, &mapcount) : large_most_mapcount(e, &l, &mapcount));
	if (mapcount != 1)
		return NULL;
	if (end - addr != 1ull << shift) {
		TRY(split_for_advice(e, page, &split));
		return split ? area_entries(e, a->mm, addr, end, free_entry, a) : NULL;
	}
	TRACE(e, "madvise_free_huge_pmd", "clean, and free to go when memory is short", { "addr", addr }, { "pmd", entry }, { "page", page });
	l.head.flags &= ~(1ull << e->bit_dirty);
	SET(e->k, &l.head.object, page, flags, l.head.flags);
	if (entry & (X86_ACCESSED | X86_DIRTY))
		set_pte(e, at, entry & ~(uint64_t)(X86_ACCESSED | X86_DIRTY));
	return mark_page_lazyfree(e, &l.head);
}

/* A part of a huge page that is mapped page by page: split if nobody else has it, and looked at again. *done: it stays, or has been seen to. */
static struct error *split_part(struct advising *a, uint64_t addr, const struct page *p, bool *done)
{
	struct engine *e = a->e;
	bool split = false;
	*done = true;
	if (page_mapcount_word(e->k, p))
		return NULL;
	TRY(split_for_advice(e, p->object.addr, &split));
	*done = !split;
	return NULL;
}

static struct error *free_entry(void *context, uint64_t addr, uint64_t end, uint64_t at, uint64_t entry, unsigned shift)
{
	struct advising *a = context;
	struct engine *e = a->e;
	const struct engine_modern *m = e->modern;
	uint64_t frame = entry & e->k->geometry.frame_mask, page;
	struct page p;
	bool freed = false;
	if (shift > e->k->arch->page_shift)
		return free_huge(a, addr, end, at, entry, shift);
	if (!(entry & (X86_PRESENT | X86_GLOBAL))) {
		struct swap_entry s;
		swap_entry_decode(e->k, entry, &s);
		if (s.kind != SWAP_PAGE)
			return NULL;
		TRACE(e, "madvise_free_pte_range", "swapped out: the slot is given up", { "addr", addr }, { "pte", entry });
		set_pte(e, at, 0);
		TRY(add_mm_counter(e, a->mm, m->rss_swap, -1, false));
		return free_swap_and_cache(e, entry);
	}
	if (!(entry & X86_PRESENT) && e->k->geometry.inverts_absent)
		frame ^= e->k->geometry.frame_mask;
	if ((entry & PTE_SPECIAL) || frame >> shift == m->zero_pfn || !pfn_to_page(e->k, frame >> shift, &page))
		return NULL;
	TRY(page_open_writable(e, page, &p));
	if (page_is_large(e, &p)) {
		bool done;
		TRY(split_part(a, addr, &p, &done));
		if (done)
			return NULL;
		entry = get_pte(e, at);
		TRY(page_open_writable(e, page, &p));
	}
	bool cached = (p.flags >> m->swapcache & 1) && (p.flags >> m->swapbacked & 1);
	if (cached || (p.flags >> e->bit_dirty & 1)) {
		/* Somebody else's too: it stays as it is. */
		if (page_mapcount_word(e->k, &p))
			return NULL;
		if (cached)
			TRY(try_to_free_swap(e, page, &freed));
		if (cached && !freed)
			return NULL;
		TRY(page_open_writable(e, page, &p));
		p.flags &= ~(1ull << e->bit_dirty);
		SET(e->k, &p.object, page, flags, p.flags);
	}
	if (entry & (X86_ACCESSED | X86_DIRTY))
		set_pte(e, at, entry & ~(uint64_t)(X86_ACCESSED | X86_DIRTY));
	TRACE(e, "madvise_free_pte_range", "clean, and free to go when memory is short", { "addr", addr }, { "pte", entry }, { "page", page });
	return mark_page_lazyfree(e, &p);
}

static struct error *madvise_free(struct advising *a, const struct object *vma, uint64_t start, uint64_t end)
{
	if (GET(a->e->k, vma, vm_area_struct, vm_ops))
		return kernel_error(EINVAL, "the area is not private memory of nothing: %" PRIx64, vma->addr);
	TRY(lru_add_drain(a->e));
	return area_entries(a->e, a->mm, start, end, free_entry, a);
}

/* ---- Pages wanted soon ---- */

static struct error *wanted_entry(void *context, uint64_t addr, uint64_t end, uint64_t at, uint64_t entry, unsigned shift)
{
	struct engine *e = context;
	struct swap_entry s;
	if (shift > e->k->arch->page_shift || (entry & (X86_PRESENT | X86_GLOBAL)))
		return NULL;
	swap_entry_decode(e->k, entry, &s);
	if (s.kind != SWAP_PAGE)
		return NULL;
	TRACE(e, "swapin_walk_pmd_entry", "swapped out: read ahead, into the swap cache", { "addr", addr }, { "pte", entry });
	return read_swap_ahead(e, entry);
}

static struct error *madvise_willneed(struct advising *a, const struct object *vma, uint64_t start, uint64_t end)
{
	if (GET(a->e->k, vma, vm_area_struct, vm_file))
		return madvise_willneed_file(a->e, vma, start, end);
	TRY(area_entries(a->e, a->mm, start, end, wanted_entry, a->e));
	return lru_add_drain(a->e);
}

/* ---- The system call ---- */

static struct error *madvise_vma(struct advising *a, const struct object *vma, uint64_t start, uint64_t end)
{
	const char *what = not_followed(a->advice);
	a->changed = vma->addr;
	if (what)
		return error_new(ERR_UNSUPPORTED, "this kernel takes the advice; %s is not done here", what);
	TRY(may_discard(a->e, vma, a->advice));
	switch (a->advice) {
	case MADV_WILLNEED:
		return madvise_willneed(a, vma, start, end);
	case MADV_DONTNEED:
		TRY(may_give_up(a, vma));
		TRACE(a->e, "madvise_dontneed_single_vma", "its pages go", { "start", start }, { "end", end });
		TRY(lru_add_drain(a->e));
		return unmap_page_range(a->e, a->mm, vma, start, end);
	case MADV_FREE:
		TRY(may_give_up(a, vma));
		return madvise_free(a, vma, start, end);
	case MADV_COLD:
	case MADV_PAGEOUT:
		return madvise_cold_or_pageout(a->e, a->mm, vma, start, end, a->advice == MADV_PAGEOUT);
	case MADV_REMOVE:
		return madvise_remove(a->e, vma, start, end);
	}
	struct error *failure = madvise_behavior(a, vma, start, end);
	if (!failure || failure->code != ERR_KERNEL || failure->addr != ENOMEM)
		return failure;
	error_free(failure);
	return kernel_error(EAGAIN, "no memory, or no room, for another area");
}

/* Does the advice leave the areas alone? */
static bool pages_only(int advice)
{
	return advice == MADV_WILLNEED || advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE || advice == MADV_COLD || advice == MADV_PAGEOUT ||
	       advice >= ADVICE_POPULATE_READ;
}

struct error *sys_madvise_areas(struct engine *e, uint64_t mm_addr, uint64_t start, uint64_t len, int advice)
{
	struct kernel *k = e->k;
	struct object mm, vma;
	struct advising a = { e, &mm, advice, 0 };
	uint64_t mask = VMCORE_PAGE_SIZE - 1, end = start + ((len + mask) & ~mask), at;
	bool hole = false;
	if (!is_known(e, advice))
		return kernel_error(EINVAL, "no such advice: %d", advice);
	if (start & mask)
		return kernel_error(EINVAL, "not at a page's start: %" PRIx64, start);
	if (end < start || (len && end == start))
		return kernel_error(EINVAL, "ends beyond the last address: %" PRIx64, start);
	if (pages_only(advice))
		TRY(open_mm_pages(e, mm_addr, &mm));
	else
		TRY(open_mm_areas(e, mm_addr, &mm));
	if (advice == ADVICE_POPULATE_READ || advice == ADVICE_POPULATE_WRITE)
		return madvise_populate(e, &mm, start, end, advice == ADVICE_POPULATE_WRITE);
	while (start < end) {
		TRY(find_vma(e, &mm, start, &at));
		if (!at)
			return kernel_error(ENOMEM, "nothing is mapped at %" PRIx64, start);
		TRY(open_vma(e, at, &vma));
		uint64_t from = GET(k, &vma, vm_area_struct, vm_start), to = GET(k, &vma, vm_area_struct, vm_end);
		if (to <= start)
			return error_at(ERR_BAD_LIST, at, "areas of mm %" PRIx64 " out of order: %" PRIx64, mm_addr, at);
		/* What lies in holes is passed over, and said at the end. */
		hole |= start < from;
		start = start < from ? from : start;
		if (start >= end)
			break;
		to = to < end ? to : end;
		TRY(madvise_vma(&a, &vma, start, to));
		start = to;
		/* Joined with what comes after it, that is done already. */
		TRY(kernel_get(k, a.changed, M_vm_area_struct_vm_end, &to));
		start = to > start ? to : start;
	}
	return hole ? kernel_error(ENOMEM, "part of the range is not mapped") : NULL;
}
