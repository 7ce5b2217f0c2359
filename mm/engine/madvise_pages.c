/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Advice on pages that stay mapped, or go to where they came from (mm/madvise.c): not used for a while, not needed in memory, wanted soon. Pages of one frame each.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/reclaim.h"
#include "mm/engine/shmem_edit.h"
#include "mm/engine/zap.h"
#include "mm/path.h"
#include "mm/pte.h"
#include "mm/shmem.h"
#include "mm/zero_page.h"

/* ---- MADV_COLD, MADV_PAGEOUT ---- */

#define TABLE_PAGES 512u /* what one table of entries maps, and the kernel looks at in one go */

struct cooling {
	struct engine *e;
	bool pageout;
	uint64_t page[TABLE_PAGES]; /* isolated, to be reclaimed */
	unsigned count;
};

/* It goes to the inactive list, or is taken along. */
static struct error *cool_page(struct cooling *c, struct page *p)
{
	struct engine *e = c->e;
	uint64_t page = p->object.addr;
	bool isolated;
	p->flags &= ~(1ull << e->bit_referenced);
	SET(e->k, &p->object, page, flags, p->flags);
	if (!c->pageout)
		return p->flags >> e->bit_active & 1 && !(p->flags >> e->modern->unevictable & 1) ? lru_deactivate_add(e, page) : NULL;
	TRY(isolate_lru_page(e, page, &isolated));
	if (!isolated)
		return NULL;
	if (!(p->flags >> e->modern->unevictable & 1)) {
		c->page[c->count++] = page;
		return NULL;
	}
	/* putback_lru_page() */
	TRY(lru_cache_add_modern(e, page));
	return put_user_page(e, page);
}

/* madvise_cold_or_pageout_pte_range(): a page that this process alone maps. */
static struct error *cool_entry(void *context, uint64_t addr, uint64_t end, uint64_t at, uint64_t entry, unsigned shift)
{
	struct cooling *c = context;
	struct engine *e = c->e;
	uint64_t frame = entry & e->k->geometry.frame_mask, page;
	struct page p;
	if (!(entry & (X86_PRESENT | X86_GLOBAL)))
		return NULL;
	if (!(entry & X86_PRESENT) && e->k->geometry.inverts_absent)
		frame ^= e->k->geometry.frame_mask;
	uint64_t pfn = frame >> e->k->arch->page_shift;
	bool huge = shift > e->k->arch->page_shift;
	if ((entry & PTE_SPECIAL) || is_zero_frame(e->k, pfn, huge) || !pfn_to_page(e->k, pfn, &page))
		return NULL;
	TRY(page_open_writable(e, page, &p));
	if (huge || page_is_large(e, &p))
		return error_at(ERR_UNSUPPORTED, addr, "the page of %" PRIx64 " is part of a larger one: that advice on it is not done yet", addr);
	if (!(p.flags >> e->bit_lru & 1) || page_mapcount_word(e->k, &p))
		return NULL;
	if (entry & X86_ACCESSED)
		set_pte(e, at, entry & ~(uint64_t)X86_ACCESSED);
	TRACE(e, "madvise_cold_or_pageout_pte_range", c->pageout ? "taken off its list, to be reclaimed" : "as if it had not been used", { "addr", addr }, { "pte", entry },
	      { "page", page });
	return cool_page(c, &p);
}

/* can_do_pageout(): reclaiming a file's pages shows which were in memory; so only who may write to it, or owns it. */
static struct error *can_do_pageout(struct engine *e, const struct object *mm, const struct object *vma, bool *can)
{
	struct kernel *k = e->k;
	struct object inode, c;
	uint64_t at, cred, file = GET(k, vma, vm_area_struct, vm_file), mode;
	*can = !GET(k, vma, vm_area_struct, vm_ops);
	if (*can || !file)
		return NULL;
	TRY(file_inode(e, file, &at));
	TRY(object_open(k, at, S_inode, &inode));
	mode = GET(k, &inode, inode, i_mode);
	*can = capable(e, mm, CAPABILITY_FOWNER) || capable(e, mm, CAPABILITY_DAC_OVERRIDE) || mode & 2;
	if (*can || !e->task)
		return NULL;
	TRY(kernel_get(k, e->task, M_task_struct_cred, &cred));
	TRY(object_open(k, cred, S_cred, &c));
	*can = GET(k, &c, cred, fsuid) == GET(k, &inode, inode, i_uid) || (mode & 020 && GET(k, &c, cred, fsgid) == GET(k, &inode, inode, i_gid));
	return !*can && mode & 020 ? error_at(ERR_UNSUPPORTED, vma->addr, "whether the process may write to the file by another of its groups is not looked up") : NULL;
}

struct error *madvise_cold_or_pageout(struct engine *e, const struct object *mm, const struct object *vma, uint64_t start, uint64_t end, bool pageout)
{
	struct cooling c = { .e = e, .pageout = pageout };
	const uint64_t span = (uint64_t)TABLE_PAGES * VMCORE_PAGE_SIZE;
	bool can = true;
	if (GET(e->k, vma, vm_area_struct, vm_flags) & (VM_LOCKED | VM_HUGETLB | VM_PFNMAP))
		return kernel_error(EINVAL, "the area is locked, or a driver's: %" PRIx64, vma->addr);
	if (pageout)
		TRY(can_do_pageout(e, mm, vma, &can));
	if (!can)
		return NULL;
	TRY(lru_add_drain(e));
	while (start < end) {
		uint64_t to = (start & ~(span - 1)) + span;
		unsigned freed;
		c.count = 0;
		TRY(area_entries(e, mm, start, to < end ? to : end, cool_entry, &c));
		if (c.count)
			TRY(reclaim_pages(e, c.page, c.count, &freed));
		start = to;
	}
	return NULL;
}

/* ---- MADV_WILLNEED of files ---- */

struct error *madvise_willneed_file(struct engine *e, const struct object *vma, uint64_t start, uint64_t end)
{
	struct kernel *k = e->k;
	unsigned shift = k->arch->page_shift;
	uint64_t file = GET(k, vma, vm_area_struct, vm_file), mapping, host, size, pages, entry;
	uint64_t first = GET(k, vma, vm_area_struct, vm_pgoff) + ((start - GET(k, vma, vm_area_struct, vm_start)) >> shift), last = first + ((end - start) >> shift);
	TRY(kernel_get(k, file, M_file_f_mapping, &mapping));
	TRY(kernel_get(k, mapping, M_address_space_host, &host));
	if (inode_is_shmem(k, host))
		return shmem_swapin_ahead(e, host, first, last - first);
	TRY(kernel_get(k, host, M_inode_i_size, &size));
	pages = (size >> shift) + !!(size & (VMCORE_PAGE_SIZE - 1));
	last = last < pages ? last : pages;
	for (uint64_t i = first; i < last; i++) {
		TRY(page_cache_entry(e, mapping, i, &entry));
		if (entry && !(entry & 3))
			continue;
		if (!has_disk(e))
			return error_at(ERR_UNSUPPORTED, vma->addr, "page %" PRIu64 " of %s would be read ahead: that is not in memory", i, path_of_file(k, file)->path);
		/* force_page_cache_readahead() */
		return read_pages(e, mapping, i, last - i, 0, pages);
	}
	TRACE(e, "force_page_cache_readahead", "all of it is in the page cache", { "mapping", mapping }, { "first page", first }, { "pages", last > first ? last - first : 0 });
	return NULL;
}
