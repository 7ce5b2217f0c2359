/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/list.h"
#include "mm/memmap.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/state.h"

/* An object is at most KMALLOC_MAX_SIZE; a slab has at most 15 bits of objects (struct slab:
 * objects:15). */
#define OBJECT_SIZE_MAX	 (64u << 20)
#define SLAB_OBJECTS_MAX 65535u

/* ---- Caches ---- */

struct error *slab_cache_open(struct kernel *k, uint64_t addr, struct slab_cache *out)
{
	/* The array of nodes at its end is as long as the machine has nodes, whatever the type
	 * says. */
	size_t size = SIZE_OF(k, kmem_cache);
	uint64_t name;
	if (HAS(k, kmem_cache, per_node))
		size = OFFSET(k, kmem_cache, per_node);
	else if (HAS(k, kmem_cache, node))
		size = OFFSET(k, kmem_cache, node);
	*out = (struct slab_cache){.addr = addr};
	TRY(members_require(k, "slab caches", M_kmem_cache_name, M_kmem_cache_size,
			    M_kmem_cache_object_size, MEMBER_NONE));
	TRY(object_open_bytes(k, addr, size, &out->object));
	out->object_size = (uint32_t)GET(k, &out->object, kmem_cache, object_size);
	out->size = (uint32_t)GET(k, &out->object, kmem_cache, size);
	out->offset = (uint32_t)GET(k, &out->object, kmem_cache, offset);
	out->red_left_pad = (uint32_t)GET(k, &out->object, kmem_cache, red_left_pad);
	out->random = GET(k, &out->object, kmem_cache, random);
	name = GET(k, &out->object, kmem_cache, name);
	if (!out->size || out->size > OBJECT_SIZE_MAX || out->object_size > out->size ||
	    out->red_left_pad > out->size || out->offset > out->size ||
	    error_drop(kernel_read_string(k, name, out->name, sizeof(out->name))) || !out->name[0])
		return error_at(ERR_BAD_OBJECT, addr, "no slab cache: %" PRIx64, addr);
	return NULL;
}

/* kmem_cache_node of one memory node, or 0. */
uint64_t slab_cache_node(struct kernel *k, const struct slab_cache *c, unsigned node)
{
	const struct member *m = &k->members[HAS(k, kmem_cache, per_node) ? M_kmem_cache_per_node
									  : M_kmem_cache_node];
	uint64_t at, value;
	if (!m->present || (m->count && node >= m->count))
		return 0;
	at = c->addr + m->offset;
	if (HAS(k, kmem_cache, per_node))
		at += (uint64_t)node * SIZE_OF(k, kmem_cache_per_node_ptrs) +
		      OFFSET(k, kmem_cache_per_node_ptrs, node);
	else
		at += (uint64_t)node * k->arch->pointer_size;
	return error_drop(kernel_read_pointer(k, at, &value)) || !kernel_is_kernel_address(k, value)
		       ? 0
		       : value;
}

/* Possible memory nodes (nr_node_ids); 1 without NUMA. */
unsigned slab_nodes(struct kernel *k)
{
	uint64_t v;
	return error_drop(kernel_read_symbol(k, "nr_node_ids", 4, &v)) || !v || v > 1024
		       ? 1
		       : (unsigned)v;
}

struct free_count {
	struct kernel *k;
	uint64_t free;
};

static bool count_partial(void *context, uint64_t node)
{
	struct free_count *c = context;
	struct object slab;
	uint64_t addr = node - OFFSET(c->k, slab, slab_list);
	if (object_try_open(c->k, addr, S_slab, &slab)) {
		uint64_t objects = GET(c->k, &slab, slab, objects),
			 inuse = GET(c->k, &slab, slab, inuse);
		c->free += objects > inuse ? objects - inuse : 0;
	}
	return true;
}

/* How many free objects the list from `at` has, at most `max`. */
static uint64_t freelist_length(struct kernel *k, const struct slab_cache *c, uint64_t at,
				uint64_t max);

/* What one CPU keeps: its slab's own list, and partial slabs. */
static uint64_t cpu_free(struct kernel *k, const struct slab_cache *c, unsigned cpu)
{
	struct object o, slab;
	uint64_t free = 0, percpu = GET(k, &c->object, kmem_cache, cpu_slab);
	if (!percpu || !object_try_open(k, percpu_ptr(k, percpu, cpu), S_slub_cpu, &o))
		return 0;
	uint64_t list = GET(k, &o, slub_cpu, freelist);
	if (list)
		free += freelist_length(k, c, list, SLAB_OBJECTS_MAX);
	uint64_t active = GET(k, &o, slub_cpu, slab);
	if (active && object_try_open(k, active, S_slab, &slab)) {
		/* Freed by other CPUs: on the slab's own list, which inuse does not count. */
		uint64_t objects = GET(k, &slab, slab, objects), inuse = GET(k, &slab, slab, inuse);
		free += objects > inuse ? objects - inuse : 0;
	}
	uint64_t partial = GET(k, &o, slub_cpu, partial);
	for (unsigned i = 0; partial && i < 10000 && object_try_open(k, partial, S_slab, &slab);
	     i++) {
		uint64_t objects = GET(k, &slab, slab, objects), inuse = GET(k, &slab, slab, inuse);
		free += objects > inuse ? objects - inuse : 0;
		partial = GET(k, &slab, slab, next);
	}
	return free;
}

static uint64_t sheaf_size(struct kernel *k, uint64_t sheaf)
{
	uint64_t size;
	return !sheaf || error_drop(kernel_get(k, sheaf, M_slab_sheaf_size, &size)) ||
			       size > SLAB_OBJECTS_MAX
		       ? 0
		       : size;
}

static uint64_t cpu_sheaves_free(struct kernel *k, const struct slab_cache *c, unsigned cpu)
{
	struct object o;
	uint64_t percpu = GET(k, &c->object, kmem_cache, cpu_sheaves);
	if (!percpu || !object_try_open(k, percpu_ptr(k, percpu, cpu), S_slub_percpu_sheaves, &o))
		return 0;
	return sheaf_size(k, GET(k, &o, slub_percpu_sheaves, main)) +
	       sheaf_size(k, GET(k, &o, slub_percpu_sheaves, spare)) +
	       sheaf_size(k, GET(k, &o, slub_percpu_sheaves, rcu_free));
}

/* The barn of a memory node, or 0. */
static uint64_t cache_barn(struct kernel *k, const struct slab_cache *c, unsigned node)
{
	uint64_t barn = 0;
	if (HAS(k, kmem_cache_per_node_ptrs, barn)) {
		uint64_t at = c->addr + OFFSET(k, kmem_cache, per_node) +
			      (uint64_t)node * SIZE_OF(k, kmem_cache_per_node_ptrs);
		if (error_drop(kernel_get(k, at, M_kmem_cache_per_node_ptrs_barn, &barn)))
			return 0;
	} else if (HAS(k, kmem_cache_node, barn)) {
		uint64_t n = slab_cache_node(k, c, node);
		if (!n || error_drop(kernel_get(k, n, M_kmem_cache_node_barn, &barn)))
			return 0;
	}
	return kernel_is_kernel_address(k, barn) ? barn : 0;
}

static bool count_sheaf(void *context, uint64_t node)
{
	struct free_count *c = context;
	c->free += sheaf_size(c->k, node - OFFSET(c->k, slab_sheaf, barn_list));
	return true;
}

struct error *slab_cache_totals(struct kernel *k, const struct slab_cache *cache,
				struct slab_cache_totals *out)
{
	struct free_count free = {k, 0};
	uint64_t oo = GET(k, &cache->object, kmem_cache, oo);
	*out = (struct slab_cache_totals){.known = HAS(k, kmem_cache_node, total_objects)};
	/* kmem_cache_order_objects: the order above 16 bits of objects (mm/slub.c: OO_SHIFT). */
	if ((oo >> 16) < 20)
		out->slab_size = (uint64_t)VMCORE_PAGE_SIZE << (oo >> 16);
	for (unsigned node = 0; node < slab_nodes(k); node++) {
		struct object o;
		uint64_t addr = slab_cache_node(k, cache, node), barn = cache_barn(k, cache, node);
		if (barn)
			TRY(list_for_each(k, barn + OFFSET(k, node_barn, sheaves_full), count_sheaf,
					  &free));
		if (!addr || !object_try_open(k, addr, S_kmem_cache_node, &o))
			continue;
		out->slabs += GET(k, &o, kmem_cache_node, nr_slabs);
		out->objects += GET(k, &o, kmem_cache_node, total_objects);
		TRY(list_for_each(k, MEMBER_ADDR(k, &o, kmem_cache_node, partial), count_partial,
				  &free));
	}
	for (unsigned cpu = 0; cpu < k->cpus; cpu++)
		free.free += cpu_free(k, cache, cpu) + cpu_sheaves_free(k, cache, cpu);
	out->allocated = out->objects > free.free ? out->objects - free.free : 0;
	return NULL;
}

/* ---- Slabs ---- */

struct error *slab_of_page(struct kernel *k, uint64_t page, struct slab *out, bool *found)
{
	struct page p;
	struct object o;
	uint64_t cache;
	*found = false;
	*out = (struct slab){0};
	TRY(pages_open(k));
	if (error_drop(page_open(k, page, &p)))
		return NULL;
	if (page_is_tail(k, &p) && error_drop(page_open(k, page_compound_head(k, &p), &p)))
		return NULL;
	if (page_use(k, &p) != PAGE_SLAB)
		return NULL;
	TRY(kernel_get(k, p.object.addr, M_slab_slab_cache, &cache));
	/* Large kmalloc pages were marked so once, without a cache. */
	if (!cache)
		return NULL;
	TRY(slab_cache_open(k, cache, &out->cache));
	TRY(object_open(k, p.object.addr, S_slab, &o));
	out->page = p.object.addr;
	out->start = kernel_ptov(k, p.pfn << k->arch->page_shift);
	out->bytes = (uint64_t)VMCORE_PAGE_SIZE << page_compound_order(k, &p);
	out->objects =
		(uint32_t)(HAS(k, slab, objects) ? GET(k, &o, slab, objects)
						 : GET(k, &out->cache.object, kmem_cache, num));
	out->inuse = (uint32_t)GET(k, &o, slab, inuse);
	out->freelist = GET(k, &o, slab, freelist);
	if (!out->objects || (uint64_t)out->objects * out->cache.size > out->bytes ||
	    out->inuse > out->objects)
		return error_at(ERR_BAD_OBJECT, out->page,
				"slab is damaged: %" PRIx64 " of %s has %u objects, %u in use",
				out->page, out->cache.name, out->objects, out->inuse);
	*found = true;
	return NULL;
}

struct error *slab_at(struct kernel *k, uint64_t addr, struct slab *out, bool *found)
{
	uint64_t phys, page;
	*found = false;
	*out = (struct slab){0};
	TRY(pages_open(k));
	/* Slabs are used by their direct-map addresses. */
	if (addr - k->page_offset >= k->direct_end - k->page_offset ||
	    !kernel_try_vtop(k, addr, &phys) || !pfn_to_page(k, phys_to_pfn(k, phys), &page))
		return NULL;
	return slab_of_page(k, page, out, found);
}

bool slab_object_index(const struct slab *s, uint64_t addr, uint32_t *index)
{
	uint64_t i = (addr - s->start) / s->cache.size;
	if (addr < s->start || i >= s->objects)
		return false;
	*index = (uint32_t)i;
	return true;
}

bool slab_cache_name(struct kernel *k, uint64_t addr, char *buf, size_t size)
{
	struct slab s;
	bool found;
	buf[0] = 0;
	if (error_drop(slab_at(k, addr, &s, &found)) || !found)
		return false;
	snprintf(buf, size, "%s", s.cache.name);
	return true;
}

/* ---- Free lists ---- */

/*
 * The next free object: the word at `offset` of a free one, with CONFIG_SLAB_FREELIST_HARDENED
 * (member random) mixed with the cache's random and the word's own address, byte-swapped since 5.7
 * (mm/slub.c: freelist_ptr_encode()). Which of the two is in use shows by which one works.
 */
static uint64_t decode_free(const struct slab_cache *c, uint64_t word, uint64_t word_addr,
			    bool swapped, unsigned size)
{
	uint64_t mix = !swapped	   ? word_addr
		       : size == 8 ? __builtin_bswap64(word_addr)
				   : __builtin_bswap32((uint32_t)word_addr);
	return word ^ c->random ^ mix;
}

/* Is `at` the beginning of an object in a slab of this cache? */
static bool plausible_object(struct kernel *k, uint64_t at)
{
	return !at || at - k->page_offset < k->direct_end - k->page_offset;
}

bool slab_next_free(struct kernel *k, const struct slab_cache *c, uint64_t at, uint64_t *next)
{
	uint64_t word, where = at + c->offset;
	if (error_drop(kernel_read_pointer(k, where, &word)))
		return false;
	if (!HAS(k, kmem_cache, random)) {
		*next = word;
	} else {
		*next = decode_free(c, word, where, true, k->arch->pointer_size);
		if (!plausible_object(k, *next))
			*next = decode_free(c, word, where, false, k->arch->pointer_size);
	}
	return plausible_object(k, *next);
}

static uint64_t freelist_length(struct kernel *k, const struct slab_cache *c, uint64_t at,
				uint64_t max)
{
	uint64_t n = 0;
	while (at && n < max) {
		n++;
		if (!slab_next_free(k, c, at, &at))
			break;
	}
	return n;
}

/* Marks the objects of a list; all must lie in the slab. */
static struct error *mark_list(struct kernel *k, const struct slab *s, uint64_t at,
			       struct object_status *status, enum object_state state, unsigned cpu)
{
	for (uint32_t n = 0; at; n++) {
		uint32_t i;
		if (n >= s->objects || !slab_object_index(s, at, &i) || slab_object(s, i) != at)
			return error_at(ERR_BAD_LIST, at,
					"free list of slab %" PRIx64 " leads astray: %" PRIx64,
					s->page, at);
		status[i] = (struct object_status){(uint8_t)state, (uint16_t)cpu};
		if (!slab_next_free(k, &s->cache, at, &at))
			return error_at(ERR_BAD_LIST, s->page,
					"free list of slab %" PRIx64 " leads out of memory",
					s->page);
	}
	return NULL;
}

static struct error *mark_cpu(struct kernel *k, const struct slab *s, unsigned cpu,
			      struct object_status *status)
{
	struct object o;
	uint64_t percpu = GET(k, &s->cache.object, kmem_cache, cpu_slab);
	if (!percpu || !object_try_open(k, percpu_ptr(k, percpu, cpu), S_slub_cpu, &o) ||
	    GET(k, &o, slub_cpu, slab) != s->page)
		return NULL;
	return mark_list(k, s, GET(k, &o, slub_cpu, freelist), status, OBJECT_CPU_FREE, cpu);
}

static void mark_sheaf(struct kernel *k, const struct slab *s, uint64_t sheaf,
		       struct object_status *status, enum object_state state, unsigned cpu)
{
	uint64_t size = sheaf_size(k, sheaf), at;
	for (uint64_t n = 0; n < size; n++) {
		uint32_t i;
		if (error_drop(kernel_read_pointer(
			    k, sheaf + OFFSET(k, slab_sheaf, objects) + n * k->arch->pointer_size,
			    &at)))
			return;
		if (slab_object_index(s, at, &i) && slab_object(s, i) == at)
			status[i] = (struct object_status){(uint8_t)state, (uint16_t)cpu};
	}
}

static void mark_cpu_sheaves(struct kernel *k, const struct slab *s, unsigned cpu,
			     struct object_status *status)
{
	struct object o;
	uint64_t percpu = GET(k, &s->cache.object, kmem_cache, cpu_sheaves);
	if (!percpu || !object_try_open(k, percpu_ptr(k, percpu, cpu), S_slub_percpu_sheaves, &o))
		return;
	mark_sheaf(k, s, GET(k, &o, slub_percpu_sheaves, main), status, OBJECT_CPU_FREE, cpu);
	mark_sheaf(k, s, GET(k, &o, slub_percpu_sheaves, spare), status, OBJECT_CPU_FREE, cpu);
	mark_sheaf(k, s, GET(k, &o, slub_percpu_sheaves, rcu_free), status, OBJECT_CPU_FREE, cpu);
}

struct barn_walk {
	struct kernel *k;
	const struct slab *s;
	struct object_status *status;
};

static bool mark_barn_sheaf(void *context, uint64_t node)
{
	struct barn_walk *w = context;
	mark_sheaf(w->k, w->s, node - OFFSET(w->k, slab_sheaf, barn_list), w->status,
		   OBJECT_BARN_FREE, 0);
	return true;
}

struct error *slab_object_states(struct kernel *k, const struct slab *s, struct object_status **out)
{
	struct object_status *status = *out = calloc(s->objects, sizeof(**out));
	struct error *first;
	if (!status)
		return error_new(ERR_NO_MEMORY, "out of memory");
	/* SLAB keeps indices where SLUB keeps a pointer; it is not read here. */
	if (HAS(k, kmem_cache, num))
		return error_new(
			ERR_UNSUPPORTED,
			"which objects are free is not known: this kernel has SLAB, not SLUB");
	first = mark_list(k, s, s->freelist, status, OBJECT_FREE, 0);
	for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
		struct error *e = mark_cpu(k, s, cpu, status);
		if (!first)
			first = e;
		else
			error_free(e);
		mark_cpu_sheaves(k, s, cpu, status);
	}
	struct barn_walk w = {k, s, status};
	for (unsigned node = 0; node < slab_nodes(k); node++) {
		uint64_t barn = cache_barn(k, &s->cache, node);
		if (barn)
			error_drop(list_for_each(k, barn + OFFSET(k, node_barn, sheaves_full),
						 mark_barn_sheaf, &w));
	}
	return first;
}
