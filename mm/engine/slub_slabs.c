/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole slabs of SLUB, from the page allocator and back to it (mm/slub.c: allocate_slab(), discard_slab()). Of one page; larger ones are refused.
 */
#include <inttypes.h>

#include "mm/engine/list_edit.h"
#include "mm/memmap.h"
#include "mm/engine/modern.h"
#include "mm/engine/slub_edit.h"
#include "mm/state.h"

#define SLAB_RECLAIM_ACCOUNT 0x00020000u /* include/linux/slab.h, until the flags became an enumeration in 6.9 */

/* A slab's page says so by a flag, or since 6.10 by its type. */
static void mark_slab(struct kernel *k, const struct page *p)
{
	const struct page_words *w = &k->mm->pages->words;
	if (w->slab_flag >= 0)
		SET(k, &p->object, page, flags, p->flags | 1ull << w->slab_flag);
	else if (w->slab.mask)
		SET(k, &p->object, page, page_type, w->slab.mask == 0xff000000u ? w->slab.value : w->slab.value | ~w->slab.mask);
}

/* The only constructor known is that of anon_vmas: an empty tree, a free lock, nobody's reference. */
static struct error *construct(struct engine *e, uint64_t ctor, uint64_t object, uint32_t size)
{
	struct kernel *k = e->k;
	struct object o;
	if (!ctor)
		return NULL;
	if (ctor != symbol_addr(k, "anon_vma_ctor") || !HAS(k, anon_vma, rwsem_wait_list))
		return error_at(ERR_UNSUPPORTED, ctor, "a new slab's objects would be made by a constructor that is not known: %" PRIx64, ctor);
	TRY(object_open_bytes_writable(k, object, size, &o));
	memset((void *)o.bytes, 0, SIZE_OF(k, anon_vma) < size ? SIZE_OF(k, anon_vma) : size);
	return list_init(k, object + OFFSET(k, anon_vma, rwsem_wait_list));
}

/* Where object number i of the free list lies in the slab: in the cache's random order (CONFIG_SLAB_FREELIST_RANDOM; from the start of that order, where the kernel draws
 * lots), else one after the other. */
static struct error *place_of(struct engine *e, const struct object *cache, uint64_t i, uint64_t *offset)
{
	struct kernel *k = e->k;
	uint64_t order = GET(k, cache, kmem_cache, random_seq);
	*offset = i * GET(k, cache, kmem_cache, size);
	return order ? kernel_read_uint(k, order + 4 * i, 4, offset) : NULL;
}

static struct error *count_slab(struct engine *e, const struct object *cache, uint64_t page, uint64_t objects, int delta)
{
	struct kernel *k = e->k;
	struct object node;
	bool reclaimable = GET(k, cache, kmem_cache, flags) & SLAB_RECLAIM_ACCOUNT;
	TRY(slub_open_node(e, cache->addr, page, &node));
	ADD(k, &node, kmem_cache_node, nr_slabs, delta);
	ADD(k, &node, kmem_cache_node, total_objects, delta * (int64_t)objects);
	mod_page_state(e, page, reclaimable ? e->modern->slab_reclaimable : e->modern->slab_unreclaimable, delta);
	return NULL;
}

struct error *slub_new_slab(struct engine *e, uint64_t cache, uint64_t *slab)
{
	struct kernel *k = e->k;
	struct object c, s;
	struct page p;
	uint64_t page, at, next, place, first = 0;
	TRY(object_open_bytes(k, cache, OFFSET(k, kmem_cache, node), &c));
	uint64_t oo = GET(k, &c, kmem_cache, oo), objects = oo & 0xffff, size = GET(k, &c, kmem_cache, size), pad = GET(k, &c, kmem_cache, red_left_pad);
	if (oo >> 16)
		return error_at(ERR_UNSUPPORTED, cache, "cache %" PRIx64 " needs a new slab of %u pages: only slabs of one page are made", cache, 1u << (oo >> 16 & 15));
	if (!objects || objects * size > VMCORE_PAGE_SIZE)
		return error_at(ERR_BAD_OBJECT, cache, "no slab cache: %" PRIx64, cache);
	TRY(alloc_pages_pcp(e, PAGES_KERNEL, 0, &page));
	TRY(page_open_writable(e, page, &p));
	mark_slab(k, &p);
	TRY(object_open_writable(k, page, S_slab, &s));
	SET(k, &s, slab, slab_cache, cache);
	SET(k, &s, slab, objects, objects);
	SET(k, &s, slab, frozen, 1);
	uint64_t start = kernel_ptov(k, engine_page_phys(e, page)) + pad;
	/* From the last to the first, each pointing to the one made before. */
	for (uint64_t i = objects; i--;) {
		TRY(place_of(e, &c, i, &place));
		if (place >= VMCORE_PAGE_SIZE || place % size)
			return error_at(ERR_BAD_OBJECT, cache, "the random order of cache %" PRIx64 " leaves its slab", cache);
		at = start + place;
		next = first;
		TRY(construct(e, GET(k, &c, kmem_cache, ctor), at, (uint32_t)size));
		TRY(slub_link_free(e, cache, at, next));
		first = at;
	}
	SET(k, &s, slab, freelist, first);
	SET(k, &s, slab, inuse, 0);
	TRACE(e, "new_slab", "a page becomes a slab", { "s", cache }, { "slab", page }, { "objects", objects });
	*slab = page;
	return count_slab(e, &c, page, objects, 1);
}

struct error *slub_discard_slab(struct engine *e, uint64_t cache, uint64_t slab, uint64_t node)
{
	return error_at(ERR_UNSUPPORTED, slab, "slab %" PRIx64 " of cache %" PRIx64 " is empty and goes back to the free pages: that is not done yet", slab, cache);
}
