/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vma_merge() (mm/mmap.c, until 6.0): a mapping that comes, or an area that changes, joins the areas beside it where nothing tells them apart.
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"

/* VM_IO, VM_DONTEXPAND, VM_PFNMAP, VM_MIXEDMAP: VM_SPECIAL, never merged. */
#define VM_SPECIAL_BITS (VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP)

struct merging {
	struct engine *e;
	const struct vma_request *r;
};

static uint64_t pages_in(const struct merging *m, uint64_t start, uint64_t end)
{
	return (end - start) >> m->e->k->arch->page_shift;
}

static bool is_mergeable_vma(const struct merging *m, const struct object *vma)
{
	struct kernel *k = m->e->k;
	uint64_t ops = GET(k, vma, vm_area_struct, vm_ops), close = 0;
	if ((GET(k, vma, vm_area_struct, vm_flags) ^ m->r->flags) & ~VM_SOFTDIRTY || GET(k, vma, vm_area_struct, vm_file) != m->r->file)
		return false;
	/* A driver that wants to know when an area goes counts areas. */
	if (ops && (error_drop(kernel_get(k, ops, M_vm_operations_struct_close, &close)) || close))
		return false;
	return GET(k, vma, vm_area_struct, uffd_ctx) == m->r->uffd_ctx;
}

static bool same_policy(const struct merging *m, const struct object *vma)
{
	return m->r->policy ? mpol_equal(m->e, m->r->policy, vma) : !GET(m->e->k, vma, vm_area_struct, vm_policy);
}

/* `vma` NULL: whatever it has been through. */
static bool is_mergeable_anon_vma(const struct merging *m, uint64_t one, uint64_t other, const struct object *vma)
{
	if ((!one || !other) && (!vma || list_is_singular(m->e->k, MEMBER_ADDR(m->e->k, vma, vm_area_struct, anon_vma_chain))))
		return true;
	return one == other;
}

static bool may_join(const struct merging *m, const struct object *vma, uint64_t pgoff)
{
	struct kernel *k = m->e->k;
	return is_mergeable_vma(m, vma) && is_mergeable_anon_vma(m, m->r->anon_vma, GET(k, vma, vm_area_struct, anon_vma), vma) &&
	       GET(k, vma, vm_area_struct, vm_pgoff) == pgoff && same_policy(m, vma);
}

/* What was mapped may go behind `vma`. */
static bool can_vma_merge_after(const struct merging *m, const struct object *vma)
{
	struct kernel *k = m->e->k;
	uint64_t start = GET(k, vma, vm_area_struct, vm_start), end = GET(k, vma, vm_area_struct, vm_end);
	return end == m->r->start && may_join(m, vma, m->r->pgoff - pages_in(m, start, end));
}

/* Or before it. */
static bool can_vma_merge_before(const struct merging *m, const struct object *vma)
{
	return GET(m->e->k, vma, vm_area_struct, vm_start) == m->r->end && may_join(m, vma, m->r->pgoff + pages_in(m, m->r->start, m->r->end));
}

static struct error *open_if(struct engine *e, uint64_t addr, struct object *o)
{
	*o = (struct object){ NULL, 0, 0 };
	return addr ? object_open(e->k, addr, S_vm_area_struct, o) : NULL;
}

static struct error *merge(struct engine *e, const struct object *mm, uint64_t prev_addr, const struct vma_request *r, uint64_t *merged)
{
	struct kernel *k = e->k;
	const struct merging m = { e, r };
	struct object prev, area, next;
	uint64_t at;
	*merged = 0;
	if (r->flags & VM_SPECIAL_BITS)
		return NULL;
	TRY(open_if(e, prev_addr, &prev));
	TRY(prev_addr ? vma_after(e, &prev, &at) : first_vma(e, mm, &at));
	TRY(open_if(e, at, &area));
	next = area;
	/* The request is (the rest of) an area that exists: what counts is the one behind it. */
	if (area.bytes && GET(k, &area, vm_area_struct, vm_end) == r->end) {
		TRY(vma_after(e, &area, &at));
		TRY(open_if(e, at, &next));
	}
	bool after = prev.bytes && can_vma_merge_after(&m, &prev), before = next.bytes && !r->just_expand && can_vma_merge_before(&m, &next);
	bool both = after && before &&
		    is_mergeable_anon_vma(&m, GET(k, &prev, vm_area_struct, anon_vma), GET(k, &next, vm_area_struct, anon_vma), NULL);
	TRACE(e, "vma_merge", both ? "joins both neighbours" : after ? "extends the area before" : before ? "extends the area after" : "no neighbour fits",
	      { "prev", prev_addr }, { "next", next.addr }, { "vm_flags", r->flags });
	if (after) {
		uint64_t end = both ? GET(k, &next, vm_area_struct, vm_end) : r->end;
		*merged = prev_addr;
		return __vma_adjust(e, mm, (struct vma_adjust){ prev_addr, GET(k, &prev, vm_area_struct, vm_start), end,
								 GET(k, &prev, vm_area_struct, vm_pgoff), 0, prev_addr });
	}
	if (!before)
		return NULL;
	*merged = next.addr;
	/* The end of prev becomes part of next. */
	if (prev.bytes && r->start < GET(k, &prev, vm_area_struct, vm_end)) {
		*merged = next.addr;
		return __vma_adjust(e, mm, (struct vma_adjust){ prev_addr, GET(k, &prev, vm_area_struct, vm_start), r->start,
								 GET(k, &prev, vm_area_struct, vm_pgoff), 0, next.addr });
	}
	return __vma_adjust(e, mm, (struct vma_adjust){ area.addr, r->start, GET(k, &next, vm_area_struct, vm_end),
							 GET(k, &next, vm_area_struct, vm_pgoff) - pages_in(&m, r->start, r->end), 0, next.addr });
}

struct error *vma_merge(struct engine *e, const struct object *mm, uint64_t prev, const struct vma_request *r, uint64_t *merged)
{
	struct object vma;
	TRY(merge(e, mm, prev, r, merged));
	if (!*merged)
		return NULL;
	TRY(object_open(e->k, *merged, S_vm_area_struct, &vma));
	return khugepaged_enter_vma_merge(e, mm, &vma, r->flags);
}
