/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The areas of an mm in their order, whether they stand in a list and a red-black tree (3.8 to 6.0) or in a maple tree (since 6.1), and changes of that tree. An area of the
 * tree is believed when its bounds are those of its range there.
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/maple_edit.h"
#include "mm/maple.h"

#define MOST_EMPTY 1000 /* ranges without an area, one behind the other: a sound tree has 2, and one of a fork that failed a few */

bool areas_in_maple_tree(const struct kernel *k)
{
	return HAS(k, mm_struct, mm_mt);
}

static uint64_t tree_of(const struct engine *e, uint64_t mm)
{
	return mm + OFFSET(e->k, mm_struct, mm_mt);
}

/* ---- Looking ---- */

static struct error *check_area(struct engine *e, uint64_t mm, uint64_t vma, uint64_t first, uint64_t last)
{
	struct kernel *k = e->k;
	struct object o;
	TRY(object_open(k, vma, S_vm_area_struct, &o));
	if (GET(k, &o, vm_area_struct, vm_start) != first || GET(k, &o, vm_area_struct, vm_end) != last + 1 || GET(k, &o, vm_area_struct, vm_mm) != mm)
		return error_at(ERR_BAD_LIST, vma, "the tree of mm %" PRIx64 " has area %" PRIx64 " from %" PRIx64 " to %" PRIx64 ", where it is not", mm, vma, first, last);
	return NULL;
}

/* The first area that ends behind `addr` (`back`: the last one that begins at or below it), 0 for none; what the tree has of it. */
static struct error *look(struct engine *e, uint64_t mm, uint64_t addr, bool back, uint64_t *vma, uint64_t *first)
{
	uint64_t most = e->k->wide ? UINT64_MAX : UINT32_MAX, last;
	for (unsigned n = 0; n < MOST_EMPTY; n++) {
		TRY(maple_find(e->k, tree_of(e, mm), addr, vma, first, &last));
		if (*vma && !maple_entry_is_internal(*vma))
			return check_area(e, mm, *vma, *first, last);
		*vma = 0;
		if (back ? !*first : last >= most)
			return NULL;
		addr = back ? *first - 1 : last + 1;
	}
	return error_at(ERR_BAD_LIST, mm, "the tree of areas of mm %" PRIx64 " has empty ranges side by side", mm);
}

struct error *vma_after(struct engine *e, const struct object *vma, uint64_t *next)
{
	struct kernel *k = e->k;
	uint64_t end = GET(k, vma, vm_area_struct, vm_end), first;
	if (!areas_in_maple_tree(k)) {
		*next = GET(k, vma, vm_area_struct, vm_next);
		return NULL;
	}
	TRY(look(e, GET(k, vma, vm_area_struct, vm_mm), end, false, next, &first));
	return *next && first < end ? error_at(ERR_BAD_LIST, vma->addr, "areas out of order: %" PRIx64, vma->addr) : NULL;
}

struct error *vma_before(struct engine *e, const struct object *vma, uint64_t *prev)
{
	struct kernel *k = e->k;
	uint64_t start = GET(k, vma, vm_area_struct, vm_start), first;
	*prev = 0;
	if (!areas_in_maple_tree(k))
		*prev = GET(k, vma, vm_area_struct, vm_prev);
	else if (start)
		return look(e, GET(k, vma, vm_area_struct, vm_mm), start - 1, true, prev, &first);
	return NULL;
}

struct error *first_vma(struct engine *e, const struct object *mm, uint64_t *vma)
{
	uint64_t first;
	if (areas_in_maple_tree(e->k))
		return look(e, mm->addr, 0, false, vma, &first);
	*vma = GET(e->k, mm, mm_struct, mmap);
	return NULL;
}

struct error *find_vma_in_tree(struct engine *e, const struct object *mm, uint64_t addr, struct vma_place *place)
{
	uint64_t first = 0;
	*place = (struct vma_place){ 0 };
	TRY(look(e, mm->addr, addr, false, &place->vma, &first));
	place->inside = place->vma && first <= addr;
	return place->inside || !addr ? NULL : look(e, mm->addr, addr - 1, true, &place->prev, &first);
}

/* ---- Changing ---- */

static struct error *take_node(void *context, uint64_t *node)
{
	struct engine *e = context;
	return kmem_cache_alloc(e, e->areas.maple_node_cache, GFP24_KERNEL, node);
}

static struct error *give_node(void *context, uint64_t node)
{
	struct engine *e = context;
	return kmem_cache_free(e, e->areas.maple_node_cache, node);
}

struct error *vma_store(struct engine *e, const struct object *mm, uint64_t start, uint64_t end, uint64_t vma)
{
	const struct maple_nodes nodes = { take_node, give_node, e };
	if (start >= end)
		return error_at(ERR_BAD_OBJECT, vma, "no area: from %" PRIx64 " to %" PRIx64, start, end);
	TRACE(e, "mas_store", vma ? "the area's range" : "the range is empty now", { "index", start }, { "last", end - 1 }, { "entry", vma });
	return maple_store(e->k, &nodes, tree_of(e, mm->addr), start, end - 1, vma);
}

struct error *vma_tree_destroy(struct engine *e, const struct object *mm)
{
	const struct maple_nodes nodes = { take_node, give_node, e };
	return maple_destroy(e->k, &nodes, tree_of(e, mm->addr));
}
