/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The flavour linux-2.4-i386: Linux 2.4.20 for SMP on i386 (an i686's cache lines of 32 bytes), without or with CONFIG_HIGHMEM.
 */
#ifndef MM_SIM_LINUX24_H
#define MM_SIM_LINUX24_H

#include "core/kernel.h"
#include "mm/sim/image.h"
#include "mm/sim/layout.h"

struct machine_options;
struct engine;

/* ---- Types: linux24_layout.c, linux24_types_*.c ---- */

/* The tables that a layout is put together from; each ends with a name of NULL. */
extern const struct layout_struct linux24_mm_structs[], linux24_fs_structs[], linux24_task_structs[];
extern const struct layout_struct linux24_page_highmem; /* struct page with CONFIG_HIGHMEM, in place of the other */
extern const struct layout_typedef linux24_typedefs[];

const struct layout *linux24_layout(bool highmem);

/* ---- Names: linux24_symbols.c; separated by blanks ---- */

extern const char linux24_functions[]; /* in link order; a static one has a dot before it */
extern const char linux24_system_calls[];

/* ---- Booting ---- */

#define LINUX24_PAGE_OFFSET 0xc0000000u
#define LINUX24_PAGE_SHIFT  12
#define LINUX24_PAGE_SIZE   4096u
#define LINUX24_NR_CPUS	    32 /* include/linux/threads.h */

/* A machine while it boots. */
struct linux24 {
	struct image image;
	bool highmem;
	uint32_t max_pfn, max_low_pfn;
};

/* linux24_boot.c: from an empty RAM to a kernel with its first task. */
struct error *linux24_boot(const struct machine_options *options, struct vmcore *vc, struct kernel **k) MUST_CHECK;

/* linux24_image.c: the kernel's image, with its variables as they are when it starts, to `_end`. */
struct error *linux24_link(struct linux24 *m) MUST_CHECK;

/* linux24_memory.c: page tables, bootmem, mem_map, zones; then gives free memory to the buddy allocator. */
struct error *linux24_memory(struct linux24 *m) MUST_CHECK;

/* linux24_caches.c: slab caches and hash tables, made by the engine. */
struct error *linux24_caches(struct engine *e) MUST_CHECK;

/* linux24_log.c: what the kernel says while it boots; `free_pages` were free when memory was set up. */
struct error *linux24_log(struct kernel *k, uint64_t free_pages, bool too_much) MUST_CHECK;

#endif
