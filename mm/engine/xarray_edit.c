/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/list_edit.h"
#include "mm/engine/xarray_edit.h"
#include "mm/xarray.h"

#define LEVELS	     12 /* of 6 bits, and one more */
#define HEIGHT_BITS  12 /* of radix_tree_node.path: the slot in the parent stands above */
#define SHADOW_SHIFT 1  /* … and of radix_tree_node.count, above the slots' bits and one: shadow entries, until 4.7 */
#define MARKS	     3
#define STORE_TRIES  16

/* The way from the head to an index. */
struct path {
	struct engine *e;
	struct kernel *k;
	struct xa_form form;
	struct object tree;
	uint64_t index;
	unsigned depth; /* nodes, from the top */
	struct {
		struct object o;
		unsigned slot, shift;
	} node[LEVELS];
};

/* ---- Words that the forms keep differently ---- */

/* __GFP_BITS_SHIFT: above the flags of allocations the head keeps its marks. A macro, but an IDR keeps "has free entries" there as its first mark. */
static unsigned mark_shift(struct kernel *k)
{
	uint64_t ns = symbol_addr(k, "init_pid_ns"), flags;
	if (ns && HAS(k, pid_namespace, idr_flags) && !error_drop(kernel_get(k, ns, M_pid_namespace_idr_flags, &flags)) && (uint32_t)flags >> 20)
		return 20 + (unsigned)__builtin_ctz((uint32_t)flags >> 20);
	/* Kernels that number processes otherwise, until 4.14: 25 bits until 4.3. */
	return 25;
}

static uint64_t node_entry(const struct path *p, uint64_t node, bool top)
{
	if (p->form.by_height)
		return top ? node | 1 : node;
	return node | (p->form.radix ? 1 : 2);
}

static uint64_t slot_get(const struct path *p, unsigned level)
{
	return object_get_element(p->k, &p->node[level].o, M_xa_node_slots, p->node[level].slot);
}

static void slot_set(const struct path *p, unsigned level, uint64_t entry)
{
	object_set_element(p->k, &p->node[level].o, M_xa_node_slots, p->node[level].slot, entry);
}

/* What a node counts: its slots in use, and of those the values; radix trees until 4.7 count values apart, in the upper bits. */
static void count(const struct path *p, unsigned level, int entries, int values)
{
	const struct object *o = &p->node[level].o;
	if (HAS(p->k, xa_node, nr_values)) {
		ADD(p->k, o, xa_node, count, entries);
		ADD(p->k, o, xa_node, nr_values, values);
	} else {
		ADD(p->k, o, xa_node, count, entries - values + values * (1 << (p->form.bits + SHADOW_SHIFT)));
	}
}

static void set_parent(const struct path *p, const struct object *node, uint64_t parent, unsigned slot)
{
	struct kernel *k = p->k;
	SET(k, node, xa_node, parent, parent);
	SET(k, node, xa_node, offset, slot);
	if (p->form.by_height)
		SET(k, node, xa_node, path, (GET(k, node, xa_node, path) & ((1u << HEIGHT_BITS) - 1)) | (uint64_t)slot << HEIGHT_BITS);
}

static void set_shift(const struct path *p, const struct object *node, unsigned shift)
{
	SET(p->k, node, xa_node, shift, shift);
	SET(p->k, node, xa_node, path, shift / p->form.bits + 1);
}

static void set_head(const struct path *p, uint64_t entry, unsigned height)
{
	SET(p->k, &p->tree, xarray, head, entry);
	SET(p->k, &p->tree, xarray, height, height);
}

/* ---- Marks ---- */

/* The word of a node's marks that has the slot's bit. */
static uint64_t mark_word(const struct path *p, unsigned level, unsigned mark, uint64_t *bit)
{
	const struct member *m = &p->k->members[M_xa_node_marks];
	unsigned bits = p->k->arch->pointer_size * 8, words = ((1u << p->form.bits) + bits - 1) / bits, slot = p->node[level].slot;
	*bit = 1ull << slot % bits;
	return p->node[level].o.addr + m->offset + (uint64_t)(mark * words + slot / bits) * p->k->arch->pointer_size;
}

/* Sets or clears; *was says what it was, *any whether any slot has the mark now. */
static struct error *node_mark(const struct path *p, unsigned level, unsigned mark, bool set, bool *was, bool *any)
{
	uint64_t bit, at = mark_word(p, level, mark, &bit), word;
	TRY(kernel_read_pointer(p->k, at, &word));
	*was = word & bit;
	word = set ? word | bit : word & ~bit;
	*any = word != 0;
	return *was == set ? NULL : kernel_write_pointer(p->k, at, word);
}

static bool tree_marked(const struct path *p, unsigned mark)
{
	return GET(p->k, &p->tree, xarray, xa_flags) >> (mark_shift(p->k) + mark) & 1;
}

static void mark_tree(const struct path *p, unsigned mark, bool set)
{
	uint64_t flags = GET(p->k, &p->tree, xarray, xa_flags), bit = 1ull << (mark_shift(p->k) + mark);
	SET(p->k, &p->tree, xarray, xa_flags, set ? flags | bit : flags & ~bit);
}

static struct error *mark_path(const struct path *p, unsigned mark, bool set)
{
	bool was, any;
	for (unsigned level = p->depth; level--;) {
		TRY(node_mark(p, level, mark, set, &was, &any));
		if (set ? was : !was || any)
			return NULL;
	}
	mark_tree(p, mark, set);
	return NULL;
}

/* ---- Nodes ---- */

static struct error *radix_cache(struct engine *e, uint64_t *cache)
{
	*cache = 0;
	if (symbol_addr(e->k, "radix_tree_node_cachep"))
		TRY(kernel_read_symbol(e->k, "radix_tree_node_cachep", 0, cache));
	return *cache ? NULL : error_new(ERR_UNSUPPORTED, "this kernel does not say where nodes of trees come from");
}

static struct error *new_node(const struct path *p, unsigned shift, struct object *node)
{
	uint64_t cache, addr;
	TRY(radix_cache(p->e, &cache));
	TRY(kmem_cache_alloc(p->e, cache, GFP24_KERNEL, &addr));
	TRY(object_open_writable(p->k, addr, S_xa_node, node));
	memset((void *)node->bytes, 0, node->size);
	TRY(list_init(p->k, MEMBER_ADDR(p->k, node, xa_node, private_list)));
	set_shift(p, node, shift);
	/* A radix tree's until 4.7 has nothing there. */
	if (HAS(p->k, xa_node, array))
		SET(p->k, node, xa_node, array, p->tree.addr);
	TRACE(p->e, "xas_alloc", "a new node", { "node", addr }, { "shift", shift });
	return NULL;
}

/* The kernel waits for RCU first. It goes back as its constructor made it. */
static struct error *free_node(const struct path *p, const struct object *node)
{
	uint64_t cache;
	TRY(radix_cache(p->e, &cache));
	memset((void *)node->bytes, 0, node->size);
	TRY(list_init(p->k, MEMBER_ADDR(p->k, node, xa_node, private_list)));
	return kmem_cache_free(p->e, cache, node->addr);
}

/* Nodes of shadow entries alone stand in a list, to be given up when memory is short (mm/workingset.c). */
static struct error *check_list(const struct path *p, unsigned level)
{
	uint64_t node = p->node[level].o.addr, next;
	if (!HAS(p->k, xa_node, private_list))
		return NULL;
	TRY(kernel_read_pointer(p->k, node + OFFSET(p->k, xa_node, private_list), &next));
	if (next && next != node + OFFSET(p->k, xa_node, private_list))
		return error_at(ERR_UNSUPPORTED, node, "node %" PRIx64 " is on the list of those that only remember evicted pages: taking it off is not done yet", node);
	return NULL;
}

/* ---- The way to an index ---- */

static struct error *open_path(struct engine *e, uint64_t tree, uint64_t index, struct path *p)
{
	p->e = e;
	p->k = e->k;
	p->index = index;
	p->depth = 0;
	TRY(xa_form_of(e->k, &p->form));
	return object_open_writable(e->k, tree, S_xarray, &p->tree);
}

static struct error *push(struct path *p, uint64_t node)
{
	unsigned above = p->depth ? p->node[p->depth - 1].shift : 64, level = p->depth;
	if (level == LEVELS)
		return error_at(ERR_BAD_LIST, node, "xarray node is damaged: %" PRIx64, node);
	TRY(object_open_writable(p->k, node & ~3ull, S_xa_node, &p->node[level].o));
	unsigned shift = xa_node_shift(p->k, &p->form, &p->node[level].o);
	if (shift >= above || shift > 60 || shift % p->form.bits)
		return error_at(ERR_BAD_LIST, node, "xarray node is damaged: %" PRIx64, node);
	p->node[level].shift = shift;
	p->node[level].slot = (unsigned)(p->index >> shift & ((1u << p->form.bits) - 1));
	p->depth++;
	return NULL;
}

/* The greatest index that the head reaches. */
static uint64_t reach(const struct path *p, unsigned shift)
{
	return shift + p->form.bits >= 64 ? UINT64_MAX : (1ull << (shift + p->form.bits)) - 1;
}

/* As far as there are nodes; *entry is what stands at the index, 0 beyond the tree's reach or in a branch that is not there. */
static struct error *descend(struct path *p, uint64_t *entry)
{
	uint64_t at = GET(p->k, &p->tree, xarray, head);
	unsigned above = 64;
	*entry = p->index ? 0 : at;
	p->depth = 0;
	while (xa_is_node(&p->form, at, above)) {
		TRY(push(p, at));
		above = p->node[p->depth - 1].shift;
		if (p->depth == 1 && p->index > reach(p, above)) {
			p->depth = 0;
			*entry = 0;
			return NULL;
		}
		*entry = at = slot_get(p, p->depth - 1);
	}
	bool covers = p->depth && above && *entry, sibling = !p->form.radix && (*entry & 3) == 2;
	if (covers || sibling)
		return error_at(ERR_UNSUPPORTED, p->tree.addr, "index %" PRIu64 " is covered by an entry of several: a large folio's; changing it is not done yet", p->index);
	return NULL;
}

/* ---- Storing ---- */

/* A node above the head that there is: xas_expand(), radix_tree_extend(). */
static struct error *raise(struct path *p, uint64_t head, unsigned shift)
{
	struct object node, below;
	bool is_node = xa_is_node(&p->form, head, 64);
	TRY(new_node(p, shift, &node));
	p->node[0].o = node;
	p->node[0].slot = 0;
	p->depth = 1;
	count(p, 0, 1, xa_is_value(&p->form, head));
	slot_set(p, 0, is_node && p->form.by_height ? head & ~3ull : head);
	for (unsigned mark = 0; mark < MARKS; mark++) {
		bool was, any;
		if (tree_marked(p, mark))
			TRY(node_mark(p, 0, mark, true, &was, &any));
	}
	if (is_node) {
		TRY(object_open_writable(p->k, head & ~3ull, S_xa_node, &below));
		set_parent(p, &below, node.addr, 0);
	}
	set_head(p, node_entry(p, node.addr, true), shift / p->form.bits + 1);
	return NULL;
}

/* The head reaches the index; *shift is of the node that stands or is to stand there, and above 64 where the head is the slot itself. */
static struct error *expand(struct path *p, unsigned *top)
{
	uint64_t head = GET(p->k, &p->tree, xarray, head);
	struct object o;
	unsigned shift = 0;
	*top = UINT32_MAX;
	if (xa_is_node(&p->form, head, 64)) {
		TRY(object_open(p->k, head & ~3ull, S_xa_node, &o));
		shift = xa_node_shift(p->k, &p->form, &o);
		if (shift > 60)
			return error_at(ERR_BAD_LIST, o.addr, "xarray node is damaged: %" PRIx64, o.addr);
	} else if (!p->index) {
		return NULL;
	} else if (head) {
		TRY(raise(p, head, 0));
		head = GET(p->k, &p->tree, xarray, head);
	}
	for (; p->index > reach(p, shift); head = head ? GET(p->k, &p->tree, xarray, head) : 0) {
		shift += p->form.bits;
		if (head)
			TRY(raise(p, head, shift));
	}
	*top = shift;
	return NULL;
}

/* Nodes down to the index's own. */
static struct error *create(struct path *p)
{
	unsigned top;
	TRY(expand(p, &top));
	p->depth = 0;
	if (top > 64)
		return NULL;
	uint64_t at = GET(p->k, &p->tree, xarray, head);
	for (unsigned shift = top;; shift -= p->form.bits) {
		if (!at) {
			struct object node;
			TRY(new_node(p, shift, &node));
			if (!p->depth) {
				set_head(p, node_entry(p, node.addr, true), shift / p->form.bits + 1);
			} else {
				count(p, p->depth - 1, 1, 0);
				slot_set(p, p->depth - 1, node_entry(p, node.addr, false));
				set_parent(p, &node, p->node[p->depth - 1].o.addr, p->node[p->depth - 1].slot);
			}
			at = node.addr;
		}
		TRY(push(p, at));
		at = slot_get(p, p->depth - 1);
		if (!shift)
			return NULL;
	}
}

/* xas_shrink(): the head need not stand higher than its entries. */
static struct error *shrink(struct path *p)
{
	struct object node;
	for (unsigned n = 0; n < LEVELS; n++) {
		uint64_t head = GET(p->k, &p->tree, xarray, head), first;
		if (!xa_is_node(&p->form, head, 64))
			return NULL;
		TRY(object_open_writable(p->k, head & ~3ull, S_xa_node, &node));
		unsigned shift = xa_node_shift(p->k, &p->form, &node);
		first = object_get_element(p->k, &node, M_xa_node_slots, 0);
		bool is_node = xa_is_node(&p->form, first, shift);
		if (GET(p->k, &node, xa_node, count) != 1 || !first || (!is_node && shift))
			return NULL;
		set_head(p, is_node ? node_entry(p, first & ~3ull, true) : first, shift / p->form.bits);
		TRY(free_node(p, &node));
		if (!is_node)
			return NULL;
		TRY(object_open_writable(p->k, first & ~3ull, S_xa_node, &node));
		set_parent(p, &node, 0, 0);
	}
	return NULL;
}

/* xas_delete_node(): nodes that have become empty go, from the lowest. */
static struct error *prune(struct path *p)
{
	while (p->depth && !GET(p->k, &p->node[p->depth - 1].o, xa_node, count)) {
		TRY(free_node(p, &p->node[p->depth - 1].o));
		if (!--p->depth) {
			set_head(p, 0, 0);
			return NULL;
		}
		slot_set(p, p->depth - 1, 0);
		count(p, p->depth - 1, -1, 0);
	}
	return shrink(p);
}

static struct error *store(struct engine *e, uint64_t tree, uint64_t index, uint64_t entry, uint64_t *old)
{
	struct path p;
	TRY(open_path(e, tree, index, &p));
	TRY(descend(&p, old));
	if (*old == entry)
		return NULL;
	if (!*old && entry)
		TRY(create(&p));
	if (!entry)
		for (unsigned mark = 0; mark < MARKS; mark++)
			TRY(mark_path(&p, mark, false));
	if (!p.depth) {
		set_head(&p, entry, 0);
		return NULL;
	}
	unsigned lowest = p.depth - 1;
	TRY(check_list(&p, lowest));
	slot_set(&p, lowest, entry);
	count(&p, lowest, !!entry - !!*old, xa_is_value(&p.form, entry) - xa_is_value(&p.form, *old));
	return entry ? NULL : prune(&p);
}

/* Nodes are sought without reclaim, which could change this very tree; where there are none, memory is made free for them, and all is begun again (xas_nomem()). */
struct error *xa_store(struct engine *e, uint64_t tree, uint64_t index, uint64_t entry, uint64_t *old)
{
	const bool nowait = e->nowait;
	uint64_t page;
	for (unsigned n = 0;; n++) {
		e->nowait = true;
		struct error *failure = store(e, tree, index, entry, old);
		e->nowait = nowait;
		if (!failure || failure->code != ERR_KERNEL || failure->addr != ENOMEM || e->classic || e->reclaiming || nowait || n == STORE_TRIES)
			return failure;
		error_free(failure);
		TRY(alloc_pages(e, GFP24_KERNEL, 0, &page));
		if (page)
			TRY(put_page(e, page));
	}
}

struct error *xa_mark(struct engine *e, uint64_t tree, uint64_t index, unsigned mark, bool set)
{
	struct path p;
	uint64_t entry;
	TRY(open_path(e, tree, index, &p));
	TRY(descend(&p, &entry));
	return entry ? mark_path(&p, mark, set) : NULL;
}
