/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * New huge pages of processes, and the huge zero page (mm/huge_memory.c).
 */
#include <inttypes.h>

#include "mm/engine/buddy_edit.h"
#include "mm/engine/clear_page.h"
#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/pgtable_edit.h"
#include "mm/engine/zap.h"
#include "mm/pte.h"

/* Bits of mm->flags that have not moved (include/linux/sched/coredump.h, mm_types.h): it had the huge zero page (4.10). */
#define MMF_HUGE_ZERO_PAGE 23

unsigned huge_order(const struct engine *e)
{
	return e->k->geometry.level[e->modern->pmd_level].shift - e->k->arch->page_shift;
}

/* What makes it one that may be split: the destructor of its kind, or a flag; no place in the queue of those to be split. */
static struct error *prep_transhuge_page(struct engine *e, uint64_t page)
{
	struct kernel *k = e->k;
	struct page second;
	int64_t dtor;
	TRY(page_open_writable(e, page + e->page_size, &second));
	if (HAS(k, page, compound_dtor) && enumerator_find(k, "TRANSHUGE_PAGE_DTOR", &dtor))
		SET(k, &second.object, page, compound_dtor, (uint64_t)dtor);
	if (e->modern->large_rmappable >= 0)
		SET(k, &second.object, page, flags, second.flags | 1ull << e->modern->large_rmappable);
	if (HAS(k, page, deferred_list))
		return list_init(k, page + 2ull * e->page_size + OFFSET(k, page, deferred_list));
	return NULL;
}

static struct error *clear_huge_page(struct engine *e, uint64_t page, unsigned order)
{
	uint64_t phys = engine_page_phys(e, page);
	void *bytes;
	for (uint64_t i = 0; i < 1ull << order; i++) {
		TRY(frame_bytes(e, phys + (i << e->k->arch->page_shift), &bytes));
		clear_page(bytes);
	}
	return NULL;
}

static struct error *copy_page_bytes(struct engine *e, uint64_t to_page, uint64_t from_page)
{
	const void *from = vmcore_try_map(e->k->vmcore, engine_page_phys(e, from_page), VMCORE_PAGE_SIZE);
	void *to;
	if (!from)
		return error_at(ERR_NOT_IN_IMAGE, from_page, "the page's frame is not in the image: %" PRIx64, from_page);
	TRY(frame_bytes(e, engine_page_phys(e, to_page), &to));
	memcpy(to, from, VMCORE_PAGE_SIZE);
	return NULL;
}

/* A compound page, cleared or (`old`, a struct page) copied; 0 when it was only explained. */
static struct error *new_huge_page(struct engine *e, enum page_class class, uint64_t old, uint64_t *page)
{
	TRY(alloc_pages_pcp(e, class, huge_order(e), page));
	if (!*page)
		return NULL;
	TRY(prep_compound_page(e, *page, huge_order(e)));
	if (!old)
		return clear_huge_page(e, *page, huge_order(e));
	for (uint64_t i = 0; i < 1ull << huge_order(e); i++)
		TRY(copy_page_bytes(e, *page + i * e->page_size, old + i * e->page_size));
	return NULL;
}

struct error *new_large_folio(struct engine *e, enum page_class class, unsigned order, uint64_t *page)
{
	TRY(alloc_pages_pcp(e, class, order, page));
	if (!*page)
		return NULL;
	TRY(prep_compound_page(e, *page, order));
	TRY(prep_transhuge_page(e, *page));
	return clear_huge_page(e, *page, order);
}

static struct error *set_huge_entry(struct fault *f, uint64_t entry)
{
	set_pte(f->e, f->entry_addr, entry | X86_PSE);
	return NULL;
}

/* What the entry had goes; the table that stands by stays, for the new page. */
static struct error *drop_before(struct fault *f, enum huge_before before, uint64_t old)
{
	struct engine *e = f->e;
	struct large l;
	if (before == HUGE_ZERO)
		return e->modern->huge_zero_per_mm ? NULL : put_huge_zero_page(e);
	TRY(large_open(e, old, &l));
	TRY(large_remove_whole(f, &l));
	return put_user_page(e, old);
}

/* __do_huge_pmd_anonymous_page() up to the entry; do_huge_pmd_wp_page(), do_huge_zero_wp_pmd(). */
struct error *map_new_huge_page(struct fault *f, enum huge_before before, uint64_t old)
{
	struct engine *e = f->e;
	struct large l;
	bool replace = before != HUGE_EMPTY;
	uint64_t page, table = 0, entry;
	TRY(fault_anon_vma_prepare(f));
	TRY(new_huge_page(e, PAGES_MOVABLE, old, &page));
	if (!page)
		return NULL;
	TRY(prep_transhuge_page(e, page));
	TRY(charge_page(f, page));
	if (!replace) {
		TRY(new_page_table(e, f->mm, f->mm, e->k->geometry.levels - 1u, &table));
		if (!table)
			return NULL;
	}
	TRY(large_open(e, page, &l));
	TRY(large_add_new_anon_rmap(f, &l));
	count_mthp_stat(e, l.order, "MTHP_STAT_NR_ANON", 1);
	TRY(lru_batch_add(f, page));
	if (!replace)
		TRY(pgtable_trans_huge_deposit(e, f->mm, f->entry_addr, engine_phys_page(e, table)));
	entry = pte_mkdirty(mk_pte(e, page, f->vma->page_prot));
	if (f->vma->flags & VM_WRITE)
		entry = pte_mkwrite(entry);
	TRY(set_huge_entry(f, entry | soft_dirty_bit(f)));
	if (before != HUGE_SHARED)
		TRY(add_mm_counter(e, f->mm, e->modern->rss_anon, (int)l.pages, false));
	if (replace)
		TRY(drop_before(f, before, old));
	count_vm_event(e, e->modern->event_thp_fault_alloc);
	count_mthp_stat(e, l.order, "MTHP_STAT_ANON_FAULT_ALLOC", 1);
	/* Since 6.12 all of them, in case they are hardly used. */
	return e->modern->partially_mapped >= 0 ? deferred_split_folio(e, &l, false) : NULL;
}

static struct error *map_part(struct fault *f, uint64_t page, uint64_t addr, uint64_t at)
{
	struct engine *e = f->e;
	struct fault part = *f;
	uint64_t entry = pte_mkdirty(mk_pte(e, page, f->vma->page_prot)) | soft_dirty_bit(f);
	part.addr = addr;
	TRY(charge_page(&part, page));
	TRY(page_add_new_anon_rmap(&part, page));
	TRY(lru_batch_add(&part, page));
	set_pte(e, at, f->vma->flags & VM_WRITE ? pte_mkwrite(entry) : entry);
	return NULL;
}

struct error *copy_huge_page_in_parts(struct fault *f, uint64_t old)
{
	struct engine *e = f->e;
	uint64_t size = 1ull << e->k->geometry.level[e->modern->pmd_level].shift, start = f->addr & ~(size - 1), pages[512], count = size >> e->k->arch->page_shift, table;
	if (count > sizeof(pages) / sizeof(pages[0]))
		return error_new(ERR_UNSUPPORTED, "a huge page of %" PRIu64 " pages", count);
	for (uint64_t i = 0; i < count; i++) {
		TRY(alloc_user_page(f, &pages[i]));
		if (!pages[i])
			return NULL;
	}
	TRACE(e, "do_huge_pmd_wp_page_fallback", "copied page by page", { "page", old }, { "pmd", get_pte(e, f->entry_addr) });
	for (uint64_t i = 0; i < count; i++)
		TRY(copy_page_bytes(e, pages[i], old + i * e->page_size));
	set_pte(e, f->entry_addr, 0);
	TRY(pgtable_trans_huge_withdraw(e, f->mm, f->entry_addr, &table));
	table = engine_page_phys(e, table);
	for (uint64_t i = 0; i < count; i++)
		TRY(map_part(f, pages[i], start + (i << e->k->arch->page_shift), table + i * e->k->geometry.entry_size));
	set_pte(e, f->entry_addr, table | TABLE_FLAGS);
	return drop_before(f, HUGE_SHARED, old);
}

/* ---- The huge zero page ---- */

static struct error *count_zero_page(struct engine *e, int n, uint64_t *now)
{
	uint64_t at = symbol_addr(e->k, "huge_zero_refcount");
	*now = 1;
	if (!at)
		return NULL;
	TRY(kernel_read_uint(e->k, at, 4, now));
	*now += (uint64_t)(int64_t)n;
	return kernel_write_uint(e->k, at, 4, *now);
}

/* The variable is a struct page's address, be it called a folio's. */
static uint64_t zero_page_variable(struct engine *e)
{
	uint64_t at = symbol_addr(e->k, "huge_zero_page");
	return at ? at : symbol_addr(e->k, "huge_zero_folio");
}

/* get_huge_zero_page(): made when nobody has it; its maker's reference is the second. */
static struct error *get_huge_zero_page(struct engine *e, uint64_t *page)
{
	struct kernel *k = e->k;
	uint64_t count;
	TRY(kernel_read_pointer(k, zero_page_variable(e), page));
	TRY(count_zero_page(e, 0, &count));
	if (count)
		return count_zero_page(e, 1, &count);
	TRY(new_huge_page(e, PAGES_KERNEL, 0, page));
	if (!*page)
		return NULL;
	count_vm_event(e, e->modern->event_thp_zero);
	TRY(kernel_write_pointer(k, zero_page_variable(e), *page));
	if (symbol_addr(k, "huge_zero_pfn"))
		TRY(kernel_write_pointer(k, symbol_addr(k, "huge_zero_pfn"), engine_page_pfn(e, *page)));
	return count_zero_page(e, 2, &count);
}

struct error *put_huge_zero_page(struct engine *e)
{
	uint64_t count;
	return count_zero_page(e, -1, &count);
}

struct error *mm_put_huge_zero_page(struct engine *e, const struct object *mm)
{
	return e->modern->huge_zero_per_mm && GET(e->k, mm, mm_struct, flags) >> MMF_HUGE_ZERO_PAGE & 1 ? put_huge_zero_page(e) : NULL;
}

struct error *mm_get_huge_zero_page(struct fault *f, uint64_t *page)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t flags = GET(k, f->mm, mm_struct, flags);
	if (!zero_page_variable(e))
		return error_new(ERR_UNSUPPORTED, "this kernel does not say where its huge zero page is");
	if (e->modern->huge_zero_per_mm && (flags >> MMF_HUGE_ZERO_PAGE & 1))
		return kernel_read_pointer(k, zero_page_variable(e), page);
	TRY(get_huge_zero_page(e, page));
	if (e->modern->huge_zero_per_mm && *page)
		SET(k, f->mm, mm_struct, flags, flags | 1ull << MMF_HUGE_ZERO_PAGE);
	return NULL;
}

struct error *map_huge_zero_page(struct fault *f)
{
	struct engine *e = f->e;
	uint64_t page, table;
	TRY(fault_anon_vma_prepare(f));
	TRY(new_page_table(e, f->mm, f->mm, e->k->geometry.levels - 1u, &table));
	if (!table)
		return NULL;
	TRY(mm_get_huge_zero_page(f, &page));
	if (!page)
		return NULL;
	TRY(pgtable_trans_huge_deposit(e, f->mm, f->entry_addr, engine_phys_page(e, table)));
	return set_huge_entry(f, mk_pte(e, page, f->vma->page_prot) | (e->modern->huge_zero_special ? PTE_SPECIAL : 0));
}
