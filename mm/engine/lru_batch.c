/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The LRU lists where each CPU has batches of pages on their way to them (mm/swap.c): pages to be added, pages to be made active.
 */
#include <inttypes.h>

#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/lru_gen_edit.h"
#include "mm/engine/near.h"
#include "mm/engine/reclaim.h"
#include "mm/engine/zap.h"
#include "mm/zone.h"

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

static uint64_t bit_of(int bit)
{
	return bit >= 0 ? 1ull << bit : 0;
}

/* The static key of LRU_GEN_CORE. Then a page that a fault brings is marked active. */
bool lru_gen_enabled(struct engine *e)
{
	uint64_t key = e->modern->lru_gen_caps, v;
	return key && !error_drop(kernel_read_uint(e->k, key, 4, &v)) && v;
}

static struct error *open_batch(struct engine *e, uint64_t percpu, struct object *o)
{
	return object_open_writable(e->k, percpu_addr(e->k, percpu, e->cpu), S_folio_batch, o);
}

bool lru_batch_holds(struct engine *e, uint64_t page)
{
	struct object o;
	if (!e->modern->lru_add || error_drop(open_batch(e, e->modern->lru_add, &o)))
		return false;
	uint64_t count = GET(e->k, &o, folio_batch, nr);
	for (uint64_t i = 0; i < count && i < 64; i++)
		if (object_get_element(e->k, &o, M_folio_batch_folios, i) == page)
			return true;
	return false;
}

struct error *mem_cgroup_lruvec(struct engine *e, uint64_t memcg, uint64_t pgdat, uint64_t *lruvec, uint64_t *info)
{
	struct kernel *k = e->k;
	uint64_t node;
	*info = 0;
	*lruvec = HAS(k, pglist_data, lruvec) ? pgdat + OFFSET(k, pglist_data, lruvec) : 0;
	if (!HAS(k, mem_cgroup, nodeinfo) || !HAS(k, mem_cgroup_per_node, lruvec))
		return NULL;
	if (!memcg)
		TRY(kernel_read_symbol(k, "root_mem_cgroup", 0, &memcg));
	if (!memcg)
		return NULL;
	TRY(kernel_get(k, pgdat, M_pglist_data_node_id, &node));
	TRY(kernel_read_pointer(k, memcg + OFFSET(k, mem_cgroup, nodeinfo) + (node & 1023) * k->arch->pointer_size, info));
	*lruvec = *info + OFFSET(k, mem_cgroup_per_node, lruvec);
	return NULL;
}

struct error *lruvec_of(struct engine *e, const struct page *p, uint64_t pgdat, uint64_t zone, uint64_t *lruvec, uint64_t *info)
{
	uint64_t memcg;
	TRY(page_memcg(e, p, &memcg));
	TRY(mem_cgroup_lruvec(e, memcg, pgdat, lruvec, info));
	if (!*lruvec)
		*lruvec = zone + OFFSET(e->k, zone, lruvec);
	return NULL;
}

/* update_lru_size(): in the node, the zone, and the cgroup's own table by zone. */
static struct error *count_lru(struct engine *e, uint64_t zone, uint64_t pgdat, uint64_t info, unsigned lru, int delta)
{
	struct kernel *k = e->k;
	struct stat_item of_node = e->modern->lru_base, of_zone = e->modern->zone_lru_base;
	const struct member *m = &k->members[M_mem_cgroup_per_node_lru_zone_size];
	of_node.index += (int)lru;
	of_zone.index += (int)lru;
	mod_node_state(e, pgdat, of_node, delta);
	mod_zone_state(e, zone, of_node, delta); /* the lists were the zones' until 4.8 */
	mod_zone_state(e, zone, of_zone, delta);
	if (!info || !m->present)
		return NULL;
	const struct zone *z = zones_get(k, 0);
	for (size_t i = 0; (z = zones_get(k, i)) && z->addr != zone; i++)
		;
	uint64_t lists = k->members[M_lruvec_lists].total / SIZE_OF(k, list_head);
	uint64_t at = info + m->offset + ((z ? z->index : 0) * lists + lru) * k->arch->pointer_size, v;
	TRY(kernel_read_pointer(k, at, &v));
	return kernel_write_pointer(k, at, v + (uint64_t)(int64_t)delta);
}

#define LRU_UNEVICTABLE 4

unsigned lru_list(struct engine *e, const struct page *p)
{
	return has(p, e->modern->unevictable) ? LRU_UNEVICTABLE : (has(p, e->modern->swapbacked) ? 0 : 2) + has(p, e->bit_active);
}

struct error *lru_change_list(struct engine *e, struct page *p, bool add)
{
	struct kernel *k = e->k;
	uint64_t page = p->object.addr, zone = zone_of_page(e, page), pgdat, lruvec, info;
	unsigned lru = lru_list(e, p);
	if (!zone)
		return error_at(ERR_BAD_OBJECT, page, "page %" PRIx64 " is in no zone", page);
	TRY(kernel_get(k, zone, M_zone_zone_pgdat, &pgdat));
	TRY(lruvec_of(e, p, pgdat, zone, &lruvec, &info));
	if (lru != LRU_UNEVICTABLE && lru_gen_enabled(e)) {
		bool listed;
		return add ? lru_gen_add_folio(e, lruvec, p) : lru_gen_del_folio(e, lruvec, p, &listed);
	}
	/* Since 5.18 unevictable pages stand on no list; the word counts areas that lock them. */
	if (lru == LRU_UNEVICTABLE && HAS(k, page, mlock_count))
		SET(k, &p->object, page, mlock_count, 0);
	else if (add)
		TRY(list_add(k, page + OFFSET(k, page, lru), lruvec + OFFSET(k, lruvec, lists) + (uint64_t)lru * SIZE_OF(k, list_head)));
	else
		TRY(list_del(k, page + OFFSET(k, page, lru)));
	int pages = 1 << page_compound_order(k, p);
	return count_lru(e, zone, pgdat, info, lru, add ? pages : -pages);
}

bool page_evictable(struct engine *e, const struct page *p)
{
	uint64_t mapping = GET(e->k, &p->object, page, mapping), flags;
	int bit = e->modern->as_unevictable;
	if (has(p, e->modern->mlocked))
		return false;
	return !mapping || mapping & PAGE_MAPPING_FLAGS || bit < 0 || error_drop(kernel_get(e->k, mapping, M_address_space_flags, &flags)) || !(flags >> bit & 1);
}

/* __pagevec_lru_add_fn(), lru_add_fn(). */
static struct error *lru_add(struct engine *e, uint64_t page)
{
	const struct engine_modern *m = e->modern;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	if (has(&p, e->bit_lru) || page_refcount(e->k, &p) < 1)
		return error_at(ERR_BAD_OBJECT, page, "a page on a CPU's LRU batch cannot go to the lists: %" PRIx64, page);
	bool was_unevictable = has(&p, m->unevictable), evictable = page_evictable(e, &p);
	p.flags = evictable ? p.flags & ~bit_of(m->unevictable) : (p.flags & ~bit_of(e->bit_active)) | bit_of(m->unevictable);
	p.flags |= bit_of(e->bit_lru);
	SET(e->k, &p.object, page, flags, p.flags);
	if (was_unevictable == evictable)
		count_vm_event(e, evictable ? m->event_rescued : m->event_culled);
	return lru_change_list(e, &p, true);
}

/* lru_add() of a page of one frame, anonymous or without a mapping, whose reference of the batch goes with it. False: the general way. */
static inline bool near_lru_add(struct engine *e, const struct near_zone *z, uint64_t page)
{
	const struct engine_near *n = e->near;
	unsigned char *p = near_is_page(e, z, page) ? near_page(e, page) : NULL;
	if (!p)
		return false;
	uint64_t flags = near_word(p + n->flags), mapping = near_word(p + n->mapping);
	int32_t count = (int32_t)load_uint(p + n->refcount, 4);
	if (flags & n->unsettled || !near_is_single(n, p) || (n->has_memcg && near_word(p + n->memcg)) || (mapping && !(mapping & PAGE_MAPPING_FLAGS)) || count < 2)
		return false;
	unsigned lru = (flags & n->swapbacked ? 0 : 2) + (flags & n->active ? 1 : 0);
	if (!near_list_add(e->k, page + n->lru, p + n->lru, z->lists + 16 * lru, z->list_bytes + 16 * lru))
		return false;
	store_uint(p + n->flags, 8, flags | n->lru_bit);
	store_uint(p + n->refcount, 4, (uint32_t)count - 1);
	near_count(z->of_lists, (unsigned)e->modern->lru_base.index + lru, 1);
	if (z->of_zone)
		near_count(z->of_zone, (unsigned)e->modern->zone_lru_base.index + lru, 1);
	return true;
}

/* The zone of the batch's pages from which near_lru_add() can go on; NULL: the general way. */
static const struct near_zone *near_lru(struct engine *e, uint64_t page)
{
	const struct near_zone *z = lru_gen_enabled(e) ? NULL : near_zone_of_page(e, page);
	return z && z->lists ? z : NULL;
}

/* lru_lazyfree_fn(), since 4.12: not swap-backed any more, and with the inactive files, which go first. */
static struct error *lazyfree(struct engine *e, uint64_t page)
{
	const struct engine_modern *m = e->modern;
	struct page p;
	TRY(page_open_writable(e, page, &p));
	bool anon = GET(e->k, &p.object, page, mapping) & PAGE_MAPPING_ANON;
	if (!has(&p, e->bit_lru) || !anon || !has(&p, m->swapbacked) || has(&p, m->swapcache) || has(&p, m->unevictable))
		return NULL;
	TRY(lru_change_list(e, &p, false));
	p.flags &= ~(bit_of(e->bit_active) | bit_of(e->bit_referenced) | bit_of(m->swapbacked));
	SET(e->k, &p.object, page, flags, p.flags);
	count_vm_event(e, m->event_lazyfree);
	return lru_change_list(e, &p, true);
}

/* lru_deactivate_fn(): from the active pages of its kind to the inactive ones. */
static struct error *deactivate(struct engine *e, uint64_t page)
{
	struct page p;
	TRY(page_open_writable(e, page, &p));
	if (!has(&p, e->bit_lru) || !has(&p, e->bit_active) || has(&p, e->modern->unevictable))
		return NULL;
	TRY(lru_change_list(e, &p, false));
	p.flags &= ~(bit_of(e->bit_active) | bit_of(e->bit_referenced));
	SET(e->k, &p.object, page, flags, p.flags);
	count_vm_event(e, e->modern->reclaim_events.deactivate);
	return lru_change_list(e, &p, true);
}

/* __activate_page(): from the inactive pages of its kind to the active ones. */
static struct error *activate(struct engine *e, uint64_t page)
{
	struct page p;
	TRY(page_open_writable(e, page, &p));
	if (!has(&p, e->bit_lru) || has(&p, e->bit_active) || has(&p, e->modern->unevictable))
		return NULL;
	TRY(lru_change_list(e, &p, false));
	p.flags |= bit_of(e->bit_active);
	SET(e->k, &p.object, page, flags, p.flags);
	count_vm_event(e, e->modern->event_pgactivate);
	return lru_change_list(e, &p, true);
}

struct error *lru_add_now(struct engine *e, uint64_t page)
{
	return lru_add(e, page);
}

struct error *isolate_lru_page(struct engine *e, uint64_t page, bool *isolated)
{
	struct page p;
	TRY(page_open_writable(e, page, &p));
	*isolated = has(&p, e->bit_lru);
	if (!*isolated)
		return NULL;
	TRY(lru_change_list(e, &p, false));
	SET(e->k, &p.object, page, flags, p.flags & ~bit_of(e->bit_lru));
	SET(e->k, &p.object, page, refcount, (uint64_t)(page_refcount(e->k, &p) + 1));
	return NULL;
}

/* ---- Batches ---- */

typedef struct error *batch_function(struct engine *e, uint64_t page);

static bool drain_followed(struct engine *e)
{
	return e->modern->lru_add && e->modern->lru_base.group >= 0 && HAS(e->k, lruvec, lists);
}

/* Its pages go to the lists, and its references go. */
static struct error *drain_batch(struct engine *e, const struct object *batch, batch_function *each, const char *why)
{
	struct kernel *k = e->k;
	uint64_t count = GET(k, batch, folio_batch, nr);
	if (count > k->members[M_folio_batch_folios].count)
		return error_at(ERR_BAD_OBJECT, batch->addr, "CPU %u's LRU batch is damaged: it has %" PRIu64 " pages", e->cpu, count);
	TRY(nodes_open(k));
	/* Empty at once: a page that goes with its last reference must not be found on it. */
	SET(k, batch, folio_batch, nr, 0);
	const struct near_zone *near = each == lru_add && count && k->wide ? near_lru(e, object_get_element(k, batch, M_folio_batch_folios, 0)) : NULL;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t page = near ? near_word(batch->bytes + OFFSET(k, folio_batch, folios) + 8 * i) : object_get_element(k, batch, M_folio_batch_folios, i);
		if (near && near_lru_add(e, near, page))
			continue;
		TRY(each(e, page));
		/* Unmapped meanwhile, it goes at once. */
		TRY(put_user_page(e, page));
	}
	TRACE(e, "lru_add_drain", why, { "cpu", e->cpu }, { "pages", count });
	return NULL;
}

struct error *lru_add_drain(struct engine *e)
{
	const struct {
		uint64_t percpu;
		batch_function *each;
	} batches[] = { { e->modern->lru_add, lru_add }, { e->modern->lru_deactivate, deactivate }, { e->modern->lru_lazyfree, lazyfree },
			{ e->modern->activate_page, activate } };
	struct object batch;
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		/* What making a page active is where pages stand by generations is not followed: those wait on. */
		if (!batches[i].percpu || !drain_followed(e) || (i && lru_gen_enabled(e)))
			continue;
		TRY(open_batch(e, batches[i].percpu, &batch));
		if (GET(e->k, &batch, folio_batch, nr))
			TRY(drain_batch(e, &batch, batches[i].each, "pages are about to go: the CPU's batch goes to the LRU lists first"));
	}
	return mlock_drain_local(e);
}

/* What puts a page on the batch. */
static const char *batch_name(batch_function *each)
{
	return each == lru_add ? "lru_cache_add" : each == lazyfree ? "mark_page_lazyfree" : each == deactivate ? "deactivate_page" : "activate_page";
}

/* pagevec_add_and_need_flush() */
static struct error *put_on_batch(struct engine *e, uint64_t percpu, const struct page *p, batch_function *each)
{
	struct kernel *k = e->k;
	struct object o;
	uint64_t page = p->object.addr;
	bool explained;
	TRY(open_batch(e, percpu, &o));
	uint64_t count = GET(k, &o, folio_batch, nr), room = k->members[M_folio_batch_folios].count;
	/* Until 4.6 a full batch of new pages waited for the next one (8f182270dfec); the nearest trace is that the lists were the zones' (until 4.7). */
	bool waits = each == lru_add && HAS(k, zone, lruvec);
	if (count > room || (count == room && !waits))
		return error_at(ERR_BAD_OBJECT, o.addr, "CPU %u's LRU batch is damaged: it has %" PRIu64 " pages", e->cpu, count);
	if (count == room) {
		TRY(drain_batch(e, &o, each, "the CPU's batch was full: its pages go to the LRU lists"));
		count = 0;
	}
	SET(k, &p->object, page, refcount, (uint64_t)(page_refcount(k, p) + 1));
	object_set_element(k, &o, M_folio_batch_folios, count, page);
	SET(k, &o, folio_batch, nr, count + 1);
	TRACE(e, batch_name(each), "onto the CPU's batch", { "page", page }, { "cpu", e->cpu }, { "nr", count + 1 });
	/* A large folio does not wait. */
	bool large = page_is_large(e, p);
	if (waits || (count + 1 < room && !large))
		return NULL;
	if (!drain_followed(e))
		return fault_refuse(e, &explained, "CPU %u's batch of pages for the LRU lists is full: emptying it is not followed", e->cpu);
	return drain_batch(e, &o, each, large ? "a large page does not wait on the batch: all of it goes to the LRU lists" : "the CPU's batch was full: its pages go to the LRU lists");
}

struct error *lru_cache_add_modern(struct engine *e, uint64_t page)
{
	bool explained;
	struct page p;
	if (!e->modern->lru_add)
		return fault_refuse(e, &explained, "this kernel's batches of pages for the LRU lists are not known");
	TRY(page_open_writable(e, page, &p));
	if (lru_gen_enabled(e))
		SET(e->k, &p.object, page, flags, p.flags | bit_of(e->bit_active));
	return put_on_batch(e, e->modern->lru_add, &p, lru_add);
}

struct error *lru_lazyfree_add(struct engine *e, uint64_t page)
{
	bool explained;
	struct page p;
	if (!e->modern->lru_lazyfree)
		return fault_refuse(e, &explained, "this kernel's batches of pages that are free to go are not known");
	TRY(page_open_writable(e, page, &p));
	return put_on_batch(e, e->modern->lru_lazyfree, &p, lazyfree);
}

struct error *lru_deactivate_add(struct engine *e, uint64_t page)
{
	struct page p;
	if (!e->modern->lru_deactivate || lru_gen_enabled(e))
		return error_at(ERR_UNSUPPORTED, page, "making page %" PRIx64 " inactive is not done where pages stand by generations, or batches are not known", page);
	TRY(page_open_writable(e, page, &p));
	return put_on_batch(e, e->modern->lru_deactivate, &p, deactivate);
}

static void find_batch(struct engine *e, struct near_batch *b)
{
	const struct member *nr = &e->k->members[M_folio_batch_nr], *folios = &e->k->members[M_folio_batch_folios];
	struct object o;
	*b = (struct near_batch){ .made = near_now(e) };
	if (!e->near->plain || !e->modern->lru_add || lru_gen_enabled(e) || !nr->size || folios->size != 8 || error_drop(open_batch(e, e->modern->lru_add, &o)))
		return;
	if (nr->offset + nr->size > o.size || folios->offset + folios->total > o.size)
		return;
	b->room = folios->count;
	b->count_size = nr->size;
	b->count = (unsigned char *)o.bytes + nr->offset;
	b->pages = (unsigned char *)o.bytes + folios->offset;
}

static bool near_batch_add(struct engine *e, uint64_t page)
{
	struct near_batch *b = &e->near->batch;
	uint64_t now = near_now(e);
	if (e->trace || !now)
		return false;
	if (!near_holds(b->made, now))
		find_batch(e, b);
	unsigned char *p = b->room ? near_page(e, page) : NULL;
	return p && near_put_on_batch(b, e->near, page, p, e->near->new_anon_active);
}

struct error *lru_batch_add(struct fault *f, uint64_t page)
{
	struct page p;
	if (!(f->vma->flags & VM_LOCKED) && near_batch_add(f->e, page))
		return NULL;
	/* lru_cache_add_active_or_unevictable(), until anonymous pages had to show that they are used (5.9). */
	if (f->e->modern->new_anon_active && !(f->vma->flags & VM_LOCKED)) {
		TRY(page_open_writable(f->e, page, &p));
		SET(f->e->k, &p.object, page, flags, p.flags | bit_of(f->e->bit_active));
	}
	return f->vma->flags & VM_LOCKED ? lru_add_locked(f, page) : lru_cache_add_modern(f->e, page);
}

/* The second access makes it active; how often a page of generations was used is not followed. */
struct error *mark_page_accessed_modern(struct engine *e, uint64_t page)
{
	struct page p;
	TRY(page_open_writable(e, page, &p));
	if (page_is_tail(e->k, &p)) {
		page = page_compound_head(e->k, &p);
		TRY(page_open_writable(e, page, &p));
	}
	if (!has(&p, e->bit_referenced)) {
		SET(e->k, &p.object, page, flags, p.flags | bit_of(e->bit_referenced));
		return NULL;
	}
	if (has(&p, e->modern->unevictable) || has(&p, e->bit_active) || lru_gen_enabled(e))
		return NULL;
	if (!has(&p, e->bit_lru)) {
		/* __lru_cache_activate_page(): still on this CPU's batch, it goes to the active list from there. */
		if (lru_batch_holds(e, page))
			p.flags |= bit_of(e->bit_active);
	} else if (e->modern->activate_page) {
		TRY(put_on_batch(e, e->modern->activate_page, &p, activate));
		TRY(page_open_writable(e, page, &p));
	}
	SET(e->k, &p.object, page, flags, p.flags & ~bit_of(e->bit_referenced));
	return NULL;
}
