/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a fault decides above the lowest level of the page table (mm/memory.c: __handle_mm_fault(); mm/huge_memory.c; mm/hugetlb.c).
 */
#include <inttypes.h>

#include "mm/engine/huge.h"
#include "mm/engine/pgtable_edit.h"
#include "mm/pte.h"
#include "mm/swap.h"
#include "mm/zero_page.h"

uint64_t table_descend(struct engine *e, const struct object *mm, uint64_t addr, unsigned *level)
{
	const struct pagetable_geometry *g = &e->k->geometry;
	const unsigned last = *level;
	uint64_t table = pgd_phys(e, mm);
	for (unsigned i = 0; i < last; i++) {
		uint64_t at = table_entry(g, table, i, addr), entry = get_pte(e, at);
		if (!pagetable_entry_present(g, entry) || ((entry & X86_PSE) && g->level[i].may_be_leaf)) {
			*level = i;
			return entry ? at : 0;
		}
		table = entry & g->frame_mask;
	}
	return table_entry(g, table, last, addr);
}

uint64_t leaf_offset(struct engine *e, const struct object *mm, uint64_t addr, uint64_t *frame)
{
	const struct pagetable_geometry *g = &e->k->geometry;
	unsigned level = g->levels - 1u;
	uint64_t at = table_descend(e, mm, addr, &level), entry = at ? get_pte(e, at) : 0;
	*frame = 0;
	if (!at || !pagetable_entry_present(&e->k->geometry, entry))
		return 0;
	uint64_t inside = (1ull << g->level[level].shift) - 1;
	*frame = pagetable_entry_phys(g, entry, level) + (addr & inside & ~(uint64_t)(VMCORE_PAGE_SIZE - 1));
	return at;
}

/* ---- Are huge pages allowed here? ---- */

static bool global_bits(struct engine *e, const char *symbol, uint64_t *value)
{
	return symbol_addr(e->k, symbol) && !error_drop(kernel_read_symbol(e->k, symbol, 0, value));
}

static bool switches(struct engine *e, uint64_t *flags)
{
	return e->modern->huge_flags && !error_drop(kernel_read_pointer(e->k, e->modern->huge_flags, flags));
}

static bool flag_of(struct engine *e, uint64_t flags, const char *enumerator)
{
	int64_t bit;
	return enumerator_find(e->k, enumerator, &bit) && bit >= 0 && bit < 64 && (flags >> bit & 1);
}

/* MMF_DISABLE_THP, 24 since 4.3 or so (include/linux/sched/coredump.h, mm_types.h); MMF_… are macros. */
#define MMF_DISABLE_THP 24

/*
 * Do the switches allow huge pages for an area with those flags, and of which orders? Since 6.8 the switch is one for each size (huge_anon_orders_…), the old one being what
 * a size may inherit.
 */
uint64_t huge_orders(struct engine *e, uint64_t vm_flags)
{
	uint64_t flags = 0, always, madvise, inherit;
	bool advised = vm_flags & e->modern->vm_hugepage;
	if (!switches(e, &flags))
		return 0;
	bool on = flag_of(e, flags, "TRANSPARENT_HUGEPAGE_FLAG") || (advised && flag_of(e, flags, "TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG"));
	if (!global_bits(e, "huge_anon_orders_always", &always) || !global_bits(e, "huge_anon_orders_madvise", &madvise) ||
	    !global_bits(e, "huge_anon_orders_inherit", &inherit))
		return on ? 1ull << huge_order(e) : 0;
	return always | (advised ? madvise : 0) | (on ? inherit : 0);
}

bool huge_switched_on(struct engine *e, uint64_t vm_flags)
{
	return huge_orders(e, vm_flags) >> huge_order(e) & 1;
}

bool mm_forbids_huge(const struct engine *e, const struct object *mm)
{
	return GET(e->k, mm, mm_struct, flags) >> MMF_DISABLE_THP & 1;
}

static bool huge_enabled(const struct fault *f, const char **why)
{
	struct engine *e = f->e;
	const struct engine_modern *m = e->modern;
	*why = "no huge pages in this kernel";
	if (!e->modern->huge_flags)
		return false;
	*why = "huge pages are switched off";
	if (!huge_switched_on(e, f->vma->flags))
		return false;
	*why = "the area does not want huge pages";
	if (f->vma->flags & m->vm_nohugepage)
		return false;
	*why = "the process does not want huge pages";
	return !mm_forbids_huge(e, f->mm);
}

/* transhuge_vma_suitable() of anonymous memory, which do_huge_pmd_anonymous_page() asks first. */
static bool huge_fits(const struct fault *f)
{
	uint64_t size = 1ull << f->e->k->geometry.level[f->e->modern->pmd_level].shift, start = f->addr & ~(size - 1);
	bool fits = start >= f->vma->start && start + size <= f->vma->end;
	if (!fits)
		TRACE(f->e, "do_huge_pmd_anonymous_page", "the aligned range leaves the area", { "address", f->addr }, { "vma->vm_start", f->vma->start },
		      { "vma->vm_end", f->vma->end });
	return fits;
}

/*
 * No free block: the kernel would try harder for one, or not (transparent_hugepage/defrag). *fallback: it takes a small page. Where an area that asked for huge pages has
 * direct compaction, or all have, that would come first.
 */
struct error *no_huge_page_free(struct fault *f, uint64_t flags, bool *fallback)
{
	struct engine *e = f->e;
	bool advised = f->vma->flags & e->modern->vm_hugepage, explained;
	bool tries = flag_of(e, flags, "TRANSPARENT_HUGEPAGE_DEFRAG_DIRECT_FLAG") || flag_of(e, flags, "TRANSPARENT_HUGEPAGE_DEFRAG_FLAG") ||
		     (advised && (flag_of(e, flags, "TRANSPARENT_HUGEPAGE_DEFRAG_REQ_MADV_FLAG") || flag_of(e, flags, "TRANSPARENT_HUGEPAGE_DEFRAG_KSWAPD_OR_MADV_FLAG")));
	TRACE(e, "do_huge_pmd_anonymous_page", tries ? "no huge page is free: memory would be compacted for one" : "no huge page is free: falls back to small ones",
	      { "address", f->addr }, { "vma->vm_flags", f->vma->flags }, { "transparent_hugepage_flags", flags });
	*fallback = !tries;
	if (tries)
		return fault_refuse(e, &explained, "no huge page is free: memory would be compacted, which is not followed");
	return NULL;
}

static struct error *do_huge_pmd_anonymous_page(struct fault *f, bool *done)
{
	struct engine *e = f->e;
	uint64_t flags = 0, zone, zero;
	bool explained;
	switches(e, &flags);
	*done = true;
	TRY(fault_tables(f, e->modern->pmd_level, &f->entry_addr, &explained));
	if (explained)
		return NULL;
	TRY(fault_anon_vma_prepare(f));
	TRY(khugepaged_enter(e, f->mm, f->vma->flags));
	if (!f->write && flag_of(e, flags, "TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG")) {
		fault_outcome(e, OUTCOME_HUGE_ZERO);
		zero = huge_zero_frame(e->k);
		bool have = zero != UINT64_MAX;
		TRACE(e, "do_huge_pmd_anonymous_page", have ? "read: the huge zero page" : "read: a huge zero page is made first", { "address", f->addr },
		      { "vma->vm_flags", f->vma->flags }, { "transparent_hugepage_flags", flags }, { "huge_zero_pfn", have ? zero : 0 });
		f->result = FAULT_MINOR;
		return map_huge_zero_page(f);
	}
	TRY(pages_available(e, PAGES_MOVABLE, huge_order(e), &zone));
	if (!zone) {
		bool fallback;
		TRY(no_huge_page_free(f, flags, &fallback));
		if (fallback)
			count_vm_event(e, e->modern->event_thp_fallback);
		*done = !fallback;
		f->entry_addr = 0;
		return NULL;
	}
	TRACE(e, "do_huge_pmd_anonymous_page", f->write ? "write: a huge page" : "read, and no huge zero page: a huge page", { "address", f->addr },
	      { "write_access", f->write }, { "vma->vm_flags", f->vma->flags },
	      { "transparent_hugepage_flags", flags }, { "zone", zone });
	fault_outcome(e, OUTCOME_HUGE_NEW);
	f->result = FAULT_MINOR;
	return map_new_huge_page(f, HUGE_EMPTY, 0);
}

/* ---- Huge pages of files ---- */

/* transhuge_vma_suitable(): would the huge page lie in the area as it lies in the file? */
static bool file_suits(const struct fault *f)
{
	const struct kernel *k = f->e->k;
	uint64_t size = 1ull << k->geometry.level[f->e->modern->pmd_level].shift, start = f->addr & ~(size - 1);
	uint64_t off = ((f->vma->start >> k->arch->page_shift) - f->vma->pgoff) << k->arch->page_shift;
	return !(off & (size - 1)) && start >= f->vma->start && start + size <= f->vma->end;
}

struct error *do_set_pmd(struct fault *f, uint64_t page, bool *done)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct large l;
	struct page p;
	bool explained;
	/* A table is there, or has been made. */
	*done = false;
	if (f->entry_addr || !file_suits(f))
		return NULL;
	TRY(page_open_known(e, page, &p));
	if (!page_is_large(e, &p))
		return NULL;
	TRY(large_open(e, page, &l));
	/* Since 6.12 and its stable relatives who does not want huge pages does not get those either. */
	bool unwanted = HAS(k, folio, nr_pages_mapped) && ((f->vma->flags & e->modern->vm_nohugepage) || mm_forbids_huge(e, f->mm));
	if (l.order != huge_order(e) || unwanted)
		return NULL;
	*done = true;
	TRY(fault_tables(f, e->modern->pmd_level, &f->entry_addr, &explained));
	if (explained)
		return NULL;
	uint64_t entry = mk_pte(e, l.head.object.addr, f->vma->page_prot) | X86_PSE;
	if (f->write)
		entry = pte_mkwrite(pte_mkdirty(entry)) | soft_dirty_bit(f);
	SET(k, &l.head.object, page, refcount, (uint64_t)(page_refcount(k, &l.head) + 1));
	TRY(add_mm_counter(e, f->mm, page_counter_kind(e, &l.head), (int)l.pages, false));
	TRY(large_add_whole(f, &l));
	set_pte(e, f->entry_addr, entry);
	count_vm_event(e, e->modern->event_thp_file_mapped);
	TRACE(e, "do_set_pmd", "a huge page of the page cache: mapped as a whole", { "address", f->addr }, { "page", l.head.object.addr }, { "pmd", entry });
	return NULL;
}

/* ---- A huge page is there ---- */

/* The parts get entries of their own, and the fault goes on with the one that it is about. */
static struct error *split_and_go_on(struct fault *f, bool *done)
{
	struct engine *e = f->e;
	const struct pagetable_geometry *g = &e->k->geometry;
	uint64_t at = f->entry_addr;
	fault_outcome(e, OUTCOME_HUGE_SPLIT);
	TRY(split_huge_pmd(f, at, f->addr));
	*done = false;
	f->entry_addr = get_pte(e, at) ? table_entry(g, get_pte(e, at) & g->frame_mask, g->levels - 1u, f->addr) : 0;
	return NULL;
}

/* transparent_hugepage_enabled(), of an area that has huge pages already. */
static bool may_have_huge(const struct fault *f)
{
	return huge_switched_on(f->e, f->vma->flags) && !(f->vma->flags & f->e->modern->vm_nohugepage);
}

/* do_huge_zero_wp_pmd() puts a new huge page there; before there was that (6.13), the mapping was split and one page copied. */
static struct error *huge_zero_wp(struct fault *f, uint64_t entry, bool *done)
{
	struct engine *e = f->e;
	uint64_t zone = 0;
	/* (The kernels since 6.13 that do so do not ask again.) */
	bool may = e->modern->huge_zero_wp && (!e->modern->huge_cow_copies || may_have_huge(f));
	if (may)
		TRY(pages_available(e, PAGES_MOVABLE, huge_order(e), &zone));
	bool whole = zone != 0;
	if (!whole && e->modern->huge_zero_wp)
		count_vm_event(e, e->modern->event_thp_fallback);
	TRACE(e, "do_huge_pmd_wp_page", whole ? "the huge zero page: a new huge page" : "the huge zero page: split, and one page copied", { "pmd", entry });
	if (!whole)
		return split_and_go_on(f, done);
	fault_outcome(e, OUTCOME_HUGE_NEW);
	return map_new_huge_page(f, HUGE_ZERO, 0);
}

/* Until 5.7: the whole page is copied, to a huge page where one may be had. */
static struct error *huge_copy(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	uint64_t zone = 0, flags = 0;
	bool fallback = true;
	if (may_have_huge(f)) {
		TRY(pages_available(e, PAGES_MOVABLE, huge_order(e), &zone));
		switches(e, &flags);
		if (!zone)
			TRY(no_huge_page_free(f, flags, &fallback));
	}
	if (!zone && fallback)
		count_vm_event(e, e->modern->event_thp_fallback);
	if (!zone && !fallback)
		return NULL;
	fault_outcome(e, zone ? OUTCOME_HUGE_NEW : OUTCOME_COPY);
	return zone ? map_new_huge_page(f, HUGE_SHARED, page) : copy_huge_page_in_parts(f, page);
}

/* Nobody else has it: the entry becomes writable, and where pages are marked so the page is this area's alone. */
static struct error *huge_reuse(struct fault *f, uint64_t entry, struct large *l)
{
	struct engine *e = f->e;
	int exclusive = e->modern->anon_exclusive;
	fault_outcome(e, OUTCOME_HUGE_REUSE);
	if (exclusive >= 0 && !(l->head.flags >> exclusive & 1)) {
		/* page_move_anon_rmap() */
		SET(e->k, &l->head.object, page, mapping, f->vma->anon_vma | PAGE_MAPPING_ANON);
		SET(e->k, &l->head.object, page, flags, l->head.flags | 1ull << exclusive);
	}
	entry = pte_mkyoung(pte_mkdirty(pte_mkwrite(entry)));
	set_pte(e, f->entry_addr, entry | soft_dirty_bit(f));
	return NULL;
}

static struct error *do_huge_pmd_wp_page(struct fault *f, uint64_t entry, bool *done)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t pfn = pagetable_entry_phys(&k->geometry, entry, e->modern->pmd_level) >> k->arch->page_shift, page;
	struct large l;
	int64_t mapcount;
	if (is_zero_frame(k, pfn, true))
		return huge_zero_wp(f, entry, done);
	if (!pfn_to_page(k, pfn, &page))
		return error_at(ERR_BAD_OBJECT, entry, "a huge entry maps no frame: %" PRIx64, entry);
	if ((f->vma->flags & VM_SHARED) || f->vma->ops) {
		TRACE(e, "wp_huge_pmd", f->vma->flags & VM_SHARED ? "shared: the mapping is split" : "a file's: the mapping is split", { "pmd", entry },
		      { "vma->vm_flags", f->vma->flags });
		return split_and_go_on(f, done);
	}
	TRY(large_open(e, page, &l));
	TRY(large_most_mapcount(e, &l, &mapcount));
	bool exclusive = e->modern->anon_exclusive >= 0 && (l.head.flags >> e->modern->anon_exclusive & 1);
	int32_t count = page_refcount(k, &l.head);
	bool cached = e->modern->swapcache >= 0 && (l.head.flags >> e->modern->swapcache & 1);
	bool copies = e->modern->huge_cow_copies;
	bool mine = exclusive || (e->modern->huge_reuse_by_count ? count == 1 : mapcount <= 1);
	TRACE(e, "do_huge_pmd_wp_page", mine ? "nobody else has it: made writable" : copies ? "somebody else has it: copied" : "somebody else has it: split, and one page copied", { "pmd", entry },
	      { "page", page }, { e->modern->refcount_name, (uint64_t)(int64_t)count }, { "page_mapcount()", (uint64_t)mapcount }, { "PageAnonExclusive", exclusive },
	      { "PageSwapCache", cached });
	return mine ? huge_reuse(f, entry, &l) : copies ? huge_copy(f, page) : split_and_go_on(f, done);
}

static struct error *present_huge(struct fault *f, uint64_t entry, bool *done)
{
	struct engine *e = f->e;
	uint64_t page;
	bool explained;
	f->result = FAULT_MINOR;
	if (!(entry & X86_PRESENT)) {
		fault_outcome(e, OUTCOME_NUMA);
		TRACE(e, "do_huge_pmd_numa_page", "a NUMA hint", { "pmd", entry });
		if (!pfn_to_page(e->k, pagetable_entry_phys(&e->k->geometry, entry, e->modern->pmd_level) >> e->k->arch->page_shift, &page))
			return fault_refuse(e, &explained, "a NUMA hint on a frame without a page: %" PRIx64, entry);
		return numa_hint(f, entry, page, e->k->geometry.level[e->modern->pmd_level].shift);
	}
	if (f->write && !(entry & X86_RW))
		return do_huge_pmd_wp_page(f, entry, done);
	fault_outcome(e, OUTCOME_SPURIOUS);
	TRACE(e, "huge_pmd_set_accessed", "present: marked young", { "pmd", entry });
	set_pte(e, f->entry_addr, pte_mkyoung(f->write ? pte_mkdirty(entry) : entry));
	return NULL;
}

static struct error *absent_huge(struct fault *f, uint64_t entry)
{
	struct swap_entry s;
	bool explained;
	char text[128];
	swap_entry_decode(f->e->k, entry, &s);
	TRACE(f->e, "__handle_mm_fault", "a huge page that is not there", { "pmd", entry });
	f->result = FAULT_MINOR;
	fault_outcome(f->e, OUTCOME_WAIT);
	return fault_refuse(f->e, &explained, "the fault waits for the huge page: %s", swap_entry_format(f->e->k, &s, text, sizeof(text)));
}

static struct error *hugetlb_fault(struct fault *f)
{
	struct engine *e = f->e;
	unsigned level = e->k->geometry.levels - 1u;
	bool explained;
	uint64_t at = table_descend(e, f->mm, f->addr, &level), entry = at ? get_pte(e, at) : 0;
	const char *what = !entry				      ? "a page of hugetlbfs that is not mapped: hugetlb_no_page()"
			   : !pagetable_entry_present(&e->k->geometry, entry)	      ? "a page of hugetlbfs that is being moved or is poisoned"
			   : f->write && !(entry & X86_RW)	      ? "a write-protected page of hugetlbfs: hugetlb_wp()"
								      : "a page of hugetlbfs that is mapped";
	TRACE(e, "hugetlb_fault", what, { "address", f->addr }, { "vma->vm_flags", f->vma->flags }, { "entry", entry });
	f->result = FAULT_MINOR;
	fault_outcome(e, OUTCOME_HUGETLB);
	return fault_refuse(e, &explained, "%s is not followed", what);
}

/* create_huge_pmd() of an anonymous area; *done: the fault ends with it. */
static struct error *new_huge_pmd(struct fault *f, bool *done)
{
	struct engine *e = f->e;
	const char *why;
	uint64_t flags = 0;
	bool enabled = huge_enabled(f, &why);
	switches(e, &flags);
	TRACE(e, "__handle_mm_fault", enabled ? "no table there: a huge page is allowed" : why, { "address", f->addr }, { "transparent_hugepage_flags", flags },
	      { "vma->vm_start", f->vma->start }, { "vma->vm_end", f->vma->end }, { "vma->vm_flags", f->vma->flags }, { "mm->flags", GET(e->k, f->mm, mm_struct, flags) });
	if (enabled && huge_fits(f) && (f->vma->flags & e->modern->vm_uffd_missing))
		return userfaultfd_missing(f, done);
	if (enabled && huge_fits(f))
		return do_huge_pmd_anonymous_page(f, done);
	return NULL;
}

struct error *fault_above_pte(struct fault *f, bool *done)
{
	struct engine *e = f->e;
	const struct pagetable_geometry *g = &e->k->geometry;
	unsigned level = e->modern->pmd_level;
	*done = true;
	if (f->vma->flags & VM_HUGETLB)
		return hugetlb_fault(f);
	uint64_t at = table_descend(e, f->mm, f->addr, &level), entry;
	*done = false;
	/* __handle_mm_fault() has the tables above made before it decides anything. */
	if (!at) {
		bool explained;
		TRY(fault_tables(f, e->modern->pmd_level, &at, &explained));
	}
	entry = at ? get_pte(e, at) : 0;
	if (entry && level == e->modern->pmd_level && pagetable_entry_present(&e->k->geometry, entry) && !(g->level[level].may_be_leaf && (entry & X86_PSE))) {
		f->entry_addr = table_entry(g, entry & g->frame_mask, g->levels - 1u, f->addr);
		return NULL;
	}
	f->entry_addr = at;
	if (entry) {
		*done = true;
		return pagetable_entry_present(&e->k->geometry, entry) ? present_huge(f, entry, done) : absent_huge(f, entry);
	}
	f->entry_addr = 0;
	if (!f->vma->ops)
		TRY(new_huge_pmd(f, done));
	/* Where the lowest table comes first, it comes now. */
	bool explained;
	return *done || f->entry_addr || e->modern->late_tables ? NULL : fault_pte(f, &explained);
}
