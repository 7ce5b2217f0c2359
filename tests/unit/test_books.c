/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Can the books fail? One thing at a time is made wrong in a machine whose books balance; each time books_check() must say so.
 */
#include "tests/unit/small_machine.h"

#define A 0x10000000ull

static struct machine m;
static uint64_t task, child, mm, anon, cached, swapped_at;

/* Anonymous pages, shared with a child; a file's pages; some of it in swap; free slabs and quicklists. */
static void set_up(void)
{
	static unsigned char bytes[3 * PAGE];
	uint64_t file, at;
	unsigned freed;
	boot(&m, 16);
	ok(sys_swapon(m.e, 0));
	ok(make_file(m.e, "/file", bytes, sizeof(bytes)));
	task = new_process(&m);
	mm = mm_of(&m, task);
	map(&m, task, A, 64, PROT_READ | PROT_WRITE, MAP_FIXED);
	map(&m, task, A + 100 * PAGE, 4, PROT_READ, MAP_FIXED);
	for (unsigned i = 0; i < 64; i++)
		poke32(&m, task, A + i * PAGE, i);
	for (int i = 0; i < 3; i++)
		ok(try_to_free_pages(m.e, 32, &freed));
	ok(filp_open(m.e, "/file", true, &file));
	ok(do_mmap_pgoff(m.e, mm, file, A + (1 << 22), 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0, &at));
	ok(fput(m.e, file));
	peek32(&m, task, at);
	cached = page_at(&m, task, at);
	poke32(&m, task, A, 1);
	ok(do_fork(m.e, task, 0, 0, &child));
	uint64_t gone = new_process(&m);
	map(&m, gone, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED);
	poke32(&m, gone, A, 1);
	ok(do_exit(m.e, gone));
	anon = page_at(&m, task, A);
	for (unsigned i = 63; i; i--)
		if (entry_of(&m, task, A + i * PAGE) && !(entry_of(&m, task, A + i * PAGE) & 1))
			swapped_at = A + i * PAGE;
	assert_int_not_equal(swapped_at, 0);
	ok(books_check(m.e, NULL));
}

static uint64_t word_at(uint64_t addr)
{
	uint64_t v;
	ok(kernel_read_uint(m.k, addr, 4, &v));
	return v;
}

static void put(uint64_t addr, uint64_t value)
{
	assert_int_not_equal(word_at(addr), (uint32_t)value);
	ok(kernel_write_uint(m.k, addr, 4, (uint32_t)value));
}

static uint64_t member(uint64_t object, enum member_id id)
{
	return object + m.k->members[id].offset;
}
#define AT(object, structure, name) member((object), M_##structure##_##name)

static void add(uint64_t addr, int delta)
{
	put(addr, word_at(addr) + (uint64_t)(int64_t)delta);
}

static void flip(uint64_t addr, unsigned bit)
{
	put(addr, word_at(addr) ^ 1ull << bit);
}

/* What was done must be found, and be said in words that have `says` in them; then it is undone. */
static void found(const char *what, const char *says)
{
	struct error *e = books_check(m.e, NULL);
	if (!e)
		fail_msg("the books do not find: %s", what);
	if (e->code != ERR_BAD_OBJECT && e->code != ERR_BAD_LIST)
		fail_msg("%s: %s", what, e->message);
	if (!strstr(e->message, says))
		fail_msg("%s: found as: %s", what, e->message);
	error_free(e);
	ok(vmcore_undo(m.vc));
	ok(books_check(m.e, NULL));
}

#define WRONG_IF(what, says, ...)            \
	do {                                 \
		ok(vmcore_mark(m.vc, NULL)); \
		__VA_ARGS__;                 \
		found(what, says);           \
	} while (0)

static uint64_t entry_addr(uint64_t of, uint64_t addr)
{
	struct object o;
	ok(object_open_writable(m.k, mm_of(&m, of), S_mm_struct, &o));
	uint64_t at = pte_offset(m.e, &o, addr);
	assert_int_not_equal(at, 0);
	return kernel_ptov(m.k, at);
}

static uint64_t symbol(const char *name)
{
	uint64_t at = symbol_addr(m.k, name);
	if (!at)
		fail_msg("no symbol %s", name);
	return at;
}

/* The zone that most memory is free in, as the machine has only that of 16 MB: DMA. */
static uint64_t zone(void)
{
	return symbol("contig_page_data") + OFFSET(m.k, pglist_data, node_zones);
}

static void test_free_memory(void **state)
{
	uint64_t area = zone() + OFFSET(m.k, zone, free_area), list = area + OFFSET(m.k, free_area, free_list);
	WRONG_IF("free_pages", "counts", add(AT(zone(), zone, free_pages), 1));
	WRONG_IF("a bit of the bitmap", "bitmap", flip(word_at(AT(area, free_area, map)), 7));
	unsigned order = 0;
	for (; word_at(list) == list; order++)
		list += SIZE_OF(m.k, free_area);
	uint64_t page = word_at(list) - OFFSET(m.k, page, buddy_list);
	WRONG_IF("a free page with a count", "a page in use", put(AT(page, page, refcount), 1));
	WRONG_IF("a free page on an LRU list", "is free, with count", flip(AT(page, page, flags), (unsigned)m.e->bit_lru));
	WRONG_IF("a free page with a mapping", "is free, with count", put(AT(page, page, mapping), mm));
	WRONG_IF("a lost block", "", {
		put(list, word_at(word_at(list)));
		put(word_at(list) + 4, list);
		add(AT(zone(), zone, free_pages), -(1 << order));
		flip(word_at(AT(area, free_area, map) + order * SIZE_OF(m.k, free_area)), 0);
	});
}

static void test_references(void **state)
{
	WRONG_IF("count of a user's page", "references found", add(AT(anon, page, refcount), 1));
	WRONG_IF("count of a file's page", "references found", add(AT(cached, page, refcount), -1));
	WRONG_IF("count of a page table", "references found",
		 add(AT(engine_phys_page(m.e, READ(&m, mm, mm_struct, pgd) - m.k->page_offset), page, refcount), 1));
	WRONG_IF("count of a task", "references found", add(AT(engine_phys_page(m.e, child - m.k->page_offset), page, refcount), 1));
	WRONG_IF("an entry dropped", "rss", put(entry_addr(task, A), 0));
	WRONG_IF("rss", "rss", add(AT(mm, mm_struct, rss), 1));
	WRONG_IF("a swap entry dropped", "swap slot", put(entry_addr(task, swapped_at), 0));
	WRONG_IF("a swap entry beyond the area", "no swap slot", put(entry_addr(task, swapped_at), 0x7fff00));
	WRONG_IF("an entry outside every area", "no area", put(entry_addr(task, A + 80 * PAGE), 0x104025));
	WRONG_IF("a page table that two have", "used twice", {
		uint64_t pgd = READ(&m, mm, mm_struct, pgd), other = READ(&m, mm_of(&m, child), mm_struct, pgd);
		put(pgd + (A >> 22) * 4, word_at(other + (A >> 22) * 4));
	});
	WRONG_IF("the kernel's part of a directory", "differs from the kernel's", flip(READ(&m, mm, mm_struct, pgd) + 0xc00, 5));
	WRONG_IF("a slab's frame mapped", "", put(entry_addr(task, A + 1 * PAGE), ((mm - m.k->page_offset) & ~0xfffull) | 0x67));
}

static void test_areas(void **state)
{
	uint64_t vma = READ(&m, mm, mm_struct, mmap), next = READ(&m, vma, vm_area_struct, vm_next);
	uint64_t node = AT(vma, vm_area_struct, vm_rb), of_file = READ(&m, next, vm_area_struct, vm_next);
	WRONG_IF("map_count", "map_count", add(AT(mm, mm_struct, map_count), 1));
	WRONG_IF("total_vm", "total_vm", add(AT(mm, mm_struct, total_vm), 1));
	WRONG_IF("locked_vm", "locked_vm", add(AT(mm, mm_struct, locked_vm), 1));
	WRONG_IF("an area that overlaps", "out of order", put(AT(vma, vm_area_struct, vm_end), A + 101 * PAGE));
	WRONG_IF("an area of another mm", "another mm", put(AT(vma, vm_area_struct, vm_mm), mm_of(&m, child)));
	WRONG_IF("mmap_cache", "mmap_cache", put(AT(mm, mm_struct, mmap_cache), READ(&m, mm_of(&m, child), mm_struct, mmap)));
	WRONG_IF("a parent in the tree", "parent", put(AT(node, rb_node, rb_parent), node));
	WRONG_IF("colours in the tree", "", flip(AT(node, rb_node, rb_color), 0));
	WRONG_IF("the list without an area", "", put(AT(vma, vm_area_struct, vm_next), of_file));
	WRONG_IF("the list of a file's areas", "on no list", put(AT(of_file, vm_area_struct, vm_pprev_share), 0));
	WRONG_IF("an area that nobody has", "in use", {
		uint64_t lost;
		ok(kmem_cache_alloc(m.e, m.e->vm_area_cachep, GFP24_KERNEL, &lost));
	});
	WRONG_IF("an mm that nobody has", "in use", {
		uint64_t lost;
		ok(kmem_cache_alloc(m.e, m.e->mm_cachep, GFP24_KERNEL, &lost));
	});
}

static void test_tasks(void **state)
{
	WRONG_IF("mm_users", "users", add(AT(mm, mm_struct, mm_users), 1));
	WRONG_IF("a task without its mm", "users", put(AT(child, task_struct, mm), 0));
	WRONG_IF("mmlist_nr", "mmlist_nr", add(symbol("mmlist_nr"), 1));
	WRONG_IF("pgtable_cache_size", "pgtable_cache_size", add(m.e->pgtable_cache_size, 1));
	WRONG_IF("a quicklist cut off", "pgtable_cache_size", put(m.e->pte_quicklist, 0));
}

static void test_swap(void **state)
{
	uint64_t map = READ(&m, symbol("swap_info"), swap_info_struct, swap_map), slot = entry_of(&m, task, swapped_at) >> 8;
	WRONG_IF("a slot's users", "swap slot", add(map + slot * 2, 1));
	WRONG_IF("nr_swap_pages", "nr_swap_pages", add(symbol("nr_swap_pages"), -1));
}

static void test_lru(void **state)
{
	WRONG_IF("nr_active_pages", "nr_active_pages", add(symbol("nr_active_pages"), 1));
	WRONG_IF("nr_inactive_pages", "nr_inactive_pages", add(symbol("nr_inactive_pages"), 1));
	WRONG_IF("PG_active", "list, with flags", flip(AT(anon, page, flags), (unsigned)m.e->bit_active));
	WRONG_IF("PG_lru", "list, with flags", flip(AT(anon, page, flags), (unsigned)m.e->bit_lru));
	WRONG_IF("off its list", "", {
		uint64_t next = word_at(AT(anon, page, lru)), prev = word_at(AT(anon, page, lru) + 4);
		put(prev, next);
		put(next + 4, prev);
		add(symbol(page_is(&m, anon, m.e->bit_active) ? "nr_active_pages" : "nr_inactive_pages"), -1);
	});
}

static void test_page_cache(void **state)
{
	uint64_t mapping = READ(&m, cached, page, mapping);
	WRONG_IF("page_cache_size", "page_cache_size", add(symbol("page_cache_size"), 1));
	WRONG_IF("nrpages", "nrpages", add(AT(mapping, address_space, nrpages), 1));
	WRONG_IF("a page's index", "", add(AT(cached, page, index), 1));
	WRONG_IF("a page's mapping", "", put(AT(cached, page, mapping), symbol("swapper_space")));
	WRONG_IF("pprev_hash", "pprev_hash", add(AT(cached, page, pprev_hash), 4));
	WRONG_IF("a chain cut off", "", put(READ(&m, cached, page, pprev_hash), 0));
}

static void test_slabs(void **state)
{
	uint64_t frame = engine_phys_page(m.e, (mm & ~0xfffull) - m.k->page_offset), list = AT(frame, page, buddy_list), slab = word_at(list + 4);
	WRONG_IF("inuse", "slab", add(AT(slab, slab_s, inuse), 1));
	WRONG_IF("the chain of free objects", "slab", put(AT(slab, slab_s, free), 0xffffffff));
	WRONG_IF("the frame's cache", "says cache", put(list, m.e->vm_area_cachep));
	WRONG_IF("the frame's slab", "says cache", put(list + 4, slab + 32));
	WRONG_IF("PG_slab", "(slab): flags", flip(AT(frame, page, flags), (unsigned)m.e->bit_slab));
	WRONG_IF("the list that the slab is on", "on list", {
		uint64_t at = AT(slab, slab_s, list), next = word_at(at), prev = word_at(at + 4), head = AT(m.e->mm_cachep, kmem_cache, slabs_full);
		put(prev, next);
		put(next + 4, prev);
		ok(kernel_write_uint(m.k, at, 4, head));
		ok(kernel_write_uint(m.k, at + 4, 4, head));
		ok(kernel_write_uint(m.k, head, 4, at));
		ok(kernel_write_uint(m.k, head + 4, 4, at));
	});
}

static int group_setup(void **state)
{
	set_up();
	return 0;
}

static int group_teardown(void **state)
{
	shut_down(&m);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_memory), cmocka_unit_test(test_references), cmocka_unit_test(test_areas),
		cmocka_unit_test(test_tasks),	    cmocka_unit_test(test_swap),       cmocka_unit_test(test_lru),
		cmocka_unit_test(test_page_cache),  cmocka_unit_test(test_slabs),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
