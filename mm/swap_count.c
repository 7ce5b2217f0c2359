/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many page-table entries name a swap slot: swp_swapcount() (mm/swapfile.c).
 */
#include "mm/page.h"
#include "mm/swap.h"

/* include/linux/swap.h: SWAP_HAS_CACHE, COUNT_CONTINUED, SWAP_MAP_MAX, SWAP_CONT_MAX */
#define HAS_CACHE 0x40
#define CONTINUED 0x80
#define MAP_MAX	  0x3e
#define CONT_MAX  0x7f
/* A count of 31 bits and more in parts of 7. */
#define CONTINUATIONS_MAX 6

/* Counts beyond MAP_MAX go on in pages that hang on the page of swap_map by its lru, each at the same place. */
static uint64_t continued(struct kernel *k, uint64_t addr, uint64_t count)
{
	uint64_t phys, page, pfn, next, n = MAP_MAX + 1, part = CONTINUED;
	const uint64_t page_mask = (1ull << k->arch->page_shift) - 1;
	if (error_drop(pages_open(k)) || !kernel_try_vtop(k, addr, &phys) || !pfn_to_page(k, phys_to_pfn(k, phys), &page))
		return count;
	for (unsigned i = 0; i < CONTINUATIONS_MAX && part & CONTINUED; i++, n *= CONT_MAX + 1) {
		if (error_drop(kernel_get(k, page, M_page_lru, &next)) &&
		    error_drop(kernel_read_pointer(k, page + OFFSET(k, page, lru), &next)))
			break;
		page = next - OFFSET(k, page, lru);
		if (!page_to_pfn(k, page, &pfn) ||
		    error_drop(kernel_read_uint(k, kernel_ptov(k, pfn << k->arch->page_shift) + (addr & page_mask), 1, &part)))
			break;
		count += (part & ~(uint64_t)CONTINUED) * n;
	}
	return count;
}

/* Since 7.0: the highest bits of the slot's word in its cluster's table; where they do not suffice, a table of counts (mm/swap_table.h). */
static uint64_t cluster_count(struct kernel *k, const struct swap_area *area, uint64_t clusters, uint64_t offset)
{
	const unsigned word = k->arch->pointer_size, count_bits = 4;
	uint64_t per_cluster = SIZE_OF(k, swap_table) / word, table, entry, extend, count;
	if (!per_cluster || !clusters)
		return 0;
	struct object cluster;
	if (!object_try_open(k, clusters + offset / per_cluster * SIZE_OF(k, swap_cluster_info), S_swap_cluster_info, &cluster))
		return 0;
	table = GET(k, &cluster, swap_cluster_info, table);
	extend = GET(k, &cluster, swap_cluster_info, extend_table);
	if (!table || error_drop(kernel_read_pointer(k, table + offset % per_cluster * word, &entry)))
		return 0;
	/* A shadow ends in 1, a frame in 10; anything else is no slot in use. */
	if (!(entry & 1) && (entry & 3) != 2)
		return 0;
	count = entry >> (8 * word - count_bits);
	if (count == (1u << count_bits) - 1 && extend)
		error_drop(kernel_read_uint(k, extend + offset % per_cluster * 4, 4, &count));
	return count;
}

uint64_t swap_slot_count(struct kernel *k, const struct swap_area *area, uint64_t offset)
{
	uint64_t count, clusters;
	if (offset >= area->max)
		return 0;
	if (!HAS(k, swap_info_struct, swap_map))
		return error_drop(kernel_get(k, area->addr, M_swap_info_struct_cluster_info, &clusters))
			       ? 0
			       : cluster_count(k, area, clusters, offset);
	/* Shorts until 2.6.32; swap_info[] became an array of pointers right after. */
	if (!HAS(k, swap_info_struct, type))
		return error_drop(kernel_read_uint(k, area->swap_map + 2 * offset, 2, &count)) ? 0 : count & 0x7fff;
	if (error_drop(kernel_read_uint(k, area->swap_map + offset, 1, &count)))
		return 0;
	count &= ~(uint64_t)HAS_CACHE;
	return count & CONTINUED ? continued(k, area->swap_map + offset, count & ~(uint64_t)CONTINUED) : count;
}
