/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kernels for x86_64 as they are when booted: what they count against what can be found, and a page of each use.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "mm/list.h"
#include "mm/meminfo.h"
#include "mm/path.h"
#include "mm/sim/machine.h"
#include "mm/slab.h"
#include "mm/system.h"
#include "mm/task.h"
#include "mm/vmalloc.h"
#include "mm/zone.h"
#include "vmcore/save.h"

static const char *const flavours[] = { "linux-5.10-x86_64", "linux-3.19-x86_64" };
#define FLAVOURS (sizeof(flavours) / sizeof(flavours[0]))

static const struct machine_options machines[] = {
	{ .mem = 128ull << 20 },
	{ .mem = 132ull << 20, .cpus = 2 },
	{ .mem = 512ull << 20, .cpus = 3, .nodes = 2 },
	{ .mem = 5120ull << 20, .cpus = 4, .nodes = 2 },
	{ .mem = 1024ull << 20, .cpus = 64, .nodes = 8 },
};
#define MACHINES (sizeof(machines) / sizeof(machines[0]))

struct machine {
	struct vmcore *vc;
	struct kernel *k;
};

static void ok(struct error *e)
{
	if (e)
		fail_msg("%s", e->message);
}

static void shut_down(struct machine *m)
{
	kernel_close(m->k);
	vmcore_close(m->vc);
}

static void boot(struct machine *m, const char *flavour, const struct machine_options *o)
{
	ok(machine_boot(flavour, o, &m->vc, &m->k));
	ok(nodes_open(m->k));
}

static void for_each_machine(void (*check)(struct kernel *k, const struct machine_options *o))
{
	for (size_t f = 0; f < FLAVOURS; f++)
		for (size_t i = 0; i < MACHINES; i++) {
			struct machine m;
			boot(&m, flavours[f], &machines[i]);
			check(m.k, &machines[i]);
			shut_down(&m);
		}
}

/* A counter of vmstat may be behind by what a CPU keeps for itself: less than its threshold, which is 125 at most. */
static void assert_counted(uint64_t counted, uint64_t found)
{
	int64_t behind = (int64_t)(found - counted);
	if (behind > 125 || behind < -125)
		fail_msg("counted %" PRIu64 ", found %" PRIu64, counted, found);
}

/* ---- Free memory ---- */

struct list_walk {
	unsigned order;
	uint64_t blocks;
	unsigned char *seen;
};

static bool visit_block(void *context, uint64_t page, uint64_t pfn)
{
	struct list_walk *w = context;
	w->blocks++;
	assert_int_equal(pfn & ((1ull << w->order) - 1), 0);
	for (uint64_t n = pfn; n < pfn + (1ull << w->order); n++)
		w->seen[n]++;
	return true;
}

static uint64_t check_zone(struct kernel *k, const struct zone *z, unsigned char *seen)
{
	uint64_t free = 0;
	for (unsigned order = 0; order < free_area_orders(k); order++) {
		struct list_walk w = { order, 0, seen };
		for (unsigned type = 0; z->present_pages && type < free_area_types(k); type++)
			ok(free_list_walk(k, z, order, type, visit_block, &w));
		assert_int_equal(w.blocks, free_area_count(k, z, order));
		free += w.blocks << order;
	}
	assert_counted(zone_vmstat(k, z, 0), free);
	assert_true(z->managed_pages <= z->present_pages && z->present_pages <= z->spanned_pages);
	assert_true(!z->present_pages || (z->min < z->low && z->low < z->high && z->high < z->managed_pages));
	return free;
}

/* Pages that CPUs have for themselves: the first files took theirs by the batch. */
static uint64_t on_cpu_lists(struct kernel *k)
{
	uint64_t sum = 0, pageset, count;
	for (size_t i = 0; i < zones_count(k); i++)
		for (unsigned cpu = 0; cpu < k->cpus && zones_get(k, i)->present_pages; cpu++) {
			ok(kernel_get(k, zones_get(k, i)->addr, M_zone_pageset, &pageset));
			ok(kernel_get(k, percpu_ptr(k, pageset, cpu) + OFFSET(k, per_cpu_pageset, pcp), M_per_cpu_pages_count, &count));
			sum += count;
		}
	return sum;
}

static void check_memory(struct kernel *k, const struct machine_options *o)
{
	uint64_t frames = o->mem >> 12, free_pages = 0, managed = 0, present = 0, reserved = 0, inside = 0, page;
	unsigned char *seen = calloc(frames, 1);
	struct meminfo info;
	for (size_t i = 0; i < zones_count(k); i++) {
		free_pages += check_zone(k, zones_get(k, i), seen);
		managed += zones_get(k, i)->managed_pages;
		present += zones_get(k, i)->present_pages;
	}
	assert_int_equal(nodes_count(k), o->nodes ? o->nodes : 1);
	assert_int_equal(present, frames - 1 - (0x100 - 0x9f));
	for (uint64_t pfn = 0; pfn < frames; pfn++) {
		struct page p;
		assert_true(pfn_to_page(k, pfn, &page));
		ok(page_open(k, page, &p));
		bool held = page_flag(k, p.flags, "reserved");
		reserved += held && pfn;
		assert_true(seen[pfn] <= 1);
		/* A page is on a list, or reserved, or in use, or in the tail of a block in use. */
		if (seen[pfn])
			assert_true(!held && !page_refcount(k, &p));
		else
			inside += !held && !page_refcount(k, &p) && !page_is_tail(k, &p);
		const struct zone *z = zone_of_pfn(k, pfn);
		if (z)
			assert_int_equal(p.flags >> (HAS(k, pglist_data, vm_stat) ? 54 : 58), z->node);
	}
	/* The stacks of idle tasks are blocks of four frames, where they are not of vmalloc space: not compound, so only the first has a count. */
	bool mapped = page_flag_bit(k, "tail") < 0;
	assert_int_equal(inside, (mapped || !o->cpus ? 0 : 3 * (o->cpus - 1)) + on_cpu_lists(k));
	assert_int_equal(reserved, frames - 1 - managed);
	ok(meminfo_read(k, &info));
	assert_int_equal(info.total, managed);
	assert_counted(info.free, free_pages);
	free_pages = 0;
	for (uint64_t pfn = 0; pfn < frames; pfn++)
		free_pages += seen[pfn];
	assert_counted(info.free, free_pages);
	free(seen);
}

static void test_memory(void **state)
{
	for_each_machine(check_memory);
}

/* ---- Slabs ---- */

struct slabs {
	struct kernel *k;
	unsigned caches;
	unsigned empty;
	uint64_t frames; /* of all slabs */
};

static bool visit_cache(void *context, uint64_t node)
{
	struct slabs *s = context;
	struct slab_cache c;
	struct slab_cache_totals t;
	ok(slab_cache_open(s->k, node - OFFSET(s->k, kmem_cache, list), &c));
	ok(slab_cache_totals(s->k, &c, &t));
	assert_true(t.known);
	assert_true(t.allocated <= t.objects);
	/* Of files that were opened to be read none is open any more. */
	s->empty += t.slabs && !t.allocated;
	s->frames += t.slabs * (t.slab_size >> 12);
	s->caches++;
	return true;
}

static void check_slabs(struct kernel *k, const struct machine_options *o)
{
	struct slabs s = { .k = k };
	uint64_t pfn, end, page, found = 0, waiting = 0;
	unsigned empty = 0;
	struct meminfo info;
	ok(list_for_each(k, symbol_addr(k, "slab_caches"), visit_cache, &s));
	assert_true(s.caches > 35);
	for (size_t i = 0; page_run(k, i, &pfn, &end, &page); i++)
		for (; pfn < o->mem >> 12 && pfn < end; pfn++, page += SIZE_OF(k, page)) {
			struct slab slab;
			struct object_status *status;
			struct page p;
			bool is_slab;
			ok(slab_of_page(k, page, &slab, &is_slab));
			ok(page_open(k, page, &p));
			found += is_slab;
			if (!is_slab || page_is_tail(k, &p))
				continue;
			if (page_rcu_function(k, &p)) {
				waiting++;
				continue;
			}
			/* What CPU 0 has free, with what is in use, makes a slab. */
			ok(slab_object_states(k, &slab, &status));
			unsigned in_use = 0;
			for (uint32_t n = 0; n < slab.objects; n++)
				in_use += status[n].state == OBJECT_ALLOCATED;
			empty += !in_use;
			free(status);
		}
	assert_int_equal(found, s.frames + waiting);
	assert_true(s.empty == 1 && empty == 1);
	ok(meminfo_read(k, &info));
	assert_counted(info.slab, found);
}

static void test_slabs(void **state)
{
	for_each_machine(check_slabs);
}

/* What 5.10.0-46-cloud-amd64 has in a guest with two CPUs: struct kmem_cache, read in its dump. */
static void test_caches_of_5_10(void **state)
{
	static const struct {
		const char *name;
		uint32_t object_size, size, offset, oo;
	} real[] = {
		{ "kmem_cache", 224, 256, 112, 0x10 },	     { "kmalloc-8", 8, 8, 0, 0x200 },
		{ "kmalloc-96", 96, 96, 48, 0x2a },	     { "kmalloc-192", 192, 192, 96, 0x15 },
		{ "kmalloc-8k", 8192, 8192, 4096, 0x30004 }, { "mm_struct", 1040, 1088, 520, 0x2000f },
		{ "radix_tree_node", 576, 584, 576, 0x1000e }, { "anon_vma", 96, 104, 96, 0x27 },
		{ "cred_jar", 168, 192, 80, 0x15 },	     { "task_struct", 7944, 8000, 3968, 0x30004 },
		{ "sighand_cache", 2080, 2112, 2080, 0x3000f }, { "signal_cache", 1152, 1152, 576, 0x2000e },
		{ "files_cache", 704, 704, 352, 0x20017 },   { "vm_area_struct", 200, 200, 96, 0x14 },
		{ "inode_cache", 600, 608, 600, 0x1000d },   { "dentry", 192, 192, 96, 0x15 },
		{ "mnt_cache", 312, 320, 152, 0xc },	     { "ext4_inode_cache", 1176, 1184, 1176, 0x2000d },
		{ "TCP", 2224, 2240, 2224, 0x3000e },	     { "UNIX", 1088, 1088, 544, 0x2000f },
	};
	const struct machine_options o = { .mem = 512ull << 20, .cpus = 2 };
	struct machine m;
	boot(&m, flavours[0], &o);
	uint64_t head = symbol_addr(m.k, "slab_caches"), at;
	unsigned matched = 0;
	ok(kernel_read_pointer(m.k, head, &at));
	for (; at != head; ) {
		struct slab_cache c;
		ok(slab_cache_open(m.k, at - OFFSET(m.k, kmem_cache, list), &c));
		for (size_t n = 0; n < sizeof(real) / sizeof(real[0]); n++) {
			if (strcmp(real[n].name, c.name))
				continue;
			matched++;
			assert_int_equal(c.object_size, real[n].object_size);
			assert_int_equal(c.size, real[n].size);
			assert_int_equal(GET(m.k, &c.object, kmem_cache, oo), real[n].oo);
			/* signal_cache shares a cache with another there, whose link is elsewhere */
			if (strcmp(c.name, "signal_cache"))
				assert_int_equal(c.offset, real[n].offset);
		}
		ok(kernel_read_pointer(m.k, at, &at));
	}
	assert_int_equal(matched, sizeof(real) / sizeof(real[0]));
	shut_down(&m);
}

/* ---- Tasks, files, vmalloc ---- */

static void check_tasks(struct kernel *k, const struct machine_options *o)
{
	size_t count;
	unsigned cpus = o->cpus ? o->cpus : 1;
	ok(tasks_count(k, &count));
	assert_int_equal(count, cpus);
	assert_int_equal(k->cpus, cpus);
	for (size_t i = 0; i < count; i++) {
		const struct task *t = tasks_get(k, i);
		char name[32];
		snprintf(name, sizeof(name), "swapper/%zu", i);
		assert_string_equal(t->comm, name);
		assert_int_equal(t->cpu, i);
		/* the stack is there, and the word at its end */
		uint64_t magic, stack = t->stack;
		ok(kernel_read_u64(k, stack + (HAS(k, task_struct, cpu) ? 0 : SIZE_OF(k, thread_info)), &magic));
		assert_int_equal(magic, 0x57ac6e9d);
		for (uint64_t at = 0; at < 16384; at += 4096)
			ok(kernel_read_u64(k, stack + at, &magic));
	}
}

static void test_tasks(void **state)
{
	for_each_machine(check_tasks);
}

/* ---- A page of each use ---- */

static void test_uses(void **state)
{
	static const enum page_use wanted[] = { PAGE_RESERVED, PAGE_FREE, PAGE_UNUSED, PAGE_SLAB, PAGE_TABLE, PAGE_FILE, PAGE_TAIL, PAGE_POOL, PAGE_DEVICE };
	struct machine m;
	const struct machine_options o = { .mem = 512ull << 20 };
	boot(&m, flavours[0], &o);
	uint64_t pfn, end, page, count[PAGE_USE_COUNT] = { 0 }, compound = 0, waiting = 0;
	for (size_t i = 0; page_run(m.k, i, &pfn, &end, &page); i++)
		for (; pfn < end; pfn++, page += SIZE_OF(m.k, page)) {
			struct page p;
			ok(page_open(m.k, page, &p));
			count[page_use(m.k, &p)]++;
			compound += page_compound_order(m.k, &p) > 0;
			waiting += page_rcu_function(m.k, &p) == symbol_addr(m.k, "rcu_free_slab");
		}
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!count[wanted[i]])
			fail_msg("no page is: %s", page_use_name(wanted[i]));
	assert_true(compound > 0);
	assert_int_equal(waiting, 1);
	assert_int_equal(count[PAGE_POOL], 1);
	assert_int_equal(count[PAGE_DEVICE], 512);
	assert_int_equal(count[PAGE_FILE], 4);
	shut_down(&m);
}

/* ---- Speed, and bad options ---- */

static void test_boot_time(void **state)
{
	struct timespec from, to;
	struct machine m;
	double best = 1;
	for (int i = 0; i < 5; i++) {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		boot(&m, flavours[0], NULL);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
		best = seconds < best ? seconds : best;
		shut_down(&m);
	}
	print_message("boots in %.1f ms\n", best * 1e3);
	assert_true(best < 0.1);
}

static void test_bad_options(void **state)
{
	static const struct machine_options bad[] = {
		{ .mem = 64ull << 20 }, { .mem = 130ull << 20 }, { .mem = 512ull << 20, .nodes = 5 }, { .nodes = 9 }, { .cpus = 65 }, { .mem = 1ull << 40 },
	};
	for (size_t f = 0; f < FLAVOURS; f++)
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct vmcore *vc;
			struct kernel *k;
			struct error *e = machine_boot(flavours[f], &bad[i], &vc, &k);
			assert_non_null(e);
			assert_int_equal(e->code, ERR_USAGE);
			error_free(e);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory), cmocka_unit_test(test_slabs),	 cmocka_unit_test(test_caches_of_5_10), cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_uses),   cmocka_unit_test(test_boot_time), cmocka_unit_test(test_bad_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
