/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slabs of SLAB as 2.4 has it: a descriptor for each slab (slab_s) on one of its cache's three lists, and behind it the chain of free objects,
 * as indexes (mm/slab.c).
 */
#include <inttypes.h>

#include "mm/audit/slab.h"
#include "mm/list.h"

#define BUFCTL_END 0xffffffffu
#define ORDER_MAX  10

enum slab_list { SLABS_FULL, SLABS_PARTIAL, SLABS_FREE };

struct slab_walk {
	struct audit *a;
	struct object cache;
	enum slab_list list;
};

static uint64_t free_objects(struct kernel *k, const struct object *s, uint64_t objects, uint64_t *end)
{
	uint64_t n = 0;
	*end = GET(k, s, slab_s, free);
	while (*end < objects && n <= objects) {
		n++;
		if (error_drop(kernel_read_uint(k, s->addr + SIZE_OF(k, slab_s) + *end * 4, 4, end)))
			break;
	}
	return n;
}

static bool see_slab(void *context, uint64_t node)
{
	struct slab_walk *w = context;
	struct audit *a = w->a;
	struct kernel *k = a->k;
	struct object s;
	uint64_t objects = GET(k, &w->cache, kmem_cache, num), order = GET(k, &w->cache, kmem_cache, gfporder), end, phys;
	audit_checked(a, AUDIT_SLAB, 1);
	if (!object_try_open(k, node - OFFSET(k, slab_s, list), S_slab_s, &s)) {
		audit_find(a, AUDIT_SLAB, node, "cache %" PRIx64 ": its list has what is no slab: %" PRIx64, w->cache.addr, node);
		return false;
	}
	uint64_t inuse = GET(k, &s, slab_s, inuse), free = free_objects(k, &s, objects, &end);
	enum slab_list fits = inuse == objects ? SLABS_FULL : inuse ? SLABS_PARTIAL : SLABS_FREE;
	if (end != BUFCTL_END || free + inuse != objects)
		audit_find(a, AUDIT_SLAB, s.addr, "slab %" PRIx64 ": %" PRIu64 " objects, %" PRIu64 " in use, on its free list: %" PRIu64 " (it ends in %" PRIx64 ")",
			   s.addr, objects, inuse, free, end);
	else if (fits != w->list)
		audit_find(a, AUDIT_SLAB, s.addr, "slab %" PRIx64 ": %" PRIu64 " of %" PRIu64 " in use, on list %d", s.addr, inuse, objects, w->list);
	if (order > ORDER_MAX || !kernel_try_vtop(k, GET(k, &s, slab_s, s_mem), &phys))
		return true;
	for (uint64_t i = 0; i < 1ull << order; i++) {
		struct page p;
		uint64_t pfn = phys_to_pfn(k, phys) + i, links;
		if (!audit_page(a, pfn, &p))
			continue;
		links = p.object.addr + OFFSET(k, page, buddy_list);
		uint64_t cache = 0, slab = 0;
		error_drop(kernel_read_pointer(k, links, &cache));
		error_drop(kernel_read_pointer(k, links + k->arch->pointer_size, &slab));
		if (cache != w->cache.addr || slab != s.addr)
			audit_find(a, AUDIT_SLAB, p.object.addr, "frame %" PRIx64 " of slab %" PRIx64 " says cache %" PRIx64 ", slab %" PRIx64, pfn, s.addr, cache, slab);
	}
	return true;
}

static struct error *check_cache(struct audit *a, uint64_t addr)
{
	struct kernel *k = a->k;
	struct slab_walk w = {.a = a};
	TRY(object_open(k, addr, S_kmem_cache, &w.cache));
	const uint64_t lists[] = {MEMBER_ADDR(k, &w.cache, kmem_cache, slabs_full), MEMBER_ADDR(k, &w.cache, kmem_cache, slabs_partial),
				  MEMBER_ADDR(k, &w.cache, kmem_cache, slabs_free)};
	for (w.list = SLABS_FULL; w.list <= SLABS_FREE; w.list++)
		TRY(list_for_each(k, lists[w.list], see_slab, &w));
	return NULL;
}

struct chain_walk {
	struct audit *a;
	struct error *error;
};

static bool see_cache(void *context, uint64_t node)
{
	struct chain_walk *w = context;
	w->error = audit_take(w->a, AUDIT_SLAB, node, check_cache(w->a, node - OFFSET(w->a->k, kmem_cache, next)));
	return !w->error;
}

struct error *audit_slab_lists(struct audit *a)
{
	struct chain_walk w = {a, NULL};
	uint64_t first = symbol_addr(a->k, "cache_cache"), chain = symbol_addr(a->k, "cache_chain");
	if (first)
		TRY(audit_take(a, AUDIT_SLAB, first, check_cache(a, first)));
	if (chain)
		TRY(audit_take(a, AUDIT_SLAB, chain, list_for_each(a->k, chain, see_cache, &w)));
	return w.error;
}
