/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Swap slots: what swap_map, or a cluster's table, counts against the entries found and the swap cache (mm/swapfile.c, mm/swap_table.h).
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/audit/parts.h"
#include "mm/needs.h"
#include "mm/list.h"
#include "mm/xarray.h"

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
	/* One with many users continues elsewhere. */
	return (struct slot){.bad = count == SWAP_MAP_BAD, .unknown = count != SWAP_MAP_SHMEM && count & COUNT_CONTINUED, .cached = byte & SWAP_HAS_CACHE,
			     .users = count == SWAP_MAP_SHMEM ? 1 : count};
}

static void compare_slot(struct audit *a, const struct swap_area *area, uint64_t n, const struct slot *s, uint32_t found, bool wide)
{
	bool cached = found & SLOT_CACHED;
	uint64_t users = (found & ~SLOT_CACHED) + (wide && cached);
	if (!s->unknown && s->users != users)
		audit_find(a, AUDIT_SWAP, area->addr, "%s, slot %" PRIx64 ": %" PRIu64 " users, found: %" PRIu64, area->path, n, s->users, users);
	if (!wide && s->cached != cached)
		audit_find(a, AUDIT_SWAP, area->addr, "%s, slot %" PRIx64 ": %sin the swap cache, by swap_map; a page of it %s", area->path, n,
			   s->cached ? "" : "not ", cached ? "is there" : "is not there");
}

static void compare_use(struct audit *a, const struct swap_area *area, uint64_t used)
{
	/* Of an area that is full, one more bit says so (SWAP_USAGE_OFFLIST_BIT, 6.13). */
	uint64_t counted = area->inuse_pages & ~(1ull << (8 * a->k->arch->pointer_size - 2));
	if (HAS(a->k, swap_info_struct, inuse_pages) && counted != used)
		audit_find(a, AUDIT_SWAP, area->addr, "%s: inuse_pages is %" PRIu64 ", slots in use: %" PRIu64, area->path, counted, used);
}

static struct error *check_map(struct audit *a, const struct swap_area *area, const struct audit_swap *found, bool wide)
{
	uint64_t used = 0;
	for (uint64_t i = 1; i < found->slots; i += VMCORE_PAGE_SIZE) {
		uint64_t end = i + VMCORE_PAGE_SIZE < found->slots ? i + VMCORE_PAGE_SIZE : found->slots;
		unsigned char bytes[2 * VMCORE_PAGE_SIZE];
		TRY(check_interrupt());
		TRY(kernel_read(a->k, area->swap_map + (i << wide), bytes, (end - i) << wide));
		for (uint64_t n = i; n < end; n++) {
			struct slot s = read_slot(bytes, n - i, wide);
			if (s.bad)
				continue;
			used += s.users || s.cached;
			compare_slot(a, area, n, &s, found->users[n], wide);
		}
	}
	audit_checked(a, AUDIT_SWAP, found->slots);
	compare_use(a, area, used);
	return NULL;
}

/* ---- Tables of clusters ---- */

/* The low bits say what a slot is: 0 free, 1 swapped out, 10 cached (the frame above), 1000 none; the upper four count its users. */
#define TABLE_COUNT_BITS 4
#define TABLE_FLAG_BITS	 5 /* and one that says the page is of zeroes, in later ones */

/* The page of a slot; it holds a reference for each of its slots. */
static void cached_page(struct audit *a, const struct swap_area *area, uint64_t n, uint64_t pfn)
{
	struct audit_frame *f = audit_frame(a, pfn);
	struct page p;
	uint64_t head;
	if (!f || !audit_page(a, pfn, &p) || !page_to_pfn(a->k, page_compound_head(a->k, &p), &head) || !audit_page(a, head, &p)) {
		audit_find(a, AUDIT_SWAP, area->addr, "%s, slot %" PRIx64 ": the page of it has no struct page: frame %" PRIx64, area->path, n, pfn);
		return;
	}
	if (!audit_in_swap_cache(a, &p))
		audit_find(a, AUDIT_SWAP, p.object.addr, "%s, slot %" PRIx64 ": frame %" PRIx64 " is its page, and not marked so", area->path, n, pfn);
	f = audit_frame(a, head);
	if (!(f->marks & MARK_SWAP))
		f->holders += (uint32_t)(audit_has_bit(&p, a->bit.head) ? 1ull << page_compound_order(a->k, &p) : 1);
	f->marks |= MARK_SWAP;
}

static struct error *check_tables(struct audit *a, const struct swap_area *area, struct audit_swap *found)
{
	struct kernel *k = a->k;
	uint64_t clusters, used = 0, per_cluster = k->members[M_swap_table_entries].count;
	unsigned word = k->arch->pointer_size, bits = 8 * word;
	TRY(members_require(k, "swap tables", M_swap_table_entries, M_swap_info_struct_cluster_info, MEMBER_NONE));
	TRY(kernel_get(k, area->addr, M_swap_info_struct_cluster_info, &clusters));
	for (uint64_t n = 1; per_cluster && n < found->slots; n++) {
		struct object c;
		uint64_t entry = 0, i = n % per_cluster;
		if (!(n & 4095))
			TRY(check_interrupt());
		TRY(object_open(k, clusters + n / per_cluster * SIZE_OF(k, swap_cluster_info), S_swap_cluster_info, &c));
		uint64_t table = GET(k, &c, swap_cluster_info, table), extended = GET(k, &c, swap_cluster_info, extend_table);
		if (table)
			TRY(kernel_read_uint(k, table + i * word, word, &entry));
		if ((entry & 15) == 8) /* the header, or a hole */
			continue;
		struct slot s = {.users = entry >> (bits - TABLE_COUNT_BITS), .cached = (entry & 3) == 2};
		if (s.users == (1 << TABLE_COUNT_BITS) - 1 && extended)
			TRY(kernel_read_uint(k, extended + i * 4, 4, &s.users));
		used += entry != 0;
		if (s.cached) {
			found->users[n] |= SLOT_CACHED;
			cached_page(a, area, n, (entry & ((1ull << (bits - TABLE_FLAG_BITS)) - 1)) >> 2);
		}
		compare_slot(a, area, n, &s, found->users[n], false);
	}
	audit_checked(a, AUDIT_SWAP, found->slots);
	compare_use(a, area, used);
	return NULL;
}

/* ---- Users that are no page-table entries ---- */

/* The counts of the slot of a swp_entry_t, and of `more` after it; NULL: there are no such slots. */
static uint32_t *slot_of(struct audit *a, uint64_t value, uint64_t more)
{
	unsigned type;
	uint64_t offset;
	swap_value_decode(a->k, value, &type, &offset);
	return type < sizeof(a->swap) / sizeof(a->swap[0]) && offset < a->swap[type].slots && more < a->swap[type].slots - offset ? &a->swap[type].users[offset] : NULL;
}

/* An entry of a large folio stands for 1 << order slots, side by side. */
static bool see_value(void *context, uint64_t index, unsigned order, uint64_t entry, bool is_value)
{
	struct audit *a = context;
	const uint64_t slots = order <= 18 ? 1ull << order : 0;
	uint32_t *users = is_value && slots ? slot_of(a, swap_xa_value(a->k, entry), slots - 1) : NULL;
	(void)index;
	for (uint64_t i = 0; users && i < slots; i++)
		++users[i];
	return true;
}

struct shmem_walk {
	struct audit *a;
	struct error *error;
};

static bool see_shmem(void *context, uint64_t node)
{
	struct shmem_walk *w = context;
	struct kernel *k = w->a->k;
	uint64_t head, inode = node - OFFSET(k, shmem_inode_info, swaplist) + OFFSET(k, shmem_inode_info, vfs_inode);
	w->error = kernel_get(k, inode + OFFSET(k, inode, i_data), M_address_space_i_pages, &head);
	if (!w->error)
		w->error = xarray_for_each_range(k, head, 0, UINT64_MAX, see_value, w->a);
	return !w->error;
}

/* Files of shared memory that have pages on swap are on a list (mm/shmem.c); the slots stand in their trees in the pages' places. */
static struct error *users_of_shmem(struct audit *a)
{
	struct shmem_walk w = {a, NULL};
	uint64_t list = symbol_addr(a->k, "shmem_swaplist");
	if (!list || !HAS(a->k, shmem_inode_info, swaplist) || !HAS(a->k, address_space, i_pages) || !HAS(a->k, inode, i_data))
		return NULL;
	TRY(list_for_each(a->k, list, see_shmem, &w));
	return w.error;
}

/* Most that a CPU keeps is SWAP_SLOTS_CACHE_SIZE, 64. */
#define KEPT_MAX 1024

static void keep_slots(struct audit *a, uint64_t slots, uint64_t from, uint64_t count)
{
	for (uint64_t i = from; slots && count <= KEPT_MAX && from <= KEPT_MAX && i < from + count; i++) {
		uint64_t entry;
		uint32_t *users;
		if (error_drop(kernel_read_pointer(a->k, slots + i * a->k->arch->pointer_size, &entry)))
			return;
		users = slot_of(a, entry, 0);
		if (users)
			*users |= SLOT_CACHED;
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
	struct error *e = needs_check(k, "swap areas", NEEDS_SWAP);
	if (e)
		return audit_take(a, AUDIT_SWAP, 0, e);
	TRY(audit_take(a, AUDIT_SWAP, 0, users_of_shmem(a)));
	kept_by_cpus(a);
	for (unsigned i = 0; i < swap_areas_count(k) && i < sizeof(a->swap) / sizeof(a->swap[0]); i++) {
		if (!a->swap[i].slots || !swap_area_get(k, i, &area))
			continue;
		if (HAS(k, swap_info_struct, swap_map) && HAS(k, swap_cluster_info, table))
			audit_skip(a, AUDIT_SWAP, "this kernel has a map and tables of swap slots");
		else if (area.swap_map) /* bytes, or the two bytes of old; their pointer tells nothing */
			TRY(audit_take(a, AUDIT_SWAP, area.addr, check_map(a, &area, &a->swap[i], !HAS(k, swap_info_struct, inuse_pages))));
		else if (HAS(k, swap_cluster_info, table))
			TRY(audit_take(a, AUDIT_SWAP, area.addr, check_tables(a, &area, &a->swap[i])));
	}
	return NULL;
}
