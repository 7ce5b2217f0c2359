/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Booting linux-2.4-i386, in the order of start_kernel() (init/main.c).
 */
#include "mm/engine/engine.h"
#include "mm/sim/linux24.h"
#include "mm/sim/machine.h"

/* include/asm-i386/page.h: the direct map leaves 128 MB of the kernel's gigabyte to vmalloc() and fixed mappings. */
#define MAXMEM (896ull << 20)

/* What the firmware and the processor leave, and the kernel sets up on its own, before anything else can run. */
static struct error *set_up(struct linux24 *m, struct vmcore *vc)
{
	TRY(image_start(&m->image, vc, linux24_layout(m->highmem), LINUX24_PAGE_OFFSET, 0));
	TRY(linux24_link(m));
	return linux24_memory(m);
}

struct error *linux24_boot(const struct machine_options *options, struct vmcore *vc, struct kernel **k)
{
	struct linux24 m = { .highmem = !options->nohighmem && (options->highmem || options->mem > MAXMEM) };
	uint64_t low = options->mem < MAXMEM ? options->mem : MAXMEM;
	bool too_much = !m.highmem && options->mem > low;
	m.max_pfn = (uint32_t)((m.highmem ? options->mem : low) >> LINUX24_PAGE_SHIFT);
	m.max_low_pfn = (uint32_t)(low >> LINUX24_PAGE_SHIFT);
	struct error *e = set_up(&m, vc);
	image_end(&m.image);
	if (e)
		return e;
	struct engine *engine;
	TRY(kernel_open(vc, NULL, k));
	TRY(engine_open(*k, &engine));
	uint64_t free_pages = nr_free_pages(engine);
	TRY(linux24_caches(engine));
	return linux24_log(*k, free_pages, too_much);
}
