/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The LRU lists of 2.4: active_list and inactive_list for the whole machine (mm/swap.c, include/linux/swap.h).
 */
#include "mm/engine/engine.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/modern.h"

static inline struct error *count_on(struct engine *e, uint64_t counter, int delta)
{
	unsigned char *p = kernel_near_writable(e->k, counter, 4);
	uint64_t v;
	if (__builtin_expect(p != NULL, 1)) {
		store_uint(p, 4, load_uint(p, 4) + (uint64_t)(int64_t)delta);
		return NULL;
	}
	if (!counter)
		return NULL;
	TRY(kernel_read_uint(e->k, counter, 4, &v));
	return kernel_write_uint(e->k, counter, 4, v + (uint64_t)(int64_t)delta);
}

static struct error *put_on(struct engine *e, const struct page *p, bool active)
{
	TRY(list_add(e->k, MEMBER_ADDR(e->k, &p->object, page, lru), active ? e->active_list : e->inactive_list));
	return count_on(e, active ? e->nr_active_pages : e->nr_inactive_pages, 1);
}

static struct error *take_off(struct engine *e, const struct page *p, bool active)
{
	TRY(list_del(e->k, MEMBER_ADDR(e->k, &p->object, page, lru)));
	return count_on(e, active ? e->nr_active_pages : e->nr_inactive_pages, -1);
}

static inline void set_flags(struct engine *e, struct page *p, uint64_t flags)
{
	p->flags = flags;
	SET(e->k, &p->object, page, flags, flags);
}

static inline struct error *add_opened(struct engine *e, struct page *p)
{
	if (p->flags >> e->bit_lru & 1)
		return NULL;
	set_flags(e, p, p->flags | 1ull << e->bit_lru);
	return put_on(e, p, false);
}

/* A page used for the second time moves to the active list; the first time it is only marked (mm/filemap.c). */
static inline struct error *accessed_opened(struct engine *e, struct page *p)
{
	bool active = p->flags >> e->bit_active & 1, referenced = p->flags >> e->bit_referenced & 1;
	if (active || !referenced) {
		set_flags(e, p, p->flags | 1ull << e->bit_referenced);
		return NULL;
	}
	if (!(p->flags >> e->bit_lru & 1)) {
		set_flags(e, p, p->flags & ~(1ull << e->bit_referenced));
		return NULL;
	}
	TRY(take_off(e, p, false));
	set_flags(e, p, (p->flags | 1ull << e->bit_active) & ~(1ull << e->bit_referenced));
	return put_on(e, p, true);
}

struct error *lru_cache_add(struct engine *e, uint64_t page)
{
	struct page p;
	if (!e->classic)
		return lru_cache_add_modern(e, page);
	TRY(page_open_writable(e, page, &p));
	return add_opened(e, &p);
}

struct error *lru_cache_add_accessed(struct engine *e, uint64_t page)
{
	struct page p;
	TRY(page_open_writable(e, page, &p));
	/* Most are fresh: put on the list and marked at once. */
	const uint64_t lru = 1ull << e->bit_lru, referenced = 1ull << e->bit_referenced;
	if (__builtin_expect(!(p.flags & (lru | referenced)), 1)) {
		set_flags(e, &p, p.flags | lru | referenced);
		return put_on(e, &p, false);
	}
	TRY(add_opened(e, &p));
	return accessed_opened(e, &p);
}

struct error *lru_cache_del(struct engine *e, uint64_t page)
{
	struct page p;
	TRY(page_open_writable(e, page, &p));
	if (!(p.flags >> e->bit_lru & 1))
		return NULL;
	bool active = p.flags >> e->bit_active & 1;
	set_flags(e, &p, p.flags & ~(1ull << e->bit_lru | 1ull << e->bit_active));
	return take_off(e, &p, active);
}

struct error *mark_page_accessed(struct engine *e, uint64_t page)
{
	struct page p;
	if (!e->classic)
		return mark_page_accessed_modern(e, page);
	TRY(page_open_writable(e, page, &p));
	return accessed_opened(e, &p);
}
