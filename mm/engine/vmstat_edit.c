/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counters, changed as one CPU does (mm/vmstat.c): a small difference of its own, folded into the zone's or node's counter and the machine's when it grows over the
 * threshold. And the pages that a process has, by kind (include/linux/mm.h: add_mm_counter()).
 */
#include <stdlib.h>

#include "mm/engine/near.h"
#include "mm/zone.h"

static int64_t signed_byte(uint64_t v)
{
	return (int8_t)v;
}

/* counters[index] += delta, of atomic_long_t. */
static void add_long(struct engine *e, uint64_t counters, int index, int64_t delta)
{
	struct kernel *k = e->k;
	uint64_t at = counters + (uint64_t)index * k->arch->pointer_size, v;
	if (counters && !error_drop(kernel_read_pointer(k, at, &v)))
		error_drop(kernel_write_pointer(k, at, v + (uint64_t)delta));
}

/* `own` is the address of this CPU's difference (one byte), `threshold` that of its threshold; `counters` are the zone's or node's, `all` the machine's. */
static void mod_state(struct engine *e, uint64_t own, uint64_t threshold, uint64_t counters, uint64_t all, int index, int delta)
{
	struct kernel *k = e->k;
	uint64_t v, limit;
	if (error_drop(kernel_read_uint(k, own, 1, &v)) || error_drop(kernel_read_uint(k, threshold, 1, &limit)))
		return;
	int64_t sum = signed_byte(v) + delta;
	if (llabs(sum) > signed_byte(limit)) {
		add_long(e, counters, index, sum);
		add_long(e, all, index, sum);
		sum = 0;
	}
	error_drop(kernel_write_uint(k, own, 1, (uint64_t)sum));
}

void mod_zone_state(struct engine *e, uint64_t zone, struct stat_item item, int delta)
{
	struct kernel *k = e->k;
	uint64_t percpu;
	if (item.group != VMSTAT_ZONE || error_drop(kernel_get(k, zone, M_zone_per_cpu_zonestats, &percpu)))
		return;
	percpu = percpu_ptr(k, percpu, e->cpu);
	mod_state(e, percpu + OFFSET(k, per_cpu_zonestat, vm_stat_diff) + (uint64_t)item.index, percpu + OFFSET(k, per_cpu_zonestat, stat_threshold),
		  zone + OFFSET(k, zone, vm_stat), e->modern->vm_zone_stat, item.index, delta);
}

void mod_node_state(struct engine *e, uint64_t pgdat, struct stat_item item, int delta)
{
	struct kernel *k = e->k;
	uint64_t percpu;
	if (item.group != VMSTAT_NODE || error_drop(kernel_get(k, pgdat, M_pglist_data_per_cpu_nodestats, &percpu)))
		return;
	percpu = percpu_ptr(k, percpu, e->cpu);
	mod_state(e, percpu + OFFSET(k, per_cpu_nodestat, vm_node_stat_diff) + (uint64_t)item.index,
		  percpu + OFFSET(k, per_cpu_nodestat, stat_threshold), pgdat + OFFSET(k, pglist_data, vm_stat), e->modern->vm_node_stat, item.index, delta);
}

uint64_t zone_of_page(struct engine *e, uint64_t page)
{
	const struct zone *z = zone_of_pfn(e->k, engine_page_pfn(e, page));
	return z ? z->addr : 0;
}

/* Where all of it is near, mod_zone_state() and mod_node_state() in one. */
static bool mod_near_state(struct engine *e, uint64_t page, struct stat_item item, int delta)
{
	const struct near_zone *z = near_zone_of_page(e, page);
	if (!z || !near_counts(z, item))
		return false;
	near_count(&z->counters[item.group], (unsigned)item.index, delta);
	return true;
}

void mod_page_state(struct engine *e, uint64_t page, struct stat_item item, int delta)
{
	if (mod_near_state(e, page, item, delta))
		return;
	uint64_t zone = zone_of_page(e, page), pgdat;
	if (item.group == VMSTAT_ZONE && zone)
		mod_zone_state(e, zone, item, delta);
	else if (zone && !error_drop(kernel_get(e->k, zone, M_zone_zone_pgdat, &pgdat)))
		mod_node_state(e, pgdat, item, delta);
}

void count_mthp_stat(struct engine *e, unsigned order, const char *item, int delta)
{
	struct kernel *k = e->k;
	int64_t index, items;
	uint64_t stats = symbol_addr(k, "mthp_stats"), at, v;
	if (!stats || !enumerator_find(k, item, &index) || !enumerator_find(k, "__MTHP_STAT_COUNT", &items) || index < 0 || index >= items || items > 256 || order > 16)
		return;
	at = percpu_addr(k, stats, e->cpu) + (order * (uint64_t)items + (uint64_t)index) * k->arch->pointer_size;
	if (!error_drop(kernel_read_pointer(k, at, &v)))
		error_drop(kernel_write_pointer(k, at, v + (uint64_t)(int64_t)delta));
}

/* ---- Pages of a process ---- */

struct error *percpu_counter_add_batch(struct engine *e, uint64_t counter, int64_t n, int64_t batch)
{
	struct kernel *k = e->k;
	uint64_t counters, own, at;
	struct object o;
	TRY(object_open_writable(k, counter, S_percpu_counter, &o));
	counters = GET(k, &o, percpu_counter, counters);
	/* Kernels for one CPU have only the sum. */
	if (!counters) {
		ADD(k, &o, percpu_counter, count, n);
		return NULL;
	}
	at = percpu_ptr(k, counters, e->cpu);
	TRY(kernel_read_uint(k, at, 4, &own));
	n += (int32_t)own;
	if (llabs(n) >= batch) {
		ADD(k, &o, percpu_counter, count, n);
		n = 0;
	}
	return kernel_write_uint(k, at, 4, (uint64_t)n);
}

static struct error *add_percpu_counter(struct engine *e, uint64_t counter, int n)
{
	uint64_t batch;
	if (!symbol_addr(e->k, "percpu_counter_batch") || error_drop(kernel_read_symbol(e->k, "percpu_counter_batch", 4, &batch)))
		batch = 32;
	return percpu_counter_add_batch(e, counter, n, (int64_t)batch);
}

/* Element `member` of an array of longs or ints at `array`. */
static struct error *add_element(struct engine *e, uint64_t array, const struct member *m, int member, int n)
{
	if ((unsigned)member >= m->count || (m->stride != 4 && m->stride != 8))
		return error_new(ERR_UNSUPPORTED, "the process's counts of pages have a form that is not known");
	return kernel_add_uint(e->k, array + (uint64_t)member * m->stride, m->stride, n);
}

struct error *add_mm_counter(struct engine *e, const struct object *mm, int member, int n, bool fast)
{
	struct kernel *k = e->k;
	const struct member *percpu = &k->members[M_mm_struct_rss_stat], *array = &k->members[M_mm_struct_rss_count];
	uint64_t task_mm;
	if (e->modern->percpu_rss) {
		if ((unsigned)member >= percpu->count)
			return error_new(ERR_UNSUPPORTED, "the process's counts of pages have a form that is not known");
		return add_percpu_counter(e, mm->addr + percpu->offset + (uint64_t)member * percpu->stride, n);
	}
	if (fast && e->modern->split_rss && e->task) {
		const struct member *own = &k->members[M_task_struct_rss_stat];
		TRY(kernel_get(k, e->task, M_task_struct_mm, &task_mm));
		if (task_mm == mm->addr)
			return add_element(e, e->task + own->offset, own, member, n);
	}
	if (array->present)
		return add_element(e, mm->addr + array->offset, array, member, n);
	return error_new(ERR_UNSUPPORTED, "the process's counts of pages have a form that is not known");
}

struct error *sync_mm_rss(struct engine *e, const struct object *t, const struct object *mm)
{
	struct kernel *k = e->k;
	const struct member *m = &k->members[M_task_struct_rss_stat];
	if (!e->modern->split_rss)
		return NULL;
	for (unsigned i = 0; i < m->count; i++) {
		int32_t n = (int32_t)object_get_element(k, t, M_task_struct_rss_stat, i);
		if (n)
			TRY(add_mm_counter(e, mm, (int)i, n, false));
		object_set_element(k, t, M_task_struct_rss_stat, i, 0);
	}
	SET(k, t, task_struct, rss_events, 0);
	return NULL;
}

struct error *check_sync_rss_stat(struct engine *e, uint64_t task, const struct object *mm)
{
	struct kernel *k = e->k;
	const uint64_t at = task + OFFSET(k, task_struct, rss_events);
	struct object t;
	uint64_t events;
	TRY(kernel_read_uint(k, at, 4, &events));
	TRY(kernel_write_uint(k, at, 4, events + 1));
	if (__builtin_expect((int32_t)events <= TASK_RSS_EVENTS_THRESH, 1))
		return NULL;
	TRY(object_open_writable(k, task, S_task_struct, &t));
	return sync_mm_rss(e, &t, mm);
}
