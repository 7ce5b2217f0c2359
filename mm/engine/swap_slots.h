/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: which slot of a swap area is taken next, and where one goes that nobody has any more (mm/engine/swap_slots.c, swap_clusters.c), where swap_map
 * counts in bytes; whom a slot is charged to (mm/engine/swap_cgroup.c).
 */
#ifndef MM_SWAP_SLOTS_H
#define MM_SWAP_SLOTS_H

#include "mm/engine/modern.h"
#include "mm/engine/swap_edit.h"

/* include/linux/swap.h */
#define SWP_WRITEOK	  3u /* with SWP_USED */
#define SWAP_HAS_CACHE	  0x40u
#define COUNT_CONTINUED	  0x80u
#define SWAP_MAP_MAX	  0x3eu
#define SWAP_MAP_BAD	  0x3fu
#define SWAP_MAP_SHMEM	  0xbfu

struct swap_slots {
	struct object o; /* swap_info_struct, opened writable */
	unsigned type;
	uint64_t map, max; /* swap_map, and how many slots it has */
};

struct error *swap_slots_open(struct engine *e, unsigned type, struct swap_slots *a) MUST_CHECK;
/* The slot's byte in swap_map. */
struct error *swap_slot_byte(struct engine *e, const struct swap_slots *a, uint64_t offset, uint64_t *byte) MUST_CHECK;
struct error *swap_slot_set(struct engine *e, const struct swap_slots *a, uint64_t offset, uint64_t byte) MUST_CHECK;

/* get_swap_page(): SWAP_HAS_CACHE is in its byte then. *taken false: the swap is full. Whom it is charged to is another step. */
struct error *swap_slot_take(struct engine *e, unsigned *type, uint64_t *offset, bool *taken) MUST_CHECK;
/* free_swap_slot(): nobody has the slot any more, and its byte is 0, or will be when the CPU's cache of slots is emptied. */
struct error *swap_slot_give(struct engine *e, const struct swap_slots *a, uint64_t offset) MUST_CHECK;
/* What the cache of slots that fall back to the area needs from it: mm/engine/swap_areas.c. */
struct error *swap_forget_shadow(struct engine *e, unsigned type, uint64_t offset) MUST_CHECK;

/* ---- mm/engine/swap_clusters.c: areas that do not rotate have clusters of slots, linked by their numbers (4.11 to 6.11) ---- */

/* SWAPFILE_CLUSTER: as many as a huge page has frames, where those may be swapped out whole. */
uint64_t swap_cluster_size(struct engine *e);
bool swap_has_clusters(struct engine *e, const struct swap_slots *a);
/* scan_swap_map_slots() of such an area: up to `wanted` slots. */
struct error *scan_clusters(struct engine *e, const struct swap_slots *a, unsigned wanted, uint64_t *slots, unsigned *count) MUST_CHECK;
/* dec_cluster_info_page() */
struct error *cluster_put_slot(struct engine *e, const struct swap_slots *a, uint64_t offset) MUST_CHECK;

/* ---- mm/engine/swap_cgroup.c ---- */

/* mem_cgroup_try_charge_swap(). Not *charged: its group may have no more. */
struct error *mem_cgroup_try_charge_swap(struct engine *e, uint64_t page, unsigned type, uint64_t offset, bool *charged) MUST_CHECK;
/* mem_cgroup_uncharge_swap() */
struct error *mem_cgroup_uncharge_swap(struct engine *e, unsigned type, uint64_t offset) MUST_CHECK;
/* How many slots the group (0: nobody in particular) may have yet: of the machine's, and within its limits and those above it. */
int64_t mem_cgroup_get_nr_swap_pages(struct engine *e, uint64_t memcg);
/* lookup_swap_cgroup_id(), mem_cgroup_from_id(): 0 for nobody. */
struct error *swap_slot_memcg(struct engine *e, unsigned type, uint64_t offset, uint64_t *memcg) MUST_CHECK;

#endif
