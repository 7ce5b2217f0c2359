/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the books: what their files share.
 */
#ifndef MM_SIM_BOOKS_PARTS_H
#define MM_SIM_BOOKS_PARTS_H

#include "mm/sim/books.h"

enum frame_owner {
	OWNER_NONE,
	OWNER_FREE,
	OWNER_USER,
	OWNER_TABLE,
	OWNER_SLAB,
	OWNER_TASK,
	OWNER_BOOT
};

struct frame {
	int32_t references; /* found */
	uint8_t owner;
	uint8_t head; /* 1 + order, of a free block's first frame */
	bool on_lru;
};

struct check {
	struct engine *e;
	struct kernel *k;
	struct frame *frames; /* by pfn */
	uint32_t *swap; /* references found, by slot of the first swap area; NULL without one */
	uint64_t swap_slots;
	uint64_t vmas_in_use, mms_in_use; /* objects of their slab caches */
	struct books books;
};

#define WRONG(...) error_new(ERR_BAD_OBJECT, __VA_ARGS__)

/* The frames of a block of 2^order that somebody has to himself, with one reference to the first;
 * by direct-map address. */
struct error *books_claim(struct check *c, uint64_t addr, unsigned order,
			  enum frame_owner owner) MUST_CHECK;
/* One reference to a user's page. Reserved ones are not counted. */
struct error *books_refer(struct check *c, uint64_t pfn, bool *counted) MUST_CHECK;
struct error *books_refer_swap(struct check *c, uint64_t entry) MUST_CHECK;
/* The address of a page's flag word and such: the page of a frame, opened. */
struct error *books_page(struct check *c, uint64_t pfn, struct page *p) MUST_CHECK;

struct error *books_processes(struct check *c) MUST_CHECK; /* books_mm.c */
struct error *
books_cache(struct check *c) MUST_CHECK; /* books_cache.c: page cache, LRU lists, swap maps */
struct error *books_slabs(struct check *c) MUST_CHECK;

#endif
