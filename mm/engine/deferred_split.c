/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Folios that wait to be split when memory runs short (mm/huge_memory.c): some of their pages are mapped by nobody any more, or (6.12) may never have been written. They
 * queue in their memory cgroup, or node: in a structure of their own, since 7.1 in a list_lru. The bit by which a cgroup tells its shrinkers apart is left alone.
 */
#include <inttypes.h>

#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/xarray.h"
#include "mm/zone.h"

static uint64_t link_of(const struct engine *e, const struct large *l)
{
	const struct kernel *k = e->k;
	if (HAS(k, folio, deferred_list))
		return l->folio.addr + OFFSET(k, folio, deferred_list);
	return HAS(k, page, deferred_list) ? l->head.object.addr + 2ull * e->page_size + OFFSET(k, page, deferred_list) : 0;
}

static struct error *add_to(struct engine *e, uint64_t at, unsigned size, int n)
{
	uint64_t v;
	TRY(kernel_read_uint(e->k, at, size, &v));
	return kernel_write_uint(e->k, at, size, v + (uint64_t)(int64_t)n);
}

/* Where the queue's list_head and length stand; `more`: of a list_lru, the length over all cgroups. */
struct queue {
	uint64_t head, length, more;
};

/* list_lru_from_memcg_idx(): of the node for the root, else of the cgroup if it has lists yet. */
static struct error *find_list_lru(struct engine *e, uint64_t lru, uint64_t group, unsigned node, struct queue *q)
{
	struct kernel *k = e->k;
	struct object o;
	uint64_t lists, id = UINT64_MAX, entry = 0, one;
	TRY(members_require(k, "the queue of folios to split", M_list_lru_node, M_list_lru_memcg_aware, M_list_lru_xa_head, M_list_lru_node_lru, M_list_lru_node_nr_items,
			    M_list_lru_memcg_node, M_list_lru_one_list, M_list_lru_one_nr_items, M_mem_cgroup_kmemcg_id, MEMBER_NONE));
	TRY(object_open(k, lru, S_list_lru, &o));
	lists = GET(k, &o, list_lru, node) + (uint64_t)node * SIZE_OF(k, list_lru_node);
	if (group && GET(k, &o, list_lru, memcg_aware)) {
		TRY(kernel_get(k, group, M_mem_cgroup_kmemcg_id, &id));
		if ((int32_t)id >= 0) {
			TRY(xarray_load(k, GET(k, &o, list_lru, xa_head), id, &entry));
			if (!entry)
				return error_at(ERR_UNSUPPORTED, group, "memory cgroup %" PRIx64 " has no list of folios to split yet: making one is not followed", group);
		}
	}
	one = entry ? entry + OFFSET(k, list_lru_memcg, node) + (uint64_t)node * SIZE_OF(k, list_lru_one) : lists + OFFSET(k, list_lru_node, lru);
	*q = (struct queue){ one + OFFSET(k, list_lru_one, list), one + OFFSET(k, list_lru_one, nr_items), lists + OFFSET(k, list_lru_node, nr_items) };
	return NULL;
}

static struct error *find_queue(struct engine *e, const struct large *l, struct queue *q)
{
	struct kernel *k = e->k;
	uint64_t lru = symbol_addr(k, "deferred_split_lru"), group, base, pgdat;
	const struct zone *z = zone_of_pfn(k, engine_page_pfn(e, l->head.object.addr));
	if (!z)
		return error_at(ERR_BAD_OBJECT, l->head.object.addr, "page %" PRIx64 " is in no zone", l->head.object.addr);
	TRY(page_memcg(e, &l->head, &group));
	if (lru)
		return find_list_lru(e, lru, group, (unsigned)z->node, q);
	TRY(kernel_get(k, z->addr, M_zone_zone_pgdat, &pgdat));
	if (group && HAS(k, mem_cgroup, deferred_split_queue))
		base = group + OFFSET(k, mem_cgroup, deferred_split_queue);
	else if (HAS(k, pglist_data, deferred_split_queue))
		base = pgdat + OFFSET(k, pglist_data, deferred_split_queue);
	else if (HAS(k, pglist_data, split_queue)) {
		*q = (struct queue){ pgdat + OFFSET(k, pglist_data, split_queue), pgdat + OFFSET(k, pglist_data, split_queue_len), 0 };
		return NULL;
	} else
		return error_at(ERR_UNSUPPORTED, l->head.object.addr, "where this kernel queues folios to be split is not known");
	*q = (struct queue){ base + OFFSET(k, deferred_split, split_queue), base + OFFSET(k, deferred_split, split_queue_len), 0 };
	return NULL;
}

static struct error *count(struct engine *e, const struct queue *q, int n)
{
	TRY(add_to(e, q->length, e->k->arch->pointer_size, n));
	return q->more ? add_to(e, q->more, e->k->arch->pointer_size, n) : NULL;
}

static struct error *is_queued(struct engine *e, uint64_t link, bool *queued)
{
	uint64_t next;
	TRY(kernel_read_pointer(e->k, link, &next));
	*queued = next && next != link;
	return NULL;
}

struct error *deferred_split_folio(struct engine *e, struct large *l, bool partially)
{
	struct kernel *k = e->k;
	const struct engine_modern *m = e->modern;
	uint64_t link = link_of(e, l);
	struct queue q;
	bool queued;
	/* Reclaim has it at hand already. */
	if (!link || l->order < 2 || (m->swapcache >= 0 && m->swapcache != m->swapbacked && (l->head.flags >> m->swapcache & 1) && (l->head.flags >> m->swapbacked & 1)))
		return NULL;
	TRY(is_queued(e, link, &queued));
	if (m->partially_mapped >= 0) {
		if (partially && !(l->second.flags >> m->partially_mapped & 1)) {
			l->second.flags |= 1ull << m->partially_mapped;
			SET(k, &l->second.object, page, flags, l->second.flags);
			count_vm_event(e, m->event_deferred_split);
			count_mthp_stat(e, l->order, "MTHP_STAT_SPLIT_DEFERRED", 1);
			count_mthp_stat(e, l->order, "MTHP_STAT_NR_ANON_PARTIALLY_MAPPED", 1);
		}
	} else if (!queued) {
		count_vm_event(e, m->event_deferred_split);
	}
	if (queued)
		return NULL;
	TRY(find_queue(e, l, &q));
	TRY(list_add_tail(k, link, q.head));
	TRY(count(e, &q, 1));
	TRACE(e, "deferred_split_folio", partially ? "mapped in part: queued to be split" : "queued, to be split if it is hardly used", { "page", l->head.object.addr },
	      { "split_queue", q.head });
	return NULL;
}

struct error *unqueue_deferred_split(struct engine *e, struct large *l)
{
	struct kernel *k = e->k;
	const struct engine_modern *m = e->modern;
	uint64_t link = link_of(e, l);
	struct queue q;
	bool queued;
	if (!link || l->order < 2)
		return NULL;
	TRY(is_queued(e, link, &queued));
	if (!queued)
		return NULL;
	TRY(find_queue(e, l, &q));
	TRY(list_del(k, link));
	TRY(list_init(k, link));
	TRY(count(e, &q, -1));
	if (m->partially_mapped >= 0 && (l->second.flags >> m->partially_mapped & 1)) {
		l->second.flags &= ~(1ull << m->partially_mapped);
		SET(k, &l->second.object, page, flags, l->second.flags);
		count_mthp_stat(e, l->order, "MTHP_STAT_NR_ANON_PARTIALLY_MAPPED", -1);
	}
	return NULL;
}
