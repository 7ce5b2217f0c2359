/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/sim/books.h"

#include <inttypes.h>
#include <stdlib.h>

#include "mm/sim/books_parts.h"
#include "mm/zone.h"

/* ---- What others find ---- */

struct error *books_page(struct check *c, uint64_t pfn, struct page *p)
{
	return page_open(c->k, c->e->mem_map + pfn * c->e->page_size, p);
}

static bool is_reserved(const struct check *c, const struct page *p)
{
	return p->flags >> c->e->bit_reserved & 1;
}

struct error *books_claim(struct check *c, uint64_t addr, unsigned order, enum frame_owner owner)
{
	uint64_t pfn = (addr - c->k->page_offset) >> c->k->arch->page_shift;
	if (addr < c->k->page_offset || pfn >= c->e->max_pfn ||
	    (1ull << order) > c->e->max_pfn - pfn || addr & (VMCORE_PAGE_SIZE - 1))
		return WRONG("no frame of the machine: %" PRIx64, addr);
	for (uint64_t i = 0; i < 1ull << order; i++) {
		struct frame *f = &c->frames[pfn + i];
		if (f->owner != OWNER_NONE)
			return WRONG("frame %" PRIx64 " is used twice (as %d, as %d)", pfn + i,
				     f->owner, owner);
		f->owner = owner;
	}
	c->frames[pfn].references++;
	return NULL;
}

struct error *books_refer(struct check *c, uint64_t pfn, bool *counted)
{
	struct page p;
	*counted = false;
	if (pfn >= c->e->max_pfn)
		return WRONG("no frame of the machine: %" PRIx64, pfn);
	TRY(books_page(c, pfn, &p));
	if (is_reserved(c, &p))
		return NULL;
	struct frame *f = &c->frames[pfn];
	if (f->owner != OWNER_NONE && f->owner != OWNER_USER)
		return WRONG("frame %" PRIx64 " is a user's, and somebody else's (%d)", pfn,
			     f->owner);
	f->owner = OWNER_USER;
	f->references++;
	*counted = true;
	return NULL;
}

/* ---- Free memory ---- */

struct free_walk {
	struct check *c;
	const struct zone *zone;
	unsigned order;
	uint64_t sum;
	struct error *error;
};

static bool see_block(void *context, uint64_t page, uint64_t pfn)
{
	struct free_walk *w = context;
	(void)page;
	uint64_t size = 1ull << w->order;
	if ((pfn - w->zone->start_pfn) & (size - 1) || pfn < w->zone->start_pfn ||
	    pfn + size > w->zone->start_pfn + w->zone->spanned_pages) {
		w->error =
			WRONG("free block of order %u at frame %" PRIx64 " is not where one can be",
			      w->order, pfn);
		return false;
	}
	for (uint64_t i = 0; i < size; i++) {
		if (w->c->frames[pfn + i].owner != OWNER_NONE) {
			w->error = WRONG("frame %" PRIx64 " is in two free blocks", pfn + i);
			return false;
		}
		w->c->frames[pfn + i].owner = OWNER_FREE;
	}
	w->c->frames[pfn].head = (uint8_t)(w->order + 1);
	w->sum += size;
	return true;
}

/* The bit of a pair of buddies is set when one of them, and not the other, is a free block of that
 * order. */
static struct error *check_bitmap(struct check *c, const struct zone *z, unsigned order)
{
	struct kernel *k = c->k;
	uint64_t area = z->addr + OFFSET(k, zone, free_area) +
			(uint64_t)order * SIZE_OF(k, free_area),
		 map;
	TRY(kernel_get(k, area, M_free_area_map, &map));
	for (uint64_t i = 0; i + (1ull << order) < z->spanned_pages; i += 2ull << order) {
		uint64_t word, bit = i >> (order + 1);
		bool first = c->frames[z->start_pfn + i].head == order + 1,
		     second = c->frames[z->start_pfn + i + (1ull << order)].head == order + 1;
		TRY(kernel_read_uint(k, map + bit / 32 * 4, 4, &word));
		if ((word >> bit % 32 & 1) != (first ^ second))
			return WRONG(
				"the bitmap of order %u and its list disagree at frame %" PRIx64,
				order, z->start_pfn + i);
		if (first && second)
			return WRONG(
				"two free buddies of order %u are not merged at frame %" PRIx64,
				order, z->start_pfn + i);
	}
	return NULL;
}

static struct error *check_zone(struct check *c, const struct zone *z)
{
	struct kernel *k = c->k;
	struct free_walk w = {.c = c, .zone = z};
	uint64_t counted;
	if (!z->spanned_pages)
		return NULL;
	for (w.order = 0; w.order < free_area_orders(k); w.order++) {
		TRY(free_list_walk(k, z, w.order, 0, see_block, &w));
		if (w.error)
			return w.error;
	}
	TRY(kernel_get(k, z->addr, M_zone_free_pages, &counted));
	if (counted != w.sum)
		return WRONG("zone %s counts %" PRIu64 " free frames, its lists have %" PRIu64,
			     z->name, counted, w.sum);
	for (unsigned order = 0; order + 1 < free_area_orders(k); order++)
		TRY(check_bitmap(c, z, order));
	return NULL;
}

/* ---- What booting took ---- */

/* A table whose variable holds its address; `size` in bytes. */
static struct error *claim_table(struct check *c, const char *variable, uint64_t size)
{
	uint64_t addr;
	unsigned order = 0;
	if (!symbol_addr(c->k, variable))
		return NULL;
	TRY(kernel_read_symbol(c->k, variable, 4, &addr));
	if (!addr)
		return NULL;
	while (((uint64_t)VMCORE_PAGE_SIZE << order) < size)
		order++;
	return books_claim(c, addr, order, OWNER_BOOT);
}

static struct error *claim_tables(struct check *c)
{
	static const struct {
		const char *table, *mask, *bits;
		unsigned entry;
	} tables[] = {
		{"dentry_hashtable", "d_hash_mask", NULL, 8},
		{"inode_hashtable", "i_hash_mask", NULL, 8},
		{"mount_hashtable", "hash_mask", NULL, 8},
		{"hash_table", "bh_hash_mask", NULL, 4},
		{"page_hash_table", NULL, "page_hash_bits", 4},
	};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		uint64_t n;
		if (!symbol_addr(c->k, tables[i].mask ? tables[i].mask : tables[i].bits))
			continue;
		TRY(kernel_read_symbol(c->k, tables[i].mask ? tables[i].mask : tables[i].bits, 4,
				       &n));
		if (!tables[i].mask && n > 31)
			return WRONG("%s is %" PRIu64, tables[i].bits, n);
		TRY(claim_table(c, tables[i].table,
				(tables[i].mask ? n + 1 : 1ull << n) * tables[i].entry));
	}
	return NULL;
}

/* ---- Each frame ---- */

static const char *const owner_names[] = {"nobody", "free", "a user", "page table",
					  "slab",   "task", "table"};

static struct error *check_free_frame(struct check *c, const struct page *p)
{
	struct engine *e = c->e;
	uint64_t bits = 1ull << e->bit_lru | 1ull << e->bit_active | 1ull << e->bit_slab |
			1ull << e->bit_locked | 1ull << e->bit_reserved;
	if (p->flags & bits || GET(c->k, &p->object, page, mapping) || page_refcount(c->k, p))
		return WRONG("frame %" PRIx64 " is free, with count %d, flags %" PRIx64, p->pfn,
			     page_refcount(c->k, p), p->flags);
	c->books.free++;
	return NULL;
}

static struct error *check_frame(struct check *c, uint64_t pfn)
{
	struct engine *e = c->e;
	struct page p;
	struct frame *f = &c->frames[pfn];
	TRY(books_page(c, pfn, &p));
	if (f->owner == OWNER_FREE)
		return check_free_frame(c, &p);
	if (f->on_lru != (p.flags >> e->bit_lru & 1))
		return WRONG("frame %" PRIx64 ": flags %" PRIx64 ", and it is %s an LRU list", pfn,
			     p.flags, f->on_lru ? "on" : "not on");
	if (is_reserved(c, &p)) {
		if (f->owner != OWNER_NONE)
			return WRONG("frame %" PRIx64 " is reserved, and used by %s", pfn,
				     owner_names[f->owner]);
		c->books.reserved++;
		return NULL;
	}
	if (f->owner == OWNER_NONE)
		return WRONG("frame %" PRIx64
			     " is lost: nobody has it, and it is not free (count %d, flags %" PRIx64
			     ")",
			     pfn, page_refcount(c->k, &p), p.flags);
	if (page_refcount(c->k, &p) != f->references)
		return WRONG("frame %" PRIx64 " (%s): count %d, references found: %d", pfn,
			     owner_names[f->owner], page_refcount(c->k, &p), f->references);
	if ((p.flags >> e->bit_slab & 1) != (f->owner == OWNER_SLAB))
		return WRONG("frame %" PRIx64 " (%s): flags %" PRIx64, pfn, owner_names[f->owner],
			     p.flags);
	uint64_t *counters[] = {NULL,		NULL,
				&c->books.user, &c->books.tables,
				&c->books.slab, &c->books.tasks,
				&c->books.boot};
	++*counters[f->owner];
	return NULL;
}

static struct error *check_all(struct check *c)
{
	struct kernel *k = c->k;
	TRY(nodes_open(k));
	for (size_t i = 0; i < zones_count(k); i++)
		TRY(check_zone(c, zones_get(k, i)));
	TRY(claim_tables(c));
	TRY(books_slabs(c));
	TRY(books_processes(c));
	TRY(books_cache(c));
	for (uint64_t pfn = 0; pfn < c->e->max_pfn; pfn++)
		TRY(check_frame(c, pfn));
	return NULL;
}

struct error *books_check(struct engine *e, struct books *out)
{
	struct check c = {.e = e, .k = e->k};
	c.frames = calloc(e->max_pfn, sizeof(*c.frames));
	if (!c.frames)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *wrong = check_all(&c);
	free(c.frames);
	free(c.swap);
	if (out)
		*out = c.books;
	return wrong;
}
