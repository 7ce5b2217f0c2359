/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slabs of SLUB: each one's free list, the CPUs' lists, and what a cache counts (mm/slub.c).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/audit/slab.h"
#include "mm/list.h"
#include "mm/needs.h"
#include "mm/slab.h"

static struct slab_cache_books *cache_slot(const struct slab_books *b, uint64_t cache)
{
	size_t i = (cache >> 4) * 0x9e3779b97f4a7c15ull >> 24 & (b->slots - 1);
	while (b->caches[i].addr && b->caches[i].addr != cache)
		i = (i + 1) & (b->slots - 1);
	return &b->caches[i];
}

static struct error *count_slab(struct slab_books *b, const struct slab *s)
{
	if (b->count * 2 >= b->slots) {
		struct slab_books bigger = {.slots = b->slots ? b->slots * 2 : 512, .count = b->count};
		bigger.caches = calloc(bigger.slots, sizeof(*bigger.caches));
		if (!bigger.caches)
			return error_new(ERR_NO_MEMORY, "out of memory");
		for (size_t i = 0; i < b->slots; i++)
			if (b->caches[i].addr)
				*cache_slot(&bigger, b->caches[i].addr) = b->caches[i];
		free(b->caches);
		*b = bigger;
	}
	struct slab_cache_books *c = cache_slot(b, s->cache.addr);
	b->count += !c->addr;
	c->addr = s->cache.addr;
	c->slabs++;
	c->objects += s->objects;
	return NULL;
}

/* Marks the objects of a free list in `seen`; how many, or -1 when it is not sound (which is said). */
static int64_t walk_free(struct audit *a, const struct slab *s, uint64_t at, unsigned char *seen, const char *whose)
{
	int64_t count = 0;
	while (at) {
		uint32_t i;
		if (!slab_object_index(s, at, &i) || slab_object(s, i) != at) {
			audit_find(a, AUDIT_SLAB, s->page, "slab %" PRIx64 " of %s: %s free list leads to %" PRIx64 ", which is no object of it", s->page,
				   s->cache.name, whose, at);
			return -1;
		}
		if (seen[i >> 3] >> (i & 7) & 1) {
			audit_find(a, AUDIT_SLAB, s->page, "slab %" PRIx64 " of %s: object %" PRIx64 " is free twice", s->page, s->cache.name, at);
			return -1;
		}
		seen[i >> 3] |= (unsigned char)(1 << (i & 7));
		count++;
		if (!slab_next_free(a->k, &s->cache, at, &at)) {
			audit_find(a, AUDIT_SLAB, s->page, "slab %" PRIx64 " of %s: %s free list leads out of memory after %" PRId64 " objects", s->page,
				   s->cache.name, whose, count);
			return -1;
		}
	}
	return count;
}

static struct error *check_slab(struct audit *a, const struct slab *s)
{
	static const uint32_t most = 65536;
	unsigned char seen[65536 / 8] = {0};
	struct kernel *k = a->k;
	if (s->objects > most)
		return NULL;
	memset(seen, 0, (s->objects + 7) / 8);
	int64_t free = walk_free(a, s, s->freelist, seen, "its");
	if (free >= 0 && free != (int64_t)s->objects - s->inuse)
		audit_find(a, AUDIT_SLAB, s->page, "slab %" PRIx64 " of %s: %u of %u objects in use, on its free list: %" PRId64, s->page, s->cache.name,
			   s->inuse, s->objects, free);
	uint64_t percpu = GET(k, &s->cache.object, kmem_cache, cpu_slab);
	for (unsigned cpu = 0; percpu && cpu < k->cpus; cpu++) {
		struct object o;
		if (!object_try_open(k, percpu_ptr(k, percpu, cpu), S_slub_cpu, &o) || GET(k, &o, slub_cpu, slab) != s->page)
			continue;
		walk_free(a, s, GET(k, &o, slub_cpu, freelist), seen, "a CPU's");
	}
	return NULL;
}

/* Else the rule is skipped: said once. */
static bool knows_slabs(struct audit *a)
{
	struct error *e = needs_check(a->k, "slabs", NEEDS_SLAB);
	if (e)
		audit_skip(a, AUDIT_SLAB, "%s", e->message);
	return !error_drop(e);
}

struct error *audit_slab_page(struct audit *a, struct slab_books *b, const struct page *p)
{
	struct slab s;
	bool found;
	uint64_t frames = 1ull << page_compound_order(a->k, p);
	const struct audit_frame *f = audit_frame(a, p->pfn);
	bool other = f && f->use != AUDIT_USE_NONE && f->use != AUDIT_USE_SLAB;
	audit_claim(a, p->pfn, frames, AUDIT_USE_SLAB, true);
	if (HAS(a->k, kmem_cache, slabs_full) && HAS_STRUCT(a->k, slab_s))
		return NULL; /* by the caches' lists */
	audit_checked(a, AUDIT_SLAB, 1);
	/* A frame with two uses has been told of; it need not be a slab. One that waits for RCU to be freed is on no list and not counted any more. */
	if (other || page_rcu_function(a->k, p))
		return NULL;
	if (HAS(a->k, kmem_cache, num)) {
		audit_skip(a, AUDIT_SLAB, "this kernel has SLAB, whose lists of free objects are not read");
		return NULL;
	}
	if (!knows_slabs(a))
		return NULL;
	a->about_pfn = p->pfn;
	TRY(audit_take(a, AUDIT_SLAB, p->object.addr, slab_of_page(a->k, p->object.addr, &s, &found)));
	if (found) {
		TRY(check_slab(a, &s));
		TRY(count_slab(b, &s));
	}
	a->about_pfn = UINT64_MAX;
	return NULL;
}

/* ---- Caches ---- */

struct partial_walk {
	struct audit *a;
	const struct slab_cache *cache;
	uint64_t length;
	bool bad;
};

static bool see_partial(void *context, uint64_t node)
{
	struct partial_walk *w = context;
	struct audit *a = w->a;
	struct object slab;
	uint64_t page = node - OFFSET(a->k, slab, slab_list);
	w->length++;
	if (object_try_open(a->k, page, S_slab, &slab) && GET(a->k, &slab, slab, slab_cache) == w->cache->addr)
		return true;
	audit_find(a, AUDIT_SLAB, page, "cache %s: its list of partial slabs has what is no slab of it: %" PRIx64, w->cache->name, page);
	w->bad = true;
	return false;
}

static struct error *check_cache(struct audit *a, const struct slab_cache *c, const struct slab_cache_books *found)
{
	struct kernel *k = a->k;
	uint64_t slabs = 0, objects = 0;
	bool counts = HAS(k, kmem_cache_node, nr_slabs) && HAS(k, kmem_cache_node, total_objects), busy = false;
	for (unsigned node = 0; node < slab_nodes(k); node++) {
		struct partial_walk w = {.a = a, .cache = c};
		struct object n;
		uint64_t addr = slab_cache_node(k, c, node);
		if (!addr || !object_try_open(k, addr, S_kmem_cache_node, &n))
			continue;
		slabs += GET(k, &n, kmem_cache_node, nr_slabs);
		objects += GET(k, &n, kmem_cache_node, total_objects);
		busy |= audit_locked(a, addr, M_kmem_cache_node_list_lock);
		TRY(audit_take(a, AUDIT_SLAB, addr, list_for_each(k, MEMBER_ADDR(k, &n, kmem_cache_node, partial), see_partial, &w)));
		if (!w.bad && w.length != GET(k, &n, kmem_cache_node, nr_partial))
			audit_say(a, AUDIT_SLAB, busy ? AUDIT_BUSY : AUDIT_FINDING, addr,
				  "cache %s, node %u: nr_partial is %" PRIu64 ", slabs on the list: %" PRIu64, c->name, node,
				  GET(k, &n, kmem_cache_node, nr_partial), w.length);
	}
	if (counts && (slabs != (found ? found->slabs : 0) || objects != (found ? found->objects : 0)))
		audit_find(a, AUDIT_SLAB, c->addr,
			   "cache %s counts %" PRIu64 " slabs with %" PRIu64 " objects, found: %" PRIu64 " with %" PRIu64, c->name, slabs, objects,
			   found ? found->slabs : 0, found ? found->objects : 0);
	return NULL;
}

struct cache_walk {
	struct audit *a;
	struct slab_books *b;
	struct error *error;
};

static bool see_cache(void *context, uint64_t node)
{
	struct cache_walk *w = context;
	struct slab_cache c;
	const struct slab_cache_books *found = NULL;
	w->error = slab_cache_open(w->a->k, node - OFFSET(w->a->k, kmem_cache, list), &c);
	if (!w->error) {
		if (w->b->slots && cache_slot(w->b, c.addr)->addr)
			found = cache_slot(w->b, c.addr);
		w->error = check_cache(w->a, &c, found);
	}
	w->error = audit_take(w->a, AUDIT_SLAB, 0, w->error);
	return !w->error && !interrupted();
}

struct error *audit_slab_caches(struct audit *a, struct slab_books *b)
{
	struct cache_walk w = {a, b, NULL};
	uint64_t head = symbol_addr(a->k, "slab_caches");
	if (HAS(a->k, kmem_cache, slabs_full) && HAS_STRUCT(a->k, slab_s))
		return audit_slab_lists(a);
	if (!head || HAS(a->k, kmem_cache, num) || !HAS(a->k, kmem_cache, list) || !knows_slabs(a))
		return NULL;
	TRY(audit_take(a, AUDIT_SLAB, head, list_for_each(a->k, head, see_cache, &w)));
	return w.error;
}
