/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who has the machine's memory: processes, files in the page cache, slab caches, callers of vmalloc(). Each list is sorted, the largest first, and its
 * entries add up. What each frame is used for is the audit's census (mm/audit/audit.h).
 */
#ifndef MM_USAGE_H
#define MM_USAGE_H

#include "mm/task.h"

/* Processes: all that have an mm of their own; those that share one are one. In bytes. */
struct usage_process {
	const struct task *task; /* the mm's first: a leader where one is left */
	uint64_t rss, pss, swap, tables; /* pss: each page divided among those that map it; tables: the page tables' own pages */
	bool damaged; /* its areas or tables could not be read to the end */
};
struct usage_processes {
	struct usage_process *list; /* by pss */
	size_t count;
	struct usage_process total;
};
struct error *usage_processes(struct kernel *k, struct usage_processes *out) MUST_CHECK;

/* Files: what the page cache has of each, shared memory too. In pages. */
struct usage_file {
	uint64_t mapping, inode; /* address_space and its host; 0 where that cannot be read */
	uint64_t pages, mapped;	 /* in the cache; of those mapped by a process */
};
struct usage_files {
	struct usage_file *list; /* by pages */
	size_t count;
	uint64_t pages, mapped; /* of all */
};
struct error *usage_files(struct kernel *k, struct usage_files *out) MUST_CHECK;

/* Slab caches. */
struct usage_cache {
	uint64_t cache; /* kmem_cache */
	char name[64];
	uint64_t slabs, pages;	   /* all slabs that there are, by their struct pages */
	uint64_t objects, inuse;   /* in those slabs; 0 where it is not known: inuse counts what CPUs keep free */
	uint32_t object_size;	   /* bytes from one object to the next */
};
struct usage_caches {
	struct usage_cache *list; /* by pages */
	size_t count;
	uint64_t slabs, pages;
};
struct error *usage_caches(struct kernel *k, struct usage_caches *out) MUST_CHECK;

/* Callers of vmalloc() and its like. */
struct usage_caller {
	uint64_t caller; /* an address within the function; 0: not known */
	char name[128];	 /* the function's */
	uint64_t areas, pages; /* pages allocated for them; what areas map from elsewhere (ioremap(), vmap()) counts 0 */
	uint64_t bytes;	       /* of address space */
};
struct usage_callers {
	struct usage_caller *list; /* by pages, then bytes */
	size_t count;
	uint64_t areas, pages, bytes;
};
struct error *usage_callers(struct kernel *k, struct usage_callers *out) MUST_CHECK;

/* The lists are the caller's: free(x.list), after an error too. Errors: as pages_open(), tasks_count(), vmalloc_for_each(); ERR_INTERRUPTED,
 * ERR_NO_MEMORY. */

#endif
