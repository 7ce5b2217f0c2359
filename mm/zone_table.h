/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/: what nodes_open() finds out once per image. mm/zone.h is for everybody.
 */
#ifndef MM_ZONE_TABLE_H
#define MM_ZONE_TABLE_H

#include "mm/zone.h"

struct node_table {
	struct node *nodes;
	struct zone *zones;
	size_t node_count, zone_count;
	bool overlap;		 /* two zones do */
	const struct zone *last; /* that zone_of_pfn() found */
	unsigned orders, types; /* of the free lists */
	/* Names of the vmstat counters, NULL past the last; read when first asked for. */
#define VMSTAT_MAX 256
	const char *stat_names[2][VMSTAT_MAX];
	bool has_stat_names;
	char *migratetype[32];	/* names, read when first asked for */
	struct pageblock_facts *pageblock; /* mm/pageblock.c, likewise */
};

#endif
