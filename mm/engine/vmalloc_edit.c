/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas of vmalloc space (mm/vmalloc.c): those in use in a list and a tree by address; what is free between them found by walking the list, or (5.2 to 6.8) in a tree of its own
 * whose nodes keep the greatest free area below them.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/list_edit.h"
#include "mm/engine/rbtree_edit.h"
#include "mm/engine/vmalloc_edit.h"
#include "mm/vmalloc.h"

#define STEPS_MAX 1000000u

static struct error *open_area(struct engine *e, uint64_t node, struct object *o)
{
	return object_open_writable(e->k, node - OFFSET(e->k, vmap_area, rb_node), S_vmap_area, o);
}

static uint64_t node_of(const struct engine *e, uint64_t area)
{
	return area + OFFSET(e->k, vmap_area, rb_node);
}

/* ---- Trees ---- */

static struct error *free_size(struct kernel *k, uint64_t node, uint64_t *size)
{
	struct object o;
	TRY(object_open(k, node - OFFSET(k, vmap_area, rb_node), S_vmap_area, &o));
	*size = GET(k, &o, vmap_area, va_end) - GET(k, &o, vmap_area, va_start);
	return NULL;
}

static struct rb_augment by_size(const struct engine *e)
{
	return (struct rb_augment){ OFFSET(e->k, vmap_area, subtree_max_size) - OFFSET(e->k, vmap_area, rb_node), free_size };
}

/* Into list and tree, both by addresses (insert_vmap_area()); `free`: into those of what is free. */
static struct error *insert_area(struct engine *e, uint64_t area, uint64_t start, bool free)
{
	struct kernel *k = e->k;
	uint64_t root = symbol_addr(k, free ? "free_vmap_area_root" : "vmap_area_root"), list = symbol_addr(k, free ? "free_vmap_area_list" : "vmap_area_list");
	uint64_t parent = 0, link = root, at, before = list;
	struct rb_augment augment = by_size(e);
	if (!root || !list)
		return error_new(ERR_UNSUPPORTED, "areas of vmalloc space, as this kernel keeps them, are not made yet");
	TRY(kernel_read_pointer(k, root, &at));
	for (unsigned depth = 0; at; depth++) {
		struct object o;
		if (depth > 64)
			return error_at(ERR_BAD_LIST, root, "a tree of vmalloc areas never ends");
		TRY(open_area(e, at, &o));
		uint64_t other = GET(k, &o, vmap_area, va_start);
		parent = at;
		link = at + (start < other ? OFFSET(k, rb_node, rb_left) : OFFSET(k, rb_node, rb_right));
		if (start > other)
			before = MEMBER_ADDR(k, &o, vmap_area, list);
		TRY(kernel_read_pointer(k, link, &at));
	}
	TRY(list_add(k, area + OFFSET(k, vmap_area, list), before));
	return rb_insert_augmented(k, root, node_of(e, area), parent, link, free ? &augment : NULL);
}

/* ---- A hole, where only what is in use is listed ---- */

struct hole {
	uint64_t size, align, start; /* start: the lowest address that may still do */
	bool found;
};

static bool look_below(void *context, const struct vmalloc_area *a)
{
	struct hole *h = context;
	uint64_t start = (h->start + h->align - 1) & -h->align;
	if (start + h->size <= a->start) {
		h->start = start;
		h->found = true;
		return false;
	}
	if (a->end > h->start)
		h->start = a->end;
	return true;
}

static struct error *find_hole(struct engine *e, struct hole *h)
{
	h->start = e->k->vmalloc_start;
	TRY(vmalloc_for_each(e->k, look_below, h));
	if (!h->found)
		h->start = (h->start + h->align - 1) & -h->align;
	return h->start + h->size <= e->k->vmalloc_end ? NULL : kernel_error(ENOMEM, "vmalloc space is full");
}

/* ---- A free area, where those have a tree ---- */

struct search {
	struct engine *e;
	uint64_t size, align, from; /* from: no area below it will do */
};

/* is_within_this_va() */
static bool fits(const struct search *s, const struct object *o)
{
	struct kernel *k = s->e->k;
	uint64_t start = GET(k, o, vmap_area, va_start);
	start = ((start > s->from ? start : s->from) + s->align - 1) & -s->align;
	return start + s->size > start && start + s->size <= GET(k, o, vmap_area, va_end);
}

/* The greatest free area of a child's subtree. */
static uint64_t greatest(const struct search *s, uint64_t node, bool left)
{
	struct kernel *k = s->e->k;
	uint64_t child, size;
	if (error_drop(kernel_get(k, node, left ? M_rb_node_rb_left : M_rb_node_rb_right, &child)) || !child ||
	    error_drop(kernel_get(k, child - OFFSET(k, vmap_area, rb_node), M_vmap_area_subtree_max_size, &size)))
		return 0;
	return size;
}

static struct error *child_of(const struct search *s, uint64_t node, bool left, uint64_t *child)
{
	return kernel_get(s->e->k, node, left ? M_rb_node_rb_left : M_rb_node_rb_right, child);
}

/* Back up to where something to the right may do. */
static struct error *roll_back(struct search *s, uint64_t *node, struct object *o, bool *found)
{
	struct kernel *k = s->e->k;
	uint64_t length = s->size + s->align - 1;
	*found = false;
	for (unsigned depth = 0; depth < 64; depth++) {
		TRY(kernel_get(k, *node, M_rb_node_rb_parent_color, node));
		*node &= ~3ull;
		if (!*node)
			return NULL;
		TRY(open_area(s->e, *node, o));
		*found = fits(s, o);
		if (*found)
			return NULL;
		uint64_t start = GET(k, o, vmap_area, va_start);
		if (greatest(s, *node, false) >= length && s->from <= start) {
			s->from = start + 1;
			return child_of(s, *node, false, node);
		}
	}
	return error_at(ERR_BAD_LIST, *node, "the tree of free vmalloc areas never ends");
}

/* find_vmap_lowest_match(): goes by lengths that hold at any alignment, so that it may pass an area by that would just do. */
static struct error *find_free(struct search *s, struct object *o)
{
	struct kernel *k = s->e->k;
	uint64_t node, length = s->size + s->align - 1;
	bool found = false;
	TRY(kernel_read_pointer(k, symbol_addr(k, "free_vmap_area_root"), &node));
	for (unsigned n = 0; node && n < STEPS_MAX; n++) {
		TRY(open_area(s->e, node, o));
		if (greatest(s, node, true) >= length && s->from < GET(k, o, vmap_area, va_start)) {
			TRY(child_of(s, node, true, &node));
			continue;
		}
		if (fits(s, o))
			return NULL;
		if (greatest(s, node, false) >= length) {
			TRY(child_of(s, node, false, &node));
			continue;
		}
		TRY(roll_back(s, &node, o, &found));
		if (found)
			return NULL;
	}
	return kernel_error(ENOMEM, "vmalloc space is full");
}

/* A vmap_area that each CPU has ready for when a free one is cut in two. */
static struct error *spare_area(struct engine *e, bool take, uint64_t *area)
{
	struct kernel *k = e->k;
	uint64_t slot = symbol_addr(k, "ne_fit_preload_node"), cache;
	*area = 0;
	if (slot) {
		slot = percpu_addr(k, slot, e->cpu);
		TRY(kernel_read_pointer(k, slot, area));
	}
	if (take && *area)
		return kernel_write_pointer(k, slot, 0);
	if (*area || (!take && !slot))
		return NULL;
	TRY(kernel_read_symbol(k, "vmap_area_cachep", 0, &cache));
	TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, area));
	return take ? NULL : kernel_write_pointer(k, slot, *area);
}

/* adjust_va_to_fit_type(): the range goes out of the free area, from one of its ends or from between them. */
static struct error *cut_out(struct engine *e, const struct object *from, uint64_t start, uint64_t end)
{
	struct kernel *k = e->k;
	uint64_t first = GET(k, from, vmap_area, va_start), last = GET(k, from, vmap_area, va_end), spare, cache;
	struct rb_augment augment = by_size(e);
	if (start == first && end == last) {
		TRY(rb_erase_augmented(k, symbol_addr(k, "free_vmap_area_root"), node_of(e, from->addr), &augment));
		TRY(list_del(k, MEMBER_ADDR(k, from, vmap_area, list)));
		TRY(kernel_read_symbol(k, "vmap_area_cachep", 0, &cache));
		return kmem_cache_free(e, cache, from->addr);
	}
	if (end == last)
		SET(k, from, vmap_area, va_end, start);
	else
		SET(k, from, vmap_area, va_start, end);
	TRY(rb_augment_propagate(k, node_of(e, from->addr), &augment));
	if (start == first || end == last)
		return NULL;
	struct object o;
	TRY(spare_area(e, true, &spare));
	TRY(object_open_writable(k, spare, S_vmap_area, &o));
	memset((void *)o.bytes, 0, o.size);
	SET(k, &o, vmap_area, va_start, first);
	SET(k, &o, vmap_area, va_end, start);
	return insert_area(e, spare, first, true);
}

struct error *alloc_vmap_area(struct engine *e, uint64_t area, uint64_t size, uint64_t align, uint64_t *start)
{
	struct kernel *k = e->k;
	struct hole h = { .size = size, .align = align };
	struct search s = { .e = e, .size = size, .align = align, .from = k->vmalloc_start };
	struct object o, from;
	uint64_t spare;
	TRY(object_open_writable(k, area, S_vmap_area, &o));
	if (symbol_addr(k, "free_vmap_area_root") && HAS(k, vmap_area, subtree_max_size)) {
		TRY(spare_area(e, false, &spare));
		TRY(find_free(&s, &from));
		uint64_t at = GET(k, &from, vmap_area, va_start);
		h.start = ((at > s.from ? at : s.from) + align - 1) & -align;
		TRY(cut_out(e, &from, h.start, h.start + size));
	} else {
		TRY(find_hole(e, &h));
	}
	*start = h.start;
	SET(k, &o, vmap_area, va_start, h.start);
	SET(k, &o, vmap_area, va_end, h.start + size);
	TRACE(e, "alloc_vmap_area", "the lowest place that will do", { "vmap_area", area }, { "va_start", h.start }, { "size", size });
	return insert_area(e, area, h.start, false);
}

/* ---- Giving back ---- */

struct by_vm {
	uint64_t vm, area;
};

static bool match_vm(void *context, const struct vmalloc_area *a)
{
	struct by_vm *s = context;
	s->area = a->vm == s->vm ? a->addr : 0;
	return !s->area;
}

struct error *free_vmap_area(struct engine *e, uint64_t vm)
{
	struct kernel *k = e->k;
	struct by_vm s = { .vm = vm };
	struct object o;
	uint64_t purge = symbol_addr(k, "vmap_purge_list"), lazy = symbol_addr(k, "vmap_lazy_nr"), first, count, cache;
	TRY(vmalloc_for_each(k, match_vm, &s));
	if (!s.area)
		return error_at(ERR_BAD_OBJECT, vm, "no area has the vm_struct %" PRIx64, vm);
	TRY(object_open_writable(k, s.area, S_vmap_area, &o));
	TRY(list_del(k, MEMBER_ADDR(k, &o, vmap_area, list)));
	TRY(rb_erase(k, symbol_addr(k, "vmap_area_root"), node_of(e, s.area)));
	if (!purge || !lazy || !HAS(k, vmap_area, purge_list) || k->members[M_vmap_area_purge_list].total != k->arch->pointer_size) {
		/* As if all were purged at once. */
		if (symbol_addr(k, "free_vmap_area_root"))
			return error_at(ERR_UNSUPPORTED, s.area, "how this kernel gives areas of vmalloc space back is not followed");
		TRY(kernel_read_symbol(k, "vmap_area_cachep", 0, &cache));
		return kmem_cache_free(e, cache, s.area);
	}
	TRY(kernel_read_pointer(k, lazy, &count));
	TRY(kernel_write_pointer(k, lazy, count + ((GET(k, &o, vmap_area, va_end) - GET(k, &o, vmap_area, va_start)) >> k->arch->page_shift)));
	TRY(kernel_read_pointer(k, purge, &first));
	SET(k, &o, vmap_area, purge_list, first);
	TRACE(e, "free_vmap_area_noflush", "its addresses are used again later", { "vmap_area", s.area }, { "vmap_purge_list", purge });
	return kernel_write_pointer(k, purge, MEMBER_ADDR(k, &o, vmap_area, purge_list));
}
