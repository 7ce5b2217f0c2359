/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: the short ways of what every fault does — take a frame, put it on an LRU list, count it — in an image of one piece that no mark has to keep.
 * What leads there is found once for each zone and CPU: where the zone, the CPU's lists and the counters stand in the image. Each short way says which function
 * it abridges, gives what that would give, byte for byte, and leaves to it all that is unusual, a trace included, before it has changed anything.
 */
#ifndef MM_NEAR_H
#define MM_NEAR_H

#include "mm/engine/modern.h"
#include "mm/state.h"
#include "mm/zone.h"

/* Counters of a zone or of its node, as the acting CPU changes them. */
struct near_counters {
	unsigned count;		      /* items; 0: the general way */
	signed char *own;	      /* the CPU's differences, a byte each */
	const signed char *threshold; /* a difference beyond is folded in */
	unsigned char *sums, *all;    /* words, the zone's or node's own and (or NULL) the machine's */
};

struct near_zone {
	uint64_t made; /* near_now() of then; 0: it is not */
	uint64_t addr, pgdat;
	uint64_t pfn, frames; /* whose struct pages are there, side by side, and which are in no other zone */
	struct near_counters counters[2]; /* by enum vmstat_group */
	uint64_t lists; /* the LRU lists of pages that no memory cgroup has; 0: the general way */
	unsigned char *list_bytes;
	/* zone.free_area, and of one of its elements: its size, where in it the number of blocks and the lists of so many types are; NULL: the general way */
	unsigned char *areas;
	uint64_t areas_addr;
	uint32_t area_size, nr_free, free_list, types;
	const struct near_counters *of_lists, *of_zone; /* which count their pages; of_zone NULL: nothing counts them by zone besides */
};

/* Where a frame of a class comes from when nothing is short: the first zone that may serve it. */
struct near_supply {
	uint64_t made; /* near_now() of then; 0: it is not */
	const struct near_zone *zone; /* NULL: the general way */
	const unsigned char *free, *highatomic, *mark, *boost, *reserve; /* words */
	unsigned char *list, *count; /* the CPU's list of the type: its head, how many frames there are on all its lists */
	uint64_t head; /* the head's address */
};

/* The acting CPU's batch of new pages for the LRU lists. */
struct near_batch {
	uint64_t made; /* near_now() of then; 0: it is not */
	unsigned char *count, *pages;
	unsigned count_size, room; /* room 0: the general way */
};

/* The area that a fault was in last. */
struct near_area {
	uint64_t made; /* near_now() of then; 0: it is not */
	uint64_t mm;
	struct object object;
};

/* The lowest page table that a fault came to last: of the 2 MiB that begin at region << 21. */
struct near_leaf {
	uint64_t made; /* near_now() of then; 0: it is not */
	uint64_t mm, region, table;
};

/* The task that faulted last: numbers of its struct and the CPU's, to be read and written. */
struct near_task {
	uint64_t made; /* near_now() of then; 0: it is not */
	bool usable, in_cgroups;
	uint64_t task;
	unsigned char *mm, *cpu, *events, *rss, *min_flt, *pgfault; /* mm, cpu, rss_events, rss_stat's anonymous pages, min_flt; the CPU's PGFAULT */
	const unsigned char *cgroups;
};

struct engine_near {
	/* Where the words of a struct page are, which are words of their usual sizes; not so: the general way. */
	bool plain, has_memcg;
	uint32_t flags, refcount, mapcount, mapping, private, memcg, head, lru, pcp_list, buddy_list, page_type;
	uint32_t index; /* 0: it is none such */
	uint32_t buddy; /* the page_type of a free block's first page */
	/* Bits of the flags: */
	uint64_t lru_bit, swapbacked, active, exclusive, reserved, unsettled; /* PG_lru …; of pages that do not go from a batch to a list of pages to be had, simply */
	uint64_t new_anon, new_anon_active; /* set in a new anonymous page; set too when it goes to the LRU lists */
	bool counts_new_anon; /* near_new_anon_rmap() may be used where the zone counts near */
	uint64_t kept;	/* of a page that is free: which of its flags' bits are none of enum pageflags, and PG_hwpoison; 0: that is not known */
	uint64_t large; /* flags that pages of several frames have; a tail may have the lowest bit of `head` instead (0: there is no such word, for the first is the flags) */
	struct near_zone zones[4], *last;
	struct near_supply supplies[3]; /* by enum page_class */
	struct near_batch batch;
	struct near_area area;
	struct near_leaf leaf;
	struct near_task task;
};

/* For an engine that has `modern`. */
struct error *near_open(struct engine *e) MUST_CHECK;

/*
 * What is found holds for one finding of the image's nodes and one acting CPU: a number for both. 0: nothing may be used that was found, since a mark may have to keep what
 * is written.
 */
static inline uint64_t near_now(const struct engine *e)
{
	return __builtin_expect(!e->k->flat->marks, 1) ? (uint64_t)e->k->mm->generation << 32 | (e->cpu + 1) : 0;
}

static inline bool near_holds(uint64_t made, uint64_t now)
{
	return now && made == now;
}

/*
 * touch_user() of a write that adds a frame to an anonymous area of a task that has faulted near there before (mm/engine/near_fault.c). *done is false when it is another
 * thing: then nothing has changed.
 */
struct error *near_write_fault(struct engine *e, uint64_t task, uint64_t addr, bool *done) MUST_CHECK;
/* A frame, its struct page, to be read and written, and its zone. */
struct near_frame {
	uint64_t page;
	unsigned char *bytes;
	const struct near_zone *zone;
};
/* get_page_from_freelist() of one frame that the CPU's list has, from a zone above its mark (mm/engine/pcp_alloc.c). False: the general way. */
bool near_take_page(struct engine *e, uint64_t now, enum page_class class, struct near_frame *out);

/* NULL: the general way. */
const struct near_zone *near_find_zone(struct engine *e, const struct zone *zone);
const struct near_zone *near_find_zone_of_page(struct engine *e, uint64_t page);

static inline const struct near_zone *near_zone_of_page(struct engine *e, uint64_t page)
{
	const struct near_zone *z = e->near->last;
	return near_holds(z->made, near_now(e)) && engine_page_pfn(e, page) - z->pfn < z->frames ? z : near_find_zone_of_page(e, page);
}

/* NULL: there is none, or it is of another time. */
static inline const struct near_zone *near_zone_used_last(const struct engine *e)
{
	const struct near_zone *z = e->near->last;
	return near_holds(z->made, near_now(e)) ? z : NULL;
}

/* By its address, when it is the zone that was found last. */
static inline const struct near_zone *near_zone_at(const struct engine *e, uint64_t zone)
{
	const struct near_zone *z = near_zone_used_last(e);
	return z && z->addr == zone ? z : NULL;
}

/* vma_find() of a modern mm: is it in the area of the last time? That is one of the mm's until it is freed (near_forget_area()). */
static inline bool near_find_area(const struct engine *e, uint64_t now, uint64_t mm, uint64_t addr, struct vma *out)
{
	const struct near_area *a = &e->near->area;
	if (a->mm != mm || !near_holds(a->made, now))
		return false;
	out->object = a->object;
	return vma_read(e->k, out) && out->mm == mm && addr >= out->start && addr < out->end;
}

static inline void near_keep_area(const struct engine *e, const struct vma *vma)
{
	e->near->area = (struct near_area){ .made = near_now(e), .mm = vma->mm, .object = vma->object };
}

static inline void near_forget_area(const struct engine *e)
{
	e->near->area.made = 0;
}

/* table_descend() to the lowest level: the address of the entry there, if its table is that of the last time; 0: it is not. */
static inline uint64_t near_find_entry(const struct engine *e, uint64_t now, uint64_t mm, uint64_t addr)
{
	const struct near_leaf *l = &e->near->leaf;
	return l->region == addr >> 21 && l->mm == mm && near_holds(l->made, now) ? l->table + (addr >> 12 & 511) * 8 : 0;
}

/* `entry` is that of addr in its lowest table, which stays there until it is moved or freed (near_forget_leaf()). */
static inline void near_keep_entry(const struct engine *e, uint64_t mm, uint64_t addr, uint64_t entry)
{
	if (e->k->geometry.entry_size == 8)
		e->near->leaf = (struct near_leaf){
			.made = near_now(e), .mm = mm, .region = addr >> 21, .table = entry & ~(uint64_t)(VMCORE_PAGE_SIZE - 1)
		};
}

static inline void near_forget_leaf(const struct engine *e)
{
	e->near->leaf.made = 0;
}

/* Is it the address of a struct page of the zone? */
static inline bool near_is_page(const struct engine *e, const struct near_zone *z, uint64_t page)
{
	uint64_t pfn = engine_page_pfn(e, page);
	return pfn - z->pfn < z->frames && e->mem_map + pfn * e->page_size == page;
}

/* To be read and written, of a page that is `plain`; NULL: the general way. */
static inline unsigned char *near_page(struct engine *e, uint64_t page)
{
	return kernel_near_last_writable(e->k, page, e->page_size);
}

static inline uint64_t near_word(const unsigned char *p)
{
	return load_uint(p, 8);
}

/* Is it a frame by itself, no part of a compound page? */
static inline bool near_is_single(const struct engine_near *n, const unsigned char *page)
{
	return !(near_word(page + n->flags) & n->large) && !(n->head && near_word(page + n->head) & 1);
}

/* ---- Lists: list_add(), list_del(), of a node that stands at n, after a head that stands at h. near_now() is not 0. False, and nothing was changed: the general way ---- */

static inline bool near_list_add(struct kernel *k, uint64_t node, unsigned char *n, uint64_t head, unsigned char *h)
{
	uint64_t next = near_word(h);
	unsigned char *after = next == head ? h : kernel_near_last(k, next, 16);
	if (!after)
		return false;
	store_uint(n, 8, next);
	store_uint(n + 8, 8, head);
	store_uint(h, 8, node);
	store_uint(after + 8, 8, node);
	return true;
}

static inline bool near_list_del(struct kernel *k, uint64_t node, const unsigned char *n)
{
	uint64_t next = near_word(n), prev = near_word(n + 8);
	unsigned char *after = kernel_near_last(k, next, 16), *before = kernel_near_last(k, prev, 16);
	if (!after || !before || near_word(before) != node || near_word(after + 8) != node)
		return false;
	store_uint(before, 8, next);
	store_uint(after + 8, 8, prev);
	return true;
}

/* ---- Counters: mod_state() ---- */

void near_fold(const struct near_counters *c, unsigned index, int sum);

static inline void near_count(const struct near_counters *c, unsigned index, int delta)
{
	int sum = c->own[index] + delta;
	if (__builtin_expect(sum > *c->threshold || -sum > *c->threshold, 0)) {
		near_fold(c, index, sum);
		sum = 0;
	}
	c->own[index] = (signed char)sum;
}

/* Is the item counted there, as near_count() does it? */
static inline bool near_counts(const struct near_zone *z, struct stat_item item)
{
	return item.group >= 0 && (unsigned)item.index < z->counters[item.group].count;
}

/* ---- New pages ---- */

/* page_add_new_anon_rmap(), to a zone that counts such pages near, of an area whose start is what its bytes say. */
static inline void near_new_anon_rmap(const struct engine *e, const struct near_zone *z, unsigned char *page, const struct vma *vma, uint64_t addr)
{
	const struct engine_near *n = e->near;
	const struct stat_item counted = e->modern->anon_mapped;
	store_uint(page + n->flags, 8, near_word(page + n->flags) | n->new_anon);
	store_uint(page + n->mapcount, 4, 0);
	store_uint(page + n->mapping, 8, vma->anon_vma ? vma->anon_vma | PAGE_MAPPING_ANON : 0);
	store_uint(page + n->index, 8, ((addr - vma->start) >> e->k->arch->page_shift) + vma->pgoff);
	near_count(&z->counters[counted.group], (unsigned)counted.index, 1);
}

/* lru_cache_add_modern() of a page of one frame, which gets `flags` too, when the batch does not become full by it. False: the general way. */
static inline bool near_put_on_batch(const struct near_batch *b, const struct engine_near *n, uint64_t page, unsigned char *bytes, uint64_t flags)
{
	/* A byte, or (of old) a word. */
	uint64_t count = b->count_size == 1 ? *b->count : b->room ? load_uint(b->count, b->count_size) : 0;
	if (count + 1 >= b->room || !near_is_single(n, bytes))
		return false;
	if (flags)
		store_uint(bytes + n->flags, 8, near_word(bytes + n->flags) | flags);
	store_uint(bytes + n->refcount, 4, load_uint(bytes + n->refcount, 4) + 1);
	store_uint(b->pages + 8 * count, 8, page);
	if (b->count_size == 1)
		*b->count = (unsigned char)(count + 1);
	else
		store_uint(b->count, b->count_size, count + 1);
	return true;
}

#endif
