/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas of vmalloc space (mm/vmalloc.c): those in use in a list and a tree by address, since 6.9 in several nodes, each of a share of the addresses; what is free between them found
 * by walking the list, or (since 5.2) in a tree of its own whose nodes keep the greatest free area below them.
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

/* A tree and a list of areas, both by address; `augment`: those that are free, with the greatest size below each. */
struct area_set {
	uint64_t root, list;
	const struct rb_augment *augment;
};

/* insert_vmap_area() */
static struct error *insert_area(struct engine *e, uint64_t area, uint64_t start, const struct area_set *set)
{
	struct kernel *k = e->k;
	uint64_t parent = 0, link = set->root, at, before = set->list;
	if (!set->root || !set->list)
		return error_new(ERR_UNSUPPORTED, "how this kernel keeps areas of vmalloc space is not known");
	TRY(kernel_read_pointer(k, set->root, &at));
	for (unsigned depth = 0; at; depth++) {
		struct object o;
		if (depth > 64)
			return error_at(ERR_BAD_LIST, set->root, "a tree of vmalloc areas never ends");
		TRY(open_area(e, at, &o));
		uint64_t other = GET(k, &o, vmap_area, va_start);
		parent = at;
		link = at + (start < other ? OFFSET(k, rb_node, rb_left) : OFFSET(k, rb_node, rb_right));
		if (start > other)
			before = MEMBER_ADDR(k, &o, vmap_area, list);
		TRY(kernel_read_pointer(k, link, &at));
	}
	TRY(list_add(k, area + OFFSET(k, vmap_area, list), before));
	return rb_insert_augmented(k, set->root, node_of(e, area), parent, link, set->augment);
}

static struct error *insert_free(struct engine *e, uint64_t area, uint64_t start)
{
	struct rb_augment augment = by_size(e);
	struct area_set set = { symbol_addr(e->k, "free_vmap_area_root"), symbol_addr(e->k, "free_vmap_area_list"), &augment };
	return insert_area(e, area, start, &set);
}

/* ---- Nodes (struct vmap_node) ---- */

#define VN_ID_SHIFT 8 /* encode_vn_id(): in vmap_area.flags, one more than the node's number */

struct nodes {
	uint64_t first, count, zone_size; /* count 0: this kernel has none */
};

static struct error *open_nodes(struct engine *e, struct nodes *n)
{
	struct kernel *k = e->k;
	*n = (struct nodes){ 0 };
	if (!HAS_STRUCT(k, vmap_node) || !symbol_addr(k, "vmap_nodes"))
		return NULL;
	TRY(members_require(k, "vmalloc space of this kernel is not changed", M_vmap_node_busy_root, M_vmap_node_lazy_root, M_vmap_node_lazy_list, M_vmap_node_pool, M_vmap_pool_head,
			    M_vmap_pool_len, M_vmap_area_flags, MEMBER_NONE));
	TRY(kernel_read_symbol(k, "vmap_nodes", 0, &n->first));
	TRY(kernel_read_symbol(k, "nr_vmap_nodes", 4, &n->count));
	TRY(kernel_read_symbol(k, "vmap_zone_size", 4, &n->zone_size));
	if (!n->count || n->count > 4096 || !n->zone_size)
		return error_new(ERR_BAD_OBJECT, "the nodes of vmalloc space are damaged: %" PRIu64 " of them", n->count);
	return NULL;
}

/* Where areas that are in use stand by that address (`lazy`: those that wait, of the node numbered `id`). */
static struct area_set set_of(struct engine *e, const struct nodes *n, uint64_t id, bool lazy)
{
	struct kernel *k = e->k;
	uint64_t node = n->first + id * SIZE_OF(k, vmap_node);
	if (!n->count)
		return (struct area_set){ symbol_addr(k, "vmap_area_root"), symbol_addr(k, "vmap_area_list"), NULL };
	return lazy ? (struct area_set){ node + OFFSET(k, vmap_node, lazy_root), node + OFFSET(k, vmap_node, lazy_list), NULL }
		    : (struct area_set){ node + OFFSET(k, vmap_node, busy_root), node + OFFSET(k, vmap_node, busy), NULL };
}

static uint64_t addr_to_node_id(const struct nodes *n, uint64_t addr)
{
	return n->count ? addr / n->zone_size % n->count : 0;
}

/* node_alloc(): the first area of that size that the CPU's node keeps ready, if it lies well; *area 0: none. *flags: whose pool it goes back to. */
static struct error *node_alloc(struct engine *e, const struct nodes *n, uint64_t size, uint64_t align, uint64_t *area, uint64_t *flags)
{
	struct kernel *k = e->k;
	const struct member *pools = &k->members[M_vmap_node_pool];
	uint64_t id = n->count ? e->cpu % n->count : 0, index = (size - 1) >> k->arch->page_shift, head, first;
	struct object pool, o;
	*area = *flags = 0;
	/* Until there are several, areas come from all of the space. */
	if (n->count < 2)
		return NULL;
	*flags = (id + 1) << VN_ID_SHIFT;
	if (index >= pools->count)
		return NULL;
	TRY(object_open_writable(k, n->first + id * SIZE_OF(k, vmap_node) + pools->offset + index * SIZE_OF(k, vmap_pool), S_vmap_pool, &pool));
	head = MEMBER_ADDR(k, &pool, vmap_pool, head);
	TRY(kernel_read_pointer(k, head, &first));
	if (first == head)
		return NULL;
	TRY(object_open_writable(k, first - OFFSET(k, vmap_area, list), S_vmap_area, &o));
	uint64_t start = GET(k, &o, vmap_area, va_start);
	TRY(list_del(k, first));
	if (start & (align - 1))
		return list_add_tail(k, first, head);
	if (GET(k, &o, vmap_area, va_end) - start != size)
		return error_at(ERR_BAD_OBJECT, o.addr, "an area of %" PRIu64 " pages' pool has another size: %" PRIx64, index + 1, o.addr);
	SET(k, &pool, vmap_pool, len, GET(k, &pool, vmap_pool, len) - 1);
	*area = o.addr;
	TRACE(e, "node_pool_del_va", "one that the CPU's node has ready", { "vmap_area", o.addr }, { "va_start", start }, { "size", size });
	return NULL;
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
	return insert_free(e, spare, first);
}

/* Of all of the space: the lowest place that will do. */
static struct error *find_place(struct engine *e, uint64_t size, uint64_t align, uint64_t *start)
{
	struct kernel *k = e->k;
	struct hole h = { .size = size, .align = align };
	struct search s = { .e = e, .size = size, .align = align, .from = k->vmalloc_start };
	struct object from;
	uint64_t spare;
	if (!symbol_addr(k, "free_vmap_area_root") || !HAS(k, vmap_area, subtree_max_size)) {
		TRY(find_hole(e, &h));
		*start = h.start;
		return NULL;
	}
	TRY(spare_area(e, false, &spare));
	TRY(find_free(&s, &from));
	uint64_t at = GET(k, &from, vmap_area, va_start);
	*start = ((at > s.from ? at : s.from) + align - 1) & -align;
	if (*start + size > k->vmalloc_end)
		return kernel_error(ENOMEM, "vmalloc space is full");
	return cut_out(e, &from, *start, *start + size);
}

struct error *alloc_vmap_area(struct engine *e, uint64_t vm, uint64_t size, uint64_t align, uint64_t *start)
{
	struct kernel *k = e->k;
	struct nodes nodes;
	struct object o;
	uint64_t area, flags, cache;
	TRY(open_nodes(e, &nodes));
	TRY(node_alloc(e, &nodes, size, align, &area, &flags));
	bool ready = area;
	TRY(kernel_read_symbol(k, "vmap_area_cachep", 0, &cache));
	if (!ready)
		TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, &area));
	TRY(object_open_writable(k, area, S_vmap_area, &o));
	if (ready) {
		*start = GET(k, &o, vmap_area, va_start);
	} else {
		memset((void *)o.bytes, 0, o.size);
		struct error *failure = find_place(e, size, align, start);
		if (failure)
			return failure->code == ERR_KERNEL ? error_worse(failure, kmem_cache_free(e, cache, area)) : failure;
		/* VM_VM_AREA, as long as an area says so itself. */
		if (!nodes.count && HAS(k, vmap_area, flags) && !(HAS(k, vmap_area, subtree_max_size) && OFFSET(k, vmap_area, subtree_max_size) == OFFSET(k, vmap_area, vm)))
			flags = 4;
	}
	SET(k, &o, vmap_area, va_start, *start);
	SET(k, &o, vmap_area, va_end, *start + size);
	SET(k, &o, vmap_area, vm, vm);
	SET(k, &o, vmap_area, flags, flags);
	TRACE(e, "alloc_vmap_area", ready ? "used again" : "the lowest place that will do", { "vmap_area", area }, { "va_start", *start }, { "size", size });
	struct area_set set = set_of(e, &nodes, addr_to_node_id(&nodes, *start), false);
	return insert_area(e, area, *start, &set);
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

/* free_vmap_area_noflush(): it waits with the others of the node that it came from, or that has its address. */
static struct error *wait_in_node(struct engine *e, const struct nodes *n, const struct object *o)
{
	uint64_t start = GET(e->k, o, vmap_area, va_start), id = (GET(e->k, o, vmap_area, flags) >> VN_ID_SHIFT) - 1;
	if (id >= n->count)
		id = addr_to_node_id(n, start);
	struct area_set set = set_of(e, n, id, true);
	TRACE(e, "free_vmap_area_noflush", "its addresses are used again later", { "vmap_area", o->addr }, { "vmap_node", id });
	return insert_area(e, o->addr, start, &set);
}

struct error *free_vmap_area(struct engine *e, uint64_t vm)
{
	struct kernel *k = e->k;
	struct by_vm s = { .vm = vm };
	struct nodes nodes;
	struct object o;
	uint64_t purge = symbol_addr(k, "vmap_purge_list"), lazy = symbol_addr(k, "vmap_lazy_nr"), first, count, cache;
	TRY(open_nodes(e, &nodes));
	TRY(vmalloc_for_each(k, match_vm, &s));
	if (!s.area)
		return error_at(ERR_BAD_OBJECT, vm, "no area has the vm_struct %" PRIx64, vm);
	TRY(object_open_writable(k, s.area, S_vmap_area, &o));
	struct area_set set = set_of(e, &nodes, addr_to_node_id(&nodes, GET(k, &o, vmap_area, va_start)), false);
	TRY(list_del(k, MEMBER_ADDR(k, &o, vmap_area, list)));
	TRY(rb_erase(k, set.root, node_of(e, s.area)));
	if (!nodes.count && (!purge || !lazy || !HAS(k, vmap_area, purge_list) || k->members[M_vmap_area_purge_list].total != k->arch->pointer_size)) {
		/* As if all were purged at once. */
		if (symbol_addr(k, "free_vmap_area_root"))
			return error_at(ERR_UNSUPPORTED, s.area, "how this kernel gives areas of vmalloc space back is not followed");
		TRY(kernel_read_symbol(k, "vmap_area_cachep", 0, &cache));
		return kmem_cache_free(e, cache, s.area);
	}
	TRY(kernel_read_pointer(k, lazy, &count));
	TRY(kernel_write_pointer(k, lazy, count + ((GET(k, &o, vmap_area, va_end) - GET(k, &o, vmap_area, va_start)) >> k->arch->page_shift)));
	if (nodes.count)
		return wait_in_node(e, &nodes, &o);
	TRY(kernel_read_pointer(k, purge, &first));
	SET(k, &o, vmap_area, purge_list, first);
	TRACE(e, "free_vmap_area_noflush", "its addresses are used again later", { "vmap_area", s.area }, { "vmap_purge_list", purge });
	return kernel_write_pointer(k, purge, MEMBER_ADDR(k, &o, vmap_area, purge_list));
}
