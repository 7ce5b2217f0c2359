/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The buddy allocator's free lists (mm/page_alloc.c).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/memmap.h"
#include "mm/state.h"
#include "mm/zone_table.h"

unsigned free_area_orders(struct kernel *k)
{
	return k->mm->nodes->orders;
}

unsigned free_area_types(struct kernel *k)
{
	return k->mm->nodes->types;
}

const char *migratetype_name(struct kernel *k, unsigned type)
{
	struct node_table *t = k->mm->nodes;
	if (type >= t->types)
		return "";
	if (!t->migratetype[type]) {
		uint64_t table = symbol_addr(k, "migratetype_names"), name;
		char text[32] = "";
		if (table && !error_drop(kernel_read_pointer(
				     k, table + type * k->arch->pointer_size, &name)))
			error_drop(kernel_read_string(k, name, text, sizeof(text)));
		t->migratetype[type] = strdup(text);
	}
	return t->migratetype[type] ? t->migratetype[type] : "";
}

static uint64_t area_addr(struct kernel *k, const struct zone *z, unsigned order)
{
	return z->addr + OFFSET(k, zone, free_area) + (uint64_t)order * SIZE_OF(k, free_area);
}

uint64_t free_list_addr(struct kernel *k, const struct zone *z, unsigned order, unsigned type)
{
	return area_addr(k, z, order) + OFFSET(k, free_area, free_list) +
	       (uint64_t)type * SIZE_OF(k, list_head);
}

uint64_t free_area_count(struct kernel *k, const struct zone *z, unsigned order)
{
	struct object area;
	return object_try_open(k, area_addr(k, z, order), S_free_area, &area)
		       ? GET(k, &area, free_area, nr_free)
		       : 0;
}

static struct error *bad_list(const struct zone *z, unsigned order, uint64_t at, const char *what)
{
	return error_at(ERR_BAD_LIST, at, "free list of zone %s, order %u: %s: %" PRIx64, z->name,
			order, what, at);
}

static struct error *check_block(struct kernel *k, const struct zone *z, unsigned order,
				 uint64_t head, struct page *p)
{
	uint64_t pfn;
	if (!page_to_pfn(k, head, &pfn))
		return bad_list(z, order, head, "no struct page");
	TRY(page_open(k, head, p));
	if (pfn - z->start_pfn >= z->spanned_pages)
		return bad_list(z, order, head, "a page of another zone");
	if (page_marks_free(k) && !page_is_buddy(k, p))
		return bad_list(z, order, head, "a page that is not marked free");
	if (!page_marks_free(k) && page_refcount(k, p))
		return bad_list(z, order, head, "a page in use");
	if (HAS(k, page, private) && GET(k, &p->object, page, private) != order)
		return bad_list(z, order, head, "a block of another order");
	return NULL;
}

struct error *free_list_walk(struct kernel *k, const struct zone *z, unsigned order, unsigned type,
			     free_block_visitor *visit, void *context)
{
	uint64_t head = free_list_addr(k, z, order, type),
		 link_offset = OFFSET(k, page, buddy_list);
	uint64_t limit = (z->spanned_pages >> order) + 1, previous = head, at;
	unsigned pointer = k->arch->pointer_size;
	if (!HAS(k, page, buddy_list))
		return error_new(ERR_NO_MEMBER, "this kernel's struct page has no list");
	TRY(kernel_read_pointer(k, head, &at));
	for (uint64_t count = 0; at != head; count++) {
		struct page p;
		if (count > limit)
			return bad_list(z, order, at, "it does not end");
		if (!(count & 4095))
			TRY(check_interrupt());
		TRY(check_block(k, z, order, at - link_offset, &p));
		if (load_uint(p.object.bytes + link_offset + pointer, pointer) != previous)
			return bad_list(z, order, at - link_offset, "not linked back");
		if (!visit(context, p.object.addr, p.pfn))
			return NULL;
		previous = at;
		at = load_uint(p.object.bytes + link_offset, pointer);
	}
	return NULL;
}

/* ---- The block of a frame ---- */

struct block_search {
	uint64_t pfn, head;
	unsigned order;
	bool found;
};

static bool match_block(void *context, uint64_t page, uint64_t pfn)
{
	struct block_search *s = context;
	(void)page;
	s->found = s->pfn - pfn < 1ull << s->order;
	s->head = pfn;
	return !s->found;
}

/* By the lists, where no page is marked. */
static bool find_in_lists(struct kernel *k, uint64_t pfn, uint64_t *head, unsigned *order)
{
	const struct zone *z = zone_of_pfn(k, pfn);
	struct block_search s = {.pfn = pfn};
	for (; z && s.order < k->mm->nodes->orders; s.order++) {
		if (error_drop(free_list_walk(k, z, s.order, 0, match_block, &s)))
			return false;
		if (s.found) {
			*head = s.head;
			*order = s.order;
			return true;
		}
	}
	return false;
}

bool free_block_of(struct kernel *k, uint64_t pfn, uint64_t *head, unsigned *order)
{
	if (!page_marks_free(k))
		return find_in_lists(k, pfn, head, order);
	for (unsigned o = 0; o < k->mm->nodes->orders; o++) {
		uint64_t first = pfn & ~((1ull << o) - 1), page;
		struct page p;
		if (!pfn_to_page(k, first, &page) || error_drop(page_open(k, page, &p)) ||
		    !page_is_buddy(k, &p))
			continue;
		uint64_t block = GET(k, &p.object, page, private);
		if (block < k->mm->nodes->orders && pfn - first < 1ull << block) {
			*head = first;
			*order = (unsigned)block;
			return true;
		}
	}
	return false;
}
