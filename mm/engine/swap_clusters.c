/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Clusters of swap slots (mm/swapfile.c of 4.11 to 6.10): where seeking costs nothing each CPU fills a cluster of its own. The free ones are linked by their numbers.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine/swap_slots.h"

/* include/linux/swap.h */
#define CLUSTER_FLAG_FREE      1u
#define CLUSTER_FLAG_NEXT_NULL 2u
#define SPACE_SHIFT	       14u /* SWAP_ADDRESS_SPACE_SHIFT */
#define LATENCY_LIMIT	       256

uint64_t swap_cluster_size(struct engine *e)
{
	return symbol_addr(e->k, "split_swap_cluster") ? 512 : 256;
}

bool swap_has_clusters(struct engine *e, const struct swap_slots *a)
{
	return GET(e->k, &a->o, swap_info_struct, cluster_info) != 0;
}

/* A struct swap_cluster_info: a cluster's, an end of a list, or a CPU's own. */
static struct error *open_info(struct engine *e, uint64_t addr, struct object *o)
{
	return object_open_writable(e->k, addr, S_swap_cluster_info, o);
}

static struct error *open_cluster(struct engine *e, const struct swap_slots *a, uint64_t index, struct object *o)
{
	if (index * swap_cluster_size(e) >= a->max)
		return error_at(ERR_BAD_OBJECT, a->o.addr, "swap area %u has no cluster %" PRIu64, a->type, index);
	return open_info(e, GET(e->k, &a->o, swap_info_struct, cluster_info) + index * SIZE_OF(e->k, swap_cluster_info), o);
}

static struct error *open_ends(struct engine *e, const struct swap_slots *a, struct object *head, struct object *tail)
{
	struct kernel *k = e->k;
	TRY(members_require(k, "swap clusters", M_swap_info_struct_free_head, M_swap_info_struct_free_tail, M_swap_cluster_info_data, M_swap_cluster_info_flags,
			    M_swap_info_struct_percpu_cluster, M_percpu_cluster_index, M_percpu_cluster_next, MEMBER_NONE));
	TRY(open_info(e, MEMBER_ADDR(k, &a->o, swap_info_struct, free_head), head));
	return open_info(e, MEMBER_ADDR(k, &a->o, swap_info_struct, free_tail), tail);
}

static void set_info(struct engine *e, const struct object *o, uint64_t data, uint64_t flags)
{
	SET(e->k, o, swap_cluster_info, data, data);
	SET(e->k, o, swap_cluster_info, flags, flags);
}

static bool is_null(struct engine *e, const struct object *o)
{
	return GET(e->k, o, swap_cluster_info, flags) & CLUSTER_FLAG_NEXT_NULL;
}

/* ---- One slot more, one less ---- */

/* inc_cluster_info_page(): a free cluster leaves the front of the list. */
static struct error *cluster_take_slot(struct engine *e, const struct swap_slots *a, uint64_t offset)
{
	struct kernel *k = e->k;
	struct object c, head, tail;
	uint64_t index = offset / swap_cluster_size(e);
	TRY(open_cluster(e, a, index, &c));
	if (GET(k, &c, swap_cluster_info, flags) & CLUSTER_FLAG_FREE) {
		TRY(open_ends(e, a, &head, &tail));
		if (is_null(e, &head) || GET(k, &head, swap_cluster_info, data) != index)
			return error_at(ERR_BAD_LIST, a->o.addr, "cluster %" PRIu64 " of swap area %u is free, and not the first of those", index, a->type);
		if (GET(k, &tail, swap_cluster_info, data) == index) {
			set_info(e, &head, 0, CLUSTER_FLAG_NEXT_NULL);
			set_info(e, &tail, 0, CLUSTER_FLAG_NEXT_NULL);
		} else {
			set_info(e, &head, GET(k, &c, swap_cluster_info, data), 0);
		}
		set_info(e, &c, 0, 0);
	}
	SET(k, &c, swap_cluster_info, data, GET(k, &c, swap_cluster_info, data) + 1);
	return NULL;
}

struct error *cluster_put_slot(struct engine *e, const struct swap_slots *a, uint64_t offset)
{
	struct kernel *k = e->k;
	struct object c, head, tail, last;
	uint64_t index = offset / swap_cluster_size(e), count;
	TRY(open_cluster(e, a, index, &c));
	count = GET(k, &c, swap_cluster_info, data);
	if (!count || (GET(k, &c, swap_cluster_info, flags) & CLUSTER_FLAG_FREE))
		return error_at(ERR_BAD_OBJECT, c.addr, "cluster %" PRIu64 " of swap area %u has no slot in use", index, a->type);
	SET(k, &c, swap_cluster_info, data, count - 1);
	if (count > 1)
		return NULL;
	/* __free_cluster(); discarding first is the device's affair. */
	TRY(open_ends(e, a, &head, &tail));
	set_info(e, &c, 0, CLUSTER_FLAG_FREE);
	if (is_null(e, &head)) {
		set_info(e, &head, index, 0);
	} else {
		TRY(open_cluster(e, a, GET(k, &tail, swap_cluster_info, data), &last));
		SET(k, &last, swap_cluster_info, data, index);
	}
	set_info(e, &tail, index, 0);
	return NULL;
}

/* ---- Slots for a CPU ---- */

struct scan {
	struct engine *e;
	const struct swap_slots *a;
	uint64_t own; /* the CPU's percpu_cluster */
	struct object index, head, tail; /* its cluster; the free ones */
	uint64_t offset, base;
};

static struct error *scan_start(struct engine *e, const struct swap_slots *a, struct scan *s)
{
	struct kernel *k = e->k;
	*s = (struct scan){ .e = e, .a = a };
	TRY(open_ends(e, a, &s->head, &s->tail));
	s->own = percpu_ptr(k, GET(k, &a->o, swap_info_struct, percpu_cluster), e->cpu);
	TRY(open_info(e, s->own + OFFSET(k, percpu_cluster, index), &s->index));
	s->base = GET(k, &a->o, swap_info_struct, cluster_next);
	if (HAS(k, swap_info_struct, cluster_next_cpu) && GET(k, &a->o, swap_info_struct, cluster_next_cpu))
		TRY(kernel_read_uint(k, percpu_ptr(k, GET(k, &a->o, swap_info_struct, cluster_next_cpu), e->cpu), 4, &s->base));
	s->offset = s->base;
	return NULL;
}

/* scan_swap_map_try_ssd_cluster(): on in the CPU's cluster, else in the first free one. *found false: there is none. */
static struct error *try_cluster(struct scan *s, bool *found)
{
	struct engine *e = s->e;
	struct kernel *k = e->k;
	uint64_t size = swap_cluster_size(e), at, end, byte;
	*found = false;
	for (;;) {
		if (is_null(e, &s->index)) {
			if (is_null(e, &s->head))
				return NULL;
			at = GET(k, &s->head, swap_cluster_info, data);
			set_info(e, &s->index, at, 0);
			TRY(kernel_write_uint(k, s->own + OFFSET(k, percpu_cluster, next), 4, at * size));
		}
		TRY(kernel_read_uint(k, s->own + OFFSET(k, percpu_cluster, next), 4, &at));
		end = (GET(k, &s->index, swap_cluster_info, data) + 1) * size;
		end = end < s->a->max ? end : s->a->max;
		for (; at && at < end; at++) {
			TRY(swap_slot_byte(e, s->a, at, &byte));
			if (!byte)
				break;
		}
		if (at && at < end)
			break;
		/* It is full. */
		set_info(e, &s->index, 0, CLUSTER_FLAG_NEXT_NULL);
		if (!at)
			return error_at(ERR_BAD_OBJECT, s->own, "CPU %u's cluster of swap slots is damaged", e->cpu);
		TRY(check_interrupt());
	}
	*found = true;
	s->offset = s->base = at;
	return kernel_write_uint(k, s->own + OFFSET(k, percpu_cluster, next), 4, at + 1);
}

/* scan_swap_map_ssd_cluster_conflict(): a free cluster that is not the next one is no place to begin. */
static struct error *conflicts(struct scan *s, bool *conflict)
{
	struct kernel *k = s->e->k;
	struct object c;
	uint64_t index = s->offset / swap_cluster_size(s->e);
	TRY(open_cluster(s->e, s->a, index, &c));
	*conflict = !is_null(s->e, &s->head) && GET(k, &s->head, swap_cluster_info, data) != index && (GET(k, &c, swap_cluster_info, flags) & CLUSTER_FLAG_FREE);
	if (*conflict)
		set_info(s->e, &s->index, 0, CLUSTER_FLAG_NEXT_NULL);
	return NULL;
}

/* The first free slot from `from` to `last`; *at 0: none. */
static struct error *first_free(struct scan *s, uint64_t from, uint64_t last, uint64_t *at)
{
	uint64_t byte;
	for (*at = from ? from : 1; *at <= last && *at < s->a->max; ++*at) {
		TRY(swap_slot_byte(s->e, s->a, *at, &byte));
		if (!byte)
			return NULL;
	}
	*at = 0;
	return NULL;
}

/* No cluster is free: anywhere behind where it was, then before it. */
static struct error *scan_anywhere(struct scan *s, bool *found)
{
	struct kernel *k = s->e->k;
	uint64_t low = GET(k, &s->a->o, swap_info_struct, lowest_bit), high = GET(k, &s->a->o, swap_info_struct, highest_bit), at;
	TRY(first_free(s, s->offset + 1, high, &at));
	if (!at && s->base > low)
		TRY(first_free(s, low, s->base - 1, &at));
	*found = at != 0;
	if (at)
		s->offset = at;
	return NULL;
}

/* Where the next slot may be: *found, s->offset. `first`: none was taken yet. */
static struct error *next_slot(struct scan *s, bool first, bool *found)
{
	struct kernel *k = s->e->k;
	bool conflict;
	TRY(try_cluster(s, found));
	if (*found) {
		TRY(conflicts(s, &conflict));
		while (conflict && first) {
			TRY(check_interrupt());
			TRY(try_cluster(s, found));
			if (!*found)
				break;
			TRY(conflicts(s, &conflict));
		}
		*found = *found && !conflict;
		if (*found || !first)
			return NULL;
	} else if (!first) {
		/* A little more of what is near. */
		uint64_t last = s->offset < s->base ? s->base : GET(k, &s->a->o, swap_info_struct, highest_bit), at;
		TRY(first_free(s, s->offset, last < s->offset + LATENCY_LIMIT ? last : s->offset + LATENCY_LIMIT, &at));
		*found = at != 0;
		s->offset = at ? at : s->offset;
		return NULL;
	}
	return scan_anywhere(s, found);
}

/* swap_range_alloc() */
static void range_alloc(struct engine *e, const struct swap_slots *a, uint64_t offset)
{
	struct kernel *k = e->k;
	uint64_t low = GET(k, &a->o, swap_info_struct, lowest_bit), high = GET(k, &a->o, swap_info_struct, highest_bit);
	SET(k, &a->o, swap_info_struct, lowest_bit, low + (offset == low));
	SET(k, &a->o, swap_info_struct, highest_bit, high - (offset == high));
	ADD(k, &a->o, swap_info_struct, inuse_pages, 1);
}

/* set_cluster_next(): where the CPU begins when no cluster is free. Into the next address space of the swap cache it goes at random. */
static struct error *set_next(struct scan *s, uint64_t next)
{
	struct engine *e = s->e;
	struct kernel *k = e->k;
	uint64_t own = HAS(k, swap_info_struct, cluster_next_cpu) ? GET(k, &s->a->o, swap_info_struct, cluster_next_cpu) : 0, previous;
	if (!own) {
		SET(k, &s->a->o, swap_info_struct, cluster_next, next);
		return NULL;
	}
	own = percpu_ptr(k, own, e->cpu);
	TRY(kernel_read_uint(k, own, 4, &previous));
	return previous >> SPACE_SHIFT == next >> SPACE_SHIFT ? kernel_write_uint(k, own, 4, next) : NULL;
}

struct error *scan_clusters(struct engine *e, const struct swap_slots *a, unsigned wanted, uint64_t *slots, unsigned *count)
{
	struct kernel *k = e->k;
	struct scan s;
	bool found = true;
	*count = 0;
	TRY(scan_start(e, a, &s));
	while (*count < wanted && GET(k, &a->o, swap_info_struct, highest_bit)) {
		TRY(next_slot(&s, !*count, &found));
		if (!found)
			break;
		bool last = s.offset >= GET(k, &a->o, swap_info_struct, highest_bit);
		TRY(swap_slot_set(e, a, s.offset, SWAP_HAS_CACHE));
		TRY(cluster_take_slot(e, a, s.offset));
		range_alloc(e, a, s.offset);
		slots[(*count)++] = s.offset;
		if (last)
			break;
	}
	return *count ? set_next(&s, s.offset + 1) : NULL;
}
