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

/* What a memo was made for: it holds as long as that does. */
struct near_memo {
	bool made;
	unsigned generation, cpu;
};

struct near_zone {
	struct near_memo memo;
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
	struct near_memo memo;
	const struct near_zone *zone; /* NULL: the general way */
	const unsigned char *free, *highatomic, *mark, *boost, *reserve; /* words */
	unsigned char *list, *count; /* the CPU's list of the type: its head, how many frames there are on all its lists */
	uint64_t head; /* the head's address */
};

/* The acting CPU's batch of new pages for the LRU lists. */
struct near_batch {
	struct near_memo memo;
	unsigned char *count, *pages;
	unsigned count_size, room; /* room 0: the general way */
};

/* The area that a fault was in last. */
struct near_area {
	struct near_memo memo;
	uint64_t mm;
	struct object object;
};

/* The lowest page table that a fault came to last: of the 2 MiB that begin at region << 21. */
struct near_leaf {
	struct near_memo memo;
	uint64_t mm, region, table;
};

struct engine_near {
	/* Where the words of a struct page are, which are words of their usual sizes; not so: the general way. */
	bool plain, has_memcg;
	uint32_t flags, refcount, mapcount, mapping, private, memcg, head, lru, pcp_list, buddy_list, page_type;
	uint32_t index; /* 0: it is none such */
	uint32_t buddy; /* the page_type of a free block's first page */
	/* Bits of the flags: */
	uint64_t lru_bit, swapbacked, active, exclusive, reserved, unsettled; /* PG_lru …; of pages that do not go from a batch to a list of pages to be had, simply */
	uint64_t new_anon; /* set in a new anonymous page */
	uint64_t kept;	/* of a page that is free: which of its flags' bits are none of enum pageflags, and PG_hwpoison; 0: that is not known */
	uint64_t large; /* flags that pages of several frames have; a tail may have the lowest bit of `head` instead (0: there is no such word, for the first is the flags) */
	struct near_zone zones[4], *last;
	struct near_supply supplies[3]; /* by enum page_class */
	struct near_batch batch;
	struct near_area area;
	struct near_leaf leaf;
};

/* For an engine that has `modern`. */
struct error *near_open(struct engine *e) MUST_CHECK;

/* Is anything near? */
static inline bool near_allowed(const struct engine *e)
{
	return __builtin_expect(!e->k->flat->marks, 1);
}

static inline bool near_holds(const struct engine *e, const struct near_memo *m)
{
	return m->made && m->generation == e->k->mm->generation && m->cpu == e->cpu;
}

/* NULL: the general way. */
const struct near_zone *near_find_zone(struct engine *e, const struct zone *zone);
const struct near_zone *near_find_zone_of_page(struct engine *e, uint64_t page);

static inline const struct near_zone *near_zone_of_page(struct engine *e, uint64_t page)
{
	const struct near_zone *z = e->near->last;
	return near_holds(e, &z->memo) && engine_page_pfn(e, page) - z->pfn < z->frames && near_allowed(e) ? z : near_find_zone_of_page(e, page);
}

/* By its address, when it is the zone that was found last. */
static inline const struct near_zone *near_zone_at(const struct engine *e, uint64_t zone)
{
	const struct near_zone *z = e->near->last;
	return z->addr == zone && near_holds(e, &z->memo) && near_allowed(e) ? z : NULL;
}

/* vma_find() of a modern mm: is it in the area of the last time? That is one of the mm's until it is freed (near_forget_area()). */
static inline bool near_find_area(const struct engine *e, uint64_t mm, uint64_t addr, struct vma *out)
{
	const struct near_area *a = &e->near->area;
	if (a->mm != mm || !near_holds(e, &a->memo) || !near_allowed(e))
		return false;
	out->object = a->object;
	return vma_read(e->k, out) && out->mm == mm && addr >= out->start && addr < out->end;
}

static inline void near_keep_area(const struct engine *e, const struct vma *vma)
{
	e->near->area = (struct near_area){ .memo = { true, e->k->mm->generation, e->cpu }, .mm = vma->mm, .object = vma->object };
}

static inline void near_forget_area(const struct engine *e)
{
	e->near->area.memo.made = false;
}

/* table_descend() to the lowest level: the address of the entry there, if its table is that of the last time; 0: it is not. */
static inline uint64_t near_find_entry(const struct engine *e, uint64_t mm, uint64_t addr)
{
	const struct near_leaf *l = &e->near->leaf;
	return l->region == addr >> 21 && l->mm == mm && near_holds(e, &l->memo) && near_allowed(e) ? l->table + (addr >> 12 & 511) * 8 : 0;
}

/* `entry` is that of addr in its lowest table, which stays there until it is moved or freed (near_forget_leaf()). */
static inline void near_keep_entry(const struct engine *e, uint64_t mm, uint64_t addr, uint64_t entry)
{
	if (e->k->geometry.entry_size == 8)
		e->near->leaf = (struct near_leaf){
			.memo = { true, e->k->mm->generation, e->cpu }, .mm = mm, .region = addr >> 21, .table = entry & ~(uint64_t)(VMCORE_PAGE_SIZE - 1)
		};
}

static inline void near_forget_leaf(const struct engine *e)
{
	e->near->leaf.memo.made = false;
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

/* ---- Lists: list_add(), list_del(), of a node that stands at n, after a head that stands at h. False, and nothing was changed: the general way ---- */

static inline bool near_list_add(struct kernel *k, uint64_t node, unsigned char *n, uint64_t head, unsigned char *h)
{
	uint64_t next = near_word(h);
	unsigned char *after = next == head ? h : kernel_near_last_writable(k, next, 16);
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
	unsigned char *after = kernel_near_last_writable(k, next, 16), *before = kernel_near_last_writable(k, prev, 16);
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

#endif
