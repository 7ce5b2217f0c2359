/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whom swap slots are charged to (mm/swap_cgroup.c, mm/memcontrol.c), where control groups count swap by itself (their second version): a number for each slot, which
 * holds the group; and the group's counters. Statistics that groups keep per CPU are left alone. Until 6.13 the numbers lie in pages of an array.
 */
#include <inttypes.h>

#include "mm/engine/swap_slots.h"
#include "mm/swap.h"
#include "mm/xarray.h"

#define COUNTERS_MOST 64u /* groups above each other */

/* Does the kernel charge swap at all? *does. */
static struct error *charges_swap(struct engine *e, bool *does)
{
	struct kernel *k = e->k;
	uint64_t root = 0, v = 0;
	*does = false;
	if (!symbol_addr(k, "swap_cgroup_ctrl") || !HAS(k, mem_cgroup, swap) || !HAS(k, mem_cgroup, id))
		return NULL;
	TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &root));
	/* Switched off: swapaccount=0, until 6.1. */
	if (symbol_addr(k, "cgroup_memory_noswap"))
		TRY(kernel_read_symbol(k, "cgroup_memory_noswap", 1, &v));
	if (!root || v)
		return NULL;
	if (symbol_addr(k, "memory_cgrp_subsys_on_dfl_key"))
		TRY(kernel_read_symbol(k, "memory_cgrp_subsys_on_dfl_key", 4, &v));
	if (!v)
		return error_new(ERR_UNSUPPORTED, "control groups of the first version count memory and swap together: that is not followed");
	*does = true;
	return NULL;
}

/* Where the slot's number stands; 0: nowhere. */
static struct error *number_at(struct engine *e, unsigned type, uint64_t offset, uint64_t *at)
{
	struct kernel *k = e->k;
	struct object c;
	uint64_t map, page, pfn, size = SIZE_OF(k, swap_cgroup), each = size ? VMCORE_PAGE_SIZE / size : 0;
	*at = 0;
	TRY(members_require(k, "who swap is charged to", M_swap_cgroup_ctrl_map, M_swap_cgroup_ctrl_length, MEMBER_NONE));
	TRY(object_open(k, symbol_addr(k, "swap_cgroup_ctrl") + (uint64_t)type * SIZE_OF(k, swap_cgroup_ctrl), S_swap_cgroup_ctrl, &c));
	map = GET(k, &c, swap_cgroup_ctrl, map);
	if (!map)
		return NULL;
	if (!each || offset / each >= GET(k, &c, swap_cgroup_ctrl, length))
		return error_at(ERR_BAD_OBJECT, c.addr, "no group is kept of slot %" PRIu64 " of swap area %u", offset, type);
	TRY(kernel_read_pointer(k, map + offset / each * k->arch->pointer_size, &page));
	if (!page_to_pfn(k, page, &pfn))
		return error_at(ERR_BAD_OBJECT, page, "the numbers of groups lie in no page: %" PRIx64, page);
	*at = kernel_ptov(k, pfn << k->arch->page_shift) + offset % each * size;
	return NULL;
}

/* mem_cgroup_from_id() */
static struct error *group_by_number(struct engine *e, uint64_t number, uint64_t *memcg)
{
	struct kernel *k = e->k;
	/* An IDR, which begins with its tree, until an xarray took its place (6.12). */
	uint64_t tree = symbol_addr(k, "mem_cgroup_ids"), head;
	*memcg = 0;
	tree = tree ? tree : symbol_addr(k, "mem_cgroup_idr");
	if (!number || !tree)
		return NULL;
	TRY(kernel_get(k, tree, M_xarray_head, &head));
	TRY(xarray_load(k, head, number, memcg));
	return *memcg & 3 ? error_at(ERR_BAD_OBJECT, tree, "control group %" PRIu64 " is none", number) : NULL;
}

struct error *swap_slot_memcg(struct engine *e, unsigned type, uint64_t offset, uint64_t *memcg)
{
	uint64_t at, number;
	bool does;
	*memcg = 0;
	TRY(charges_swap(e, &does));
	if (!does)
		return NULL;
	TRY(number_at(e, type, offset, &at));
	if (!at)
		return NULL;
	TRY(kernel_read_uint(e->k, at, 2, &number));
	return group_by_number(e, number, memcg);
}

/* The group's swap, and that of those above it: `delta` more, unless one may have no more: *room false, and nothing is changed. */
static struct error *count_swap(struct engine *e, uint64_t memcg, int delta, bool *room)
{
	struct kernel *k = e->k;
	struct object c;
	uint64_t root, first = memcg + OFFSET(k, mem_cgroup, swap);
	*room = true;
	TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &root));
	if (memcg == root)
		return NULL;
	for (int change = delta < 0; change < 2; change++)
		for (uint64_t at = first, depth = 0; at && depth < COUNTERS_MOST; at = GET(k, &c, page_counter, parent), depth++) {
			TRY(object_open_writable(k, at, S_page_counter, &c));
			uint64_t usage = GET(k, &c, page_counter, usage);
			if (change)
				SET(k, &c, page_counter, usage, usage + (uint64_t)(int64_t)delta);
			else if (usage + (uint64_t)delta > GET(k, &c, page_counter, max)) {
				*room = false;
				return NULL;
			}
		}
	return NULL;
}

static struct error *count_holder(struct engine *e, uint64_t memcg, int delta)
{
	struct object o;
	TRY(object_open_writable(e->k, memcg, S_mem_cgroup, &o));
	ADD(e->k, &o, mem_cgroup, id_ref, delta);
	return NULL;
}

struct error *mem_cgroup_try_charge_swap(struct engine *e, uint64_t page, unsigned type, uint64_t offset, bool *charged)
{
	struct kernel *k = e->k;
	uint64_t memcg, at, number;
	struct page p;
	bool does;
	*charged = true;
	TRY(charges_swap(e, &does));
	if (!does)
		return NULL;
	TRY(page_open_known(e, page, &p));
	TRY(page_memcg(e, &p, &memcg));
	TRY(number_at(e, type, offset, &at));
	if (!memcg || !at)
		return NULL;
	TRY(count_swap(e, memcg, 1, charged));
	TRY(kernel_get(k, memcg, M_mem_cgroup_id, &number));
	TRACE(e, "mem_cgroup_try_charge_swap", *charged ? "the slot is its control group's" : "its control group may have no more swap", { "page", page }, { "memcg", memcg },
	      { "id", number });
	if (!*charged)
		return NULL;
	TRY(count_holder(e, memcg, 1));
	return kernel_write_uint(k, at, 2, number);
}

struct error *mem_cgroup_uncharge_swap(struct engine *e, unsigned type, uint64_t offset)
{
	uint64_t memcg, at;
	bool room;
	TRY(swap_slot_memcg(e, type, offset, &memcg));
	if (!memcg)
		return NULL;
	TRY(number_at(e, type, offset, &at));
	TRY(kernel_write_uint(e->k, at, 2, 0));
	TRY(count_swap(e, memcg, -1, &room));
	return count_holder(e, memcg, -1);
}

int64_t mem_cgroup_get_nr_swap_pages(struct engine *e, uint64_t memcg)
{
	struct kernel *k = e->k;
	uint64_t root, v = 0;
	struct object c;
	bool does;
	if (!symbol_addr(k, "nr_swap_pages") || error_drop(kernel_read_symbol(k, "nr_swap_pages", 0, &v)))
		return 0;
	int64_t free = (int64_t)v;
	if (!memcg || error_drop(charges_swap(e, &does)) || !does || error_drop(kernel_read_symbol(k, "root_mem_cgroup", 0, &root)) || memcg == root)
		return free;
	uint64_t at = memcg + OFFSET(k, mem_cgroup, swap);
	for (unsigned depth = 0; at && depth < COUNTERS_MOST && object_try_open(k, at, S_page_counter, &c); depth++) {
		int64_t left = (int64_t)(GET(k, &c, page_counter, max) - GET(k, &c, page_counter, usage));
		free = left < free ? left : free;
		at = GET(k, &c, page_counter, parent);
	}
	return free;
}

/* vm_swap_full() */
static bool machine_is_short(struct engine *e)
{
	uint64_t free, total;
	return !error_drop(kernel_read_symbol(e->k, "nr_swap_pages", 0, &free)) && !error_drop(kernel_read_symbol(e->k, "total_swap_pages", 0, &total)) &&
	       free * 2 < total;
}

bool mem_cgroup_swap_full(struct engine *e, const struct page *p)
{
	struct kernel *k = e->k;
	uint64_t memcg, root;
	struct object c;
	bool does;
	if (machine_is_short(e))
		return true;
	if (error_drop(charges_swap(e, &does)) || !does || error_drop(page_memcg(e, p, &memcg)) || !memcg || error_drop(kernel_read_symbol(k, "root_mem_cgroup", 0, &root)) ||
	    memcg == root)
		return false;
	uint64_t at = memcg + OFFSET(k, mem_cgroup, swap);
	for (unsigned depth = 0; at && depth < COUNTERS_MOST && object_try_open(k, at, S_page_counter, &c); depth++) {
		/* memory.swap.high bounds as max does. */
		uint64_t limit = HAS(k, page_counter, high) && GET(k, &c, page_counter, high) < GET(k, &c, page_counter, max) ? GET(k, &c, page_counter, high)
															     : GET(k, &c, page_counter, max);
		if (GET(k, &c, page_counter, usage) * 2 >= limit)
			return true;
		at = GET(k, &c, page_counter, parent);
	}
	return false;
}
