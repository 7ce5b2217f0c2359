/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Booting a kernel for x86_64, in the order of start_kernel() (init/main.c).
 */
#include <stdlib.h>

#include "mm/sim/linux64.h"
#include "mm/sim/programs.h"
#include "mm/sim/types.h"

/* What the machine keeps besides its kernel: mm/pin.c, mm/file.c. */
static const char own_types[] = "struct sim_pin 24\n\t0 unsigned int kind; 8 unsigned long what; 16 unsigned long where\n"
				"struct sim_pins 6152\n\t0 unsigned int count; 8 struct sim_pin [256] pin\n"
				"struct sim_disk 48\n\t0 unsigned long start; 8 unsigned long size; 16 unsigned long used;\n"
				"\t24 unsigned long swap_start; 32 unsigned long swap_size; 40 unsigned long next_ino\n";

/* Idle tasks of the CPUs that are not the first: fork_idle() (kernel/fork.c). */
static void set_up_cpus(struct linux64 *m)
{
	static const char s[] = "task_struct", rq[] = "rq";
	uint64_t first = image_symbol(&m->image, "init_task"), runqueues = image_symbol(&m->image, "runqueues");
	for (unsigned cpu = 0; cpu < m->cpus; cpu++) {
		uint64_t t = first, q = l64_percpu(m, runqueues, cpu);
		if (cpu)
			t = l64_idle_task(m, cpu);
		l64_set(m, q, rq, "cpu", cpu);
		l64_set(m, q, rq, "idle", t);
		l64_set(m, q, rq, "curr", t);
		l64_put(m, l64_percpu(m, image_symbol(&m->image, "current_task"), cpu), 8, t);
		if (image_has_symbol(&m->image, "cpu_current_top_of_stack"))
			l64_put(m, l64_percpu(m, image_symbol(&m->image, "cpu_current_top_of_stack"), cpu), 8, l64_get(m, t, s, "stack") + 16384);
	}
}

/* vm_committed_as: mm_init() (mm/mmap.c) */
static void set_up_promises(struct linux64 *m)
{
	static const char s[] = "percpu_counter";
	uint64_t counter = image_symbol(&m->image, "vm_committed_as");
	l64_set(m, counter, s, "counters", l64_alloc_percpu(m, 4, 4));
	l64_list_init(m, counter, s, "list");
}

static struct error *set_up(struct linux64 *m, struct vmcore *vc)
{
	TRY(image_start(&m->image, vc, m->layout, LINUX64_KERNEL_MAP, LINUX64_KERNEL_MAP + LINUX64_TEXT));
	m->image.direct = m->flavour->page_offset;
	m->image.relative = m->flavour->relative_kallsyms;
	TRY(linux64_link(m));
	TRY(linux64_memory(m));
	linux64_slabs(m);
	set_up_cpus(m);
	set_up_promises(m);
	linux64_files(m);
	linux64_uses(m);
	linux64_finish_vmalloc(m);
	linux64_finish_slabs(m);
	linux64_free_all(m);
	linux64_log(m);
	return NULL;
}

static void plan_nodes(struct linux64 *m)
{
	uint64_t each = (m->max_pfn / m->nodes) >> 10 << 10; /* whole largest blocks */
	for (unsigned n = 0; n < m->nodes; n++) {
		m->node[n].start = n * each;
		m->node[n].end = n + 1 < m->nodes ? (n + 1) * each : m->max_pfn;
		m->node[n].top = m->node[n].end << PAGE_SHIFT64;
	}
}

/* Where in struct page the words stand that every page has. */
static void find_page_words(struct linux64 *m)
{
	m->page_size = l64_size(m, "page");
	m->flags_offset = l64_offset(m, "page", "flags");
	m->mapcount_offset = l64_offset(m, "page", "_mapcount");
	m->refcount_offset = l64_offset(m, "page", l64_has(m, "page", "_refcount") ? "_refcount" : "_count");
	m->lru_offset = l64_offset(m, "page", "lru");
	m->migratetype[BLOCK_UNMOVABLE] = (unsigned)l64_enumerator(m, "MIGRATE_UNMOVABLE");
	m->migratetype[BLOCK_MOVABLE] = (unsigned)l64_enumerator(m, "MIGRATE_MOVABLE");
	m->migratetype[BLOCK_RECLAIMABLE] = (unsigned)l64_enumerator(m, "MIGRATE_RECLAIMABLE");
}

struct error *linux64_boot(const struct linux64_flavour *flavour, const struct machine_options *options, struct vmcore *vc, struct kernel **k)
{
	struct linux64 *m = calloc(1, sizeof(*m));
	size_t len;
	const char *types = sim_types(flavour->name, &len);
	if (!m)
		return error_new(ERR_NO_MEMORY, "out of memory");
	m->flavour = flavour;
	m->mem = options->mem;
	m->max_pfn = options->mem >> PAGE_SHIFT64;
	m->nodes = options->nodes;
	m->cpus = options->cpus;
	m->layout = types_parse(8, types, len, own_types);
	struct error *e = m->layout ? NULL : error_new(ERR_NO_MEMORY, "out of memory");
	if (!e) {
		plan_nodes(m);
		find_page_words(m);
		e = set_up(m, vc);
	}
	image_end(&m->image);
	free(m->frames);
	free(m->blocks);
	free(m->section_map);
	types_free(m->layout);
	free(m);
	if (!e)
		e = kernel_open(vc, NULL, k);
	return e ? e : linux64_user_files(*k);
}
