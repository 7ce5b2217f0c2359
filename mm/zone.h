/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nodes, their zones, the buddy allocator's free lists, and the counters of vmstat.
 */
#ifndef MM_ZONE_H
#define MM_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"
#include "mm/page.h"

struct node {
	unsigned id;
	uint64_t addr; /* pglist_data */
	uint64_t start_pfn, spanned_pages, present_pages;
	size_t first_zone, zone_count; /* in zones_get() */
};

struct zone {
	uint64_t addr;	      /* struct zone */
	unsigned node, index; /* index within its node: ZONE_DMA … */
	char name[16];
	uint64_t start_pfn;
	uint64_t spanned_pages, present_pages,
		managed_pages;	 /* in frames; managed: given to the buddy allocator */
	uint64_t min, low, high; /* watermarks with the boost, in frames (include/linux/mmzone.h:
				    wmark_pages()) */
	struct object object;
};

/* Finds all nodes and zones; idempotent; opens the memory model too. ERR_UNSUPPORTED,
 * ERR_BAD_OBJECT. Call before anything below. */
struct error *nodes_open(struct kernel *k) MUST_CHECK;
size_t nodes_count(struct kernel *k);
const struct node *nodes_get(struct kernel *k, size_t index);
size_t zones_count(struct kernel *k);
const struct zone *zones_get(struct kernel *k, size_t index);
/* The zone that spans the frame and whose node owns it; NULL when there is none. */
const struct zone *zone_of_pfn(struct kernel *k, uint64_t pfn);

/* ---- Free lists ---- */

/* Orders of free_area (NR_PAGE_ORDERS, MAX_ORDER), and lists in each (MIGRATE_TYPES). */
unsigned free_area_orders(struct kernel *k);
unsigned free_area_types(struct kernel *k);
/* "Unmovable", "Movable", … as the kernel's migratetype_names has them; "" when it is not known. */
const char *migratetype_name(struct kernel *k, unsigned type);
/* The address of the list head, as crash's FREE_AREA_STRUCT. */
uint64_t free_list_addr(struct kernel *k, const struct zone *z, unsigned order, unsigned type);
/* free_area.nr_free: blocks that the zone counts for the order. */
uint64_t free_area_count(struct kernel *k, const struct zone *z, unsigned order);

/*
 * Calls visit() for the head page of each block on the list. Each must be a struct page of the
 * zone, marked as a free block, linked back to its predecessor; the first that is not ends it with
 * ERR_BAD_LIST. visit() returns false to end it.
 */
typedef bool free_block_visitor(void *context, uint64_t page, uint64_t pfn);
struct error *free_list_walk(struct kernel *k, const struct zone *z, unsigned order, unsigned type,
			     free_block_visitor *visit, void *context) MUST_CHECK;

/* The free block that holds the frame: its head's frame and order. False when the frame is in none.
 */
bool free_block_of(struct kernel *k, uint64_t pfn, uint64_t *head, unsigned *order);

/* ---- Counters ---- */

enum vmstat_group { VMSTAT_ZONE, VMSTAT_NODE };
/* Counters of the group, with the enumerators' names (enum zone_stat_item, node_stat_item:
 * "NR_FREE_PAGES"); NULL past the last. */
const char *vmstat_name(struct kernel *k, enum vmstat_group group, size_t index);
/* The machine's total (vm_zone_stat, vm_node_stat), as /proc/meminfo takes it: what CPUs have not
 * folded in yet is left out; negative is 0. */
bool vmstat_global(struct kernel *k, const char *name, int64_t *value);
/* One zone's own counter. */
int64_t zone_vmstat(struct kernel *k, const struct zone *z, size_t index);
/* What CPUs have counted for it but not added to it yet (mm/vmstat.c: __mod_zone_page_state()). */
int64_t zone_vmstat_unfolded(struct kernel *k, const struct zone *z, size_t index);
/* The machine's total by number; false when the kernel has no such array. */
bool vmstat_of(struct kernel *k, enum vmstat_group group, size_t index, int64_t *value);
/* The sum over CPUs of word `index` in the per-CPU array at this symbol value (vm_event_states). */
int64_t vmstat_event(struct kernel *k, uint64_t percpu, int64_t index);

#endif
