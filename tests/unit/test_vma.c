/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas of an address space in each of the three structures that kernels have had, and what is
 * wrong with them.
 */
#include "tests/unit/small_kernel.h"

#include <stdio.h>

#include "mm/rbtree.h"
#include "mm/vma.h"

#define MM	(SMALL_BASE + 0x1000)
#define NODE	(SMALL_BASE + 0x8000)
#define AREA(i) (SMALL_BASE + 0x10000 + 0x100ull * (i))
#define RB	64 /* of vm_rb in the area */

static struct kernel *k;

enum { LIST = 1, RBTREE = 2, MAPLE = 4 };

static struct kernel *make(unsigned structures)
{
	struct small_types t = small_types_new();
	int rb = small_struct(&t, "rb_node", 24, "parent", t.u64, 0, "rb_right", t.pointer, 8,
			      "rb_left", t.pointer, 16, NULL);
	int root = small_struct(&t, "rb_root", 8, "rb_node", t.pointer, 0, NULL);
	int tree = small_struct(&t, "maple_tree", 16, "ma_root", t.pointer, 8, NULL);
	int p16 = small_array(&t, t.pointer, 16), u15 = small_array(&t, t.u64, 15);
	small_struct(&t, "maple_node", 256, "parent", t.pointer, 0, NULL);
	small_struct(&t, "maple_range_64", 256, "parent", t.pointer, 0, "pivot", u15, 8, "slot",
		     p16, 128, NULL);
	int mm = btf__add_struct(t.btf, "mm_struct", 64);
	assert_true(mm > 0);
	if (structures & LIST)
		btf__add_field(t.btf, "mmap", t.pointer, 0, 0);
	if (structures & RBTREE)
		btf__add_field(t.btf, "mm_rb", root, 8 * 8, 0);
	if (structures & MAPLE)
		btf__add_field(t.btf, "mm_mt", tree, 16 * 8, 0);
	int area = btf__add_struct(t.btf, "vm_area_struct", 128);
	assert_true(area > 0);
	btf__add_field(t.btf, "vm_start", t.u64, 0, 0);
	btf__add_field(t.btf, "vm_end", t.u64, 8 * 8, 0);
	btf__add_field(t.btf, "vm_next", t.pointer, 16 * 8, 0);
	btf__add_field(t.btf, "vm_mm", t.pointer, 24 * 8, 0);
	btf__add_field(t.btf, "vm_flags", t.u64, 32 * 8, 0);
	btf__add_field(t.btf, "vm_pgoff", t.u64, 40 * 8, 0);
	btf__add_field(t.btf, "vm_file", t.pointer, 48 * 8, 0);
	btf__add_field(t.btf, "vm_rb", rb, RB * 8, 0);
	return small_kernel_new(&t);
}

static int teardown(void **state)
{
	small_kernel_free(k);
	return 0;
}

static void area(unsigned i, uint64_t start, uint64_t end)
{
	poke64(k, AREA(i), start);
	poke64(k, AREA(i) + 8, end);
	poke64(k, AREA(i) + 16, 0);
	poke64(k, AREA(i) + 24, MM);
	poke64(k, AREA(i) + 32, VM_READ | VM_EXEC);
	poke64(k, AREA(i) + 40, i);
}

static void three_areas(void)
{
	area(0, 0x10000, 0x12000);
	area(1, 0x12000, 0x13000);
	area(2, 0x20000, 0x30000);
}

static char seen[4096];
static unsigned see_at_most;

static bool see(void *context, const struct vma *vma)
{
	char one[80];
	snprintf(one, sizeof(one), "%lx-%lx ", vma->start, vma->end);
	strncat(seen, one, sizeof(seen) - strlen(seen) - 1);
	return --see_at_most != 0;
}

static struct error *walk(void)
{
	seen[0] = 0;
	see_at_most = 1000;
	return vma_for_each(k, MM, see, NULL);
}

static void finds(uint64_t addr, int i)
{
	struct vma vma;
	bool found;
	assert_success(vma_find(k, MM, addr, &vma, &found));
	assert_int_equal(found, i >= 0);
	if (found)
		assert_int_equal(vma.addr, AREA(i));
}

static void finds_them(void)
{
	finds(0xffff, -1);
	finds(0x10000, 0);
	finds(0x11fff, 0);
	finds(0x12000, 1);
	finds(0x13000, -1);
	finds(0x2ffff, 2);
	finds(0x30000, -1);
	finds(UINT64_MAX, -1);
}

#define ALL_THREE "10000-12000 12000-13000 20000-30000 "

static void link_list(void)
{
	poke64(k, MM, AREA(0));
	poke64(k, AREA(0) + 16, AREA(1));
	poke64(k, AREA(1) + 16, AREA(2));
}

static void list(void **state)
{
	k = make(LIST);
	assert_success(walk());
	assert_string_equal(seen, "");
	three_areas();
	link_list();
	assert_success(walk());
	assert_string_equal(seen, ALL_THREE);
	finds_them();
	/* The visitor ends it. */
	seen[0] = 0;
	see_at_most = 2;
	assert_success(vma_for_each(k, MM, see, NULL));
	assert_string_equal(seen, "10000-12000 12000-13000 ");
	/* A loop, an area of another mm, one that is none, one outside memory. */
	poke64(k, AREA(2) + 16, AREA(1));
	assert_error(walk(), ERR_BAD_LIST);
	assert_string_equal(seen, ALL_THREE);
	poke64(k, AREA(2) + 16, 0);
	poke64(k, AREA(1) + 24, MM + 64);
	assert_error(walk(), ERR_BAD_LIST);
	assert_string_equal(seen, "10000-12000 ");
	area(1, 0x13000, 0x12000);
	assert_error(walk(), ERR_BAD_LIST);
	area(1, 0x12000, 0x12800);
	assert_error(walk(), ERR_BAD_LIST);
	area(1, 0x11000, 0x13000);
	assert_error(walk(), ERR_BAD_LIST);
	assert_string_equal(seen, "10000-12000 ");
	poke64(k, AREA(0) + 16, SMALL_BASE + SMALL_RAM);
	assert_error(walk(), ERR_NOT_MAPPED);
	assert_string_equal(seen, "10000-12000 ");
}

static void child(unsigned parent, unsigned offset, int of)
{
	poke64(k, AREA(parent) + RB + offset, of < 0 ? 0 : AREA(of) + RB);
}

static void rbtree(void **state)
{
	k = make(RBTREE);
	assert_success(walk());
	assert_string_equal(seen, "");
	three_areas();
	poke64(k, MM + 8, AREA(1) + RB);
	child(1, 16, 0);
	child(1, 8, 2);
	assert_success(walk());
	assert_string_equal(seen, ALL_THREE);
	finds_them();
	/* A right child above it: the order tells. A left child above it: the depth does. */
	child(2, 8, 1);
	assert_error(walk(), ERR_BAD_LIST);
	assert_string_equal(seen, ALL_THREE);
	child(2, 8, -1);
	child(0, 16, 1);
	assert_error(walk(), ERR_BAD_LIST);
	struct vma vma;
	bool found;
	assert_error(vma_find(k, MM, 0x1000, &vma, &found), ERR_BAD_LIST);
	child(0, 16, -1);
	poke64(k, AREA(1) + RB + 8, SMALL_BASE + SMALL_RAM + 8);
	assert_error(walk(), ERR_BAD_LIST);
	assert_string_equal(seen, "10000-12000 12000-13000 ");
}

static bool count(void *context, uint64_t node)
{
	++*(unsigned *)context;
	return true;
}

static void rbtree_that_never_ends(void **state)
{
	unsigned nodes = 0;
	k = make(RBTREE);
	/* One node that is its own right child, and nobody to know the order. */
	poke64(k, AREA(0) + 8, AREA(0));
	assert_error(rbtree_for_each(k, AREA(0), count, &nodes), ERR_BAD_LIST);
	assert_in_range(nodes, 1, RBTREE_MAX_DEPTH);
}

/* In list and rbtree (5.10): the list is walked, the tree searched. */
static void list_and_rbtree(void **state)
{
	k = make(LIST | RBTREE);
	three_areas();
	link_list();
	poke64(k, MM + 8, AREA(0) + RB);
	child(0, 8, 1);
	child(1, 8, 2);
	assert_success(walk());
	assert_string_equal(seen, ALL_THREE);
	finds_them();
}

static void slot(unsigned i, uint64_t last, uint64_t entry)
{
	if (i < 15)
		poke64(k, NODE + 8 + 8 * i, last);
	poke64(k, NODE + 128 + 8 * i, entry);
}

static void maple(void **state)
{
	k = make(MAPLE);
	assert_success(walk());
	assert_string_equal(seen, "");
	three_areas();
	poke64(k, MM + 16 + 8, NODE | 1 << 3 | 6);
	poke64(k, NODE, MM);
	slot(0, 0xffff, 0);
	slot(1, 0x11fff, AREA(0));
	slot(2, 0x12fff, AREA(1));
	slot(3, 0x1ffff, 0);
	slot(4, 0x2ffff, AREA(2));
	slot(5, UINT64_MAX, 0);
	assert_success(walk());
	assert_string_equal(seen, ALL_THREE);
	finds_them();
	/* What a fork that failed leaves is no area. */
	slot(5, 0x30fff, 0x402);
	slot(6, UINT64_MAX, 0);
	assert_success(walk());
	assert_string_equal(seen, ALL_THREE);
	finds(0x30000, -1);
	/* The tree and the area disagree. */
	slot(2, 0x13fff, AREA(1));
	assert_error(walk(), ERR_BAD_LIST);
	assert_string_equal(seen, "10000-12000 ");
	struct vma vma;
	bool found;
	assert_error(vma_find(k, MM, 0x13800, &vma, &found), ERR_BAD_LIST);
	assert_false(found);
}

static void flags(void **state)
{
	char text[256], permissions[5];
	k = make(MAPLE);
	assert_string_equal(vma_flags_format(k, 0x75, text, sizeof(text)),
			    "READ|EXEC|MAYREAD|MAYWRITE|MAYEXEC");
	assert_string_equal(vma_flags_format(k, 0, text, sizeof(text)), "");
	vma_permissions(VM_READ | VM_WRITE | VM_MAYSHARE, permissions);
	assert_string_equal(permissions, "rw-s");
	vma_permissions(VM_EXEC, permissions);
	assert_string_equal(permissions, "--xp");
	/* A buffer that is too short holds whole names. */
	vma_flags_format(k, ~0ull, text, 12);
	assert_string_equal(text, "READ|WRITE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(list, teardown),
		cmocka_unit_test_teardown(rbtree, teardown),
		cmocka_unit_test_teardown(rbtree_that_never_ends, teardown),
		cmocka_unit_test_teardown(list_and_rbtree, teardown),
		cmocka_unit_test_teardown(maple, teardown),
		cmocka_unit_test_teardown(flags, teardown),
	};
	return cmocka_run_group_tests_name("areas", tests, NULL, NULL);
}
