/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/interrupt.h"
#include "mm/meminfo.h"
#include "mm/memmap.h"
#include "mm/page.h"
#include "mm/state.h"
#include "mm/zone.h"

/* The value of a word-sized global, or of the atomic_long_t of that name with an underscore before
 * it; 0 when there is neither. */
static uint64_t global_pages(struct kernel *k, const char *name, const char *other)
{
	uint64_t v;
	if (!error_drop(kernel_read_symbol(k, name, 0, &v)))
		return v;
	return other && !error_drop(kernel_read_symbol(k, other, 0, &v)) ? v : 0;
}

static uint64_t stat(struct kernel *k, const char *name)
{
	int64_t v;
	return vmstat_global(k, name, &v) ? (uint64_t)v : 0;
}

/* nr_blockdev_pages() (block/bdev.c): the page cache of the block devices' own inodes. Bounded, as
 * the list may be damaged. */
#define BLOCKDEVS_MAX 100000

static uint64_t blockdev_pages(struct kernel *k)
{
	uint64_t super, head, at, pages = 0;
	if (error_drop(kernel_read_symbol(k, "blockdev_superblock", 0, &super)) || !super ||
	    !HAS(k, super_block, s_inodes) || !HAS(k, inode, i_sb_list))
		return 0;
	head = super + OFFSET(k, super_block, s_inodes);
	if (error_drop(kernel_read_pointer(k, head, &at)))
		return 0;
	for (unsigned i = 0; at && at != head && i < BLOCKDEVS_MAX; i++) {
		uint64_t mapping, count, inode = at - OFFSET(k, inode, i_sb_list);
		if (error_drop(kernel_get(k, inode, M_inode_i_mapping, &mapping)) ||
		    error_drop(kernel_get(k, mapping, M_address_space_nrpages, &count)) ||
		    error_drop(kernel_read_pointer(k, at, &at)))
			break;
		pages += count;
	}
	return pages;
}

/* MAX_SWAPFILES is less (include/linux/swap.h); a space is 64 MB of a swap area
 * (SWAP_ADDRESS_SPACE_PAGES). */
#define SWAP_TYPES	32
#define SWAP_SPACES_MAX (1u << 20)

/* total_swapcache_pages() (mm/swap_state.c) of kernels that have no counter: until 5.11 a sum over
 * the address spaces. */
static uint64_t swap_cache_pages(struct kernel *k)
{
	uint64_t counts = symbol_addr(k, "nr_swapper_spaces"),
		 spaces = symbol_addr(k, "swapper_spaces");
	uint64_t total = 0, pages, count, space, one = symbol_addr(k, "swapper_space");
	int64_t counter;
	if (vmstat_global(k, "NR_SWAPCACHE", &counter))
		return counter > 0 ? (uint64_t)counter : 0;
	if (one && !error_drop(kernel_get(k, one, M_address_space_nrpages, &pages)))
		return pages;
	for (unsigned type = 0; counts && spaces && type < SWAP_TYPES; type++) {
		if (error_drop(kernel_read_uint(k, counts + 4 * type, 4, &count)) ||
		    count > SWAP_SPACES_MAX ||
		    error_drop(
			    kernel_read_pointer(k, spaces + k->arch->pointer_size * type, &space)))
			break;
		for (uint64_t i = 0; space && i < count && !interrupted(); i++)
			if (!error_drop(kernel_get(k, space + i * SIZE_OF(k, address_space),
						   M_address_space_nrpages, &pages)))
				total += pages;
	}
	return total;
}

static void read_hugetlb(struct kernel *k, struct meminfo *m)
{
	uint64_t count, table = symbol_addr(k, "hstates");
	/* HUGE_MAX_HSTATE is 2 on x86, 4 at most anywhere. */
	if (!table || !SIZE_OF(k, hstate) ||
	    error_drop(kernel_read_symbol(k, "hugetlb_max_hstate", 4, &count)) || count > 16)
		return;
	for (uint64_t i = 0; i < count; i++) {
		struct object h;
		if (!object_try_open(k, table + i * SIZE_OF(k, hstate), S_hstate, &h))
			continue;
		uint64_t order = GET(k, &h, hstate, order);
		if (order > 30)
			continue;
		m->huge_total += GET(k, &h, hstate, nr_huge_pages) << order;
		m->huge_free += GET(k, &h, hstate, free_huge_pages) << order;
	}
}

bool percpu_counter_sum(struct kernel *k, uint64_t addr, int64_t *value)
{
	uint64_t count, counters, part;
	if (error_drop(kernel_get(k, addr, M_percpu_counter_count, &count)))
		return false;
	*value = (int64_t)count;
	/* Kernels for one CPU have only the count, and no per-CPU areas. */
	if (!HAS(k, percpu_counter, counters))
		return !k->percpu_offset;
	if (error_drop(kernel_get(k, addr, M_percpu_counter_counters, &counters)))
		return false;
	for (unsigned cpu = 0; counters && cpu < k->cpus; cpu++)
		if (!error_drop(kernel_read_uint(k, percpu_ptr(k, counters, cpu), 4, &part)))
			*value += (int32_t)part;
	return true;
}

static uint64_t total_pages(struct kernel *k)
{
	return global_pages(k, "_totalram_pages", "totalram_pages");
}

bool vm_commit_limit(struct kernel *k, uint64_t *pages)
{
	uint64_t ratio, kbytes = global_pages(k, "sysctl_overcommit_kbytes", NULL);
	struct meminfo m = {0};
	*pages = kbytes >> (k->arch->page_shift - 10);
	if (!kbytes) {
		if (error_drop(kernel_read_symbol(k, "sysctl_overcommit_ratio", 4, &ratio)))
			return false;
		read_hugetlb(k, &m);
		*pages = (total_pages(k) - m.huge_total) * ratio / 100;
	}
	*pages += global_pages(k, "total_swap_pages", NULL);
	return true;
}

/* vm_memory_committed(): mm/util.c */
static void read_commit(struct kernel *k, struct meminfo *m)
{
	uint64_t addr = symbol_addr(k, "vm_committed_as");
	int64_t committed;
	if (addr && !percpu_counter_sum(k, addr, &committed))
		return;
	m->has_commit_limit = vm_commit_limit(k, &m->commit_limit);
	if (addr && committed > 0)
		m->committed = (uint64_t)committed;
}

/* ---- Before there were vmstat counters (2.6.18): each zone's own count, a few globals ---- */

static uint64_t free_in_zones(struct kernel *k)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < zones_count(k); i++)
		sum += GET(k, &zones_get(k, i)->object, zone, free_pages);
	return sum;
}

static uint64_t swapper_pages(struct kernel *k)
{
	uint64_t count, space = symbol_addr(k, "swapper_space");
	return space && !error_drop(kernel_get(k, space, M_address_space_nrpages, &count)) ? count : 0;
}

static uint64_t slab_pages(struct kernel *k)
{
	uint64_t pfn, end, addr, count = 0;
	int bit = k->mm->pages->words.slab_flag;
	for (size_t i = 0; bit >= 0 && page_run(k, i, &pfn, &end, &addr); i++)
		for (; pfn < end && !interrupted(); pfn++, addr += SIZE_OF(k, page)) {
			struct object page;
			count += object_try_open(k, addr, S_page, &page) && (GET(k, &page, page, flags) >> bit & 1);
		}
	return count;
}

static void read_old_counters(struct kernel *k, struct meminfo *m)
{
	uint64_t cached = global_pages(k, "page_cache_size", "nr_pagecache");
	m->free = free_in_zones(k);
	m->swap_cached = swapper_pages(k);
	m->buffers = global_pages(k, "buffermem_pages", NULL);
	m->cached = cached > m->swap_cached + m->buffers ? cached - m->swap_cached - m->buffers : 0;
	m->slab = slab_pages(k);
}

static void read_counters(struct kernel *k, struct meminfo *m)
{
	m->free = stat(k, "NR_FREE_PAGES");
	m->buffers = blockdev_pages(k);
	m->swap_cached = swap_cache_pages(k);
	uint64_t file = stat(k, "NR_FILE_PAGES");
	m->cached = file > m->swap_cached + m->buffers ? file - m->swap_cached - m->buffers : 0;
	/* In bytes by name since 5.9, in pages by value all the same. */
	m->slab = stat(k, "NR_SLAB_RECLAIMABLE_B") + stat(k, "NR_SLAB_UNRECLAIMABLE_B") +
		  stat(k, "NR_SLAB_RECLAIMABLE") + stat(k, "NR_SLAB_UNRECLAIMABLE");
}

struct error *meminfo_read(struct kernel *k, struct meminfo *m)
{
	*m = (struct meminfo){0};
	TRY(nodes_open(k));
	m->total = total_pages(k);
	if (!m->total)
		return error_new(ERR_UNSUPPORTED, "this kernel has no totalram_pages");
	if (HAS(k, zone, free_pages))
		read_old_counters(k, m);
	else
		read_counters(k, m);
	m->swap_total = global_pages(k, "total_swap_pages", NULL);
	m->swap_free = global_pages(k, "nr_swap_pages", NULL);
	read_hugetlb(k, m);
	read_commit(k, m);
	return NULL;
}

struct error *meminfo_shared(struct kernel *k, uint64_t *pages)
{
	uint64_t pfn, end, addr;
	*pages = 0;
	TRY(pages_open(k));
	const struct page_words *w = &k->mm->pages->words;
	for (size_t i = 0; page_run(k, i, &pfn, &end, &addr); i++) {
		for (; pfn < end; pfn++, addr += SIZE_OF(k, page)) {
			struct page p = {.pfn = pfn};
			if (!(pfn & 4095))
				TRY(check_interrupt());
			if (!object_try_open(k, addr, S_page, &p.object))
				continue;
			p.flags = GET(k, &p.object, page, flags);
			if (w->reserved >= 0 && (p.flags >> w->reserved & 1))
				continue;
			if (page_refcount(k, &p) > 1 && page_use(k, &p) != PAGE_SLAB)
				++*pages;
		}
	}
	return NULL;
}
