/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Swap areas and the swap cache, acting (mm/swapfile.c, mm/swap_state.c of 2.4). A slot's count of users stands in swap_map; a page in the swap
 * cache is a page of the mapping swapper_space at the index of its entry.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/engine.h"
#include "mm/engine/file_edit.h"
#include "mm/pte.h"
#include "mm/engine/swap_edit.h"

/* include/linux/swap.h */
#define SWP_USED	  1u
#define SWP_WRITEOK	  3u
#define SWAP_MAP_BAD	  0x8000u
#define SWAPFILE_CLUSTER  256u
#define MAX_SWAPFILES	  32u
#define SWAP_MAP_ENTRY	  2u /* bytes: unsigned short */

struct area {
	struct object o;
	uint64_t map; /* swap_map */
	uint64_t max;
};

static struct error *open_area(struct engine *e, unsigned type, struct area *a)
{
	struct kernel *k = e->k;
	uint64_t count;
	TRY(kernel_read_uint(k, e->nr_swapfiles, 4, &count));
	if (type >= count || type >= MAX_SWAPFILES)
		return error_new(ERR_BAD_OBJECT, "no such swap area: %u", type);
	TRY(object_open_writable(k, e->swap_info + (uint64_t)type * SIZE_OF(k, swap_info_struct), S_swap_info_struct, &a->o));
	a->map = GET(k, &a->o, swap_info_struct, swap_map);
	a->max = GET(k, &a->o, swap_info_struct, max);
	return a->map ? NULL : error_new(ERR_BAD_OBJECT, "swap area %u is not in use", type);
}

static struct error *get_count(struct engine *e, const struct area *a, uint64_t offset, uint64_t *count)
{
	if (!offset || offset >= a->max)
		return error_new(ERR_BAD_OBJECT, "no such swap slot: %" PRIu64, offset);
	return kernel_read_uint(e->k, a->map + offset * SWAP_MAP_ENTRY, SWAP_MAP_ENTRY, count);
}

static struct error *set_count(struct engine *e, const struct area *a, uint64_t offset, uint64_t count)
{
	return kernel_write_uint(e->k, a->map + offset * SWAP_MAP_ENTRY, SWAP_MAP_ENTRY, count);
}

static struct error *add_free_slots(struct engine *e, int delta)
{
	uint64_t v;
	TRY(kernel_read_uint(e->k, e->nr_swap_pages, 4, &v));
	return kernel_write_uint(e->k, e->nr_swap_pages, 4, v + (uint64_t)(int64_t)delta);
}

/* ---- Slots ---- */

/* The first run of `length` free slots in [from, highest], 0 when there is none. */
static struct error *find_slots(struct engine *e, const struct area *a, uint64_t from, uint64_t highest, uint64_t length, uint64_t *offset)
{
	uint64_t count, run = 0;
	*offset = 0;
	for (uint64_t at = from; at <= highest && at < a->max; at++) {
		TRY(get_count(e, a, at, &count));
		run = count ? 0 : run + 1;
		if (run == length) {
			*offset = at + 1 - length;
			return NULL;
		}
	}
	return NULL;
}

/*
 * scan_swap_map(): onward in the current cluster; else where a whole cluster is free; else the lowest free slot. *offset is 0 when the area is
 * full.
 */
static struct error *scan_swap_map(struct engine *e, const struct area *a, uint64_t *offset)
{
	struct kernel *k = e->k;
	uint64_t highest = GET(k, &a->o, swap_info_struct, highest_bit), lowest = GET(k, &a->o, swap_info_struct, lowest_bit);
	uint64_t left = GET(k, &a->o, swap_info_struct, cluster_nr);
	*offset = 0;
	if (left)
		TRY(find_slots(e, a, GET(k, &a->o, swap_info_struct, cluster_next), highest, 1, offset));
	SET(k, &a->o, swap_info_struct, cluster_nr, *offset ? left - 1 : SWAPFILE_CLUSTER);
	if (!*offset)
		TRY(find_slots(e, a, lowest, highest, SWAPFILE_CLUSTER, offset));
	if (!*offset) {
		TRY(find_slots(e, a, lowest, highest, 1, offset));
		lowest = *offset;
	}
	if (*offset) {
		SET(k, &a->o, swap_info_struct, cluster_next, *offset + 1);
		lowest += *offset == lowest;
		highest -= *offset == highest;
	}
	bool full = !*offset || lowest > highest;
	SET(k, &a->o, swap_info_struct, lowest_bit, full ? a->max : lowest);
	SET(k, &a->o, swap_info_struct, highest_bit, full ? 0 : highest);
	return NULL;
}

struct error *get_swap_page(struct engine *e, uint64_t *entry)
{
	TRY(need_classic(e, "a swap slot for no page"));
	struct kernel *k = e->k;
	uint64_t count, offset;
	*entry = 0;
	TRY(kernel_read_uint(k, e->nr_swapfiles, 4, &count));
	for (unsigned type = 0; type < count && type < MAX_SWAPFILES; type++) {
		struct area a;
		TRY(open_area(e, type, &a));
		if ((GET(k, &a.o, swap_info_struct, flags) & SWP_WRITEOK) != SWP_WRITEOK)
			continue;
		TRY(scan_swap_map(e, &a, &offset));
		if (!offset)
			continue;
		TRY(set_count(e, &a, offset, 1));
		TRY(add_free_slots(e, -1));
		*entry = swp_entry(type, offset);
		TRACE(e, "get_swap_page", "a free slot", { "type", type }, { "offset", offset });
		return NULL;
	}
	TRACE(e, "get_swap_page", "the swap is full", { "nr_swapfiles", count });
	return NULL;
}

struct error *swap_free(struct engine *e, uint64_t entry)
{
	if (!e->classic)
		return swap_free_modern(e, entry);
	struct kernel *k = e->k;
	struct area a;
	uint64_t count, offset = swp_offset(entry);
	TRY(open_area(e, swp_type(entry), &a));
	TRY(get_count(e, &a, offset, &count));
	if (!count || count >= SWAP_MAP_BAD)
		return error_new(ERR_BAD_OBJECT, "freeing a swap slot that is not used: %" PRIx64, entry);
	TRY(set_count(e, &a, offset, count - 1));
	if (count > 1)
		return NULL;
	if (offset < GET(k, &a.o, swap_info_struct, lowest_bit))
		SET(k, &a.o, swap_info_struct, lowest_bit, offset);
	if (offset > GET(k, &a.o, swap_info_struct, highest_bit))
		SET(k, &a.o, swap_info_struct, highest_bit, offset);
	return add_free_slots(e, 1);
}

struct error *swap_duplicate(struct engine *e, uint64_t entry)
{
	if (!e->classic)
		return swap_duplicate_modern(e, entry);
	struct area a;
	uint64_t count;
	TRY(open_area(e, swp_type(entry), &a));
	TRY(get_count(e, &a, swp_offset(entry), &count));
	if (!count || count >= SWAP_MAP_BAD - 1)
		return error_new(ERR_BAD_OBJECT, "a swap slot that is not used gets another user: %" PRIx64, entry);
	return set_count(e, &a, swp_offset(entry), count + 1);
}

struct error *swap_count(struct engine *e, uint64_t entry, unsigned *count)
{
	if (!e->classic)
		return swap_count_modern(e, entry, count);
	struct area a;
	uint64_t v;
	TRY(open_area(e, swp_type(entry), &a));
	TRY(get_count(e, &a, swp_offset(entry), &v));
	*count = (unsigned)v;
	return NULL;
}

/* ---- The swap cache ---- */

bool page_in_swap_cache(const struct engine *e, const struct page *p)
{
	return e->swapper_space && GET(e->k, &p->object, page, mapping) == e->swapper_space;
}

struct error *add_to_swap_cache(struct engine *e, uint64_t page, uint64_t entry)
{
	if (!e->classic)
		return add_to_swap_cache_modern(e, page, entry);
	TRY(swap_duplicate(e, entry));
	return add_to_page_cache(e, page, e->swapper_space, entry);
}

struct error *delete_from_swap_cache(struct engine *e, uint64_t page)
{
	if (!e->classic)
		return delete_from_swap_cache_modern(e, page);
	struct page p;
	TRY(page_open_known(e, page, &p));
	uint64_t entry = GET(e->k, &p.object, page, index);
	TRY(remove_inode_page(e, page));
	TRY(swap_free(e, entry));
	/* The cache's own reference. */
	return put_page(e, page);
}

struct error *lookup_swap_cache(struct engine *e, uint64_t entry, uint64_t *page)
{
	if (!e->classic)
		return lookup_swap_cache_modern(e, entry, page);
	TRY(find_page_nolock(e, e->swapper_space, entry, page));
	if (*page)
		get_page(e, *page);
	return NULL;
}

/* valid_swaphandles(): how many slots in use the aligned cluster of `offset` has from its beginning on (*first). */
static struct error *valid_swaphandles(struct engine *e, uint64_t entry, uint64_t *first, unsigned *count)
{
	struct area a;
	unsigned shift;
	*count = 0;
	TRY(open_area(e, swp_type(entry), &a));
	TRY(cluster_pages(e, &shift));
	if (!shift)
		return NULL;
	*first = swp_offset(entry) >> shift << shift;
	uint64_t end = *first + (1ull << shift);
	/* The first page is the swap area's header. */
	*first += !*first;
	for (uint64_t at = *first; at < end && at < a.max; at++, ++*count) {
		uint64_t users;
		TRY(get_count(e, &a, at, &users));
		if (!users || users == SWAP_MAP_BAD)
			break;
	}
	return NULL;
}

/* Into the swap cache with the slots around it; what there is no memory for is left. */
struct error *swapin_readahead(struct engine *e, uint64_t entry)
{
	uint64_t first = 0, page;
	unsigned count;
	TRY(valid_swaphandles(e, entry, &first, &count));
	TRACE(e, "swapin_readahead", count ? "reads the slots around it" : "nothing to read", { "first slot", first }, { "slots", count });
	for (unsigned i = 0; i < count; i++) {
		uint64_t slot = swp_entry(swp_type(entry), first + i);
		TRY(lookup_swap_cache(e, slot, &page));
		if (!page) {
			struct error *failure = read_swap_cache(e, slot, &page);
			if (failure && failure->code == ERR_KERNEL && failure->addr == ENOMEM) {
				error_free(failure);
				return NULL;
			}
			TRY(failure);
		}
		/* Reclaim, which came with its page, may have emptied the slot. */
		if (!page)
			return NULL;
		TRY(put_page(e, page));
	}
	return NULL;
}

struct error *read_swap_cache(struct engine *e, uint64_t entry, uint64_t *page)
{
	if (!e->classic)
		return read_swap_cache_modern(e, entry, page);
	struct kernel *k = e->k;
	struct page p;
	unsigned users;
	void *bytes;
	*page = 0;
	TRY(alloc_pages(e, GFP24_HIGHUSER, 0, page));
	/* The allocation may have freed the slot. */
	TRY(swap_count(e, entry, &users));
	if (!users) {
		uint64_t unused = *page;
		*page = 0;
		return put_page(e, unused);
	}
	TRY(add_to_swap_cache(e, *page, entry));
	TRY(vmcore_map_writable(k->vmcore, engine_page_phys(e, *page), VMCORE_PAGE_SIZE, &bytes));
	TRY(swap_read(e, swp_type(entry), swp_offset(entry), bytes));
	TRY(page_open_writable(e, *page, &p));
	SET(k, &p.object, page, flags, (p.flags | 1ull << e->bit_uptodate) & ~(1ull << e->bit_locked));
	return NULL;
}

/* Nobody but the cache and one entry has the page: it leaves the cache, and its slot is free. */
static struct error *remove_exclusive_swap_page(struct engine *e, uint64_t page)
{
	struct kernel *k = e->k;
	struct page p;
	unsigned users;
	TRY(page_open_known(e, page, &p));
	if (!page_in_swap_cache(e, &p) || page_refcount(k, &p) != 2)
		return NULL;
	TRY(swap_count(e, GET(k, &p.object, page, index), &users));
	if (users != 1)
		return NULL;
	TRACE(e, "remove_exclusive_swap_page", "nobody else: the slot is given up", { "page", page },
	      { "entry", GET(k, &p.object, page, index) });
	TRY(delete_from_swap_cache(e, page));
	TRY(page_open_writable(e, page, &p));
	SET(k, &p.object, page, flags, p.flags | 1ull << e->bit_dirty);
	return NULL;
}

/* vm_swap_full(): more than half of it is used. */
static struct error *swap_is_full(struct engine *e, bool *full)
{
	uint64_t free, total;
	TRY(kernel_read_uint(e->k, e->nr_swap_pages, 4, &free));
	TRY(kernel_read_symbol(e->k, "total_swap_pages", 4, &total));
	*full = free * 2 < total;
	return NULL;
}

struct error *remove_exclusive_swap_page_if_full(struct engine *e, uint64_t page)
{
	bool full;
	TRY(swap_is_full(e, &full));
	return full ? remove_exclusive_swap_page(e, page) : NULL;
}

struct error *free_swap_and_cache(struct engine *e, uint64_t entry)
{
	if (!e->classic)
		return free_swap_and_cache_modern(e, entry);
	struct kernel *k = e->k;
	struct page p;
	unsigned users;
	uint64_t page;
	bool full;
	TRY(swap_free(e, entry));
	TRY(swap_count(e, entry, &users));
	/* One user left may be the swap cache. */
	if (users != 1)
		return NULL;
	TRY(lookup_swap_cache(e, entry, &page));
	if (!page)
		return NULL;
	TRY(swap_is_full(e, &full));
	TRY(page_open_writable(e, page, &p));
	if (page_refcount(k, &p) == 2 || full) {
		TRACE(e, "free_swap_and_cache", "only the swap cache has it: out of there", { "page", page }, { "entry", entry });
		TRY(delete_from_swap_cache(e, page));
		SET(k, &p.object, page, flags, GET(k, &p.object, page, flags) | 1ull << e->bit_dirty);
	}
	return put_page(e, page);
}

struct error *free_page_and_swap_cache(struct engine *e, uint64_t page)
{
	TRY(remove_exclusive_swap_page(e, page));
	return put_page(e, page);
}

/* ---- Turning it on ---- */

#define SWAP_DEVICE "/dev/hda2"

/* swapon: one area, on the machine's swap partition. Its first page is the header; its map lies in whole pages (the kernel's is vmalloc()ed). */
struct error *sys_swapon(struct engine *e, unsigned pages)
{
	if (!e->classic)
		return sys_swapon_modern(e, pages);
	struct kernel *k = e->k;
	struct object a, disk;
	uint64_t count, room, map, at = symbol_addr(k, "sim_disk"), total;
	unsigned order = 0;
	uint64_t dentry, mnt;
	if (!at)
		return error_new(ERR_UNSUPPORTED, "the image has no swap of its own");
	TRY(object_open(k, at, S_sim_disk, &disk));
	TRY(kernel_read_uint(k, e->nr_swapfiles, 4, &count));
	room = GET(k, &disk, sim_disk, swap_size) >> k->arch->page_shift;
	if (count)
		return kernel_error(EBUSY, "the machine's swap partition is in use");
	if (!pages || pages > room)
		pages = (unsigned)room;
	if (pages < 2)
		return kernel_error(EINVAL, "a swap area has at least two pages");
	while (((uint64_t)VMCORE_PAGE_SIZE << order) < (uint64_t)pages * SWAP_MAP_ENTRY)
		order++;
	TRY(get_free_pages(e, GFP24_KERNEL, order, &map));
	struct object m;
	TRY(object_open_bytes_writable(k, map, (size_t)VMCORE_PAGE_SIZE << order, &m));
	memset((void *)m.bytes, 0, m.size);
	TRY(object_open_writable(k, e->swap_info, S_swap_info_struct, &a));
	TRY(hold_device(e, SWAP_DEVICE, &dentry, &mnt));
	SET(k, &a, swap_info_struct, swap_file, dentry);
	SET(k, &a, swap_info_struct, swap_vfsmnt, mnt);
	SET(k, &a, swap_info_struct, flags, SWP_WRITEOK);
	SET(k, &a, swap_info_struct, swap_map, map);
	SET(k, &a, swap_info_struct, lowest_bit, 1);
	SET(k, &a, swap_info_struct, highest_bit, pages - 1);
	SET(k, &a, swap_info_struct, cluster_next, 1);
	SET(k, &a, swap_info_struct, cluster_nr, 0);
	SET(k, &a, swap_info_struct, prio, (uint64_t)-1);
	SET(k, &a, swap_info_struct, pages, pages - 1);
	SET(k, &a, swap_info_struct, max, pages);
	TRY(kernel_write_uint(k, map, SWAP_MAP_ENTRY, SWAP_MAP_BAD));
	TRY(kernel_write_uint(k, e->nr_swapfiles, 4, 1));
	TRY(add_free_slots(e, (int)pages - 1));
	total = symbol_addr(k, "total_swap_pages");
	return total ? kernel_write_uint(k, total, 4, pages - 1) : NULL;
}
