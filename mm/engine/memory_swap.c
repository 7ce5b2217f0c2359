/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Entries that are neither present nor empty (mm/memory.c: do_swap_page()), of kernels that have more kinds of them than swapped-out pages.
 */
#include <inttypes.h>
#include <stdio.h>

#include "mm/anon_vma.h"
#include "mm/engine/fault.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/swap_edit.h"
#include "mm/pte.h"
#include "mm/page.h"
#include "mm/swap.h"
#include "mm/xarray.h"

/* Slots in one cluster (SWAPFILE_CLUSTER): include/linux/swap.h, mm/swap.h. */
#define CLUSTER_SIZE 512u

/* What the swap cache has for a slot: a page, or 0. *known is false where it is kept in a way that is not understood. */
static struct error *from_spaces(struct kernel *k, const struct swap_entry *s, uint64_t *page)
{
	uint64_t space = swap_address_space(k, s), head;
	*page = 0;
	if (!space)
		return NULL;
	TRY(kernel_get(k, space, M_address_space_i_pages, &head));
	TRY(xarray_load(k, head, swap_cache_index(k, s), page));
	/* In its address space since 6.10. */
	if (!*page)
		TRY(xarray_load(k, head, s->offset & 0x3fff, page));
	/* A value remembers when the page was evicted (mm/workingset.c). */
	if (*page & 3)
		*page = 0;
	return NULL;
}

/* Since 6.18 each cluster has a table; a word of it is 0, a page, or (low bits set) something else that is no page. */
static struct error *from_table(struct kernel *k, const struct swap_entry *s, uint64_t *page, bool *known)
{
	struct swap_area area;
	uint64_t clusters, table, word, pfn;
	*page = 0;
	if (!swap_area_get(k, s->type, &area) || s->offset >= area.max)
		return NULL;
	TRY(kernel_get(k, area.addr, M_swap_info_struct_cluster_info, &clusters));
	TRY(kernel_get(k, clusters + s->offset / CLUSTER_SIZE * SIZE_OF(k, swap_cluster_info), M_swap_cluster_info_table, &table));
	if (!table)
		return NULL;
	TRY(kernel_read_pointer(k, table + s->offset % CLUSTER_SIZE * k->arch->pointer_size, &word));
	if (!word || (word & 1))
		return NULL;
	if (page_to_pfn(k, word, &pfn))
		*page = word;
	else if ((word & 3) == 2)
		/* A frame number above the marker, below a count. */
		*known = pfn_to_page(k, word << 8 >> 10, page);
	else
		*known = false;
	return NULL;
}

/* do_page_add_anon_rmap(): who maps it first says whose it is: the area's own when nobody else has it, else the oldest of its family. */
static struct error *add_anon_rmap(struct fault *f, uint64_t page, bool exclusive)
{
	struct kernel *k = f->e->k;
	uint64_t anon_vma = f->vma->anon_vma;
	struct page p;
	TRY(page_open_writable(f->e, page, &p));
	int32_t count = page_mapcount_word(k, &p);
	SET(k, &p.object, page, mapcount, (uint64_t)(count + 1));
	if (count >= 0)
		return NULL;
	mod_page_state(f->e, page, f->e->modern->anon_mapped, 1);
	if (GET(k, &p.object, page, mapping) & PAGE_MAPPING_ANON)
		return NULL;
	if (!anon_vma)
		return error_at(ERR_BAD_OBJECT, f->vma->addr, "an area with a swapped-out page has no anon_vma");
	if (!exclusive)
		TRY(kernel_get(k, anon_vma, M_anon_vma_root, &anon_vma));
	SET(k, &p.object, page, mapping, anon_vma | PAGE_MAPPING_ANON);
	SET(k, &p.object, page, index, ((f->addr - f->vma->start) >> k->arch->page_shift) + vma_anon_pgoff(k, f->vma));
	return NULL;
}

/* Who has the swapped-in page: is it the process's alone? Until 5.17 that is asked of a write only; since, the entry says it, or that nobody else can know of the page. */
static struct error *is_exclusive(struct fault *f, const struct page *p, bool cached, bool *exclusive)
{
	struct engine *e = f->e;
	*exclusive = false;
	if (e->modern->anon_exclusive < 0)
		return f->write ? reuse_swap_page(e, p->object.addr, exclusive) : NULL;
	bool alone = page_refcount(e->k, p) == 1, said = f->entry & SWAP_ENTRY_EXCLUSIVE;
	*exclusive = said || !cached || alone;
	TRACE(e, "do_swap_page", said ? "the entry says that the page is this process's alone" : !cached ? "nobody else can know of the page" : alone ? "nobody else has it" : "others may have it too",
	      { "page", p->object.addr }, { "pte", f->entry }, { "folio->_refcount", (uint64_t)(int64_t)page_refcount(e->k, p) });
	return NULL;
}

/* should_try_to_free_swap(), since 5.18: room is short, or a write could have the page for itself. */
static bool should_free_swap(struct fault *f, const struct page *p, bool cached)
{
	struct engine *e = f->e;
	if ((f->vma->flags & VM_LOCKED) || mem_cgroup_swap_full(e, p))
		return true;
	return cached && f->write && e->modern->anon_exclusive >= 0 && page_refcount(e->k, p) == 2;
}

/* The slot has a user less, and maybe none. */
static struct error *leave_slot(struct fault *f, uint64_t page, uint64_t slot, bool cached)
{
	struct page p;
	bool freed;
	TRY(swap_free(f->e, slot));
	TRY(page_open_known(f->e, page, &p));
	return should_free_swap(f, &p, cached) ? try_to_free_swap(f->e, page, &freed) : NULL;
}

/* The page of the slot is there, with a reference that the entry will have. `cached`: in the swap cache. */
static struct error *map_swapped_in(struct fault *f, uint64_t page, bool cached)
{
	struct engine *e = f->e;
	uint64_t entry = mk_pte(e, page, f->vma->page_prot), slot = f->entry;
	bool reuse = false, marked = e->modern->anon_exclusive >= 0;
	struct page p;
	TRY(add_mm_counter(e, f->mm, e->modern->rss_anon, 1, true));
	TRY(add_mm_counter(e, f->mm, e->modern->rss_swap, -1, true));
	/* A page on this CPU's batch has a reference more than it need have. */
	TRY(page_open_known(e, page, &p));
	if (marked && cached && f->write && !(p.flags >> e->bit_lru & 1))
		TRY(lru_add_drain(e));
	if (marked)
		TRY(leave_slot(f, page, slot, cached));
	TRY(page_open_writable(e, page, &p));
	TRY(is_exclusive(f, &p, cached, &reuse));
	bool writes = f->write && reuse && (f->vma->flags & VM_WRITE);
	if (writes)
		entry = pte_mkwrite(pte_mkdirty(entry)) | soft_dirty_bit(f);
	if (slot & swap_entry_soft_dirty(e->k))
		entry |= PTE_SOFT_DIRTY;
	if (marked && (slot & SWAP_ENTRY_UFFD_WP))
		entry = pte_wrprotect(entry | PTE_UFFD_WP);
	set_pte(e, f->entry_addr, entry);
	f->entry = entry;
	TRY(add_anon_rmap(f, page, reuse));
	if (marked && reuse) {
		TRY(page_open_writable(e, page, &p));
		SET(e->k, &p.object, page, flags, p.flags | 1ull << e->modern->anon_exclusive);
	}
	TRY(mlock_mapped(f, page));
	TRACE(e, "do_swap_page", "mapped again", { "address", f->addr }, { "page", page }, { "pte", entry });
	if (!marked)
		TRY(leave_slot(f, page, slot, cached));
	enum fault_result result = f->result;
	/* Forced into memory that is not to be written: until 5.17 nobody else having the page is all that is asked. */
	if (f->write && !(marked ? writes : reuse))
		TRY(do_wp_page_modern(f));
	f->result = result > f->result ? result : f->result;
	return NULL;
}

/*
 * Kernels that ask reuse_swap_page(), or mark exclusive pages, are followed. Not reads since 6.11 ("mm: swap: reuse exclusive folio directly instead of wp page faults"):
 * the entry of an exclusive page becomes writable with them; the nearest trace is that clusters of slots stand in lists, of 6.12.
 */
static bool mapping_known(const struct fault *f)
{
	struct engine *e = f->e;
	if (e->modern->anon_exclusive >= 0 && !HAS(e->k, swap_info_struct, free_head) && !f->write)
		return false;
	bool asked = e->modern->reuse_inferred != REUSE_BY_EXCLUSIVE && symbol_addr(e->k, "reuse_swap_page");
	return (asked || e->modern->anon_exclusive >= 0) && HAS(e->k, swap_info_struct, swap_map);
}

static bool is_poisoned(struct engine *e, uint64_t page)
{
	struct page p;
	return e->modern->hwpoison >= 0 && !error_drop(page_open(e->k, page, &p)) && (p.flags >> e->modern->hwpoison & 1);
}

static struct error *swapped_out(struct fault *f, const struct swap_entry *s)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct swap_area area;
	uint64_t page = 0;
	bool known = true, explained;
	if (HAS(k, swap_cluster_info, table))
		TRY(from_table(k, s, &page, &known));
	else if (symbol_addr(k, "swapper_spaces"))
		TRY(from_spaces(k, s, &page));
	else
		known = false;
	if (!known)
		return fault_refuse(e, &explained, "whether the swap cache has slot %" PRIu64 " is not known", s->offset);
	TRACE(e, "do_swap_page", page ? "found in the swap cache" : "to be read from swap", { "pte", f->entry }, { "swp_type", s->type },
	      { "swp_offset", s->offset }, { "page", page });
	if (page && is_poisoned(e, page)) {
		TRACE(e, "do_swap_page", "the page's frame is bad", { "page", page });
		f->result = FAULT_SIGBUS;
		return NULL;
	}
	f->result = page ? FAULT_MINOR : FAULT_MAJOR;
	fault_outcome(e, page ? OUTCOME_SWAP_CACHE : OUTCOME_SWAP_READ);
	if (page && !mapping_known(f))
		return fault_refuse(e, &explained, "page %" PRIx64 " of the swap cache would be mapped: not done yet", page);
	if (!page && (!swap_has(e, s->type, s->offset) || !mapping_known(f)))
		return fault_refuse(e, &explained, "slot %" PRIu64 " of %s would be read: that is not in memory", s->offset,
				    swap_area_get(k, s->type, &area) ? area.path : "the swap area");
	bool cached = page || !swap_is_synchronous(e, f->entry);
	if (page)
		get_page(e, page);
	else
		TRY(cached ? read_swap_cache(e, f->entry, &page) : read_swap_page(e, f->entry, &page));
	count_vm_event(e, f->result == FAULT_MAJOR ? e->modern->event_pgmajfault : -1);
	return page ? map_swapped_in(f, page, cached) : NULL;
}

struct error *do_absent_page(struct fault *f)
{
	struct engine *e = f->e;
	struct swap_entry s;
	char text[160];
	bool explained;
	swap_entry_decode(e->k, f->entry, &s);
	swap_entry_format(e->k, &s, text, sizeof(text));
	f->result = FAULT_MINOR;
	switch (s.kind) {
	case SWAP_PAGE:
		return swapped_out(f, &s);
	case SWAP_MIGRATION:
		TRACE(e, "migration_entry_wait", "the page is being moved", { "pte", f->entry }, { "pfn", s.pfn });
		fault_outcome(e, OUTCOME_WAIT);
		return fault_refuse(e, &explained, "the fault waits until the page has been moved: %s", text);
	case SWAP_HWPOISON:
	case SWAP_ERROR:
		TRACE(e, "do_swap_page", "the page is lost", { "pte", f->entry }, { "pfn", s.pfn });
		f->result = FAULT_SIGBUS;
		return NULL;
	case SWAP_MARKER:
		TRACE(e, "handle_pte_marker", "a marker", { "pte", f->entry }, { "marker", s.offset });
		f->result = s.offset & SWAP_MARKER_GUARD ? FAULT_SIGSEGV : s.offset & SWAP_MARKER_POISONED ? FAULT_SIGBUS : FAULT_MINOR;
		if (f->result != FAULT_MINOR)
			return NULL;
		fault_outcome(e, OUTCOME_USERFAULT);
		return fault_refuse(e, &explained, "a marker of userfaultfd: not followed");
	case SWAP_DEVICE_PRIVATE:
	case SWAP_DEVICE_EXCLUSIVE:
		TRACE(e, "do_swap_page", "a device has the page", { "pte", f->entry }, { "pfn", s.pfn });
		fault_outcome(e, OUTCOME_DRIVER);
		return fault_refuse(e, &explained, "a device has the page: %s", text);
	case SWAP_BAD:
		break;
	}
	/* print_bad_pte(), VM_FAULT_SIGBUS: an entry of an area that does not exist. */
	TRACE(e, "do_swap_page", "the entry names no swap area", { "pte", f->entry });
	f->result = FAULT_SIGBUS;
	return NULL;
}
