/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sheaves: arrays of free objects that each CPU keeps of a cache, in exchange with the barn of its node, which has full and empty ones (mm/slub.c, since 6.18). Where
 * CPUs have no slab of their own any more (7.0), sheaves are filled from the slabs that their node lists, and so is who asks for one object that no sheaf has.
 */
#include <inttypes.h>

#include "mm/engine/list_edit.h"
#include "mm/engine/slub_edit.h"

/* As many as a sheaf can have; the kernel gives it a few hundred (calculate_sheaf_capacity()). */
#define CAPACITY_MAX 4096u
/* MAX_FULL_SHEAVES: a node's barn takes no more. */
#define BARN_FULL_MAX 10u

/* A CPU's sheaves of a cache, and the barn of its node. */
struct sheaves {
	const struct slub_cache *c;
	struct object cpu; /* slub_percpu_sheaves */
	struct object barn;
	bool has_barn;
	uint64_t capacity;
};

static struct error *open_sheaves(const struct slub_cache *c, uint64_t percpu, struct sheaves *s)
{
	struct kernel *k = c->k;
	struct slab_cache cache = { .addr = c->o.addr };
	unsigned node;
	uint64_t barn;
	*s = (struct sheaves){ .c = c, .capacity = GET(k, &c->o, kmem_cache, sheaf_capacity) };
	if (s->capacity > CAPACITY_MAX)
		return error_at(ERR_BAD_OBJECT, c->o.addr, "cache %" PRIx64 " has sheaves of %" PRIu64 " objects", c->o.addr, s->capacity);
	TRY(object_open_writable(k, percpu_ptr(k, percpu, c->e->cpu), S_slub_percpu_sheaves, &s->cpu));
	TRY(slub_local_node(c->e, &node));
	barn = slab_cache_barn(k, &cache, node);
	s->has_barn = barn && HAS(k, node_barn, sheaves_empty) && HAS(k, node_barn, nr_full) && HAS(k, node_barn, nr_empty);
	return s->has_barn ? object_open_writable(k, barn, S_node_barn, &s->barn) : NULL;
}

static struct error *open_sheaf(const struct sheaves *s, uint64_t addr, struct object *sheaf)
{
	struct kernel *k = s->c->k;
	TRY(object_open_writable(k, addr, S_slab_sheaf, sheaf));
	if (GET(k, sheaf, slab_sheaf, size) > CAPACITY_MAX)
		return error_at(ERR_BAD_OBJECT, addr, "a sheaf has %" PRIu64 " objects: %" PRIx64, GET(k, sheaf, slab_sheaf, size), addr);
	return NULL;
}

/* The CPU's sheaves and its main one; *main 0: it has none. */
static struct error *open_main(const struct slub_cache *c, uint64_t percpu, struct sheaves *s, struct object *sheaf, uint64_t *main)
{
	TRY(open_sheaves(c, percpu, s));
	*main = GET(c->k, &s->cpu, slub_percpu_sheaves, main);
	return *main ? open_sheaf(s, *main, sheaf) : NULL;
}

static void set_sheaves(const struct sheaves *s, uint64_t main, uint64_t spare)
{
	SET(s->c->k, &s->cpu, slub_percpu_sheaves, main, main);
	SET(s->c->k, &s->cpu, slub_percpu_sheaves, spare, spare);
}

static uint64_t place_in(struct kernel *k, const struct object *sheaf, uint64_t i)
{
	return sheaf->addr + OFFSET(k, slab_sheaf, objects) + i * k->arch->pointer_size;
}

static struct error *push(const struct sheaves *s, const struct object *sheaf, uint64_t object)
{
	struct kernel *k = s->c->k;
	uint64_t size = GET(k, sheaf, slab_sheaf, size);
	SET(k, sheaf, slab_sheaf, size, size + 1);
	return kernel_write_pointer(k, place_in(k, sheaf, size), object);
}

static struct error *pop(const struct sheaves *s, const struct object *sheaf, uint64_t *object)
{
	struct kernel *k = s->c->k;
	uint64_t size = GET(k, sheaf, slab_sheaf, size) - 1;
	SET(k, sheaf, slab_sheaf, size, size);
	return kernel_read_pointer(k, place_in(k, sheaf, size), object);
}

/* ---- The barn ---- */

/* The first sheaf of the barn's full or empty ones, off its list; 0: it has none. */
static struct error *barn_get(const struct sheaves *s, bool full, uint64_t *sheaf)
{
	struct kernel *k = s->c->k;
	uint64_t head = full ? MEMBER_ADDR(k, &s->barn, node_barn, sheaves_full) : MEMBER_ADDR(k, &s->barn, node_barn, sheaves_empty), first;
	*sheaf = 0;
	if (!(full ? GET(k, &s->barn, node_barn, nr_full) : GET(k, &s->barn, node_barn, nr_empty)))
		return NULL;
	TRY(kernel_read_pointer(k, head, &first));
	if (first == head)
		return error_at(ERR_BAD_LIST, s->barn.addr, "the barn %" PRIx64 " of cache %" PRIx64 " has fewer sheaves than it counts", s->barn.addr, s->c->o.addr);
	TRY(list_del(k, first));
	if (full)
		ADD(k, &s->barn, node_barn, nr_full, -1);
	else
		ADD(k, &s->barn, node_barn, nr_empty, -1);
	*sheaf = first - OFFSET(k, slab_sheaf, barn_list);
	return NULL;
}

static struct error *barn_put(const struct sheaves *s, bool full, uint64_t sheaf)
{
	struct kernel *k = s->c->k;
	if (full)
		ADD(k, &s->barn, node_barn, nr_full, 1);
	else
		ADD(k, &s->barn, node_barn, nr_empty, 1);
	return list_add(k, sheaf + OFFSET(k, slab_sheaf, barn_list),
			full ? MEMBER_ADDR(k, &s->barn, node_barn, sheaves_full) : MEMBER_ADDR(k, &s->barn, node_barn, sheaves_empty));
}

/* alloc_empty_sheaf(); not for a general cache that is itself asked for a sheaf of one (*sheaf 0). */
static struct error *alloc_empty_sheaf(const struct sheaves *s, bool recursing, uint64_t *sheaf)
{
	struct kernel *k = s->c->k;
	struct object o;
	uint32_t size = (uint32_t)(SIZE_OF(k, slab_sheaf) + s->capacity * k->arch->pointer_size);
	uint64_t cache;
	*sheaf = 0;
	if (recursing)
		return NULL;
	TRY(slub_general_cache(s->c->e, size, &cache));
	TRY(slub_alloc_sheaf(s->c->e, cache, GET(k, &s->c->o, kmem_cache, flags) & s->c->e->areas.slab_kmalloc, sheaf));
	TRY(object_open_bytes_writable(k, *sheaf, size, &o));
	memset((void *)o.bytes, 0, o.size);
	TRACE(s->c->e, "alloc_empty_sheaf", "a new sheaf", { "s", s->c->o.addr }, { "sheaf", *sheaf });
	return kernel_write_pointer(k, *sheaf + OFFSET(k, slab_sheaf, cache), s->c->o.addr);
}

/* ---- Objects from slabs, where CPUs have none of their own ---- */

/* Everything free in the slab goes into the sheaf as far as it has room; the slab is on no list, and goes back to the node's when something is left. */
static struct error *take_objects(const struct sheaves *s, const struct object *sheaf, const struct object *node, const struct object *slab, bool head)
{
	struct kernel *k = s->c->k;
	uint64_t at = GET(k, slab, slab, freelist), objects = GET(k, slab, slab, objects), inuse = GET(k, slab, slab, inuse);
	while (at && GET(k, sheaf, slab_sheaf, size) < s->capacity) {
		if (++inuse > objects)
			return error_at(ERR_BAD_LIST, slab->addr, "the free list of slab %" PRIx64 " is longer than it says", slab->addr);
		TRY(push(s, sheaf, at));
		TRY(slub_get_freepointer(s->c, at, &at));
	}
	SET(k, slab, slab, freelist, at);
	SET(k, slab, slab, inuse, at ? inuse : objects);
	return at ? slub_add_partial(s->c, node, slab, head) : NULL;
}

/* The first slab on the node's list, taken off it; *found false: there is none. */
static struct error *first_partial(const struct slub_cache *c, const struct object *node, struct object *slab, bool *found)
{
	struct kernel *k = c->k;
	uint64_t head = MEMBER_ADDR(k, node, kmem_cache_node, partial), at;
	TRY(kernel_read_pointer(k, head, &at));
	*found = at != head;
	return *found ? slub_open_slab(c, at - OFFSET(k, slab, slab_list), slab) : NULL;
}

/* refill_objects(): from the slabs that the node lists, then from new ones. */
static struct error *refill_objects(const struct sheaves *s, const struct object *sheaf)
{
	struct kernel *k = s->c->k;
	struct object node, slab;
	bool found;
	TRY(slub_open_local(s->c, &node));
	while (GET(k, sheaf, slab_sheaf, size) < s->capacity) {
		uint64_t before = GET(k, sheaf, slab_sheaf, size), at;
		TRY(first_partial(s->c, &node, &slab, &found));
		if (found) {
			TRY(slub_remove_partial(s->c, &node, &slab));
		} else {
			TRY(slub_new_slab(s->c->e, s->c->o.addr, &at));
			TRY(slub_open_slab(s->c, at, &slab));
		}
		struct object of_slab = node;
		if (!found)
			TRY(slub_open_node(s->c->e, s->c->o.addr, slab.addr, &of_slab));
		TRY(take_objects(s, sheaf, &of_slab, &slab, !found));
		if (GET(k, sheaf, slab_sheaf, size) == before)
			return error_at(ERR_BAD_OBJECT, slab.addr, "a slab on the partial list has nothing free: %" PRIx64, slab.addr);
	}
	return NULL;
}

struct error *slub_node_object(const struct slub_cache *c, struct object *node, struct object *slab, uint64_t *object)
{
	struct kernel *k = c->k;
	uint64_t at, next;
	bool found;
	TRY(slub_open_local(c, node));
	TRY(first_partial(c, node, slab, &found));
	if (!found) {
		TRY(slub_new_slab(c->e, c->o.addr, &at));
		TRY(slub_open_slab(c, at, slab));
		TRY(slub_open_node(c->e, c->o.addr, at, node));
		SET(k, slab, slab, frozen, 0);
		TRY(slub_add_partial(c, node, slab, true));
	}
	*object = GET(k, slab, slab, freelist);
	TRACE(c->e, "___slab_alloc", found ? "a partial slab of the node" : "a new slab", { "s", c->o.addr }, { "slab", slab->addr }, { "object", *object });
	if (!*object)
		return error_at(ERR_BAD_OBJECT, slab->addr, "a slab on the partial list has nothing free: %" PRIx64, slab->addr);
	TRY(slub_get_freepointer(c, *object, &next));
	SET(k, slab, slab, freelist, next);
	ADD(k, slab, slab, inuse, 1);
	return next ? NULL : slub_remove_partial(c, node, slab);
}

/* refill_sheaf() */
static struct error *refill_sheaf(const struct sheaves *s, uint64_t addr)
{
	struct kernel *k = s->c->k;
	struct object sheaf;
	uint64_t object;
	TRY(open_sheaf(s, addr, &sheaf));
	TRACE(s->c->e, "refill_sheaf", "an empty sheaf is filled from slabs", { "s", s->c->o.addr }, { "sheaf", addr }, { "sheaf_capacity", s->capacity });
	if (!HAS(k, kmem_cache, cpu_slab))
		return refill_objects(s, &sheaf);
	while (GET(k, &sheaf, slab_sheaf, size) < s->capacity) {
		TRY(slub_slab_alloc(s->c, &object));
		TRY(push(s, &sheaf, object));
	}
	return NULL;
}

/* ---- Taking ---- */

/* __pcs_replace_empty_main(): a sheaf with objects becomes the CPU's main one. *main 0: none is to be had. */
static struct error *replace_empty_main(const struct sheaves *s, bool recursing, uint64_t *main)
{
	struct kernel *k = s->c->k;
	uint64_t old = *main, spare = GET(k, &s->cpu, slub_percpu_sheaves, spare), full, empty = spare;
	struct object sheaf;
	*main = 0;
	if (!s->capacity)
		return NULL;
	if (spare)
		TRY(open_sheaf(s, spare, &sheaf));
	if (spare && GET(k, &sheaf, slab_sheaf, size)) {
		set_sheaves(s, spare, old);
		*main = spare;
		return NULL;
	}
	if (!s->has_barn)
		return NULL;
	TRY(barn_get(s, true, &full));
	if (full) {
		TRACE(s->c->e, "barn_replace_empty_sheaf", "the node has a full sheaf for the CPU's empty one", { "s", s->c->o.addr }, { "barn", s->barn.addr }, { "sheaf", full });
		TRY(barn_put(s, false, old));
		SET(k, &s->cpu, slub_percpu_sheaves, main, full);
		*main = full;
		return NULL;
	}
	SET(k, &s->cpu, slub_percpu_sheaves, spare, 0);
	if (!empty)
		TRY(barn_get(s, false, &empty));
	if (!empty)
		TRY(alloc_empty_sheaf(s, recursing, &empty));
	if (!empty)
		return NULL;
	TRY(refill_sheaf(s, empty));
	set_sheaves(s, empty, old);
	*main = empty;
	return NULL;
}

struct error *slub_sheaves_alloc(const struct slub_cache *c, uint64_t percpu, bool recursing, uint64_t *object)
{
	struct kernel *k = c->k;
	struct object sheaf;
	struct sheaves s;
	uint64_t main;
	*object = 0;
	TRY(open_main(c, percpu, &s, &sheaf, &main));
	if (!main)
		return NULL;
	if (!GET(k, &sheaf, slab_sheaf, size)) {
		TRY(replace_empty_main(&s, recursing, &main));
		if (!main)
			return NULL;
		TRY(open_sheaf(&s, main, &sheaf));
	}
	return GET(k, &sheaf, slab_sheaf, size) ? pop(&s, &sheaf, object)
						: error_at(ERR_BAD_OBJECT, main, "a full sheaf has no objects: %" PRIx64, main);
}

/* ---- Giving back ---- */

/* sheaf_flush_unused(): all of a sheaf's objects go back to their slabs. */
static struct error *flush_sheaf(const struct sheaves *s, uint64_t addr)
{
	struct object sheaf;
	uint64_t object;
	TRY(open_sheaf(s, addr, &sheaf));
	while (GET(s->c->k, &sheaf, slab_sheaf, size)) {
		TRY(pop(s, &sheaf, &object));
		TRY(slub_free_to_slab(s->c, object));
	}
	return NULL;
}

/* An empty sheaf for a CPU whose main one, and its spare one if it has that, is full: the node's, a new one, or the spare one emptied. */
static struct error *get_empty(const struct sheaves *s, uint64_t spare, uint64_t *empty)
{
	struct kernel *k = s->c->k;
	bool many = GET(k, &s->barn, node_barn, nr_full) >= BARN_FULL_MAX;
	if (spare && many) {
		TRACE(s->c->e, "sheaf_flush_unused", "the node has enough full sheaves: a sheaf is emptied", { "s", s->c->o.addr }, { "sheaf", spare });
		*empty = spare;
		return flush_sheaf(s, spare);
	}
	TRY(barn_get(s, false, empty));
	return *empty ? NULL : alloc_empty_sheaf(s, false, empty);
}

/* __pcs_replace_full_main(): a sheaf with room becomes the CPU's main one. *main 0: none is to be had. */
static struct error *replace_full_main(const struct sheaves *s, uint64_t *main)
{
	struct kernel *k = s->c->k;
	uint64_t old = *main, spare = GET(k, &s->cpu, slub_percpu_sheaves, spare), empty;
	struct object sheaf;
	*main = 0;
	if (!s->capacity || !s->has_barn)
		return NULL;
	if (spare)
		TRY(open_sheaf(s, spare, &sheaf));
	if (spare && GET(k, &sheaf, slab_sheaf, size) < s->capacity) {
		empty = spare;
		spare = old;
	} else {
		TRY(get_empty(s, spare, &empty));
		if (!spare || spare == empty)
			spare = old;
		else
			TRY(barn_put(s, true, old));
	}
	set_sheaves(s, empty, spare);
	*main = empty;
	return NULL;
}

struct error *slub_sheaves_free(const struct slub_cache *c, uint64_t percpu, uint64_t object, bool *done)
{
	struct kernel *k = c->k;
	struct object sheaf;
	struct sheaves s;
	uint64_t main;
	*done = false;
	TRY(open_main(c, percpu, &s, &sheaf, &main));
	if (!main)
		return NULL;
	if (GET(k, &sheaf, slab_sheaf, size) >= s.capacity) {
		TRY(replace_full_main(&s, &main));
		if (!main)
			return NULL;
		TRY(open_sheaf(&s, main, &sheaf));
	}
	*done = true;
	return push(&s, &sheaf, object);
}
