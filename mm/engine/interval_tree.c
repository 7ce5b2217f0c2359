/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Interval trees, changed. Since 4.15 a tree's root also points to its leftmost node (rb_root_cached).
 */
#include <inttypes.h>

#include "mm/anon_vma.h"
#include "mm/engine/interval_tree.h"
#include "mm/rbtree.h"
#include "mm/engine/rbtree_edit.h"

/* ---- The two kinds ---- */

struct kind {
	struct rb_augment augment;
	uint32_t node_offset; /* of the rb_node in its object */
	struct error *(*first)(struct kernel *k, uint64_t node, uint64_t *page);
};

struct root {
	uint64_t top;	   /* address of the pointer to the top node */
	uint64_t leftmost; /* of that to the leftmost, 0: this kernel has none */
};

static struct error *vma_pages_of(struct kernel *k, uint64_t vma, uint64_t *first, uint64_t *last)
{
	struct object o;
	TRY(object_open(k, vma, S_vm_area_struct, &o));
	uint64_t start = GET(k, &o, vm_area_struct, vm_start), end = GET(k, &o, vm_area_struct, vm_end);
	if (end <= start)
		return error_at(ERR_BAD_OBJECT, vma, "area is damaged: %" PRIx64, vma);
	*first = GET(k, &o, vm_area_struct, vm_pgoff);
	*last = *first + ((end - start) >> k->arch->page_shift) - 1;
	return NULL;
}

static struct error *vma_first(struct kernel *k, uint64_t node, uint64_t *page)
{
	return kernel_get(k, node - OFFSET(k, vm_area_struct, shared_node), M_vm_area_struct_vm_pgoff, page);
}

static struct error *vma_last(struct kernel *k, uint64_t node, uint64_t *page)
{
	uint64_t first;
	return vma_pages_of(k, node - OFFSET(k, vm_area_struct, shared_node), &first, page);
}

/* By the page offset that anonymous pages of the area count from, where that is one of its own (vma_anon_pgoff()). */
static struct error *avc_pages_of(struct kernel *k, uint64_t node, uint64_t *first, uint64_t *last)
{
	uint64_t addr;
	struct vma vma;
	TRY(kernel_get(k, node - OFFSET(k, anon_vma_chain, rb), M_anon_vma_chain_vma, &addr));
	TRY(vma_pages_of(k, addr, first, last));
	vma.addr = addr;
	vma.pgoff = *first;
	TRY(object_open(k, addr, S_vm_area_struct, &vma.object));
	uint64_t own = vma_anon_pgoff(k, &vma);
	*last += own - *first;
	*first = own;
	return NULL;
}

static struct error *avc_first(struct kernel *k, uint64_t node, uint64_t *page)
{
	uint64_t last;
	return avc_pages_of(k, node, page, &last);
}

static struct error *avc_last(struct kernel *k, uint64_t node, uint64_t *page)
{
	uint64_t first;
	return avc_pages_of(k, node, &first, page);
}

static struct kind vma_kind(const struct kernel *k)
{
	return (struct kind){ { OFFSET(k, vm_area_struct, shared_subtree_last) - OFFSET(k, vm_area_struct, shared_node), vma_last },
			      OFFSET(k, vm_area_struct, shared_node), vma_first };
}

static struct kind avc_kind(const struct kernel *k)
{
	return (struct kind){ { OFFSET(k, anon_vma_chain, rb_subtree_last) - OFFSET(k, anon_vma_chain, rb), avc_last },
			      OFFSET(k, anon_vma_chain, rb), avc_first };
}

static struct root mapping_root(const struct kernel *k, uint64_t mapping)
{
	return (struct root){ mapping + OFFSET(k, address_space, i_mmap_top),
			      HAS(k, address_space, i_mmap_leftmost) ? mapping + OFFSET(k, address_space, i_mmap_leftmost) : 0 };
}

static struct root anon_vma_root(const struct kernel *k, uint64_t anon_vma)
{
	return (struct root){ anon_vma + OFFSET(k, anon_vma, rb_top),
			      HAS(k, anon_vma, rb_leftmost) ? anon_vma + OFFSET(k, anon_vma, rb_leftmost) : 0 };
}

struct error *interval_trees_known(const struct kernel *k)
{
	return members_require(k, "the areas of a page are not kept in interval trees", M_vm_area_struct_shared_node,
			       M_vm_area_struct_shared_subtree_last, M_address_space_i_mmap_top, M_anon_vma_chain_rb,
			       M_anon_vma_chain_rb_subtree_last, M_anon_vma_rb_top, M_anon_vma_chain_vma, MEMBER_NONE);
}

/* ---- Changing ---- */

static struct error *insert(struct kernel *k, const struct kind *kind, struct root root, uint64_t object)
{
	uint64_t node = object + kind->node_offset, parent = 0, link = root.top, at, first;
	bool leftmost = true;
	TRY(kind->first(k, node, &first));
	TRY(kernel_read_pointer(k, link, &at));
	for (unsigned depth = 0; at; depth++) {
		uint64_t other;
		if (depth > RBTREE_MAX_DEPTH)
			return error_at(ERR_BAD_LIST, root.top, "the interval tree at %" PRIx64 " never ends", root.top);
		TRY(kind->first(k, at, &other));
		parent = at;
		link = at + (first < other ? OFFSET(k, rb_node, rb_left) : OFFSET(k, rb_node, rb_right));
		leftmost = leftmost && first < other;
		TRY(kernel_read_pointer(k, link, &at));
	}
	if (leftmost && root.leftmost)
		TRY(kernel_write_pointer(k, root.leftmost, node));
	return rb_insert_augmented(k, root.top, node, parent, link, &kind->augment);
}

static struct error *remove_node(struct kernel *k, const struct kind *kind, struct root root, uint64_t object)
{
	uint64_t node = object + kind->node_offset, leftmost, next;
	if (root.leftmost) {
		TRY(kernel_read_pointer(k, root.leftmost, &leftmost));
		if (leftmost == node) {
			TRY(rb_next(k, node, &next));
			TRY(kernel_write_pointer(k, root.leftmost, next));
		}
	}
	return rb_erase_augmented(k, root.top, node, &kind->augment);
}

struct error *vma_interval_tree_insert(struct kernel *k, uint64_t vma, uint64_t mapping)
{
	struct kind kind = vma_kind(k);
	return insert(k, &kind, mapping_root(k, mapping), vma);
}

/* The node is the next in order after prev's: its right child, or the leftmost under that. */
struct error *vma_interval_tree_insert_after(struct kernel *k, uint64_t vma, uint64_t prev, uint64_t mapping)
{
	struct kind kind = vma_kind(k);
	uint64_t parent = prev + kind.node_offset, link = parent + OFFSET(k, rb_node, rb_right), at;
	TRY(kernel_read_pointer(k, link, &at));
	for (unsigned depth = 0; at; depth++) {
		if (depth > RBTREE_MAX_DEPTH)
			return error_at(ERR_BAD_LIST, mapping, "the interval tree at %" PRIx64 " never ends", mapping);
		parent = at;
		link = at + OFFSET(k, rb_node, rb_left);
		TRY(kernel_read_pointer(k, link, &at));
	}
	return rb_insert_augmented(k, mapping_root(k, mapping).top, vma + kind.node_offset, parent, link, &kind.augment);
}

struct error *vma_interval_tree_remove(struct kernel *k, uint64_t vma, uint64_t mapping)
{
	struct kind kind = vma_kind(k);
	return remove_node(k, &kind, mapping_root(k, mapping), vma);
}

struct error *anon_vma_interval_tree_insert(struct kernel *k, uint64_t avc, uint64_t anon_vma)
{
	struct kind kind = avc_kind(k);
	return insert(k, &kind, anon_vma_root(k, anon_vma), avc);
}

struct error *anon_vma_interval_tree_remove(struct kernel *k, uint64_t avc, uint64_t anon_vma)
{
	struct kind kind = avc_kind(k);
	return remove_node(k, &kind, anon_vma_root(k, anon_vma), avc);
}
