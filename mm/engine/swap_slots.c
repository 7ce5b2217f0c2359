/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slots of swap areas whose swap_map counts in bytes (mm/swapfile.c, mm/swap_slots.c), taken and given back. From 4.11 to 6.13 each CPU keeps some of both kinds, 64 at
 * most, where enough are free. Where a kernel has no such caches, or an image none that is known, slots go to and fro by themselves.
 */
#include <inttypes.h>

#include "mm/engine/swap_slots.h"
#include "mm/swap.h"

#define SLOTS_CACHE 64u /* SWAP_SLOTS_CACHE_SIZE, SWAP_BATCH: include/linux/swap_slots.h, swap.h */

struct error *swap_slots_open(struct engine *e, unsigned type, struct swap_slots *a)
{
	struct swap_area s;
	if (!swap_area_get(e->k, type, &s) || !s.swap_map)
		return error_new(ERR_BAD_OBJECT, "no such swap area: %u", type);
	TRY(object_open_writable(e->k, s.addr, S_swap_info_struct, &a->o));
	a->type = type;
	a->map = s.swap_map;
	a->max = s.max;
	return NULL;
}

struct error *swap_slot_byte(struct engine *e, const struct swap_slots *a, uint64_t offset, uint64_t *byte)
{
	if (!offset || offset >= a->max)
		return error_new(ERR_BAD_OBJECT, "no such swap slot: %" PRIu64, offset);
	return kernel_read_uint(e->k, a->map + offset, 1, byte);
}

struct error *swap_slot_set(struct engine *e, const struct swap_slots *a, uint64_t offset, uint64_t byte)
{
	return kernel_write_uint(e->k, a->map + offset, 1, byte);
}

/* A long of the machine, by its symbol: *symbol += delta. Nothing where there is none. */
static struct error *add_to_symbol(struct engine *e, const char *symbol, int64_t delta)
{
	uint64_t at = symbol_addr(e->k, symbol), v, word = e->k->arch->pointer_size;
	if (!at)
		return NULL;
	TRY(kernel_read_uint(e->k, at, (unsigned)word, &v));
	return kernel_write_uint(e->k, at, (unsigned)word, v + (uint64_t)delta);
}

/* ---- Areas that rotate ---- */

/* Where a whole cluster is free, from the lowest slot on; false: nowhere. */
static struct error *find_cluster(struct engine *e, const struct swap_slots *a, uint64_t *first)
{
	uint64_t lowest = GET(e->k, &a->o, swap_info_struct, lowest_bit), highest = GET(e->k, &a->o, swap_info_struct, highest_bit), run = 0, byte;
	*first = 0;
	for (uint64_t at = lowest; at <= highest && at < a->max; at++) {
		TRY(swap_slot_byte(e, a, at, &byte));
		run = byte ? 0 : run + 1;
		if (run == swap_cluster_size(e)) {
			*first = at + 1 - run;
			return NULL;
		}
	}
	return NULL;
}

/* The first free slot in [from, to]; 0: none. */
static struct error *find_free(struct engine *e, const struct swap_slots *a, uint64_t from, uint64_t to, uint64_t *offset)
{
	uint64_t byte;
	*offset = 0;
	for (uint64_t at = from; at && at <= to && at < a->max; at++) {
		TRY(swap_slot_byte(e, a, at, &byte));
		if (!byte) {
			*offset = at;
			return NULL;
		}
	}
	return NULL;
}

/* scan_swap_map(), scan_swap_map_slots(): on in the current cluster, else in one that is free, else anywhere. *offset 0: the area is full. */
static struct error *scan_swap_map(struct engine *e, const struct swap_slots *a, uint64_t *offset)
{
	struct kernel *k = e->k;
	uint64_t base = GET(k, &a->o, swap_info_struct, cluster_next), left = GET(k, &a->o, swap_info_struct, cluster_nr), first;
	uint64_t lowest = GET(k, &a->o, swap_info_struct, lowest_bit), highest = GET(k, &a->o, swap_info_struct, highest_bit);
	uint64_t free = GET(k, &a->o, swap_info_struct, pages) - GET(k, &a->o, swap_info_struct, inuse_pages);
	*offset = 0;
	if (!left) {
		left = swap_cluster_size(e);
		if (free >= left) {
			TRY(find_cluster(e, a, &first));
			base = first ? first : lowest;
		}
	}
	SET(k, &a->o, swap_info_struct, cluster_nr, left - 1);
	if (!highest)
		return NULL;
	if (base > highest)
		base = lowest;
	TRY(find_free(e, a, base, highest, offset));
	if (!*offset && base > lowest)
		TRY(find_free(e, a, lowest, base - 1, offset));
	return NULL;
}

/* swap_range_alloc() */
static struct error *take_slot(struct engine *e, const struct swap_slots *a, uint64_t offset)
{
	struct kernel *k = e->k;
	uint64_t lowest = GET(k, &a->o, swap_info_struct, lowest_bit), highest = GET(k, &a->o, swap_info_struct, highest_bit);
	TRY(swap_slot_set(e, a, offset, SWAP_HAS_CACHE));
	SET(k, &a->o, swap_info_struct, lowest_bit, lowest + (offset == lowest));
	SET(k, &a->o, swap_info_struct, highest_bit, highest - (offset == highest));
	SET(k, &a->o, swap_info_struct, cluster_next, offset + 1);
	ADD(k, &a->o, swap_info_struct, inuse_pages, 1);
	if (GET(k, &a->o, swap_info_struct, inuse_pages) == GET(k, &a->o, swap_info_struct, pages)) {
		SET(k, &a->o, swap_info_struct, lowest_bit, a->max);
		SET(k, &a->o, swap_info_struct, highest_bit, 0);
	}
	return NULL;
}

static struct error *scan_map(struct engine *e, const struct swap_slots *a, unsigned wanted, uint64_t *slots, unsigned *count)
{
	uint64_t offset;
	*count = 0;
	if (swap_has_clusters(e, a))
		return scan_clusters(e, a, wanted, slots, count);
	/* (Several at once come from one after the other.) */
	for (; *count < wanted; slots[(*count)++] = offset) {
		TRY(scan_swap_map(e, a, &offset));
		if (!offset)
			return NULL;
		TRY(take_slot(e, a, offset));
	}
	return NULL;
}

/* ---- From any area ---- */

/* The area with the highest priority that has a slot; areas of the same one take turns. */
static struct error *area_in_turn(struct engine *e, struct swap_slots *best, bool *found)
{
	struct swap_slots a;
	struct swap_area s;
	int prio = 0;
	unsigned same = 0;
	*found = false;
	for (unsigned type = 0; type < swap_areas_count(e->k); type++) {
		if (!swap_area_get(e->k, type, &s) || (s.flags & SWP_WRITEOK) != SWP_WRITEOK || (*found && s.prio < prio))
			continue;
		TRY(swap_slots_open(e, type, &a));
		if (!GET(e->k, &a.o, swap_info_struct, highest_bit))
			continue;
		same = *found && s.prio == prio ? same + 1 : 1;
		*best = a;
		prio = s.prio;
		*found = true;
	}
	return same > 1 ? error_new(ERR_UNSUPPORTED, "%u swap areas have the same priority: whose turn it is, is not followed", same) : NULL;
}

/* get_swap_pages(): of one area, up to `wanted`. */
static struct error *get_swap_pages(struct engine *e, unsigned wanted, unsigned *type, uint64_t *slots, unsigned *count)
{
	struct swap_slots a;
	uint64_t free;
	bool found;
	*count = 0;
	TRY(kernel_read_symbol(e->k, "nr_swap_pages", 0, &free));
	if ((int64_t)free <= 0)
		return NULL;
	TRY(area_in_turn(e, &a, &found));
	if (!found)
		return NULL;
	wanted = wanted < free ? wanted : (unsigned)free;
	TRY(scan_map(e, &a, wanted < SLOTS_CACHE ? wanted : SLOTS_CACHE, slots, count));
	*type = a.type;
	return add_to_symbol(e, "nr_swap_pages", -(int64_t)*count);
}

/* swap_range_free() and what goes before it: the slot is free. */
static struct error *range_free(struct engine *e, const struct swap_slots *a, uint64_t offset)
{
	struct kernel *k = e->k;
	TRY(swap_slot_set(e, a, offset, 0));
	if (swap_has_clusters(e, a))
		TRY(cluster_put_slot(e, a, offset));
	TRY(mem_cgroup_uncharge_swap(e, a->type, offset));
	if (offset < GET(k, &a->o, swap_info_struct, lowest_bit))
		SET(k, &a->o, swap_info_struct, lowest_bit, offset);
	if (offset > GET(k, &a->o, swap_info_struct, highest_bit)) {
		if (!GET(k, &a->o, swap_info_struct, highest_bit) && symbol_addr(k, "swap_avail_heads"))
			return error_at(ERR_UNSUPPORTED, a->o.addr, "swap area %u was full: how it comes back among those that have room is not followed", a->type);
		SET(k, &a->o, swap_info_struct, highest_bit, offset);
	}
	ADD(k, &a->o, swap_info_struct, inuse_pages, -1);
	TRY(add_to_symbol(e, "nr_swap_pages", 1));
	return swap_forget_shadow(e, a->type, offset);
}

/* ---- The CPUs' caches of slots ---- */

static bool read_flag(struct engine *e, const char *symbol)
{
	uint64_t v;
	return symbol_addr(e->k, symbol) && !error_drop(kernel_read_symbol(e->k, symbol, 1, &v)) && v;
}

static bool has_caches(struct engine *e)
{
	return symbol_addr(e->k, "swp_slots") && symbol_addr(e->k, "swap_slot_cache_active") && HAS(e->k, swap_slots_cache, slots_ret);
}

static struct error *open_cache(struct engine *e, unsigned cpu, struct object *o)
{
	return object_open_writable(e->k, percpu_addr(e->k, symbol_addr(e->k, "swp_slots"), cpu), S_swap_slots_cache, o);
}

/* swapcache_free_entries() of some that a cache has. */
static struct error *free_entries(struct engine *e, uint64_t array, uint64_t from, uint64_t count)
{
	struct kernel *k = e->k;
	struct swap_slots a;
	struct swap_entry s;
	uint64_t value, byte;
	if (from > SLOTS_CACHE || count > SLOTS_CACHE || from + count > SLOTS_CACHE)
		return error_at(ERR_BAD_OBJECT, array, "CPU %u's cache of swap slots is damaged", e->cpu);
	for (uint64_t i = from; i < from + count; i++) {
		TRY(kernel_read_pointer(k, array + i * k->arch->pointer_size, &value));
		swap_entry_decode(k, swap_value_entry(k, value), &s);
		TRY(swap_slots_open(e, s.type, &a));
		TRY(swap_slot_byte(e, &a, s.offset, &byte));
		if (byte != SWAP_HAS_CACHE)
			return error_at(ERR_BAD_OBJECT, array, "a CPU's cache has slot %" PRIu64 ", which is in use", s.offset);
		TRY(range_free(e, &a, s.offset));
	}
	return NULL;
}

/* deactivate_swap_slots_cache(): when few slots are left, none is kept back. */
static struct error *deactivate_caches(struct engine *e)
{
	struct kernel *k = e->k;
	struct object c;
	TRY(kernel_write_uint(k, symbol_addr(k, "swap_slot_cache_active"), 1, 0));
	for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
		TRY(open_cache(e, cpu, &c));
		uint64_t slots = GET(k, &c, swap_slots_cache, slots), given = GET(k, &c, swap_slots_cache, slots_ret);
		if (slots)
			TRY(free_entries(e, slots, GET(k, &c, swap_slots_cache, cur), GET(k, &c, swap_slots_cache, nr)));
		SET(k, &c, swap_slots_cache, cur, 0);
		SET(k, &c, swap_slots_cache, nr, 0);
		if (given)
			TRY(free_entries(e, given, 0, GET(k, &c, swap_slots_cache, n_ret)));
		SET(k, &c, swap_slots_cache, n_ret, 0);
	}
	TRACE(e, "deactivate_swap_slots_cache", "few slots are left: the CPUs keep none", { "cpus", k->cpus });
	return NULL;
}

/* check_cache_active() */
static struct error *check_caches(struct engine *e, bool *active)
{
	struct kernel *k = e->k;
	uint64_t free, online = k->cpus;
	*active = false;
	if (!has_caches(e) || !read_flag(e, "swap_slot_cache_enabled"))
		return NULL;
	TRY(kernel_read_symbol(k, "nr_swap_pages", 0, &free));
	if (symbol_addr(k, "__num_online_cpus"))
		TRY(kernel_read_symbol(k, "__num_online_cpus", 4, &online));
	*active = read_flag(e, "swap_slot_cache_active");
	if (!*active && (int64_t)free > (int64_t)(online * 5 * SLOTS_CACHE)) {
		*active = true;
		return kernel_write_uint(k, symbol_addr(k, "swap_slot_cache_active"), 1, 1);
	}
	if (!*active || (int64_t)free >= (int64_t)(online * 2 * SLOTS_CACHE))
		return NULL;
	*active = false;
	return deactivate_caches(e);
}

static struct error *refill_cache(struct engine *e, const struct object *c)
{
	struct kernel *k = e->k;
	uint64_t slots[SLOTS_CACHE], array = GET(k, c, swap_slots_cache, slots);
	unsigned type = 0, count;
	SET(k, c, swap_slots_cache, cur, 0);
	TRY(get_swap_pages(e, SLOTS_CACHE, &type, slots, &count));
	for (unsigned i = 0; i < count; i++)
		TRY(kernel_write_pointer(k, array + i * k->arch->pointer_size, swap_entry_value(k, swap_entry_encode(k, type, slots[i]))));
	SET(k, c, swap_slots_cache, nr, count);
	TRACE(e, "refill_swap_slots_cache", "the CPU takes slots in stock", { "cpu", e->cpu }, { "type", type }, { "slots", count }, { "first", count ? slots[0] : 0 });
	return NULL;
}

/* The CPU's next one. */
static struct error *take_from_cache(struct engine *e, const struct object *c, unsigned *type, uint64_t *offset)
{
	struct kernel *k = e->k;
	struct swap_entry s;
	uint64_t current = GET(k, c, swap_slots_cache, cur), value, at = GET(k, c, swap_slots_cache, slots) + current * k->arch->pointer_size;
	if (current >= SLOTS_CACHE)
		return error_at(ERR_BAD_OBJECT, c->addr, "CPU %u's cache of swap slots is damaged", e->cpu);
	TRY(kernel_read_pointer(k, at, &value));
	TRY(kernel_write_pointer(k, at, 0));
	SET(k, c, swap_slots_cache, cur, current + 1);
	ADD(k, c, swap_slots_cache, nr, -1);
	swap_entry_decode(k, swap_value_entry(k, value), &s);
	*type = s.type;
	*offset = s.offset;
	return NULL;
}

struct error *swap_slot_take(struct engine *e, unsigned *type, uint64_t *offset, bool *taken)
{
	struct kernel *k = e->k;
	struct object c;
	unsigned count = 0;
	bool active;
	*taken = true;
	TRY(check_caches(e, &active));
	if (active) {
		TRY(open_cache(e, e->cpu, &c));
		if (GET(k, &c, swap_slots_cache, slots)) {
			if (!GET(k, &c, swap_slots_cache, nr))
				TRY(refill_cache(e, &c));
			if (GET(k, &c, swap_slots_cache, nr))
				return take_from_cache(e, &c, type, offset);
		}
	}
	TRY(get_swap_pages(e, 1, type, offset, &count));
	*taken = count;
	return NULL;
}

struct error *swap_slot_give(struct engine *e, const struct swap_slots *a, uint64_t offset)
{
	struct kernel *k = e->k;
	struct object c;
	if (swap_has_clusters(e, a) && !HAS(k, swap_info_struct, free_head))
		return error_at(ERR_UNSUPPORTED, a->o.addr, "slot %" PRIu64 " of swap area %u becomes free: which list its cluster goes to is not followed", offset, a->type);
	if (!has_caches(e) || !read_flag(e, "swap_slot_cache_enabled") || !read_flag(e, "swap_slot_cache_active"))
		return range_free(e, a, offset);
	TRY(open_cache(e, e->cpu, &c));
	uint64_t array = GET(k, &c, swap_slots_cache, slots_ret), kept = GET(k, &c, swap_slots_cache, n_ret);
	if (!array)
		return range_free(e, a, offset);
	TRY(swap_slot_set(e, a, offset, SWAP_HAS_CACHE));
	if (kept >= SLOTS_CACHE) {
		TRY(free_entries(e, array, 0, kept));
		kept = 0;
	}
	TRACE(e, "free_swap_slot", "the CPU keeps it until it has 64", { "cpu", e->cpu }, { "offset", offset }, { "n_ret", kept + 1 });
	SET(k, &c, swap_slots_cache, n_ret, kept + 1);
	return kernel_write_pointer(k, array + kept * k->arch->pointer_size, swap_entry_value(k, swap_entry_encode(k, a->type, offset)));
}
