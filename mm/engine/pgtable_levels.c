/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Page tables of kernels with reverse mapping: tables of any level made, top tables made and freed (mm/memory.c: __pte_alloc(); arch/x86/mm/pgtable.c: pgd_alloc()).
 */
#include <inttypes.h>

#include "mm/engine/clear_page.h"
#include "mm/engine/buddy_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/pgtable_edit.h"
#include "mm/engine/zap.h"
#include "mm/memmap.h"
#include "mm/pte.h"
#include "mm/state.h"

/* Entries of the top table that are the user's. */
static uint64_t user_entries(const struct kernel *k)
{
	return k->arch->pointer_size == 8 ? 256 : k->page_offset >> k->geometry.level[0].shift;
}

/* Index of the first entry from i on that is not empty, `entries` where there is none: most are, so whole blocks are passed over. */
static uint64_t next_entry(const struct pagetable_geometry *g, const unsigned char *bytes, uint64_t i, uint64_t entries)
{
	static const unsigned char empty[512];
	const unsigned size = g->entry_size;
	const unsigned char *at = bytes + i * size, *end = bytes + entries * size;
	while ((size_t)(end - at) >= sizeof(empty) && !memcmp(at, empty, sizeof(empty)))
		at += sizeof(empty);
	while ((size_t)(end - at) >= 64 && !memcmp(at, empty, 64))
		at += 64;
	while (at < end && !(size == 8 ? load_uint(at, 8) : load_uint(at, 4)))
		at += size;
	return (uint64_t)(at - bytes) / size;
}

/* The first table of a level that the mm has, by its physical address; 0 when there is none. */
static uint64_t first_table(struct engine *e, uint64_t table, unsigned at, unsigned level)
{
	const struct pagetable_geometry *g = &e->k->geometry;
	if (at == level)
		return table;
	uint64_t entries = at ? 1ull << g->level[at].bits : user_entries(e->k);
	const unsigned char *bytes = vmcore_try_map(e->k->vmcore, table, entries * g->entry_size);
	for (uint64_t i = 0; bytes && (i = next_entry(g, bytes, i, entries)) < entries; i++) {
		uint64_t entry = load_uint(bytes + i * g->entry_size, g->entry_size), found;
		if (!(entry & X86_PRESENT) || (g->level[at].may_be_leaf && (entry & X86_PSE)))
			continue;
		found = first_table(e, entry & g->frame_mask, at + 1, level);
		if (found)
			return found;
	}
	return 0;
}

/* Tables of the three lowest levels are counted (since 4.15): are there so many that one may be of that level, with those that lead to it? */
static bool may_have_table(const struct engine *e, const struct object *mm, unsigned level)
{
	unsigned levels = e->k->geometry.levels, above = levels - 1u - level, counted = levels - 1u < 3 ? levels - 1u : 3;
	return !HAS(e->k, mm_struct, pgtables_bytes) || above >= counted || GET(e->k, mm, mm_struct, pgtables_bytes) >= (counted - above) * (uint64_t)VMCORE_PAGE_SIZE;
}

/*
 * How its page is kept (typed, counted, charged) shows on another table of that level: which levels are has changed without a trace in types. Where there is no other: those of
 * the lowest level, and since pages have a type of their own for tables, the one above.
 */
static struct error *table_page_ctor(struct engine *e, const struct object *like, const struct page *p, unsigned level, bool *counted)
{
	struct kernel *k = e->k;
	const struct page_type *t = &k->mm->pages->words.table;
	uint64_t sibling = may_have_table(e, like, level) ? first_table(e, pgd_phys(e, like), 0, level) : 0, page;
	struct page other;
	/* pmd_ptlock_init(): no table waits for a huge page's split yet. */
	if (level == e->modern->pmd_level)
		SET(k, &p->object, page, pmd_huge_pte, 0);
	*counted = level + 1u == k->geometry.levels || (t->mask && level + 2u == k->geometry.levels);
	if (!sibling || !pfn_to_page(k, sibling >> k->arch->page_shift, &page) || page == p->object.addr) {
		if (*counted && t->mask)
			SET(k, &p->object, page, page_type, page_type_word(t));
		return NULL;
	}
	TRY(page_open(k, page, &other));
	*counted = t->mask ? page_use(k, &other) == PAGE_TABLE : *counted;
	SET(k, &p->object, page, page_type, GET(k, &other.object, page, page_type));
	SET(k, &p->object, page, memcg_data, GET(k, &other.object, page, memcg_data));
	SET(k, &p->object, page, mem_cgroup, GET(k, &other.object, page, mem_cgroup));
	return NULL;
}

/* mm_inc_nr_ptes() and its like: bytes since 4.15 (of the three lowest levels: nobody counts a P4D), a count of the lowest level before. */
void count_table(struct engine *e, const struct object *mm, unsigned level, int n)
{
	unsigned above = e->k->geometry.levels - 1u - level;
	if (HAS(e->k, mm_struct, pgtables_bytes))
		ADD(e->k, mm, mm_struct, pgtables_bytes, above < 3 ? n * (int)VMCORE_PAGE_SIZE : 0);
	else if (!above)
		ADD(e->k, mm, mm_struct, nr_ptes, n);
}

struct error *new_page_table(struct engine *e, const struct object *mm, const struct object *like, unsigned level, uint64_t *phys)
{
	uint64_t page;
	void *bytes;
	struct page p;
	bool counted;
	*phys = 0;
	TRY(alloc_pages_pcp(e, PAGES_KERNEL, 0, &page));
	if (!page)
		return NULL;
	*phys = engine_page_phys(e, page);
	TRY(frame_bytes(e, *phys, &bytes));
	clear_page(bytes);
	TRY(page_open_writable(e, page, &p));
	TRY(table_page_ctor(e, like, &p, level, &counted));
	if (counted)
		mod_page_state(e, page, e->modern->pagetable, 1);
	count_table(e, mm, level, 1);
	return NULL;
}

struct error *table_alloc(struct engine *e, const struct object *mm, const struct object *like, unsigned level, uint64_t entry_addr, uint64_t addr, uint64_t *table)
{
	const struct pagetable_geometry *g = &e->k->geometry;
	uint64_t entry = get_pte(e, entry_addr), made;
	if (!pagetable_entry_present(g, entry)) {
		TRACE(e, level + 2u == g->levels ? "__pte_alloc" : level + 3u == g->levels ? "__pmd_alloc" : "__pud_alloc", "a new page table", { "address", addr },
		      { "entry", entry });
		TRY(new_page_table(e, mm, like, level + 1, &made));
		*table = 0;
		if (!made)
			return NULL;
		entry = made | TABLE_FLAGS;
		/* pti_set_user_pgtbl(): the twin that the processor uses in user mode stands a page behind; the kernel's own forbids execution. */
		if (!level && e->modern->pti) {
			set_pte(e, entry_addr + VMCORE_PAGE_SIZE, entry);
			entry |= X86_NX;
		}
		set_pte(e, entry_addr, entry);
	}
	*table = entry & g->frame_mask;
	return NULL;
}

struct error *fault_tables(struct fault *f, unsigned level, uint64_t *entry_addr, bool *explained)
{
	struct engine *e = f->e;
	const struct pagetable_geometry *g = &e->k->geometry;
	uint64_t table = pgd_phys(e, f->mm);
	*explained = false;
	for (unsigned i = 0; i < level; i++) {
		TRY(table_alloc(e, f->mm, f->mm, i, table_entry(g, table, i, f->addr), f->addr, &table));
		*explained = !table;
		if (!table)
			return NULL;
	}
	*entry_addr = table_entry(g, table, level, f->addr);
	return NULL;
}

struct error *fault_new_pte(struct fault *f, bool *explained)
{
	struct engine *e = f->e;
	const struct pagetable_geometry *g = &e->k->geometry;
	uint64_t above;
	if (!f->prealloc)
		return fault_tables(f, g->levels - 1u, &f->entry_addr, explained);
	/* pmd_populate() */
	TRY(fault_tables(f, g->levels - 2u, &above, explained));
	if (*explained)
		return NULL;
	set_pte(e, above, f->prealloc | TABLE_FLAGS);
	f->entry_addr = table_entry(g, f->prealloc, g->levels - 1u, f->addr);
	f->prealloc = 0;
	return NULL;
}

struct error *fault_prealloc(struct fault *f)
{
	struct engine *e = f->e;
	if (f->entry_addr || f->prealloc || !e->modern->late_tables || e->k->geometry.levels < 3)
		return NULL;
	TRACE(e, "pte_alloc_one", "a page table is made ready", { "address", f->addr });
	return new_page_table(e, f->mm, f->mm, e->k->geometry.levels - 1u, &f->prealloc);
}

struct error *fault_prealloc_free(struct fault *f)
{
	uint64_t page;
	if (!f->prealloc)
		return NULL;
	TRACE(f->e, "pte_free", "the page table was not needed", { "address", f->addr }, { "table", f->prealloc });
	page = engine_phys_page(f->e, f->prealloc);
	f->prealloc = 0;
	return free_table_page(f->e, f->mm, page, f->e->k->geometry.levels - 2u);
}

/* ---- Top tables ---- */

/* Two frames where the kernel can isolate page tables, whether it does or not (PGD_ALLOCATION_ORDER, since 4.15). */
static unsigned pgd_order(const struct engine *e)
{
	return symbol_addr(e->k, "pti_init") || symbol_addr(e->k, "pti_finalize") || e->modern->pti ? 1 : 0;
}

/* clone_pgd_range(): the kernel's half, and that of the twin. */
static struct error *clone_kernel_half(struct engine *e, uint64_t phys)
{
	struct kernel *k = e->k;
	uint64_t from = user_entries(k) * k->geometry.entry_size, twins = e->modern->pti ? 2 : 1;
	for (uint64_t i = 0; i < twins; i++) {
		void *to;
		uint64_t frame = i * VMCORE_PAGE_SIZE;
		TRY(frame_bytes(e, phys + frame, &to));
		TRY(vmcore_read(k->vmcore, k->kernel_pgd + frame + from, (unsigned char *)to + from, VMCORE_PAGE_SIZE - from));
	}
	return NULL;
}

struct error *pgd_alloc_modern(struct engine *e, uint64_t mm, uint64_t *pgd)
{
	struct kernel *k = e->k;
	uint64_t page, list = symbol_addr(k, "pgd_list"), phys;
	struct page p;
	void *bytes;
	if (k->arch->pointer_size != 8)
		return error_new(ERR_UNSUPPORTED, "top page tables of three levels are not made yet");
	TRY(alloc_pages_pcp(e, PAGES_KERNEL, pgd_order(e), &page));
	if (!page)
		return error_new(ERR_UNSUPPORTED, "a top page table was only explained");
	phys = engine_page_phys(e, page);
	for (unsigned i = 0; i < 1u << pgd_order(e); i++) {
		TRY(frame_bytes(e, phys + i * (uint64_t)VMCORE_PAGE_SIZE, &bytes));
		clear_page(bytes);
	}
	TRY(clone_kernel_half(e, phys));
	*pgd = kernel_ptov(k, phys);
	TRACE(e, "pgd_alloc", "the kernel's part is copied from swapper_pg_dir", { "pgd", *pgd }, { "order", pgd_order(e) },
	      { "swapper_pg_dir", kernel_ptov(k, k->kernel_pgd) });
	if (!list)
		return NULL;
	/* pgd_list_add(), pgd_set_mm(): where `index` is */
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, index, mm);
	return list_add(k, page + OFFSET(k, page, lru), list);
}

struct error *pgd_free_modern(struct engine *e, uint64_t pgd)
{
	struct kernel *k = e->k;
	uint64_t page;
	struct page p;
	if (!pfn_to_page(k, (pgd - k->page_offset) >> k->arch->page_shift, &page))
		return error_at(ERR_BAD_OBJECT, pgd, "no top page table: %" PRIx64, pgd);
	if (symbol_addr(k, "pgd_list"))
		TRY(list_del(k, page + OFFSET(k, page, lru)));
	TRY(page_open_writable(e, page, &p));
	if (page_refcount(k, &p) != 1)
		return error_at(ERR_BAD_OBJECT, page, "top page table %" PRIx64 " has %d references", page, page_refcount(k, &p));
	SET(k, &p.object, page, refcount, 0);
	return free_pages_modern(e, page, pgd_order(e));
}
