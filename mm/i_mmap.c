/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/i_mmap.h"
#include "mm/anon_vma.h"
#include "mm/interval_walk.h"

struct walk_areas {
	struct kernel *k;
	struct vma vma;
	vma_visitor *visit;
	void *context;
};

static struct error *read_area(void *context, uint64_t node, struct interval *out)
{
	struct walk_areas *w = context;
	struct error *e = vma_open(w->k, node - OFFSET(w->k, vm_area_struct, shared_node), &w->vma);
	if (e && e->code == ERR_BAD_OBJECT)
		e->code = ERR_BAD_LIST;
	TRY(e);
	*out = (struct interval){w->vma.pgoff, vma_last_pgoff(w->k, &w->vma, w->vma.pgoff)};
	return NULL;
}

static bool visit_area(void *context, uint64_t node, const struct interval *at)
{
	struct walk_areas *w = context;
	return w->visit(w->context, &w->vma);
}

struct error *i_mmap_for_each(struct kernel *k, uint64_t mapping, uint64_t first, uint64_t last, vma_visitor *visit,
			      void *context)
{
	struct walk_areas w = {.k = k, .visit = visit, .context = context};
	struct interval_walk tree = {.k = k, .read = read_area, .visit = visit_area, .context = &w};
	if (!HAS(k, address_space, i_mmap_top) || !HAS(k, vm_area_struct, shared_node) ||
	    !HAS(k, vm_area_struct, shared_subtree_last))
		return error_new(ERR_UNSUPPORTED, "this kernel has no interval trees of the areas that map a file");
	TRY(kernel_get(k, mapping, M_address_space_i_mmap_top, &tree.root));
	tree.to_last = OFFSET(k, vm_area_struct, shared_subtree_last) - OFFSET(k, vm_area_struct, shared_node);
	return interval_walk(&tree, first, last);
}
