/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages from the end of an LRU list, up to 32 at once: taken off, looked at, given up or put back (mm/vmscan.c: isolate_lru_pages(), shrink_page_list(),
 * shrink_active_list()). What is written to swap is written at once: the machine's disk is done when the write returns.
 */
#include <inttypes.h>

#include "core/interrupt.h"
#include "mm/engine/huge.h"
#include "mm/engine/list_edit.h"
#include "mm/engine/page_cache.h"
#include "mm/engine/shmem_edit.h"
#include "mm/engine/swap_edit.h"
#include "mm/engine/vmscan_parts.h"
#include "mm/engine/zap.h"
#include "mm/zone.h"

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

/* p->flags is what the page has, always. */
static void set_flag(struct engine *e, struct page *p, int bit, bool on)
{
	if (bit < 0)
		return;
	p->flags = on ? GET(e->k, &p->object, page, flags) | 1ull << bit : GET(e->k, &p->object, page, flags) & ~(1ull << bit);
	SET(e->k, &p->object, page, flags, p->flags);
}

/* PGSCAN_DIRECT and its like: until 4.7 one of each zone. */
static void count_by_zone(const struct scan_control *sc, int event, unsigned n)
{
	count_vm_events(sc->e, event < 0 ? -1 : event + (sc->zone ? (int)sc->zone->index : 0), n);
}

static void count_isolated(struct scan_control *sc, unsigned lru, int n)
{
	struct stat_item item = sc->e->modern->isolated;
	item.index += lru >= LRU_FILE;
	mod_node_state(sc->e, sc->pgdat, item, n);
	if (sc->zone)
		mod_zone_state(sc->e, sc->zone->addr, item, n);
}

/* ---- Off the list, and onto it ---- */

struct taken {
	struct page page[SWAP_CLUSTER_MAX];
	unsigned count;		 /* of them */
	unsigned scanned, taken; /* frames */
};

static unsigned frames_of(struct engine *e, const struct page *p)
{
	return 1u << page_compound_order(e->k, p);
}

static unsigned zone_index(struct engine *e, const struct page *p)
{
	const struct zone *z = zone_of_pfn(e->k, p->pfn);
	return z ? z->index : 0;
}

/* isolate_lru_pages(): from the end; pages of zones too high for the request are put aside, and to the front afterwards. */
static struct error *isolate(struct scan_control *sc, unsigned lru, unsigned count, struct taken *t)
{
	struct engine *e = sc->e;
	struct kernel *k = e->k;
	uint64_t list = sc->lruvec + OFFSET(k, lruvec, lists) + (uint64_t)lru * SIZE_OF(k, list_head), at, skipped[SWAP_CLUSTER_MAX];
	unsigned skips = 0;
	t->count = t->scanned = t->taken = 0;
	while (t->scanned < count && skips < SWAP_CLUSTER_MAX) {
		struct page *p = &t->page[t->count];
		TRY(kernel_read_pointer(k, list + k->arch->pointer_size, &at));
		if (at == list)
			break;
		TRY(page_open_writable(e, at - OFFSET(k, page, lru), p));
		if (!has(p, e->bit_lru) || lru_list(e, p) != lru || page_refcount(k, p) < 1)
			return error_at(ERR_BAD_LIST, p->object.addr, "a page on an LRU list does not belong there: %" PRIx64, p->object.addr);
		if (has(p, e->modern->head) && !(GET(k, &p->object, page, mapping) & PAGE_MAPPING_ANON))
			return error_at(ERR_UNSUPPORTED, p->object.addr, "page %" PRIx64 " is large, and of a file: reclaiming it is not done yet", p->object.addr);
		if (zone_index(e, p) > sc->reclaim_idx) {
			TRY(list_del(k, at));
			skipped[skips++] = at;
			continue;
		}
		t->scanned += frames_of(e, p);
		t->taken += frames_of(e, p);
		TRY(lru_change_list(e, p, false));
		set_flag(e, p, e->bit_lru, false);
		SET(k, &p->object, page, refcount, (uint64_t)(page_refcount(k, p) + 1));
		t->count++;
	}
	for (unsigned i = 0; i < skips; i++)
		TRY(list_add(k, skipped[i], list));
	count_isolated(sc, lru, (int)t->taken);
	return NULL;
}

/* move_pages_to_lru(): to the front of the list that its flags say. */
static struct error *put_back(struct scan_control *sc, struct page *p)
{
	struct engine *e = sc->e;
	set_flag(e, p, e->bit_lru, true);
	TRY(lru_change_list(e, p, true));
	/* Gone with our reference, it does not count as one that is in use. */
	if (has(p, e->bit_active) && page_refcount(e->k, p) > 1 && !sc->zone)
		TRY(workingset_age_nonresident(e, sc->pgdat, sc->lruvec, frames_of(e, p)));
	return put_user_page(e, p->object.addr);
}

/* ---- Is it in use? ---- */

enum reference { REFERENCE_RECLAIM, REFERENCE_RECLAIM_CLEAN, REFERENCE_KEEP, REFERENCE_ACTIVATE };

/*
 * page_check_references(): a page gets a second chance for one access, and is active after two, or one of them is of a program's text. Where anonymous pages begin
 * active (until 5.8) any access makes one so again.
 */
static struct error *page_check_references(struct scan_control *sc, struct page *p, enum reference *out)
{
	struct engine *e = sc->e;
	struct page_references r;
	TRY(page_referenced(e, p, &r));
	bool referenced = has(p, e->bit_referenced);
	set_flag(e, p, e->bit_referenced, false);
	*out = referenced && !has(p, e->modern->swapbacked) ? REFERENCE_RECLAIM_CLEAN : REFERENCE_RECLAIM;
	if (r.vm_flags & VM_LOCKED) {
		*out = REFERENCE_RECLAIM;
	} else if (r.entries && sc->zone && has(p, e->modern->swapbacked)) {
		*out = REFERENCE_ACTIVATE;
	} else if (r.entries) {
		set_flag(e, p, e->bit_referenced, true);
		*out = referenced || r.entries > 1 || ((r.vm_flags & VM_EXEC) && !has(p, e->modern->swapbacked)) ? REFERENCE_ACTIVATE : REFERENCE_KEEP;
	}
	static const char *const decisions[] = { "not used: may go", "marked as used once: may go if clean", "used: kept for a round", "in use: becomes active" };
	TRACE(e, "page_check_references", decisions[*out], { "page", p->object.addr }, { "referenced_ptes", r.entries }, { "PG_referenced", referenced },
	      { "vm_flags", r.vm_flags });
	return NULL;
}

/* ---- shrink_page_list() ---- */

enum fate { FATE_KEPT, FATE_ACTIVATED, FATE_FREED };

/* __remove_mapping(): out of its file or the swap cache, when nobody but that and we have it. */
static struct error *remove_mapping(struct scan_control *sc, struct page *p, enum fate *fate)
{
	struct engine *e = sc->e;
	uint64_t shadow = 0, page = p->object.addr;
	int32_t count = page_refcount(e->k, p);
	bool cached = page_is_swap_cache(e, p);
	*fate = FATE_KEPT;
	TRACE(e, "__remove_mapping", count != 2 ? "somebody else has it" : cached ? "only the swap cache has it: it goes" : "only its file has it: it goes", { "page", page },
	      { "page_count", (uint64_t)count });
	if (count != 2)
		return NULL;
	*fate = FATE_FREED;
	if (sc->zone && !has(p, e->modern->swapbacked))
		TRY(zone_eviction(sc, &shadow));
	else if (!sc->zone && (cached || !has(p, e->modern->swapbacked)))
		TRY(workingset_eviction(e, p, sc->pgdat, sc->target, sc->node, &shadow));
	if (cached)
		return evict_from_swap_cache(e, page, shadow);
	TRY(page_cache_delete(e, page, shadow));
	/* The file's reference; the other is ours. */
	return put_user_page(e, page);
}

/* pageout() of a dirty page of the swap cache (`cached`), or of shared memory; *clean: its bytes are in its slot. *fate is changed when that cannot be. */
static struct error *pageout(struct scan_control *sc, struct page *p, bool cached, bool *clean, enum fate *fate)
{
	struct engine *e = sc->e;
	int32_t count = page_refcount(e->k, p);
	*clean = count == 2;
	TRACE(e, "pageout", *clean ? "dirty: written to swap" : "dirty, and somebody has it: kept", { "page", p->object.addr }, { "page_count", (uint64_t)count });
	if (!*clean)
		return NULL;
	set_flag(e, p, e->bit_dirty, false);
	TRY(cached ? swap_writepage(e, p->object.addr, clean) : shmem_writepage(e, p->object.addr, clean));
	p->flags = GET(e->k, &p->object, page, flags);
	if (!cached && !*clean) {
		set_flag(e, p, e->bit_dirty, true);
		*fate = FATE_ACTIVATED;
		return NULL;
	}
	mod_page_state(e, p->object.addr, e->modern->vmscan_write, 1);
	sc->pageout++;
	return NULL;
}

/* Its processes' entries are gone: clean, it goes; dirty pages of files wait for the writer (a process that reclaims does not write them). */
static struct error *give_up(struct scan_control *sc, struct page *p, enum fate *fate)
{
	struct engine *e = sc->e;
	uint64_t mapping = GET(e->k, &p->object, page, mapping);
	bool anon = mapping & PAGE_MAPPING_ANON, clean;
	p->flags = GET(e->k, &p->object, page, flags);
	if (has(p, e->bit_dirty) && !has(p, e->modern->swapbacked)) {
		TRACE(e, "shrink_page_list", "dirty: waits to be written", { "page", p->object.addr });
		mod_page_state(e, p->object.addr, e->modern->vmscan_immediate, 1);
		set_flag(e, p, e->modern->readahead, true); /* PG_reclaim */
		*fate = FATE_ACTIVATED;
		return NULL;
	}
	if (has(p, e->bit_dirty)) {
		TRY(pageout(sc, p, page_is_swap_cache(e, p), &clean, fate));
		if (!clean)
			return NULL;
	}
	if (anon && !has(p, e->modern->swapbacked)) {
		/* MADV_FREE: nobody wants it, if nobody else has it. */
		*fate = page_refcount(e->k, p) == 1 ? FATE_FREED : FATE_KEPT;
		if (*fate == FATE_FREED)
			count_vm_event(e, e->modern->reclaim_events.lazyfreed);
		return NULL;
	}
	if (!mapping && !page_is_swap_cache(e, p))
		return NULL;
	if (!page_is_swap_cache(e, p) && GET(e->k, &p->object, page, private) && has(p, e->modern->has_private))
		return error_at(ERR_UNSUPPORTED, p->object.addr, "page %" PRIx64 " has what its file system keeps of it: giving that up is not done yet", p->object.addr);
	return remove_mapping(sc, p, fate);
}

/* GUP_PIN_COUNTING_BIAS: a pin counts for so many references. */
#define PIN_BIAS 1024

/* An anonymous page must have a slot before its entries can go; *fate is changed when that cannot be. */
static struct error *give_slot(struct scan_control *sc, struct page *p, bool *given, enum fate *fate)
{
	struct engine *e = sc->e;
	*given = false;
	if (page_refcount(e->k, p) >= PIN_BIAS)
		return NULL;
	TRY(add_to_swap(e, p->object.addr, given));
	p->flags = GET(e->k, &p->object, page, flags);
	if (!*given)
		*fate = FATE_ACTIVATED;
	return NULL;
}

/* A huge page goes in parts: the machine's disk has no room for one in one piece. *fate is changed when it cannot be split; else sc->split says whose parts come next. */
static struct error *split_for_swap(struct scan_control *sc, struct page *p, bool *split, enum fate *fate)
{
	struct engine *e = sc->e;
	struct large l;
	*split = false;
	if (page_pincount(e->k, p) > 0)
		return NULL;
	TRY(large_open(e, p->object.addr, &l));
	bool whole = HAS(e->k, page, compound_mapcount) && (int32_t)GET(e->k, &l.second.object, page, compound_mapcount) >= 0;
	TRY(split_huge_page(e, p->object.addr, split));
	p->flags = GET(e->k, &p->object, page, flags);
	if (!*split) {
		*fate = FATE_ACTIVATED;
		return NULL;
	}
	if (whole && has(p, e->modern->swapbacked))
		count_vm_event(e, e->modern->reclaim_events.thp_swpout_fallback);
	sc->split = p->object.addr;
	sc->parts = (unsigned)l.pages;
	return NULL;
}

static struct error *shrink_page(struct scan_control *sc, struct page *p, enum fate *fate)
{
	struct engine *e = sc->e;
	enum reference reference;
	bool done;
	*fate = FATE_KEPT;
	if (has(p, e->bit_locked) || has(p, e->modern->writeback) || has(p, e->modern->unevictable))
		return NULL;
	TRY(page_check_references(sc, p, &reference));
	if (reference == REFERENCE_ACTIVATE || reference == REFERENCE_KEEP) {
		*fate = reference == REFERENCE_ACTIVATE ? FATE_ACTIVATED : FATE_KEPT;
		return NULL;
	}
	if (has(p, e->modern->head)) {
		TRY(split_for_swap(sc, p, &done, fate));
		if (!done)
			return NULL;
	}
	if ((GET(e->k, &p->object, page, mapping) & PAGE_MAPPING_ANON) && has(p, e->modern->swapbacked) && !page_is_swap_cache(e, p)) {
		TRY(give_slot(sc, p, &done, fate));
		if (!done)
			return NULL;
	}
	if (page_mapcount_word(e->k, p) >= 0) {
		TRY(try_to_unmap(e, p, &done));
		if (!done) {
			*fate = FATE_ACTIVATED;
			return NULL;
		}
	}
	return give_up(sc, p, fate);
}

/* shrink_page_list(): pages off their lists, each with a reference of ours, which goes with those that are freed. */
static struct error *shrink_page_list(struct scan_control *sc, struct taken *t, enum fate *fate, unsigned *freed, unsigned *activated)
{
	struct engine *e = sc->e;
	bool gone;
	*freed = *activated = 0;
	for (unsigned i = 0; i < t->count; i++) {
		struct page *p = &t->page[i];
		TRY(shrink_page(sc, p, &fate[i]));
		p->flags = GET(e->k, &p->object, page, flags);
		if (fate[i] == FATE_ACTIVATED) {
			/* No candidate for swapping: its slot is better used otherwise, when there are few. */
			if (page_is_swap_cache(e, p) && (mem_cgroup_swap_full(e, p) || has(p, e->modern->mlocked)))
				TRY(try_to_free_swap(e, p->object.addr, &gone));
			if (!has(p, e->modern->mlocked)) {
				set_flag(e, p, e->bit_active, true);
				*activated += frames_of(e, p);
			}
		}
		*freed += fate[i] == FATE_FREED;
	}
	count_vm_events(e, e->modern->event_pgactivate, *activated);
	/* free_unref_page_list(): the last one first. */
	for (unsigned i = t->count; i--;)
		if (fate[i] == FATE_FREED)
			TRY(put_user_page(e, t->page[i].object.addr));
	return NULL;
}

static struct error *shrink_and_put_back(struct scan_control *sc, struct taken *t, unsigned *freed, unsigned *activated)
{
	enum fate fate[SWAP_CLUSTER_MAX];
	unsigned now, active;
	sc->scanned += t->taken;
	TRY(shrink_page_list(sc, t, fate, &now, &active));
	*freed += now;
	*activated += active;
	for (unsigned i = 0; i < t->count; i++)
		if (fate[i] != FATE_FREED)
			TRY(put_back(sc, &t->page[i]));
	return NULL;
}

/* The parts of a page that was split come in the same round: off the list again, on which splitting put them. (They were the last ones taken.) */
static struct error *shrink_parts(struct scan_control *sc, struct taken *t, unsigned *freed, unsigned *activated)
{
	struct engine *e = sc->e;
	uint64_t head = sc->split;
	bool isolated;
	sc->split = 0;
	for (unsigned i = 1; i < sc->parts;) {
		for (t->count = t->taken = 0; i < sc->parts && t->count < SWAP_CLUSTER_MAX; i++) {
			uint64_t page = head + (uint64_t)i * e->page_size;
			TRY(isolate_lru_page(e, page, &isolated));
			if (isolated)
				TRY(page_open_writable(e, page, &t->page[t->count++]));
		}
		TRY(check_interrupt());
		TRY(shrink_and_put_back(sc, t, freed, activated));
	}
	return NULL;
}

struct error *shrink_inactive_list(struct scan_control *sc, unsigned lru, unsigned count, uint64_t *reclaimed)
{
	struct engine *e = sc->e;
	struct taken t;
	unsigned freed = 0, activated = 0, file = lru >= LRU_FILE;
	TRY(lru_add_drain(e));
	TRY(isolate(sc, lru, count, &t));
	unsigned scanned = t.scanned, taken = t.taken;
	count_by_zone(sc, e->modern->reclaim_events.scan[sc->kswapd], scanned);
	count_vm_events(e, e->modern->reclaim_events.scan_anon + (e->modern->reclaim_events.scan_anon < 0 ? 0 : (int)file), scanned);
	if (!t.count)
		return NULL;
	sc->pageout = 0;
	TRY(shrink_and_put_back(sc, &t, &freed, &activated));
	if (sc->split)
		TRY(shrink_parts(sc, &t, &freed, &activated));
	count_isolated(sc, lru, -(int)taken);
	TRY(sc->zone ? note_scanned(sc, file, taken, activated) : lru_note_cost(e, sc->pgdat, sc->lruvec, file, sc->pageout));
	count_by_zone(sc, e->modern->reclaim_events.steal[sc->kswapd], freed);
	count_vm_events(e, e->modern->reclaim_events.steal_anon + (e->modern->reclaim_events.steal_anon < 0 ? 0 : (int)file), freed);
	*reclaimed += freed;
	TRACE(e, "shrink_inactive_list", "done", { "lru", lru }, { "nr_scanned", scanned }, { "nr_taken", taken }, { "nr_reclaimed", freed },
	      { "nr_activate", activated }, { "nr_pageout", sc->pageout });
	return NULL;
}

struct error *reclaim_pages(struct engine *e, const uint64_t *pages, unsigned count, unsigned *freed)
{
	struct scan_control sc = { .e = e, .priority = DEF_PRIORITY };
	const struct node *node = NULL;
	struct taken t;
	enum fate fate[SWAP_CLUSTER_MAX];
	unsigned now, activated;
	*freed = 0;
	TRY(nodes_open(e->k));
	if (!workingset_followed(e))
		return error_new(ERR_UNSUPPORTED, "pages given up on request, where zones have LRU lists: that is not followed");
	if (lru_gen_enabled(e))
		return error_new(ERR_UNSUPPORTED, "the LRU lists of this kernel go by generations: what is remembered of pages given up is not followed there");
	for (unsigned first = 0; first < count; first += t.count) {
		/* Pages of one node at once. */
		for (t.count = 0; first + t.count < count && t.count < SWAP_CLUSTER_MAX; t.count++) {
			struct page *p = &t.page[t.count];
			TRY(page_open_writable(e, pages[first + t.count], p));
			const struct zone *z = zone_of_pfn(e->k, p->pfn);
			if (t.count && z && z->node != sc.node)
				break;
			for (size_t i = 0; z && (node = nodes_get(e->k, i)) && node->id != z->node; i++)
				;
			if (!z || !node)
				return error_at(ERR_BAD_OBJECT, p->object.addr, "page %" PRIx64 " is in no zone", p->object.addr);
			TRY(scan_node(&sc, node));
			set_flag(e, p, e->bit_active, false);
		}
		e->reclaiming = true;
		struct error *failure = shrink_page_list(&sc, &t, fate, &now, &activated);
		e->reclaiming = false;
		TRY(failure);
		*freed += now;
		for (unsigned i = 0; i < t.count; i++) {
			if (fate[i] == FATE_FREED)
				continue;
			/* putback_lru_page() */
			TRY(lru_cache_add(e, t.page[i].object.addr));
			TRY(put_user_page(e, t.page[i].object.addr));
		}
	}
	return NULL;
}

struct error *shrink_active_list(struct scan_control *sc, unsigned lru, unsigned count)
{
	struct engine *e = sc->e;
	struct taken t;
	struct page_references r;
	bool stays[SWAP_CLUSTER_MAX];
	unsigned moved = 0, used = 0;
	TRY(lru_add_drain(e));
	TRY(isolate(sc, lru, count, &t));
	count_by_zone(sc, e->modern->reclaim_events.refill, t.scanned);
	for (unsigned i = 0; i < t.count; i++) {
		TRY(page_referenced(e, &t.page[i], &r));
		used += r.entries ? frames_of(e, &t.page[i]) : 0;
		stays[i] = r.entries && (r.vm_flags & VM_EXEC) && !has(&t.page[i], e->modern->swapbacked);
		if (stays[i])
			continue;
		set_flag(e, &t.page[i], e->bit_active, false);
		set_flag(e, &t.page[i], e->modern->workingset, true);
		moved += frames_of(e, &t.page[i]);
	}
	/* Those that stay first. */
	for (int stay = 1; stay >= 0; stay--)
		for (unsigned i = 0; i < t.count; i++)
			if (stays[i] == stay)
				TRY(put_back(sc, &t.page[i]));
	count_vm_events(e, e->modern->reclaim_events.deactivate, moved);
	count_isolated(sc, lru, -(int)t.taken);
	if (sc->zone)
		TRY(note_scanned(sc, lru >= LRU_FILE, t.taken, used));
	TRACE(e, "shrink_active_list", "done", { "lru", lru }, { "nr_taken", t.taken }, { "nr_deactivate", moved }, { "nr_rotated", t.taken - moved });
	return NULL;
}
