/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an address is: everything that the image says of it at once. What takes a pass over tasks, areas or page tables is found once per image.
 */
#ifndef MM_IDENTIFY_H
#define MM_IDENTIFY_H

#include "mm/page.h"
#include "mm/rmap.h"
#include "mm/slab.h"
#include "mm/task.h"
#include "mm/vma.h"

enum identify_as {
	IDENTIFY_KERNEL,   /* a kernel virtual address */
	IDENTIFY_PHYSICAL, /* a physical one */
	IDENTIFY_USER,	   /* a virtual address of an mm */
};

struct identity {
	uint64_t addr;
	enum identify_as as;

	/* Kernel virtual addresses. */
	bool has_symbol;
	struct symbol symbol;
	uint64_t symbol_offset;
	bool is_percpu; /* in a CPU's first chunk of per-CPU memory; dynamic where the symbol has no name */
	unsigned cpu;	/* of is_percpu, cpu_stack */
	const struct task *stack_of; /* in the kernel stack of this task, so many bytes above its end */
	uint64_t stack_offset;
	const char *cpu_stack;	     /* "IRQ", "NMI" …: a CPU's own stack */
	const struct module *module;
	bool is_area; /* in an area of the vmalloc space */
	struct identity_area {
		uint64_t start, end, vm, caller;
		bool maps_device; /* VM_IOREMAP: the frames are no memory of its own */
	} area;
	bool is_direct; /* in the direct map */
	bool is_page;	/* in the array of struct pages: `pfn` is the page's */
	uint64_t page_offset; /* within its struct page */

	/* Slab objects. */
	bool in_slab;
	struct slab slab;
	bool in_object; /* else between objects or behind them */
	uint64_t object, object_offset;
	bool state_known;
	enum object_state state;
	const struct task *owner;    /* whose `owner_what` the object is */
	const char *owner_what;	     /* "task_struct", "mm", "files", … */
	uint64_t inode;		     /* the object is or holds this inode, or stands for it (dentry, file) */

	/* User addresses. */
	uint64_t mm;
	bool in_vma;
	struct vma vma;
	bool is_mapped;	 /* has_phys; else `swap` or nothing */
	uint64_t entry;	 /* of a page that is not there: not 0 */

	/* What lies there in memory. */
	bool has_phys;
	uint64_t phys, pfn;
	bool has_page;
	uint64_t page; /* struct page */
	enum page_use use;   /* of the head, when compound */
	unsigned order;	     /* of a free block, or of the compound page */
	uint64_t head_pfn;   /* of the free block or compound page */
	struct rmap_page rmap; /* of anonymous pages and those of files */
	bool has_rmap;
	bool has_mapping;    /* the first place that maps it */
	struct vma mapping_vma;
	uint64_t mapping_addr;
	/* A page table: of this mm (0: the kernel's), this level of geometry.level[], for addresses from here on. */
	bool is_table;
	uint64_t table_mm, table_base;
	unsigned table_level;
};

/* `mm` for IDENTIFY_USER: an mm_struct, or 0. Errors as pages_open(); what cannot be found out is left out. */
struct error *identify(struct kernel *k, uint64_t addr, enum identify_as as, uint64_t mm, struct identity *out) MUST_CHECK;

/* Drops what is kept of an image. NULL is allowed. */
struct identify_index;
void identify_index_free(struct identify_index *i);

#endif
