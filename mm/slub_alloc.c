/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Objects from SLUB caches as one CPU takes them (mm/slub.c): from its sheaf (6.18 and later), its own free list, that of its slab, its partial slabs. What would go
 * to the node's lists or make a new slab is refused.
 */
#include <inttypes.h>

#include "mm/modern.h"
#include "mm/slab.h"

/* The last object of the CPU's main sheaf; 0 when that is empty. */
static struct error *from_sheaf(struct engine *e, uint64_t sheaf, uint64_t *object)
{
	struct kernel *k = e->k;
	struct object o;
	*object = 0;
	if (!sheaf)
		return NULL;
	TRY(object_open_writable(k, sheaf, S_slab_sheaf, &o));
	uint64_t size = GET(k, &o, slab_sheaf, size);
	if (!size || size > 4096)
		return NULL;
	TRY(kernel_read_pointer(k, sheaf + OFFSET(k, slab_sheaf, objects) + (size - 1) * k->arch->pointer_size, object));
	SET(k, &o, slab_sheaf, size, size - 1);
	return NULL;
}

static struct error *from_sheaves(struct engine *e, uint64_t percpu, uint64_t *object)
{
	struct kernel *k = e->k;
	struct object o;
	TRY(object_open_writable(k, percpu_ptr(k, percpu, e->cpu), S_slub_percpu_sheaves, &o));
	uint64_t main = GET(k, &o, slub_percpu_sheaves, main), spare = GET(k, &o, slub_percpu_sheaves, spare);
	TRY(from_sheaf(e, main, object));
	if (*object || !spare)
		return NULL;
	TRY(from_sheaf(e, spare, object));
	if (*object) {
		SET(k, &o, slub_percpu_sheaves, main, spare);
		SET(k, &o, slub_percpu_sheaves, spare, main);
	}
	return NULL;
}

/* get_freelist(): all that the CPU's slab has. */
static struct error *refill(struct engine *e, const struct object *cpu, uint64_t *list)
{
	struct kernel *k = e->k;
	struct object slab;
	uint64_t at = GET(k, cpu, slub_cpu, slab);
	*list = 0;
	if (!at)
		return NULL;
	TRY(object_open_writable(k, at, S_slab, &slab));
	*list = GET(k, &slab, slab, freelist);
	if (*list) {
		SET(k, &slab, slab, freelist, 0);
		SET(k, &slab, slab, inuse, GET(k, &slab, slab, objects));
	}
	return NULL;
}

/* The first of the CPU's partial slabs becomes its slab. */
static struct error *next_partial(struct engine *e, const struct object *cpu, bool *any)
{
	struct kernel *k = e->k;
	uint64_t partial = GET(k, cpu, slub_cpu, partial), next;
	*any = HAS(k, slub_cpu, partial) && partial;
	if (!*any)
		return NULL;
	TRY(kernel_get(k, partial, M_slab_next, &next));
	SET(k, cpu, slub_cpu, partial, next);
	SET(k, cpu, slub_cpu, slab, partial);
	return NULL;
}

static struct error *from_cpu(struct engine *e, const struct slab_cache *c, uint64_t percpu, uint64_t *object)
{
	struct kernel *k = e->k;
	struct object cpu;
	bool any = true;
	uint64_t next;
	TRY(object_open_writable(k, percpu_ptr(k, percpu, e->cpu), S_slub_cpu, &cpu));
	*object = GET(k, &cpu, slub_cpu, freelist);
	for (unsigned i = 0; !*object && any && i < 64; i++) {
		TRY(refill(e, &cpu, object));
		if (!*object)
			TRY(next_partial(e, &cpu, &any));
	}
	if (!*object)
		return NULL;
	if (!slab_next_free(k, c, *object, &next))
		return error_at(ERR_BAD_LIST, *object, "the free list of cache %s leads out of memory: %" PRIx64, c->name, *object);
	SET(k, &cpu, slub_cpu, freelist, next);
	return NULL;
}

struct error *kmem_cache_alloc_slub(struct engine *e, uint64_t cache, uint64_t *object)
{
	struct kernel *k = e->k;
	struct slab_cache c;
	struct slab slab;
	bool explained, found;
	uint32_t index;
	*object = 0;
	TRY(slab_cache_open(k, cache, &c));
	uint64_t sheaves = GET(k, &c.object, kmem_cache, cpu_sheaves), percpu = GET(k, &c.object, kmem_cache, cpu_slab);
	if (sheaves)
		TRY(from_sheaves(e, sheaves, object));
	if (!*object && percpu)
		TRY(from_cpu(e, &c, percpu, object));
	if (!*object)
		return fault_refuse(e, &explained, "CPU %u has no free %s left: taking one from its node is not followed", e->cpu, c.name);
	TRY(slab_at(k, *object, &slab, &found));
	if (!found || slab.cache.addr != cache || !slab_object_index(&slab, *object, &index) || slab_object(&slab, index) != *object)
		return error_at(ERR_BAD_LIST, *object, "a free list of cache %s leads to no object of it: %" PRIx64, c.name, *object);
	TRACE(e, "kmem_cache_alloc", "from the CPU's own list", { "cache", cache }, { "cpu", e->cpu }, { "object", *object });
	return NULL;
}
