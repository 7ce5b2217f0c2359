/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Entries of huge pages: split, zapped, copied (mm/huge_memory.c: __split_huge_pmd_locked(), zap_huge_pmd(), copy_huge_pmd()), and the page table that stands by for each
 * (mm/pgtable-generic.c).
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/pgtable_edit.h"
#include "mm/engine/zap.h"
#include "mm/pte.h"
#include "mm/zero_page.h"
#include "mm/zone.h"

static uint64_t huge_pages(const struct engine *e)
{
	return 1ull << huge_order(e);
}

/* ---- The table that stands by ---- */

/* pmd_huge_pte(): the first of them, named by the table's own page, or (where locks are not split) by the mm. */
static struct error *first_deposited(struct engine *e, const struct object *mm, uint64_t at, struct page *holder, uint64_t *first)
{
	struct kernel *k = e->k;
	uint64_t page;
	if (HAS(k, mm_struct, pmd_huge_pte)) {
		*first = GET(k, mm, mm_struct, pmd_huge_pte);
		return NULL;
	}
	if (!pfn_to_page(k, at >> k->arch->page_shift, &page) || !HAS(k, page, pmd_huge_pte))
		return error_at(ERR_UNSUPPORTED, at, "where this kernel keeps the tables of huge pages is not known");
	TRY(page_open_writable(e, page, holder));
	*first = GET(k, &holder->object, page, pmd_huge_pte);
	return NULL;
}

static void set_first_deposited(struct engine *e, const struct object *mm, const struct page *holder, uint64_t first)
{
	if (HAS(e->k, mm_struct, pmd_huge_pte))
		SET(e->k, mm, mm_struct, pmd_huge_pte, first);
	else
		SET(e->k, &holder->object, page, pmd_huge_pte, first);
}

struct error *pgtable_trans_huge_deposit(struct engine *e, const struct object *mm, uint64_t at, uint64_t table)
{
	struct kernel *k = e->k;
	uint64_t first, link = OFFSET(k, page, lru);
	struct page holder;
	TRY(first_deposited(e, mm, at, &holder, &first));
	TRY(first ? list_add(k, table + link, first + link) : list_init(k, table + link));
	set_first_deposited(e, mm, &holder, table);
	return NULL;
}

struct error *pgtable_trans_huge_withdraw(struct engine *e, const struct object *mm, uint64_t at, uint64_t *table)
{
	struct kernel *k = e->k;
	uint64_t next, link = OFFSET(k, page, lru);
	struct page holder;
	TRY(first_deposited(e, mm, at, &holder, table));
	if (!*table)
		return error_at(ERR_BAD_OBJECT, at, "no page table stands by for the huge entry at %" PRIx64, at);
	TRY(kernel_read_pointer(k, *table + link, &next));
	next = next == *table + link ? 0 : next - link;
	set_first_deposited(e, mm, &holder, next);
	if (!next)
		return NULL;
	TRY(list_del(k, *table + link));
	TRY(kernel_write_pointer(k, *table + link, e->modern->list_poison));
	return kernel_write_pointer(k, *table + link + k->arch->pointer_size, e->modern->list_poison + 0x22);
}

/* zap_deposited_table() */
static struct error *zap_deposited_table(struct fault *f, uint64_t at)
{
	uint64_t table;
	TRY(pgtable_trans_huge_withdraw(f->e, f->mm, at, &table));
	return free_table_page(f->e, f->mm, table, f->e->k->geometry.levels - 2u);
}

/* ---- What the entry maps ---- */

struct huge_entry {
	uint64_t entry, pfn;
	uint64_t page; /* the first; 0 for the huge zero page */
};

static struct error *open_entry(struct fault *f, uint64_t at, struct huge_entry *h)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	const struct pagetable_geometry *g = &k->geometry;
	h->entry = get_pte(e, at);
	h->page = 0;
	if (!pagetable_entry_present(g, h->entry) || !(h->entry & X86_PSE))
		return error_at(ERR_UNSUPPORTED, at, "a huge page is on its way elsewhere (entry %" PRIx64 "): that is not followed", h->entry);
	h->pfn = pagetable_entry_phys(g, h->entry, e->modern->pmd_level) >> k->arch->page_shift;
	if (is_zero_frame(k, h->pfn, true))
		return NULL;
	if (h->entry & PTE_SPECIAL)
		return error_at(ERR_UNSUPPORTED, at, "a huge entry of a driver (%" PRIx64 "): that is not followed", h->entry);
	return pfn_to_page(k, h->pfn, &h->page) ? NULL : error_at(ERR_BAD_OBJECT, at, "a huge entry maps no frame: %" PRIx64, h->entry);
}

/* What the entry knew of a file's page goes to the page; then it is unmapped, and has a reference less. */
static struct error *drop_page(struct fault *f, const struct huge_entry *h)
{
	struct engine *e = f->e;
	struct large l;
	TRY(large_open(e, h->page, &l));
	if (!l.anon && (h->entry & X86_DIRTY) && !(l.head.flags >> e->bit_dirty & 1))
		return error_at(ERR_UNSUPPORTED, h->page, "huge page %" PRIx64 " of a file becomes dirty: telling its file system is not done yet", h->page);
	if (!l.anon && (h->entry & X86_ACCESSED)) {
		l.head.flags |= 1ull << e->bit_referenced;
		SET(e->k, &l.head.object, page, flags, l.head.flags);
	}
	TRY(add_mm_counter(e, f->mm, page_counter_kind(e, &l.head), -(int)huge_pages(e), false));
	TRY(large_remove_whole(f, &l));
	return put_user_page(e, l.head.object.addr);
}

/* ---- Splitting ---- */

/* Entries of 4 KiB in the table that stood by, which takes the huge entry's place. `step`: the bytes from one frame to the next, 0 for the zero page. */
static struct error *put_table(struct fault *f, uint64_t at, uint64_t entry, uint64_t step)
{
	struct engine *e = f->e;
	uint64_t table, phys, mask = e->k->geometry.frame_mask;
	void *bytes;
	TRY(pgtable_trans_huge_withdraw(e, f->mm, at, &table));
	phys = engine_page_phys(e, table);
	TRY(frame_bytes(e, phys, &bytes));
	for (uint64_t i = 0; i < huge_pages(e); i++) {
		uint64_t small = (entry & ~mask) | ((entry & mask) + i * step);
		if (!(small & X86_PRESENT) && e->k->geometry.inverts_absent)
			small ^= mask;
		set_pte(e, phys + i * e->k->geometry.entry_size, small);
	}
	set_pte(e, at, phys | TABLE_FLAGS);
	return NULL;
}

struct error *map_parts_of_huge(struct fault *f, uint64_t at, uint64_t page, uint64_t entry)
{
	uint64_t small = mk_pte(f->e, page, f->vma->page_prot) & ~(X86_RW | X86_ACCESSED);
	small |= X86_DIRTY | (entry & X86_ACCESSED) | soft_dirty_bit(f);
	if (f->vma->flags & VM_WRITE)
		small |= entry & X86_RW;
	return put_table(f, at, small, 1ull << f->e->k->arch->page_shift);
}

/* split_huge_page_pmd() of old: all of the page's mappings go with this one. */
static struct error *split_all(struct fault *f, const struct huge_entry *h)
{
	bool split;
	get_page(f->e, h->page);
	TRY(split_huge_page(f->e, h->page, &split));
	return put_user_page(f->e, h->page);
}

static struct error *split_anon(struct fault *f, uint64_t at, const struct huge_entry *h)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct large l;
	uint64_t entry = mk_pte(e, h->page, f->vma->page_prot) & ~(X86_RW | X86_ACCESSED | X86_DIRTY);
	TRY(large_open(e, h->page, &l));
	if (l.head.object.addr != h->page || l.pages != huge_pages(e))
		return error_at(ERR_BAD_OBJECT, h->page, "a huge entry maps page %" PRIx64 ", which is no huge page", h->page);
	bool exclusive = e->modern->anon_exclusive >= 0 && (l.head.flags >> e->modern->anon_exclusive & 1);
	entry |= h->entry & (X86_ACCESSED | PTE_UFFD_WP | PTE_SOFT_DIRTY);
	if (f->vma->flags & VM_WRITE)
		entry |= h->entry & X86_RW;
	if ((h->entry & X86_DIRTY) && e->modern->split_keeps_dirty)
		entry |= X86_DIRTY;
	if (h->entry & X86_DIRTY) {
		l.head.flags |= 1ull << e->bit_dirty;
		SET(k, &l.head.object, page, flags, l.head.flags);
	}
	/* What is mapped page by page is not locked. */
	TRY(clear_page_mlock(e, h->page));
	TRY(large_open(e, h->page, &l));
	SET(k, &l.head.object, page, refcount, (uint64_t)(page_refcount(k, &l.head) + (int32_t)l.pages - 1));
	TRY(large_split_mapping(f, &l));
	for (uint64_t i = 1; exclusive && i < l.pages; i++) {
		struct page p;
		TRY(page_open_writable(e, h->page + i * e->page_size, &p));
		SET(k, &p.object, page, flags, p.flags | 1ull << e->modern->anon_exclusive);
	}
	return put_table(f, at, entry, 1ull << k->arch->page_shift);
}

struct error *split_huge_pmd(struct fault *f, uint64_t at, uint64_t addr)
{
	struct engine *e = f->e;
	struct huge_entry h;
	TRY(nodes_open(e->k));
	TRY(open_entry(f, at, &h));
	count_vm_event(e, e->modern->event_split_pmd);
	TRACE(e, "__split_huge_pmd",
	      f->vma->ops ? "a file's: unmapped" : h.page ? "each part gets an entry" : "the huge zero page: each part gets an entry of the zero page", { "address", addr },
	      { "pmd", h.entry }, { "page", h.page });
	if (!h.page) {
		TRY(put_table(f, at,
			      (e->modern->zero_pfn << e->k->arch->page_shift & e->k->geometry.frame_mask) | f->vma->page_prot | PTE_SPECIAL | (h.entry & PTE_UFFD_WP), 0));
		return e->modern->huge_zero_per_mm ? NULL : put_huge_zero_page(e);
	}
	if (!f->vma->ops)
		return e->modern->large == LARGE_WHOLE ? split_all(f, &h) : split_anon(f, at, &h);
	set_pte(e, at, 0);
	return drop_page(f, &h);
}

struct error *split_huge_pmd_address(struct engine *e, const struct object *mm, uint64_t addr, uint64_t at)
{
	struct vma vma;
	uint64_t vma_addr;
	struct fault f = { .e = e, .mm = mm, .vma = &vma, .addr = addr };
	TRY(find_vma(e, mm, addr, &vma_addr));
	if (!vma_addr)
		return error_at(ERR_BAD_OBJECT, addr, "a huge page is mapped at %" PRIx64 ", where no area is", addr);
	TRY(vma_open(e->k, vma_addr, &vma));
	if (vma.flags & VM_HUGETLB)
		return error_at(ERR_UNSUPPORTED, addr, "the page at %" PRIx64 " is of hugetlbfs, and is not split", addr);
	return split_huge_pmd(&f, at, addr);
}

/* ---- Moving ---- */

/* pmd_move_must_withdraw(): the tables that the two entries are in have locks, and lists of tables that stand by, of their own. */
static bool must_withdraw(const struct fault *f, uint64_t at, uint64_t to)
{
	return !f->vma->ops && !HAS(f->e->k, mm_struct, pmd_huge_pte) && (at ^ to) >> f->e->k->arch->page_shift;
}

struct error *move_huge_pmd(struct fault *f, uint64_t at, uint64_t to, bool soft_dirty)
{
	struct engine *e = f->e;
	uint64_t entry = get_pte(e, at), table;
	set_pte(e, at, 0);
	if (must_withdraw(f, at, to)) {
		TRY(pgtable_trans_huge_withdraw(e, f->mm, at, &table));
		TRY(pgtable_trans_huge_deposit(e, f->mm, to, table));
	}
	if (soft_dirty)
		entry |= PTE_SOFT_DIRTY;
	set_pte(e, to, entry);
	TRACE(e, "move_huge_pmd", "the entry of a huge page moves", { "old_addr", f->addr }, { "pmd", entry });
	return NULL;
}

/* ---- Zapping ---- */

struct error *zap_huge_pmd(struct fault *f, uint64_t at, uint64_t addr)
{
	struct engine *e = f->e;
	struct huge_entry h;
	TRY(open_entry(f, at, &h));
	set_pte(e, at, 0);
	TRACE(e, "zap_huge_pmd", h.page ? "a huge page goes" : "a mapping of the huge zero page goes", { "addr", addr }, { "pmd", h.entry }, { "page", h.page });
	if (!f->vma->ops)
		TRY(zap_deposited_table(f, at));
	if (!h.page)
		return e->modern->huge_zero_per_mm ? NULL : put_huge_zero_page(e);
	return drop_page(f, &h);
}

/* ---- Copying ---- */

/* The page gets a mapping and a reference of the child's. */
static struct error *share_page(struct fault *f, struct large *l)
{
	struct engine *e = f->e;
	int exclusive = e->modern->anon_exclusive;
	SET(e->k, &l->head.object, page, refcount, (uint64_t)(page_refcount(e->k, &l->head) + 1));
	if (exclusive >= 0) {
		l->head.flags &= ~(1ull << exclusive);
		SET(e->k, &l->head.object, page, flags, l->head.flags);
	}
	TRY(large_add_whole(f, l));
	return add_mm_counter(e, f->mm, e->modern->rss_anon, (int)l->pages, false);
}

struct error *copy_huge_pmd(struct fault *f, uint64_t dst_at, uint64_t src_at, const struct object *src_mm, const struct vma *src_vma, bool *split)
{
	struct engine *e = f->e;
	struct huge_entry h;
	struct large l;
	uint64_t table, zero;
	*split = false;
	/* A file's page is found again by a fault. */
	if (src_vma->ops)
		return NULL;
	struct fault parent = { .e = e, .mm = src_mm, .vma = src_vma, .addr = f->addr };
	TRY(open_entry(&parent, src_at, &h));
	if (h.page) {
		TRY(large_open(e, h.page, &l));
		/* (A pin that another process took, before an earlier fork, counts too here.) */
		if (page_pincount(e->k, &l.head) > 0) {
			*split = true;
			TRACE(e, "copy_huge_pmd", "pinned: split, and copied page by page", { "pmd", h.entry }, { "page", h.page });
			return split_huge_pmd(&parent, src_at, f->addr);
		}
	}
	TRY(new_page_table(e, f->mm, src_mm, e->k->geometry.levels - 1u, &table));
	if (!table)
		return NULL;
	TRY(h.page ? share_page(f, &l) : mm_get_huge_zero_page(f, &zero));
	TRY(pgtable_trans_huge_deposit(e, f->mm, dst_at, engine_phys_page(e, table)));
	if (h.page)
		set_pte(e, src_at, pte_wrprotect(h.entry));
	set_pte(e, dst_at, pte_mkold(pte_wrprotect(h.entry)));
	TRACE(e, "copy_huge_pmd", h.page ? "shared, write-protected in both" : "the huge zero page", { "pmd", h.entry }, { "page", h.page });
	return NULL;
}
