/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/maple.h"
#include "mm/rbtree.h"
#include "mm/vma.h"

static inline struct error *read_opened(struct kernel *k, struct vma *out)
{
	if (__builtin_expect(vma_read(k, out), 1))
		return NULL;
	return error_at(ERR_BAD_OBJECT, out->addr, "no vm_area_struct: %016" PRIx64 " (from %" PRIx64 " to %" PRIx64 ")", out->addr, out->start, out->end);
}

struct error *vma_open(struct kernel *k, uint64_t addr, struct vma *out)
{
	TRY(object_open(k, addr, S_vm_area_struct, &out->object));
	return read_opened(k, out);
}

bool vma_try_open(struct kernel *k, uint64_t addr, struct vma *out)
{
	return object_try_open(k, addr, S_vm_area_struct, &out->object) && vma_read(k, out);
}

struct vma_walk {
	struct kernel *k;
	uint64_t mm;
	uint64_t at; /* end of the area before */
	vma_visitor *visit;
	void *context;
	struct error *error;
};

/* An object that is no area makes the list bad; one that is not in the image keeps its own error.
 */
static inline struct error *bad_area(struct error *e)
{
	if (__builtin_expect(e != NULL, 0) && e->code == ERR_BAD_OBJECT)
		e->code = ERR_BAD_LIST;
	return e;
}

/* Opens and checks the next area. False: w->error says what is wrong with it. */
static bool next_area(struct vma_walk *w, uint64_t addr, struct vma *vma)
{
	w->error = bad_area(vma_open(w->k, addr, vma));
	if (w->error)
		return false;
	if (vma->start < w->at) {
		w->error = error_at(ERR_BAD_LIST, addr,
				    "areas of mm %016" PRIx64 " out of order: %016" PRIx64
				    " starts at %" PRIx64 ", the one before it ends at %" PRIx64,
				    w->mm, addr, vma->start, w->at);
		return false;
	}
	if (vma->mm != w->mm) {
		w->error = error_at(ERR_BAD_LIST, addr,
				    "area %016" PRIx64 " of mm %016" PRIx64
				    " says it is of mm %016" PRIx64,
				    addr, w->mm, vma->mm);
		return false;
	}
	w->at = vma->end;
	return true;
}

static bool step_maple(void *context, uint64_t first, uint64_t last, uint64_t entry)
{
	struct vma_walk *w = context;
	struct vma vma;
	/* A fork that failed leaves XA_ZERO_ENTRY where it stopped (dup_mmap() in kernel/fork.c).
	 */
	if (maple_entry_is_internal(entry))
		return true;
	if (!next_area(w, entry, &vma))
		return false;
	if (vma.start == first && vma.end - 1 == last)
		return w->visit(w->context, &vma);
	w->error = error_at(ERR_BAD_LIST, entry,
			    "area %016" PRIx64 " is from %" PRIx64 " to %" PRIx64
			    ", but its maple tree has it from %" PRIx64 " to %" PRIx64,
			    entry, vma.start, vma.end, first, last + 1);
	return false;
}

static bool step_rbtree(void *context, uint64_t node)
{
	struct vma_walk *w = context;
	struct vma vma;
	return next_area(w, node - OFFSET(w->k, vm_area_struct, vm_rb), &vma) &&
	       w->visit(w->context, &vma);
}

static struct error *walk_list(struct vma_walk *w)
{
	struct vma vma;
	uint64_t addr;
	unsigned count = 0;
	TRY(kernel_get(w->k, w->mm, M_mm_struct_mmap, &addr));
	/* Ends: each area starts above the one before. */
	while (addr && next_area(w, addr, &vma) && w->visit(w->context, &vma)) {
		addr = GET(w->k, &vma.object, vm_area_struct, vm_next);
		if ((++count & 1023) == 0)
			TRY(check_interrupt());
	}
	return NULL;
}

struct error *vma_for_each(struct kernel *k, uint64_t mm, vma_visitor *visit, void *context)
{
	struct vma_walk w = {.k = k, .mm = mm, .visit = visit, .context = context};
	struct error *e;
	if (HAS(k, mm_struct, mm_mt)) {
		e = maple_for_each(k, mm + OFFSET(k, mm_struct, mm_mt), 0, UINT64_MAX, step_maple,
				   &w);
	} else if (HAS(k, mm_struct, mmap)) {
		e = walk_list(&w);
	} else if (HAS(k, mm_struct, mm_rb)) {
		uint64_t root;
		TRY(kernel_get(k, mm, M_mm_struct_mm_rb, &root));
		e = rbtree_for_each(k, root, step_rbtree, &w);
	} else {
		return members_require(k, "memory areas", M_mm_struct_mm_mt, MEMBER_NONE);
	}
	if (!w.error)
		return e;
	error_drop(e);
	return w.error;
}

/* Down mm_rb. On the way only what is compared is read: the engine comes here with every fault. */
static struct error *find_in_rbtree(struct kernel *k, uint64_t node, uint64_t addr, struct vma *out, bool *found)
{
	const uint32_t link = OFFSET(k, vm_area_struct, vm_rb);
	const uint32_t left = link + OFFSET(k, rb_node, rb_left), right = link + OFFSET(k, rb_node, rb_right);
	for (unsigned depth = 0; node; depth++) {
		if (depth >= RBTREE_MAX_DEPTH)
			return error_at(ERR_BAD_LIST, node, "rb tree is deeper than it can be at %016" PRIx64, node);
		TRY(bad_area(object_open(k, node - link, S_vm_area_struct, &out->object)));
		uint64_t start = GET_WHOLE(k, &out->object, vm_area_struct, vm_start);
		*found = addr >= start && addr < GET_WHOLE(k, &out->object, vm_area_struct, vm_end);
		if (*found)
			return bad_area(read_opened(k, out));
		TRY(kernel_read_pointer(k, out->object.addr + (addr < start ? left : right), &node));
	}
	return NULL;
}

struct vma_search {
	uint64_t addr;
	struct vma *vma;
	bool found;
};

static bool stop_at_vma(void *context, const struct vma *vma)
{
	struct vma_search *s = context;
	if (vma->end <= s->addr)
		return true;
	s->found = vma->start <= s->addr;
	*s->vma = *vma;
	return false;
}

struct error *vma_find(struct kernel *k, uint64_t mm, uint64_t addr, struct vma *out, bool *found)
{
	*found = false;
	if (HAS(k, mm_struct, mm_mt)) {
		uint64_t entry;
		TRY(maple_find(k, mm + OFFSET(k, mm_struct, mm_mt), addr, &entry, NULL, NULL));
		if (!entry || maple_entry_is_internal(entry))
			return NULL;
		TRY(bad_area(vma_open(k, entry, out)));
		*found = true;
	} else if (HAS(k, mm_struct, mm_rb)) {
		uint64_t root;
		TRY(kernel_get(k, mm, M_mm_struct_mm_rb, &root));
		TRY(find_in_rbtree(k, root, addr, out, found));
	} else {
		struct vma_search s = { .addr = addr, .vma = out };
		TRY(vma_for_each(k, mm, stop_at_vma, &s));
		*found = s.found;
	}
	if (!*found || (out->mm == mm && addr >= out->start && addr < out->end))
		return NULL;
	*found = false;
	return error_at(ERR_BAD_LIST, out->addr, "area %016" PRIx64 " found for %" PRIx64 " in mm %016" PRIx64 " is not of it", out->addr, addr, mm);
}
