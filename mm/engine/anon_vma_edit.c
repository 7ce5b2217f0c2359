/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which areas anonymous pages may be mapped by (mm/rmap.c): anon_vmas, and the chains that tie areas to them. How often an anon_vma may be used again is
 * counted by `degree` from 3.19 on, by num_children and num_active_vmas since 6.0 and the stable kernels that took that fix.
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/interval_tree.h"
#include "mm/list.h"
#include "mm/engine/list_edit.h"

/* No area hangs on more anon_vmas than a process has ancestors; beyond this a list counts as damaged. */
#define CHAINS_MAX 1000000u

/* ---- Objects ---- */

static struct error *open_anon_vma(struct engine *e, uint64_t anon_vma, struct object *o)
{
	return object_open_writable(e->k, anon_vma, S_anon_vma, o);
}

static struct error *anon_vma_alloc(struct engine *e, struct object *o)
{
	struct kernel *k = e->k;
	uint64_t addr;
	TRY(kmem_cache_alloc(e, e->areas.anon_vma_cachep, GFP24_KERNEL, &addr));
	TRY(open_anon_vma(e, addr, o));
	SET(k, o, anon_vma, refcount, 1);
	/* Its first area, or its own parent. */
	SET(k, o, anon_vma, degree, 1);
	SET(k, o, anon_vma, num_children, 0);
	SET(k, o, anon_vma, num_active_vmas, 0);
	SET(k, o, anon_vma, parent, addr);
	SET(k, o, anon_vma, root, addr);
	return NULL;
}

static struct error *put_anon_vma(struct engine *e, uint64_t anon_vma)
{
	struct kernel *k = e->k;
	struct object o;
	/* Itself, then the root that it held. */
	for (int i = 0; i < 2; i++) {
		TRY(open_anon_vma(e, anon_vma, &o));
		uint64_t left = GET(k, &o, anon_vma, refcount) - 1, root = GET(k, &o, anon_vma, root);
		SET(k, &o, anon_vma, refcount, left);
		if (left)
			return NULL;
		TRACE(e, "put_anon_vma", "nobody needs it: freed", { "anon_vma", anon_vma }, { "root", root });
		TRY(kmem_cache_free(e, e->areas.anon_vma_cachep, anon_vma));
		if (root == anon_vma)
			return NULL;
		anon_vma = root;
	}
	return NULL;
}

/* An area has this anon_vma as its own, or not any more. */
static struct error *count_area(struct engine *e, uint64_t anon_vma, int delta)
{
	struct object o;
	TRY(open_anon_vma(e, anon_vma, &o));
	if (HAS(e->k, anon_vma, num_active_vmas))
		ADD(e->k, &o, anon_vma, num_active_vmas, delta);
	else
		ADD(e->k, &o, anon_vma, degree, delta);
	return NULL;
}

/* An anon_vma has a child more, or less. */
static struct error *count_child(struct engine *e, uint64_t anon_vma, int delta)
{
	struct object o;
	TRY(open_anon_vma(e, anon_vma, &o));
	if (HAS(e->k, anon_vma, num_children))
		ADD(e->k, &o, anon_vma, num_children, delta);
	else
		ADD(e->k, &o, anon_vma, degree, delta);
	return NULL;
}

/* Only children who are gone have used it, and none but one: it may take another area's pages. */
static bool may_be_reused(const struct engine *e, const struct object *anon_vma, uint64_t src_anon_vma)
{
	struct kernel *k = e->k;
	if (HAS(k, anon_vma, num_active_vmas))
		return src_anon_vma && GET(k, anon_vma, anon_vma, num_children) < 2 && !GET(k, anon_vma, anon_vma, num_active_vmas);
	return HAS(k, anon_vma, degree) && anon_vma->addr != src_anon_vma && GET(k, anon_vma, anon_vma, degree) < 2;
}

/* ---- Chains ---- */

static struct error *anon_vma_chain_alloc(struct engine *e, uint64_t *avc)
{
	return kmem_cache_alloc(e, e->areas.anon_vma_chain_cachep, GFP24_KERNEL, avc);
}

static struct error *anon_vma_chain_free(struct engine *e, uint64_t avc)
{
	return kmem_cache_free(e, e->areas.anon_vma_chain_cachep, avc);
}

static struct error *anon_vma_chain_link(struct engine *e, const struct object *vma, uint64_t avc, uint64_t anon_vma)
{
	struct kernel *k = e->k;
	struct object o;
	TRY(object_open_writable(k, avc, S_anon_vma_chain, &o));
	SET(k, &o, anon_vma_chain, vma, vma->addr);
	SET(k, &o, anon_vma_chain, anon_vma, anon_vma);
	TRY(list_add(k, MEMBER_ADDR(k, &o, anon_vma_chain, same_vma), MEMBER_ADDR(k, vma, vm_area_struct, anon_vma_chain)));
	return anon_vma_interval_tree_insert(k, avc, anon_vma);
}

/* The chain before (or after) one on its area's list; *avc 0 at the end. */
static struct error *next_chain(struct engine *e, uint64_t head, bool back, uint64_t *avc)
{
	struct kernel *k = e->k;
	uint64_t node = *avc ? *avc + OFFSET(k, anon_vma_chain, same_vma) : head;
	TRY(kernel_get(k, node, back ? M_list_head_prev : M_list_head_next, &node));
	*avc = node == head ? 0 : node - OFFSET(k, anon_vma_chain, same_vma);
	return NULL;
}

static struct error *chain_head(struct engine *e, const struct object *vma, uint64_t *head)
{
	*head = MEMBER_ADDR(e->k, vma, vm_area_struct, anon_vma_chain);
	return interval_trees_known(e->k);
}

static struct error *never_ends(uint64_t vma)
{
	return error_at(ERR_BAD_LIST, vma, "the list of anon_vma_chains of area %" PRIx64 " never ends", vma);
}

struct error *unlink_anon_vmas(struct engine *e, uint64_t vma_addr)
{
	struct kernel *k = e->k;
	struct object vma, o;
	uint64_t head, avc = 0, next = 0, anon_vma, top;
	TRY(open_vma(e, vma_addr, &vma));
	TRY(chain_head(e, &vma, &head));
	/* Out of all trees first: what has nobody left is put after its children are. */
	TRY(next_chain(e, head, false, &avc));
	for (unsigned n = 0; avc; avc = next, n++) {
		next = avc;
		TRY(next_chain(e, head, false, &next));
		TRY(kernel_get(k, avc, M_anon_vma_chain_anon_vma, &anon_vma));
		TRY(anon_vma_interval_tree_remove(k, avc, anon_vma));
		TRY(open_anon_vma(e, anon_vma, &o));
		TRY(kernel_get(k, anon_vma, M_anon_vma_rb_top, &top));
		if (n > CHAINS_MAX)
			return never_ends(vma_addr);
		if (!top) {
			TRY(count_child(e, GET(k, &o, anon_vma, parent), -1));
			continue;
		}
		TRY(list_del(k, avc + OFFSET(k, anon_vma_chain, same_vma)));
		TRY(anon_vma_chain_free(e, avc));
	}
	if (GET(k, &vma, vm_area_struct, anon_vma)) {
		TRY(count_area(e, GET(k, &vma, vm_area_struct, anon_vma), -1));
		/* Kept in the area until 5.12, which is about to go then. */
		SET(k, &vma, vm_area_struct, anon_vma, 0);
	}
	avc = 0;
	TRY(next_chain(e, head, false, &avc));
	for (unsigned n = 0; avc; avc = next, n++) {
		next = avc;
		TRY(next_chain(e, head, false, &next));
		if (n > CHAINS_MAX)
			return never_ends(vma_addr);
		TRY(kernel_get(k, avc, M_anon_vma_chain_anon_vma, &anon_vma));
		TRY(put_anon_vma(e, anon_vma));
		TRY(list_del(k, avc + OFFSET(k, anon_vma_chain, same_vma)));
		TRY(anon_vma_chain_free(e, avc));
	}
	return NULL;
}

struct error *anon_vma_interval_tree_pre_update_vma(struct engine *e, const struct object *vma)
{
	uint64_t head, avc = 0, anon_vma;
	TRY(chain_head(e, vma, &head));
	TRY(next_chain(e, head, false, &avc));
	for (unsigned n = 0; avc; n++) {
		if (n > CHAINS_MAX)
			return never_ends(vma->addr);
		TRY(kernel_get(e->k, avc, M_anon_vma_chain_anon_vma, &anon_vma));
		TRY(anon_vma_interval_tree_remove(e->k, avc, anon_vma));
		TRY(next_chain(e, head, false, &avc));
	}
	return NULL;
}

struct error *anon_vma_interval_tree_post_update_vma(struct engine *e, const struct object *vma)
{
	uint64_t head, avc = 0, anon_vma;
	TRY(chain_head(e, vma, &head));
	TRY(next_chain(e, head, false, &avc));
	while (avc) {
		TRY(kernel_get(e->k, avc, M_anon_vma_chain_anon_vma, &anon_vma));
		TRY(anon_vma_interval_tree_insert(e->k, avc, anon_vma));
		TRY(next_chain(e, head, false, &avc));
	}
	return NULL;
}

/* ---- An area's first ---- */

bool mpol_equal(struct engine *e, const struct object *a, const struct object *b)
{
	struct kernel *k = e->k;
	struct object p, q;
	uint64_t one = GET(k, a, vm_area_struct, vm_policy), other = GET(k, b, vm_area_struct, vm_policy);
	if (one == other || !HAS(k, mempolicy, mode))
		return one == other;
	/* All but how many have it. */
	uint32_t from = OFFSET(k, mempolicy, mode);
	return one && other && object_try_open(k, one, S_mempolicy, &p) && object_try_open(k, other, S_mempolicy, &q) &&
	       !memcmp(p.bytes + from, q.bytes + from, p.size - from);
}

bool list_is_singular(struct kernel *k, uint64_t head)
{
	uint64_t next, prev;
	return !error_drop(kernel_get(k, head, M_list_head_next, &next)) && !error_drop(kernel_get(k, head, M_list_head_prev, &prev)) &&
	       next != head && next == prev;
}

/* Side by side, and alike in all that mprotect() cannot change: the pages of both may have one anon_vma. `a` lies below `b`. */
static bool anon_vma_compatible(struct engine *e, const struct object *a, const struct object *b)
{
	struct kernel *k = e->k;
	uint64_t start = GET(k, a, vm_area_struct, vm_start), end = GET(k, a, vm_area_struct, vm_end);
	return end == GET(k, b, vm_area_struct, vm_start) && mpol_equal(e, a, b) &&
	       GET(k, a, vm_area_struct, vm_file) == GET(k, b, vm_area_struct, vm_file) &&
	       !((GET(k, a, vm_area_struct, vm_flags) ^ GET(k, b, vm_area_struct, vm_flags)) & ~(VM_ACCESS_FLAGS | VM_SOFTDIRTY)) &&
	       GET(k, b, vm_area_struct, vm_pgoff) == GET(k, a, vm_area_struct, vm_pgoff) + ((end - start) >> k->arch->page_shift);
}

/* The neighbour's anon_vma, unless that has been through a fork. */
static struct error *reusable_anon_vma(struct engine *e, const struct object *vma, uint64_t neighbour, bool is_below, uint64_t *anon_vma)
{
	struct kernel *k = e->k;
	struct object other;
	if (!neighbour)
		return NULL;
	TRY(object_open(k, neighbour, S_vm_area_struct, &other));
	uint64_t candidate = GET(k, &other, vm_area_struct, anon_vma);
	bool compatible = is_below ? anon_vma_compatible(e, &other, vma) : anon_vma_compatible(e, vma, &other);
	if (compatible && candidate && list_is_singular(k, MEMBER_ADDR(k, &other, vm_area_struct, anon_vma_chain)))
		*anon_vma = candidate;
	return NULL;
}

static struct error *find_mergeable_anon_vma(struct engine *e, const struct object *vma, uint64_t *anon_vma)
{
	uint64_t prev, next;
	*anon_vma = 0;
	TRY(vma_before(e, vma, &prev));
	TRY(vma_after(e, vma, &next));
	TRY(reusable_anon_vma(e, vma, next, false, anon_vma));
	return *anon_vma ? NULL : reusable_anon_vma(e, vma, prev, true, anon_vma);
}

struct error *anon_vma_prepare(struct engine *e, uint64_t vma_addr)
{
	struct kernel *k = e->k;
	struct object vma, o;
	uint64_t avc, anon_vma;
	TRY(open_vma(e, vma_addr, &vma));
	if (GET(k, &vma, vm_area_struct, anon_vma))
		return NULL;
	TRY(interval_trees_known(k));
	TRY(anon_vma_chain_alloc(e, &avc));
	TRY(find_mergeable_anon_vma(e, &vma, &anon_vma));
	TRACE(e, "anon_vma_prepare", anon_vma ? "a neighbour could merge: its anon_vma" : "a new anon_vma", { "vma", vma_addr }, { "anon_vma", anon_vma });
	if (!anon_vma) {
		struct error *failure = anon_vma_alloc(e, &o);
		if (failure) {
			TRY(anon_vma_chain_free(e, avc));
			return failure;
		}
		anon_vma = o.addr;
		/* A root is its own parent; `degree` counts that from the start. */
		if (HAS(k, anon_vma, num_children))
			SET(k, &o, anon_vma, num_children, 1);
	}
	SET(k, &vma, vm_area_struct, anon_vma, anon_vma);
	TRY(anon_vma_chain_link(e, &vma, avc, anon_vma));
	return count_area(e, anon_vma, 1);
}

/* ---- Copies ---- */

static struct error *clone_chains(struct engine *e, const struct object *dst, const struct object *src)
{
	struct kernel *k = e->k;
	uint64_t head, pavc = 0, avc, anon_vma, own = GET(k, src, vm_area_struct, anon_vma);
	TRY(chain_head(e, src, &head));
	TRY(next_chain(e, head, true, &pavc));
	for (unsigned n = 0; pavc; n++) {
		struct object o;
		if (n > CHAINS_MAX)
			return never_ends(src->addr);
		TRY(anon_vma_chain_alloc(e, &avc));
		TRY(kernel_get(k, pavc, M_anon_vma_chain_anon_vma, &anon_vma));
		TRY(open_anon_vma(e, anon_vma, &o));
		TRY(anon_vma_chain_link(e, dst, avc, anon_vma));
		if (!GET(k, dst, vm_area_struct, anon_vma) && may_be_reused(e, &o, own)) {
			TRACE(e, "anon_vma_clone", "its children are gone: used again", { "anon_vma", anon_vma }, { "vma", dst->addr });
			SET(k, dst, vm_area_struct, anon_vma, anon_vma);
		}
		TRY(next_chain(e, head, true, &pavc));
	}
	return NULL;
}

struct error *anon_vma_clone(struct engine *e, uint64_t dst_addr, uint64_t src_addr)
{
	struct kernel *k = e->k;
	struct object dst, src;
	TRY(open_vma(e, dst_addr, &dst));
	TRY(open_vma(e, src_addr, &src));
	struct error *failure = clone_chains(e, &dst, &src);
	if (failure) {
		if (failure->code != ERR_KERNEL)
			return failure;
		/* Not yet counted as one of its areas. */
		SET(k, &dst, vm_area_struct, anon_vma, 0);
		TRY(unlink_anon_vmas(e, dst_addr));
		return failure;
	}
	uint64_t anon_vma = GET(k, &dst, vm_area_struct, anon_vma);
	return anon_vma ? count_area(e, anon_vma, 1) : NULL;
}

/* The child's own anon_vma, under the parent's. */
static struct error *new_child(struct engine *e, const struct object *vma, uint64_t parent)
{
	struct kernel *k = e->k;
	struct object o, up, root;
	uint64_t avc;
	TRY(anon_vma_alloc(e, &o));
	if (HAS(k, anon_vma, num_active_vmas))
		ADD(k, &o, anon_vma, num_active_vmas, 1);
	struct error *failure = anon_vma_chain_alloc(e, &avc);
	if (failure) {
		TRY(put_anon_vma(e, o.addr));
		return failure;
	}
	TRY(open_anon_vma(e, parent, &up));
	TRY(open_anon_vma(e, GET(k, &up, anon_vma, root), &root));
	SET(k, &o, anon_vma, root, root.addr);
	SET(k, &o, anon_vma, parent, parent);
	ADD(k, &root, anon_vma, refcount, 1);
	SET(k, vma, vm_area_struct, anon_vma, o.addr);
	TRY(anon_vma_chain_link(e, vma, avc, o.addr));
	TRACE(e, "anon_vma_fork", "an anon_vma of the child's own", { "vma", vma->addr }, { "anon_vma", o.addr }, { "parent", parent }, { "root", root.addr });
	return count_child(e, parent, 1);
}

struct error *anon_vma_fork(struct engine *e, uint64_t vma_addr, uint64_t pvma_addr)
{
	struct kernel *k = e->k;
	struct object vma, pvma;
	TRY(open_vma(e, vma_addr, &vma));
	TRY(open_vma(e, pvma_addr, &pvma));
	uint64_t parent = GET(k, &pvma, vm_area_struct, anon_vma);
	if (!parent)
		return NULL;
	SET(k, &vma, vm_area_struct, anon_vma, 0);
	TRY(anon_vma_clone(e, vma_addr, pvma_addr));
	if (GET(k, &vma, vm_area_struct, anon_vma))
		return NULL;
	struct error *failure = new_child(e, &vma, parent);
	if (failure && failure->code == ERR_KERNEL)
		TRY(unlink_anon_vmas(e, vma_addr));
	return failure;
}
