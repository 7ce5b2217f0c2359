/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The machine linux-2.4-i386 as it stands after booting: layout and addresses against facts of Linux 2.4.20 and of the recorded session (an i386
 * with 512 MB), free memory against a count of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mm/engine/engine.h"
#include "mm/memmap.h"
#include "mm/meminfo.h"
#include "mm/sim/linux24.h"
#include "mm/sim/machine.h"
#include "mm/task.h"
#include "mm/zone.h"

struct machine {
	struct vmcore *vc;
	struct kernel *k;
};

static void boot(struct machine *m, uint64_t megabytes, bool highmem)
{
	struct machine_options o = { .mem = megabytes << 20, .highmem = highmem };
	struct error *e = machine_boot(MACHINE_DEFAULT, &o, &m->vc, &m->k);
	if (e)
		fail_msg("%llu MB: %s", (unsigned long long)megabytes, e->message);
}

static void shut_down(struct machine *m)
{
	kernel_close(m->k);
	vmcore_close(m->vc);
}

static void ok(struct error *e)
{
	if (e)
		fail_msg("%s", e->message);
}

static uint64_t word(struct kernel *k, const char *symbol)
{
	uint64_t v;
	ok(kernel_read_symbol(k, symbol, 0, &v));
	return v;
}

/* The sizes and offsets that the session shows, and those that gcc gives the kernel's own headers. */
static void test_layout(void **state)
{
	const struct layout *l = linux24_layout(false), *high = linux24_layout(true);
	static const struct {
		const char *structure, *member;
		uint32_t offset;
	} members[] = {
		{ "page", "flags", 24 },	     { "page", "lru", 28 },		 { "vm_area_struct", "vm_flags", 0x14 },
		{ "vm_area_struct", "vm_rb", 0x18 }, { "mm_struct", "mm_rb", 4 },	 { "mm_struct", "pgd", 0xc },
		{ "mm_struct", "map_count", 0x18 },  { "mm_struct", "mmap_sem", 0x1c },	 { "rw_semaphore", "wait_list", 8 },
		{ "mm_struct", "rss", 0x64 },	     { "task_struct", "mm", 0x2c },	 { "task_struct", "processor", 0x30 },
		{ "file", "f_dentry", 8 },	     { "vm_area_struct", "vm_file", 56 }, { "zone_struct", "free_area", 24 },
	};
	assert_int_equal(layout_size(l, "page"), 44);
	assert_int_equal(layout_size(high, "page"), 48);
	assert_int_equal(layout_size(l, "vm_area_struct"), 68);
	assert_int_equal(layout_size(l, "mm_struct"), 136);
	assert_int_equal(layout_size(l, "task_union"), 8192);
	assert_int_equal(layout_size(l, "kmem_cache_s"), 244);
	assert_int_equal(layout_size(l, "pglist_data"), 832);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		assert_int_equal(layout_offset(l, members[i].structure, members[i].member), members[i].offset);
}

static void test_addresses(void **state)
{
	struct machine m;
	uint64_t page, phys;
	boot(&m, 512, false);
	struct kernel *k = m.k;
	assert_int_equal(symbol_addr(k, "_text"), 0xc0100000);
	assert_int_equal(symbol_addr(k, "swapper_pg_dir"), 0xc0101000);
	assert_int_equal(symbol_addr(k, "empty_zero_page"), 0xc0104000);
	assert_int_equal(symbol_addr(k, "init_task_union") % 8192, 0);
	assert_int_equal(word(k, "mem_map"), 0xc100001c);
	assert_int_equal(k->page_offset, 0xc0000000);
	assert_int_equal(word(k, "high_memory"), 0xe0000000);
	assert_int_equal(word(k, "max_mapnr"), 131072);
	ok(pages_open(k));
	assert_true(pfn_to_page(k, 0x1f7cf, &page));
	assert_int_equal(page, 0xc15697b0);
	/* large pages map all of it */
	ok(kernel_vtop(k, 0xdffff123, &phys));
	assert_int_equal(phys, 0x1ffff123);
	assert_string_equal(k->arch->name, "i386");
	shut_down(&m);
}

/* The frames that the session's tasks, tables and slabs had: nothing else may have them after booting. */
static void test_session_frames_are_free(void **state)
{
	static const uint32_t frames[] = { 0x1598, 0x1599, 0x1fe0d, 0x1fe0e, 0x1fe0f, 0x1f800, 0x1f801, 0x1f814, 0x1faf5, 0x1faf6, 0x1f7cf };
	struct machine m;
	boot(&m, 512, false);
	ok(nodes_open(m.k));
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		uint64_t head;
		unsigned order;
		if (!free_block_of(m.k, frames[i], &head, &order))
			fail_msg("frame %x is not free", frames[i]);
	}
	shut_down(&m);
}

struct count {
	uint64_t pages;
	unsigned order;
	unsigned char *seen;
};

static bool count_block(void *context, uint64_t page, uint64_t pfn)
{
	struct count *c = context;
	c->pages += 1ull << c->order;
	for (uint64_t i = pfn; i < pfn + (1ull << c->order); i++)
		c->seen[i]++;
	return true;
}

/* Each bit of a zone's bitmap says whether exactly one of the pair is free as a block of that order. */
static void check_bitmap(struct kernel *k, const struct zone *z, unsigned order, const unsigned char *heads)
{
	uint64_t map, bits, area = z->addr + OFFSET(k, zone, free_area) + order * SIZE_OF(k, free_area);
	ok(kernel_get(k, area, M_free_area_map, &map));
	for (uint64_t pair = 0; pair << (order + 1) < z->spanned_pages; pair++) {
		uint64_t low = z->start_pfn + (pair << (order + 1)), high = low + (1ull << order);
		bool one = (heads[low] == order + 1) != (high < z->start_pfn + z->spanned_pages && heads[high] == order + 1);
		ok(kernel_read_uint(k, map + pair / 32 * 4, 4, &bits));
		assert_int_equal(bits >> pair % 32 & 1, one);
	}
}

static bool mark_head(void *context, uint64_t page, uint64_t pfn)
{
	struct count *c = context;
	c->seen[pfn] = (unsigned char)(c->order + 1);
	return true;
}

static void check_zone(struct kernel *k, const struct zone *z, uint64_t frames)
{
	unsigned char *seen = calloc(frames, 1), *heads = calloc(frames, 1);
	struct count c = { .seen = seen };
	for (c.order = 0; c.order < free_area_orders(k); c.order++) {
		struct count h = { .order = c.order, .seen = heads };
		ok(free_list_walk(k, z, c.order, 0, count_block, &c));
		ok(free_list_walk(k, z, c.order, 0, mark_head, &h));
	}
	assert_int_equal(c.pages, GET(k, &z->object, zone, free_pages));
	for (unsigned order = 0; order + 1 < free_area_orders(k); order++)
		check_bitmap(k, z, order, heads);
	/* A free frame is in one block, has no user, and is neither reserved nor a slab's. */
	for (uint64_t pfn = z->start_pfn; pfn < z->start_pfn + z->spanned_pages; pfn++) {
		struct page p;
		uint64_t page;
		assert_true(pfn_to_page(k, pfn, &page));
		ok(page_open(k, page, &p));
		assert_int_equal(p.flags >> 24, z->index);
		assert_true(seen[pfn] <= 1);
		if (seen[pfn])
			assert_true(!page_refcount(k, &p) && !page_flag(k, p.flags, "reserved") && !page_flag(k, p.flags, "slab"));
	}
	free(seen);
	free(heads);
}

static void test_zones(void **state)
{
	static const struct {
		uint64_t megabytes;
		bool highmem;
		uint64_t sizes[3];
	} machines[] = {
		{ 16, false, { 4096, 0, 0 } },	      { 24, false, { 4096, 2048, 0 } },	       { 64, true, { 4096, 12288, 0 } },
		{ 512, false, { 4096, 126976, 0 } },  { 1024, false, { 4096, 225280, 32768 } },
		{ 17, false, { 4096, 256, 0 } },      { 897, false, { 4096, 225280, 256 } },
	};
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		struct machine m;
		boot(&m, machines[i].megabytes, machines[i].highmem);
		ok(nodes_open(m.k));
		assert_int_equal(zones_count(m.k), 3);
		for (size_t z = 0; z < 3; z++) {
			assert_int_equal(zones_get(m.k, z)->spanned_pages, machines[i].sizes[z]);
			if (machines[i].sizes[z])
				check_zone(m.k, zones_get(m.k, z), machines[i].megabytes << 8);
		}
		shut_down(&m);
	}
}

/* ---- free_all_bootmem(), frame by frame, in plain arrays: what the lists must look like after it ---- */

#define REFERENCE_FRAMES (64u << 8)
#define REFERENCE_ORDERS 10

struct reference {
	uint32_t next[REFERENCE_ORDERS][REFERENCE_FRAMES + 1]; /* by order; the last is the head; 0 ends */
	int8_t order[REFERENCE_FRAMES];			       /* of the free block that starts there; -1: none */
};

static void reference_unlink(struct reference *r, unsigned order, uint32_t pfn)
{
	uint32_t *at = &r->next[order][REFERENCE_FRAMES];
	while (*at != pfn)
		at = &r->next[order][*at];
	*at = r->next[order][pfn];
	r->order[pfn] = -1;
}

static void reference_free(struct reference *r, uint32_t first, uint32_t pfn)
{
	unsigned order = 0;
	uint32_t index = pfn - first;
	while (order < REFERENCE_ORDERS - 1 && r->order[first + (index ^ 1u << order)] == (int8_t)order) {
		reference_unlink(r, order, first + (index ^ 1u << order));
		index &= ~(1u << order);
		order++;
	}
	r->order[first + index] = (int8_t)order;
	r->next[order][first + index] = r->next[order][REFERENCE_FRAMES];
	r->next[order][REFERENCE_FRAMES] = first + index;
}

static void check_lists(const struct image *i, const struct reference *r, uint32_t zone, uint32_t mem_map, uint32_t start, uint32_t end)
{
	uint32_t page = layout_size(i->layout, "page"), area = zone + layout_offset(i->layout, "zone_struct", "free_area");
	for (unsigned order = 0; order < REFERENCE_ORDERS; order++, area += layout_size(i->layout, "free_area_struct")) {
		uint32_t at = image_get32(i, area);
		for (uint32_t pfn = r->next[order][REFERENCE_FRAMES]; pfn; pfn = r->next[order][pfn]) {
			if (pfn < start || pfn >= end)
				continue;
			assert_int_equal(at, mem_map + pfn * page);
			at = image_get32(i, at);
		}
		assert_int_equal(at, area);
	}
}

static void test_freed_as_frame_by_frame(void **state)
{
	const uint32_t dma = 4096, end = REFERENCE_FRAMES;
	struct linux24 m = { .max_pfn = end, .max_low_pfn = end };
	struct image *i = &m.image;
	struct reference *r = calloc(1, sizeof(*r));
	struct vmcore *vc;
	ok(vmcore_new_ram((uint64_t)end << 12, &vc));
	ok(image_start(i, vc, linux24_layout(false), LINUX24_PAGE_OFFSET, 0));
	ok(linux24_link(&m));
	ok(linux24_memory(&m));
	uint32_t mem_map = image_get32(i, image_symbol(i, "mem_map")), map = (image_symbol(i, "_end") - i->base) >> 12;
	memset(r->order, -1, sizeof(r->order));
	for (int last = 0; last < 2; last++)
		for (uint32_t pfn = 0; pfn < end; pfn++) {
			uint32_t flags = image_get32(i, mem_map + pfn * 44 + 24);
			/* the bitmap of this much memory has one frame, which is freed after all others */
			if (!(flags & 1u << 14) && (pfn == map) == last)
				reference_free(r, pfn < dma ? 0 : dma, pfn);
		}
	uint32_t zones = image_symbol(i, "contig_page_data");
	check_lists(i, r, zones, mem_map, 0, dma);
	check_lists(i, r, zones + layout_size(i->layout, "zone_struct"), mem_map, dma, end);
	image_end(i);
	vmcore_close(vc);
	free(r);
}

/* mm/page_alloc.c: a 128th of the zone, from 20 to 255 pages, twice and three times that. */
static void test_watermarks(void **state)
{
	struct machine m;
	boot(&m, 512, false);
	ok(nodes_open(m.k));
	const struct zone *dma = zones_get(m.k, 0), *normal = zones_get(m.k, 1);
	assert_string_equal(dma->name, "DMA");
	assert_string_equal(normal->name, "Normal");
	assert_int_equal(dma->min, 32);
	assert_int_equal(dma->low, 64);
	assert_int_equal(normal->min, 255);
	assert_int_equal(normal->high, 765);
	shut_down(&m);
}

/* The whole range of sizes attaches, counts its memory, and has its first task and its caches. */
static void test_sizes(void **state)
{
	static const uint64_t sizes[] = { 16, 20, 32, 128, 896, 900, 4096 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct machine m;
		struct engine *e;
		struct meminfo info;
		boot(&m, sizes[i], false);
		ok(engine_open(m.k, &e));
		assert_int_equal(e->page_size, sizes[i] > 896 ? 48 : 44);
		ok(meminfo_read(m.k, &info));
		assert_int_equal(info.free, nr_free_pages(e));
		assert_true(info.total > info.free && info.total < sizes[i] << 8);
		size_t tasks;
		ok(tasks_count(m.k, &tasks));
		assert_int_equal(tasks, 1);
		assert_string_equal(tasks_get(m.k, 0)->comm, "swapper");
		assert_true(e->mm_cachep && e->vm_area_cachep && e->page_hash_table && e->inode_cachep);
		shut_down(&m);
	}
}

/* Objects of 68 and 136 bytes lie 96 and 160 bytes apart, as the session's addresses do. */
static void test_caches(void **state)
{
	struct machine m;
	struct engine *e;
	uint64_t first, second;
	boot(&m, 512, false);
	ok(engine_open(m.k, &e));
	ok(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, &first));
	ok(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, &second));
	assert_int_equal(second - first, 96);
	ok(kmem_cache_alloc(e, e->mm_cachep, GFP24_KERNEL, &first));
	ok(kmem_cache_alloc(e, e->mm_cachep, GFP24_KERNEL, &second));
	assert_int_equal(second - first, 160);
	shut_down(&m);
}

/* First in, first out, by kind and place; a frame that is taken cannot be had again. */
static void test_pins(void **state)
{
	struct machine m;
	struct engine *e;
	uint64_t what, page;
	boot(&m, 512, false);
	ok(engine_open(m.k, &e));
	assert_false(pin_take(e, PIN_FRAME, 0, &what));
	ok(pin_add(e, PIN_FRAME, 0x1f7cf000, 0));
	ok(pin_add(e, PIN_SLOT, 0xdfe0fee0, e->mm_cachep));
	ok(pin_add(e, PIN_FRAME, 0x1598000, 1));
	ok(pin_add(e, PIN_FRAME, 0x1f7cf000, 0));
	ok(alloc_pages(e, GFP24_USER, 1, &page));
	assert_int_equal(engine_page_phys(e, page), 0x1598000);
	ok(alloc_pages(e, GFP24_USER, 0, &page));
	assert_int_equal(page, 0xc15697b0);
	struct error *taken = alloc_pages(e, GFP24_USER, 0, &page);
	assert_non_null(taken);
	error_free(taken);
	ok(kmem_cache_alloc(e, e->mm_cachep, GFP24_KERNEL, &what));
	assert_int_equal(what, 0xdfe0fee0);
	for (unsigned i = 0; i < 256; i++)
		ok(pin_add(e, PIN_FRAME, 0, 9));
	taken = pin_add(e, PIN_FRAME, 0, 9);
	assert_non_null(taken);
	error_free(taken);
	shut_down(&m);
}

/* The machine's memory alone, as a raw file, is attached to by what stands in it: through VMCOREINFO, and without it by the tables' shape. */
static void test_bare_memory(void **state)
{
	for (int erase = 0; erase < 2; erase++) {
		char path[] = "/tmp/test-sim-boot-XXXXXX";
		struct vmcore_options raw = { .raw = true };
		struct machine m;
		struct vmcore *vc;
		struct kernel *k;
		const void *ram;
		int fd = mkstemp(path);
		boot(&m, 16, false);
		if (erase) {
			char zeroes[4096] = { 0 };
			ok(kernel_write(m.k, symbol_addr(m.k, "vmcoreinfo_data"), zeroes, sizeof(zeroes)));
		}
		ok(vmcore_map(m.vc, 0, 16u << 20, &ram));
		assert_true(fd >= 0);
		assert_int_equal(write(fd, ram, 16u << 20), 16 << 20);
		close(fd);
		ok(vmcore_open(path, &raw, &vc));
		ok(kernel_open(vc, NULL, &k));
		assert_int_equal(symbol_addr(k, "mem_map"), symbol_addr(m.k, "mem_map"));
		assert_int_equal(SIZE_OF(k, mm_struct), 136);
		assert_string_equal(k->geometry.name, "i386 2-level");
		kernel_close(k);
		vmcore_close(vc);
		unlink(path);
		shut_down(&m);
	}
}

static void test_bad_options(void **state)
{
	static const uint64_t sizes[] = { 1, 15ull << 20, (18ull << 20) + 1024, (4096ull << 20) + 4096, 8ull << 30, UINT64_MAX };
	struct vmcore *vc;
	struct kernel *k;
	struct error *e;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct machine_options o = { .mem = sizes[i] };
		e = machine_boot(MACHINE_DEFAULT, &o, &vc, &k);
		assert_non_null(e);
		assert_int_equal(e->code, ERR_USAGE);
		assert_null(vc);
		assert_null(k);
		error_free(e);
	}
	e = machine_boot("linux-1.0", NULL, &vc, &k);
	assert_non_null(e);
	error_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),	   cmocka_unit_test(test_addresses), cmocka_unit_test(test_session_frames_are_free),
		cmocka_unit_test(test_zones),	   cmocka_unit_test(test_watermarks), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_caches),	   cmocka_unit_test(test_pins),	      cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_freed_as_frame_by_frame), cmocka_unit_test(test_bare_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
