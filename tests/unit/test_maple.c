/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Maple trees of nodes written by hand, by the layout that include/linux/maple_tree.h describes.
 */
#include "tests/unit/small_maple.h"

#include <stdio.h>

#include "mm/maple.h"

static struct kernel *k;

static int setup(void **state)
{
	k = small_maple_new();
	return 0;
}

static int teardown(void **state)
{
	small_kernel_free(k);
	return 0;
}

static void root(unsigned i, unsigned type)
{
	poke64(k, TREE + 8, small_enode(i, type));
}

static void parent(unsigned i, uint64_t value)
{
	poke64(k, NODE(i), value);
}

/* ---- What a walk gives, as text ---- */

static char seen[4096];

static bool see(void *context, uint64_t first, uint64_t last, uint64_t entry)
{
	char one[80];
	snprintf(one, sizeof(one), "%lx-%lx:%lx ", first, last, entry);
	strncat(seen, one, sizeof(seen) - strlen(seen) - 1);
	return true;
}

static struct error *walk(uint64_t first, uint64_t last)
{
	seen[0] = 0;
	return maple_for_each(k, TREE, first, last, see, NULL);
}

static void finds(uint64_t index, uint64_t entry, uint64_t first, uint64_t last)
{
	uint64_t e, f, l;
	assert_success(maple_find(k, TREE, index, &e, &f, &l));
	assert_int_equal(e, entry);
	assert_int_equal(f, first);
	assert_int_equal(l, last);
}

static void root_alone(void **state)
{
	poke64(k, TREE + 8, 0);
	assert_success(walk(0, UINT64_MAX));
	assert_string_equal(seen, "");
	finds(5, 0, 1, UINT64_MAX);
	poke64(k, TREE + 8, 0xabcd0);
	assert_success(walk(0, UINT64_MAX));
	assert_string_equal(seen, "0-0:abcd0 ");
	finds(0, 0xabcd0, 0, 0);
	finds(1, 0, 1, UINT64_MAX);
}

/* [0,f] empty, [10,1f] A0, [20,20] B0, rest empty */
static void make_leaf(unsigned i)
{
	parent(i, TREE | 1);
	poke64(k, NODE(i) + R_PIVOT(0), 0xf);
	poke64(k, NODE(i) + R_PIVOT(1), 0x1f);
	poke64(k, NODE(i) + R_PIVOT(2), 0x20);
	poke64(k, NODE(i) + R_SLOT(1), 0xa0);
	poke64(k, NODE(i) + R_SLOT(2), 0xb0);
	poke64(k, NODE(i) + R_END, 3);
}

static void leaf(void **state)
{
	make_leaf(0);
	root(0, LEAF);
	assert_success(walk(0, UINT64_MAX));
	assert_string_equal(seen, "10-1f:a0 20-20:b0 ");
	assert_success(walk(0x20, 0x20));
	assert_string_equal(seen, "20-20:b0 ");
	assert_success(walk(0x1f, 0x1f));
	assert_string_equal(seen, "10-1f:a0 ");
	finds(0x10, 0xa0, 0x10, 0x1f);
	finds(0x1f, 0xa0, 0x10, 0x1f);
	finds(0x20, 0xb0, 0x20, 0x20);
	finds(0x21, 0, 0x21, UINT64_MAX);
	finds(0, 0, 0, 0xf);
}

/* All 16 slots in use: the last slot stands where the metadata otherwise does. */
static void full_leaf(void **state)
{
	parent(1, TREE | 1);
	for (unsigned i = 0; i < 16; i++) {
		if (i < 15)
			poke64(k, NODE(1) + R_PIVOT(i), i * 0x10 + 0xf);
		poke64(k, NODE(1) + R_SLOT(i), 0x1000 * (i + 1));
	}
	root(1, LEAF);
	finds(0xff, 0x10000, 0xf0, UINT64_MAX);
	finds(0xe5, 0xf000, 0xe0, 0xef);
	assert_success(walk(0xe0, UINT64_MAX));
	assert_string_equal(seen, "e0-ef:f000 f0-ffffffffffffffff:10000 ");
}

/* An allocation tree: arange_64 over two leaves, with rubbish in the pivots behind its end. */
static void make_two_levels(void)
{
	make_leaf(0);
	poke64(k, NODE(0) + R_PIVOT(3), 0xfff);
	parent(2, TREE | 1);
	poke64(k, NODE(2) + A_PIVOT(0), 0xfff);
	poke64(k, NODE(2) + A_PIVOT(1), 0x77);
	poke64(k, NODE(2) + A_SLOT(0), small_enode(0, LEAF));
	poke64(k, NODE(2) + A_SLOT(1), small_enode(3, LEAF));
	poke64(k, NODE(2) + A_SLOT(2), 0xdead);
	poke64(k, NODE(2) + A_END, 1);
	parent(3, NODE(2) | 0x18);
	poke64(k, NODE(3) + R_PIVOT(0), 0x1fff);
	poke64(k, NODE(3) + R_PIVOT(1), 0x2fff);
	poke64(k, NODE(3) + R_SLOT(0), 0xc0);
	poke64(k, NODE(3) + R_SLOT(1), 0x402); /* XA_ZERO_ENTRY */
	poke64(k, NODE(3) + R_END, 2);
	root(2, ARANGE);
}

static void two_levels(void **state)
{
	make_two_levels();
	assert_success(walk(0, UINT64_MAX));
	assert_string_equal(seen, "10-1f:a0 20-20:b0 1000-1fff:c0 2000-2fff:402 ");
	assert_true(maple_entry_is_internal(0x402));
	finds(0x1000, 0xc0, 0x1000, 0x1fff);
	finds(0x18, 0xa0, 0x10, 0x1f);
	finds(0x3000, 0, 0x3000, UINT64_MAX);
	/* The same with a range_64 on top. */
	parent(4, TREE | 1);
	poke64(k, NODE(4) + R_PIVOT(0), 0xfff);
	poke64(k, NODE(4) + R_PIVOT(1), UINT64_MAX);
	poke64(k, NODE(4) + R_SLOT(0), small_enode(0, LEAF));
	poke64(k, NODE(4) + R_SLOT(1), small_enode(3, LEAF));
	poke64(k, NODE(4) + R_END, 1);
	root(4, RANGE);
	assert_success(walk(0x20, 0x1000));
	assert_string_equal(seen, "20-20:b0 1000-1fff:c0 ");
}

static void dense(void **state)
{
	/* slot[] of maple_node: one index a slot, below a range that ends with the node */
	parent(5, TREE | 1);
	poke64(k, NODE(5) + 8, 0x10);
	poke64(k, NODE(5) + 16, 0x20);
	parent(6, TREE | 1);
	poke64(k, NODE(6) + R_PIVOT(0), 0x1e);
	poke64(k, NODE(6) + R_SLOT(0), small_enode(5, DENSE));
	poke64(k, NODE(6) + R_SLOT(1), small_enode(3, LEAF));
	poke64(k, NODE(6) + R_END, 1);
	make_two_levels();
	root(6, RANGE);
	finds(1, 0x20, 1, 1);
	assert_success(walk(0, 0x1e));
	assert_string_equal(seen, "0-0:10 1-1:20 ");
}

static void damage(void **state)
{
	uint64_t entry;
	/* dead: its own parent */
	make_leaf(0);
	root(0, LEAF);
	parent(0, NODE(0));
	assert_error(walk(0, UINT64_MAX), ERR_BAD_LIST);
	assert_error(maple_find(k, TREE, 0x10, &entry, NULL, NULL), ERR_BAD_LIST);
	/* pivots that descend; what came before is given */
	make_leaf(0);
	poke64(k, NODE(0) + R_PIVOT(2), 0x18);
	assert_error(walk(0, UINT64_MAX), ERR_BAD_LIST);
	assert_string_equal(seen, "10-1f:a0 ");
	/* an end past the slots */
	make_leaf(0);
	poke64(k, NODE(0) + R_PIVOT(14), 0);
	poke64(k, NODE(0) + R_END, 16);
	assert_error(walk(0, UINT64_MAX), ERR_BAD_LIST);
	/* a type that there is not, a node outside memory */
	root(0, 9);
	assert_error(walk(0, UINT64_MAX), ERR_BAD_LIST);
	poke64(k, TREE + 8, (SMALL_BASE + SMALL_RAM + 0x100) | LEAF << 3 | 6);
	assert_error(walk(0, UINT64_MAX), ERR_BAD_LIST);
	/* no child where there must be one */
	make_two_levels();
	poke64(k, NODE(2) + A_SLOT(1), 0);
	assert_error(walk(0, UINT64_MAX), ERR_BAD_LIST);
	assert_string_equal(seen, "10-1f:a0 20-20:b0 ");
	assert_error(maple_find(k, TREE, 0x1000, &entry, NULL, NULL), ERR_BAD_LIST);
	/* a node below itself */
	make_two_levels();
	poke64(k, NODE(2) + A_SLOT(0), small_enode(2, ARANGE));
	assert_error(walk(0, UINT64_MAX), ERR_BAD_LIST);
	assert_error(maple_find(k, TREE, 0, &entry, NULL, NULL), ERR_BAD_LIST);
	/* the tree itself */
	assert_error(maple_for_each(k, SMALL_BASE + SMALL_RAM, 0, UINT64_MAX, see, NULL),
		     ERR_NOT_MAPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(root_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(leaf, setup, teardown),
		cmocka_unit_test_setup_teardown(full_leaf, setup, teardown),
		cmocka_unit_test_setup_teardown(two_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(dense, setup, teardown),
		cmocka_unit_test_setup_teardown(damage, setup, teardown),
	};
	return cmocka_run_group_tests_name("maple trees", tests, NULL, NULL);
}
