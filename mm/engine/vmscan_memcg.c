/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reclaim where memory cgroups have LRU lists on each node (mm/vmscan.c: shrink_node_memcgs(); mm/memcontrol.c: mem_cgroup_iter()): the groups in turn, each before
 * those below it. How long a group's lists are is counted from the lists themselves, where the kernel goes by statistics that may lag a little.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine/vmscan_parts.h"

#define GROUPS_MOST (1u << 16)

/* ---- The tree of groups ---- */

static uint64_t css_of(struct kernel *k, uint64_t memcg)
{
	return memcg + OFFSET(k, mem_cgroup, css);
}

static uint64_t group_at(struct kernel *k, uint64_t sibling)
{
	return sibling - OFFSET(k, cgroup_subsys_state, sibling) - OFFSET(k, mem_cgroup, css);
}

/* css_next_descendant_pre(): *memcg becomes the next one below `top`; 0: no more. */
static struct error *next_group(struct kernel *k, uint64_t top, uint64_t *memcg)
{
	uint64_t head = css_of(k, *memcg) + OFFSET(k, cgroup_subsys_state, children), next, parent;
	TRY(kernel_read_pointer(k, head, &next));
	if (next && next != head) {
		*memcg = group_at(k, next);
		return NULL;
	}
	for (unsigned depth = 0; *memcg != top && depth < GROUPS_MOST; depth++) {
		TRY(kernel_get(k, css_of(k, *memcg), M_cgroup_subsys_state_parent, &parent));
		TRY(kernel_read_pointer(k, css_of(k, *memcg) + OFFSET(k, cgroup_subsys_state, sibling), &next));
		if (!parent)
			break;
		if (next != parent + OFFSET(k, cgroup_subsys_state, children)) {
			*memcg = group_at(k, next);
			return NULL;
		}
		*memcg = parent - OFFSET(k, mem_cgroup, css);
	}
	*memcg = 0;
	return NULL;
}

struct error *groups_start(struct scan_control *sc)
{
	struct kernel *k = sc->e->k;
	sc->root = 0;
	if (symbol_addr(k, "root_mem_cgroup") && HAS(k, mem_cgroup_per_node, lruvec))
		TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &sc->root));
	sc->memcg = sc->root;
	return NULL;
}

struct error *for_each_group(struct scan_control *sc, struct error *(*shrink)(struct scan_control *sc))
{
	struct kernel *k = sc->e->k;
	struct scan_control at_root = *sc;
	uint64_t memcg = sc->root;
	for (unsigned n = 0; memcg; n++) {
		if (n == GROUPS_MOST)
			return error_at(ERR_BAD_LIST, sc->root, "the tree of memory cgroups never ends");
		TRY(check_interrupt());
		TRY(kernel_read_pointer(k, memcg + OFFSET(k, mem_cgroup, nodeinfo) + sc->node * k->arch->pointer_size, &sc->info));
		sc->memcg = memcg;
		sc->lruvec = sc->info + OFFSET(k, mem_cgroup_per_node, lruvec);
		if (sc->info)
			TRY(shrink(sc));
		TRY(next_group(k, sc->root, &memcg));
	}
	sc->memcg = at_root.memcg;
	sc->info = at_root.info;
	sc->lruvec = at_root.lruvec;
	return NULL;
}

/* ---- What a group has ---- */

uint64_t group_lru_size(const struct scan_control *sc, uint64_t info, unsigned lru, unsigned highest)
{
	struct kernel *k = sc->e->k;
	const struct member *m = &k->members[M_mem_cgroup_per_node_lru_zone_size];
	uint64_t lists = k->members[M_lruvec_lists].total / SIZE_OF(k, list_head), word = k->arch->pointer_size, sum = 0, v;
	for (unsigned zone = 0; zone <= highest && (zone * lists + lru + 1) * word <= m->total; zone++)
		if (!error_drop(kernel_read_pointer(k, info + m->offset + (zone * lists + lru) * word, &v)) && (int64_t)v > 0)
			sum += v;
	return sum;
}

uint64_t group_lru_total(const struct scan_control *sc, unsigned lru)
{
	struct kernel *k = sc->e->k;
	uint64_t memcg = sc->memcg, info, sum = 0;
	for (unsigned n = 0; memcg && n < GROUPS_MOST; n++) {
		if (!error_drop(kernel_read_pointer(k, memcg + OFFSET(k, mem_cgroup, nodeinfo) + sc->node * k->arch->pointer_size, &info)) && info)
			sum += group_lru_size(sc, info, lru, UINT32_MAX);
		if (error_drop(next_group(k, sc->memcg, &memcg)))
			break;
	}
	return sum;
}

struct error *group_has_pages(const struct scan_control *sc, bool *has)
{
	struct kernel *k = sc->e->k;
	struct object c;
	*has = true;
	if (sc->memcg == sc->root)
		return NULL;
	TRY(object_open(k, sc->memcg + OFFSET(k, mem_cgroup, memory), S_page_counter, &c));
	*has = GET(k, &c, page_counter, usage) != 0;
	if (*has && (GET(k, &c, page_counter, min) || GET(k, &c, page_counter, low)))
		return error_at(ERR_UNSUPPORTED, sc->memcg, "control group %" PRIx64 " has memory that is protected (memory.min, memory.low): how much is not followed", sc->memcg);
	return NULL;
}
