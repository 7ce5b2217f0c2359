/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole slabs of SLUB, from the page allocator and back to it (mm/slub.c: allocate_slab(), discard_slab()).
 */
#include <inttypes.h>

#include "mm/engine/buddy_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/memmap.h"
#include "mm/engine/modern.h"
#include "mm/engine/slub_edit.h"
#include "mm/state.h"

/* A slab's page says so by a flag, or since 6.10 by its type. */
static void mark_slab(struct kernel *k, const struct page *p)
{
	const struct page_words *w = &k->mm->pages->words;
	if (w->slab_flag >= 0)
		SET(k, &p->object, page, flags, p->flags | 1ull << w->slab_flag);
	else if (w->slab.mask)
		SET(k, &p->object, page, page_type, page_type_word(&w->slab));
}

/*
 * What is made of a new slab's objects once for all (kmem_cache.ctor): locks that are free, lists that are empty (mm/rmap.c, lib/radix-tree.c, kernel/fork.c,
 * fs/inode.c, mm/shmem.c). Known are those of the objects that acts here take.
 */
static const struct constructor {
	const char *name;
	enum member_id lists[5]; /* list_heads of the object, or of what stands at `within` in it */
	enum member_id within;
} constructors[] = {
	{ "anon_vma_ctor", { M_anon_vma_rwsem_wait_list }, 0 },
	{ "radix_tree_node_ctor", { M_xa_node_private_list }, 0 },
	{ "sighand_ctor", { M_sighand_struct_signalfd_list }, 0 },
	{ "init_once", { M_inode_i_devices, M_inode_i_io_list, M_inode_i_wb_list, M_inode_i_lru, M_inode_i_private_list }, 0 },
	{ "shmem_init_inode", { M_inode_i_devices, M_inode_i_io_list, M_inode_i_wb_list, M_inode_i_lru, M_inode_i_private_list }, M_shmem_inode_info_vfs_inode },
};

static struct error *construct(struct engine *e, uint64_t ctor, uint64_t object, uint32_t size)
{
	struct kernel *k = e->k;
	const struct constructor *c = constructors, *end = c + sizeof(constructors) / sizeof(constructors[0]);
	struct object o;
	if (!ctor)
		return NULL;
	while (c < end && ctor != symbol_addr(k, c->name))
		c++;
	if (c == end || (c->within && !k->members[c->within].present))
		return error_at(ERR_UNSUPPORTED, ctor, "a new slab's objects would be made by a constructor that is not known: %" PRIx64, ctor);
	TRY(object_open_bytes_writable(k, object, size, &o));
	memset((void *)o.bytes, 0, o.size);
	uint64_t inner = object + (c->within ? k->members[c->within].offset : 0);
	for (size_t i = 0; i < sizeof(c->lists) / sizeof(c->lists[0]) && c->lists[i]; i++)
		if (k->members[c->lists[i]].present)
			TRY(list_init(k, inner + k->members[c->lists[i]].offset));
	return NULL;
}

/* A slab on its way to or from the page allocator. */
struct making {
	struct engine *e;
	struct object cache;
	uint64_t page, start, size, object_size, objects; /* start: where object 0 would lie */
	unsigned order;
};

/*
 * Where the free list's next object lies: in the cache's random order (CONFIG_SLAB_FREELIST_RANDOM; from the start of that order, where the kernel draws lots), of which a
 * smaller slab leaves out what it has no room for; else one after the other. *i: how much of the order is used up.
 */
static struct error *next_place(const struct making *m, uint64_t *i, uint64_t *place)
{
	struct kernel *k = m->e->k;
	uint64_t order = GET(k, &m->cache, kmem_cache, random_seq), limit = m->objects * m->size, offset;
	uint64_t all = GET(k, &m->cache, kmem_cache, oo) & 0xffff;
	while (*i < all) {
		offset = *i * m->size;
		if (order)
			TRY(kernel_read_uint(k, order + 4 * *i, 4, &offset));
		++*i;
		if (offset % m->size)
			break;
		if (offset < limit) {
			*place = m->start + offset;
			return NULL;
		}
	}
	return error_at(ERR_BAD_OBJECT, m->cache.addr, "the random order of cache %" PRIx64 " leaves its slab", m->cache.addr);
}

/* shuffle_freelist(), or what allocate_slab() does without it. *first: the first free object. */
static struct error *link_objects(const struct making *m, uint64_t *first)
{
	struct engine *e = m->e;
	uint64_t ctor = GET(e->k, &m->cache, kmem_cache, ctor), at, next, i = 0;
	TRY(next_place(m, &i, first));
	at = *first;
	for (uint64_t n = 1;; n++) {
		TRY(slub_new_object(e, m->cache.addr, at));
		TRY(construct(e, ctor, at, (uint32_t)m->object_size));
		next = 0;
		if (n < m->objects)
			TRY(next_place(m, &i, &next));
		TRY(slub_link_free(e, m->cache.addr, at, next));
		if (!next)
			return NULL;
		at = next;
	}
}

static enum page_class class_of(const struct making *m)
{
	return GET(m->e->k, &m->cache, kmem_cache, flags) & m->e->areas.slab_reclaim_account ? PAGES_RECLAIMABLE : PAGES_KERNEL;
}

static struct error *count_slab(const struct making *m, int delta)
{
	struct engine *e = m->e;
	struct kernel *k = e->k;
	struct object node;
	TRY(slub_open_node(e, m->cache.addr, m->page, &node));
	ADD(k, &node, kmem_cache_node, nr_slabs, delta);
	ADD(k, &node, kmem_cache_node, total_objects, delta * (int64_t)m->objects);
	mod_page_state(e, m->page, class_of(m) == PAGES_RECLAIMABLE ? e->modern->slab_reclaimable : e->modern->slab_unreclaimable, delta * (1 << m->order));
	return NULL;
}

/* As many objects as the cache likes, or the fewest that it can do with. */
static struct error *allocate_frames(struct making *m)
{
	struct engine *e = m->e;
	struct kernel *k = e->k;
	uint64_t oo = GET(k, &m->cache, kmem_cache, oo), min = GET(k, &m->cache, kmem_cache, min), zone;
	m->order = (unsigned)(oo >> 16 & 15);
	m->objects = oo & 0xffff;
	if (m->order) {
		TRY(pages_available(e, class_of(m), m->order, &zone));
		if (!zone) {
			m->order = (unsigned)(min >> 16 & 15);
			m->objects = min & 0xffff;
		}
	}
	if (!m->objects || !m->size || m->objects * m->size > (uint64_t)VMCORE_PAGE_SIZE << m->order)
		return error_at(ERR_BAD_OBJECT, m->cache.addr, "no slab cache: %" PRIx64, m->cache.addr);
	TRY(alloc_pages_pcp(e, class_of(m), m->order, &m->page));
	return m->order ? prep_compound_page(e, m->page, m->order) : NULL;
}

static struct error *open_making(struct engine *e, uint64_t cache, struct making *m)
{
	struct kernel *k = e->k;
	*m = (struct making){ .e = e };
	TRY(object_open_bytes(k, cache, k->members[HAS(k, kmem_cache, per_node) ? M_kmem_cache_per_node : M_kmem_cache_node].offset, &m->cache));
	m->size = GET(k, &m->cache, kmem_cache, size);
	m->object_size = GET(k, &m->cache, kmem_cache, object_size);
	return NULL;
}

struct error *slub_new_slab(struct engine *e, uint64_t cache, uint64_t *slab)
{
	struct kernel *k = e->k;
	struct making m;
	struct object s;
	struct page p;
	uint64_t first;
	TRY(open_making(e, cache, &m));
	TRY(allocate_frames(&m));
	TRY(page_open_writable(e, m.page, &p));
	mark_slab(k, &p);
	TRY(object_open_writable(k, m.page, S_slab, &s));
	SET(k, &s, slab, slab_cache, cache);
	SET(k, &s, slab, objects, m.objects);
	SET(k, &s, slab, frozen, HAS(k, kmem_cache, cpu_slab));
	m.start = kernel_ptov(k, engine_page_phys(e, m.page)) + GET(k, &m.cache, kmem_cache, red_left_pad);
	TRY(link_objects(&m, &first));
	SET(k, &s, slab, freelist, first);
	SET(k, &s, slab, inuse, 0);
	TRACE(e, "new_slab", "pages become a slab", { "s", cache }, { "slab", m.page }, { "order", m.order }, { "objects", m.objects });
	*slab = m.page;
	return count_slab(&m, 1);
}

/* Caches whose objects may be looked at after they are freed (SLAB_TYPESAFE_BY_RCU) wait for that to be over; an act does not end before it is. */
struct error *slub_discard_slab(struct engine *e, uint64_t cache, uint64_t slab)
{
	struct kernel *k = e->k;
	struct making m;
	struct object s;
	struct page p;
	TRY(open_making(e, cache, &m));
	m.page = slab;
	TRY(object_open_writable(k, slab, S_slab, &s));
	m.objects = GET(k, &s, slab, objects);
	TRY(page_open_writable(e, slab, &p));
	m.order = page_compound_order(k, &p);
	TRACE(e, "discard_slab", "nothing of it is in use: its pages are freed", { "s", cache }, { "slab", slab }, { "order", m.order });
	TRY(count_slab(&m, -1));
	/* The words of a slab lie over those of a page. */
	SET(k, &s, slab, slab_cache, 0);
	SET(k, &s, slab, freelist, 0);
	SET(k, &p.object, page, mapcount, UINT64_MAX);
	SET(k, &p.object, page, page_type, UINT64_MAX);
	SET(k, &p.object, page, refcount, 0);
	return free_pages_modern(e, slab, m.order);
}

/* ---- kmalloc ---- */

/* kmalloc_slab(): kmalloc_caches by the logarithm of the size, but 1 for up to 96 and 2 for up to 192 bytes. */
struct error *slub_general_cache(struct engine *e, uint32_t size, uint64_t *cache)
{
	struct kernel *k = e->k;
	uint64_t table = symbol_addr(k, "kmalloc_caches");
	unsigned index = size > 64 && size <= 96 ? 1 : size > 128 && size <= 192 ? 2 : size <= 8 ? 3 : 32u - (unsigned)__builtin_clz(size - 1);
	if (!table || index > 13)
		return error_new(ERR_UNSUPPORTED, "this kernel's general caches are not known, or have no object of %u bytes", size);
	TRY(kernel_read_pointer(k, table + (uint64_t)index * k->arch->pointer_size, cache));
	return *cache ? NULL : error_at(ERR_BAD_OBJECT, table, "there is no general cache for %u bytes", size);
}

struct error *slub_kfree(struct engine *e, uint64_t object)
{
	struct slab at;
	bool found;
	TRY(slab_at(e->k, object, &at, &found));
	if (!found)
		return error_at(ERR_BAD_OBJECT, object, "no object of a slab: %" PRIx64, object);
	return kmem_cache_free(e, at.cache.addr, object);
}
