/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Audit: whether what a kernel's memory management counts and links agrees with what can be found in the image; fsck for memory. It only
 * reads. Each rule compares two records that the kernel keeps of one fact (a list and its length, a page's count and the entries that map
 * it); which of them a kernel has is seen by its members, and a rule that finds neither of its two says so.
 *
 * One pass over all page tables gathers what maps each frame, in a dozen bytes for each frame that has a struct page.
 */
#ifndef MM_AUDIT_H
#define MM_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

/*
 *      id            name            what it counts     what it compares
 */
#define AUDIT_RULES(RULE)                                                                                                               \
	RULE(FREE_LISTS, "free-lists", "free blocks", "free lists: their blocks' pages, order, alignment, zone; no two overlap")         \
	RULE(FREE_COUNTS, "free-counts", "counters", "nr_free, NR_FREE_PAGES with the CPUs' parts, and their like, against the lists")   \
	RULE(CPU_LISTS, "cpu-lists", "frames", "the CPUs' lists of free pages against their count and the pages' state")                 \
	RULE(FREE_PAGES, "free-pages", "frames", "struct page of free frames: no use, no reference; a free one is on a list")            \
	RULE(AREAS, "areas", "areas", "areas: order, links, gaps, map_count")                                                            \
	RULE(AREA_TOTALS, "area-totals", "counters", "total_vm, data_vm, exec_vm, stack_vm, locked_vm against the areas")                \
	RULE(ENTRIES, "entries", "entries", "page-table entries: each within an area, each to memory that there is")                    \
	RULE(RSS, "rss", "counters", "rss_stat with the CPUs' or tasks' parts against the entries of each kind")                         \
	RULE(PAGE_TABLES, "page-tables", "tables", "page tables: pgtables_bytes (nr_ptes), each in one place, each so marked, none left behind")           \
	RULE(MAPCOUNT, "mapcount", "frames", "_mapcount, and a large folio's own counts, against the entries that map it")              \
	RULE(REFCOUNT, "refcount", "frames", "_refcount against the holders found")                                                     \
	RULE(PAGE_CACHE, "page-cache", "pages", "page cache: each page in its mapping's tree, under its index; nrpages")                 \
	RULE(RMAP, "rmap", "areas", "anon_vma and i_mmap trees against the areas, and the pages that entries map")                      \
	RULE(SWAP, "swap", "slots", "swap slots' users, and their count, against entries and the swap cache")                           \
	RULE(LRU, "lru", "pages", "LRU lists against their lengths, vmstat and the pages' state")                                        \
	RULE(SLAB, "slab", "slabs", "slabs: free lists inside, inuse; a cache's counts of slabs")                                        \
	RULE(COUNTERS, "counters", "counters", "vmstat's counts of pages by use against the frames")                                     \
	RULE(FRAMES, "frames", "frames", "no frame has two uses")

enum audit_rule {
#define RULE(id, ...) AUDIT_##id,
	AUDIT_RULES(RULE)
#undef RULE
	AUDIT_RULE_COUNT
};

/* What a frame is used for. */
#define AUDIT_USES(USE)                                                                                                                 \
	USE(NONE, "not classified")                                                                                                     \
	USE(FREE, "free")                                                                                                               \
	USE(CPU_FREE, "free, on a CPU's list")                                                                                          \
	USE(ANON, "anonymous")                                                                                                          \
	USE(FILE, "page cache")                                                                                                         \
	USE(SHMEM, "shared memory")                                                                                                     \
	USE(SWAP_CACHE, "swap cache, not mapped")                                                                                       \
	USE(HUGETLB, "hugetlb")                                                                                                         \
	USE(SLAB, "slab")                                                                                                               \
	USE(KMALLOC, "large kmalloc")                                                                                                   \
	USE(TABLE, "page tables")                                                                                                       \
	USE(STACK, "kernel stacks")                                                                                                     \
	USE(PERCPU, "per-CPU areas")                                                                                                    \
	USE(MODULE, "modules")                                                                                                          \
	USE(VMALLOC, "vmalloc")                                                                                                         \
	USE(IMAGE, "kernel image")                                                                                                      \
	USE(MEMMAP, "struct pages")                                                                                                     \
	USE(BOOT, "reserved at boot")                                                                                                   \
	USE(FIRMWARE, "firmware, holes")                                                                                                \
	USE(DRIVER, "drivers, balloon, offline")                                                                                        \
	USE(COMPOUND, "compound, of the kernel's")

enum audit_use {
#define USE(id, name) AUDIT_USE_##id,
	AUDIT_USES(USE)
#undef USE
	AUDIT_USE_COUNT
};

const char *audit_rule_name(enum audit_rule rule);
const char *audit_rule_what(enum audit_rule rule);
const char *audit_rule_unit(enum audit_rule rule); /* what `checked` counts */
const char *audit_use_name(enum audit_use use);

enum audit_line_kind {
	AUDIT_FINDING, /* unsound */
	AUDIT_BUSY,    /* would be, but a lock says that it was just being changed */
	AUDIT_NOTE,    /* sound: an excess explained, or left to the reader */
};

struct audit_line {
	enum audit_line_kind kind;
	uint64_t addr; /* the object that it is about; 0: none */
	char text[];
};

struct audit_result {
	uint64_t checked;	     /* objects */
	uint64_t counts[3];	     /* lines of each kind, the ones not kept too */
	struct audit_line **lines;   /* at most options.limit of each kind */
	size_t line_count;
	char *skipped; /* why it was not applied, or NULL */
};

/* What a frame was found to be: asked for with options.pfn. */
struct audit_frame_report {
	bool known; /* it has a struct page */
	uint64_t pfn, page;
	enum audit_use use;
	uint64_t entries;	 /* that map it, huge ones too */
	uint64_t pages;		 /* of its compound page; 1 */
	uint64_t all_entries;	 /* … that map any of it */
	int64_t mapcount;	 /* what it counts itself, huge ones too; -1: it has no such count */
	uint64_t holders;	 /* other references found to it or its compound page */
	int64_t refcount;	 /* of it or its compound page */
};

struct audit_options {
	unsigned limit;	       /* lines of each kind kept for a rule */
	/* Only what concerns one mm, zone or frame is reported; the rules that cannot tell are left out. 0, NULL, false: all. */
	uint64_t mm;	       /* address of mm_struct */
	const char *zone;      /* name */
	bool has_pfn;
	uint64_t pfn;
};

struct audit_report {
	struct audit_result rule[AUDIT_RULE_COUNT];
	uint64_t census[AUDIT_USE_COUNT]; /* frames */
	uint64_t frames;		  /* with a struct page */
	struct audit_frame_report frame;
};

/*
 * Runs all rules. Errors: ERR_INTERRUPTED, ERR_NO_MEMORY, ERR_UNSUPPORTED (no struct pages). What is damaged in the image is a finding, no
 * error. The caller frees the report, on errors too.
 */
struct error *audit_run(struct kernel *k, const struct audit_options *options, struct audit_report *report) MUST_CHECK;
void audit_report_free(struct audit_report *report);
/* Findings of all rules; of AUDIT_FINDING only. */
uint64_t audit_findings(const struct audit_report *report);

#endif
