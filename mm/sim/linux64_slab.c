/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SLUB while booting: the caches as kmem_cache_open() reckons them, and objects taken from them. The slab that objects come from is CPU 0's, all
 * others are full.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "mm/sim/linux64.h"

static const char cache_type[] = "kmem_cache", page_type[] = "page";

/* include/linux/slab.h */
#define HWCACHE_ALIGN	 0x2000u
#define CACHE_DMA	 0x4000u
#define RECLAIM_ACCOUNT	 0x20000u
#define TYPESAFE_BY_RCU	 0x80000u
#define CMPXCHG_DOUBLE	 0x40000000u
#define CACHE_LINE	 64u

static struct boot_cache *find(struct linux64 *m, const char *name)
{
	for (unsigned n = 0; n < m->cache_count; n++)
		if (!strcmp(m->cache[n].fact->name, name))
			return &m->cache[n];
	assert(!"a cache");
	return NULL;
}

/* ---- How objects are laid out in a slab ---- */

static uint32_t alignment(const struct linux64_cache *f, uint32_t object_size)
{
	uint32_t align = f->align;
	if (f->flags & HWCACHE_ALIGN) {
		uint32_t line = CACHE_LINE;
		while (object_size <= line / 2)
			line /= 2;
		align = align > line ? align : line;
	}
	return align < 8 ? 8 : (align + 7) & ~7u;
}

static unsigned order_of(uint64_t bytes)
{
	unsigned order = 0;
	while (PAGE_SIZE64 << order < bytes)
		order++;
	return order;
}

static unsigned slab_order(uint32_t size, unsigned objects, unsigned most, unsigned fraction)
{
	unsigned order = order_of((uint64_t)objects * size);
	for (; order <= most; order++) {
		uint64_t bytes = PAGE_SIZE64 << order;
		if (bytes % size <= bytes / fraction)
			break;
	}
	return order;
}

/* calculate_order(): as many objects as make going to the lists rare, and little left over. */
static unsigned calculate_order(const struct linux64 *m, uint32_t size)
{
	unsigned objects = 4 * (32 - (unsigned)__builtin_clz(m->cpus) + 1), most = (unsigned)((PAGE_SIZE64 << 3) / size);
	for (objects = objects < most ? objects : most; objects > 1; objects--)
		for (unsigned fraction = 16; fraction >= 4; fraction /= 2) {
			unsigned order = slab_order(size, objects, 3, fraction);
			if (order <= 3)
				return order;
		}
	unsigned order = slab_order(size, 1, 3, 1);
	return order <= 3 ? order : slab_order(size, 1, MAX_ORDER64 - 1, 1);
}

static void lay_out(struct linux64 *m, struct boot_cache *c)
{
	const struct linux64_cache *f = c->fact;
	/* A descriptor is as long as there are nodes. */
	c->object_size = f->object_size ? f->object_size : l64_offset(m, cache_type, "node") + 8 * m->nodes;
	uint32_t size = (c->object_size + 7) & ~7u, align = alignment(f, c->object_size);
	c->inuse = size;
	if (f->flags & TYPESAFE_BY_RCU || f->has_ctor) {
		/* the link must not lie where a freed object's bytes still count */
		c->offset = size;
		size += 8;
	} else if (l64_has(m, cache_type, "usersize")) {
		c->offset = (c->object_size / 2) & ~7u; /* in the middle since 5.7 */
	}
	c->size = (size + align - 1) & -align;
	c->order = calculate_order(m, c->size);
	c->objects = (uint32_t)((PAGE_SIZE64 << c->order) / c->size);
}

/* ---- Slabs ---- */

static uint64_t object_at(const struct linux64 *m, const struct boot_cache *c, uint32_t index)
{
	uint64_t pfn = (c->slab - m->flavour->vmemmap) / m->page_size;
	return l64_direct(m, pfn << PAGE_SHIFT64) + (uint64_t)index * c->size;
}

/* CONFIG_SLAB_FREELIST_HARDENED, where kmem_cache has `random`: freelist_ptr(), with the bytes of the address turned round since 5.7. */
static uint64_t encode(struct linux64 *m, const struct boot_cache *c, uint64_t next, uint64_t where)
{
	return l64_has(m, cache_type, "random") ? next ^ l64_get(m, c->addr, cache_type, "random") ^ __builtin_bswap64(where) : next;
}

static void set_tails(struct linux64 *m, uint64_t pfn, unsigned order)
{
	uint64_t head = l64_page(m, pfn);
	uint64_t flags = l64_load(m, head, 8);
	bool old = !l64_has(m, page_type, "compound_head");
	l64_put(m, head, 8, flags | 1ull << l64_enumerator(m, "PG_head"));
	for (uint64_t n = pfn + 1; n < pfn + (1ull << order); n++) {
		uint64_t tail = l64_page(m, n);
		l64_set(m, tail, page_type, "mapping", old ? 0 : 0xdead000000000400ull); /* TAIL_MAPPING */
		if (old) {
			l64_set(m, tail, page_type, "first_page", head);
			l64_put(m, tail, 8, l64_load(m, tail, 8) | 1ull << l64_enumerator(m, "PG_tail"));
		} else {
			l64_set(m, tail, page_type, "compound_head", head | 1);
		}
	}
	uint64_t first = l64_page(m, pfn + 1);
	if (l64_has(m, page_type, "compound_order")) {
		l64_set(m, first, page_type, "compound_dtor", (uint64_t)l64_enumerator(m, "COMPOUND_PAGE_DTOR"));
		l64_set(m, first, page_type, "compound_order", order);
		l64_set(m, first, page_type, "compound_nr", 1u << order);
		l64_set(m, first, page_type, "compound_mapcount.counter", UINT32_MAX);
	} else {
		/* until 4.4 in the list pointers */
		l64_set(m, first, page_type, "lru.prev", order);
	}
}

static void set_slab(struct linux64 *m, uint64_t page, uint32_t inuse, uint32_t objects, bool frozen)
{
	l64_set(m, page, page_type, "inuse", inuse);
	l64_set(m, page, page_type, "objects", objects);
	l64_set(m, page, page_type, "frozen", frozen);
}

/* In bytes since 5.9, whatever the name says, the counter holds pages. */
static void count_slab(struct linux64 *m, const struct boot_cache *c, uint64_t pfn)
{
	bool reclaimable = c->fact->flags & RECLAIM_ACCOUNT;
	l64_count_node(m, pfn, reclaimable ? "NR_SLAB_RECLAIMABLE_B" : "NR_SLAB_UNRECLAIMABLE_B", 1 << c->order);
	l64_count_node(m, pfn, reclaimable ? "NR_SLAB_RECLAIMABLE" : "NR_SLAB_UNRECLAIMABLE", 1 << c->order);
}

static void new_slab(struct linux64 *m, struct boot_cache *c)
{
	bool reclaimable = c->fact->flags & RECLAIM_ACCOUNT;
	uint64_t pfn = l64_alloc_pages(m, c->order, reclaimable ? BLOCK_RECLAIMABLE : BLOCK_UNMOVABLE), page = l64_page(m, pfn);
	if (c->slab)
		set_slab(m, c->slab, c->objects, c->objects, false);
	l64_put(m, page, 8, l64_load(m, page, 8) | 1ull << l64_enumerator(m, "PG_slab"));
	if (c->order)
		set_tails(m, pfn, c->order);
	/* The first of all is the descriptor of the cache that descriptors come from. */
	if (!c->addr)
		c->addr = l64_direct(m, pfn << PAGE_SHIFT64);
	l64_set(m, page, page_type, "slab_cache", c->addr);
	l64_set(m, page, page_type, "freelist", 0);
	set_slab(m, page, c->objects, c->objects, true);
	count_slab(m, c, pfn);
	c->slab = page;
	c->next = 0;
	c->slabs[l64_node_of(m, pfn)]++;
}

static uint64_t alloc(struct linux64 *m, struct boot_cache *c)
{
	if (!c->slab || c->next == c->objects)
		new_slab(m, c);
	return object_at(m, c, c->next++);
}

/* A slab of the cache whose objects are all free, and that no list has any more; its page. */
uint64_t l64_discard_slab(struct linux64 *m, const char *cache)
{
	struct boot_cache copy = *find(m, cache);
	copy.slab = 0;
	new_slab(m, &copy);
	set_slab(m, copy.slab, 0, copy.objects, false);
	return copy.slab;
}

uint64_t l64_alloc_object(struct linux64 *m, const char *cache)
{
	return alloc(m, find(m, cache));
}

uint64_t l64_kmalloc(struct linux64 *m, uint32_t size)
{
	for (unsigned n = 0; n < m->cache_count; n++) {
		const struct linux64_cache *f = m->cache[n].fact;
		/* the general caches come in the order of their sizes, but 96 and 192 are where they belong */
		if (!strncmp(f->name, "kmalloc-", 8) && f->name[8] >= '0' && f->name[8] <= '9' && f->object_size >= size)
			return alloc(m, &m->cache[n]);
	}
	assert(!"a size");
	return 0;
}

/* ---- Constructors: what a cache's free objects are from the start ---- */

static const struct {
	const char *cache, *function, *structure, *lists[2];
} constructors[] = {
	{ "anon_vma", "anon_vma_ctor", "anon_vma", { "rwsem.wait_list", NULL } },
	{ "sighand_cache", "sighand_ctor", "sighand_struct", { "signalfd_wqh.head", "signalfd_wqh.task_list" } },
	/* struct xa_node since 4.20 */
	{ "radix_tree_node", "radix_tree_node_ctor", NULL, { "private_list", NULL } },
	{ "inode_cache", "init_once", "inode", { NULL, NULL } },
};

static void construct(struct linux64 *m, const struct boot_cache *c, uint64_t object)
{
	for (size_t n = 0; n < sizeof(constructors) / sizeof(constructors[0]); n++) {
		if (strcmp(constructors[n].cache, c->fact->name))
			continue;
		const char *structure = constructors[n].structure;
		if (!structure)
			structure = l64_has(m, "xa_node", "slots") ? "xa_node" : "radix_tree_node";
		memset(l64_bytes(m, object), 0, c->object_size);
		for (unsigned i = 0; i < 2; i++)
			if (constructors[n].lists[i])
				l64_list_init(m, object, structure, constructors[n].lists[i]);
		return;
	}
}

static void set_constructor(struct linux64 *m, uint64_t cache, const char *name)
{
	for (size_t n = 0; n < sizeof(constructors) / sizeof(constructors[0]); n++)
		if (!strcmp(constructors[n].cache, name))
			l64_set(m, cache, cache_type, "ctor", image_symbol(&m->image, constructors[n].function));
}

/* ---- Caches ---- */

static void fill_cache(struct linux64 *m, struct boot_cache *c)
{
	static const char *const orders[] = { "oo.x", "max.x", "min.x" };
	const struct linux64_cache *f = c->fact;
	uint64_t at = c->addr;
	uint32_t min = order_of(c->size), log = 32 - (uint32_t)__builtin_clz(c->size);
	const uint32_t values[] = { c->order << 16 | c->objects, c->order << 16 | c->objects,
				    min << 16 | (uint32_t)((PAGE_SIZE64 << min) / c->size) };
	for (unsigned n = 0; n < 3; n++)
		l64_set(m, at, cache_type, orders[n], values[n]);
	/* set_min_partial(), set_cpu_partial() */
	uint32_t partial = log / 2;
	l64_set(m, at, cache_type, "min_partial", partial < 5 ? 5 : partial > 10 ? 10 : partial);
	l64_set(m, at, cache_type, "cpu_partial", c->size >= PAGE_SIZE64 ? 2 : c->size >= 1024 ? 6 : c->size >= 256 ? 13 : 30);
	l64_set(m, at, cache_type, "flags", f->flags | CMPXCHG_DOUBLE);
	l64_set(m, at, cache_type, "size", c->size);
	l64_set(m, at, cache_type, "object_size", c->object_size);
	l64_set(m, at, cache_type, "offset", c->offset);
	l64_set(m, at, cache_type, "inuse", c->inuse);
	l64_set(m, at, cache_type, "align", alignment(f, c->object_size));
	l64_set(m, at, cache_type, "useroffset", f->useroffset);
	l64_set(m, at, cache_type, "usersize", f->usersize);
	l64_set(m, at, cache_type, "refcount", 1);
	l64_set(m, at, cache_type, "remote_node_defrag_ratio", 1000);
	/* __GFP_COMP for slabs of several pages, GFP_DMA, __GFP_RECLAIMABLE */
	uint32_t comp = l64_has(m, cache_type, "usersize") ? 0x40000 : 0x4000, reclaimable = l64_has(m, cache_type, "usersize") ? 0x10 : 0x80000;
	l64_set(m, at, cache_type, "allocflags",
		(c->order ? comp : 0) | (f->flags & CACHE_DMA ? 1 : 0) | (f->flags & RECLAIM_ACCOUNT ? reclaimable : 0));
	/* Drawn from a seed: the same machine each time. */
	l64_set(m, at, cache_type, "random", (at ^ 0x5bd1e9955bd1e995ull) * 0x9e3779b97f4a7c15ull);
	uint64_t name = l64_kmalloc(m, (uint32_t)strlen(f->name) + 1);
	strcpy((char *)l64_bytes(m, name), f->name);
	l64_set(m, at, cache_type, "name", name);
	l64_list_add_tail(m, at + l64_offset(m, cache_type, "list"), image_symbol(&m->image, "slab_caches"));
	if (f->variable)
		l64_set_symbol(m, f->variable, 8, at);
	set_constructor(m, at, f->name);
	if (!strcmp(f->name, "pid"))
		l64_set(m, image_symbol(&m->image, "init_pid_ns"), "pid_namespace", "pid_cachep", at);
}

static void add_nodes(struct linux64 *m, struct boot_cache *c)
{
	static const char s[] = "kmem_cache_node";
	uint64_t nodes = c->addr + l64_offset(m, cache_type, "node");
	for (unsigned node = 0; node < m->nodes; node++) {
		uint64_t n = l64_alloc_object(m, s);
		memset(l64_bytes(m, n), 0, l64_size(m, s));
		l64_list_init(m, n, s, "partial");
		l64_list_init(m, n, s, "full");
		l64_put(m, nodes + 8 * node, 8, n);
	}
	l64_set(m, c->addr, cache_type, "cpu_slab", l64_alloc_percpu(m, l64_size(m, "kmem_cache_cpu"), 16));
}

/* kmalloc_caches[type][index]: by the logarithm, 1 for 96 and 2 for 192 */
static void enter_general(struct linux64 *m, const struct boot_cache *c)
{
	static const struct {
		const char *prefix;
		unsigned type;
	} kinds[] = { { "kmalloc-rcl-", 1 }, { "dma-kmalloc-", 2 }, { "kmalloc-", 0 } };
	bool one_table = !image_has_symbol(&m->image, "kmalloc_dma_caches");
	uint32_t size = c->fact->object_size;
	unsigned index = size == 96 ? 1 : size == 192 ? 2 : size ? 31 - (unsigned)__builtin_clz(size) : 0;
	for (unsigned n = 0; n < 3; n++)
		if (!strncmp(c->fact->name, kinds[n].prefix, strlen(kinds[n].prefix))) {
			const char *table = kinds[n].type == 2 && !one_table ? "kmalloc_dma_caches" : "kmalloc_caches";
			l64_put(m, image_symbol(&m->image, table) + 8 * ((one_table ? 14 * kinds[n].type : 0) + index), 8, c->addr);
			return;
		}
}

/* The first two hold the descriptors of all: they are laid out before any descriptor stands. */
void linux64_slabs(struct linux64 *m)
{
	for (const struct linux64_cache *f = m->flavour->caches; f->name; f++) {
		assert(m->cache_count < CACHES64_MAX);
		struct boot_cache *c = &m->cache[m->cache_count++];
		c->fact = f;
		lay_out(m, c);
		if (!strcmp(f->name, "task_struct"))
			m->task_size = c->object_size;
	}
	for (unsigned n = 0; n < m->cache_count; n++) {
		uint64_t at = alloc(m, &m->cache[0]);
		assert(!m->cache[n].addr || m->cache[n].addr == at);
		m->cache[n].addr = at;
	}
	for (unsigned n = 0; n < m->cache_count; n++)
		memset(l64_bytes(m, m->cache[n].addr), 0, m->cache[0].object_size);
	for (unsigned n = 0; n < m->cache_count; n++)
		fill_cache(m, &m->cache[n]);
	for (unsigned n = 0; n < m->cache_count; n++) {
		add_nodes(m, &m->cache[n]);
		enter_general(m, &m->cache[n]);
	}
	l64_set_symbol(m, "slab_state", 4, 4); /* FULL */
}

/* ---- At the end of booting ---- */

/* What is left of the slab is CPU 0's list, each object linked to the next. */
static void set_cpu_slab(struct linux64 *m, const struct boot_cache *c)
{
	static const char s[] = "kmem_cache_cpu";
	uint64_t percpu = l64_get(m, c->addr, cache_type, "cpu_slab"), cpu = l64_percpu(m, percpu, 0), first = 0;
	for (uint32_t n = c->objects; n-- > c->next;) {
		uint64_t object = object_at(m, c, n);
		construct(m, c, object);
		l64_put(m, object + c->offset, 8, encode(m, c, first, object + c->offset));
		first = object;
	}
	l64_set(m, cpu, s, "freelist", first);
	l64_set(m, cpu, s, "page", c->slab);
	for (unsigned n = 0; n < m->cpus; n++)
		l64_set(m, l64_percpu(m, percpu, n), s, "tid", n);
}

void linux64_finish_slabs(struct linux64 *m)
{
	for (unsigned n = 0; n < m->cache_count; n++) {
		struct boot_cache *c = &m->cache[n];
		if (c->slab)
			set_cpu_slab(m, c);
		for (unsigned i = 0; i < m->nodes; i++) {
			uint64_t node = l64_load(m, c->addr + l64_offset(m, cache_type, "node") + 8 * i, 8);
			l64_set(m, node, "kmem_cache_node", "nr_slabs.counter", c->slabs[i]);
			l64_set(m, node, "kmem_cache_node", "total_objects.counter", (uint64_t)c->slabs[i] * c->objects);
		}
	}
}
