/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Maple trees (include/linux/maple_tree.h, lib/maple_tree.c; since Linux 6.1) of an image, read as
 * hostile data: the ranges of a node's slots must stay within the node's own and ascend, so that a
 * walk always ends.
 *
 * An encoded node is a node's address with its type in bits 3–6; the low 8 bits of a node's address
 * are 0. A root that is no node is the one entry of the tree, at index 0.
 */
#ifndef MM_MAPLE_H
#define MM_MAPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"
#include "mm/tree_path.h"

/* MAPLE_HEIGHT_MAX (include/linux/maple_tree.h) */
#define MAPLE_MAX_HEIGHT 31

/*
 * Gets each entry that is not 0, ascending, with the range of indexes it stands for, both ends
 * included. Entries are raw: an internal one (XA_ZERO_ENTRY: low bits 10, below 4096) is the
 * visitor's to know. Returns false to end the walk.
 */
typedef bool maple_visitor(void *context, uint64_t first, uint64_t last, uint64_t entry);

/*
 * All entries that touch [first, last]; `tree` is the address of the struct maple_tree. Errors:
 * ERR_UNSUPPORTED (no maple trees in this kernel), ERR_BAD_LIST (a node that is dead, of no known
 * type, unreadable, or whose pivots are out of order: the entries given before are good),
 * ERR_INTERRUPTED.
 */
struct error *maple_for_each(struct kernel *k, uint64_t tree, uint64_t first, uint64_t last,
			     maple_visitor *visit, void *context) MUST_CHECK;

/* A node, as maple_watch's node() gets it. */
struct maple_node_facts {
	uint64_t addr, parent; /* parent: as it stands in the node */
	unsigned type;	       /* enum maple_type */
	uint64_t min, max;
};

/* What else a walk may tell of: all are the caller's. */
struct maple_watch {
	struct tree_path path; /* the way to the entry or node while a visitor runs */
	void (*node)(void *context, const struct maple_node_facts *node); /* NULL, or each node before what is in it */
	bool empty;	       /* visit() gets the ranges that are empty, too */
};
/* All entries under a root as it stands in maple_tree.ma_root. */
struct error *maple_for_each_watched(struct kernel *k, uint64_t root, struct maple_watch *watch, maple_visitor *visit,
				     void *context) MUST_CHECK;

/* The entry at an index (0: none), and its range, when first and last are not NULL. Goes down one
 * path. */
struct error *maple_find(struct kernel *k, uint64_t tree, uint64_t index, uint64_t *entry,
			 uint64_t *first, uint64_t *last) MUST_CHECK;

/*
 * Trees that keep gaps (MT_FLAGS_ALLOC_RANGE): gets, for each slot of each inner node, the greatest gap
 * that the node keeps for it, and the one that is there, in indexes. Errors as maple_for_each().
 */
typedef void maple_gap_visitor(void *context, uint64_t node, unsigned slot, uint64_t kept,
			       uint64_t found);
struct error *maple_gaps(struct kernel *k, uint64_t tree, maple_gap_visitor *visit,
			 void *context) MUST_CHECK;

/*
 * mas_empty_area(), mas_empty_area_rev(): the lowest (`back`: the highest) hole of `size` indexes or more within [low, high], by the gaps that the tree keeps: [*first, *last] is
 * what of it lies there.
 */
struct error *maple_find_hole(struct kernel *k, uint64_t tree, uint64_t low, uint64_t high, uint64_t size, bool back, uint64_t *first, uint64_t *last,
			      bool *found) MUST_CHECK;

/*
 * By all the rules of the kernel's own check (lib/maple_tree.c: mt_validate()) but the gaps, which maple_gaps() has: each finding says what is wrong with a node, or with the
 * tree (its address). A root that is an entry counts as no level. Errors as maple_for_each(): nothing more can be said then.
 */
typedef void maple_finding(void *context, uint64_t node, const char *what);
struct error *maple_check(struct kernel *k, uint64_t tree, maple_finding *report, void *context) MUST_CHECK;

static inline bool maple_entry_is_internal(uint64_t entry)
{
	return (entry & 3) == 2 && entry < 4096;
}

#endif
