/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: SLUB's objects and slabs, changed. kmem_cache_alloc() and kmem_cache_free() of mm/engine/engine.h come here on a kernel that has SLUB.
 */
#ifndef MM_SLUB_EDIT_H
#define MM_SLUB_EDIT_H

#include "mm/engine/engine.h"
#include "mm/slab.h"

/* A cache, as the CPU that acts has it. */
struct slub_cache {
	struct engine *e;
	struct kernel *k;
	struct object o;
	struct object cpu; /* kmem_cache_cpu; nothing where CPUs have no slabs of their own (7.0) */
	uint32_t offset, size;
	uint64_t random;
	bool hardened;
};

/* mm/engine/slub_alloc.c. ERR_BAD_LIST, ERR_BAD_OBJECT when lists are damaged; ENOMEM. */
struct error *slub_alloc(struct engine *e, uint64_t cache, uint64_t *object) MUST_CHECK;
struct error *slub_free(struct engine *e, uint64_t cache, uint64_t object) MUST_CHECK;
/* The memory of a new sheaf; `recursing`: the sheaf is one of a general cache, so no new sheaf is made to serve this. */
struct error *slub_alloc_sheaf(struct engine *e, uint64_t cache, bool recursing, uint64_t *object) MUST_CHECK;
/* One object from slabs, past the sheaves; one back to its slab. */
struct error *slub_slab_alloc(const struct slub_cache *c, uint64_t *object) MUST_CHECK;
struct error *slub_free_to_slab(const struct slub_cache *c, uint64_t object) MUST_CHECK;
/* A struct slab, checked to be one of this cache. */
struct error *slub_open_slab(const struct slub_cache *c, uint64_t addr, struct object *slab) MUST_CHECK;
/* Which node the acting CPU is on; kmem_cache_node of that. */
struct error *slub_local_node(struct engine *e, unsigned *id) MUST_CHECK;
struct error *slub_open_local(const struct slub_cache *c, struct object *node) MUST_CHECK;
/* The node's list of partial slabs: one added at its end, or at its head; one taken off. */
struct error *slub_add_partial(const struct slub_cache *c, const struct object *node, const struct object *slab, bool head) MUST_CHECK;
struct error *slub_remove_partial(const struct slub_cache *c, const struct object *node, const struct object *slab) MUST_CHECK;
/* The free object that follows a free object; 0: it is the last one. */
struct error *slub_get_freepointer(const struct slub_cache *c, uint64_t object, uint64_t *next) MUST_CHECK;

/* For mm/engine/slub_slabs.c: the node (kmem_cache_node) that a slab's memory lies on; the word by which a free object points to the next. */
struct error *slub_open_node(struct engine *e, uint64_t cache, uint64_t slab, struct object *node) MUST_CHECK;
struct error *slub_link_free(struct engine *e, uint64_t cache, uint64_t object, uint64_t next) MUST_CHECK;
/* The object of a new slab, not linked yet: marked, where the cache is debugged. */
struct error *slub_new_object(struct engine *e, uint64_t cache, uint64_t object) MUST_CHECK;

/* mm/engine/slub_sheaves.c; `percpu`: kmem_cache.cpu_sheaves. *object 0, *done false: no sheaf can serve, slabs must. */
struct error *slub_sheaves_alloc(const struct slub_cache *c, uint64_t percpu, bool recursing, uint64_t *object) MUST_CHECK;
struct error *slub_sheaves_free(const struct slub_cache *c, uint64_t percpu, uint64_t object, bool *done) MUST_CHECK;
/* ___slab_alloc() where CPUs have no slabs of their own: from a slab that the node lists, or a new one. *node, *slab: what it came from. */
struct error *slub_node_object(const struct slub_cache *c, struct object *node, struct object *slab, uint64_t *object) MUST_CHECK;

/* mm/engine/slub_debug.c: a cache whose objects are marked; one that is taken, given back, and the marks of one in a new slab. */
bool slub_is_debugged(const struct slub_cache *c);
struct error *slub_debug_alloc(const struct slub_cache *c, uint64_t *object) MUST_CHECK;
struct error *slub_debug_free(const struct slub_cache *c, const struct object *slab, uint64_t object) MUST_CHECK;
struct error *slub_debug_new_object(const struct slub_cache *c, uint64_t object) MUST_CHECK;

/* mm/engine/slub_slabs.c: a slab from, and back to, the page allocator. *slab: its struct slab, with its free list, nothing in use. */
struct error *slub_new_slab(struct engine *e, uint64_t cache, uint64_t *slab) MUST_CHECK;
struct error *slub_discard_slab(struct engine *e, uint64_t cache, uint64_t slab) MUST_CHECK;
/* The cache that kmalloc() takes so many bytes from. */
struct error *slub_kfree(struct engine *e, uint64_t object) MUST_CHECK;
struct error *slub_general_cache(struct engine *e, uint32_t size, uint64_t *cache) MUST_CHECK;

#endif
