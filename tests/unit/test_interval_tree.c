/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Augmented red-black trees and interval trees under random operations, held against a sorted array and brute force. MMSCOPE_SEED repeats a run.
 */
#include "tests/unit/small_kernel.h"

#include <stdio.h>
#include <time.h>

#include "mm/engine/interval_tree.h"
#include "mm/rbtree.h"
#include "mm/engine/rbtree_edit.h"

#define AREAS	   300
#define OPERATIONS 20000
#define MAPPING	   (SMALL_BASE + 0x1000)
#define ANON_VMA   (SMALL_BASE + 0x1100)
#define AREA(i)	   (SMALL_BASE + 0x10000 + 0x100ull * (i))
#define CHAIN(i)   (SMALL_BASE + 0x80000 + 0x80ull * (i))

static struct kernel *k;
static bool in_file[AREAS], in_anon[AREAS];
static uint64_t first_page[AREAS], last_page[AREAS];

static int make(bool leftmost)
{
	struct small_types t = small_types_new();
	int node = small_struct(&t, "rb_node", 24, "__rb_parent_color", t.u64, 0, "rb_right", t.pointer, 8, "rb_left", t.pointer, 16, NULL);
	int plain = small_struct(&t, "rb_root", 8, "rb_node", t.pointer, 0, NULL);
	int root = leftmost ? small_struct(&t, "rb_root_cached", 16, "rb_root", plain, 0, "rb_leftmost", t.pointer, 8, NULL) : plain;
	int shared = small_struct(&t, NULL, 32, "rb", node, 0, "rb_subtree_last", t.u64, 24, NULL);
	small_struct(&t, "vm_area_struct", 0x100, "vm_start", t.u64, 0, "vm_end", t.u64, 8, "shared", shared, 0x40, "vm_pgoff", t.u64, 0x90, NULL);
	small_struct(&t, "address_space", 0x80, "i_mmap", root, 0x20, NULL);
	small_struct(&t, "anon_vma", 0x60, "rb_root", root, 0x40, NULL);
	small_struct(&t, "anon_vma_chain", 0x80, "vma", t.pointer, 0, "anon_vma", t.pointer, 8, "rb", node, 0x20, "rb_subtree_last", t.u64, 0x38,
		     NULL);
	k = small_kernel_new(&t);
	memset(in_file, 0, sizeof(in_file));
	memset(in_anon, 0, sizeof(in_anon));
	assert_success(interval_trees_known(k));
	return 0;
}

static int with_leftmost(void **state)
{
	return make(true);
}

static int without_leftmost(void **state)
{
	return make(false);
}

static int teardown(void **state)
{
	small_kernel_free(k);
	return 0;
}

static uint64_t word(uint64_t addr)
{
	uint64_t v;
	assert_success(kernel_read_u64(k, addr, &v));
	return v;
}

/* ---- What must hold of a tree ---- */

struct look {
	uint64_t (*object)(uint64_t node, unsigned *i);
	unsigned seen, blacks; /* blacks: on the way to a leaf; 0: none reached yet */
	uint64_t least;
};

static uint64_t area_of(uint64_t node, unsigned *i)
{
	*i = (unsigned)((node - 0x40 - AREA(0)) / 0x100);
	assert_int_equal(node, AREA(*i) + 0x40);
	assert_true(in_file[*i]);
	return word(node + 24);
}

static uint64_t chain_of(uint64_t node, unsigned *i)
{
	*i = (unsigned)((node - 0x20 - CHAIN(0)) / 0x80);
	assert_int_equal(node, CHAIN(*i) + 0x20);
	assert_true(in_anon[*i]);
	return word(node + 24);
}

static uint64_t look_at(struct look *l, uint64_t node, uint64_t parent, unsigned blacks)
{
	unsigned i;
	if (!node) {
		if (!l->blacks)
			l->blacks = blacks;
		assert_int_equal(blacks, l->blacks);
		return 0;
	}
	uint64_t link = word(node), kept = l->object(node, &i), greatest = last_page[i], below;
	assert_int_equal(link & ~3ull, parent);
	assert_int_equal(link & 2, 0);
	/* no red child of a red node; the top is black */
	assert_true((link & 1) || (parent && (word(parent) & 1)));
	below = look_at(l, word(node + 16), node, blacks + (link & 1));
	greatest = below > greatest ? below : greatest;
	assert_true(first_page[i] >= l->least);
	l->least = first_page[i];
	l->seen++;
	below = look_at(l, word(node + 8), node, blacks + (link & 1));
	greatest = below > greatest ? below : greatest;
	assert_int_equal(kept, greatest);
	return greatest;
}

static void check(uint64_t root, bool leftmost, uint64_t (*object)(uint64_t, unsigned *), const bool *in)
{
	struct look l = { .object = object };
	unsigned count = 0;
	for (unsigned i = 0; i < AREAS; i++)
		count += in[i];
	uint64_t top = word(root), at = top;
	look_at(&l, top, 0, 0);
	assert_int_equal(l.seen, count);
	while (at && word(at + 16))
		at = word(at + 16);
	if (leftmost)
		assert_int_equal(word(root + 8), at);
	unsigned steps = 0;
	for (; at; steps++)
		assert_success(rb_next(k, at, &at));
	assert_int_equal(steps, count);
}

/* ---- Random operations ---- */

static uint64_t random_state;

static unsigned pick(unsigned n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)((random_state >> 33) % n);
}

static void place(unsigned i)
{
	first_page[i] = pick(1000);
	last_page[i] = first_page[i] + pick(pick(10) ? 20 : 900);
	poke64(k, AREA(i), 0x100000);
	poke64(k, AREA(i) + 8, 0x100000 + (last_page[i] - first_page[i] + 1) * 0x1000);
	poke64(k, AREA(i) + 0x90, first_page[i]);
	poke64(k, CHAIN(i), AREA(i));
}

static void act(void)
{
	unsigned i = pick(AREAS), j = pick(AREAS);
	if (!in_file[i] && !in_anon[i])
		place(i);
	if (pick(2)) {
		if (in_anon[i])
			assert_success(anon_vma_interval_tree_remove(k, CHAIN(i), ANON_VMA));
		else
			assert_success(anon_vma_interval_tree_insert(k, CHAIN(i), ANON_VMA));
		in_anon[i] = !in_anon[i];
	} else if (in_file[i]) {
		assert_success(vma_interval_tree_remove(k, AREA(i), MAPPING));
		in_file[i] = false;
	} else if (in_file[j] && !in_anon[i] && pick(3) == 0) {
		/* as fork does: the same pages */
		first_page[i] = first_page[j];
		last_page[i] = last_page[j];
		poke64(k, AREA(i) + 8, 0x100000 + (last_page[i] - first_page[i] + 1) * 0x1000);
		poke64(k, AREA(i) + 0x90, first_page[i]);
		assert_success(vma_interval_tree_insert_after(k, AREA(i), AREA(j), MAPPING));
		uint64_t next;
		assert_success(rb_next(k, AREA(j) + 0x40, &next));
		assert_int_equal(next, AREA(i) + 0x40);
		in_file[i] = true;
	} else {
		assert_success(vma_interval_tree_insert(k, AREA(i), MAPPING));
		in_file[i] = true;
	}
}

static void random_operations(bool leftmost)
{
	const char *given = getenv("MMSCOPE_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	random_state = seed;
	printf("seed %llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < AREAS; i++)
		place(i);
	for (unsigned n = 0; n < OPERATIONS; n++) {
		act();
		if (n < 200 || n % 50 == 0) {
			check(MAPPING + 0x20, leftmost, area_of, in_file);
			check(ANON_VMA + 0x40, leftmost, chain_of, in_anon);
		}
	}
	/* and all away */
	for (unsigned i = 0; i < AREAS; i++) {
		if (in_file[i])
			assert_success(vma_interval_tree_remove(k, AREA(i), MAPPING));
		if (in_anon[i])
			assert_success(anon_vma_interval_tree_remove(k, CHAIN(i), ANON_VMA));
	}
	assert_int_equal(word(MAPPING + 0x20), 0);
	assert_int_equal(word(ANON_VMA + 0x40), 0);
	if (leftmost)
		assert_int_equal(word(MAPPING + 0x28) | word(ANON_VMA + 0x48), 0);
}

static void random_cached(void **state)
{
	random_operations(true);
}

static void random_plain(void **state)
{
	random_operations(false);
}

/* A tree whose nodes lead in a circle ends with an error. */
static void circle(void **state)
{
	place(0), place(1), place(2);
	assert_success(vma_interval_tree_insert(k, AREA(0), MAPPING));
	poke64(k, AREA(0) + 0x40 + 8, AREA(0) + 0x40);
	poke64(k, AREA(0) + 0x40 + 16, AREA(0) + 0x40);
	assert_error(vma_interval_tree_insert(k, AREA(1), MAPPING), ERR_BAD_LIST);
	assert_error(vma_interval_tree_insert_after(k, AREA(2), AREA(0), MAPPING), ERR_BAD_LIST);
	/* whatever it does to a tree like that, it ends */
	error_free(vma_interval_tree_remove(k, AREA(0), MAPPING));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_cached, with_leftmost, teardown),
		cmocka_unit_test_setup_teardown(random_plain, without_leftmost, teardown),
		cmocka_unit_test_setup_teardown(circle, with_leftmost, teardown),
	};
	return cmocka_run_group_tests_name("interval_tree", tests, NULL, NULL);
}
