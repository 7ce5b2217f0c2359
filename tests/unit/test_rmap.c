/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reading side of reverse mapping: interval trees made by the engine's editing side and read back against brute force; trees, lists and
 * chains that lie, which must end in an error and soon. MMSCOPE_SEED repeats a run.
 */
#include "tests/unit/small_kernel.h"

#include <stdio.h>
#include <time.h>

#include "mm/anon_vma.h"
#include "mm/i_mmap.h"
#include "mm/engine/interval_tree.h"
#include "mm/ksm.h"
#include "mm/swap.h"
#include "mm/xarray.h"

#define AREAS	    200
#define MAPPING	    (SMALL_BASE + 0x1000)
#define ANON_VMA    (SMALL_BASE + 0x1100)
#define OTHER	    (SMALL_BASE + 0x1200) /* another anon_vma */
#define STABLE_NODE (SMALL_BASE + 0x1300)
#define AREA(i)	    (SMALL_BASE + 0x10000 + 0x100ull * (i))
#define CHAIN(i)    (SMALL_BASE + 0x80000 + 0x80ull * (i))
#define ITEM(i)	    (SMALL_BASE + 0xc0000 + 0x80ull * (i))
#define XA(i)	    (SMALL_BASE + 0x100000 + 0x240ull * (i))
#define SHARED	    0x40 /* of the tree's node in an area */
#define RB	    0x20 /* in a chain */
#define SAME_VMA    0x10
#define RIGHT	    8 /* in a node */
#define LEFT	    16

static struct kernel *k;
static uint64_t first_page[AREAS], last_page[AREAS];
static unsigned visits;

static int setup(void **state)
{
	struct small_types t = small_types_new();
	int list = small_struct(&t, "list_head", 16, "next", t.pointer, 0, "prev", t.pointer, 8, NULL);
	int hnode = small_struct(&t, "hlist_node", 16, "next", t.pointer, 0, "pprev", t.pointer, 8, NULL);
	int hhead = small_struct(&t, "hlist_head", 8, "first", t.pointer, 0, NULL);
	int node = small_struct(&t, "rb_node", 24, "__rb_parent_color", t.u64, 0, "rb_right", t.pointer, RIGHT, "rb_left",
				t.pointer, LEFT, NULL);
	int plain = small_struct(&t, "rb_root", 8, "rb_node", t.pointer, 0, NULL);
	int root = small_struct(&t, "rb_root_cached", 16, "rb_root", plain, 0, "rb_leftmost", t.pointer, 8, NULL);
	int shared = small_struct(&t, NULL, 32, "rb", node, 0, "rb_subtree_last", t.u64, 24, NULL);
	int count = small_struct(&t, NULL, 4, "counter", t.u32, 0, NULL);
	int slots = small_array(&t, t.pointer, 64);
	small_struct(&t, "vm_area_struct", 0x100, "vm_start", t.u64, 0, "vm_end", t.u64, 8, "shared", shared, SHARED,
		     "anon_vma_chain", list, 0x70, "vm_pgoff", t.u64, 0x90, "vm_mm", t.pointer, 0x98, NULL);
	small_struct(&t, "address_space", 0x80, "i_mmap", root, 0x20, NULL);
	small_struct(&t, "anon_vma", 0x60, "root", t.pointer, 0, "refcount", count, 8, "parent", t.pointer, 0x10, "rb_root", root,
		     0x40, NULL);
	small_struct(&t, "anon_vma_chain", 0x80, "vma", t.pointer, 0, "anon_vma", t.pointer, 8, "same_vma", list, SAME_VMA, "rb",
		     node, RB, "rb_subtree_last", t.u64, RB + 24, NULL);
	small_struct(&t, "ksm_stable_node", 0x40, "hlist", hhead, 0x18, "kpfn", t.u64, 0x20, NULL);
	small_struct(&t, "ksm_rmap_item", 0x40, "anon_vma", t.pointer, 8, "mm", t.pointer, 0x10, "address", t.u64, 0x18, "hlist",
		     hnode, 0x30, NULL);
	small_struct(&t, "xa_node", 0x240, "shift", t.u8, 0, "slots", slots, 0x40, NULL);
	k = small_kernel_new(&t);
	for (uint64_t at = 0; at < 2; at++) {
		uint64_t anon_vma = at ? OTHER : ANON_VMA;
		poke64(k, anon_vma, anon_vma);
		poke(k, anon_vma + 8, 1, 4);
	}
	for (unsigned i = 0; i < AREAS; i++)
		poke64(k, AREA(i) + 0x70, AREA(i) + 0x70);
	visits = 0;
	return 0;
}

static int teardown(void **state)
{
	small_kernel_free(k);
	return 0;
}

static void put_area(unsigned i, uint64_t pgoff, uint64_t pages)
{
	first_page[i] = pgoff;
	last_page[i] = pgoff + pages - 1;
	poke64(k, AREA(i), 0x400000);
	poke64(k, AREA(i) + 8, 0x400000 + (pages << 12));
	poke64(k, AREA(i) + 0x90, pgoff);
	poke64(k, CHAIN(i), AREA(i));
	poke64(k, CHAIN(i) + 8, ANON_VMA);
	assert_success(vma_interval_tree_insert(k, AREA(i), MAPPING));
	assert_success(anon_vma_interval_tree_insert(k, CHAIN(i), ANON_VMA));
}

static bool seen[AREAS];
static uint64_t before;

static bool see(void *context, const struct vma *vma)
{
	uint64_t i = (vma->addr - AREA(0)) / 0x100;
	visits++;
	assert_true(i < AREAS && AREA(i) == vma->addr);
	assert_false(seen[i]);
	assert_true(vma->pgoff >= before);
	before = vma->pgoff;
	seen[i] = true;
	return true;
}

static bool see_chain(void *context, const struct anon_vma_chain *avc, const struct vma *vma)
{
	assert_int_equal(avc->vma, vma->addr);
	return see(context, vma);
}

static struct error *walk_file(uint64_t first, uint64_t last)
{
	memset(seen, 0, sizeof(seen));
	before = 0;
	return i_mmap_for_each(k, MAPPING, first, last, see, NULL);
}

static struct error *walk_anon(uint64_t first, uint64_t last)
{
	struct anon_vma anon_vma;
	memset(seen, 0, sizeof(seen));
	before = 0;
	TRY(anon_vma_open(k, ANON_VMA, &anon_vma));
	return anon_vma_for_each(k, &anon_vma, first, last, see_chain, NULL);
}

static void assert_found(uint64_t first, uint64_t last)
{
	for (unsigned i = 0; i < AREAS; i++)
		assert_int_equal(seen[i], first_page[i] <= last && last_page[i] >= first);
}

static void fill(void)
{
	for (unsigned i = 0; i < AREAS; i++)
		put_area(i, (uint64_t)rand() % 1000, 1 + (uint64_t)rand() % (i % 10 ? 20 : 400));
}

static void every_range(void **state)
{
	fill();
	for (unsigned i = 0; i < 2000; i++) {
		uint64_t first = (uint64_t)rand() % 1500, last = first + (i % 2 ? 0 : (uint64_t)rand() % 100);
		assert_success(walk_file(first, last));
		assert_found(first, last);
		assert_success(walk_anon(first, last));
		assert_found(first, last);
	}
	assert_success(walk_anon(0, UINT64_MAX));
	assert_found(0, UINT64_MAX);
}

/* ---- Trees that lie ---- */

static uint64_t word(uint64_t addr)
{
	uint64_t v;
	assert_success(kernel_read_u64(k, addr, &v));
	return v;
}

/* Both walks must end in an error, after no more places than there are. */
static void assert_bad(void)
{
	visits = 0;
	assert_error(walk_file(0, UINT64_MAX), ERR_BAD_LIST);
	assert_true(visits <= AREAS);
}

static uint64_t top(void)
{
	return word(MAPPING + 0x20);
}

static void child_is_itself(void **state)
{
	fill();
	poke64(k, top() + RIGHT, top());
	assert_bad();
}

static void child_is_an_ancestor(void **state)
{
	fill();
	uint64_t at = top();
	while (word(at + LEFT))
		at = word(at + LEFT);
	poke64(k, at + RIGHT, top());
	assert_bad();
	poke64(k, at + RIGHT, word(top() + LEFT));
	assert_bad();
}

/* Each level leads to the same one below twice: 2^levels ways down. */
static void branches_grow_together(void **state)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t node = AREA(i) + SHARED, below = AREA(i + 1) + SHARED;
		poke64(k, AREA(i), 0x1000);
		poke64(k, AREA(i) + 8, 0x2000);
		poke64(k, node, i ? (AREA(i - 1) + SHARED) | 1 : 1);
		poke64(k, node + 24, 100);
		poke64(k, node + LEFT, below);
		poke64(k, node + RIGHT, below);
	}
	poke64(k, MAPPING + 0x20, AREA(0) + SHARED);
	assert_bad();
}

static void deeper_than_can_be(void **state)
{
	for (unsigned i = 0; i < AREAS; i++) {
		uint64_t node = AREA(i) + SHARED;
		poke64(k, AREA(i), 0x1000);
		poke64(k, AREA(i) + 8, 0x2000);
		poke64(k, AREA(i) + 0x90, i);
		poke64(k, node, i ? (AREA(i - 1) + SHARED) | 1 : 1);
		poke64(k, node + 24, AREAS);
		poke64(k, node + RIGHT, i + 1 < AREAS ? AREA(i + 1) + SHARED : 0);
	}
	poke64(k, MAPPING + 0x20, AREA(0) + SHARED);
	assert_bad();
}

static void child_of_nowhere(void **state)
{
	fill();
	poke64(k, top() + LEFT, 0xdead0000beef0000);
	assert_bad();
	poke64(k, top() + LEFT, SMALL_BASE + SMALL_RAM - 8);
	assert_bad();
}

static void out_of_order(void **state)
{
	fill();
	poke64(k, top() - SHARED + 0x90, 0);
	assert_bad();
	/* Ends before it starts, at an offset where pages wrap around. */
	poke64(k, top() - SHARED + 0x90, UINT64_MAX);
	assert_bad();
	poke64(k, top() - SHARED + 8, 0);
	assert_bad();
}

static void chain_of_another(void **state)
{
	fill();
	poke64(k, CHAIN(7) + 8, OTHER);
	assert_error(walk_anon(0, UINT64_MAX), ERR_BAD_LIST);
}

static void anon_vma_that_is_none(void **state)
{
	struct anon_vma anon_vma;
	assert_success(anon_vma_open(k, ANON_VMA, &anon_vma));
	assert_int_equal(anon_vma.root, ANON_VMA);
	poke64(k, ANON_VMA, 0x1234);
	assert_error(anon_vma_open(k, ANON_VMA, &anon_vma), ERR_BAD_OBJECT);
	poke(k, OTHER + 8, 0, 4);
	assert_error(anon_vma_open(k, OTHER, &anon_vma), ERR_BAD_OBJECT);
	assert_error(anon_vma_open(k, 0x10, &anon_vma), ERR_NOT_MAPPED);
}

/* Any word of the trees may be any word of them, or nonsense: no walk goes on for ever or sees a place twice. */
static void damage(void **state)
{
	fill();
	for (unsigned round = 0; round < 3000; round++) {
		bool of_chain = round & 1;
		unsigned i = (unsigned)rand() % AREAS;
		uint64_t node = of_chain ? CHAIN(i) + RB : AREA(i) + SHARED, at = node + 8 * ((uint64_t)rand() % 4), old = word(at);
		unsigned j = (unsigned)rand() % AREAS;
		uint64_t other = of_chain ? CHAIN(j) + RB : AREA(j) + SHARED;
		poke64(k, at, rand() % 3 ? other : (uint64_t)rand() << 20);
		visits = 0;
		error_drop(of_chain ? walk_anon(0, UINT64_MAX) : walk_file(0, UINT64_MAX));
		assert_true(visits <= AREAS);
		poke64(k, at, old);
	}
	assert_success(walk_anon(0, UINT64_MAX));
	assert_found(0, UINT64_MAX);
}

/* ---- KSM ---- */

static bool count_item(void *context, const struct ksm_rmap_item *item)
{
	assert_int_equal(item->address, 0x7000 + ((uint64_t)visits << 12));
	visits++;
	return visits < 1000;
}

static void merged(void **state)
{
	struct ksm_stable_node node;
	poke64(k, STABLE_NODE + 0x20, 77);
	poke64(k, STABLE_NODE + 0x18, ITEM(0) + 0x30);
	for (unsigned i = 0; i < 10; i++) {
		poke64(k, ITEM(i) + 8, ANON_VMA);
		poke64(k, ITEM(i) + 0x18, (0x7000 + ((uint64_t)i << 12)) | 0x200); /* STABLE_FLAG */
		poke64(k, ITEM(i) + 0x30, i < 9 ? ITEM(i + 1) + 0x30 : 0);
	}
	assert_success(ksm_stable_node_open(k, STABLE_NODE, &node));
	assert_int_equal(node.pfn, 77);
	assert_success(ksm_for_each(k, &node, count_item, NULL));
	assert_int_equal(visits, 10);
}

static bool count_any(void *context, const struct ksm_rmap_item *item)
{
	return ++visits < 100000;
}

static void merged_in_a_loop(void **state)
{
	struct ksm_stable_node node;
	merged(state);
	poke64(k, ITEM(9) + 0x30, ITEM(4) + 0x30);
	assert_success(ksm_stable_node_open(k, STABLE_NODE, &node));
	visits = 0;
	assert_error(ksm_for_each(k, &node, count_any, NULL), ERR_BAD_LIST);
	assert_true(visits < 100);
	poke64(k, ITEM(9) + 0x30, 0xdead0000beef0000);
	assert_error(ksm_for_each(k, &node, count_any, NULL), ERR_NOT_MAPPED);
}

/* ---- Ranges of an xarray ---- */

static uint64_t indices[16];
static unsigned orders[16], found, values;

static bool see_entry(void *context, uint64_t index, unsigned order, uint64_t entry, bool is_value)
{
	assert_true(found < 16);
	indices[found] = index;
	orders[found++] = order;
	values += is_value;
	return true;
}

static void ranges(void **state)
{
	/* Two levels: a pointer at 3, a value at 64+5, a value of order 2 at 64+8, one of order 6 at 128. */
	uint64_t sibling = 8 << 2 | 2;
	poke(k, XA(0), 6, 1);
	poke64(k, XA(0) + 0x40, XA(1) | 2);
	poke64(k, XA(0) + 0x48, XA(2) | 2);
	poke64(k, XA(0) + 0x50, 0x11);
	poke64(k, XA(1) + 0x40 + 3 * 8, AREA(0));
	poke64(k, XA(2) + 0x40 + 5 * 8, 0x21);
	poke64(k, XA(2) + 0x40 + 8 * 8, 0x31);
	for (unsigned i = 9; i < 12; i++)
		poke64(k, XA(2) + 0x40 + i * 8, sibling);
	found = values = 0;
	assert_success(xarray_for_each_range(k, XA(0) | 2, 0, UINT64_MAX, see_entry, NULL));
	assert_int_equal(found, 4);
	assert_int_equal(values, 3);
	assert_int_equal(indices[0], 3);
	assert_int_equal(indices[2], 72);
	assert_int_equal(orders[2], 2);
	assert_int_equal(indices[3], 128);
	assert_int_equal(orders[3], 6);
	found = 0;
	assert_success(xarray_for_each_range(k, XA(0) | 2, 74, 130, see_entry, NULL));
	assert_int_equal(found, 2);
	assert_int_equal(indices[0], 72);
	found = 0;
	assert_success(xarray_for_each_range(k, XA(0) | 2, 4, 68, see_entry, NULL));
	assert_int_equal(found, 0);
	/* A node below itself. */
	poke64(k, XA(2) + 0x40, XA(0) | 2);
	assert_error(xarray_for_each_range(k, XA(0) | 2, 0, UINT64_MAX, see_entry, NULL), ERR_BAD_LIST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_range, setup, teardown),
		cmocka_unit_test_setup_teardown(child_is_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(child_is_an_ancestor, setup, teardown),
		cmocka_unit_test_setup_teardown(branches_grow_together, setup, teardown),
		cmocka_unit_test_setup_teardown(deeper_than_can_be, setup, teardown),
		cmocka_unit_test_setup_teardown(child_of_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(out_of_order, setup, teardown),
		cmocka_unit_test_setup_teardown(chain_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(anon_vma_that_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(damage, setup, teardown),
		cmocka_unit_test_setup_teardown(merged, setup, teardown),
		cmocka_unit_test_setup_teardown(merged_in_a_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(ranges, setup, teardown),
	};
	const char *given = getenv("MMSCOPE_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
	printf("MMSCOPE_SEED=%u\n", seed);
	srand(seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
