/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Faults, copies on write, fork, files, swap: each with the entry, the counts and the flags that 2.4 leaves.
 */
#include "tests/unit/small_machine.h"

#include <errno.h>
#include <stdio.h>

#include "mm/pte.h"

#define A     0x10000000ull
#define STACK 0xbffff000ull

static struct machine m;
static uint64_t task;

static int setup(void **state)
{
	boot(&m, 32);
	task = new_process(&m);
	return 0;
}

static int teardown(void **state)
{
	ok(books_check(m.e, NULL));
	ok(do_exit(m.e, task));
	all_given_back(&m);
	shut_down(&m);
	return 0;
}

static uint64_t rss(uint64_t t)
{
	return READ(&m, mm_of(&m, t), mm_struct, rss);
}

static enum fault_result fault(uint64_t t, uint64_t addr, enum fault_access access, const char *reason)
{
	enum fault_result result;
	char why[128];
	ok(do_page_fault(m.e, t, addr, access, &result, why, sizeof(why)));
	if (reason)
		assert_string_equal(why, reason);
	return result;
}

/* ---- Anonymous memory ---- */

static void test_anonymous(void **state)
{
	map(&m, task, A, 16, PROT_READ | PROT_WRITE, MAP_FIXED);
	uint64_t zero = m.e->empty_zero_page, free = nr_free_pages(m.e);
	/* A read maps the zero page, write-protected, and counts nothing but a page table. */
	assert_int_equal(fault(task, A + 5, ACCESS_READ, ""), FAULT_MINOR);
	assert_int_equal(entry_of(&m, task, A), engine_page_phys(m.e, zero) | 0x25);
	assert_int_equal(rss(task), 0);
	assert_int_equal(nr_free_pages(m.e), free - 1);
	assert_int_equal(READ(&m, task, task_struct, min_flt), 1);
	/* A write to it is a copy, which is counted. */
	assert_int_equal(fault(task, A, ACCESS_WRITE, ""), FAULT_MINOR);
	uint64_t page = page_at(&m, task, A);
	assert_int_not_equal(page, zero);
	assert_int_equal(entry_of(&m, task, A) & 0xfff, 0x67);
	assert_int_equal(rss(task), 1);
	assert_int_equal(count_of(&m, page), 1);
	assert_true(page_is(&m, page, m.e->bit_lru));
	assert_false(page_is(&m, page, m.e->bit_referenced));
	assert_int_equal(peek32(&m, task, A), 0);
	/* A write to nothing is a new frame, cleared, and marked referenced. */
	assert_int_equal(fault(task, A + PAGE, ACCESS_WRITE, ""), FAULT_MINOR);
	page = page_at(&m, task, A + PAGE);
	assert_int_equal(entry_of(&m, task, A + PAGE) & 0xfff, 0x67);
	assert_int_equal(READ(&m, page, page, flags) & 0xffffff, 1u << m.e->bit_lru | 1u << m.e->bit_referenced);
	assert_int_equal(rss(task), 2);
	assert_int_equal(peek32(&m, task, A + PAGE + 4092), 0);
	assert_int_equal(READ(&m, task, task_struct, min_flt), 3);
	assert_int_equal(READ(&m, task, task_struct, maj_flt), 0);
	/* Only as high as the area goes. */
	assert_int_equal(counter(&m, "nr_inactive_pages"), 2);
	ok(do_munmap(m.e, mm_of(&m, task), A, 16 * PAGE));
	assert_int_equal(rss(task), 0);
	assert_int_equal(counter(&m, "nr_inactive_pages"), 0);
}

static void test_signals(void **state)
{
	map(&m, task, A, 4, PROT_READ, MAP_FIXED);
	map(&m, task, A + 4 * PAGE, 4, PROT_NONE, MAP_FIXED);
	assert_int_equal(fault(task, A + 8 * PAGE, ACCESS_READ, "no area at or above the address"), FAULT_SIGSEGV);
	assert_int_equal(fault(task, A - 1, ACCESS_READ, "in a hole, and the area above does not grow down"), FAULT_SIGSEGV);
	assert_int_equal(fault(task, A, ACCESS_WRITE, "the area is not writable"), FAULT_SIGSEGV);
	assert_int_equal(fault(task, A + 4 * PAGE, ACCESS_READ, "the area is not readable"), FAULT_SIGSEGV);
	assert_int_equal(fault(task, 0xc0000000, ACCESS_READ, "a kernel address"), FAULT_SIGSEGV);
	/* i386 of then executes what it may read. */
	assert_int_equal(fault(task, A, ACCESS_EXEC, ""), FAULT_MINOR);
	uint32_t value;
	refused(access_process_vm(m.e, task, A + 4 * PAGE, &value, 4, false), EFAULT);
	refused(access_process_vm(m.e, task, A, &value, 4, true), EFAULT);
	/* Across pages: the part before the bad one is done. */
	unsigned char bytes[2 * PAGE];
	ok(access_process_vm(m.e, task, A + 5, bytes, 2 * PAGE, false));
	refused(access_process_vm(m.e, task, A + 3 * PAGE, bytes, 2 * PAGE, false), EFAULT);
	refused(access_process_vm(m.e, task, 0xfffffff0, bytes, 4, false), EFAULT);
	refused(access_process_vm(m.e, m.e->init_task, A, bytes, 4, false), EFAULT);
}

static void test_stack(void **state)
{
	uint64_t mm = mm_of(&m, task);
	map(&m, task, STACK, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_GROWSDOWN);
	poke32(&m, task, STACK - 5 * PAGE + 8, 42);
	uint64_t vma = READ(&m, mm, mm_struct, mmap);
	assert_int_equal(READ(&m, vma, vm_area_struct, vm_start), STACK - 5 * PAGE);
	assert_int_equal(READ(&m, mm, mm_struct, total_vm), 6);
	assert_int_equal(rss(task), 1);
	/* Eight megabytes are the limit. */
	uint64_t lowest = STACK + PAGE - (8u << 20);
	assert_int_equal(fault(task, lowest - 1, ACCESS_WRITE, NULL), FAULT_SIGSEGV);
	assert_int_equal(READ(&m, vma, vm_area_struct, vm_start), STACK - 5 * PAGE);
	assert_int_equal(fault(task, lowest, ACCESS_WRITE, ""), FAULT_MINOR);
	assert_int_equal(READ(&m, vma, vm_area_struct, vm_start), lowest);
	assert_int_equal(READ(&m, mm, mm_struct, total_vm), 2048);
	assert_int_equal(peek32(&m, task, STACK - 5 * PAGE + 8), 42);
}

/* ---- fork ---- */

static uint64_t fork_of(uint64_t parent)
{
	uint64_t child;
	ok(do_fork(m.e, parent, 0, 0, &child));
	return child;
}

static void test_copy_on_write(void **state)
{
	map(&m, task, A, 8, PROT_READ | PROT_WRITE, MAP_FIXED);
	for (unsigned i = 0; i < 4; i++)
		poke32(&m, task, A + i * PAGE, 100 + i);
	peek32(&m, task, A + 4 * PAGE);
	uint64_t free = nr_free_pages(m.e), page = page_at(&m, task, A), child = fork_of(task);
	/* The task's two frames, a directory and a table; and perhaps slabs. */
	assert_in_range(free - nr_free_pages(m.e), 4, 8);
	assert_int_equal(page_at(&m, child, A), page);
	assert_int_equal(count_of(&m, page), 2);
	/* Write-protected in both; the child's is old, still dirty. */
	assert_int_equal(entry_of(&m, task, A) & 0xfff, 0x65);
	assert_int_equal(entry_of(&m, child, A) & 0xfff, 0x45);
	assert_int_equal(rss(child), 4);
	assert_int_equal(READ(&m, mm_of(&m, child), mm_struct, total_vm), 8);
	assert_int_equal(page_at(&m, child, A + 4 * PAGE), m.e->empty_zero_page);
	/* Who writes first copies, … */
	poke32(&m, child, A, 7);
	assert_int_not_equal(page_at(&m, child, A), page);
	assert_int_equal(entry_of(&m, child, A) & 0xfff, 0x67);
	assert_int_equal(count_of(&m, page), 1);
	assert_int_equal(rss(child), 4);
	assert_int_equal(peek32(&m, task, A), 100);
	/* … who comes second has it to himself. */
	free = nr_free_pages(m.e);
	assert_int_equal(fault(task, A, ACCESS_WRITE, ""), FAULT_MINOR);
	assert_int_equal(page_at(&m, task, A), page);
	assert_int_equal(entry_of(&m, task, A) & 0xfff, 0x67);
	assert_int_equal(nr_free_pages(m.e), free);
	/* A child's child. */
	uint64_t grandchild = fork_of(child);
	assert_int_equal(count_of(&m, page_at(&m, task, A + PAGE)), 3);
	poke32(&m, grandchild, A + PAGE, 8);
	assert_int_equal(peek32(&m, child, A + PAGE), 101);
	assert_int_equal(peek32(&m, grandchild, A), 7);
	ok(books_check(m.e, NULL));
	ok(do_exit(m.e, child));
	assert_int_equal(count_of(&m, page_at(&m, task, A + PAGE)), 1);
	assert_int_equal(peek32(&m, grandchild, A + 3 * PAGE), 103);
	ok(do_exit(m.e, grandchild));
}

static void test_clone(void **state)
{
	uint64_t thread;
	map(&m, task, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED);
	ok(do_fork(m.e, task, CLONE_VM_FLAG, 0, &thread));
	assert_int_equal(mm_of(&m, thread), mm_of(&m, task));
	assert_int_equal(READ(&m, mm_of(&m, task), mm_struct, mm_users), 2);
	poke32(&m, thread, A, 5);
	assert_int_equal(peek32(&m, task, A), 5);
	ok(books_check(m.e, NULL));
	ok(do_exit(m.e, thread));
	assert_int_equal(peek32(&m, task, A), 5);
}

/* ---- Files ---- */

static unsigned char content[3 * PAGE + 100];

static uint64_t open_file(const char *path)
{
	uint64_t file;
	ok(filp_open(m.e, path, true, &file));
	return file;
}

static void make(const char *path)
{
	for (unsigned i = 0; i < sizeof(content); i++)
		content[i] = (unsigned char)(i * 7 + i / 256);
	ok(make_file(m.e, path, content, sizeof(content)));
}

static uint32_t word_of_content(unsigned offset)
{
	uint32_t v;
	memcpy(&v, content + offset, 4);
	return v;
}

static void test_file(void **state)
{
	uint64_t at, other;
	make("/file");
	uint64_t file = open_file("/file"), mm = mm_of(&m, task);
	ok(do_mmap_pgoff(m.e, mm, file, A, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, 0, &at));
	ok(do_mmap_pgoff(m.e, mm, file, A + 16 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 1, &at));
	ok(fput(m.e, file));
	assert_int_equal(READ(&m, file, file, f_count), 2);
	/* From the disk: the cache's reference and the entry's. */
	assert_int_equal(peek32(&m, task, A + PAGE + 8), word_of_content(PAGE + 8));
	uint64_t page = page_at(&m, task, A + PAGE);
	assert_int_equal(count_of(&m, page), 2);
	assert_true(page_is(&m, page, m.e->bit_uptodate));
	assert_int_equal(READ(&m, page, page, index), 1);
	assert_int_equal(entry_of(&m, task, A + PAGE) & 0xfff, 0x25);
	assert_int_equal(rss(task), 1);
	/* The whole file: it is smaller than the cluster that is read at once. */
	assert_int_equal(counter(&m, "page_cache_size"), 4);
	assert_int_equal(READ(&m, task, task_struct, maj_flt), 1);
	/* The shared mapping finds it in the cache; 2.4 counts that as a major fault too. */
	assert_int_equal(fault(task, A + 16 * PAGE, ACCESS_READ, ""), FAULT_MAJOR);
	assert_int_equal(page_at(&m, task, A + 16 * PAGE), page);
	assert_int_equal(count_of(&m, page), 3);
	assert_int_equal(entry_of(&m, task, A + 16 * PAGE) & 0xfff, 0x27);
	/* A write there is seen through the private one until that is written itself. */
	poke32(&m, task, A + 16 * PAGE + 8, 0xabcd);
	assert_int_equal(peek32(&m, task, A + PAGE + 8), 0xabcd);
	poke32(&m, task, A + PAGE + 12, 1);
	assert_int_not_equal(page_at(&m, task, A + PAGE), page);
	assert_int_equal(count_of(&m, page), 2);
	poke32(&m, task, A + 16 * PAGE + 8, 0xef);
	assert_int_equal(peek32(&m, task, A + PAGE + 8), 0xabcd);
	/* A first access that writes privately copies at once. */
	poke32(&m, task, A, 2);
	assert_int_equal(entry_of(&m, task, A) & 0xfff, 0x67);
	assert_int_equal(READ(&m, page_at(&m, task, A), page, mapping), 0);
	assert_int_equal(peek32(&m, task, A + 4), word_of_content(4));
	/* The last page is zeroes from the end on; beyond it is nothing. */
	assert_int_equal(peek32(&m, task, A + 3 * PAGE + 96), word_of_content(3 * PAGE + 96));
	assert_int_equal(peek32(&m, task, A + 3 * PAGE + 100), 0);
	assert_int_equal(fault(task, A + 4 * PAGE, ACCESS_READ, "beyond the end of the file"), FAULT_SIGBUS);
	ok(books_check(m.e, NULL));
	/* Unmapped, the shared page is dirty; reclaim writes it to the disk, where another one finds it. */
	ok(do_munmap(m.e, mm, A, 32 * PAGE));
	assert_true(page_is(&m, page, m.e->bit_dirty));
	unsigned freed;
	for (unsigned i = 0; i < 20 && counter(&m, "page_cache_size"); i++)
		ok(try_to_free_pages(m.e, 32, &freed));
	assert_int_equal(counter(&m, "page_cache_size"), 0);
	other = fork_of(task);
	file = open_file("/file");
	ok(do_mmap_pgoff(m.e, mm_of(&m, other), file, A, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, 0, &at));
	ok(fput(m.e, file));
	assert_int_equal(peek32(&m, other, A + PAGE + 8), 0xef);
	assert_int_equal(peek32(&m, other, A), word_of_content(0));
	ok(do_exit(m.e, other));
	refused(filp_open(m.e, "/none", true, &file), ENOENT);
	refused(make_file(m.e, "/file", "x", 1), EEXIST);
}

static void test_shared_after_fork(void **state)
{
	uint64_t at;
	make("/file");
	uint64_t file = open_file("/file");
	ok(do_mmap_pgoff(m.e, mm_of(&m, task), file, A, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 0, &at));
	ok(fput(m.e, file));
	poke32(&m, task, A, 11);
	uint64_t child = fork_of(task);
	/* Not protected; clean in the child. */
	assert_int_equal(entry_of(&m, task, A) & 0xfff, 0x67);
	assert_int_equal(entry_of(&m, child, A) & 0xfff, 0x07);
	poke32(&m, child, A, 12);
	assert_int_equal(peek32(&m, task, A), 12);
	assert_int_equal(READ(&m, file, file, f_count), 2);
	ok(do_exit(m.e, child));
}

/* ---- Swap ---- */

/* Reclaims until the page at addr is out. */
static void push_out(uint64_t t, uint64_t addr)
{
	unsigned freed;
	for (unsigned i = 0; i < 50 && pte_present(entry_of(&m, t, addr)); i++)
		ok(try_to_free_pages(m.e, 32, &freed));
	assert_false(pte_present(entry_of(&m, t, addr)));
	assert_int_not_equal(entry_of(&m, t, addr), 0);
}

static unsigned users_of(uint64_t entry)
{
	unsigned n;
	ok(swap_count(m.e, entry, &n));
	return n;
}

static void drop_cache(uint64_t entry)
{
	unsigned freed;
	uint64_t page;
	for (unsigned i = 0; i < 50; i++) {
		ok(find_page_nolock(m.e, m.e->swapper_space, entry, &page));
		if (!page)
			return;
		ok(try_to_free_pages(m.e, 32, &freed));
	}
	fail_msg("the page stays in the swap cache");
}

static void test_swap(void **state)
{
	ok(sys_swapon(m.e, 256));
	refused(sys_swapon(m.e, 256), EBUSY);
	assert_int_equal(counter(&m, "nr_swap_pages"), 255);
	map(&m, task, A, 40, PROT_READ | PROT_WRITE, MAP_FIXED);
	for (unsigned i = 0; i < 40; i++)
		poke32(&m, task, A + i * PAGE + 16, 1000 + i);
	push_out(task, A);
	uint64_t entry = entry_of(&m, task, A);
	assert_int_equal(swp_type(entry), 0);
	drop_cache(entry);
	assert_int_equal(users_of(entry), 1);
	ok(books_check(m.e, NULL));
	/* Read back: a major fault; the slot stays with the page in the swap cache. */
	uint64_t before = rss(task);
	assert_int_equal(fault(task, A, ACCESS_READ, ""), FAULT_MAJOR);
	uint64_t page = page_at(&m, task, A);
	assert_int_equal(rss(task), before + 1);
	assert_int_equal(count_of(&m, page), 2);
	assert_int_equal(READ(&m, page, page, mapping), m.e->swapper_space);
	assert_int_equal(users_of(entry), 1);
	assert_int_equal(peek32(&m, task, A + 16), 1000);
	/* A write takes it, as nobody else has it. */
	assert_int_equal(fault(task, A, ACCESS_WRITE, ""), FAULT_MINOR);
	assert_int_equal(page_at(&m, task, A), page);
	assert_int_equal(entry_of(&m, task, A) & 0xfff, 0x67);
	/* Gone with the process's last use. */
	ok(do_munmap(m.e, mm_of(&m, task), A, PAGE));
	assert_int_equal(users_of(entry), 0);
	for (unsigned i = 1; i < 40; i++)
		assert_int_equal(peek32(&m, task, A + i * PAGE + 16), 1000 + i);
	ok(do_munmap(m.e, mm_of(&m, task), A, 40 * PAGE));
	assert_int_equal(counter(&m, "nr_swap_pages"), 255);
}

static void test_swap_shared(void **state)
{
	ok(sys_swapon(m.e, 256));
	map(&m, task, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED);
	poke32(&m, task, A, 77);
	uint64_t child = fork_of(task);
	push_out(task, A);
	push_out(child, A);
	uint64_t entry = entry_of(&m, task, A);
	assert_int_equal(entry_of(&m, child, A), entry);
	drop_cache(entry);
	assert_int_equal(users_of(entry), 2);
	/* fork duplicates the slot's use. */
	uint64_t grandchild = fork_of(child);
	assert_int_equal(users_of(entry), 3);
	/* In for a write, with others at the slot: into the cache, mapped read-only, then copied. */
	assert_int_equal(fault(child, A, ACCESS_WRITE, ""), FAULT_MAJOR);
	assert_false(entry_of(&m, child, A) & X86_RW);
	assert_int_equal(users_of(entry), 3);
	poke32(&m, child, A, 78);
	assert_int_equal(peek32(&m, child, A), 78);
	assert_int_equal(fault(task, A, ACCESS_READ, ""), FAULT_MINOR);
	assert_int_equal(peek32(&m, task, A), 77);
	ok(books_check(m.e, NULL));
	ok(do_exit(m.e, child));
	ok(do_exit(m.e, grandchild));
	/* The cache and the task. */
	assert_int_equal(users_of(entry), 1);
	ok(books_check(m.e, NULL));
}

/* Half of the swap in use: what comes back gives up its slot. */
static void test_swap_full(void **state)
{
	ok(sys_swapon(m.e, 33));
	map(&m, task, A, 200, PROT_READ | PROT_WRITE, MAP_FIXED);
	for (unsigned i = 0; i < 200; i++)
		poke32(&m, task, A + i * PAGE, i);
	unsigned freed, out = 0;
	for (unsigned i = 0; i < 30; i++)
		ok(try_to_free_pages(m.e, 32, &freed));
	assert_int_equal(counter(&m, "nr_swap_pages"), 0);
	for (unsigned i = 0; i < 200 && !out; i++)
		if (entry_of(&m, task, A + i * PAGE) && !pte_present(entry_of(&m, task, A + i * PAGE)))
			out = i;
	uint64_t entry = entry_of(&m, task, A + out * PAGE);
	assert_int_equal(peek32(&m, task, A + out * PAGE), out);
	assert_int_equal(users_of(entry), 0);
	assert_int_equal(READ(&m, page_at(&m, task, A + out * PAGE), page, mapping), 0);
	assert_true(page_is(&m, page_at(&m, task, A + out * PAGE), m.e->bit_dirty));
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(peek32(&m, task, A + i * PAGE), i);
	ok(books_check(m.e, NULL));
}

/* ---- No memory ---- */

static void test_out_of_memory(void **state)
{
	map(&m, task, A, 16384, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_NORESERVE);
	uint64_t addr = A;
	enum fault_result result;
	char why[128];
	do {
		ok(do_page_fault(m.e, task, addr, ACCESS_WRITE, &result, why, sizeof(why)));
		addr += PAGE;
	} while (result == FAULT_MINOR && addr < A + 16384ull * PAGE);
	assert_int_equal(result, FAULT_OOM);
	assert_string_equal(why, "out of memory");
	ok(books_check(m.e, NULL));
	/* Nor is there enough for a child; what was made of it is given back. */
	uint64_t child, tasks, free = nr_free_pages(m.e);
	struct books before, after;
	ok(books_check(m.e, &before));
	struct error *e = do_fork(m.e, task, 0, 0, &child);
	assert_true(e && e->code == ERR_KERNEL && e->addr == ENOMEM);
	error_free(e);
	ok(books_check(m.e, &after));
	tasks = after.tasks;
	assert_int_equal(tasks, before.tasks);
	assert_int_equal(after.mms, before.mms);
	assert_in_range(nr_free_pages(m.e), free - 8, free + 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_anonymous, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stack, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy_on_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_after_fork, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swap_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swap_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
