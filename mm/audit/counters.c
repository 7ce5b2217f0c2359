/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vmstat's counts of pages by use, of each node, against the frames (mm/vmstat.c).
 */
#include <inttypes.h>

#include "mm/audit/parts.h"

/* A node's counter with what its CPUs have not added yet (pglist_data.vm_stat, per_cpu_nodestat); its zones' before there were such (4.8). */
static bool node_counter(struct audit *a, const struct node *n, const char *name, int64_t *value)
{
	struct kernel *k = a->k;
	const char *at;
	*value = 0;
	for (size_t i = 0; (at = vmstat_name(k, VMSTAT_NODE, i)); i++) {
		const struct member *diff = &k->members[M_per_cpu_nodestat_vm_node_stat_diff];
		uint64_t word, percpu, byte;
		if (strcmp(at, name))
			continue;
		if (error_drop(kernel_read_pointer(k, n->addr + OFFSET(k, pglist_data, vm_stat) + i * k->arch->pointer_size, &word)))
			return false;
		*value = k->arch->pointer_size == 4 ? (int32_t)word : (int64_t)word;
		if (!diff->present || i >= diff->total || error_drop(kernel_get(k, n->addr, M_pglist_data_per_cpu_nodestats, &percpu)))
			return true;
		for (unsigned cpu = 0; percpu && cpu < k->cpus; cpu++)
			if (!error_drop(kernel_read_uint(k, percpu_ptr(k, percpu, cpu) + diff->offset + i, 1, &byte)))
				*value += (int8_t)byte;
		return true;
	}
	for (size_t i = 0; (at = vmstat_name(k, VMSTAT_ZONE, i)); i++) {
		if (strcmp(at, name))
			continue;
		for (size_t z = n->first_zone; z < n->first_zone + n->zone_count; z++)
			*value += zone_vmstat(k, zones_get(k, z), i) + zone_vmstat_unfolded(k, zones_get(k, z), i);
		return true;
	}
	return false;
}

struct comparison {
	const char *names[2]; /* of counters, added up */
	enum audit_sum sums[2];
	bool at_least; /* the counter counts more than can be told from frames */
};

static const struct comparison comparisons[] = {
	{{"NR_INACTIVE_ANON", "NR_ACTIVE_ANON"}, {SUM_LRU, SUM_LRU + 1}, false},
	{{"NR_INACTIVE_FILE", "NR_ACTIVE_FILE"}, {SUM_LRU + 2, SUM_LRU + 3}, false},
	{{"NR_UNEVICTABLE", NULL}, {SUM_LRU + 4, SUM_COUNT}, false},
	{{"NR_ANON_MAPPED", NULL}, {SUM_ANON_MAPPED, SUM_COUNT}, false},
	{{"NR_FILE_MAPPED", NULL}, {SUM_FILE_MAPPED, SUM_COUNT}, false},
	{{"NR_FILE_PAGES", NULL}, {SUM_FILE_PAGES, SUM_SWAPCACHE}, false},
	{{"NR_SWAPCACHE", NULL}, {SUM_SWAPCACHE, SUM_COUNT}, false},
	{{"NR_SHMEM", NULL}, {SUM_SHMEM, SUM_COUNT}, false},
	{{"NR_PAGETABLE", NULL}, {SUM_TABLES, SUM_COUNT}, false},
	{{"NR_ANON_THPS", NULL}, {SUM_ANON_THPS, SUM_COUNT}, false},
	{{"NR_ANON_TRANSPARENT_HUGEPAGES", NULL}, {SUM_ANON_THPS, SUM_COUNT}, false},
	{{"NR_SHMEM_PMDMAPPED", NULL}, {SUM_SHMEM_PMDMAPPED, SUM_COUNT}, false},
	{{"NR_FILE_PMDMAPPED", NULL}, {SUM_FILE_PMDMAPPED, SUM_COUNT}, false},
	{{"NR_SHMEM_THPS", NULL}, {SUM_SHMEM_THPS, SUM_COUNT}, false},
	{{"NR_FILE_THPS", NULL}, {SUM_FILE_THPS, SUM_COUNT}, false},
	/* Large kmalloc is counted with them, and bears no mark until 6.15. */
	{{"NR_SLAB_RECLAIMABLE_B", "NR_SLAB_UNRECLAIMABLE_B"}, {SUM_SLAB, SUM_COUNT}, true},
	{{"NR_SLAB_RECLAIMABLE", "NR_SLAB_UNRECLAIMABLE"}, {SUM_SLAB, SUM_COUNT}, true},
};

static int64_t found_in(const struct audit *a, const struct node *n, enum audit_sum sum)
{
	int64_t found = 0;
	for (size_t z = n->first_zone; sum < SUM_COUNT && z < n->first_zone + n->zone_count; z++)
		found += a->zone_sums[z].sum[sum];
	return found;
}

static void compare(struct audit *a, const struct node *n, const struct comparison *c)
{
	int64_t counted = 0, part;
	for (int i = 0; i < 2 && c->names[i]; i++) {
		if (!node_counter(a, n, c->names[i], &part))
			return;
		counted += part;
	}
	int64_t found = found_in(a, n, c->sums[0]) + found_in(a, n, c->sums[1]);
	audit_checked(a, AUDIT_COUNTERS, 1);
	if (counted == found || (c->at_least && counted > found))
		return;
	audit_find(a, AUDIT_COUNTERS, n->addr, "node %u: %s%s%s is %" PRId64 ", frames found: %" PRId64, n->id, c->names[0], c->names[1] ? " + " : "",
		   c->names[1] ? c->names[1] : "", counted, found);
}

/* Zones count LRU pages once more (NR_ZONE_…, 4.8). */
static void compare_zone(struct audit *a, const struct zone *z)
{
	static const char *const names[] = {"NR_ZONE_INACTIVE_ANON", "NR_ZONE_ACTIVE_ANON", "NR_ZONE_INACTIVE_FILE", "NR_ZONE_ACTIVE_FILE",
					    "NR_ZONE_UNEVICTABLE"};
	int64_t counted[5] = {0};
	int seen = 0;
	const char *at;
	for (size_t i = 0; (at = vmstat_name(a->k, VMSTAT_ZONE, i)); i++)
		for (int n = 0; n < 5; n++)
			if (!strcmp(at, names[n])) {
				counted[n] = zone_vmstat(a->k, z, i) + zone_vmstat_unfolded(a->k, z, i);
				seen++;
			}
	const int64_t *sum = &a->zone_sums[z - zones_get(a->k, 0)].sum[SUM_LRU];
	for (int n = 0; seen == 5 && n < 5; n += 2) {
		int64_t both = counted[n] + (n < 4 ? counted[n + 1] : 0), found = sum[n] + (n < 4 ? sum[n + 1] : 0);
		audit_checked(a, AUDIT_COUNTERS, 1);
		if (both != found)
			audit_find(a, AUDIT_COUNTERS, z->addr, "node %u, zone %s: %s%s%s is %" PRId64 ", frames found: %" PRId64, z->node, z->name, names[n],
				   n < 4 ? " + " : "", n < 4 ? names[n + 1] : "", both, found);
	}
}

struct error *audit_counters(struct audit *a)
{
	for (size_t i = 0; i < zones_count(a->k); i++) {
		a->about_zone = zones_get(a->k, i)->name;
		if (zones_get(a->k, i)->spanned_pages)
			compare_zone(a, zones_get(a->k, i));
	}
	a->about_zone = NULL;
	for (size_t i = 0; i < nodes_count(a->k); i++)
		for (size_t c = 0; c < sizeof(comparisons) / sizeof(comparisons[0]); c++)
			compare(a, nodes_get(a->k, i), &comparisons[c]);
	return NULL;
}
