/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: SLUB's objects and slabs, changed. kmem_cache_alloc() and kmem_cache_free() of mm/engine/engine.h come here on a kernel that has SLUB.
 */
#ifndef MM_SLUB_EDIT_H
#define MM_SLUB_EDIT_H

#include "mm/engine/engine.h"
#include "mm/slab.h"

/* mm/engine/slub_alloc.c. ERR_BAD_LIST, ERR_BAD_OBJECT when lists are damaged; ERR_UNSUPPORTED where a kernel keeps objects in sheaves; ENOMEM. */
struct error *slub_alloc(struct engine *e, uint64_t cache, uint64_t *object) MUST_CHECK;
struct error *slub_free(struct engine *e, uint64_t cache, uint64_t object) MUST_CHECK;

/* For mm/engine/slub_slabs.c: the node (kmem_cache_node) that a slab's memory lies on; the word by which a free object points to the next. */
struct error *slub_open_node(struct engine *e, uint64_t cache, uint64_t slab, struct object *node) MUST_CHECK;
struct error *slub_link_free(struct engine *e, uint64_t cache, uint64_t object, uint64_t next) MUST_CHECK;

/* mm/engine/slub_sheaves.c. *object 0, *done false: the CPU's sheaves are empty (full). */
struct error *slub_sheaves_alloc(struct engine *e, uint64_t percpu, uint64_t *object) MUST_CHECK;
struct error *slub_sheaves_free(struct engine *e, uint64_t percpu, uint64_t capacity, uint64_t object, bool *done) MUST_CHECK;

/* mm/engine/slub_slabs.c: a slab from, and back to, the page allocator. *slab: its struct slab, with its free list, nothing in use. */
struct error *slub_new_slab(struct engine *e, uint64_t cache, uint64_t *slab) MUST_CHECK;
struct error *slub_discard_slab(struct engine *e, uint64_t cache, uint64_t slab) MUST_CHECK;
/* The cache that kmalloc() takes so many bytes from. */
struct error *slub_kfree(struct engine *e, uint64_t object) MUST_CHECK;
struct error *slub_general_cache(struct engine *e, uint32_t size, uint64_t *cache) MUST_CHECK;

#endif
