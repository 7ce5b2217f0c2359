/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Trees of a page cache, changed at random, against plain arrays; pages put into a mapping and taken out, against audit.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/audit/audit.h"
#include "mm/engine/engine.h"
#include "mm/engine/modern.h"
#include "mm/engine/file_edit.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/swap_edit.h"
#include "mm/engine/xarray_edit.h"
#include "mm/sim/machine.h"
#include "mm/state.h"
#include "mm/swap.h"
#include "mm/xarray.h"

#define ok(call)                                                                                  \
	do {                                                                                      \
		struct error *ok_error_ = (call);                                                 \
		if (ok_error_)                                                                    \
			fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, ok_error_->message); \
	} while (0)

struct machine {
	struct vmcore *vc;
	struct kernel *k;
	struct engine *e;
};

static struct machine m;

static void boot(const char *flavour)
{
	struct machine_options o = { .mem = 128ull << 20 };
	ok(machine_boot(flavour, &o, &m.vc, &m.k));
	ok(engine_open(m.k, &m.e));
}

static void shut_down(void)
{
	kernel_close(m.k);
	vmcore_close(m.vc);
}

/* ---- Trees ---- */

/* Indexes that need 1, 2 and 4 levels, dense enough that nodes fill and empty. */
#define INDEXES 96

static uint64_t index_of(unsigned n)
{
	return n < 48 ? n * 3 : n < 80 ? 4000 + n : (1ull << 20) + n;
}

static struct {
	uint64_t entry[INDEXES];
	bool mark[INDEXES][3];
	unsigned seen;
} model;

static bool see(void *context, uint64_t index, uint64_t entry)
{
	for (unsigned n = 0; n < INDEXES; n++)
		if (index_of(n) == index) {
			assert_int_equal(entry, model.entry[n]);
			model.seen++;
			return true;
		}
	fail_msg("index %" PRIu64 " should be empty", index);
	return false;
}

static uint64_t word(uint64_t addr)
{
	uint64_t v;
	ok(kernel_read_pointer(m.k, addr, &v));
	return v;
}

/* Each node: its count, values, marks, parent and place in it, are what its slots say. Returns whether the mark is set below. */
static unsigned check_node(const struct xa_form *f, uint64_t node, uint64_t parent, unsigned slot, unsigned above, uint64_t first)
{
	struct object o;
	struct kernel *k = m.k;
	unsigned used = 0, values = 0, marks = 0;
	ok(object_open(k, node, S_xa_node, &o));
	unsigned shift = xa_node_shift(k, f, &o);
	assert_true(shift < above);
	assert_int_equal(GET(k, &o, xa_node, parent), parent);
	if (HAS(k, xa_node, offset))
		assert_int_equal(GET(k, &o, xa_node, offset), slot);
	else
		assert_int_equal(GET(k, &o, xa_node, path) >> 12, slot);
	for (unsigned i = 0; i < 64; i++) {
		uint64_t entry = object_get_element(k, &o, M_xa_node_slots, i), index = first + ((uint64_t)i << shift);
		unsigned wanted = 0, said = 0;
		used += entry != 0;
		if (xa_is_node(f, entry, shift)) {
			wanted = check_node(f, entry & ~3ull, node, i, shift, index);
		} else if (entry) {
			values += xa_is_value(f, entry);
			for (unsigned n = 0; n < INDEXES; n++)
				for (unsigned mark = 0; mark < 3 && index_of(n) == index; mark++)
					wanted |= model.mark[n][mark] << mark;
		}
		for (unsigned mark = 0; mark < 3; mark++)
			said |= (word(node + OFFSET(k, xa_node, marks) + 8 * mark) >> i & 1) << mark;
		if (said != wanted)
			fail_msg("index %" PRIu64 ": marked %x, should be %x", index, said, wanted);
		marks |= said;
	}
	assert_true(used > 0);
	if (HAS(k, xa_node, nr_values)) {
		assert_int_equal(GET(k, &o, xa_node, count), used);
		assert_int_equal(GET(k, &o, xa_node, nr_values), values);
	} else {
		assert_int_equal(GET(k, &o, xa_node, count), (used - values) | values << 7);
	}
	return marks;
}

static void check_tree(uint64_t tree, uint64_t flags)
{
	struct xa_form f;
	struct object o;
	unsigned marks = 0, wanted = 0, top = 0;
	ok(xa_form_of(m.k, &f));
	ok(object_open(m.k, tree, S_xarray, &o));
	uint64_t head = GET(m.k, &o, xarray, head);
	model.seen = 0;
	ok(xarray_for_each(m.k, head, see, NULL));
	for (unsigned n = 0; n < INDEXES; n++) {
		uint64_t entry;
		wanted += model.entry[n] != 0;
		top = model.entry[n] ? n : top;
		ok(xarray_load(m.k, head, index_of(n), &entry));
		assert_int_equal(entry, model.entry[n]);
		for (unsigned mark = 0; mark < 3; mark++)
			marks |= model.mark[n][mark] << mark;
	}
	assert_int_equal(model.seen, wanted);
	if (xa_is_node(&f, head, 64))
		assert_int_equal(check_node(&f, head & ~3ull, 0, 0, 64, 0), marks);
	else
		assert_true(wanted == 0 || (wanted == 1 && model.entry[0]));
	/* No higher than its entries need. */
	unsigned height = !wanted || (wanted == 1 && model.entry[0]) ? 0 : 1;
	while (height && index_of(top) >> (6 * height))
		height++;
	if (HAS(m.k, xarray, height))
		assert_int_equal(GET(m.k, &o, xarray, height), height);
	unsigned shift = HAS(m.k, xarray, height) ? 25 : 23;
	assert_int_equal(GET(m.k, &o, xarray, xa_flags), flags | (uint64_t)marks << shift);
}

static unsigned rand_below(uint64_t *seed, unsigned limit)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)((*seed >> 33) % limit);
}

static void change_tree(uint64_t tree, uint64_t *seed)
{
	struct xa_form f;
	unsigned n = rand_below(seed, INDEXES), what = rand_below(seed, 8);
	uint64_t old, entry = 0;
	ok(xa_form_of(m.k, &f));
	if (what < 3) {
		bool set = rand_below(seed, 2);
		ok(xa_mark(m.e, tree, index_of(n), what, set));
		if (model.entry[n])
			model.mark[n][what] = set;
		return;
	}
	if (what < 5)
		entry = m.e->mem_map + 64ull * (n + 1);
	else if (what == 5)
		entry = f.radix ? n << 2 | 2 : n << 1 | 1;
	ok(xa_store(m.e, tree, index_of(n), entry, &old));
	assert_int_equal(old, model.entry[n]);
	model.entry[n] = entry;
	if (!entry)
		memset(model.mark[n], 0, sizeof(model.mark[n]));
}

static void random_trees(const char *flavour)
{
	struct engine *e;
	uint64_t seed = 7, flags = 0x21;
	boot(flavour);
	e = m.e;
	/* Any bytes will do for the head: those of the pins, which wait for nothing. */
	uint64_t tree = e->pins + 64;
	ok(kernel_write_uint(m.k, tree + OFFSET(m.k, xarray, xa_flags), 4, flags));
	memset(&model, 0, sizeof(model));
	for (unsigned step = 0; step < 3000; step++) {
		change_tree(tree, &seed);
		if (step % 16 == 0)
			check_tree(tree, flags);
	}
	/* Emptied, it gives all nodes back. */
	for (unsigned n = 0; n < INDEXES; n++) {
		uint64_t old;
		ok(xa_store(e, tree, index_of(n), 0, &old));
		model.entry[n] = 0;
		memset(model.mark[n], 0, sizeof(model.mark[n]));
	}
	check_tree(tree, flags);
	shut_down();
}

static void test_xarray(void **state)
{
	random_trees("linux-5.10-x86_64");
}

static void test_radix_tree(void **state)
{
	random_trees("linux-3.19-x86_64");
}

/* ---- Swap ---- */

#define ADDR 0x10000000ull

static uint64_t task, mm;

static void start(const char *flavour, uint64_t pages)
{
	uint64_t result;
	boot(flavour);
	ok(sys_swapon(m.e, 1024));
	ok(do_fork(m.e, symbol_addr(m.k, "init_task"), 0, 0, &task));
	ok(exec_empty(m.e, task, "init"));
	ok(do_fork(m.e, task, 0, 0, &task));
	ok(engine_set_current(m.e, task));
	ok(kernel_get(m.k, task, M_task_struct_mm, &mm));
	ok(do_mmap_pgoff(m.e, mm, 0, ADDR, pages * 4096, 3, 0x32 /* MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS */, 0, &result));
}

static void put_byte(uint64_t page, unsigned char byte)
{
	ok(access_process_vm(m.e, task, ADDR + page * 4096, &byte, 1, true));
}

static unsigned char byte_of(uint64_t of, uint64_t page)
{
	unsigned char byte;
	ok(access_process_vm(m.e, of, ADDR + page * 4096, &byte, 1, false));
	return byte;
}

/* What reclaim does to a page that one process alone maps; `keep`: it stays in the swap cache. */
static uint64_t swap_out(uint64_t index, bool keep)
{
	struct object o;
	struct fault f = { .e = m.e, .mm = &o };
	uint64_t entry, phys, at, page;
	char bytes[4096];
	struct swap_entry s;
	ok(object_open_writable(m.k, mm, S_mm_struct, &o));
	at = pte_offset(m.e, &o, ADDR + index * 4096);
	phys = get_pte(m.e, at) & m.k->geometry.frame_mask;
	page = engine_phys_page(m.e, phys);
	ok(get_swap_page_modern(m.e, page, &entry));
	assert_true(entry != 0);
	ok(add_to_swap_cache(m.e, page, entry));
	ok(swap_duplicate(m.e, entry));
	set_pte(m.e, at, entry);
	ok(add_mm_counter(m.e, &o, m.e->modern->rss_anon, -1, false));
	ok(add_mm_counter(m.e, &o, m.e->modern->rss_swap, 1, false));
	ok(page_remove_rmap(&f, page));
	swap_entry_decode(m.k, entry, &s);
	ok(vmcore_read(m.vc, phys, bytes, sizeof(bytes)));
	ok(swap_write(m.e, s.type, s.offset, bytes));
	if (!keep)
		ok(delete_from_swap_cache(m.e, page));
	ok(put_page(m.e, page));
	return entry;
}

static uint64_t swap_used(void)
{
	struct swap_area a;
	assert_true(swap_area_get(m.k, 0, &a));
	return a.inuse_pages;
}

static void sound(void)
{
	struct audit_options options = { .limit = 3 };
	struct audit_report r;
	mm_state_forget(m.k);
	ok(audit_run(m.k, &options, &r));
	for (unsigned rule = 0; rule < AUDIT_RULE_COUNT; rule++)
		for (size_t i = 0; i < r.rule[rule].line_count; i++)
			if (r.rule[rule].lines[i]->kind == AUDIT_FINDING)
				fail_msg("%s", r.rule[rule].lines[i]->text);
	assert_int_equal(audit_findings(&r), 0);
	audit_report_free(&r);
}

static void swapping(const char *flavour)
{
	start(flavour, 8);
	for (unsigned n = 0; n < 8; n++)
		put_byte(n, (unsigned char)(n + 65));
	for (unsigned n = 0; n < 8; n++)
		swap_out(n, n & 1);
	assert_int_equal(swap_used(), 8);
	sound();
	/* A child needs the slots too. */
	uint64_t child;
	ok(do_fork(m.e, task, 0, 0, &child));
	sound();
	/* Read back: what was cached, and what was not; written, while the child still needs it. */
	for (unsigned n = 0; n < 4; n++)
		assert_int_equal(byte_of(task, n), n + 65);
	sound();
	put_byte(4, 1);
	put_byte(5, 2);
	sound();
	assert_int_equal(byte_of(child, 4), 69);
	assert_int_equal(byte_of(child, 5), 70);
	assert_int_equal(byte_of(task, 4), 1);
	ok(do_exit(m.e, child));
	sound();
	/* Alone now: a write takes the page out of the cache, and its slot is free. */
	put_byte(6, 3);
	put_byte(7, 4);
	assert_int_equal(byte_of(task, 7), 4);
	ok(do_exit(m.e, task));
	assert_int_equal(swap_used(), 0);
	sound();
	shut_down();
}

static void test_swap_xarray(void **state)
{
	swapping("linux-5.10-x86_64");
}

static void test_swap_radix(void **state)
{
	swapping("linux-3.19-x86_64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xarray),
		cmocka_unit_test(test_radix_tree),
		cmocka_unit_test(test_swap_xarray),
		cmocka_unit_test(test_swap_radix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
