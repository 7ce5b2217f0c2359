/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Locked pages where each counts the areas that lock it, in the words that would link it to a list (mm/mlock.c since 5.18): such pages stand on none. To lock and to unlock
 * go by way of a batch of each CPU's, in the order in which they came.
 */
#include <inttypes.h>

#include "mm/engine/huge.h"
#include "mm/engine/reclaim.h"
#include "mm/engine/zap.h"

/* In the low bits of a batch's entries; none: the page is to be unlocked. */
#define LRU_FOLIO 1u
#define NEW_FOLIO 2u

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

static void set_flags(struct engine *e, struct page *p, uint64_t flags)
{
	p->flags = flags;
	SET(e->k, &p->object, page, flags, flags);
}

static uint64_t pages_of(struct engine *e, const struct page *p)
{
	return 1ull << page_compound_order(e->k, p);
}

static void set_mlock_count(struct engine *e, const struct page *p)
{
	SET(e->k, &p->object, page, mlock_count, has(p, e->modern->mlocked));
}

/* From the unevictable pages to the list where it belongs now. */
static struct error *rescue(struct engine *e, struct page *p)
{
	TRY(lru_change_list(e, p, false));
	set_flags(e, p, p->flags & ~(1ull << e->modern->unevictable));
	count_vm_events(e, e->modern->event_rescued, pages_of(e, p));
	return lru_change_list(e, p, true);
}

/* __mlock_folio(): one area more locks it. What is on no list now is left to who has it. */
static struct error *lock_listed(struct engine *e, struct page *p)
{
	const struct engine_modern *m = e->modern;
	if (!has(p, e->bit_lru))
		return NULL;
	if (page_evictable(e, p))
		return has(p, m->unevictable) ? rescue(e, p) : NULL;
	if (has(p, m->unevictable)) {
		if (has(p, m->mlocked))
			SET(e->k, &p->object, page, mlock_count, GET(e->k, &p->object, page, mlock_count) + 1);
		return NULL;
	}
	TRY(lru_change_list(e, p, false));
	set_flags(e, p, (p->flags & ~(1ull << e->bit_active)) | 1ull << m->unevictable);
	TRY(lru_change_list(e, p, true));
	set_mlock_count(e, p);
	count_vm_events(e, m->event_culled, pages_of(e, p));
	return NULL;
}

/* __mlock_new_folio(): its first list is none. */
static struct error *lock_new(struct engine *e, struct page *p)
{
	const struct engine_modern *m = e->modern;
	bool evictable = page_evictable(e, p);
	if (has(p, e->bit_lru))
		return error_at(ERR_BAD_OBJECT, p->object.addr, "a new locked page stands on an LRU list already: %" PRIx64, p->object.addr);
	set_flags(e, p, p->flags | 1ull << e->bit_lru | (evictable ? 0 : 1ull << m->unevictable));
	TRY(lru_change_list(e, p, true));
	if (evictable)
		return NULL;
	set_mlock_count(e, p);
	count_vm_events(e, m->event_culled, pages_of(e, p));
	return NULL;
}

/* __munlock_folio(): one area fewer; the last one gives it back. */
static struct error *unlock(struct engine *e, struct page *p)
{
	const struct engine_modern *m = e->modern;
	bool listed = has(p, e->bit_lru);
	uint64_t count = listed && has(p, m->unevictable) ? GET(e->k, &p->object, page, mlock_count) : 0;
	if (count)
		SET(e->k, &p->object, page, mlock_count, count - 1);
	if (count > 1)
		return NULL;
	if (has(p, m->mlocked)) {
		set_flags(e, p, p->flags & ~(1ull << m->mlocked));
		mod_page_state(e, p->object.addr, m->mlock, -(int)pages_of(e, p));
		count_vm_events(e, listed || !has(p, m->unevictable) ? m->event_munlocked : m->event_stranded, pages_of(e, p));
	}
	return listed && has(p, m->unevictable) && page_evictable(e, p) ? rescue(e, p) : NULL;
}

/* ---- The batch ---- */

static struct error *open_batch(struct engine *e, struct object *batch)
{
	if (!e->modern->mlock_batch)
		return error_new(ERR_UNSUPPORTED, "this kernel's batch of locked pages is not known");
	return object_open_writable(e->k, percpu_addr(e->k, e->modern->mlock_batch, e->cpu), S_folio_batch, batch);
}

/* mlock_folio_batch(): each in its order; then their references go. */
static struct error *mlock_folio_batch(struct engine *e, const struct object *batch)
{
	struct kernel *k = e->k;
	uint64_t count = GET(k, batch, folio_batch, nr);
	if (count > k->members[M_folio_batch_folios].count)
		return error_at(ERR_BAD_OBJECT, batch->addr, "CPU %u's batch of locked pages is damaged: it has %" PRIu64 " pages", e->cpu, count);
	SET(k, batch, folio_batch, nr, 0);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t entry = object_get_element(k, batch, M_folio_batch_folios, i);
		struct page p;
		TRY(page_open_writable(e, entry & ~3ull, &p));
		TRY((entry & LRU_FOLIO ? lock_listed : entry & NEW_FOLIO ? lock_new : unlock)(e, &p));
	}
	for (uint64_t i = 0; i < count; i++)
		TRY(put_user_page(e, object_get_element(k, batch, M_folio_batch_folios, i) & ~3ull));
	TRACE(e, "mlock_folio_batch", "the CPU's batch of locked pages is emptied", { "cpu", e->cpu }, { "pages", count });
	return NULL;
}

struct error *mlock_drain_local(struct engine *e)
{
	struct object batch;
	if (!e->modern->mlock_batch)
		return NULL;
	TRY(open_batch(e, &batch));
	return GET(e->k, &batch, folio_batch, nr) ? mlock_folio_batch(e, &batch) : NULL;
}

static struct error *put_on_batch(struct engine *e, struct page *p, unsigned mark)
{
	struct kernel *k = e->k;
	struct object batch;
	TRY(open_batch(e, &batch));
	uint64_t count = GET(k, &batch, folio_batch, nr), room = k->members[M_folio_batch_folios].count;
	if (count >= room)
		return error_at(ERR_BAD_OBJECT, batch.addr, "CPU %u's batch of locked pages is damaged: it has %" PRIu64 " pages", e->cpu, count);
	SET(k, &p->object, page, refcount, (uint64_t)(page_refcount(k, p) + 1));
	object_set_element(k, &batch, M_folio_batch_folios, count, p->object.addr | mark);
	SET(k, &batch, folio_batch, nr, count + 1);
	static const char *const names[] = { "munlock_folio", "mlock_folio", "mlock_new_folio" };
	TRACE(e, names[mark], "onto the CPU's batch of locked pages", { "page", p->object.addr }, { "nr", count + 1 });
	return count + 1 < room && !page_is_large(e, p) ? NULL : mlock_folio_batch(e, &batch);
}

struct error *mlock_folio(struct engine *e, uint64_t page, bool is_new)
{
	struct page p;
	TRY(page_open_writable(e, page, &p));
	if (!has(&p, e->modern->mlocked)) {
		set_flags(e, &p, p.flags | 1ull << e->modern->mlocked);
		mod_page_state(e, page, e->modern->mlock, (int)pages_of(e, &p));
		count_vm_events(e, e->modern->event_mlocked, pages_of(e, &p));
	}
	return put_on_batch(e, &p, is_new ? NEW_FOLIO : LRU_FOLIO);
}

struct error *munlock_folio(struct engine *e, uint64_t page)
{
	struct page p;
	TRY(page_open_writable(e, page, &p));
	return put_on_batch(e, &p, 0);
}
