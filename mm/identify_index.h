/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/: what identify() looks up, found once per image. mm/identify.h is for everybody.
 */
#ifndef MM_IDENTIFY_INDEX_H
#define MM_IDENTIFY_INDEX_H

#include "mm/identify.h"

struct identify_index {
	struct identity_area *areas; /* of the vmalloc space, by address */
	size_t area_count, area_room;
	struct identity_owner {
		uint64_t addr;
		const struct task *task;
		const char *what;
	} *owners; /* objects that tasks point to, by address; of several tasks the first */
	size_t owner_count, owner_room;
	struct identity_table {
		uint64_t pfn, mm, base;
		unsigned level;
	} *tables; /* page tables, by frame */
	size_t table_count, table_room;
};

/* NULL without memory, or interrupted. */
const struct identify_index *identify_index(struct kernel *k);
const struct identity_area *identify_area(const struct identify_index *i, uint64_t addr);
const struct identity_owner *identify_owner(const struct identify_index *i, uint64_t addr);
const struct identity_table *identify_table(const struct identify_index *i, uint64_t pfn);

#endif
