/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <bpf/btf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mm/state.h"
#include "mm/zone.h"
#include "mm/zone_table.h"

/* CONFIG_NODES_SHIFT is at most 10 on x86 (arch/x86/Kconfig). */
#define NODES_MAX 1024
/* MAX_NR_ZONES: DMA, DMA32, NORMAL, HIGHMEM, MOVABLE, DEVICE at most. */
#define ZONES_MAX 8

static struct error *add_zone(struct kernel *k, struct node_table *t, const struct node *n,
			      unsigned index, uint64_t addr)
{
	struct zone *z = &t->zones[t->zone_count];
	struct object o;
	TRY(object_open(k, addr, S_zone, &o));
	*z = (struct zone){
		.addr = addr,
		.node = n->id,
		.index = index,
		.start_pfn = GET(k, &o, zone, zone_start_pfn),
		.spanned_pages = GET(k, &o, zone, spanned_pages),
		.present_pages = GET(k, &o, zone, present_pages),
		.managed_pages = GET(k, &o, zone, managed_pages),
		.object = o,
	};
	if (HAS(k, zone, watermark)) {
		uint64_t boost = GET(k, &o, zone, watermark_boost);
		z->min = object_get_element(k, &o, M_zone_watermark, 0) + boost;
		z->low = object_get_element(k, &o, M_zone_watermark, 1) + boost;
		z->high = object_get_element(k, &o, M_zone_watermark, 2) + boost;
	} else {
		z->min = GET(k, &o, zone, pages_min);
		z->low = GET(k, &o, zone, pages_low);
		z->high = GET(k, &o, zone, pages_high);
	}
	if (error_drop(kernel_read_string(k, GET(k, &o, zone, name), z->name, sizeof(z->name))))
		snprintf(z->name, sizeof(z->name), "zone%u", index);
	/* Spans are used as bounds of loops. */
	uint64_t frames = phys_to_pfn(k, vmcore_max_phys(k->vmcore)),
		 end = z->start_pfn + z->spanned_pages;
	if (end < z->start_pfn || (z->spanned_pages > frames && !pfn_to_page(k, end - 1, &addr)))
		return error_at(ERR_BAD_OBJECT, z->addr,
				"zone is damaged: %s spans %" PRIu64 " pages", z->name,
				z->spanned_pages);
	t->zone_count++;
	return NULL;
}

static struct error *add_node(struct kernel *k, struct node_table *t, unsigned id, uint64_t addr)
{
	struct object o;
	const struct member *zones = &k->members[M_pglist_data_node_zones];
	uint32_t zone_size = SIZE_OF(k, zone);
	TRY(object_open(k, addr, S_pglist_data, &o));
	struct node *n = &t->nodes[t->node_count];
	*n = (struct node){
		.id = id,
		.addr = addr,
		.start_pfn = GET(k, &o, pglist_data, node_start_pfn),
		.spanned_pages = GET(k, &o, pglist_data, node_spanned_pages),
		.present_pages = GET(k, &o, pglist_data, node_present_pages),
		.first_zone = t->zone_count,
		.zone_count = zone_size ? zones->total / zone_size : 0,
	};
	if (n->zone_count > ZONES_MAX)
		n->zone_count = ZONES_MAX;
	for (unsigned i = 0; i < n->zone_count; i++)
		TRY(add_zone(k, t, n, i, addr + zones->offset + (uint64_t)i * zone_size));
	t->node_count++;
	return NULL;
}

/* node_data[] holds a pglist_data per possible node, NULL for those that are not there
 * (arch/x86/mm/numa.c). */
static size_t node_addresses(struct kernel *k, uint64_t *addrs)
{
	struct symbol s;
	size_t count = 0;
	if (!symbol_find(k, "node_data", &s)) {
		addrs[0] = symbol_addr(k, "contig_page_data");
		return addrs[0] ? 1 : 0;
	}
	for (size_t i = 0; i < NODES_MAX; i++) {
		uint64_t at = s.addr + i * k->arch->pointer_size, node, id;
		struct symbol owner;
		uint64_t offset;
		/* The array ends where the next symbol starts. */
		if (!symbol_at(k, at, &owner, &offset) || owner.addr != s.addr)
			break;
		if (error_drop(kernel_read_pointer(k, at, &node)))
			break;
		addrs[i] = 0;
		if (node && !error_drop(kernel_get(k, node, M_pglist_data_node_id, &id)) && id == i)
			addrs[i] = node;
		if (addrs[i])
			count = i + 1;
	}
	return count;
}

static bool zones_overlap(const struct node_table *t)
{
	for (size_t i = 0; i < t->zone_count; i++)
		for (size_t j = 0; j < t->zone_count; j++)
			if (i != j && t->zones[i].start_pfn - t->zones[j].start_pfn < t->zones[j].spanned_pages)
				return true;
	return false;
}

static struct error *open_nodes(struct kernel *k, struct node_table *t)
{
	uint64_t addrs[NODES_MAX];
	size_t count = node_addresses(k, addrs);
	if (!count)
		return error_new(ERR_UNSUPPORTED,
				 "no memory node found: neither node_data nor contig_page_data");
	t->nodes = calloc(count, sizeof(*t->nodes));
	t->zones = calloc(count * ZONES_MAX, sizeof(*t->zones));
	if (!t->nodes || !t->zones)
		return error_new(ERR_NO_MEMORY, "out of memory");
	for (unsigned i = 0; i < count; i++)
		if (addrs[i])
			TRY(add_node(k, t, i, addrs[i]));
	t->overlap = zones_overlap(t);
	const struct member *areas = &k->members[M_zone_free_area];
	const struct member *lists = &k->members[M_free_area_free_list];
	uint32_t head = SIZE_OF(k, list_head);
	uint32_t area = SIZE_OF(k, free_area);
	t->orders = area ? areas->total / area : 0;
	t->types = head ? lists->total / head : 0;
	if (!t->orders || t->orders > 64 || !t->types || t->types > 32)
		return error_new(ERR_UNSUPPORTED, "zone.free_area has a form that is not known");
	return NULL;
}

struct error *nodes_open(struct kernel *k)
{
	struct mm_state *state = mm_state(k);
	if (state->nodes)
		return NULL;
	TRY(pages_open(k));
	TRY(members_require(k, "zones", M_pglist_data_node_id, M_pglist_data_node_zones, M_zone_free_area,
			    M_zone_zone_start_pfn, M_free_area_free_list, M_list_head_next,
			    MEMBER_NONE));
	struct node_table *t = calloc(1, sizeof(*t));
	if (!t)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *e = open_nodes(k, t);
	if (e) {
		node_table_free(t);
		return e;
	}
	state->nodes = t;
	return NULL;
}

void node_table_free(struct node_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < sizeof(t->migratetype) / sizeof(t->migratetype[0]); i++)
		free(t->migratetype[i]);
	free(t->pageblock);
	free(t->nodes);
	free(t->zones);
	free(t);
}

size_t nodes_count(struct kernel *k)
{
	return k->mm->nodes->node_count;
}

const struct node *nodes_get(struct kernel *k, size_t index)
{
	return index < k->mm->nodes->node_count ? &k->mm->nodes->nodes[index] : NULL;
}

size_t zones_count(struct kernel *k)
{
	return k->mm->nodes->zone_count;
}

const struct zone *zones_get(struct kernel *k, size_t index)
{
	return index < k->mm->nodes->zone_count ? &k->mm->nodes->zones[index] : NULL;
}

const struct zone *zone_of_pfn(struct kernel *k, uint64_t pfn)
{
	/* Spans of zones of two nodes may overlap: the smaller one is the one inside the other. */
	struct node_table *t = k->mm->nodes;
	const struct zone *best = NULL;
	if (t->last && !t->overlap && pfn - t->last->start_pfn < t->last->spanned_pages)
		return t->last;
	for (size_t i = 0; i < t->zone_count; i++) {
		const struct zone *z = &t->zones[i];
		if (pfn - z->start_pfn >= z->spanned_pages)
			continue;
		if (!best || z->spanned_pages < best->spanned_pages)
			best = z;
	}
	t->last = best;
	return best;
}

/* ---- Counters ---- */

/*
 * The enumerators of a group by value. Where two share one, the later is the counter's: NR_ZONE_LRU_BASE stands before NR_ZONE_INACTIVE_ANON.
 */
static void read_stat_names(struct kernel *k, enum vmstat_group group, const char **names)
{
	struct type t = type_find(k, TYPE_ENUM, group == VMSTAT_ZONE ? "zone_stat_item" : "node_stat_item");
	const struct btf_type *e = type_valid(t) ? btf__type_by_id(t.btf, t.id) : NULL;
	for (size_t i = 0; e && btf_is_enum(e) && i < btf_vlen(e); i++) {
		const char *name = btf__name_by_offset(t.btf, btf_enum(e)[i].name_off);
		int64_t value = btf_enum(e)[i].val;
		/* The last one counts the others. */
		if (!name || value < 0 || value >= VMSTAT_MAX || !strncmp(name, "NR_VM_", 6))
			continue;
		names[value] = name;
	}
}

const char *vmstat_name(struct kernel *k, enum vmstat_group group, size_t index)
{
	struct node_table *t = k->mm->nodes;
	if (!t->has_stat_names) {
		read_stat_names(k, VMSTAT_ZONE, t->stat_names[VMSTAT_ZONE]);
		read_stat_names(k, VMSTAT_NODE, t->stat_names[VMSTAT_NODE]);
		t->has_stat_names = true;
	}
	return index < VMSTAT_MAX ? t->stat_names[group][index] : NULL;
}

static bool vmstat_at(struct kernel *k, const char *array, int64_t index, int64_t *value)
{
	uint64_t addr = symbol_addr(k, array), word;
	if (!addr || error_drop(kernel_read_pointer(
			     k, addr + (uint64_t)index * k->arch->pointer_size, &word)))
		return false;
	int64_t v = k->arch->pointer_size == 4 ? (int32_t)word : (int64_t)word;
	*value = v < 0 ? 0 : v;
	return true;
}

bool vmstat_global(struct kernel *k, const char *name, int64_t *value)
{
	static const char *const arrays[] = {"vm_zone_stat", "vm_node_stat"};
	for (int group = VMSTAT_ZONE; group <= VMSTAT_NODE; group++) {
		for (size_t i = 0; i < VMSTAT_MAX; i++) {
			const char *at = vmstat_name(k, (enum vmstat_group)group, i);
			if (!at)
				break;
			if (strcmp(at, name))
				continue;
			/* One array for all until 4.8. */
			return vmstat_at(k, arrays[group], (int64_t)i, value) ||
			       vmstat_at(k, "vm_stat", (int64_t)i, value);
		}
	}
	return false;
}

int64_t zone_vmstat(struct kernel *k, const struct zone *z, size_t index)
{
	uint64_t word;
	uint64_t at = z->addr + OFFSET(k, zone, vm_stat) + index * k->arch->pointer_size;
	if (!HAS(k, zone, vm_stat) || error_drop(kernel_read_pointer(k, at, &word)))
		return 0;
	int64_t v = k->arch->pointer_size == 4 ? (int32_t)word : (int64_t)word;
	return v < 0 ? 0 : v;
}

int64_t zone_vmstat_unfolded(struct kernel *k, const struct zone *z, size_t index)
{
	const struct member *diff = &k->members[M_per_cpu_zonestat_vm_stat_diff];
	uint64_t percpu, byte;
	int64_t sum = 0;
	/* s8 each; until 2.6.33 (pageset was an array of pointers then), a CPU's own part is left out. */
	if (!HAS(k, zone, per_cpu_zonestats) || k->members[M_zone_per_cpu_zonestats].count != 1 ||
	    !diff->present || index >= diff->total)
		return 0;
	percpu = GET(k, &z->object, zone, per_cpu_zonestats);
	for (unsigned cpu = 0; percpu && cpu < k->cpus; cpu++)
		if (!error_drop(kernel_read_uint(k, percpu_ptr(k, percpu, cpu) + diff->offset + index,
						 1, &byte)))
			sum += (int8_t)byte;
	return sum;
}

/* Each CPU counts for itself, and the sum is the counter; of 5.14 on numa_stat_item's are counted so too (vm_numa_event). */
int64_t vmstat_event(struct kernel *k, uint64_t percpu, int64_t index)
{
	uint64_t sum = 0, word;
	for (unsigned cpu = 0; cpu < k->cpus; cpu++)
		if (!error_drop(kernel_read_pointer(k, percpu_addr(k, percpu, cpu) + (uint64_t)index * k->arch->pointer_size, &word)))
			sum += word;
	return (int64_t)sum;
}

bool vmstat_of(struct kernel *k, enum vmstat_group group, size_t index, int64_t *value)
{
	static const char *const arrays[] = {"vm_zone_stat", "vm_node_stat"};
	return vmstat_at(k, arrays[group], (int64_t)index, value) || vmstat_at(k, "vm_stat", (int64_t)index, value);
}
