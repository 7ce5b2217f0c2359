/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The books of page cache, swap, LRU lists and slabs.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "mm/list.h"
#include "mm/pte.h"
#include "mm/sim/books_parts.h"

/* ---- Swap ---- */

#define SWAP_MAP_BAD 0x8000

struct error *books_refer_swap(struct check *c, uint64_t entry)
{
	if (swp_type(entry) || !swp_offset(entry) || swp_offset(entry) >= c->swap_slots)
		return WRONG("no swap slot: %" PRIx64, entry);
	c->swap[swp_offset(entry)]++;
	return NULL;
}

static struct error *check_swap_map(struct check *c)
{
	struct kernel *k = c->k;
	uint64_t map, free = 0, counted, users;
	TRY(kernel_get(k, c->e->swap_info, M_swap_info_struct_swap_map, &map));
	for (uint64_t i = 1; i < c->swap_slots; i++) {
		TRY(kernel_read_uint(k, map + 2 * i, 2, &users));
		if (users == SWAP_MAP_BAD)
			continue;
		if (users != c->swap[i])
			return WRONG("swap slot %" PRIu64 " counts %" PRIu64 " users, found: %u", i,
				     users, c->swap[i]);
		free += !users;
	}
	TRY(kernel_read_uint(k, c->e->nr_swap_pages, 4, &counted));
	return counted == free
		       ? NULL
		       : WRONG("nr_swap_pages is %" PRIu64 ", free slots: %" PRIu64, counted, free);
}

/* ---- LRU lists ---- */

struct lru_walk {
	struct check *c;
	bool active;
	uint64_t length;
	struct error *error;
};

static bool see_lru(void *context, uint64_t node)
{
	struct lru_walk *w = context;
	struct engine *e = w->c->e;
	uint64_t page = node - OFFSET(e->k, page, lru), pfn = (page - e->mem_map) / e->page_size;
	struct page p;
	if (pfn >= e->max_pfn || (w->error = books_page(w->c, pfn, &p))) {
		if (!w->error)
			w->error = WRONG("no page on an LRU list: %" PRIx64, page);
		return false;
	}
	if (!(p.flags >> e->bit_lru & 1) || (p.flags >> e->bit_active & 1) != w->active ||
	    w->c->frames[pfn].on_lru) {
		w->error = WRONG("page %" PRIx64 " is on the %s list, with flags %" PRIx64, page,
				 w->active ? "active" : "inactive", p.flags);
		return false;
	}
	w->c->frames[pfn].on_lru = true;
	w->length++;
	return true;
}

static struct error *check_lru(struct check *c, uint64_t list, uint64_t counter, bool active)
{
	struct lru_walk w = {c, active, 0, NULL};
	uint64_t counted;
	TRY(list_for_each(c->k, list, see_lru, &w));
	if (w.error)
		return w.error;
	TRY(kernel_read_uint(c->k, counter, 4, &counted));
	return counted == w.length ? NULL
				   : WRONG("nr_%s_pages is %" PRIu64 ", the list has %" PRIu64,
					   active ? "active" : "inactive", counted, w.length);
}

/* ---- Page cache ---- */

struct mapping_walk {
	struct check *c;
	uint64_t mapping, length;
	struct error *error;
};

static bool see_cached(void *context, uint64_t node)
{
	struct mapping_walk *w = context;
	struct page p;
	w->error = page_open(w->c->k, node - OFFSET(w->c->k, page, buddy_list), &p);
	if (!w->error && GET(w->c->k, &p.object, page, mapping) != w->mapping)
		w->error = WRONG("page %" PRIx64 " is on the list of mapping %" PRIx64
				 ", and says another",
				 p.object.addr, w->mapping);
	w->length++;
	return !w->error;
}

/* Once for each mapping, at the first of its pages that a hash chain gives: when it is the first of
 * a list. */
static struct error *check_mapping(struct check *c, uint64_t mapping)
{
	struct kernel *k = c->k;
	struct mapping_walk w = {c, mapping, 0, NULL};
	const uint32_t lists[] = {OFFSET(k, address_space, clean_pages),
				  OFFSET(k, address_space, dirty_pages),
				  OFFSET(k, address_space, locked_pages)};
	uint64_t counted;
	for (int i = 0; i < 3; i++) {
		TRY(list_for_each(k, mapping + lists[i], see_cached, &w));
		if (w.error)
			return w.error;
	}
	TRY(kernel_get(k, mapping, M_address_space_nrpages, &counted));
	return counted == w.length ? NULL
				   : WRONG("mapping %" PRIx64 ": nrpages %" PRIu64
					   ", pages on its lists: %" PRIu64,
					   mapping, counted, w.length);
}

static struct error *check_cached_page(struct check *c, const struct page *p, uint64_t pprev)
{
	struct kernel *k = c->k;
	struct engine *e = c->e;
	uint64_t mapping = GET(k, &p->object, page, mapping),
		 index = GET(k, &p->object, page, index), found, first;
	bool counted;
	if (!mapping || GET(k, &p->object, page, pprev_hash) != pprev)
		return WRONG("page %" PRIx64 " is in a hash chain with mapping %" PRIx64
			     ", pprev_hash %" PRIx64,
			     p->object.addr, mapping, GET(k, &p->object, page, pprev_hash));
	TRY(find_page_nolock(e, mapping, index, &found));
	if (found != p->object.addr)
		return WRONG("page %" PRIx64 " is in the wrong hash chain, or twice",
			     p->object.addr);
	TRY(books_refer(c, (p->object.addr - e->mem_map) / e->page_size, &counted));
	if (!counted)
		return WRONG("page %" PRIx64 " is reserved, and in the page cache", p->object.addr);
	if (mapping == e->swapper_space)
		TRY(books_refer_swap(c, index));
	TRY(kernel_read_pointer(
		k, p->object.addr + OFFSET(k, page, buddy_list) + k->arch->pointer_size, &first));
	if (first == mapping + OFFSET(k, address_space, clean_pages) ||
	    first == mapping + OFFSET(k, address_space, dirty_pages))
		TRY(check_mapping(c, mapping));
	return NULL;
}

static struct error *check_page_cache(struct check *c)
{
	struct kernel *k = c->k;
	struct engine *e = c->e;
	uint64_t counted, at;
	for (uint64_t i = 0; i < 1ull << e->page_hash_bits; i++) {
		uint64_t pprev = e->page_hash_table + i * k->arch->pointer_size;
		TRY(kernel_read_pointer(k, pprev, &at));
		for (; at; c->books.cached++) {
			struct page p;
			if (c->books.cached > e->max_pfn)
				return WRONG("the page cache's hash chains never end");
			TRY(page_open(k, at, &p));
			TRY(check_cached_page(c, &p, pprev));
			pprev = MEMBER_ADDR(k, &p.object, page, next_hash);
			at = GET(k, &p.object, page, next_hash);
		}
	}
	TRY(kernel_read_uint(k, e->page_cache_size, 4, &counted));
	return counted == c->books.cached
		       ? NULL
		       : WRONG("page_cache_size is %" PRIu64 ", the hash has %" PRIu64, counted,
			       c->books.cached);
}

/* A page with a mapping must be in the hash: its frame then has one reference more than its
 * entries, which counts; here only the swap cache's count. */
struct error *books_cache(struct check *c)
{
	struct engine *e = c->e;
	TRY(check_page_cache(c));
	TRY(check_lru(c, e->active_list, e->nr_active_pages, true));
	TRY(check_lru(c, e->inactive_list, e->nr_inactive_pages, false));
	if (e->swapper_space)
		TRY(check_mapping(c, e->swapper_space));
	return c->swap ? check_swap_map(c) : NULL;
}

/* ---- Slabs ---- */

enum slab_list { SLABS_FULL, SLABS_PARTIAL, SLABS_FREE };

struct slab_walk {
	struct check *c;
	struct object cache;
	enum slab_list list;
	struct error *error;
};

/* Each free object is once in the slab's chain. */
static struct error *check_free_objects(struct check *c, const struct object *s, uint64_t num,
					uint64_t inuse)
{
	struct kernel *k = c->k;
	uint64_t at = GET(k, s, slab_s, free), n = 0;
	for (; at < num; n++) {
		if (n > num)
			return WRONG("slab %" PRIx64 ": the chain of free objects never ends",
				     s->addr);
		TRY(kernel_read_uint(k, s->addr + SIZE_OF(k, slab_s) + at * 4, 4, &at));
	}
	return at == 0xffffffff && n + inuse == num
		       ? NULL
		       : WRONG("slab %" PRIx64 ": %" PRIu64 " objects, %" PRIu64 " in use, %" PRIu64
			       " free",
			       s->addr, num, inuse, n);
}

static void count_objects(struct check *c, uint64_t cache, uint64_t inuse)
{
	const struct engine *e = c->e;
	if (cache == e->vm_area_cachep)
		c->vmas_in_use += inuse;
	else if (cache == e->mm_cachep)
		c->mms_in_use += inuse;
	else if (cache == e->filp_cachep || cache == e->files_cachep || cache == e->fs_cachep || cache == e->sigact_cachep)
		c->books.objects += inuse;
}

static struct error *check_slab(struct slab_walk *w, uint64_t addr)
{
	struct check *c = w->c;
	struct kernel *k = c->k;
	struct engine *e = c->e;
	struct object s;
	unsigned order = (unsigned)GET(k, &w->cache, kmem_cache, gfporder);
	uint64_t num = GET(k, &w->cache, kmem_cache, num), word = k->arch->pointer_size;
	TRY(object_open(k, addr, S_slab_s, &s));
	uint64_t inuse = GET(k, &s, slab_s, inuse),
		 start = GET(k, &s, slab_s, s_mem) & ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
	enum slab_list fits = inuse == num ? SLABS_FULL : inuse ? SLABS_PARTIAL : SLABS_FREE;
	if (fits != w->list)
		return WRONG("slab %" PRIx64 ": %" PRIu64 " of %" PRIu64 " in use, on list %d",
			     addr, inuse, num, w->list);
	TRY(check_free_objects(c, &s, num, inuse));
	count_objects(c, w->cache.addr, inuse);
	TRY(books_claim(c, start, order, OWNER_SLAB));
	for (uint64_t i = 0; i < 1ull << order; i++) {
		uint64_t cache, slab,
			list = engine_phys_page(e, start - k->page_offset) + i * e->page_size +
			       OFFSET(k, page, buddy_list);
		TRY(kernel_read_pointer(k, list, &cache));
		TRY(kernel_read_pointer(k, list + word, &slab));
		if (cache != w->cache.addr || slab != addr)
			return WRONG("a frame of slab %" PRIx64 " says cache %" PRIx64
				     ", slab %" PRIx64,
				     addr, cache, slab);
	}
	return NULL;
}

static bool see_slab(void *context, uint64_t node)
{
	struct slab_walk *w = context;
	w->error = check_slab(w, node - OFFSET(w->c->k, slab_s, list));
	return !w->error;
}

static struct error *check_cache(struct check *c, uint64_t addr)
{
	struct kernel *k = c->k;
	struct slab_walk w = {.c = c};
	TRY(object_open(k, addr, S_kmem_cache, &w.cache));
	const uint64_t lists[] = {MEMBER_ADDR(k, &w.cache, kmem_cache, slabs_full),
				  MEMBER_ADDR(k, &w.cache, kmem_cache, slabs_partial),
				  MEMBER_ADDR(k, &w.cache, kmem_cache, slabs_free)};
	for (w.list = SLABS_FULL; w.list <= SLABS_FREE; w.list++) {
		TRY(list_for_each(k, lists[w.list], see_slab, &w));
		if (w.error)
			return w.error;
	}
	return NULL;
}

struct chain_walk {
	struct check *c;
	struct error *error;
};

static bool see_cache(void *context, uint64_t node)
{
	struct chain_walk *w = context;
	w->error = check_cache(w->c, node - OFFSET(w->c->k, kmem_cache, next));
	return !w->error;
}

struct error *books_slabs(struct check *c)
{
	struct chain_walk w = {c, NULL};
	TRY(check_cache(c, c->e->cache_cache));
	TRY(list_for_each(c->k, c->e->cache_chain, see_cache, &w));
	return w.error;
}
