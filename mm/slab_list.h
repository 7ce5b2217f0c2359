/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All caches, all slabs, and where each cache keeps what is free (mm/slub.c): on CPUs, on a node's list of partial slabs, in sheaves and
 * barns. Full slabs stand on no list: they are found in the page array.
 */
#ifndef MM_SLAB_LIST_H
#define MM_SLAB_LIST_H

#include "mm/slab.h"

/* Returns an error to end the walk with it. */
typedef struct error *slab_cache_visitor(void *context, const struct slab_cache *cache);
/*
 * Every cache in the kernel's order (slab_caches, cache_chain; 2.4: the list in cache_cache). What is no cache ends it with ERR_BAD_OBJECT; ERR_BAD_LIST,
 * ERR_UNSUPPORTED.
 */
struct error *slab_caches_for_each(struct kernel *k, slab_cache_visitor *visit, void *context) MUST_CHECK;

/* ---- All slabs ---- */

struct slab_ref {
	uint64_t cache, page; /* the kmem_cache, and the head's struct page */
};
struct slab_refs {
	struct slab_ref *refs; /* sorted by cache, then page */
	size_t count;
};
/* Reads the page array; free with slab_refs_free(). ERR_INTERRUPTED. */
struct error *slab_refs_read(struct kernel *k, struct slab_refs *out) MUST_CHECK;
void slab_refs_free(struct slab_refs *refs);
/* Those of one cache: *first … *first + count. */
size_t slab_refs_of(const struct slab_refs *refs, uint64_t cache, size_t *first);

/* ---- What CPUs and barns keep ---- */

struct slab_held {
	struct slab_held_object {
		uint64_t addr; /* of the object */
		struct object_status status;
	} *objects; /* sorted by addr */
	size_t count, room;
};
/* Free with slab_held_free(), also after an error. What of it could be read is there after one: ERR_BAD_LIST. */
struct error *slab_held_read(struct kernel *k, const struct slab_cache *c, struct slab_held *out) MUST_CHECK;
void slab_held_free(struct slab_held *held);
/*
 * slab_object_states() with what CPUs hold known already: fills status[s->objects]. ERR_BAD_LIST; what is known is there.
 */
struct error *slab_states(struct kernel *k, const struct slab *s, const struct slab_held *held, struct object_status *status) MUST_CHECK;

/* One CPU's part of a cache. Addresses, 0 for none. */
struct slab_cpu {
	uint64_t addr;		     /* kmem_cache_cpu; 0 where the kernel has none */
	uint64_t slab;		     /* the struct page of the slab it allocates from */
	uint64_t partial;	     /* the first of its partial slabs */
	uint64_t sheaves;	     /* slub_percpu_sheaves; 0 where the kernel has none */
	uint64_t main, spare, rcu_free; /* slab_sheaf */
};
void slab_cpu_read(struct kernel *k, const struct slab_cache *c, unsigned cpu, struct slab_cpu *out);
/* The slab after one on a CPU's list of partial slabs; 0 at the end. */
uint64_t slab_cpu_partial_next(struct kernel *k, uint64_t page);

#endif
