/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The buddy allocator and the slabs of 2.4, act by act.
 */
#include "tests/unit/small_machine.h"

#include <errno.h>

#include "mm/zone.h"

static struct machine m;

static int setup(void **state)
{
	boot(&m, 32);
	return 0;
}

static int teardown(void **state)
{
	struct books b;
	ok(books_check(m.e, &b));
	shut_down(&m);
	return 0;
}

/* ---- Buddies ---- */

struct blocks {
	uint64_t pfn[4096];
	unsigned count;
};

static bool see(void *context, uint64_t page, uint64_t pfn)
{
	struct blocks *b = context;
	b->pfn[b->count++] = pfn;
	return b->count < 4096;
}

static const struct zone *normal(void)
{
	ok(nodes_open(m.k));
	return zones_get(m.k, 1);
}

static struct blocks blocks_of(unsigned order)
{
	struct blocks b = { .count = 0 };
	ok(free_list_walk(m.k, normal(), order, 0, see, &b));
	return b;
}

static uint64_t pfn_of(uint64_t page)
{
	return (page - m.e->mem_map) / m.e->page_size;
}

static bool pair_bit(unsigned order, uint64_t pfn)
{
	const struct zone *z = normal();
	uint64_t map, word, bit = (pfn - z->start_pfn) >> (order + 1);
	ok(kernel_get(m.k, z->addr + OFFSET(m.k, zone, free_area) + order * SIZE_OF(m.k, free_area), M_free_area_map, &map));
	ok(kernel_read_uint(m.k, map + bit / 32 * 4, 4, &word));
	return word >> bit % 32 & 1;
}

/* A block is split from its upper half: expand() puts the lower halves on their lists. */
static void test_split(void **state)
{
	uint64_t page, spare[64];
	unsigned n = 0;
	/* Single frames and pairs are used up first, so that a block of four must be split. */
	while (blocks_of(0).count || blocks_of(1).count) {
		ok(alloc_pages(m.e, GFP24_KERNEL, 0, &spare[n++]));
		assert_true(n < 64);
	}
	unsigned high = 2;
	while (!blocks_of(high).count)
		high++;
	uint64_t head = blocks_of(high).pfn[0], free = nr_free_pages(m.e);
	ok(alloc_pages(m.e, GFP24_KERNEL, 0, &page));
	assert_int_equal(pfn_of(page), head + (1u << high) - 1);
	assert_int_equal(count_of(&m, page), 1);
	assert_int_equal(nr_free_pages(m.e), free - 1);
	for (unsigned order = 0, at = (1u << high) - 2; order < high; order++, at -= 1u << order) {
		struct blocks b = blocks_of(order);
		assert_int_equal(b.count, 1);
		assert_int_equal(b.pfn[0], head + at);
		assert_true(pair_bit(order, head + at));
	}
	/* Given back it merges with all of them. */
	ok(put_page(m.e, page));
	assert_int_equal(blocks_of(high).pfn[0], head);
	for (unsigned order = 0; order < high; order++) {
		assert_int_equal(blocks_of(order).count, 0);
		assert_false(pair_bit(order, head));
	}
	assert_int_equal(nr_free_pages(m.e), free);
	while (n)
		ok(put_page(m.e, spare[--n]));
}

static void test_orders(void **state)
{
	uint64_t page, free = nr_free_pages(m.e);
	for (unsigned order = 0; order < 10; order++) {
		ok(alloc_pages(m.e, GFP24_KERNEL, order, &page));
		assert_int_equal(pfn_of(page) & ((1u << order) - 1), 0);
		assert_int_equal(nr_free_pages(m.e), free - (1u << order));
		if (order)
			assert_int_equal(count_of(&m, page + m.e->page_size), 0);
		ok(free_pages_addr(m.e, kernel_ptov(m.k, engine_page_phys(m.e, page)), order));
		assert_int_equal(nr_free_pages(m.e), free);
	}
	refused(alloc_pages(m.e, GFP24_KERNEL, 10, &page), ENOMEM);
}

static void test_references(void **state)
{
	uint64_t page, free = nr_free_pages(m.e);
	ok(alloc_pages(m.e, GFP24_KERNEL, 0, &page));
	get_page(m.e, page);
	assert_int_equal(count_of(&m, page), 2);
	ok(put_page(m.e, page));
	assert_int_equal(nr_free_pages(m.e), free - 1);
	ok(put_page(m.e, page));
	assert_int_equal(nr_free_pages(m.e), free);
	/* Nobody can give it back twice. */
	struct error *e = put_page(m.e, page);
	assert_non_null(e);
	assert_int_equal(e->code, ERR_BAD_OBJECT);
	error_free(e);
}

/* The zonelists: GFP_DMA takes from the first 16 MB only; others from there when their own zone is down to its mark. */
static void test_zones(void **state)
{
	uint64_t page, normal_free = 0, low = normal()->low;
	ok(alloc_pages(m.e, GFP24_KERNEL | GFP24_DMA, 0, &page));
	assert_true(pfn_of(page) < 4096);
	ok(put_page(m.e, page));
	uint64_t *taken = calloc(8192, sizeof(*taken));
	unsigned n = 0;
	for (;; n++) {
		ok(alloc_pages(m.e, GFP24_KERNEL, 0, &taken[n]));
		if (pfn_of(taken[n]) < 4096)
			break;
		ok(kernel_get(m.k, normal()->addr, M_zone_free_pages, &normal_free));
	}
	/* min is 1 + pages_low, and a zone must have more than that. */
	assert_int_equal(normal_free, low + 1);
	for (; n + 1; n--)
		ok(put_page(m.e, taken[n]));
	free(taken);
}

/* Down to pages_min, then, as nothing can be reclaimed, no more; who cannot wait gets as far as a quarter of it. */
static void test_exhaustion(void **state)
{
	uint64_t *taken = calloc(8192, sizeof(*taken)), page;
	uint64_t before = nr_free_pages(m.e), dma_min = zones_get(m.k, 0)->min;
	unsigned n = 0;
	struct error *e;
	while (!(e = alloc_pages(m.e, GFP24_KERNEL, 0, &taken[n])))
		n++;
	assert_int_equal(e->code, ERR_KERNEL);
	error_free(e);
	/* In the DMA zone the marks of both zones add up. */
	uint64_t dma_free, marks = 1 + normal()->min + dma_min;
	ok(kernel_get(m.k, zones_get(m.k, 0)->addr, M_zone_free_pages, &dma_free));
	assert_int_equal(dma_free, marks);
	ok(alloc_pages(m.e, GFP24_ATOMIC, 0, &page));
	ok(put_page(m.e, page));
	while (n)
		ok(put_page(m.e, taken[--n]));
	assert_int_equal(nr_free_pages(m.e), before);
	struct books b;
	ok(books_check(m.e, &b));
	assert_int_equal(b.free, m.booted.free);
	free(taken);
}

/* ---- Slabs ---- */

static void test_small_slab(void **state)
{
	uint64_t cache = 0, objects[512], first;
	ok(kmem_cache_create(m.e, "small", 100, 0, 0x2000, &cache));
	/* 100 bytes on cache lines of 32: 128; 30 of them and their numbers (4 bytes each, after a slab_s of 24) fill a page. */
	assert_int_equal(READ(&m, cache, kmem_cache, size), 128);
	unsigned num = (unsigned)READ(&m, cache, kmem_cache, num), slab_s = SIZE_OF(m.k, slab_s);
	unsigned header = (slab_s + num * 4 + 31) & ~31u;
	assert_true(num * 128 + header <= PAGE && (num + 1) * 128 + ((slab_s + (num + 1) * 4 + 31) & ~31u) > PAGE);
	assert_int_equal(READ(&m, cache, kmem_cache, colour), (PAGE - num * 128 - header) / 32);
	assert_int_equal(READ(&m, cache, kmem_cache, gfporder), 0);
	uint64_t free = nr_free_pages(m.e);
	ok(kmem_cache_alloc(m.e, cache, GFP24_KERNEL, &first));
	assert_int_equal(nr_free_pages(m.e), free - 1);
	assert_int_equal(first & (PAGE - 1), header);
	/* The others follow in order, then a new slab. */
	for (unsigned i = 1; i < num; i++) {
		ok(kmem_cache_alloc(m.e, cache, GFP24_KERNEL, &objects[i]));
		assert_int_equal(objects[i], first + i * 128);
	}
	assert_int_equal(nr_free_pages(m.e), free - 1);
	ok(kmem_cache_alloc(m.e, cache, GFP24_KERNEL, &objects[num]));
	assert_int_equal(nr_free_pages(m.e), free - 2);
	if (READ(&m, cache, kmem_cache, colour))
		assert_int_equal(objects[num] & (PAGE - 1), header + 32);
	/* The object freed last is the first given out. */
	ok(kmem_cache_free(m.e, cache, objects[5]));
	ok(kmem_cache_free(m.e, cache, objects[7]));
	uint64_t again;
	ok(kmem_cache_alloc(m.e, cache, GFP24_KERNEL, &again));
	assert_int_equal(again, objects[7]);
	ok(kmem_cache_free(m.e, cache, again));
	ok(books_check(m.e, NULL));
	/* Twice is once too often, and a wrong address is none. */
	struct error *e = kmem_cache_free(m.e, cache, first + 4);
	assert_non_null(e);
	error_free(e);
	ok(kmem_cache_free(m.e, cache, first));
	for (unsigned i = 1; i <= num; i++)
		if (i != 5 && i != 7)
			ok(kmem_cache_free(m.e, cache, objects[i]));
	/* Free slabs stay with their cache until memory is short. */
	assert_int_equal(nr_free_pages(m.e), free - 2);
	unsigned frames, reaped = 0;
	for (unsigned i = 0; i < 100; i++) {
		ok(kmem_cache_reap(m.e, &frames));
		reaped += frames;
	}
	assert_true(reaped >= 2);
	ok(books_check(m.e, NULL));
}

/* From an eighth of a page on, slab_s and numbers have an object of a general cache to themselves, unless what is left over has room for them. */
static void test_large_slab(void **state)
{
	uint64_t cache = 0, a, b;
	ok(kmem_cache_create(m.e, "large", 2048, 0, 0x2000, &cache));
	assert_true(READ(&m, cache, kmem_cache, flags) & 0x10000);
	uint64_t general = READ(&m, cache, kmem_cache, slabp_cache);
	assert_true(READ(&m, general, kmem_cache, size) >= SIZE_OF(m.k, slab_s) + 4 * READ(&m, cache, kmem_cache, num));
	ok(kmem_cache_alloc(m.e, cache, GFP24_KERNEL, &a));
	ok(kmem_cache_alloc(m.e, cache, GFP24_KERNEL, &b));
	assert_int_equal(a & (PAGE - 1), 0);
	assert_int_equal(b, a + 2048);
	ok(books_check(m.e, NULL));
	ok(kfree(m.e, a));
	ok(kfree(m.e, b));
	/* 1500 bytes: five in two pages leave 692, enough for the slab_s. */
	cache = 0;
	ok(kmem_cache_create(m.e, "roomy", 1500, 0, 0, &cache));
	assert_false(READ(&m, cache, kmem_cache, flags) & 0x10000);
	assert_int_equal(READ(&m, cache, kmem_cache, num), 5);
	assert_int_equal(READ(&m, cache, kmem_cache, gfporder), 1);
}

static void test_kmalloc(void **state)
{
	static const unsigned sizes[] = { 1, 32, 33, 100, 128, 129, 4000, 4096, 4097, 131072 };
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t object;
		ok(kmalloc(m.e, sizes[i], GFP24_KERNEL, &object));
		uint64_t page = engine_phys_page(m.e, object - m.k->page_offset), cache;
		ok(kernel_read_pointer(m.k, page + OFFSET(m.k, page, buddy_list), &cache));
		uint64_t size = READ(&m, cache, kmem_cache, size), fits = 32;
		while (fits < sizes[i])
			fits *= 2;
		assert_int_equal(size, fits);
		ok(kfree(m.e, object));
	}
	uint64_t object;
	refused(kmalloc(m.e, 131073, GFP24_KERNEL, &object), ENOMEM);
}

#define CHILDREN 200
#define MOST_HELD 4096

/* Forks while memory is all but full, a frame more after each that fails: it fails at every step some time, and leaves nothing behind. */
static void test_failed_forks(void **state)
{
	static uint64_t held[MOST_HELD], children[CHILDREN];
	struct machine m;
	unsigned n = 0, forks = 0, failed = 0;
	boot(&m, 16);
	uint64_t task = new_process(&m);
	while (n < MOST_HELD && !error_drop(alloc_pages(m.e, GFP24_ATOMIC, 0, &held[n])))
		n++;
	while (forks < CHILDREN) {
		struct error *failure = do_fork(m.e, task, 0, 0, &children[forks]);
		if (!failure) {
			forks++;
			continue;
		}
		assert_int_equal(failure->addr, ENOMEM);
		error_free(failure);
		failed++;
		assert_int_not_equal(n, 0);
		ok(put_page(m.e, held[--n]));
	}
	assert_int_not_equal(failed, 0);
	while (forks)
		ok(do_exit(m.e, children[--forks]));
	while (n)
		ok(put_page(m.e, held[--n]));
	ok(do_exit(m.e, task));
	all_given_back(&m);
	shut_down(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_split, setup, teardown),	   cmocka_unit_test_setup_teardown(test_orders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_references, setup, teardown), cmocka_unit_test_setup_teardown(test_zones, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exhaustion, setup, teardown), cmocka_unit_test_setup_teardown(test_small_slab, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_slab, setup, teardown), cmocka_unit_test_setup_teardown(test_kmalloc, setup, teardown),
		cmocka_unit_test(test_failed_forks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
