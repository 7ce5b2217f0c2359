/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SLUB's debugged caches (slab_debug; mm/slub.c): each object is taken from, and given back to, a slab that its node lists, past CPUs' slabs and sheaves, and marked around
 * and inside. Who did so from where and when (SLAB_STORE_USER) is not written: nobody calls from anywhere here.
 */
#include <inttypes.h>

#include "mm/engine/list_edit.h"
#include "mm/engine/slub_edit.h"

/* include/linux/poison.h */
#define SLUB_RED_INACTIVE 0xbb
#define SLUB_RED_ACTIVE	  0xcc
#define POISON_FREE	  0x6b
#define POISON_END	  0xa5

bool slub_is_debugged(const struct slub_cache *c)
{
	return GET(c->k, &c->o, kmem_cache, flags) & c->e->areas.slab_debug_flags;
}

/* init_object(): the zones around the object, and where nobody cares for what is in it, its bytes. */
static struct error *mark_object(const struct slub_cache *c, uint64_t object, unsigned char zone)
{
	struct kernel *k = c->k;
	const struct engine_areas *a = &c->e->areas;
	uint64_t flags = GET(k, &c->o, kmem_cache, flags), left = GET(k, &c->o, kmem_cache, red_left_pad), size = GET(k, &c->o, kmem_cache, object_size),
		 inuse = GET(k, &c->o, kmem_cache, inuse);
	struct object o;
	if (!size || size > inuse || left + inuse > c->size)
		return error_at(ERR_BAD_OBJECT, c->o.addr, "no slab cache: %" PRIx64, c->o.addr);
	TRY(object_open_bytes_writable(k, object - left, left + inuse, &o));
	unsigned char *bytes = (unsigned char *)o.bytes;
	if (flags & a->slab_red_zone) {
		memset(bytes, zone, left);
		memset(bytes + left + size, zone, inuse - size);
	}
	if (flags & a->slab_object_poison) {
		memset(bytes + left, POISON_FREE, size - 1);
		bytes[left + size - 1] = POISON_END;
	}
	return NULL;
}

struct error *slub_debug_new_object(const struct slub_cache *c, uint64_t object)
{
	return mark_object(c, object, SLUB_RED_INACTIVE);
}

/* add_full(), remove_full(): full slabs stand in a list only where it is kept who took what. */
static bool lists_full(const struct slub_cache *c)
{
	return HAS(c->k, kmem_cache_node, full) && (GET(c->k, &c->o, kmem_cache, flags) & c->e->areas.slab_store_user);
}

/* alloc_single_from_partial(), alloc_single_from_new_slab() */
struct error *slub_debug_alloc(const struct slub_cache *c, uint64_t *object)
{
	struct kernel *k = c->k;
	struct object node, slab;
	TRY(slub_node_object(c, &node, &slab, object));
	if (!GET(k, &slab, slab, freelist) && lists_full(c))
		TRY(list_add(k, MEMBER_ADDR(k, &slab, slab, slab_list), MEMBER_ADDR(k, &node, kmem_cache_node, full)));
	return mark_object(c, *object, SLUB_RED_ACTIVE);
}

/* free_to_partial_list() */
struct error *slub_debug_free(const struct slub_cache *c, const struct object *slab, uint64_t object)
{
	struct kernel *k = c->k;
	struct object node;
	uint64_t prior = GET(k, slab, slab, freelist), inuse = GET(k, slab, slab, inuse);
	if (!inuse)
		return error_at(ERR_BAD_OBJECT, object, "nothing of its slab is in use: %" PRIx64, object);
	TRY(slub_open_node(c->e, c->o.addr, slab->addr, &node));
	TRY(mark_object(c, object, SLUB_RED_INACTIVE));
	TRY(slub_link_free(c->e, c->o.addr, object, prior));
	SET(k, slab, slab, freelist, object);
	SET(k, slab, slab, inuse, --inuse);
	bool enough = !inuse && GET(k, &node, kmem_cache_node, nr_partial) >= GET(k, &c->o, kmem_cache, min_partial);
	if (!prior && lists_full(c))
		TRY(list_del(k, MEMBER_ADDR(k, slab, slab, slab_list)));
	if (!prior && !enough)
		return slub_add_partial(c, &node, slab, false);
	if (!enough)
		return NULL;
	if (prior)
		TRY(slub_remove_partial(c, &node, slab));
	return slub_discard_slab(c->e, c->o.addr, slab->addr);
}
