/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Swap slots: what swap_map counts against the entries found and the swap cache (mm/swapfile.c).
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/audit_parts.h"

/* include/linux/swap.h; a byte for each slot since 2.6.33 (253d553ba713) */
#define SWAP_HAS_CACHE	0x40
#define COUNT_CONTINUED 0x80
#define SWAP_MAP_BAD	0x3f
#define SWAP_MAP_SHMEM	0xbf

/* Before: two bytes, all of them the count; the swap cache is a user then. */
#define SWAP_MAP_BAD_OLD 0x8000

struct slot {
	bool bad, unknown, cached;
	uint64_t users;
};

static struct slot read_slot(const unsigned char *map, uint64_t i, bool wide)
{
	if (wide) {
		uint64_t word = load_uint(map + 2 * i, 2);
		return (struct slot){.bad = word == SWAP_MAP_BAD_OLD, .users = word};
	}
	unsigned char byte = map[i];
	unsigned char count = byte & (unsigned char)~SWAP_HAS_CACHE;
	/* A slot of shared memory is named in its mapping's tree; one with many users continues elsewhere. */
	return (struct slot){.bad = count == SWAP_MAP_BAD, .unknown = count == SWAP_MAP_SHMEM || count & COUNT_CONTINUED, .cached = byte & SWAP_HAS_CACHE,
			     .users = count};
}

static struct error *check_area(struct audit *a, const struct swap_area *area, const struct audit_swap *found, bool wide)
{
	uint64_t used = 0;
	for (uint64_t i = 1; i < found->slots; i += VMCORE_PAGE_SIZE) {
		uint64_t end = i + VMCORE_PAGE_SIZE < found->slots ? i + VMCORE_PAGE_SIZE : found->slots;
		unsigned char bytes[2 * VMCORE_PAGE_SIZE];
		TRY(check_interrupt());
		TRY(kernel_read(a->k, area->swap_map + (i << wide), bytes, (end - i) << wide));
		for (uint64_t n = i; n < end; n++) {
			struct slot s = read_slot(bytes, n - i, wide);
			uint64_t users = found->users[n] & ~SLOT_CACHED;
			bool cached = found->users[n] & SLOT_CACHED;
			if (s.bad)
				continue;
			used += s.users || s.cached;
			if (wide)
				users += cached;
			if (!s.unknown && s.users != users)
				audit_find(a, AUDIT_SWAP, area->addr, "%s, slot %" PRIx64 ": %" PRIu64 " users, found: %" PRIu64, area->path, n, s.users, users);
			if (!wide && s.cached != cached)
				audit_find(a, AUDIT_SWAP, area->addr, "%s, slot %" PRIx64 ": %sin the swap cache, by swap_map; a page of it %s", area->path, n,
					   s.cached ? "" : "not ", cached ? "is there" : "is not there");
		}
	}
	audit_checked(a, AUDIT_SWAP, found->slots);
	if (HAS(a->k, swap_info_struct, inuse_pages) && area->inuse_pages != used)
		audit_find(a, AUDIT_SWAP, area->addr, "%s: inuse_pages is %" PRIu64 ", slots in use: %" PRIu64, area->path, area->inuse_pages, used);
	return NULL;
}

/* Most that a CPU keeps is SWAP_SLOTS_CACHE_SIZE, 64. */
#define KEPT_MAX 1024

static void keep_slots(struct audit *a, uint64_t slots, uint64_t from, uint64_t count)
{
	struct kernel *k = a->k;
	unsigned word = k->arch->pointer_size, shift = 8 * word - 1 - 5; /* swp_type(): include/linux/swapops.h */
	for (uint64_t i = from; slots && count <= KEPT_MAX && from <= KEPT_MAX && i < from + count; i++) {
		uint64_t entry, type, offset;
		if (error_drop(kernel_read_pointer(k, slots + i * word, &entry)))
			return;
		type = entry >> shift;
		offset = entry & ((1ull << shift) - 1);
		if (type < sizeof(a->swap) / sizeof(a->swap[0]) && offset < a->swap[type].slots)
			a->swap[type].users[offset] |= SLOT_CACHED;
	}
}

/* They are marked as the swap cache's (mm/swap_slots.c). */
static void kept_by_cpus(struct audit *a)
{
	struct kernel *k = a->k;
	struct object o;
	uint64_t symbol = symbol_addr(k, "swp_slots");
	for (unsigned cpu = 0; symbol && cpu < k->cpus; cpu++) {
		if (!object_try_open(k, percpu_addr(k, symbol, cpu), S_swap_slots_cache, &o))
			return;
		keep_slots(a, GET(k, &o, swap_slots_cache, slots), GET(k, &o, swap_slots_cache, cur), GET(k, &o, swap_slots_cache, nr));
		keep_slots(a, GET(k, &o, swap_slots_cache, slots_ret), 0, GET(k, &o, swap_slots_cache, n_ret));
	}
}

struct error *audit_swap(struct audit *a)
{
	struct swap_area area;
	struct kernel *k = a->k;
	if (HAS(k, swap_cluster_info, table) && !HAS(k, swap_info_struct, swap_map)) {
		audit_skip(a, AUDIT_SWAP, "this kernel counts users in swap tables, which are not read");
		return NULL;
	}
	kept_by_cpus(a);
	/* Bytes, or the two bytes of old; their pointer tells nothing. */
	for (unsigned i = 0; i < swap_areas_count(k) && i < sizeof(a->swap) / sizeof(a->swap[0]); i++)
		if (a->swap[i].slots && swap_area_get(k, i, &area) && area.swap_map)
			TRY(audit_take(a, AUDIT_SWAP, area.addr, check_area(a, &area, &a->swap[i], !HAS(k, swap_info_struct, inuse_pages))));
	return NULL;
}
