/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Page tables, acting: directories and tables from the quicklists or new, entries made and set (include/asm-i386/pgalloc.h, pgtable-2level.h of 2.4: the
 * middle level is folded onto the directory).
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/engine.h"
#include "mm/engine/mmap_edit.h"
#include "mm/pte.h"

/* ---- Quicklists: freed tables wait in a list through their first word, zeroed otherwise, until they are trimmed ---- */

static struct error *quicklist_take(struct engine *e, uint64_t list, uint64_t *table)
{
	struct kernel *k = e->k;
	uint64_t next;
	*table = 0;
	if (!list)
		return NULL;
	TRY(kernel_read_pointer(k, list, table));
	if (!*table)
		return NULL;
	TRY(kernel_read_pointer(k, *table, &next));
	TRY(kernel_write_pointer(k, list, next));
	TRY(kernel_read_pointer(k, e->pgtable_cache_size, &next));
	return kernel_write_pointer(k, e->pgtable_cache_size, next - 1);
}

static struct error *quicklist_put(struct engine *e, uint64_t list, uint64_t table)
{
	struct kernel *k = e->k;
	uint64_t first, size;
	TRY(kernel_read_pointer(k, list, &first));
	TRY(kernel_write_pointer(k, table, first));
	TRY(kernel_write_pointer(k, list, table));
	TRY(kernel_read_pointer(k, e->pgtable_cache_size, &size));
	return kernel_write_pointer(k, e->pgtable_cache_size, size + 1);
}

struct error *check_pgt_cache(struct engine *e, unsigned low, unsigned high)
{
	struct kernel *k = e->k;
	uint64_t size, table;
	TRY(kernel_read_pointer(k, e->pgtable_cache_size, &size));
	if (size <= high)
		return NULL;
	for (bool any = true; any && size > low;) {
		const uint64_t lists[] = { e->pgd_quicklist, e->pte_quicklist };
		any = false;
		for (int i = 0; i < 2; i++) {
			TRY(quicklist_take(e, lists[i], &table));
			if (table)
				TRY(put_page(e, engine_phys_page(e, table - k->page_offset)));
			any |= table != 0;
		}
		TRY(kernel_read_pointer(k, e->pgtable_cache_size, &size));
	}
	return NULL;
}

/* ---- Directories ---- */

/* Entries of the user's part. */
static uint64_t user_entries(const struct kernel *k)
{
	return k->page_offset >> k->geometry.level[0].shift;
}

struct error *pgd_alloc(struct engine *e, uint64_t *pgd)
{
	TRY(need_classic(e, "a new page directory"));
	struct kernel *k = e->k;
	struct object o;
	uint64_t kernel_part = user_entries(k) * k->geometry.entry_size;
	TRY(quicklist_take(e, e->pgd_quicklist, pgd));
	if (*pgd) {
		/* All of it is as it must be but the word that linked it. */
		return kernel_write_pointer(k, *pgd, 0);
	}
	TRY(get_free_pages(e, GFP24_KERNEL, 0, pgd));
	TRY(object_open_bytes_writable(k, *pgd, VMCORE_PAGE_SIZE, &o));
	memset((void *)o.bytes, 0, kernel_part);
	TRACE(e, "pgd_alloc", "the kernel's part is copied from swapper_pg_dir", { "pgd", *pgd },
	      { "swapper_pg_dir", kernel_ptov(k, k->kernel_pgd) });
	return vmcore_read(k->vmcore, k->kernel_pgd + kernel_part, (unsigned char *)o.bytes + kernel_part,
			   VMCORE_PAGE_SIZE - kernel_part);
}

struct error *pgd_free(struct engine *e, uint64_t pgd)
{
	return quicklist_put(e, e->pgd_quicklist, pgd);
}

/* ---- Tables ---- */

/* A table's entry in a directory: _PAGE_TABLE (present, writable, user, accessed, dirty). */
#define TABLE_FLAGS 0x67

/* Where the entry of addr stands in a table of that level. */
static inline uint64_t entry_in(uint64_t table, const struct pagetable_geometry *g, const struct pagetable_level *l, uint64_t addr)
{
	uint64_t index = addr >> l->shift & ((1ull << l->bits) - 1);
	return table + (g->entry_size == 8 ? index * 8 : index * 4);
}

uint64_t pte_offset(struct engine *e, const struct object *mm, uint64_t addr)
{
	struct kernel *k = e->k;
	const struct pagetable_geometry *g = &k->geometry;
	const struct pagetable_level *l = g->level, *last = l + g->levels - 1;
	uint64_t table = GET(k, mm, mm_struct, pgd) - k->page_offset;
	for (; l < last; l++) {
		uint64_t entry = get_pte(e, entry_in(table, g, l, addr));
		if (!(entry & X86_PRESENT) || (l->may_be_leaf && (entry & X86_PSE)))
			return 0;
		table = entry & g->frame_mask;
	}
	return entry_in(table, g, l, addr);
}

static struct error *new_table(struct engine *e, uint64_t *table)
{
	TRY(quicklist_take(e, e->pte_quicklist, table));
	if (*table)
		return kernel_write_pointer(e->k, *table, 0);
	return get_zeroed_page(e, GFP24_KERNEL, table);
}

struct error *pte_alloc(struct engine *e, const struct object *mm, uint64_t addr, uint64_t *entry_addr)
{
	TRY(need_classic(e, "a new page table"));
	struct kernel *k = e->k;
	const struct pagetable_geometry *g = &k->geometry;
	const struct pagetable_level *l = g->level, *last = l + g->levels - 1;
	uint64_t table = GET(k, mm, mm_struct, pgd) - k->page_offset;
	for (; l < last; l++) {
		uint64_t at = entry_in(table, g, l, addr), entry = get_pte(e, at), made;
		if (!(entry & X86_PRESENT)) {
			TRY(new_table(e, &made));
			entry = (made - k->page_offset) | TABLE_FLAGS;
			set_pte(e, at, entry);
			TRACE(e, "pte_alloc", "a new page table", { "address", addr }, { "pmd", entry });
		}
		table = entry & g->frame_mask;
	}
	*entry_addr = entry_in(table, g, l, addr);
	return NULL;
}

struct error *clear_page_tables(struct engine *e, const struct object *mm, uint64_t first, uint64_t end)
{
	TRY(need_classic(e, "freeing page tables"));
	struct kernel *k = e->k;
	const struct pagetable_geometry *g = &k->geometry;
	uint64_t pgd = GET(k, mm, mm_struct, pgd) - k->page_offset;
	unsigned shift = g->level[0].shift;
	if (g->levels != 2)
		return error_new(ERR_UNSUPPORTED, "page tables of %u levels are not freed yet", g->levels);
	if (end > k->page_offset)
		end = k->page_offset;
	for (uint64_t addr = first; addr < end; addr += 1ull << shift) {
		uint64_t at = pgd + (addr >> shift) * g->entry_size, entry = get_pte(e, at);
		if (!(entry & X86_PRESENT) || (entry & X86_PSE))
			continue;
		set_pte(e, at, 0);
		TRY(quicklist_put(e, e->pte_quicklist, kernel_ptov(k, entry & g->frame_mask)));
	}
	/* No more than so many wait: do_check_pgt_cache() in the idle loop and after exit (arch/i386/mm/init.c, 25 and 50). */
	return check_pgt_cache(e, 25, 50);
}

/* ---- Entries ---- */

uint64_t get_pte_far(struct engine *e, uint64_t entry_addr)
{
	const void *p = vmcore_try_map(e->k->vmcore, entry_addr, e->k->geometry.entry_size);
	return p ? load_uint(p, e->k->geometry.entry_size) : 0;
}

void set_pte_far(struct engine *e, uint64_t entry_addr, uint64_t entry)
{
	void *p;
	if (!error_drop(vmcore_map_writable(e->k->vmcore, entry_addr, e->k->geometry.entry_size, &p)))
		store_uint(p, e->k->geometry.entry_size, entry);
}

/* protection_map[] (mm/mmap.c) with i386's __P… and __S… (include/asm-i386/pgtable.h): a page that may be read may be executed. */
uint64_t vm_get_page_prot(struct engine *e, uint64_t vm_flags)
{
	if (!e->classic)
		return vm_get_page_prot_areas(e, vm_flags);
	if (!(vm_flags & (VM_READ | VM_WRITE | VM_EXEC)))
		return PTE_PROTNONE | X86_ACCESSED;
	if ((vm_flags & VM_SHARED) && (vm_flags & VM_WRITE))
		return X86_PRESENT | X86_RW | X86_USER | X86_ACCESSED;
	return X86_PRESENT | X86_USER | X86_ACCESSED;
}

struct error *change_protection(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t page_prot)
{
	for (uint64_t addr = start; addr < end;) {
		uint64_t at = pte_offset(e, mm, addr), size = 1ull << e->k->geometry.level[0].shift;
		if (!at) {
			addr = (addr & ~(size - 1)) + size;
			continue;
		}
		uint64_t entry = get_pte(e, at);
		/* pte_modify(): the frame and what the processor noted stay (_PAGE_CHG_MASK). */
		if (pte_present(entry))
			set_pte(e, at, (entry & (e->k->geometry.frame_mask | X86_ACCESSED | X86_DIRTY)) | page_prot);
		addr += VMCORE_PAGE_SIZE;
	}
	return NULL;
}
