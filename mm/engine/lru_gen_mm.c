/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The list of address spaces that the multi-generational LRU walks, one of each memory cgroup (mm/vmscan.c: lru_gen_add_mm(), lru_gen_del_mm(); since 6.1 where configured).
 */
#include <inttypes.h>

#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/modern.h"

/* css_get(), css_put(): counted on the CPU, until somebody wants the sum. The root group is not counted. */
static struct error *count_group(struct engine *e, uint64_t memcg, int delta)
{
	struct kernel *k = e->k;
	uint64_t root, count, data, now;
	if (!memcg || !HAS(k, mem_cgroup, css_ref) || !HAS(k, percpu_ref_data, count))
		return NULL;
	TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &root));
	if (memcg == root)
		return NULL;
	TRY(kernel_get(k, memcg, M_mem_cgroup_css_ref, &count));
	if (count & 3 /* __PERCPU_REF_ATOMIC_DEAD */) {
		TRY(kernel_get(k, memcg, M_mem_cgroup_css_ref_data, &data));
		return add_count(e, data, S_percpu_ref_data, M_percpu_ref_data_count, delta, &now);
	}
	count = percpu_ptr(k, count, e->cpu);
	TRY(kernel_read_pointer(k, count, &now));
	return kernel_write_pointer(k, count, now + (uint64_t)(int64_t)delta);
}

/* Of each node the place in the list where a walk is, or ended: what stands for `from` stands for `to` then. `member`: head or tail of the lruvec's mm_state. */
static struct error *move_walks(struct engine *e, uint64_t memcg, enum member_id member, uint64_t from, uint64_t to)
{
	struct kernel *k = e->k;
	uint64_t info, at;
	for (unsigned node = 0; node < e->areas.nodes; node++) {
		TRY(kernel_read_pointer(k, memcg + OFFSET(k, mem_cgroup, nodeinfo) + (uint64_t)node * k->arch->pointer_size, &info));
		if (!info)
			continue;
		uint64_t place = info + OFFSET(k, mem_cgroup_per_node, lruvec) + k->members[member].offset;
		TRY(kernel_read_pointer(k, place, &at));
		if (at == from)
			TRY(kernel_write_pointer(k, place, to));
	}
	return NULL;
}

/* Does this kernel keep such lists, and the mm stand on one? */
static bool is_listed(struct engine *e, const struct object *mm, uint64_t *memcg)
{
	struct kernel *k = e->k;
	uint64_t next;
	*memcg = GET(k, mm, mm_struct, lru_gen_memcg);
	return HAS(k, mm_struct, lru_gen_list) && HAS(k, mem_cgroup, mm_list) && HAS(k, lruvec, mm_state_head) && HAS(k, lruvec, mm_state_tail) &&
	       HAS(k, mem_cgroup, nodeinfo) && HAS(k, mem_cgroup_per_node, lruvec) && *memcg &&
	       !error_drop(kernel_get(k, MEMBER_ADDR(k, mm, mm_struct, lru_gen_list), M_list_head_next, &next)) && next &&
	       next != MEMBER_ADDR(k, mm, mm_struct, lru_gen_list);
}

struct error *lru_gen_init_mm(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	SET(k, mm, mm_struct, lru_gen_memcg, 0);
	SET(k, mm, mm_struct, lru_gen_bitmap, 0);
	return HAS(k, mm_struct, lru_gen_list) ? list_init(k, MEMBER_ADDR(k, mm, mm_struct, lru_gen_list)) : NULL;
}

struct error *lru_gen_add_mm(struct engine *e, const struct object *mm, const struct object *like)
{
	struct kernel *k = e->k;
	uint64_t memcg, node = MEMBER_ADDR(k, mm, mm_struct, lru_gen_list);
	if (!is_listed(e, like, &memcg))
		return NULL;
	uint64_t head = memcg + OFFSET(k, mem_cgroup, mm_list);
	SET(k, mm, mm_struct, lru_gen_memcg, memcg);
	TRY(count_group(e, memcg, 1));
	TRY(move_walks(e, memcg, M_lruvec_mm_state_tail, head, node));
	return list_add_tail(k, node, head);
}

struct error *lru_gen_del_mm(struct engine *e, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t memcg, next, prev, node = MEMBER_ADDR(k, mm, mm_struct, lru_gen_list);
	if (!is_listed(e, mm, &memcg))
		return NULL;
	TRY(kernel_get(k, node, M_list_head_next, &next));
	TRY(kernel_get(k, node, M_list_head_prev, &prev));
	TRY(move_walks(e, memcg, M_lruvec_mm_state_head, node, prev));
	TRY(move_walks(e, memcg, M_lruvec_mm_state_tail, node, next));
	TRY(list_del(k, node));
	TRY(list_init(k, node));
	SET(k, mm, mm_struct, lru_gen_memcg, 0);
	return count_group(e, memcg, -1);
}
