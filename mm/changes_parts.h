/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside mm/: what the files that find changes share. */
#ifndef MM_CHANGES_PARTS_H
#define MM_CHANGES_PARTS_H

#include "mm/changes.h"

struct changed_page {
	uint64_t phys;
	const unsigned char *before;
};

struct changes {
	struct kernel *k;
	const struct changes_options *options;
	change_visitor *visit;
	void *context;
	struct changed_page *pages; /* ascending */
	size_t count, room;
	struct owners *owners; /* mm/changes_owners.c */
};

/* Bytes at a physical address, as they were; false when they cannot be had. The second: as they are. */
bool changes_before(const struct changes *c, uint64_t phys, void *buffer, size_t len);
bool changes_now(const struct changes *c, uint64_t phys, void *buffer, size_t len);

/* The members of a struct or union of that type that differ, one visit each; `like` has object, addr and owner. mm/changes_struct.c */
void changes_of_struct(const struct changes *c, struct type type, const unsigned char *before, const unsigned char *now, const struct change *like);

/* The slots of swap areas whose counts are in that frame (mm/changes_swap.c); false when none's are. */
bool changes_of_swap_map(const struct changes *c, uint64_t phys);

/* ---- Whose page tables, areas and mms (mm/changes_owners.c) ---- */

/* Finds them all; freed by owners_free(). */
struct error *owners_find(struct kernel *k, struct owners **out) MUST_CHECK;
void owners_free(struct owners *o);
/* The page table at that frame: which part of the address space its first entry maps, how much each maps, whose. False: it is none that is in use. */
bool owners_table(const struct owners *o, uint64_t phys, uint64_t *first, unsigned *shift, const char **who);
/* Whose mm_struct; NULL: nobody's. */
const char *owners_mm(const struct owners *o, uint64_t mm);

#endif
