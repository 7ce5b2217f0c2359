/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reclaim of a file's pages on 5.10: what happens to each page in each round is worked out by hand; audit holds every structure against the others.
 *
 * Four clean pages of files that booting read are on the inactive list. With lists that short, priorities 12 to 3 look at none,
 * 2 at one page, 1 at two and 0 at four.
 */
#include "tests/unit/small_machine.h"
#include "tests/unit/sound.h"

#include "mm/audit/audit.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/reclaim.h"
#include "mm/pte.h"
#include "mm/state.h"
#include "mm/task.h"
#include "mm/zone.h"

#define A     0x10000000ull
#define PAGES 4

static struct machine m;
static uint64_t task, page[PAGES]; /* from the end of the list: the order in which they are looked at */

static uint64_t list_of(unsigned lru)
{
	return nodes_get(m.k, 0)->addr + OFFSET(m.k, pglist_data, lruvec) + OFFSET(m.k, lruvec, lists) + lru * SIZE_OF(m.k, list_head);
}

static bool is_on(unsigned lru, uint64_t wanted)
{
	uint64_t at, head = list_of(lru);
	ok(kernel_read_pointer(m.k, head, &at));
	for (unsigned n = 0; at != head && n < 100; n++) {
		if (at - OFFSET(m.k, page, lru) == wanted)
			return true;
		ok(kernel_read_pointer(m.k, at, &at));
	}
	return false;
}

static void find_pages(void)
{
	struct page p;
	unsigned count = 0;
	uint64_t at, head = list_of(2);
	ok(kernel_read_pointer(m.k, head + 8, &at));
	for (; at != head && count < PAGES; count++) {
		page[count] = at - OFFSET(m.k, page, lru);
		ok(page_open(m.k, page[count], &p));
		ok(kernel_read_pointer(m.k, at + 8, &at));
	}
	assert_int_equal(count, PAGES);
	assert_int_equal(at, head);
}

/* An open file of the page's inode: what open() would have made. */
static uint64_t open_file_of(uint64_t of)
{
	uint64_t file, mapping = READ(&m, of, page, mapping), inode = READ(&m, mapping, address_space, host), link;
	struct object o;
	ok(kmem_cache_alloc(m.e, m.e->filp_cachep, GFP24_KERNEL, &file));
	ok(object_open_writable(m.k, file, S_file, &o));
	memset((void *)o.bytes, 0, o.size);
	ok(kernel_read_pointer(m.k, inode + OFFSET(m.k, inode, i_dentry), &link));
	SET(m.k, &o, file, f_mapping, mapping);
	SET(m.k, &o, file, f_inode, inode);
	SET(m.k, &o, file, f_count, 1);
	SET(m.k, &o, file, f_mode, 3);
	SET(m.k, &o, file, f_op, symbol_addr(m.k, "simfs_file_operations"));
	SET(m.k, &o, file, dentry, link - OFFSET(m.k, dentry, d_alias));
	return file;
}

static uint64_t place(unsigned i)
{
	return A + i * 0x100000ull;
}

static void read_page(uint64_t by, unsigned i)
{
	enum fault_result result;
	char why[160];
	bool faulted;
	ok(touch_user(m.e, by, place(i), ACCESS_READ, &faulted, &result, why, sizeof(why)));
	assert_in_range(result, FAULT_MINOR, FAULT_MAJOR);
}

/* Each page alone in an area of its own, and read. */
static void map_page(unsigned i, unsigned prot, unsigned flags)
{
	uint64_t at;
	ok(do_mmap_pgoff(m.e, mm_of(&m, task), open_file_of(page[i]), place(i), PAGE, prot, MAP_FIXED | flags, READ(&m, page[i], page, index), &at));
	read_page(task, i);
	assert_int_equal(page_at(&m, task, place(i)), page[i]);
}

/* What the CPU keeps of a counter to itself: folded in, as vmstat_update() does every second. */
static void fold_counter(unsigned lru)
{
	uint64_t zone = zone_of_page(m.e, page[0]), pgdat = nodes_get(m.k, 0)->addr, v, diff, of_zone, of_node;
	of_zone = percpu_ptr(m.k, READ(&m, zone, zone, per_cpu_zonestats), 0) + OFFSET(m.k, per_cpu_zonestat, vm_stat_diff);
	of_node = percpu_ptr(m.k, READ(&m, pgdat, pglist_data, per_cpu_nodestats), 0) + OFFSET(m.k, per_cpu_nodestat, vm_node_stat_diff);
	const struct {
		uint64_t diff, sum;
	} parts[] = {
		{of_zone + m.e->modern->zone_lru_base.index + lru, zone + OFFSET(m.k, zone, vm_stat) + 8 * (m.e->modern->zone_lru_base.index + lru)},
		{of_node + m.e->modern->lru_base.index + lru, pgdat + OFFSET(m.k, pglist_data, vm_stat) + 8 * (m.e->modern->lru_base.index + lru)},
	};
	for (int i = 0; i < 2; i++) {
		ok(kernel_read_uint(m.k, parts[i].diff, 1, &diff));
		ok(kernel_read_uint(m.k, parts[i].sum, 8, &v));
		ok(kernel_write_uint(m.k, parts[i].sum, 8, v + (uint64_t)(int8_t)diff));
		ok(kernel_write_uint(m.k, parts[i].diff, 1, 0));
	}
}

/* The pages of files that booting read, on the inactive list as if not used since. */
static void drain(void)
{
	ok(lru_add_drain(m.e));
	find_pages();
	for (unsigned i = 0; i < PAGES; i++)
		ok(kernel_write_uint(m.k, page[i] + OFFSET(m.k, page, flags), 8, READ(&m, page[i], page, flags) & ~(1ull << m.e->bit_referenced)));
	fold_counter(2);
}

static int setup(void **state)
{
	struct machine_options o = {.mem = 128ull << 20};
	ok(machine_boot("linux-5.10-x86_64", &o, &m.vc, &m.k));
	ok(engine_open(m.k, &m.e));
	ok(nodes_open(m.k));
	ok(do_fork(m.e, m.e->init_task, 0, 0, &task));
	ok(exec_empty(m.e, task, "reader"));
	ok(engine_set_current(m.e, task));
	drain();
	return 0;
}

static int teardown(void **state)
{
	shut_down(&m);
	return 0;
}

static unsigned reclaim(unsigned wanted)
{
	unsigned freed;
	ok(try_to_free_pages(m.e, wanted, &freed));
	return freed;
}

/* Where its entry stands. */
static uint64_t leaf_of(uint64_t addr)
{
	struct object mm;
	uint64_t frame;
	ok(object_open(m.k, mm_of(&m, task), S_mm_struct, &mm));
	return leaf_offset(m.e, &mm, addr, &frame);
}

static bool is_cached(unsigned i, uint64_t mapping, uint64_t index)
{
	uint64_t at;
	ok(find_page_modern(m.e, mapping, index, &at));
	return at == page[i];
}

/* ---- Nobody maps them ---- */

static void test_unmapped(void **state)
{
	uint64_t mapping = READ(&m, page[0], page, mapping), index = READ(&m, page[0], page, index), shadow;
	assert_int_equal(reclaim(1), 1);
	assert_false(is_cached(0, mapping, index));
	assert_true(is_on(2, page[1]));
	/* What stands there now: the clock of evictions (0), the node (0), PG_workingset (0). */
	ok(page_cache_entry(m.e, mapping, index, &shadow));
	assert_int_equal(shadow, 1);
	assert_int_equal(READ(&m, page[0], page, refcount), 0);
	assert_int_equal(reclaim(100), 3);
	assert_int_equal(reclaim(100), 0);
	check_sound(&m);
}

/* ---- Second chance ---- */

static void test_second_chance(void **state)
{
	for (unsigned i = 0; i < PAGES; i++)
		map_page(i, PROT_READ, MAP_PRIVATE);
	/* Priority 2: 0 is kept; 1: 1 and 2 are; 0: 3 is, and the second look at 0, 1 and 2 finds them not used since. */
	assert_int_equal(reclaim(100), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(entry_of(&m, task, place(i)), 0);
		assert_int_equal(READ(&m, page[i], page, refcount), 0);
	}
	assert_int_equal(page_at(&m, task, place(3)), page[3]);
	assert_false(entry_of(&m, task, place(3)) & X86_ACCESSED);
	assert_true(page_is(&m, page[3], m.e->bit_referenced));
	assert_int_equal(READ(&m, page[3], page, mapcount), 0);
	check_sound(&m);
	/* Used again: one use more than PG_referenced makes it active. */
	read_page(task, 3);
	assert_int_equal(reclaim(100), 0);
	assert_true(is_on(3, page[3]));
	assert_int_equal(page_at(&m, task, place(3)), page[3]);
	check_sound(&m);
}

/* Text in use becomes active at once. */
static void test_text(void **state)
{
	map_page(0, PROT_READ | PROT_EXEC, MAP_PRIVATE);
	assert_int_equal(reclaim(100), 3);
	assert_true(is_on(3, page[0]));
	assert_int_equal(page_at(&m, task, place(0)), page[0]);
	check_sound(&m);
}

/* A page of a locked area stays, however little it is used. */
static void test_locked(void **state)
{
	struct object o;
	uint64_t vma;
	map_page(0, PROT_READ, MAP_PRIVATE);
	ok(object_open_writable(m.k, mm_of(&m, task), S_mm_struct, &o));
	ok(find_vma(m.e, &o, place(0), &vma));
	ok(kernel_write_uint(m.k, vma + OFFSET(m.k, vm_area_struct, vm_flags), 8, READ(&m, vma, vm_area_struct, vm_flags) | VM_LOCKED));
	assert_int_equal(reclaim(100), 3);
	assert_int_equal(page_at(&m, task, place(0)), page[0]);
}

/* Written through a shared mapping: it waits for the writer, active. */
static void test_dirty(void **state)
{
	map_page(0, PROT_READ | PROT_WRITE, MAP_SHARED);
	uint64_t at = leaf_of(place(0));
	set_pte(m.e, at, (get_pte(m.e, at) & ~X86_ACCESSED) | X86_DIRTY);
	assert_int_equal(reclaim(100), 3);
	assert_int_equal(entry_of(&m, task, place(0)), 0);
	assert_true(page_is(&m, page[0], m.e->bit_dirty));
	assert_true(is_on(3, page[0]));
	check_sound(&m);
}

/* Somebody holds it: unmapped, but kept. */
static void test_held(void **state)
{
	map_page(0, PROT_READ, MAP_PRIVATE);
	get_page(m.e, page[0]);
	assert_int_equal(reclaim(100), 3);
	assert_int_equal(reclaim(100), 0);
	assert_int_equal(entry_of(&m, task, place(0)), 0);
	assert_int_equal(READ(&m, page[0], page, refcount), 2);
	assert_true(is_on(2, page[0]));
}

/* Two processes map it: both entries go, and both look at it gives it a chance each. */
static void test_shared(void **state)
{
	uint64_t child;
	map_page(0, PROT_READ, MAP_PRIVATE);
	ok(do_fork(m.e, task, 0, 0, &child));
	read_page(child, 0);
	assert_int_equal(READ(&m, page[0], page, mapcount), 1);
	/* Used by both: active. */
	assert_int_equal(reclaim(100), 3);
	assert_true(is_on(3, page[0]));
	check_sound(&m);
	/* The lists' lengths as they are known: none is active, it would seem. */
	assert_int_equal(reclaim(100), 0);
	assert_true(is_on(3, page[0]));
	fold_counter(2);
	fold_counter(3);
	/* One active, none inactive: it is moved, and then, since nobody used it, goes from both. */
	assert_int_equal(reclaim(100), 0);
	assert_true(is_on(2, page[0]));
	assert_true(page_is(&m, page[0], m.e->modern->workingset));
	fold_counter(2);
	uint64_t mapping = READ(&m, page[0], page, mapping), index = READ(&m, page[0], page, index), shadow;
	assert_int_equal(reclaim(100), 1);
	/* Three went before it and one became active, at ages 0 to 3; of the working set. */
	ok(page_cache_entry(m.e, mapping, index, &shadow));
	assert_int_equal(shadow, (4ull << 27 | 1) << 1 | 1);
	assert_int_equal(entry_of(&m, task, place(0)), 0);
	assert_int_equal(entry_of(&m, child, place(0)), 0);
	check_sound(&m);
}

/* ---- From an allocation ---- */

/* Each zone's mark (0: min, 1: low) is so far above what is free. */
static void set_mark(unsigned which, int64_t above)
{
	const struct zone *z;
	for (size_t i = 0; (z = zones_get(m.k, i)); i++) {
		uint64_t free = (uint64_t)zone_vmstat(m.k, z, (size_t)m.e->modern->free_pages.index);
		ok(kernel_write_uint(m.k, z->addr + OFFSET(m.k, zone, watermark) + 8 * which, 8, free + (uint64_t)above));
	}
}

static void test_slow_path(void **state)
{
	uint64_t got, other, index = READ(&m, page[0], page, index), mapping = READ(&m, page[0], page, mapping);
	set_mark(0, -1000);
	set_mark(1, 1);
	/* Below low, above min: nothing is reclaimed. */
	ok(alloc_pages_pcp(m.e, PAGES_MOVABLE, 0, &got));
	assert_true(is_cached(0, mapping, index));
	ok(put_page(m.e, got));
	/* Below min: all that can be had is reclaimed; more does not help, the only process that is not init is killed, and then nobody may be. */
	ok(do_fork(m.e, m.e->init_task, 0, 0, &other));
	ok(exec_empty(m.e, other, "spare"));
	ok(engine_set_current(m.e, task));
	set_mark(0, 1000);
	struct error *no = alloc_pages_pcp(m.e, PAGES_MOVABLE, 0, &got);
	assert_non_null(no);
	assert_int_equal(no->code, ERR_KERNEL);
	assert_int_equal(no->addr, 12 /* ENOMEM */);
	assert_non_null(strstr(no->message, "would panic"));
	error_free(no);
	assert_false(is_cached(0, mapping, index));
	assert_int_equal(READ(&m, page[3], page, mapping), 0);
	mm_state_forget(m.k);
	assert_null(task_by_addr(m.k, other));
	check_sound(&m);
	assert_int_equal(m.e->task, task);
}

/* Who acts itself has most points: the act ends. */
static void test_out_of_memory_itself(void **state)
{
	uint64_t got, other;
	ok(do_fork(m.e, m.e->init_task, 0, 0, &other));
	ok(exec_empty(m.e, other, "greedy"));
	ok(engine_set_current(m.e, other));
	set_mark(0, 1000);
	set_mark(1, 1000);
	struct error *no = alloc_pages_pcp(m.e, PAGES_MOVABLE, 0, &got);
	assert_non_null(no);
	assert_int_equal(no->addr, 12 /* ENOMEM */);
	assert_non_null(strstr(no->message, "(greedy), which is the one that acts"));
	error_free(no);
	mm_state_forget(m.k);
	assert_non_null(task_by_addr(m.k, other));
	check_sound(&m);
}

static void test_oom_kill(void **state)
{
	uint32_t pid;
	uint64_t other, tgid;
	size_t count;
	/* Pid 1 is never chosen; of the others the one with more pages, and oom_score_adj turns that round. */
	ok(do_fork(m.e, m.e->init_task, 0, 0, &other));
	ok(exec_empty(m.e, other, "larger"));
	ok(do_fork(m.e, m.e->init_task, 0, 0, &task));
	ok(exec_empty(m.e, task, "smaller"));
	tgid = READ(&m, task, task_struct, tgid);
	ok(kernel_write_uint(m.k, READ(&m, task, task_struct, signal) + OFFSET(m.k, signal_struct, oom_score_adj), 2, 500));
	ok(oom_kill(m.e, &pid));
	assert_int_equal(pid, tgid);
	mm_state_forget(m.k);
	ok(tasks_count(m.k, &count));
	check_sound(&m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unmapped), TEST(test_second_chance), TEST(test_text), TEST(test_locked), TEST(test_dirty), TEST(test_held), TEST(test_shared),
		TEST(test_slow_path), TEST(test_out_of_memory_itself), TEST(test_oom_kill),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
