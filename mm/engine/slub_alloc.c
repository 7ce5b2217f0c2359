/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SLUB, acting (mm/slub.c): objects taken from and given back to the CPU's slab, its partial slabs, the node's. What the kernel does without its locks'
 * fast paths is the same in memory, so there is one path here. A control group's charge for an object is not changed.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/list_edit.h"
#include "mm/page.h"
#include "mm/engine/slub_edit.h"
#include "mm/zone.h"

/* As much as a slab can count (struct slab: objects:15). */
#define OBJECTS_MAX 32767u
/* mm/slub.c: how many slabs of a node's list are looked at before it counts as damaged. */
#define PARTIAL_MAX 100000u

/* ---- Caches ---- */

static struct error *open_cache(struct engine *e, uint64_t addr, struct slub_cache *c)
{
	struct kernel *k = e->k;
	*c = (struct slub_cache){ .e = e, .k = k, .hardened = HAS(k, kmem_cache, random) };
	TRY(object_open_bytes(k, addr, k->members[HAS(k, kmem_cache, per_node) ? M_kmem_cache_per_node : M_kmem_cache_node].offset, &c->o));
	c->offset = (uint32_t)GET(k, &c->o, kmem_cache, offset);
	c->size = (uint32_t)GET(k, &c->o, kmem_cache, size);
	c->random = GET(k, &c->o, kmem_cache, random);
	if (!c->size || c->offset > c->size)
		return error_at(ERR_BAD_OBJECT, addr, "no slab cache: %" PRIx64, addr);
	uint64_t percpu = GET(k, &c->o, kmem_cache, cpu_slab);
	if (!HAS(k, kmem_cache, cpu_slab))
		return NULL;
	if (!percpu)
		return error_at(ERR_BAD_OBJECT, addr, "no slab cache: %" PRIx64, addr);
	return object_open_writable(k, percpu_ptr(k, percpu, e->cpu), S_slub_cpu, &c->cpu);
}

struct error *slub_open_slab(const struct slub_cache *c, uint64_t addr, struct object *slab)
{
	TRY(object_open_writable(c->k, addr, S_slab, slab));
	uint64_t objects = GET(c->k, slab, slab, objects), inuse = GET(c->k, slab, slab, inuse);
	if (GET(c->k, slab, slab, slab_cache) != c->o.addr || !objects || inuse > objects)
		return error_at(ERR_BAD_OBJECT, addr, "no slab of cache %" PRIx64 ", or damaged: %" PRIx64, c->o.addr, addr);
	return NULL;
}

static bool has_cpu_partial(const struct slub_cache *c)
{
	return HAS(c->k, kmem_cache, cpu_partial);
}

/* Which node the slab lies on. */
static struct error *node_of_slab(const struct slub_cache *c, uint64_t slab, unsigned *id)
{
	uint64_t pfn;
	*id = 0;
	if (c->e->areas.nodes <= 1)
		return NULL;
	TRY(nodes_open(c->k));
	const struct zone *z = page_to_pfn(c->k, slab, &pfn) ? zone_of_pfn(c->k, pfn) : NULL;
	if (!z)
		return error_at(ERR_BAD_OBJECT, slab, "a slab in no zone: %" PRIx64, slab);
	*id = z->node;
	return NULL;
}

/* kmem_cache_node of a node. */
static struct error *open_node_of(const struct slub_cache *c, unsigned id, struct object *node)
{
	struct slab_cache cache = { .addr = c->o.addr };
	uint64_t addr = slab_cache_node(c->k, &cache, id);
	return addr ? object_open_writable(c->k, addr, S_kmem_cache_node, node)
		    : error_at(ERR_BAD_OBJECT, c->o.addr, "cache %" PRIx64 " has no slabs on node %u", c->o.addr, id);
}

/* kmem_cache_node of the node that the slab lies on. */
static struct error *open_node(const struct slub_cache *c, uint64_t slab, struct object *node)
{
	unsigned id;
	TRY(node_of_slab(c, slab, &id));
	return open_node_of(c, id, node);
}

/* ---- The word that links free objects ---- */

static uint64_t mix(const struct slub_cache *c, uint64_t where, bool swapped)
{
	if (!c->hardened)
		return 0;
	if (swapped)
		where = c->k->arch->pointer_size == 8 ? __builtin_bswap64(where) : __builtin_bswap32((uint32_t)where);
	return c->random ^ where;
}

static bool plausible(const struct kernel *k, uint64_t addr)
{
	return !addr || addr - k->page_offset < k->direct_end - k->page_offset;
}

/*
 * Are addresses byte-swapped before they are mixed in (since 5.7)? What is in the list tells: only one way gives an address, or the end.
 */
static struct error *swaps(const struct slub_cache *c, uint64_t where, uint64_t word, bool *swapped)
{
	struct engine_areas *a = &c->e->areas;
	if (a->freelist_swaps == FREELIST_UNKNOWN && c->hardened) {
		bool with = plausible(c->k, word ^ mix(c, where, true)), without = plausible(c->k, word ^ mix(c, where, false));
		if (with == without)
			return error_at(ERR_BAD_LIST, where, "a free list leads astray: %" PRIx64, where);
		a->freelist_swaps = with ? FREELIST_SWAPS : FREELIST_PLAIN;
	}
	*swapped = a->freelist_swaps == FREELIST_SWAPS;
	return NULL;
}

struct error *slub_get_freepointer(const struct slub_cache *c, uint64_t object, uint64_t *next)
{
	uint64_t where = object + c->offset, word;
	bool swapped = false;
	TRY(kernel_read_pointer(c->k, where, &word));
	TRY(swaps(c, where, word, &swapped));
	*next = word ^ mix(c, where, swapped);
	return plausible(c->k, *next) ? NULL : error_at(ERR_BAD_LIST, object, "the free list of cache %" PRIx64 " leads astray: %" PRIx64, c->o.addr, *next);
}

static struct error *set_freepointer(const struct slub_cache *c, uint64_t object, uint64_t next)
{
	uint64_t where = object + c->offset;
	/* Nothing read yet that tells how: as kernels have done it since 5.7. */
	return kernel_write_pointer(c->k, where, next ^ mix(c, where, c->e->areas.freelist_swaps != FREELIST_PLAIN));
}

struct error *slub_open_node(struct engine *e, uint64_t cache, uint64_t slab, struct object *node)
{
	struct slub_cache c;
	TRY(open_cache(e, cache, &c));
	return open_node(&c, slab, node);
}

struct error *slub_link_free(struct engine *e, uint64_t cache, uint64_t object, uint64_t next)
{
	struct slub_cache c;
	TRY(open_cache(e, cache, &c));
	return set_freepointer(&c, object, next);
}

struct error *slub_new_object(struct engine *e, uint64_t cache, uint64_t object)
{
	struct slub_cache c;
	if (!e->areas.slab_debug_flags)
		return NULL;
	TRY(open_cache(e, cache, &c));
	return slub_is_debugged(&c) ? slub_debug_new_object(&c, object) : NULL;
}

/* ---- A node's list of partial slabs ---- */

/* Since 6.8 a flag of the slab says that it is on the node's list, and slabs on a CPU's list are not frozen. */
static void mark_on_node(const struct slub_cache *c, const struct object *slab, bool on)
{
	int bit = c->e->areas.bit_on_node;
	if (!c->e->areas.frozen_by_cpu_only || bit < 0)
		return;
	uint64_t flags = GET(c->k, slab, page, flags);
	SET(c->k, slab, page, flags, on ? flags | 1ull << bit : flags & ~(1ull << bit));
}

static bool is_on_node(const struct slub_cache *c, const struct object *slab)
{
	int bit = c->e->areas.bit_on_node;
	return bit < 0 || (GET(c->k, slab, page, flags) >> bit & 1);
}

struct error *slub_add_partial(const struct slub_cache *c, const struct object *node, const struct object *slab, bool head)
{
	uint64_t list = MEMBER_ADDR(c->k, node, kmem_cache_node, partial), entry = MEMBER_ADDR(c->k, slab, slab, slab_list);
	ADD(c->k, node, kmem_cache_node, nr_partial, 1);
	mark_on_node(c, slab, true);
	return head ? list_add(c->k, entry, list) : list_add_tail(c->k, entry, list);
}

struct error *slub_remove_partial(const struct slub_cache *c, const struct object *node, const struct object *slab)
{
	TRY(list_del(c->k, MEMBER_ADDR(c->k, slab, slab, slab_list)));
	mark_on_node(c, slab, false);
	ADD(c->k, node, kmem_cache_node, nr_partial, -1);
	return NULL;
}

/* ---- A CPU's list of partial slabs ---- */

/* unfreeze_partials(), __put_partials(): all of the CPU's partial slabs go to their nodes' lists, the empty ones back where those have enough. */
static struct error *unfreeze_partials(const struct slub_cache *c, uint64_t at)
{
	struct kernel *k = c->k;
	for (unsigned n = 0; at; n++) {
		struct object slab, node;
		TRY(slub_open_slab(c, at, &slab));
		TRY(open_node(c, at, &node));
		if (n > PARTIAL_MAX)
			return error_at(ERR_BAD_LIST, at, "a CPU's list of partial slabs never ends: %" PRIx64, at);
		uint64_t next = GET(k, &slab, slab, next);
		SET(k, &slab, slab, frozen, 0);
		if (!GET(k, &slab, slab, inuse) && GET(k, &node, kmem_cache_node, nr_partial) >= GET(k, &c->o, kmem_cache, min_partial))
			TRY(slub_discard_slab(c->e, c->o.addr, at));
		else
			TRY(slub_add_partial(c, &node, &slab, false));
		at = next;
	}
	return NULL;
}

/* put_cpu_partial(): `drain`: when the CPU has enough of them, they go to the nodes first. */
static struct error *put_cpu_partial(const struct slub_cache *c, const struct object *slab, bool drain)
{
	struct kernel *k = c->k;
	uint64_t old = GET(k, &c->cpu, slub_cpu, partial), slabs = 0, objects = 0;
	bool counts_objects = HAS(k, slab, pobjects);
	if (old) {
		struct object first;
		TRY(slub_open_slab(c, old, &first));
		slabs = GET(k, &first, slab, slabs);
		objects = GET(k, &first, slab, pobjects);
		bool full = counts_objects ? objects > GET(k, &c->o, kmem_cache, cpu_partial) : slabs >= GET(k, &c->o, kmem_cache, cpu_partial_slabs);
		if (drain && full) {
			TRY(unfreeze_partials(c, old));
			old = slabs = objects = 0;
		}
	}
	SET(k, slab, slab, slabs, slabs + 1);
	SET(k, slab, slab, pobjects, objects + GET(k, slab, slab, objects) - GET(k, slab, slab, inuse));
	SET(k, slab, slab, next, old);
	SET(k, &c->cpu, slub_cpu, partial, slab->addr);
	return NULL;
}

/* ---- Taking ---- */

/* All of the slab's free objects become the CPU's; 0 when it has none. */
static uint64_t take_all(const struct slub_cache *c, const struct object *slab)
{
	struct kernel *k = c->k;
	uint64_t list = GET(k, slab, slab, freelist);
	SET(k, slab, slab, inuse, GET(k, slab, slab, objects));
	SET(k, slab, slab, frozen, list != 0);
	SET(k, slab, slab, freelist, 0);
	return list;
}

/* get_partial_node(): the first slab of the node's list becomes the CPU's; a few more go on the CPU's list. 0: the list is empty. */
static struct error *get_partial(const struct slub_cache *c, const struct object *node, uint64_t *taken)
{
	struct kernel *k = c->k;
	uint64_t head = MEMBER_ADDR(k, node, kmem_cache_node, partial), at, objects = 0, slabs = 0;
	bool counts_objects = HAS(k, slab, pobjects);
	*taken = 0;
	for (unsigned n = 0; n < PARTIAL_MAX; n++) {
		struct object slab;
		TRY(kernel_read_pointer(k, head, &at));
		if (at == head)
			return NULL;
		TRY(slub_open_slab(c, at - OFFSET(k, slab, slab_list), &slab));
		objects += GET(k, &slab, slab, objects) - GET(k, &slab, slab, inuse);
		TRY(slub_remove_partial(c, node, &slab));
		if (!*taken) {
			*taken = slab.addr;
			SET(k, &c->cpu, slub_cpu, slab, slab.addr);
		} else {
			if (!c->e->areas.frozen_by_cpu_only)
				SET(k, &slab, slab, frozen, 1);
			TRY(put_cpu_partial(c, &slab, false));
			slabs++;
		}
		if (!has_cpu_partial(c))
			return NULL;
		if (counts_objects ? objects > GET(k, &c->o, kmem_cache, cpu_partial) / 2
				   : slabs > GET(k, &c->o, kmem_cache, cpu_partial_slabs) / 2)
			return NULL;
	}
	return error_at(ERR_BAD_LIST, head, "a node's list of partial slabs never ends: %" PRIx64, head);
}

struct error *slub_local_node(struct engine *e, unsigned *id)
{
	uint64_t value = 0;
	if (e->areas.nodes > 1 && e->areas.numa_node)
		TRY(kernel_read_uint(e->k, percpu_addr(e->k, e->areas.numa_node, e->cpu), 4, &value));
	*id = (unsigned)value;
	return value < e->areas.nodes ? NULL : error_at(ERR_BAD_OBJECT, e->areas.numa_node, "CPU %u says that it is on node %" PRIu64, e->cpu, value);
}

struct error *slub_open_local(const struct slub_cache *c, struct object *node)
{
	struct slab_cache cache = { .addr = c->o.addr };
	unsigned id;
	TRY(slub_local_node(c->e, &id));
	/* CPUs of a node without memory take from another one's (get_any_partial()); here that of the lowest number, not the nearest one. */
	for (unsigned other = 0; !slab_cache_node(c->k, &cache, id) && other < c->e->areas.nodes; other++)
		if (slab_cache_node(c->k, &cache, other))
			id = other;
	return open_node_of(c, id, node);
}

/* The first of the CPU's partial slabs becomes its slab; 0 when it has none. */
static struct error *pop_partial(const struct slub_cache *c, uint64_t *at)
{
	struct object slab;
	*at = GET(c->k, &c->cpu, slub_cpu, partial);
	SET(c->k, &c->cpu, slub_cpu, slab, *at);
	if (!*at)
		return NULL;
	TRY(slub_open_slab(c, *at, &slab));
	SET(c->k, &c->cpu, slub_cpu, partial, GET(c->k, &slab, slab, next));
	return NULL;
}

/* ___slab_alloc(): a free list for the CPU from its own slab, its partial slabs, the node's, a new slab. */
static struct error *refill(const struct slub_cache *c, uint64_t *list)
{
	struct kernel *k = c->k;
	struct object slab, node;
	uint64_t at = GET(k, &c->cpu, slub_cpu, slab);
	const char *from = "what was freed into the CPU's slab from elsewhere";
	*list = 0;
	if (!at)
		TRY(pop_partial(c, &at));
	for (unsigned n = 0; at; n++) {
		TRY(slub_open_slab(c, at, &slab));
		*list = take_all(c, &slab);
		if (*list)
			break;
		if (n > PARTIAL_MAX)
			return error_at(ERR_BAD_LIST, at, "a CPU's list of partial slabs never ends: %" PRIx64, at);
		from = "a partial slab of the CPU";
		TRY(pop_partial(c, &at));
	}
	if (!*list) {
		from = "a partial slab of the node";
		TRY(slub_open_local(c, &node));
		TRY(get_partial(c, &node, &at));
		if (!at) {
			from = "a new slab";
			TRY(slub_new_slab(c->e, c->o.addr, &at));
			SET(k, &c->cpu, slub_cpu, slab, at);
		}
		TRY(slub_open_slab(c, at, &slab));
		*list = take_all(c, &slab);
	}
	TRACE(c->e, "___slab_alloc", from, { "s", c->o.addr }, { "slab", at }, { "freelist", *list });
	return *list ? NULL : error_at(ERR_BAD_OBJECT, at, "a slab on the partial list has nothing free: %" PRIx64, at);
}

static struct error *move_tid(const struct slub_cache *c)
{
	ADD(c->k, &c->cpu, slub_cpu, tid, c->e->areas.tid_step);
	return NULL;
}

struct error *slub_slab_alloc(const struct slub_cache *c, uint64_t *object)
{
	struct kernel *k = c->k;
	uint64_t next;
	if (!HAS(k, kmem_cache, cpu_slab)) {
		struct object node, slab;
		return slub_node_object(c, &node, &slab, object);
	}
	*object = GET(k, &c->cpu, slub_cpu, freelist);
	if (!*object || !GET(k, &c->cpu, slub_cpu, slab))
		TRY(refill(c, object));
	TRY(slub_get_freepointer(c, *object, &next));
	SET(k, &c->cpu, slub_cpu, freelist, next);
	return move_tid(c);
}

/* What stood in an object of a cache without constructor goes, where the kernel was told so. */
static struct error *clear_object(const struct slub_cache *c, uint64_t object, bool wanted)
{
	struct object o;
	if (!wanted || GET(c->k, &c->o, kmem_cache, ctor))
		return NULL;
	TRY(object_open_bytes_writable(c->k, object, GET(c->k, &c->o, kmem_cache, object_size), &o));
	memset((void *)o.bytes, 0, o.size);
	return NULL;
}

/* `recursing`: as slub_sheaves_alloc(). */
static struct error *cache_alloc(struct engine *e, uint64_t cache, bool recursing, uint64_t *object)
{
	struct slub_cache c;
	TRY(open_cache(e, cache, &c));
	uint64_t sheaves = GET(e->k, &c.o, kmem_cache, cpu_sheaves);
	*object = 0;
	if (slub_is_debugged(&c))
		TRY(slub_debug_alloc(&c, object));
	else if (sheaves)
		TRY(slub_sheaves_alloc(&c, sheaves, recursing, object));
	if (!*object)
		TRY(slub_slab_alloc(&c, object));
	/* want_init_on_alloc(): poison stays. */
	return clear_object(&c, *object, e->areas.init_on_alloc && !slub_is_debugged(&c));
}

struct error *slub_alloc(struct engine *e, uint64_t cache, uint64_t *object)
{
	return cache_alloc(e, cache, false, object);
}

struct error *slub_alloc_sheaf(struct engine *e, uint64_t cache, bool recursing, uint64_t *object)
{
	return cache_alloc(e, cache, recursing, object);
}

/* ---- Giving back ---- */

/* The slot of the slab's vector of control groups: what the object's memory was charged to. */
static struct error *forget_group(const struct slub_cache *c, const struct object *slab, uint64_t object)
{
	struct kernel *k = c->k;
	uint64_t vector = GET(k, slab, slab, obj_cgroups), start, pfn;
	if (!(vector & 1) || !page_to_pfn(k, slab->addr, &pfn))
		return NULL;
	start = kernel_ptov(k, pfn << k->arch->page_shift);
	uint32_t stride = HAS_STRUCT(k, slabobj_ext) ? SIZE_OF(k, slabobj_ext) : k->arch->pointer_size;
	if (object < start || !stride)
		return NULL;
	return kernel_write_pointer(k, (vector & ~7ull) + (object - start) / c->size * stride, 0);
}

/* The object goes to its slab's own list. */
static struct error *slab_free(const struct slub_cache *c, const struct object *slab, uint64_t object)
{
	struct kernel *k = c->k;
	struct object node;
	uint64_t prior = GET(k, slab, slab, freelist), inuse = GET(k, slab, slab, inuse);
	bool was_frozen = GET(k, slab, slab, frozen);
	if (!inuse)
		return error_at(ERR_BAD_OBJECT, object, "nothing of its slab is in use: %" PRIx64, object);
	TRY(set_freepointer(c, object, prior));
	SET(k, slab, slab, freelist, object);
	SET(k, slab, slab, inuse, --inuse);
	if (was_frozen || (inuse && prior))
		return NULL;
	if (has_cpu_partial(c) && !prior) {
		if (!c->e->areas.frozen_by_cpu_only)
			SET(k, slab, slab, frozen, 1);
		return put_cpu_partial(c, slab, true);
	}
	/* Partial, but on a CPU's list. */
	if (c->e->areas.frozen_by_cpu_only && prior && !is_on_node(c, slab))
		return NULL;
	TRY(open_node(c, slab->addr, &node));
	if (!inuse && GET(k, &node, kmem_cache_node, nr_partial) >= GET(k, &c->o, kmem_cache, min_partial)) {
		if (prior)
			TRY(slub_remove_partial(c, &node, slab));
		return slub_discard_slab(c->e, c->o.addr, slab->addr);
	}
	return prior ? NULL : slub_add_partial(c, &node, slab, false);
}

/* The slab that an object of the cache is in, which must begin there. */
static struct error *slab_of_object(const struct slub_cache *c, uint64_t object, struct object *slab)
{
	struct slab at;
	bool found;
	TRY(slab_at(c->k, object, &at, &found));
	if (!found || at.cache.addr != c->o.addr)
		return error_at(ERR_BAD_OBJECT, object, "no object of cache %" PRIx64 ": %" PRIx64, c->o.addr, object);
	if ((object - at.start - at.cache.red_left_pad) % at.cache.size || (object - at.start) / at.cache.size >= at.objects)
		return error_at(ERR_BAD_OBJECT, object, "not the start of an object: %" PRIx64, object);
	return slub_open_slab(c, at.page, slab);
}

static struct error *free_to_slab(const struct slub_cache *c, const struct object *slab, uint64_t object)
{
	if (!HAS(c->k, kmem_cache, cpu_slab) || GET(c->k, &c->cpu, slub_cpu, slab) != slab->addr)
		return slab_free(c, slab, object);
	TRY(set_freepointer(c, object, GET(c->k, &c->cpu, slub_cpu, freelist)));
	SET(c->k, &c->cpu, slub_cpu, freelist, object);
	return move_tid(c);
}

struct error *slub_free_to_slab(const struct slub_cache *c, uint64_t object)
{
	struct object slab;
	TRY(slab_of_object(c, object, &slab));
	return free_to_slab(c, &slab, object);
}

/* can_free_to_pcs(): sheaves keep objects of their CPU's own node. */
static struct error *fits_sheaf(const struct slub_cache *c, const struct object *slab, bool *fits)
{
	unsigned here, there;
	TRY(slub_local_node(c->e, &here));
	TRY(node_of_slab(c, slab->addr, &there));
	*fits = here == there;
	return NULL;
}

struct error *slub_free(struct engine *e, uint64_t cache, uint64_t object)
{
	struct slub_cache c;
	struct object slab;
	bool fits = false, done = false;
	TRY(open_cache(e, cache, &c));
	uint64_t sheaves = GET(e->k, &c.o, kmem_cache, cpu_sheaves);
	TRY(slab_of_object(&c, object, &slab));
	TRY(forget_group(&c, &slab, object));
	if (slub_is_debugged(&c))
		return slub_debug_free(&c, &slab, object);
	TRY(clear_object(&c, object, e->areas.init_on_free));
	if (sheaves)
		TRY(fits_sheaf(&c, &slab, &fits));
	if (fits)
		TRY(slub_sheaves_free(&c, sheaves, object, &done));
	return done ? NULL : free_to_slab(&c, &slab, object);
}
