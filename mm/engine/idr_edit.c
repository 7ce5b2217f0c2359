/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An IDR's tree, changed (lib/idr.c, lib/radix-tree.c): a radix tree whose first tag marks slots that are free. Number 0 of a tree of pids is never given out, so the root's own tag,
 * which says that something is free, never falls.
 */
#include <errno.h>
#include <inttypes.h>

#include "mm/engine/list_edit.h"
#include "mm/engine/pid_edit.h"

#define SLOT_BITS 6u
#define SLOTS	  (1u << SLOT_BITS)
#define IS_NODE	  2ull /* low bits of an entry that is a node: 2, or 1 before the XArray (4.20) */

/* ---- Nodes ---- */

static struct error *open_node(struct engine *e, uint64_t entry, struct object *o)
{
	TRY(object_open_writable(e->k, entry & ~3ull, S_xa_node, o));
	if (e->k->members[M_xa_node_slots].count != SLOTS || GET(e->k, o, xa_node, shift) > 60)
		return error_at(ERR_BAD_OBJECT, o->addr, "no node of a radix tree: %" PRIx64, o->addr);
	return NULL;
}

static bool is_node(const struct engine *e, uint64_t entry)
{
	return entry & 3 && entry >= e->k->page_offset;
}

static uint64_t as_entry(const struct engine *e, uint64_t node)
{
	return node | (HAS_STRUCT(e->k, xarray) ? IS_NODE : 1);
}

static uint64_t slot_at(const struct engine *e, const struct object *node, unsigned i)
{
	return MEMBER_ADDR(e->k, node, xa_node, slots) + (uint64_t)i * e->k->arch->pointer_size;
}

/* The first tag, of all slots: one bit each. */
static uint64_t free_tags(const struct engine *e, const struct object *node)
{
	return load_uint(node->bytes + OFFSET(e->k, xa_node, marks), 8);
}

static void set_free_tags(const struct engine *e, const struct object *node, uint64_t tags)
{
	store_uint((unsigned char *)node->bytes + OFFSET(e->k, xa_node, marks), 8, tags);
}

static struct error *new_node(struct engine *e, uint64_t idr, uint64_t parent, unsigned shift, unsigned offset, unsigned count, struct object *node)
{
	struct kernel *k = e->k;
	uint64_t cache, addr;
	TRY(kernel_read_symbol(k, "radix_tree_node_cachep", 0, &cache));
	TRY(kmem_cache_alloc(e, cache, GFP24_KERNEL, &addr));
	TRY(object_open_writable(k, addr, S_xa_node, node));
	SET(k, node, xa_node, shift, shift);
	SET(k, node, xa_node, offset, offset);
	SET(k, node, xa_node, count, count);
	SET(k, node, xa_node, nr_values, 0);
	SET(k, node, xa_node, parent, parent);
	SET(k, node, xa_node, array, idr - OFFSET(k, xarray, head));
	set_free_tags(e, node, UINT64_MAX);
	return NULL;
}

/* As its constructor left it. */
static struct error *free_node(struct engine *e, const struct object *node)
{
	struct kernel *k = e->k;
	uint64_t cache;
	TRY(kernel_read_symbol(k, "radix_tree_node_cachep", 0, &cache));
	memset((unsigned char *)node->bytes + OFFSET(k, xa_node, slots), 0, k->members[M_xa_node_slots].total);
	memset((unsigned char *)node->bytes + OFFSET(k, xa_node, marks), 0, k->members[M_xa_node_marks].total);
	TRY(list_init(k, MEMBER_ADDR(k, node, xa_node, private_list)));
	return kmem_cache_free(e, cache, node->addr);
}

static struct error *check(struct engine *e)
{
	return members_require(e->k, "the tree of pids of this kernel is not changed", M_xa_node_slots, M_xa_node_marks, M_xa_node_parent, M_xa_node_offset, M_xa_node_count,
			       M_xa_node_private_list, M_xarray_head, MEMBER_NONE);
}

/* ---- Finding ---- */

/* The lowest level's node for `id`; *found false when the tree has none. */
static struct error *find_leaf(struct engine *e, uint64_t idr, uint64_t id, struct object *node, bool *found)
{
	uint64_t entry;
	unsigned above = 64;
	*found = false;
	TRY(kernel_read_pointer(e->k, idr, &entry));
	while (is_node(e, entry)) {
		TRY(open_node(e, entry, node));
		unsigned shift = (unsigned)GET(e->k, node, xa_node, shift);
		if (shift >= above)
			return error_at(ERR_BAD_LIST, node->addr, "the tree of pids is damaged at node %" PRIx64, node->addr);
		/* Beyond what the root reaches. */
		if (above == 64 && shift + SLOT_BITS < 64 && id >> (shift + SLOT_BITS))
			return NULL;
		above = shift;
		if (!shift) {
			*found = true;
			return NULL;
		}
		TRY(kernel_read_pointer(e->k, slot_at(e, node, id >> shift & (SLOTS - 1)), &entry));
	}
	return NULL;
}

struct error *idr_next_free(struct engine *e, uint64_t idr, uint64_t *id)
{
	struct object node;
	bool found;
	TRY(check(e));
	for (;;) {
		TRY(find_leaf(e, idr, *id, &node, &found));
		uint64_t tags = found ? free_tags(e, &node) >> (*id & (SLOTS - 1)) : 1;
		if (tags) {
			*id += (unsigned)__builtin_ctzll(tags);
			return NULL;
		}
		*id = (*id | (SLOTS - 1)) + 1;
	}
}

/* ---- Changing ---- */

/* The tag of a slot, and of the slots above that lead to it. */
static struct error *tag(struct engine *e, const struct object *leaf, unsigned i, bool is_free)
{
	struct object node = *leaf;
	for (unsigned depth = 0; depth < 12; depth++) {
		uint64_t before = free_tags(e, &node), now = is_free ? before | 1ull << i : before & ~(1ull << i);
		set_free_tags(e, &node, now);
		uint64_t parent = GET(e->k, &node, xa_node, parent);
		if ((is_free ? before == now : now != 0) || !parent)
			return NULL;
		i = (unsigned)GET(e->k, &node, xa_node, offset) & (SLOTS - 1);
		TRY(open_node(e, parent, &node));
	}
	return NULL;
}

/* radix_tree_extend(): new roots until the tree reaches `id`. *shift: of the root. */
static struct error *extend(struct engine *e, uint64_t idr, uint64_t id, unsigned *shift)
{
	struct kernel *k = e->k;
	struct object node, root;
	uint64_t entry;
	unsigned next = 0;
	TRY(kernel_read_pointer(k, idr, &entry));
	if (is_node(e, entry)) {
		TRY(open_node(e, entry, &root));
		next = (unsigned)GET(k, &root, xa_node, shift) + SLOT_BITS;
	} else if (entry) {
		return error_at(ERR_UNSUPPORTED, idr, "a tree of pids that is one entry");
	}
	*shift = next ? next - SLOT_BITS : 0;
	if (!entry) {
		while (id >> (*shift + SLOT_BITS))
			*shift += SLOT_BITS;
		TRY(new_node(e, idr, 0, *shift, 0, 0, &node));
		return kernel_write_pointer(k, idr, as_entry(e, node.addr));
	}
	while (id >> (*shift + SLOT_BITS)) {
		TRY(new_node(e, idr, 0, next, 0, 1, &node));
		SET(k, &root, xa_node, parent, node.addr);
		TRY(kernel_write_pointer(k, slot_at(e, &node, 0), entry));
		entry = as_entry(e, node.addr);
		TRY(kernel_write_pointer(k, idr, entry));
		root = node;
		*shift = next;
		next += SLOT_BITS;
	}
	return NULL;
}

struct error *idr_insert(struct engine *e, uint64_t idr, uint64_t id, uint64_t value)
{
	struct kernel *k = e->k;
	struct object node, child;
	uint64_t entry;
	unsigned shift = 0;
	TRY(check(e));
	TRY(extend(e, idr, id, &shift));
	TRY(kernel_read_pointer(k, idr, &entry));
	TRY(open_node(e, entry, &node));
	while (shift) {
		unsigned i = id >> shift & (SLOTS - 1);
		TRY(kernel_read_pointer(k, slot_at(e, &node, i), &entry));
		shift -= SLOT_BITS;
		if (entry) {
			TRY(open_node(e, entry, &child));
		} else {
			TRY(new_node(e, idr, node.addr, shift, i, 0, &child));
			TRY(kernel_write_pointer(k, slot_at(e, &node, i), as_entry(e, child.addr)));
			ADD(k, &node, xa_node, count, 1);
		}
		node = child;
	}
	unsigned i = id & (SLOTS - 1);
	if (!(free_tags(e, &node) >> i & 1))
		return kernel_error(EEXIST, "pid %" PRIu64 " is in use", id);
	TRY(kernel_write_pointer(k, slot_at(e, &node, i), value));
	ADD(k, &node, xa_node, count, 1);
	return tag(e, &node, i, false);
}

/* radix_tree_shrink(): roots that lead to their first slot alone go; the lowest level stays. */
static struct error *shrink(struct engine *e, uint64_t idr)
{
	struct kernel *k = e->k;
	for (unsigned depth = 0; depth < 12; depth++) {
		struct object node, child;
		uint64_t entry, first;
		TRY(kernel_read_pointer(k, idr, &entry));
		TRY(open_node(e, entry, &node));
		TRY(kernel_read_pointer(k, slot_at(e, &node, 0), &first));
		if (GET(k, &node, xa_node, count) != 1 || !first || !GET(k, &node, xa_node, shift))
			return NULL;
		TRY(open_node(e, first, &child));
		SET(k, &child, xa_node, parent, 0);
		TRY(kernel_write_pointer(k, idr, first));
		TRY(free_node(e, &node));
	}
	return NULL;
}

struct error *idr_remove(struct engine *e, uint64_t idr, uint64_t id)
{
	struct kernel *k = e->k;
	struct object node;
	bool found;
	TRY(check(e));
	TRY(find_leaf(e, idr, id, &node, &found));
	if (!found)
		return error_at(ERR_BAD_OBJECT, idr, "pid %" PRIu64 " is not in the tree of pids", id);
	TRY(tag(e, &node, id & (SLOTS - 1), true));
	TRY(kernel_write_pointer(k, slot_at(e, &node, id & (SLOTS - 1)), 0));
	ADD(k, &node, xa_node, count, -1);
	/* delete_node(): what leads nowhere any more */
	while (!GET(k, &node, xa_node, count)) {
		struct object empty = node;
		uint64_t parent = GET(k, &node, xa_node, parent);
		unsigned i = (unsigned)GET(k, &node, xa_node, offset) & (SLOTS - 1);
		if (!parent)
			TRY(kernel_write_pointer(k, idr, 0));
		if (parent) {
			TRY(open_node(e, parent, &node));
			TRY(kernel_write_pointer(k, slot_at(e, &node, i), 0));
			ADD(k, &node, xa_node, count, -1);
		}
		TRY(free_node(e, &empty));
		if (!parent)
			return NULL;
	}
	return GET(k, &node, xa_node, parent) ? NULL : shrink(e, idr);
}
