/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The trees that areas stand in: the free room between areas that each node of a maple tree, or each area of an augmented red-black tree, keeps to find a place for a
 * new one; and of a maple tree all else that the kernel's own check looks at.
 */
#include <inttypes.h>

#include "mm/audit/mm.h"
#include "mm/maple.h"
#include "mm/rbtree.h"

struct gap_walk {
	struct audit *a;
	const struct audit_mm *mm;
	uint64_t guard; /* stack_guard_gap, in bytes */
	uint64_t tree;	/* the maple tree */
	size_t nodes;
};

static void see_gap(void *context, uint64_t node, unsigned slot, uint64_t kept, uint64_t found)
{
	struct gap_walk *w = context;
	if (kept != found)
		audit_say_mm(w->a, w->mm, AUDIT_AREAS, node, "maple node %" PRIx64 " keeps a greatest gap of %" PRIx64 " for slot %u, where it is %" PRIx64,
			     node, kept, slot, found);
}

static void see_node(void *context, uint64_t node, const char *what)
{
	struct gap_walk *w = context;
	audit_say_mm(w->a, w->mm, AUDIT_AREAS, node, "maple %s %" PRIx64 " %s", node == w->tree ? "tree" : "node", node, what);
}

/* ---- rb_subtree_gap: mm/mmap.c, 3.8 to 6.0 ---- */

static int area_index(const struct audit_mm *mm, uint64_t start, size_t *index)
{
	for (size_t low = 0, high = mm->area_count; low < high;) {
		size_t middle = (low + high) / 2;
		if (mm->areas[middle].start == start) {
			*index = middle;
			return 1;
		}
		if (mm->areas[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

/* vm_start_gap(prev's end): a stack keeps a guard below itself (1be7107fbe18, and stable kernels) */
static uint64_t gap_before(const struct gap_walk *w, size_t i)
{
	const struct audit_area *area = &w->mm->areas[i];
	uint64_t start = area->start, end = i ? w->mm->areas[i - 1].end : 0;
	if (area->flags & VM_GROWSDOWN)
		start = start > w->guard ? start - w->guard : 0;
	return start > end ? start - end : 0;
}

static struct error *subtree_gap(struct gap_walk *w, uint64_t node, unsigned depth, uint64_t *gap)
{
	struct kernel *k = w->a->k;
	uint64_t left, right, part, kept;
	struct vma vma;
	size_t index;
	*gap = 0;
	if (!node)
		return NULL;
	if (depth > RBTREE_MAX_DEPTH || ++w->nodes > w->mm->area_count)
		return error_at(ERR_BAD_LIST, node, "the tree of areas is damaged at %" PRIx64, node);
	uint64_t addr = node - OFFSET(k, vm_area_struct, vm_rb);
	TRY(vma_open(k, addr, &vma));
	TRY(kernel_get(k, node, M_rb_node_rb_left, &left));
	TRY(kernel_get(k, node, M_rb_node_rb_right, &right));
	if (area_index(w->mm, vma.start, &index))
		*gap = gap_before(w, index);
	TRY(subtree_gap(w, left, depth + 1, &part));
	*gap = part > *gap ? part : *gap;
	TRY(subtree_gap(w, right, depth + 1, &part));
	*gap = part > *gap ? part : *gap;
	kept = GET(k, &vma.object, vm_area_struct, rb_subtree_gap);
	if (kept != *gap)
		audit_say_mm(w->a, w->mm, AUDIT_AREAS, addr, "area %" PRIx64 ": rb_subtree_gap is %" PRIx64 ", the greatest gap %" PRIx64, addr, kept,
			     *gap);
	return NULL;
}

struct error *audit_gaps(struct audit *a, const struct audit_mm *mm)
{
	struct kernel *k = a->k;
	struct gap_walk w = {.a = a, .mm = mm};
	uint64_t root, gap;
	if (HAS(k, mm_struct, mm_mt) && HAS(k, maple_arange_64, gap)) {
		w.tree = mm->addr + OFFSET(k, mm_struct, mm_mt);
		TRY(maple_check(k, w.tree, see_node, &w));
		return maple_gaps(k, w.tree, see_gap, &w);
	}
	if (!HAS(k, vm_area_struct, rb_subtree_gap))
		return NULL;
	error_drop(kernel_read_symbol(k, "stack_guard_gap", 0, &w.guard));
	TRY(kernel_get(k, mm->addr, M_mm_struct_mm_rb, &root));
	return subtree_gap(&w, root, 0, &gap);
}
