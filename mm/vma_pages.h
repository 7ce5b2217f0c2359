/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A range of a user address space in pieces that its page tables make: whole tables of page
 * entries, huge pages, holes. Made for passes over millions of pages: what one piece costs is
 * shared by its pages.
 */
#ifndef MM_VMA_PAGES_H
#define MM_VMA_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"

enum piece_kind {
	PIECE_ENTRIES, /* one entry a page, at `entries` */
	PIECE_HUGE,    /* part of one huge page: `entry` is its leaf, `phys` that of `start` */
	PIECE_ABSENT,  /* under one entry above the last level that is neither empty nor present: a
			  migrating huge page … */
	PIECE_EMPTY,   /* nothing mapped */
	PIECE_UNREADABLE, /* the table is not in the image: the piece is what it would cover */
};

struct piece {
	uint64_t start, end; /* virtual addresses, page-aligned */
	enum piece_kind kind;
	unsigned level;		      /* of the entry in geometry.level[] */
	const unsigned char *entries; /* may be unaligned: read with piece_entry() */
	uint64_t entry;
	uint64_t entry_addr; /* physical, of the (first) entry */
	uint64_t phys; /* PIECE_HUGE; PIECE_UNREADABLE: of the table's entry that cannot be read */
};

struct piece_walk {
	struct kernel *k;
	uint64_t pgd, at, end;
};

/* `pgd`: physical address of the topmost table. start and end are page-aligned. */
void piece_walk_begin(struct piece_walk *w, struct kernel *k, uint64_t pgd, uint64_t start,
		      uint64_t end);
/* The next piece, ascending and without gaps; false past the last. */
bool piece_walk_next(struct piece_walk *w, struct piece *out);

/* Entry i of a PIECE_ENTRIES. */
static inline uint64_t piece_entry(const struct kernel *k, const struct piece *p, uint64_t i)
{
	return load_uint(p->entries + i * k->geometry.entry_size, k->geometry.entry_size);
}

#endif
