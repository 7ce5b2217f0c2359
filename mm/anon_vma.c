/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "mm/anon_vma.h"
#include "mm/interval_walk.h"
#include "mm/list.h"

struct error *anon_vma_open(struct kernel *k, uint64_t addr, struct anon_vma *out)
{
	struct object *o = &out->object;
	if (!HAS(k, anon_vma, rb_top) || !HAS(k, anon_vma_chain, rb) || !HAS(k, anon_vma_chain, rb_subtree_last))
		return error_new(ERR_UNSUPPORTED, "this kernel has no interval trees of anonymous areas");
	TRY(object_open(k, addr, S_anon_vma, o));
	*out = (struct anon_vma){
		.addr = addr,
		.root = GET(k, o, anon_vma, root),
		.parent = GET(k, o, anon_vma, parent),
		.rb_root = GET(k, o, anon_vma, rb_top),
		.refcount = GET(k, o, anon_vma, refcount),
		.degree = GET(k, o, anon_vma, degree),
		.num_children = GET(k, o, anon_vma, num_children),
		.num_active_vmas = GET(k, o, anon_vma, num_active_vmas),
		.object = *o,
	};
	if ((HAS(k, anon_vma, root) && !kernel_is_kernel_address(k, out->root)) ||
	    (HAS(k, anon_vma, refcount) && (int32_t)out->refcount <= 0))
		return error_at(ERR_BAD_OBJECT, addr, "no anon_vma: %016" PRIx64, addr);
	return NULL;
}

struct error *anon_vma_chain_open(struct kernel *k, uint64_t addr, struct anon_vma_chain *out)
{
	TRY(object_open(k, addr, S_anon_vma_chain, &out->object));
	out->addr = addr;
	out->vma = GET(k, &out->object, anon_vma_chain, vma);
	out->anon_vma = GET(k, &out->object, anon_vma_chain, anon_vma);
	return NULL;
}

struct tree_walk {
	struct kernel *k;
	const struct anon_vma *anon_vma;
	struct anon_vma_chain avc;
	struct vma vma;
	anon_vma_visitor *visit;
	void *context;
};

static struct error *read_chain(void *context, uint64_t node, struct interval *out)
{
	struct tree_walk *w = context;
	struct kernel *k = w->k;
	TRY(anon_vma_chain_open(k, node - OFFSET(k, anon_vma_chain, rb), &w->avc));
	if (w->avc.anon_vma != w->anon_vma->addr)
		return error_at(ERR_BAD_LIST, w->avc.addr,
				"anon_vma_chain %016" PRIx64 " in the tree of anon_vma %016" PRIx64 " is of %016" PRIx64,
				w->avc.addr, w->anon_vma->addr, w->avc.anon_vma);
	TRY(error_prefix(vma_open(k, w->avc.vma, &w->vma), "anon_vma_chain %016" PRIx64, w->avc.addr));
	out->start = vma_anon_pgoff(k, &w->vma);
	out->last = vma_last_pgoff(k, &w->vma, out->start);
	return NULL;
}

static bool visit_chain(void *context, uint64_t node, const struct interval *at)
{
	struct tree_walk *w = context;
	return w->visit(w->context, &w->avc, &w->vma);
}

struct error *anon_vma_for_each(struct kernel *k, const struct anon_vma *anon_vma, uint64_t first, uint64_t last,
				anon_vma_visitor *visit, void *context)
{
	struct tree_walk w = {.k = k, .anon_vma = anon_vma, .visit = visit, .context = context};
	const struct interval_walk tree = {
		.k = k,
		.root = anon_vma->rb_root,
		.to_last = OFFSET(k, anon_vma_chain, rb_subtree_last) - OFFSET(k, anon_vma_chain, rb),
		.read = read_chain,
		.visit = visit_chain,
		.context = &w,
	};
	return interval_walk(&tree, first, last);
}
