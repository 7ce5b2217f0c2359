/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slab caches and the objects in their slabs (mm/slub.c). Of SLAB (until 6.8) only which cache an
 * object belongs to.
 */
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

struct slab_cache {
	uint64_t addr; /* kmem_cache */
	char name[64];
	uint32_t object_size; /* what a user of the cache gets, in bytes */
	uint32_t size;	      /* from one object to the next */
	uint32_t offset;      /* of the free pointer in a free object */
	uint32_t red_left_pad;
	uint64_t random; /* of hardened free lists */
	struct object object;
};

/* ERR_BAD_OBJECT when there is no cache at the address: sizes or name cannot be. */
struct error *slab_cache_open(struct kernel *k, uint64_t addr, struct slab_cache *out) MUST_CHECK;

/* Sums over nodes and CPUs. `allocated` does not count what CPUs keep free for themselves. */
struct slab_cache_totals {
	uint64_t objects, allocated, slabs;
	uint64_t slab_size; /* bytes of a slab of the usual order */
	bool known;	    /* false: the kernel counts no objects (no CONFIG_SLUB_DEBUG) */
};
struct error *slab_cache_totals(struct kernel *k, const struct slab_cache *cache,
				struct slab_cache_totals *out) MUST_CHECK;

struct slab {
	uint64_t page;	/* its (head) struct page, which is the struct slab too */
	uint64_t start; /* direct-map address of its first byte */
	uint64_t bytes;
	uint32_t objects, inuse;
	uint64_t freelist;
	struct slab_cache cache;
};

/*
 * The slab that holds the kernel virtual address. *found is false when the address is in no slab.
 * ERR_BAD_OBJECT when the slab's own words contradict each other.
 */
struct error *slab_at(struct kernel *k, uint64_t addr, struct slab *out, bool *found) MUST_CHECK;
/* The slab whose struct page (or struct slab) stands at `page`. */
struct error *slab_of_page(struct kernel *k, uint64_t page, struct slab *out,
			   bool *found) MUST_CHECK;

/* Object i of the slab: where its user's bytes begin. */
static inline uint64_t slab_object(const struct slab *s, uint32_t i)
{
	return s->start + (uint64_t)i * s->cache.size + s->cache.red_left_pad;
}
/* The object that holds the address; false between objects and past the last. */
bool slab_object_index(const struct slab *s, uint64_t addr, uint32_t *index);

/* The kmem_cache_node of a memory node, 0 for none; how many nodes there may be. */
uint64_t slab_cache_node(struct kernel *k, const struct slab_cache *c, unsigned node);
unsigned slab_nodes(struct kernel *k);
/* The free object after the one at `at`, its pointer decoded; 0 at the end. False when it leads out of memory. */
bool slab_next_free(struct kernel *k, const struct slab_cache *c, uint64_t at, uint64_t *next);

enum object_state {
	OBJECT_ALLOCATED,
	OBJECT_FREE,
	OBJECT_CPU_FREE,  /* free, on the list or in a sheaf of one CPU */
	OBJECT_BARN_FREE, /* free, in a full sheaf of a node's barn */
};
struct object_status {
	uint8_t state; /* enum object_state */
	uint16_t cpu;
};
/* One status per object, in an array of s->objects that the caller frees. ERR_BAD_LIST: a free list
 * that leads astray; what is known is there. */
struct error *slab_object_states(struct kernel *k, const struct slab *s,
				 struct object_status **out) MUST_CHECK;

/* The name of the cache that the kernel virtual address belongs to a slab of; false when it is in
 * none. */
bool slab_cache_name(struct kernel *k, uint64_t addr, char *buf, size_t size);

#endif
