/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/memmap.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/state.h"

bool slab_cache_name(struct kernel *k, uint64_t addr, char *buf, size_t size)
{
	uint64_t phys, head, cache, name;
	struct page page;
	buf[0] = 0;
	if (error_drop(pages_open(k)) || !kernel_try_vtop(k, addr, &phys) ||
	    !pfn_to_page(k, phys_to_pfn(k, phys), &head) || error_drop(page_open(k, head, &page)))
		return false;
	if (page_is_tail(k, &page) && error_drop(page_open(k, page_compound_head(k, &page), &page)))
		return false;
	if (page_use(k, &page) != PAGE_SLAB)
		return false;
	return !error_drop(kernel_get(k, page.object.addr, M_slab_slab_cache, &cache)) &&
	       !error_drop(kernel_get(k, cache, M_kmem_cache_name, &name)) &&
	       !error_drop(kernel_read_string(k, name, buf, size)) && buf[0];
}
