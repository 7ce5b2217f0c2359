/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random stores into a maple tree beside a plain array: after each the tree holds what the array does, by the kernel's own rules for valid trees, and no node is lost.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mm/engine/maple_edit.h"
#include "mm/maple.h"
#include "tests/unit/random.h"
#include "tests/unit/small_maple.h"

#define NODES	4096u
#define INDEXES 6000u /* the last of them stands for all that follow */

static struct kernel *k;
static uint64_t seed, state_;
static unsigned char used[NODES];
static unsigned in_use;
static uint64_t model[INDEXES];

static int setup(void **state)
{
	k = small_maple_new();
	memset(used, 0, sizeof(used));
	memset(model, 0, sizeof(model));
	in_use = 0;
	state_ = seed;
	return 0;
}

static int teardown(void **state)
{
	small_kernel_free(k);
	return 0;
}

static struct error *take(void *context, uint64_t *node)
{
	for (unsigned i = 0; i < NODES; i++)
		if (!used[i]) {
			used[i] = 1;
			in_use++;
			*node = NODE(i);
			/* What was there before is no promise. */
			for (unsigned at = 0; at < 256; at += 8)
				poke64(k, *node + at, 0x5a5a5a5a5a5a5a5a);
			return NULL;
		}
	return kernel_error(12, "no node is free");
}

static struct error *give(void *context, uint64_t node)
{
	uint64_t i = (node - NODE(0)) / 256;
	if (node < NODE(0) || i >= NODES || !used[i])
		return error_at(ERR_BAD_OBJECT, node, "no node that was given: %" PRIx64, node);
	used[i] = 0;
	in_use--;
	return NULL;
}

static const struct maple_nodes nodes = { take, give, NULL };

/* ---- What must hold ---- */

static unsigned counted;

static void count_node(void *context, const struct maple_node_facts *node)
{
	counted++;
}

static bool see(void *context, uint64_t first, uint64_t last, uint64_t entry)
{
	uint64_t *at = context;
	for (; *at < INDEXES && *at <= last; ++*at)
		if (model[*at] != (*at < first ? 0 : entry))
			fail_msg("seed %" PRIu64 ": index %" PRIu64 " has %" PRIx64 ", not %" PRIx64, seed, *at, *at < first ? 0 : entry, model[*at]);
	return true;
}

static void found(void *context, uint64_t node, const char *what)
{
	fail_msg("seed %" PRIu64 ": node %" PRIx64 " %s", seed, node, what);
}

static void gap(void *context, uint64_t node, unsigned slot, uint64_t kept, uint64_t is)
{
	if (kept != is)
		fail_msg("seed %" PRIu64 ": node %" PRIx64 " keeps a gap of %" PRIx64 " for slot %u, where it is %" PRIx64, seed, node, kept, slot, is);
}

static void check(void)
{
	uint64_t at = 0, root;
	struct maple_watch watch = { .node = count_node };
	assert_success(maple_check(k, TREE, found, NULL));
	assert_success(maple_gaps(k, TREE, gap, NULL));
	assert_success(maple_for_each(k, TREE, 0, UINT64_MAX, see, &at));
	for (; at < INDEXES; at++)
		assert_int_equal(model[at], 0);
	counted = 0;
	assert_success(kernel_read_u64(k, TREE + 8, &root));
	assert_success(maple_for_each_watched(k, root, &watch, see, &at));
	assert_int_equal(counted, in_use);
}

static void store(uint64_t first, uint64_t last, uint64_t entry)
{
	assert_success(maple_store(k, &nodes, TREE, first, last == INDEXES - 1 ? UINT64_MAX : last, entry));
	for (uint64_t i = first; i <= last; i++)
		model[i] = entry;
}

/* Short and long ranges, entries and holes; the share of holes changes, so that the tree grows and shrinks. */
static void store_at_random(unsigned step)
{
	unsigned most = random_below(&state_, 8) ? 12 : random_below(&state_, 6) ? 200 : INDEXES;
	uint64_t first = random_below(&state_, INDEXES), last = first + random_below(&state_, most);
	bool empty = random_below(&state_, 100) < (step / 500 % 2 ? 70 : 20);
	store(first, last < INDEXES ? last : INDEXES - 1, empty ? 0 : 0x1000 + (uint64_t)step * 16);
}

static void stores(unsigned flags)
{
	uint64_t height;
	poke(k, TREE + 4, flags, 4);
	for (unsigned step = 0; step < 3000; step++) {
		store_at_random(step);
		if (step < 200 || step % 4 == 0)
			check();
	}
	assert_success(kernel_read_uint(k, TREE + 4, 4, &height));
	assert_int_equal(height & ~0x7cull, flags);
	assert_success(maple_destroy(k, &nodes, TREE));
	memset(model, 0, sizeof(model));
	check();
	assert_int_equal(in_use, 0);
}

static void with_gaps(void **state)
{
	stores(0x303);
}

static void without_gaps(void **state)
{
	stores(0x300);
}

/* As a fork fills it, and as an end empties it: thousands of areas with holes between, in their order. */
static void in_order(void **state)
{
	poke(k, TREE + 4, 0x303, 4);
	for (unsigned i = 1; i + 3 < INDEXES; i += 3)
		store(i, i + 1, 0x1000 + i * 16);
	check();
	for (unsigned i = 1; i + 3 < INDEXES; i += 3) {
		store(i, i + 1, 0);
		if (i % 64 == 1)
			check();
	}
	check();
	assert_int_equal(in_use, 0);
}

/* ---- Each rule of maple_check() by itself ---- */

struct wanted {
	const char *text;
	bool found;
};

static void note(void *context, uint64_t node, const char *what)
{
	struct wanted *w = context;
	w->found |= strstr(what, w->text) != NULL;
}

/* That word, wrong by itself, is found, under a text that has `what` in it. */
static void caught(uint64_t at, uint64_t value, unsigned size, const char *what)
{
	uint64_t was;
	struct wanted w = { what, false };
	assert_success(kernel_read_uint(k, at, size, &was));
	poke(k, at, value, size);
	assert_success(maple_check(k, TREE, note, &w));
	if (!w.found)
		fail_msg("nothing found that %s", what);
	poke(k, at, was, size);
	check();
}

static void each_rule(void **state)
{
	uint64_t root, leaf;
	poke(k, TREE + 4, 0x303, 4);
	/* Leaves of 8 slots, an area and a hole in turn. */
	for (unsigned i = 1; i < 200; i += 4)
		store(i, i + 1, 0x1000 + i * 16);
	assert_success(kernel_read_u64(k, TREE + 8, &leaf));
	do {
		root = leaf & ~255ull;
		assert_success(kernel_read_u64(k, root + A_SLOT(0), &leaf));
	} while ((leaf >> 3 & 15) != LEAF);
	leaf &= ~255ull;
	caught(TREE + 4, 0x303 | 9 << 2, 4, "nodes high");
	caught(leaf, root | 3 << 3 | 6, 8, "for parent and slot");
	caught(leaf + R_SLOT(14), 0x7000, 8, "behind its end");
	caught(leaf + R_PIVOT(12), 0x7000, 8, "behind its end");
	caught(leaf + R_SLOT(1), 0, 8, "behind another");
	caught(leaf + R_END, 4, 1, "too few");
	caught(leaf + R_END, 6, 1, "last pivot");
	caught(root + A_END + 1, 9, 1, "greatest gap");
	caught(root + 160 + 8 * 9, 4096, 8, "behind its end");
}

/* ---- Damage ---- */

static void damaged(void **state)
{
	unsigned refused = 0;
	poke(k, TREE + 4, 0x303, 4);
	for (unsigned round = 0; round < 300; round++) {
		for (unsigned step = 0; step < 60; step++)
			store_at_random(step);
		assert_success(vmcore_mark(k->vmcore, NULL));
		for (unsigned i = 0; i < 8; i++) {
			unsigned node = random_below(&state_, NODES);
			while (!used[node])
				node = (node + 1) % NODES;
			uint64_t at = NODE(node) + random_below(&state_, 32) * 8, value;
			assert_success(kernel_read_u64(k, NODE(random_below(&state_, 8)) + random_below(&state_, 32) * 8, &value));
			poke64(k, at, random_below(&state_, 3) ? value : random_next(&state_));
		}
		for (unsigned i = 0; i < 20; i++) {
			uint64_t first = random_below(&state_, INDEXES), last = first + random_below(&state_, i % 2 ? 50 : 5000);
			refused += error_drop(maple_store(k, &nodes, TREE, first, last, i % 3 ? 0x7000 : 0));
		}
		refused += error_drop(maple_destroy(k, &nodes, TREE));
		assert_success(vmcore_undo(k->vmcore));
		/* Which nodes are in use is not in the image. */
		memset(used, 0, sizeof(used));
		in_use = 0;
		memset(model, 0, sizeof(model));
		poke64(k, TREE + 8, 0);
		poke(k, TREE + 4, 0x303, 4);
	}
	assert_true(refused > 300);
}

/* A node that leads to itself, at every slot. */
static void loop(void **state)
{
	poke(k, TREE + 4, 0x303, 4);
	for (unsigned i = 0; i < 10; i++) {
		if (i < 9)
			poke64(k, NODE(0) + A_PIVOT(i), i * 100 + 99);
		poke64(k, NODE(0) + A_SLOT(i), small_enode(0, ARANGE));
	}
	poke64(k, NODE(0) + A_END, 9);
	poke64(k, NODE(0), TREE | 1);
	poke64(k, TREE + 8, small_enode(0, ARANGE));
	struct error *error = maple_store(k, &nodes, TREE, 50, 500, 0x1000);
	assert_non_null(error);
	assert_int_equal(error->code, ERR_BAD_LIST);
	error_free(error);
	error = maple_destroy(k, &nodes, TREE);
	assert_non_null(error);
	error_free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(with_gaps, setup, teardown),	cmocka_unit_test_setup_teardown(without_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(in_order, setup, teardown),	cmocka_unit_test_setup_teardown(damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(loop, setup, teardown),		cmocka_unit_test_setup_teardown(each_rule, setup, teardown),
	};
	seed = getenv("MMSCOPE_SEED") ? strtoull(getenv("MMSCOPE_SEED"), NULL, 0) : (uint64_t)time(NULL);
	return cmocka_run_group_tests_name("maple_edit", tests, NULL, NULL);
}
