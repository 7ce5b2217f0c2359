/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages that may go without being written anywhere (MADV_FREE; mm/swap.c: mark_page_lazyfree(), lru_lazyfree_fn(), since 4.12): not swap-backed any more, and on the list of
 * inactive files.
 */
#include <inttypes.h>

#include "mm/engine/modern.h"
#include "mm/engine/zap.h"

static struct error *open_batch(struct engine *e, struct object *o)
{
	TRY(object_open_writable(e->k, percpu_addr(e->k, e->modern->lru_lazyfree, e->cpu), S_folio_batch, o));
	if (GET(e->k, o, folio_batch, nr) > e->k->members[M_folio_batch_folios].count)
		return error_at(ERR_BAD_OBJECT, o->addr, "CPU %u's batch of pages free to go is damaged", e->cpu);
	return NULL;
}

static struct error *lru_lazyfree_fn(struct engine *e, uint64_t page)
{
	const struct engine_modern *m = e->modern;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	bool anon = GET(e->k, &p.object, page, mapping) & PAGE_MAPPING_ANON;
	bool may = (p.flags >> e->bit_lru & 1) && anon && (p.flags >> m->swapbacked & 1) && !(p.flags >> m->unevictable & 1);
	/* PG_swapcache means that only with PG_swapbacked, where the two share their bit with others. */
	if (!may || (p.flags >> m->swapcache & 1))
		return put_user_page(e, page);
	TRY(del_page_from_lru_list(e, &p));
	p.flags &= ~(1ull << e->bit_referenced | 1ull << m->swapbacked);
	TRY(add_page_to_lru_list(e, &p));
	count_vm_event(e, m->event_lazyfree);
	return put_user_page(e, page);
}

struct error *lru_lazyfree_drain(struct engine *e)
{
	struct object batch;
	if (!e->modern->lru_lazyfree || !lru_drain_followed(e))
		return NULL;
	TRY(open_batch(e, &batch));
	uint64_t count = GET(e->k, &batch, folio_batch, nr);
	if (!count)
		return NULL;
	SET(e->k, &batch, folio_batch, nr, 0);
	for (uint64_t i = 0; i < count; i++)
		TRY(lru_lazyfree_fn(e, object_get_element(e->k, &batch, M_folio_batch_folios, i)));
	TRACE(e, "lru_lazyfree_fn", "the batch's pages go to the list of inactive files", { "cpu", e->cpu }, { "pages", count });
	return NULL;
}

struct error *lru_lazyfree_add(struct engine *e, const struct page *p)
{
	struct object batch;
	if (!e->modern->lru_lazyfree)
		return error_new(ERR_UNSUPPORTED, "this kernel's batches of pages free to go are not known");
	TRY(open_batch(e, &batch));
	uint64_t count = GET(e->k, &batch, folio_batch, nr), room = e->k->members[M_folio_batch_folios].count;
	if (count + 1 >= room && !lru_drain_followed(e))
		return error_new(ERR_UNSUPPORTED, "CPU %u's batch of pages free to go is full: emptying it is not followed", e->cpu);
	get_page(e, p->object.addr);
	object_set_element(e->k, &batch, M_folio_batch_folios, count, p->object.addr);
	SET(e->k, &batch, folio_batch, nr, count + 1);
	return count + 1 < room ? NULL : lru_lazyfree_drain(e);
}
