/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reverse mapping: the trees of anon_vma and address_space.i_mmap against the areas, in both directions; and the pages that the page tables
 * map against the areas' trees (mm/rmap.c, mm/interval_tree.c). Together: a walk from a page by its tree comes to every entry that maps it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/anon_vma.h"
#include "mm/audit/rmap.h"
#include "mm/list.h"
#include "mm/rbtree.h"

/* VM_NONLINEAR (until 4.0): pages of the file in any order. */
#define VM_NONLINEAR 0x00800000ull

/* ---- Which area is under which tree ---- */

static int compare_links(const void *x, const void *y)
{
	const struct audit_link *a = x, *b = y;
	if (a->tree != b->tree)
		return a->tree < b->tree ? -1 : 1;
	return a->area < b->area ? -1 : a->area > b->area;
}

static const struct audit_link *find_link(const struct audit_links *l, uint64_t tree, uint64_t area)
{
	const struct audit_link key = {.tree = tree, .area = area};
	return l->count ? bsearch(&key, l->links, l->count, sizeof(*l->links), compare_links) : NULL;
}

static struct error *add_link(struct audit_links *l, uint64_t tree, uint64_t area, const struct audit_mm *mm)
{
	TRY(audit_grow((void **)&l->links, l->count, &l->allocated, sizeof(*l->links)));
	l->links[l->count++] = (struct audit_link){tree, area, mm};
	return NULL;
}

struct chain_walk {
	struct audit *a;
	const struct audit_mm *mm;
	const struct audit_area *area;
	uint64_t root; /* of all anon_vmas of the area */
	bool own;      /* its anon_vma is among them */
	struct error *error;
};

static bool see_chain(void *context, uint64_t node)
{
	struct chain_walk *w = context;
	struct audit *a = w->a;
	struct kernel *k = a->k;
	struct object avc;
	uint64_t addr = node - OFFSET(k, anon_vma_chain, same_vma), root = 0;
	if (!object_try_open(k, addr, S_anon_vma_chain, &avc) || GET(k, &avc, anon_vma_chain, vma) != w->area->addr) {
		audit_say_mm(a, w->mm, AUDIT_RMAP, addr, "area %" PRIx64 ": its chain has what is no link of it: %" PRIx64, w->area->addr, addr);
		return false;
	}
	uint64_t anon_vma = GET(k, &avc, anon_vma_chain, anon_vma);
	if (error_drop(kernel_get(k, anon_vma, M_anon_vma_root, &root)))
		audit_say_mm(a, w->mm, AUDIT_RMAP, addr, "area %" PRIx64 ": its chain leads to no anon_vma: %" PRIx64, w->area->addr, anon_vma);
	else if (w->root && root != w->root)
		audit_say_mm(a, w->mm, AUDIT_RMAP, addr, "area %" PRIx64 ": its anon_vmas have two roots: %" PRIx64 ", %" PRIx64, w->area->addr, w->root,
			     root);
	w->root = root;
	w->own |= anon_vma == w->area->anon_vma;
	w->error = add_link(&a->anon_links, anon_vma, w->area->addr, w->mm);
	return !w->error;
}

static struct error *link_area(struct audit *a, const struct audit_mm *mm, struct audit_area *area)
{
	struct kernel *k = a->k;
	struct chain_walk w = {.a = a, .mm = mm, .area = area};
	if (area->file && !error_drop(kernel_get(k, area->file, M_file_f_mapping, &area->mapping)) && area->mapping)
		TRY(add_link(&a->file_links, area->mapping, area->addr, mm));
	a->about_mm = mm->addr;
	TRY(audit_take(a, AUDIT_RMAP, area->addr, list_for_each(k, area->addr + OFFSET(k, vm_area_struct, anon_vma_chain), see_chain, &w)));
	a->about_mm = 0;
	TRY(w.error);
	if (area->anon_vma && !w.own)
		audit_say_mm(a, mm, AUDIT_RMAP, area->addr, "area %" PRIx64 ": its anon_vma %" PRIx64 " is not in its chain", area->addr, area->anon_vma);
	return NULL;
}

struct error *audit_links(struct audit *a)
{
	struct kernel *k = a->k;
	/* Since 3.7; before, priority trees and lists. */
	a->has_rmap = HAS(k, anon_vma_chain, rb_subtree_last) && HAS(k, vm_area_struct, shared_node) && HAS(k, vm_area_struct, shared_subtree_last) &&
		      HAS(k, anon_vma, rb_top) && HAS(k, address_space, i_mmap_top) && HAS(k, file, f_mapping);
	if (!a->has_rmap) {
		audit_skip(a, AUDIT_RMAP, "this kernel has no interval trees");
		return NULL;
	}
	for (size_t i = 0; i < a->mm_count; i++) {
		TRY(check_interrupt());
		for (size_t n = 0; n < a->mms[i].area_count && !a->mms[i].unseen; n++)
			TRY(link_area(a, &a->mms[i], &a->mms[i].areas[n]));
		audit_checked(a, AUDIT_RMAP, a->mms[i].area_count);
	}
	if (a->anon_links.count)
		qsort(a->anon_links.links, a->anon_links.count, sizeof(struct audit_link), compare_links);
	if (a->file_links.count)
		qsort(a->file_links.links, a->file_links.count, sizeof(struct audit_link), compare_links);
	return NULL;
}

/* ---- An entry ---- */

void audit_rmap_entry(struct audit *a, const struct audit_mm *mm, const struct audit_area *area, uint64_t addr, const struct page *head, uint64_t pfn)
{
	struct kernel *k = a->k;
	if (!a->has_rmap || !area || area->flags & VM_HUGETLB)
		return;
	uint64_t mapping = GET(k, &head->object, page, mapping), tree = mapping & ~PAGE_MAPPING_FLAGS;
	uint64_t index = GET(k, &head->object, page, index) + (pfn - head->pfn);
	uint64_t flags = mapping & PAGE_MAPPING_FLAGS;
	bool known, is_anon = flags == PAGE_MAPPING_ANON;
	uint64_t expected = (is_anon ? area->anon_pgoff : area->pgoff) + ((addr - area->start) >> k->arch->page_shift);
	/* KSM's pages have a tree of their own; what drivers map has none. */
	if (!tree || (flags && !is_anon) || (!is_anon && !area->file))
		return;
	a->about_pfn = pfn;
	known = is_anon ? tree == area->anon_vma || find_link(&a->anon_links, tree, area->addr) : tree == area->mapping;
	if (!known)
		audit_say_mm(a, mm, AUDIT_RMAP, area->addr, "frame %" PRIx64 " is mapped at %" PRIx64 " by area %" PRIx64 ", which is not under its %s %" PRIx64, pfn,
			     addr, area->addr, is_anon ? "anon_vma" : "mapping", tree);
	else if (index != expected && !(area->flags & VM_NONLINEAR && HAS(k, vm_area_struct, shared_linear)))
		audit_say_mm(a, mm, AUDIT_RMAP, area->addr, "frame %" PRIx64 " says index %" PRIx64 ", and is mapped where %" PRIx64 " is (at %" PRIx64 ")", pfn, index,
			     expected, addr);
	a->about_pfn = UINT64_MAX;
}

/* ---- The trees ---- */

struct tree {
	struct audit *a;
	const char *kind;
	uint64_t addr; /* anon_vma or address_space */
	const struct audit_links *links;
	bool is_anon;
	uint64_t found, strangers, budget, last_start;
	bool bad;
};

/* The area of a node, and what the node says is the last page under it. */
static bool open_node(struct tree *t, uint64_t node, struct vma *vma, uint64_t *kept)
{
	struct kernel *k = t->a->k;
	uint64_t addr = t->is_anon ? node - OFFSET(k, anon_vma_chain, rb) : node - OFFSET(k, vm_area_struct, shared_node), owner = t->addr;
	if (t->is_anon) {
		struct object avc;
		if (!object_try_open(k, addr, S_anon_vma_chain, &avc))
			return false;
		*kept = GET(k, &avc, anon_vma_chain, rb_subtree_last);
		owner = GET(k, &avc, anon_vma_chain, anon_vma);
		addr = GET(k, &avc, anon_vma_chain, vma);
	} else if (error_drop(kernel_get(k, addr, M_vm_area_struct_shared_subtree_last, kept))) {
		return false;
	}
	return owner == t->addr && !error_drop(vma_open(k, addr, vma));
}

static void wrong(struct tree *t, uint64_t node, const char *what, uint64_t is, uint64_t should)
{
	audit_find(t->a, AUDIT_RMAP, node, "%s %" PRIx64 ", node %" PRIx64 ": %s: %" PRIx64 ", %" PRIx64, t->kind, t->addr, node, what, is, should);
}

static struct error *walk_node(struct tree *t, uint64_t node, unsigned depth, uint64_t *last)
{
	struct kernel *k = t->a->k;
	uint64_t left, right, part, kept;
	struct vma vma;
	*last = 0;
	if (!node || t->bad)
		return NULL;
	if (depth > RBTREE_MAX_DEPTH || !t->budget-- || !open_node(t, node, &vma, &kept)) {
		t->bad = true;
		audit_find(t->a, AUDIT_RMAP, t->addr, "%s %" PRIx64 ": its tree is damaged at node %" PRIx64, t->kind, t->addr, node);
		return NULL;
	}
	if ((t->budget & 1023) == 0)
		TRY(check_interrupt());
	TRY(kernel_get(k, node, M_rb_node_rb_left, &left));
	TRY(kernel_get(k, node, M_rb_node_rb_right, &right));
	uint64_t start = t->is_anon ? vma_anon_pgoff(k, &vma) : vma.pgoff;
	TRY(walk_node(t, left, depth + 1, last));
	if (start < t->last_start && !t->bad)
		wrong(t, node, "starts before the one before it", start, t->last_start);
	t->last_start = start;
	const struct audit_link *link = find_link(t->links, t->addr, vma.addr);
	t->found += link != NULL;
	t->strangers += !link;
	if (!link)
		audit_say(t->a, AUDIT_RMAP, AUDIT_NOTE, vma.addr, "%s %" PRIx64 " has area %" PRIx64 " of mm %" PRIx64 ", which no task's memory has", t->kind,
			  t->addr, vma.addr, vma.mm);
	TRY(walk_node(t, right, depth + 1, &part));
	*last = part > *last ? part : *last;
	part = vma_last_pgoff(k, &vma, start);
	*last = part > *last ? part : *last;
	if (kept != *last && !t->bad)
		wrong(t, node, "keeps a last page that is not the last under it", kept, *last);
	return NULL;
}

static struct error *check_trees(struct audit *a, const struct audit_links *l, bool is_anon)
{
	for (size_t i = 0, next; i < l->count; i = next) {
		uint64_t count = 0, root, last;
		struct tree t = {.a = a, .kind = is_anon ? "anon_vma" : "mapping", .addr = l->links[i].tree, .links = l, .is_anon = is_anon};
		for (next = i; next < l->count && l->links[next].tree == t.addr; next++)
			count++;
		/* Areas of an mm that has no task any more may be there too. */
		t.budget = 2 * count + 100000;
		struct error *e = kernel_get(a->k, t.addr, is_anon ? M_anon_vma_rb_top : M_address_space_i_mmap_top, &root);
		TRY(audit_take(a, AUDIT_RMAP, t.addr, e ? e : walk_node(&t, root, 0, &last)));
		if (!t.bad && t.found != count) {
			a->about_mm = l->links[i].mm->addr;
			audit_find(a, AUDIT_RMAP, t.addr, "%s %" PRIx64 ": areas that belong to it: %" PRIu64 ", in its tree: %" PRIu64, t.kind, t.addr, count, t.found);
			a->about_mm = 0;
		}
	}
	return NULL;
}

/* num_active_vmas (5.19): the areas whose own anon_vma it is. */
static void check_active(struct audit *a)
{
	const struct audit_links *l = &a->anon_links;
	for (size_t i = 0, next; i < l->count; i = next) {
		uint64_t counted, found = 0, own;
		for (next = i; next < l->count && l->links[next].tree == l->links[i].tree; next++)
			found += !error_drop(kernel_get(a->k, l->links[next].area, M_vm_area_struct_anon_vma, &own)) && own == l->links[i].tree;
		if (!error_drop(kernel_get(a->k, l->links[i].tree, M_anon_vma_num_active_vmas, &counted)) && counted < found)
			audit_find(a, AUDIT_RMAP, l->links[i].tree, "anon_vma %" PRIx64 ": num_active_vmas is %" PRIu64 ", areas found: %" PRIu64, l->links[i].tree,
				   counted, found);
	}
}

struct error *audit_rmap(struct audit *a)
{
	if (!a->has_rmap)
		return NULL;
	TRY(check_trees(a, &a->anon_links, true));
	TRY(check_trees(a, &a->file_links, false));
	if (HAS(a->k, anon_vma, num_active_vmas))
		check_active(a);
	return NULL;
}
