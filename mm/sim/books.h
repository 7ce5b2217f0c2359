/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The books of a machine: whether what its memory management counts agrees with what can be found.
 * It only reads; the rules are 2.4's own (reserved pages, the zero page among them, are not
 * counted; quicklists hold page tables until they are trimmed; the LRU lists hold no reference).
 */
#ifndef MM_SIM_BOOKS_H
#define MM_SIM_BOOKS_H

#include "mm/engine/engine.h"

/* Frames by what they were found to be. */
struct books {
	uint64_t free, reserved;
	uint64_t user;	 /* mapped by a process, or in the page cache or the swap cache */
	uint64_t tables; /* page tables and directories, those in quicklists too */
	uint64_t slab;
	uint64_t tasks; /* task_struct and kernel stack */
	uint64_t boot;	/* hash tables, swap maps */
	uint64_t mms, areas, cached;
	uint64_t objects; /* in use, in caches that processes take from: open files, files_structs … */
};

/*
 * Checks all of it: free lists against bitmaps and zones, each frame's count against the references
 * to it, rss and total_vm, each area's place in list and tree, swap maps, LRU lists, page cache,
 * slabs, and that no area and no mm is in use that no process has. ERR_BAD_OBJECT says what was first found wrong.
 */
struct error *books_check(struct engine *e, struct books *out) MUST_CHECK;

#endif
