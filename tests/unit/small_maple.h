/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A kernel with the types of maple trees and room for nodes, for those who test what reads and what changes them.
 */
#ifndef TESTS_UNIT_SMALL_MAPLE_H
#define TESTS_UNIT_SMALL_MAPLE_H

#include "tests/unit/small_kernel.h"

#define TREE	(SMALL_BASE + 0x1000)
#define NODE(i) (SMALL_BASE + 0x10000 + 0x100ull * (i))

enum { DENSE, LEAF, RANGE, ARANGE };

/* struct maple_range_64: parent, pivot[15], slot[16]; maple_arange_64: parent, pivot[9], slot[10],
 * gap[10], meta. */
#define R_PIVOT(i) (8 + 8 * (i))
#define R_SLOT(i)  (128 + 8 * (i))
#define R_END	   248
#define A_PIVOT(i) (8 + 8 * (i))
#define A_SLOT(i)  (80 + 8 * (i))
#define A_END	   240

static inline uint64_t small_enode(unsigned i, unsigned type)
{
	return NODE(i) | type << 3 | 4 | 2;
}

static inline struct kernel *small_maple_new(void)
{
	struct small_types t = small_types_new();
	int p16 = small_array(&t, t.pointer, 16), p10 = small_array(&t, t.pointer, 10);
	int p31 = small_array(&t, t.pointer, 31), u15 = small_array(&t, t.u64, 15);
	int u9 = small_array(&t, t.u64, 9), u10 = small_array(&t, t.u64, 10);
	int meta = small_struct(&t, "maple_metadata", 2, "end", t.u8, 0, "gap", t.u8, 1, NULL);
	int in_slots = small_struct(&t, NULL, 128, "meta", meta, 120, NULL);
	int slots = btf__add_union(t.btf, NULL, 128);
	btf__add_field(t.btf, "slot", p16, 0, 0);
	btf__add_field(t.btf, NULL, in_slots, 0, 0);
	small_struct(&t, "maple_tree", 16, "ma_flags", t.u32, 4, "ma_root", t.pointer, 8, NULL);
	small_struct(&t, "maple_range_64", 256, "parent", t.pointer, 0, "pivot", u15, 8, NULL);
	btf__add_field(t.btf, NULL, slots, 128 * 8, 0);
	small_struct(&t, "maple_arange_64", 248, "parent", t.pointer, 0, "pivot", u9, 8, "slot",
		     p10, 80, "gap", u10, 160, "meta", meta, 240, NULL);
	small_struct(&t, "maple_node", 256, "parent", t.pointer, 0, "slot", p31, 8, NULL);
	return small_kernel_new(&t);
}

#endif
