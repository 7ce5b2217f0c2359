/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Swap areas and the swap cache, changed, where swap_map counts in bytes and says whether the cache has a slot (2.6.32 to 6.x: mm/swapfile.c, mm/swap_state.c).
 * Which slots these are: swap_slots.c; their bytes: swap_store.c.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/file_edit.h"
#include "mm/engine/modern.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/reclaim.h"
#include "mm/engine/swap_slots.h"
#include "mm/engine/xarray_edit.h"
#include "mm/engine/zap.h"
#include "mm/swap.h"
#include "mm/xarray.h"

/* The area and slot that a page-table entry names. */
static struct error *open_slot(struct engine *e, uint64_t entry, struct swap_slots *a, uint64_t *offset, uint64_t *byte)
{
	struct swap_entry s;
	swap_entry_decode(e->k, entry, &s);
	if (s.kind != SWAP_PAGE)
		return error_new(ERR_BAD_OBJECT, "no swap entry: %" PRIx64, entry);
	*offset = s.offset;
	TRY(swap_slots_open(e, s.type, a));
	return swap_slot_byte(e, a, s.offset, byte);
}

/* ---- Slots ---- */

/* The address space that caches the slot, and its index there. */
static struct error *space_of(struct engine *e, uint64_t entry, uint64_t *space, uint64_t *index)
{
	struct swap_entry s;
	swap_entry_decode(e->k, entry, &s);
	*index = swap_cache_index(e->k, &s);
	*space = swap_address_space(e->k, &s);
	return *space ? NULL : error_new(ERR_BAD_OBJECT, "swap area %u has no cache", s.type);
}

/* clear_shadow_from_swap_cache(), since 5.9: what was remembered of the slot's page is of no use to the slot's next one. */
struct error *swap_forget_shadow(struct engine *e, unsigned type, uint64_t offset)
{
	struct object m;
	uint64_t space, index, value;
	TRY(space_of(e, swap_entry_encode(e->k, type, offset), &space, &index));
	TRY(page_cache_entry(e, space, index, &value));
	if (!(value & 3))
		return NULL;
	TRY(xa_store(e, space + OFFSET(e->k, address_space, tree), index, 0, &value));
	TRY(object_open_writable(e->k, space, S_address_space, &m));
	ADD(e->k, &m, address_space, nrexceptional, -1);
	return NULL;
}

/* __swap_entry_free(): one user less, or (`cache`) the swap cache. *left: what its byte says now. */
static struct error *put_slot(struct engine *e, uint64_t entry, bool cache, uint64_t *left)
{
	struct swap_slots a;
	uint64_t offset, byte, count;
	TRY(open_slot(e, entry, &a, &offset, &byte));
	count = byte & ~(uint64_t)SWAP_HAS_CACHE;
	if (cache ? !(byte & SWAP_HAS_CACHE) : !count || count == SWAP_MAP_BAD)
		return error_new(ERR_BAD_OBJECT, "freeing a swap slot that is not used: %" PRIx64, entry);
	if (!cache && (count & COUNT_CONTINUED) && byte != SWAP_MAP_SHMEM && count != SWAP_MAP_SHMEM)
		return error_at(ERR_UNSUPPORTED, a.o.addr, "slot %" PRIu64 " has more users than fit in its byte: changing that is not done yet", offset);
	*left = cache ? count : count == SWAP_MAP_SHMEM ? byte & SWAP_HAS_CACHE : byte - 1;
	return *left ? swap_slot_set(e, &a, offset, *left) : swap_slot_give(e, &a, offset);
}

struct error *get_swap_page_modern(struct engine *e, uint64_t page, uint64_t *entry)
{
	uint64_t offset, left;
	unsigned type;
	bool taken, charged;
	*entry = 0;
	TRY(members_require(e->k, "swap areas of this kernel are not changed", M_swap_info_struct_swap_map, M_swap_info_struct_lowest_bit,
			    M_swap_info_struct_highest_bit, M_swap_info_struct_cluster_next, MEMBER_NONE));
	TRY(swap_slot_take(e, &type, &offset, &taken));
	if (!taken) {
		TRACE(e, "get_swap_page", "the swap is full", { "nr_swapfiles", swap_areas_count(e->k) });
		return NULL;
	}
	*entry = swap_entry_encode(e->k, type, offset);
	TRY(mem_cgroup_try_charge_swap(e, page, type, offset, &charged));
	if (!charged) {
		TRY(put_slot(e, *entry, true, &left));
		*entry = 0;
		return NULL;
	}
	TRACE(e, "get_swap_page", "a free slot, for the swap cache", { "type", type }, { "offset", offset });
	return NULL;
}

struct error *swap_free_modern(struct engine *e, uint64_t entry)
{
	uint64_t left;
	return put_slot(e, entry, false, &left);
}

struct error *swap_duplicate_modern(struct engine *e, uint64_t entry)
{
	struct swap_slots a;
	uint64_t offset, byte;
	TRY(open_slot(e, entry, &a, &offset, &byte));
	if (!byte || (byte & ~(uint64_t)SWAP_HAS_CACHE) == SWAP_MAP_BAD)
		return error_new(ERR_BAD_OBJECT, "a swap slot that is not used gets another user: %" PRIx64, entry);
	if ((byte & ~(uint64_t)SWAP_HAS_CACHE) >= SWAP_MAP_MAX)
		return error_at(ERR_UNSUPPORTED, a.o.addr, "slot %" PRIu64 " gets more users than fit in its byte: that is not done yet", offset);
	return swap_slot_set(e, &a, offset, byte + 1);
}

struct error *swap_count_modern(struct engine *e, uint64_t entry, unsigned *count)
{
	struct swap_slots a;
	uint64_t offset, byte;
	TRY(open_slot(e, entry, &a, &offset, &byte));
	*count = (unsigned)(byte & ~(uint64_t)SWAP_HAS_CACHE);
	return NULL;
}

/* ---- The swap cache ---- */

/* PG_swapcache was a bit of its own until 4.10, and is one that file systems use too since: of pages that swap backs it means this. */
bool page_is_swap_cache(const struct engine *e, const struct page *p)
{
	return e->modern->swapcache >= 0 && e->modern->swapbacked >= 0 && (p->flags >> e->modern->swapcache & 1) && (p->flags >> e->modern->swapbacked & 1);
}

/* `values` more or less of what only remembers a page. */
static struct error *count_cached(struct engine *e, uint64_t page, uint64_t space, int delta, int values)
{
	struct object m;
	TRY(object_open_writable(e->k, space, S_address_space, &m));
	ADD(e->k, &m, address_space, nrpages, delta);
	ADD(e->k, &m, address_space, nrexceptional, values);
	mod_page_state(e, page, e->modern->file_pages, delta);
	mod_page_state(e, page, e->modern->swapcached, delta);
	return NULL;
}

/* *shadow: what stood in the page's place, 0 for nothing. ENOMEM leaves everything as it was. */
static struct error *insert(struct engine *e, uint64_t page, uint64_t entry, uint64_t *shadow)
{
	struct kernel *k = e->k;
	struct page p;
	uint64_t space, index;
	TRY(space_of(e, entry, &space, &index));
	TRY(xa_store(e, space + OFFSET(k, address_space, tree), index, page, shadow));
	if (*shadow && !(*shadow & 3))
		return error_at(ERR_BAD_OBJECT, page, "the swap cache has a page for the slot already: %" PRIx64, *shadow);
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, flags, p.flags | 1ull << e->modern->swapcache | (e->modern->swapbacked >= 0 ? 1ull << e->modern->swapbacked : 0));
	SET(k, &p.object, page, refcount, (uint64_t)(page_refcount(k, &p) + 1));
	SET(k, &p.object, page, private, swap_entry_value(k, entry));
	TRACE(e, "add_to_swap_cache", "into the swap cache", { "page", page }, { "entry", entry }, { "index", index }, { "shadow", *shadow });
	return count_cached(e, page, space, 1, *shadow ? -1 : 0);
}

struct error *add_to_swap_cache_modern(struct engine *e, uint64_t page, uint64_t entry)
{
	uint64_t shadow;
	return insert(e, page, entry, &shadow);
}

/* The entry of a page in the swap cache. */
static struct error *swap_entry_of_page(struct engine *e, uint64_t page, uint64_t *entry)
{
	struct page p;
	TRY(page_open_known(e, page, &p));
	*entry = swap_value_entry(e->k, GET(e->k, &p.object, page, private));
	return page_is_swap_cache(e, &p) ? NULL : error_at(ERR_BAD_OBJECT, page, "page %" PRIx64 " is not in the swap cache", page);
}

struct error *evict_from_swap_cache(struct engine *e, uint64_t page, uint64_t shadow)
{
	struct kernel *k = e->k;
	struct page p;
	uint64_t entry, space, index, old, left;
	TRY(swap_entry_of_page(e, page, &entry));
	TRY(space_of(e, entry, &space, &index));
	TRY(xa_store(e, space + OFFSET(k, address_space, tree), index, shadow, &old));
	if (old != page)
		return error_at(ERR_BAD_OBJECT, page, "page %" PRIx64 " is not in the tree of the swap cache", page);
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, flags, p.flags & ~(1ull << e->modern->swapcache));
	SET(k, &p.object, page, private, 0);
	TRY(count_cached(e, page, space, -1, shadow ? 1 : 0));
	TRACE(e, "delete_from_swap_cache", "out of the swap cache", { "page", page }, { "entry", entry }, { "shadow", shadow });
	TRY(put_slot(e, entry, true, &left));
	return put_user_page(e, page);
}

struct error *delete_from_swap_cache_modern(struct engine *e, uint64_t page)
{
	return evict_from_swap_cache(e, page, 0);
}

struct error *lookup_swap_cache_modern(struct engine *e, uint64_t entry, uint64_t *page)
{
	uint64_t space, index;
	TRY(space_of(e, entry, &space, &index));
	TRY(find_page_modern(e, space, index, page));
	if (*page)
		get_page(e, *page);
	return NULL;
}

/* The page has its bytes and its group, and is on its way to the lists. */
static struct error *fill_swapped_in(struct engine *e, uint64_t page, unsigned type, uint64_t offset, uint64_t shadow)
{
	struct page p;
	uint64_t memcg;
	void *bytes;
	TRY(swap_slot_memcg(e, type, offset, &memcg));
	TRY(charge_page_to(e, page, memcg));
	if (shadow && workingset_followed(e))
		TRY(workingset_refault(e, page, shadow));
	TRY(lru_cache_add(e, page));
	TRY(frame_bytes(e, engine_page_phys(e, page), &bytes));
	TRY(swap_read(e, type, offset, bytes));
	count_vm_event(e, e->modern->reclaim_events.pswpin);
	TRY(page_open_writable(e, page, &p));
	SET(e->k, &p.object, page, flags, p.flags | 1ull << e->bit_uptodate);
	return NULL;
}

/* __read_swap_cache_async(): a new page in the swap cache with the slot's bytes; the caller has a reference. */
struct error *read_swap_cache_modern(struct engine *e, uint64_t entry, uint64_t *page)
{
	struct swap_slots a;
	uint64_t offset, byte, shadow, left;
	TRY(open_slot(e, entry, &a, &offset, &byte));
	if (!byte || (byte & SWAP_HAS_CACHE))
		return error_new(ERR_BAD_OBJECT, "swap slot %" PRIu64 " is not used, or its page is cached already", offset);
	TRY(alloc_pages_pcp(e, PAGES_MOVABLE, 0, page));
	if (!*page)
		return NULL;
	/* Whoever was killed for the page may have been a user of the slot. */
	TRY(swap_slot_byte(e, &a, offset, &byte));
	TRY(swap_slot_set(e, &a, offset, byte | SWAP_HAS_CACHE));
	struct error *failure = insert(e, *page, entry, &shadow);
	if (failure) {
		/* put_swap_page(), put_page() */
		failure = error_worse(failure, put_slot(e, entry, true, &left));
		return error_worse(failure, put_user_page(e, *page));
	}
	return fill_swapped_in(e, *page, a.type, offset, shadow);
}

struct error *read_swap_page(struct engine *e, uint64_t entry, uint64_t *page)
{
	struct swap_slots a;
	struct page p;
	uint64_t offset, byte, space, index, shadow;
	TRY(open_slot(e, entry, &a, &offset, &byte));
	TRY(alloc_pages_pcp(e, PAGES_MOVABLE, 0, page));
	if (!*page)
		return NULL;
	TRY(page_open_writable(e, *page, &p));
	SET(e->k, &p.object, page, flags, p.flags | 1ull << e->modern->swapbacked);
	if (e->modern->swapped_in_named)
		SET(e->k, &p.object, page, private, swap_entry_value(e->k, entry));
	TRY(space_of(e, entry, &space, &index));
	TRY(page_cache_entry(e, space, index, &shadow));
	TRACE(e, "do_swap_page", "the device is done at once, and nobody else needs the slot: past the swap cache",
	      { "swap_info->flags", GET(e->k, &a.o, swap_info_struct, flags) }, { "swap_map", byte }, { "page", *page });
	return fill_swapped_in(e, *page, a.type, offset, shadow & 3 ? shadow : 0);
}

bool swap_is_synchronous(struct engine *e, uint64_t entry)
{
	struct swap_slots a;
	uint64_t offset, byte;
	return e->modern->swap_synchronous && !error_drop(open_slot(e, entry, &a, &offset, &byte)) &&
	       (GET(e->k, &a.o, swap_info_struct, flags) & e->modern->swap_synchronous) && (byte & ~(uint64_t)SWAP_HAS_CACHE) == 1;
}

struct error *read_swap_ahead(struct engine *e, uint64_t entry)
{
	struct swap_entry s;
	uint64_t page = 0;
	bool known = HAS(e->k, swap_info_struct, swap_map);
	swap_entry_decode(e->k, entry, &s);
	if (known)
		TRY(lookup_swap_cache_modern(e, entry, &page));
	if (!page && (!known || !swap_has(e, s.type, s.offset)))
		return error_new(ERR_UNSUPPORTED, "swap slot %" PRIu64 " would be read from swap ahead: that is not in memory", s.offset);
	if (!page)
		TRY(read_swap_cache_modern(e, entry, &page));
	return page ? put_user_page(e, page) : NULL;
}

/* ---- Out to swap ---- */

/* A slot for the page, which is in the swap cache then. */
static struct error *give_page_slot(struct engine *e, uint64_t page, uint64_t *entry, bool *added)
{
	uint64_t shadow, left;
	*added = false;
	TRY(get_swap_page_modern(e, page, entry));
	if (!*entry)
		return NULL;
	struct error *failure = insert(e, page, *entry, &shadow);
	if (failure && failure->code == ERR_KERNEL && failure->addr == ENOMEM) {
		error_free(failure);
		TRACE(e, "add_to_swap", "no memory for the swap cache's tree: the page stays", { "page", page });
		return put_slot(e, *entry, true, &left);
	}
	TRY(failure);
	*added = true;
	return NULL;
}

struct error *add_to_swap(struct engine *e, uint64_t page, bool *added)
{
	uint64_t entry;
	TRY(give_page_slot(e, page, &entry, added));
	/* A page that was never written through its entry has bytes all the same. */
	return *added ? set_page_dirty(e, page) : NULL;
}

struct error *add_shmem_to_swap(struct engine *e, uint64_t page, uint64_t *entry, bool *added)
{
	struct swap_slots a;
	uint64_t offset, byte;
	TRY(give_page_slot(e, page, entry, added));
	if (!*added)
		return NULL;
	/* swap_shmem_alloc() */
	TRY(open_slot(e, *entry, &a, &offset, &byte));
	return swap_slot_set(e, &a, offset, SWAP_MAP_SHMEM | SWAP_HAS_CACHE);
}

struct error *swap_writepage(struct engine *e, uint64_t page, bool *written)
{
	uint64_t entry;
	struct swap_entry s;
	bool freed;
	*written = false;
	TRY(try_to_free_swap(e, page, &freed));
	if (freed)
		return NULL;
	const void *bytes = vmcore_try_map(e->k->vmcore, engine_page_phys(e, page), VMCORE_PAGE_SIZE);
	if (!bytes)
		return error_at(ERR_NOT_IN_IMAGE, page, "the page's frame is not in the image: %" PRIx64, page);
	TRY(swap_entry_of_page(e, page, &entry));
	swap_entry_decode(e->k, entry, &s);
	TRY(swap_write(e, s.type, s.offset, bytes));
	*written = true;
	count_vm_event(e, e->modern->reclaim_events.pswpout);
	mod_page_state(e, page, e->modern->written, 1);
	TRACE(e, "swap_writepage", "written to its slot; the write has ended when this returns", { "page", page }, { "type", s.type }, { "offset", s.offset });
	return NULL;
}

/* try_to_free_swap(): when no entry names the slot any more, the page leaves the cache; dirty, for its bytes are nowhere else. */
struct error *try_to_free_swap(struct engine *e, uint64_t page, bool *freed)
{
	uint64_t entry;
	unsigned users;
	struct page p;
	*freed = false;
	TRY(page_open_known(e, page, &p));
	if (!page_is_swap_cache(e, &p))
		return NULL;
	TRY(swap_entry_of_page(e, page, &entry));
	TRY(swap_count_modern(e, entry, &users));
	if (users)
		return NULL;
	*freed = true;
	get_page(e, page);
	TRY(delete_from_swap_cache_modern(e, page));
	TRY(set_page_dirty(e, page));
	return put_user_page(e, page);
}

struct error *reuse_swap_page(struct engine *e, uint64_t page, bool *reuse)
{
	struct page p;
	uint64_t entry;
	unsigned users = 0;
	TRY(page_open_known(e, page, &p));
	int32_t mapped = page_mapcount_word(e->k, &p) + 1;
	bool cached = page_is_swap_cache(e, &p);
	if (cached) {
		TRY(swap_entry_of_page(e, page, &entry));
		TRY(swap_count_modern(e, entry, &users));
	}
	*reuse = mapped + (int64_t)users <= 1;
	TRACE(e, "reuse_swap_page", *reuse ? "nobody else has it" : "others have it too", { "page", page }, { "page_mapcount", (uint64_t)mapped }, { "swap_map", users });
	if (!*reuse || !cached)
		return NULL;
	TRY(delete_from_swap_cache_modern(e, page));
	return set_page_dirty(e, page);
}

struct error *free_swap_and_cache_modern(struct engine *e, uint64_t entry)
{
	uint64_t left, page;
	struct page p;
	bool freed;
	TRY(put_slot(e, entry, false, &left));
	if (left != SWAP_HAS_CACHE)
		return NULL;
	TRY(lookup_swap_cache_modern(e, entry, &page));
	if (!page)
		return NULL;
	TRY(page_open_known(e, page, &p));
	if (page_mapcount_word(e->k, &p) < 0 || mem_cgroup_swap_full(e, &p))
		TRY(try_to_free_swap(e, page, &freed));
	return put_user_page(e, page);
}
