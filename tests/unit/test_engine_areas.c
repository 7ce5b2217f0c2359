/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Areas as 2.4's mm/mmap.c and mm/mprotect.c make, merge, split and remove them.
 */
#include "tests/unit/small_machine.h"

#include <errno.h>
#include <stdio.h>

#include "mm/engine/mmap_edit.h"

#define A 0x10000000ull

static struct machine m;
static uint64_t task, mm;

static int setup(void **state)
{
	boot(&m, 32);
	task = new_process(&m);
	mm = mm_of(&m, task);
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

/* The areas as text, counted in pages from A: "0-4rw 4-6r"; the books say that list, tree and counters agree. */
static const char *areas(void)
{
	static char text[512];
	size_t len = 0;
	struct object v;
	ok(books_check(m.e, NULL));
	text[0] = 0;
	for (uint64_t at = READ(&m, mm, mm_struct, mmap); at; at = GET(m.k, &v, vm_area_struct, vm_next)) {
		ok(object_open(m.k, at, S_vm_area_struct, &v));
		uint64_t flags = GET(m.k, &v, vm_area_struct, vm_flags);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d-%d%s%s%s", len ? " " : "",
					(int)((int64_t)(GET(m.k, &v, vm_area_struct, vm_start) - A) / (int)PAGE),
					(int)((int64_t)(GET(m.k, &v, vm_area_struct, vm_end) - A) / (int)PAGE), flags & VM_READ ? "r" : "",
					flags & VM_WRITE ? "w" : "", flags & VM_EXEC ? "x" : "");
	}
	return text;
}

static void rw(int first, int end)
{
	map(&m, task, A + (uint64_t)first * PAGE, (uint64_t)(end - first), PROT_READ | PROT_WRITE, MAP_FIXED);
}

static void unmap(int first, int end)
{
	ok(do_munmap(m.e, mm, A + (uint64_t)first * PAGE, (uint64_t)(end - first) * PAGE));
}

static void protect(int first, int end, unsigned prot)
{
	ok(sys_mprotect(m.e, mm, A + (uint64_t)first * PAGE, (uint64_t)(end - first) * PAGE, prot));
}

static void test_merging(void **state)
{
	rw(0, 4);
	rw(8, 12);
	assert_string_equal(areas(), "0-4rw 8-12rw");
	rw(4, 5);
	assert_string_equal(areas(), "0-5rw 8-12rw");
	rw(7, 8);
	assert_string_equal(areas(), "0-5rw 7-12rw");
	rw(5, 7);
	assert_string_equal(areas(), "0-12rw");
	assert_int_equal(READ(&m, mm, mm_struct, total_vm), 12);
	/* Other flags do not merge. */
	map(&m, task, A + 12 * PAGE, 2, PROT_READ, MAP_FIXED);
	assert_string_equal(areas(), "0-12rw 12-14r");
	/* A fixed mapping takes the place of what was there. */
	map(&m, task, A + 2 * PAGE, 3, PROT_READ, MAP_FIXED);
	assert_string_equal(areas(), "0-2rw 2-5r 5-12rw 12-14r");
	rw(2, 5);
	assert_string_equal(areas(), "0-12rw 12-14r");
}

static void test_unmapping(void **state)
{
	rw(0, 12);
	unmap(4, 6);
	assert_string_equal(areas(), "0-4rw 6-12rw");
	unmap(0, 1);
	unmap(11, 12);
	assert_string_equal(areas(), "1-4rw 6-11rw");
	unmap(3, 7);
	assert_string_equal(areas(), "1-3rw 7-11rw");
	unmap(20, 30);
	assert_string_equal(areas(), "1-3rw 7-11rw");
	unmap(0, 30);
	assert_string_equal(areas(), "");
	assert_int_equal(READ(&m, mm, mm_struct, mm_rb), 0);
	refused(do_munmap(m.e, mm, A + 1, PAGE), EINVAL);
	refused(do_munmap(m.e, mm, A, 0), EINVAL);
	refused(do_munmap(m.e, mm, 0xc0000000, PAGE), EINVAL);
	refused(do_munmap(m.e, mm, 0xbffff000, 2 * PAGE), EINVAL);
}

/* Page tables go with the last area of their four megabytes. */
static void test_tables(void **state)
{
	rw(0, 1024);
	map(&m, task, A + (2ull << 22), 4, PROT_READ | PROT_WRITE, MAP_FIXED);
	poke32(&m, task, A, 1);
	poke32(&m, task, A + (2ull << 22), 1);
	unmap(0, 4);
	poke32(&m, task, A + 8 * PAGE, 1);
	struct books before, after;
	ok(check_pgt_cache(m.e, 0, 0));
	ok(books_check(m.e, &before));
	unmap(0, 1024);
	ok(check_pgt_cache(m.e, 0, 0));
	ok(books_check(m.e, &after));
	assert_int_equal(after.tables, before.tables - 1);
}

static void test_protection(void **state)
{
	rw(0, 12);
	poke32(&m, task, A + 4 * PAGE, 0x1234);
	assert_int_equal(entry_of(&m, task, A + 4 * PAGE) & 0xfff, 0x67);
	protect(4, 8, PROT_READ);
	assert_string_equal(areas(), "0-4rw 4-8r 8-12rw");
	assert_int_equal(entry_of(&m, task, A + 4 * PAGE) & 0xfff, 0x65);
	protect(4, 8, PROT_READ | PROT_WRITE);
	assert_string_equal(areas(), "0-12rw");
	/* Private and writable again, but the entry only after a fault. */
	assert_int_equal(entry_of(&m, task, A + 4 * PAGE) & 0xfff, 0x65);
	protect(4, 5, PROT_NONE);
	assert_string_equal(areas(), "0-4rw 4-5 5-12rw");
	assert_int_equal(entry_of(&m, task, A + 4 * PAGE) & 0xfff, 0xe0);
	protect(2, 9, PROT_READ);
	assert_string_equal(areas(), "0-2rw 2-9r 9-12rw");
	assert_int_equal(peek32(&m, task, A + 4 * PAGE), 0x1234);
	/* 2.4 joins what it changes with the area before, but not an area that is as asked for already. */
	protect(0, 12, PROT_READ);
	assert_string_equal(areas(), "0-2r 2-12r");
	refused(sys_mprotect(m.e, mm, A + 1, PAGE, PROT_READ), EINVAL);
	refused(sys_mprotect(m.e, mm, A, 13 * PAGE, PROT_READ), ENOMEM);
	refused(sys_mprotect(m.e, mm, A, PAGE, 0x100), EINVAL);
	ok(sys_mprotect(m.e, mm, A + 4 * PAGE, 0, PROT_NONE));
	assert_string_equal(areas(), "0-2r 2-12r");
}

static uint64_t area_of(unsigned page)
{
	struct object o;
	uint64_t vma;
	ok(object_open_writable(m.k, mm, S_mm_struct, &o));
	ok(find_vma(m.e, &o, A + page * PAGE, &vma));
	return vma;
}

/* Which part keeps the vm_area_struct: unmap_fixup() and mprotect_fixup_…() of 2.4. */
static void test_same_object(void **state)
{
	rw(0, 12);
	uint64_t first = area_of(0);
	unmap(0, 2);
	assert_int_equal(area_of(2), first);
	unmap(10, 12);
	assert_int_equal(area_of(2), first);
	unmap(5, 6);
	assert_int_equal(area_of(2), first);
	assert_int_not_equal(area_of(6), first);
	uint64_t second = area_of(6);
	protect(7, 8, PROT_READ); /* the middle keeps it */
	assert_int_equal(area_of(7), second);
	assert_string_equal(areas(), "2-5rw 6-7rw 7-8r 8-10rw");
	protect(2, 3, PROT_READ); /* a new one for what changes at an end */
	assert_int_equal(area_of(3), first);
	protect(4, 5, PROT_READ);
	assert_int_equal(area_of(3), first);
	assert_string_equal(areas(), "2-3r 3-4rw 4-5r 6-7rw 7-8r 8-10rw");
	/* A start of nothing new goes to the area before. */
	uint64_t read_only = area_of(2);
	protect(3, 4, PROT_READ);
	assert_int_equal(area_of(3), read_only);
	assert_string_equal(areas(), "2-5r 6-7rw 7-8r 8-10rw");
}

/* mprotect to what a part of a file's area is already: it is not split. */
static void test_nothing_changes(void **state)
{
	static const unsigned char bytes[4 * PAGE];
	uint64_t file, at;
	ok(make_file(m.e, "/nothing", bytes, sizeof(bytes)));
	ok(filp_open(m.e, "/nothing", true, &file));
	ok(do_mmap_pgoff(m.e, mm, file, A, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0, &at));
	ok(fput(m.e, file));
	protect(1, 2, PROT_READ);
	assert_string_equal(areas(), "0-4r");
	protect(1, 2, PROT_READ | PROT_WRITE);
	assert_string_equal(areas(), "0-1r 1-2rw 2-4r");
	assert_int_equal(READ(&m, area_of(2), vm_area_struct, vm_pgoff), 2);
	ok(books_check(m.e, NULL));
}

static void test_where(void **state)
{
	/* From a third of the user's part on, the first hole that is large enough. */
	uint64_t a = map(&m, task, 0, 4, PROT_READ, 0), b = map(&m, task, 0, 2, PROT_READ | PROT_WRITE, 0);
	assert_int_equal(a, 0x40000000);
	assert_int_equal(b, 0x40004000);
	ok(do_munmap(m.e, mm, a + PAGE, 2 * PAGE));
	assert_int_equal(map(&m, task, 0, 3, PROT_EXEC, 0), 0x40006000);
	assert_int_equal(map(&m, task, 0, 2, PROT_EXEC, 0), 0x40001000);
	/* A hint is taken when there is room, rounded up. */
	assert_int_equal(map(&m, task, A + 5, 1, PROT_EXEC, 0), A + PAGE);
	assert_int_equal(map(&m, task, 0x40000000, 1, PROT_EXEC, 0), 0x40009000);
	uint64_t at;
	refused(do_mmap_pgoff(m.e, mm, 0, 0, 0, PROT_READ, MAP_PRIVATE, 0, &at), EINVAL);
	refused(do_mmap_pgoff(m.e, mm, 0, A, PAGE, PROT_READ, 0, 0, &at), EINVAL);
	refused(do_mmap_pgoff(m.e, mm, 0, A + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0, &at), EINVAL);
	refused(do_mmap_pgoff(m.e, mm, 0, 0xbffff000, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0, &at), ENOMEM);
	refused(do_mmap_pgoff(m.e, mm, 0, 0, 0xc0001000, PROT_READ, MAP_PRIVATE, 0, &at), EINVAL);
	/* More than memory and swap: not privately for writing. */
	refused(do_mmap_pgoff(m.e, mm, 0, 0, 64ull << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, &at), ENOMEM);
	ok(do_mmap_pgoff(m.e, mm, 0, 0, 64ull << 20, PROT_READ, MAP_PRIVATE, 0, &at));
}

static void test_brk(void **state)
{
	uint64_t end, start = A + 100 * PAGE;
	ok(kernel_write_uint(m.k, mm + OFFSET(m.k, mm_struct, brk), 4, start + 10));
	ok(sys_brk(m.e, mm, 0, &end));
	assert_int_equal(end, start + 10);
	/* To the page's end nothing is mapped anew. */
	ok(sys_brk(m.e, mm, start + PAGE, &end));
	assert_string_equal(areas(), "");
	ok(sys_brk(m.e, mm, start + 3 * PAGE + 1, &end));
	assert_string_equal(areas(), "101-104rwx");
	ok(sys_brk(m.e, mm, start + 6 * PAGE, &end));
	assert_string_equal(areas(), "101-106rwx");
	ok(sys_brk(m.e, mm, start + 2 * PAGE, &end));
	assert_string_equal(areas(), "101-102rwx");
	rw(110, 111);
	refused(sys_brk(m.e, mm, start + 10 * PAGE, &end), ENOMEM);
	assert_int_equal(end, start + 2 * PAGE);
	/* A page's distance to the next area is kept. */
	refused(sys_brk(m.e, mm, start + 10 * PAGE - 1, &end), ENOMEM);
	ok(sys_brk(m.e, mm, start + 9 * PAGE, &end));
	assert_string_equal(areas(), "101-109rwx 110-111rw");
}

static void test_find(void **state)
{
	struct object o;
	uint64_t vma;
	rw(0, 2);
	rw(4, 6);
	ok(object_open_writable(m.k, mm, S_mm_struct, &o));
	ok(find_vma(m.e, &o, A - 1, &vma));
	assert_int_equal(READ(&m, vma, vm_area_struct, vm_start), A);
	ok(find_vma(m.e, &o, A + 2 * PAGE - 1, &vma));
	assert_int_equal(READ(&m, vma, vm_area_struct, vm_start), A);
	ok(find_vma(m.e, &o, A + 2 * PAGE, &vma));
	assert_int_equal(READ(&m, vma, vm_area_struct, vm_start), A + 4 * PAGE);
	assert_int_equal(READ(&m, mm, mm_struct, mmap_cache), vma);
	ok(find_vma(m.e, &o, A + 6 * PAGE, &vma));
	assert_int_equal(vma, 0);
}

/* Many areas in a scattered order: the tree stays a red-black tree with every one of them. */
static void test_many(void **state)
{
	for (unsigned i = 0; i < 500; i++) {
		unsigned place = i * 211 % 500;
		map(&m, task, A + place * 2ull * PAGE, 1, place % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_FIXED);
		if (i % 50 == 0)
			ok(books_check(m.e, NULL));
	}
	assert_int_equal(READ(&m, mm, mm_struct, map_count), 500);
	for (unsigned i = 0; i < 499; i++) {
		unsigned place = i * 307 % 500;
		ok(do_munmap(m.e, mm, A + place * 2ull * PAGE, PAGE));
		if (i % 50 == 0)
			ok(books_check(m.e, NULL));
	}
	assert_int_equal(READ(&m, mm, mm_struct, map_count), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_merging, setup, teardown), cmocka_unit_test_setup_teardown(test_unmapping, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tables, setup, teardown),	cmocka_unit_test_setup_teardown(test_protection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_object, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_where, setup, teardown),	cmocka_unit_test_setup_teardown(test_brk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),	cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
