/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One node of a maple tree, for those who walk (mm/maple.c), check (mm/maple_check.c) and change (mm/engine/maple_edit.c) such trees.
 */
#ifndef MM_MAPLE_NODE_H
#define MM_MAPLE_NODE_H

#include "mm/maple.h"

/* lib/maple_tree.c: MAPLE_NODE_MASK, MAPLE_NODE_TYPE_SHIFT, MAPLE_NODE_TYPE_MASK */
#define MAPLE_NODE_MASK	 255ull
#define MAPLE_TYPE_SHIFT 3
#define MAPLE_TYPE_MASK	 15

/* include/linux/maple_tree.h: bits of maple_tree.ma_flags. lib/maple_tree.c: MA_ROOT_PARENT, MAPLE_PARENT_RANGE64, MAPLE_PARENT_SLOT_SHIFT. */
#define MAPLE_ALLOC_RANGE   1u
#define MAPLE_HEIGHT_SHIFT  2
#define MAPLE_HEIGHT_MASK   0x7cu
#define MAPLE_ROOT_PARENT   1u
#define MAPLE_PARENT_64	    6u
#define MAPLE_PARENT_SHIFT  3

/* How this kernel's nodes are told apart and laid out. */
struct maple_form {
	struct kernel *k;
	uint64_t max; /* the greatest index */
	int dense, leaf_64, range_64, arange_64;
	uint32_t node_size;
};

/* How a type of node lays out its words. */
struct maple_layout {
	const struct member *pivot, *slot, *end;
	unsigned slots, pivots;
	bool leaf;
	bool end_in_slot; /* the metadata shares the last slot's place, and is there only when that is free */
};

/* A node whose bytes were checked, and the range of indexes it stands for. */
struct maple_node {
	uint64_t enode, addr, parent; /* parent: as it stands in the node */
	const unsigned char *bytes;
	struct maple_layout layout;
	unsigned end; /* the last slot in use */
	uint64_t min, max;
};

/* ERR_UNSUPPORTED: no maple trees in this kernel. */
struct error *maple_form_open(struct kernel *k, struct maple_form *f) MUST_CHECK;
bool maple_layout_of(const struct maple_form *f, unsigned type, struct maple_layout *l);
static inline unsigned maple_type(uint64_t enode)
{
	return enode >> MAPLE_TYPE_SHIFT & MAPLE_TYPE_MASK;
}
/* mt_min_slots: as many slots beyond the first as a node has at least, the last of its level and the root set aside. */
unsigned maple_min_slots(const struct maple_form *f, const struct maple_layout *l, unsigned type);
/* ERR_BAD_LIST: of no known type, unreadable, dead, or with more slots in use than there are. */
struct error *maple_node_open(const struct maple_form *f, uint64_t enode, uint64_t min, uint64_t max, struct maple_node *n) MUST_CHECK;
/* Element i of one of the node's arrays; 0 past its end. */
uint64_t maple_element(const struct maple_form *f, const unsigned char *node, const struct member *m, unsigned i);
/* The indexes of slot i, the first of which is `from`. `done` when it was the node's last. ERR_BAD_LIST: pivots out of order. */
struct error *maple_slot_range(const struct maple_form *f, const struct maple_node *n, unsigned i, uint64_t from, uint64_t *to, bool *done) MUST_CHECK;
struct error *maple_bad_node(uint64_t node, const char *why) MUST_CHECK;
/* xa_is_node(): is it an internal entry too great for a value? */
static inline bool maple_is_node(uint64_t entry)
{
	return (entry & 3) == 2 && entry > 4096;
}
struct error *maple_root(struct kernel *k, uint64_t tree, uint64_t *root) MUST_CHECK;

#endif
