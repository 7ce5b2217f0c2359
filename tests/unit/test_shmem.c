/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Shared memory without a name, on 3.19 and 5.10: what a page of it is from its first use to its file's end, what is promised for it, and contents that processes share,
 * against plain arrays at random; advice on pages that are not needed now (5.4 and later). Audit holds every structure against the others.
 */
#include "tests/unit/small_machine.h"
#include "tests/unit/sound.h"

#include <time.h>

#include "mm/audit/audit.h"
#include "mm/engine/modern.h"
#include "mm/engine/overcommit.h"
#include "mm/meminfo.h"
#include "mm/pte.h"
#include "mm/state.h"
#include "mm/swap.h"
#include "mm/zone.h"
#include "tests/unit/random.h"

#define A 0x10000000ull
#define B 0x20000000ull

static struct machine m;
static uint64_t task;

static int boot_flavour(const char *flavour)
{
	struct machine_options o = {.mem = 128ull << 20};
	ok(machine_boot(flavour, &o, &m.vc, &m.k));
	ok(engine_open(m.k, &m.e));
	ok(nodes_open(m.k));
	ok(do_fork(m.e, m.e->init_task, 0, 0, &task));
	ok(exec_empty(m.e, task, "one"));
	ok(engine_set_current(m.e, task));
	return 0;
}

static int boot510(void **state)
{
	return boot_flavour("linux-5.10-x86_64");
}

static int boot319(void **state)
{
	return boot_flavour("linux-3.19-x86_64");
}

static int teardown(void **state)
{
	shut_down(&m);
	return 0;
}

static int64_t stat(const char *name)
{
	int64_t value;
	assert_true(vmstat_global(m.k, name, &value));
	return value;
}

/* By the pages themselves. */
static uint64_t shared_frames(void)
{
	struct audit_options o = {.limit = 3};
	struct audit_report report;
	mm_state_forget(m.k);
	ok(audit_run(m.k, &o, &report));
	uint64_t frames = report.census[AUDIT_USE_SHMEM];
	audit_report_free(&report);
	ok(nodes_open(m.k));
	return frames;
}

static int64_t committed(void)
{
	int64_t sum;
	assert_true(percpu_counter_sum(m.k, m.e->areas.vm_committed_as, &sum));
	return sum;
}

static uint64_t map_shared(uint64_t by, uint64_t addr, uint64_t pages, unsigned flags)
{
	uint64_t at;
	ok(do_mmap_pgoff(m.e, mm_of(&m, by), 0, addr, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | flags, 0, &at));
	return at;
}

static enum fault_result use(uint64_t by, uint64_t addr, enum fault_access access)
{
	enum fault_result result;
	char why[160];
	bool faulted;
	ok(touch_user(m.e, by, addr, access, &faulted, &result, why, sizeof(why)));
	return result;
}

static uint64_t file_of(uint64_t by, uint64_t addr)
{
	struct object mm;
	uint64_t vma;
	ok(object_open(m.k, mm_of(&m, by), S_mm_struct, &mm));
	ok(find_vma(m.e, &mm, addr, &vma));
	return READ(&m, vma, vm_area_struct, vm_file);
}

/* From the first use of a page to the end of its file. */
static void test_life(void **state)
{
	uint64_t child, page;
	int64_t before = committed(), shmem = stat("NR_SHMEM");
	assert_int_equal(map_shared(task, A, 8, MAP_FIXED), A);
	assert_int_equal(committed(), before + 8);
	uint64_t file = file_of(task, A), inode = READ(&m, file, file, f_inode), mapping = READ(&m, file, file, f_mapping);
	assert_int_equal(READ(&m, inode, inode, i_size), 8 * PAGE);
	/* Read first: a page of its own already, never the zero page; and writable from the start. */
	assert_int_equal(use(task, A + PAGE, ACCESS_READ), FAULT_MINOR);
	page = page_at(&m, task, A + PAGE);
	assert_true(entry_of(&m, task, A + PAGE) & X86_RW);
	assert_false(entry_of(&m, task, A + PAGE) & X86_DIRTY);
	assert_int_not_equal(page, m.e->empty_zero_page);
	assert_true(page_is(&m, page, m.e->modern->swapbacked));
	assert_int_equal(READ(&m, page, page, mapping), mapping);
	assert_int_equal(READ(&m, page, page, index), 1);
	/* The cache's reference, the entry's, the batch's. */
	assert_int_equal(count_of(&m, page), 3);
	assert_int_equal(READ(&m, mapping, address_space, nrpages), 1);
	assert_int_equal(READ(&m, inode, inode, i_blocks), 8);
	/* A child has the area without entries, and finds the same page. */
	ok(do_fork(m.e, task, 0, 0, &child));
	assert_int_equal(entry_of(&m, child, A + PAGE), 0);
	poke32(&m, task, A + PAGE, 7);
	assert_int_equal(peek32(&m, child, A + PAGE), 7);
	assert_int_equal(page_at(&m, child, A + PAGE), page);
	poke32(&m, child, A + 5 * PAGE, 8);
	assert_int_equal(peek32(&m, task, A + 5 * PAGE), 8);
	check_sound(&m);
	/* Half of it goes in one, all in the other: the pages stay. */
	ok(do_munmap(m.e, mm_of(&m, task), A, 4 * PAGE));
	ok(do_exit(m.e, child));
	assert_int_equal(shared_frames(), 2);
	assert_int_equal(peek32(&m, task, A + 5 * PAGE), 8);
	check_sound(&m);
	/* Committed is what the file was promised, whoever maps how much of it. */
	ok(do_munmap(m.e, mm_of(&m, task), A + 4 * PAGE, 4 * PAGE));
	assert_int_equal(shared_frames(), 0);
	assert_int_equal(committed(), before);
	assert_int_equal(stat("NR_SHMEM"), shmem);
	check_sound(&m);
}

/* An area may grow, its file does not. */
static void test_beyond_the_end(void **state)
{
	uint64_t at;
	map_shared(task, A, 2, MAP_FIXED);
	ok(sys_mremap(m.e, mm_of(&m, task), A, 2 * PAGE, 4 * PAGE, 0, 0, &at));
	assert_int_equal(at, A);
	assert_in_range(use(task, A + PAGE, ACCESS_WRITE), FAULT_MINOR, FAULT_MAJOR);
	assert_int_equal(use(task, A + 2 * PAGE, ACCESS_READ), FAULT_SIGBUS);
	check_sound(&m);
}

/* Two areas of the same request are two files: they are not joined. */
static void test_neighbours(void **state)
{
	map_shared(task, A, 2, MAP_FIXED);
	map_shared(task, A + 2 * PAGE, 2, MAP_FIXED);
	assert_int_not_equal(file_of(task, A), file_of(task, A + 2 * PAGE));
	refused(do_mmap_pgoff(m.e, mm_of(&m, task), 0, A, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, 0, &(uint64_t){0}), 22);
	check_sound(&m);
}

/* MAP_NORESERVE: nothing is promised for the file, each page pays as it comes; but where promises are limited strictly the flag is not heard. */
static void test_promises(void **state)
{
	int64_t before = committed();
	map_shared(task, A, 8, MAP_FIXED | MAP_NORESERVE);
	assert_int_equal(committed(), before);
	use(task, A, ACCESS_WRITE);
	use(task, A + PAGE, ACCESS_READ);
	assert_int_equal(committed(), before + 2);
	/* Private memory without a promise never pays. */
	map(&m, task, A + 64 * PAGE, 8, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_NORESERVE);
	use(task, A + 64 * PAGE, ACCESS_WRITE);
	assert_int_equal(committed(), before + 2);
	ok(do_munmap(m.e, mm_of(&m, task), A, 8 * PAGE));
	assert_int_equal(committed(), before);
	ok(overcommit_sysctl_write(m.e, SYSCTL_OVERCOMMIT_MEMORY, 2));
	map_shared(task, A, 8, MAP_FIXED | MAP_NORESERVE);
	assert_int_equal(committed(), before + 8);
	refused(do_mmap_pgoff(m.e, mm_of(&m, task), 0, 0, 1ull << 30, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, 0, &(uint64_t){0}), 12);
	check_sound(&m);
}

/* ---- Advice ---- */

static void advise(uint64_t addr, uint64_t pages, int advice)
{
	ok(sys_madvise(m.e, mm_of(&m, task), addr, pages * PAGE, advice));
}

/* MADV_COLD: not used, and no longer active, but for what somebody else has too. */
static void test_cold(void **state)
{
	uint64_t child, page;
	map(&m, task, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED);
	use(task, A, ACCESS_WRITE);
	use(task, A + PAGE, ACCESS_WRITE);
	ok(do_fork(m.e, task, 0, 0, &child));
	use(task, A, ACCESS_WRITE);
	page = page_at(&m, task, A);
	ok(lru_add_drain(m.e));
	for (unsigned n = 0; n < 2; n++)
		ok(mark_page_accessed_modern(m.e, page));
	ok(lru_add_drain(m.e));
	assert_true(page_is(&m, page, m.e->bit_active));
	advise(A, 2, MADV_COLD);
	ok(lru_add_drain(m.e));
	assert_false(page_is(&m, page, m.e->bit_active));
	assert_false(entry_of(&m, task, A) & X86_ACCESSED);
	assert_true(entry_of(&m, task, A) & X86_DIRTY);
	assert_true(entry_of(&m, task, A + PAGE) & X86_ACCESSED);
	ok(sys_mlock(m.e, mm_of(&m, task), A, PAGE, false));
	refused(sys_madvise(m.e, mm_of(&m, task), A, PAGE, MADV_COLD), 22);
	check_sound(&m);
}

/* MADV_PAGEOUT without swap: private memory stays, shared memory stays in its file's cache, a clean page of a file goes; MADV_WILLNEED brings it back. */
static void test_pageout(void **state)
{
	uint64_t file, mapping, at;
	map(&m, task, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED);
	poke32(&m, task, A, 5);
	advise(A, 1, MADV_PAGEOUT);
	assert_int_not_equal(entry_of(&m, task, A), 0);
	map_shared(task, A, 2, MAP_FIXED);
	poke32(&m, task, A, 6);
	advise(A, 2, MADV_PAGEOUT);
	assert_int_equal(entry_of(&m, task, A), 0);
	assert_int_equal(shared_frames(), 1);
	assert_int_equal(peek32(&m, task, A), 6);
	ok(filp_open(m.e, "/etc/motd", false, &file));
	mapping = READ(&m, file, file, f_mapping);
	ok(do_mmap_pgoff(m.e, mm_of(&m, task), file, A, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0, &at));
	ok(fput(m.e, file));
	uint32_t word = peek32(&m, task, A + PAGE);
	assert_int_equal(READ(&m, mapping, address_space, nrpages), 3);
	advise(A, 3, MADV_PAGEOUT);
	assert_int_equal(READ(&m, mapping, address_space, nrpages), 0);
	assert_int_equal(entry_of(&m, task, A + PAGE), 0);
	advise(A, 3, MADV_WILLNEED);
	assert_int_equal(READ(&m, mapping, address_space, nrpages), 3);
	assert_int_equal(entry_of(&m, task, A + PAGE), 0);
	assert_int_equal(use(task, A + PAGE, ACCESS_READ), FAULT_MINOR);
	assert_int_equal(peek32(&m, task, A + PAGE), word);
	check_sound(&m);
}

/* With swap it goes there; whoever has the file finds its bytes again, a copy is made from them, and the slots become free. */
static void test_swap(void **state)
{
	uint64_t child, file, mapping, next;
	struct swap_area area;
	ok(sys_swapon(m.e, 1024));
	map_shared(task, A, 8, MAP_FIXED);
	file = READ(&m, READ(&m, mm_of(&m, task), mm_struct, mmap), vm_area_struct, vm_file);
	mapping = READ(&m, file, file, f_mapping);
	for (uint32_t i = 0; i < 6; i++)
		poke32(&m, task, A + i * PAGE, 0x100 + i);
	advise(A, 8, MADV_PAGEOUT);
	check_sound(&m);
	assert_int_equal(READ(&m, mapping, address_space, nrpages), 0);
	assert_int_equal(shared_frames(), 0);
	assert_true(swap_area_get(m.k, 0, &area));
	assert_int_equal(area.inuse_pages, 6);
	ok(kernel_read_pointer(m.k, symbol_addr(m.k, "shmem_swaplist"), &next));
	assert_int_not_equal(next, symbol_addr(m.k, "shmem_swaplist"));
	assert_int_equal(use(task, A + PAGE, ACCESS_READ), FAULT_MAJOR);
	assert_int_equal(peek32(&m, task, A + PAGE), 0x101);
	check_sound(&m);
	ok(do_fork(m.e, task, 0, 0, &child));
	poke32(&m, child, A + 2 * PAGE, 0x202);
	assert_int_equal(peek32(&m, task, A + 2 * PAGE), 0x202);
	poke32(&m, child, A + 7 * PAGE, 0x207);
	check_sound(&m);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(peek32(&m, i & 1 ? task : child, A + i * PAGE), i == 2 ? 0x202 : i == 7 ? 0x207 : i == 6 ? 0 : 0x100 + i);
	check_sound(&m);
	assert_true(swap_area_get(m.k, 0, &area));
	assert_int_equal(area.inuse_pages, 0);
}

/* Reclaim takes it, too, if not at first: it was in use; all but what the CPU has not told the zone of yet. */
static void test_reclaimed(void **state)
{
	struct swap_area area;
	unsigned freed;
	ok(sys_swapon(m.e, 1024));
	map_shared(task, B, 200, MAP_FIXED);
	for (uint32_t i = 0; i < 200; i++)
		poke32(&m, task, B + i * PAGE, 0x1000 + i);
	ok(lru_add_drain(m.e));
	for (unsigned n = 0; n < 8 && shared_frames() > 125; n++)
		ok(try_to_free_pages(m.e, 1000, &freed));
	check_sound(&m);
	assert_true(shared_frames() <= 125);
	assert_true(swap_area_get(m.k, 0, &area));
	assert_true(area.inuse_pages >= 75);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(peek32(&m, task, B + i * PAGE), 0x1000 + i);
	check_sound(&m);
}

/* ---- At random ---- */

#define SEGMENTS  4
#define PAGES	  24 /* more than a batch has */
#define PROCESSES 4

struct model {
	uint32_t value[SEGMENTS][PAGES];
	uint64_t task[PROCESSES];
	bool has[PROCESSES][SEGMENTS][PAGES];
};

static uint64_t place(unsigned segment, unsigned page)
{
	return A + (uint64_t)segment * 0x200000 + (uint64_t)page * PAGE;
}

static void forget(struct model *w, unsigned process)
{
	memset(w->has[process], 0, sizeof(w->has[process]));
	w->task[process] = 0;
}

static void step(struct model *w, unsigned kind, unsigned p, unsigned s, unsigned page, uint32_t value)
{
	uint64_t by = w->task[p];
	unsigned other = value % PROCESSES, count = 1 + value % 8;
	if (kind < 40 && w->has[p][s][page]) {
		poke32(&m, by, place(s, page), value);
		w->value[s][page] = value;
	} else if (kind < 75 && w->has[p][s][page]) {
		assert_int_equal(peek32(&m, by, place(s, page)), w->value[s][page]);
	} else if (kind < 85) {
		for (unsigned i = page; i < page + count && i < PAGES; i++)
			w->has[p][s][i] = false;
		ok(do_munmap(m.e, mm_of(&m, by), place(s, page), (page + count < PAGES ? count : PAGES - page) * PAGE));
	} else if (kind < 92 && other != p) {
		if (w->task[other] && other)
			ok(do_exit(m.e, w->task[other]));
		else if (w->task[other])
			return;
		ok(do_fork(m.e, by, 0, 0, &w->task[other]));
		memcpy(w->has[other], w->has[p], sizeof(w->has[p]));
	} else if (kind < 95 && p) {
		ok(do_exit(m.e, by));
		forget(w, p);
	} else if (kind >= 95) {
		/* A new file: of no other process's any more. */
		for (unsigned q = 1; q < PROCESSES; q++)
			if (w->task[q] && q != p)
				ok(do_munmap(m.e, mm_of(&m, w->task[q]), place(s, 0), PAGES * PAGE));
		for (unsigned q = 0; q < PROCESSES; q++)
			memset(w->has[q][s], q == p && w->task[q], sizeof(w->has[q][s]));
		if (p)
			ok(do_munmap(m.e, mm_of(&m, w->task[0]), place(s, 0), PAGES * PAGE));
		map_shared(by, place(s, 0), PAGES, MAP_FIXED | (value & 1 ? MAP_NORESERVE : 0));
		memset(w->value[s], 0, sizeof(w->value[s]));
	}
}

static void test_random(void **state)
{
	struct model w = {.task = {task}};
	uint64_t random = (uint64_t)time(NULL);
	print_message("seed %" PRIu64 "\n", random);
	int64_t before = committed();
	for (unsigned n = 0; n < 3000; n++) {
		unsigned p = random_below(&random, PROCESSES);
		if (!w.task[p])
			p = 0;
		/* As after each act of a command. */
		mm_state_forget(m.k);
		ok(engine_set_current(m.e, w.task[p]));
		step(&w, random_below(&random, 100), p, random_below(&random, SEGMENTS), random_below(&random, PAGES), random_below(&random, 1u << 30));
		if (n % 300 == 299)
			check_sound(&m);
	}
	for (unsigned p = 1; p < PROCESSES; p++)
		if (w.task[p])
			ok(do_exit(m.e, w.task[p]));
	for (unsigned s = 0; s < SEGMENTS; s++)
		ok(do_munmap(m.e, mm_of(&m, task), place(s, 0), PAGES * PAGE));
	assert_int_equal(shared_frames(), 0);
	assert_int_equal(committed(), before);
	check_sound(&m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, boot510, teardown), cmocka_unit_test_setup_teardown(name, boot319, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life), TEST(test_beyond_the_end), TEST(test_neighbours), TEST(test_promises), TEST(test_reclaimed), TEST(test_random),
		cmocka_unit_test_setup_teardown(test_cold, boot510, teardown), cmocka_unit_test_setup_teardown(test_pageout, boot510, teardown),
		cmocka_unit_test_setup_teardown(test_swap, boot510, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
