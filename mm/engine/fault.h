/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside mm/engine/: one fault on its way through memory*.c, huge_memory.c and fault_area.c. */
#ifndef MM_FAULT_H
#define MM_FAULT_H

#include <stdio.h>

#include "mm/engine/engine.h"

struct fault {
	struct engine *e;
	const struct object *mm;
	const struct vma *vma;
	uint64_t addr;
	uint64_t entry_addr, entry; /* entry_addr 0: its table does not exist yet */
	bool write;
	bool retry, tried; /* it is to be taken again, since a file was read; it has been */
	uint64_t prealloc; /* the frame of a page table that is ready for the entry, 0: none */
	enum fault_result result;
};

/* ---- Reporting: free when nobody listens ---- */

static inline void fault_outcome(struct engine *e, enum fault_outcome outcome)
{
	if (__builtin_expect(e->report != NULL, 0) && e->report->count < FAULT_OUTCOMES)
		e->report->outcome[e->report->count++] = outcome;
}

/*
 * What memory alone does not hold, or what this engine does not do: an error (ERR_UNSUPPORTED) of the act; where only an explanation is wanted it is noted, and
 * *explained is true: the caller does nothing more.
 */
struct error *fault_refuse(struct engine *e, bool *explained, const char *format, ...) MUST_CHECK UNLIKELY_CALL __attribute__((format(printf, 3, 4)));
/* An area whose missing pages userfaultfd is told of: the fault ends here, refused. */
struct error *userfaultfd_missing(struct fault *f, bool *done) MUST_CHECK;

/* Why a fault ends badly, for who asked; `why` may be NULL. */
static inline void fault_say(char *why, size_t size, const char *text)
{
	if (__builtin_expect(why && size, 0))
		snprintf(why, size, "%s", text);
}

/* ---- Parts ---- */

/* The task's mm, to be written; *any is false for a kernel thread. */
struct error *open_mm_of(struct engine *e, uint64_t task, struct object *mm, bool *any) MUST_CHECK;
/*
 * do_page_fault() in an mm that is open: the task's, to be written; NULL for a kernel thread. entry_addr: of addr in its lowest table, where that is there already; 0: it may
 * have to be made, or something else stands above.
 */
struct error *fault_in_mm(struct engine *e, uint64_t task, const struct object *mm, uint64_t addr, uint64_t entry_addr, enum fault_access access,
			  enum fault_result *result, char *why, size_t why_size) MUST_CHECK;
/* The frame's bytes, to be written. */
struct error *frame_bytes(struct engine *e, uint64_t phys, void **p) MUST_CHECK;
/* A new frame for a user's page (GFP_HIGHUSER, movable): *page 0 when it was only explained. */
struct error *alloc_user_page(struct fault *f, uint64_t *page) MUST_CHECK;
/* A filled new frame becomes the area's own page: counters, rmap, LRU, entry. */
struct error *map_new_page(struct fault *f, uint64_t page) MUST_CHECK;
struct error *copy_for_write(struct fault *f, const struct page *old) MUST_CHECK;

/* The task has had one fault more. */
static inline MUST_CHECK struct error *count_fault(struct engine *e, uint64_t task, enum fault_result result)
{
	if (result == FAULT_MINOR)
		return kernel_add(e->k, task, M_task_struct_min_flt, 1);
	return result == FAULT_MAJOR ? kernel_add(e->k, task, M_task_struct_maj_flt, 1) : NULL;
}
/* mm/engine/fault_area.c: arch/x86/mm/fault.c where areas are found without a cache; *found false: the fault ends with *result and `why`. */
struct error *fault_find_area(struct engine *e, uint64_t task, const struct object *mm, uint64_t addr, enum fault_access access, struct vma *vma,
			      bool *found, enum fault_result *result, char *why, size_t why_size) MUST_CHECK;
/* mm/engine/huge_memory.c: what is decided above the lowest level of the page table; *done: the fault ends there. Sets f->entry_addr, 0 when there is no table yet. */
struct error *fault_above_pte(struct fault *f, bool *done) MUST_CHECK;
/* Down to `level`: the address of the entry there, 0 when a table above lacks. A leaf on the way ends it: *level is then where it is. */
uint64_t table_descend(struct engine *e, const struct object *mm, uint64_t addr, unsigned *level);
/* The entry of f->addr at that level of the geometry; makes the tables above it that lack; *explained: they would be made. */
struct error *fault_tables(struct fault *f, unsigned level, uint64_t *entry_addr, bool *explained) MUST_CHECK;
/* The same at the lowest level, in f->entry_addr, where it is not there yet. */
struct error *fault_new_pte(struct fault *f, bool *explained) MUST_CHECK;
static inline MUST_CHECK struct error *fault_pte(struct fault *f, bool *explained)
{
	*explained = false;
	return f->entry_addr ? NULL : fault_new_pte(f, explained);
}
/* A table for the entry is made ready, for fault_pte() to use, if there is none and kernels like this one do so before they look for a page; freed if it was not used. */
struct error *fault_prealloc(struct fault *f) MUST_CHECK;
struct error *fault_prealloc_free(struct fault *f) MUST_CHECK;
/* mm/engine/memory_file.c */
struct error *do_fault(struct fault *f) MUST_CHECK;
void shared_page_dirtied(struct fault *f, const struct page *p, bool mkwrite);
struct error *mark_dirty(struct fault *f, uint64_t page) MUST_CHECK;
/* vm_ops->page_mkwrite() (or pfn_mkwrite(), page 0), where it is known what it does; *explained: it is not. */
struct error *ask_file_system(struct fault *f, uint64_t function, uint64_t page, bool *explained) MUST_CHECK;
/* mm/engine/memory_swap.c */
struct error *do_absent_page(struct fault *f) MUST_CHECK;
/* mm/engine/memory_wp.c */
struct error *do_wp_page_modern(struct fault *f) MUST_CHECK;
struct error *do_numa_page(struct fault *f) MUST_CHECK;
/* A hint on the entry at f->entry_addr, which maps 2^shift bytes: mapped again where the page is (`page`, that it is about), if that is this CPU's node. */
struct error *numa_hint(struct fault *f, uint64_t entry, uint64_t page, unsigned shift) MUST_CHECK;

#endif
