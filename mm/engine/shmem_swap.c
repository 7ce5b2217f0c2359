/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages of shared memory to swap and back (mm/shmem.c: shmem_writepage(), shmem_swapin_page()): in a file's tree the slot stands in the page's place, as a value.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "mm/engine/file_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/mmap_edit.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/shmem_edit.h"
#include "mm/engine/swap_edit.h"
#include "mm/engine/vmscan_parts.h"
#include "mm/engine/xarray_edit.h"
#include "mm/engine/zap.h"
#include "mm/shmem.h"
#include "mm/swap.h"

/* The tree counts swapped-out pages neither as pages nor as values (nrexceptional), which page_cache_insert() and page_cache_delete() do. */
static struct error *leave_uncounted(struct engine *e, uint64_t mapping, int values)
{
	struct object m;
	TRY(object_open_writable(e->k, mapping, S_address_space, &m));
	ADD(e->k, &m, address_space, nrexceptional, -values);
	return NULL;
}

/* ---- Out ---- */

/* The file stands on the list of those that have pages on swap: for swapoff. */
static struct error *onto_swaplist(struct engine *e, const struct shmem *s)
{
	uint64_t all = symbol_addr(e->k, "shmem_swaplist"), at = s->info.addr + OFFSET(e->k, shmem_inode_info, swaplist), next;
	TRY(members_require(e->k, "shared memory in swap", M_shmem_inode_info_swaplist, MEMBER_NONE));
	if (!all)
		return error_new(ERR_UNSUPPORTED, "which files have pages in swap is not known: there is no shmem_swaplist");
	TRY(kernel_read_pointer(e->k, at, &next));
	return next == at ? list_add(e->k, at, all) : NULL;
}

struct error *shmem_writepage(struct engine *e, uint64_t page, bool *written)
{
	struct kernel *k = e->k;
	struct page p;
	struct shmem s;
	uint64_t host, entry = 0;
	bool on_disk;
	*written = false;
	TRY(page_open_known(e, page, &p));
	uint64_t mapping = GET(k, &p.object, page, mapping), total = swap_pages(e, "total_swap_pages");
	TRY(kernel_get(k, mapping, M_address_space_host, &host));
	if (!inode_is_shmem(k, host))
		return error_at(ERR_UNSUPPORTED, page, "page %" PRIx64 " is swap-backed, and of no file of shared memory: writing it is not done", page);
	TRY(shmem_open(e, host, &s));
	bool locked = GET(k, &s.info, shmem_inode_info, flags) & VM_LOCKED;
	if (total && !locked)
		TRY(add_shmem_to_swap(e, page, &entry, written));
	TRACE(e, "shmem_writepage", locked ? "the file is locked in memory: stays, dirty" : !total ? "no swap to write it to: stays, dirty" :
	      !*written ? "no slot is to be had: stays, dirty" : "to swap: the slot in its place in the file",
	      { "page", page }, { "total_swap_pages", total }, { "info->flags", GET(k, &s.info, shmem_inode_info, flags) }, { "entry", entry });
	if (!*written)
		return NULL;
	TRY(onto_swaplist(e, &s));
	TRY(shmem_recalc_inode(e, &s));
	ADD(k, &s.info, shmem_inode_info, swapped, 1);
	TRY(page_cache_delete(e, page, swap_entry_xa_value(k, entry)));
	TRY(leave_uncounted(e, mapping, 1));
	TRY(put_user_page(e, page));
	return swap_writepage(e, page, &on_disk);
}

/* ---- In ---- */

struct error *shmem_swapin_page(struct fault *f, uint64_t mapping, uint64_t index, uint64_t value, uint64_t *page)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct shmem s;
	struct page p;
	struct swap_entry slot;
	uint64_t host, old, entry = swap_xa_value_entry(k, value);
	bool explained, known = HAS(k, swap_info_struct, swap_map);
	*page = 0;
	swap_entry_decode(k, entry, &slot);
	if (slot.kind != SWAP_PAGE)
		return error_at(ERR_BAD_OBJECT, mapping, "the file's tree names no swap slot at %" PRIu64 ": %" PRIx64, index, value);
	if (known)
		TRY(lookup_swap_cache_modern(e, entry, page));
	f->result = *page ? FAULT_MINOR : FAULT_MAJOR;
	fault_outcome(e, *page ? OUTCOME_SWAP_CACHE : OUTCOME_SWAP_READ);
	TRACE(e, "shmem_swapin_page", *page ? "found in the swap cache" : "to be read from swap", { "mapping", mapping }, { "index", index }, { "entry", entry }, { "page", *page });
	if (!*page && (!known || !swap_has(e, slot.type, slot.offset)))
		return fault_refuse(e, &explained, "page %" PRIu64 " of shared memory is swapped out: slot %" PRIu64 " would be looked for in the swap cache, or read, which is not in memory",
				    index, slot.offset);
	if (!*page) {
		count_vm_event(e, e->modern->event_pgmajfault);
		TRY(read_swap_cache_modern(e, entry, page));
	}
	if (!*page)
		return NULL;
	TRY(kernel_get(k, mapping, M_address_space_host, &host));
	TRY(shmem_open(e, host, &s));
	TRY(page_cache_insert(e, *page, mapping, index, &old));
	if (old != value)
		return error_at(ERR_BAD_OBJECT, *page, "page %" PRIu64 " of a file in shared memory is at another slot meanwhile", index);
	TRY(leave_uncounted(e, mapping, -1));
	ADD(k, &s.info, shmem_inode_info, swapped, -1);
	TRY(shmem_recalc_inode(e, &s));
	TRY(delete_from_swap_cache(e, *page));
	TRY(page_open_writable(e, *page, &p));
	SET(k, &p.object, page, flags, (p.flags | 1ull << e->bit_dirty) & ~(1ull << e->bit_locked));
	TRY(swap_free(e, entry));
	/* The swap cache's finder's, as a new page's maker's: an entry of a page table will have its own. */
	return put_page(e, *page);
}

struct error *shmem_swapin_ahead(struct engine *e, uint64_t inode, uint64_t first, uint64_t count)
{
	struct shmem_swapped swapped = { 0 };
	uint64_t mapping, value;
	struct error *failure = shmem_swapped_find(e->k, inode, first, count + e->modern->willneed_one_more, &swapped);
	for (size_t i = 0; !failure && i < swapped.count; i++) {
		failure = kernel_get(e->k, inode, M_inode_i_mapping, &mapping);
		if (!failure)
			failure = page_cache_entry(e, mapping, swapped.index[i], &value);
		if (!failure && (value & 3))
			failure = read_swap_ahead(e, swap_xa_value_entry(e->k, value));
	}
	free(swapped.index);
	TRY(failure);
	return lru_add_drain(e);
}

/* ---- Gone ---- */

struct error *shmem_free_swap(struct engine *e, uint64_t mapping, uint64_t index, uint64_t value)
{
	uint64_t old;
	TRY(xa_store(e, mapping + OFFSET(e->k, address_space, tree), index, 0, &old));
	TRACE(e, "shmem_free_swap", "swapped out: the slot is given up", { "mapping", mapping }, { "index", index }, { "value", value });
	return free_swap_and_cache(e, swap_xa_value_entry(e->k, value));
}
